"""Targets behind URLs: each is written to a temporary file on this machine, and uploaded when it is complete.

Strategy: object stores show an object only when all of it has arrived; elsewhere the file is uploaded under a temporary
name and renamed. A large object is sent to S3 in parts. A job can stop such an upload between two parts, and a note
records the upload while it is under way (`upload_notes`). Any other upload runs to its end once it has begun.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import posixpath
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pcapconv.batching.locations import BatchContext
from pcapconv.batching.store_requests import store_request
from pcapconv.batching.upload_notes import MARK, Note, abort_upload, mark_of
from pcapconv.io.final_names import temporary_name
from pcapconv.io.held_signals import hold_signals
from pcapconv.io.read_write import TEMPORARY_FILE, read_at, writing
from pcapconv.io.target import Target
from pcapconv.io.temporary_file import temporary_file

_UPLOAD = "pcapconv-upload"  # the name of the upload's id in an object's metadata
PART_SIZE = 8 * 2**20  # bytes that are read or sent at a time
_PARALLEL_PARTS = 3  # parts that are sent at the same time
_MOST_PARTS = 10_000  # of one object, a limit of S3


class Upload(Target):
    """A file that is uploaded to `path` when it is complete. `atomic` is True if the store shows an object only when
    all of it has arrived. `batch.manifest`, beside which notes are kept, is a path in the same store."""

    hidden_until_published = True
    interim_name = TEMPORARY_FILE  # the name in messages until the bytes are uploaded

    def __init__(self, files: Any, path: str, name: str, batch: BatchContext, *, atomic: bool) -> None:
        from tempfile import NamedTemporaryFile

        nameless = os.path.isdir("/proc/self/fd")
        with writing(self.interim_name), hold_signals():
            file: Any = temporary_file() if nameless else NamedTemporaryFile(buffering=0)  # noqa: SIM115
            super().__init__(file, name)
        self._local = f"/proc/self/fd/{file.fileno()}" if nameless else file.name
        self._files = files
        self._path = path
        self._batch = batch
        self._atomic = atomic

    def publish(self, *, keep_old: bool) -> None:  # noqa: ARG002 - a store keeps no old file
        """Upload the file. Raises FileError."""
        with writing(self.name), store_request(self.name, "write"):
            size = os.fstat(self.file.fileno()).st_size
            if not self._atomic:
                self._send_and_rename()
            elif hasattr(self._files, "call_s3") and size >= 2 * PART_SIZE:
                self._send_parts(size)
            else:
                self._send_file(self._path)

    def _send_file(self, path: str) -> None:
        """Send the file by the store's client, with memory for at most a few parts."""
        put = getattr(self._files, "_put_file", self._files.put_file)
        known = inspect.signature(put).parameters
        limits = {"chunksize": PART_SIZE, "max_concurrency": _PARALLEL_PARTS, "callback": self._callback()}
        arguments = {name: value for name, value in limits.items() if name in known}
        if hasattr(self._files, "call_s3"):
            arguments["Metadata"] = {MARK: mark_of(self._batch.root, path)}
        self._files.put_file(self._local, path, **arguments)

    def _callback(self) -> Any:
        """Return the hook that a store's client calls after it has sent bytes. The client calls it in its own thread,
        in which no exception may be raised."""
        from fsspec.callbacks import Callback

        on_transfer = self._batch.on_transfer

        class TransferCallback(Callback):  # type: ignore[misc]
            def call(self, *_: object, **__: object) -> None:
                with contextlib.suppress(BaseException):
                    on_transfer()

        return TransferCallback()

    def _send_and_rename(self) -> None:
        """Send the file under a temporary name, then rename it in the store."""
        folder, name = posixpath.split(self._path)
        temporary = temporary_name(folder)
        self._files.makedirs(folder, exist_ok=True)
        try:
            self._send_file(temporary)
            self._batch.on_transfer()  # may raise, which the callback must not
            self._files.mv(temporary, posixpath.join(folder, name))
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(temporary)
            raise

    def _send_parts(self, size: int) -> None:
        """Send an object of `size` bytes to S3 in parts. A note records the upload until it has ended."""
        bucket, key, _ = self._files.split_path(self._path)
        s3_object, upload_id = {"Bucket": bucket, "Key": key}, os.urandom(8).hex()
        metadata = {MARK: mark_of(self._batch.root, self._path), _UPLOAD: upload_id}
        response = self._files.call_s3("create_multipart_upload", **s3_object, Metadata=metadata)
        upload = s3_object | {"UploadId": response["UploadId"]}
        folder, batch = posixpath.split(self._batch.manifest)
        note = temporary_name(folder)
        try:
            self._files.pipe_file(note, Note(batch, self._batch.run, upload).to_bytes())
            part_size = max(PART_SIZE, -(-size // _MOST_PARTS))
            parts = self._send_all_parts(upload, part_size, -(-size // part_size))
            try:
                self._files.call_s3("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
            except Exception:
                if not self._has_arrived(s3_object, upload_id, size):  # perhaps only the answer was lost
                    raise
        except BaseException:
            with contextlib.suppress(Exception):  # otherwise the end of this run, or the next run, aborts the upload
                abort_upload(self._files, upload)
                self._files.rm_file(note)
            raise
        with contextlib.suppress(Exception):  # otherwise the end of this run, or the next run, removes the note
            self._files.rm_file(note)

    def _has_arrived(self, s3_object: dict[str, str], upload_id: str, size: int) -> bool:
        """Return whether this upload wrote the object in the store; False if the store does not answer."""
        try:
            head = self._files.call_s3("head_object", **s3_object)
            return bool(head["Metadata"].get(_UPLOAD) == upload_id and head["ContentLength"] == size)
        except Exception:
            return False

    def _send_all_parts(self, upload: dict[str, str], size: int, count: int) -> list[dict[str, Any]]:
        """Send `count` parts of `size` bytes; return the list of parts, by which the upload is completed."""

        def send(number: int) -> dict[str, Any]:
            data = read_at(self.file.fileno(), size, (number - 1) * size)
            answer = self._files.call_s3("upload_part", **upload, PartNumber=number, Body=data)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        parts = []
        with ThreadPoolExecutor(_PARALLEL_PARTS) as threads:
            for part in threads.map(send, range(1, count + 1)):
                self._batch.on_transfer()
                parts.append(part)
        return parts

    def discard(self) -> None:
        """Close the temporary file, which removes it."""
        with contextlib.suppress(OSError):  # the error that matters was raised before
            self.file.close()
