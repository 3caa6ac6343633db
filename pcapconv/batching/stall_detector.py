"""Whether a batch moves.

Strategy: before its first file, a batch moves unless a store is asked and answers nothing. From then on, it counts the
files that are done, and how often bytes have moved, as far as what does its jobs tells. Jobs that do not end with the
batch may run in processes that tell nothing: while they read, they touch a file in the directory of the manifest, the
pulse, and the batch looks at its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Self, TypeVar

from pcapconv.batching.arguments import Carriers
from pcapconv.batching.daemon_threads import Threads
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.local import state_now
from pcapconv.batching.store_requests import Silence, heard
from pcapconv.errors import FileError
from pcapconv.io.final_names import unlink
from pcapconv.io.read_write import writing
from pcapconv.wording import argument

_LOOK = 0.2  # seconds between two looks at whether a store answers

_T = TypeVar("_T")


def before_jobs(carriers: Carriers, work: Callable[[], _T]) -> _T:
    """Do what comes before the first file; returns what that returns. Raises FileError where a store is asked, and
    answers nothing for as long as `stall_detector` allows: the work is left alone, in a thread that ends with the process."""
    if carriers.stall is None:
        return work()
    silence, context, thread = Silence(), copy_context(), Threads(1)
    context.run(heard.set, silence)
    done: Future[_T] = thread.submit(context.run, work)
    thread.shutdown(wait=False)
    while not wait([done], _LOOK).done:
        seconds, location = silence.now()
        if seconds > carriers.patience:
            raise FileError(
                f"{location}: {argument('stall', carriers.stall)}: for so long there was no answer, and no file was "
                "begun; see whether the server runs"
            )
    return done.result()


class Stall:
    """Notices when nothing moves for as long as `stall_detector` allows. The file `heartbeat`, if any, is there inside the `with`
    block."""

    def __init__(self, carriers: Carriers, pulse: str | None) -> None:
        self._said = carriers.stall
        self._patience = carriers.patience
        self._pulse = None if carriers.stall is None else pulse
        self._last: tuple[object, ...] = (0, 0, None)
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        """Raises FileError."""
        if self._pulse is not None:
            with writing(self._pulse), open(self._pulse, "xb"):
                pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._pulse is not None:
            unlink(self._pulse)

    def look(self, done: int, moves: int) -> None:
        """So many files are done, and bytes have moved so often. Raises WorkersLostError."""
        now = time.monotonic()
        moved = (done, moves, None if self._pulse is None else state_now(self._pulse))
        if moved != self._last:
            self._last, self._since = moved, now
        elif now - self._since > self._patience:
            stall = argument("stall", self._said)
            raise WorkersLostError(f"{stall}: for so long no file was done and no byte was read or sent")
