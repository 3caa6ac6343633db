"""A Dask cluster that carries jobs out: somebody else's, whose workers come and go, and may be anything.

Strategy: a loop in the thread of Dask's client looks at the scheduler every second, tells `cluster_workers` which workers are
there, and notices when the scheduler is gone. Jobs go only to workers that fit. Where a worker has gone, nobody tells
which of its jobs ended it, since some only waited there. So each of them gets a worker for itself later; a job that
loses two such workers has failed.
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
from pcapconv.batching.cluster_workers import ANSWERING, Roster, Worker
from pcapconv.batching.directory_tokens import token
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.pool import DeadProcessError
from pcapconv.errors import FileError
from pcapconv.wording import argument

_JOINING = 5.0  # seconds that the first worker has to join
_INTERVAL = 1.0  # seconds between two looks at the scheduler
_TRIES = 3  # looks in a row that a scheduler may leave unanswered
_CLOSING = 2.0  # seconds that it has to take its leave
_MOST_LOST = 2  # workers that may go while a job has them for itself
_SILENT = "it does not answer any more"
_DIED = "each worker that converted it died, or was killed; their memory may be too small for it"


@contextmanager
def cluster(address: str, home: str, source: str, run: str, warn: Callable[[str], None]) -> Iterator[Cluster]:
    """The workers of a Dask scheduler that see the directory `home` and a source, for a `run`. `warn` is told which
    others there are, in the caller's thread. Raises UsageError when Dask is not installed or that is no address,
    FileError when nobody answers, no worker fits, or nothing can be written in `home`."""
    workers = Cluster(address, connect(address), run, warn)
    try:
        with token(home) as location:
            workers.begin([location] if worker_check.unseen([source]) else [location, source])
            yield workers
        workers.say_who_does_not_fit()  # since the last look
    except BaseException:
        workers.cancel()
        raise
    finally:
        workers.close()


class _Task:
    """A job under way: `future` is the caller's, `inner` Dask's, None where no worker is there to do it. `alone` tells
    that it is to have a worker for itself."""

    def __init__(self, work: tuple[Any, ...], *, alone: bool) -> None:
        self.work = work  # a function, its arguments, those with names
        self.alone = alone
        self.future: Future[Any] = Future()
        self.inner: Future[Any] | None = None
        self.workers: frozenset[Worker] = frozenset()
        self.lost = 0  # how often all its workers have gone


class Cluster(Executor):
    """An executor, and the workers of a batch, see `executors.Workers`. `several` and `alone` follow the workers that
    come and go."""

    def __init__(self, address: str, client: Any, run: str, warn: Callable[[str], None]) -> None:
        self.executor: Executor = self
        self._address = address
        self._client = client
        self._inner = client.get_executor(pure=False, allow_other_workers=False)
        self._question: tuple[Any, ...] = ()
        self._warn = warn
        self._changed = threading.Condition(threading.RLock())
        self._roster = Roster(client, run, self._changed)
        self._tasks: set[_Task] = set()
        self._invitation: Any = None  # a task that anybody can do, so that a cluster that scales starts a worker
        self._answered = time.monotonic()  # when the scheduler did, last
        self._fitting = time.monotonic()  # when a worker that fits was there, last
        self._waiting = False  # for a worker, and said so
        self._lost = ""
        self._closed = False

    # in the caller's thread

    def begin(self, locations: Sequence[str]) -> None:
        """Wait for workers that fit, and see these files. Raises FileError."""
        self._question = worker_check.question(locations)
        self._roster.ask(self._question)
        self._client.loop.add_callback(self._look_after)
        until = time.monotonic() + _JOINING
        with self._changed:
            while (left := until - time.monotonic()) > 0 and not (self._lost or self._roster.settled()):
                self._changed.wait(left)
            if not self._roster.fit():
                if time.monotonic() - self._answered > 2 * _INTERVAL:
                    self._lose(_SILENT)
                if not self._lost:
                    raise FileError(f"{self._said()}: {self._roster.why_nobody(_JOINING)}")
        self.check()

    def _said(self) -> str:
        return argument("scheduler", self._address)

    @property
    def several(self) -> int:
        """How many jobs the workers do at a time."""
        with self._changed:
            return max(1, sum(worker.threads for worker in self._roster.fit()))

    @property
    def alone(self) -> int:
        """How many jobs can have a worker each for themselves."""
        with self._changed:
            return max(1, len(self._roster.fit()))

    def read(self) -> int:
        """See `Workers.read`."""
        with self._changed:
            return self._roster.read()

    def moves(self) -> int:
        """See `Workers.moves`."""
        with self._changed:
            return self._roster.moves()

    def check(self) -> None:
        """See `Workers.check`."""
        with self._changed:
            if self._lost:
                raise WorkersLostError(f"{self._said()}: {self._lost}")
            nobody = self._nobody()
        self.say_who_does_not_fit()
        for sentence in nobody:
            self._warn(sentence)

    def say_who_does_not_fit(self) -> None:
        """Warn of workers that get no work, once of each."""
        with self._changed:
            warnings = self._roster.warnings()
        for sentence in warnings:
            self._warn(sentence)

    def _nobody(self) -> list[str]:
        """A warning, once, when there has been no worker for some time. Raises WorkersLostError when there are workers,
        but none that fits."""
        now = time.monotonic()
        if self._roster.fit():
            self._fitting, self._waiting = now, False
        if now - self._fitting < 2 * _JOINING or not (self._roster.settled() or self._roster.empty()):
            return []
        why = self._roster.why_nobody(_JOINING)
        if not self._roster.empty():
            raise WorkersLostError(f"{self._said()}: {why}")
        first, self._waiting = not self._waiting, True
        return [f"{self._said()}: {why}; the batch waits for one"] if first else []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. The future raises DeadProcessError when all workers that it was given to have gone."""
        return self._submit(_Task((function, arguments, named), alone=False))

    def submit_alone(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """See `Workers.submit_alone`. The future raises DeadProcessError when it has lost two workers."""
        return self._submit(_Task((function, arguments, {}), alone=True))

    def cancel(self) -> None:
        """Have the cluster forget what was submitted, and not yet begun."""
        self._closed = True
        if not self._lost:
            with suppress(Exception):  # the scheduler may go at any time
                self._inner.shutdown(wait=False)

    def close(self) -> None:
        """Leave the cluster."""
        self._closed = True
        with suppress(Exception):  # there is nobody to tell
            self._client.close(timeout=_CLOSING)

    def _submit(self, task: _Task) -> Future[Any]:
        with self._changed:
            self._tasks.add(task)
            self._place(task)
        task.future.add_done_callback(lambda future: self._forget(task) if future.cancelled() else None)
        return task.future

    # in either thread, with the lock

    def _place(self, task: _Task) -> None:
        """Give a job to the workers that fit, as soon as there are some."""
        task.workers, task.inner = self._workers_for(task), None
        if not task.workers:
            return
        addresses = sorted(worker.address for worker in task.workers)
        order = worker_check.order(self._question, task.work)
        try:
            inner = self._inner.submit(eval, *order, workers=addresses)
        except Exception as error:  # the client was closed, since the scheduler is gone
            self._lose(str(error) or type(error).__name__)
            return
        task.inner = inner
        inner.add_done_callback(lambda done: self._came_back(task, done))

    def _workers_for(self, task: _Task) -> frozenset[Worker]:
        """All that fit; or one that no other job has for itself."""
        fit = self._roster.fit()
        if not task.alone:
            return fit
        taken = frozenset[Worker]().union(
            *(other.workers for other in self._tasks if other.alone and other is not task)
        )
        return frozenset(sorted(fit - taken, key=lambda worker: worker.address)[:1])

    def _lose(self, why: str) -> None:
        with self._changed:
            if not (self._lost or self._closed):
                self._lost = f"the scheduler is gone: {why}"
            self._changed.notify_all()

    def _fail(self, task: _Task, error: BaseException) -> None:
        self._tasks.discard(task)
        with suppress(InvalidStateError):  # it was cancelled just now
            task.future.set_exception(error)

    # in the client's thread

    def _came_back(self, task: _Task, inner: Future[Any]) -> None:
        with self._changed:
            if task.inner is not inner or task.future.done():
                return
            if inner.cancelled():  # by nobody here: the scheduler is gone, or somebody restarted it
                self._lose("it ended, or was started anew")
                return
            error = inner.exception()
            if error is not None:
                killed = type(error).__name__ == "KilledWorker"
                self._fail(task, DeadProcessError(_DIED) if killed else error)
                return
            result, refusal = inner.result()
            if refusal is not None:
                self._roster.refuse(*refusal)
                self._place(task)
                return
            self._tasks.discard(task)
        with suppress(InvalidStateError):  # it was cancelled just now
            task.future.set_result(result)

    def _forget(self, task: _Task) -> None:
        with self._changed:
            self._tasks.discard(task)
            inner, task.inner = task.inner, None
        if inner is not None and not self._lost:
            inner.cancel()

    async def _look_after(self) -> None:
        unanswered = 0
        while not (self._closed or self._lost):
            try:
                there = await asyncio.wait_for(self._client.scheduler.ncores(), ANSWERING)
                with self._changed:
                    self._answered = time.monotonic()
                    self._see(dict(there))
            except Exception:  # whatever Dask says when the scheduler does not answer, or has gone meanwhile
                unanswered += 1
                if unanswered == _TRIES:
                    self._lose(_SILENT)
            else:
                unanswered = 0
            await asyncio.sleep(_INTERVAL)

    def _see(self, there: dict[str, int]) -> None:
        """These workers are there now."""
        self._roster.see(there)
        if not there and self._invitation is None:
            self._invitation = self._client.submit(eval, "None", pure=False)
        elif self._roster.fit():
            self._invitation = None
        for task in list(self._tasks):
            if not any(map(self._roster.has, task.workers)):
                self._move(task)
        self._changed.notify_all()

    def _move(self, task: _Task) -> None:
        """Give a job to another worker, once, where the one that it had for itself has gone. Where it shared workers,
        and all have gone, its future fails, and the batch submits it alone."""
        inner, task.inner = task.inner, None
        task.lost += bool(task.workers)
        if inner is not None:
            self._roster.begin_task(asyncio.to_thread(inner.cancel))  # which waits for this thread
        if task.lost < (_MOST_LOST if task.alone else 1):
            self._place(task)
        else:
            self._fail(task, DeadProcessError(_DIED))
