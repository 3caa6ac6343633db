"""A capture's SHA-256, of the very bytes that its reader gets, if there is one that it follows."""

from __future__ import annotations

import hashlib
import threading
from collections import deque

from pcapconv.io.files import Source

_PIECE = 2**18


def following(source: Source) -> Digest:
    """A new one, that follows what is read of a plain file from its beginning on."""
    source.follower = digest = Digest(source)
    return digest


class Digest:
    """That of a plain file. It follows a source (`files.Follower`): what is read waits in the reader's buffers until a
    crew, or who needs them again, has worked it in; what is never read, until the digest is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._at = 0  # how far it was read, or waits
        self._waiting = deque[tuple[bytearray, int, int]]()
        self._lock = threading.Lock()

    def take(self, at: int, buffer: bytearray, start: int, stop: int) -> None:
        """What was read at an offset lies in this part of a buffer. What comes again counts no more."""
        if at == self._at:
            self._at += stop - start
            self._waiting.append((buffer, start, stop))

    def holds(self, buffer: bytearray) -> bool:
        """Whether something in a buffer waits, or is being worked in."""
        return any(waiting is buffer for waiting, _, _ in tuple(self._waiting))

    def free(self, buffer: bytearray) -> None:
        """Work in all that lies in a buffer."""
        while self.holds(buffer):
            self.piece()

    def piece(self) -> bool:
        """Work in what waits longest; whether there was any."""
        with self._lock:
            if not self._waiting:
                return False
            buffer, start, stop = self._waiting[0]
            with memoryview(buffer) as view, view[start:stop] as part:
                self._hash.update(part)
            self._waiting.popleft()  # only now: whoever waits for the buffer looks here
        return True

    def hexdigest(self) -> str:
        """It, of the whole file. Raises FileError."""
        while self.piece():
            pass
        with memoryview(bytearray(_PIECE)) as room:
            while count := self._source.read_at(self._at, room):
                self._hash.update(room[:count])
                self._at += count
        return self._hash.hexdigest()
