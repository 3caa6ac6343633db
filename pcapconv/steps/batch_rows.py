"""Rows of a batch: some of them, what they have in common, or with other options."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping

from pcapconv.kernels import choose
from pcapconv.model import Columns, PacketBatch


def select_rows(batch: PacketBatch, mask: bytearray, into: Columns) -> PacketBatch | None:
    """The rows whose `mask` is 1, as a batch that is valid as long as this one; None for no row at all.

    Columns of rows that do not follow each other go to `into`, which needs room for them.
    """
    kept = batch.rows - mask.count(0, 0, batch.rows)
    if kept == batch.rows:
        return batch
    if not kept:
        return None
    first, last = mask.find(1, 0, batch.rows), mask.rfind(1, 0, batch.rows)
    if last - first + 1 == kept:
        return batch.slice(first, last + 1)
    choose().copy_rows(batch.columns, batch.rows, mask, into)
    return batch.selected(into, kept, mask[: batch.rows])


def distinct(column: array[int]) -> Collection[int]:
    """The numbers of a column, each once in the order of their first rows; most often it is one."""
    if column.tobytes() == column[:1].tobytes() * len(column):
        return column[:1]
    return dict.fromkeys(column)


def options_of(batch: PacketBatch, row: int) -> bytes:
    """A row's options, raw."""
    at = batch.columns.options_at[row]
    return bytes(batch.buffer[at : at + batch.columns.options_length[row]])


def with_options(batch: PacketBatch, changed: Mapping[int, bytes]) -> None:
    """Give rows other options, raw: the batch gets a buffer with these at its end, and the rows have no record any
    more. Only what the rows stand in is copied: the buffer may be much larger."""
    if not changed:
        return
    places, size = dict[bytes, int](), 0  # many rows may have the same
    for raw in changed.values():
        if raw not in places:
            places[raw] = size
            size += len(raw)
    own = batch.copy(b"".join(places))
    batch.buffer, batch.columns, batch.contiguous = own.buffer, own.columns, False
    columns, begin = batch.columns, len(batch.buffer) - size
    for row, raw in changed.items():
        columns.options_at[row], columns.options_length[row] = begin + places[raw], len(raw)
        columns.record_length[row] = 0
