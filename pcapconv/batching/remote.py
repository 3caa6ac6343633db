"""The stores behind URLs: object stores, web servers and every other store that fsspec supports.

Strategy: a source is fetched into a nameless temporary file, and read from that file once or twice. A target is written
to a nameless temporary file, and uploaded when it is complete (`uploads`). Neither takes more memory than a few parts
of a file.
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
from pcapconv.batching.daemon_threads import DaemonThreads
from pcapconv.batching.fetching import FetchedSource
from pcapconv.batching.locations import (
    BatchContext,
    FoundFile,
    NoSuchLocationError,
    State,
    exists_message,
    is_file_name,
    scheme_of,
)
from pcapconv.batching.store_requests import is_missing, note_answer, store_request
from pcapconv.batching.upload_notes import MARK, Note, abort_noted_uploads, mark_of, remove_temporary_files
from pcapconv.batching.uploads import PART_SIZE, Upload
from pcapconv.batching.url_checks import (
    check_url,
    link_page_message,
    misread_reason,
    missing_bucket_message,
    missing_package_message,
)
from pcapconv.errors import FileError, FileExistingError, UsageError
from pcapconv.io.final_names import TEMPORARY
from pcapconv.io.read_write import reason_of
from pcapconv.io.source import Source, spool
from pcapconv.io.target import Target
from pcapconv.text import extra_and_how_to_install

try:
    import fsspec
except ImportError:
    fsspec = None

# The schemes of object stores: any key can name an object, and an object appears when all of it has arrived.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "memory"}
_WEB = {"http", "https"}
_TIME_KEYS = ("LastModified", "updated", "last_modified", "mtime", "created")  # stores' names for the time of a change
_CONTENT_BLIND = {"type", "size", "mimetype", "url", "partial"}  # details that need not change with a file's contents
_BEGINNING = 2**16  # bytes that a stream fetches first
_PARALLEL_REQUESTS = 8


class RemoteStore:
    """The store behind one URL, a `locations.Store`. Its methods take any URL of the same scheme."""

    local = False

    def __init__(self, location: str) -> None:
        if fsspec is None:
            raise UsageError(f"{location}: URLs need {extra_and_how_to_install('remote')}", path=location)
        self._scheme = scheme_of(location)
        self.writable = self._scheme not in _WEB
        check_url(location, buckets=self._scheme in _OBJECT_STORES - {"memory"})
        try:
            self._files: Any
            self._files, self._chained = _open_file_system(location)
        except ImportError as error:
            raise UsageError(f"{location}: {missing_package_message(self._scheme, error)}", path=location) from None
        except Exception as error:
            raise UsageError(f"{location}: {reason_of(error)}", path=location) from error

    def find(self, root: str, left_out: str | None, *, links: bool) -> Iterator[FoundFile]:  # noqa: ARG002 - stores have no links
        """See `Store.find`."""
        path = self._check_path(root.rstrip("/"), self._path(root).rstrip("/"))
        left_out_path = None
        if left_out is not None and scheme_of(left_out) == self._scheme:
            left_out_path = self._path(left_out).rstrip("/")
            if not left_out_path.startswith(path + "/"):
                left_out_path = None  # not in the tree
        with store_request(root, "read"):
            try:
                listed = self._list_files(root, path)
                missing = not listed and self._info(path) is None
            except FileNotFoundError as error:
                if not is_missing(error):
                    raise
                listed, missing = {}, True
            if missing:
                bucket = path.partition("/")[0]
                if self._scheme in _OBJECT_STORES and bucket and not self._files.exists(bucket):
                    raise NoSuchLocationError(f"{root}: {missing_bucket_message(bucket)}", path=root)
                raise NoSuchLocationError(f"{root}: there is nothing", path=root)
        for full, details in sorted(listed.items()):
            if full == path and root.endswith("/") and self._scheme in _OBJECT_STORES:
                continue  # an object whose key is the folder's own
            name = posixpath.basename(full) if full == path else full.removeprefix(path).removeprefix("/")
            name = name.lstrip("/") if self._scheme not in _OBJECT_STORES else name
            location = self._files.unstrip_protocol(full)
            if details.get("type") == "directory" or (full.endswith("/") and not details.get("size")):
                continue  # an entry for a folder
            if TEMPORARY.fullmatch(posixpath.basename(full)):
                continue
            if left_out_path is not None and (full == left_out_path or full.startswith(left_out_path + "/")):
                continue
            reason = self._unreadable_reason(location, full, details)
            yield FoundFile(location, name, None if reason else _state(details), reason, failed=bool(reason))

    def can_hold(self, name: str) -> bool:
        """See `Store.can_hold`."""
        return self._scheme in _OBJECT_STORES or is_file_name(name)

    def state(self, location: str) -> State | None:
        """See `Store.state`."""
        path = self._file_path(location)
        with store_request(location, "read"):
            details = self._info(path)
        return None if details is None or details.get("type") == "directory" else _state(details)

    def open_source(self, location: str, on_transfer: Callable[[], object]) -> Source:
        """See `Store.open_source`."""
        if self._scheme in _WEB:  # a web server may not support ranges
            with self._open_file(location, 0) as file:
                return spool(FetchedSource(file, location, PART_SIZE, on_transfer))
        with self._open_file(location, PART_SIZE) as file:
            return spool(FetchedSource(file, location, PART_SIZE, on_transfer))

    def open_stream(self, location: str) -> Source:
        """See `Store.open_stream`."""
        return FetchedSource(self._open_file(location, _BEGINNING), location, _BEGINNING, int, owned=True)

    def _open_file(self, location: str, block_size: int) -> Any:
        """Open a file that fetches about `block_size` bytes at a time, or the whole file by one request if `block_size`
        is 0. Raises FileError."""
        path = self._file_path(location)
        try:
            with store_request(location, "open"):
                if not block_size:
                    return web_servers.open_by_one_request(self._files, path)
                return self._files.open(path, "rb", block_size=block_size)
        except FileNotFoundError as error:
            raise FileError(
                f"{location}: cannot open: there is no such file any more", path=location, cause=error
            ) from error

    def open_target(self, location: str, batch: BatchContext, *, force: bool, private: bool = False) -> Target:  # noqa: ARG002
        """See `Store.open_target`. `private` has no effect, since it concerns permissions of files."""
        if not force and self.state(location) is not None:
            raise FileExistingError(exists_message(location), path=location)
        atomic = self._scheme in _OBJECT_STORES
        batch = batch._replace(manifest=self._path(batch.manifest))
        return Upload(self._files, self._file_path(location), location, batch, atomic=atomic)

    def remove_leftovers(
        self, home: str, is_own: Callable[[Note], bool], targets: Iterable[str] = (), *, unshared: bool = False
    ) -> None:
        """Remove the remains of killed runs: in object stores, the uploads whose notes in `home` fulfil `is_own`, and
        also tokens if no other batch is at work in `home` (`unshared`); in other stores, temporary files beside the
        `targets`. Raises FileError."""
        if self._scheme in _OBJECT_STORES:
            abort_noted_uploads(self._files, self._path(home).rstrip("/"), home, is_own, with_tokens=unshared)
        else:
            remove_temporary_files(self._files, {posixpath.dirname(self._path(target)) for target in targets})

    def marked(self, locations: Sequence[str], root: str | None) -> set[str]:
        """Return the locations of objects that an earlier batch of the tree `root` wrote, by the marks that S3 keeps
        with objects; an empty set in other stores. Raises FileError."""
        if not hasattr(self._files, "call_s3"):
            return set()

        def is_marked(location: str) -> bool:
            path = self._path(location)
            with suppress(FileNotFoundError), store_request(location, "read"):
                try:
                    return bool(self._files.metadata(path).get(MARK) == mark_of(root, path))
                except PermissionError:  # then the object is somebody else's
                    return False
            return False

        with DaemonThreads(_PARALLEL_REQUESTS) as threads:
            return {location for location, marked in zip(locations, threads.map(is_marked, locations)) if marked}

    def _path(self, location: str) -> str:
        """Return the path of a URL in its file system, made by the client, which may drop a part of the URL."""
        if self._chained:
            return str(fsspec.core.url_to_fs(location)[1])
        return str(self._files._strip_protocol(location))

    def _file_path(self, location: str) -> str:
        """Return the path of a file. Raises FileError if the client would open another file at this path."""
        return self._check_path(location, self._path(location))

    def _check_path(self, location: str, path: str) -> str:
        """Return `path`, after a check that the client opens the file that `location` names. Raises FileError."""
        if reason := self._misread_reason(location, path):
            raise FileError(f"{location}: {reason}", path=location)
        return path

    def _misread_reason(self, location: str, path: str) -> str:
        return misread_reason(location, path, web=self._scheme in _WEB, s3=hasattr(self._files, "call_s3"))

    def _unreadable_reason(self, location: str, path: str, details: dict[str, Any]) -> str:
        """Return why a listed file cannot be read at its location, or "" if it can."""
        if web_servers.is_link_page(self._files, path, details):
            return link_page_message()
        return self._misread_reason(location, self._path(location))

    def _list_files(self, root: str, path: str) -> dict[str, dict[str, Any]]:
        """Return the details of each file below `root`, by their paths. `path` is the path of `root`."""
        if self._scheme in _WEB:
            return web_servers.find_files(self._files, root, self._info)
        if hasattr(self._files, "call_s3"):  # note each page of a listing as an answer
            self._files.s3.meta.events.register("after-call.s3", note_answer, unique_id="pcapconv")
        listed = dict(self._files.find(path, detail=True))
        # In an object store, the root itself may be an object, too.
        if listed and path not in listed and "/" in path and self._scheme in _OBJECT_STORES:
            details = self._info(path) or {}
            listed |= {path: details} if details.get("type") == "file" and details.get("size") else {}
        return listed

    def _info(self, path: str) -> dict[str, Any] | None:
        """Return the details of a file, or None if there is no such file."""
        try:
            return dict(self._files.info(path))
        except FileNotFoundError as error:
            if not is_missing(error):
                raise
            return None
        finally:
            note_answer()

    # for the manifest, leases and tokens

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Return the names in a folder that begin with `prefix`, in the order of their last change; an empty list if
        there is no such folder. Raises FileError."""
        path = self._path(folder).rstrip("/")
        try:
            with store_request(folder, "read"):
                if prefix and hasattr(self._files, "call_s3"):  # S3 can list by prefix
                    found = self._files.find(path, prefix=prefix, detail=True)
                    listed = [details for name, details in found.items() if posixpath.dirname(name) == path]
                else:
                    listed = self._files.ls(path, detail=True)
        except FileNotFoundError:
            return []
        times = [next((str(details[key]) for key in _TIME_KEYS if details.get(key)), "") for details in listed]
        names = [posixpath.basename(details["name"].rstrip("/")) for details in listed]
        return [name for _, name in sorted(zip(times, names)) if name.startswith(prefix)]

    def read_file(self, location: str) -> bytes:
        """Return the contents of a file; empty if there is no such file. Raises FileError."""
        try:
            with store_request(location, "read"):
                return bytes(self._files.cat_file(self._path(location)))
        except FileNotFoundError:
            return b""

    def write_file(self, location: str, data: bytes) -> None:
        """Write a file, or replace it. Raises FileError."""
        path, has_buckets = self._path(location), self._scheme in _OBJECT_STORES
        try:
            with store_request(location, "write"):
                if not has_buckets:
                    self._files.makedirs(posixpath.dirname(path), exist_ok=True)
                self._files.pipe_file(path, data)
        except FileNotFoundError as error:
            reason = missing_bucket_message(path.partition("/")[0]) if has_buckets else reason_of(error)
            raise NoSuchLocationError(f"{location}: cannot write: {reason}", path=location, cause=error) from error

    def create_file(self, location: str, data: bytes) -> bool:
        """Write a file unless it exists, and return whether it was written. If a store cannot refuse to replace a file,
        its existence is checked before, so that another client may write the file in between. Raises FileError."""
        path = self._path(location)
        if "mode" in inspect.signature(getattr(self._files, "_pipe_file", self._files.pipe_file)).parameters:
            with suppress(Exception):  # the server has no such mode, or writing below fails, too
                if self._scheme not in _OBJECT_STORES:
                    self._files.makedirs(posixpath.dirname(path), exist_ok=True)
                self._files.pipe_file(path, data, mode="create")
                return True
        if self.state(location) is not None:
            return False
        self.write_file(location, data)
        return True

    def age(self, location: str) -> float | None:
        """Return the seconds since an object was written, by the clock of S3; None if the age cannot be determined.
        Raises FileError."""
        if not hasattr(self._files, "call_s3"):
            return None
        bucket, key, _ = self._files.split_path(self._path(location))
        try:
            with store_request(location, "read"):
                head = self._files.call_s3("head_object", Bucket=bucket, Key=key)
            now = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
            return float((now - head["LastModified"]).total_seconds())
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return None

    def remove_file(self, location: str) -> None:
        """Remove a file. Raises FileError."""
        with suppress(FileNotFoundError), store_request(location, "write"):
            self._files.rm_file(self._path(location))


def _open_file_system(location: str) -> tuple[Any, bool]:
    """Return the file system of a URL, without a cache of listings, and whether it is chained: such a file system lies
    in another one, whose URL follows `::`. In other file systems `::` is part of a name."""
    scheme = scheme_of(location)
    file_system_class = fsspec.get_filesystem_class(scheme)
    if "target_protocol" in inspect.signature(file_system_class.__init__).parameters:
        return fsspec.core.url_to_fs(location, use_listings_cache=False)[0], True
    arguments = file_system_class._get_kwargs_from_urls(location)
    arguments.pop("version_aware", None)  # the name only looks as if it had a version
    return fsspec.filesystem(scheme, use_listings_cache=False, **arguments), False


def _state(details: dict[str, Any]) -> State:
    """Return the state of a file with these details. Stores report different details, but some detail changes with the
    contents, except on some web servers; so the time of the state is a digest of all details, or None."""
    reported = {key: value for key, value in details.items() if key not in ("name", "Key", "islink")}
    size = details.get("size")
    if reported.keys() <= _CONTENT_BLIND:
        return State(size if isinstance(size, int) else None, None)
    text = repr(sorted((key, str(value)) for key, value in reported.items()))
    return State(size if isinstance(size, int) else None, hashlib.sha256(text.encode()).hexdigest()[:16])
