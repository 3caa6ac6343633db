"""Threads that work beside the one that encodes, and that one helps where it would have to wait for them.

Strategy: work comes in kinds, of which each is done in its order, a piece at a time, by whoever is free. With a thread
for each kind instead, a core would have nothing to do whenever its kind has not, and where there are fewer cores than
kinds they would be in each other's way.

A kind is locked while somebody takes a piece of it, and who finds it locked goes away. So that no work is forgotten:
who adds work says so afterwards (`tell`), which wakes a thread; before it tries the lock, a thread sets `wanted`; who
has the lock clears that before it looks for work, and after it let the lock go, looks again where it was set anew. And
who goes away after a piece, with more work perhaps there, wakes a thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue


class Crew:
    """They do pieces of these `kinds` of work, each a function that does a piece and says whether there was one. It
    is called by one thread at a time, and must not raise in a thread of the crew.

    `beside` is a kind, too, but one that was there from the beginning and stops at the end. It comes first: it may last
    as long as everything else, and what is left of it at the end is done alone.
    """

    def __init__(self, kinds: Sequence[Callable[[], bool]] = (), *, beside: Callable[[], bool] | None = None) -> None:
        self._over = False  # no more of what is beside
        first = () if beside is None else (lambda: not self._over and beside(),)
        self._kinds = [_Kind(piece) for piece in (*first, *kinds)]
        self._news: SimpleQueue[bool] = SimpleQueue()  # there may be work, or False: there will be no more
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Have them begin: as many as there are kinds, and cores besides that of the thread that encodes."""
        for _ in range(min(len(self._kinds), max(1, cores() - 1))):
            thread = threading.Thread(target=self._work, name="pcapconv-crew", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more; who helps can do it all
                return
            self._threads.append(thread)

    def tell(self) -> None:
        """Work was added."""
        self._news.put(True)

    def help(self) -> bool:
        """Do a piece that nobody else is at; whether there was one. Raises what the piece raises."""
        found = self._take()
        if found:
            self.tell()
        return found

    def end(self, patience: float | None = None) -> None:
        """Have all done that is there, and let the threads go. With `patience`, do nothing oneself, and wait for each
        so many seconds at most."""
        self._over = True
        if patience is None:
            while self._take():
                pass
        for _ in self._threads:
            self._news.put(False)
        for thread in self._threads:
            thread.join(patience)
        self._threads = []

    def _work(self) -> None:
        go_on = True
        while go_on:
            while self._take():
                pass
            go_on = self._news.get()

    def _take(self) -> bool:
        return any(kind.take() for kind in self._kinds)


class _Kind:
    """One kind of work; the strategy says how it is taken."""

    def __init__(self, piece: Callable[[], bool]) -> None:
        self._piece = piece
        self._lock = threading.Lock()
        self._wanted = False

    def take(self) -> bool:
        """Do a piece, if there is one and nobody is at it."""
        self._wanted = True
        while self._wanted and self._lock.acquire(blocking=False):
            try:  # an interrupt just before leaves it locked; then all is given up, and `end` waits for no lock
                self._wanted = False
                if self._piece():
                    return True
            finally:
                self._lock.release()
        return False


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
