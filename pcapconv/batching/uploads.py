"""How a complete file gets behind a URL.

Strategy: object stores show an object when all of it has arrived; everywhere else it arrives under a temporary name. A
large object goes to S3 in parts, and can stop between two of them; while it does, a note says so (`notes`). Any other
upload goes on to its end once it has begun.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import posixpath
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pcapconv.batching.locations import Batch
from pcapconv.batching.notes import MARK, Note, abort, mark_of
from pcapconv.batching.store_requests import asking
from pcapconv.io.final_names import temporary_name
from pcapconv.io.held_signals import hold_signals
from pcapconv.io.read_write import TEMPORARY_FILE, writing
from pcapconv.io.source import temporary_file
from pcapconv.io.target import Target

_UPLOAD = "pcapconv-upload"  # what in an object's metadata tells by which upload it came
PART_SIZE = 8 * 2**20  # bytes that are read or sent at a time
_ABREAST = 3  # parts that are sent at a time
_MOST_PARTS = 10_000  # of one object, as S3 has it


class Upload(Target):
    """A file that is uploaded to `path` when it is complete. `whole` tells that the store shows nothing before that.
    The batch's manifest, beside which notes are kept, is a path too."""

    replaces = True
    location = TEMPORARY_FILE

    def __init__(self, files: Any, path: str, name: str, batch: Batch, *, whole: bool) -> None:
        from tempfile import NamedTemporaryFile

        nameless = os.path.isdir("/proc/self/fd")
        with writing(self.location), hold_signals():
            file: Any = temporary_file() if nameless else NamedTemporaryFile(buffering=0)  # noqa: SIM115
            super().__init__(file, name)
        self._local = f"/proc/self/fd/{file.fileno()}" if nameless else file.name
        self._files = files
        self._path = path
        self._batch = batch
        self._whole = whole

    def appear(self, *, keep_old: bool) -> None:  # noqa: ARG002 - what is gone there is gone
        """Upload the file. Raises FileError."""
        with writing(self.name), asking(self.name, "write"):
            size = os.fstat(self.file.fileno()).st_size
            if not self._whole:
                self._move_there()
            elif hasattr(self._files, "call_s3") and size >= 2 * PART_SIZE:
                self._send_parts(size)
            else:
                self._put(self._path)

    def _put(self, path: str) -> None:
        """Send the file as the store's client does, with no more memory than for a few parts."""
        put = getattr(self._files, "_put_file", self._files.put_file)
        known = inspect.signature(put).parameters
        wanted = {"chunksize": PART_SIZE, "max_concurrency": _ABREAST, "callback": self._callback()}
        told = {name: value for name, value in wanted.items() if name in known}
        if hasattr(self._files, "call_s3"):
            told["Metadata"] = {MARK: mark_of(self._batch.root, path)}
        self._files.put_file(self._local, path, **told)

    def _callback(self) -> Any:
        """What a store's client calls as bytes move, in a thread of its own, where nothing can be raised."""
        from fsspec.callbacks import Callback

        moved = self._batch.moved

        class Moving(Callback):  # type: ignore[misc]
            def call(self, *_: object, **__: object) -> None:
                with contextlib.suppress(BaseException):
                    moved()

        return Moving()

    def _move_there(self) -> None:
        """Send the file under a temporary name, and rename it there."""
        folder, name = posixpath.split(self._path)
        temporary = temporary_name(folder)
        self._files.makedirs(folder, exist_ok=True)
        try:
            self._put(temporary)
            self._batch.moved()  # which could not end it before
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
            self._files.pipe_file(note, Note(batch, self._batch.run, upload).to_bytes())
            part_size = max(PART_SIZE, -(-size // _MOST_PARTS))
            parts = self._parts(upload, part_size, -(-size // part_size))
            try:
                self._files.call_s3("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
            except Exception:
                if not self._has_arrived(where, name, size):  # the answer may be all that got lost
                    raise
        except BaseException:
            with contextlib.suppress(Exception):  # then the client or the next run does it
                abort(self._files, upload)
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
        """Close the temporary file, of which nothing remains."""
        with contextlib.suppress(OSError):  # what matters was said before
            self.file.close()
