"""Detects that a batch has stalled: no byte was read or sent, and no file was done, for as long as `stall` allows.

Strategy: before the first file, a batch stalls when a store leaves a request unanswered. From then on, progress is a
file that is done, a transfer of bytes that the workers report, or a newer time of the heartbeat file. Jobs that do not
end with the batch touch that file while they read or send, since the batch may not know the progress of their
processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Self, TypeVar

from pcapconv.batching.arguments import ExecutionArguments
from pcapconv.batching.daemon_threads import DaemonThreads
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.local import fresh_state
from pcapconv.batching.store_requests import Silence, current_silence
from pcapconv.errors import FileError
from pcapconv.io.final_names import unlink
from pcapconv.io.read_write import writing
from pcapconv.wording import argument

_INTERVAL = 0.2  # seconds between two checks whether stores have answered

_T = TypeVar("_T")


def run_before_jobs(execution: ExecutionArguments, work: Callable[[], _T]) -> _T:
    """Do `work`, which precedes the first file, and return its result. Raises FileError if a store leaves a request
    unanswered for longer than `stall`; then the work goes on in a thread that ends with the process."""
    if execution.stall is None:
        return work()
    silence, context, thread = Silence(), copy_context(), DaemonThreads(1)
    context.run(current_silence.set, silence)
    done: Future[_T] = thread.submit(context.run, work)
    thread.shutdown(wait=False)
    while not wait([done], _INTERVAL).done:
        seconds, location = silence.measure()
        if seconds > execution.stall_seconds:
            raise FileError(
                f"{location}: {argument('stall', execution.stall)}: for so long there was no answer, and no file was "
                "begun; check that the server runs",
                path=location,
            )
    return done.result()


class StallDetector:
    """Detects that a running batch has stalled. The file `heartbeat`, if not None, exists inside the `with` block.
    Entering raises FileError if the file cannot be created."""

    def __init__(self, execution: ExecutionArguments, heartbeat: str | None) -> None:
        self._argument_text = execution.stall
        self._patience = execution.stall_seconds
        self._heartbeat = None if execution.stall is None else heartbeat
        self._last_progress: tuple[object, ...] = (0, 0, None)
        self._last_change = time.monotonic()

    def __enter__(self) -> Self:
        if self._heartbeat is not None:
            with writing(self._heartbeat), open(self._heartbeat, "xb"):
                pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._heartbeat is not None:
            unlink(self._heartbeat)

    def check(self, done: int, transfers: int) -> None:
        """Check that the batch has made progress: the number of files `done`, the number of `transfers` or the time of
        the heartbeat has changed. Raises WorkersLostError if there was no progress for longer than `stall`."""
        now = time.monotonic()
        progress = (done, transfers, None if self._heartbeat is None else fresh_state(self._heartbeat))
        if progress != self._last_progress:
            self._last_progress, self._last_change = progress, now
        elif now - self._last_change > self._patience:
            stall = argument("stall", self._argument_text)
            raise WorkersLostError(
                f"{stall}: for so long no file was done and no byte was read or sent", option="stall"
            )
