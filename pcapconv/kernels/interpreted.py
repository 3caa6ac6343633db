"""The kernels, interpreted: the readable reference, used where no compiler was at hand.

Strategy: one short loop walks from packet to packet; the fields of all headers are then cut out of their joined bytes
by slices with a stride, and go into the columns as one slice each: half the time of unpacking header by header.
Columns are added up as long integers with a digit for each row, which takes no loop (`_digits`). Groups of ordinary
packets are encoded column by column in the same way, a third faster than packet by packet; the loop over packets
remains for all others. The index kernels stop at anything that is not a whole packet: what it is, the reader finds out
in ordinary code.
`compiled.pyx` must do the same as this module, to the last bit and on any input; only that it refuses columns of
another type or too few rows where it uses them, and this module in any case.

Formats: draft-ietf-opsawg-pcap, "Packet Record"; draft-ietf-opsawg-pcapng, "Enhanced Packet Block", "Simple Packet
Block", and "Packet Block (obsolete)".
"""

from __future__ import annotations

from array import array
from itertools import compress, repeat
from struct import Struct, unpack
from sys import byteorder
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import (
    BEFORE_1970,
    BEYOND,
    ENC,
    FINER,
    FINGERPRINT,
    FULL,
    LINUX_SLL,
    LINUX_SLL2,
    MORE,
    MOST_TICKS,
    NANOSECOND_SCALE,
    NFLOG,
    NULL,
    OPTION_COUNTS,
    OPTION_SUMS,
    OTHER,
    OVERRUNS,
    PFLOG,
    RANGE,
    SCALE,
    SHIFT,
    TOO_LATE,
    TOTALS,
    UNKNOWN,
    UNREADABLE,
    USB_LINUX,
    USB_LINUX_MMAPPED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pcapconv.model import Columns

NAME = "interpreted"

_SIMPLE, _OBSOLETE, _ENHANCED = 3, 2, 6
_COMMENT = 1
_SHORTEST = {_SIMPLE: 16, _OBSOLETE: 32}
_RECORD = {True: Struct(">IIII"), False: Struct("<IIII")}
_PACKET = {True: Struct(">IIIIIII"), False: Struct("<IIIIIII")}
_TRIPLE = {True: Struct(">III"), False: Struct("<III")}
_PAIR = {True: Struct(">II"), False: Struct("<II")}
_WORD = {True: Struct(">I"), False: Struct("<I")}
_ENTRY = {True: Struct(">HH"), False: Struct("<HH")}
_STAMP = {True: Struct(">I4xI"), False: Struct("<I4xI")}
_LONGEST = 2**32 - 1
_LAST_PLACE = 2**63 - 1
_ALIGNED = 2**64 - 4
_GROUP = 128
_MODULUS = 2**64 - 59  # the largest prime that 64 bits hold
_FINGERPRINT = Struct(">HII")
_SHORT = Struct(">H")

# Where the fields stand, and their sizes.
_ENC_FIELDS = (0, 4), (8, 4)  # address family, flags; between them the SPI, which is big-endian
_PFLOG_FIELDS = (44, 4), (48, 4), (52, 4), (56, 4)  # uid, pid, rule_uid, rule_pid
_CAN_FIELDS = {
    0x000C: ((0, 4),),  # CAN: the id
    0x000D: ((0, 4),),  # CAN FD: the id
    0x000E: ((0, 4), (6, 2), (8, 4)),  # CAN XL: priority and VCID, payload length, acceptance field
}
_USB_FIELDS = (0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)  # URB id, bus, time, status, lengths
_USB_COUNTS = (40, 4), (44, 4)  # of isochronous transfers: errors, descriptors
_USB_MORE = (48, 4), (52, 4), (56, 4), (60, 4)  # interval, start frame, flags, captured descriptors
_USB_TRANSFER_TYPE_AT, _ISOCHRONOUS = 9, 0
_USB_DESCRIPTORS_AT, _USB_DESCRIPTOR_SIZE = 64, 16
_USB_DESCRIPTOR = (0, 4), (4, 4), (8, 4)  # status, offset, length

_MAGICS = (0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0x1C0001AC, 0x1C0001AB)  # of pcap
_BEGINNINGS = {
    magic.to_bytes(4, order) + major.to_bytes(2, order) + minor.to_bytes(2, order)
    for order in ("little", "big")
    for magic in _MAGICS
    for major, minor in ((2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (543, 0))
}
_ODD_SECONDS = {int.from_bytes(magic.to_bytes(4, "big"), order) for magic in _MAGICS for order in ("little", "big")}


def index_pcap(
    buffer: bytes | bytearray,
    start: int,
    stop: int,
    columns: Columns,
    big: bool,
    header_size: int,
    swap: int,
    units: int,
) -> tuple[int, int, int, int]:
    """Find the pcap records in `buffer[start:stop]`.

    `header_size` is 16 or 24 bytes. `swap` tells where the two lengths are exchanged: 0 never, 1 where captured is
    above original, 2 always. `units` are the fractions in a second. Fills the record, data, length and ticks columns;
    the others stay as they are. Stops at what may be no record: a header of zeros, and what a pcap file begins with, a
    magic number and a version. Returns (rows, where the next record begins, MORE, FULL or OTHER, how many fractions
    were a second or longer).
    """
    if header_size < 16 or not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    _check(columns, columns.capacity)
    at, rows, odd = start, 0, 0
    while True:
        room = min(_GROUP, columns.capacity - rows)
        found, at, status, more = _index_pcap(buffer, at, stop, columns, rows, room, big, header_size, swap, units)
        rows += found
        odd += more
        if status != FULL or rows == columns.capacity:
            return rows, at, status, odd


def _index_pcap(
    buffer: bytes | bytearray,
    at: int,
    stop: int,
    columns: Columns,
    first: int,
    capacity: int,
    big: bool,
    header_size: int,
    swap: int,
    units: int,
) -> tuple[int, int, int, int]:
    """`index_pcap` for a group of rows that begins at `first`."""
    record_at: list[int] = []
    add = record_at.append
    status = MORE
    last = stop - header_size
    longest = _LONGEST - header_size
    zeros = bytes(header_size)
    unpack, pair = _STAMP[big].unpack_from, _PAIR[big].unpack_from
    while at <= last:
        if len(record_at) == capacity:
            status = FULL
            break
        seconds, captured = unpack(buffer, at)
        if not seconds and not captured and buffer[at : at + header_size] == zeros:
            status = OTHER
            break
        if seconds in _ODD_SECONDS and bytes(buffer[at : at + 8]) in _BEGINNINGS:
            status = OTHER
            break
        if swap:
            stated, other = pair(buffer, at + 8)
            captured = _captured(stated, other, swap)
        if captured > last - at or captured > longest:
            break
        add(at)
        at += header_size + captured
    rows = len(record_at)
    seconds, fractions, captured_length, original_length = _words(buffer, record_at, 4, big)
    for row in range(rows if swap else 0):
        stated, other = captured_length[row], original_length[row]
        captured_length[row] = _captured(stated, other, swap)
        original_length[row] = stated + other - captured_length[row]
    end = first + rows
    places, each = array("q", record_at), _ones(rows)
    columns.record_at[first:end] = places
    columns.record_length[first:end] = _halves(_column(_digits(captured_length) + header_size * each, rows))[0]
    columns.data_at[first:end] = _places(_digits(places) + header_size * each, rows)
    columns.captured_length[first:end] = captured_length
    columns.original_length[first:end] = original_length
    columns.ticks[first:end] = _column(_digits(seconds) * units + _digits(fractions), rows)
    odd = sum(part >= units for part in fractions) if rows and max(fractions) >= units else 0
    return rows, at, status, odd


def _captured(stated: int, other: int, swap: int) -> int:
    """Which of a record's two lengths is the captured one."""
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
    """Find the run of packet blocks that begins at `buffer[start]`.

    `interfaces` are declared so far in the section; `snaplen` is the first one's, for Simple Packets, 0 for none.
    Fills all columns. A packet that claims more than its block holds is OTHER. Returns (rows, where the next block
    begins, MORE, FULL or OTHER).
    """
    if not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    _check(columns, columns.capacity)
    at, rows = start, 0
    while True:
        room = min(_GROUP, columns.capacity - rows)
        found, at, status = _index_pcapng(buffer, at, stop, columns, rows, room, big, interfaces, snaplen)
        rows += found
        if status != FULL or rows == columns.capacity:
            return rows, at, status


def _index_pcapng(  # noqa: C901 - one loop, as fast as it can be
    buffer: bytes | bytearray,
    at: int,
    stop: int,
    columns: Columns,
    first: int,
    capacity: int,
    big: bool,
    interfaces: int,
    snaplen: int,
) -> tuple[int, int, int]:
    """`index_pcapng` for a group of rows that begins at `first`."""
    unpack, word = _PAIR[big].unpack_from, _WORD[big].unpack_from
    found: list[int] = []
    add = found.append
    status = MORE
    only_enhanced = True
    while stop - at >= 12:
        if len(found) == capacity:
            status = FULL
            break
        block_type, length = unpack(buffer, at)
        shortest = 32
        if block_type != _ENHANCED:
            only_enhanced = False
            shortest = _SHORTEST.get(block_type, _LONGEST)
        after = at + length
        if length & 3 or shortest == _LONGEST:
            status = OTHER
            break
        if after > stop:
            break
        if length < shortest or word(buffer, after - 4)[0] != length:
            status = OTHER
            break
        add(at)
        at = after
    types, lengths, interface, high, low, captured_length, original_length = _words(buffer, found, 7, big)
    others = [] if only_enhanced else [(row, kind) for row, kind in enumerate(types) if kind != _ENHANCED]
    short: list[int] = []  # Simple Packets that claim more than their block holds
    for row, kind in others:
        if kind == _OBSOLETE:  # its interface has 16 bits, a drop count beside it
            interface[row] = interface[row] >> 16 if big else interface[row] & 0xFFFF
            continue
        (original,) = word(buffer, found[row] + 8)
        original_length[row] = original
        captured_length[row] = min(original, snaplen or original)
        if captured_length[row] > lengths[row] - 16:
            captured_length[row] = 0
            short.append(row)
        interface[row] = high[row] = low[row] = 0
    rows = len(found)
    places, each = array("q", found), _ones(rows)
    padded = _digits(captured_length) + 3 * each & _ALIGNED * each
    data_at = _places(_digits(places) + 28 * each, rows)
    options_at = _places(_digits(places) + 28 * each + padded, rows)
    # 2^32 more, so that no digit is negative: the high half is 0 where the packet claims more than there is.
    options_length, sound = _halves(_column(_digits(lengths) + (2**32 - 32) * each - padded, rows))
    for row, kind in others:
        if kind == _SIMPLE:
            data_at[row] = found[row] + 12
            options_at[row], options_length[row] = found[row], 0
            sound[row] = 1
    for row in short:
        sound[row] = 0
    if rows and (min(sound) < 1 or max(interface) >= interfaces):
        rows = next(row for row in range(rows) if sound[row] < 1 or interface[row] >= interfaces)
        at, status = found[rows], OTHER
    end = first + rows
    columns.record_at[first:end] = places[:rows]
    columns.record_length[first:end] = lengths[:rows]
    columns.record_type[first:end] = array("B", types[:rows])
    columns.data_at[first:end] = data_at[:rows]
    columns.captured_length[first:end] = captured_length[:rows]
    columns.original_length[first:end] = original_length[:rows]
    columns.ticks[first:end] = _doubles(high, low)[:rows]
    columns.interface[first:end] = interface[:rows]
    columns.options_at[first:end] = options_at[:rows]
    columns.options_length[first:end] = options_length[:rows]
    return rows, at, status


def encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    row: int,
    rows: int,
    out: bytearray,
    at: int,
    big: bool,
    scale: array[int],
    counts: array[int],
) -> tuple[int, int, int]:
    """Write the rows from `row` on as pcap records into `out` from `at` on.

    `scale` holds for each interface: ticks per second; what to multiply and divide a fraction in ticks by to have it
    in the file's unit; the offset in seconds without its sign; 1 when it is negative; a spare. Adds to `counts`: times
    whose digits were cut, packets without a time; and raises its third to the longest captured length. Returns (next
    row, next place in `out`, MORE when all are done, FULL, BEFORE_1970 or TOO_LATE for that next row).
    """
    room, interfaces = len(out), len(scale) // SCALE
    if row < 0 or not 0 <= at <= room:
        raise ValueError("the range lies outside the buffer")
    _check(columns, rows)
    _check_table(scale, 0)
    _check_table(counts, 3)
    units = [tuple(scale[first : first + 5]) for first in range(0, interfaces * SCALE, SCALE)]
    if any(per_second == 0 or divide == 0 for per_second, _, divide, *_ in units):
        raise ValueError("a scale table divides by 0")
    status = MORE
    while row < rows and status == MORE:
        group = min(rows, row + _GROUP)
        records = _plain_records(buffer, columns, row, group, big, units)
        if records is None or at + len(records) > room:
            row, at, status = _encode_pcap(buffer, columns, row, group, out, at, big, units, counts)
            continue
        out[at : at + len(records)] = records
        counts[2] = max(counts[2], *columns.captured_length[row:group])
        row, at = group, at + len(records)
    return row, at, status


def _encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    row: int,
    rows: int,
    out: bytearray,
    at: int,
    big: bool,
    units: list[tuple[int, ...]],
    counts: array[int],
) -> tuple[int, int, int]:
    """`encode_pcap` for a group of rows, whatever they are."""
    size, room = len(buffer), len(out)
    pack = _RECORD[big].pack_into
    for record_type, data_at, captured, original, ticks, interface in zip(
        columns.record_type[row:rows],
        columns.data_at[row:rows],
        columns.captured_length[row:rows],
        columns.original_length[row:rows],
        columns.ticks[row:rows],
        columns.interface[row:rows],
    ):
        if data_at < 0 or data_at > size - captured or interface >= len(units):
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        if at + 16 + captured > room:
            return row, at, FULL
        if record_type == _SIMPLE:
            seconds = fraction = 0
            counts[1] += 1
        else:
            per_second, multiply, divide, offset, negative = units[interface]
            seconds, fraction = divmod(ticks, per_second)
            fraction, rest = divmod(fraction * multiply, divide)
            counts[0] += rest != 0
            seconds += -offset if negative else offset
            if not 0 <= seconds <= _LONGEST:
                return row, at, BEFORE_1970 if seconds < 0 else TOO_LATE
        pack(out, at, seconds, fraction, captured, original)
        out[at + 16 : at + 16 + captured] = buffer[data_at : data_at + captured]
        counts[2] = max(counts[2], captured)
        at += 16 + captured
        row += 1
    return row, at, MORE


def _plain_records(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, big: bool, units: list[tuple[int, ...]]
) -> bytes | None:
    """The pcap records of rows that are all of one interface, whose ticks need no division; None where they are not,
    or where anything is wrong with one."""
    interface = columns.interface[row]
    count = rows - row
    same = columns.interface[row:rows] == array("I", [interface]) * count
    if not same or interface >= len(units) or _SIMPLE in columns.record_type[row:rows].tobytes():
        return None
    per_second, multiply, divide, offset, _ = units[interface]
    packets = _slices(buffer, columns, row, rows)
    if divide != 1 or offset or packets is None:
        return None
    seconds, fractions = zip(*map(divmod, columns.ticks[row:rows], repeat(per_second)))
    if max(seconds) > _LONGEST:
        return None
    words = array("I", bytes(16 * count))
    words[0::4] = array("I", seconds)
    words[1::4] = array("I", fractions if multiply == 1 else [part * multiply for part in fractions])
    words[2::4] = columns.captured_length[row:rows]
    words[3::4] = columns.original_length[row:rows]
    pieces: list[bytes | bytearray] = [b""] * (2 * count)
    pieces[0::2] = _headers(words, count, big)
    pieces[1::2] = packets
    return b"".join(pieces)


def copy_records(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int
) -> tuple[int, int, int]:
    """Copy the records of the rows from `row` on into `out` from `at` on.

    Returns (next row, next place in `out`, MORE when all are done or FULL).
    """
    size, room = len(buffer), len(out)
    if row < 0 or not 0 <= at <= room:
        raise ValueError("the range lies outside the buffer")
    _check(columns, rows)
    for record_at, length in zip(columns.record_at[row:rows], columns.record_length[row:rows]):
        if record_at < 0 or record_at > size - length:
            raise ValueError(f"row {row} lies outside its buffer")
        if at + length > room:
            return row, at, FULL
        out[at : at + length] = buffer[record_at : record_at + length]
        at += length
        row += 1
    return row, at, MORE


def encode_pcapng(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int, big: bool, copy: bool
) -> tuple[int, int, int]:
    """Write the rows from `row` on as Enhanced Packet Blocks into `out` from `at` on, with their options.

    Simple Packets, which have no time, stay Simple Packet Blocks. With `copy`, rows that still have their record
    (`record_length` is not 0) are copied as they are. Returns (next row, next place in `out`, MORE when all are done or
    FULL).
    """
    room = len(out)
    if row < 0 or not 0 <= at <= room:
        raise ValueError("the range lies outside the buffer")
    _check(columns, rows)
    status = MORE
    tails = _Tails(big)
    while row < rows and status == MORE:
        group = min(rows, row + _GROUP)
        blocks = None if copy else _plain_blocks(buffer, columns, row, group, big, tails)
        if blocks is None or at + len(blocks) > room:
            row, at, status = _encode_pcapng(buffer, columns, row, group, out, at, big, copy)
            continue
        out[at : at + len(blocks)] = blocks
        row, at = group, at + len(blocks)
    return row, at, status


def _encode_pcapng(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int, big: bool, copy: bool
) -> tuple[int, int, int]:
    """`encode_pcapng` for a group of rows, whatever they are."""
    size, room = len(buffer), len(out)
    pack, pack_simple, word = _PACKET[big].pack, _TRIPLE[big].pack, _WORD[big].pack
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
        columns.record_at[row:rows],
        columns.record_length[row:rows],
        columns.record_type[row:rows],
        columns.data_at[row:rows],
        columns.captured_length[row:rows],
        columns.original_length[row:rows],
        columns.ticks[row:rows],
        columns.interface[row:rows],
        columns.options_at[row:rows],
        columns.options_length[row:rows],
    ):
        if copy and record_length:
            total, sound, options = record_length, 0 <= record_at <= size - record_length, 0
        elif record_type == _SIMPLE:
            total, options = 16 + (captured + 3 & ~3), 0
            sound = 0 <= data_at <= size - captured and total <= _LONGEST
        else:
            total = 32 + (captured + 3 & ~3) + options
            sound = 0 <= data_at <= size - captured and not options & 3 and total <= _LONGEST
        if sound and at + total > room:
            return row, at, FULL
        if not sound or (options and not 0 <= options_at <= size - options):
            raise ValueError(f"row {row} lies outside its buffer, or its block would be longer than 4 GiB")
        if copy and record_length:
            block = buffer[record_at : record_at + record_length]
        else:
            if record_type == _SIMPLE:
                block = pack_simple(_SIMPLE, total, original)
            else:
                block = pack(_ENHANCED, total, interface, ticks >> 32, ticks & _LONGEST, captured, original)
            block += buffer[data_at : data_at + captured] + bytes(-captured & 3)
            block += buffer[options_at : options_at + options] + word(total)
        out[at : at + total] = block
        at += total
        row += 1
    return row, at, MORE


class _Tails(dict[int, bytes]):
    """Captured length → the end of a block without options: padding, and the block's length again."""

    def __init__(self, big: bool) -> None:
        self._word = _WORD[big].pack

    def __missing__(self, captured: int) -> bytes:
        self[captured] = tail = bytes(-captured & 3) + self._word(32 + (captured + 3 & ~3))
        return tail


def _plain_blocks(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, big: bool, tails: _Tails
) -> bytes | None:
    """The blocks of rows without options; None where one has some or is a Simple Packet, or where anything is wrong."""
    count = rows - row
    captured = columns.captured_length[row:rows]
    packets = _slices(buffer, columns, row, rows)
    if packets is None or max(captured) > _LONGEST - 35 or any(columns.options_length[row:rows]):
        return None
    if _SIMPLE in columns.record_type[row:rows].tobytes():
        return None
    each = _ones(count)
    low, high = _halves(columns.ticks[row:rows])
    words = array("I", bytes(28 * count))
    words[0::7] = array("I", [_ENHANCED]) * count
    words[1::7] = _halves(_column((_digits(captured) + 3 * each & _ALIGNED * each) + 32 * each, count))[0]
    words[2::7] = columns.interface[row:rows]
    words[3::7] = high
    words[4::7] = low
    words[5::7] = captured
    words[6::7] = columns.original_length[row:rows]
    pieces: list[bytes | bytearray] = [b""] * (3 * count)
    pieces[0::3] = _headers(words, count, big)
    pieces[1::3] = packets
    pieces[2::3] = [tails[length] for length in captured]
    return b"".join(pieces)


def _slices(buffer: bytes | bytearray, columns: Columns, row: int, rows: int) -> list[bytes | bytearray] | None:
    """The packets' bytes; None where one lies outside the buffer."""
    starts = columns.data_at[row:rows]
    if min(starts) < 0:
        return None
    stops = _column(_digits(starts) + _digits(columns.captured_length[row:rows]), rows - row)
    if max(stops) > len(buffer):
        return None
    return [buffer[start:stop] for start, stop in zip(starts, stops)]


def _headers(words: array[int], rows: int, big: bool) -> tuple[bytes, ...]:
    """The words as one piece for each row, in the file's byte order."""
    if big != (byteorder == "big"):
        words.byteswap()
    return unpack(f"{4 * len(words) // rows}s" * rows, words)


def rows_in_ranges(columns: Columns, rows: int, table: array[int], mask: bytearray) -> int:
    """Set the `mask` of each row to 0 whose time lies outside its interface's range; return how many are still not 0.

    `table` holds for each interface: the lowest ticks, the highest ticks, and whether packets without a time stay.
    """
    _check(columns, rows)
    _check_table(table, 0)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    interfaces = len(table) // RANGE
    lowest, highest, timeless = table[0::RANGE], table[1::RANGE], table[2::RANGE]
    for row, (record_type, ticks, interface) in enumerate(
        zip(columns.record_type[:rows], columns.ticks[:rows], columns.interface[:rows])
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        if not (timeless[interface] if record_type == _SIMPLE else lowest[interface] <= ticks <= highest[interface]):
            mask[row] = 0
    return rows - mask[:rows].count(0)


def copy_rows(columns: Columns, rows: int, mask: bytearray, into: Columns) -> int:
    """Copy the rows whose `mask` is not 0 to the beginning of `into`, which may be `columns`; return how many."""
    _check(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    chosen = mask[:rows]
    taken = rows - chosen.count(0)
    _check(into, taken)
    for name, typecode in columns.TYPECODES.items():
        getattr(into, name)[:taken] = array(typecode, compress(getattr(columns, name)[:rows], chosen))
    return taken


def renumber(buffer: bytearray, columns: Columns, rows: int, table: array[int], big: bool) -> None:
    """Give the rows' interfaces the ids that `table` has for them, in the column and in each block that states one.

    Rows that have no record any more (`record_length` is 0), pcap records and Simple Packets state none.
    """
    _check(columns, rows)
    _check_table(table, 0)
    interfaces, last = len(table), len(buffer) - 12
    for row, (at, length, record_type, interface) in enumerate(
        zip(
            columns.record_at[:rows], columns.record_length[:rows], columns.record_type[:rows], columns.interface[:rows]
        )
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        number = table[interface]
        stated = length and record_type in (_OBSOLETE, _ENHANCED)
        if number > (0xFFFF if stated and record_type == _OBSOLETE else _LONGEST):
            raise ValueError(f"row {row} has no room for interface {number}")
        if stated:
            if not 0 <= at <= last:
                raise ValueError(f"row {row} lies outside its buffer")
            width = 2 if record_type == _OBSOLETE else 4
            buffer[at + 8 : at + 8 + width] = number.to_bytes(width, "big" if big else "little")
        columns.interface[row] = number


def cut_packets(columns: Columns, rows: int, front: int, end: int, snaplen: int) -> int:
    """Take `front` bytes off each packet's beginning and `end` bytes off its end, as far as it has them, and leave at
    most `snaplen` of them. A row that changes has no record any more (`record_length` 0). Returns how many changed."""
    _check(columns, rows)
    changed = 0
    for row, captured in enumerate(columns.captured_length[:rows]):
        off = min(front, captured)
        left = min(max(0, captured - off - end), snaplen)
        if left != captured:
            if columns.data_at[row] > _LAST_PLACE - off:
                raise ValueError(f"row {row} lies outside its buffer")
            columns.data_at[row] += off
            columns.captured_length[row] = left
            columns.record_length[row] = 0
            changed += 1
    return changed


def shift_times(columns: Columns, rows: int, table: array[int]) -> int:
    """Shift each row's ticks, which then has no record any more; packets without a time stay.

    `table` holds for each interface: the ticks to add, or to take away where its second value is 1. Returns the first
    row whose ticks would leave 64 bits, where it stops; `rows` when all are done.
    """
    _check(columns, rows)
    _check_table(table, 0)
    interfaces = len(table) // SHIFT
    deltas = [-ticks if down else ticks for ticks, down in zip(table[0::SHIFT], table[1::SHIFT])]
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


def to_nanoseconds(columns: Columns, row: int, rows: int, table: array[int], cut: bool) -> tuple[int, int, int]:
    """Make the ticks of the rows from `row` on nanoseconds since 1970, and give them other interface ids.

    `table` holds for each interface: what its ticks are multiplied with; the low and the high half of what they are
    divided by then, 0 where nobody can tell what they mean; the low and the high half of what is added then, in two's
    complement; and the interface's new id, of 32 bits. Behind the last interface it has the same for packets without a
    time, but for the id. Digits finer than a nanosecond may be `cut`. Returns (the row where it stopped, which is as it
    was; how many times were cut; why it stopped: MORE, UNKNOWN, FINER or BEYOND).
    """
    _check(columns, rows)
    _check_table(table, NANOSECOND_SCALE)
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    units = _Units(table)
    if _to_nanoseconds_at_once(columns, row, rows, units):
        return rows, 0, MORE
    inexact = 0
    for at in range(row, rows):
        number = columns.interface[at]
        if number >= len(units) - 1:
            raise ValueError(f"row {at} names an interface that is not there")
        multiply, divide, add, _ = units[len(units) - 1 if columns.record_type[at] == _SIMPLE else number]
        if not divide:
            return at, inexact, UNKNOWN
        time, rest = divmod(columns.ticks[at] * multiply, divide)
        if rest and not cut:
            return at, inexact, FINER
        if not 0 <= time + add <= MOST_TICKS:
            return at, inexact, BEYOND
        inexact += rest != 0
        columns.ticks[at], columns.interface[at] = time + add, units[number][3]
    return rows, inexact, MORE


class _Units(dict[int, tuple[int, int, int, int]]):
    """(multiply, divide, add, id) by interface, read from the table when a row uses it. Raises ValueError for what 128
    bits might not hold on the way."""

    def __init__(self, table: array[int]) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table) // NANOSECOND_SCALE

    def __missing__(self, number: int) -> tuple[int, int, int, int]:
        multiply, low, high, add_low, add_high, place = self._table[
            number * NANOSECOND_SCALE : (number + 1) * NANOSECOND_SCALE
        ]
        add = (add_low | add_high << 64) - (add_high >> 63 << 128)
        if multiply >= 2**62 or not -(2**126) <= add < 2**126 or place > _LONGEST:
            raise ValueError("a unit that is too large")
        self[number] = unit = multiply, low | high << 64, add, place
        return unit


def _to_nanoseconds_at_once(columns: Columns, row: int, rows: int, units: _Units) -> bool:
    """Do `to_nanoseconds` for all rows at once; False where they are of several interfaces, need a division, or do not
    fit."""
    numbers = columns.interface[row:rows]
    if not numbers or numbers.tobytes() != numbers[:1].tobytes() * len(numbers) or numbers[0] >= len(units) - 1:
        return False
    if _SIMPLE in columns.record_type[row:rows].tobytes():
        return False
    multiply, divide, add, number = units[numbers[0]]
    ticks = columns.ticks[row:rows]
    lowest, highest = min(ticks) * multiply + add, max(ticks) * multiply + add
    if divide != 1 or not 0 <= lowest <= highest <= MOST_TICKS:
        return False
    if max(ticks) * multiply > MOST_TICKS:
        return False
    columns.ticks[row:rows] = _column(_digits(ticks) * multiply + add * _ones(len(ticks)), len(ticks))
    columns.interface[row:rows] = array("I", [number]) * len(numbers)
    return True


def rising(columns: Columns, row: int, rows: int) -> int:
    """The first row behind `row` whose ticks are lower than those of the row before it; `rows` for none."""
    _check(columns, rows)
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    ticks = columns.ticks[row:rows]
    if sorted(ticks) == ticks.tolist():
        return rows
    return next(at for at in range(row + 1, rows) if columns.ticks[at] < columns.ticks[at - 1])


def longer(columns: Columns, row: int, rows: int, limits: array[int]) -> int:
    """The first row from `row` on whose packet has more bytes than the limit of its interface; `rows` for none."""
    _check(columns, rows)
    _check_table(limits, 0)
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    lengths, numbers = columns.captured_length[row:rows], columns.interface[row:rows]
    if not lengths or (max(numbers) < len(limits) and max(lengths) <= min(limits)):
        return rows
    for at, (length, number) in enumerate(zip(lengths, numbers), row):
        if number >= len(limits):
            raise ValueError(f"row {at} names an interface that is not there")
        if length > limits[number]:
            return at
    return rows


def argsort(keys: array[int]) -> array[int]:
    """The places of the keys in ascending order; those of the same key stay in theirs."""
    _check_table(keys, 0)
    return array("q", sorted(range(len(keys)), key=keys.__getitem__))


def match_keys(ones: array[int], others: array[int], partner: array[int]) -> tuple[array[int], array[int], array[int]]:
    """For each row of `others`, put into `partner` (32 bits) the row of `ones` with the same key, where that stands as
    often on both sides, in order; leave what is there for the others. Returns the `argsort` of both, and where a key
    stands more often on one side: begin and end in the one order, begin and end in the other, four numbers each."""
    one_order, other_order, uneven = argsort(ones), argsort(others), array("q")
    if partner.typecode != "i" or len(partner) < len(others):
        raise ValueError(f"no room for the partners of {len(others)} rows")
    one = other = 0
    while one < len(ones) and other < len(others):
        key, its = ones[one_order[one]], others[other_order[other]]
        if key != its:
            one, other = one + (key < its), other + (its < key)
            continue
        one_end, other_end = one, other
        while one_end < len(ones) and ones[one_order[one_end]] == key:
            one_end += 1
        while other_end < len(others) and others[other_order[other_end]] == key:
            other_end += 1
        if one_end - one == other_end - other:
            for place in range(one_end - one):
                partner[other_order[other + place]] = one_order[one + place]
        else:
            uneven.extend((one, one_end, other, other_end))
        one, other = one_end, other_end
    return one_order, other_order, uneven


def reorder(columns: Columns, rows: int, places: array[int], into: Columns) -> None:
    """Put the rows of `columns` that stand at these places to the beginning of `into`, which are other columns."""
    _check(columns, rows)
    _check(into, len(places))
    if places.typecode != "q":
        raise ValueError("places that are not 64-bit numbers")
    for at, place in enumerate(places):
        if not 0 <= place < rows:
            raise ValueError(f"place {at} is not that of a row")
    for name, typecode in columns.TYPECODES.items():
        getattr(into, name)[: len(places)] = array(typecode, map(getattr(columns, name).__getitem__, places))


def rows_with_metadata(buffer: bytes | bytearray, columns: Columns, rows: int, mask: bytearray) -> int:
    """Set the `mask` of each row to 1 that says more than an Enhanced Packet Block without options, with padding of
    zeros that its lengths count, or a pcap record, could; else to 0. Returns how many are 1."""
    _check(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    for row, (kind, begin, length, at, captured, options) in enumerate(
        zip(
            columns.record_type[:rows],
            columns.record_at,
            columns.record_length,
            columns.data_at,
            columns.captured_length,
            columns.options_length,
        )
    ):
        odd = kind not in (0, _ENHANCED) or options != 0
        if not odd and kind and length and captured & 3:
            padding = -captured & 3
            if not 0 <= at <= len(buffer) - captured - padding or not 0 <= begin <= len(buffer) - 8:
                raise ValueError(f"row {row} lies outside its buffer")
            stated = buffer[begin + 4 : begin + 8]  # in either byte order: no length is another one's mirror image here
            odd = stated not in (length.to_bytes(4, "little"), length.to_bytes(4, "big"))
            odd = odd or buffer[at + captured : at + captured + padding] != bytes(padding)
        mask[row] = odd
    return mask[:rows].count(1)


def fingerprints(buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int) -> None:
    """Write FINGERPRINT bytes to `out`, from `at` on, for each row from `row` on whose ticks are nanoseconds.

    They are two numbers in big endian: of its time in whole microseconds (8 bytes) and its original length (4 bytes),
    the high 48 bits; of how many bytes it has (4 bytes), so that zeros at their beginning count, and these, the high 32
    bits. The number of bytes is what they are in big endian, modulo 2^64 - 59, then times 0x9E3779B97F4A7C15, modulo
    2^64, so that each bit has a part in the high ones.
    """
    _check(columns, rows)
    if not 0 <= row <= rows or at < 0 or len(out) - at < FINGERPRINT * (rows - row):
        raise ValueError(f"no room for the fingerprints of rows {row} to {rows}")
    for place in range(row, rows):
        begin, captured = columns.data_at[place], columns.captured_length[place]
        if not 0 <= begin <= len(buffer) - captured:
            raise ValueError(f"row {place} lies outside its buffer")
        data = buffer[begin : begin + captured]
        when = _mixed(columns.ticks[place] // 1000 << 32 | columns.original_length[place])
        whole = _mixed(captured << 8 * captured | int.from_bytes(data, "big"))
        out[at : at + FINGERPRINT] = _FINGERPRINT.pack(when >> 48, when >> 16 & _LONGEST, whole >> 32)
        at += FINGERPRINT


def _mixed(number: int) -> int:
    return number % _MODULUS * 0x9E3779B97F4A7C15 & MOST_TICKS


def same_data(
    a_buffer: bytes | bytearray,
    a_columns: Columns,
    a_row: int,
    b_buffer: bytes | bytearray,
    b_columns: Columns,
    b_row: int,
    rows: int,
) -> int:
    """How many of the `rows` from `a_row` and `b_row` on are packets of the same bytes, up to the first that differ."""
    if a_row < 0 or b_row < 0 or rows < 0:
        raise ValueError("a row that is not there")
    sides = (a_buffer, a_columns, a_row), (b_buffer, b_columns, b_row)
    for _, columns, row in sides:
        _check(columns, row + rows)
    for at in range(rows):
        data = []
        for buffer, columns, row in sides:
            place, length = columns.data_at[row + at], columns.captured_length[row + at]
            if not 0 <= place <= len(buffer) - length:
                raise ValueError(f"row {row + at} lies outside its buffer")
            data.append(buffer[place : place + length])
        if data[0] != data[1]:
            return at
    return rows


def swap_headers(buffer: bytearray, columns: Columns, rows: int, link_types: array[int], big: bool) -> None:
    """Put the packets' own headers into the other byte order, in the buffer itself.

    Link types of HEADERS_IN_HOST_ORDER have a header, or fields of it, in the byte order of the machine that captured;
    they are in big endian now if `big`. `link_types` has that of each interface. Only fields that the packet holds
    whole are swapped, so that the same again gives the same bytes back. Which fields, and how lengths are checked, is
    what libpcap does when it reads a file of the other byte order (`swap_pseudo_headers`); NULL and ENC it leaves, but
    its filters expect them in the order of the file.
    """
    _check(columns, rows)
    _check_table(link_types, 0)
    for row, (number, at, captured, original) in enumerate(
        zip(columns.interface[:rows], columns.data_at, columns.captured_length, columns.original_length)
    ):
        if number >= len(link_types) or not 0 <= at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        link_type, whole = link_types[number], min(captured, original)
        if link_type == NULL:
            _swap(buffer, at, captured, ((0, 4),))
        elif link_type == ENC:
            _swap(buffer, at, captured, _ENC_FIELDS)
        elif link_type == PFLOG and whole >= 48:
            _swap(buffer, at, min(whole, buffer[at]), _PFLOG_FIELDS)  # the header states its own length
        elif link_type == LINUX_SLL and whole >= 16:
            _swap_can(buffer, at + 16, whole - 16, at + 14)
        elif link_type == LINUX_SLL2 and whole >= 20:
            _swap_can(buffer, at + 20, whole - 20, at)
        elif link_type in (USB_LINUX, USB_LINUX_MMAPPED):
            _swap_usb(buffer, at, captured, big, mapped=link_type == USB_LINUX_MMAPPED)
        elif link_type == NFLOG and whole >= 4 and not buffer[at + 1]:  # version 0
            _swap_nflog(buffer, at + 4, captured - 4, original - 4, big)


def _swap(buffer: bytearray, at: int, length: int, fields: Iterable[tuple[int, int]]) -> None:
    """Swap the fields, each by place and size, as far as they lie within so many bytes."""
    for place, size in fields:
        if place + size > length:
            return
        begin = at + place
        buffer[begin : begin + size] = buffer[begin : begin + size][::-1]


def _swap_can(buffer: bytearray, at: int, length: int, protocol_at: int) -> None:
    """The CAN header behind a Linux cooked one, whose protocol is big-endian always."""
    (protocol,) = _SHORT.unpack_from(buffer, protocol_at)
    _swap(buffer, at, length, _CAN_FIELDS.get(protocol, ()))


def _swap_usb(buffer: bytearray, at: int, captured: int, big: bool, *, mapped: bool) -> None:
    """A Linux USB header: of 48 bytes, or, as it is `mapped` into memory, of 64 and isochronous descriptors."""
    isochronous = captured > _USB_TRANSFER_TYPE_AT and buffer[at + _USB_TRANSFER_TYPE_AT] == _ISOCHRONOUS
    described = mapped and isochronous and captured >= _USB_DESCRIPTORS_AT
    count = _WORD[big].unpack_from(buffer, at + _USB_DESCRIPTORS_AT - 4)[0] if described else 0
    _swap(buffer, at, captured, _USB_FIELDS)
    if isochronous:  # else the setup packet stands there, which is as it was on the bus
        _swap(buffer, at, captured, _USB_COUNTS)
    if mapped:
        _swap(buffer, at, captured, _USB_MORE)
    left = captured - _USB_DESCRIPTORS_AT
    for place in range(0, min(left, count * _USB_DESCRIPTOR_SIZE), _USB_DESCRIPTOR_SIZE):
        _swap(buffer, at + _USB_DESCRIPTORS_AT + place, left - place, _USB_DESCRIPTOR)


def _swap_nflog(buffer: bytearray, at: int, captured: int, original: int, big: bool) -> None:
    """NFLOG's entries of length, type and value; the values are big-endian, or mere bytes."""
    while captured >= 4:
        size = _ENTRY[big].unpack_from(buffer, at)[0] + 3 & ~3
        _swap(buffer, at, captured, ((0, 2), (2, 2)))
        if size < 4 or size > captured or size > original:
            return
        at, captured, original = at + size, captured - size, original - size


def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None:
    """Add the rows to `totals`, which has for each interface: packets, captured bytes, original bytes, the lowest and
    the highest ticks of those with a time; and to `types`, which counts record types (256 values)."""
    _check(columns, rows)
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
        mine = interface * TOTALS
        totals[mine] += 1
        totals[mine + 1] += captured
        totals[mine + 2] += original
        if record_type != _SIMPLE:
            if ticks < totals[mine + 3]:
                totals[mine + 3] = ticks
            if ticks > totals[mine + 4]:
                totals[mine + 4] = ticks
        types[record_type] += 1


def count_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, counts: array[int]) -> None:
    """Add the rows' options to `counts`, by code, and to its UNREADABLE and DROPS."""
    _check(columns, rows)
    _check_table(counts, OPTION_COUNTS)
    _tally_options(buffer, columns, rows, big, counts, UNREADABLE, by_code=True)


def sum_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, sums: array[int]) -> None:
    """Add the rows' options to `sums`: how many are COMMENTS, how many OTHER_OPTIONS; how many lists cannot be read to
    their end (OVERRUNS); how many obsolete Packet Blocks state a drop count (DROP_COUNTS)."""
    _check(columns, rows)
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
    """Count options at their codes, or comments at 0 and others at 1; unreadable lists at `unreadable`, drop counts
    behind them."""
    size, entry = len(buffer), _ENTRY[big].unpack_from
    for row, (record_at, record_type, options_at, options) in enumerate(
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
        if not options:
            continue
        if not 0 <= options_at <= size - options:
            raise ValueError(f"row {row} lies outside its buffer")
        at, end = options_at, options_at + options
        while end - at >= 4:
            code, length = entry(buffer, at)
            if code == 0:
                at = end
                break
            if length + 4 > end - at:
                break
            counts[code if by_code else code != _COMMENT] += 1
            at += length + 7 & ~3
        counts[unreadable] += at < end


def _check(columns: Columns, rows: int) -> None:
    """Columns that a caller made may be too short, and no column has fewer than 0 rows."""
    for name, typecode in columns.TYPECODES.items():
        column = getattr(columns, name)
        if column.typecode != typecode or not 0 <= rows <= len(column):
            raise ValueError(f"column {name} is not {rows} values of type {typecode}")


def _check_table(table: array[int], least: int) -> None:
    """So may tables."""
    if table.typecode != "Q" or len(table) < least:
        raise ValueError(f"a table of fewer than {least} 64-bit values")


def _words(buffer: bytes | bytearray, places: list[int], words: int, big: bool) -> list[array[int]]:
    """The 32-bit words that stand at each place, as one array for each of the `words`."""
    size = words * 4
    headers = b"".join([buffer[place : place + size] for place in places])
    headers += bytes(len(places) * size - len(headers))  # a Simple Packet at the end is shorter
    values = array("I", headers)
    if big != (byteorder == "big"):
        values.byteswap()
    return [values[word::words] for word in range(words)]


def _doubles(high: array[int], low: array[int]) -> array[int]:
    """64-bit numbers from their halves."""
    halves = array("I", bytes(8 * len(high)))
    halves[0::2], halves[1::2] = (high, low) if byteorder == "big" else (low, high)
    return array("Q", halves.tobytes())


def _digits(column: array[int]) -> int:
    """A column as one integer: a 64-bit digit for each row, in the machine's byte order. A sum of such integers is that
    of the columns, as long as no digit becomes negative or too long."""
    if column.itemsize == 4:
        column = _doubles(array("I", bytes(4 * len(column))), column)
    return int.from_bytes(column, byteorder)


def _ones(rows: int) -> int:
    """The integer whose digits are all 1: `n * _ones(rows)` has n for each row."""
    return int.from_bytes(array("Q", [1]) * rows, byteorder)


def _column(digits: int, rows: int) -> array[int]:
    """The column that `_digits` made an integer of."""
    return array("Q", digits.to_bytes(8 * rows, byteorder))


def _places(digits: int, rows: int) -> array[int]:
    """The same, for a column of places."""
    return array("q", digits.to_bytes(8 * rows, byteorder))


def _halves(column: array[int]) -> tuple[array[int], array[int]]:
    """The low and the high half of each 64-bit number."""
    words = array("I", column.tobytes())
    first, second = words[0::2], words[1::2]
    return (second, first) if byteorder == "big" else (first, second)
