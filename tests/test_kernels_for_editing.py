"""The kernels that change rows: `cut_packets`, `remove_bytes`, `shift_times` and `renumber`."""

from array import array
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    BUFFER,
    MAX_OFFSET,
    MOST,
    MOST_TICKS,
    TICKS,
    WORDS,
    agree,
    all_columns,
    is_big,
    packet_rows,
    rows_near,
    table,
    unlike_rows,
    with_rows,
)
from wire import In

from pcapconv.model import Columns

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
@pytest.mark.parametrize("place", [-(2**63), -1, 0, MAX_OFFSET - MOST])
def test_cut_packets_takes_bytes_off(
    kernels: ModuleType, captured: int, front: int, end: int, snaplen: int, off: int, left: int, place: int
) -> None:
    columns = with_rows(1, data_at=[place], captured_length=[captured], record_length=[99])
    assert kernels.cut_packets(columns, 1, front, end, snaplen, False) == 1
    assert (columns.data_at[0], columns.captured_length[0], columns.record_length[0]) == (place + off, left, 0)


@pytest.mark.parametrize(
    ("captured", "front", "end", "snaplen"),
    [(0, 0, 0, 0), (0, 5, 5, 0), (0, MOST, MOST, MOST), (10, 0, 0, 10), (10, 0, 0, MOST), (MOST, 0, 0, MOST)],
)
def test_cut_packets_leaves_what_is_short_enough(
    kernels: ModuleType, captured: int, front: int, end: int, snaplen: int
) -> None:
    columns = unlike_rows(1)
    columns.captured_length[0], columns.record_length[0], columns.data_at[0] = captured, 99, MAX_OFFSET
    before = all_columns(columns, 1)
    assert kernels.cut_packets(columns, 1, front, end, snaplen, False) == 0
    assert all_columns(columns, 1) == before


def test_cut_packets_changes_nothing_else(kernels: ModuleType) -> None:
    columns = unlike_rows(5)
    columns.data_at = array("q", [1, 2, 3, 4, 5])
    columns.captured_length = array("I", [4, 3, 2, 0, 9])
    before = all_columns(columns, 5)
    assert kernels.cut_packets(columns, 4, 1, 1, 1, False) == 3
    changed = {
        "data_at": [2, 3, 4, 4, 5],
        "captured_length": [1, 1, 0, 0, 9],
        "record_length": [0, 0, 0, *before["record_length"][3:]],
    }
    assert all_columns(columns, 5) == before | changed


def test_cut_packets_counts_a_row_that_had_no_record(kernels: ModuleType) -> None:
    assert kernels.cut_packets(with_rows(1, captured_length=[2]), 1, 0, 0, 1, False) == 1


def test_cut_packets_of_no_rows(kernels: ModuleType) -> None:
    assert kernels.cut_packets(Columns(0), 0, MOST, MOST, 0, False) == 0
    assert kernels.cut_packets(with_rows(1, captured_length=[2]), 0, MOST, MOST, 0, False) == 0


def test_cut_packets_refuses_a_place_behind_the_last_there_is(kernels: ModuleType) -> None:
    columns = with_rows(3, data_at=[MAX_OFFSET - 2, MAX_OFFSET - 1, 0], captured_length=[5] * 3, record_length=[9] * 3)
    with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
        kernels.cut_packets(columns, 3, 2, 0, MOST, False)
    assert list(columns.data_at) == [MAX_OFFSET, MAX_OFFSET - 1, 0]
    assert list(columns.captured_length) == [3, 5, 5]
    assert list(columns.record_length) == [0, 9, 9]


@pytest.mark.parametrize(
    ("original", "front", "end", "snaplen", "adjusted"),
    [
        (10, 1, 2, MOST, 7),
        (10, 0, 0, 5, 10),
        (10, 3, 0, 5, 7),
        (1500, 14, 4, MOST, 1490),
        (1500, 4, 2, MOST, 1494),
        (1500, 4, MOST, MOST, 1490),
        (2, 1, 1, MOST, 0),
        (1, 1, 1, MOST, 0),
        (0, 1, 1, MOST, 0),
        (MOST, MOST, MOST, 0, MOST - 10),
    ],
)
def test_cut_packets_adjusts_original_lengths_by_what_is_taken_from_front_and_end(
    kernels: ModuleType, original: int, front: int, end: int, snaplen: int, adjusted: int
) -> None:
    columns = with_rows(2, captured_length=[10, 0], original_length=[original, original])
    assert kernels.cut_packets(columns, 2, front, end, snaplen, True) == 1
    assert list(columns.original_length) == [adjusted, original]


# ---------------------------------------------------------------- facts: remove_bytes


@pytest.mark.parametrize(
    ("places", "left"),
    [
        ([(4, 0, 0, 2)], b"012367"),
        ([(4, 0, 2, 0)], b"014567"),
        ([(4, 0, 1, 1)], b"012567"),
        ([(3, 1, 0, 2)], b"012347"),
        ([(3, 1, 2, 0)], b"012567"),
        ([(4, 0, 0, MOST_TICKS)], b"0123"),
        ([(4, 0, MOST_TICKS, 0)], b"4567"),
        ([(0, 0, 0, 3)], b"34567"),
        ([(0, 1, 3, 0)], b"01234"),
        ([(8, 0, 2, 9)], b"012345"),
        ([(8, 1, 9, 2)], b"234567"),
        ([(9, 0, 5, 5)], b"01234567"),
        ([(9, 1, 5, 5)], b"01234567"),
        ([(MOST_TICKS, 0, 5, 5)], b"01234567"),
        ([(MOST_TICKS, 1, MOST_TICKS, MOST_TICKS)], b"01234567"),
        ([(0, 0, 9, 0), (0, 1, 0, 9), (4, 0, 0, 0)], b"01234567"),
        ([(1, 0, 0, 1), (3, 0, 0, 1), (5, 0, 0, 1), (7, 0, 0, 1)], b"0246"),
        ([(7, 0, 0, 1), (5, 0, 0, 1), (3, 0, 0, 1), (1, 0, 0, 1)], b"0246"),
        ([(2, 0, 0, 3), (3, 0, 0, 3)], b"0167"),
        ([(2, 0, 0, 4), (3, 0, 0, 1)], b"0167"),
        ([(2, 0, 0, 2), (4, 0, 0, 2)], b"0167"),
        ([(0, 0, 0, 4), (4, 0, 0, 4)], b""),
        ([(1, 0, 1, 7)], b""),
        ([(0, 0, 0, 1), (0, 1, 1, 0), (3, 0, 0, 2)], b"1256"),
    ],
)
def test_remove_bytes_takes_them_from_anywhere(
    kernels: ModuleType, places: list[tuple[int, int, int, int]], left: bytes
) -> None:
    buffer, out = b"<01234567>", bytearray(20)
    columns = with_rows(1, data_at=[1], captured_length=[8], original_length=[50], record_length=[9])
    cuts = table(*(value for place in places for value in place))
    changed, used = kernels.remove_bytes(buffer, columns, 1, cuts, True, out, len(buffer))
    at, length = columns.data_at[0], columns.captured_length[0]
    assert (buffer + out)[at : at + length] == left
    assert (changed, columns.record_length[0]) == ((0, 9) if len(left) == 8 else (1, 0))
    assert columns.original_length[0] == 50 - (8 - len(left))
    assert out[used:] == bytes(20 - used)
    assert used in (0, len(left))
    assert buffer == b"<01234567>"


def test_remove_bytes_joins_one_packet_behind_the_other(kernels: ModuleType) -> None:
    buffer, out = b"abcdefgh", bytearray(9)
    columns = with_rows(
        4, data_at=[0, 3, 0, 5], captured_length=[3, 5, 1, 3], original_length=[3, 5, 1, 9], record_length=[7] * 4
    )
    assert kernels.remove_bytes(buffer, columns, 4, table(1, 0, 0, 1), False, out, 1000) == (3, 8)
    assert list(columns.data_at) == [1000, 1002, 0, 1006]
    assert bytes(out) == b"acdfghfh\0"
    assert list(columns.captured_length) == [2, 4, 1, 2]
    assert list(columns.original_length) == [3, 5, 1, 9]
    assert list(columns.record_length) == [0, 0, 7, 0]


@pytest.mark.parametrize("place", [-(2**63), -1, 7, 2**63 - 1])
def test_remove_bytes_refuses_a_packet_outside_its_buffer(kernels: ModuleType, place: int) -> None:
    columns = with_rows(2, data_at=[0, place], captured_length=[2, 2], record_length=[9, 9])
    with pytest.raises(ValueError, match="row 1 lies outside its buffer"):
        kernels.remove_bytes(bytes(8), columns, 2, table(0, 0, 0, 1), False, bytearray(), 8)
    assert list(columns.captured_length) == [1, 2]
    assert list(columns.record_length) == [0, 9]


def test_remove_bytes_refuses_a_packet_for_which_there_is_no_room(kernels: ModuleType) -> None:
    columns = with_rows(2, captured_length=[4, 4], record_length=[9, 9])
    with pytest.raises(ValueError, match="no room for row 1"):
        kernels.remove_bytes(bytes(8), columns, 2, table(1, 0, 0, 1), False, bytearray(5), 8)
    assert list(columns.captured_length) == [3, 4]


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
        (MAX_OFFSET, 6, 0, 0, "row 1 lies outside its buffer"),
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


# ---------------------------------------------------------------- parity


@given(
    data=st.data(), columns=packet_rows(len(BUFFER), 6), lengths=st.tuples(WORDS, WORDS, WORDS), adjust=st.booleans()
)
def test_parity_of_cut_packets(
    compiled: ModuleType, data: st.DataObject, columns: Columns, lengths: tuple[int, int, int], adjust: bool
) -> None:
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    agree(compiled, "cut_packets", columns, rows, *lengths, adjust)


NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 70), TICKS)
PLACES = st.tuples(NUMBERS, st.sampled_from([0, 1, MOST_TICKS]), NUMBERS, NUMBERS)


@given(
    data=st.data(),
    columns=packet_rows(len(BUFFER), 6),
    places=st.lists(PLACES, max_size=5),
    adjust=st.booleans(),
    room=st.one_of(st.just(400), st.integers(0, 99)),
)
def test_parity_of_remove_bytes(
    compiled: ModuleType,
    data: st.DataObject,
    columns: Columns,
    places: list[tuple[int, int, int, int]],
    adjust: bool,
    room: int,
) -> None:
    rows = data.draw(st.one_of(st.just(columns.capacity), st.integers(-1, columns.capacity + 1)))
    cuts = table(*(value for place in places for value in place))
    agree(compiled, "remove_bytes", BUFFER, columns, rows, cuts, adjust, bytearray(room), len(BUFFER))


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
