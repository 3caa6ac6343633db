"""Threads that work through buffers beside the main thread.

Strategy: each thread does one thing, such as writing or hashing, to one buffer after the other. A buffer belongs to
one thread at a time: whoever puts it into a thread's queue lets it alone until it comes back. So there is nothing to
lock, and since there are few buffers, no queue grows. Everything else happens on the main thread: reading, since it
waits for no more than the kernels do, and what fits into one buffer, so that a small capture starts no thread.

An error stays with the thread in which it came: buffers pass through it untouched from then on, and the main thread
raises the error when it comes by. Signals reach the main thread alone; it ends the threads on its way out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Piece = tuple[bytearray, int, int]  # a buffer, and from where to where it is filled


class BufferThread:
    """A thread that calls `work` with what each buffer holds, and `pass_on` when it is done with the buffer.

    Where the system has no thread left, `put` does the work itself. `error` is what `work` raised; once it is set, the
    thread only passes buffers on.
    """

    def __init__(self, work: Callable[[memoryview], object], pass_on: Callable[[Piece], object]) -> None:
        self._work = work
        self._pass_on = pass_on
        self._waiting: SimpleQueue[Piece | None] = SimpleQueue()
        self.error: BaseException | None = None
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="pcapconv", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None

    def put(self, piece: Piece) -> None:
        """Have a buffer worked through, after all that were put before."""
        if self._thread is None:
            self._do(piece)
        else:
            self._waiting.put(piece)

    def check(self) -> None:
        """Raise what `work` raised."""
        if self.error is not None:
            raise self.error

    def end(self, patience: float | None = None) -> None:
        """Wait until all buffers are worked through and the thread has ended, at most `patience` seconds."""
        if self._thread is not None:
            self._waiting.put(None)
            if self._thread.is_alive():
                self._thread.join(patience)
            self._thread = None

    def _run(self) -> None:
        while (piece := self._waiting.get()) is not None:
            self._do(piece)

    def _do(self, piece: Piece) -> None:
        buffer, start, stop = piece
        if self.error is None:
            try:
                self._work(memoryview(buffer)[start:stop])
            except BaseException as error:  # carried to the main thread
                self.error = error
        self._pass_on(piece)
