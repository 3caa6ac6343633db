"""The kernels, interpreted: the readable reference for `compiled.pyx`, and what runs where that was not built.

Common parameters: `buffer` holds the packets, `columns` describe them (`pcapconv.columns.Columns`), one row for each
packet. A kernel works on the first `rows` of them, or on those from `first` up to but without `stop`; it writes into
`out` from `offset` on. Every kernel raises ValueError for arguments with which it would leave a buffer, a column or a
table.

Strategy: one short loop walks from packet to packet; the fields of all headers are then cut out of their joined bytes
by slices with a stride, and go into the columns as one slice each, in half the time of unpacking header by header.
Columns are added up as long integers with a digit for each row, which takes no loop (`_digits`). Groups of ordinary
packets are encoded column by column in the same way, a third faster than packet by packet; all other groups are
encoded in a loop over their packets. The index kernels stop at anything that is not a whole packet, and leave it to
the reader to find out what it is.
`compiled.pyx` must do the same as this module, to the last bit and on any input, with one exception: it checks only
the columns that a kernel uses, this module checks all of them.

Formats: draft-ietf-opsawg-pcap, "Packet Record"; draft-ietf-opsawg-pcapng, "Enhanced Packet Block", "Simple Packet
Block", and "Packet Block (obsolete)".
"""

from __future__ import annotations

import heapq
import operator
from array import array
from bisect import bisect_right
from collections import defaultdict, deque
from itertools import compress, repeat
from struct import Struct, unpack
from sys import byteorder
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.kernels.contract import (
    AFTER_2106,
    BEFORE_1970,
    BEYOND,
    CUT,
    ENC,
    EXACT_SCALE,
    FILTER_MEMORY,
    FINER,
    FINGERPRINT,
    FULL,
    LIMIT,
    LINUX_SLL,
    LINUX_SLL2,
    MORE,
    MOST_TICKS,
    NANOSECOND_SCALE,
    NFLOG,
    NOT_A_RECORD,
    NULL,
    OPTION_COUNTS,
    OPTION_SUMS,
    OVERRUNS,
    PFLOG,
    RANGE,
    SCALE,
    SHIFT,
    TOTALS,
    UNKNOWN,
    UNREADABLE,
    USB_LINUX,
    USB_LINUX_MMAPPED,
)
from pcapconv.kernels.interpreted_chains import (
    find_blocks,
    find_container,
    find_records,
    first_unsound,
    follow_records,
)
from pcapconv.kernels.interpreted_headers import read_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, Protocol

    from pcapconv.columns import Columns

    class ByteStore(Protocol):
        """Bytes by their positions, for those that a RepeatWindow does not hold in memory."""

        def write(self, position: int, data: bytes, oldest: int) -> None:
            """Store bytes behind all others. Those before the position `oldest` are no longer needed."""

        def read(self, position: int, length: int) -> bytes:
            """Return stored bytes."""

    Description = tuple[type, object, tuple[int, int, int, int, int]]  # what `describe` of PacketRows gives

BytesLike = bytes | bytearray | memoryview

NAME = "interpreted"

__all__ = [
    "find_blocks",
    "find_container",
    "find_records",
    "first_unsound",
    "follow_records",
    "read_headers",
]  # from interpreted_chains and interpreted_headers

_SIMPLE, _OBSOLETE, _ENHANCED = 3, 2, 6
_COMMENT = 1
_SHORTEST_BLOCK = {_SIMPLE: 16, _OBSOLETE: 32}
_RECORD = {True: Struct(">IIII"), False: Struct("<IIII")}
_PACKET = {True: Struct(">IIIIIII"), False: Struct("<IIIIIII")}
_TRIPLE = {True: Struct(">III"), False: Struct("<III")}
_PAIR = {True: Struct(">II"), False: Struct("<II")}
_WORD = {True: Struct(">I"), False: Struct("<I")}
_ENTRY = {True: Struct(">HH"), False: Struct("<HH")}
_SECONDS_AND_CAPTURED = {True: Struct(">I4xI"), False: Struct("<I4xI")}
_MAX_UINT32 = 2**32 - 1
_MAX_INT64 = 2**63 - 1
_MAX_UINT64 = 2**64 - 1
_ALIGNED = 2**64 - 4
_GROUP = 128
_MOST_BYTES_HELD = 2**24
_MODULUS = 2**64 - 59  # the largest prime that 64 bits hold
_FINGERPRINT = Struct(">HII")
_TWO_WORDS = Struct(">QQ")
_BIG_ENDIAN_UINT16 = Struct(">H")

# Fields of headers in host order: (offset, size) in bytes.
_ENC_FIELDS = (0, 4), (8, 4)  # address family, flags; between them the SPI, which is big-endian
_PFLOG_FIELDS = (44, 4), (48, 4), (52, 4), (56, 4)  # uid, pid, rule_uid, rule_pid
_CAN_FIELDS = {
    0x000C: ((0, 4),),  # CAN: the id
    0x000D: ((0, 4),),  # CAN FD: the id
    0x000E: ((0, 4), (6, 2), (8, 4)),  # CAN XL: priority and VCID, payload length, acceptance field
}
_USB_FIELDS = (0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)  # URB id, bus, time, status, lengths
_USB_ISOCHRONOUS_FIELDS = (40, 4), (44, 4)  # of isochronous transfers: errors, descriptors
_USB_MAPPED_FIELDS = (48, 4), (52, 4), (56, 4), (60, 4)  # interval, start frame, flags, captured descriptors
_USB_TRANSFER_TYPE_AT, _ISOCHRONOUS = 9, 0
_USB_DESCRIPTORS_AT, _USB_DESCRIPTOR_SIZE = 64, 16
_USB_DESCRIPTOR = (0, 4), (4, 4), (8, 4)  # status, offset, length

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
    _check_columns(columns, columns.capacity)
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
    seconds, fractions, captured_length, original_length = _words(buffer, record_offsets, 4, big)
    for row in range(rows if swap else 0):
        stated, other = captured_length[row], original_length[row]
        captured_length[row] = _choose_captured(stated, other, swap)
        original_length[row] = stated + other - captured_length[row]
    end = first + rows
    offsets, ones = array("q", record_offsets), _ones(rows)
    columns.record_at[first:end] = offsets
    columns.record_length[first:end] = _split_halves(_column(_digits(captured_length) + header_size * ones, rows))[0]
    columns.data_at[first:end] = _signed_column(_digits(offsets) + header_size * ones, rows)
    columns.captured_length[first:end] = captured_length
    columns.original_length[first:end] = original_length
    columns.ticks[first:end] = _column(_digits(seconds) * ticks_per_second + _digits(fractions), rows)
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
    _check_columns(columns, columns.capacity)
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
        if block_type != _ENHANCED:
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
    types, lengths, interface, high, low, captured_length, original_length = _words(buffer, block_offsets, 7, big)
    others = [] if only_enhanced else [(row, each) for row, each in enumerate(types) if each != _ENHANCED]
    short: list[int] = []  # Simple Packets that claim more than their block holds
    for row, record_type in others:
        if record_type == _OBSOLETE:  # its interface has 16 bits, a drop count beside it
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
    offsets, ones = array("q", block_offsets), _ones(rows)
    padded = _digits(captured_length) + 3 * ones & _ALIGNED * ones
    data_at = _signed_column(_digits(offsets) + 28 * ones, rows)
    options_at = _signed_column(_digits(offsets) + 28 * ones + padded, rows)
    # 2^32 is added so that no digit is negative; the high half is 0 if the packet claims more than its block holds.
    options_length, sound = _split_halves(_column(_digits(lengths) + (2**32 - 32) * ones - padded, rows))
    for row, record_type in others:
        if record_type == _SIMPLE:
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
    columns.ticks[first:end] = _join_halves(high, low)[:rows]
    columns.interface[first:end] = interface[:rows]
    columns.options_at[first:end] = options_at[:rows]
    columns.options_length[first:end] = options_length[:rows]
    return rows, offset, status


def encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    scales: array[int],
    counts: array[int],
) -> tuple[int, int, int]:
    """Write the rows as pcap records.

    `scales` has SCALE values for each interface: ticks per second; the factor and the divisor that turn a fraction of
    a second from ticks into the file's time unit; the time offset in seconds, without its sign; 1 if that is negative;
    a spare. Adds to `counts`: times whose digits were cut, packets without a time; its third value becomes the longest
    captured length, if that is longer. Returns (the next row; the next offset in `out`; MORE if all rows are done, else
    FULL, BEFORE_1970 or AFTER_2106 for that next row).
    """
    room, interfaces = len(out), len(scales) // SCALE
    if first < 0 or not 0 <= offset <= room:
        raise ValueError("the range lies outside the buffer")
    _check_columns(columns, stop)
    _check_table(scales, 0)
    _check_table(counts, 3)
    entries = [tuple(scales[begin : begin + 5]) for begin in range(0, interfaces * SCALE, SCALE)]
    if any(per_second == 0 or divisor == 0 for per_second, _, divisor, *_ in entries):
        raise ValueError("a scale table divides by 0")
    row, status = first, MORE
    while row < stop and status == MORE:
        group = min(stop, row + _GROUP)
        records = _plain_records(buffer, columns, row, group, big, entries)
        if records is None or offset + len(records) > room:
            row, offset, status = _encode_pcap(buffer, columns, row, group, out, offset, big, entries, counts)
            continue
        out[offset : offset + len(records)] = records
        counts[2] = max(counts[2], *columns.captured_length[row:group])
        row, offset = group, offset + len(records)
    return row, offset, status


def _encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    entries: list[tuple[int, ...]],
    counts: array[int],
) -> tuple[int, int, int]:
    """Do `encode_pcap` packet by packet, which works for any rows. `entries` are those of the scale table."""
    size, room = len(buffer), len(out)
    pack = _RECORD[big].pack_into
    row = first
    for record_type, data_at, captured, original, ticks, interface in zip(
        columns.record_type[first:stop],
        columns.data_at[first:stop],
        columns.captured_length[first:stop],
        columns.original_length[first:stop],
        columns.ticks[first:stop],
        columns.interface[first:stop],
    ):
        if data_at < 0 or data_at > size - captured or interface >= len(entries):
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        if offset + 16 + captured > room:
            return row, offset, FULL
        if record_type == _SIMPLE:
            seconds = fraction = 0
            counts[1] += 1
        else:
            per_second, factor, divisor, offset_seconds, negative = entries[interface]
            seconds, fraction = divmod(ticks, per_second)
            fraction, remainder = divmod(fraction * factor, divisor)
            counts[0] += remainder != 0
            seconds += -offset_seconds if negative else offset_seconds
            if not 0 <= seconds <= _MAX_UINT32:
                return row, offset, BEFORE_1970 if seconds < 0 else AFTER_2106
        pack(out, offset, seconds, fraction, captured, original)
        out[offset + 16 : offset + 16 + captured] = buffer[data_at : data_at + captured]
        counts[2] = max(counts[2], captured)
        offset += 16 + captured
        row += 1
    return row, offset, MORE


def _plain_records(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, big: bool, entries: list[tuple[int, ...]]
) -> bytes | None:
    """Encode ordinary rows as pcap records, column by column: all of one interface, whose ticks need no division.

    None if they are not ordinary, or if a row has to be refused."""
    interface = columns.interface[first]
    rows = stop - first
    same = columns.interface[first:stop] == array("I", [interface]) * rows
    if not same or interface >= len(entries) or _SIMPLE in columns.record_type[first:stop].tobytes():
        return None
    per_second, factor, divisor, offset_seconds, _ = entries[interface]
    packets = _slices(buffer, columns, first, stop)
    if divisor != 1 or offset_seconds or packets is None:
        return None
    seconds, fractions = zip(*map(divmod, columns.ticks[first:stop], repeat(per_second)))
    if max(seconds) > _MAX_UINT32:
        return None
    words = array("I", bytes(16 * rows))
    words[0::4] = array("I", seconds)
    words[1::4] = array("I", fractions if factor == 1 else [part * factor for part in fractions])
    words[2::4] = columns.captured_length[first:stop]
    words[3::4] = columns.original_length[first:stop]
    pieces: list[bytes | bytearray] = [b""] * (2 * rows)
    pieces[0::2] = _headers(words, rows, big)
    pieces[1::2] = packets
    return b"".join(pieces)


def copy_records(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, out: bytearray, offset: int
) -> tuple[int, int, int]:
    """Copy the rows' records as they stand in `buffer`.

    Returns (the next row; the next offset in `out`; MORE if all rows are done, else FULL).
    """
    size, room = len(buffer), len(out)
    if first < 0 or not 0 <= offset <= room:
        raise ValueError("the range lies outside the buffer")
    _check_columns(columns, stop)
    row = first
    for record_at, length in zip(columns.record_at[first:stop], columns.record_length[first:stop]):
        if record_at < 0 or record_at > size - length:
            raise ValueError(f"row {row} lies outside its buffer")
        if offset + length > room:
            return row, offset, FULL
        out[offset : offset + length] = buffer[record_at : record_at + length]
        offset += length
        row += 1
    return row, offset, MORE


def encode_pcapng(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    copy: bool,
) -> tuple[int, int, int]:
    """Write the rows as Enhanced Packet Blocks, with their options.

    Simple Packets, which have no time, stay Simple Packet Blocks. With `copy`, the records of rows that have one
    (`record_length` is not 0) are copied as they are. Returns (the next row; the next offset in `out`; MORE if all rows
    are done, else FULL).
    """
    room = len(out)
    if first < 0 or not 0 <= offset <= room:
        raise ValueError("the range lies outside the buffer")
    _check_columns(columns, stop)
    row, status = first, MORE
    tails = _Tails(big)
    while row < stop and status == MORE:
        group = min(stop, row + _GROUP)
        blocks = None if copy else _plain_blocks(buffer, columns, row, group, big, tails)
        if blocks is None or offset + len(blocks) > room:
            row, offset, status = _encode_pcapng(buffer, columns, row, group, out, offset, big, copy)
            continue
        out[offset : offset + len(blocks)] = blocks
        row, offset = group, offset + len(blocks)
    return row, offset, status


def _encode_pcapng(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    copy: bool,
) -> tuple[int, int, int]:
    """Do `encode_pcapng` packet by packet, which works for any rows."""
    size, room = len(buffer), len(out)
    pack, pack_simple, word = _PACKET[big].pack, _TRIPLE[big].pack, _WORD[big].pack
    row = first
    for (
        record_at,
        record_length,
        record_type,
        data_at,
        captured,
        original,
        ticks,
        interface,
        options_at,
        options,
    ) in zip(
        columns.record_at[first:stop],
        columns.record_length[first:stop],
        columns.record_type[first:stop],
        columns.data_at[first:stop],
        columns.captured_length[first:stop],
        columns.original_length[first:stop],
        columns.ticks[first:stop],
        columns.interface[first:stop],
        columns.options_at[first:stop],
        columns.options_length[first:stop],
    ):
        if copy and record_length:
            total, sound, options = record_length, 0 <= record_at <= size - record_length, 0
        elif record_type == _SIMPLE:
            total, options = 16 + (captured + 3 & ~3), 0
            sound = 0 <= data_at <= size - captured and total <= _MAX_UINT32
        else:
            total = 32 + (captured + 3 & ~3) + options
            sound = 0 <= data_at <= size - captured and not options & 3 and total <= _MAX_UINT32
        if sound and offset + total > room:
            return row, offset, FULL
        if not sound or (options and not 0 <= options_at <= size - options):
            raise ValueError(f"row {row} lies outside its buffer, or its block would be longer than 4 GiB")
        if copy and record_length:
            block = buffer[record_at : record_at + record_length]
        else:
            if record_type == _SIMPLE:
                block = pack_simple(_SIMPLE, total, original)
            else:
                block = pack(_ENHANCED, total, interface, ticks >> 32, ticks & _MAX_UINT32, captured, original)
            block += buffer[data_at : data_at + captured] + bytes(-captured & 3)
            block += buffer[options_at : options_at + options] + word(total)
        out[offset : offset + total] = block
        offset += total
        row += 1
    return row, offset, MORE


class _Tails(dict[int, bytes]):
    """The end of a block without options, by captured length: padding, and the block's length again."""

    def __init__(self, big: bool) -> None:
        self._word = _WORD[big].pack

    def __missing__(self, captured: int) -> bytes:
        self[captured] = tail = bytes(-captured & 3) + self._word(32 + (captured + 3 & ~3))
        return tail


def _plain_blocks(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, big: bool, tails: _Tails
) -> bytes | None:
    """Encode ordinary rows as Enhanced Packet Blocks, column by column: without options, and no Simple Packets.

    None if they are not ordinary, or if a row has to be refused."""
    rows = stop - first
    captured = columns.captured_length[first:stop]
    packets = _slices(buffer, columns, first, stop)
    if packets is None or max(captured) > _MAX_UINT32 - 35 or any(columns.options_length[first:stop]):
        return None
    if _SIMPLE in columns.record_type[first:stop].tobytes():
        return None
    ones = _ones(rows)
    low, high = _split_halves(columns.ticks[first:stop])
    words = array("I", bytes(28 * rows))
    words[0::7] = array("I", [_ENHANCED]) * rows
    words[1::7] = _split_halves(_column((_digits(captured) + 3 * ones & _ALIGNED * ones) + 32 * ones, rows))[0]
    words[2::7] = columns.interface[first:stop]
    words[3::7] = high
    words[4::7] = low
    words[5::7] = captured
    words[6::7] = columns.original_length[first:stop]
    pieces: list[bytes | bytearray] = [b""] * (3 * rows)
    pieces[0::3] = _headers(words, rows, big)
    pieces[1::3] = packets
    pieces[2::3] = [tails[length] for length in captured]
    return b"".join(pieces)


def _slices(buffer: bytes | bytearray, columns: Columns, first: int, stop: int) -> list[bytes | bytearray] | None:
    """The bytes of each packet; None if one lies outside the buffer."""
    begins = columns.data_at[first:stop]
    if min(begins) < 0:
        return None
    ends = _column(_digits(begins) + _digits(columns.captured_length[first:stop]), stop - first)
    if max(ends) > len(buffer):
        return None
    return [buffer[begin:end] for begin, end in zip(begins, ends)]


def _headers(words: array[int], rows: int, big: bool) -> tuple[bytes, ...]:
    """The header of each row, of as many words as each has, in the file's byte order."""
    if big != (byteorder == "big"):
        words.byteswap()
    return unpack(f"{4 * len(words) // rows}s" * rows, words)


def rows_in_ranges(columns: Columns, rows: int, ranges: array[int], mask: bytearray) -> int:
    """Set to 0 the `mask` of each row whose time lies outside its interface's range.

    `ranges` has RANGE values for each interface: the lowest ticks; the highest ticks; whether packets without a time
    stay. Returns how many rows have a mask that is not 0.
    """
    _check_columns(columns, rows)
    _check_table(ranges, 0)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    interfaces = len(ranges) // RANGE
    lowest, highest, timeless = ranges[0::RANGE], ranges[1::RANGE], ranges[2::RANGE]
    for row, (record_type, ticks, interface) in enumerate(
        zip(columns.record_type[:rows], columns.ticks[:rows], columns.interface[:rows])
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        if not (timeless[interface] if record_type == _SIMPLE else lowest[interface] <= ticks <= highest[interface]):
            mask[row] = 0
    return rows - mask[:rows].count(0)


def copy_rows(columns: Columns, rows: int, mask: bytearray, into: Columns) -> int:
    """Copy the rows whose `mask` is not 0 to the beginning of `into`, which may be `columns`. Returns how many."""
    _check_columns(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    chosen = mask[:rows]
    count = rows - chosen.count(0)
    _check_columns(into, count)
    for name, typecode in columns.TYPECODES.items():
        getattr(into, name)[:count] = array(typecode, compress(getattr(columns, name)[:rows], chosen))
    return count


def renumber(buffer: bytearray, columns: Columns, rows: int, ids: array[int], big: bool) -> None:
    """Replace each row's interface id by its entry in `ids`, in the column and in the block that states it.

    No block states it for rows without a record (`record_length` is 0), pcap records and Simple Packets.
    """
    _check_columns(columns, rows)
    _check_table(ids, 0)
    interfaces, last = len(ids), len(buffer) - 12
    for row, (record_at, length, record_type, interface) in enumerate(
        zip(
            columns.record_at[:rows], columns.record_length[:rows], columns.record_type[:rows], columns.interface[:rows]
        )
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        number = ids[interface]
        stated = length and record_type in (_OBSOLETE, _ENHANCED)
        if number > (0xFFFF if stated and record_type == _OBSOLETE else _MAX_UINT32):
            raise ValueError(f"row {row} has no room for interface {number}")
        if stated:
            if not 0 <= record_at <= last:
                raise ValueError(f"row {row} lies outside its buffer")
            width = 2 if record_type == _OBSOLETE else 4
            buffer[record_at + 8 : record_at + 8 + width] = number.to_bytes(width, "big" if big else "little")
        columns.interface[row] = number


def cut_packets(columns: Columns, rows: int, front: int, end: int, snaplen: int, adjust: bool) -> int:
    """Cut `front` bytes off each packet's beginning and `end` bytes off its end, and then to `snaplen` bytes at most.

    With `adjust`, the bytes that `front` and `end` take are subtracted from the original length, down to 0. A row that
    changes has no record any more: its `record_length` becomes 0. Returns how many rows changed.
    """
    _check_columns(columns, rows)
    changed = 0
    for row, captured in enumerate(columns.captured_length[:rows]):
        cut = min(front, captured)
        chopped = max(0, captured - cut - end)
        remaining = min(chopped, snaplen)
        if remaining != captured:
            if columns.data_at[row] > _MAX_INT64 - cut:
                raise ValueError(f"row {row} lies outside its buffer")
            columns.data_at[row] += cut
            columns.captured_length[row] = remaining
            columns.record_length[row] = 0
            if adjust:
                columns.original_length[row] = max(0, columns.original_length[row] - (captured - chopped))
            changed += 1
    return changed


def remove_bytes(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    cuts: array[int],
    adjust: bool,
    out: bytearray,
    base: int,
) -> tuple[int, int]:
    """Remove bytes from anywhere in each packet. What remains of a packet in several pieces is joined in `out`, whose
    first byte has the offset `base` for the column `data_at`.

    `cuts` has CUT values for each place: an offset; 1 if it counts from the packet's end, else 0; how many bytes before
    it and how many from it on to remove. A packet that is shorter than an offset has no such place. A byte in several
    places is removed once. With `adjust`, the bytes that are removed are subtracted from the original length, down to
    0. A row that changes has no record any more. Returns (how many rows changed, how many bytes of `out` are used).
    """
    _check_columns(columns, rows)
    _check_table(cuts, 0)
    places = list(zip(cuts[0::CUT], cuts[1::CUT], cuts[2::CUT], cuts[3::CUT]))
    changed = used = 0
    for row, captured in enumerate(columns.captured_length[:rows]):
        pieces = _pieces_without(places, captured)
        remaining = sum(stop - start for start, stop in pieces)
        if remaining == captured:
            continue
        at = columns.data_at[row]
        if not 0 <= at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer")
        if len(pieces) > 1:
            if remaining > len(out) - used:
                raise ValueError(f"no room for row {row}")
            out[used : used + remaining] = b"".join(buffer[at + start : at + stop] for start, stop in pieces)
            columns.data_at[row] = base + used
            used += remaining
        elif pieces:
            columns.data_at[row] = at + pieces[0][0]
        columns.captured_length[row] = remaining
        columns.record_length[row] = 0
        if adjust:
            columns.original_length[row] = max(0, columns.original_length[row] - (captured - remaining))
        changed += 1
    return changed, used


def _pieces_without(places: Sequence[tuple[int, int, int, int]], captured: int) -> list[tuple[int, int]]:
    """The pieces, (start, stop), of `captured` bytes that remain without these places, as `remove_bytes` has them."""
    gaps = []
    for offset, from_end, before, after in places:
        if offset <= captured:
            place = captured - offset if from_end else offset
            gaps.append((place - min(before, place), place + min(after, captured - place)))
    pieces, position = list[tuple[int, int]](), 0
    for start, stop in sorted(gap for gap in gaps if gap[0] < gap[1]):
        if start > position:
            pieces.append((position, start))
        position = max(position, stop)
    return pieces if position == captured else [*pieces, (position, captured)]


def shift_times(columns: Columns, rows: int, shifts: array[int]) -> int:
    """Shift the times of the rows, which have no record any more then; packets without a time stay as they are.

    `shifts` has SHIFT values for each interface: ticks; 0 to add them, 1 to subtract them. Stops at the first row whose
    ticks would leave 64 bits, and returns it; `rows` if all are done.
    """
    _check_columns(columns, rows)
    _check_table(shifts, 0)
    interfaces = len(shifts) // SHIFT
    deltas = [-ticks if down else ticks for ticks, down in zip(shifts[0::SHIFT], shifts[1::SHIFT])]
    for row, (record_type, ticks, interface) in enumerate(
        zip(columns.record_type[:rows], columns.ticks[:rows], columns.interface[:rows])
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        if record_type == _SIMPLE:
            continue
        shifted = ticks + deltas[interface]
        if not 0 <= shifted < 2**64:
            return row
        columns.ticks[row] = shifted
        columns.record_length[row] = 0
    return rows


def to_nanoseconds(columns: Columns, first: int, stop: int, scales: array[int], cut: bool) -> tuple[int, int, int]:
    """Replace the rows' ticks by nanoseconds since 1970, ticks * factor / divisor + addend, and their interface ids.

    `scales` has NANOSECOND_SCALE values for each interface: the factor; the low and the high half of the divisor, 0 if
    the times cannot be determined; the low and the high half of the addend, in two's complement; and the new interface
    id, of 32 bits. One more entry, after the last interface's, is for packets without a time; its id is not used. With
    `cut`, digits finer than a nanosecond are cut. Returns (the row at which it stopped, unchanged, or `stop`; how many
    times were cut; MORE if all rows are done, else UNKNOWN, FINER or BEYOND).
    """
    _check_columns(columns, stop)
    _check_table(scales, NANOSECOND_SCALE)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    entries = _NanosecondScales(scales)
    if _to_nanoseconds_at_once(columns, first, stop, entries):
        return stop, 0, MORE
    cut_times = 0
    for row in range(first, stop):
        number = columns.interface[row]
        if number >= len(entries) - 1:
            raise ValueError(f"row {row} names an interface that is not there")
        factor, divisor, addend, _ = entries[len(entries) - 1 if columns.record_type[row] == _SIMPLE else number]
        if not divisor:
            return row, cut_times, UNKNOWN
        time, remainder = divmod(columns.ticks[row] * factor, divisor)
        if remainder and not cut:
            return row, cut_times, FINER
        if not 0 <= time + addend <= MOST_TICKS:
            return row, cut_times, BEYOND
        cut_times += remainder != 0
        columns.ticks[row], columns.interface[row] = time + addend, entries[number][3]
    return stop, cut_times, MORE


class _NanosecondScales(dict[int, tuple[int, int, int, int]]):
    """(factor, divisor, addend, new interface id) by interface, read from the table when a row first needs them.

    Raises ValueError for a scale with which the 128 bits of the compiled form might not suffice."""

    def __init__(self, scales: array[int]) -> None:
        self._table = scales

    def __len__(self) -> int:
        return len(self._table) // NANOSECOND_SCALE

    def __missing__(self, number: int) -> tuple[int, int, int, int]:
        factor, low, high, addend_low, addend_high, new_id = self._table[
            number * NANOSECOND_SCALE : (number + 1) * NANOSECOND_SCALE
        ]
        addend = (addend_low | addend_high << 64) - (addend_high >> 63 << 128)
        if factor >= 2**62 or not -(2**126) <= addend < 2**126 or new_id > _MAX_UINT32:
            raise ValueError("a scale that is too large")
        self[number] = entry = factor, low | high << 64, addend, new_id
        return entry


def _to_nanoseconds_at_once(columns: Columns, first: int, stop: int, entries: _NanosecondScales) -> bool:
    """Do `to_nanoseconds` for all rows at once, and return whether that was possible.

    It is not if they are of several interfaces, need a division, or if a time would not fit."""
    numbers = columns.interface[first:stop]
    if not numbers or numbers.tobytes() != numbers[:1].tobytes() * len(numbers) or numbers[0] >= len(entries) - 1:
        return False
    if _SIMPLE in columns.record_type[first:stop].tobytes():
        return False
    factor, divisor, addend, new_id = entries[numbers[0]]
    ticks = columns.ticks[first:stop]
    lowest, highest = min(ticks) * factor + addend, max(ticks) * factor + addend
    if divisor != 1 or not 0 <= lowest <= highest <= MOST_TICKS:
        return False
    if max(ticks) * factor > MOST_TICKS:
        return False
    columns.ticks[first:stop] = _column(_digits(ticks) * factor + addend * _ones(len(ticks)), len(ticks))
    columns.interface[first:stop] = array("I", [new_id]) * len(numbers)
    return True


def first_out_of_order(columns: Columns, first: int, stop: int) -> int:
    """Find the first row after `first` whose ticks are lower than those of the row before it; `stop` if none are."""
    _check_columns(columns, stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    ticks = columns.ticks[first:stop]
    if sorted(ticks) == ticks.tolist():
        return stop
    return next(row for row in range(first + 1, stop) if columns.ticks[row] < columns.ticks[row - 1])


def first_too_early(columns: Columns, first: int, stop: int, latest: int, slack: int) -> tuple[int, int]:
    """Find the first row whose ticks are lower by more than `slack` than the highest before it, which are at least
    `latest`. Packets without a time are passed over. Returns (the row, `stop` if there is none; the highest ticks
    before it)."""
    _check_columns(columns, stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    for row, (record_type, ticks) in enumerate(zip(columns.record_type[first:stop], columns.ticks[first:stop]), first):
        if record_type == _SIMPLE:
            continue
        if ticks >= latest:
            latest = ticks
        elif latest - ticks > slack:
            return row, latest
    return stop, latest


def count_falls(keys: Sequence[int], previous: int, latest: int) -> tuple[int, int, int, int]:
    """Count the keys that are lower than the key before them; the one before the first is `previous`.

    Returns (how many; the index of the first; by how much a key is lower than the highest before it, which is at least
    `latest`, at most; the index of the highest key, -1 if none is above `latest`). If there is none, the index of the
    first is the number of keys.
    """
    falls, first, most, highest = 0, len(keys), 0, -1
    for index, key in enumerate(keys):
        if key < previous:
            falls += 1
            first = min(first, index)
        if key > latest:
            latest, highest = key, index
        elif latest - key > most:
            most = latest - key
        previous = key
    return falls, first, most, highest


def extremes(keys: Sequence[int]) -> tuple[int, int]:
    """Find the first of the lowest keys, and the last of the highest ones. Returns both indexes. Raises ValueError if
    there are no keys."""
    if not keys:
        raise ValueError("no keys")
    lowest = highest = 0
    for index, key in enumerate(keys):
        if key < keys[lowest]:
            lowest = index
        if key >= keys[highest]:
            highest = index
    return lowest, highest


def first_over_limit(columns: Columns, first: int, stop: int, limits: array[int]) -> int:
    """Find the first row whose captured length exceeds its interface's entry in `limits`; `stop` if there is none."""
    _check_columns(columns, stop)
    _check_table(limits, 0)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    lengths, numbers = columns.captured_length[first:stop], columns.interface[first:stop]
    if not lengths or (max(numbers) < len(limits) and max(lengths) <= min(limits)):
        return stop
    for row, (length, number) in enumerate(zip(lengths, numbers), first):
        if number >= len(limits):
            raise ValueError(f"row {row} names an interface that is not there")
        if length > limits[number]:
            return row
    return stop


def argsort(keys: array[int]) -> array[int]:
    """Return the indexes of the keys in ascending order of the keys; equal keys stay in their order."""
    _check_table(keys, 0)
    return array("q", sorted(range(len(keys)), key=keys.__getitem__))


def match_keys(
    a_keys: array[int], b_keys: array[int], partners: array[int]
) -> tuple[array[int], array[int], array[int]]:
    """Match indexes of two lists of keys, a and b, that have the same key.

    Where a key occurs as often in a as in b, `partners` (signed 32 bits, one for each of b) gets at each index of b the
    index of a, in order; elsewhere it stays as it is. Returns the `argsort` of a and that of b, and, for each key that
    occurs in both but more often in one, four numbers: where it begins and ends in a's order, and in b's.
    """
    a_order, b_order, uneven = argsort(a_keys), argsort(b_keys), array("q")
    if partners.typecode != "i" or len(partners) < len(b_keys):
        raise ValueError(f"no room for the partners of {len(b_keys)} rows")
    a = b = 0
    while a < len(a_keys) and b < len(b_keys):
        a_key, b_key = a_keys[a_order[a]], b_keys[b_order[b]]
        if a_key != b_key:
            a, b = a + (a_key < b_key), b + (b_key < a_key)
            continue
        a_end, b_end = a, b
        while a_end < len(a_keys) and a_keys[a_order[a_end]] == a_key:
            a_end += 1
        while b_end < len(b_keys) and b_keys[b_order[b_end]] == a_key:
            b_end += 1
        if a_end - a == b_end - b:
            for index in range(a_end - a):
                partners[b_order[b + index]] = a_order[a + index]
        else:
            uneven.extend((a, a_end, b, b_end))
        a, b = a_end, b_end
    return a_order, b_order, uneven


def clear_numbers(numbers: array[int], limits: array[int], mask: bytearray) -> None:
    """Set to 0 the `mask` of each row whose packet number is in one of the ranges.

    `limits` has the first and the last number of each range; ranges ascend, and do not overlap.
    """
    _check_table(numbers, 0)
    _check_table(limits, 0)
    if len(mask) < len(numbers):
        raise ValueError(f"a mask of fewer than {len(numbers)} rows")
    firsts, lasts = limits[::2], limits[1::2]
    for row, number in enumerate(numbers):
        index = bisect_right(firsts, number, 0, len(lasts)) - 1
        if index >= 0 and number <= lasts[index]:
            mask[row] = 0


def gather_rows(
    buffer: bytes | bytearray,
    columns: Columns,
    numbers: array[int],
    order: array[int],
    first: int,
    out: bytearray,
    offset: int,
    into: Columns,
    into_numbers: array[int],
    row: int,
) -> tuple[int, int, int, int]:
    """Copy the rows that `order` lists, from its entry `first` on, with their bytes and their packet numbers.

    The bytes go to `out` from `offset` on, the columns to `into` and the numbers to `into_numbers` from `row` on; all
    of these must be others than those that are copied. Each row's record is followed by the packet's bytes and its
    options if they are not in the record. Returns (the next entry of the order; the next offset in `out`; the next row
    of `into`; MORE if all entries are done, else FULL).
    """
    rows, room = min(columns.capacity, len(numbers)), min(into.capacity, len(into_numbers))
    _check_columns(columns, rows)
    _check_columns(into, room)
    _check_table(numbers, 0)
    _check_table(into_numbers, 0)
    if order.typecode != "q":
        raise ValueError("an order that is not of signed 64-bit numbers")
    if not 0 <= first <= len(order) or not 0 <= offset <= len(out) or not 0 <= row <= room:
        raise ValueError("the range lies outside the buffer")
    for index in range(first, len(order)):
        source = order[index]
        if not 0 <= source < rows:
            raise ValueError(f"entry {index} of the order is not a row")
        end = _gather_row(buffer, columns, source, out, offset, into, row if row < room else into.capacity)
        if end is None:
            return index, offset, row, FULL
        into_numbers[row] = numbers[source]
        offset, row = end, row + 1
    return len(order), offset, row, MORE


def _gather_row(
    buffer: bytes | bytearray, columns: Columns, source: int, out: bytearray, offset: int, into: Columns, row: int
) -> int | None:
    """Copy a row and its bytes, as `gather_rows` does. Return the next offset in `out`, None if there is no room."""
    size = len(buffer)
    record_at, record = columns.record_at[source], columns.record_length[source]
    data_at, captured = columns.data_at[source], columns.captured_length[source]
    options_at, options = columns.options_at[source], columns.options_length[source]
    spans = ((record_at, record), (data_at, captured), (options_at, options))
    if any(length and not 0 <= at <= size - length for at, length in spans):
        raise ValueError(f"row {source} lies outside its buffer")
    data_inside = record and captured <= record and record_at <= data_at <= record_at + record - captured
    options_inside = record and options <= record and record_at <= options_at <= record_at + record - options
    loose_data = 0 if data_inside else captured
    loose_options = 0 if options_inside else options
    end = offset + record + loose_data + loose_options
    if row == into.capacity or end > len(out):
        return None
    pieces = [(record_at, record), (data_at, loose_data), (options_at, loose_options)]
    out[offset:end] = b"".join(buffer[at : at + length] for at, length in pieces if length)
    for name in columns.TYPECODES:
        getattr(into, name)[row] = getattr(columns, name)[source]
    into.record_at[row] = offset
    into.data_at[row] = offset + (data_at - record_at if data_inside else record)
    if options:
        into.options_at[row] = offset + (options_at - record_at if options_inside else record + loose_data)
    return end


class _MergedStream(NamedTuple):
    """A stream of `PacketMerger`: rows, with their buffer and keys."""

    buffer: bytes | bytearray
    columns: Columns
    keys: array[int]
    rows: int
    rank: int


class PacketAppender:
    """Appends packets, one at a time, to `columns` and their bytes to `buffer`; both stay where they are as long as the
    appender is used. `rows` is the number of packets so far."""

    def __init__(self, buffer: bytearray, columns: Columns) -> None:
        _check_columns(columns, columns.capacity)
        self._buffer = memoryview(buffer)
        self._columns = columns
        self._end = 0
        self.rows = 0

    def append(
        self,
        data: BytesLike,
        ticks: int,
        interface: int,
        original_length: int | None = None,
        options: BytesLike | None = None,
        record_type: int = _ENHANCED,
    ) -> bool:
        """Append a packet without a record. Without `original_length`, the packet is as long as its bytes.

        Return False, and do nothing, if there is no room. Raises OverflowError for a number that its column cannot
        hold, and what Python raises for objects that are not contiguous bytes.
        """
        columns, row, at = self._columns, self.rows, self._end
        packet, packed = _bytes_of(data), b"" if options is None else _bytes_of(options)
        captured, end = len(packet), at + len(packet) + len(packed)
        if row == columns.capacity or end > len(self._buffer):
            return False
        columns.ticks[row], columns.interface[row], columns.record_type[row] = ticks, interface, record_type
        columns.original_length[row] = captured if original_length is None else original_length
        columns.data_at[row], columns.captured_length[row] = at, captured
        columns.options_at[row], columns.options_length[row] = at + captured if packed else 0, len(packed)
        self._buffer[at : at + captured], self._buffer[at + captured : end] = packet, packed
        self._end, self.rows = end, row + 1
        return True

    def clear(self) -> None:
        """Remove all packets."""
        self.rows = self._end = 0


def _bytes_of(data: BytesLike) -> bytes | bytearray:
    if isinstance(data, bytes | bytearray):
        return data
    with memoryview(data) as view:
        if not view.c_contiguous:
            raise BufferError("the bytes do not follow each other")
        return view.tobytes()


class PacketMerger:
    """Merges the packets of several streams in the order of their keys. A stream is a number from 0 up to, but not
    including, `capacity`; it gets rows again and again with `set_rows`.

    Packets with the same key come in the order of their streams' ranks. Within a stream, keys must not decrease.

    Strategy: the streams are a heap, ordered by the key of their next row and by rank.
    """

    def __init__(self, capacity: int) -> None:
        if not 0 < capacity <= 2**20:
            raise ValueError(f"room for {capacity} streams")
        self._streams: list[_MergedStream | None] = [None] * capacity
        self._heap: list[tuple[int, int, int, int]] = []  # the key of the next row, rank, stream, row

    def set_rows(
        self,
        stream: int,
        buffer: bytes | bytearray,
        columns: Columns,
        keys: array[int],
        first: int,
        rows: int,
        rank: int,
    ) -> None:
        """Give a stream without rows its next rows: those from `first` on, at least one. They must stay as they are
        until all are merged."""
        if not 0 <= stream < len(self._streams) or not 0 <= first < rows:
            raise ValueError(f"no stream {stream}, or no rows")
        if self._streams[stream] is not None:
            raise ValueError(f"stream {stream} has rows")
        _check_columns(columns, rows)
        _check_table(keys, rows)
        self._streams[stream] = _MergedStream(buffer, columns, keys, rows, rank)
        heapq.heappush(self._heap, (keys[first], rank, stream, first))

    def merge(
        self, limit: int | None, out: bytearray, offset: int, into: Columns, row: int
    ) -> tuple[int, int, int, int]:
        """Copy the next rows and their bytes, as `gather_rows` does, to `out` from `offset` on, and to `into` from
        `row` on.

        Returns (the stream whose last row was copied, which has none any more, else -1; the next offset in `out`; the
        next row of `into`; FULL if there is no room for the next row, LIMIT if its key is `limit` or more, else MORE).
        """
        if not 0 <= offset <= len(out) or not 0 <= row <= into.capacity:
            raise ValueError("the range lies outside the buffer")
        _check_columns(into, into.capacity)
        while self._heap:
            key, rank, number, source = self._heap[0]
            if limit is not None and key >= limit:
                return -1, offset, row, LIMIT
            stream = self._streams[number]
            assert stream is not None
            end = _gather_row(stream.buffer, stream.columns, source, out, offset, into, row)
            if end is None:
                return -1, offset, row, FULL
            offset, row, source = end, row + 1, source + 1
            if source == stream.rows:
                heapq.heappop(self._heap)
                self._streams[number] = None
                return number, offset, row, MORE
            heapq.heapreplace(self._heap, (stream.keys[source], rank, number, source))
        return -1, offset, row, MORE

    def next_stream(self) -> int:
        """The stream whose packet comes next, -1 if there is none."""
        return self._heap[0][2] if self._heap else -1

    def next_row(self, stream: int) -> int:
        """The next row of a stream that has rows."""
        for _, _, number, row in self._heap:
            if number == stream:
                return row
        raise ValueError(f"stream {stream} has no rows")


def rows_with_metadata(buffer: bytes | bytearray, columns: Columns, rows: int, mask: bytearray) -> int:
    """Set the `mask` of each row to 1 if its record says something that a pcap record cannot hold, else to 0.

    That is any other record than a pcap record or an Enhanced Packet Block without options, whose padding is zeros and
    counted in its lengths. Returns how many rows have 1.
    """
    _check_columns(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    for row, (record_type, record_at, record_length, data_at, captured, options_length) in enumerate(
        zip(
            columns.record_type[:rows],
            columns.record_at,
            columns.record_length,
            columns.data_at,
            columns.captured_length,
            columns.options_length,
        )
    ):
        has_metadata = record_type not in (0, _ENHANCED) or options_length != 0
        if not has_metadata and record_type and record_length and captured & 3:
            padding = -captured & 3
            if not 0 <= data_at <= len(buffer) - captured - padding or not 0 <= record_at <= len(buffer) - 8:
                raise ValueError(f"row {row} lies outside its buffer")
            stated = buffer[record_at + 4 : record_at + 8]
            # in either byte order: swapped, it can never equal a length that occurs here
            has_metadata = stated not in (record_length.to_bytes(4, "little"), record_length.to_bytes(4, "big"))
            has_metadata = has_metadata or buffer[data_at + captured : data_at + captured + padding] != bytes(padding)
        mask[row] = has_metadata
    return mask[:rows].count(1)


def fingerprints(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, out: bytearray, offset: int
) -> None:
    """Write FINGERPRINT bytes for each row, whose ticks must be nanoseconds.

    A fingerprint is two hashes in big endian: the high 48 bits of the hash of the time in whole microseconds (8 bytes)
    and the original length (4 bytes); the high 32 bits of the hash of the captured length (4 bytes), so that zeros at
    the beginning count, and the captured bytes. The hash of bytes is the number that they are in big endian, modulo
    2^64 - 59, then times 0x9E3779B97F4A7C15, modulo 2^64, so that each bit affects the high ones.
    """
    _check_columns(columns, stop)
    if not 0 <= first <= stop or offset < 0 or len(out) - offset < FINGERPRINT * (stop - first):
        raise ValueError(f"no room for the fingerprints of rows {first} to {stop}")
    for row in range(first, stop):
        begin, captured = columns.data_at[row], columns.captured_length[row]
        if not 0 <= begin <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer")
        data = buffer[begin : begin + captured]
        time_hash = _mix(columns.ticks[row] // 1000 << 32 | columns.original_length[row])
        data_hash = _mix(captured << 8 * captured | int.from_bytes(data, "big"))
        out[offset : offset + FINGERPRINT] = _FINGERPRINT.pack(
            time_hash >> 48, time_hash >> 16 & _MAX_UINT32, data_hash >> 32
        )
        offset += FINGERPRINT


def _mix(number: int) -> int:
    """The hash of bytes that are `number` in big endian; see `fingerprints`."""
    return number % _MODULUS * 0x9E3779B97F4A7C15 & MOST_TICKS


def same_data(
    a_buffer: bytes | bytearray,
    a_columns: Columns,
    a_first: int,
    b_buffer: bytes | bytearray,
    b_columns: Columns,
    b_first: int,
    rows: int,
) -> int:
    """Count the rows from `a_first` and `b_first` on whose packets have the same bytes, up to `rows` or the first that
    differ."""
    if a_first < 0 or b_first < 0 or rows < 0:
        raise ValueError("a row that is not there")
    sides = (a_buffer, a_columns, a_first), (b_buffer, b_columns, b_first)
    for _, columns, first in sides:
        _check_columns(columns, first + rows)
    for index in range(rows):
        data = []
        for buffer, columns, first in sides:
            data_at, length = columns.data_at[first + index], columns.captured_length[first + index]
            if not 0 <= data_at <= len(buffer) - length:
                raise ValueError(f"row {first + index} lies outside its buffer")
            data.append(buffer[data_at : data_at + length])
        if data[0] != data[1]:
            return index
    return rows


def swap_headers(buffer: bytearray, columns: Columns, rows: int, link_types: array[int], big: bool) -> None:
    """Swap the byte order of headers inside packets. Changes `buffer`, which must be the caller's own copy.

    Packets of HEADERS_IN_HOST_ORDER have headers, or fields in them, in the byte order of the machine that captured:
    big endian before the swap if `big`. `link_types` has one entry for each interface. Only fields that a packet holds
    whole are swapped, so that a second swap gives the first bytes again. The fields, and how lengths are checked, are
    those of libpcap when it reads a file of the other byte order (`swap_pseudo_headers`); libpcap leaves NULL and ENC
    as they are, but its filters expect them in the byte order of the file.
    """
    _check_columns(columns, rows)
    _check_table(link_types, 0)
    for row, (number, data_at, captured, original) in enumerate(
        zip(columns.interface[:rows], columns.data_at, columns.captured_length, columns.original_length)
    ):
        if number >= len(link_types) or not 0 <= data_at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        link_type, whole = link_types[number], min(captured, original)
        if link_type == NULL:
            _swap_fields(buffer, data_at, captured, ((0, 4),))
        elif link_type == ENC:
            _swap_fields(buffer, data_at, captured, _ENC_FIELDS)
        elif link_type == PFLOG and whole >= 48:
            _swap_fields(
                buffer, data_at, min(whole, buffer[data_at]), _PFLOG_FIELDS
            )  # the header states its own length
        elif link_type == LINUX_SLL and whole >= 16:
            _swap_can(buffer, data_at + 16, whole - 16, data_at + 14)
        elif link_type == LINUX_SLL2 and whole >= 20:
            _swap_can(buffer, data_at + 20, whole - 20, data_at)
        elif link_type in (USB_LINUX, USB_LINUX_MMAPPED):
            _swap_usb(buffer, data_at, captured, big, mapped=link_type == USB_LINUX_MMAPPED)
        elif link_type == NFLOG and whole >= 4 and not buffer[data_at + 1]:  # version 0
            _swap_nflog(buffer, data_at + 4, captured - 4, original - 4, big)


def _swap_fields(buffer: bytearray, start: int, length: int, fields: Iterable[tuple[int, int]]) -> None:
    """Swap the (offset, size) `fields` of a header at `start`, up to the first that leaves its `length` bytes."""
    for offset, size in fields:
        if offset + size > length:
            return
        begin = start + offset
        buffer[begin : begin + size] = buffer[begin : begin + size][::-1]


def _swap_can(buffer: bytearray, start: int, length: int, protocol_at: int) -> None:
    """Swap the CAN header after a Linux cooked one, whose protocol is always big-endian."""
    (protocol,) = _BIG_ENDIAN_UINT16.unpack_from(buffer, protocol_at)
    _swap_fields(buffer, start, length, _CAN_FIELDS.get(protocol, ()))


def _swap_usb(buffer: bytearray, start: int, captured: int, big: bool, *, mapped: bool) -> None:
    """Swap a Linux USB header: of 48 bytes, or, if it is `mapped` into memory, of 64 and isochronous descriptors."""
    isochronous = captured > _USB_TRANSFER_TYPE_AT and buffer[start + _USB_TRANSFER_TYPE_AT] == _ISOCHRONOUS
    described = mapped and isochronous and captured >= _USB_DESCRIPTORS_AT
    count = _WORD[big].unpack_from(buffer, start + _USB_DESCRIPTORS_AT - 4)[0] if described else 0
    _swap_fields(buffer, start, captured, _USB_FIELDS)
    if isochronous:  # else it is the setup packet, which is as it was on the bus
        _swap_fields(buffer, start, captured, _USB_ISOCHRONOUS_FIELDS)
    if mapped:
        _swap_fields(buffer, start, captured, _USB_MAPPED_FIELDS)
    remaining = captured - _USB_DESCRIPTORS_AT
    for offset in range(0, min(remaining, count * _USB_DESCRIPTOR_SIZE), _USB_DESCRIPTOR_SIZE):
        _swap_fields(buffer, start + _USB_DESCRIPTORS_AT + offset, remaining - offset, _USB_DESCRIPTOR)


def _swap_nflog(buffer: bytearray, start: int, captured: int, original: int, big: bool) -> None:
    """Swap the length and the type of each NFLOG entry; its value is big-endian, or plain bytes, and stays."""
    while captured >= 4:
        size = _ENTRY[big].unpack_from(buffer, start)[0] + 3 & ~3
        _swap_fields(buffer, start, captured, ((0, 2), (2, 2)))
        if size < 4 or size > captured or size > original:
            return
        start, captured, original = start + size, captured - size, original - size


def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None:
    """Add the rows to `totals` and `types`.

    `totals` has TOTALS values for each interface: packets; captured bytes; original bytes; the lowest and the highest
    ticks of packets with a time. `types` counts packets by record type, in 256 values.
    """
    _check_columns(columns, rows)
    _check_table(totals, 0)
    _check_table(types, 256)
    interfaces = len(totals) // TOTALS
    for row, (record_type, captured, original, ticks, interface) in enumerate(
        zip(
            columns.record_type[:rows],
            columns.captured_length[:rows],
            columns.original_length[:rows],
            columns.ticks[:rows],
            columns.interface[:rows],
        )
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        entry = interface * TOTALS
        totals[entry] += 1
        totals[entry + 1] += captured
        totals[entry + 2] += original
        if record_type != _SIMPLE:
            if ticks < totals[entry + 3]:
                totals[entry + 3] = ticks
            if ticks > totals[entry + 4]:
                totals[entry + 4] = ticks
        types[record_type] += 1


def count_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, counts: array[int]) -> None:
    """Add the rows' options to `counts`, by code, and to its entries UNREADABLE and DROPS."""
    _check_columns(columns, rows)
    _check_table(counts, OPTION_COUNTS)
    _tally_options(buffer, columns, rows, big, counts, UNREADABLE, by_code=True)


def sum_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, sums: array[int]) -> None:
    """Add the rows' options to `sums`.

    Its entries are COMMENTS; OTHER_OPTIONS; OVERRUNS, option lists that cannot be read to their end; DROP_COUNTS,
    obsolete Packet Blocks that state a drop count.
    """
    _check_columns(columns, rows)
    _check_table(sums, OPTION_SUMS)
    _tally_options(buffer, columns, rows, big, sums, OVERRUNS, by_code=False)


def _tally_options(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    big: bool,
    counts: array[int],
    unreadable: int,
    *,
    by_code: bool,
) -> None:
    """Count options in `counts`: `by_code`, or comments at index 0 and others at 1.

    Option lists that cannot be read to their end are counted at index `unreadable`, stated drop counts at the next."""
    size, entry = len(buffer), _ENTRY[big].unpack_from
    for row, (record_at, record_type, options_at, options_length) in enumerate(
        zip(
            columns.record_at[:rows],
            columns.record_type[:rows],
            columns.options_at[:rows],
            columns.options_length[:rows],
        )
    ):
        if record_type == _OBSOLETE:
            if not 0 <= record_at <= size - 12:
                raise ValueError(f"row {row} lies outside its buffer")
            counts[unreadable + 1] += entry(buffer, record_at + 8)[1] not in (0, 0xFFFF)
        if not options_length:
            continue
        if not 0 <= options_at <= size - options_length:
            raise ValueError(f"row {row} lies outside its buffer")
        offset, end = options_at, options_at + options_length
        while end - offset >= 4:
            code, length = entry(buffer, offset)
            if code == 0:
                offset = end
                break
            if length + 4 > end - offset:
                break
            counts[code if by_code else code != _COMMENT] += 1
            offset += length + 7 & ~3
        counts[unreadable] += offset < end


class PacketRows:
    """The packets of a batch, made one after the other by a loop over this object: one loop, which is shared.

    `describe` gives (type of the packets, interface, scale) for the id of an interface; it is called when a row first
    needs an interface, so that a batch with few packets of many interfaces costs little. The type is a subclass of
    tuple; its items are the packet's number, data, original length, ticks, interface, options, section, time in
    nanoseconds since 1970, rounded down, and captured length. The scale is as in RepeatWindow.find; ticks and time of
    Simple Packets are None, and so is a time that cannot be determined. `numbers` has the packets' numbers; if None,
    they count from `first_number`. Data and options are copies.
    """

    def __init__(
        self,
        describe: Callable[[int], Description],
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        section: object,
        first_number: int,
        numbers: Sequence[int] | None = None,
    ) -> None:
        _check_columns(columns, rows)
        if numbers is not None and len(numbers) < rows:
            raise ValueError(f"fewer than {rows} numbers")
        starts, lengths = columns.data_at[:rows], columns.captured_length[:rows]
        ends = list(map(operator.add, starts, lengths))
        begin, end = min(starts, default=0), max(ends, default=0)
        if begin < 0 or end > len(buffer):
            raise ValueError("a row lies outside its buffer")
        options = _options(buffer, columns, rows)
        self._rows = rows
        self._numbers = iter(range(first_number, first_number + rows) if numbers is None else list(numbers[:rows]))
        data = memoryview(buffer)[begin:end].tobytes()
        slices = map(slice, map((-begin).__add__, starts), map((-begin).__add__, ends))
        described = _Descriptions(describe)
        types, interfaces = _types_and_interfaces(columns, rows, described)
        simple = _SIMPLE in columns.record_type[:rows].tobytes()
        self._packets: Iterator[Any] = map(
            tuple.__new__,
            types,
            zip(
                self._numbers,
                map(data.__getitem__, slices),
                columns.original_length,
                _ticks_or_none(columns, rows) if simple else columns.ticks,
                interfaces,
                options,
                repeat(section),
                _times_or_none(columns, rows, described, simple=simple),
                columns.captured_length,
            ),
        )

    def __iter__(self) -> Iterator[Any]:
        return self._packets

    @property
    def done(self) -> int:
        """How many of the packets were made."""
        return self._rows - operator.length_hint(self._numbers)

    def stop(self) -> None:
        """Make no more packets."""
        deque(self._numbers, maxlen=0)


def move_offsets(columns: Columns, rows: int, distance: int) -> None:
    """Add a distance to the rows' offsets of records, data and options, modulo 2^64."""
    _check_columns(columns, rows)
    if not -(2**63) <= distance < 2**63:
        raise OverflowError("a distance of more than 64 bits")
    for offsets in (columns.record_at, columns.data_at, columns.options_at):
        try:
            offsets[:rows] = array("q", map(distance.__add__, offsets[:rows]))
        except OverflowError:
            moved = (at + distance & _MAX_UINT64 for at in offsets[:rows])
            offsets[:rows] = array("q", array("Q", moved).tobytes())


def exact_times(describe: Callable[[int], Description], columns: Columns, rows: int, times: array[int]) -> int:
    """Put the rows' times in nanoseconds since 1970, rounded down, into `times`; 0 for Simple Packets, which have none.

    `describe` is that of PacketRows. Returns the first row whose time cannot be determined or does not fit into a
    signed integer of 64 bits, otherwise `rows`.
    """
    _check_columns(columns, rows)
    if times.typecode != "q" or len(times) < rows:
        raise ValueError(f"fewer than {rows} signed values of 64 bits")
    described = _Descriptions(describe)
    simple = _SIMPLE in columns.record_type[:rows].tobytes()
    for row, time in enumerate(_times_or_none(columns, rows, described, simple=simple)):
        if columns.record_type[row] == _SIMPLE:
            times[row] = 0
        elif time is None or not ~_MAX_INT64 <= time <= _MAX_INT64:
            return row
        else:
            times[row] = time
    return rows


class _Descriptions(dict[int, tuple[type, object, int, int, int]]):
    """(type of the packets, interface, factor, divisor, addend) by interface, asked for when a row first needs them.

    The divisor is 0 if times cannot be determined. Raises ValueError for a type or a scale with which the compiled form
    cannot work.
    """

    def __init__(self, describe: Callable[[int], Description]) -> None:
        self._describe = describe

    def __missing__(self, number: int) -> tuple[type, object, int, int, int]:
        packet_type, interface, (factor, low, high, addend_low, addend_high) = self._describe(number)
        addend = (addend_low | addend_high << 64) - (addend_high >> 63 << 128)
        if factor >= 2**62 or not -(2**126) <= addend < 2**126:
            raise ValueError("a scale that is too large")
        if not issubclass(packet_type, tuple):
            raise ValueError("packets that are not tuples")
        self[number] = entry = packet_type, interface, factor, low | high << 64, addend
        return entry


def _only_interface(columns: Columns, rows: int) -> int | None:
    """Return the interface of all rows; None for rows of several interfaces, and for no rows."""
    numbers = columns.interface[:rows]
    return numbers[0] if rows and numbers.tobytes() == numbers[:1].tobytes() * rows else None


def _types_and_interfaces(
    columns: Columns, rows: int, described: _Descriptions
) -> tuple[Iterable[type], Iterable[object]]:
    """Return the type of each packet, and its interface."""
    only = _only_interface(columns, rows)
    if only is not None:
        return repeat(described[only][0]), repeat(described[only][1])
    entries = [described[number] for number in columns.interface[:rows]]
    return [entry[0] for entry in entries], [entry[1] for entry in entries]


def _ticks_or_none(columns: Columns, rows: int) -> list[int | None]:
    pairs = zip(columns.record_type[:rows], columns.ticks)
    return [None if record_type == _SIMPLE else ticks for record_type, ticks in pairs]


def _times_or_none(columns: Columns, rows: int, described: _Descriptions, *, simple: bool) -> Sequence[int | None]:
    """Return each row's time in nanoseconds since 1970; None if it has none, or it cannot be determined."""
    only = _only_interface(columns, rows)
    if only is not None and not simple:
        _, _, factor, divisor, addend = described[only]
        if not divisor:
            return [None] * rows
        if divisor == 1 and not addend:  # the usual scale, by the fastest way
            return list(map(factor.__mul__, columns.ticks[:rows]))
        return [ticks * factor // divisor + addend for ticks in columns.ticks[:rows]]
    times: list[int | None] = []
    for number, record_type, ticks in zip(columns.interface[:rows], columns.record_type, columns.ticks):
        _, _, factor, divisor, addend = described[number]
        times.append(None if record_type == _SIMPLE or not divisor else ticks * factor // divisor + addend)
    return times


def _options(buffer: bytes | bytearray, columns: Columns, rows: int) -> Iterable[bytes]:
    """Return a copy of each row's options. Raises ValueError for options outside the buffer."""
    lengths = columns.options_length[:rows]
    if lengths.tobytes() == bytes(4 * rows):  # faster than `any`
        return repeat(b"")
    places = list(zip(columns.options_at, lengths))
    if any(length and not 0 <= at <= len(buffer) - length for at, length in places):
        raise ValueError("a row lies outside its buffer")
    return (bytes(buffer[at : at + length]) if length else b"" for at, length in places)


def _check_columns(columns: Columns, rows: int) -> None:
    """Raise ValueError for columns of another type or of fewer than `rows`, and for negative `rows`."""
    for name, typecode in columns.TYPECODES.items():
        column = getattr(columns, name)
        if column.typecode != typecode or not 0 <= rows <= len(column):
            raise ValueError(f"column {name} is not {rows} values of type {typecode}")


def _check_table(table: array[int], least: int) -> None:
    """Raise ValueError for a table that is too short, or not of unsigned 64-bit values."""
    if table.typecode != "Q" or len(table) < least:
        raise ValueError(f"a table of fewer than {least} 64-bit values")


def _words(buffer: bytes | bytearray, offsets: list[int], words: int, big: bool) -> list[array[int]]:
    """Read so many 32-bit words at each offset: an array of the first ones, an array of the second ones, and so on."""
    size = words * 4
    headers = b"".join([buffer[offset : offset + size] for offset in offsets])
    headers += bytes(len(offsets) * size - len(headers))  # a Simple Packet at the end is shorter
    values = array("I", headers)
    if big != (byteorder == "big"):
        values.byteswap()
    return [values[word::words] for word in range(words)]


def _join_halves(high: array[int], low: array[int]) -> array[int]:
    """Make 64-bit numbers from their halves."""
    halves = array("I", bytes(8 * len(high)))
    halves[0::2], halves[1::2] = (high, low) if byteorder == "big" else (low, high)
    return array("Q", halves.tobytes())


def _digits(column: array[int]) -> int:
    """Turn a column into one integer with a 64-bit digit for each row, in the machine's byte order.

    The sum of such integers is the sum of the columns, as long as no digit becomes negative or leaves 64 bits.
    """
    if column.itemsize == 4:
        column = _join_halves(array("I", bytes(4 * len(column))), column)
    return int.from_bytes(column, byteorder)


def _ones(rows: int) -> int:
    """The integer whose digits are all 1, so that `n * _ones(rows)` has the digit n for each row."""
    return int.from_bytes(array("Q", [1]) * rows, byteorder)


def _column(digits: int, rows: int) -> array[int]:
    """Turn an integer of `_digits` into a column of unsigned numbers."""
    return array("Q", digits.to_bytes(8 * rows, byteorder))


def _signed_column(digits: int, rows: int) -> array[int]:
    """Turn an integer of `_digits` into a column of signed numbers, as offsets are."""
    return array("q", digits.to_bytes(8 * rows, byteorder))


def _split_halves(column: array[int]) -> tuple[array[int], array[int]]:
    """Split 64-bit numbers into their low and their high halves."""
    words = array("I", column.tobytes())
    first, second = words[0::2], words[1::2]
    return (second, first) if byteorder == "big" else (first, second)


# Instructions of classic BPF.
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_CONSTANT, _LOAD_LENGTH, _LOAD_MEMORY = 0x20, 0x28, 0x30, 0x00, 0x80, 0x60
_LOAD_WORD_AT_X, _LOAD_HALF_AT_X, _LOAD_BYTE_AT_X = 0x40, 0x48, 0x50
_X_FROM_CONSTANT, _X_FROM_LENGTH, _X_FROM_MEMORY, _X_FROM_HEADER = 0x01, 0x81, 0x61, 0xB1
_STORE, _STORE_X, _COPY_TO_X, _COPY_FROM_X, _NEGATE = 0x02, 0x03, 0x07, 0x87, 0x84
_JUMP, _RETURN, _RETURN_A, _DIVIDE, _MODULO = 0x05, 0x06, 0x16, 0x34, 0x94
_WITH_X = 0x08  # added to a calculation or comparison: X is its operand, not the constant
_SIZES = {_LOAD_WORD: 4, _LOAD_HALF: 2, _LOAD_BYTE: 1, _LOAD_WORD_AT_X: 4, _LOAD_HALF_AT_X: 2, _LOAD_BYTE_AT_X: 1}
_CALCULATIONS: dict[int, Callable[[int, int], int]] = {
    0x04: operator.add,
    0x14: operator.sub,
    0x24: operator.mul,
    _DIVIDE: operator.floordiv,
    0x44: operator.or_,
    0x54: operator.and_,
    0x64: lambda a, b: a << b if b < 32 else 0,
    0x74: lambda a, b: a >> b if b < 32 else 0,
    _MODULO: operator.mod,
    0xA4: operator.xor,
}
_COMPARISONS: dict[int, Callable[[int, int], int]] = {
    0x15: operator.eq,
    0x25: operator.gt,
    0x35: operator.ge,
    0x45: operator.and_,
}
_OTHER_INSTRUCTIONS = {
    *(_LOAD_CONSTANT, _LOAD_LENGTH, _LOAD_MEMORY, _X_FROM_CONSTANT, _X_FROM_LENGTH, _X_FROM_MEMORY, _X_FROM_HEADER),
    *(_STORE, _STORE_X, _COPY_TO_X, _COPY_FROM_X, _NEGATE, _JUMP, _RETURN, _RETURN_A),
}

_Instruction = tuple[int, int, int, int]  # code, how many to skip if true, how many if false, constant


class Filter:
    """Runs programs of the classic BSD packet filter, as libpcap compiles them, over the rows of batches.

    An instruction is a number of 64 bits: code << 48 | jt << 40 | jf << 32 | k. The accumulator A, the index X and the
    memory of FILTER_MEMORY words begin as 0, and hold 32 bits. Words and half-words of packets are big-endian.
    """

    def __init__(self) -> None:
        self._programs: list[list[_Instruction]] = []

    def add(self, program: array[int]) -> int:
        """Add a program, and return its number, from 1. Raises ValueError if the program is not sound: it would leave
        itself or its memory, divide by a constant 0, has an unknown instruction, or does not end with a return.

        A jump without a condition may go back, as `protochain` needs it. For one packet, a program goes back as many
        times as the packet has bytes; then it does not match.
        """
        _check_table(program, 0)
        instructions = [(word >> 48, word >> 40 & 0xFF, word >> 32 & 0xFF, word & _MAX_UINT32) for word in program]
        for index, instruction in enumerate(instructions):
            if not _is_sound(instruction, len(instructions) - index - 1, index):
                raise ValueError(f"instruction {index} of the program is not sound")
        if not instructions or instructions[-1][0] not in (_RETURN, _RETURN_A):
            raise ValueError("the program does not end with a return")
        self._programs.append(instructions)
        return len(self._programs)

    def clear_rows(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        first: int,
        stop: int,
        numbers: array[int],
        mask: bytearray,
    ) -> int:
        """Set to 0 the mask of the rows that their interface's program rejects. Rows whose mask is 0 are passed over.
        `numbers` has the number of the program for each interface, 0 for none. Returns the first row whose interface
        has no program, otherwise `stop`."""
        _check_columns(columns, stop)
        _check_table(numbers, 0)
        if not 0 <= first <= stop:
            raise ValueError(f"rows {first} to {stop}")
        if len(mask) < stop:
            raise ValueError(f"a mask of fewer than {stop} rows")
        for row in range(first, stop):
            if not mask[row]:
                continue
            interface, at, captured = columns.interface[row], columns.data_at[row], columns.captured_length[row]
            if interface >= len(numbers) or numbers[interface] > len(self._programs):
                raise ValueError(f"row {row} names an interface or a program that is not there")
            if not numbers[interface]:
                return row
            if not 0 <= at <= len(buffer) - captured:
                raise ValueError(f"row {row} lies outside its buffer")
            packet = memoryview(buffer)[at : at + captured]
            if not _run(self._programs[numbers[interface] - 1], packet, columns.original_length[row]):
                mask[row] = 0
        return stop


def _is_sound(instruction: _Instruction, behind: int, before: int) -> bool:
    """Return whether an instruction can be run. `behind` and `before` are how many instructions of the program come
    behind it and before it."""
    code, jump_true, jump_false, constant = instruction
    if code & ~_WITH_X in _COMPARISONS:
        return jump_true < behind and jump_false < behind
    if code == _JUMP:
        return constant < behind or 1 < 2**32 - constant <= before + 1
    if code in (_LOAD_MEMORY, _X_FROM_MEMORY, _STORE, _STORE_X):
        return constant < FILTER_MEMORY
    if code in (_DIVIDE, _MODULO):
        return constant != 0
    return code in _SIZES or code & ~_WITH_X in _CALCULATIONS or code in _OTHER_INSTRUCTIONS


def _run(program: list[_Instruction], packet: memoryview, original_length: int) -> int:  # noqa: C901 - one loop
    """Run a program on a packet, and return what it returns: 0 if the packet does not match."""
    a = x = index = jumps_back = 0
    memory = [0] * FILTER_MEMORY
    while True:
        code, jump_true, jump_false, constant = program[index]
        index += 1
        if code in _SIZES:
            at = constant + (x if code >= _LOAD_WORD_AT_X else 0)
            if at + _SIZES[code] > len(packet):
                return 0
            a = int.from_bytes(packet[at : at + _SIZES[code]], "big")
        elif code & ~_WITH_X in _COMPARISONS:
            other = x if code & _WITH_X else constant
            index += jump_true if _COMPARISONS[code & ~_WITH_X](a, other) else jump_false
        elif code & ~_WITH_X in _CALCULATIONS:
            other, code = x if code & _WITH_X else constant, code & ~_WITH_X
            if not other and code in (_DIVIDE, _MODULO):
                return 0
            a = _CALCULATIONS[code](a, other) & _MAX_UINT32
        elif code == _JUMP:
            if constant >= 2**31:
                if jumps_back == len(packet):
                    return 0
                jumps_back += 1
                constant -= 2**32
            index += constant
        elif code in (_RETURN, _RETURN_A):
            return constant if code == _RETURN else a
        elif code == _LOAD_CONSTANT:
            a = constant
        elif code == _LOAD_LENGTH:
            a = original_length
        elif code == _LOAD_MEMORY:
            a = memory[constant]
        elif code == _X_FROM_CONSTANT:
            x = constant
        elif code == _X_FROM_LENGTH:
            x = original_length
        elif code == _X_FROM_MEMORY:
            x = memory[constant]
        elif code == _X_FROM_HEADER:  # the length of an IPv4 header
            if constant >= len(packet):
                return 0
            x = (packet[constant] & 15) << 2
        elif code == _STORE:
            memory[constant] = a
        elif code == _STORE_X:
            memory[constant] = x
        elif code == _COPY_TO_X:
            x = a
        elif code == _COPY_FROM_X:
            a = x
        else:
            a = -a & _MAX_UINT32


class _Held:
    """A packet that a RepeatWindow holds, or all packets with the same bytes whose times are in one period. `data` is
    None if the bytes are in the store, at the position `at`."""

    __slots__ = ("at", "data", "digest", "earliest", "key", "latest", "length", "number")

    def __init__(self, digest: int, key: tuple[int, ...], data: bytes, number: int, time: int) -> None:
        self.digest, self.key, self.number = digest, key, number
        self.data: bytes | None = data
        self.length, self.at = len(data), -1
        self.earliest = self.latest = time, number


class RepeatWindow:
    """Finds packets that repeat one of those before them; the packets themselves are held, those that repeat, too.

    A packet is held against the `most` packets before it. With `window`, a length of time in exact units (below), it is
    held against those whose time differs by at most that, whichever is earlier. Their number has no limit, but that of
    the different packets in a period as long as the window has: `most` are held. `first_cut` is the number of the first
    packet whose window reached farther back than what was held; 0 if there is none.

    Equal digests are compared by bytes. Bytes that memory has no room for are in `store`. `digest_bits` is how many
    bits of a digest count; tests set it to 0.

    Strategy: packets are found by their digests, and let go in the order in which they came. For windows of time, time
    is divided into periods as long as the window, and one entry stands for all packets with the same bytes in one
    period. Any two of these are in the same window; in the period before it and in the one behind it, only the latest
    and the earliest packet matter. So a packet takes three look-ups, whatever the order of times.
    """

    def __init__(self, most: int, store: ByteStore, window: int | None = None, digest_bits: int = 64) -> None:
        if not 0 < most <= 2**30:
            raise ValueError(f"a window of {most} packets")
        self._most, self._store, self._window = most, store, window
        self._digest_mask = (1 << digest_bits) - 1
        self._held: deque[_Held] = deque()
        self._chains: defaultdict[int, deque[_Held]] = defaultdict(deque)  # by digest, the latest packet first
        self._in_memory: deque[_Held] = deque()  # those of `_held` that have `data`
        self._bytes_in_memory = self._bytes_stored = 0
        self._forgotten: tuple[int, int] | None = None  # the earliest and the latest time that are not held any more
        self.first_cut = 0

    def find(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        mask: bytearray,
        first_number: int,
        groups: array[int],
        scales: array[int],
        skip: int,
        any_length: bool,
        repeated: array[int],
    ) -> int:
        """Set to 0 the mask of the rows that repeat a packet before them, and hold the rows whose mask was not 0. Write
        into `repeated`, for each row, the number of a packet that it repeats, or 0. Return how many rows are done: all,
        or those before the first whose time cannot be determined.

        Packets can only be the same in interfaces of the same group; `groups` has it for each interface. The first
        `skip` bytes do not count in a packet that has more; with `any_length`, the original length does not count.

        `scales` has EXACT_SCALE values for each interface, for windows of time: the time in exact units is ticks *
        scales[0] // (scales[2] << 64 | scales[1]) + (scales[4] << 64 | scales[3]), which is signed; a divisor of 0
        means that times cannot be determined. Simple Packets have no time, repeat nothing and are not held.
        """
        _check_columns(columns, rows)
        _check_table(groups, 0)
        _check_table(scales, EXACT_SCALE * len(groups) if self._window is not None else 0)
        _check_table(repeated, rows)
        if len(mask) < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        for row in range(rows):
            repeated[row] = 0
            if not mask[row] or (self._window is not None and columns.record_type[row] == _SIMPLE):
                continue
            at, captured, interface = columns.data_at[row], columns.captured_length[row], columns.interface[row]
            if interface >= len(groups) or not 0 <= at <= len(buffer) - captured:
                raise ValueError(f"row {row} lies outside its buffer")
            time = 0
            if self._window is not None:
                factor, low, high, offset_low, offset_high = scales[EXACT_SCALE * interface :][:EXACT_SCALE]
                if not low and not high:
                    return row
                offset = int.from_bytes(_TWO_WORDS.pack(offset_high, offset_low), "big", signed=True)
                time = columns.ticks[row] * factor // (high << 64 | low) + offset
            data = bytes(buffer[at + (skip if captured > skip else 0) : at + captured])
            original = 0 if any_length else columns.original_length[row]
            key = captured, original, groups[interface] & _MAX_UINT32
            if self._window is None:
                repeated[row] = self._find_by_count(key, data, first_number + row)
            else:
                repeated[row] = self._find_in_time(key, data, first_number + row, time, self._window)
            mask[row] = not repeated[row]
        self._store_bytes()
        return rows

    def _find_by_count(self, key: tuple[int, ...], data: bytes, number: int) -> int:
        digest = hash((key, data)) & self._digest_mask
        same = self._look_up(digest, key, data)
        self._hold(_Held(digest, key, data, number, 0))
        return 0 if same is None else same.number

    def _find_in_time(self, key: tuple[int, ...], data: bytes, number: int, time: int, window: int) -> int:
        period = time // max(window, 1)
        before, here, after = (
            self._look_up(hash((each, data)) & self._digest_mask, each, data)
            for each in ((*key, period - 1), (*key, period), (*key, period + 1))
        )
        if here is not None:
            found = here.latest[1]
            if time >= here.latest[0]:
                here.latest = time, number
            if time < here.earliest[0]:
                here.earliest = time, number
            return found
        found = 0
        if before is not None and time - before.latest[0] <= window:
            found = before.latest[1]
        elif after is not None and after.earliest[0] - time <= window:
            found = after.earliest[1]
        elif self._forgotten is not None and not self.first_cut:
            earliest, latest = self._forgotten
            if earliest - window <= time <= latest + window:
                self.first_cut = number
        key = *key, period
        self._hold(_Held(hash((key, data)) & self._digest_mask, key, data, number, time))
        return found

    def _look_up(self, digest: int, key: tuple[int, ...], data: bytes) -> _Held | None:
        for held in self._chains.get(digest, ()):
            if held.key == key and held.length == len(data):
                other = self._store.read(held.at, held.length) if held.data is None else held.data
                if other == data:
                    return held
        return None

    def _hold(self, new: _Held) -> None:
        """Hold a packet; let go of the oldest one where the window is full."""
        if len(self._held) == self._most:
            old = self._held.popleft()
            chain = self._chains[old.digest]
            chain.pop()
            if not chain:
                del self._chains[old.digest]
            if old.data is not None:
                self._in_memory.popleft()
                self._bytes_in_memory -= old.length
            earliest, latest = self._forgotten or (old.earliest[0], old.latest[0])
            self._forgotten = min(earliest, old.earliest[0]), max(latest, old.latest[0])
        self._held.append(new)
        self._chains[new.digest].appendleft(new)
        self._in_memory.append(new)
        self._bytes_in_memory += new.length

    def _store_bytes(self) -> None:
        """Move bytes from memory into the store, the oldest ones first, until few enough are left."""
        while self._bytes_in_memory > _MOST_BYTES_HELD:
            held = self._in_memory.popleft()
            assert held.data is not None
            oldest = self._held[0].at if self._held[0].data is None else self._bytes_stored
            self._store.write(self._bytes_stored, held.data, oldest)
            held.at, held.data = self._bytes_stored, None
            self._bytes_stored += held.length
            self._bytes_in_memory -= held.length
