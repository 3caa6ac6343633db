"""Time `--sort` against reordercap and `--dedup` against `editcap -d`, and measure how much memory they take."""

from __future__ import annotations

import filecmp
import random
import shutil
import sys
from pathlib import Path
from statistics import median

import report
from captures import MIXED, frame_pcap, header_pcap, make_pool, times_pcap, write_capture
from compressed import write_half_random
from jobs import Job, command, target_table, time_jobs
from run import keep_warm, launch, say

BEGIN = "<!-- order results: written by order.py --update-readme -->\n"
END = "<!-- end of order results -->\n"

SORT_LIMIT, DEDUP_LIMIT = 0.8, 0.4  # times the time of reordercap, of editcap
MEMORY_LIMIT, WINDOW_LIMIT = 64 * 2**20, 192 * 2**20
SHUFFLED_PART = 10  # reordercap reads a file in random order much more slowly: a tenth of the packets will do
LATE = 500  # packets by which a packet may come too late
IN_ORDER, LATE_BY_SOME, SHUFFLED, TWICE = "order.pcap", "late.pcap", "shuffled.pcap", "twice.pcap"
DIFFERENT = "different.pcap"
OURS, THEIRS = "ours.pcap", "theirs.pcap"
WINDOW = 1_000_000  # packets

# The jobs: what they do, their capture, our options, the other tool with its options, and the limit of the ratio.
PAIRS = (
    ("sort, in order", IN_ORDER, ["--sort"], ["reordercap"], SORT_LIMIT),
    ("sort, a little late", LATE_BY_SOME, ["--sort"], ["reordercap"], SORT_LIMIT),
    ("sort, in random order", SHUFFLED, ["--sort"], ["reordercap"], SORT_LIMIT),
    ("repeats among 5, none", IN_ORDER, ["--dedup", "4"], ["editcap", "-F", "pcap", "-d"], DEDUP_LIMIT),
    ("repeats among 5, each packet twice", TWICE, ["--dedup", "4"], ["editcap", "-F", "pcap", "-d"], DEDUP_LIMIT),
)
# What no other tool does in a time that is worth measuring: what it does, its capture, our options.
ALONE: tuple[tuple[str, str, list[str]], ...] = (
    ("copy", IN_ORDER, []),
    ("repeats among a million, none", DIFFERENT, ["--dedup", str(WINDOW)]),
    ("repeats within an hour, none", DIFFERENT, ["--dedup", "1h"]),
)


def write_order(path: Path, order: list[int], repeats: int = 1) -> None:
    """Write the packets of the mixed traffic with these numbers, in this order, each number `repeats` times."""
    pool = [frame_pcap(packet)[1] for packet in make_pool(MIXED)]
    times = list(times_pcap(0, len(order) * repeats))
    with path.open("wb") as file:
        file.write(header_pcap())
        for begin in range(0, len(order), len(pool)):
            file.write(
                b"".join(
                    times[number * repeats + again] + pool[number % len(pool)]
                    for number in order[begin : begin + len(pool)]
                    for again in range(repeats)
                )
            )


def write_captures(directory: Path, packets: int) -> None:
    """Write all captures: each has as many packets, the shuffled one a tenth."""
    rng = random.Random("pcapconv order")
    numbers = list(range(packets))
    write_capture(directory / IN_ORDER, MIXED, packets, "pcap")
    write_order(directory / LATE_BY_SOME, sorted(numbers, key=lambda number: number + rng.randrange(LATE)))
    write_order(directory / TWICE, numbers[: packets // 2], repeats=2)
    few = numbers[: packets // SHUFFLED_PART]
    rng.shuffle(few)
    write_order(directory / SHUFFLED, few)
    write_half_random(directory / DIFFERENT, packets)


def jobs_of(program: str) -> list[Job]:
    """All jobs whose program is installed. What ours writes is `ours.pcap`, what others write `theirs.pcap`."""
    jobs = []
    for name, source, options in (*((name, source, options) for name, source, options, *_ in PAIRS), *ALONE):
        jobs.append(Job(f"{name}: pcapconv", [program, "convert", source, OURS, "--force", "-q", *options]))
    for name, source, _, (tool, *options), limit in PAIRS:
        if found := shutil.which(tool):
            jobs.append(Job(f"{name}: {tool}", [found, *options, source, THEIRS], limit=limit))
    return jobs


def check_same(directory: Path, program: str) -> None:
    """Check once that both tools write the same, so that a tool that did nothing cannot win."""
    for name, source, options, (tool, *their_options), _ in PAIRS:
        if found := shutil.which(tool):
            launch([program, "convert", source, OURS, "--force", "-q", *options], {}, directory=directory)
            launch([found, *their_options, source, THEIRS], {}, directory=directory)
            if not filecmp.cmp(directory / OURS, directory / THEIRS, shallow=False):
                raise SystemExit(f"{name}: {tool} writes another capture")


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    packets, program = max(10, round(MIXED.packets * scale)), str(Path(program).resolve())
    say(f"writing {packets:,} packets, five times")
    write_captures(directory, packets)
    check_same(directory, program)
    keep_warm(directory, 2 * (directory / IN_ORDER).stat().st_size)
    jobs = jobs_of(program)

    def remove_outputs() -> None:
        for name in (OURS, THEIRS):
            (directory / name).unlink(missing_ok=True)

    time_jobs(jobs, directory, rounds, before=remove_outputs)
    by_name = {job.name: job for job in jobs}
    met = []
    for name, _, _, (tool, *_), limit in PAIRS:
        if other := by_name.get(f"{name}: {tool}"):
            ratio = median(by_name[f"{name}: pcapconv"].seconds) / median(other.seconds)
            met.append((f"{name}: time / {tool}", f"at most {limit}", f"{ratio:.2f}", ratio <= limit))
    wide = {f"{name}: pcapconv" for name, _, _ in ALONE[1:]}
    for name, limit, names in (
        ("window of a million packets, or of an hour: peak memory", WINDOW_LIMIT, wide),
        ("all others: peak memory", MEMORY_LIMIT, {name for name in by_name if name.endswith("pcapconv")} - wide),
    ):
        peak = max(by_name[each].peak for each in names)
        met.append((name, f"at most {limit >> 20} MiB", f"{report.mebibytes(peak)} MiB", peak <= limit))
    copy = median(by_name["copy: pcapconv"].seconds)
    shown = [
        (
            job.name,
            f"{median(job.seconds):.2f}",
            f"{min(job.seconds):.2f} to {max(job.seconds):.2f}",
            f"{median(job.seconds) / copy:.2f}",
            report.mebibytes(job.peak),
        )
        for job in sorted(jobs, key=lambda job: job.name)
    ]
    return [
        target_table(met),
        report.table(("job", "median, s", "range, s", "/ copy", "peak, MiB"), shown, 4),
        f"{packets:,} packets\n",
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
