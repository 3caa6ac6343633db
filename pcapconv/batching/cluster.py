"""A Dask cluster that carries jobs out: somebody else's, whose workers come and go, and may be anything.

Strategy: a loop in the client's thread looks at the scheduler every second. It asks workers that are new whether they
fit (see `fitness`), and notices when the scheduler is gone. Jobs go only to workers that fit; those whose workers have
all gone are submitted again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

from pcapconv.batching import fitness
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.jobs import told_so_far
from pcapconv.batching.tokens import token
from pcapconv.errors import FileError, UsageError

_CONNECTING = 2.5  # seconds
_ANSWERING = 4.0  # seconds that the scheduler and each worker have to answer
_JOINING = 5.0  # seconds that the first worker has to join
_INTERVAL = 1.0  # seconds between two looks at the scheduler
_TRIES = 3  # looks in a row that a scheduler may leave unanswered
_CLOSING = 2.0  # seconds that it has to take its leave
_MOST_NAMED = 3  # workers in one sentence
_MOST_LOST = 2  # times that all workers of a job may go
_DIED = "each worker that converted it died, or was killed; their memory may be too small for it"
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio", "bokeh")


@contextmanager
def cluster(address: str, home: str, source: str, run: str, warn: Callable[[str], None]) -> Iterator[Cluster]:
    """The workers of a Dask scheduler that see the directory `home` and a source, for a `run`. `warn` is told which
    others there are, in the caller's thread. Raises UsageError when Dask is not installed or that is no address,
    FileError when nobody answers, no worker fits, or nothing can be written in `home`."""
    if not re.fullmatch(r"([a-z]+://)?(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}", address):
        raise UsageError(f"--scheduler {address}: not an address; write one like tcp://host:8786")
    workers = Cluster(address, _connect(_import_dask(address), address), run, warn)
    try:
        with token(home) as place:
            workers.begin([place] if fitness.unseen([source]) else [place, source])
            yield workers
    except BaseException:
        workers.cancel()
        raise
    finally:
        workers.close()


def _import_dask(address: str) -> Any:
    """The module, which has no types. What it logs reaches the terminal only where its own configuration, or a program
    that imported it before, wants that. Raises UsageError."""
    ours = "distributed" not in sys.modules
    try:
        import dask
        import distributed
    except ImportError:
        raise UsageError(f"--scheduler {address}: needs Dask; install it: pip install 'pcapconv[cluster]'") from None
    config: Any = dask.config
    if ours and not config.get("logging", None):
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers[:] = [logging.NullHandler()]
            logger.propagate = False
    return distributed


def _connect(dask: Any, address: str) -> Any:
    """A client of the scheduler. Raises FileError, also when what answers at the address never says anything."""

    class Client(dask.Client):  # type: ignore[misc]
        def __del__(self) -> None:
            """One that could not connect has nothing to close, and would wait for its end."""
            self.status = "closed"

    def connect() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other versions of Dask, and of what it needs
                answers.put(Client(address, timeout=_CONNECTING, set_as_default=False))
        except BaseException as error:  # whatever it may be: assertions, too
            answers.put(error)

    answers: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=connect, name="pcapconv-connect", daemon=True).start()
    try:
        answer = answers.get(timeout=_CONNECTING + 0.5)
    except Empty:
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, MemoryError):  # the first bytes, taken for a length
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, BaseException):
        said = " ".join(str(answer).split()) or type(answer).__name__
        raise FileError(f"--scheduler {address}: cannot connect: {said}") from answer
    return answer


class _Task:
    """A job under way: `future` is the caller's, `inner` Dask's, None where no worker is there to do it."""

    def __init__(self, work: tuple[Any, ...]) -> None:
        self.work = work  # a function, its arguments, those with names
        self.future: Future[Any] = Future()
        self.inner: Future[Any] | None = None
        self.workers: frozenset[str] = frozenset()
        self.lost = 0  # how often all its workers have gone


class Cluster(Executor):
    """An executor, and the workers of a batch, see `executors.Workers`. `several` follows the workers that come and
    go."""

    def __init__(self, address: str, client: Any, run: str, warn: Callable[[str], None]) -> None:
        self.executor: Executor = self
        self._address = address
        self._client = client
        self._inner = client.get_executor(pure=False, allow_other_workers=False)
        self._question: tuple[Any, ...] = ()
        self._run = run
        self._warn = warn
        self._told: dict[str, tuple[int, int]] = {}  # worker → bytes read, and how often any have moved
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._there: dict[str, int] | None = None  # worker → threads; None until the scheduler has said
        self._asked: dict[str, str | None] = {}  # worker → why it does not fit, nothing if it does, None: no answer yet
        self._named: set[str] = set()
        self._tasks: set[_Task] = set()
        self._begun: set[asyncio.Task[object]] = set()
        self._invitation: Any = None  # a task that anybody can do, so that a cluster that scales starts a worker
        self._lost = ""
        self._closed = False

    # in the caller's thread

    def begin(self, places: Sequence[str]) -> None:
        """Wait for workers that fit, and see these files. Raises FileError."""
        self._question = fitness.question(places)
        self._client.loop.add_callback(self._look_after)
        until = time.monotonic() + _JOINING
        with self._changed:
            while (left := until - time.monotonic()) > 0:
                if self._there and None not in (self._asked.get(worker) for worker in self._there):
                    break
                self._changed.wait(left)
            if not self._fit():
                raise FileError(f"--scheduler {self._address}: {self._why_nobody()}")
        self.check()

    @property
    def several(self) -> int:
        """How many jobs the workers do at a time."""
        with self._lock:
            return max(1, sum((self._there or {}).get(worker, 0) for worker in self._fit()))

    def read(self) -> int:
        """See `Workers.read`."""
        with self._lock:
            return sum(read for read, _ in self._told.values())

    def moves(self) -> int:
        """See `Workers.moves`."""
        with self._lock:
            return sum(moves for _, moves in self._told.values())

    def check(self) -> None:
        """See `Workers.check`."""
        with self._lock:
            unfit = {
                worker: reason
                for worker, reason in self._asked.items()
                if reason and worker not in self._named and worker in (self._there or {})
            }
            self._named |= unfit.keys()
            lost = self._lost
        for sentence in _sentences(unfit):
            self._warn(sentence)
        if lost:
            raise WorkersLostError(f"--scheduler {self._address}: {lost}")

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`."""
        task = _Task((function, arguments, named))
        with self._lock:
            self._tasks.add(task)
            self._place(task)
        task.future.add_done_callback(lambda future: self._forget(task) if future.cancelled() else None)
        return task.future

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

    # in either thread, with the lock

    def _fit(self) -> frozenset[str]:
        return frozenset(worker for worker in self._there or () if self._asked.get(worker) == "")

    def _place(self, task: _Task) -> None:
        """Give a job to the workers that fit, as soon as there are some."""
        task.workers, task.inner = self._fit(), None
        if not task.workers:
            return
        function, arguments, named = task.work
        try:
            inner = self._inner.submit(function, *arguments, workers=sorted(task.workers), **named)
        except Exception as error:  # the client was closed, since the scheduler is gone
            self._lose(str(error) or type(error).__name__)
            return
        task.inner = inner
        inner.add_done_callback(lambda done: self._came_back(task, done))

    def _lose(self, why: str) -> None:
        if not (self._lost or self._closed):
            self._lost = f"the scheduler is gone: {why}"

    # in the client's thread

    def _came_back(self, task: _Task, inner: Future[Any]) -> None:
        with self._lock:
            if task.inner is not inner or task.future.done():
                return
            if inner.cancelled():  # by nobody here: the scheduler is gone, or somebody restarted it
                self._lose("it ended, or was started anew")
                return
            self._tasks.discard(task)
        error = inner.exception()
        with suppress(InvalidStateError):  # it was cancelled just now
            if error is None:
                task.future.set_result(inner.result())
            else:
                task.future.set_exception(_in_our_words(error))

    def _forget(self, task: _Task) -> None:
        with self._lock:
            self._tasks.discard(task)
            inner, task.inner = task.inner, None
        if inner is not None and not self._lost:
            inner.cancel()

    async def _look_after(self) -> None:
        unanswered = 0
        while not (self._closed or self._lost):
            try:
                there = await asyncio.wait_for(self._client.scheduler.ncores(), _ANSWERING)
            except Exception:  # whatever Dask says when the scheduler does not answer
                unanswered += 1
                if unanswered == _TRIES:
                    self._lose("it does not answer any more")
            else:
                unanswered = 0
                with self._changed:
                    self._see(dict(there))
                await asyncio.gather(*map(self._add_up, self._fit()))
            await asyncio.sleep(_INTERVAL)

    async def _add_up(self, worker: str) -> None:
        """Ask a worker how much it has read."""
        arguments: Any = {"workers": [worker], "on_error": "ignore", "asynchronous": True}
        with suppress(Exception):  # the next time will tell
            told = await asyncio.wait_for(self._client.run(told_so_far, self._run, **arguments), _INTERVAL)
            with self._lock:
                self._told |= told

    def _see(self, there: dict[str, int]) -> None:
        """These workers are there now."""
        self._there = there
        for worker in self._asked.keys() - there.keys():
            del self._asked[worker]
        for worker in there.keys() - self._asked.keys():
            self._asked[worker] = None
            self._begin_task(self._ask(worker))
        if not there and self._invitation is None:
            self._invitation = self._client.submit(eval, "None", pure=False)
        elif self._fit():
            self._invitation = None
        for task in list(self._tasks):
            if not task.workers & there.keys():
                self._move(task)
        self._changed.notify_all()

    def _move(self, task: _Task) -> None:
        """Give a job to other workers, since all that it was given to have gone; it may be what ends them."""
        inner, task.inner = task.inner, None
        task.lost += bool(task.workers)
        if inner is not None:
            self._begin_task(asyncio.to_thread(inner.cancel))  # which waits for this thread
        if task.lost < _MOST_LOST:
            self._place(task)
            return
        self._tasks.discard(task)
        with suppress(InvalidStateError):  # it was cancelled just now
            task.future.set_exception(RuntimeError(_DIED))

    def _begin_task(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._begun.add(task)  # else nothing would hold it
        task.add_done_callback(self._begun.discard)

    async def _ask(self, worker: str) -> None:
        """Ask a worker until it answers."""
        answered, pause = False, _ANSWERING
        while not answered and worker in self._asked:
            try:
                said = await asyncio.wait_for(self._answer_of(worker), _ANSWERING)
                answered = True
            except Exception:  # what Dask says of a worker that does not answer, or is gone
                said = f"it gave no answer in {_ANSWERING:g} seconds"
            with self._changed:
                if worker in self._asked:
                    self._asked[worker] = said
                self._changed.notify_all()
            if not answered:
                await asyncio.sleep(pause)
                pause *= 2

    async def _answer_of(self, worker: str) -> str:
        arguments: Any = {"workers": [worker], "on_error": "return", "asynchronous": True}
        answers = await self._client.run(asyncio.to_thread, eval, *self._question, **arguments)
        answer = answers[worker]
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, str) else f"it cannot be asked: {answer!r:.200}"

    def _why_nobody(self) -> str:
        if not self._there:
            return "the cluster has no workers; start one: dask worker"
        unfit = {worker: reason for worker, reason in self._asked.items() if reason}
        silent = f"it gave no answer in {_JOINING:g} seconds"
        unfit |= {worker: silent for worker, reason in self._asked.items() if reason is None}
        return "; ".join(_sentences(unfit))


def _sentences(unfit: dict[str, str]) -> list[str]:
    """Which workers get no work, and why: one sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for worker, reason in sorted(unfit.items()):
        by_reason.setdefault(reason, []).append(worker)
    return [_sentence(workers, reason) for reason, workers in by_reason.items()]


def _sentence(workers: list[str], reason: str) -> str:
    if len(workers) == 1:
        return f"worker {workers[0]} gets no work: {reason}"
    more = len(workers) - _MOST_NAMED
    named = ", ".join(workers[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"workers {named} get no work, each for one reason: {reason}"


def _in_our_words(error: BaseException) -> BaseException:
    if type(error).__name__ != "KilledWorker":
        return error
    return RuntimeError(_DIED)
