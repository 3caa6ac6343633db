"""Compare the speed of two revisions of pcapconv: build both, and run jobs of both alternately.

A job ends when the ratio of the times, new to old, is known within 2 percent. If that takes too long, the machine is
too noisy: the command says so and exits with status 3.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import report
from captures import FORMATS, MIXED, write_capture
from results import CONVERT, CUT, SELECT, SPLIT, Case
from run import BYTES_PER_PACKET, SIZE_SLACK, has_room, keep_warm, launch, launch_into, say, work_directory
from tools import PCAPCONV, describe_machine, kernels, pcapconv_arguments

HERE = Path(__file__).resolve().parent
OLD, NEW, CP, START = "old", "new", "cp", "start"
PRECISION = 0.02
CONFIDENCE = 0.95
LEAST_ROUNDS = 10  # before an interval counts
START_PACKETS = 32
TOO_NOISY = 3


@dataclass
class Runs:
    """The measured runs of one program on one job."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def median(self) -> float:
        """The median run, in seconds."""
        return median(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """The runs of a job with the old and the new revision, and perhaps with `cp`."""

    runs: dict[str, Runs]

    @property
    def rounds(self) -> int:
        """The number of rounds, in each of which each program did the job twice."""
        return len(self.runs[OLD].seconds) // 2

    @property
    def ratios(self) -> list[float]:
        """The ratio of the times, new to old, of each two neighbouring runs."""
        return [new / old for old, new in zip(self.runs[OLD].seconds, self.runs[NEW].seconds, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios. A slow moment of the machine slows both neighbouring runs down."""
        return median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the ratio."""
        return median_interval(self.ratios)

    @property
    def precise(self) -> bool:
        """Return whether both ends of the interval are within `PRECISION` of the ratio."""
        low, high = self.interval
        return low >= self.ratio * (1 - PRECISION) and high <= self.ratio * (1 + PRECISION)

    def __str__(self) -> str:
        """The ratio in words."""
        low, high = self.interval
        if self.precise:
            return f"{self.ratio:.3f} ({low:.3f} to {high:.3f}) after {self.rounds} rounds"
        return f"too noisy: {low:.3f} to {high:.3f} after {self.rounds} rounds"


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The confidence interval of the median, by order statistics; it takes six values or more.

    A value is below the true median as often as above it, so the number of those below has a binomial distribution. The
    interval leaves out as many values at each end as that allows.
    """
    count, ordered = len(values), sorted(values)
    outside, below = 0, 0.0
    while below + math.comb(count, outside) / 2**count <= (1 - CONFIDENCE) / 2:
        below += math.comb(count, outside) / 2**count
        outside += 1
    if not outside:
        raise ValueError(f"{count} values are too few for an interval")
    return ordered[outside - 1], ordered[-outside]


def jobs_of(packets: int) -> dict[str, list[str]]:
    """The jobs by name: arguments of pcapconv, which runs in the captures' directory and writes into `outputs`."""

    def mixed(job: str, source: str, target: str) -> list[str]:
        case = Case(MIXED.name, packets, source, target, job)
        return pcapconv_arguments(case, f"{MIXED.name}.{source}", f"outputs/out.{target}")

    back = mixed(CONVERT, "pcapng", "pcap")
    return {
        CONVERT: mixed(CONVERT, "pcap", "pcapng"),
        "back": back,
        "cut": mixed(CUT, "pcap", "pcap"),
        "select": mixed(SELECT, "pcap", "pcap"),
        "split": mixed(SPLIT, "pcap", "pcap"),
        "sidecar": [*back, "--sidecar"],
        "sidecar-back": ["convert", "kept.pcap", "outputs/out.pcapng", "--sidecar"],
        "normalize": ["normalize", f"{MIXED.name}.pcapng", "outputs/out.pcapng"],
        START: ["convert", f"{START}.pcap", "outputs/out.pcapng"],
    }


def git(*arguments: str) -> str:
    """What git says, in the repository of this file."""
    done = subprocess.run(["git", *arguments], cwd=HERE.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def build(commit: str, directory: Path) -> str:
    """Install a revision into an environment of its own, with this one's dependencies; return the command's path."""
    say(f"building {commit}")
    archive, tree, environment = directory / "tree.tar", directory / "tree", directory / "environment"
    directory.mkdir()
    git("archive", "--output", str(archive), commit)
    shutil.unpack_archive(archive, tree)
    venv.create(environment, symlinks=True)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    Path(packages, "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")
    quiet = ["--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", *quiet, *offline, str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{commit} cannot be built: {done.stderr.strip()}")
    return str(environment / "bin" / PCAPCONV)


def write_inputs(directory: Path, program: str, packets: int) -> None:
    """Write the captures; `program` makes the one with a sidecar."""
    if not has_room(directory, 4 * packets * BYTES_PER_PACKET):
        raise SystemExit(f"{directory.parent} has no room for the captures; give --directory or --packets-scale")
    say(f"writing {packets:,} packets")
    size = max(write_capture(directory / f"{MIXED.name}.{each}", MIXED, packets, each) for each in FORMATS)
    write_capture(directory / f"{START}.pcap", MIXED, START_PACKETS, "pcap")
    command = [program, "convert", f"{MIXED.name}.pcapng", "kept.pcap", "--sidecar"]
    launch(command, kernels("compiled"), directory=directory)
    keep_warm(directory, 2 * size)


def compare(commands: dict[str, list[str]], directory: Path, seconds: float) -> Comparison:
    """Run commands alternately, there and back again in each round, until the ratio is known or the time is over."""
    runs = {name: Runs() for name in commands}
    sizes = [run(command, Runs(), directory) for command in commands.values()]
    if not all(sizes) or max(sizes[:2]) - min(sizes[:2]) > SIZE_SLACK:
        raise SystemExit(f"the revisions wrote {sizes[0]} and {sizes[1]} bytes: {' '.join(commands[NEW])}")
    comparison, end = Comparison(runs), time.monotonic() + seconds
    while comparison.rounds < LEAST_ROUNDS or not (comparison.precise or time.monotonic() > end):
        for name in [*commands, *reversed(commands)]:
            run(commands[name], runs[name], directory)
    return comparison


def run(command: list[str], runs: Runs, directory: Path) -> int:
    """Run a command once and note its time and memory; return the number of bytes that it wrote."""
    taken, peak, written = launch_into(directory / "outputs", command, kernels("compiled"), directory=directory)
    runs.seconds.append(taken)
    runs.peak = max(runs.peak, peak)
    return written


def table(comparisons: dict[str, Comparison]) -> str:
    """A Markdown table with a line for each job."""
    rows = []
    for job, comparison in comparisons.items():
        old, new = comparison.runs[OLD], comparison.runs[NEW]
        low, high = comparison.interval
        rows.append(
            (
                job,
                *(f"{each.median * 1000:.0f}" for each in (old, new)),
                f"{comparison.ratio:.3f}",
                f"{low:.3f} to {high:.3f}",
                str(comparison.rounds),
                *(report.mebibytes(each.peak) for each in (old, new)),
            )
        )
    head = ("job", "old, ms", "new, ms", "new / old", "95% interval", "rounds", "old, MiB", "new, MiB")
    return report.table(head, rows, 7)


def compared_with_cp(conversion: Comparison, start: Comparison) -> str:
    """The time of the conversion without the program's start, as a multiple of cp's time, in words."""
    copy = conversion.runs[CP].median
    old, new = ((conversion.runs[each].median - start.runs[each].median) / copy for each in (OLD, NEW))
    return f"convert without start / cp: {old:.2f} old, {new:.2f} new; cp takes {copy * 1000:.0f} ms\n"


def measure(programs: dict[str, str], directory: Path, jobs: dict[str, list[str]], seconds: float) -> bool:
    """Compare the programs in all jobs and print the results; return whether all ratios are known."""
    comparisons = {}
    for job, arguments in jobs.items():
        commands = {name: [program, *arguments] for name, program in programs.items()}
        if job == CONVERT:
            commands[CP] = [shutil.which("cp") or "cp", *arguments[1:]]
        comparisons[job] = compare(commands, directory, seconds)
        say(f"{job}: {comparisons[job]}")
    print(table(comparisons))
    if {CONVERT, START} <= comparisons.keys():
        print(compared_with_cp(comparisons[CONVERT], comparisons[START]))
    noisy = {job: each for job, each in comparisons.items() if not each.precise}
    for job, comparison in noisy.items():
        print(f"{job}: {comparison}")
    return not noisy


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    names = list(jobs_of(1))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", metavar="REV", help="the old revision")
    parser.add_argument("new", metavar="REV2", nargs="?", default="HEAD", help="the new one (default: HEAD)")
    parser.add_argument(
        "--job", action="append", choices=names, help="do this job, may be repeated (default: all)", dest="jobs"
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long a job may take (default: 120)")
    parser.add_argument("--cores", type=int, help="run on so many cores (Linux; default: all)")
    parser.add_argument("--packets-scale", type=float, default=1.0, help="part of the 2 million packets to use")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    arguments = parser.parse_args()
    if arguments.packets_scale <= 0:
        parser.error("--packets-scale must be above 0")
    if arguments.cores is not None and arguments.cores < 1:
        parser.error("--cores must be above 0")
    return arguments


def main() -> int:
    """Build both revisions, compare them and print the results."""
    arguments = parse_arguments()
    commits = {
        name: git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}")
        for name, revision in ((OLD, arguments.old), (NEW, arguments.new))
    }
    if arguments.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])  # programs inherit it
    packets = max(1, round(MIXED.packets * arguments.packets_scale))
    jobs = {name: each for name, each in jobs_of(packets).items() if name in (arguments.jobs or jobs_of(packets))}
    with tempfile.TemporaryDirectory(prefix="pcapconv-compare-") as built, work_directory(arguments.directory) as place:
        programs = {name: build(commit, Path(built, name)) for name, commit in commits.items()}
        write_inputs(place, programs[OLD], packets)
        known = measure(programs, place, jobs, arguments.seconds)
        machine = describe_machine(place)
    used = arguments.cores or machine["Cores"]
    print(
        f"old {commits[OLD]}, new {commits[NEW]}; {packets:,} packets; "
        f"{machine['Processor']}, cores: {used}, {machine['File system']}"
    )
    return 0 if known else TOO_NOISY


if __name__ == "__main__":
    sys.exit(main())
