"""Loop over the packets of a capture with one library, and print as JSON what the loop saw and how long it took.

Each loop reads the data, the time and the original length of each packet, as the library gives them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

Seen = tuple[int, int]  # the number of packets, and of all their bytes


def pcapconv(path: str) -> Seen:
    """pcapconv, a `Packet` for each packet."""
    packets = size = 0
    for packet in _module("pcapconv").open(path):
        data, _, _ = packet.data, packet.time_ns, packet.original_length
        packets, size = packets + 1, size + len(data)
    return packets, size


def pcapconv_whole(path: str) -> Seen:
    """pcapconv, with number, both lengths, interface and comments, too."""
    packets = size = 0
    for packet in _module("pcapconv").open(path):
        data, _, _ = packet.data, packet.time_ns, packet.original_length
        _, captured, _, _ = packet.number, packet.captured_length, packet.interface, packet.comments
        packets, size = packets + 1, size + (captured or len(data))
    return packets, size


def pcapconv_columns(path: str) -> Seen:
    """pcapconv, the columns `time_ns` and `captured_length` of each batch; no data."""
    packets = size = 0
    for batch in _module("pcapconv").open(path).batches(reuse=True):
        packets, size = packets + len(batch.time_ns), size + sum(batch.captured_length)
    return packets, size


def pcapconv_batches(path: str) -> Seen:
    """pcapconv, batches that own their memory."""
    batches = [(len(batch), sum(batch.captured_length)) for batch in _module("pcapconv").open(path).batches()]
    return sum(packets for packets, _ in batches), sum(size for _, size in batches)


def dpkt(path: str) -> Seen:
    """dpkt, pairs of a time as float and bytes; it gives no original length."""
    packets = size = 0
    with open(path, "rb") as file:
        for _, data in _module("dpkt.pcap").UniversalReader(file):
            packets, size = packets + 1, size + len(data)
    return packets, size


def scapy(path: str) -> Seen:
    """scapy's raw reader, pairs of bytes and metadata."""
    packets = size = 0
    with _module("scapy.utils").RawPcapReader(path) as reader:
        for data, metadata in reader:
            _ = (metadata.tshigh, metadata.tslow) if hasattr(metadata, "tshigh") else (metadata.sec, metadata.usec)
            _ = metadata.wirelen
            packets, size = packets + 1, size + len(data)
    return packets, size


def cypcap(path: str) -> Seen:
    """cypcap, libpcap in Cython: pairs of a header with a float and bytes."""
    packets = size = 0
    with _module("cypcap").open_offline(path) as reader:
        for header, data in reader:
            _, _ = header.ts, header.len
            packets, size = packets + 1, size + len(data)
    return packets, size


def fpcap(path: str) -> Seen:
    """fpcap, C++: an object for each packet."""
    packets = size = 0
    for packet in _module("fpcap").PacketReader(path):
        _, _, data, _ = packet.timestamp_seconds, packet.timestamp_microseconds, packet.data, packet.length
        packets, size = packets + 1, size + len(data)
    return packets, size


def pycapng(path: str) -> Seen:
    """pycapng, C++: a function that is called for each packet."""
    seen = [0, 0]

    def add(packet: Any) -> None:
        _, _ = packet.timestamp_ns, packet.original_len
        seen[0] += 1
        seen[1] += len(packet.data)

    _module("pycapng").foreach_packet(path, add)
    return seen[0], seen[1]


def python_pcapng(path: str) -> Seen:
    """python-pcapng, an object for each block; only pcapng."""
    packets = size = 0
    with open(path, "rb") as file:
        for block in _module("pcapng").FileScanner(file):
            if type(block).__name__ == "EnhancedPacket":
                data, _, _ = block.packet_data, block.timestamp, block.packet_len
                packets, size = packets + 1, size + len(data)
    return packets, size


READERS: dict[str, Callable[[str], Seen]] = {
    "pcapconv": pcapconv,
    "pcapconv, all fields": pcapconv_whole,
    "pcapconv, owned batches": pcapconv_batches,
    "pcapconv, columns": pcapconv_columns,
    "dpkt": dpkt,
    "scapy": scapy,
    "cypcap": cypcap,
    "fpcap": fpcap,
    "pycapng": pycapng,
    "python-pcapng": python_pcapng,
}


def _module(name: str) -> Any:
    return import_module(name)


def main(reader: str, path: str) -> None:
    """Run one loop, and print what it saw, and its seconds of processor and of wall time, imports not counted."""
    module = {"scapy": "scapy.utils", "dpkt": "dpkt.pcap", "python-pcapng": "pcapng"}.get(reader, reader.split(",")[0])
    try:
        _module(module)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    wall, processor = time.perf_counter(), time.process_time()
    packets, size = READERS[reader](path)
    seconds = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    print(json.dumps({"packets": packets, "bytes": size, **seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
