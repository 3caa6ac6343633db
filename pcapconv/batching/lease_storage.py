"""Where a lease lies: in a file beside a manifest, or in an object behind a URL.

Strategy: a file is touched by the time of its last change, an object by being written anew, since it cannot be changed
otherwise. How old a lease is, its file system or its store tells by its own clock, or nobody.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress
from typing import NamedTuple, Protocol

from pcapconv.batching.lease_holder import Holder, holder_of
from pcapconv.batching.locations import NothingThereError, scheme_of
from pcapconv.batching.stores import briefly, remote
from pcapconv.errors import FileError, PcapconvError
from pcapconv.io.final_names import look_again, temporary_name
from pcapconv.io.read_write import reading, writing

_MOST = 4096  # bytes of a lease that are read
_MADE = 0.25  # seconds after which one is looked at again that is not whole, as while it is written
_NOBODYS = b"{}\n"  # what an object has that was a lease, where nothing may be removed


class Held(NamedTuple):
    """A lease that is there; `touched` becomes another number with each touch."""

    holder: Holder
    touched: int


class LeaseLocation(Protocol):
    """A place where a lease may lie."""

    def read(self) -> Held | None:
        """None where there is no lease. Raises FileError."""
        ...

    def make(self, holder: Holder) -> bool:
        """Whether there was none, and this is it now. Raises FileError."""
        ...

    def touch(self, holder: Holder) -> None:
        """Touch it. Raises FileError."""
        ...

    def age(self, held: Held) -> float | None:
        """How many seconds ago it was touched, None where nobody can tell. Raises FileError."""
        ...

    def remove(self, run: str) -> None:
        """Remove the lease of a run, if that is possible. Where another one comes between, that client notices, and
        ends."""
        ...


def lease_location(location: str) -> LeaseLocation:
    """Raises UsageError for a URL, when what it needs is not installed."""
    return _File(location) if scheme_of(location) is None else _Object(location)


def _bytes_of(holder: Holder) -> bytes:
    return json.dumps(holder._asdict() | {"time_ns": str(time.time_ns())}).encode() + b"\n"


class _File:
    def __init__(self, location: str) -> None:
        self._place = location

    def read(self) -> Held | None:
        """See `LeasePlace.read`."""
        with reading(self._place):
            return self._read()

    def make(self, holder: Holder) -> bool:
        """See `LeasePlace.make`."""
        with writing(self._place):
            try:
                file = os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                return False
            try:
                os.write(file, _bytes_of(holder))
            except BaseException:
                os.unlink(self._place)
                raise
            finally:
                os.close(file)
        return True

    def touch(self, holder: Holder) -> None:  # noqa: ARG002 - the file says it already
        """See `LeasePlace.touch`."""
        with writing(self._place):
            os.utime(self._place)

    def age(self, held: Held) -> float:
        """See `LeasePlace.age`: on the clock of the file system."""
        temporary = temporary_name(os.path.dirname(self._place))
        with writing(self._place):
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                return (os.fstat(file).st_mtime_ns - held.touched) / 10**9
            finally:
                os.close(file)
                os.unlink(temporary)

    def remove(self, run: str) -> None:
        """See `LeasePlace.remove`."""
        with suppress(OSError):
            held = self._read()
            if held is not None and held.holder.run == run:
                os.unlink(self._place)

    def _read(self) -> Held | None:
        """None where there is no lease. Raises OSError."""
        try:
            file = os.open(self._place, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            look_again(os.path.dirname(self._place) or ".")
            try:
                file = os.open(self._place, os.O_RDONLY | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
        except (NotADirectoryError, ValueError):  # as making the directory will tell
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            data = os.read(file, _MOST)
            return Held(holder_of(data), os.fstat(file).st_mtime_ns)
        finally:
            os.close(file)


class _Object:
    """A lease behind a URL. Each touch writes it anew, with another time in it."""

    def __init__(self, location: str) -> None:
        self._place = location
        self._store = remote(location)

    def read(self) -> Held | None:
        """See `LeasePlace.read`."""
        for pause in (_MADE, _MADE, 0.0):
            data = self._store.read(self._place)
            if data == _NOBODYS or not (data or self._store.state(self._place) is not None):
                return None
            if holder_of(data).run:
                break
            time.sleep(pause)
        return Held(holder_of(data), hash(data))

    def make(self, holder: Holder) -> bool:
        """See `LeasePlace.make`. The second look is for stores that cannot refuse to replace what is there, and for
        those whose answer to the first try got lost."""
        try:
            made = self._store.create(self._place, _bytes_of(holder))
        except NothingThereError as error:  # no bucket, and so nothing of a batch, whose manifest users know
            raise FileError(str(error).replace(".lease:", ".jsonl:", 1)) from error
        if not made and self._store.read(self._place) == _NOBODYS:
            self.touch(holder)
        held = self.read()
        if made and held is None:
            raise FileError(f"{self._place}: cannot write: it was written, and is not there")
        return held is not None and held.holder == holder

    def touch(self, holder: Holder) -> None:
        """See `LeasePlace.touch`."""
        self._store.write(self._place, _bytes_of(holder))

    def age(self, held: Held) -> float | None:  # noqa: ARG002 - the store tells
        """See `LeasePlace.age`."""
        return self._store.age(self._place)

    def remove(self, run: str) -> None:
        """See `LeasePlace.remove`."""

        def work() -> None:
            with suppress(PcapconvError):
                held = self.read()
                if held is not None and held.holder.run == run:
                    try:
                        self._store.remove(self._place)
                    except FileError:
                        self._store.write(self._place, _NOBODYS)

        briefly(work)
