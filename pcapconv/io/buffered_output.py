"""Writing beside encoding: full buffers go to a thread that writes them, empty ones come back.

Strategy: kernels and system calls release the GIL, so a second thread hides nearly all the time that writing takes. It
starts when the first buffer is full; what fits into one is written without it. Where a digest is wanted, another thread
works it out of the buffers that are written (see `threads` for who owns a buffer when). A buffer is handed over, never
copied, and there are few of them, so memory stays constant. Where there are many outputs, each begins with a small one
and can `rest`: then it holds neither buffer nor thread nor file. They give buffers on to each other, since memory that
is new costs as much time as writing it.
"""

from __future__ import annotations

import os
from queue import SimpleQueue
from typing import Any

from pcapconv.errors import FileError
from pcapconv.io.buffer_threads import BufferThread, Piece
from pcapconv.io.read_write import read_all, reading, write_all, writing
from pcapconv.io.target import Target

BUFFER_SIZE = 512 * 1024
_BUFFERS = 3
_SMALLEST = 4096
_PATIENCE = 0.5  # seconds


class BufferedOutput:
    """A buffer to encode into, and the file behind it.

    Encode into `buffer` from `at` on and move `at`; call `turn` for an empty buffer. Or `write` bytes, as many as there
    are. `finish` writes the rest. `name` is for messages. All raise FileError when the system refuses.
    """

    def __init__(
        self,
        target: Target,
        *,
        spares: list[bytearray] | None = None,
        hashed: bool = False,
    ) -> None:
        """`spares` are buffers that nobody uses, which several outputs share. With `hashed` there is a `sha256`."""
        self._target = target
        self.name = target.place
        self.seekable = target.seekable
        self._spares = spares
        self.buffer = bytearray(BUFFER_SIZE if spares is None else 0)
        self.at = 0
        self._written = 0
        self._empty: SimpleQueue[Piece] = SimpleQueue()
        self._threads: list[BufferThread] = []  # what one passes on, the next one takes
        self._turning = _BUFFERS - 1 + 2 * hashed  # buffers besides the one that is filled
        self._hash = _sha256() if hashed else None
        self._patched = False

    @property
    def position(self) -> int:
        """Bytes put out so far, with those that still wait in buffers."""
        return self._written + self.at

    @property
    def held(self) -> int:
        """Bytes of memory that its buffers take."""
        return len(self.buffer) + (self._turning * BUFFER_SIZE if self._threads else 0)

    def turn(self, least: int = 0) -> bool:
        """Hand the buffer over and go on in an empty one, with room for `least` bytes or more; a small one grows.
        False, and nothing is done, where that is more than a buffer holds: `write` takes any number of bytes."""
        if least > BUFFER_SIZE:
            return False
        if len(self.buffer) < BUFFER_SIZE:
            self._grow(max(_SMALLEST, 2 * len(self.buffer), self.at + least))
            if self.at + least <= len(self.buffer):
                return True
        if self.at:
            self._hand_over()
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Put out these bytes, which are not needed afterwards."""
        size = len(data)
        if size <= min(_SMALLEST, len(self.buffer) - self.at):
            self.buffer[self.at : self.at + size] = data
            self.at += size
            return
        with memoryview(data) as view:
            done = 0
            while done < size:
                if self.at >= len(self.buffer):
                    self.turn(min(size - done, BUFFER_SIZE))
                part = min(size - done, len(self.buffer) - self.at)
                with memoryview(self.buffer) as room:  # assigned to the bytearray itself, bytes would be copied twice
                    room[self.at : self.at + part] = view[done : done + part]
                self.at += part
                done += part

    def patch(self, position: int, data: bytes) -> None:
        """Replace bytes that were put out before. Only where `seekable`."""
        self._settle()
        if self._hash is not None and not self._patched:
            self._patched = self._read_back(position, len(data)) != data
        with writing(self.name):
            self._target.file.seek(self._target.start + position)
            write_all(self._target.file, memoryview(data))
            self._target.file.seek(0, os.SEEK_END)

    def finish(self) -> None:
        """Write what is left."""
        self._settle()

    @property
    def sha256(self) -> str:
        """Of all that was written, in hex, after `finish`. Raises FileError."""
        assert self._hash is not None
        if self._patched:  # what had been hashed already
            self._hash, self._patched = _sha256(), False
            for at in range(0, self._written, BUFFER_SIZE):
                self._hash.update(self._read_back(at, min(BUFFER_SIZE, self._written - at)))
        found: str = self._hash.hexdigest()
        return found

    def _read_back(self, position: int, count: int) -> bytes:
        with reading(self.name):
            self._target.file.seek(self._target.start + position)
            data = read_all(self._target.file, count)
            self._target.file.seek(0, os.SEEK_END)
        return data

    def send(self) -> None:
        """Have everything so far written soon, if a thread writes; without waiting, if a buffer is free."""
        if self._threads and self.at:
            self._hand_over()

    def rest(self) -> None:
        """Write what is left, and let buffers, threads and file go until more comes."""
        self._settle()
        if self._spares is not None:
            self._give_away(self.buffer)
            self.buffer = bytearray()
        self._target.rest()

    def close(self) -> None:
        """End the threads. After an error, drop what still waits, and wait not for long: a pipe that nobody reads can
        hold a thread for ever."""
        for thread in self._threads:
            thread.error = thread.error or FileError(f"{self.name}: writing was given up")
        for thread in self._threads:
            thread.end(None if self.seekable else _PATIENCE)

    def _new_buffer(self) -> bytearray:
        return self._spares.pop() if self._spares else bytearray(BUFFER_SIZE)

    def _give_away(self, buffer: bytearray) -> None:
        if self._spares is not None and len(buffer) == BUFFER_SIZE and len(self._spares) < _BUFFERS:
            self._spares.append(buffer)

    def _grow(self, size: int) -> None:
        """Have a larger buffer with the same bytes."""
        larger = self._new_buffer() if self._spares or size >= BUFFER_SIZE else bytearray(size)
        larger[: self.at] = self.buffer[: self.at]
        self.buffer = larger

    def _hand_over(self) -> None:
        if not self._threads:
            self._start_threads()
        self._threads[0].put((self.buffer, 0, self.at))
        self._written += self.at
        (self.buffer, _, _), self.at = self._empty.get(), 0
        self._raise()

    def _start_threads(self) -> None:
        if self._hash is not None:
            self._threads.append(BufferThread(self._hash.update, self._empty.put))
        write_on = self._threads[0].put if self._threads else self._empty.put
        self._threads.insert(0, BufferThread(self._put, write_on))
        for _ in range(self._turning):
            self._empty.put((self._new_buffer(), 0, 0))

    def _settle(self) -> None:
        """Have everything so far in the file, and end the threads."""
        for thread in self._threads:
            thread.end()
        self._raise()
        self._threads = []
        while not self._empty.empty():
            self._give_away(self._empty.get()[0])
        self._put(memoryview(self.buffer)[: self.at])
        if self._hash is not None:
            self._hash.update(memoryview(self.buffer)[: self.at])
        self._written += self.at
        self.at = 0

    def _put(self, view: memoryview) -> None:
        with writing(self.name):
            write_all(self._target.file, view)

    def _raise(self) -> None:
        """Raise the error of a thread."""
        for thread in self._threads:
            thread.check()


def _sha256() -> Any:
    import hashlib  # not for a plain conversion, which starts faster without

    return hashlib.sha256()
