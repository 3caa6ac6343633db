"""Which rows of two columns have the same key, in memory of a few numbers for each."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from pcapconv.kernels import choose


def same_keys(ones: array[int], others: array[int]) -> Iterator[tuple[array[int], array[int]]]:
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
    order: array[int] = choose().order(keys)
    begin = 0
    for at in range(1, len(order) + 1):
        if at == len(order) or keys[order[at]] != keys[order[begin]]:
            yield keys[order[begin]], order[begin:at]
            begin = at
