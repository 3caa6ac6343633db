"""The lease of a manifest: a small file beside the manifest that names the client of the batch at work on it.

Strategy: the client (the process that called `batch`) touches its lease every few seconds, and removes it at its end.
Jobs that do not end with the client read the lease every second or two, and stop if it is gone, names another run, or
was not touched for too long. Clocks of different machines are never compared: a process that waits for the next touch
counts the seconds itself, and the age of a touch is measured by the clock of the file system or the store. Behind a
URL, each touch and each reading is a request, so touches and readings are rarer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple, Self

from pcapconv.batching.lease_holder import is_alive, this_process
from pcapconv.batching.lease_storage import LeaseStorage, StoredLease, lease_storage
from pcapconv.batching.locations import join_location, scheme_of
from pcapconv.batching.manifest_names import PREFIX, WHOLE, is_lease, lease_beside, manifest_beside
from pcapconv.batching.stores import remote_store
from pcapconv.errors import FileError, PcapconvError
from pcapconv.io.read_write import reading
from pcapconv.wording import argument

_PATIENCE = 2.0  # seconds to wait at the end for a touch under way, since a file system may hang
_REREADS, _REREAD_PAUSE = 5, 0.1  # how often, and after how many seconds, an incomplete lease is read again
_TRIES = 5  # old leases that may be cleared one after the other


class Pace(NamedTuple):
    """The times of a lease, in seconds: `touch` between two touches, `lapse` after which an untouched lease has lapsed,
    `read_interval` between two readings by a job, and `stop` within which jobs stop."""

    touch: float
    lapse: float
    read_interval: float
    stop: float


IN_FILES = Pace(touch=3.0, lapse=15.0, read_interval=1.0, stop=3.0)
BEHIND_URLS = Pace(touch=10.0, lapse=22.0, read_interval=2.5, stop=4.0)


class LeaseLostError(FileError):
    """Another client has the lease now: nothing may be written to the manifest any more."""


def _pace_of(location: str) -> Pace:
    return IN_FILES if scheme_of(location) is None else BEHIND_URLS


# ---------------------------------------------------------------- clients


def clear_conflicting_leases(manifest: str, notify: Callable[[str], object], *, whole: bool) -> None:
    """Clear the leases of other manifests in the directory that must not be in use at the same time: for a `whole`
    batch, the leases of all shards; for a shard, the lease of the whole batch. Raises FileError as `clear_leases`
    does."""
    folder = os.path.dirname(manifest)
    names = [name for name in leases_in(folder) if whole or name == lease_beside(WHOLE)]
    manifests = [join_location(folder, manifest_beside(name)) for name in names]
    clear_leases([other for other in manifests if lease_beside(other) != lease_beside(manifest)], notify)


def leases_in(folder: str) -> list[str]:
    """Return the names of the leases in a directory. Raises FileError."""
    if scheme_of(folder) is not None:
        names = remote_store(folder).names(folder, PREFIX)
    else:
        names = []
        with reading(folder), suppress(FileNotFoundError, NotADirectoryError):
            names = os.listdir(folder or ".")
    return sorted(filter(is_lease, names))


def clear_leases(manifests: Sequence[str], notify: Callable[[str], object]) -> None:
    """Remove the leases of clients that are dead, and wait until their jobs have stopped. `notify` is called with a
    message if that takes time. Raises FileError if a client is alive."""
    begun = time.monotonic()
    locations = [(manifest, lease_beside(manifest)) for manifest in manifests]
    leases = [(manifest, lease_storage(location), _read_lease(location)) for manifest, location in locations]
    stopping = [
        _clear_lease(manifest, storage, lease, begun, notify)
        for manifest, storage, lease in leases
        if lease is not None
    ]
    time.sleep(max(stopping, default=0))


def _read_lease(location: str) -> StoredLease | None:
    """Read a lease. If the lease is incomplete, since it is being written, read it again a few times."""
    lease = lease_storage(location).read()
    for _ in range(_REREADS):
        if lease is None or lease.holder.run:
            break
        time.sleep(_REREAD_PAUSE)
        lease = lease_storage(location).read()
    if lease is None and scheme_of(location) is None and os.path.lexists(location) and not os.path.isfile(location):
        raise FileError(f"{location}: is no plain file, and so no lease of a batch; remove it", path=location)
    return lease


def _clear_lease(
    manifest: str, storage: LeaseStorage, lease: StoredLease, first_seen: float, notify: Callable[[str], object]
) -> float:
    """Remove the lease of a dead client; return the seconds within which its jobs stop. `first_seen` is when the lease
    was read first, by time.monotonic(). Raises FileError if the client is alive."""
    pace, holder = _pace_of(lease_beside(manifest)), lease.holder
    alive = is_alive(holder)
    age = None if alive else storage.age(lease)
    jobs_may_run = holder.elsewhere and (age is None or age < pace.lapse + pace.stop)
    if alive is not True and (jobs_may_run or (alive is None and (age is None or age < pace.lapse))):
        notify(
            f"{manifest}: waiting until the batch of {holder.description} has surely ended, "
            f"{pace.lapse + pace.stop:g} seconds at most"
        )
    if alive is None:
        alive = _is_touched(storage, lease, pace, first_seen)
    if alive:
        raise FileError(
            f"{manifest}: another batch is at work here, on {holder.description}; "
            f"wait for it, or stop it and give {argument('resume', True)}",
            path=manifest,
        )
    storage.remove(holder.run)
    return pace.stop if jobs_may_run else 0


class Lease:
    """The lease that this client holds inside the `with` block, touched by a thread. `elsewhere` is True if jobs do not
    end with this process. Entering raises FileError if another client holds the lease."""

    def __init__(self, manifest: str, run: str, notify: Callable[[str], object], *, elsewhere: bool) -> None:
        self._manifest = manifest
        self._location = lease_beside(manifest)
        self._storage = lease_storage(self._location)
        self._notify = notify
        self._holder = this_process(run, elsewhere=elsewhere)
        self._ended = threading.Event()
        self._toucher = threading.Thread(target=self._touch_until_end, name="pcapconv-lease", daemon=True)
        self._touching = threading.Lock()
        self._lost_reason = ""  # why this client must not go on; empty while it holds the lease
        self._last_touch = time.time()  # by time.time(), which also counts while the machine sleeps

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            if self._storage.create(self._holder):
                break
            clear_leases([self._manifest], self._notify)
        else:
            raise FileError(
                f"{self._location}: is left of a batch that has ended, and cannot be removed; remove it",
                path=self._location,
            )
        with suppress(RuntimeError):  # the system has no thread to spare; `check` touches the lease then
            self._toucher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove the lease, which stops jobs that do not end with this process."""
        self._ended.set()
        if self._toucher.is_alive():  # a late touch behind a URL would write the lease again
            self._toucher.join(_PATIENCE)
        self._storage.remove(self._holder.run)

    def check(self) -> None:
        """Check that this client still holds the lease; touch the lease first if a touch is overdue, as after this
        machine slept. Raises LeaseLostError."""
        if abs(time.time() - self._last_touch) > 2 * _pace_of(self._location).touch:
            self._touch()
        if self._lost_reason:
            raise LeaseLostError(f"{self._manifest}: {self._lost_reason}", path=self._manifest)

    def _touch_until_end(self) -> None:
        while not (self._lost_reason or self._ended.wait(_pace_of(self._location).touch)):
            self._touch()

    def _touch(self) -> None:
        """Touch the lease, or note why it is lost."""
        if not self._touching.acquire(blocking=False):  # the other thread is touching the lease
            return
        try:
            with suppress(PcapconvError):  # a lease that cannot be touched lapses
                lease = self._storage.read()
                if self._ended.is_set():
                    return
                if lease is None:
                    self._lost_reason = (
                        f"somebody removed the lease of this batch; go on with {argument('resume', True)}"
                    )
                elif lease.holder.run not in (self._holder.run, ""):
                    self._lost_reason = (
                        "another batch has taken over here, since this one stood still; "
                        f"go on with {argument('resume', True)} when that one has ended"
                    )
                else:
                    self._storage.touch(self._holder)
                    self._last_touch = time.time()
        finally:
            self._touching.release()


def _is_touched(storage: LeaseStorage, lease: StoredLease, pace: Pace, first_seen: float) -> bool:
    """Wait until a lease is touched, replaced or removed, or has lapsed; return whether it was touched or replaced."""
    while True:
        lease_now = storage.read()
        if lease_now != lease:
            return lease_now is not None
        age = storage.age(lease)
        if time.monotonic() - first_seen > pace.lapse or (age is not None and age > pace.lapse):
            return False
        time.sleep(min(pace.read_interval, pace.touch) / 4)


# ---------------------------------------------------------------- jobs


class LeaseObserver:
    """Observes, in a process that does jobs, whether a run still holds its lease."""

    def __init__(self, location: str, run: str) -> None:
        self._location = location
        self._storage = lease_storage(location)
        self._run = run
        self._is_held = True
        self._due = 0.0
        self._touched = 0  # `StoredLease.touched` of the last touch
        self._touch_seen = time.monotonic()  # when this process saw that touch first

    def is_held(self, *, now: bool = False) -> bool:
        """Return whether the run still holds its lease. The lease is read once in `Pace.read_interval`, or at once with
        `now`."""
        if now or not self._is_held or time.monotonic() >= self._due:
            self._is_held = self._check()
            self._due = time.monotonic() + _pace_of(self._location).read_interval
        return self._is_held

    def _check(self) -> bool:
        """Read the lease, and return whether the run holds it. A lease that cannot be read is held until it lapses."""
        with suppress(PcapconvError):
            lease = self._storage.read()
            if lease is None or lease.holder.run not in (self._run, ""):
                return False
            if lease.touched != self._touched:
                self._touched, self._touch_seen = lease.touched, time.monotonic()
        return time.monotonic() - self._touch_seen < _pace_of(self._location).lapse


@lru_cache(maxsize=64)
def lease_observer(location: str, run: str) -> LeaseObserver:
    """Return the observer of a lease in this process, the same for all jobs of a run."""
    return LeaseObserver(location, run)
