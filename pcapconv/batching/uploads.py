"""How a complete file gets behind a URL, and what a kill leaves there.

Strategy: object stores show an object when all of it has arrived; everywhere else it arrives under a temporary name.
S3 keeps the parts of a large object, for money, until somebody completes or aborts their upload. So a note beside
the manifest, under a temporary name, says which upload is under way, and in whose batch: the next run with the same
manifest aborts the uploads that such notes name, and no others. Objects in S3 say of which tree a batch wrote them,
so that a later run knows its own, also where a kill came before their line in the manifest.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import posixpath
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pcapconv.batching.asking import asking
from pcapconv.batching.places import Batch
from pcapconv.io.calls import TEMPORARY_FILE, writing
from pcapconv.io.names import TEMPORARY, temporary_name
from pcapconv.io.signals import deferred
from pcapconv.io.sources import temporary_file
from pcapconv.io.targets import Target

MARK = "pcapconv-tree"  # what in an object's metadata tells whose it is
_UPLOAD = "pcapconv-upload"  # and which upload it came by
TOKEN = b"pcapconv\n"  # what a token has, see `tokens`
PART_SIZE = 8 * 2**20  # bytes that are read or sent at a time
_ABREAST = 3  # parts that are sent at a time
_MOST_PARTS = 10_000  # of one object, as S3 has it
_MOST_NOTED = 2**16  # bytes of a note


class Upload(Target):
    """A file that is uploaded to `path` when it is complete. `whole` tells that the store shows nothing before that.
    The batch's manifest, beside which notes are kept, is a path too."""

    replaces = True
    place = TEMPORARY_FILE

    def __init__(self, files: Any, path: str, name: str, batch: Batch, *, whole: bool) -> None:
        from tempfile import NamedTemporaryFile

        nameless = os.path.isdir("/proc/self/fd")
        with writing(self.place), deferred():
            file: Any = temporary_file() if nameless else NamedTemporaryFile(buffering=0)  # noqa: SIM115
            super().__init__(file, name)
        self._local = f"/proc/self/fd/{file.fileno()}" if nameless else file.name
        self._files = files
        self._path = path
        self._batch = batch
        self._whole = whole

    def appear(self, *, keep_old: bool) -> None:  # noqa: ARG002 - what is gone there is gone
        """Upload it. Raises FileError."""
        with writing(self.name), asking(self.name, "write"):
            size = os.fstat(self.file.fileno()).st_size
            if not self._whole:
                self._move_there()
            elif hasattr(self._files, "call_s3") and size >= 2 * PART_SIZE:
                self._send_parts(size)
            else:
                self._put(self._path)

    def _put(self, path: str) -> None:
        """Send it as the store does, but with no more memory than for a few parts."""
        put = getattr(self._files, "_put_file", self._files.put_file)
        known = inspect.signature(put).parameters
        wanted = {"chunksize": PART_SIZE, "max_concurrency": _ABREAST, "callback": self._callback()}
        told = {name: value for name, value in wanted.items() if name in known}
        if hasattr(self._files, "call_s3"):
            told["Metadata"] = {MARK: mark_of(self._batch.root, path)}
        self._files.put_file(self._local, path, **told)

    def _callback(self) -> Any:
        """What a store's client calls in a thread of its own, where nothing can be raised."""
        from fsspec.callbacks import Callback

        moved = self._batch.moved

        class Moving(Callback):  # type: ignore[misc]
            def call(self, *_: object, **__: object) -> None:
                with contextlib.suppress(BaseException):
                    moved()

        return Moving()

    def _move_there(self) -> None:
        folder, name = posixpath.split(self._path)
        temporary = temporary_name(folder)
        self._files.makedirs(folder, exist_ok=True)
        try:
            self._put(temporary)
            self._files.mv(temporary, posixpath.join(folder, name))
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(temporary)
            raise

    def _send_parts(self, size: int) -> None:
        """Send the parts of one object to S3."""
        bucket, key, _ = self._files.split_path(self._path)
        where, name = {"Bucket": bucket, "Key": key}, os.urandom(8).hex()
        told = {MARK: mark_of(self._batch.root, self._path), _UPLOAD: name}
        begun = self._files.call_s3("create_multipart_upload", **where, Metadata=told)
        upload = where | {"UploadId": begun["UploadId"]}
        folder, batch = posixpath.split(self._batch.manifest)
        note = temporary_name(folder)
        try:
            self._files.pipe_file(note, json.dumps({"batch": batch} | upload).encode())
            part_size = max(PART_SIZE, -(-size // _MOST_PARTS))
            parts = self._parts(upload, part_size, -(-size // part_size))
            try:
                self._files.call_s3("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
            except Exception:
                if not self._has_arrived(where, name, size):  # the answer may be all that got lost
                    raise
        except BaseException:
            with contextlib.suppress(Exception):  # then the client or the next run does it
                with contextlib.suppress(FileNotFoundError):  # it has ended
                    self._files.call_s3("abort_multipart_upload", **upload)
                self._files.rm_file(note)
            raise
        with contextlib.suppress(Exception):  # then the client or the next run removes it
            self._files.rm_file(note)

    def _has_arrived(self, where: dict[str, str], name: str, size: int) -> bool:
        """Whether the object that is there came by the upload of this name."""
        try:
            there = self._files.call_s3("head_object", **where)
            return bool(there["Metadata"].get(_UPLOAD) == name and there["ContentLength"] == size)
        except Exception:  # nobody can tell
            return False

    def _parts(self, upload: dict[str, str], size: int, count: int) -> list[dict[str, Any]]:
        """Send so many parts of this size; returns what completes the upload."""

        def send(number: int) -> dict[str, Any]:
            data = os.pread(self.file.fileno(), size, (number - 1) * size)
            answer = self._files.call_s3("upload_part", **upload, PartNumber=number, Body=data)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        parts = []
        with ThreadPoolExecutor(_ABREAST) as threads:
            for part in threads.map(send, range(1, count + 1)):
                self._batch.moved()
                parts.append(part)
        return parts

    def abandon(self) -> None:
        """Nothing of it remains here."""
        with contextlib.suppress(OSError):  # what matters was said before
            self.file.close()


def mark_of(root: str | None, path: str) -> str:
    """What an object's metadata says when a batch of the tree `root` wrote it there."""
    return hashlib.sha256(json.dumps([root, path]).encode()).hexdigest()[:16]


def abort_noted(files: Any, home: str, name: str, ours: Callable[[str], bool], *, alone: bool) -> None:
    """Abort the uploads to S3 that are noted in `home` for batches whose manifests are called as `ours` says, and
    remove these notes; `alone`, where no batch is at work there, also tokens. `name` is for messages. Raises
    FileError."""
    if not hasattr(files, "call_s3"):
        return
    with writing(name), asking(name, "write"):
        there = files.find(home, prefix=".pcapconv-", detail=True)
        for path in _temporary(there):
            if posixpath.dirname(path) != home or there[path]["size"] > _MOST_NOTED:
                continue
            with contextlib.suppress(FileNotFoundError):  # whoever wrote it has removed it
                note = files.cat_file(path)
                told = _understood(note)
                if not (ours(told["batch"]) if told is not None else alone and note == TOKEN):
                    continue
                if told is not None and f"{told['Bucket']}/{told['Key']}".startswith(f"{home}/"):
                    with contextlib.suppress(FileNotFoundError):  # it is over
                        where = {part: told[part] for part in ("Bucket", "Key", "UploadId")}
                        files.call_s3("abort_multipart_upload", **where)
                files.rm_file(path)


def _understood(note: bytes) -> dict[str, str] | None:
    """What a note says; None for one that somebody else wrote."""
    try:
        told = json.loads(note)
        return {name: str(told[name]) for name in ("batch", "Bucket", "Key", "UploadId")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def remove_temporary(files: Any, folders: Iterable[str]) -> None:
    """Remove the temporary files that a kill has left in these folders."""
    for folder in folders:
        with contextlib.suppress(Exception):  # there is none, or it may not be listed
            for path in _temporary(files.ls(folder, detail=False)):
                files.rm_file(path)


def _temporary(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if TEMPORARY.fullmatch(posixpath.basename(path))]
