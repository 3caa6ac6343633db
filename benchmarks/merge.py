"""Time `merge` against mergecap and against our own conversion of one capture, and measure how much memory it takes."""

from __future__ import annotations

import sys
from functools import partial
from itertools import cycle
from pathlib import Path
from shutil import which
from statistics import median

import report
from captures import FORMATS, LAYOUTS, MIXED, make_pool, write_capture
from jobs import Job, command, job_table, target_table, time_jobs
from run import keep_warm, say

BEGIN = "<!-- merge results: written by merge.py --update-readme -->\n"
END = "<!-- end of merge results -->\n"

MERGECAP_LIMIT, CONVERSION_LIMIT = 0.7, 1.5
MEMORY_LIMIT = 128 * 2**20
NUMBERS = (2, 200)  # of inputs


def write_inputs(directory: Path, packets: int, number: int, file_format: str) -> list[str]:
    """Write the mixed traffic into so many captures, packet for packet in turn; return their names."""
    layout, pool = LAYOUTS[file_format], make_pool(MIXED)
    frames = [layout.frame(packet) for packet in pool]
    folder = directory / f"{file_format}-{number}"
    folder.mkdir()
    names = [f"{folder.name}/{each:03}.{file_format}" for each in range(number)]
    contents = [[layout.header()] for _ in names]
    for place, time, (before, after) in zip(cycle(range(number)), layout.times(0, packets), cycle(frames)):
        contents[place] += (before, time, after)
    for name, pieces in zip(names, contents, strict=True):
        (directory / name).write_bytes(b"".join(pieces))
    return names


def jobs_of(program: str, inputs: dict[tuple[str, int], list[str]]) -> list[Job]:
    """The jobs: our conversion of one capture, `merge`, and mergecap where it is installed."""
    jobs = [
        Job(f"{each}: convert one", [program, "convert", f"one.{each}", f"out.{each}", "--force", "-q"])
        for each in FORMATS
    ]
    mergecap = which("mergecap")
    for (file_format, number), names in inputs.items():
        name, output = f"{file_format}, {number} inputs", f"out.{file_format}"
        jobs.append(Job(f"{name}: merge", [program, "merge", *names, output, "--force", "-q"]))
        if mergecap:
            jobs.append(Job(f"{name}: mergecap", [mergecap, "-F", file_format, "-w", output, *names]))
    return jobs


def check(directory: Path, packets: int, job: Job, number: int) -> None:
    """Check what a job has written in the first round: all packets, so that a tool that did nothing cannot win; and by
    `merge` the one capture."""
    if number:
        return
    file_format = job.name[: job.name.index(":")].split(",")[0]
    one, out = (directory / f"{name}.{file_format}" for name in ("one", "out"))
    same = one.read_bytes() == out.read_bytes() if "mergecap" not in job.name else None
    if same is False or out.stat().st_size < one.stat().st_size - packets:
        raise SystemExit(f"{job.name}: the output is another capture")


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    packets, program = max(1000, round(MIXED.packets * scale)), str(Path(program).resolve())
    say(f"writing {packets:,} packets, six times")
    for each in FORMATS:
        write_capture(directory / f"one.{each}", MIXED, packets, each)
    inputs = {(each, number): write_inputs(directory, packets, number, each) for each in FORMATS for number in NUMBERS}
    jobs = jobs_of(program, inputs)
    keep_warm(directory, 2 * (directory / "one.pcapng").stat().st_size)

    def remove_outputs() -> None:
        for each in FORMATS:
            (directory / f"out.{each}").unlink(missing_ok=True)

    time_jobs(jobs, directory, rounds, before=remove_outputs, after=partial(check, directory, packets))
    times = {job.name: median(job.seconds) for job in jobs}
    met = []
    for file_format, number in inputs:
        name = f"{file_format}, {number} inputs"
        for other, limit in ((f"{name}: mergecap", MERGECAP_LIMIT), (f"{file_format}: convert one", CONVERSION_LIMIT)):
            if other in times:
                ratio = times[f"{name}: merge"] / times[other]
                words = other.removeprefix(f"{name}: ").removeprefix(f"{file_format}: ")
                met.append((f"{name}: time / {words}", f"at most {limit}", f"{ratio:.2f}", ratio <= limit))
    peak = max(job.peak for job in jobs if job.name.endswith(": merge"))
    met.append(
        ("peak memory", f"at most {MEMORY_LIMIT >> 20} MiB", f"{report.mebibytes(peak)} MiB", peak <= MEMORY_LIMIT)
    )
    return [
        target_table(met),
        job_table(jobs),
        f"{packets:,} packets\n",
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
