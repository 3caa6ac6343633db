"""The kernels, interpreted: the readable reference, used where no compiler was at hand.

Strategy: one short loop walks from packet to packet; the fields of all headers are then cut out of their joined bytes
by slices with a stride, and go into the columns as one slice each: half the time of unpacking header by header. The
index kernels stop at anything that is not a whole packet: what it is, the reader finds out in ordinary code. `compiled.pyx` must do the same as this module, to the last bit and on any input.

Formats: draft-ietf-opsawg-pcap, "Packet Record"; draft-ietf-opsawg-pcapng, "Enhanced Packet Block", "Simple Packet
Block", and "Packet Block (obsolete)".
"""

from __future__ import annotations

from array import array
from struct import Struct
from sys import byteorder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapconv.model import Columns

NAME = "interpreted"

# Why a kernel stopped.
MORE = 0  # index: the buffer ends before the next packet does; encode: all rows are done
FULL = 1  # no room in the columns, or in the output
OTHER = 2  # index_pcapng: the next block is not a sound packet block
BEFORE_1970 = 3  # encode_pcap: the row's time is before 1970
TOO_LATE = 4  # encode_pcap: the row's time is 2^32 seconds or more

SCALE = 6  # values for each interface in a scale table: see `encode_pcap`
TOTALS = 5  # values for each interface in `count_packets`

_SIMPLE, _OBSOLETE, _ENHANCED = 3, 2, 6
_RECORD = {True: Struct(">IIII"), False: Struct("<IIII")}
_PACKET = {True: Struct(">IIIIIII"), False: Struct("<IIIIIII")}
_PAIR = {True: Struct(">II"), False: Struct("<II")}
_WORD = {True: Struct(">I"), False: Struct("<I")}
_ENTRY = {True: Struct(">HH"), False: Struct("<HH")}
_PADDING = (b"", bytes(3), bytes(2), bytes(1))
_LONGEST = 2**32 - 1
_GROUP = 300  # pieces joined at once: few enough that the memory is used again instead of given back


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
    the others stay as they are. Returns (rows, where the next record begins, MORE or FULL, how many fractions were a
    second or longer).
    """
    if header_size < 16 or not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    unpack = _PAIR[big].unpack_from
    capacity = columns.capacity
    record_at: list[int] = []
    captured_length: list[int] = []
    add_record, add_captured = record_at.append, captured_length.append
    at, status = start, MORE
    last = stop - header_size
    longest = _LONGEST - header_size
    while at <= last:
        if len(record_at) == capacity:
            status = FULL
            break
        captured, original = unpack(buffer, at + 8)
        if swap and (swap == 2 or captured > original):
            captured = original
        if captured > last - at or captured > longest:
            break
        add_record(at)
        add_captured(captured)
        at += header_size + captured
    rows = len(record_at)
    seconds, fractions, captured_field, original_field = _words(buffer, record_at, 4, big)
    if swap:
        original_field = array(
            "I", [a + b - c for a, b, c in zip(captured_field, original_field, captured_length)]
        )  # the one of the two that is not the captured length
    columns.record_at[:rows] = array("q", record_at)
    columns.record_length[:rows] = array("I", [length + header_size for length in captured_length])
    columns.data_at[:rows] = array("q", [place + header_size for place in record_at])
    columns.captured_length[:rows] = array("I", captured_length)
    columns.original_length[:rows] = original_field
    columns.ticks[:rows] = array("Q", [second * units + part for second, part in zip(seconds, fractions)])
    odd = sum(part >= units for part in fractions) if rows and max(fractions) >= units else 0
    return rows, at, status, odd


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
    Fills all columns. Returns (rows, where the next block begins, MORE, FULL or OTHER).
    """
    if not 0 <= start <= stop <= len(buffer):
        raise ValueError("the range lies outside the buffer")
    unpack, word = _PAIR[big].unpack_from, _WORD[big].unpack_from
    capacity = columns.capacity
    record_at: list[int] = []
    record_length: list[int] = []
    record_type: list[int] = []
    add_at, add_length, add_type = record_at.append, record_length.append, record_type.append
    at, status = start, MORE
    while stop - at >= 12:
        if len(record_at) == capacity:
            status = FULL
            break
        block_type, length = unpack(buffer, at)
        if length & 3 or (block_type != _ENHANCED and block_type != _SIMPLE and block_type != _OBSOLETE):
            status = OTHER
            break
        end = at + length
        if end > stop:
            break
        if length < (16 if block_type == _SIMPLE else 32) or word(buffer, end - 4)[0] != length:
            status = OTHER
            break
        add_at(at)
        add_length(length)
        add_type(block_type)
        at = end
    _, _, interface, high, low, captured_length, original_length = _words(buffer, record_at, 7, big)
    data_at = array("q", [place + 28 for place in record_at])
    other_types = _OBSOLETE in record_type or _SIMPLE in record_type
    for row, block_type in enumerate(record_type if other_types else ()):
        if block_type == _OBSOLETE:
            interface[row] = interface[row] >> 16 if big else interface[row] & 0xFFFF
        elif block_type == _SIMPLE:
            original = original_length[row] = interface[row]
            captured_length[row] = min(record_length[row] - 16, original, snaplen or original)
            interface[row] = high[row] = low[row] = 0
            data_at[row] = record_at[row] + 12
    rows = len(record_at)
    for row, (length, captured, interface_id) in enumerate(zip(record_length, captured_length, interface)):
        if (captured > length - 32 and record_type[row] != _SIMPLE) or interface_id >= interfaces:
            rows, at, status = row, record_at[row], OTHER
            break
    after = [place + (captured + 3 & ~3) for place, captured in zip(data_at[:rows], captured_length)]
    options = [place + length - 4 - end for place, length, end in zip(record_at, record_length, after)]
    for row, block_type in enumerate(record_type[:rows] if other_types else ()):
        if block_type == _SIMPLE:
            after[row], options[row] = record_at[row], 0
    columns.record_at[:rows] = array("q", record_at[:rows])
    columns.record_length[:rows] = array("I", record_length[:rows])
    columns.record_type[:rows] = array("B", record_type[:rows])
    columns.data_at[:rows] = data_at[:rows]
    columns.captured_length[:rows] = captured_length[:rows]
    columns.original_length[:rows] = original_length[:rows]
    columns.ticks[:rows] = array("Q", [upper << 32 | lower for upper, lower in zip(high[:rows], low)])
    columns.interface[:rows] = interface[:rows]
    columns.options_at[:rows] = array("q", after)
    columns.options_length[:rows] = array("I", options)
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
    size, room, interfaces = len(buffer), len(out), len(scale) // SCALE
    if row < 0 or not 0 <= at <= room:
        raise ValueError("the range lies outside the buffer")
    pack = _RECORD[big].pack
    units = [tuple(scale[first : first + 5]) for first in range(0, interfaces * SCALE, SCALE)]
    cut, timeless, longest, status, outside = 0, 0, counts[2], MORE, False
    pieces: list[bytes | bytearray] = []
    add = pieces.append
    end = at
    for record_type, data_at, captured, original, ticks, interface in zip(
        columns.record_type[row:rows],
        columns.data_at[row:rows],
        columns.captured_length[row:rows],
        columns.original_length[row:rows],
        columns.ticks[row:rows],
        columns.interface[row:rows],
    ):
        if data_at < 0 or data_at > size - captured or interface >= interfaces:
            outside = True
            break
        if end + 16 + captured > room:
            status = FULL
            break
        if record_type == _SIMPLE:
            seconds = fraction = 0
            timeless += 1
        else:
            per_second, multiply, divide, offset, negative = units[interface]
            seconds = ticks // per_second
            fraction = (ticks - seconds * per_second) * multiply
            if divide != 1:
                fraction, rest = divmod(fraction, divide)
                cut += rest != 0
            if offset:
                seconds += -offset if negative else offset
            if not 0 <= seconds <= _LONGEST:
                status = BEFORE_1970 if seconds < 0 else TOO_LATE
                break
        add(pack(seconds, fraction, captured, original))
        add(buffer[data_at : data_at + captured])
        if captured > longest:
            longest = captured
        end += 16 + captured
        row += 1
        if len(pieces) >= _GROUP:
            out[at:end] = b"".join(pieces)
            at = end
            pieces.clear()
    out[at:end] = b"".join(pieces)
    counts[0] += cut
    counts[1] += timeless
    counts[2] = longest
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    return row, end, status


def encode_pcapng(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int, big: bool
) -> tuple[int, int, int]:
    """Write the rows from `row` on as Enhanced Packet Blocks into `out` from `at` on, with their options.

    Returns (next row, next place in `out`, MORE when all are done or FULL).
    """
    size, room = len(buffer), len(out)
    if row < 0 or not 0 <= at <= room:
        raise ValueError("the range lies outside the buffer")
    pack, word = _PACKET[big].pack, _WORD[big].pack
    status, outside = MORE, False
    pieces: list[bytes | bytearray] = []
    add = pieces.append
    end = at
    for data_at, captured, original, ticks, interface, options_at, options in zip(
        columns.data_at[row:rows],
        columns.captured_length[row:rows],
        columns.original_length[row:rows],
        columns.ticks[row:rows],
        columns.interface[row:rows],
        columns.options_at[row:rows],
        columns.options_length[row:rows],
    ):
        total = 32 + (captured + 3 & ~3) + options
        if data_at < 0 or data_at > size - captured or options & 3 or total > _LONGEST:
            outside = True
            break
        if end + total > room:
            status = FULL
            break
        tail = _PADDING[captured & 3]
        if options:
            if not 0 <= options_at <= size - options:
                outside = True
                break
            tail += buffer[options_at : options_at + options]
        add(pack(_ENHANCED, total, interface, ticks >> 32, ticks & _LONGEST, captured, original))
        add(buffer[data_at : data_at + captured])
        add(tail + word(total))
        end += total
        row += 1
        if len(pieces) >= _GROUP:
            out[at:end] = b"".join(pieces)
            at = end
            pieces.clear()
    out[at:end] = b"".join(pieces)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer, or its block would be longer than 4 GiB")
    return row, end, status


def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None:
    """Add the rows to `totals`, which has for each interface: packets, captured bytes, original bytes, the lowest and
    the highest ticks of those with a time; and to `types`, which counts record types (256 values)."""
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
    """Add the rows' options to `counts`, by code; at 65536 the option lists that cannot be read to their end, at 65537
    the obsolete Packet Blocks that state a drop count."""
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
            counts[65537] += entry(buffer, record_at + 8)[1] not in (0, 0xFFFF)
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
            counts[code] += 1
            at += length + 7 & ~3
        counts[65536] += at < end


def _words(buffer: bytes | bytearray, places: list[int], words: int, big: bool) -> list[array[int]]:
    """The 32-bit words that stand at each place, as one array for each of the `words`."""
    size = words * 4
    headers = b"".join([buffer[place : place + size] for place in places])
    headers += bytes(len(places) * size - len(headers))  # a Simple Packet at the end is shorter
    values = array("I", headers)
    if big != (byteorder == "big"):
        values.byteswap()
    return [values[word::words] for word in range(words)]
