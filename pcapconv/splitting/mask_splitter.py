"""The base of splits in which one batch has packets for several parts: a kernel's mask selects the rows of each part.

`by_time` and `by_interface_or_link_type` derive from it.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Hashable, Iterator

from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.splitting.keyed_splitter import KeyedSplitter
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import slice_rows
from pcapconv.steps.batch_rows import select_rows

MOST_ROWS = 2**20  # the most rows that one kernel call looks at


class MaskSplitter(KeyedSplitter):
    """A splitter for which a kernel fills a mask for each part, which selects the part's rows of a batch."""

    fewest_rows = 64  # the fewest rows that one kernel call looks at

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        super().__init__(parts, key_of)
        self._selected = Columns(0)
        self._call_rows = MOST_ROWS

    def _divide_by_mask(
        self, batch: PacketBatch, columns: Columns, first: int
    ) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """Divide the rows from `first` on by the values in these columns; see `_divide`. If a part gets few of the rows
        that a kernel call looked at, the next call looks at fewer rows."""
        rows, row, last = batch.rows, first, self._current
        remaining = bytearray(first) + bytearray(b"\1") * (rows - first)
        if self._selected.capacity < rows:
            self._selected = Columns(batch.columns.capacity)
        while row >= 0:
            stop = min(rows, row + self._call_rows)
            part, table = self._part_and_table(batch, columns, row)
            window, mask = slice_rows(batch, row, stop), remaining[row:stop]
            seen = window.columns if columns is batch.columns else columns.copy(row, stop)
            count = self._kernels.rows_in_ranges(seen, stop - row, table, mask)
            selected = select_rows(window, mask, self._selected)
            assert selected is not None
            yield part, selected
            if stop == rows and mask[-1]:
                last = part
            remaining[row:stop] = _difference(remaining[row:stop], mask)
            if count == stop - row:
                self._call_rows = min(4 * self._call_rows, MOST_ROWS)
            elif 16 * count < stop - row:
                self._call_rows = max(self.fewest_rows, (stop - row) // 4)
            row = remaining.find(1, row)
        self._current = last

    @abstractmethod
    def _part_and_table(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        """The part for a row, and the table for `rows_in_ranges` that selects all rows of this part."""


def _difference(mask: bytearray, subset: bytearray) -> bytes:
    """The rows of `mask` that are not in `subset`. All rows of `subset` are in `mask`."""
    difference = int.from_bytes(mask, "little") ^ int.from_bytes(subset, "little")
    return difference.to_bytes(len(mask), "little")
