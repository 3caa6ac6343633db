"""The kernels for times, lengths and order: `to_nanoseconds`, `first_out_of_order`, `first_too_early`,
`first_over_limit`, `same_data` and `argsort`."""

from array import array
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import MOST, MOST_TICKS, agree, all_columns, column, packet_rows, with_rows

from pcapconv.kernels.contract import BEYOND, FINER, MORE, NANOSECOND_SCALE, UNKNOWN
from pcapconv.model import Columns

HALF = 2**64
SIMPLE, ENHANCED = 3, 6


def scale_entry(multiply: int = 1, divide: int = 1, add: int = 0, number: int = 0) -> list[int]:
    both = add % 2**128
    return [multiply, divide % HALF, divide // HALF, both % HALF, both // HALF, number]


def table(*scales: list[int], timeless: list[int] | None = None) -> "array[int]":
    return array("Q", [value for each in [*scales, timeless or scale_entry(0)] for value in each])


# ---------------------------------------------------------------- to_nanoseconds


@pytest.mark.parametrize(
    ("ticks", "scale", "nanoseconds"),
    [
        (0, scale_entry(), 0),
        (MOST_TICKS, scale_entry(), MOST_TICKS),
        (1, scale_entry(1000), 1000),
        (MOST_TICKS // 1000, scale_entry(1000), MOST_TICKS // 1000 * 1000),
        (7, scale_entry(10**9, 1, -(7 * 10**9)), 0),
        (5, scale_entry(1, 1, MOST_TICKS - 5), MOST_TICKS),
        (MOST_TICKS, scale_entry(10**9, 1, -(10**9) * MOST_TICKS + 3), 3),  # far beyond 64 bits on the way
        (3, scale_entry(5**9, 2**11), 3 * 5**9 // 2**11),
        (2**20, scale_entry(5**9, 2**11), 10**9),
        (2**63, scale_entry(5**9, 2**11), None),
        (MOST_TICKS, scale_entry(1, 10**30), 0),
        (10**12, scale_entry(1, 1000), 10**9),
        (2**40, scale_entry(5**9, 2**100), 0),
    ],
)
def test_ticks_become_nanoseconds(kernels: ModuleType, ticks: int, scale: list[int], nanoseconds: int | None) -> None:
    columns = with_rows(1, ticks=[ticks], record_type=[ENHANCED])
    row, cut_times, status = kernels.to_nanoseconds(columns, 0, 1, table(scale), True)
    if nanoseconds is None:
        assert (row, cut_times, status, column(columns, "ticks", 1)) == (0, 0, BEYOND, [ticks])
        return
    divide = scale[1] + scale[2] * HALF
    assert (row, cut_times, status) == (1, int(ticks * scale[0] % divide != 0), MORE)
    assert column(columns, "ticks", 1) == [nanoseconds]


def test_each_packet_has_the_scale_and_the_new_id_of_its_interface(kernels: ModuleType) -> None:
    columns = with_rows(4, ticks=[1, 1, 1, 1], interface=[0, 1, 2, 1], record_type=[0, 2, 6, 255])
    scales = table(scale_entry(1, number=7), scale_entry(10, number=MOST), scale_entry(100, 1, 5, 0))
    assert kernels.to_nanoseconds(columns, 0, 4, scales, False) == (4, 0, MORE)
    assert column(columns, "ticks", 4) == [1, 10, 105, 10]
    assert column(columns, "interface", 4) == [7, MOST, 0, MOST]


def test_packets_without_a_time_have_the_last_scale_and_the_new_id_of_their_interface(kernels: ModuleType) -> None:
    columns = with_rows(2, ticks=[9, 99], interface=[1, 0], record_type=[SIMPLE, SIMPLE])
    scales = table(scale_entry(5, number=3), scale_entry(0, 0, number=4), timeless=scale_entry(0, 1, 77, 8))
    assert kernels.to_nanoseconds(columns, 0, 2, scales, False) == (2, 0, MORE)
    assert column(columns, "ticks", 2) == [77, 77]
    assert column(columns, "interface", 2) == [4, 3]


@pytest.mark.parametrize(
    ("scale", "cut", "status"),
    [
        (scale_entry(1, 0), True, UNKNOWN),
        (scale_entry(1, 10), False, FINER),
        (scale_entry(1, 2**64), False, FINER),
        (scale_entry(1, 1, -6), False, BEYOND),
        (scale_entry(1, 10, -1), True, BEYOND),
        (scale_entry(1, 1, MOST_TICKS - 4), False, BEYOND),
        (scale_entry(2**62 - 1), False, BEYOND),
        (scale_entry(1, 1, -(2**126)), False, BEYOND),
        (scale_entry(1, 1, 2**126 - 1), False, BEYOND),
    ],
)
def test_to_nanoseconds_stops_at_a_time_that_nanoseconds_cannot_state(
    kernels: ModuleType, scale: list[int], cut: bool, status: int
) -> None:
    columns = with_rows(4, ticks=[1, 2, 5, 6], interface=[0, 0, 1, 0], record_type=[6] * 4)
    assert kernels.to_nanoseconds(columns, 1, 4, table(scale_entry(3, number=9), scale), cut) == (2, 0, status)
    assert column(columns, "ticks", 4) == [1, 6, 5, 6]
    assert column(columns, "interface", 4) == [0, 9, 1, 0]


def test_cut_digits_are_counted_and_cut_downwards(kernels: ModuleType) -> None:
    columns = with_rows(4, ticks=[10, 19, 20, 21], record_type=[6] * 4)
    assert kernels.to_nanoseconds(columns, 0, 4, table(scale_entry(1, 10, -1)), True) == (4, 2, MORE)
    assert column(columns, "ticks", 4) == [0, 0, 1, 1]


@pytest.mark.parametrize("scales", [table(), table(scale_entry())])
def test_to_nanoseconds_refuses_an_interface_outside_the_table(kernels: ModuleType, scales: "array[int]") -> None:
    columns = with_rows(2, interface=[0, 1], record_type=[6, 3])
    row = min(1, len(scales) // NANOSECOND_SCALE - 1)
    with pytest.raises(ValueError, match=f"row {row} names an interface that is not there"):
        kernels.to_nanoseconds(columns, 0, 2, scales, False)


@pytest.mark.parametrize(
    "scale",
    [
        scale_entry(2**62),
        scale_entry(1, 1, 2**126),
        scale_entry(1, 1, -(2**126) - 1),
        scale_entry(1, 1, 0, 2**32),
        [1, 1, 0, 0, 2**62, 0],
    ],
)
def test_to_nanoseconds_refuses_scales_that_128_bits_might_not_hold(kernels: ModuleType, scale: list[int]) -> None:
    columns = with_rows(2, ticks=[5, 6], interface=[0, 1], record_type=[6, 6])
    assert kernels.to_nanoseconds(columns, 0, 1, table(scale_entry(2), scale), False) == (
        1,
        0,
        MORE,
    )  # where no row uses it
    with pytest.raises(ValueError, match="a scale that is too large"):
        kernels.to_nanoseconds(columns, 1, 2, table(scale_entry(2), scale), False)
    assert column(columns, "ticks", 2) == [10, 6]


@pytest.mark.parametrize(("row", "rows"), [(-1, 1), (2, 1)])
def test_to_nanoseconds_and_first_out_of_order_refuse_rows_that_are_not_there(
    kernels: ModuleType, row: int, rows: int
) -> None:
    with pytest.raises(ValueError, match="a row that is not there"):
        kernels.to_nanoseconds(Columns(1), row, rows, table(scale_entry()), False)
    with pytest.raises(ValueError, match="a row that is not there"):
        kernels.first_out_of_order(Columns(1), row, rows)


def test_to_nanoseconds_uses_the_scale_of_packets_without_a_time_first(kernels: ModuleType) -> None:
    """That nobody can tell what it means comes before what is wrong with the interface's own."""
    columns = Columns(1)
    columns.record_type[0] = SIMPLE
    too_large, unknown = [0, 0, 0, 0, 0, 2**32], [0, 0, 0, 0, 0, 0]
    assert kernels.to_nanoseconds(columns, 0, 1, table(too_large, timeless=unknown), False) == (0, 0, UNKNOWN)


VALUES = st.one_of(st.integers(0, MOST_TICKS), st.integers(0, 1000), st.sampled_from([0, 1, 2**63, MOST_TICKS]))
SCALES = st.one_of(
    st.builds(
        scale_entry, st.sampled_from([0, 1, 1000, 10**9]), st.sampled_from([0, 1, 2, 1000, 2**20, 10**30, 2**127])
    ),
    st.builds(
        scale_entry,
        st.integers(0, 2**63 - 1),
        st.one_of(st.integers(0, 2**128 - 1), st.integers(0, 50)),
        st.one_of(st.integers(-(2**126), 2**126 - 1), st.integers(-(2**64), 2**64)),
        st.integers(0, MOST),
    ),
    st.lists(VALUES, min_size=6, max_size=6),
)


@given(data=st.data(), scales=st.lists(SCALES, min_size=1, max_size=4), cut=st.booleans())
def test_parity_of_to_nanoseconds(
    compiled: ModuleType, data: st.DataObject, scales: list[list[int]], cut: bool
) -> None:
    columns = data.draw(packet_rows(64))
    row, rows = data.draw(st.integers(-1, columns.capacity + 1)), data.draw(st.integers(0, columns.capacity + 1))
    values = array("Q", [value for each in scales for value in each])
    agree(compiled, "to_nanoseconds", columns, row, rows, values, cut)
    columns.interface = array("I", bytes(4 * columns.capacity))  # all packets at once
    columns.record_type = array("B", b"\6" * columns.capacity)
    agree(compiled, "to_nanoseconds", columns, row, rows, values, cut)


# ---------------------------------------------------------------- first_out_of_order


@pytest.mark.parametrize(
    ("ticks", "row", "stops"),
    [
        ([], 0, 0),
        ([5], 0, 1),
        ([5, 5, 6, MOST_TICKS], 0, 4),
        ([5, 4], 0, 1),
        ([5, 4], 1, 2),
        ([1, 2, 3, 2, 1], 0, 3),
        ([1, 2, 3, 2, 1], 3, 4),
        ([2**63, 2**63 - 1], 0, 1),
        ([MOST_TICKS, 0], 0, 1),
    ],
)
def test_first_out_of_order(kernels: ModuleType, ticks: list[int], row: int, stops: int) -> None:
    assert kernels.first_out_of_order(with_rows(len(ticks), ticks=ticks), row, len(ticks)) == stops


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(-1, 9), st.integers(0, 9))
def test_parity_of_first_out_of_order(compiled: ModuleType, ticks: list[int], row: int, rows: int) -> None:
    agree(compiled, "first_out_of_order", with_rows(len(ticks), ticks=ticks), row, rows)


# ---------------------------------------------------------------- first_too_early

TIMED, TIMELESS = 6, 3  # an Enhanced and a Simple Packet Block


@pytest.mark.parametrize(
    ("ticks", "row", "latest", "slack", "found"),
    [
        ([], 0, 7, 0, (0, 7)),
        ([5, 5, 6, MOST_TICKS], 0, 0, 0, (4, MOST_TICKS)),
        ([5, 4], 0, 0, 0, (1, 5)),
        ([5, 4], 0, 0, 1, (2, 5)),
        ([5, 4, 3], 0, 0, 1, (2, 5)),
        ([5, 4, 3], 1, 0, 1, (3, 4)),
        ([4, 9], 0, 5, 0, (0, 5)),
        ([4, 9], 0, 5, 1, (2, 9)),
        ([MOST_TICKS, 0], 0, 0, MOST_TICKS, (2, MOST_TICKS)),
        ([MOST_TICKS, 0], 0, 0, MOST_TICKS - 1, (1, MOST_TICKS)),
        ([0], 0, MOST_TICKS, MOST_TICKS - 1, (0, MOST_TICKS)),
    ],
)
def test_first_too_early(
    kernels: ModuleType, ticks: list[int], row: int, latest: int, slack: int, found: tuple[int, int]
) -> None:
    columns = with_rows(len(ticks), ticks=ticks, record_type=[TIMED] * len(ticks))
    assert kernels.first_too_early(columns, row, len(ticks), latest, slack) == found


def test_first_too_early_passes_over_packets_without_a_time(kernels: ModuleType) -> None:
    columns = with_rows(4, ticks=[5, 0, 99, 5], record_type=[TIMED, TIMELESS, TIMELESS, TIMED])
    assert kernels.first_too_early(columns, 0, 4, 0, 0) == (4, 5)


@pytest.mark.parametrize(("row", "rows"), [(-1, 1), (2, 1), (0, 2)])
def test_first_too_early_refuses_rows_that_are_not_there(kernels: ModuleType, row: int, rows: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        kernels.first_too_early(Columns(1), row, rows, 0, 0)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([TIMED, TIMELESS])), max_size=8),
    *(st.integers(-1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)),
)
def test_parity_of_first_too_early(
    compiled: ModuleType, packets: list[tuple[int, int]], row: int, rows: int, latest: int, slack: int
) -> None:
    ticks, types = [time for time, _ in packets], [record_type for _, record_type in packets]
    columns = with_rows(len(packets), ticks=ticks, record_type=types)
    agree(compiled, "first_too_early", columns, row, rows, latest, slack)


# ---------------------------------------------------------------- first_over_limit


@pytest.mark.parametrize(
    ("lengths", "interfaces", "limits", "row", "stops"),
    [
        ([], [], [], 0, 0),
        ([5], [0], [5], 0, 1),
        ([5], [0], [4], 0, 0),
        ([5, 9, 5], [0, 1, 0], [5, 9], 0, 3),
        ([5, 9, 5], [0, 0, 0], [5, 9], 0, 1),
        ([9, 5, 6], [0, 0, 0], [5], 1, 2),
        ([9, 5, 5], [0, 0, 0], [5], 3, 3),
        ([MOST, MOST], [0, 1], [2**32, MOST - 1], 0, 1),
        ([6, 0], [0, MOST], [5], 0, 0),  # of an interface that is not there, but behind
    ],
)
def test_first_over_limit(
    kernels: ModuleType, lengths: list[int], interfaces: list[int], limits: list[int], row: int, stops: int
) -> None:
    columns = with_rows(len(lengths), captured_length=lengths, interface=interfaces)
    assert kernels.first_over_limit(columns, row, len(lengths), array("Q", limits)) == stops


def test_first_over_limit_refuses_an_interface_outside_the_table(kernels: ModuleType) -> None:
    for limits in ([], [9]):
        with pytest.raises(ValueError, match=f"row {len(limits)} names an interface that is not there"):
            kernels.first_over_limit(with_rows(2, interface=[0, 1]), 0, 2, array("Q", limits))


@given(data=st.data(), limits=st.lists(st.integers(0, 5), max_size=3), row=st.integers(-1, 9), rows=st.integers(0, 9))
def test_parity_of_first_over_limit(
    compiled: ModuleType, data: st.DataObject, limits: list[int], row: int, rows: int
) -> None:
    numbers = st.lists(st.integers(0, 3), min_size=8, max_size=8)
    columns = with_rows(8, captured_length=data.draw(numbers), interface=data.draw(numbers))
    agree(compiled, "first_over_limit", columns, row, rows, array("Q", limits))


# ---------------------------------------------------------------- same_data

A, B = b"..one.two.three", b"onetwothree"


def at(*places: tuple[int, int]) -> Columns:
    return with_rows(len(places), data_at=[each[0] for each in places], captured_length=[each[1] for each in places])


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (((2, 3), (6, 3), (10, 5)), ((0, 3), (3, 3), (6, 5)), 3),
        (((2, 3), (6, 3), (10, 5)), ((0, 3), (3, 3), (6, 4)), 2),
        (((2, 3), (5, 3), (10, 5)), ((0, 3), (3, 3), (6, 5)), 1),
        (((6, 3), (6, 3), (10, 5)), ((0, 3), (3, 3), (6, 5)), 0),
        (((15, 0), (0, 0), (2, 1)), ((0, 0), (11, 0), (0, 1)), 3),
        ((), (), 0),
    ],
)
def test_same_data(
    kernels: ModuleType, a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...], same: int
) -> None:
    assert kernels.same_data(A, at(*a), 0, B, at(*b), 0, len(a)) == same


def test_same_data_begins_at_the_given_rows(kernels: ModuleType) -> None:
    a, b = at((0, 1), (2, 3), (6, 3)), at((3, 3), (0, 3), (0, 3), (3, 3))
    assert kernels.same_data(A, a, 1, B, b, 2, 2) == 2
    assert kernels.same_data(A, a, 1, bytearray(B), b, 2, 1) == 1
    assert kernels.same_data(A, a, 1, B, b, 1, 2) == 1
    before = all_columns(a, 3), all_columns(b, 4)
    assert kernels.same_data(A, a, 3, B, b, 4, 0) == 0
    assert (all_columns(a, 3), all_columns(b, 4)) == before


@pytest.mark.parametrize("place", [(-1, 1), (15, 1), (0, 16), (2**63 - 1, 2), (-(2**63), 0), (0, MOST)])
def test_same_data_refuses_packets_outside_their_buffer(kernels: ModuleType, place: tuple[int, int]) -> None:
    outside, inside = at((2, 3), place), at((0, 3), (0, 0))
    for first, second in (((A, outside), (B, inside)), ((B, inside), (A, outside))):
        with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
            kernels.same_data(*first, 0, *second, 0, 2)


@pytest.mark.parametrize("rows", [(-1, 0, 1), (0, -1, 1), (0, 0, -1)])
def test_same_data_refuses_rows_before_the_first(kernels: ModuleType, rows: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a row that is not there"):
        kernels.same_data(A, Columns(1), rows[0], B, Columns(1), rows[1], rows[2])


@given(data=st.data(), a=packet_rows(8), b=packet_rows(8))
def test_parity_of_same_data(compiled: ModuleType, data: st.DataObject, a: Columns, b: Columns) -> None:
    buffers = st.binary(min_size=6, max_size=8).map(lambda some: bytes(byte & 1 for byte in some))
    starts = [data.draw(st.integers(0, each.capacity)) for each in (a, b)]
    rows = data.draw(st.integers(0, 1 + min(a.capacity - starts[0], b.capacity - starts[1])))
    agree(compiled, "same_data", data.draw(buffers), a, starts[0], data.draw(buffers), b, starts[1], rows)


# ---------------------------------------------------------------- argsort


@pytest.mark.parametrize(
    ("keys", "places"),
    [
        ([], []),
        ([7], [0]),
        ([2, 1], [1, 0]),
        ([1, 1, 0, 1, 0], [2, 4, 0, 1, 3]),
        ([MOST_TICKS, 2**63, 2**63 - 1, 0], [3, 2, 1, 0]),
    ],
)
def test_argsort(kernels: ModuleType, keys: list[int], places: list[int]) -> None:
    assert kernels.argsort(array("Q", keys)) == array("q", places)


@pytest.mark.parametrize("count", [15, 16, 17, 31, 32, 33, 64, 65, 1000, 4097])
@pytest.mark.parametrize("distinct", [1, 2, 7, 5000])
def test_argsort_of_many_is_stable(kernels: ModuleType, count: int, distinct: int) -> None:
    keys = array("Q", [number * 7919 % 10007 % distinct for number in range(count)])
    before = keys[:]
    assert list(kernels.argsort(keys)) == sorted(range(count), key=lambda place: keys[place])
    assert keys == before


def test_argsort_refuses_other_numbers(kernels: ModuleType) -> None:
    with pytest.raises(ValueError, match="a table of fewer than 0 64-bit values"):
        kernels.argsort(array("I", [1]))


@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, MOST_TICKS)), max_size=100))
def test_parity_of_argsort(compiled: ModuleType, keys: list[int]) -> None:
    agree(compiled, "argsort", array("Q", keys))
