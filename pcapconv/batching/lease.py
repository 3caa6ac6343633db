"""The lease of a manifest: a small file beside it that tells who is at work there, and whether they still live.

Strategy: the client of a batch touches its lease every few seconds, and removes it at its end. Jobs that do not end
with the client look at the lease now and then, and stop where it is gone, is another run's, or was not touched for too
long. No clock is compared with that of another machine: who waits for the next touch counts the seconds by itself, and
how old a touch is, the file system or the store says by its own clock. Behind a URL, each touch and each look is a
request, so there are fewer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple, Self

from pcapconv.batching.lease_holder import lives, this_process
from pcapconv.batching.lease_storage import Held, LeaseLocation, lease_location
from pcapconv.batching.locations import joined, scheme_of
from pcapconv.batching.manifest_names import PREFIX, WHOLE, is_lease, lease_beside, manifest_beside
from pcapconv.batching.stores import remote
from pcapconv.errors import FileError, PcapconvError
from pcapconv.io.read_write import reading
from pcapconv.wording import argument

_PATIENCE = 2.0  # seconds that a touch may take when all else has ended; a file system may stand still
_LOOKS, _MOMENT = 5, 0.1  # how often, and after how many seconds, one that says nothing is looked at again
_TRIES = 5  # leases that may be cleared away one after the other


class Pace(NamedTuple):
    """In seconds: how often a lease is touched, when it has lapsed, how often jobs look at it, and how long they may
    take to stop."""

    touch: float
    lapse: float
    look: float
    stop: float


IN_FILES = Pace(touch=3.0, lapse=15.0, look=1.0, stop=3.0)
BEHIND_URLS = Pace(touch=10.0, lapse=22.0, look=2.5, stop=4.0)


class LeaseLostError(FileError):
    """Another client has the manifest now: nothing may be written to it."""


def _pace_of(location: str) -> Pace:
    return IN_FILES if scheme_of(location) is None else BEHIND_URLS


# ---------------------------------------------------------------- clients


def clear_others(manifest: str, note: Callable[[str], object], *, whole: bool) -> None:
    """Clear the leases of other manifests in the directory that must not be in use at the same time: for a `whole`
    batch those of all shards; for a shard, that of the whole batch. Raises FileError."""
    folder = os.path.dirname(manifest)
    names = [name for name in leases_in(folder) if whole or name == lease_beside(WHOLE)]
    others = [joined(folder, manifest_beside(name)) for name in names]
    clear([other for other in others if lease_beside(other) != lease_beside(manifest)], note)


def leases_in(folder: str) -> list[str]:
    """The names of the leases in a directory. Raises FileError."""
    if scheme_of(folder) is not None:
        names = remote(folder).names(folder, PREFIX)
    else:
        names = []
        with reading(folder), suppress(FileNotFoundError, NotADirectoryError):
            names = os.listdir(folder or ".")
    return sorted(filter(is_lease, names))


def clear(manifests: Sequence[str], note: Callable[[str], object]) -> None:
    """Remove the leases of clients that are dead, when their jobs have stopped. `note` is told when that takes time.
    Raises FileError where a client lives."""
    begun = time.monotonic()
    leases = [(manifest, lease_beside(manifest)) for manifest in manifests]
    found = [(manifest, lease_location(lease), _found(lease)) for manifest, lease in leases]
    stopping = [_clear(manifest, location, held, begun, note) for manifest, location, held in found if held is not None]
    time.sleep(max(stopping, default=0))


def _found(name: str) -> Held | None:
    held = lease_location(name).read()
    for _ in range(_LOOKS):
        if held is None or held.holder.run:
            break
        time.sleep(_MOMENT)  # it may be being made
        held = lease_location(name).read()
    if held is None and scheme_of(name) is None and os.path.lexists(name) and not os.path.isfile(name):
        raise FileError(f"{name}: is no plain file, and so no lease of a batch; remove it")
    return held


def _clear(manifest: str, location: LeaseLocation, held: Held, begun: float, note: Callable[[str], object]) -> float:
    """Remove one; returns how many seconds its jobs still have to stop. `begun` is when it was seen first."""
    pace, holder = _pace_of(lease_beside(manifest)), held.holder
    alive = lives(holder)
    age = None if alive else location.age(held)
    jobs = holder.elsewhere and (age is None or age < pace.lapse + pace.stop)
    if alive is not True and (jobs or (alive is None and (age is None or age < pace.lapse))):
        note(
            f"{manifest}: waiting until the batch of {holder.address} has surely ended, "
            f"{pace.lapse + pace.stop:g} seconds at most"
        )
    if alive is None:
        alive = _is_touched(location, held, pace, begun)
    if alive:
        raise FileError(
            f"{manifest}: another batch is at work here, on {holder.address}; "
            f"wait for it, or stop it and give {argument('resume', True)}"
        )
    location.remove(holder.run)
    return pace.stop if jobs else 0


class Lease:
    """The lease that this client holds inside the `with` block. Entering raises FileError where another one has it."""

    def __init__(self, manifest: str, run: str, note: Callable[[str], object], *, elsewhere: bool) -> None:
        self._manifest = manifest
        self._name = lease_beside(manifest)
        self._place = lease_location(self._name)
        self._note = note
        self._holder = this_process(run, elsewhere=elsewhere)
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="pcapconv-lease", daemon=True)
        self._touching = threading.Lock()
        self._lost = ""  # why this client may not go on
        self._touched = time.time()  # which goes on while the machine sleeps

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            if self._place.make(self._holder):
                break
            clear([self._manifest], self._note)
        else:
            raise FileError(f"{self._name}: is left of a batch that has ended, and cannot be removed; remove it")
        with suppress(RuntimeError):  # the system has no thread to spare, and little will be done
            self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove it, which stops jobs elsewhere."""
        self._ended.set()
        if self._keeper.is_alive():  # a touch behind a URL would make it anew
            self._keeper.join(_PATIENCE)
        self._place.remove(self._holder.run)

    def check(self) -> None:
        """Touch it if that should have been done, as when this machine slept. Raises FileError when it is another's."""
        if abs(time.time() - self._touched) > 2 * _pace_of(self._name).touch:
            self._touch()
        if self._lost:
            raise LeaseLostError(f"{self._manifest}: {self._lost}")

    def _keep(self) -> None:
        while not (self._lost or self._ended.wait(_pace_of(self._name).touch)):
            self._touch()

    def _touch(self) -> None:
        if not self._touching.acquire(blocking=False):  # the other thread is at it
            return
        try:
            with suppress(PcapconvError):  # what cannot be touched lapses
                held = self._place.read()
                if self._ended.is_set():
                    return
                if held is None:
                    self._lost = f"somebody removed the lease of this batch; go on with {argument('resume', True)}"
                elif held.holder.run not in (self._holder.run, ""):
                    self._lost = (
                        "another batch has taken over here, since this one stood still; "
                        f"go on with {argument('resume', True)} when that one has ended"
                    )
                else:
                    self._place.touch(self._holder)
                    self._touched = time.time()
        finally:
            self._touching.release()


def _is_touched(location: LeaseLocation, held: Held, pace: Pace, begun: float) -> bool:
    """Whether a lease that was seen first at `begun` is touched, or taken, before it lapses."""
    while True:
        seen = location.read()
        if seen != held:
            return seen is not None
        age = location.age(held)
        if time.monotonic() - begun > pace.lapse or (age is not None and age > pace.lapse):
            return False
        time.sleep(min(pace.look, pace.touch) / 4)


# ---------------------------------------------------------------- jobs


class Sight:
    """What a process sees of the lease of a run."""

    def __init__(self, location: str, run: str) -> None:
        self._name = location
        self._place = lease_location(location)
        self._run = run
        self._held = True
        self._due = 0.0
        self._touched = 0
        self._since = time.monotonic()  # when that touch was seen first

    def held(self, *, now: bool = False) -> bool:
        """Whether the run still has its lease. It is looked at now and then, or `now`."""
        if now or not self._held or time.monotonic() >= self._due:
            self._held = self._look()
            self._due = time.monotonic() + _pace_of(self._name).look
        return self._held

    def _look(self) -> bool:
        with suppress(PcapconvError):  # no news
            held = self._place.read()
            if held is None or held.holder.run not in (self._run, ""):
                return False
            if held.touched != self._touched:
                self._touched, self._since = held.touched, time.monotonic()
        return time.monotonic() - self._since < _pace_of(self._name).lapse


@lru_cache(maxsize=64)
def sight_of(location: str, run: str) -> Sight:
    """What this process sees of the lease of a run, in one job after another."""
    return Sight(location, run)
