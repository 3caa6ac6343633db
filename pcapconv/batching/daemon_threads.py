"""Threads that may hang in a call that never comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any


class Threads(Executor):
    """Threads that the end of the program does not wait for: one may hang in a call that never comes back."""

    def __init__(self, several: int) -> None:
        self._several = several
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor.submit`. It is done in the context of whoever submits it."""
        future: Future[Any] = Future()
        self._tasks.put((future, partial(copy_context().run, function, *arguments, **named)))
        if len(self._threads) < self._several:
            thread = threading.Thread(target=self._work, name="pcapconv-jobs", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the batch does
        """See `Executor.shutdown`."""
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
                except BaseException as error:  # whatever it may be: it is the work's
                    future.set_exception(error)
