"""An executor whose threads may hang in a call that never returns: the program ends without waiting for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any


class DaemonThreads(Executor):
    """An executor with up to `max_threads` daemon threads."""

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. The function runs in a copy of the caller's context variables."""
        future: Future[Any] = Future()
        self._tasks.put((future, partial(copy_context().run, function, *arguments, **named)))
        if len(self._threads) < self._max_threads:
            thread = threading.Thread(target=self._work, name="pcapconv-jobs", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """See `Executor.shutdown`. `cancel_futures` has no effect: the batch cancels them."""
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, work = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # any error belongs to the work, not to the thread
                    future.set_exception(error)
