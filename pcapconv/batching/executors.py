"""What carries jobs out: processes on this machine, threads, or an executor of the caller's; for a Dask cluster see
`cluster`. Jobs only know `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, Protocol

from pcapconv.batching.daemon_threads import Threads
from pcapconv.batching.jobs import told_so_far
from pcapconv.batching.pool import Pool
from pcapconv.errors import FileError
from pcapconv.io.held_signals import hold_signals


class WorkersLostError(FileError):
    """No more work will come back."""


class Workers(Protocol):
    """An executor, and what a batch needs to know of it."""

    executor: Executor

    @property
    def several(self) -> int:
        """How many jobs are done at a time; it may change."""
        ...

    @property
    def alone(self) -> int:
        """How many jobs at a time can be submitted alone; it may change."""
        ...

    def submit_alone(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Have something done while nothing else is done with the same memory. Nothing may be under way but what was
        submitted like that."""
        ...

    def read(self) -> int:
        """How many bytes were read so far, as far as that is known."""
        ...

    def moves(self) -> int:
        """How often bytes have moved so far, as far as that is known: read again, fetched or sent, too."""
        ...

    def check(self) -> None:
        """Called now and then. Raises WorkersLostError when no more work will come back."""
        ...


class Given:
    """An executor that somebody else made. Of a `run`, only what this process reads is known. Its jobs may share the
    memory of one machine, so that one at a time is alone."""

    alone = 1

    def __init__(self, executor: Executor, several: int, run: str = "") -> None:
        self.executor = executor
        self.several = several
        self._run = run

    def submit_alone(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """See `Workers.submit_alone`."""
        return self.executor.submit(function, *arguments)

    def read(self) -> int:
        """See `Workers.read`."""
        return told_so_far(self._run)[0]

    def moves(self) -> int:
        """See `Workers.moves`."""
        return told_so_far(self._run)[1]

    def check(self) -> None:
        """See `Workers.check`."""


class Processes(Given):
    """Processes on this machine."""

    def __init__(self, several: int) -> None:
        self.pool = Pool(several)
        super().__init__(self.pool, several)

    def read(self) -> int:
        """See `Workers.read`."""
        return self.pool.read()

    def moves(self) -> int:
        """See `Workers.moves`."""
        return self.pool.moves()


@contextmanager
def processes(several: int) -> Iterator[Workers]:
    """That many processes; what they still do is stopped when an exception leaves the `with` block."""
    workers = Processes(several)
    try:
        yield workers
        with hold_signals():  # all is done
            workers.pool.shutdown()
    except BaseException:
        with hold_signals():
            workers.pool.stop()
        raise


@contextmanager
def threads(several: int, run: str = "") -> Iterator[Workers]:
    """Threads of this process, for what only this process has, such as `memory://`."""
    executor, wait = Threads(several), True
    try:
        yield Given(executor, several, run)
    except WorkersLostError:
        wait = False
        raise
    finally:
        executor.shutdown(wait=wait)


class Here(Executor):
    """The caller's thread: work is done when it is submitted, and what ends the program ends the work."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
