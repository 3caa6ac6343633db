"""Comparing packets: the interpreted kernels that compute and match fingerprints, and compare bytes."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import FINGERPRINT, MOST_TICKS
from pcapconv.kernels.interpreted.checks import check_columns
from pcapconv.kernels.interpreted.ordering import argsort

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_MAX_UINT32 = 2**32 - 1
_MODULUS = 2**64 - 59  # the largest prime that 64 bits hold
_FINGERPRINT = Struct(">HII")


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


def fingerprints(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, out: bytearray, offset: int
) -> None:
    """Write FINGERPRINT bytes for each row, whose ticks must be nanoseconds.

    A fingerprint is two hashes in big endian: the high 48 bits of the hash of the time in whole microseconds (8 bytes)
    and the original length (4 bytes); the high 32 bits of the hash of the captured length (4 bytes), so that zeros at
    the beginning count, and the captured bytes. The hash of bytes is the number that they are in big endian, modulo
    2^64 - 59, then times 0x9E3779B97F4A7C15, modulo 2^64, so that each bit affects the high ones.
    """
    check_columns(columns, stop)
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
        check_columns(columns, first + rows)
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
