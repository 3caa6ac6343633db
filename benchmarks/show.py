"""Time `pcapconv show` against tcpdump and tshark, which list the same capture."""

from __future__ import annotations

import random
import shutil
import struct
import sys
from pathlib import Path
from statistics import median

from captures import START_US, STEP_US, header_pcap
from jobs import Job, command, job_table, target_table, time_jobs
from run import keep_warm, say

BEGIN = "<!-- show results: written by show.py --update-readme -->\n"
END = "<!-- end of show results -->\n"

PACKETS = 500_000
FLOWS = 2_000  # at the same time
LIMITS = {"tcpdump": 3.0, "tshark": 0.4}  # times the time of each
SOURCE = "in.pcap"


def write_traffic(path: Path, packets: int) -> int:
    """Write a capture of what a network carries most: TCP with data and without, TLS, HTTP, DNS. Return its size."""
    rng = random.Random("pcapconv show")
    flows = [_flow(rng, number) for number in range(FLOWS)]
    with path.open("wb") as file:
        file.write(header_pcap())
        for number in range(packets):
            packet = rng.choice(rng.choice(flows))
            seconds, micros = divmod(START_US + number * STEP_US, 10**6)
            file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)
    return path.stat().st_size


def _flow(rng: random.Random, number: int) -> list[bytes]:
    """Packets of one conversation."""
    source, destination = bytes((10, 0, number >> 8, number & 255)), bytes((192, 0, 2, rng.randrange(1, 255)))
    port = rng.randrange(32768, 61000)
    kind = rng.choice(("web", "web", "tls", "tls", "tls", "dns"))
    if kind == "dns":
        name = b"\x04host" + bytes((1, 97 + number % 26)) + b"\x07example\0\0\1\0\1"
        return [_udp(source, destination, port, 53, struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + name)]
    service = 80 if kind == "web" else 443
    first = b"GET /page/%d HTTP/1.1\r\nHost: example\r\n\r\n" % number
    if kind == "tls":
        first = b"\x17\3\3\1\0" + rng.randbytes(256)
    data = [_tcp(destination, source, service, port, 24, rng.randbytes(1300)) for _ in range(4)]
    acknowledgements = [_tcp(source, destination, port, service, 16, b"")] * 4
    return [_tcp(source, destination, port, service, 2, b""), _tcp(source, destination, port, service, 24, first)] + (
        data + acknowledgements
    )


def _tcp(source: bytes, destination: bytes, from_port: int, to_port: int, flags: int, data: bytes) -> bytes:
    header = struct.pack(">HHIIHHHH", from_port, to_port, 1, 2, 5 << 12 | flags, 4096, 0, 0)
    return _ip(6, source, destination, header + data)


def _udp(source: bytes, destination: bytes, from_port: int, to_port: int, data: bytes) -> bytes:
    return _ip(17, source, destination, struct.pack(">HHHH", from_port, to_port, 8 + len(data), 0) + data)


def _ip(protocol: int, source: bytes, destination: bytes, rest: bytes) -> bytes:
    fields = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), 1, 0x4000, 64, protocol, 0)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + fields + source + destination + rest


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything, one job after the other in each round; return the tables as Markdown."""
    programs = {name: shutil.which(name) for name in LIMITS}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        raise SystemExit(f"{missing[0]} was not found")
    packets = max(1, round(PACKETS * scale))
    say(f"writing {packets:,} packets")
    keep_warm(directory, write_traffic(directory / SOURCE, packets))
    arguments = {
        "pcapconv show": [str(Path(program).resolve()), "show", SOURCE],
        "tcpdump -nn -r": [str(programs["tcpdump"]), "-nn", "-r", SOURCE],
        "tshark -n -r": [str(programs["tshark"]), "-n", "-r", SOURCE],
    }
    shell = 'exec "$@" > lines.txt 2> /dev/null'
    jobs = [Job(name, ["/bin/sh", "-c", shell, "sh", *words]) for name, words in arguments.items()]
    lines = directory / "lines.txt"

    def check(job: Job, _: int) -> None:
        with lines.open("rb") as file:
            count = sum(1 for _ in file)
        if count - packets not in (0, 1):  # a line with the date
            raise SystemExit(f"{job.name} printed {count} lines of {packets} packets")

    time_jobs(jobs, directory, rounds, before=lambda: lines.unlink(missing_ok=True), after=check)
    ours, *others = jobs
    met = []
    for theirs, (name, limit) in zip(others, LIMITS.items()):
        ratio = median(ours.seconds) / median(theirs.seconds)
        met.append((f"show / {name}", f"at most {limit:g}", f"{ratio:.2f}", ratio <= limit))
    return [
        target_table(met),
        job_table(jobs),
        f"{packets:,} packets as pcap: TCP with data and without, TLS, HTTP, DNS, of {FLOWS:,} conversations. Lines go "
        "to a file.\n",
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
