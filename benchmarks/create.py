"""Time how fast Python writes packets one by one: `pcapconv.create` beside dpkt and scapy, where these are installed.

Each writer writes packets of mixed sizes in a process of its own; the best of three runs is printed. Wall times need an
idle machine; the time of the processor is shown, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from run import work_directory

RUNS = 3

PREPARE = """
import sys, time
packets, path = int(sys.argv[1]), sys.argv[2]
sizes = (60, 60, 60, 120, 576, 1514)
many = [bytes(sizes[number % 6]) for number in range(600)]
start = 1_700_000_000 * 10**9
"""
MEASURE = """
wall, processor = time.perf_counter(), time.process_time()
write_all()
print(time.perf_counter() - wall, time.process_time() - processor)
"""
PCAPCONV = """
import pcapconv
def write_all():
    with pcapconv.create(path, to="{to}", link_type="ethernet", force=True) as capture:
        for number in range(packets):
            capture.write(many[number % 600], time_ns=start + number)
"""
COPY = """
import pcapconv
with pcapconv.create(path + "-old", to="pcapng", link_type="ethernet", force=True) as capture:
    for number in range(packets):
        capture.write(many[number % 600], time_ns=start + number)
def write_all():
    with pcapconv.open(path + "-old") as old, pcapconv.create(path, to="pcapng", force=True) as new:
        {loop}
"""
DPKT = """
import dpkt
def write_all():
    with open(path, "wb") as file:
        writer = dpkt.pcap.Writer(file, nano=True)
        for number in range(packets):
            writer.writepkt_time(many[number % 600], 1_700_000_000)
"""
SCAPY = """
from scapy.utils import RawPcapWriter
def write_all():
    writer = RawPcapWriter(path, linktype=1, nano=True)
    writer.write_header(None)
    for number in range(packets):
        writer.write_packet(many[number % 600], sec=1_700_000_000, usec=number)
    writer.close()
"""
CASES = {
    "pcapconv, pcapng": PCAPCONV.format(to="pcapng"),
    "pcapconv, pcap": PCAPCONV.format(to="pcap"),
    "pcapconv, copy of each packet": COPY.format(loop="for packet in old: new.write(packet)"),
    "pcapconv, copy in batches": COPY.format(loop="for batch in old.batches(reuse=True): new.write_batch(batch)"),
    "dpkt, pcap": DPKT,
    "scapy, pcap": SCAPY,
}


def main() -> None:
    """Run the command line: print a line for each writer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=2_000_000, help="how many packets each writer writes")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    arguments = parser.parse_args()
    packets = arguments.packets
    with work_directory(arguments.directory) as directory:
        for name, writer in CASES.items():
            library = name.partition(",")[0]
            if importlib.util.find_spec(library) is None:
                print(f"{name:32} not installed")
                continue
            command = [sys.executable, "-c", PREPARE + writer + MEASURE, str(packets), str(directory / "x")]
            runs = [
                tuple(map(float, subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.split()))
                for _ in range(RUNS)
            ]
            wall, processor = (packets / min(times) / 1e6 for times in zip(*runs))
            print(f"{name:32} {wall:6.2f} million packets a second, {processor:6.2f} in a second of the processor")


if __name__ == "__main__":
    main()
