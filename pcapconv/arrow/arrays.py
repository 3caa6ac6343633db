"""Memory as buffers and arrays of pyarrow, without a copy."""

from __future__ import annotations

from array import array
from typing import Any

import pyarrow


def grow(data: bytearray, size: int) -> None:
    """Make the bytes at least so long, and often longer, so that they need not grow for each batch."""
    if len(data) < size:
        data.extend(bytes(max(size, 2 * len(data)) - len(data)))


def shared(values: array[int] | bytearray, count: int) -> Any:
    """Return the first values as a buffer of pyarrow, without a copy; the memory behind them is given back."""
    del values[count:]
    return pyarrow.py_buffer(values)


def array_of(kind: Any, values: array[int] | bytes, rows: int, valid: Any = None) -> Any:
    """Return the first values as an array of pyarrow, without a copy; null where the bitmap `valid` has 0."""
    buffer = pyarrow.py_buffer(values) if isinstance(values, bytes) else shared(values, rows)
    return pyarrow.Array.from_buffers(kind, rows, [valid, buffer])


def bitmap(flags: bytes | bytearray) -> Any:
    """Return bytes of 0 and 1 as a bitmap of Arrow."""
    return array_of(pyarrow.uint8(), bytes(flags), len(flags)).cast(pyarrow.bool_()).buffers()[1]
