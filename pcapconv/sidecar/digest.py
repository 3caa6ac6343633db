"""A capture's SHA-256, worked out in pieces while the capture is read."""

from __future__ import annotations

import hashlib

from pcapconv.files import Source

_PIECE = 2**18


class Digest:
    """That of a plain file, which is read a second time for it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._room = memoryview(bytearray(_PIECE))
        self._at = 0
        self._whole = False
        self._error: BaseException | None = None

    def piece(self) -> bool:
        """Take the next piece into it; whether there was one. Not for two threads at once."""
        if self._whole or self._error is not None:
            return False
        try:
            count = self._source.read_at(self._at, self._room)
            self._hash.update(self._room[:count])
        except Exception as error:  # carried to where the digest is asked for
            self._error = error
            return False
        self._at += count
        self._whole = not count
        return not self._whole

    def hexdigest(self) -> str:
        """It, when all pieces are taken, as they are here. Raises FileError."""
        while self.piece():
            pass
        if self._error is not None:
            raise self._error
        return self._hash.hexdigest()
