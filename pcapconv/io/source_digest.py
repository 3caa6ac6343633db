"""The SHA-256 of an input, computed from the bytes that a reader has read: of a plain file in a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from queue import SimpleQueue

from pcapconv.errors import FileError
from pcapconv.io.buffer_threads import BufferThread, Piece
from pcapconv.io.source import WINDOW_SIZE, Source

_PIECE = 2**18
_BESIDE = 2  # buffers that are hashed or queued while the reader fills another buffer


def start_digest(source: Source) -> Digest:
    """Return a new digest that hashes a plain file as it is read; nothing may have been read before."""
    source.observer = digest = Digest(source)
    return digest


class Digest:
    """The SHA-256 of a plain file, as the observer of its source (`io.source.ReadObserver`). A thread hashes each
    buffer that the reader has filled and left, while the reader goes on in another one. The file's last buffer, and so
    all of a small file, is hashed without a thread. `hexdigest` reads the bytes that no reader has read, and those that
    a reader left in its buffer when it stopped before the end."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._position = 0  # how many bytes of the file have been hashed
        self._thread: BufferThread | None = None
        self._free: SimpleQueue[Piece] = SimpleQueue()
        for _ in range(_BESIDE):
            self._free.put((bytearray(), 0, 0))  # replaced by a buffer of the reader's size when it is needed

    def exchange(self, buffer: bytearray, start: int, stop: int, offset: int) -> bytearray:
        """See `ReadObserver.exchange`. Bytes that are read a second time are not hashed again. A buffer that has grown
        for a large record is hashed at once and given back, so that there is only one such buffer."""
        if offset != self._position or start == stop:
            return buffer
        self._position += stop - start
        if len(buffer) > WINDOW_SIZE or self._position == self._source.size:
            self._drain()
            self._hash.update(memoryview(buffer)[start:stop])
            return buffer
        if self._thread is None:
            self._thread = BufferThread(self._hash.update, self._free.put)
        self._thread.put((buffer, start, stop))
        free, _, _ = self._free.get()
        self._thread.check()
        return free or bytearray(len(buffer))

    def hexdigest(self, progress: Callable[[int], object] | None = None) -> str:
        """The SHA-256 of the whole file, in hex. Reads the bytes that no reader has read, and calls `progress` with
        their offset. Ends the decompression of the source, whose thread may still read. Raises FileError."""
        self._source.end_decompression()
        self._drain()
        if self._position != self._source.size:
            with memoryview(bytearray(_PIECE)) as room:
                while count := self._source.read_at(self._position, room):
                    self._hash.update(room[:count])
                    self._position += count
                    if progress is not None:
                        progress(self._position)
            if self._source.size is not None and self._position < self._source.size:
                raise FileError(
                    f"{self._source.name}: became shorter while it was read: "
                    f"{self._position} of {self._source.size} bytes",
                    path=self._source.name,
                )
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread; the digest is not needed any more."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def _drain(self) -> None:
        """Wait until all queued buffers are hashed, and end the thread."""
        if self._thread is not None:
            self._thread.end()
            self._thread.check()
            self._thread = None


class StreamDigest:
    """The SHA-256 of an input that is no plain file: of a pipe, or of a file object. Nothing may have been read before.

    A pipe is hashed as it is read. A file object that can go back is read again: a reader may have read it twice."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        if not source.seekable:
            source.tap = self._hash.update

    def hexdigest(self) -> str:
        """The SHA-256 of all bytes, in hex, after the reader has read what it needs. Raises FileError."""
        source = self._source
        if source.seekable:
            source.rewind()
            source.tap = self._hash.update
        source.end_decompression()
        with memoryview(bytearray(_PIECE)) as room:
            while source.readinto(room):
                pass
        source.tap = None
        return self._hash.hexdigest()
