"""Finding packets in the bytes of a capture: the interpreted kernels `index_pcap` and `index_pcapng`.

Strategy: one short loop walks from packet to packet; the fields of all headers are then cut out of their joined bytes
by slices with a stride, and go into the columns as one slice each, in half the time of unpacking header by header.
They stop at anything that is not a whole packet, and leave it to the reader to find out what it is.
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import ENHANCED, FULL, MORE, NOT_A_RECORD, OBSOLETE, SIMPLE
from pcapconv.kernels.interpreted.checks import check_columns
from pcapconv.kernels.interpreted.columns_as_integers import (
    column,
    digits,
    join_halves,
    ones_for,
    signed_column,
    split_halves,
    words,
)

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_PAIR = {True: Struct(">II"), False: Struct("<II")}
_WORD = {True: Struct(">I"), False: Struct("<I")}
_MAX_UINT32 = 2**32 - 1
_GROUP = 128
_SHORTEST_BLOCK = {SIMPLE: 16, OBSOLETE: 32}
_SECONDS_AND_CAPTURED = {True: Struct(">I4xI"), False: Struct("<I4xI")}
_ALIGNED = 2**64 - 4
_MAGICS = (0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0x1C0001AC, 0x1C0001AB)  # of pcap
_FILE_BEGINNINGS = {
    magic.to_bytes(4, order) + major.to_bytes(2, order) + minor.to_bytes(2, order)
    for order in ("little", "big")
    for magic in _MAGICS
    for major, minor in ((2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (543, 0))
}
_MAGIC_SECONDS = {int.from_bytes(magic.to_bytes(4, "big"), order) for magic in _MAGICS for order in ("little", "big")}


def index_pcap(
    buffer: bytes | bytearray,
    start: int,
    stop: int,
    columns: Columns,
    big: bool,
    header_size: int,
    swap: int,
    ticks_per_second: int,
) -> tuple[int, int, int, int]:
    """Find the pcap records in `buffer[start:stop]`.

    `header_size` is 16 or 24 bytes. `swap` says whether a record states its two lengths in the other order: 0 never,
    1 where the captured length would exceed the original one, 2 always. Fills the record, data, length and ticks
    columns, and leaves the others as they are. Stops at what may not be a record: a header of zeros, or the magic
    number and version with which a pcap file begins. Returns (rows; the offset of the next record; MORE, FULL or
    NOT_A_RECORD; how many records have a fraction field of a second or more).
    """
    if header_size < 16 or not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    check_columns(columns, columns.capacity)
    offset, rows, long_fractions = start, 0, 0
    while True:
        room = min(_GROUP, columns.capacity - rows)
        count, offset, status, long_in_group = _index_pcap(
            buffer, offset, stop, columns, rows, room, big, header_size, swap, ticks_per_second
        )
        rows += count
        long_fractions += long_in_group
        if status != FULL or rows == columns.capacity:
            return rows, offset, status, long_fractions


def _index_pcap(
    buffer: bytes | bytearray,
    offset: int,
    stop: int,
    columns: Columns,
    first: int,
    capacity: int,
    big: bool,
    header_size: int,
    swap: int,
    ticks_per_second: int,
) -> tuple[int, int, int, int]:
    """Do `index_pcap` for at most `capacity` records, whose rows begin at `first`."""
    record_offsets: list[int] = []
    add = record_offsets.append
    status = MORE
    last = stop - header_size
    longest = _MAX_UINT32 - header_size
    zeros = bytes(header_size)
    unpack, pair = _SECONDS_AND_CAPTURED[big].unpack_from, _PAIR[big].unpack_from
    while offset <= last:
        if len(record_offsets) == capacity:
            status = FULL
            break
        seconds, captured = unpack(buffer, offset)
        if not seconds and not captured and buffer[offset : offset + header_size] == zeros:
            status = NOT_A_RECORD
            break
        if seconds in _MAGIC_SECONDS and bytes(buffer[offset : offset + 8]) in _FILE_BEGINNINGS:
            status = NOT_A_RECORD
            break
        if swap:
            stated, other = pair(buffer, offset + 8)
            captured = _choose_captured(stated, other, swap)
        if captured > last - offset or captured > longest:
            break
        add(offset)
        offset += header_size + captured
    rows = len(record_offsets)
    seconds, fractions, captured_length, original_length = words(buffer, record_offsets, 4, big)
    for row in range(rows if swap else 0):
        stated, other = captured_length[row], original_length[row]
        captured_length[row] = _choose_captured(stated, other, swap)
        original_length[row] = stated + other - captured_length[row]
    end = first + rows
    offsets, ones = array("q", record_offsets), ones_for(rows)
    columns.record_at[first:end] = offsets
    columns.record_length[first:end] = split_halves(column(digits(captured_length) + header_size * ones, rows))[0]
    columns.data_at[first:end] = signed_column(digits(offsets) + header_size * ones, rows)
    columns.captured_length[first:end] = captured_length
    columns.original_length[first:end] = original_length
    columns.ticks[first:end] = column(digits(seconds) * ticks_per_second + digits(fractions), rows)
    long_fractions = (
        sum(fraction >= ticks_per_second for fraction in fractions)
        if rows and max(fractions) >= ticks_per_second
        else 0
    )
    return rows, offset, status, long_fractions


def _choose_captured(stated: int, other: int, swap: int) -> int:
    """Return the captured one of a record's two lengths, given in the order in which they stand."""
    return other if swap == 2 or stated > other else stated


def index_pcapng(
    buffer: bytes | bytearray,
    start: int,
    stop: int,
    columns: Columns,
    big: bool,
    interfaces: int,
    snaplen: int,
) -> tuple[int, int, int]:
    """Find the packet blocks that follow each other from `buffer[start]` on, up to `stop`.

    `interfaces` is how many the section has declared so far; `snaplen` is that of interface 0, from which the captured
    length of a Simple Packet follows, 0 for no limit. Fills all columns. Stops with NOT_A_RECORD at any other block,
    and at a packet block that is not sound: wrong lengths, or an interface that was not declared. Returns (rows; the
    offset of the next block; MORE, FULL or NOT_A_RECORD).
    """
    if not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    check_columns(columns, columns.capacity)
    offset, rows = start, 0
    while True:
        room = min(_GROUP, columns.capacity - rows)
        count, offset, status = _index_pcapng(buffer, offset, stop, columns, rows, room, big, interfaces, snaplen)
        rows += count
        if status != FULL or rows == columns.capacity:
            return rows, offset, status


def _index_pcapng(  # noqa: C901 - one loop, as fast as it can be
    buffer: bytes | bytearray,
    offset: int,
    stop: int,
    columns: Columns,
    first: int,
    capacity: int,
    big: bool,
    interfaces: int,
    snaplen: int,
) -> tuple[int, int, int]:
    """Do `index_pcapng` for at most `capacity` blocks, whose rows begin at `first`."""
    unpack, word = _PAIR[big].unpack_from, _WORD[big].unpack_from
    block_offsets: list[int] = []
    add = block_offsets.append
    status = MORE
    only_enhanced = True
    while stop - offset >= 12:
        if len(block_offsets) == capacity:
            status = FULL
            break
        block_type, length = unpack(buffer, offset)
        shortest = 32
        if block_type != ENHANCED:
            only_enhanced = False
            shortest = _SHORTEST_BLOCK.get(block_type, _MAX_UINT32)
        after = offset + length
        if length & 3 or shortest == _MAX_UINT32:
            status = NOT_A_RECORD
            break
        if after > stop:
            break
        if length < shortest or word(buffer, after - 4)[0] != length:
            status = NOT_A_RECORD
            break
        add(offset)
        offset = after
    types, lengths, interface, high, low, captured_length, original_length = words(buffer, block_offsets, 7, big)
    others = [] if only_enhanced else [(row, each) for row, each in enumerate(types) if each != ENHANCED]
    short: list[int] = []  # Simple Packets that claim more than their block holds
    for row, record_type in others:
        if record_type == OBSOLETE:  # its interface has 16 bits, a drop count beside it
            interface[row] = interface[row] >> 16 if big else interface[row] & 0xFFFF
            continue
        (original,) = word(buffer, block_offsets[row] + 8)
        original_length[row] = original
        captured_length[row] = min(original, snaplen or original)
        if captured_length[row] > lengths[row] - 16:
            captured_length[row] = 0
            short.append(row)
        interface[row] = high[row] = low[row] = 0
    rows = len(block_offsets)
    offsets, ones = array("q", block_offsets), ones_for(rows)
    padded = digits(captured_length) + 3 * ones & _ALIGNED * ones
    data_at = signed_column(digits(offsets) + 28 * ones, rows)
    options_at = signed_column(digits(offsets) + 28 * ones + padded, rows)
    # 2^32 is added so that no digit is negative; the high half is 0 if the packet claims more than its block holds.
    options_length, sound = split_halves(column(digits(lengths) + (2**32 - 32) * ones - padded, rows))
    for row, record_type in others:
        if record_type == SIMPLE:
            data_at[row] = block_offsets[row] + 12
            options_at[row], options_length[row] = block_offsets[row], 0
            sound[row] = 1
    for row in short:
        sound[row] = 0
    if rows and (min(sound) < 1 or max(interface) >= interfaces):
        rows = next(row for row in range(rows) if sound[row] < 1 or interface[row] >= interfaces)
        offset, status = block_offsets[rows], NOT_A_RECORD
    end = first + rows
    columns.record_at[first:end] = offsets[:rows]
    columns.record_length[first:end] = lengths[:rows]
    columns.record_type[first:end] = array("B", types[:rows])
    columns.data_at[first:end] = data_at[:rows]
    columns.captured_length[first:end] = captured_length[:rows]
    columns.original_length[first:end] = original_length[:rows]
    columns.ticks[first:end] = join_halves(high, low)[:rows]
    columns.interface[first:end] = interface[:rows]
    columns.options_at[first:end] = options_at[:rows]
    columns.options_length[first:end] = options_length[:rows]
    return rows, offset, status
