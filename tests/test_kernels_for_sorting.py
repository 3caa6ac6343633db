"""The kernels about the order of packets: `gather_rows`, `only_records`, `clear_numbers`, `count_falls` and
`extremes`."""

from array import array
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import BUFFER, MOST_TICKS, agree, all_columns, column, packet_rows, with_rows

from pcapconv.kernels.contract import FULL, MORE
from pcapconv.model import Columns

NUMBERS = array("Q", [11, 12, 13])


def three_rows() -> Columns:
    """A record with its packet and options; a record with options behind it; a packet and options without a record."""
    return with_rows(
        3,
        record_at=[0, 20, 0],
        record_length=[10, 8, 0],
        data_at=[4, 22, 40],
        captured_length=[3, 2, 5],
        options_at=[8, 30, 50],
        options_length=[2, 4, 4],
        ticks=[1, 2, 3],
    )


def gather(kernels: ModuleType, order: list[int], size: int = 99, rows: int = 9, first: int = 0) -> Any:
    out, into, numbers = bytearray(size), Columns(rows), array("Q", bytes(8 * rows))
    result = kernels.gather_rows(BUFFER, three_rows(), NUMBERS, array("q", order), first, out, 0, into, numbers, 0)
    return result, bytes(out), into, numbers


def test_rows_are_gathered_with_their_bytes(kernels: ModuleType) -> None:
    result, out, into, numbers = gather(kernels, [2, 0, 1, 0])
    assert result == (4, 41, 4, MORE)
    assert out[:41] == (BUFFER[40:45] + BUFFER[50:54] + BUFFER[:10] + BUFFER[20:28] + BUFFER[30:34] + BUFFER[:10])
    assert list(numbers[:4]) == [13, 11, 12, 11]
    assert column(into, "record_at", 4) == [0, 9, 19, 31]
    assert column(into, "record_length", 4) == [0, 10, 8, 10]
    assert column(into, "data_at", 4) == [0, 13, 21, 35]
    assert column(into, "options_at", 4) == [5, 17, 27, 39]
    assert column(into, "ticks", 4) == [3, 1, 2, 1]


@pytest.mark.parametrize(
    ("size", "rows", "result"),
    [(9, 9, (1, 9, 1, FULL)), (8, 9, (0, 0, 0, FULL)), (99, 1, (1, 9, 1, FULL)), (19, 2, (2, 19, 2, FULL))],
)
def test_gathering_stops_where_there_is_no_room(
    kernels: ModuleType, size: int, rows: int, result: tuple[int, ...]
) -> None:
    assert gather(kernels, [2, 0, 1], size, rows)[0] == result


@pytest.mark.parametrize(
    ("lengths", "size", "result"),
    [
        ([], 0, True),
        ([], 1, False),
        ([10, 8], 18, True),
        ([10, 8], 17, False),
        ([10, 8], 22, False),
        ([10, 0, 8], 18, False),
        ([2**32 - 1] * 3, 3 * 2**32 - 3, True),
        ([2**32 - 1] * 3, 2**32 - 3, False),
    ],
)
def test_bytes_are_records_and_nothing_else(kernels: ModuleType, lengths: list[int], size: int, result: bool) -> None:
    columns = with_rows(len(lengths) + 1, record_length=[*lengths, 7])
    assert kernels.only_records(columns, len(lengths), size) is result


def test_records_that_are_not_there_are_refused(kernels: ModuleType) -> None:
    for rows in (-1, 2):
        with pytest.raises(ValueError, match="column record_length"):
            kernels.only_records(Columns(1), rows, 0)


def test_gathering_goes_on_from_an_entry(kernels: ModuleType) -> None:
    result, out, _, _ = gather(kernels, [2, 0], first=1)
    assert (result, out[:10]) == ((2, 10, 1, MORE), BUFFER[:10])


def test_gathering_refuses_what_is_not_there(kernels: ModuleType) -> None:
    for order, wrong in (([0, 3], 1), ([-1], 0), ([0, 1, 2**63 - 1], 2)):
        with pytest.raises(ValueError, match=f"entry {wrong} of the order is not a row"):
            gather(kernels, order)
    for name in ("record_at", "data_at", "options_at"):
        columns = three_rows()
        getattr(columns, name)[1] = 63
        with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
            kernels.gather_rows(
                BUFFER, columns, NUMBERS, array("q", [1]), 0, bytearray(99), 0, Columns(3), array("Q", NUMBERS), 0
            )
    with pytest.raises(ValueError, match="the range lies outside the buffer"):
        gather(kernels, [0], first=2)
    with pytest.raises(ValueError, match="an order that is not of signed 64-bit numbers"):
        kernels.gather_rows(
            BUFFER, three_rows(), NUMBERS, array("i", [0]), 0, bytearray(9), 0, Columns(3), array("Q", NUMBERS), 0
        )


@given(data=st.data(), columns=packet_rows(64))
def test_parity_of_gather_rows(compiled: ModuleType, data: st.DataObject, columns: Columns) -> None:
    rows = columns.capacity
    entries = st.integers(-1, rows) if data.draw(st.booleans()) else st.integers(0, max(0, rows - 1))
    order = array("q", data.draw(st.lists(entries, max_size=6)))
    numbers = array("Q", data.draw(st.lists(st.integers(0, MOST_TICKS), min_size=rows, max_size=rows + 1)))
    room, into = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6))
    size = data.draw(st.integers(0, 200))
    first, offset, row = (data.draw(st.integers(-1, most + 1)) for most in (2, 8, 1))
    agree(
        compiled,
        "gather_rows",
        BUFFER,
        columns,
        numbers,
        order,
        first,
        bytearray(size),
        offset,
        Columns(into),
        array("Q", bytes(8 * room)),
        row,
    )


@pytest.mark.parametrize(
    ("limits", "cleared"),
    [([], []), ([1, 1], [1]), ([1, 2, 4, MOST_TICKS], [1, 2, 4, 5]), ([2, 3], [2, 3]), ([6, 9], []), ([3], [])],
)
def test_numbers_in_ranges_are_cleared(kernels: ModuleType, limits: list[int], cleared: list[int]) -> None:
    numbers, mask = array("Q", [5, 1, 4, 3, 2]), bytearray(b"\1" * 6)
    assert kernels.clear_numbers(numbers, array("Q", limits), mask) is None
    assert list(mask) == [*(number not in cleared for number in numbers), 1]
    with pytest.raises(ValueError, match="a mask of fewer than 5 rows"):
        kernels.clear_numbers(numbers, array("Q", limits), bytearray(4))


@given(
    numbers=st.lists(st.one_of(st.integers(0, 30), st.integers(0, MOST_TICKS)), max_size=20),
    limits=st.lists(st.one_of(st.integers(0, 30), st.integers(0, MOST_TICKS)), max_size=9).map(sorted),
    size=st.integers(15, 20),
)
def test_parity_of_clear_numbers(compiled: ModuleType, numbers: list[int], limits: list[int], size: int) -> None:
    agree(compiled, "clear_numbers", array("Q", numbers), array("Q", limits), bytearray(b"\1" * size))


def test_columns_that_are_gathered_stay_as_they_are(kernels: ModuleType) -> None:
    columns = three_rows()
    before = all_columns(columns, 3)
    into, numbers = Columns(3), array("Q", NUMBERS)
    kernels.gather_rows(BUFFER, columns, NUMBERS, array("q", [2, 1]), 0, bytearray(99), 0, into, numbers, 0)
    assert all_columns(columns, 3) == before


@pytest.mark.parametrize(
    ("keys", "previous", "latest", "result"),
    [
        ([], 5, 9, (0, 0, 0, -1)),
        ([5, 5, 6], 5, 5, (0, 3, 0, 2)),
        ([4, 5, 9, 3, 2, MOST_TICKS], 5, 7, (3, 0, 7, 5)),
        ([8, 9], 5, 9, (0, 2, 1, -1)),
        ([0, MOST_TICKS, 0], 0, 0, (1, 2, MOST_TICKS, 1)),
    ],
)
def test_falls_are_counted(
    kernels: ModuleType, keys: list[int], previous: int, latest: int, result: tuple[int, ...]
) -> None:
    assert kernels.count_falls(array("Q", keys), previous, latest) == result


@given(
    keys=st.lists(st.one_of(st.integers(0, 5), st.integers(0, MOST_TICKS)), max_size=30),
    previous=st.integers(0, MOST_TICKS),
    latest=st.one_of(st.integers(0, 5), st.integers(0, MOST_TICKS)),
)
def test_parity_of_count_falls(compiled: ModuleType, keys: list[int], previous: int, latest: int) -> None:
    agree(compiled, "count_falls", array("Q", keys), previous, latest)


@pytest.mark.parametrize(
    ("keys", "result"),
    [([7], (0, 0)), ([5, 5, 6, 6], (0, 3)), ([4, 9, 2, 2, 9, 3], (2, 4)), ([MOST_TICKS, 0], (1, 0))],
)
def test_extremes_are_the_first_lowest_and_the_last_highest_key(
    kernels: ModuleType, keys: list[int], result: tuple[int, int]
) -> None:
    assert kernels.extremes(array("Q", keys)) == result


def test_no_keys_have_no_extremes(kernels: ModuleType) -> None:
    with pytest.raises(ValueError, match="no keys"):
        kernels.extremes(array("Q"))


@given(keys=st.lists(st.one_of(st.integers(0, 5), st.integers(0, MOST_TICKS)), max_size=30))
def test_parity_of_extremes(compiled: ModuleType, keys: list[int]) -> None:
    agree(compiled, "extremes", array("Q", keys))
