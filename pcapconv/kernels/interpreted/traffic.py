"""Who talks to whom, interpreted: the kernels `TrafficTable` and `count_traffic`.

Strategy: a table has an entry for each key of 37 bytes, up to a number of entries that its owner chooses; packets of
further keys are counted together. An entry is never given up, so that all its numbers are exact. Every packet of a
tunnel is counted as a packet of its own, with the length of the whole, as tshark does.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from pcapconv.kernels.contract import EXACT_SCALE, SIMPLE, TRAFFIC_KEY
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.headers import read_layers
from pcapconv.spec.protocols import IP_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pcapconv.columns import Columns

    Counts = tuple[int, int, int, int, int | None, int | None]
    Entry = tuple[bytes, int, int, int, int, int, int | None, int | None]

_TCP, _UDP = 6, 17


class TrafficTable:
    """Packets and bytes by key, in two directions, and when they came.

    Has entries for the first `most` keys; what has another key is counted in `others`. `len` is the number of entries.
    Iterating gives an entry for each key, in the order of their first packets: the key; the direction of its first
    packet, 0 or 1; packets and bytes of direction 0; packets and bytes of direction 1; and the earliest and the latest
    time in nanoseconds since 1970, rounded down, or None.
    """

    def __init__(self, most: int) -> None:
        if not 0 < most <= 1 << 24:
            raise ValueError(f"a table of {most} entries")
        self._most = most
        self._entries: dict[bytes, list[Any]] = {}
        self._others: list[Any] = [0, 0, 0, 0, None, None]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        for key, (direction, counts) in self._entries.items():
            yield key, direction, *counts

    @property
    def others(self) -> Counts:
        """The counts of packets without an entry, as in an entry: packets and bytes of both directions, and times."""
        return tuple(self._others)

    def count(self, key: bytes, direction: int, length: int, time: int | None) -> None:
        """Count a packet."""
        entry = self._entries.get(key)
        if entry is not None:
            counts = entry[1]
        elif len(self._entries) < self._most:
            counts = [0, 0, 0, 0, None, None]
            self._entries[key] = [direction, counts]
        else:
            counts = self._others
        counts[2 * direction] += 1
        counts[2 * direction + 1] += length
        if time is not None:
            counts[4] = time if counts[4] is None else min(time, counts[4])
            counts[5] = time if counts[5] is None else max(time, counts[5])


def count_traffic(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    link_types: array[int],
    scales: array[int],
    ip: TrafficTable | None,
    tcp: TrafficTable | None,
    udp: TrafficTable | None,
    hosts: TrafficTable | None,
    paths: TrafficTable | None,
) -> None:
    """Count packets in those tables that are there, each with its original length.

    `link_types` has the link type of each interface; `scales` has EXACT_SCALE values for each interface, as in
    `RepeatWindow.find`, which turn ticks into nanoseconds; a divisor of 0 means that times cannot be determined.

    * `ip`, `tcp`, `udp`: conversations between addresses, and between addresses and ports. A key is the version of IP;
      the lower end's address, in 16 bytes; the higher end's; and their ports, 0 in `ip`. Direction 0 is from the lower
      end.
    * `hosts`: by address. A key is the version of IP, the address, and zeros. Direction 0 is what the address sent, 1
      what it received.
    * `paths`: by protocols. A key is the column `path` of headers, and zeros. The direction is 0.

    In the first four, each IP header that states both addresses counts, and each TCP and UDP header that states both
    ports, also those inside tunnels.
    """
    check_columns(columns, rows)
    check_table(link_types, 0)
    check_table(scales, EXACT_SCALE * len(link_types))
    for row, (number, data_at, captured, original) in enumerate(
        zip(columns.interface[:rows], columns.data_at, columns.captured_length, columns.original_length)
    ):
        if number >= len(link_types) or not 0 <= data_at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        time = None
        factor, low, high, addend_low, addend_high = scales[EXACT_SCALE * number :][:EXACT_SCALE]
        if columns.record_type[row] != SIMPLE and (low or high):
            addend = (addend_low | addend_high << 64) - (addend_high >> 63 << 128)
            time = columns.ticks[row] * factor // (low | high << 64) + addend
        packet = memoryview(buffer)[data_at : data_at + captured]
        path, layers = read_layers(packet, max(captured, original), link_types[number])
        if paths is not None:
            paths.count(path.ljust(TRAFFIC_KEY, b"\0"), 0, original, time)
        for found in layers:
            version = IP_VERSIONS.get(found.get("network_protocol", 0))
            if version is None or "destination_address" not in found:
                continue
            source, destination = found["source_address"], found["destination_address"]
            if hosts is not None:
                for direction, address in enumerate((source, destination)):
                    hosts.count(bytes((version,)) + address + bytes(20), direction, original, time)
            if ip is not None:
                ip.count(*_key(version, source, destination, 0, 0), original, time)
            table = {_TCP: tcp, _UDP: udp}.get(found.get("ip_protocol", 0))
            if table is not None and "destination_port" in found:
                ports = found["source_port"], found["destination_port"]
                table.count(*_key(version, source, destination, *ports), original, time)


def _key(version: int, source: bytes, destination: bytes, source_port: int, destination_port: int) -> tuple[bytes, int]:
    """The key of a conversation, and the direction of a packet in it."""
    ends = [(source, source_port), (destination, destination_port)]
    (lower, lower_port), (higher, higher_port) = sorted(ends)
    key = bytes((version,)) + lower + higher + lower_port.to_bytes(2) + higher_port.to_bytes(2)
    return key, int(ends[0] > ends[1])
