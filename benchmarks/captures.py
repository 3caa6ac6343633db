"""Make the captures that the benchmarks read: the same packets in pcap and pcapng, and the same on every machine."""

from __future__ import annotations

import argparse
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

POOL_SIZE = 10_000
START_US = 1_700_000_000 * 1_000_000
STEP_US = 100
SNAPLEN = 262_144
ETHERNET = 1
HEADERS = 14 + 20 + 8
FORMATS = ("pcap", "pcapng")

# Weight, smallest and largest size: short, medium and full packets in the 7:4:1 proportion of the usual Internet mix.
MIX = ((7, 60, 92), (4, 500, 674), (1, 1514, 1514))


@dataclass(frozen=True)
class Traffic:
    """A kind of traffic: its name, the packets of a full benchmark run, and their sizes in words."""

    name: str
    packets: int
    description: str


MIXED = Traffic("mixed", 2_000_000, "60 to 1514 bytes")
SMALL = Traffic("64-byte", 5_000_000, "64 bytes each")
TRAFFIC = {traffic.name: traffic for traffic in (MIXED, SMALL)}


def packet_sizes(traffic: Traffic, rng: random.Random) -> list[int]:
    """The sizes of one pool of packets."""
    if traffic is SMALL:
        return [64] * POOL_SIZE
    total = sum(weight for weight, _, _ in MIX)
    sizes = [rng.randint(low, high) for weight, low, high in MIX for _ in range(POOL_SIZE * weight // total)]
    sizes += [MIX[0][1]] * (POOL_SIZE - len(sizes))
    rng.shuffle(sizes)
    return sizes


def checksum(header: bytes) -> int:
    """The Internet checksum of an IPv4 header."""
    total: int = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_packet(size: int, number: int, rng: random.Random) -> bytes:
    """An Ethernet frame with IPv4, UDP and random payload, `size` bytes long."""
    ethernet = struct.pack(">6s6sH", b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02", 0x0800)
    source = bytes((10, 0, number >> 8 & 0xFF, number & 0xFF))
    fields = (0x45, 0, size - 14, number & 0xFFFF, 0x4000, 64, 17)
    unsummed = struct.pack(">BBHHHBBH4s4s", *fields, 0, source, b"\x0a\x01\0\x01")
    ipv4 = unsummed[:10] + struct.pack(">H", checksum(unsummed)) + unsummed[12:]
    udp = struct.pack(">HHHH", 40_000 + number % 20_000, 9, size - 34, 0)
    return ethernet + ipv4 + udp + rng.randbytes(size - HEADERS)


def pool_random(traffic: Traffic) -> random.Random:
    """The random generator that makes a pool, in its first state."""
    return random.Random(f"pcapconv {traffic.name}")


def make_pool(traffic: Traffic) -> list[bytes]:
    """The packets of one pool, which a capture repeats with later times."""
    rng = pool_random(traffic)
    return [make_packet(size, number, rng) for number, size in enumerate(packet_sizes(traffic, rng))]


def times_pcap(first: int, count: int) -> Iterator[bytes]:
    """The time fields of `count` pcap records: seconds and microseconds."""
    pack = struct.Struct("<II").pack
    start = START_US + first * STEP_US
    return (pack(*divmod(time, 1_000_000)) for time in range(start, start + count * STEP_US, STEP_US))


def times_pcapng(first: int, count: int) -> Iterator[bytes]:
    """The time fields of `count` Enhanced Packet Blocks: high and low half."""
    pack = struct.Struct("<II").pack
    start = START_US + first * STEP_US
    return (pack(time >> 32, time & 0xFFFFFFFF) for time in range(start, start + count * STEP_US, STEP_US))


def frame_pcap(packet: bytes) -> tuple[bytes, bytes]:
    """The bytes of a pcap record before and after its time."""
    return b"", struct.pack("<II", len(packet), len(packet)) + packet


def frame_pcapng(packet: bytes) -> tuple[bytes, bytes]:
    """The bytes of an Enhanced Packet Block before and after its time."""
    size = len(packet)
    padding = bytes(-size % 4)
    total = 32 + size + len(padding)
    before = struct.pack("<III", 6, total, 0)
    return before, struct.pack("<II", size, size) + packet + padding + struct.pack("<I", total)


def header_pcap() -> bytes:
    """The file header: little-endian, microseconds, Ethernet."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, ETHERNET)


def header_pcapng() -> bytes:
    """A Section Header Block and one Interface Description Block, neither with options."""
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    return section + struct.pack("<IIHHII", 1, 20, ETHERNET, 0, SNAPLEN, 20)


@dataclass(frozen=True)
class Layout:
    """How one capture format wraps packets: its header, the bytes around a packet's time, and the times."""

    header: Callable[[], bytes]
    frame: Callable[[bytes], tuple[bytes, bytes]]
    times: Callable[[int, int], Iterator[bytes]]


LAYOUTS = {
    "pcap": Layout(header_pcap, frame_pcap, times_pcap),
    "pcapng": Layout(header_pcapng, frame_pcapng, times_pcapng),
}


def write_capture(path: Path, traffic: Traffic, packets: int, file_format: str) -> int:
    """Write a capture of `packets` packets, one pool at a time; return the file's size."""
    layout = LAYOUTS[file_format]
    frames = [layout.frame(packet) for packet in make_pool(traffic)]
    before, after = [frame[0] for frame in frames], [frame[1] for frame in frames]
    with path.open("wb") as file:
        file.write(layout.header())
        for first in range(0, packets, POOL_SIZE):
            times = layout.times(first, min(POOL_SIZE, packets - first))
            file.write(b"".join(chain.from_iterable(zip(before, times, after, strict=False))))
        return file.tell()


def main() -> None:
    """Write one capture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traffic", choices=sorted(TRAFFIC))
    parser.add_argument("packets", type=int)
    parser.add_argument("output", type=Path, help="a .pcap or .pcapng file")
    arguments = parser.parse_args()
    file_format = arguments.output.suffix[1:]
    if file_format not in FORMATS:
        parser.error("the output's name must end in .pcap or .pcapng")
    write_capture(arguments.output, TRAFFIC[arguments.traffic], arguments.packets, file_format)


if __name__ == "__main__":
    main()
