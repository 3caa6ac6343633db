"""What carries jobs out: processes on this machine, threads, or a Dask cluster.

Strategy: jobs only know `concurrent.futures.Executor`. Processes of the batch's own share two things with it: whether
to stop, and how many bytes were read. They are started afresh, never forked, since this process may have threads.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, Protocol

from pcapconv.batching import jobs
from pcapconv.deferred import deferred
from pcapconv.errors import FileError, UsageError
from pcapconv.files import reason_of

_PATIENCE = 1.0  # seconds that processes have to end by themselves
_CONNECTING = "10s"


class Workers(Protocol):
    """An executor, and what a batch needs to know of it. `several` is how many jobs it does at a time."""

    executor: Executor
    several: int

    def read(self) -> int:
        """How many bytes were read so far, as far as that is known."""
        ...

    def renew(self) -> bool:
        """Make a broken executor good; whether that was possible."""
        ...


class Given:
    """An executor that somebody else made."""

    def __init__(self, executor: Executor, several: int) -> None:
        self.executor = executor
        self.several = several

    def read(self) -> int:
        """See `Workers.read`."""
        return 0

    def renew(self) -> bool:
        """See `Workers.renew`."""
        return False


class _Pool(ProcessPoolExecutor):
    """Starts processes that see no signals, not even before they can ask for that."""

    def submit(self, *arguments: Any, **named: Any) -> Any:
        """See `Executor.submit`."""
        with _without_signals():
            return super().submit(*arguments, **named)


@contextmanager
def _without_signals() -> Iterator[None]:
    """Processes that are started here do not get the signals that end this one: it ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot start processes: {reason_of(error)}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Processes:
    """Processes on this machine."""

    def __init__(self, several: int) -> None:
        self.several = several
        self._context = multiprocessing.get_context("spawn")
        with _without_signals():
            self._stop = self._context.Event()
            self._read = self._context.Value("q", 0)
            self._begun = self._context.SimpleQueue()  # of their process ids
        self.executor = self._new()

    def _new(self) -> Executor:
        shared = self._stop, self._read, self._begun
        return _Pool(self.several, mp_context=self._context, initializer=_begin, initargs=shared)

    def read(self) -> int:
        """See `Workers.read`."""
        return int(self._read.value)

    def renew(self) -> bool:
        """See `Workers.renew`."""
        self.executor.shutdown()  # it is broken: there is nothing to wait for but its end
        self.executor = self._new()
        return True

    def end(self) -> None:
        """Stop what runs: at its next look, or else by force."""
        self._stop.set()
        ending = {"wait": True, "cancel_futures": True}
        thread = threading.Thread(target=self.executor.shutdown, kwargs=ending, daemon=True)
        thread.start()
        until = time.monotonic() + _PATIENCE
        begun = set()
        while not self._begun.empty():
            begun.add(self._begun.get())
        mine = [process for process in multiprocessing.active_children() if process.pid in begun]
        for process in mine:
            process.join(max(0.0, until - time.monotonic()))
        for process in mine:
            if process.is_alive():
                process.kill()
        thread.join(_PATIENCE)


@contextmanager
def processes(several: int) -> Iterator[Workers]:
    """That many processes; what they still do is stopped when an exception leaves the `with` block."""
    workers = Processes(several)
    try:
        yield workers
    except BaseException:
        workers.end()
        raise
    with deferred():  # all is done; what a signal would break is of the system's own
        workers.executor.shutdown()


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


class _Shared(jobs.Watch):
    def __init__(self, stop: Any, read: Any) -> None:
        self._stop = stop
        self._read = read

    def stopped(self) -> bool:
        return bool(self._stop.is_set())

    def read(self, count: int) -> None:
        with self._read.get_lock():
            self._read.value += count


def _begin(stop: Any, read: Any, begun: Any) -> None:
    """In a new process: leave signals to the one that started it, and end when that one does."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    begun.put(os.getpid())
    jobs.watch = _Shared(stop, read)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel, stop.set), daemon=True).start()


def _end_with(sentinel: int, stop: Callable[[], None]) -> None:
    wait([sentinel])
    stop()
    time.sleep(_PATIENCE)
    os._exit(1)
