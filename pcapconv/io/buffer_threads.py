"""Threads that work through buffers beside the main thread.

Strategy: the main thread reads and runs the kernels. One thread writes the full buffers of an output, and where its
digest is wanted, a second one hashes them (`output`); where the digest of a source is wanted, a thread hashes what was
read (`digest`). Files and pipes are treated alike. What fits into one buffer starts no thread. Reading ahead in
a thread took 7 percent more processor time and won nothing, since two cores are busy without it.

A buffer belongs to one thread at a time: whoever puts it into a thread's queue leaves it alone until `pass_on` gives it
back. So there is nothing to lock, and no queue is longer than there are buffers. After an error, a thread passes all
buffers on untouched, and the main thread raises the error the next time it exchanges a buffer. A thread ends when the
main thread says so and all that waits is done; what waits for an output that is given up is dropped. Signals reach the
main thread alone, which ends its threads on the way out.
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
