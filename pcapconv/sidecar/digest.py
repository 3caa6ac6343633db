"""A capture's SHA-256, worked out in pieces while the capture is read."""

from __future__ import annotations

import hashlib

from pcapconv.files import Source

_PIECE = 2**18


class Digest:
    """That of a plain file, which is read a second time for it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._room = memoryview(bytearray(_PIECE))
        self._error: BaseException | None = None
        self._begin()

    def _begin(self) -> None:
        self._changed = self._source.changed()
        self._hash = hashlib.sha256()
        self._at = 0
        self._whole = False

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
        """It, when all pieces are taken, as they are here; of the file as it is now, where somebody wrote to it since:
        it may have been read in between. Raises FileError."""
        for _ in range(2):
            while self.piece():
                pass
            if self._error is not None:
                raise self._error
            if self._changed == self._source.changed():
                break
            self._begin()
        return self._hash.hexdigest()
