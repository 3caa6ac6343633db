"""Time the kernel `read_headers`: how many packets a second of processor time it reads, by kind of packet and columns.

`python benchmarks/headers.py` prints a table for both forms of the kernels; `--form compiled` or `interpreted` for one.
Packets lie one behind the other in a buffer of a batch's size, which is read again and again. The time of the processor
is measured, so that a busy machine matters little; the best of some runs counts.
"""

from __future__ import annotations

import argparse
import struct
import time
from array import array

from pcapconv.columns import Columns
from pcapconv.errors import UsageError
from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import load

RUNS = 5
PACKETS = {"compiled": 8192, "interpreted": 1024}  # in a batch
REPEATS = {"compiled": 60, "interpreted": 1}
LEAST = 5.0  # million packets a second: 64 bytes of TCP, the columns of a list, compiled

LIST: tuple[str, ...]
LIST = ("network_protocol", "source_address", "destination_address", "ip_protocol", "source_port", "destination_port")
LIST += ("tcp_flags", "icmp_type", "icmp_code", "arp_operation", "payload_at", "payload_captured")
LIST += ("last_protocol", "ended")
FLOWS = ("source_address", "destination_address", "ip_protocol", "source_port", "destination_port", "fragment_offset")
COLUMNS = {"a list": LIST, "flows": FLOWS, "all": tuple(HeaderColumns.FIELDS)}

_TCP = struct.pack(">HHIIHHHH", 51000, 80, 1, 2, 0x5018, 4096, 0, 0) + bytes(10)


def _ethernet(ether_type: int, rest: bytes) -> bytes:
    return bytes(12) + struct.pack(">H", ether_type) + rest


def _ipv4(protocol: int, rest: bytes) -> bytes:
    return struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(rest), 1, 0, 64, protocol, 0, 0x0A000001, 0x0A000002) + rest


def _ipv6(protocol: int, rest: bytes) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(rest), protocol, 64) + bytes(32) + rest


def _vxlan(rest: bytes) -> bytes:
    return struct.pack(">HHHHII", 50000, 4789, 16 + len(rest), 0, 8 << 24, 42 << 8) + rest


SEGMENT = _ethernet(0x0800, _ipv4(6, _TCP))
KINDS = {
    "TCP, 64 bytes": SEGMENT,
    "IPv6, TCP": _ethernet(0x86DD, _ipv6(6, _TCP)),
    "VLAN, TCP": _ethernet(0x8100, struct.pack(">HH", 100, 0x0800) + SEGMENT[14:]),
    "TCP in VXLAN": _ethernet(0x0800, _ipv4(17, _vxlan(SEGMENT))),
}


def rate(form: str, packet: bytes, names: tuple[str, ...]) -> float:
    """Million packets a second of processor time."""
    kernels, packets, repeats = load(form), PACKETS[form], REPEATS[form]
    record = bytes(16) + packet
    columns = Columns(packets)
    for row in range(packets):
        columns.data_at[row] = row * len(record) + 16
        columns.captured_length[row] = columns.original_length[row] = len(packet)
    buffer, out, link_types = record * packets, HeaderColumns(names, packets), array("Q", [1])
    best = float("inf")
    for _ in range(RUNS):
        began = time.process_time()
        for _ in range(repeats):
            kernels.read_headers(buffer, columns, packets, link_types, out, False)
        best = min(best, time.process_time() - began)
    return packets * repeats / best / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", choices=list(PACKETS), action="append", help="only this form of the kernels")
    for form in parser.parse_args().form or PACKETS:
        try:
            load(form)
        except UsageError as error:
            print(error)
            continue
        print(f"{form}: million packets a second of processor time")
        print(f"{'':16}" + "".join(f"{name:>10}" for name in COLUMNS))
        for kind, packet in KINDS.items():
            rates = [rate(form, packet, names) for names in COLUMNS.values()]
            print(f"{kind:16}" + "".join(f"{each:10.2f}" for each in rates))
            if form == "compiled" and packet is SEGMENT and rates[0] < LEAST:
                print(f"fewer than {LEAST} million")


if __name__ == "__main__":
    main()
