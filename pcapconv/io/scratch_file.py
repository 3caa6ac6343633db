"""Bytes that are written, then read again: in memory while they are few, then in a nameless temporary file."""

from __future__ import annotations

import contextlib
import io
from typing import Self

from pcapconv.io.read_write import TEMPORARY_FILE, reading, writing
from pcapconv.io.temporary_file import temporary_file

_IN_MEMORY = 2**20  # bytes


class ScratchFile:
    """Bytes that are written first, and then read from the beginning. Use it as a context manager. All methods raise
    FileError."""

    def __init__(self) -> None:
        self._size = 0
        self._file: io.BytesIO | io.BufferedRandom = io.BytesIO()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the bytes are not needed any more
            self._file.close()

    def write(self, data: bytes) -> int:
        """Append bytes; return the offset at which they begin."""
        with writing(TEMPORARY_FILE):
            if isinstance(self._file, io.BytesIO) and self._size + len(data) > _IN_MEMORY:
                memory, self._file = self._file, io.BufferedRandom(temporary_file())
                self._file.write(memory.getbuffer())
            self._file.write(data)
        self._size += len(data)
        return self._size - len(data)

    def rewind(self) -> None:
        """Go back to the beginning, to read from there."""
        with reading(TEMPORARY_FILE):
            self._file.seek(0)

    def line(self, offset: int) -> bytes:
        """Return the line that begins at this offset."""
        with reading(TEMPORARY_FILE):
            self._file.seek(offset)
            return self._file.readline()

    def read(self, count: int) -> bytes:
        """Read the next `count` bytes, or all up to the end."""
        with reading(TEMPORARY_FILE):
            return self._file.read(count)

    def clear(self) -> None:
        """Remove all bytes."""
        with writing(TEMPORARY_FILE):
            self._file.seek(0)
            self._file.truncate()
        self._size = 0
