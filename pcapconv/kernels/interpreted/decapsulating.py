"""Taking packets out of tunnels: the interpreted kernel `decapsulate`.

Strategy: only columns change. The packet in the outermost tunnel becomes the packet, by its place and its two lengths,
and is then read anew, as whoever reads the output will read it, until the outermost tunnel is of none of the kinds.
Each time at least the header of an outer packet has gone, so that the work is bounded by the packet's length.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.kernels.contract import (
    DECAPSULATED,
    INNER_LINK_TYPES,
    OPTIONS_CHANGE,
    TARGETS,
    TUNNEL_COUNTS,
    UNDECLARED,
)
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.headers import outermost_tunnel
from pcapconv.spec.pcapng import FCS_LENGTH_IN_FLAGS, PACKET_FLAGS, PACKET_HASH

if TYPE_CHECKING:
    from typing import Literal

    from pcapconv.columns import Columns

_MAX_UINT32 = 2**32 - 1


def decapsulate(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    link_types: array[int],
    kinds: int,
    new_ids: array[int],
    only: bool,
    big: bool,
    marks: bytearray,
    tunnels: array[int],
) -> tuple[int, int]:
    """Take the packets of the rows from `first` up to `stop` out of tunnels, and set the interface of every row.

    `link_types` has the link type of each interface. `kinds` has a bit for the code of each kind of tunnels. `new_ids`,
    `tunnels` and the values of `marks` are as in `contract`; a row in no such tunnel gets the mark 0. With `only`,
    these rows stay as they are. A row that comes out of a tunnel has no record any more.

    Returns (the first row that is not done, the index in `new_ids` of the id that it lacks); or (`stop`, 0).
    """
    check_columns(columns, stop)
    check_table(link_types, 0)
    check_table(new_ids, TARGETS * len(link_types))
    check_table(tunnels, TUNNEL_COUNTS)
    if not 0 <= first <= stop <= len(marks):
        raise ValueError("the range lies outside the marks")
    for row in range(first, stop):
        number, at, captured = columns.interface[row], columns.data_at[row], columns.captured_length[row]
        if number >= len(link_types) or not 0 <= at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        packet = _Packet(at, captured, columns.original_length[row], link_types[number])
        passed, packet = _out_of_tunnels(buffer, packet, kinds)
        marks[row] = 0
        if only and not passed:
            continue
        index = TARGETS * number + (1 + INNER_LINK_TYPES.index(packet.link_type) if passed else 0)
        if new_ids[index] == UNDECLARED:
            return row, index
        if new_ids[index] > _MAX_UINT32:
            raise ValueError(f"row {row} has no room for interface {new_ids[index]}")
        if passed:
            marks[row] = OPTIONS_CHANGE if _options_change(buffer, columns, row, big) else DECAPSULATED
            columns.data_at[row], columns.captured_length[row], columns.original_length[row] = packet[:3]
            columns.record_length[row] = 0
            for kind in passed:
                tunnels[kind] += 1
        columns.interface[row] = new_ids[index]
    return stop, 0


class _Packet(NamedTuple):
    """A packet, or the one in a tunnel: where it begins in the buffer, both its lengths, and its link type."""

    at: int
    captured: int
    original: int
    link_type: int


def _out_of_tunnels(buffer: bytes | bytearray, packet: _Packet, kinds: int) -> tuple[list[int], _Packet]:
    """The kinds of the tunnels that a packet comes out of, and what comes out of them."""
    passed: list[int] = []
    while True:
        data = memoryview(buffer)[packet.at : packet.at + packet.captured]
        tunnel = outermost_tunnel(data, packet.original, packet.link_type)
        if not tunnel or not kinds >> tunnel["tunnel"] & 1 or not tunnel["inner_length"]:
            return passed, packet
        passed.append(tunnel["tunnel"])
        lengths = tunnel["inner_captured"], tunnel["inner_length"]
        packet = _Packet(packet.at + tunnel["inner_at"], *lengths, tunnel["inner_link_type"])


def _options_change(buffer: bytes | bytearray, columns: Columns, row: int, big: bool) -> bool:
    """Whether the options of a row have a hash, or flags that state a frame check sequence."""
    order: Literal["big", "little"] = "big" if big else "little"
    begin, length = columns.options_at[row], columns.options_length[row]
    if length and not 0 <= begin <= len(buffer) - length:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    raw, at = buffer[begin : begin + length] if length else b"", 0
    while at + 4 <= len(raw):
        code, size = int.from_bytes(raw[at : at + 2], order), int.from_bytes(raw[at + 2 : at + 4], order)
        if code == 0 or size + 4 > len(raw) - at:
            break
        if code == PACKET_HASH:
            return True
        if code == PACKET_FLAGS and size == 4:
            flags = int.from_bytes(raw[at + 4 : at + 8], order)
            if flags & FCS_LENGTH_IN_FLAGS:
                return True
        at += size + 7 & ~3
    return False
