"""Columns as long integers with a digit of 64 bits for each row, so that columns are added up without a loop."""

from __future__ import annotations

from array import array
from sys import byteorder


def words(buffer: bytes | bytearray, offsets: list[int], words: int, big: bool) -> list[array[int]]:
    """Read so many 32-bit words at each offset: an array of the first ones, an array of the second ones, and so on."""
    size = words * 4
    headers = b"".join([buffer[offset : offset + size] for offset in offsets])
    headers += bytes(len(offsets) * size - len(headers))  # a Simple Packet at the end is shorter
    values = array("I", headers)
    if big != (byteorder == "big"):
        values.byteswap()
    return [values[word::words] for word in range(words)]


def join_halves(high: array[int], low: array[int]) -> array[int]:
    """Make 64-bit numbers from their halves."""
    halves = array("I", bytes(8 * len(high)))
    halves[0::2], halves[1::2] = (high, low) if byteorder == "big" else (low, high)
    return array("Q", halves.tobytes())


def digits(column: array[int]) -> int:
    """Turn a column into one integer with a 64-bit digit for each row, in the machine's byte order.

    The sum of such integers is the sum of the columns, as long as no digit becomes negative or leaves 64 bits.
    """
    if column.itemsize == 4:
        column = join_halves(array("I", bytes(4 * len(column))), column)
    return int.from_bytes(column, byteorder)


def ones_for(rows: int) -> int:
    """The integer whose digits are all 1, so that `n * ones_for(rows)` has the digit n for each row."""
    return int.from_bytes(array("Q", [1]) * rows, byteorder)


def column(digits: int, rows: int) -> array[int]:
    """Turn an integer of `digits` into a column of unsigned numbers."""
    return array("Q", digits.to_bytes(8 * rows, byteorder))


def signed_column(digits: int, rows: int) -> array[int]:
    """Turn an integer of `digits` into a column of signed numbers, as offsets are."""
    return array("q", digits.to_bytes(8 * rows, byteorder))


def split_halves(column: array[int]) -> tuple[array[int], array[int]]:
    """Split 64-bit numbers into their low and their high halves."""
    words = array("I", column.tobytes())
    first, second = words[0::2], words[1::2]
    return (second, first) if byteorder == "big" else (first, second)
