"""Checks members of a sidecar's JSON objects, and encodes bytes and columns of numbers as text."""

from __future__ import annotations

import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from typing import Any

from pcapconv.errors import SidecarError

Value = Any  # any value of JSON


def encode_bytes(data: bytes) -> str:
    """Return bytes in base64."""
    return b64encode(data).decode()


def decode_bytes(value: Value, what: str) -> bytes:
    """Return the bytes that a base64 text encodes.

    This and all functions below raise SidecarError for a value that is not as it should be; `what` names the value in
    the message.
    """
    if not isinstance(value, str):
        raise SidecarError(f"{what} is not text in base64")
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise SidecarError(f"{what} is not base64") from None


def decode_hex(value: Value, size: int | None, what: str) -> bytes:
    """Return the bytes that a text in hex encodes: `size` bytes, or any number if `size` is None."""
    try:
        data = bytes.fromhex(value)
    except (TypeError, ValueError):
        raise SidecarError(f"{what} is not in hex") from None
    if size is not None and len(data) != size:
        raise SidecarError(f"{what} has {len(data)} bytes instead of {size}")
    return data


def utf8_bytes(value: Value, what: str) -> bytes:
    """Return the UTF-8 bytes of a text."""
    try:
        return str.encode(value)
    except (TypeError, UnicodeEncodeError):
        raise SidecarError(f"{what} is not text") from None


def check_number(value: Value, what: str, most: int = 2**64 - 1, least: int = 0) -> int:
    """Return the value, which has to be a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SidecarError(f"{what} is not a whole number from {least} to {most}")
    return value


def check_list(value: Value, what: str) -> list[Value]:
    """Return the value, which has to be a list."""
    if not isinstance(value, list):
        raise SidecarError(f"{what} are not a list")
    return value


def get_member(value: Value, name: str, what: str) -> Value:
    """Return a member of a value, which has to be an object with such a member."""
    if not isinstance(value, dict) or name not in value:
        raise SidecarError(f"{what} has no {name}")
    return value[name]


def encode_column(column: array[int]) -> str:
    """Return a column of numbers as text: the base64 of its little-endian bytes, compressed with zlib."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return encode_bytes(zlib.compress(column.tobytes(), 1))


def decode_column(value: Value, typecode: str, count: int, what: str) -> array[int]:
    """Return the column of `count` numbers from which `encode_column` made the text."""
    column = array(typecode)
    size = count * column.itemsize
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(decode_bytes(value, what), size + 1)
    except zlib.error:
        raise SidecarError(f"{what} is not compressed as it should be") from None
    if len(data) != size or not inflate.eof:
        raise SidecarError(f"{what} is not {count} numbers")
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column
