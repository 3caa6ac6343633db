"""The bytes in a compressed source, for the window of a reader. A thread decompresses them while the reader goes on.

Strategy: the source stays the compressed file, with its position, digest and size; only the window reads through this.
The thread is at most `_AHEAD` pieces ahead of the reader, so that a small file that becomes huge costs time, and no
memory. A source of one piece is decompressed without a thread.

While the thread runs, nobody else may read the source, move its position, or use its observer. `close` ends the thread:
it waits for it if the source will be read again, and a moment if it is a pipe, from which a read may never return. The
thread reads a pipe of the system only when bytes are there, so that `close` finds it waiting, not reading.
"""

from __future__ import annotations

import io
import threading
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, Full, Queue

from pcapconv.errors import FileError, name_in_errors
from pcapconv.io.compression import Compression
from pcapconv.io.decompression import Decompression, StreamDamage
from pcapconv.io.pipe_reading import PipeReading
from pcapconv.io.source import Source

_AHEAD = 3  # pieces of less than a MiB
_PATIENCE = 0.5  # seconds that `close` waits for a thread that reads a pipe
_CLOSED = "was read again from its beginning, or closed, before this was read"
_MOMENT = 0.05  # seconds after which a waiting thread looks whether it has to end


class DecompressedStream:
    """The decompressed bytes of a source, from the position that it has reached on.

    `position` counts decompressed bytes. `damage` is set behind the last byte if the compressed data is damaged. Use
    `close` before the source is read or rewound by others.
    """

    size = None
    observer = None
    ends_itself = True

    def __init__(self, source: Source, compression: Compression, head: bytes) -> None:
        """`head` are the bytes of the source that were read already."""
        self.name = source.name
        self.position = 0
        self._source = source
        self._head = head
        self._buffer = bytearray()
        self._decompression = Decompression(compression, self._read_source, self._read_at if source.seekable else None)
        self._pieces = self._decompression.pieces()
        self._piece = memoryview(b"")
        self._queue: Queue[bytes | BaseException | None] = Queue(_AHEAD)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._at_end = False

    @property
    def compression(self) -> str:
        """The name of the compression."""
        return self._decompression.compression.name

    @property
    def damage(self) -> StreamDamage | None:
        """The damage of the compressed data, once the reader has got all bytes before it. If Ctrl-C ended the reading,
        what is cut off is no damage."""
        damage = self._decompression.damage if self._at_end else None
        return None if damage is not None and damage.cut_off and self._source.interrupted else damage

    def damage_within(self, count: int) -> StreamDamage | None:
        """Return the damage that comes within about as many bytes from here on, which are read now and lost; from a
        pipe, only what is known already. Raises as `readinto` does."""
        with memoryview(bytearray(2**16)) as room:
            stop = self.position + count
            while self._source.seekable and self.position < stop and self.readinto(room):
                pass
        return None if self.interrupted else self._decompression.damage

    def readinto(self, room: memoryview) -> int:
        """Read available bytes into `room`; return their number, 0 at the end. Raises FileError; and FormatError if
        decompression would take too much memory."""
        while not self._piece:
            if self._at_end:
                return 0
            self._load_piece()
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
        """See `Source.interrupted`. False if other damage ended the bytes before."""
        return self._source.interrupted and self.damage is None

    def ready(self, seconds: float) -> bool:
        """Return whether bytes, or the end, can be read within this number of seconds; False if that cannot be
        determined. Bytes of a pipe can be there of which nothing can be decompressed yet."""
        if self._piece or self._at_end:
            return True
        if self._thread is None and self.position and not self._whole_file_read:
            self._start()
        if self._thread is None:
            return bool(self._head) or self._source.ready(seconds)
        try:
            piece = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
        except Empty:
            return False
        if isinstance(piece, BaseException):
            self._queue.put(piece)  # for `readinto`
        else:
            self._take(piece)
        return True

    def close(self) -> None:
        """End the thread. Nothing can be read any more."""
        self._closed = True
        if self._thread is not None:
            self._thread.join(None if self._source.seekable else _PATIENCE)
            self._thread = None
        with suppress(Full):  # for a reader in another thread, which may wait
            self._queue.put_nowait(FileError(f"{self.name}: {_CLOSED}", path=self.name))

    @property
    def _whole_file_read(self) -> bool:
        return self._decompression.consumed == self._source.size

    def _load_piece(self) -> None:
        """Take the next piece, or the end. Raises what the thread raised, also if it is asked again."""
        if self._closed:
            raise FileError(f"{self.name}: {_CLOSED}", path=self.name)
        if self._thread is None and self.position and not self._whole_file_read:
            self._start()
        with name_in_errors(self.name):
            if self._thread is None:
                self._take(next(self._pieces, None))
                return
            piece = self._queue.get()
            if isinstance(piece, BaseException):
                self._queue.put(piece)  # the thread has ended
                raise piece
            self._take(piece)

    def _take(self, piece: bytes | None) -> None:
        self._at_end = piece is None
        self._piece = memoryview(piece or b"")

    def _start(self) -> None:
        run = copy_context().run  # for messages, and requests to stores
        self._thread = threading.Thread(target=run, args=(self._run,), name="pcapconv", daemon=True)
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
        if not self._may_read():
            return b""
        if len(self._buffer) < count:
            self._buffer = bytearray(count)
        at = self._source.position
        with memoryview(self._buffer) as room:
            size = self._source.readinto(room[:count])
            data = bytes(room[:size])
        if self._source.observer is not None:
            self._buffer = self._source.observer.exchange(self._buffer, 0, size, at)
        return data

    def _may_read(self) -> bool:
        """Wait until bytes of a pipe of the system can be read, or until its reading ends: then return False. Does not
        wait for any other source."""
        reading = self._source.pipe_reading
        waits = self._source.may_wait and isinstance(self._source.file, io.FileIO)
        while not self._closed and not (reading is not None and reading.over):
            if not waits or self._source.ready(_MOMENT):
                return True
        return False

    def _read_at(self, offset: int, count: int) -> bytes:
        """Return bytes of the source at an offset."""
        return b"" if self._closed else self._source.peek(offset, count)
