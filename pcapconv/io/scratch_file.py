"""Bytes that are needed again later: kept in memory while they are few, else in an unnamed temporary file."""

from __future__ import annotations

import contextlib
import io
from types import TracebackType
from typing import Self

from pcapconv.io.read_write import reading, writing
from pcapconv.io.source import temporary_file

_IN_MEMORY = 2**20  # bytes
_NAME = "a temporary file"


class Scratch:
    """Written first, then read from its beginning on. Use it as a context manager. All raise FileError."""

    def __init__(self) -> None:
        self._size = 0
        self._file: io.BytesIO | io.BufferedRandom = io.BytesIO()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # nobody needs it any more
            self._file.close()

    def write(self, data: bytes) -> int:
        """Add bytes; returns where they begin."""
        with writing(_NAME):
            if isinstance(self._file, io.BytesIO) and self._size + len(data) > _IN_MEMORY:
                few, self._file = self._file, io.BufferedRandom(temporary_file())
                self._file.write(few.getbuffer())
            self._file.write(data)
        self._size += len(data)
        return self._size - len(data)

    def rewind(self) -> None:
        """Read from the beginning."""
        with reading(_NAME):
            self._file.seek(0)

    def line(self, place: int) -> bytes:
        """The line that begins somewhere."""
        with reading(_NAME):
            self._file.seek(place)
            return self._file.readline()

    def read(self, count: int) -> bytes:
        """The next bytes, so many or as many as there are."""
        with reading(_NAME):
            return self._file.read(count)

    def clear(self) -> None:
        """Forget all."""
        with writing(_NAME):
            self._file.seek(0)
            self._file.truncate()
        self._size = 0
