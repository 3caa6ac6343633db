"""Fields of a sidecar's JSON objects: each with a check when it is read; bytes and columns of numbers as text."""

from __future__ import annotations

import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from typing import Any

from pcapconv.errors import SidecarError

Value = Any  # what json gives


def encoded(data: bytes) -> str:
    """Bytes as text."""
    return b64encode(data).decode()


def decoded(value: Value, what: str) -> bytes:
    """The bytes. Raises SidecarError."""
    if not isinstance(value, str):
        raise SidecarError(f"{what} is not text in base64")
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise SidecarError(f"{what} is not base64") from None


def number(value: Value, what: str, most: int = 2**64 - 1, least: int = 0) -> int:
    """A whole number in that range. Raises SidecarError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SidecarError(f"{what} is not a whole number from {least} to {most}")
    return value


def member(value: Value, name: str, what: str) -> Value:
    """What an object has under a name. Raises SidecarError."""
    if not isinstance(value, dict) or name not in value:
        raise SidecarError(f"{what} has no {name}")
    return value[name]


def packed(column: array[int]) -> str:
    """A column of numbers as text: little-endian, compressed."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return encoded(zlib.compress(column.tobytes(), 1))


def unpacked(value: Value, typecode: str, count: int, what: str) -> array[int]:
    """The column of so many numbers. Raises SidecarError."""
    column = array(typecode)
    size = count * column.itemsize
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(decoded(value, what), size + 1)
    except zlib.error:
        raise SidecarError(f"{what} is not compressed as it should be") from None
    if len(data) != size or not inflate.eof:
        raise SidecarError(f"{what} is not {count} numbers")
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column
