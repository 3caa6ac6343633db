"""The kernels that select rows: `rows_in_ranges` and `copy_rows`."""

from array import array
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    BUFFER,
    MOST,
    MOST_TICKS,
    TICKS,
    agree,
    all_columns,
    packet_rows,
    rows_near,
    table,
    unlike_rows,
    with_rows,
)

from pcapconv.model import Columns

# ---------------------------------------------------------------- facts: rows_in_ranges


@pytest.mark.parametrize(
    ("lowest", "highest", "ticks", "stays"),
    [
        (0, 0, 0, True),
        (0, 0, 1, False),
        (1, 1, 0, False),
        (0, MOST, MOST, True),
        (0, MOST, MOST + 1, False),
        (MOST + 1, 2**63, MOST, False),
        (MOST + 1, 2**63, MOST + 1, True),
        (MOST + 1, 2**63, 2**63, True),
        (MOST + 1, 2**63, 2**63 + 1, False),
        (2**63, MOST_TICKS, 2**63 - 1, False),
        (2**63, MOST_TICKS, MOST_TICKS, True),
        (MOST_TICKS, MOST_TICKS, MOST_TICKS, True),
        (MOST_TICKS, MOST_TICKS, MOST_TICKS - 1, False),
        (0, MOST_TICKS - 1, MOST_TICKS, False),
        (1, 0, 0, False),
        (1, 0, 1, False),
        (MOST_TICKS, 0, 5, False),
    ],
)
@pytest.mark.parametrize("record_type", [0, 2, 6, 255])
def test_rows_in_ranges_keeps_times_from_the_lowest_to_the_highest(
    kernels: ModuleType, lowest: int, highest: int, ticks: int, stays: bool, record_type: int
) -> None:
    columns, mask = with_rows(1, ticks=[ticks], record_type=[record_type]), bytearray(b"\1")
    assert kernels.rows_in_ranges(columns, 1, table(lowest, highest, 0), mask) == stays
    assert mask == bytes([stays])


@pytest.mark.parametrize(("timeless", "stays"), [(0, False), (1, True), (2**32, True), (MOST_TICKS, True)])
def test_rows_in_ranges_asks_the_table_about_packets_without_a_time(
    kernels: ModuleType, timeless: int, stays: bool
) -> None:
    columns, mask = with_rows(2, ticks=[5, 99], record_type=[3, 3]), bytearray(b"\1\1")
    assert kernels.rows_in_ranges(columns, 2, table(5, 5, timeless), mask) == 2 * stays
    assert mask == bytes([stays, stays])


def test_rows_in_ranges_looks_up_each_interface(kernels: ModuleType) -> None:
    columns = with_rows(6, ticks=[1, 2, 1, 2, 1, 2], interface=[0, 0, 1, 1, 2, 2])
    mask = bytearray(b"\1" * 6)
    assert kernels.rows_in_ranges(columns, 6, table(1, 1, 0, 2, 2, 0, 1, 2, 0), mask) == 4
    assert mask == b"\1\0\0\1\1\1"


def test_rows_in_ranges_leaves_what_it_does_not_set_to_0(kernels: ModuleType) -> None:
    columns = with_rows(6, ticks=[1, 1, 1, 9, 9, 9])
    mask = bytearray(b"\0\2\xff\0\2\xff")
    assert kernels.rows_in_ranges(columns, 6, table(0, 5, 0), mask) == 2
    assert mask == b"\0\2\xff\0\0\0"


def test_rows_in_ranges_looks_at_no_other_rows(kernels: ModuleType) -> None:
    columns, mask = with_rows(3, ticks=[1, 1, 9], interface=[0, 0, MOST]), bytearray(b"\0\1\7\7\7")
    assert kernels.rows_in_ranges(columns, 2, table(0, 5, 0), mask) == 1
    assert mask == b"\0\1\7\7\7"


def test_rows_in_ranges_of_no_rows(kernels: ModuleType) -> None:
    assert kernels.rows_in_ranges(Columns(0), 0, table(), bytearray()) == 0
    mask = bytearray(b"\1")
    assert kernels.rows_in_ranges(Columns(1), 0, table(), mask) == 0
    assert mask == b"\1"


@pytest.mark.parametrize(
    ("interface", "entries"),
    [(0, ()), (0, (0, 9)), (1, (0, 9, 1)), (1, (0, 9, 1, 0, 9)), (MOST, (0, 9, 1, 0, 9, 1))],
)
@pytest.mark.parametrize("record_type", [3, 6])
def test_rows_in_ranges_refuses_an_interface_outside_the_table(
    kernels: ModuleType, interface: int, entries: tuple[int, ...], record_type: int
) -> None:
    columns, mask = with_rows(1, interface=[interface], record_type=[record_type]), bytearray(b"\1")
    with pytest.raises(ValueError, match="row 0 names an interface that is not there"):
        kernels.rows_in_ranges(columns, 1, table(*entries), mask)
    assert mask == b"\1"


def test_rows_in_ranges_has_looked_at_the_rows_before_the_one_it_refuses(kernels: ModuleType) -> None:
    columns, mask = with_rows(4, ticks=[9, 1, 9, 9], interface=[0, 0, 1, 0]), bytearray(b"\1" * 4)
    with pytest.raises(ValueError, match="row 2 names an interface that is not there"):
        kernels.rows_in_ranges(columns, 4, table(0, 5, 0), mask)
    assert mask == b"\0\1\1\1"


@pytest.mark.parametrize("length", [0, 1])
def test_rows_in_ranges_refuses_a_mask_that_is_too_short(kernels: ModuleType, length: int) -> None:
    mask = bytearray(b"\1" * length)
    with pytest.raises(ValueError, match="a mask of fewer than 2 rows"):
        kernels.rows_in_ranges(with_rows(2, ticks=[9, 9]), 2, table(0, 5, 0), mask)
    assert mask == b"\1" * length


# ---------------------------------------------------------------- facts: copy_rows


MASKS = [
    (b"\0\0\0\0\0", []),
    (b"\1\1\1\1\1", [0, 1, 2, 3, 4]),
    (b"\1\0\1\0\1", [0, 2, 4]),
    (b"\0\1\0\1\0", [1, 3]),
    (b"\0\0\0\0\1", [4]),
    (b"\0\2\xff\0\x80", [1, 2, 4]),
    (b"\0\0\0\1\0\1\1", [3]),
]


@pytest.mark.parametrize(("mask", "chosen"), MASKS)
@pytest.mark.parametrize("room", [0, 1, 5])
def test_copy_rows_copies_the_rows_whose_mask_is_not_0(
    kernels: ModuleType, mask: bytes, chosen: list[int], room: int
) -> None:
    columns, into = unlike_rows(5), Columns(len(chosen) + room)
    before = all_columns(columns, 5)
    for name, typecode in Columns.TYPECODES.items():
        setattr(into, name, array(typecode, [7] * into.capacity))
    assert kernels.copy_rows(columns, 5, bytearray(mask), into) == len(chosen)
    for name, values in before.items():
        assert list(getattr(into, name)) == [values[row] for row in chosen] + [7] * room
    assert all_columns(columns, 5) == before


@pytest.mark.parametrize(("mask", "chosen"), MASKS)
def test_copy_rows_into_the_same_columns(kernels: ModuleType, mask: bytes, chosen: list[int]) -> None:
    columns = unlike_rows(5)
    before = all_columns(columns, 5)
    assert kernels.copy_rows(columns, 5, bytearray(mask), columns) == len(chosen)
    for name, values in before.items():
        assert list(getattr(columns, name)) == [values[row] for row in chosen] + values[len(chosen) :]


def test_copy_rows_of_no_rows(kernels: ModuleType) -> None:
    assert kernels.copy_rows(Columns(0), 0, bytearray(), Columns(0)) == 0
    assert kernels.copy_rows(unlike_rows(2), 0, bytearray(b"\1\1"), Columns(0)) == 0


def test_copy_rows_leaves_the_mask(kernels: ModuleType) -> None:
    mask = bytearray(b"\0\2\xff")
    kernels.copy_rows(unlike_rows(3), 3, mask, Columns(3))
    assert mask == b"\0\2\xff"


@pytest.mark.parametrize("name", Columns.TYPECODES)
def test_copy_rows_writes_nothing_where_a_column_is_too_short_for_it(kernels: ModuleType, name: str) -> None:
    into = Columns(5)
    setattr(into, name, getattr(into, name)[:1])
    with pytest.raises(ValueError, match=f"column {name} is not 2 values"):
        kernels.copy_rows(unlike_rows(5), 5, bytearray(b"\0\0\1\0\1"), into)
    assert all(set(values) == {0} for values in all_columns(into, 5).values())
    assert kernels.copy_rows(unlike_rows(5), 5, bytearray(b"\0\0\1\0\0"), into) == 1


@pytest.mark.parametrize("length", [0, 4])
def test_copy_rows_refuses_a_mask_that_is_too_short(kernels: ModuleType, length: int) -> None:
    into = Columns(5)
    with pytest.raises(ValueError, match="a mask of fewer than 5 rows"):
        kernels.copy_rows(unlike_rows(5), 5, bytearray(b"\1" * length), into)
    assert all_columns(into, 5) == all_columns(Columns(5), 5)


# ---------------------------------------------------------------- parity


def masks(rows: int) -> st.SearchStrategy[bytearray]:
    """Masks, a few of them too short or longer than they need be."""
    values = st.lists(st.sampled_from([0, 1, 1, 2, 255]), min_size=max(0, rows - 1), max_size=rows + 2)
    return values.map(bytearray)


@given(data=st.data(), limits=st.lists(TICKS, max_size=12))
def test_parity_of_rows_in_ranges(compiled: ModuleType, data: st.DataObject, limits: list[int]) -> None:
    columns, rows = data.draw(rows_near(limits))
    agree(compiled, "rows_in_ranges", columns, rows, table(*limits), data.draw(masks(columns.capacity)))


@given(data=st.data(), columns=packet_rows(len(BUFFER), 6), same=st.booleans())
def test_parity_of_copy_rows(compiled: ModuleType, data: st.DataObject, columns: Columns, same: bool) -> None:
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    into = columns if same else unlike_rows(data.draw(st.integers(0, 7)))
    if not same and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(list(Columns.TYPECODES)))
        setattr(into, name, getattr(into, name)[: data.draw(st.integers(0, 3))])
    agree(compiled, "copy_rows", columns, rows, data.draw(masks(columns.capacity)), into)
