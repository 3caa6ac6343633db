"""The kernels that make packets and their times in nanoseconds: `PacketRows`, `PacketLoop` and `exact_times`."""

import gc
import sys
from array import array
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import MOST, MOST_TICKS, agree, packet_rows, with_rows

from pcapconv.kernels import interpreted
from pcapconv.model import Columns
from pcapconv.timestamps import kernel_scale, nanosecond_scale

BUFFER = bytes(range(64))
MICRO = nanosecond_scale(10**6, 0)
UNKNOWN = (0, 0, 0, 0, 0)
SCALES = [MICRO, nanosecond_scale(10**9, -5), nanosecond_scale(2**33, 7), UNKNOWN, nanosecond_scale(10**127, 2**62)]


class Row(tuple[Any, ...]):
    """A packet."""

    __slots__ = ()


class Undated(Row):
    """A packet of an interface whose times are unknown."""

    __slots__ = ()


def describe(number: int) -> tuple[type, object, tuple[int, int, int, int, int]]:
    """Interfaces 0 to 4 with the scales above, and from 64 on the same again; those between are not there."""
    scale = SCALES[number % 64]
    return Undated if scale == UNKNOWN else Row, f"interface {number}", scale


def rows_of(kernels: ModuleType, columns: Columns, rows: int, **rest: Any) -> Any:
    return kernels.PacketRows(describe, BUFFER, columns, rows, "section", rest.pop("first_number", 1), **rest)


def three_packets() -> Columns:
    return with_rows(
        3,
        data_at=[2, 0, 60],
        captured_length=[3, 0, 4],
        original_length=[3, 9, MOST],
        ticks=[5, 0, 7],
        interface=[0, 0, 65],
        record_type=[6, 3, 6],
        options_at=[0, -1, 8],
        options_length=[0, 0, 4],
    )


def test_the_items_of_packets(kernels: ModuleType) -> None:
    assert list(rows_of(kernels, three_packets(), 3, first_number=9)) == [
        (9, b"\2\3\4", 3, 5, "interface 0", b"", "section", 5000, 3),
        (10, b"", 9, None, "interface 0", b"", "section", None, 0),
        (11, b"<=>?", MOST, 7, "interface 65", b"\x08\x09\x0a\x0b", "section", 7 - 5 * 10**9, 4),
    ]


def test_types_are_those_of_the_interfaces(kernels: ModuleType) -> None:
    columns = with_rows(3, interface=[0, 3, 67], record_type=[6, 6, 3], ticks=[1, 1, 1])
    found = list(rows_of(kernels, columns, 3))
    assert [type(packet) for packet in found] == [Row, Undated, Undated]
    assert [(packet[3], packet[7]) for packet in found] == [(1, 1000), (1, None), (None, None)]


def test_numbers_are_given_or_count(kernels: ModuleType) -> None:
    columns = with_rows(3)
    most = 2**64 - 3
    assert [packet[0] for packet in rows_of(kernels, columns, 3, numbers=array("Q", [7, most, 2, 9]))] == [7, most, 2]
    assert [packet[0] for packet in rows_of(kernels, columns, 3, first_number=most)] == [most, most + 1, most + 2]
    with pytest.raises(ValueError, match="fewer than 3 numbers"):
        rows_of(kernels, columns, 3, numbers=[1, 2])


def test_one_loop_that_knows_how_many_packets_it_gave(kernels: ModuleType) -> None:
    rows = rows_of(kernels, with_rows(4), 4)
    assert rows.done == 0
    assert [packet[0] for packet, _ in zip(rows, range(2))] == [1, 2]
    assert rows.done in (2, 3)  # zip takes one more from the rows first
    rows.stop()
    assert (rows.done, list(rows), list(rows)) == (4, [], [])


def test_times_of_each_resolution(kernels: ModuleType) -> None:
    """Rounded down, also with a negative offset; beyond 64 bits they are exact, too."""
    columns = with_rows(
        5, interface=[0, 1, 2, 4, 0], ticks=[MOST_TICKS, 3, 2**33 + 1, MOST_TICKS, 2**63], record_type=[6] * 5
    )
    times = [packet[7] for packet in rows_of(kernels, columns, 5)]
    assert times == [MOST_TICKS * 1000, 3 - 5 * 10**9, 8 * 10**9, 2**62 * 10**9, 2**63 * 1000]


@pytest.mark.parametrize(
    "values",
    [
        {"data_at": [61], "captured_length": [4]},
        {"data_at": [-1]},
        {"data_at": [65]},
        {"captured_length": [MOST]},
        {"options_at": [64], "options_length": [1]},
        {"options_at": [-1], "options_length": [1]},
    ],
    ids=str,
)
def test_rows_outside_the_buffer_are_refused(kernels: ModuleType, values: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="a row lies outside its buffer"):
        rows_of(kernels, with_rows(1, **values), 1)


@pytest.mark.parametrize(
    ("packet_type", "scale", "message"),
    [
        (list, MICRO, "packets that are not tuples"),
        (Row, (2**62, 1, 0, 0, 0), "a scale that is too large"),
        (Row, (1, 1, 0, 0, 2**62), "a scale that is too large"),
    ],
)
def test_descriptions_are_checked(kernels: ModuleType, packet_type: type, scale: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(kernels.PacketRows(lambda _: (packet_type, "", scale), BUFFER, with_rows(1), 1, "", 1))


def test_an_interface_is_described_when_a_row_needs_it(kernels: ModuleType) -> None:
    asked: list[int] = []

    def asked_for(number: int) -> tuple[type, object, tuple[int, int, int, int, int]]:
        asked.append(number)
        return Row, "", MICRO

    columns = with_rows(5, interface=[8, 8, 5, 8, 5])
    assert len(list(kernels.PacketRows(asked_for, BUFFER, columns, 5, "", 1))) == 5
    assert sorted(asked) == [5, 8]


def test_errors_of_descriptions_are_passed_on(kernels: ModuleType) -> None:
    with pytest.raises(IndexError):
        list(rows_of(kernels, with_rows(1, interface=[30]), 1))


def test_a_buffer_can_grow_again_after_the_last_packet(kernels: ModuleType) -> None:
    buffer = bytearray(BUFFER)
    done, stopped = (kernels.PacketRows(describe, buffer, with_rows(2), 2, "", 1) for _ in range(2))
    list(done)
    stopped.stop()
    buffer.append(1)


def test_a_loop_gives_the_packets_of_all_rows(kernels: ModuleType) -> None:
    batches = [rows_of(kernels, with_rows(rows), rows) for rows in (2, 0, 3)]
    rows = iter([*batches, None, None, None])
    loop = kernels.PacketLoop(lambda: next(rows))
    assert [next(iter(loop))[0], next(iter(loop))[0]] == [1, 2]
    assert batches[0].done == 2
    assert next(iter(loop))[0] == 1
    batches[2].stop()
    assert list(loop) == list(loop) == []


def test_a_loop_passes_errors_on(kernels: ModuleType) -> None:
    def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(kernels.PacketLoop(fail))


def test_packets_are_released(kernels: ModuleType) -> None:
    """Each object that a packet holds is held once for each packet."""
    section = object()
    before = sys.getrefcount(section)
    rows = kernels.PacketRows(describe, BUFFER, three_packets(), 3, section, 1)
    packets = list(rows)
    del packets, rows
    gc.collect()
    assert sys.getrefcount(section) == before


def test_times_as_a_column(kernels: ModuleType) -> None:
    columns = with_rows(3, interface=[0, 0, 2], ticks=[5, 9, 2**33 + 1], record_type=[6, 3, 0])
    times = array("q", [-1] * 4)
    assert kernels.exact_times(describe, columns, 3, times) == 3
    assert list(times) == [5000, 0, 8 * 10**9, -1]


@pytest.mark.parametrize(("ticks", "interface"), [(2**63 // 1000 + 1, 0), (1, 3), (MOST_TICKS, 4)])
def test_a_column_of_times_ends_before_what_it_cannot_hold(kernels: ModuleType, ticks: int, interface: int) -> None:
    columns = with_rows(3, interface=[0, interface, 0], ticks=[1, ticks, 1], record_type=[6] * 3)
    times = array("q", bytes(24))
    assert kernels.exact_times(describe, columns, 3, times) == 1
    assert times[0] == 1000


def test_the_extremes_of_a_column_of_times(kernels: ModuleType) -> None:
    scales = [kernel_scale(1, 1, -(2**63)), kernel_scale(1, 1, -1)]
    columns = with_rows(2, interface=[0, 1], ticks=[0, 2**63], record_type=[6] * 2)
    times = array("q", bytes(16))
    assert kernels.exact_times(lambda number: (Row, "", scales[number]), columns, 2, times) == 2
    assert list(times) == [-(2**63), 2**63 - 1]
    for short in (array("q", bytes(8)), array("Q", bytes(16))):
        with pytest.raises(ValueError, match="fewer than 2 signed values"):
            kernels.exact_times(describe, columns, 2, short)


def made(kernels: ModuleType, columns: Columns, numbers: list[int] | None) -> Any:
    """What a form makes of the columns: packets and their types, or the error; and the same of the times."""
    times = array("q", bytes(8 * columns.capacity))
    results: list[Any] = []
    try:
        packets = list(rows_of(kernels, columns, columns.capacity, numbers=numbers))
        results.append([(type(packet), *packet) for packet in packets])
    except (ValueError, IndexError) as error:
        results.append(type(error))
    try:
        results.append((kernels.exact_times(describe, columns, columns.capacity, times), times))
    except IndexError as error:
        results.append(type(error))
    return results


@given(packet_rows(len(BUFFER), most=6), st.lists(st.integers(0, MOST_TICKS), min_size=6, max_size=6) | st.none())
def test_both_forms_make_the_same_packets(compiled: ModuleType, columns: Columns, numbers: list[int] | None) -> None:
    one, other = made(compiled, columns, numbers), made(interpreted, columns, numbers)
    assert one[0] == other[0]
    if isinstance(one[1], tuple) and isinstance(other[1], tuple):
        assert one[1][0] == other[1][0]
        assert one[1][1][: one[1][0]] == other[1][1][: one[1][0]]


def test_offsets_are_moved(kernels: ModuleType) -> None:
    """Modulo 2^64: a packet without options may have any offset of options."""
    columns = with_rows(3, record_at=[10, 20, 30], data_at=[26, 36, 46], options_at=[-(2**63), 0, 2**63 - 1])
    kernels.move_offsets(columns, 2, -10)
    assert list(columns.record_at) == [0, 10, 30]
    assert list(columns.data_at) == [16, 26, 46]
    assert list(columns.options_at) == [2**63 - 10, -10, 2**63 - 1]


@given(packet_rows(len(BUFFER), most=6), st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70))
def test_both_forms_move_the_same(compiled: ModuleType, columns: Columns, distance: int) -> None:
    agree(compiled, "move_offsets", columns, columns.capacity, distance)


def test_kept_packets_do_not_slow_the_garbage_collector(compiled: ModuleType) -> None:
    """No packet can be part of a circle; the collector need not look at millions of them."""
    assert [gc.is_tracked(packet) for packet in rows_of(compiled, three_packets(), 3)] == [False, False, False]
    assert [gc.is_tracked(packet) for packet in rows_of(compiled, with_rows(1, interface=[3]), 1)] == [False]


def named(kernels: ModuleType) -> type[tuple[Any, ...]]:
    """A type of tuples with the fields `first` and `second`."""
    kind = type("Named", (Row,), {"__slots__": ()})
    for name, field in zip(("first", "second"), kernels.tuple_fields(kind, ("first", "second"))):
        setattr(kind, name, field)
    return kind


def test_fields_are_items(kernels: ModuleType) -> None:
    kind = named(kernels)
    pair: Any = kind((b"a", None, 5))
    assert [(pair.first, pair.second) for _ in range(100)] == [(b"a", None)] * 100
    for name in ("first", "third"):
        with pytest.raises(AttributeError):
            setattr(pair, name, 1)
    with pytest.raises(AttributeError):
        del pair.first
    with pytest.raises(TypeError):
        kind.__dict__["first"].__get__([1, 2])
    assert kernels.tuple_fields(kind, ()) == []
    with pytest.raises(ValueError, match="fields of a type that is not a tuple"):
        kernels.tuple_fields(list, ("first",))


def test_fields_keep_nothing_alive(kernels: ModuleType) -> None:
    kind: Any = named(kernels)
    item = object()
    before = sys.getrefcount(item)
    for _ in range(100):
        assert kind((item, item)).first is item
    assert sys.getrefcount(item) == before


def test_an_empty_item_is_an_empty_list(kernels: ModuleType) -> None:
    get = kernels.list_of_item(1, lambda items: [items[1], len(items)])
    first, second = get((5, b"")), get(Row((5, b"", 6)))
    assert first == second == []
    assert first is not second
    assert get((5, b"ab", 7)) == [b"ab", 3]
    for other in ((5,), [5, b""], None):
        with pytest.raises(ValueError, match="no tuple with an item 1"):
            get(other)
    with pytest.raises(ZeroDivisionError):
        kernels.list_of_item(0, lambda _: 1 // 0)((1,))


def test_lengths_and_times_that_are_equal_are_one_object(kernels: ModuleType) -> None:
    """It saves time. In the interpreted kernels it would cost time."""
    columns = with_rows(
        2, original_length=[3000, 4000], captured_length=[3000] * 2, ticks=[10**15] * 2, data_at=[0] * 2
    )
    kind = lambda _: (Row, "interface", nanosecond_scale(10**9, 0))  # noqa: E731
    rows = kernels.PacketRows(kind, bytes(3000), columns, 2, "section", 1)
    assert [(row[2], row[3], row[7], row[8]) for row in rows] == [
        (3000, 10**15, 10**15, 3000),
        (4000, 10**15, 10**15, 3000),
    ]
