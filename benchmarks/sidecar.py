"""Time conversions with a sidecar against plain ones, and measure the sizes of sidecars and the peak memory."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import report
from captures import MIXED, SMALL, Traffic, write_capture
from golden import MEMORY_LIMIT, MILLION
from jobs import Job, command, target_table
from run import keep_warm, launch, say
from tools import kernels

BEGIN = "<!-- sidecar results: written by sidecar.py --update-readme -->\n"
END = "<!-- end of sidecar results -->\n"

TIME_LIMIT = 1.5  # times the time of the plain conversion
SIZE_LIMIT = 0.01  # of the capture's size
PRINT_LIMIT = 16  # bytes for each packet, with fingerprints
SIDECAR = "--sidecar"
PRINTS = "--sidecar-fingerprints"


def jobs_of(traffic: Traffic) -> list[tuple[Job, int]]:
    """The jobs in their order, each with the index of the job that it is compared with."""
    ng = f"{traffic.name}.pcapng"

    def convert(source: str, target: str, *options: str) -> list[str]:
        return ["convert", source, target, "--force", "-q", "--on-loss", "ignore", *options]

    there = Job("to pcap", convert(ng, "plain.pcap"))
    back = Job("back to pcapng", convert("plain.pcap", "plain.pcapng"))
    edited = convert("edited.pcap", "found.pcapng", "--sidecar-file", "prints.pcap.meta.json")
    return [
        (there, 0),
        (back, 1),
        (Job("to pcap, with a sidecar", convert(ng, "kept.pcap", SIDECAR), limit=TIME_LIMIT), 0),
        (Job("back to pcapng, by its sidecar", convert("kept.pcap", "again.pcapng", SIDECAR), limit=TIME_LIMIT), 1),
        (Job("to pcap, with fingerprints", convert(ng, "prints.pcap", SIDECAR, PRINTS), limit=TIME_LIMIT), 0),
        (Job("back to pcapng, one packet less", edited), 1),
    ]


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    met, shown = [], []
    for traffic in (MIXED, MILLION, SMALL):
        packets = max(1, round(traffic.packets * scale))
        say(f"writing {packets:,} packets, {traffic.name}")
        content = SMALL if traffic is SMALL else MIXED
        source = directory / f"{traffic.name}.pcapng"
        size = write_capture(source, content, packets, "pcapng")
        edit = [program, "convert", str(source), str(directory / "edited.pcap"), "--drop-packets", str(packets // 2)]
        launch(edit, {})
        keep_warm(directory, 6 * size)  # all outputs exist at the same time
        jobs = jobs_of(traffic)
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            for job, _ in jobs:
                if traffic is not MILLION and job.name.endswith("less"):
                    continue  # its memory grows with the number of packets
                seconds, peak = launch([program, *job.arguments], kernels("compiled"), directory=directory)
                job.peak = max(job.peak, peak)
                if number:
                    job.seconds.append(seconds)
        if (directory / "again.pcapng").read_bytes() != source.read_bytes():
            raise SystemExit(f"{traffic.name}: what came back is another capture")
        sidecars = [(directory / f"{name}.pcap.meta.json").stat().st_size for name in ("kept", "prints")]
        for path in directory.iterdir():
            path.unlink()
        highest = 0
        for job, base in jobs:
            if not job.seconds:
                continue
            ratio = median(job.seconds) / median(jobs[base][0].seconds)
            span = f"{min(job.seconds):.2f} to {max(job.seconds):.2f}"
            name = f"{traffic.name}: {job.name}"
            shown.append((name, f"{median(job.seconds):.2f}", span, f"{ratio:.2f}", report.mebibytes(job.peak)))
            highest = max(highest, job.peak)
            if job.limit is not None:
                met.append((f"{name}: time / plain", f"at most {job.limit}", f"{ratio:.2f}", ratio <= job.limit))
        part, each = sidecars[0] / size, sidecars[1] / packets
        met += [
            (f"{traffic.name}: sidecar / capture", f"at most {SIZE_LIMIT:.0%}", f"{part:.4%}", part <= SIZE_LIMIT),
            (
                f"{traffic.name}: sidecar with fingerprints",
                f"at most {PRINT_LIMIT} bytes a packet",
                f"{each:.2f}",
                each <= PRINT_LIMIT,
            ),
            (
                f"{traffic.name}: peak memory",
                f"at most {MEMORY_LIMIT >> 20} MiB",
                f"{report.mebibytes(highest)} MiB",
                highest <= MEMORY_LIMIT,
            ),
        ]
    return [
        target_table(met),
        report.table(("captures: job", "median, s", "range, s", "/ plain", "peak, MiB"), shown, 4),
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
