"""The workers of a Dask cluster: which are there, which of them fit, and how much they have read.

Strategy: each worker has a task in the thread of Dask's client, which asks it whether it fits until it answers, and
then every second how much it has read, until the worker is gone. What is known stands under one lock. A worker is a
process, not an address: another process may come to have the same one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

from pcapconv.batching import worker_check

ANSWERING = 4.0  # seconds that a worker has to answer
_INTERVAL = 1.0  # seconds between two questions how much a worker has read
_MOST_ASKED = 100  # workers that are asked that in an interval
_MOST_NAMED = 3  # workers in one sentence


class Worker:
    """A process of the cluster. `answer` is why it does not fit, nothing if it does, None before it has answered."""

    def __init__(self, address: str, threads: int) -> None:
        self.address = address
        self.threads = threads
        self.answer: str | None = None
        self.process = ""  # which one it is; not known at first


class Roster:
    """The workers that a cluster has now. `changed` has the lock, and is notified when one has answered."""

    def __init__(self, client: Any, run: str, changed: threading.Condition) -> None:
        self._client = client
        self._run = run
        self._changed = changed
        self._question: tuple[Any, ...] = ()
        self._workers: dict[str, Worker] = {}
        self._told: dict[str, tuple[int, int]] = {}  # process → bytes read, and how often any have moved
        self._named: set[tuple[str, str]] = set()
        self._begun: set[asyncio.Task[object]] = set()

    # in any thread, with the lock

    def fit(self) -> frozenset[Worker]:
        """Those that can do jobs."""
        return frozenset(worker for worker in self._workers.values() if worker.answer == "")

    def has(self, worker: Worker) -> bool:
        """Whether a worker is still there."""
        return self._workers.get(worker.address) is worker

    def settled(self) -> bool:
        """Whether there are workers, all of which have answered."""
        return bool(self._workers) and all(worker.answer is not None for worker in self._workers.values())

    def empty(self) -> bool:
        """Whether there are no workers."""
        return not self._workers

    def read(self) -> int:
        """How many bytes were read so far, also by those that have gone."""
        return sum(read for read, _ in self._told.values())

    def moves(self) -> int:
        """How often bytes have moved so far, also those of workers that have gone."""
        return sum(moves for _, moves in self._told.values())

    def refuse(self, address: str, reason: str) -> None:
        """The worker at an address does not fit after all."""
        if address in self._workers:
            self._workers[address].answer = reason

    def warnings(self) -> list[str]:
        """Sentences about workers that do not fit, each worker once."""
        unfit = {worker.address: worker.answer for worker in self._workers.values() if worker.answer}
        new = {address: reason for address, reason in unfit.items() if (address, reason) not in self._named}
        self._named |= set(new.items())
        return _sentences(new)

    def why_nobody(self, patience: float) -> str:
        """Why no worker fits, after so many seconds."""
        if not self._workers:
            return "the cluster has no workers; start one: dask worker"
        silent = f"it gave no answer in {patience:g} seconds"
        return "; ".join(_sentences({worker.address: worker.answer or silent for worker in self._workers.values()}))

    # in the client's thread

    def ask(self, question: tuple[Any, ...]) -> None:
        """Ask this of all workers that are seen from now on."""
        self._question = question

    def see(self, there: Mapping[str, int]) -> None:
        """These workers are there now, with so many threads each. With the lock."""
        for address in self._workers.keys() - there.keys():
            del self._workers[address]
        for address, threads in there.items():
            if address not in self._workers:
                self._begin(address, threads)
            self._workers[address].threads = threads

    def begin_task(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the client's thread do something meanwhile."""
        task = asyncio.ensure_future(work)
        self._begun.add(task)  # else nothing would hold it
        task.add_done_callback(self._begun.discard)

    def _begin(self, address: str, threads: int) -> None:
        self._workers[address] = worker = Worker(address, threads)
        self.begin_task(self._follow(worker))

    async def _follow(self, worker: Worker) -> None:
        begun, pause = time.monotonic(), _INTERVAL
        while self.has(worker) and not await self._ask(worker, begun):
            await asyncio.sleep(pause)
            pause *= 2
        while self.has(worker) and worker.answer == "":
            await self._add_up(worker)
            await asyncio.sleep(_INTERVAL * max(1, len(self._workers) / _MOST_ASKED))

    async def _ask(self, worker: Worker, begun: float) -> bool:
        """Whether a worker answers when it is asked if it fits. One that has given no answer for some seconds does not
        fit for now."""
        try:
            said = await self._answer_of(worker, *self._question)
            answer, answered = said if isinstance(said, str) else f"it cannot be asked: {said!r:.200}", True
        except Exception:  # what Dask says of a worker that does not answer, or is gone, or when the scheduler is
            if time.monotonic() - begun < ANSWERING:
                return False
            answer, answered = f"it gave no answer in {ANSWERING:g} seconds", False
        with self._changed:
            worker.answer = answer
            self._changed.notify_all()
        return answered

    async def _add_up(self, worker: Worker) -> None:
        """Ask a worker how much it has read. What does not know this batch is another process, which is asked anew."""
        try:
            said = await self._answer_of(worker, *worker_check.question_of_progress(self._run))
        except Exception:  # the next time will tell
            return
        with self._changed:
            if isinstance(said, tuple) and worker.process in ("", said[0]):
                worker.process, self._told[said[0]] = said
            elif self.has(worker):
                self._begin(worker.address, worker.threads)

    async def _answer_of(self, worker: Worker, *question: Any) -> Any:
        """What a worker says to a question of `worker_check`. Raises what Dask does."""
        arguments: Any = {"workers": [worker.address], "on_error": "return", "asynchronous": True}
        answers = await asyncio.wait_for(self._client.run(asyncio.to_thread, eval, *question, **arguments), ANSWERING)
        answer = answers[worker.address]
        if isinstance(answer, OSError):
            raise answer
        return answer


def _sentences(unfit: Mapping[str, str | None]) -> list[str]:
    """Which workers get no work, and why: one sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for address, reason in sorted(unfit.items()):
        by_reason.setdefault(str(reason), []).append(address)
    return [_sentence(addresses, reason) for reason, addresses in by_reason.items()]


def _sentence(addresses: Collection[str], reason: str) -> str:
    first = list(addresses)[:_MOST_NAMED]
    if len(addresses) == 1:
        return f"worker {first[0]} gets no work: {reason}"
    more = len(addresses) - len(first)
    named = ", ".join(first) + (f" and {more} more" if more else "")
    return f"workers {named} get no work, each for one reason: {reason}"
