"""A capture's SHA-256, of the very bytes that a reader takes, if there is one that it follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from queue import SimpleQueue

from pcapconv.errors import FileError
from pcapconv.io.buffer_threads import BufferThread, Piece
from pcapconv.io.source import WINDOW_SIZE, Source

_PIECE = 2**18
_BESIDE = 2  # buffers that may be worked in while the reader fills another one


def following(source: Source) -> Digest:
    """A new one, that follows what is read of a plain file from its beginning on."""
    source.follower = digest = Digest(source)
    return digest


class Digest:
    """The SHA-256 of a plain file. It follows a source (`io.sources.Follower`): a thread works in each buffer that the
    reader has filled and left, while the reader goes on in another one. The file's last buffer, and so all of a small
    file, is worked in without a thread. What is never read, and what a reader leaves in its buffer when it stops before
    the end, is read when the digest is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._at = 0  # how far it was read
        self._thread: BufferThread | None = None
        self._free: SimpleQueue[Piece] = SimpleQueue()
        for _ in range(_BESIDE):
            self._free.put((bytearray(), 0, 0))  # which get their size when they are needed

    def exchange(self, buffer: bytearray, start: int, stop: int, at: int) -> bytearray:
        """See `Follower.exchange`. What comes again counts no more, and one large buffer is enough."""
        if at != self._at or start == stop:
            return buffer
        self._at += stop - start
        if len(buffer) > WINDOW_SIZE or self._at == self._source.size:
            self._settle()
            self._hash.update(memoryview(buffer)[start:stop])
            return buffer
        if self._thread is None:
            self._thread = BufferThread(self._hash.update, self._free.put)
        self._thread.put((buffer, start, stop))
        free, _, _ = self._free.get()
        self._thread.check()
        return free or bytearray(len(buffer))

    def hexdigest(self, progress: Callable[[int], object] | None = None) -> str:
        """The SHA-256 of the whole file, in hex. `progress` is called with the offset of what nobody has read, and that
        is read now. Raises FileError."""
        self._settle()
        if self._at != self._source.size:
            with memoryview(bytearray(_PIECE)) as room:
                while count := self._source.read_at(self._at, room):
                    self._hash.update(room[:count])
                    self._at += count
                    if progress is not None:
                        progress(self._at)
            if self._source.size is not None and self._at < self._source.size:
                raise FileError(
                    f"{self._source.name}: became shorter while it was read: {self._at} of {self._source.size} bytes"
                )
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread; nobody asks for the digest any more."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def _settle(self) -> None:
        """Have all worked in that waits, and end the thread."""
        if self._thread is not None:
            self._thread.end()
            self._thread.check()
            self._thread = None
