"""Sources behind URLs, as they are fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcapconv.batching.store_requests import asking
from pcapconv.batching.uploads import PART_SIZE
from pcapconv.io.source import Source


class Fetched(Source):
    """A source that is fetched as it is read: `first` bytes at a time, then twice as many, and so on up to a part.
    Tells when bytes have moved."""

    def __init__(self, file: Any, name: str, first: int, moved: Callable[[], object], *, owned: bool = False) -> None:
        super().__init__(file, name, owned=owned)
        self._most = first
        self._moved = moved

    def peek(self, offset: int, count: int) -> bytes:
        """See `Source.peek`."""
        with asking(self.name, "read"):
            return super().peek(offset, count)

    def _read(self, room: memoryview) -> int:
        with asking(self.name, "read"):
            count = super()._read(room[: self._most])
        if count == self._most:
            self._most = min(2 * self._most, PART_SIZE)
        self._moved()
        return count
