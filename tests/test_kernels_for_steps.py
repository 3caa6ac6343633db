"""The kernels that steps and their writers need: facts about each, the compiled form against the interpreted one, and
the interpreted encoders' two ways to do the same."""

from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    MOST,
    MOST_TICKS,
    TICKS,
    WORDS,
    agree,
    all_columns,
    counts,
    is_big,
    packet_rows,
    run,
    scale,
    scale_tables,
    unlike_rows,
    with_rows,
)
from wire import LITTLE, In

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import BEFORE_1970, FULL, MORE, RANGE, SCALE, SHIFT, TOO_LATE
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, ticks_per_second

FILL = b"\xaa"
LAST_PLACE = 2**63 - 1
BUFFER = bytes(range(64))


def table(*values: int) -> "array[int]":
    return array("Q", values)


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


# ---------------------------------------------------------------- facts: cut_packets


@pytest.mark.parametrize(
    ("captured", "front", "end", "snaplen", "off", "left"),
    [
        (10, 0, 0, 9, 0, 9),
        (10, 0, 0, 0, 0, 0),
        (10, 1, 0, MOST, 1, 9),
        (10, 0, 1, MOST, 0, 9),
        (10, 4, 6, MOST, 4, 0),
        (10, 4, 7, MOST, 4, 0),
        (10, 4, 5, MOST, 4, 1),
        (10, 4, 5, 0, 4, 0),
        (10, 3, 2, 5, 3, 5),
        (10, 3, 2, 4, 3, 4),
        (10, 10, 0, MOST, 10, 0),
        (10, 11, 0, MOST, 10, 0),
        (10, MOST, MOST, MOST, 10, 0),
        (10, 0, MOST, MOST, 0, 0),
        (MOST, 1, 0, MOST, 1, MOST - 1),
        (MOST, 0, 1, MOST, 0, MOST - 1),
        (MOST, 0, 0, MOST - 1, 0, MOST - 1),
        (MOST, MOST, 0, 0, MOST, 0),
        (MOST, 1, MOST, MOST, 1, 0),
        (MOST, MOST - 1, 1, MOST, MOST - 1, 0),
        (MOST, 2**31, 2**31 - 2, MOST, 2**31, 1),
    ],
)
@pytest.mark.parametrize("place", [-(2**63), -1, 0, LAST_PLACE - MOST])
def test_cut_packets_takes_bytes_off(
    kernels: ModuleType, captured: int, front: int, end: int, snaplen: int, off: int, left: int, place: int
) -> None:
    columns = with_rows(1, data_at=[place], captured_length=[captured], record_length=[99])
    assert kernels.cut_packets(columns, 1, front, end, snaplen) == 1
    assert (columns.data_at[0], columns.captured_length[0], columns.record_length[0]) == (place + off, left, 0)


@pytest.mark.parametrize(
    ("captured", "front", "end", "snaplen"),
    [(0, 0, 0, 0), (0, 5, 5, 0), (0, MOST, MOST, MOST), (10, 0, 0, 10), (10, 0, 0, MOST), (MOST, 0, 0, MOST)],
)
def test_cut_packets_leaves_what_is_short_enough(
    kernels: ModuleType, captured: int, front: int, end: int, snaplen: int
) -> None:
    columns = unlike_rows(1)
    columns.captured_length[0], columns.record_length[0], columns.data_at[0] = captured, 99, LAST_PLACE
    before = all_columns(columns, 1)
    assert kernels.cut_packets(columns, 1, front, end, snaplen) == 0
    assert all_columns(columns, 1) == before


def test_cut_packets_changes_nothing_else(kernels: ModuleType) -> None:
    columns = unlike_rows(5)
    columns.data_at = array("q", [1, 2, 3, 4, 5])
    columns.captured_length = array("I", [4, 3, 2, 0, 9])
    before = all_columns(columns, 5)
    assert kernels.cut_packets(columns, 4, 1, 1, 1) == 3
    changed = {
        "data_at": [2, 3, 4, 4, 5],
        "captured_length": [1, 1, 0, 0, 9],
        "record_length": [0, 0, 0, *before["record_length"][3:]],
    }
    assert all_columns(columns, 5) == before | changed


def test_cut_packets_counts_a_row_that_had_no_record(kernels: ModuleType) -> None:
    assert kernels.cut_packets(with_rows(1, captured_length=[2]), 1, 0, 0, 1) == 1


def test_cut_packets_of_no_rows(kernels: ModuleType) -> None:
    assert kernels.cut_packets(Columns(0), 0, MOST, MOST, 0) == 0
    assert kernels.cut_packets(with_rows(1, captured_length=[2]), 0, MOST, MOST, 0) == 0


def test_cut_packets_refuses_a_place_behind_the_last_there_is(kernels: ModuleType) -> None:
    columns = with_rows(3, data_at=[LAST_PLACE - 2, LAST_PLACE - 1, 0], captured_length=[5] * 3, record_length=[9] * 3)
    with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
        kernels.cut_packets(columns, 3, 2, 0, MOST)
    assert list(columns.data_at) == [LAST_PLACE, LAST_PLACE - 1, 0]
    assert list(columns.captured_length) == [3, 5, 5]
    assert list(columns.record_length) == [0, 9, 9]


# ---------------------------------------------------------------- facts: shift_times


@pytest.mark.parametrize(
    ("ticks", "delta", "down", "shifted"),
    [
        (0, 0, 0, 0),
        (0, 0, 1, 0),
        (0, 1, 0, 1),
        (1, 1, 1, 0),
        (MOST, 1, 0, MOST + 1),
        (MOST + 1, 1, 1, MOST),
        (2**63 - 1, 1, 0, 2**63),
        (2**63, 2**63 - 1, 0, MOST_TICKS),
        (2**63, 2**63, 1, 0),
        (2**63 + 1, 2**63, MOST_TICKS, 1),
        (0, MOST_TICKS, 0, MOST_TICKS),
        (MOST_TICKS, MOST_TICKS, 1, 0),
        (MOST_TICKS, 0, 0, MOST_TICKS),
    ],
)
@pytest.mark.parametrize("record_type", [0, 2, 6, 255])
def test_shift_times_adds_or_takes_away(
    kernels: ModuleType, ticks: int, delta: int, down: int, shifted: int, record_type: int
) -> None:
    columns = with_rows(1, ticks=[ticks], record_type=[record_type], record_length=[9])
    assert kernels.shift_times(columns, 1, table(delta, down)) == 1
    assert (columns.ticks[0], columns.record_length[0]) == (shifted, 0)


@pytest.mark.parametrize(
    ("ticks", "delta", "down"),
    [
        (0, 1, 1),
        (MOST_TICKS, 1, 0),
        (2**63, 2**63, 0),
        (2**63 - 1, 2**63, 1),
        (1, MOST_TICKS, 0),
        (MOST_TICKS - 1, MOST_TICKS, 1),
    ],
)
def test_shift_times_stops_where_ticks_would_leave_64_bits(
    kernels: ModuleType, ticks: int, delta: int, down: int
) -> None:
    columns = with_rows(4, ticks=[5, 5, ticks, 5], interface=[0, 0, 1, 0], record_length=[9] * 4)
    assert kernels.shift_times(columns, 4, table(2, 1, delta, down)) == 2
    assert list(columns.ticks) == [3, 3, ticks, 5]
    assert list(columns.record_length) == [0, 0, 9, 9]


def test_shift_times_leaves_packets_without_a_time(kernels: ModuleType) -> None:
    columns = with_rows(2, ticks=[5, MOST_TICKS], record_type=[3, 3], record_length=[9, 9])
    assert kernels.shift_times(columns, 2, table(MOST_TICKS, 0)) == 2
    assert list(columns.ticks) == [5, MOST_TICKS]
    assert list(columns.record_length) == [9, 9]


def test_shift_times_changes_nothing_else(kernels: ModuleType) -> None:
    columns = unlike_rows(5)
    columns.record_type = array("B", [6, 2, 0, 6, 6])
    columns.interface = array("I", [0, 1, 2, 0, MOST])
    columns.ticks = array("Q", [50] * 5)
    before = all_columns(columns, 5)
    assert kernels.shift_times(columns, 4, table(1, 0, 2, 1, 0, 0)) == 4
    changed = {"ticks": [51, 48, 50, 51, 50], "record_length": [0, 0, 0, 0, before["record_length"][4]]}
    assert all_columns(columns, 5) == before | changed


def test_shift_times_of_no_rows(kernels: ModuleType) -> None:
    assert kernels.shift_times(Columns(0), 0, table()) == 0
    assert kernels.shift_times(Columns(1), 0, table()) == 0


@pytest.mark.parametrize(("interface", "entries"), [(0, ()), (0, (1,)), (1, (1, 0)), (1, (1, 0, 1)), (MOST, (1, 0))])
@pytest.mark.parametrize("record_type", [3, 6])
def test_shift_times_refuses_an_interface_outside_the_table(
    kernels: ModuleType, interface: int, entries: tuple[int, ...], record_type: int
) -> None:
    columns = with_rows(1, interface=[interface], record_type=[record_type], ticks=[5], record_length=[9])
    with pytest.raises(ValueError, match="row 0 names an interface that is not there"):
        kernels.shift_times(columns, 1, table(*entries))
    assert (columns.ticks[0], columns.record_length[0]) == (5, 9)


def test_shift_times_has_shifted_the_rows_before_the_one_it_refuses(kernels: ModuleType) -> None:
    columns = with_rows(3, interface=[0, 1, 0], ticks=[5, 5, 5], record_length=[9, 9, 9])
    with pytest.raises(ValueError, match="row 1 names an interface that is not there"):
        kernels.shift_times(columns, 3, table(1, 0))
    assert list(columns.ticks) == [6, 5, 5]
    assert list(columns.record_length) == [0, 9, 9]


# ---------------------------------------------------------------- facts: copy_records


def test_copy_records_copies_until_the_output_is_full(kernels: ModuleType) -> None:
    columns = with_rows(4, record_at=[60, 64, 3, 3], record_length=[4, 0, 5, 1])
    pieces = [BUFFER[60:64], b"", BUFFER[3:8], BUFFER[3:4]]
    for room in range(13):
        rows = next((row for row in range(4) if sum(map(len, pieces[: row + 1])) > room), 4)
        copied = b"".join(pieces[:rows])
        out = bytearray(FILL * (room + 2))
        done = kernels.copy_records(BUFFER, columns, 0, 4, out, 2)
        assert done == (rows, 2 + len(copied), MORE if rows == 4 else FULL)
        assert out == (FILL * 2 + copied).ljust(room + 2, FILL)


def test_copy_records_begins_and_ends_where_it_is_told(kernels: ModuleType) -> None:
    columns = with_rows(4, record_at=[-1, 1, 2, -1], record_length=[1] * 4)
    out = bytearray(FILL * 4)
    assert kernels.copy_records(BUFFER, columns, 1, 3, out, 1) == (3, 3, MORE)
    assert out == FILL + b"\1\2" + FILL


@pytest.mark.parametrize(("row", "rows"), [(0, 0), (1, 1), (1, 0), (2, 1), (2**62, 2)])
def test_copy_records_of_no_rows(kernels: ModuleType, row: int, rows: int) -> None:
    columns = with_rows(2, record_at=[-1, -1])
    assert kernels.copy_records(b"", columns, row, rows, bytearray(), 0) == (row, 0, MORE)
    assert kernels.copy_records(b"", columns, row, rows, bytearray(3), 3) == (row, 3, MORE)


OUTSIDE = [(-1, 0), (-1, 1), (-(2**63), MOST), (65, 0), (64, 1), (63, 2), (0, 65), (0, MOST), (LAST_PLACE, MOST)]


@pytest.mark.parametrize(("place", "length"), OUTSIDE)
def test_copy_records_refuses_records_outside_the_buffer(kernels: ModuleType, place: int, length: int) -> None:
    columns = with_rows(2, record_at=[0, place], record_length=[2, length])
    for room in (3, 2):  # also where there is no room for it
        out = bytearray(FILL * room)
        with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
            kernels.copy_records(BUFFER, columns, 0, 2, out, 0)
        assert out == b"\0\1".ljust(room, FILL)


@pytest.mark.parametrize(("row", "at"), [(-1, 0), (0, -1), (0, 5), (0, 2**62)])
def test_copy_refuses_a_range_outside_the_output(kernels: ModuleType, row: int, at: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.copy_records(b"", Columns(1), row, 1, bytearray(4), at)
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.encode_pcapng(b"", Columns(1), row, 1, bytearray(4), at, False, True)


# ---------------------------------------------------------------- facts: encode_pcapng


@pytest.mark.parametrize("size", range(9))
def test_encode_pcapng_writes_simple_packets(kernels: ModuleType, write: In, size: int) -> None:
    columns = with_rows(
        1,
        record_type=[3],
        data_at=[7],
        captured_length=[size],
        original_length=[MOST],
        ticks=[MOST_TICKS],
        interface=[MOST],
        options_at=[-1],
        options_length=[MOST],
    )
    expected = write.simple_packet(BUFFER[7 : 7 + size], original_length=MOST)
    for room in range(len(expected) + 2):
        out = bytearray(FILL * (room + 1))
        done = kernels.encode_pcapng(BUFFER, columns, 0, 1, out, 1, is_big(write), False)
        fits = room >= len(expected)
        assert done == ((1, 1 + len(expected), MORE) if fits else (0, 1, FULL))
        assert out == (FILL + expected * fits).ljust(room + 1, FILL)


@pytest.mark.parametrize(("place", "length"), OUTSIDE)
def test_encode_pcapng_refuses_simple_packets_outside_the_buffer(kernels: ModuleType, place: int, length: int) -> None:
    columns = with_rows(1, record_type=[3], data_at=[place], captured_length=[length])
    out = bytearray(FILL * 99)
    with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
        kernels.encode_pcapng(BUFFER, columns, 0, 1, out, 0, False, False)
    assert out == FILL * 99


def blocks(write: In) -> tuple[bytes, list[bytes]]:
    """Sound packet blocks of each type, joined and as a list."""
    comment = write.options((wire.OPT_COMMENT, b"hi"))
    listed = [
        write.enhanced_packet(1, 2**63 + 5, b"abcde", original_length=60, options=comment),
        write.simple_packet(b"simple", original_length=6),
        write.obsolete_packet(2, 7, b"abcd", drops_count=3, options=comment),
        write.enhanced_packet(0, MOST_TICKS, b""),
    ]
    return b"".join(listed), listed


def indexed(capture: bytes, big: bool) -> Columns:
    columns = Columns(9)
    rows, _, _ = interpreted.index_pcapng(capture, 0, len(capture), columns, big, 3, 0)
    return columns.copy(0, rows)


def test_encode_pcapng_copies_rows_that_have_their_record(kernels: ModuleType, write: In) -> None:
    capture, _ = blocks(write)
    columns = indexed(capture, is_big(write))
    out = bytearray(FILL * (len(capture) + 2))
    done = kernels.encode_pcapng(capture, columns, 0, 4, out, 1, is_big(write), True)
    assert done == (4, 1 + len(capture), MORE)
    assert out == FILL + capture + FILL


def test_encode_pcapng_builds_rows_that_have_no_record(kernels: ModuleType, write: In) -> None:
    capture, listed = blocks(write)
    columns = indexed(capture, is_big(write))
    columns.record_length = array("I", [0, 0, 0, len(listed[3])])
    columns.ticks[0] = 9
    columns.captured_length[1] = 3
    comment = write.options((wire.OPT_COMMENT, b"hi"))
    expected = [
        write.enhanced_packet(1, 9, b"abcde", original_length=60, options=comment),
        write.simple_packet(b"sim", original_length=6),
        write.enhanced_packet(2, 7, b"abcd", options=comment),
        listed[3],
    ]
    everything = b"".join(expected)
    for room in range(len(everything) + 2):
        rows = next((row for row in range(4) if len(b"".join(expected[: row + 1])) > room), 4)
        out = bytearray(FILL * room)
        done = kernels.encode_pcapng(capture, columns, 0, 4, out, 0, is_big(write), True)
        written = b"".join(expected[:rows])
        assert done == (rows, len(written), MORE if rows == 4 else FULL)
        assert out == written.ljust(room, FILL)


def test_encode_pcapng_without_copy_builds_each_row(kernels: ModuleType, write: In) -> None:
    capture, listed = blocks(write)
    columns = indexed(capture, is_big(write))
    rebuilt = write.enhanced_packet(2, 7, b"abcd", options=write.options((wire.OPT_COMMENT, b"hi")))
    out = bytearray(len(capture))
    done = kernels.encode_pcapng(capture, columns, 0, 4, out, 0, is_big(write), False)
    assert done == (4, len(capture), MORE)
    assert out == listed[0] + listed[1] + rebuilt + listed[3]


def test_encode_pcapng_copies_a_record_whatever_its_fields_say(kernels: ModuleType) -> None:
    columns = with_rows(
        1,
        record_at=[61],
        record_length=[3],
        record_type=[6],
        data_at=[-1],
        captured_length=[MOST],
        options_at=[-1],
        options_length=[3],
    )
    out = bytearray(3)
    assert kernels.encode_pcapng(BUFFER, columns, 0, 1, out, 0, False, True) == (1, 3, MORE)
    assert out == BUFFER[61:]


@pytest.mark.parametrize(("place", "length"), [(place, length) for place, length in OUTSIDE if length])
@pytest.mark.parametrize("record_type", [0, 2, 3, 6])
def test_encode_pcapng_refuses_records_outside_the_buffer(
    kernels: ModuleType, place: int, length: int, record_type: int
) -> None:
    columns = with_rows(2, record_at=[0, place], record_length=[2, length], record_type=[record_type] * 2)
    out = bytearray(FILL * 3)
    with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
        kernels.encode_pcapng(BUFFER, columns, 0, 2, out, 0, False, True)
    assert out == b"\0\1" + FILL


def test_encode_pcapng_does_not_look_at_a_record_that_is_no_more(kernels: ModuleType, write: In) -> None:
    columns = with_rows(1, record_at=[-(2**63)], record_type=[6], captured_length=[2])
    out = bytearray(36)
    assert kernels.encode_pcapng(BUFFER, columns, 0, 1, out, 0, is_big(write), True) == (1, 36, MORE)
    assert out == write.enhanced_packet(0, 0, b"\0\1", original_length=0)


# ---------------------------------------------------------------- facts: renumber


@pytest.mark.parametrize(("old", "new"), [(1, 0), (0, 0x01020304), (2, 2**32 - 1), (1, 0x0102)])
def test_renumber_changes_the_id_in_an_enhanced_packet_block(
    kernels: ModuleType, write: In, old: int, new: int
) -> None:
    before, block, after = (write.enhanced_packet(number, MOST_TICKS, b"data") for number in (7, old, 9))
    buffer = bytearray(before + block + after)
    columns = with_rows(
        1, record_at=[len(before)], record_length=[len(block)], record_type=[6], interface=[old], ticks=[5]
    )
    ids = table(*[77] * old, new, 77)
    kernels.renumber(buffer, columns, 1, ids, is_big(write))
    assert buffer == before + write.enhanced_packet(new, MOST_TICKS, b"data") + after
    assert (list(columns.interface), list(columns.ticks), list(columns.record_length)) == ([new], [5], [len(block)])
    assert list(ids) == [*[77] * old, new, 77]


@pytest.mark.parametrize("new", [0, 0x0102, 0xFFFF])
def test_renumber_leaves_the_drop_count_of_an_obsolete_packet_block(kernels: ModuleType, write: In, new: int) -> None:
    buffer = bytearray(write.obsolete_packet(1, 5, b"data", drops_count=0x0304))
    columns = with_rows(1, record_length=[len(buffer)], record_type=[2], interface=[1])
    kernels.renumber(buffer, columns, 1, table(9, new), is_big(write))
    assert buffer == write.obsolete_packet(new, 5, b"data", drops_count=0x0304)
    assert list(columns.interface) == [new]


@pytest.mark.parametrize(("record_type", "length"), [(0, 64), (3, 64), (255, 64), (6, 0), (2, 0)])
def test_renumber_leaves_what_states_no_interface(kernels: ModuleType, record_type: int, length: int) -> None:
    """Pcap records, Simple Packets, and rows that have no record any more, wherever they say that it was."""
    buffer = bytearray(BUFFER)
    columns = with_rows(2, record_at=[-5, 99], record_length=[length] * 2, record_type=[record_type] * 2)
    kernels.renumber(buffer, columns, 2, table(0x00010000), False)
    assert buffer == BUFFER
    assert list(columns.interface) == [0x00010000] * 2


def test_renumber_changes_nothing_else(kernels: ModuleType) -> None:
    columns = unlike_rows(4)
    columns.record_length = array("I", [0] * 4)
    columns.interface = array("I", [2, 0, 1, MOST])
    before = all_columns(columns, 4)
    kernels.renumber(bytearray(), columns, 3, table(5, 6, MOST), False)
    assert all_columns(columns, 4) == before | {"interface": [MOST, 5, 6, MOST]}
    kernels.renumber(bytearray(), Columns(1), 0, table(), False)


@pytest.mark.parametrize(
    ("place", "record_type", "interface", "new", "match"),
    [
        (-1, 6, 0, 0, "row 1 lies outside its buffer"),
        (53, 6, 0, 0, "row 1 lies outside its buffer"),
        (53, 2, 0, 0, "row 1 lies outside its buffer"),
        (LAST_PLACE, 6, 0, 0, "row 1 lies outside its buffer"),
        (0, 6, 1, 0, "row 1 names an interface that is not there"),
        (0, 3, MOST, 0, "row 1 names an interface that is not there"),
        (0, 2, 0, 0x10000, "row 1 has no room for interface 65536"),
        (0, 6, 0, 2**32, "row 1 has no room for interface 4294967296"),
        (0, 0, 0, 2**32, "row 1 has no room for interface 4294967296"),
    ],
)
def test_renumber_has_changed_the_rows_before_the_one_it_refuses(
    kernels: ModuleType, place: int, record_type: int, interface: int, new: int, match: str
) -> None:
    buffer = bytearray(BUFFER)
    columns = with_rows(
        2, record_at=[52, place], record_length=[12, 12], record_type=[2, record_type], interface=[0, interface]
    )
    if new > 0xFFFF:
        columns.record_length[0] = columns.interface[0] = 0
        columns.interface[1], ids = 1, table(0, new)
    else:
        ids = table(new)
    with pytest.raises(ValueError, match=match):
        kernels.renumber(buffer, columns, 2, ids, True)
    assert buffer == (BUFFER if new > 0xFFFF else BUFFER[:60] + bytes(2) + BUFFER[62:])
    assert columns.interface[1] == (1 if new > 0xFFFF else interface)


# ---------------------------------------------------------------- refusals of columns and tables


CALLS: dict[str, Callable[[ModuleType, Columns, int], object]] = {
    "rows_in_ranges": lambda kernels, columns, rows: kernels.rows_in_ranges(
        columns, rows, table(0, 9, 1), bytearray(9)
    ),
    "copy_rows": lambda kernels, columns, rows: kernels.copy_rows(columns, rows, bytearray(9), Columns(2)),
    "cut_packets": lambda kernels, columns, rows: kernels.cut_packets(columns, rows, 1, 1, 1),
    "shift_times": lambda kernels, columns, rows: kernels.shift_times(columns, rows, table(1, 0)),
    "renumber": lambda kernels, columns, rows: kernels.renumber(bytearray(), columns, rows, table(0), False),
    "copy_records": lambda kernels, columns, rows: kernels.copy_records(b"", columns, 0, rows, bytearray(), 0),
    "encode_pcapng": lambda kernels, columns, rows: kernels.encode_pcapng(
        b"", columns, 0, rows, bytearray(99), 0, False, True
    ),
    "encode_pcap": lambda kernels, columns, rows: kernels.encode_pcap(
        b"", columns, 0, rows, bytearray(99), 0, False, scale((6, 0)), counts()
    ),
    "count_packets": lambda kernels, columns, rows: kernels.count_packets(
        columns, rows, table(0, 0, 0, 0, 0), table(*[0] * 256)
    ),
    "count_options": lambda kernels, columns, rows: kernels.count_options(
        b"", columns, rows, False, table(*[0] * 65538)
    ),
    "sum_options": lambda kernels, columns, rows: kernels.sum_options(b"", columns, rows, False, table(0, 0, 0, 0)),
}
USED = {
    "rows_in_ranges": ["record_type", "ticks", "interface"],
    "copy_rows": list(Columns.TYPECODES),
    "cut_packets": ["record_length", "data_at", "captured_length"],
    "shift_times": ["record_length", "record_type", "ticks", "interface"],
    "renumber": ["record_at", "record_length", "record_type", "interface"],
    "copy_records": ["record_at", "record_length"],
    "encode_pcapng": ["record_at", "record_length"],
}
BAD_COLUMNS = [(kernel, name) for kernel, names in USED.items() for name in names]


@pytest.mark.parametrize(("kernel", "name"), BAD_COLUMNS)
def test_a_bad_column_is_refused(kernels: ModuleType, kernel: str, name: str) -> None:
    for bad in (array(Columns.TYPECODES[name], [0]), array("h", [0, 0])):
        columns = Columns(2)
        setattr(columns, name, bad)
        with pytest.raises(ValueError, match=f"column {name} is not 2 values"):
            CALLS[kernel](kernels, columns, 2)


@pytest.mark.parametrize("name", Columns.TYPECODES)
def test_copy_rows_refuses_to_take_into_a_column_of_another_type(kernels: ModuleType, name: str) -> None:
    into = Columns(2)
    setattr(into, name, array("h", [0, 0]))
    with pytest.raises(ValueError, match=f"column {name} is not 1 values"):
        kernels.copy_rows(Columns(2), 2, bytearray(b"\0\1"), into)


@pytest.mark.parametrize("rows", [-(2**63), -3, -1, 3, 2**63 - 1])
@pytest.mark.parametrize("kernel", CALLS)
def test_rows_that_columns_do_not_have_are_refused(kernels: ModuleType, kernel: str, rows: int) -> None:
    columns = unlike_rows(2)
    before = all_columns(columns, 2)
    with pytest.raises(ValueError, match=f"is not {rows} values"):
        CALLS[kernel](kernels, columns, rows)
    assert all_columns(columns, 2) == before


@pytest.mark.parametrize("typecode", ["I", "q", "d"])
def test_a_table_of_another_type_is_refused(kernels: ModuleType, typecode: str) -> None:
    def bad(length: int) -> "array[Any]":
        return array(typecode, [1] * length)

    columns, refusal = Columns(1), "fewer than .* 64-bit values"
    with pytest.raises(ValueError, match=refusal):
        kernels.rows_in_ranges(columns, 1, bad(RANGE), bytearray(1))
    with pytest.raises(ValueError, match=refusal):
        kernels.shift_times(columns, 1, bad(SHIFT))
    with pytest.raises(ValueError, match=refusal):
        kernels.renumber(bytearray(), columns, 1, bad(1), False)
    with pytest.raises(ValueError, match=refusal):
        kernels.encode_pcap(b"", columns, 0, 1, bytearray(16), 0, False, bad(SCALE), counts())
    with pytest.raises(ValueError, match=refusal):
        kernels.encode_pcap(b"", columns, 0, 1, bytearray(16), 0, False, scale((6, 0)), bad(3))
    with pytest.raises(ValueError, match=refusal):
        kernels.count_packets(columns, 1, bad(5), table(*[0] * 256))
    with pytest.raises(ValueError, match=refusal):
        kernels.count_packets(columns, 1, table(*[0] * 5), bad(256))
    with pytest.raises(ValueError, match=refusal):
        kernels.count_options(b"", columns, 1, False, bad(65538))
    with pytest.raises(ValueError, match=refusal):
        kernels.sum_options(b"", columns, 1, False, bad(4))


def test_a_table_that_is_too_short_is_refused(kernels: ModuleType) -> None:
    columns = Columns(1)
    with pytest.raises(ValueError, match="a table of fewer than 3 64-bit values"):
        kernels.encode_pcap(b"", columns, 0, 1, bytearray(16), 0, False, scale((6, 0)), table(0, 0))
    with pytest.raises(ValueError, match="a table of fewer than 256 64-bit values"):
        kernels.count_packets(columns, 1, table(*[0] * 5), table(*[0] * 255))
    with pytest.raises(ValueError, match="a table of fewer than 65538 64-bit values"):
        kernels.count_options(b"", columns, 1, False, table(*[0] * 65537))
    with pytest.raises(ValueError, match="a table of fewer than 4 64-bit values"):
        kernels.sum_options(b"", columns, 1, False, table(0, 0, 0))


# ---------------------------------------------------------------- parity on any rows


@st.composite
def near(draw: st.DrawFn, marks: list[int]) -> int:
    """Ticks at one of the marks or beside it, or any."""
    beside = draw(st.sampled_from([0, MOST_TICKS, *marks])) + draw(st.integers(-1, 1))
    return draw(st.one_of(st.just(min(max(0, beside), MOST_TICKS)), TICKS))


@st.composite
def rows_near(draw: st.DrawFn, marks: list[int]) -> tuple[Columns, int]:
    """Any columns, with ticks near the marks, and how many rows of them; now and then one that is not there."""
    columns = draw(packet_rows(len(BUFFER), 6))
    room = columns.capacity
    columns.ticks = array("Q", draw(st.lists(near(marks), min_size=room, max_size=room)))
    return columns, draw(st.one_of(st.just(room), st.just(room), st.integers(-1, room + 1)))


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


@given(data=st.data(), columns=packet_rows(len(BUFFER), 6), front=WORDS, end=WORDS, snaplen=WORDS)
def test_parity_of_cut_packets(
    compiled: ModuleType, data: st.DataObject, columns: Columns, front: int, end: int, snaplen: int
) -> None:
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    agree(compiled, "cut_packets", columns, rows, front, end, snaplen)


@given(data=st.data(), shifts=st.lists(st.tuples(TICKS, st.sampled_from([0, 1, MOST_TICKS])), max_size=4))
def test_parity_of_shift_times(compiled: ModuleType, data: st.DataObject, shifts: list[tuple[int, int]]) -> None:
    marks = [mark for ticks, _ in shifts for mark in (ticks, MOST_TICKS - ticks)]
    columns, rows = data.draw(rows_near(marks))
    entries = [value for shift in shifts for value in shift]
    agree(compiled, "shift_times", columns, rows, table(*entries[: data.draw(st.integers(0, len(entries)))] or entries))


@given(
    data=st.data(),
    columns=packet_rows(len(BUFFER), 6),
    ids=st.lists(st.one_of(st.integers(0, 2), WORDS, TICKS), max_size=4),
    big=st.booleans(),
)
def test_parity_of_renumber(
    compiled: ModuleType, data: st.DataObject, columns: Columns, ids: list[int], big: bool
) -> None:
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    agree(compiled, "renumber", bytearray(BUFFER), columns, rows, table(*ids), big)


@given(data=st.data(), columns=packet_rows(len(BUFFER), 6), big=st.booleans(), scales=scale_tables())
def test_parity_of_copying_and_encoding(
    compiled: ModuleType, data: st.DataObject, columns: Columns, big: bool, scales: "array[int]"
) -> None:
    row = data.draw(st.one_of(st.just(0), st.integers(-1, 7)))
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    out = bytearray(FILL * data.draw(st.one_of(st.just(900), st.integers(0, 300))))
    at = data.draw(st.one_of(st.just(0), st.integers(0, len(out)), st.sampled_from([-1, len(out) + 1])))
    if not 0 <= rows <= columns.capacity:
        row, at = 0, 0  # which of two faults is named is each form's own affair
    agree(compiled, "copy_records", BUFFER, columns, row, rows, out, at)
    agree(compiled, "encode_pcapng", BUFFER, columns, row, rows, out, at, big, True)
    agree(compiled, "encode_pcapng", BUFFER, columns, row, rows, out, at, big, False)
    agree(compiled, "encode_pcap", BUFFER, columns, row, rows, out, at, big, scales, counts())


# ---------------------------------------------------------------- groups of rows in the interpreted encoders


def ordinary(count: int) -> Columns:
    """Rows that are encoded column by column."""
    return with_rows(
        count,
        record_type=[(6, 2, 0)[row % 3] for row in range(count)],
        data_at=[row % 50 for row in range(count)],
        captured_length=[row % 11 for row in range(count)],
        original_length=[MOST - row for row in range(count)],
        ticks=[row * 1_000_003 for row in range(count)],
        interface=[0] * count,
        options_at=[-1] * count,
    )


def as_pcap(write: In, columns: Columns) -> list[bytes]:
    """Each row's record, in microseconds, by the plainest means there are."""
    listed = []
    for row in range(columns.capacity):
        at, length = columns.data_at[row], columns.captured_length[row]
        time = (0, 0) if columns.record_type[row] == 3 else divmod(columns.ticks[row], 10**6)
        listed.append(write.pcap_record(*time, BUFFER[at : at + length], original_length=columns.original_length[row]))
    return listed


def as_pcapng(write: In, columns: Columns) -> list[bytes]:
    """Each row's block, likewise."""
    listed = []
    for row in range(columns.capacity):
        at, length = columns.data_at[row], columns.captured_length[row]
        data, original = BUFFER[at : at + length], columns.original_length[row]
        if columns.record_type[row] == 3:
            listed.append(write.simple_packet(data, original_length=original))
            continue
        options_at, options_length = columns.options_at[row], columns.options_length[row]
        options = BUFFER[options_at : options_at + options_length] if options_length else b""
        block = write.enhanced_packet(
            columns.interface[row], columns.ticks[row], data, original_length=original, options=options
        )
        listed.append(block)
    return listed


GROUPS = [1, 127, 128, 129, 255, 256, 257]
PLACES = [0, 1, 126, 127, 128, 129, 254, 255, 256]
EACH_PLACE = [pytest.param(rows, [place for place in PLACES if place < rows], id=f"{rows} rows") for rows in GROUPS]
UNUSUAL: dict[str, dict[str, int]] = {
    "nothing unusual": {},
    "a Simple Packet": {"record_type": 3},
    "a Simple Packet with options": {"record_type": 3, "options_length": 5},
    "options": {"options_at": 8, "options_length": 12},
    "no data": {"captured_length": 0},
    "all of the buffer": {"data_at": 0, "captured_length": 64},
    "the last that pcap can hold": {"ticks": MOST * 10**6 + 999_999},
}
BAD: dict[str, dict[str, int]] = {
    "a negative place": {"data_at": -1},
    "behind the buffer": {"data_at": 65},
    "the last place": {"data_at": LAST_PLACE, "captured_length": MOST},
    "one byte too long": {"data_at": 60, "captured_length": 5},
    "the longest": {"captured_length": MOST},
}


def changed(count: int, place: int, values: dict[str, int]) -> Columns:
    columns = ordinary(count)
    for name, value in values.items():
        getattr(columns, name)[place] = value
    return columns


@pytest.mark.parametrize("values", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encoders_write_an_unusual_row_in_any_place(
    kernels: ModuleType, write: In, rows: int, places: list[int], values: dict[str, int]
) -> None:
    for place in places:
        columns = changed(rows, place, values)
        for expected, kernel, rest in (
            (b"".join(as_pcap(write, columns)), kernels.encode_pcap, (scale((6, 0)), counts())),
            (b"".join(as_pcapng(write, columns)), kernels.encode_pcapng, (False,)),
        ):
            out = bytearray(len(expected))
            assert kernel(BUFFER, columns, 0, rows, out, 0, is_big(write), *rest) == (rows, len(expected), MORE)
            assert out == expected


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encoders_write_the_rows_before_a_bad_one(
    kernels: ModuleType, rows: int, places: list[int], values: dict[str, int]
) -> None:
    write = In(LITTLE)
    pcap, pcapng = as_pcap(write, ordinary(rows)), as_pcapng(write, ordinary(rows))
    for place in places:
        columns = changed(rows, place, values)
        for listed, kernel, rest in (
            (pcap, kernels.encode_pcap, (scale((6, 0)), counts())),
            (pcapng, kernels.encode_pcapng, (False,)),
        ):
            out, expected = bytearray(FILL * 20_000), b"".join(listed[:place])
            with pytest.raises(ValueError, match=f"row {place} lies outside"):
                kernel(BUFFER, columns, 0, rows, out, 0, False, *rest)
            assert out == expected.ljust(20_000, FILL)


@pytest.mark.parametrize(("ticks", "status"), [(5, BEFORE_1970), (MOST_TICKS, TOO_LATE)])
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encode_pcap_writes_the_rows_before_a_time_that_pcap_cannot_hold(
    kernels: ModuleType, rows: int, places: list[int], ticks: int, status: int
) -> None:
    listed = as_pcap(In(LITTLE), ordinary(rows))
    for place in places:
        columns = changed(rows, place, {"ticks": ticks, "interface": 1})
        out, expected, tally = bytearray(FILL * 20_000), b"".join(listed[:place]), counts()
        done = kernels.encode_pcap(BUFFER, columns, 0, rows, out, 0, False, scale((6, 0), (6, -10)), tally)
        assert done == (place, len(expected), status)
        assert out == expected.ljust(20_000, FILL)
        assert list(tally) == [0, 0, max(columns.captured_length[:place], default=0)]


@pytest.mark.parametrize(
    ("resolution", "offset"), [(6, 0), (6, 7), (3, 0), (0, 0), (7, 0), (9, 0), (9, 1), (0x81, 0), (0x94, 0)]
)
@pytest.mark.parametrize("units", [MICROSECONDS, NANOSECONDS])
@pytest.mark.parametrize("other", [None, 127, 128])
def test_encode_pcap_writes_groups_of_any_resolution(
    kernels: ModuleType, write: In, resolution: int, offset: int, units: int, other: int | None
) -> None:
    per_second = ticks_per_second(resolution)
    columns, expected, cut = ordinary(257), b"", 0
    columns.ticks = array("Q", [row * (per_second + 1) for row in range(257)])
    if other is not None:
        columns.interface[other], columns.ticks[other] = 1, 3
    for row in range(257):
        at, length = columns.data_at[row], columns.captured_length[row]
        time = divmod(columns.ticks[row] * units // per_second + offset * units, units)
        if row == other:
            time = 3, 0
        else:
            cut += columns.ticks[row] * units % per_second != 0
        data, original = BUFFER[at : at + length], columns.original_length[row]
        expected += write.pcap_record(*time, data, original_length=original)
    out, tally = bytearray(len(expected)), counts()
    scales = scale((resolution, offset), (0, 0), units=units)
    done = kernels.encode_pcap(BUFFER, columns, 0, 257, out, 0, is_big(write), scales, tally)
    assert done == (257, len(expected), MORE)
    assert out == expected
    assert list(tally) == [cut, 0, 10]


@pytest.mark.parametrize("rows", [127, 128, 129, 257])
def test_encode_pcapng_copies_ordinary_rows_that_have_their_record(kernels: ModuleType, rows: int) -> None:
    columns = ordinary(rows)
    columns.record_at = array("q", [row % 60 for row in range(rows)])
    columns.record_length = array("I", [row % 4 for row in range(rows)])
    listed = as_pcapng(In(LITTLE), columns)
    for row in range(rows):
        if row % 4:
            listed[row] = BUFFER[row % 60 : row % 60 + row % 4]
    expected = b"".join(listed)
    out = bytearray(len(expected))
    assert kernels.encode_pcapng(BUFFER, columns, 0, rows, out, 0, False, True) == (rows, len(expected), MORE)
    assert out == expected


@pytest.mark.parametrize("values", [{}, {"record_type": 3}, {"options_at": 8, "options_length": 12}])
@pytest.mark.parametrize("rows", [127, 128, 129, 257])
def test_encoders_stop_at_the_row_for_which_there_is_no_room(
    kernels: ModuleType, rows: int, values: dict[str, int]
) -> None:
    write, place = In(LITTLE), rows // 2
    columns = changed(rows, place, values)
    for listed, kernel, rest in (
        (as_pcap(write, columns), kernels.encode_pcap, (scale((6, 0)),)),
        (as_pcapng(write, columns), kernels.encode_pcapng, (False,)),
    ):
        for fits in (0, 1, place, place + 1, 126, 127, 128, 129, rows - 1, rows):
            if fits > rows:
                continue
            expected = b"".join(listed[:fits])
            beyond = len(listed[fits]) - 1 if fits < rows else 5
            for spare in (0, beyond):
                out = bytearray(FILL * (3 + len(expected) + spare))
                more = (counts(),) if kernel is kernels.encode_pcap else ()
                done = kernel(BUFFER, columns, 0, rows, out, 3, False, *rest, *more)
                assert done == (fits, 3 + len(expected), MORE if fits == rows else FULL)
                assert out == (FILL * 3 + expected).ljust(len(out), FILL)


@pytest.mark.parametrize("rows", [127, 128, 129, 257])
@pytest.mark.parametrize("first", [0, 1, 127, 128, 129])
def test_encoders_go_on_in_any_row(kernels: ModuleType, write: In, rows: int, first: int) -> None:
    columns = ordinary(rows)
    for listed, kernel, rest in (
        (as_pcap(write, columns), kernels.encode_pcap, (scale((6, 0)), counts())),
        (as_pcapng(write, columns), kernels.encode_pcapng, (False,)),
    ):
        expected = b"".join(listed[first:])
        out = bytearray(len(expected))
        done = kernel(BUFFER, columns, first, rows, out, 0, is_big(write), *rest)
        assert done == (max(first, rows), len(expected), MORE)
        assert out == expected


@pytest.mark.parametrize("values", (UNUSUAL | BAD).values(), ids=UNUSUAL | BAD)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_parity_of_groups(compiled: ModuleType, rows: int, places: list[int], values: dict[str, int]) -> None:
    for place in places:
        columns = changed(rows, place, values)
        for room in (20_000, 128 * 36, 100):
            out = bytearray(FILL * room)
            agree(compiled, "encode_pcap", BUFFER, columns, 0, rows, out, 0, True, scale((6, 0)), counts())
            agree(compiled, "encode_pcapng", BUFFER, columns, 0, rows, out, 0, True, False)


# ---------------------------------------------------------------- the interpreted encoders' two ways


def pcap_by_row(
    buffer: bytes,
    columns: Columns,
    row: int,
    rows: int,
    out: bytearray,
    at: int,
    big: bool,
    scales: "array[int]",
    tally: "array[int]",
) -> tuple[int, int, int]:
    units = [tuple(scales[first : first + 5]) for first in range(0, len(scales) // SCALE * SCALE, SCALE)]
    return interpreted._encode_pcap(buffer, columns, row, rows, out, at, big, units, tally)


def test_ordinary_rows_are_encoded_column_by_column() -> None:
    columns, units = ordinary(200), [tuple(scale((6, 0)))[:5]]
    tails = interpreted._Tails(False)
    assert interpreted._plain_blocks(BUFFER, columns, 3, 131, False, tails) is not None
    assert interpreted._plain_records(BUFFER, columns, 3, 131, False, units) is not None


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_bad_rows_are_not_encoded_column_by_column(values: dict[str, int]) -> None:
    for place in (0, 60, 127):
        columns, units = changed(128, place, values), [tuple(scale((6, 0)))[:5]]
        assert interpreted._plain_blocks(BUFFER, columns, 0, 128, False, interpreted._Tails(False)) is None
        assert interpreted._plain_records(BUFFER, columns, 0, 128, False, units) is None


@st.composite
def almost_ordinary(draw: st.DrawFn) -> Columns:
    """Rows of which most are encoded column by column, and few values that are not ordinary."""
    rows = draw(st.integers(1, 12))

    def listed(each: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(each, min_size=rows, max_size=rows))

    columns = with_rows(
        rows,
        record_at=listed(st.integers(0, 40)),
        record_length=listed(st.sampled_from([0, 0, 1, 24])),
        record_type=listed(st.sampled_from([0, 2, 6])),
        data_at=listed(st.integers(0, 40)),
        captured_length=listed(st.integers(0, 24)),
        original_length=listed(WORDS),
        ticks=listed(st.one_of(st.integers(0, 2**52), st.integers(0, 2**40))),
        interface=[draw(st.integers(0, 1))] * rows,
        options_at=listed(st.integers(-1, 70)),
    )
    unusual: dict[str, st.SearchStrategy[int]] = {
        "record_type": st.just(3),
        "data_at": st.sampled_from([-(2**63), -1, 41, 64, 65, LAST_PLACE]),
        "captured_length": st.sampled_from([25, 64, 65, MOST - 36, MOST - 35, MOST - 34, MOST]),
        "ticks": TICKS,
        "interface": st.sampled_from([0, 1, 2, MOST]),
        "options_length": st.sampled_from([4, 5, 8, 64, 68, MOST]),
    }
    for name in draw(st.lists(st.sampled_from(list(unusual)), max_size=3)):
        getattr(columns, name)[draw(st.integers(0, rows - 1))] = draw(unusual[name])
    return columns


@given(
    columns=almost_ordinary(),
    group=st.integers(1, 5),
    first=st.sampled_from([0, 0, 1, 3]),
    room=st.one_of(st.just(1000), st.integers(0, 600)),
    at=st.sampled_from([0, 0, 3]),
    big=st.booleans(),
    scales=st.one_of(
        st.sampled_from([scale((6, 0), (6, 0)), scale((0, 0), (3, 0)), scale((9, 0), (6, 5))]), scale_tables()
    ),
)
def test_both_ways_to_encode_do_the_same(
    columns: Columns, group: int, first: int, room: int, at: int, big: bool, scales: "array[int]"
) -> None:
    places = BUFFER, columns, first, columns.capacity, bytearray(FILL * (at + room)), at, big
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreted, "_GROUP", group)
        pcap = run(interpreted.encode_pcap, *places, scales, counts())
        pcapng = run(interpreted.encode_pcapng, *places, False)
    assert pcap == run(pcap_by_row, *places, scales, counts())
    assert pcapng == run(interpreted._encode_pcapng, *places, False)


@given(columns=almost_ordinary(), group=st.integers(1, 5), room=st.integers(0, 800), big=st.booleans())
def test_parity_of_small_groups(compiled: ModuleType, columns: Columns, group: int, room: int, big: bool) -> None:
    places = BUFFER, columns, 0, columns.capacity, bytearray(FILL * room), 0, big
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreted, "_GROUP", group)
        agree(compiled, "encode_pcap", *places, scale((6, 0), (3, 7)), counts())
        agree(compiled, "encode_pcapng", *places, False)
        agree(compiled, "encode_pcapng", *places, True)
