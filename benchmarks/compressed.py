"""Time reading and writing of compressed captures against editcap, gzip and zstd in pipes, and measure memory."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from shlex import join
from statistics import median

import report
from captures import MIXED, POOL_SIZE, frame_pcap, header_pcap, make_packet, packet_sizes, times_pcap
from jobs import Job, command, job_table, target_table, time_jobs
from run import keep_warm, say

BEGIN = "<!-- compressed results: written by compressed.py --update-readme -->\n"
END = "<!-- end of compressed results -->\n"

TEXT = b"GET /index.html HTTP/1.1 Host: www.example.org Accept: text/html "
EXTRA_MEMORY = 64 * 2**20
LIKE_SIZE = 1.05  # times the size of gzip's file
SOURCE, GZIP, ZSTD = "in.pcap", "in.pcap.gz", "in.pcap.zst"

# A target: name of the job, name of the one that it is compared with, and the largest ratio of their times.
TARGETS = (
    ("gzip: pcapconv", "gzip: editcap", 0.8),
    ("gzip: pcapconv", "gzip: gzip -dc, pcapconv", 1.0),
    ("zstd: pcapconv", "zstd: zstd -dc", 1.4),
    ("to gzip: pcapconv", "to gzip: editcap, gzip", 0.6),
    ("to zstd: pcapconv", "to zstd: zstd", 1.4),
)


def write_half_random(path: Path, packets: int) -> None:
    """Write packets of the mixed sizes, of whose bytes half are random and half are text that repeats. No two packets
    are the same, since a large window would find the first in the second."""
    rng = random.Random("pcapconv compressed")
    sizes = packet_sizes(MIXED, rng)
    heads: dict[int, bytes] = {}
    with path.open("wb") as file:
        file.write(header_pcap())
        for first in range(0, packets, POOL_SIZE):
            pieces = []
            for number, time in enumerate(times_pcap(first, min(POOL_SIZE, packets - first))):
                size = sizes[number]
                head = heads.get(size) or heads.setdefault(size, make_packet(size, number, rng)[:42])
                body = size - len(head)
                text = (TEXT * (body // len(TEXT) + 1))[: body // 2]
                pieces += [time, frame_pcap(head + rng.randbytes(body - body // 2) + text)[1]]
            file.write(b"".join(pieces))


def jobs_of(program: str, *, writes: bool) -> list[Job]:
    """The jobs in their order; those that write compressed captures if `writes`."""

    def convert(source: str, target: str) -> list[str]:
        return [program, "convert", source, target, "--force", "-q"]

    def pipe(*commands: str) -> list[str]:
        return ["/bin/sh", "-c", " | ".join(commands)]

    pipe_in = join([program, "convert", "-", "out.pcapng", "--force", "-q"])
    jobs = [
        Job("plain: pcapconv", convert(SOURCE, "out.pcapng")),
        Job("gzip: pcapconv", convert(GZIP, "out.pcapng")),
        Job("gzip: gzip -dc, pcapconv", pipe(f"gzip -dc {GZIP}", pipe_in)),
        Job("zstd: pcapconv", convert(ZSTD, "out.pcapng")),
        Job("zstd: zstd -dc", pipe(f"zstd -qdc {ZSTD} > out.pcap")),
        Job("zstd: zstd -dc, pcapconv", pipe(f"zstd -qdc {ZSTD}", pipe_in)),
    ]
    editcap = shutil.which("editcap")
    if editcap:
        jobs.append(Job("gzip: editcap", [editcap, "-F", "pcapng", GZIP, "out.pcapng"]))
    if writes:
        jobs += [
            Job("to gzip: pcapconv", convert(SOURCE, "out.pcapng.gz")),
            Job("to zstd: pcapconv", convert(SOURCE, "out.pcapng.zst")),
            Job("to zstd: zstd", pipe(f"zstd -qc {SOURCE} > out.pcap.zst")),
        ]
        if editcap:
            jobs.append(Job("to gzip: editcap, gzip", pipe(f"editcap -F pcapng {SOURCE} -", "gzip -c > other.gz")))
    return jobs


def writes_compressed(program: str) -> bool:
    """Whether the program can write compressed captures."""
    done = subprocess.run([program, "convert", "--help"], capture_output=True, text=True, check=True)
    return "--compress" in done.stdout


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    packets, program = max(1, round(MIXED.packets * scale)), str(Path(program).resolve())
    say(f"writing {packets:,} packets")
    source = directory / SOURCE
    write_half_random(source, packets)
    for words in (["gzip", "-k", SOURCE], ["zstd", "-q", SOURCE, "-o", ZSTD]):
        subprocess.run(words, cwd=directory, check=True)
    size = source.stat().st_size
    sizes = {path.name: path.stat().st_size for path in directory.iterdir()}
    keep_warm(directory, 2 * size)
    jobs = jobs_of(program, writes=writes_compressed(program))

    def remove_outputs() -> None:
        for path in directory.glob("out.*"):
            sizes[path.name] = path.stat().st_size
            path.unlink()

    time_jobs(jobs, directory, rounds, before=remove_outputs)
    by_name = {job.name: job for job in jobs}
    met = []
    for name, other, limit in TARGETS:
        if name in by_name and other in by_name:
            ratio = median(by_name[name].seconds) / median(by_name[other].seconds)
            met.append((f"{name} / {other}", f"at most {limit}", f"{ratio:.2f}", ratio <= limit))
    most = by_name["plain: pcapconv"].peak + EXTRA_MEMORY
    for name in ("gzip: pcapconv", "zstd: pcapconv", "to gzip: pcapconv", "to zstd: pcapconv"):
        if name in by_name:
            peak = by_name[name].peak
            limit_text = f"at most {report.mebibytes(most)} MiB"
            met.append((f"{name}, peak memory", limit_text, f"{report.mebibytes(peak)} MiB", peak <= most))
    if (directory / "other.gz").exists() and "out.pcapng.gz" in sizes:
        part = sizes["out.pcapng.gz"] / (directory / "other.gz").stat().st_size
        met.append(("to gzip: size / gzip's", f"at most {LIKE_SIZE}", f"{part:.2f}", part <= LIKE_SIZE))
    known = ", ".join(f"`{name}` {each / 10**6:,.0f} MB" for name, each in sorted(sizes.items()))
    return [
        target_table(met),
        job_table(jobs),
        f"{known}\n",
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
