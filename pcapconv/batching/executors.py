"""The workers that do a batch's jobs: processes on this machine, threads, or an executor of the caller's. For a Dask
cluster, see `cluster`. The batch uses them all through `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, Protocol

from pcapconv.batching.daemon_threads import DaemonThreads
from pcapconv.batching.jobs import progress_of
from pcapconv.batching.pool import ProcessPool
from pcapconv.errors import FileError
from pcapconv.io.held_signals import hold_signals


class WorkersLostError(FileError):
    """The workers are lost, or have stalled: no more outcomes will arrive."""


class Workers(Protocol):
    """An executor, and the numbers that a batch needs of its workers."""

    executor: Executor

    @property
    def parallel_jobs(self) -> int:
        """How many jobs run at the same time; may change."""
        ...

    @property
    def isolated_jobs(self) -> int:
        """How many isolated jobs can run at the same time; may change."""
        ...

    def submit_isolated(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Submit work that shares no memory with other work: if its process dies, no other work is the cause. While it
        is under way, all other work must be isolated, too."""
        ...

    def bytes_read(self) -> int:
        """The bytes that jobs have read from their sources, without jobs that report no progress."""
        ...

    def transfers(self) -> int:
        """How often jobs have read (or read again), fetched or sent bytes, without jobs that report no progress."""
        ...

    def check(self) -> None:
        """Check that there are still workers; called several times a second. Raises WorkersLostError if no more
        outcomes will arrive."""
        ...


class ExecutorWorkers:
    """The workers of any executor. `bytes_read` and `transfers` count only the jobs of a `run` in this process. The
    workers may share the memory of one machine, so only one isolated job runs at a time."""

    isolated_jobs = 1

    def __init__(self, executor: Executor, parallel_jobs: int, run: str = "") -> None:
        self.executor = executor
        self.parallel_jobs = parallel_jobs
        self._run = run

    def submit_isolated(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """See `Workers.submit_isolated`."""
        return self.executor.submit(function, *arguments)

    def bytes_read(self) -> int:
        """See `Workers.bytes_read`."""
        return progress_of(self._run)[0]

    def transfers(self) -> int:
        """See `Workers.transfers`."""
        return progress_of(self._run)[1]

    def check(self) -> None:
        """See `Workers.check`."""


class ProcessWorkers(ExecutorWorkers):
    """Processes on this machine."""

    def __init__(self, process_count: int) -> None:
        self.pool = ProcessPool(process_count)
        super().__init__(self.pool, process_count)

    def bytes_read(self) -> int:
        """See `Workers.bytes_read`."""
        return self.pool.bytes_read()

    def transfers(self) -> int:
        """See `Workers.transfers`."""
        return self.pool.transfers()


@contextmanager
def process_workers(process_count: int) -> Iterator[Workers]:
    """Yield workers that are processes, which are stopped at once when an exception leaves the `with` block."""
    workers = ProcessWorkers(process_count)
    try:
        yield workers
        with hold_signals():  # all jobs are done
            workers.pool.shutdown()
    except BaseException:
        with hold_signals():
            workers.pool.stop()
        raise


@contextmanager
def thread_workers(thread_count: int, run: str = "") -> Iterator[Workers]:
    """Yield workers that are threads of this process, for files that only this process has, such as `memory://`."""
    executor, wait = DaemonThreads(thread_count), True
    try:
        yield ExecutorWorkers(executor, thread_count, run)
    except WorkersLostError:
        wait = False
        raise
    finally:
        executor.shutdown(wait=wait)


class InlineExecutor(Executor):
    """An executor that does the work in the caller's thread, inside `submit`, so that Ctrl-C interrupts the work."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def core_count() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
