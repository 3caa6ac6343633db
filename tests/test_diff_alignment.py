"""Which packets of two captures belong together."""

from array import array
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapconv.comparing.alignment import PairedRows, RowRanges, align, longest_increasing_subsequence

numbers = st.lists(st.integers(0, 4), max_size=40)


def alignment_of(
    a: Sequence[int], b: Sequence[int], times: tuple[Sequence[int], Sequence[int]] | None
) -> list[PairedRows | RowRanges]:
    """The alignment, in which runs and gaps take turns and every row stands once."""
    contents = array("Q", a), array("Q", b)
    found = list(align(contents, times and (array("Q", times[0]), array("Q", times[1]))))
    at = [0, 0]
    for each in found:
        if isinstance(each, PairedRows):
            assert (each.a, each.b) == (at[0], at[1])
            assert each.rows > 0
            at = [each.a + each.rows, each.b + each.rows]
        else:
            assert (each.a_begin, each.b_begin) == (at[0], at[1])
            assert (each.a_stop, each.b_stop) != (at[0], at[1])
            at = [each.a_stop, each.b_stop]
    assert at == [len(a), len(b)]
    assert all(isinstance(one, PairedRows) != isinstance(other, PairedRows) for one, other in pairwise(found))
    return found


def paired_rows(found: list[PairedRows | RowRanges]) -> tuple[list[int], list[int]]:
    runs = [each for each in found if isinstance(each, PairedRows)]
    return (
        [row for run in runs for row in range(run.a, run.a + run.rows)],
        [row for run in runs for row in range(run.b, run.b + run.rows)],
    )


def gaps_in(found: list[PairedRows | RowRanges]) -> list[RowRanges]:
    return [each for each in found if isinstance(each, RowRanges)]


@given(a=numbers, b=numbers, timed=st.booleans())
@pytest.mark.usefixtures("kernels")
def test_pairs_are_alike(a: list[int], b: list[int], timed: bool) -> None:
    times = (list(range(len(a))), list(range(len(b)))) if timed else None
    ones, others = paired_rows(alignment_of(a, b, times))
    assert [a[row] for row in ones] == [b[row] for row in others]


@given(data=st.data(), count=st.integers(0, 300))
@pytest.mark.usefixtures("kernels")
def test_what_was_taken_out_and_put_in_is_found(data: st.DataObject, count: int) -> None:
    a = list(range(count))
    removed = data.draw(st.sets(st.sampled_from(a), max_size=count) if a else st.just(set[int]()))
    b = [number for number in a if number not in removed]
    inserted = data.draw(st.lists(st.tuples(st.integers(0, len(b)), st.integers(1000, 10**6)), max_size=20))
    for index, number in inserted:
        b.insert(index, number)
    ones, others = paired_rows(alignment_of(a, b, None))
    assert [a[row] for row in ones] == [number for number in a if number not in removed]
    assert [b[row] for row in others] == [a[row] for row in ones]


@given(st.permutations(range(40)))
def test_the_longest_rise_is_the_longest(order: list[int]) -> None:
    places = list(longest_increasing_subsequence(order))
    rise = [order[index] for index in places]
    assert rise == sorted(rise)
    assert places == sorted(places)
    lengths: list[int] = []
    for index, number in enumerate(order):
        lengths.append(1 + max((lengths[other] for other in range(index) if order[other] < number), default=0))
    assert len(rise) == max(lengths)


def test_times_tell_equal_packets_apart() -> None:
    a, b = [7] * 1000, [7] * 999
    found = alignment_of(a, b, (range(1000), [*range(500), *range(501, 1000)]))
    assert gaps_in(found) == [RowRanges(500, 501, 500, 500)]


def test_a_long_insertion_costs_nothing_else() -> None:
    a = list(range(1000))
    b = [*range(500), *range(5000, 6000), *range(500, 1000)]
    assert gaps_in(alignment_of(a, b, None)) == [RowRanges(500, 500, 500, 1500)]


def test_other_times_everywhere_are_no_reason_to_part() -> None:
    a = list(range(100))
    b = [number for number in a if number != 50]
    found = alignment_of(a, b, (a, [number + 10**6 for number in b]))
    assert gaps_in(found) == [RowRanges(50, 51, 50, 50)]
