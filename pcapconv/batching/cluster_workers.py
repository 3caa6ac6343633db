"""The workers of a Dask cluster: whether each is present and fits (`worker_check`), and how much it has read.

Strategy: for each worker, a task in the thread of Dask's client checks whether the worker fits, again and again until
it answers. Then the task asks the worker every second for its progress, until the worker is gone. All state is under
one lock. A worker is a process, not an address: a new process may get the address of an earlier one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

from pcapconv.batching import worker_check

ANSWER_TIMEOUT = 4.0  # seconds
_INTERVAL = 1.0  # seconds between two questions for a worker's progress
_MOST_ASKED = 100  # workers that are asked for their progress in an interval
_MOST_NAMED = 3  # workers in one sentence


class ClusterWorker:
    """A process of the cluster. `unfit_reason` is why the worker does not fit: "" if it fits, None until it has
    answered. `process_id` is empty until its progress is known."""

    def __init__(self, address: str, threads: int) -> None:
        self.address = address
        self.threads = threads
        self.unfit_reason: str | None = None
        self.process_id = ""


class ClusterWorkers:
    """The workers that a cluster has now. `changed` has the lock, and is notified when a worker has answered."""

    def __init__(self, client: Any, run: str, changed: threading.Condition) -> None:
        self._client = client
        self._run = run
        self._changed = changed
        self._check: tuple[Any, ...] = ()  # a `worker_check.check_expression`
        self._workers: dict[str, ClusterWorker] = {}
        self._progress: dict[str, tuple[int, int]] = {}  # process id → bytes read, transfers
        self._warned: set[tuple[str, str]] = set()  # addresses and reasons
        self._running: set[asyncio.Task[object]] = set()

    # in any thread, with the lock

    def fitting_workers(self) -> frozenset[ClusterWorker]:
        """The workers that can do jobs."""
        return frozenset(worker for worker in self._workers.values() if worker.unfit_reason == "")

    def is_present(self, worker: ClusterWorker) -> bool:
        """Return whether a worker is still in the cluster."""
        return self._workers.get(worker.address) is worker

    def all_have_answered(self) -> bool:
        """Return whether there is at least one worker, and all workers have answered."""
        return bool(self._workers) and all(worker.unfit_reason is not None for worker in self._workers.values())

    def is_empty(self) -> bool:
        """Return whether there are no workers."""
        return not self._workers

    def bytes_read(self) -> int:
        """See `executors.Workers.bytes_read`. Includes workers that have gone."""
        return sum(bytes_read for bytes_read, _ in self._progress.values())

    def transfers(self) -> int:
        """See `executors.Workers.transfers`. Includes workers that have gone."""
        return sum(transfers for _, transfers in self._progress.values())

    def mark_unfit(self, address: str, reason: str) -> None:
        """Note that the worker at an address does not fit any more."""
        if address in self._workers:
            self._workers[address].unfit_reason = reason

    def new_warnings(self) -> list[str]:
        """Return sentences about workers that do not fit, without sentences of earlier calls."""
        unfit = {worker.address: worker.unfit_reason for worker in self._workers.values() if worker.unfit_reason}
        new = {address: reason for address, reason in unfit.items() if (address, reason) not in self._warned}
        self._warned |= set(new.items())
        return _sentences(new)

    def why_none_fits(self, patience: float) -> str:
        """Return why no worker fits; for a worker that has not answered, the reason names the `patience` seconds."""
        if not self._workers:
            return "the cluster has no workers; start one: dask worker"
        silent = f"it gave no answer in {patience:g} seconds"
        reasons = {worker.address: worker.unfit_reason or silent for worker in self._workers.values()}
        return "; ".join(_sentences(reasons))

    # in the client's thread

    def set_check(self, check: tuple[Any, ...]) -> None:
        """Set the `worker_check.check_expression` for workers that join from now on."""
        self._check = check

    def update(self, threads_by_address: Mapping[str, int]) -> None:
        """Add and remove workers, so that the workers are those at these addresses. The caller holds the lock."""
        for address in self._workers.keys() - threads_by_address.keys():
            del self._workers[address]
        for address, threads in threads_by_address.items():
            if address not in self._workers:
                self._add(address, threads)
            self._workers[address].threads = threads

    def start_task(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine in the client's thread."""
        task = asyncio.ensure_future(work)
        self._running.add(task)  # asyncio itself keeps no reference to a task
        task.add_done_callback(self._running.discard)

    def _add(self, address: str, threads: int) -> None:
        self._workers[address] = worker = ClusterWorker(address, threads)
        self.start_task(self._follow(worker))

    async def _follow(self, worker: ClusterWorker) -> None:
        """Check a worker until it answers; then add up its progress until the worker is gone."""
        begun, pause = time.monotonic(), _INTERVAL
        while self.is_present(worker) and not await self._check_worker(worker, begun):
            await asyncio.sleep(pause)
            pause *= 2
        while self.is_present(worker) and worker.unfit_reason == "":
            await self._add_progress(worker)
            await asyncio.sleep(_INTERVAL * max(1, len(self._workers) / _MOST_ASKED))

    async def _check_worker(self, worker: ClusterWorker, begun: float) -> bool:
        """Check whether a worker fits; return whether it answered. A worker that has not answered for some seconds
        counts as unfit until it answers."""
        try:
            answer = await self._evaluate(worker, *self._check)
            reason, answered = answer if isinstance(answer, str) else f"it cannot be asked: {answer!r:.200}", True
        except Exception:  # of any type that Dask raises if the worker does not answer, or it or the scheduler is gone
            if time.monotonic() - begun < ANSWER_TIMEOUT:
                return False
            reason, answered = f"it gave no answer in {ANSWER_TIMEOUT:g} seconds", False
        with self._changed:
            worker.unfit_reason = reason
            self._changed.notify_all()
        return answered

    async def _add_progress(self, worker: ClusterWorker) -> None:
        """Ask a worker for its progress. A worker that does not know this batch is a new process, which is checked
        again."""
        try:
            answer = await self._evaluate(worker, *worker_check.progress_expression(self._run))
        except Exception:  # the worker is asked again the next time
            return
        with self._changed:
            if isinstance(answer, tuple) and worker.process_id in ("", answer[0]):
                worker.process_id, self._progress[answer[0]] = answer
            elif self.is_present(worker):
                self._add(worker.address, worker.threads)

    async def _evaluate(self, worker: ClusterWorker, *expression: Any) -> Any:
        """Return the value of an expression of `worker_check` in a worker. Raises what Dask raises."""
        arguments: Any = {"workers": [worker.address], "on_error": "return", "asynchronous": True}
        evaluation = self._client.run(asyncio.to_thread, eval, *expression, **arguments)
        answers = await asyncio.wait_for(evaluation, ANSWER_TIMEOUT)
        answer = answers[worker.address]
        if isinstance(answer, OSError):
            raise answer
        return answer


def _sentences(unfit: Mapping[str, str | None]) -> list[str]:
    """Return a sentence for each reason, about the workers that get no work for it."""
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
