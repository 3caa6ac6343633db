"""Bytes that are appended, read at any place, and thrown away from the beginning: `ScratchLog`.

Strategy: nameless temporary files, one behind the other, each for a part of the positions. A file is closed, and its
room is free again, when none of its bytes are needed any more.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from pcapconv.errors import FileError
from pcapconv.io.read_write import TEMPORARY_FILE, reading, write_all, writing
from pcapconv.io.temporary_file import temporary_file

if TYPE_CHECKING:
    import io

_FILE_SIZE = 2**28  # bytes after which a new file begins


class ScratchLog:
    """Bytes by their positions, in temporary files. The first byte may have any position. All methods raise FileError
    but `close`."""

    def __init__(self) -> None:
        self._files: deque[tuple[int, io.FileIO]] = deque()  # the position of each file's first byte, and the file
        self._end = 0

    def write(self, position: int, data: bytes, oldest: int) -> None:
        """Append bytes, which begin at `position`. Bytes before the position `oldest` are not read any more."""
        while self._files and (self._files[1][0] if len(self._files) > 1 else self._end) <= oldest:
            self._files.popleft()[1].close()
        if not self._files or self._end != position or position - self._files[-1][0] >= _FILE_SIZE:
            self._files.append((position, temporary_file()))
        begin, file = self._files[-1]
        with writing(TEMPORARY_FILE):
            file.seek(position - begin)
            write_all(file, memoryview(data))
        self._end = position + len(data)

    def read(self, position: int, length: int) -> bytes:
        """Return so many bytes from this position on."""
        begin, file = next(each for each in reversed(self._files) if each[0] <= position)
        data = bytearray()
        with reading(TEMPORARY_FILE):
            file.seek(position - begin)
            while len(data) < length and (piece := file.read(length - len(data))):
                data += piece
        if len(data) < length:
            raise FileError(f"{TEMPORARY_FILE}: it is shorter than what was written", path=TEMPORARY_FILE)
        return bytes(data)

    def close(self) -> None:
        """Remove all bytes."""
        while self._files:
            with contextlib.suppress(OSError):  # the bytes are not needed any more
                self._files.popleft()[1].close()
