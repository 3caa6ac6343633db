"""What carries jobs out: processes on this machine, threads, or a Dask cluster. Jobs only know
`concurrent.futures.Executor`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

from pcapconv.batching.pool import Pool
from pcapconv.errors import FileError, UsageError
from pcapconv.io.signals import deferred

_CONNECTING = "10s"


class Workers(Protocol):
    """An executor, and what a batch needs to know of it. `several` is how many jobs it does at a time."""

    executor: Executor
    several: int

    def read(self) -> int:
        """How many bytes were read so far, as far as that is known."""
        ...


class Given:
    """An executor that somebody else made."""

    def __init__(self, executor: Executor, several: int) -> None:
        self.executor = executor
        self.several = several

    def read(self) -> int:
        """See `Workers.read`."""
        return 0


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


@contextmanager
def dask(address: str) -> Iterator[Workers]:
    """The workers of a Dask scheduler. Raises UsageError when Dask is not installed or that is no address, FileError
    when nobody answers."""
    try:
        import distributed
    except ImportError:
        raise UsageError(f"--scheduler {address}: needs Dask; install it: pip install 'pcapconv[cluster]'") from None
    if not re.fullmatch(r"([a-z]+://)?(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}", address):
        raise UsageError(f"--scheduler {address}: not an address; write one like tcp://host:8786")
    dask: Any = distributed  # which has no types
    try:
        client = dask.Client(address, timeout=_CONNECTING, set_as_default=False)
    except Exception as error:  # whatever it may be: assertions, too
        raise FileError(f"--scheduler {address}: cannot connect: {error or type(error).__name__}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECTING)
        except Exception as error:  # whatever the version calls it
            raise FileError(f"--scheduler {address}: the cluster has no workers; start one: dask worker") from error
        executor = client.get_executor(pure=False)
        try:
            yield Given(executor, max(1, sum(client.nthreads().values())))
        except BaseException:
            executor.shutdown(wait=False)
            raise


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
