"""Notes of uploads to S3, by which a later run aborts the uploads of a killed run; and marks on the objects of a batch.

Strategy: S3 keeps the parts of a large object, and bills them, until their upload is completed or aborted. So while an
upload is under way, a note beside the manifest, under a temporary name, records the upload, its batch and its run. At
its end, a client aborts only the uploads that its own run noted, since another client may have the manifest by then.
The next run with the same manifest, which holds the lease, aborts the uploads that all earlier runs noted.

An object in S3 has a mark in its metadata: a digest of the source tree and of the object's path. By the mark, a later
run recognises an object of the same batch even if the run that wrote it was killed before it wrote the manifest line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import posixpath
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

from pcapconv.batching.store_requests import store_request
from pcapconv.io.final_names import TEMPORARY
from pcapconv.io.read_write import writing

MARK = "pcapconv-tree"  # the name of the mark in an object's metadata
TOKEN = b"pcapconv\n"  # the content of a token, see `directory_tokens`
_MAX_NOTE = 2**16  # bytes
_UPLOAD_FIELDS = ("Bucket", "Key", "UploadId")  # which identify an upload in calls of S3


class Note(NamedTuple):
    """A note of an upload that is under way: the name of the batch's manifest, the id of the run (None if the note has
    no id), and the fields that identify the upload in calls of S3."""

    batch: str
    run: str | None
    upload: dict[str, str]

    def to_bytes(self) -> bytes:
        """Return the content of the note's file."""
        return json.dumps({"batch": self.batch, "run": self.run} | self.upload).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """Parse a note; None if `data` is no note."""
        try:
            fields = json.loads(data)
            return cls(str(fields["batch"]), fields.get("run"), {name: str(fields[name]) for name in _UPLOAD_FIELDS})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def mark_of(root: str | None, path: str) -> str:
    """Return the mark of an object at `path` that a batch of the tree `root` writes."""
    return hashlib.sha256(json.dumps([root, path]).encode()).hexdigest()[:16]


def abort_noted_uploads(files: Any, home: str, name: str, is_own: Callable[[Note], bool], *, with_tokens: bool) -> None:
    """Abort the uploads to S3 whose notes in the directory `home` fulfil `is_own`, and remove these notes. With
    `with_tokens`, also remove tokens; then no batch may be at work in `home`. `files` is the client of the store,
    `name` is the name of `home` in messages. Raises FileError."""
    if not hasattr(files, "call_s3"):
        return
    with writing(name), store_request(name, "write"):
        listing = files.find(home, prefix=".pcapconv-", detail=True)
        for path in _temporary_files(listing):
            if posixpath.dirname(path) != home or listing[path]["size"] > _MAX_NOTE:
                continue
            with contextlib.suppress(FileNotFoundError):  # its owner has removed the note
                data = files.cat_file(path)
                note = Note.from_bytes(data)
                if not (is_own(note) if note is not None else with_tokens and data == TOKEN):
                    continue
                if note is not None and f"{note.upload['Bucket']}/{note.upload['Key']}".startswith(f"{home}/"):
                    abort_upload(files, note.upload)
                files.rm_file(path)


def abort_upload(files: Any, upload: dict[str, str]) -> None:
    """Abort an upload to S3, which then drops its parts. Nothing happens if the upload has ended."""
    with contextlib.suppress(FileNotFoundError):
        files.call_s3("abort_multipart_upload", **upload)


def remove_temporary_files(files: Any, folders: Iterable[str]) -> None:
    """Remove the temporary files that killed runs have left in these directories. Errors are ignored."""
    for folder in folders:
        with contextlib.suppress(Exception):  # the directory does not exist, or may not be listed
            for path in _temporary_files(files.ls(folder, detail=False)):
                files.rm_file(path)


def _temporary_files(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if TEMPORARY.fullmatch(posixpath.basename(path))]
