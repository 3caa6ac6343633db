"""Files behind URLs, by way of fsspec.

Strategy: a source is fetched into an unnamed temporary file and read from there, once or twice; a target is written to
one, and uploaded when it is complete (`uploads`). Neither takes more memory than a few parts of a file.
"""

from __future__ import annotations

import hashlib
import inspect
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from pcapconv.batching import web_servers
from pcapconv.batching.daemon_threads import Threads
from pcapconv.batching.fetching import Fetched
from pcapconv.batching.locations import Batch, Found, NothingThereError, State, is_file_name, scheme_of, taken
from pcapconv.batching.notes import MARK, Note, abort_noted, mark_of, remove_temporary
from pcapconv.batching.store_requests import answered, asking, is_missing
from pcapconv.batching.uploads import PART_SIZE, Upload
from pcapconv.batching.url_checks import check_url, no_bucket, other_file, package_of, page_with_links
from pcapconv.errors import FileError, UsageError
from pcapconv.io.final_names import TEMPORARY
from pcapconv.io.read_write import reason_of
from pcapconv.io.source import Source, spool
from pcapconv.io.target import Target

try:
    import fsspec
except ImportError:
    fsspec = None

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "memory"}
_CHANGED = ("LastModified", "updated", "last_modified", "mtime", "created")  # as stores call it
_WEB = {"http", "https"}
_SAYS_NOTHING = {"type", "size", "mimetype", "url", "partial"}  # of a file's contents
_BEGINNING = 2**16  # bytes that are asked for first of a file of which the beginning is wanted
_ASKED = 8  # objects of which S3 is asked at a time


class Remote:
    """What lies behind the scheme of one URL."""

    local = False

    def __init__(self, location: str) -> None:
        if fsspec is None:
            raise UsageError(f"{location}: remote paths need fsspec; install it: pip install 'pcapconv[remote]'")
        self._scheme = scheme_of(location)
        self.writable = self._scheme not in _WEB
        check_url(location, buckets=self._scheme in _WHOLE - {"memory"})
        try:
            self._files: Any
            self._files, self._chained = _open(location)
        except ImportError as error:
            raise UsageError(f"{location}: {package_of(self._scheme, error)}") from None
        except Exception as error:
            raise UsageError(f"{location}: {reason_of(error)}") from error

    def find(self, root: str, without: str | None, *, links: bool) -> Iterator[Found]:  # noqa: ARG002 - there are none
        """See `Store.find`."""
        path = self._checked(root.rstrip("/"), self._path(root).rstrip("/"))
        left_out = None if without is None or scheme_of(without) != self._scheme else self._path(without).rstrip("/")
        if left_out is not None and not left_out.startswith(path + "/"):
            left_out = None  # it does not lie in the tree
        with asking(root, "read"):
            try:
                there = self._find(root, path)
                missing = not there and self._info(path) is None
            except FileNotFoundError as error:
                if not is_missing(error):
                    raise
                there, missing = {}, True
            if missing:
                bucket = path.partition("/")[0]
                if self._scheme in _WHOLE and bucket and not self._files.exists(bucket):
                    raise NothingThereError(f"{root}: {no_bucket(bucket)}")
                raise NothingThereError(f"{root}: there is nothing")
        for full, details in sorted(there.items()):
            if full == path and root.endswith("/") and self._scheme in _WHOLE:
                continue  # an object beside the tree
            name = posixpath.basename(full) if full == path else full.removeprefix(path).removeprefix("/")
            name = name.lstrip("/") if self._scheme not in _WHOLE else name
            location = self._files.unstrip_protocol(full)
            if details.get("type") == "directory" or (full.endswith("/") and not details.get("size")):
                continue  # what stands for a folder
            if TEMPORARY.fullmatch(posixpath.basename(full)):
                continue
            if left_out is not None and (full == left_out or full.startswith(left_out + "/")):
                continue
            reason = self._in_the_way(location, full, details)
            yield Found(location, name, None if reason else _state(details), reason, failed=bool(reason))

    def can_hold(self, name: str) -> bool:
        """See `Store.can_hold`."""
        return self._scheme in _WHOLE or is_file_name(name)

    def state(self, location: str) -> State | None:
        """See `Store.state`."""
        path = self._file(location)
        with asking(location, "read"):
            details = self._info(path)
        return None if details is None or details.get("type") == "directory" else _state(details)

    def open_source(self, location: str, moved: Callable[[], object]) -> Source:
        """See `Store.open_source`."""
        if self._scheme in _WEB:  # whose servers may not know ranges
            with self._opened(location, 0) as file:
                return spool(Fetched(file, location, PART_SIZE, moved))
        with self._opened(location, PART_SIZE) as file:
            return spool(Fetched(file, location, PART_SIZE, moved))

    def open_stream(self, location: str) -> Source:
        """See `Store.open_stream`."""
        return Fetched(self._opened(location, _BEGINNING), location, _BEGINNING, int, owned=True)

    def _opened(self, location: str, block_size: int) -> Any:
        """A file that fetches about so many bytes at a time; with 0, all of them by one request. Raises FileError."""
        path = self._file(location)
        try:
            with asking(location, "open"):
                if not block_size:
                    return web_servers.opened(self._files, path)
                return self._files.open(path, "rb", block_size=block_size)
        except FileNotFoundError as error:
            raise FileError(f"{location}: cannot open: there is no such file any more") from error

    def open_target(self, location: str, batch: Batch, *, force: bool, private: bool = False) -> Target:  # noqa: ARG002
        """See `Store.open_target`; `private` is of files alone."""
        if not force and self.state(location) is not None:
            raise FileError(taken(location))
        whole = self._scheme in _WHOLE
        batch = batch._replace(manifest=self._path(batch.manifest))
        return Upload(self._files, self._file(location), location, batch, whole=whole)

    def clear_away(
        self, home: str, ours: Callable[[Note], bool], locations: Iterable[str] = (), *, alone: bool = False
    ) -> None:
        """Remove what runs have left behind: the uploads whose notes in `home` are `ours`, and what they wrote of
        targets at these places; `alone` tells that nobody else is at work there. Raises FileError."""
        if self._scheme in _WHOLE:
            abort_noted(self._files, self._path(home).rstrip("/"), home, ours, alone=alone)
        else:
            remove_temporary(self._files, {posixpath.dirname(self._path(location)) for location in locations})

    def marked(self, locations: Sequence[str], root: str | None) -> set[str]:
        """Which of these objects an earlier batch of the tree `root` wrote, as S3 keeps that with an object; nothing
        where the store keeps no such thing. Raises FileError."""
        if not hasattr(self._files, "call_s3"):
            return set()

        def is_marked(location: str) -> bool:
            path = self._path(location)
            with suppress(FileNotFoundError), asking(location, "read"):
                try:
                    return bool(self._files.metadata(path).get(MARK) == mark_of(root, path))
                except PermissionError:  # what may not be looked at is somebody's
                    return False
            return False

        with Threads(_ASKED) as threads:
            return {location for location, ours in zip(locations, threads.map(is_marked, locations)) if ours}

    def _path(self, location: str) -> str:
        """The path in the file system, whose client leaves out what it takes for something else."""
        if self._chained:
            return str(fsspec.core.url_to_fs(location)[1])
        return str(self._files._strip_protocol(location))

    def _file(self, location: str) -> str:
        """The path of a file. Raises FileError where another file would be read or written."""
        return self._checked(location, self._path(location))

    def _checked(self, location: str, path: str) -> str:
        """The path of a place. Raises FileError as `_file` does."""
        if reason := self._other(location, path):
            raise FileError(f"{location}: {reason}")
        return path

    def _other(self, location: str, path: str) -> str:
        return other_file(location, path, web=self._scheme in _WEB, s3=hasattr(self._files, "call_s3"))

    def _in_the_way(self, location: str, path: str, details: dict[str, Any]) -> str:
        """Why what is listed with these details cannot be read by its place; empty where it can."""
        if web_servers.is_page_with_links(self._files, path, details):
            return page_with_links()
        return self._other(location, self._path(location))

    def _find(self, root: str, path: str) -> dict[str, dict[str, Any]]:
        """What lies below a root, which has this path."""
        if self._scheme in _WEB:
            return web_servers.find(self._files, root, self._info)
        if hasattr(self._files, "call_s3"):  # where each page of a listing is an answer
            self._files.s3.meta.events.register("after-call.s3", answered, unique_id="pcapconv")
        there = dict(self._files.find(path, detail=True))
        if there and path not in there and "/" in path and self._scheme in _WHOLE:  # which may have an object, too
            details = self._info(path) or {}
            there |= {path: details} if details.get("type") == "file" and details.get("size") else {}
        return there

    def _info(self, path: str) -> dict[str, Any] | None:
        """What is said of a file; None where there is none."""
        try:
            return dict(self._files.info(path))
        except FileNotFoundError as error:
            if not is_missing(error):
                raise
            return None
        finally:
            answered()

    # what the manifest, leases and tokens need

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """The names of what lies in a folder, and begins so, what was changed last at the end; nothing where there is
        none. Raises FileError."""
        path = self._path(folder).rstrip("/")
        try:
            with asking(folder, "read"):
                if prefix and hasattr(self._files, "call_s3"):  # which does not have to list all
                    found = self._files.find(path, prefix=prefix, detail=True)
                    there = [each for name, each in found.items() if posixpath.dirname(name) == path]
                else:
                    there = self._files.ls(path, detail=True)
        except FileNotFoundError:
            return []
        changed = [next((str(each[key]) for key in _CHANGED if each.get(key)), "") for each in there]
        names = [posixpath.basename(each["name"].rstrip("/")) for each in there]
        return [name for _, name in sorted(zip(changed, names)) if name.startswith(prefix)]

    def read(self, location: str) -> bytes:
        """All of a file; nothing where there is none. Raises FileError."""
        try:
            with asking(location, "read"):
                return bytes(self._files.cat_file(self._path(location)))
        except FileNotFoundError:
            return b""

    def write(self, location: str, data: bytes) -> None:
        """Replace a file. Raises FileError."""
        path, whole = self._path(location), self._scheme in _WHOLE
        try:
            with asking(location, "write"):
                if not whole:
                    self._files.makedirs(posixpath.dirname(path), exist_ok=True)
                self._files.pipe_file(path, data)
        except FileNotFoundError as error:
            reason = no_bucket(path.partition("/")[0]) if whole else reason_of(error)
            raise NothingThereError(f"{location}: cannot write: {reason}") from error

    def create(self, location: str, data: bytes) -> bool:
        """Write a file where there is none; False where there is one. A store that cannot refuse to replace a file is
        asked before, which leaves a moment between. Raises FileError."""
        path = self._path(location)
        if "mode" in inspect.signature(getattr(self._files, "_pipe_file", self._files.pipe_file)).parameters:
            with suppress(Exception):  # a server that knows no such thing, or what writing will tell
                if self._scheme not in _WHOLE:
                    self._files.makedirs(posixpath.dirname(path), exist_ok=True)
                self._files.pipe_file(path, data, mode="create")
                return True
        if self.state(location) is not None:
            return False
        self.write(location, data)
        return True

    def age(self, location: str) -> float | None:
        """How many seconds ago an object was written, by the clock of S3; None where the store does not tell. Raises
        FileError."""
        if not hasattr(self._files, "call_s3"):
            return None
        bucket, key, _ = self._files.split_path(self._path(location))
        try:
            with asking(location, "read"):
                said = self._files.call_s3("head_object", Bucket=bucket, Key=key)
            now = parsedate_to_datetime(said["ResponseMetadata"]["HTTPHeaders"]["date"])
            return float((now - said["LastModified"]).total_seconds())
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return None

    def remove(self, location: str) -> None:
        """Remove a file. Raises FileError."""
        with suppress(FileNotFoundError), asking(location, "write"):
            self._files.rm_file(self._path(location))


def _open(location: str) -> tuple[Any, bool]:
    """The file system of a URL, and whether that lies in another one, whose URL follows behind `::`. Elsewhere that is
    part of a name. What was listed before is not believed."""
    scheme = scheme_of(location)
    kind = fsspec.get_filesystem_class(scheme)
    if "target_protocol" in inspect.signature(kind.__init__).parameters:
        return fsspec.core.url_to_fs(location, use_listings_cache=False)[0], True
    told = kind._get_kwargs_from_urls(location)
    told.pop("version_aware", None)  # a name that looks as if it had a version
    return fsspec.filesystem(scheme, use_listings_cache=False, **told), False


def _state(details: dict[str, Any]) -> State:
    """The stores say all kinds of things of a file, and what changes with its contents is among them: only a web server
    may keep it to itself."""
    said = {key: value for key, value in details.items() if key not in ("name", "Key", "islink")}
    size = details.get("size")
    if said.keys() <= _SAYS_NOTHING:
        return State(size if isinstance(size, int) else None, None)
    text = repr(sorted((key, str(value)) for key, value in said.items()))
    return State(size if isinstance(size, int) else None, hashlib.sha256(text.encode()).hexdigest()[:16])
