"""The interpreted kernel `PacketMerger`: packets of several streams in the order of their keys."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.kernels.contract import FULL, LIMIT, MORE
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.selecting import gather_row

if TYPE_CHECKING:
    from pcapconv.columns import Columns


class _MergedStream(NamedTuple):
    """A stream of `PacketMerger`: rows, with their buffer and keys."""

    buffer: bytes | bytearray
    columns: Columns
    keys: array[int]
    rows: int
    rank: int


class PacketMerger:
    """Merges the packets of several streams in the order of their keys. A stream is a number from 0 up to, but not
    including, `capacity`; it gets rows again and again with `set_rows`.

    Packets with the same key come in the order of their streams' ranks. Within a stream, keys must not decrease.

    Strategy: the streams are a heap, ordered by the key of their next row and by rank.
    """

    def __init__(self, capacity: int) -> None:
        if not 0 < capacity <= 2**20:
            raise ValueError(f"room for {capacity} streams")
        self._streams: list[_MergedStream | None] = [None] * capacity
        self._heap: list[tuple[int, int, int, int]] = []  # the key of the next row, rank, stream, row

    def set_rows(
        self,
        stream: int,
        buffer: bytes | bytearray,
        columns: Columns,
        keys: array[int],
        first: int,
        rows: int,
        rank: int,
    ) -> None:
        """Give a stream without rows its next rows: those from `first` on, at least one. They must stay as they are
        until all are merged."""
        if not 0 <= stream < len(self._streams) or not 0 <= first < rows:
            raise ValueError(f"no stream {stream}, or no rows")
        if self._streams[stream] is not None:
            raise ValueError(f"stream {stream} has rows")
        check_columns(columns, rows)
        check_table(keys, rows)
        self._streams[stream] = _MergedStream(buffer, columns, keys, rows, rank)
        heapq.heappush(self._heap, (keys[first], rank, stream, first))

    def merge(
        self, limit: int | None, out: bytearray, offset: int, into: Columns, row: int
    ) -> tuple[int, int, int, int]:
        """Copy the next rows and their bytes, as `gather_rows` does, to `out` from `offset` on, and to `into` from
        `row` on.

        Returns (the stream whose last row was copied, which has none any more, else -1; the next offset in `out`; the
        next row of `into`; FULL if there is no room for the next row, LIMIT if its key is `limit` or more, else MORE).
        """
        if not 0 <= offset <= len(out) or not 0 <= row <= into.capacity:
            raise ValueError("the range lies outside the buffer")
        check_columns(into, into.capacity)
        while self._heap:
            key, rank, number, source = self._heap[0]
            if limit is not None and key >= limit:
                return -1, offset, row, LIMIT
            stream = self._streams[number]
            assert stream is not None
            end = gather_row(stream.buffer, stream.columns, source, out, offset, into, row)
            if end is None:
                return -1, offset, row, FULL
            offset, row, source = end, row + 1, source + 1
            if source == stream.rows:
                heapq.heappop(self._heap)
                self._streams[number] = None
                return number, offset, row, MORE
            heapq.heapreplace(self._heap, (stream.keys[source], rank, number, source))
        return -1, offset, row, MORE

    def next_stream(self) -> int:
        """The stream whose packet comes next, -1 if there is none."""
        return self._heap[0][2] if self._heap else -1

    def next_row(self, stream: int) -> int:
        """The next row of a stream that has rows."""
        for _, _, number, row in self._heap:
            if number == stream:
                return row
        raise ValueError(f"stream {stream} has no rows")
