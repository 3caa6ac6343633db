"""Threads that write or hash full buffers while the main thread goes on.

Strategy: the main thread reads and runs the kernels. One thread writes the full buffers of an output, and a second one
hashes them if a digest is needed (`buffered_output`); another thread hashes the bytes that were read if the digest of a
source is needed (`source_digest`). Files and pipes are treated alike. No thread starts for data that fits into one
buffer. Reading ahead in a thread took 7 percent more processor time and was no faster, since two cores are busy without
it.

A buffer belongs to one thread at a time: once it is in a thread's queue, no other thread touches it until `pass_on` is
called. So nothing has to be locked, and no queue is longer than the number of buffers. After an error, a thread passes
all buffers on untouched, and the main thread raises the error the next time it exchanges a buffer. A thread ends when
its queue is empty and the main thread has called `end`; the queue of an output that is given up is dropped. Signals
reach only the main thread, which ends its threads on the way out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Piece = tuple[bytearray, int, int]  # a buffer, and the offsets where its data begins and ends


class BufferThread:
    """A thread that calls `work` with the data in each buffer, and then passes the buffer to `pass_on`.

    If the system can start no thread, `put` does the work itself. `error` is the exception that `work` raised; once it
    is set, the thread only passes buffers on.
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
        """Queue a buffer behind earlier ones."""
        if self._thread is None:
            self._do(piece)
        else:
            self._waiting.put(piece)

    def check(self) -> None:
        """Raise the exception of `work`, if there was one."""
        if self.error is not None:
            raise self.error

    def end(self, patience: float | None = None) -> None:
        """Wait until the queue is empty and the thread has ended, at most `patience` seconds."""
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
            except BaseException as error:  # for the main thread to raise
                self.error = error
        self._pass_on(piece)
