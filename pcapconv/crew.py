"""Threads that work beside the one that encodes, and that one helps where it would have to wait for them.

Strategy: work comes in kinds, of which each is done in its order, a piece at a time, by whoever is free. With a thread
for each kind instead, a core would have nothing to do whenever its kind has not, and where there are fewer cores than
kinds they would be in each other's way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue


class Crew:
    """They do work of these `kinds`, rather the first ones than others: functions that do a piece and tell whether
    there was one. None is called by two threads at once, and none may raise. What is `beside` is such a function, too:
    it has been there from the beginning, comes before the others, and nobody waits for it at the end."""

    def __init__(self, kinds: Sequence[Callable[[], bool]] = (), *, beside: Callable[[], bool] | None = None) -> None:
        self._beside = beside
        kinds = kinds if beside is None else (self._piece_beside, *kinds)
        self._kinds = [_Kind(piece) for piece in kinds]
        self._news: SimpleQueue[bool] = SimpleQueue()  # there may be work, or False: there will be no more
        self._over = False
        self._threads = [
            threading.Thread(target=self._work, name="pcapconv-crew", daemon=True)
            for _ in range(min(len(kinds), max(1, cores() - 1)))
        ]
        for thread in self._threads:
            thread.start()

    def tell(self) -> None:
        """There is something new to do."""
        self._news.put(True)

    def help(self) -> bool:
        """Do a piece that nobody is at; whether there was one. False also means that whoever is at the others has been
        told of all that is there."""
        return any(kind.help() for kind in self._kinds)

    def end(self, patience: float | None = None) -> None:
        """Have all done that is there, and let the threads go. With `patience`, wait for so many seconds at most, and
        do nothing oneself."""
        self._over = True
        self._help_all(patience)
        for _ in self._threads:
            self._news.put(False)
        for thread in self._threads:
            thread.join(patience)
        self._help_all(patience)

    def _help_all(self, patience: float | None) -> None:
        while patience is None and self.help():
            pass

    def _work(self) -> None:
        go_on = True
        while go_on:
            while self.help():
                pass
            go_on = self._news.get()

    def _piece_beside(self) -> bool:
        return not self._over and self._beside is not None and self._beside()


class _Kind:
    def __init__(self, piece: Callable[[], bool]) -> None:
        self._piece = piece
        self._lock = threading.Lock()
        self._wanted = False  # by one that knows of work, and finds somebody else at it

    def help(self) -> bool:
        self._wanted = True  # before the lock: whoever has it either looks for work after this, or sees it afterwards
        while self._wanted and self._lock.acquire(blocking=False):
            try:
                self._wanted = False
                if self._piece():
                    return True
            finally:
                self._lock.release()
        return False


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
