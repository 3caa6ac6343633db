"""Which packets of one capture are those of another: an alignment by content, in memory proportional to the packets.

Strategy: walk both sides as long as they are the same; where they differ, look a little ahead for the place where they
are the same again. Where that is not near, the rest is aligned by anchors: packets whose content and time, or else
content alone, stand once on each side, and of these the longest run in the same order on both. What lies between two
anchors is aligned in the same way, with weaker ones. What is left over has no counterpart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS

_NEAR = 32  # rows that are looked ahead
_SURE = 4  # rows that are the same before two sides are believed to go on together
_STEP = 4096  # rows that are compared at once

Sides: TypeAlias = "tuple[array[int], array[int]]"


class Run(NamedTuple):
    """Rows that belong together: `rows` of each side, from `a` and `b` on."""

    a: int
    b: int
    rows: int


class Gap(NamedTuple):
    """Rows `a_begin` up to `a_end` of one side, and `b_begin` up to `b_end` of the other, that have no counterpart."""

    a_begin: int
    a_end: int
    b_begin: int
    b_end: int


Then = Callable[[Gap], Iterator[Run]]


def align(contents: Sides, times: Sides | None) -> Iterator[Run | Gap]:
    """What belongs together and what does not, in order: every row stands in one run or gap. `contents` has a number
    for each packet, the same for the same content; `times`, where times are compared, their times."""
    whole = Gap(0, len(contents[0]), 0, len(contents[1]))
    at = Run(0, 0, 0)
    for run in _walked(whole, [contents] if times is None else [contents, times]):
        if run.a == at.a + at.rows and run.b == at.b + at.rows:
            at = at._replace(rows=at.rows + run.rows)
            continue
        if at.rows:
            yield at
        yield Gap(at.a + at.rows, run.a, at.b + at.rows, run.b)
        at = run
    if at.rows:
        yield at
    rest = Gap(at.a + at.rows, whole.a_end, at.b + at.rows, whole.b_end)
    if rest.a_begin < rest.a_end or rest.b_begin < rest.b_end:
        yield rest


def _walked(gap: Gap, columns: list[Sides]) -> Iterator[Run]:
    """The runs of a gap: side by side as far as that goes, then by anchors."""
    one, a_end, other, b_end = gap
    while one < a_end and other < b_end:
        rows = _together(Gap(one, a_end, other, b_end), columns)
        if rows:
            yield Run(one, other, rows)
            one, other = one + rows, other + rows
            continue
        ahead = _ahead(Gap(one, a_end, other, b_end), columns)
        if ahead is None:
            break
        yield from _by_anchors(Gap(one, ahead[0], other, ahead[1]), columns)
        one, other = ahead
    yield from _by_anchors(Gap(one, a_end, other, b_end), columns)


def _together(gap: Gap, columns: list[Sides]) -> int:
    """How many rows are the same from the beginning of a gap on."""
    most, rows, step = min(gap.a_end - gap.a_begin, gap.b_end - gap.b_begin), 0, 1
    while rows < most:
        step = min(2 * step, _STEP, most - rows)
        one, other = gap.a_begin + rows, gap.b_begin + rows
        for a, b in columns:
            mine, others = a[one : one + step], b[other : other + step]
            if mine != others:
                step = next(row for row, pair in enumerate(zip(mine, others)) if pair[0] != pair[1])
                most = rows + step
        rows += step
    return rows


def _ahead(gap: Gap, columns: list[Sides]) -> tuple[int, int] | None:
    """The nearest rows from which on both sides are the same for a while, or to an end; None for none near."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, row in enumerate(zip(*(side[1][gap.b_begin : min(gap.b_begin + _NEAR, gap.b_end)] for side in columns))):
        places.setdefault(row, []).append(place)
    near = zip(*(side[0][gap.a_begin : min(gap.a_begin + _NEAR, gap.a_end)] for side in columns))
    found = ((skipped + place, skipped) for skipped, row in enumerate(near) for place in places.get(row, ()))
    for distance, skipped in sorted(found):
        one, other = gap.a_begin + skipped, gap.b_begin + distance - skipped
        length = min(_SURE, gap.a_end - one, gap.b_end - other)
        if all(a[one : one + length] == b[other : other + length] for a, b in columns):
            return one, other
    return None


def _by_anchors(gap: Gap, columns: list[Sides]) -> Iterator[Run]:
    """The runs of a gap: those with the same content and time, between them those with the same content."""
    contents = columns[0]
    if len(columns) == 1:
        return _anchored(gap, [(columns, True), (columns, False)], None)
    return _anchored(gap, [(columns, True)], lambda gap: _walked(gap, [contents]))


def _anchored(gap: Gap, kinds: list[tuple[list[Sides], bool]], then: Then | None) -> Iterator[Run]:
    """The runs of a gap, by the kinds of anchors, the strongest first, and what is `then` done between them."""
    if gap.a_begin == gap.a_end or gap.b_begin == gap.b_end:
        return
    if not kinds:
        if then is not None:
            yield from then(gap)
        return
    a_begin, b_begin = gap.a_begin, gap.b_begin
    for one, other in _anchors(gap, *kinds[0]):
        yield from _anchored(Gap(a_begin, one, b_begin, other), kinds[1:], then)
        yield Run(one, other, 1)
        a_begin, b_begin = one + 1, other + 1
    yield from _anchored(Gap(a_begin, gap.a_end, b_begin, gap.b_end), kinds[1:], then)


def _anchors(gap: Gap, columns: list[Sides], alone: bool) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are the same, in the same order on both sides, as many as there are: rows that stand there
    once, or, if not `alone`, the first with the first, the second with the second, and so on."""
    partner = array("i", [-1]) * (gap.b_end - gap.b_begin)
    ones = _keys([side[0] for side in columns], gap.a_begin, gap.a_end)
    others = _keys([side[1] for side in columns], gap.b_begin, gap.b_end)
    for a_rows, b_rows in _same_keys(ones, others):
        if not alone or len(a_rows) == len(b_rows) == 1:
            for a_row, b_row in zip(a_rows, b_rows):
                partner[b_row] = a_row
    del ones, others
    there = array("i", (row for row, a_row in enumerate(partner) if a_row >= 0))
    for place in longest_rise(array("i", (partner[row] for row in there))):
        yield partner[there[place]] + gap.a_begin, there[place] + gap.b_begin


def _keys(columns: list[array[int]], begin: int, end: int) -> array[int]:
    """A number for each row, the same for the same rows."""
    if len(columns) == 1:
        return columns[0][begin:end]
    rows = zip(*(column[begin:end] for column in columns))
    return array("Q", (hash(row) & MOST_TICKS for row in rows))


def _same_keys(ones: array[int], others: array[int]) -> Iterator[tuple[array[int], array[int]]]:
    """For each key that stands in both columns of 64-bit numbers, its rows in the one and in the other, in order."""
    one_groups, other_groups = _groups(ones), _groups(others)
    one, other = next(one_groups, None), next(other_groups, None)
    while one is not None and other is not None:
        if one[0] < other[0]:
            one = next(one_groups, None)
        elif one[0] > other[0]:
            other = next(other_groups, None)
        else:
            yield one[1], other[1]
            one, other = next(one_groups, None), next(other_groups, None)


def _groups(keys: array[int]) -> Iterator[tuple[int, array[int]]]:
    """The keys in their order, each with its rows."""
    order: array[int] = choose().argsort(keys)
    begin = 0
    for at in range(1, len(order) + 1):
        if at == len(order) or keys[order[at]] != keys[order[begin]]:
            yield keys[order[begin]], order[begin:at]
            begin = at


def longest_rise(numbers: Sequence[int]) -> Iterable[int]:
    """The places of a longest rising run among numbers, none of which is there twice."""
    ends, places = array("i"), array("i")  # the lowest number that a rise of each length ends with, and its place
    before = array("i", bytes(4 * len(numbers)))
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before[place] = places[length - 1] if length else -1
        if length == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[length] = number
            places[length] = place
    found = array("i")
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    found.reverse()
    return found
