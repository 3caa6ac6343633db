"""Writing that overlaps with reading and encoding: full buffers go to a thread, empty ones come back.

Strategy: kernels and system calls release the GIL, so a second thread that only writes hides nearly all of its time.
It is started when the first buffer is full; what fits into one is written without it. A buffer is handed over, never
copied, and there are few of them, so memory stays constant.
"""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue

from pcapconv.errors import FileError
from pcapconv.files import Target, write_all, writing

BUFFER_SIZE = 512 * 1024
_BUFFERS = 3
_PATIENCE = 2.0  # seconds


class Output:
    """A buffer to encode into, and the file behind it.

    Encode into `buffer` from `at` on and move `at`; call `turn` for an empty buffer. Or `write` bytes. `finish` writes
    the rest. `name` is for messages. All raise FileError when the system refuses.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.name = target.name
        self.seekable = target.seekable
        self.buffer = bytearray(BUFFER_SIZE)
        self.at = 0
        self._written = 0
        self._full: SimpleQueue[tuple[bytearray, int] | None] = SimpleQueue()
        self._empty: SimpleQueue[bytearray] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._spare = _BUFFERS - 1

    @property
    def position(self) -> int:
        """Bytes put out so far, with those that still wait in buffers."""
        return self._written + self.at

    def turn(self, least: int = 0) -> None:
        """Hand the buffer over and go on in an empty one, with room for `least` bytes or more."""
        if self.at:
            self._hand_over()
        if least > len(self.buffer):
            self.buffer = bytearray(least)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Put out these bytes, which are not needed afterwards."""
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                if self.at >= len(self.buffer):
                    self.turn()
                part = min(len(view) - done, len(self.buffer) - self.at)
                self.buffer[self.at : self.at + part] = view[done : done + part]
                self.at += part
                done += part

    def patch(self, position: int, data: bytes) -> None:
        """Replace bytes that were put out before. Only where `seekable`."""
        self._settle()
        with writing(self.name):
            self._target.file.seek(self._target.start + position)
            write_all(self._target.file, memoryview(data))
            self._target.file.seek(0, os.SEEK_END)

    def finish(self) -> None:
        """Write what is left."""
        self._settle()

    def close(self) -> None:
        """Let the thread go. After an error that drops what still waits, and waits not for long: a pipe that nobody
        reads can hold the thread for ever."""
        if self._thread is not None:
            self._error = self._error or FileError(f"{self.name}: writing was given up")
            self._end_thread(None if self.seekable else _PATIENCE)

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_buffers, name="pcapconv-output", daemon=True)
            self._thread.start()
            while self._spare:
                self._spare -= 1
                self._empty.put(bytearray(BUFFER_SIZE))
        self._full.put((self.buffer, self.at))
        self._written += self.at
        self.buffer, self.at = self._empty.get(), 0
        self._raise()

    def _settle(self) -> None:
        """Everything so far is in the file."""
        self._end_thread(None)
        self._raise()
        self._put(memoryview(self.buffer)[: self.at])
        self._written += self.at
        self.at = 0

    def _end_thread(self, patience: float | None) -> None:
        if self._thread is not None:
            self._full.put(None)
            self._thread.join(patience)
            self._thread = None

    def _put(self, view: memoryview) -> None:
        with writing(self.name):
            write_all(self._target.file, view)

    def _write_buffers(self) -> None:
        while (item := self._full.get()) is not None:
            buffer, length = item
            if self._error is None:
                try:
                    self._put(memoryview(buffer)[:length])
                except BaseException as error:  # carried to the thread that waits for it
                    self._error = error
            self._empty.put(buffer if len(buffer) == BUFFER_SIZE else bytearray(BUFFER_SIZE))

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
