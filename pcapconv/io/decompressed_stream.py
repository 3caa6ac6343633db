"""The bytes in a compressed source, for the window of a reader. A thread decompresses them while the reader goes on.

Strategy: the source stays the compressed file, with its position, digest and size; only the window reads through this.
The thread is at most `_AHEAD` pieces ahead of the reader, so that a small file that becomes huge costs time, and no
memory. A source of one piece is decompressed without a thread.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, Full, Queue

from pcapconv.io.compression import Compression
from pcapconv.io.decompression import Decompression, StreamDamage
from pcapconv.io.pipe_reading import PipeReading
from pcapconv.io.source import Source

_AHEAD = 3  # pieces of at most 512 KiB
_PATIENCE = 0.5  # seconds that `close` waits for the thread, which may wait for a pipe
_MOMENT = 0.05  # seconds after which a waiting thread looks whether it has to end


class DecompressedStream:
    """The decompressed bytes of a source, from the position that it has reached on.

    `position` counts decompressed bytes. `damage` is set behind the last byte if the compressed data is damaged. Use
    `close` before the source is read or rewound by others.
    """

    size = None
    observer = None

    def __init__(self, source: Source, compression: Compression, head: bytes) -> None:
        """`head` are the bytes of the source that were read already."""
        self.name = source.name
        self.position = 0
        self._source = source
        self._head = head
        self._buffer = bytearray()
        self._decompression = Decompression(compression, self._read_source, source.peek if source.seekable else None)
        self._pieces = self._decompression.pieces()
        self._piece = memoryview(b"")
        self._queue: Queue[bytes | BaseException | None] = Queue(_AHEAD)
        self._thread: threading.Thread | None = None
        self._queued: list[bytes | BaseException | None] = []  # a piece that `ready` has taken out of the queue
        self._closed = False
        self._at_end = False

    @property
    def damage(self) -> StreamDamage | None:
        """The damage of the compressed data, once the reader has got all bytes before it."""
        return self._decompression.damage if self._at_end else None

    def readinto(self, room: memoryview) -> int:
        """Read available bytes into `room`; return their number, 0 at the end. Raises FileError."""
        while not self._piece:
            piece = self._next_piece()
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        count = min(len(room), len(self._piece))
        room[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self.position += count
        return count

    @property
    def pipe_reading(self) -> PipeReading | None:
        """See `Source`."""
        return self._source.pipe_reading

    @property
    def interrupted(self) -> bool:
        """See `Source.interrupted`."""
        return self._source.interrupted

    def ready(self, seconds: float) -> bool:
        """Return whether bytes, or the end, can be read within this number of seconds; False if that cannot be
        determined. Bytes of a pipe can be there of which nothing can be decompressed yet."""
        if self._piece or self._queued or self._at_end or self._head:
            return True
        if self._thread is None and self.position:
            self._start()
        if self._thread is None:
            return self._source.ready(seconds)
        with suppress(Empty):
            self._queued.append(self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait())
        return bool(self._queued)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        if self._thread is not None:
            self._thread.join(_PATIENCE)
            self._thread = None

    def _next_piece(self) -> bytes | None:
        """Return the next piece, None at the end."""
        if self._at_end:
            return None
        piece: bytes | BaseException | None
        if self._thread is None and (not self.position or self._decompression.consumed == self._source.size):
            piece = next(self._pieces, None)
        else:
            if self._thread is None:
                self._start()
            if self._queued:
                piece = self._queued.pop()
            else:
                piece = self._queue.get() if self._thread is not None else next(self._pieces, None)
        if isinstance(piece, BaseException):
            raise piece
        self._at_end = piece is None
        return piece

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="pcapconv", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system can start no thread
            self._thread = None

    def _run(self) -> None:
        try:
            for piece in self._pieces:
                if not self._put(piece):
                    return
            self._put(None)
        except BaseException as error:  # for the main thread to raise
            self._put(error)

    def _put(self, piece: bytes | BaseException | None) -> bool:
        """Queue a piece; return False if the stream was closed."""
        while not self._closed:
            try:
                self._queue.put(piece, timeout=_MOMENT)
            except Full:
                continue
            return True
        return False

    def _read_source(self, count: int) -> bytes:
        """Return the next bytes of the source, and show them to its observer."""
        if self._head:
            head, self._head = self._head, b""
            return head
        if len(self._buffer) < count:
            self._buffer = bytearray(count)
        at = self._source.position
        with memoryview(self._buffer) as room:
            size = self._source.readinto(room)
        data = bytes(self._buffer[:size])
        if self._source.observer is not None:
            self._buffer = self._source.observer.exchange(self._buffer, 0, size, at)
        return data
