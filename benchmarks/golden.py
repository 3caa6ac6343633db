"""Time `pcapconv normalize` and `diff` against `pcapconv convert` on the same captures, and measure their memory."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from statistics import median

import report
from captures import FORMATS, MIXED, SMALL, Traffic, frame_pcap, header_pcap, make_pool, times_pcap, write_capture
from jobs import Job, command, target_table
from run import keep_warm, launch, say
from tools import kernels

BEGIN = "<!-- golden results: written by golden.py --update-readme -->\n"
END = "<!-- end of golden results -->\n"

NORMALIZE_LIMIT, DIFF_LIMIT = 2.0, 3.0  # times the time of `convert` from pcap to pcapng
MEMORY_LIMIT = 128 * 2**20
MILLION = Traffic("million", 1_000_000, MIXED.description)
FEW = 2000
LATE = 500  # packets by which a packet may come too late


def write_disordered(path: Path, packets: int) -> None:
    """Write the mixed traffic, each packet up to `LATE` packets later than its time says."""
    pool = make_pool(MIXED)
    rng = random.Random("pcapconv disorder")
    times = list(times_pcap(0, packets))
    order = sorted(range(packets), key=lambda number: number + rng.randrange(LATE))
    with path.open("wb") as file:
        file.write(header_pcap())
        for begin in range(0, packets, len(pool)):
            some = order[begin : begin + len(pool)]
            file.write(b"".join(times[number] + frame_pcap(pool[number % len(pool)])[1] for number in some))


def jobs_of(traffic: Traffic, disordered: bool) -> list[Job]:
    """The jobs on one kind of traffic; the others are compared with the first one."""
    pcap, pcapng = (f"{traffic.name}.{each}" for each in FORMATS)
    normal = [f"normalize {each} out.pcapng --force -q".split() for each in (pcap, pcapng)]
    jobs = [
        Job("convert, pcap → pcapng", ["convert", pcap, "out.pcapng", "--force", "-q"]),
        Job("normalize, pcap", normal[0], limit=NORMALIZE_LIMIT),
        Job("normalize, pcapng", normal[1], limit=NORMALIZE_LIMIT),
        Job("normalize --sort, pcap", [*normal[0], "--sort"], limit=NORMALIZE_LIMIT),
        Job("diff, pcap and pcapng, the same", ["diff", pcap, pcapng], limit=DIFF_LIMIT),
    ]
    if disordered:
        late = ["late.pcap", "out.pcapng", "--force", "-q"]
        jobs += [
            Job("normalize --sort, out of order", ["normalize", *late, "--sort"]),
            Job("diff, one packet removed", ["diff", pcap, "without.pcapng"], status=1),
            Job("diff, all times shifted", ["diff", pcap, "shifted.pcapng"], status=1),
            Job("diff, out of order", ["diff", pcap, "late.pcap"], status=1),
        ]
    return jobs


def run(program: str, job: Job, directory: Path, expected: bytes) -> None:
    """Do a job once, in the captures' directory. `expected` is the beginning of its output, so that a tool that did
    nothing cannot win."""
    command = [program, *job.arguments]
    seconds, peak = launch(command, kernels("compiled"), directory=directory, status=job.status)
    job.seconds.append(seconds)
    job.peak = max(job.peak, peak)
    if job.arguments[0] == "normalize":
        with (directory / "out.pcapng").open("rb") as file:
            if file.read(len(expected)) != expected:
                raise SystemExit(f"{' '.join(command)}: that is not the normal form")


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    met, shown = [], []
    for traffic in (MIXED, MILLION, SMALL):
        packets = max(1, round(traffic.packets * scale))
        say(f"writing {packets:,} packets, {traffic.name}")
        content = SMALL if traffic is SMALL else MIXED
        sizes = [write_capture(directory / f"{traffic.name}.{each}", content, packets, each) for each in FORMATS]
        jobs = jobs_of(traffic, disordered=traffic is MILLION)
        if traffic is MILLION:
            write_disordered(directory / "late.pcap", packets)
            source = directory / f"{traffic.name}.pcap"
            for name, option in (
                ("without", ["--drop-packets", str(packets // 2)]),
                ("shifted", ["--shift-time", "1us"]),
            ):
                launch([program, "convert", str(source), str(directory / f"{name}.pcapng"), *option], {})
        keep_warm(directory, 2 * max(sizes))
        head = normal_head(directory, program, content)
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            for job in jobs:
                run(program, job, directory, head)
                if not number:
                    job.seconds.clear()
        for path in directory.iterdir():
            path.unlink()
        base = median(jobs[0].seconds)
        for job in jobs:
            taken = median(job.seconds)
            span = f"{min(job.seconds):.2f} to {max(job.seconds):.2f}"
            shown.append(
                (f"{traffic.name}: {job.name}", f"{taken:.2f}", span, f"{taken / base:.2f}", report.mebibytes(job.peak))
            )
            if job.limit is not None:
                ratio = taken / base
                allowed = f"at most {job.limit:.0f}"
                met.append((f"{traffic.name}: {job.name}: time / convert", allowed, f"{ratio:.2f}", ratio <= job.limit))
        highest = max(job.peak for job in jobs)
        allowed = f"at most {MEMORY_LIMIT >> 20} MiB"
        met.append(
            (f"{traffic.name}: peak memory", allowed, f"{report.mebibytes(highest)} MiB", highest <= MEMORY_LIMIT)
        )
    return [
        target_table(met),
        report.table(("captures: job", "median, s", "range, s", "/ convert", "peak, MiB"), shown, 4),
    ]


def normal_head(directory: Path, program: str, content: Traffic) -> bytes:
    """The first bytes of the normal form of the captures, made by the interpreted kernels."""
    few, normal = directory / "few.pcap", directory / "few.pcapng"
    write_capture(few, content, FEW, "pcap")
    launch([program, "normalize", str(few), str(normal)], kernels("interpreted"))
    return normal.read_bytes()


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
