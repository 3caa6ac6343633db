"""What carries jobs out: processes on this machine, threads, or an executor of the caller's; for a Dask cluster see
`cluster`. Jobs only know `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from pcapconv.batching.pool import Pool
from pcapconv.errors import FileError
from pcapconv.io.signals import deferred


class WorkersLostError(FileError):
    """No more work will come back."""


class Workers(Protocol):
    """An executor, and what a batch needs to know of it."""

    executor: Executor

    @property
    def several(self) -> int:
        """How many jobs are done at a time; it may change."""
        ...

    def read(self) -> int:
        """How many bytes were read so far, as far as that is known."""
        ...

    def check(self) -> None:
        """Called now and then. Raises WorkersLostError when no more work will come back."""
        ...


class Given:
    """An executor that somebody else made."""

    def __init__(self, executor: Executor, several: int) -> None:
        self.executor = executor
        self.several = several

    def read(self) -> int:
        """See `Workers.read`."""
        return 0

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


@contextmanager
def processes(several: int) -> Iterator[Workers]:
    """That many processes; what they still do is stopped when an exception leaves the `with` block."""
    workers = Processes(several)
    try:
        yield workers
        with deferred():  # all is done
            workers.pool.shutdown()
    except BaseException:
        with deferred():
            workers.pool.stop()
        raise


@contextmanager
def threads(several: int) -> Iterator[Workers]:
    """Threads of this process, for what only this process has, such as `memory://`."""
    with ThreadPoolExecutor(several) as executor:
        yield Given(executor, several)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
