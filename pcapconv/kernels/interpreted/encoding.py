"""Making records of rows: the interpreted kernels `encode_pcap`, `encode_pcapng` and `copy_records`.

Strategy: groups of ordinary packets are encoded column by column, with columns as long integers, a third faster than
packet by packet; all other groups are encoded in a loop over their packets.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from struct import Struct, unpack
from sys import byteorder
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import AFTER_2106, BEFORE_1970, ENHANCED, FULL, MORE, SCALE, SIMPLE
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.columns_as_integers import column, digits, ones_for, split_halves
from pcapconv.kernels.interpreted.indexing import _ALIGNED

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_WORD = {True: Struct(">I"), False: Struct("<I")}
_MAX_UINT32 = 2**32 - 1
_GROUP = 128
_RECORD = {True: Struct(">IIII"), False: Struct("<IIII")}
_PACKET = {True: Struct(">IIIIIII"), False: Struct("<IIIIIII")}
_TRIPLE = {True: Struct(">III"), False: Struct("<III")}


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
    check_columns(columns, stop)
    check_table(scales, 0)
    check_table(counts, 3)
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
        if record_type == SIMPLE:
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
    if not same or interface >= len(entries) or SIMPLE in columns.record_type[first:stop].tobytes():
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
    check_columns(columns, stop)
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
    check_columns(columns, stop)
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
        elif record_type == SIMPLE:
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
            if record_type == SIMPLE:
                block = pack_simple(SIMPLE, total, original)
            else:
                block = pack(ENHANCED, total, interface, ticks >> 32, ticks & _MAX_UINT32, captured, original)
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
    if SIMPLE in columns.record_type[first:stop].tobytes():
        return None
    ones = ones_for(rows)
    low, high = split_halves(columns.ticks[first:stop])
    words = array("I", bytes(28 * rows))
    words[0::7] = array("I", [ENHANCED]) * rows
    words[1::7] = split_halves(column((digits(captured) + 3 * ones & _ALIGNED * ones) + 32 * ones, rows))[0]
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
    ends = column(digits(begins) + digits(columns.captured_length[first:stop]), stop - first)
    if max(ends) > len(buffer):
        return None
    return [buffer[begin:end] for begin, end in zip(begins, ends)]


def _headers(words: array[int], rows: int, big: bool) -> tuple[bytes, ...]:
    """The header of each row, of as many words as each has, in the file's byte order."""
    if big != (byteorder == "big"):
        words.byteswap()
    return unpack(f"{4 * len(words) // rows}s" * rows, words)
