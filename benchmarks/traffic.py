"""Time `count_traffic`, and `info --conversations` around it: how many packets a second, by number of conversations.

`python benchmarks/traffic.py` prints a table for the kernel, of processor time, and the time of the whole command on a
file of a million packets. `--form interpreted` shows the other form. Packets are TCP in IPv4 in Ethernet, 64 bytes.
"""

from __future__ import annotations

import argparse
import random
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path

from pcapconv.columns import Columns
from pcapconv.errors import UsageError
from pcapconv.kernels import load
from pcapconv.timestamps import nanosecond_scale

RUNS = 5
PACKETS = {"compiled": 1_000_000, "interpreted": 10_000}
BATCH = 8192  # packets
MOST = 100_000
CONVERSATIONS = (1, 1000, 100_000, 1_000_000)
LEAST = 3.0  # million packets a second: 1,000 conversations, compiled
TABLES = {
    "conversations": (True, True, True, False, False),
    "talkers": (False, False, False, True, False),
    "protocols": (False, False, False, False, True),
    "all": (True, True, True, True, True),
}
_TAIL = struct.pack(">IIHHHH", 1, 2, 0x5018, 4096, 0, 0) + bytes(10)


def packet(conversation: int) -> bytes:
    """A packet of this conversation."""
    client = 0x0A000000 + conversation // 64
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 50, 1, 0, 64, 6, 0, client, 0x0B000001)
    return bytes(12) + b"\x08\0" + header + struct.pack(">HH", 40000 + conversation % 64, 443) + _TAIL


def records(packets: int, conversations: int) -> bytes:
    """Records of pcap, in which conversations come in a random order."""
    draw = random.Random(1)
    kept = [packet(number) for number in range(min(conversations, packets))]
    size = len(kept[0])
    return b"".join(
        struct.pack("<IIII", at // 10**6, at % 10**6, size, size) + kept[draw.randrange(len(kept))]
        for at in range(packets)
    )


def rate(form: str, data: bytes, wanted: tuple[bool, ...]) -> float:
    """Million packets a second of processor time."""
    kernels, size = load(form), len(packet(0)) + 16
    link_types, scales = array("Q", [1]), array("Q", nanosecond_scale(10**6, 0))
    batches = []
    for at in range(0, len(data), BATCH * size):
        rows = min(BATCH, (len(data) - at) // size)
        columns = Columns(rows)
        columns.data_at = array("q", range(at + 16, at + rows * size, size))
        columns.captured_length = columns.original_length = array("I", [size - 16]) * rows
        batches.append((columns, rows))
    best = float("inf")
    for _ in range(RUNS):
        tables = [kernels.TrafficTable(MOST) if each else None for each in wanted]
        began = time.process_time()
        for columns, rows in batches:
            kernels.count_traffic(data, columns, rows, link_types, scales, *tables)
        best = min(best, time.process_time() - began)
    return len(data) / size / best / 1e6


def command(path: Path, *options: str) -> float:
    """Seconds that `info` takes; the best of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pcapconv", "info", path, *options], check=True, capture_output=True)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", choices=list(PACKETS), default="compiled", help="this form of the kernels")
    form = parser.parse_args().form
    try:
        load(form)
    except UsageError as error:
        sys.exit(str(error))
    print(f"{form}: million packets a second of processor time\n{'conversations':>13}", end="")
    print("".join(f"{name:>15}" for name in TABLES))
    for conversations in CONVERSATIONS:
        data = records(PACKETS[form], conversations)
        rates = {name: rate(form, data, wanted) for name, wanted in TABLES.items()}
        print(f"{conversations:13,}" + "".join(f"{each:15.2f}" for each in rates.values()))
        if form == "compiled" and conversations == 1000 and rates["conversations"] < LEAST:
            print(f"fewer than {LEAST} million")
    if form == "compiled":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.pcap"
            header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
            path.write_bytes(header + records(PACKETS[form], 1000))
            for options in ((), ("--conversations",), ("--conversations", "--talkers", "--protocols"), ("--hash",)):
                print(f"info {' '.join(options):40} {command(path, *options):.2f} s")


if __name__ == "__main__":
    main()
