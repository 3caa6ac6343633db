"""Counts who talks to whom, and by which protocols: the tables of `info`.

Strategy: the kernel `count_traffic` reads the headers of whole batches, and counts in tables of a bounded size. Here
the largest entries are chosen, and shown as addresses and names. The sums of a table are those of all packets, since
whatever is not listed is in `others`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from functools import partial
from heapq import nlargest
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pcapconv.describing.entries import Instant
from pcapconv.describing.traffic_entries import (
    Conversation,
    Conversations,
    Others,
    ProtocolEntry,
    Talker,
    TrafficList,
)
from pcapconv.headers import ip_address, path_text
from pcapconv.kernels import choose
from pcapconv.model import PacketBatch, Section
from pcapconv.spec.protocols import (
    AH,
    DESTINATION_OPTIONS,
    FRAGMENT,
    HOP_BY_HOP,
    IPV4,
    IPV6,
    MOST_IN_PATH,
    ROUTING,
    TYPE_OF_IP,
)
from pcapconv.text import ip_text
from pcapconv.timestamps import NANOSECONDS, format_instant, nanosecond_scale

if TYPE_CHECKING:
    from pcapconv.kernels.interpreted.traffic import Counts, Entry
    from pcapconv.model import Interface, Item
    from pcapconv.time_zones import TimeZone

MOST_COUNTED = 100_000  # conversations or talkers that a table counts, each by itself
MOST_PATHS = 1000  # sequences of protocols
MOST_ENTRIES = 10_000  # in a list
_EXTENSIONS = frozenset((HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS))
_UNKNOWN_TIME = (0, 0, 0, 0, 0)  # a scale

Listed = TypeVar("Listed")


class TrafficTables(NamedTuple):
    """Which tables are asked for."""

    conversations: bool = False
    protocols: bool = False
    talkers: bool = False


class Traffic:
    """Counts the packets of a capture in the tables that are asked for; `add_item` has to be called for each item in
    order."""

    def __init__(self, wanted: TrafficTables, zone: TimeZone) -> None:
        self._wanted = wanted
        self._zone = zone
        self._kernels = choose()
        new_table: Callable[[int], Any] = self._kernels.TrafficTable
        self._ip, self._tcp, self._udp = (new_table(MOST_COUNTED) if wanted.conversations else None for _ in range(3))
        self._hosts = new_table(MOST_COUNTED) if wanted.talkers else None
        self._paths = new_table(MOST_PATHS) if wanted.protocols else None
        self._link_types = array("Q")  # of the interfaces of the current section
        self._scales = array("Q")

    def add_item(self, item: Item) -> None:
        """Count the packets of a batch; note that a section begins."""
        if isinstance(item, Section):
            self._link_types = array("Q")
            self._scales = array("Q")
        elif isinstance(item, PacketBatch) and any(self._wanted):
            self._add_batch(item)

    def _add_batch(self, batch: PacketBatch) -> None:
        for interface in batch.interfaces[len(self._link_types) :]:
            self._link_types.append(interface.link_type)
            self._scales.extend(_scale(interface))
        tables = (self._ip, self._tcp, self._udp, self._hosts, self._paths)
        self._kernels.count_traffic(batch.buffer, batch.columns, batch.rows, self._link_types, self._scales, *tables)

    def result(self, decimal_places: int) -> dict[str, Any]:
        """Return what was counted, by field of `CaptureInfo`; None for tables that are not asked for. Times have so
        many decimal places, 9 at most."""
        times = _Times(min(decimal_places, 9), self._zone)
        conversations = talkers = protocols = None
        if self._wanted.conversations:
            between_addresses = partial(_conversation, times=times, with_ports=False)
            between_ports = partial(_conversation, times=times, with_ports=True)
            conversations = Conversations(
                ip=_traffic_list(self._ip, times, between_addresses),
                tcp=_traffic_list(self._tcp, times, between_ports),
                udp=_traffic_list(self._udp, times, between_ports),
            )
        if self._wanted.talkers:
            talkers = _traffic_list(self._hosts, times, partial(_talker, times=times))
        if self._wanted.protocols:
            protocols = _protocol_list(self._paths, times)
        return {"conversations": conversations, "talkers": talkers, "protocols": protocols}


class _Times:
    """Makes times of nanoseconds since 1970."""

    def __init__(self, decimal_places: int, zone: TimeZone) -> None:
        from fractions import Fraction  # slow to import, and rarely needed

        self._fraction = Fraction
        self._decimal_places = decimal_places
        self._zone = zone

    def instants(self, first: int | None, last: int | None) -> tuple[Instant | None, Instant | None]:
        """The two times; None for None."""
        return self._instant(first), self._instant(last)

    def _instant(self, ns: int | None) -> Instant | None:
        if ns is None:
            return None
        seconds = self._fraction(ns, NANOSECONDS)
        return Instant(seconds, format_instant(seconds, self._decimal_places, self._zone))


def _scale(interface: Interface) -> tuple[int, int, int, int, int]:
    if interface.time_error:
        return _UNKNOWN_TIME
    return nanosecond_scale(interface.ticks_per_second, interface.time_offset)


def _traffic_list(table: Any, times: _Times, make: Callable[[Entry], Listed]) -> TrafficList[Listed]:
    """The entries of a table with the most packets, then bytes, then those that came first; the rest as others."""
    listed = nlargest(MOST_ENTRIES, table, key=lambda entry: (entry[2] + entry[4], entry[3] + entry[5]))
    rest: Iterable[Counts] = [table.others]
    if len(table) > len(listed):
        keys = {entry[0] for entry in listed}
        rest = chain(rest, (entry[2:] for entry in table if entry[0] not in keys))
    complete = not table.others[0] + table.others[2]
    return TrafficList([make(entry) for entry in listed], len(table), complete, _others(rest, times))


def _others(rest: Iterable[Counts], times: _Times) -> Others:
    packets = size = 0
    first, last = None, None
    for counts in rest:
        packets += counts[0] + counts[2]
        size += counts[1] + counts[3]
        first, last = _earlier(first, counts[4]), _later(last, counts[5])
    return Others(packets, size, *times.instants(first, last))


def _earlier(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _later(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else max(a, b)


def _address(version: int, value: bytes) -> str:
    return ip_text(ip_address(value, TYPE_OF_IP[version]))


def _conversation(entry: Entry, times: _Times, *, with_ports: bool) -> Conversation:
    key, direction, packets, size, packets_back, bytes_back, first, last = entry
    ends = [
        (_address(key[0], key[at : at + 16]), int.from_bytes(key[port : port + 2]) if with_ports else None)
        for at, port in ((1, 33), (17, 35))
    ]
    directions = [(packets, size), (packets_back, bytes_back)]
    if direction:
        ends.reverse()
        directions.reverse()
    (packets_from_a, bytes_from_a), (packets_from_b, bytes_from_b) = directions
    return Conversation(
        *ends[0],
        *ends[1],
        packets_from_a + packets_from_b,
        bytes_from_a + bytes_from_b,
        packets_from_a,
        bytes_from_a,
        packets_from_b,
        bytes_from_b,
        *times.instants(first, last),
    )


def _talker(entry: Entry, times: _Times) -> Talker:
    key, _, sent, bytes_sent, received, bytes_received, first, last = entry
    return Talker(
        _address(key[0], key[1:17]),
        sent + received,
        bytes_sent + bytes_received,
        sent,
        bytes_sent,
        received,
        bytes_received,
        *times.instants(first, last),
    )


def _protocol_list(table: Any, times: _Times) -> TrafficList[ProtocolEntry]:
    """All beginnings of the paths in a table, as a tree: below each one those that go on from it, largest first."""
    nodes: dict[bytes, list[Any]] = {}
    for key, _, packets, size, _, _, first, last in table:
        path = _without_extensions(key[:MOST_IN_PATH].rstrip(b"\0"))
        for length in range(1, len(path) + 1) if path else (0,):
            node = nodes.setdefault(path[:length], [0, 0, None, None])
            node[0] += packets
            node[1] += size
            node[2], node[3] = _earlier(node[2], first), _later(node[3], last)
    entries = [
        ProtocolEntry(
            path_text(path),
            node[0],
            node[1],
            *times.instants(node[2], node[3]),
        )
        for path, node in sorted(nodes.items(), key=lambda each: _place_in_tree(each[0], nodes))
    ]
    complete = not table.others[0]
    return TrafficList(entries, len(entries), complete, _others([table.others], times))


def _without_extensions(path: bytes) -> bytes:
    """The codes of a path without the extension headers of IPv6, which are no protocols of their own in `io,phs`."""
    kept, ip = bytearray(), 0
    for code in path:
        if code in (IPV4, IPV6):
            ip = code
        if code not in _EXTENSIONS and not (code == AH and ip == IPV6):
            kept.append(code)
    return bytes(kept)


def _place_in_tree(path: bytes, nodes: dict[bytes, list[Any]]) -> list[tuple[int, int]]:
    """What sorts the nodes of a tree: for each part of the path, the one with more packets first."""
    if not path:
        return [(-nodes[path][0], 0)]
    return [(-nodes[path[:length]][0], path[length - 1]) for length in range(1, len(path) + 1)]
