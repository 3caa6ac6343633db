"""The order of packets: the interpreted kernels that look at times or keys one after the other, and sort keys."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import SIMPLE
from pcapconv.kernels.interpreted.checks import check_columns, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pcapconv.columns import Columns


def first_out_of_order(columns: Columns, first: int, stop: int) -> int:
    """Find the first row after `first` whose ticks are lower than those of the row before it; `stop` if none are."""
    check_columns(columns, stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    ticks = columns.ticks[first:stop]
    if sorted(ticks) == ticks.tolist():
        return stop
    return next(row for row in range(first + 1, stop) if columns.ticks[row] < columns.ticks[row - 1])


def first_too_early(columns: Columns, first: int, stop: int, latest: int, slack: int) -> tuple[int, int]:
    """Find the first row whose ticks are lower by more than `slack` than the highest before it, which are at least
    `latest`. Packets without a time are passed over. Returns (the row, `stop` if there is none; the highest ticks
    before it)."""
    check_columns(columns, stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    for row, (record_type, ticks) in enumerate(zip(columns.record_type[first:stop], columns.ticks[first:stop]), first):
        if record_type == SIMPLE:
            continue
        if ticks >= latest:
            latest = ticks
        elif latest - ticks > slack:
            return row, latest
    return stop, latest


def count_falls(keys: Sequence[int], previous: int, latest: int) -> tuple[int, int, int, int]:
    """Count the keys that are lower than the key before them; the one before the first is `previous`.

    Returns (how many; the index of the first; by how much a key is lower than the highest before it, which is at least
    `latest`, at most; the index of the highest key, -1 if none is above `latest`). If there is none, the index of the
    first is the number of keys.
    """
    falls, first, most, highest = 0, len(keys), 0, -1
    for index, key in enumerate(keys):
        if key < previous:
            falls += 1
            first = min(first, index)
        if key > latest:
            latest, highest = key, index
        elif latest - key > most:
            most = latest - key
        previous = key
    return falls, first, most, highest


def extremes(keys: Sequence[int]) -> tuple[int, int]:
    """Find the first of the lowest keys, and the last of the highest ones. Returns both indexes. Raises ValueError if
    there are no keys."""
    if not keys:
        raise ValueError("no keys")
    lowest = highest = 0
    for index, key in enumerate(keys):
        if key < keys[lowest]:
            lowest = index
        if key >= keys[highest]:
            highest = index
    return lowest, highest


def argsort(keys: array[int]) -> array[int]:
    """Return the indexes of the keys in ascending order of the keys; equal keys stay in their order."""
    check_table(keys, 0)
    return array("q", sorted(range(len(keys)), key=keys.__getitem__))
