"""Runs jobs on a Dask cluster, whose workers come and go and may have anything installed.

Strategy: a loop in the thread of Dask's client asks the scheduler every second for its workers (`cluster_workers`), and
notices when the scheduler is gone. Jobs go only to workers that fit (`worker_check`). If a worker is lost, any of its
jobs may have killed it, although some were only queued there. So each of these jobs later gets a worker to itself; a
job that loses two such workers has failed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import Any

from pcapconv.batching import worker_check
from pcapconv.batching.cluster_connection import connect
from pcapconv.batching.cluster_workers import ANSWER_TIMEOUT, ClusterWorker, ClusterWorkers
from pcapconv.batching.directory_tokens import directory_token
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.pool import DeadProcessError
from pcapconv.errors import FileError
from pcapconv.wording import argument

_JOIN_TIMEOUT = 5.0  # seconds for the first worker to join
_INTERVAL = 1.0  # seconds between two questions to the scheduler
_MOST_UNANSWERED = 3  # questions in a row until the scheduler is gone
_CLOSE_TIMEOUT = 2.0  # seconds
_MOST_LOST = 2  # workers that an isolated job may lose until it has failed
_SILENT = "it does not answer any more"
_DIED = "each worker that converted it died, or was killed; their memory may be too small for it"


@contextmanager
def open_cluster(
    address: str, home: str, source: str, run: str, warn: Callable[[str], None]
) -> Iterator[ClusterExecutor]:
    """Yield an executor for the workers of a Dask scheduler that see the directory `home` and the file `source`, for a
    `run`. `warn` is called, in the caller's thread, with a sentence about workers that do not fit. Raises UsageError if
    Dask is not installed or `address` is malformed, FileError if no scheduler answers, no worker fits, or `home` cannot
    be written."""
    workers = ClusterExecutor(address, connect(address), run, warn)
    try:
        with directory_token(home) as token:
            # Only a source that this process sees can show whether workers see the same files.
            workers.wait_for_workers([token] if worker_check.invisible_reason([source]) else [token, source])
            yield workers
        workers.warn_of_unfit_workers()  # of workers that joined since the last call
    except BaseException:
        workers.cancel()
        raise
    finally:
        workers.close()


class _Task:
    """Submitted work. `future` is for the caller; `dask_future` is from Dask, None while no worker fits. An `isolated`
    task has a worker to itself."""

    def __init__(self, work: tuple[Any, ...], *, isolated: bool) -> None:
        self.work = work  # a function, its arguments, its keyword arguments
        self.isolated = isolated
        self.future: Future[Any] = Future()
        self.dask_future: Future[Any] | None = None
        self.workers: frozenset[ClusterWorker] = frozenset()
        self.lost = 0  # how often all its workers were lost


class ClusterExecutor(Executor):
    """An executor that is also the `executors.Workers` of a batch. `parallel_jobs` and `isolated_jobs` change as
    workers come and go."""

    def __init__(self, address: str, client: Any, run: str, warn: Callable[[str], None]) -> None:
        self.executor: Executor = self
        self._address = address
        self._client = client
        self._dask_executor = client.get_executor(pure=False, allow_other_workers=False)
        self._check: tuple[Any, ...] = ()  # a `worker_check.check_expression`
        self._warn = warn
        self._changed = threading.Condition(threading.RLock())
        self._workers = ClusterWorkers(client, run, self._changed)
        self._tasks: set[_Task] = set()
        self._scaling_task: Any = None  # work that does nothing, so that a cluster that scales starts a worker
        self._last_answer = time.monotonic()  # when the scheduler answered last
        self._last_fit = time.monotonic()  # when a worker fitted last
        self._has_warned = False  # whether the lack of workers was reported
        self._lost_reason = ""  # why the scheduler is gone; empty while it answers
        self._closed = False

    # in the caller's thread

    def wait_for_workers(self, locations: Sequence[str]) -> None:
        """Wait until at least one worker fits; to fit, a worker must see the files at `locations`. Raises FileError if
        no worker fits after some seconds."""
        self._check = worker_check.check_expression(locations)
        self._workers.set_check(self._check)
        self._client.loop.add_callback(self._watch_scheduler)
        until = time.monotonic() + _JOIN_TIMEOUT
        with self._changed:
            while (remaining := until - time.monotonic()) > 0:
                if self._lost_reason or self._workers.all_have_answered():
                    break
                self._changed.wait(remaining)
            if not self._workers.fitting_workers():
                if time.monotonic() - self._last_answer > 2 * _INTERVAL:
                    self._mark_lost(_SILENT)
                if not self._lost_reason:
                    raise FileError(
                        f"{self._argument_text()}: {self._workers.why_none_fits(_JOIN_TIMEOUT)}", option="scheduler"
                    )
        self.check()

    def _argument_text(self) -> str:
        return argument("scheduler", self._address)

    @property
    def parallel_jobs(self) -> int:
        """See `Workers.parallel_jobs`."""
        with self._changed:
            return max(1, sum(worker.threads for worker in self._workers.fitting_workers()))

    @property
    def isolated_jobs(self) -> int:
        """See `Workers.isolated_jobs`."""
        with self._changed:
            return max(1, len(self._workers.fitting_workers()))

    def bytes_read(self) -> int:
        """See `Workers.bytes_read`."""
        with self._changed:
            return self._workers.bytes_read()

    def transfers(self) -> int:
        """See `Workers.transfers`."""
        with self._changed:
            return self._workers.transfers()

    def check(self) -> None:
        """See `Workers.check`. Warns of workers that do not fit, and once if there are no workers."""
        with self._changed:
            if self._lost_reason:
                raise WorkersLostError(f"{self._argument_text()}: {self._lost_reason}", option="scheduler")
            warnings = self._check_workers()
        self.warn_of_unfit_workers()
        for sentence in warnings:
            self._warn(sentence)

    def warn_of_unfit_workers(self) -> None:
        """Warn of each worker that gets no work, once."""
        with self._changed:
            warnings = self._workers.new_warnings()
        for sentence in warnings:
            self._warn(sentence)

    def _check_workers(self) -> list[str]:
        """Return a warning, once, if there have been no workers for some time. Raises WorkersLostError if there are
        workers, but no worker fits."""
        now = time.monotonic()
        if self._workers.fitting_workers():
            self._last_fit, self._has_warned = now, False
        if now - self._last_fit < 2 * _JOIN_TIMEOUT or not (
            self._workers.all_have_answered() or self._workers.is_empty()
        ):
            return []
        reason = self._workers.why_none_fits(_JOIN_TIMEOUT)
        if not self._workers.is_empty():
            raise WorkersLostError(f"{self._argument_text()}: {reason}", option="scheduler")
        is_first, self._has_warned = not self._has_warned, True
        return [f"{self._argument_text()}: {reason}; the batch waits for one"] if is_first else []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. The future raises DeadProcessError if all workers with this work were lost."""
        return self._submit(_Task((function, arguments, named), isolated=False))

    def submit_isolated(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """See `Workers.submit_isolated`. The future raises DeadProcessError after two workers with this work were
        lost."""
        return self._submit(_Task((function, arguments, {}), isolated=True))

    def cancel(self) -> None:
        """Cancel submitted work that has not begun."""
        self._closed = True
        if not self._lost_reason:
            with suppress(Exception):  # the scheduler may go at any time
                self._dask_executor.shutdown(wait=False)

    def close(self) -> None:
        """Close the connection to the cluster."""
        self._closed = True
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=_CLOSE_TIMEOUT)

    def _submit(self, task: _Task) -> Future[Any]:
        with self._changed:
            self._tasks.add(task)
            self._assign(task)
        task.future.add_done_callback(lambda future: self._cancel_task(task) if future.cancelled() else None)
        return task.future

    # in either thread, with the lock

    def _assign(self, task: _Task) -> None:
        """Submit a task to the workers that fit; if no worker fits, `_update_workers` submits it later."""
        task.workers, task.dask_future = self._workers_for(task), None
        if not task.workers:
            return
        addresses = sorted(worker.address for worker in task.workers)
        expression = worker_check.work_expression(self._check, task.work)
        try:
            dask_future = self._dask_executor.submit(eval, *expression, workers=addresses)
        except Exception as error:  # the client was closed, since the scheduler is gone
            self._mark_lost(str(error) or type(error).__name__)
            return
        task.dask_future = dask_future
        dask_future.add_done_callback(lambda done: self._finish(task, done))

    def _workers_for(self, task: _Task) -> frozenset[ClusterWorker]:
        """Return all workers that fit; for an isolated task, one worker that no other isolated task has."""
        fit = self._workers.fitting_workers()
        if not task.isolated:
            return fit
        occupied = frozenset[ClusterWorker]().union(
            *(other.workers for other in self._tasks if other.isolated and other is not task)
        )
        return frozenset(sorted(fit - occupied, key=lambda worker: worker.address)[:1])

    def _mark_lost(self, reason: str) -> None:
        """Note that the scheduler is gone, unless the batch itself has left the cluster."""
        with self._changed:
            if not (self._lost_reason or self._closed):
                self._lost_reason = f"the scheduler is gone: {reason}"
            self._changed.notify_all()

    def _fail(self, task: _Task, error: BaseException) -> None:
        self._tasks.discard(task)
        with suppress(InvalidStateError):  # the future was cancelled just now
            task.future.set_exception(error)

    # in the client's thread

    def _finish(self, task: _Task, dask_future: Future[Any]) -> None:
        """Pass the result of Dask's future to the caller's; assign the task again if its worker did not fit."""
        with self._changed:
            if task.dask_future is not dask_future or task.future.done():
                return
            if dask_future.cancelled():  # not by this process: the scheduler is gone, or was restarted
                self._mark_lost("it ended or was restarted")
                return
            error = dask_future.exception()
            if error is not None:
                killed = type(error).__name__ == "KilledWorker"
                self._fail(task, DeadProcessError(_DIED) if killed else error)
                return
            result, refusal = dask_future.result()
            if refusal is not None:
                self._workers.mark_unfit(*refusal)
                self._assign(task)
                return
            self._tasks.discard(task)
        with suppress(InvalidStateError):  # the future was cancelled just now
            task.future.set_result(result)

    def _cancel_task(self, task: _Task) -> None:
        with self._changed:
            self._tasks.discard(task)
            dask_future, task.dask_future = task.dask_future, None
        if dask_future is not None and not self._lost_reason:
            dask_future.cancel()

    async def _watch_scheduler(self) -> None:
        """Ask the scheduler for its workers every second, until it is gone or the cluster is closed."""
        unanswered = 0
        while not (self._closed or self._lost_reason):
            try:
                threads_by_address = await asyncio.wait_for(self._client.scheduler.ncores(), ANSWER_TIMEOUT)
                with self._changed:
                    self._last_answer = time.monotonic()
                    self._update_workers(dict(threads_by_address))
            except Exception:  # of any type that Dask raises if the scheduler does not answer or is gone
                unanswered += 1
                if unanswered == _MOST_UNANSWERED:
                    self._mark_lost(_SILENT)
            else:
                unanswered = 0
            await asyncio.sleep(_INTERVAL)

    def _update_workers(self, threads_by_address: dict[str, int]) -> None:
        """Update the workers to those that the scheduler reports, and reassign tasks whose workers are all lost."""
        self._workers.update(threads_by_address)
        if not threads_by_address and self._scaling_task is None:
            self._scaling_task = self._client.submit(eval, "None", pure=False)
        elif self._workers.fitting_workers():
            self._scaling_task = None
        for task in list(self._tasks):
            if not any(map(self._workers.is_present, task.workers)):
                self._reassign(task)
        self._changed.notify_all()

    def _reassign(self, task: _Task) -> None:
        """Assign a task whose workers are all lost to other workers. After too many losses, its future fails: that of
        an isolated task after two lost workers, that of any other task at once; the batch then submits the latter
        isolated."""
        dask_future, task.dask_future = task.dask_future, None
        task.lost += bool(task.workers)
        if dask_future is not None:
            self._workers.start_task(asyncio.to_thread(dask_future.cancel))  # `cancel` waits for this thread
        if task.lost < (_MOST_LOST if task.isolated else 1):
            self._assign(task)
        else:
            self._fail(task, DeadProcessError(_DIED))
