"""Files behind URLs, by way of fsspec.

Strategy: a source is fetched into an unnamed temporary file and read from there, once or twice; a target is written to
one, and uploaded when it is complete. Object stores show an object when all of it has arrived; everywhere else it
arrives under a temporary name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
from collections.abc import Iterator
from typing import Any

from pcapconv.batching.places import Found, NothingThereError, State, scheme_of, taken
from pcapconv.errors import FileError, UsageError
from pcapconv.io.calls import reading, reason_of, writing
from pcapconv.io.names import TEMPORARY, temporary_name
from pcapconv.io.signals import deferred
from pcapconv.io.sources import Source, spool, temporary_file
from pcapconv.io.targets import Target

try:
    import fsspec
except ImportError:
    fsspec = None

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "memory"}
_READ_ONLY = {"http", "https"}


class Remote:
    """What lies behind the scheme of one URL."""

    local = False

    def __init__(self, place: str) -> None:
        if fsspec is None:
            raise UsageError(f"{place}: remote paths need fsspec; install it: pip install 'pcapconv[remote]'")
        self._scheme = scheme_of(place)
        try:
            self._files: Any = _open(place)[0]
        except ImportError as error:  # fsspec says which package it wants
            raise UsageError(
                f"{place}: {error}; pip install 'pcapconv[remote]' has what s3:// and https:// need"
            ) from None
        except Exception as error:
            raise UsageError(f"{place}: {reason_of(error)}") from error

    def find(self, root: str, without: str | None, *, links: bool) -> Iterator[Found]:  # noqa: ARG002 - there are none
        """See `Store.find`."""
        path = self._path(root).rstrip("/")
        left_out = None if without is None or scheme_of(without) != self._scheme else self._path(without).rstrip("/")
        if left_out is not None and not left_out.startswith(path + "/"):
            left_out = None  # it does not lie in the tree
        with reading(root):
            try:
                there = self._files.find(path, detail=True)
                missing = not there and not self._files.exists(path)
            except FileNotFoundError:
                missing = True
            if missing:
                raise NothingThereError(f"{root}: there is nothing")
        for full, details in sorted(there.items()):
            name = posixpath.basename(full) if full == path else full.removeprefix(path).lstrip("/")
            place = self._files.unstrip_protocol(full)
            if details.get("type") == "directory" or (full.endswith("/") and not details.get("size")):
                continue  # what stands for a folder
            if TEMPORARY.fullmatch(posixpath.basename(full)):
                continue
            if left_out is not None and (full == left_out or full.startswith(left_out + "/")):
                continue
            if not all(part not in ("", ".", "..") for part in name.split("/")) or "\0" in name:
                yield Found(place, name, None, "its name cannot be that of a file", failed=True)
                continue
            yield Found(place, name, _state(details))

    def state(self, place: str) -> State | None:
        """See `Store.state`."""
        with reading(place):
            try:
                return _state(self._files.info(self._path(place)))
            except FileNotFoundError:
                return None

    def open_source(self, place: str) -> Source:
        """See `Store.open_source`."""
        try:
            file = self._files.open(self._path(place), "rb")
        except Exception as error:
            raise FileError(f"{place}: cannot open: {reason_of(error)}") from error
        with file:
            return spool(Source(file, place, owned=False))

    def open_target(self, place: str, *, force: bool, private: bool = False) -> Target:  # noqa: ARG002 - files only
        """See `Store.open_target`."""
        if self._scheme in _READ_ONLY:
            raise FileError(f"{place}: cannot write: {self._scheme}:// is only for reading")
        if not force and self.state(place) is not None:
            raise FileError(taken(place))
        return _Upload(self._files, self._path(place), place, whole=self._scheme in _WHOLE)

    def _path(self, place: str) -> str:
        return str(_open(place)[1])

    # what the manifest and tokens need

    def read(self, place: str) -> bytes:
        """All of a file; nothing where there is none. Raises FileError."""
        with reading(place):
            try:
                return bytes(self._files.cat_file(self._path(place)))
            except FileNotFoundError:
                return b""

    def write(self, place: str, data: bytes) -> None:
        """Replace a file. Raises FileError."""
        with writing(place):
            if self._scheme not in _WHOLE:
                self._files.makedirs(posixpath.dirname(self._path(place)), exist_ok=True)
            self._files.pipe_file(self._path(place), data)

    def remove(self, place: str) -> None:
        """Remove a file. Raises FileError."""
        with writing(place):
            self._files.rm_file(self._path(place))


class _Upload(Target):
    """A file that is uploaded when it is complete."""

    replaces = True
    place = "a temporary file"

    def __init__(self, files: Any, path: str, place: str, *, whole: bool) -> None:
        from tempfile import NamedTemporaryFile

        nameless = os.path.isdir("/proc/self/fd")
        with writing(self.place), deferred():
            file: Any = temporary_file() if nameless else NamedTemporaryFile(buffering=0)  # noqa: SIM115
            super().__init__(file, place)
        self._local = f"/proc/self/fd/{file.fileno()}" if nameless else file.name
        self._files = files
        self._path = path
        self._whole = whole

    def appear(self, *, keep_old: bool) -> None:  # noqa: ARG002 - what is gone there is gone
        """Upload it. Raises FileError."""
        with writing(self.name):
            if self._whole:
                self._files.put_file(self._local, self._path)
                return
            folder, name = posixpath.split(self._path)
            temporary = temporary_name(folder)
            self._files.makedirs(folder, exist_ok=True)
            try:
                self._files.put_file(self._local, temporary)
                self._files.mv(temporary, posixpath.join(folder, name))
            except BaseException:
                with contextlib.suppress(Exception):
                    self._files.rm_file(temporary)
                raise

    def abandon(self) -> None:
        """Nothing of it remains here."""
        with contextlib.suppress(OSError):  # what matters was said before
            self.file.close()


def _open(place: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. What was listed before is not believed."""
    return fsspec.core.url_to_fs(place, use_listings_cache=False)  # type: ignore[no-any-return]


def _state(details: dict[str, Any]) -> State:
    """The stores say all kinds of things of a file, and whatever changes with its contents is among them."""
    said = {key: value for key, value in details.items() if key not in ("name", "Key", "islink")}
    size = details.get("size")
    text = repr(sorted((key, str(value)) for key, value in said.items()))
    return State(size if isinstance(size, int) else None, hashlib.sha256(text.encode()).hexdigest()[:16])
