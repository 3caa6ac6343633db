"""Alignment by content: finds the packets of capture B that are counterparts of packets of capture A.

Strategy: compare both captures row by row as long as rows are equal. Where they differ, search a few rows ahead for
rows from which on both are equal again. If there are no such rows, align the remaining rows by anchors. An anchor is a
row whose content and time, or else content alone, occurs once in each capture; the longest sequence of anchors in the
same order in both captures is used. Rows between two anchors are aligned in the same way with weaker anchors. Rows that
remain have no counterpart.
Memory grows with the number of packets.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS

_LOOKAHEAD = 32  # rows of each capture that are searched for the next equal ones
_SURE = 4  # rows that have to be equal before row by row comparison goes on
_STEP = 4096  # rows that are compared at once

ColumnPair: TypeAlias = "tuple[array[int], array[int]]"  # a column of A and the same column of B


class PairedRows(NamedTuple):
    """`rows` rows of A from row `a` on, whose counterparts are the rows of B from row `b` on."""

    a: int
    b: int
    rows: int


class RowRanges(NamedTuple):
    """The rows `a_begin` up to `a_stop` of A, and `b_begin` up to `b_stop` of B."""

    a_begin: int
    a_stop: int
    b_begin: int
    b_stop: int


def align(contents: ColumnPair, times: ColumnPair | None) -> Iterator[PairedRows | RowRanges]:
    """Yield all rows of A and B in order: rows with counterparts as `PairedRows`, rows without as `RowRanges`.

    `contents` has a number for each packet, equal for equal content; `times` the packets' times, or None if times are
    not compared.
    """
    everything = RowRanges(0, len(contents[0]), 0, len(contents[1]))
    current = PairedRows(0, 0, 0)
    for pairs in _pair_rows(everything, [contents] if times is None else [contents, times]):
        if pairs.a == current.a + current.rows and pairs.b == current.b + current.rows:
            current = current._replace(rows=current.rows + pairs.rows)
            continue
        if current.rows:
            yield current
        yield RowRanges(current.a + current.rows, pairs.a, current.b + current.rows, pairs.b)
        current = pairs
    if current.rows:
        yield current
    remainder = RowRanges(current.a + current.rows, everything.a_stop, current.b + current.rows, everything.b_stop)
    if remainder.a_begin < remainder.a_stop or remainder.b_begin < remainder.b_stop:
        yield remainder


def _pair_rows(ranges: RowRanges, columns: list[ColumnPair]) -> Iterator[PairedRows]:
    """Yield the counterparts in two ranges: row by row as long as possible, then by anchors."""
    a_row, a_stop, b_row, b_stop = ranges
    while a_row < a_stop and b_row < b_stop:
        rows = _equal_rows(RowRanges(a_row, a_stop, b_row, b_stop), columns)
        if rows:
            yield PairedRows(a_row, b_row, rows)
            a_row, b_row = a_row + rows, b_row + rows
            continue
        next_rows = _next_equal_rows(RowRanges(a_row, a_stop, b_row, b_stop), columns)
        if next_rows is None:
            break
        yield from _pair_by_anchors(RowRanges(a_row, next_rows[0], b_row, next_rows[1]), columns)
        a_row, b_row = next_rows
    yield from _pair_by_anchors(RowRanges(a_row, a_stop, b_row, b_stop), columns)


def _equal_rows(ranges: RowRanges, columns: list[ColumnPair]) -> int:
    """Return the number of rows that are equal in both captures from the beginning of two ranges on."""
    most, rows, step = min(ranges.a_stop - ranges.a_begin, ranges.b_stop - ranges.b_begin), 0, 1
    while rows < most:
        step = min(2 * step, _STEP, most - rows)
        a_row, b_row = ranges.a_begin + rows, ranges.b_begin + rows
        for a, b in columns:
            a_values, b_values = a[a_row : a_row + step], b[b_row : b_row + step]
            if a_values != b_values:
                step = next(index for index, pair in enumerate(zip(a_values, b_values)) if pair[0] != pair[1])
                most = rows + step
        rows += step
    return rows


def _next_equal_rows(ranges: RowRanges, columns: list[ColumnPair]) -> tuple[int, int] | None:
    """Return the nearest rows of A and B from which on both are equal for `_SURE` rows or to an end of the ranges; None
    if there are no such rows within `_LOOKAHEAD`."""
    b_indexes: dict[tuple[int, ...], list[int]] = {}  # in the rows of B ahead, by their values
    b_ahead = zip(*(b[ranges.b_begin : min(ranges.b_begin + _LOOKAHEAD, ranges.b_stop)] for _, b in columns))
    for index, values in enumerate(b_ahead):
        b_indexes.setdefault(values, []).append(index)
    a_ahead = zip(*(a[ranges.a_begin : min(ranges.a_begin + _LOOKAHEAD, ranges.a_stop)] for a, _ in columns))
    candidates = (
        (a_index + b_index, a_index) for a_index, values in enumerate(a_ahead) for b_index in b_indexes.get(values, ())
    )
    for skipped_rows, a_index in sorted(candidates):
        a_row, b_row = ranges.a_begin + a_index, ranges.b_begin + skipped_rows - a_index
        length = min(_SURE, ranges.a_stop - a_row, ranges.b_stop - b_row)
        if all(a[a_row : a_row + length] == b[b_row : b_row + length] for a, b in columns):
            return a_row, b_row
    return None


def _pair_by_anchors(ranges: RowRanges, columns: list[ColumnPair]) -> Iterator[PairedRows]:
    """Yield the counterparts in two ranges by anchors, the strongest first.

    With times, anchors are rows whose content and time occur once in each range; rows between anchors are paired by
    content alone. With content alone, anchors are rows whose content occurs once in each range; equal rows between
    anchors are paired in the order in which they occur.
    """
    if len(columns) > 1:
        return _pair_anchors(ranges, columns, unique=True, between=lambda inner: _pair_rows(inner, columns[:1]))
    return _pair_anchors(
        ranges,
        columns,
        unique=True,
        between=lambda inner: _pair_anchors(inner, columns, unique=False, between=_pair_none),
    )


def _pair_anchors(
    ranges: RowRanges,
    columns: list[ColumnPair],
    *,
    unique: bool,
    between: Callable[[RowRanges], Iterator[PairedRows]],
) -> Iterator[PairedRows]:
    """Yield the anchors of two ranges, and the rows between anchors that the function `between` pairs, in order."""
    if ranges.a_begin == ranges.a_stop or ranges.b_begin == ranges.b_stop:
        return
    a_begin, b_begin = ranges.a_begin, ranges.b_begin
    for a_row, b_row in _anchors(ranges, columns, unique=unique):
        yield from between(RowRanges(a_begin, a_row, b_begin, b_row))
        yield PairedRows(a_row, b_row, 1)
        a_begin, b_begin = a_row + 1, b_row + 1
    yield from between(RowRanges(a_begin, ranges.a_stop, b_begin, ranges.b_stop))


def _pair_none(_: RowRanges) -> Iterator[PairedRows]:
    return iter(())


def _anchors(ranges: RowRanges, columns: list[ColumnPair], *, unique: bool) -> Iterator[tuple[int, int]]:
    """Yield as many pairs of equal rows as possible that are in the same order in both captures.

    With `unique`, only rows that occur once in each range are paired. Otherwise, of several equal rows, the first in A
    is paired with the first in B, the second with the second, and so on.
    """
    a_counterparts = array("i", [-1]) * (ranges.b_stop - ranges.b_begin)  # for each row of B, its counterpart in A
    a_keys = _row_keys([a for a, _ in columns], ranges.a_begin, ranges.a_stop)
    b_keys = _row_keys([b for _, b in columns], ranges.b_begin, ranges.b_stop)
    for a_rows, b_rows in _rows_of_common_keys(a_keys, b_keys):
        if not unique or len(a_rows) == len(b_rows) == 1:
            for a_row, b_row in zip(a_rows, b_rows):
                a_counterparts[b_row] = a_row
    del a_keys, b_keys
    paired_rows = array("i", (b_row for b_row, a_row in enumerate(a_counterparts) if a_row >= 0))
    for index in longest_increasing_subsequence(array("i", (a_counterparts[b_row] for b_row in paired_rows))):
        yield a_counterparts[paired_rows[index]] + ranges.a_begin, paired_rows[index] + ranges.b_begin


def _row_keys(columns: list[array[int]], begin: int, stop: int) -> array[int]:
    """Return a number for each row; rows with equal values have equal numbers."""
    if len(columns) == 1:
        return columns[0][begin:stop]
    rows = zip(*(column[begin:stop] for column in columns))
    return array("Q", (hash(row) & MOST_TICKS for row in rows))


def _rows_of_common_keys(a_keys: array[int], b_keys: array[int]) -> Iterator[tuple[array[int], array[int]]]:
    """Yield, for each key that occurs in both columns of 64-bit numbers, its rows in A and in B, in order."""
    a_groups, b_groups = _rows_by_key(a_keys), _rows_by_key(b_keys)
    a, b = next(a_groups, None), next(b_groups, None)
    while a is not None and b is not None:
        if a[0] < b[0]:
            a = next(a_groups, None)
        elif a[0] > b[0]:
            b = next(b_groups, None)
        else:
            yield a[1], b[1]
            a, b = next(a_groups, None), next(b_groups, None)


def _rows_by_key(keys: array[int]) -> Iterator[tuple[int, array[int]]]:
    """Yield the keys in ascending order, each with its rows."""
    order: array[int] = choose().argsort(keys)
    begin = 0
    for index in range(1, len(order) + 1):
        if index == len(order) or keys[order[index]] != keys[order[begin]]:
            yield keys[order[begin]], order[begin:index]
            begin = index


def longest_increasing_subsequence(numbers: Sequence[int]) -> Iterable[int]:
    """Return the indexes of a longest increasing subsequence of distinct numbers."""
    # For each length: the lowest number that ends an increasing subsequence of that length, and its index.
    last_numbers, last_indexes = array("i"), array("i")
    previous = array("i", bytes(4 * len(numbers)))
    for index, number in enumerate(numbers):
        length = bisect_left(last_numbers, number)
        previous[index] = last_indexes[length - 1] if length else -1
        if length == len(last_numbers):
            last_numbers.append(number)
            last_indexes.append(index)
        else:
            last_numbers[length] = number
            last_indexes[length] = index
    indexes = array("i")
    index = last_indexes[-1] if last_indexes else -1
    while index >= 0:
        indexes.append(index)
        index = previous[index]
    indexes.reverse()
    return indexes
