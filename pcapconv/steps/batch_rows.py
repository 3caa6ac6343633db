"""Selects rows of a batch, finds rows by packet number, returns a row's options, and replaces the options of rows."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping
from typing import TypeVar

from pcapconv.kernels import choose
from pcapconv.model import Columns, PacketBatch

_Value = TypeVar("_Value")


def select_rows(batch: PacketBatch, mask: bytearray, into: Columns) -> PacketBatch | None:
    """Return a batch of the rows whose `mask` is 1, valid as long as `batch`; None if no row's mask is 1.

    If the rows do not follow each other, their columns are copied into `into`, which needs room for them.
    """
    count = batch.rows - mask.count(0, 0, batch.rows)
    if count == batch.rows:
        return batch
    if not count:
        return None
    first, last = mask.find(1, 0, batch.rows), mask.rfind(1, 0, batch.rows)
    if last - first + 1 == count:
        return batch.slice(first, last + 1)
    choose().copy_rows(batch.columns, batch.rows, mask, into)
    return batch.selected(into, count, mask[: batch.rows])


def distinct(column: array[int]) -> Collection[int]:
    """Return the different numbers in a column, in the order in which they first occur; usually there is one."""
    if column.tobytes() == column[:1].tobytes() * len(column):
        return column[:1]
    return dict.fromkeys(column)


def pop_by_number(by_number: dict[int, _Value], batch: PacketBatch) -> dict[int, _Value]:
    """Remove the values of the batch's packets from `by_number`, values by packet number, and return them by row."""
    if batch.numbers is None:
        first, end = batch.first_number, batch.first_number + batch.rows
        rows = [(number - first, number) for number in by_number if first <= number < end]
    else:
        rows = [(row, number) for row, number in enumerate(batch.numbers) if number in by_number]
    return {row: by_number.pop(number) for row, number in rows}


def options_of_row(batch: PacketBatch, row: int) -> bytes:
    """Return a row's options, raw."""
    at = batch.columns.options_at[row]
    return bytes(batch.buffer[at : at + batch.columns.options_length[row]])


def replace_options(batch: PacketBatch, new_options: Mapping[int, bytes]) -> None:
    """Replace the options of some rows. `new_options` has the new options, raw, by row. These rows have no record any
    more, so that writers encode them from their fields.

    The batch gets a buffer of its own, with the new options at its end, and columns of its own. Only the bytes of its
    rows are copied, since the old buffer may be much larger.
    """
    if not new_options:
        return
    offsets, size = dict[bytes, int](), 0  # each different list once, since many rows may have the same list
    for raw in new_options.values():
        if raw not in offsets:
            offsets[raw] = size
            size += len(raw)
    copy = batch.copy(b"".join(offsets))
    batch.buffer, batch.columns, batch.contiguous = copy.buffer, copy.columns, False
    columns, begin = batch.columns, len(batch.buffer) - size
    for row, raw in new_options.items():
        columns.options_at[row], columns.options_length[row] = begin + offsets[raw], len(raw)
        columns.record_length[row] = 0
