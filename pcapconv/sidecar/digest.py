"""A capture's SHA-256, worked out by a thread of its own while the capture is read."""

from __future__ import annotations

import hashlib
import threading
from types import TracebackType
from typing import Self

from pcapconv.files import Source

_PIECE = 2**18


class Digest:
    """That of a plain file. Use it as a context manager."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found = ""
        self._error: BaseException | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._work, name="pcapconv-digest", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop = True
        self._thread.join()

    def hexdigest(self) -> str:
        """It, when it is known. Raises FileError."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found

    def _work(self) -> None:
        digest, at = hashlib.sha256(), 0
        try:
            with memoryview(bytearray(_PIECE)) as room:
                while not self._stop and (count := self._source.read_at(at, room)):
                    digest.update(room[:count])
                    at += count
        except BaseException as error:  # carried to the thread that waits for it
            self._error = error
        self._found = digest.hexdigest()
