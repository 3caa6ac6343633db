"""Which packets of one capture are those of another: an alignment by content, in memory proportional to the packets.

Strategy: walk both sides as long as they are the same; where they differ, look a little ahead for the place where they
are the same again. Where that is not near, the rest is aligned by anchors: packets whose content and time, or else
content alone, stand once on each side, and of these the longest run in the same order on both. What lies between two
anchors is aligned in the same way, with weaker ones. What is left over has no counterpart.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

_NEAR = 32  # rows that are looked ahead
_SURE = 4  # rows that are the same before two sides are believed to go on together

Pairs = tuple[Sequence[int], Sequence[int]]
Sides = tuple[Sequence[int], Sequence[int]]
Keys = Callable[[int, int], int]  # of side 0 or 1, the key of a row


class Gap(NamedTuple):
    """Rows `a_begin` up to `a_end` of one side, and `b_begin` up to `b_end` of the other, that have no counterpart."""

    a_begin: int
    a_end: int
    b_begin: int
    b_end: int


def align(contents: Sides, times: Sides | None) -> Pairs:
    """The rows that belong together, in order: those of one side, and those of the other. `contents` has a number for
    each packet, the same for the same content; `times`, where times are compared, their times."""
    pairs = array("q"), array("q")
    whole = Gap(0, len(contents[0]), 0, len(contents[1]))
    for one, other in _walked(whole, contents, times):
        pairs[0].append(one)
        pairs[1].append(other)
    return pairs


def _walked(gap: Gap, contents: Sides, times: Sides | None) -> Iterator[tuple[int, int]]:
    """The pairs of a gap: side by side as far as that goes, then by anchors."""
    a, b = contents

    def same(one: int, other: int) -> bool:
        return a[one] == b[other] and (times is None or times[0][one] == times[1][other])

    one, a_end, other, b_end = gap
    while one < a_end and other < b_end:
        if same(one, other):
            yield one, other
            one, other = one + 1, other + 1
            continue
        ahead = _ahead(Gap(one, a_end, other, b_end), same)
        if ahead is None:
            break
        yield from _by_anchors(Gap(one, ahead[0], other, ahead[1]), contents, times)
        one, other = ahead
    yield from _by_anchors(Gap(one, a_end, other, b_end), contents, times)


def _by_anchors(gap: Gap, contents: Sides, times: Sides | None) -> Iterator[tuple[int, int]]:
    """The pairs of a gap: those with the same content and time, between them those with the same content."""
    if times is None:
        yield from _anchored(gap, [(lambda side, row: contents[side][row], alone) for alone in (True, False)], None)
        return
    keys: Keys = lambda side, row: hash((contents[side][row], times[side][row]))  # noqa: E731
    yield from _anchored(gap, [(keys, True)], lambda gap: _walked(gap, contents, None))


def _ahead(gap: Gap, same: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """The nearest rows from which on both sides are the same for a while, or to an end; None for none near."""
    for distance in range(1, 2 * _NEAR):
        for skipped in range(max(0, distance - _NEAR), min(distance, _NEAR) + 1):
            one, other = gap.a_begin + skipped, gap.b_begin + distance - skipped
            length = min(_SURE, gap.a_end - one, gap.b_end - other)
            if length > 0 and all(same(one + step, other + step) for step in range(length)):
                return one, other
    return None


def _anchored(
    gap: Gap, kinds: list[tuple[Keys, bool]], then: Callable[[Gap], Iterator[tuple[int, int]]] | None
) -> Iterator[tuple[int, int]]:
    """The pairs of a gap, by the kinds of anchors, the strongest first, and what is `then` done between them."""
    if gap.a_begin == gap.a_end or gap.b_begin == gap.b_end:
        return
    if not kinds:
        if then is not None:
            yield from then(gap)
        return
    a_begin, b_begin = gap.a_begin, gap.b_begin
    for one, other in _anchors(gap, *kinds[0]):
        yield from _anchored(Gap(a_begin, one, b_begin, other), kinds[1:], then)
        yield one, other
        a_begin, b_begin = one + 1, other + 1
    yield from _anchored(Gap(a_begin, gap.a_end, b_begin, gap.b_end), kinds[1:], then)


def _anchors(gap: Gap, keys: Keys, alone: bool) -> Iterator[tuple[int, int]]:
    """Pairs of rows with the same key, in the same order on both sides, as many as there are: keys that stand there
    once, or, if not `alone`, the first with the first, the second with the second, and so on."""
    a_rows = array("q", sorted(range(gap.a_begin, gap.a_end), key=lambda row: keys(0, row)))
    b_rows = array("q", sorted(range(gap.b_begin, gap.b_end), key=lambda row: keys(1, row)))
    partner = array("q", [-1]) * (gap.b_end - gap.b_begin)
    a_groups = groupby(a_rows, key=lambda row: keys(0, row))
    b_groups = groupby(b_rows, key=lambda row: keys(1, row))
    one, other = next(a_groups, None), next(b_groups, None)
    while one is not None and other is not None:
        if one[0] < other[0]:
            one = next(a_groups, None)
        elif one[0] > other[0]:
            other = next(b_groups, None)
        else:
            ones, others = list(one[1]), list(other[1])
            if not alone or len(ones) == len(others) == 1:
                for a_row, b_row in zip(ones, others):
                    partner[b_row - gap.b_begin] = a_row
            one, other = next(a_groups, None), next(b_groups, None)
    there = array("q", [place for place, row in enumerate(partner) if row >= 0])
    for place in longest_rise(array("q", [partner[place] for place in there])):
        yield partner[there[place]], there[place] + gap.b_begin


def longest_rise(numbers: Sequence[int]) -> list[int]:
    """The places of a longest rising run among numbers, none of which is there twice."""
    ends: list[int] = []  # the lowest number that a rise of each length ends with
    places = array("q")
    before = array("q", bytes(8 * len(numbers)))
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before[place] = places[length - 1] if length else -1
        if length == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[length] = number
            places[length] = place
    found = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def gaps(pairs: Pairs, a_rows: int, b_rows: int) -> Iterator[Gap]:
    """What lies between the pairs."""
    a_begin = b_begin = 0
    for one, other in zip(*pairs):
        if one > a_begin or other > b_begin:
            yield Gap(a_begin, one, b_begin, other)
        a_begin, b_begin = one + 1, other + 1
    if a_begin < a_rows or b_begin < b_rows:
        yield Gap(a_begin, a_rows, b_begin, b_rows)
