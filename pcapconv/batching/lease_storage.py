"""Reads and writes a lease: a file beside a manifest, or an object behind a URL.

Strategy: a touch of a file sets the time of its last change; an object is written again, since it cannot be changed
otherwise. The age of a lease is measured by the clock of its file system or store, never by this machine's.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress
from typing import NamedTuple, Protocol

from pcapconv.batching.lease_holder import Holder, parse_holder
from pcapconv.batching.locations import NoSuchLocationError, scheme_of
from pcapconv.batching.stores import remote_store, run_briefly
from pcapconv.errors import FileError, PcapconvError
from pcapconv.io.final_names import refresh_directory, temporary_name
from pcapconv.io.read_write import BINARY, reading, writing

_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)  # a named pipe in place of the lease must not stop the batch
_MOST_READ = 4096  # bytes of a lease that are read
_INCOMPLETE_PAUSE = 0.25  # seconds before an incomplete object is read again, since it may be being written
_RELEASED = b"{}\n"  # the contents of a released lease in a store that forbids removing objects


class StoredLease(NamedTuple):
    """A lease as it was read. `touched` is a number that changes with each touch."""

    holder: Holder
    touched: int


class LeaseStorage(Protocol):
    """Reads and writes the file or object of one lease, which need not exist."""

    def read(self) -> StoredLease | None:
        """Return the lease, or None if there is no lease. Raises FileError."""
        ...

    def create(self, holder: Holder) -> bool:
        """Write a lease for `holder` unless a lease exists; return whether `holder` has the lease now. Raises
        FileError."""
        ...

    def touch(self, holder: Holder) -> None:
        """Touch the lease of `holder`. Raises FileError."""
        ...

    def age(self, lease: StoredLease) -> float | None:
        """Return the seconds since the lease was touched; None if that cannot be determined. Raises FileError."""
        ...

    def remove(self, run: str) -> None:
        """Remove the lease of a run, if possible. Another client may take the lease between the check and the removal;
        that client then notices the loss, and ends."""
        ...


def lease_storage(location: str) -> LeaseStorage:
    """Return the storage of the lease at a path or URL. Raises UsageError for a URL whose packages are not
    installed."""
    return _LeaseFile(location) if scheme_of(location) is None else _LeaseObject(location)


def _to_bytes(holder: Holder) -> bytes:
    return json.dumps(holder._asdict() | {"time_ns": str(time.time_ns())}).encode() + b"\n"


class _LeaseFile:
    """A lease in a file. A touch sets the time of its last change."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> StoredLease | None:
        """See `LeaseStorage.read`."""
        with reading(self._path):
            return self._read()

    def create(self, holder: Holder) -> bool:
        """See `LeaseStorage.create`."""
        with writing(self._path):
            try:
                file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
            except FileExistsError:
                return False
            try:
                os.write(file, _to_bytes(holder))
            except BaseException:
                os.unlink(self._path)
                raise
            finally:
                os.close(file)
        return True

    def touch(self, holder: Holder) -> None:  # noqa: ARG002 - the file names the holder already
        """See `LeaseStorage.touch`."""
        with writing(self._path):
            os.utime(self._path)

    def age(self, lease: StoredLease) -> float:
        """See `LeaseStorage.age`. A new temporary file shows the time of the file system's clock."""
        temporary = temporary_name(os.path.dirname(self._path))
        with writing(self._path):
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
            try:
                return (os.fstat(file).st_mtime_ns - lease.touched) / 10**9
            finally:
                os.close(file)
                os.unlink(temporary)

    def remove(self, run: str) -> None:
        """See `LeaseStorage.remove`."""
        with suppress(OSError):
            lease = self._read()
            if lease is not None and lease.holder.run == run:
                os.unlink(self._path)

    def _read(self) -> StoredLease | None:
        """Read the lease; None if there is no lease. Raises OSError."""
        try:
            file = os.open(self._path, os.O_RDONLY | BINARY | _NONBLOCK)
        except FileNotFoundError:
            refresh_directory(os.path.dirname(self._path) or ".")
            try:
                file = os.open(self._path, os.O_RDONLY | BINARY | _NONBLOCK)
            except FileNotFoundError:
                return None
        except (NotADirectoryError, ValueError):  # making the directory will raise the error
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            data = os.read(file, _MOST_READ)
            return StoredLease(parse_holder(data), os.fstat(file).st_mtime_ns)
        finally:
            os.close(file)


class _LeaseObject:
    """A lease behind a URL. Each touch writes the object again, with the new time in it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = remote_store(url)

    def read(self) -> StoredLease | None:
        """See `LeaseStorage.read`."""
        for pause in (_INCOMPLETE_PAUSE, _INCOMPLETE_PAUSE, 0.0):
            data = self._store.read_file(self._url)
            if data == _RELEASED or not (data or self._store.state(self._url) is not None):
                return None
            if parse_holder(data).run:
                break
            time.sleep(pause)
        return StoredLease(parse_holder(data), hash(data))

    def create(self, holder: Holder) -> bool:
        """See `LeaseStorage.create`. Afterwards the lease is read, since some stores cannot refuse to replace an
        object, and since the answer to the request may have been lost."""
        try:
            created = self._store.create_file(self._url, _to_bytes(holder))
        except NoSuchLocationError as error:  # there is no bucket: name the manifest, which users know
            raise error.restated(str(error).replace(".lease:", ".jsonl:", 1)) from error
        if not created and self._store.read_file(self._url) == _RELEASED:
            self.touch(holder)
        lease = self.read()
        if created and lease is None:
            raise FileError(f"{self._url}: cannot write: it was written, and is not there", path=self._url)
        return lease is not None and lease.holder == holder

    def touch(self, holder: Holder) -> None:
        """See `LeaseStorage.touch`."""
        self._store.write_file(self._url, _to_bytes(holder))

    def age(self, lease: StoredLease) -> float | None:  # noqa: ARG002 - the store reports the age
        """See `LeaseStorage.age`."""
        return self._store.age(self._url)

    def remove(self, run: str) -> None:
        """See `LeaseStorage.remove`."""

        def work() -> None:
            with suppress(PcapconvError):
                lease = self.read()
                if lease is not None and lease.holder.run == run:
                    try:
                        self._store.remove_file(self._url)
                    except FileError:
                        self._store.write_file(self._url, _RELEASED)

        run_briefly(work)
