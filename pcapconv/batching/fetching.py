"""A source behind a URL, fetched while it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcapconv.batching.store_requests import store_request
from pcapconv.batching.uploads import PART_SIZE
from pcapconv.io.source import Source


class FetchedSource(Source):
    """A source that is fetched while it is read, first by `first_size` bytes, then by twice as many each time, up to
    `PART_SIZE`. Calls `on_transfer` after each read."""

    def __init__(
        self, file: Any, name: str, first_size: int, on_transfer: Callable[[], object], *, owned: bool = False
    ) -> None:
        super().__init__(file, name, owned=owned)
        self._read_size = first_size
        self._on_transfer = on_transfer

    def peek(self, offset: int, count: int) -> bytes:
        """See `Source.peek`."""
        with store_request(self.name, "read"):
            return super().peek(offset, count)

    def _read(self, room: memoryview) -> int:
        with store_request(self.name, "read"):
            count = super()._read(room[: self._read_size])
        if count == self._read_size:
            self._read_size = min(2 * self._read_size, PART_SIZE)
        self._on_transfer()
        return count
