"""How a later run knows what an earlier one left behind a URL: marks on objects, notes of uploads, and tokens.

Strategy: S3 keeps the parts of a large object, for money, until somebody completes or aborts their upload. So a note
beside the manifest, under a temporary name, says which upload is under way, in whose batch and in which run. A client
aborts at its end what its own run noted: by then, another client may have its manifest. The next run with the same
manifest, which holds the lease, aborts what all earlier ones noted. An object in S3 has a mark of the tree whose batch
wrote it, so that a later run knows its own, also where a kill came before their line in the manifest.
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
TOKEN = b"pcapconv\n"  # what a token has, see `directory_tokens`
_MOST_NOTED = 2**16  # bytes of a note
_PLACE = ("Bucket", "Key", "UploadId")  # the upload, as S3 calls that


class Note(NamedTuple):
    """An upload that is under way: the name of the manifest and the id of the run in which it began, None where the
    note does not tell, and the upload as S3's calls name it."""

    batch: str
    run: str | None
    upload: dict[str, str]

    def to_bytes(self) -> bytes:
        """What lies beside the manifest."""
        return json.dumps({"batch": self.batch, "run": self.run} | self.upload).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self | None:
        """What a note says; None for one that somebody else wrote."""
        try:
            told = json.loads(data)
            return cls(str(told["batch"]), told.get("run"), {name: str(told[name]) for name in _PLACE})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def mark_of(root: str | None, path: str) -> str:
    """What an object's metadata says when a batch of the tree `root` wrote it there."""
    return hashlib.sha256(json.dumps([root, path]).encode()).hexdigest()[:16]


def abort_noted(files: Any, home: str, name: str, ours: Callable[[Note], bool], *, alone: bool) -> None:
    """Abort the uploads to S3 that are noted in `home`, and remove their notes, as far as they are `ours`; `alone`,
    where no batch is at work there, also tokens. `name` is for messages. Raises FileError."""
    if not hasattr(files, "call_s3"):
        return
    with writing(name), store_request(name, "write"):
        there = files.find(home, prefix=".pcapconv-", detail=True)
        for path in _temporary(there):
            if posixpath.dirname(path) != home or there[path]["size"] > _MOST_NOTED:
                continue
            with contextlib.suppress(FileNotFoundError):  # whoever wrote it has removed it
                data = files.cat_file(path)
                note = Note.from_bytes(data)
                if not (ours(note) if note is not None else alone and data == TOKEN):
                    continue
                if note is not None and f"{note.upload['Bucket']}/{note.upload['Key']}".startswith(f"{home}/"):
                    abort(files, note.upload)
                files.rm_file(path)


def abort(files: Any, upload: dict[str, str]) -> None:
    """Have S3 forget the parts of an upload, unless it has ended."""
    with contextlib.suppress(FileNotFoundError):
        files.call_s3("abort_multipart_upload", **upload)


def remove_temporary(files: Any, folders: Iterable[str]) -> None:
    """Remove the temporary files that a kill has left in these folders."""
    for folder in folders:
        with contextlib.suppress(Exception):  # there is none, or it may not be listed
            for path in _temporary(files.ls(folder, detail=False)):
                files.rm_file(path)


def _temporary(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if TEMPORARY.fullmatch(posixpath.basename(path))]
