"""Jobs: command lines that benchmarks time in rounds; their tables, and the command line of such a benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import report
from run import launch, say, work_directory
from tools import describe_machine, find_pcapconv, kernels

README = Path(__file__).resolve().parent / "README.md"


@dataclass
class Job:
    """A command line, its expected exit status, the limit of its time as a multiple of another job's, and its measured
    times in seconds and peak memory in bytes."""

    name: str
    arguments: Sequence[str]
    status: int = 0
    limit: float | None = None
    seconds: list[float] = field(default_factory=list)
    peak: int = 0


def time_jobs(
    jobs: list[Job],
    directory: Path,
    rounds: int,
    *,
    before: Callable[[], object],
    after: Callable[[Job, int], object] | None = None,
) -> None:
    """Do all jobs in so many rounds, and in one before them to warm up; note their times and their peak memory. Each
    round begins with another job. `before` is called before each job, to remove what the last one wrote; `after` with
    the job and the number of the round, which is 0 for the first one."""
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "warming up")
        for job in jobs[number % len(jobs) :] + jobs[: number % len(jobs)]:
            before()
            seconds, peak = launch([*job.arguments], kernels("compiled"), directory=directory, status=job.status)
            job.peak = max(job.peak, peak)
            if number:
                job.seconds.append(seconds)
            if after is not None:
                after(job, number)


def target_table(met: Iterable[tuple[str, str, str, bool]]) -> str:
    """A table of targets, each with its limit, what was measured, and whether the target is met."""
    rows = [(name, limit, measured, "yes" if kept else "**no**") for name, limit, measured, kept in met]
    return report.table(("target", "limit", "measured", "met"), rows)


def job_table(jobs: Iterable[Job]) -> str:
    """A table of jobs with their times and their memory."""
    rows = [
        (
            job.name,
            f"{median(job.seconds):.2f}",
            f"{min(job.seconds):.2f} to {max(job.seconds):.2f}",
            report.mebibytes(job.peak),
        )
        for job in jobs
    ]
    return report.table(("job", "median, s", "range, s", "peak, MiB"), rows, 3)


Measure = Callable[[Path, str, int, float], list[str]]


def command(description: str | None, measure: Measure, begin: str, end: str) -> int:
    """Run a command line that measures, prints the tables, and with an option writes them between the lines `begin` and
    `end` of the README; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=5, help="how often each job is done (default: 5)")
    parser.add_argument("--packets-scale", type=float, default=1.0, help="part of the packets to use, for a quick try")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    parser.add_argument(
        "--pcapconv", default=find_pcapconv(), help="the program (default: beside this Python, or PATH)"
    )
    parser.add_argument("--update-readme", action="store_true", help="write the tables into README.md here")
    arguments = parser.parse_args()
    if not arguments.pcapconv:
        parser.error("pcapconv was not found")
    with work_directory(arguments.directory) as directory:
        machine = describe_machine(directory)
        tables = measure(directory, arguments.pcapconv, arguments.rounds, arguments.packets_scale)
    facts = f"{machine['Processor']}, {machine['Cores']} cores, {machine['File system']}, {arguments.rounds} rounds\n"
    report.update_section(README, begin, end, "\n".join([*tables, facts]), write=arguments.update_readme)
    return 0
