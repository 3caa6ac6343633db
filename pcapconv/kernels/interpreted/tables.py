"""The interpreted kernels that fill columns of tables.

Rows go behind those that are there: `row` is the first row that is written. Offsets are those of Arrow: signed integers
of 32 bits, of which the entry after a row says where the row ends in bytes that lie one after the other.

Strategy: options are read one after the other, as `spec.option_lists` reads them.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.interpreted.checks import check_array, check_column, check_columns, check_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pcapconv.columns import Columns
    from pcapconv.header_columns import HeaderColumns

_COMMENT, _FLAGS = 1, 2
_ENTRY = {True: Struct(">HH"), False: Struct("<HH")}
_MOST_OFFSET = 2**31 - 1
_MOST_ADDRESS = 39  # bytes of the text of an address
_BEFORE_IPV4 = bytes(10) + b"\xff\xff"  # in an address of IPv6 that holds one of IPv4
_IPV6 = 0x86DD  # an EtherType
_MAX_INT64 = 2**63 - 1


def rows_within(lengths: array[int], first: int, stop: int, most: int) -> int:
    """Return the row up to which the rows from `first` on have at most so many bytes in all, at most `stop`."""
    check_array(lengths, "I", stop)
    if not 0 <= first <= stop:
        raise ValueError(f"no rows from {first} to {stop}")
    for row, total in enumerate(accumulate(lengths[first:stop]), first):
        if total > most:
            return row
    return stop


def write_numbers(first: int, rows: int, out: array[int], row: int) -> None:
    """Write the numbers from `first` on, one for each row, into `out`."""
    check_place(out, "q", row, rows)
    if not -(2**63) <= first <= _MAX_INT64 - rows:
        raise ValueError("numbers of more than 64 bits")
    out[row : row + rows] = array("q", range(first, first + rows))


def look_up(columns: Columns, rows: int, codes: array[int], out: array[int], row: int) -> None:
    """Write the entry that `codes` has for each row's interface into `out`."""
    check_columns(columns, rows)
    check_array(codes, "i", 0)
    check_place(out, "i", row, rows)
    numbers = columns.interface[:rows]
    if rows and max(numbers) >= len(codes):
        raise ValueError(f"an interface of {len(codes)} codes")
    for at, number in enumerate(numbers, row):
        out[at] = codes[number]


def copy_data(
    buffer: bytes | bytearray, columns: Columns, rows: int, out: bytearray, at: int, offsets: array[int], row: int
) -> int:
    """Copy the rows' bytes into `out` from `at` on, and write where each row ends; return where the last one does."""
    check_columns(columns, rows)
    check_place(offsets, "i", row, rows + 1)
    if not 0 <= at <= len(out):
        raise ValueError("outside the output")
    for index in range(rows):
        begin, length = columns.data_at[index], columns.captured_length[index]
        if not 0 <= begin <= len(buffer) - length:
            raise ValueError(f"row {index} lies outside its buffer")
        if length > min(len(out), _MOST_OFFSET) - at:
            raise ValueError(f"no room for row {index}")
        out[at : at + length] = buffer[begin : begin + length]
        at += length
        offsets[row + index + 1] = at
    return at


def copy_directions(
    buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, out: bytearray, row: int
) -> None:
    """Write the direction that each row's flags state into `out`: 1 received, 2 sent, 0 none, 3 for any other value.

    These are the lowest two bits of the first option that has the code of flags, if its length is 4.
    """
    check_columns(columns, rows)
    if not 0 <= row <= len(out) - rows:
        raise ValueError("outside the output")
    for index in range(rows):
        direction = 0
        for code, at, length in _options_of(buffer, columns, index, big):
            if code == _FLAGS:
                direction = buffer[at + 3 if big else at] & 3 if length == 4 else 0
                break
        out[row + index] = direction


def copy_addresses(
    headers: HeaderColumns, name: str, rows: int, out: bytearray, at: int, offsets: array[int], row: int
) -> int:
    """Write the texts of a column of addresses into `out` from `at` on, and where each row ends; return where the last
    one does. A row without an address has an empty text. Addresses of IPv6 are written as in RFC 5952, those that hold
    one of IPv4 as `::ffff:192.0.2.1`. Before a row is read, there must be room for 39 bytes."""
    width = headers.FIELDS[name][1]
    check_column(headers, "present", "Q", rows)
    check_place(offsets, "i", row, rows + 1)
    if width not in (6, 16):
        raise ValueError(f"the column {name} has no addresses")
    check_column(headers, name, "B", rows * width)
    values: array[int] = getattr(headers, name)
    if width == 16:
        check_column(headers, "network_protocol", "H", rows)
    if not 0 <= at <= len(out):
        raise ValueError("outside the output")
    for index in range(rows):
        if min(len(out), _MOST_OFFSET) - at < _MOST_ADDRESS:
            raise ValueError(f"no room for row {index}")
        if headers.has(index, name):
            value = values[width * index : width * (index + 1)].tobytes()
            text = _address(value, width == 16 and headers.network_protocol[index] == _IPV6)
            out[at : at + len(text)] = text
            at += len(text)
        offsets[row + index + 1] = at
    return at


@lru_cache(2**12)
def _address(value: bytes, is_ipv6: bool) -> bytes:
    if len(value) == 6:
        return value.hex(":").encode()
    ipv4 = ".".join(map(str, value[12:]))
    if not is_ipv6:
        return ipv4.encode()
    if value[:12] == _BEFORE_IPV4:
        return f"::ffff:{ipv4}".encode()
    from ipaddress import IPv6Address  # a plain conversion starts without it

    return str(IPv6Address(value)).encode()


def copy_comments(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    big: bool,
    lists: array[int],
    row: int,
    offsets: array[int],
    count: int,
    out: bytearray,
    at: int,
) -> tuple[int, int]:
    """Copy the rows' comments, as UTF-8, into `out` from `at` on, behind `count` comments.

    `offsets` gets where each comment ends in `out`, `lists` after which number of comments each row ends. A comment
    ends before its first zero byte; a byte that is not UTF-8 becomes four: `\\xNN`. Before a row is read, there must be
    room for all that its options can hold: a comment for each 4 of their bytes, and 4 bytes for each byte. Returns the
    number of comments, and where the last one ends.
    """
    check_columns(columns, rows)
    check_place(lists, "i", row, rows + 1)
    check_array(offsets, "i", 1)
    if not 0 <= at <= len(out) or not 0 <= count < len(offsets):
        raise ValueError("outside the output")
    for index in range(rows):
        length = columns.options_length[index]
        if length >> 2 >= len(offsets) - count or 4 * length > min(len(out), _MOST_OFFSET) - at:
            raise ValueError(f"no room for row {index}")
        for code, begin, size in _options_of(buffer, columns, index, big):
            if code == _COMMENT:
                value = bytes(buffer[begin : begin + size]).partition(b"\0")[0]
                text = value.decode("utf-8", "backslashreplace").encode()
                out[at : at + len(text)] = text
                at += len(text)
                count += 1
                offsets[count] = at
        lists[row + index + 1] = count
    return count, at


def _options_of(buffer: bytes | bytearray, columns: Columns, row: int, big: bool) -> Iterator[tuple[int, int, int]]:
    """Yield code, offset and length of each option of a row that can be read."""
    at, length = columns.options_at[row], columns.options_length[row]
    if not length:
        return
    if not 0 <= at <= len(buffer) - length:
        raise ValueError(f"row {row} lies outside its buffer")
    unpack, end = _ENTRY[big].unpack_from, at + length
    while at + 4 <= end:
        code, size = unpack(buffer, at)
        if code == 0 or at + 4 + size > end:
            return
        yield code, at + 4, size
        at += 4 + (size + 3 & ~3)
