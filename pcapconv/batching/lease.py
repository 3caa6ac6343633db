"""The lease of a manifest: a small file beside it that tells who is at work there, and whether they still live.

Strategy: the client of a batch touches its lease every few seconds, and removes it at its end. Jobs that do not end
with the client look at the lease now and then, and stop where it is gone, is another run's, or was not touched for too
long. No clock is compared with that of another machine: who waits for the next touch counts the seconds by itself, and
who comes anew compares the time of the last touch with that of a file made beside it; the file system wrote both.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, Self

from pcapconv.errors import FileError
from pcapconv.io.calls import reading, writing
from pcapconv.io.names import temporary_name

TOUCH = 3.0  # seconds between two touches
LAPSE = 15.0  # seconds without a touch until the lease has lapsed
LOOK = 1.0  # seconds between two looks of a job
STOP = 3.0  # seconds that jobs have to stop when the lease is gone

_NAME = re.compile(r"pcapconv-manifest(\.[^/]+)?\.lease")
_MOST = 4096  # bytes of a lease that are read


class Holder(NamedTuple):
    """The client that a lease is of: its run, its host and process. `machine` tells apart what may number its processes
    alike, `started` is when the process began, in the machine's own terms. `elsewhere` tells that its jobs do not end
    with it. An unreadable lease has an empty `run`."""

    run: str
    host: str
    pid: int
    machine: str
    started: str
    elsewhere: bool


class _Lease(NamedTuple):
    """A lease that is there; `touched` is when, in nanoseconds on the file system's clock."""

    holder: Holder
    touched: int


def place_of(manifest: str) -> str:
    """Where the lease of a manifest lies."""
    return f"{manifest.removesuffix('.jsonl')}.lease"


def is_lease(name: str) -> bool:
    """Whether a file in the directory of manifests is a lease."""
    return _NAME.fullmatch(name) is not None


# ---------------------------------------------------------------- clients


def clear_beside(manifest: str, note: Callable[[str], object], *, alone: bool) -> None:
    """Clear the lease of a manifest, and those of manifests that must not be in use at the same time: `alone` in its
    directory, those of all shards; else, that of the whole batch. Raises FileError."""
    folder, whole = os.path.dirname(manifest), "pcapconv-manifest.lease"
    with reading(manifest), suppress(FileNotFoundError, NotADirectoryError):
        there = [name for name in os.listdir(folder or ".") if is_lease(name) and (alone or name == whole)]
        for name in sorted(there):
            clear(os.path.join(folder, f"{name.removesuffix('.lease')}.jsonl"), note)
    clear(manifest, note)


def clear(manifest: str, note: Callable[[str], object]) -> None:
    """Remove the lease of a client that is dead, when its jobs have stopped. `note` is told once when that takes time.
    Raises FileError where the client lives."""
    place = place_of(manifest)
    with reading(place):
        lease = _read(place)
    if lease is None:
        if os.path.lexists(place):
            raise FileError(f"{place}: is no plain file, and so no lease of a batch; remove it")
        return
    holder = lease.holder
    lives = _lives(holder)
    age = _now(place) - lease.touched
    jobs = holder.elsewhere and age < (LAPSE + STOP) * 10**9
    if lives is not True and (jobs or (lives is None and age < LAPSE * 10**9)):
        note(
            f"{manifest}: waiting until the batch of host {holder.host} with pid {holder.pid} has surely ended, "
            f"{LAPSE + STOP:g} seconds at most"
        )
    if lives is None:
        lives = _is_touched(place, lease)
    if lives:
        raise FileError(
            f"{manifest}: another batch is at work here, on host {holder.host} with pid {holder.pid}; wait for it, or "
            "stop it and give --resume"
        )
    _remove(place, holder.run)
    if jobs:
        time.sleep(STOP)


class Lease:
    """The lease that this client holds inside the `with` block. Entering raises FileError where another one has it."""

    def __init__(self, manifest: str, run: str, note: Callable[[str], object], *, elsewhere: bool) -> None:
        self._manifest = manifest
        self._place = place_of(manifest)
        self._note = note
        self._holder = Holder(run, socket.gethostname(), os.getpid(), _machine(), _started(os.getpid()), elsewhere)
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="pcapconv-lease", daemon=True)
        self._lost = False
        self._touched = time.time()  # which goes on while the machine sleeps

    def __enter__(self) -> Self:
        while not self._make():
            clear(self._manifest, self._note)
        with suppress(RuntimeError):  # the system has no thread to spare, and little will be done
            self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove it, which stops jobs elsewhere."""
        self._ended.set()
        _remove(self._place, self._holder.run)
        if self._keeper.is_alive():
            self._keeper.join(LOOK)  # a file system may stand still

    def check(self) -> None:
        """Touch it if that should have been done, as when this machine slept. Raises FileError when it is another's."""
        if abs(time.time() - self._touched) > 2 * TOUCH:
            self._touch()
        if self._lost:
            raise FileError(
                f"{self._manifest}: another batch has taken over here, since this one stood still; go on with --resume "
                "when that one has ended"
            )

    def _make(self) -> bool:
        """Whether there was none, and this is it now. Raises FileError."""
        data = json.dumps(self._holder._asdict() | {"time_ns": str(time.time_ns())}).encode() + b"\n"
        with writing(self._place):
            try:
                file = os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                return False
            try:
                os.write(file, data)
            except BaseException:
                os.unlink(self._place)
                raise
            finally:
                os.close(file)
        return True

    def _keep(self) -> None:
        while not (self._lost or self._ended.wait(TOUCH)):
            self._touch()

    def _touch(self) -> None:
        with suppress(OSError):  # what cannot be touched lapses
            lease = _read(self._place)
            if lease is None or lease.holder.run not in (self._holder.run, ""):
                self._lost = not self._ended.is_set()
                return
            os.utime(self._place)
            self._touched = time.time()


def _is_touched(place: str, lease: _Lease) -> bool:
    """Whether the lease is touched, or taken, before it lapses."""
    begun = time.monotonic()
    seen: _Lease | None = lease
    with reading(place):
        while seen == lease:
            waited = time.monotonic() - begun
            if waited > LAPSE or _now(place) - lease.touched > LAPSE * 10**9:
                return False
            time.sleep(min(LOOK, TOUCH) / 4)
            seen = _read(place)
    return seen is not None


def _remove(place: str, run: str) -> None:
    """Remove the lease of a run. Where another one comes between, that client notices, and ends."""
    with suppress(OSError):
        lease = _read(place)
        if lease is not None and lease.holder.run == run:
            os.unlink(place)


def _now(place: str) -> int:
    """The time on the clock of the file system, in nanoseconds. Raises FileError."""
    temporary = temporary_name(os.path.dirname(place))
    with writing(place):
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            return os.fstat(file).st_mtime_ns
        finally:
            os.close(file)
            os.unlink(temporary)


def _lives(holder: Holder) -> bool | None:
    """Whether a client lives, as far as its machine's processes tell; None where that is another machine, or does not
    say."""
    if holder.machine != _machine():
        return None
    started = _started(holder.pid)
    if started:
        return started == holder.started
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return None
    return None if not os.path.isdir("/proc/self") else False


def _machine() -> str:
    """What numbers the processes here: the system since it was started, and the container."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """When a process that lives was started; empty where there is none, or the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b") ")[2].split()
        return "" if state in (b"Z", b"X") else fields[18].decode()
    except (OSError, ValueError, IndexError):
        return ""


# ---------------------------------------------------------------- jobs


class Sight:
    """What a process sees of the lease of a run."""

    def __init__(self, place: str, run: str) -> None:
        self._place = place
        self._run = run
        self._held = True
        self._due = 0.0
        self._touched = 0
        self._since = time.monotonic()  # when that touch was seen first

    def held(self, *, now: bool = False) -> bool:
        """Whether the run still has its lease. It is looked at now and then, or `now`."""
        if now or not self._held or time.monotonic() >= self._due:
            self._held = self._look()
            self._due = time.monotonic() + LOOK
        return self._held

    def _look(self) -> bool:
        with suppress(OSError):  # no news
            lease = _read(self._place)
            if lease is None or lease.holder.run not in (self._run, ""):
                return False
            if lease.touched != self._touched:
                self._touched, self._since = lease.touched, time.monotonic()
        return time.monotonic() - self._since < LAPSE


@lru_cache(maxsize=64)
def sight_of(place: str, run: str) -> Sight:
    """What this process sees of the lease of a run, in one job after another."""
    return Sight(place, run)


# ---------------------------------------------------------------- the file


def _read(place: str) -> _Lease | None:
    """None where there is no lease. Raises OSError."""
    try:
        file = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        _look_again(os.path.dirname(place) or ".")
        try:
            file = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
    except (NotADirectoryError, ValueError):  # as making the directory will tell
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        data = os.read(file, _MOST)
        return _Lease(_holder(data), os.fstat(file).st_mtime_ns)
    finally:
        os.close(file)


def _look_again(folder: str) -> None:
    """Have NFS forget which names a directory lacked."""
    with suppress(OSError):
        os.close(os.open(folder, os.O_RDONLY))


def _holder(data: bytes) -> Holder:
    try:
        told: dict[str, Any] = json.loads(data)
        holder = Holder(*(told[name] for name in Holder._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        holder = None
    kinds = (str, str, int, str, str, bool)
    if holder is None or not all(isinstance(value, kind) for value, kind in zip(holder, kinds)):
        return Holder("", "unknown", 0, "", "", elsewhere=True)
    return holder
