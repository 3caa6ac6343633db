"""Compare results with the targets, and write them as tables, as plots and into the README.

Run as a script, it writes the plots and the README again from results.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import plot
from results import CONVERT, CUT, SELECT, SPLIT, Case, Results, load
from tools import INTERPRETED, PCAPCONV

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PLOT = HERE / "results.svg"
CONVERSIONS = HERE / "conversions.svg"
README = HERE / "README.md"
BEGIN = "<!-- results: written by run.py --update-readme -->\n"
END = "<!-- end of results -->\n"

RATIO_LIMITS = {"cp": 1.5, "editcap": 0.4}
JOB_LIMITS = {SELECT: 0.3, CUT: 0.4, SPLIT: 0.4}
MEMORY_LIMIT = 64 * 2**20
INTERPRETED_LIMIT = 500_000
START_LIMIT = 0.120


@dataclass(frozen=True)
class Target:
    """A promise: its limit, the measured value, and whether it is kept."""

    name: str
    limit: str
    measured: str
    met: bool


def ratio_targets(results: Results, case: Case) -> Iterator[Target]:
    """The targets for pcapconv's time as a multiple of editcap's, and for a conversion also of cp's."""
    ours = results.find(case, PCAPCONV)
    limits = RATIO_LIMITS if case.job == CONVERT else {"editcap": JOB_LIMITS[case.job]}
    for tool, limit in limits.items():
        other = results.find(case, tool)
        name, allowed = f"{case}: time of {PCAPCONV} / {tool}", f"at most {limit}"
        if ours and other:
            ratio = ours.median / other.median
            yield Target(name, allowed, f"{ratio:.2f}", ratio <= limit)
        else:
            yield Target(name, allowed, "not measured", False)


def interpreted_target(results: Results, case: Case) -> Target:
    """The target for the speed of the interpreted kernels in a conversion."""
    timing = results.find(case, INTERPRETED)
    speed = timing.packets_per_second if timing else 0
    measured = f"{speed:,.0f}" if timing else "not measured"
    return Target(
        f"{case}: packets/s, interpreted", f"at least {INTERPRETED_LIMIT:,}", measured, speed >= INTERPRETED_LIMIT
    )


def memory_target(results: Results) -> Target:
    """The target for the peak memory of pcapconv, highest of all runs."""
    peaks = [timing.peak_bytes for timing in results.timings if timing.tool in (PCAPCONV, INTERPRETED)]
    peaks += [memory.peak_bytes for memory in results.memory]
    highest = max(peaks, default=0)
    measured = mebibytes(highest) + " MiB" if peaks else "not measured"
    return Target("peak memory, highest of all runs", "at most 64 MiB", measured, 0 < highest <= MEMORY_LIMIT)


def start_target(results: Results) -> Target:
    """The target for the time of `pcapconv --version`."""
    seconds = median(results.startup_seconds) if results.startup_seconds else 0
    measured = f"{seconds * 1000:.0f} ms" if seconds else "not measured"
    return Target("`pcapconv --version`", "within 120 ms", measured, 0 < seconds <= START_LIMIT)


def targets(results: Results) -> list[Target]:
    """All targets, in the order of the table."""
    conversions = [case for case in results.cases() if case.is_conversion]
    promised = conversions + [case for case in results.cases() if case.job != CONVERT]
    ratios = [target for case in promised for target in ratio_targets(results, case)]
    interpreted = [interpreted_target(results, case) for case in conversions]
    return [*ratios, memory_target(results), *interpreted, start_target(results)]


def mebibytes(count: int) -> str:
    """A number of bytes in MiB."""
    return f"{count / 2**20:.1f}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]], right: int = 0) -> str:
    """A Markdown table whose last `right` columns are aligned to the right; columns line up in the source too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    left = len(widths) - right
    rules = ["-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    justify = [str.ljust] * left + [str.rjust] * right
    lines.insert(1, rules)
    aligned = [[put(cell, width) for put, cell, width in zip(justify, line, widths, strict=True)] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in aligned)


def target_table(results: Results) -> str:
    """The table of the targets, with limits and measured values."""
    rows = [
        (target.name, target.limit, target.measured, "yes" if target.met else "**no**") for target in targets(results)
    ]
    return table(("target", "limit", "measured", "met"), rows)


def timing_rows(results: Results, case: Case) -> Iterator[tuple[str, ...]]:
    """The lines of one case in the table of times, fastest tool first."""
    timings = [timing for timing in results.timings if timing.case == case]
    for timing in sorted(timings, key=lambda timing: timing.median):
        spread = f"{min(timing.seconds):.2f} to {max(timing.seconds):.2f}"
        speed = f"{timing.packets_per_second / 1e6:.2f}"
        yield str(case), timing.tool, f"{timing.median:.2f}", spread, speed, mebibytes(timing.peak_bytes)


def timing_table(results: Results) -> str:
    """The table of times of each tool on each case."""
    rows = [row for case in results.cases() for row in timing_rows(results, case)]
    return table(("capture", "tool", "median, s", "range, s", "million packets/s", "peak, MiB"), rows, right=4)


def memory_table(results: Results) -> str:
    """The table of pcapconv's memory at several file sizes."""
    rows = [
        (
            f"{memory.case.source} → {memory.case.target}"
            + (f", {memory.case.job}" if memory.case.job != CONVERT else ""),
            f"{memory.file_bytes / 1e6:,.1f}",
            mebibytes(memory.peak_bytes),
        )
        for memory in sorted(results.memory, key=lambda memory: memory.case.source)
    ]
    return table(("conversion", "input, MB", "peak, MiB"), rows, right=2)


def machine_table(results: Results) -> str:
    """The table of the machine, the versions and the captures."""
    facts = {**results.machine, **results.versions, "Captures": captures_text(results), "Measured": results.date}
    return table(("what", "value"), facts.items())


def captures_text(results: Results) -> str:
    """The captures and the rounds, in words."""
    counts = {case.traffic: case.packets for case in results.cases()}
    packets = "; ".join(f"{count:,} packets, {traffic}" for traffic, count in counts.items())
    return f"{packets}; {results.rounds} rounds"


def as_text(results: Results) -> str:
    """All tables, as Markdown with headings."""
    parts = [
        ("Targets", target_table(results)),
        ("Times", timing_table(results)),
        ("Memory of pcapconv", memory_table(results)),
        ("Machine and versions", machine_table(results)),
    ]
    return "\n".join(f"### {title}\n\n{body}" for title, body in parts)


def update_files(results: Results) -> None:
    """Write the plots, and the tables between the markers of the README."""
    plot.draw(results, MEMORY_LIMIT, PLOT)
    plot.draw_conversions(results, CONVERSIONS)
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    body = f"\n![Times and memory]({PLOT.name})\n\n{as_text(results)}\n"
    README.write_text(before + BEGIN + body + END + after, encoding="utf-8")


def update_section(readme: Path, begin: str, end: str, body: str, *, write: bool) -> None:
    """Print `body`; with `write`, also put it between the lines `begin` and `end` of a README."""
    print(body)
    if write:
        before, rest = readme.read_text(encoding="utf-8").split(begin)
        readme.write_text(f"{before}{begin}\n{body}\n{end}{rest.split(end)[1]}", encoding="utf-8")


if __name__ == "__main__":
    update_files(load(RESULTS))
