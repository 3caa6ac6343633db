"""The base of splits in which one batch feeds several parts: a kernel's mask selects each part's rows."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Hashable, Iterator

from pcapconv.kernels import choose
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import Splitter, rows_of
from pcapconv.steps.batch_rows import select_rows

WIDEST = 2**20  # rows that a kernel call looks at, at the most


class Picking(Splitter):
    """Parts that each batch may hold packets for in any order: for each part a kernel picks the rows."""

    narrowest = 64  # rows that a kernel call looks at, at the least

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        super().__init__(parts, key_of)
        self._kernels = choose()
        self._by_key: dict[Hashable, OpenPart] = {}
        self._picked = Columns(0)
        self._width = WIDEST

    def _pick(self, batch: PacketBatch, columns: Columns, first: int) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """The rows from `first` on, by what stands in these columns. Where few of many rows are one part's, the next
        kernel call looks at fewer."""
        rows, row, last = batch.rows, first, self._current
        left = bytearray(first) + bytearray(b"\1") * (rows - first)
        if self._picked.capacity < rows:
            self._picked = Columns(batch.columns.capacity)
        while row >= 0:
            stop = min(rows, row + self._width)
            part, table = self._for_row(batch, columns, row)
            some, mask = rows_of(batch, row, stop), left[row:stop]
            seen = some.columns if columns is batch.columns else columns.copy(row, stop)
            count = self._kernels.rows_in_ranges(seen, stop - row, table, mask)
            chosen = select_rows(some, mask, self._picked)
            assert chosen is not None
            yield part, chosen
            if stop == rows and mask[-1]:
                last = part
            left[row:stop] = _difference(left[row:stop], mask)
            if count == stop - row:
                self._width = min(4 * self._width, WIDEST)
            elif 16 * count < stop - row:
                self._width = max(self.narrowest, (stop - row) // 4)
            row = left.find(1, row)
        self._current = last

    @abstractmethod
    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        """The part for a row, and the kernel's table that finds the others like it."""

    def _part(self, key: Hashable) -> OpenPart:
        """The part for this key. What had to be written before anybody knew of a key is the first one's."""
        part = self._by_key.get(key)
        if part is None:
            first = self._current is not None and self._current.key is None
            part = self._current if first and self._current is not None else self._parts.new()
            part.key = key
            self._by_key[key] = part
        return part

    def _has_part(self, key: Hashable) -> bool:
        return key in self._by_key


def _difference(mask: bytearray, without: bytearray) -> bytes:
    """The rows of one mask that are not in the other."""
    both = int.from_bytes(mask, "little") ^ int.from_bytes(without, "little")
    return both.to_bytes(len(mask), "little")
