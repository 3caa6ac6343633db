"""The kernels that encode and copy packets: `encode_pcap`, `encode_pcapng` and `copy_records`."""

from array import array
from types import ModuleType

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    BUFFER,
    FILL,
    MAX_OFFSET,
    MOST,
    MOST_TICKS,
    agree,
    counts,
    is_big,
    packet_rows,
    scale,
    scale_tables,
    with_rows,
)
from wire import In

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import AFTER_2106, BEFORE_1970, FULL, MORE
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS

# ---------------------------------------------------------------- facts: encode_pcap


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "units", "record", "cut"),
    [
        (6, 0, 1_000_001, MICROSECONDS, (1, 1), 0),
        (6, 0, 1_000_001, NANOSECONDS, (1, 1000), 0),
        (9, 0, 1_000_000_999, MICROSECONDS, (1, 0), 1),
        (9, 0, 1_999_999_999, NANOSECONDS, (1, 999_999_999), 0),
        (10, 0, 10_000_000_009, NANOSECONDS, (1, 0), 1),
        (0, 0, MOST, MICROSECONDS, (MOST, 0), 0),
        (3, 0, 1_999, MICROSECONDS, (1, 999_000), 0),
        (0x80 | 1, 0, 3, MICROSECONDS, (1, 500_000), 0),
        (0x80 | 7, 0, 129, NANOSECONDS, (1, 7_812_500), 0),
        (0x80 | 32, 0, 2**32 + 1, NANOSECONDS, (1, 0), 1),
        (6, 10, 0, MICROSECONDS, (10, 0), 0),
        (6, -10, 10_000_000, MICROSECONDS, (0, 0), 0),
        (6, 0, MOST * 10**6 + 999_999, MICROSECONDS, (MOST, 999_999), 0),
        (6, MOST, 999_999, MICROSECONDS, (MOST, 999_999), 0),
        (0, -(2**63), 2**63, MICROSECONDS, (0, 0), 0),
        (0, -(2**63), 2**63 + MOST, MICROSECONDS, (MOST, 0), 0),
    ],
)
def test_encode_pcap_writes_exact_time(
    kernels: ModuleType,
    write: In,
    resolution: int,
    offset: int,
    ticks: int,
    units: int,
    record: tuple[int, int],
    cut: int,
) -> None:
    columns = with_rows(1, record_type=[6], data_at=[2], captured_length=[3], original_length=[60], ticks=[ticks])
    out, tally = bytearray(b"." * 21), counts()
    table = scale((resolution, offset), units=units)
    done = kernels.encode_pcap(b"..abc", columns, 0, 1, out, 1, is_big(write), table, tally)
    assert done == (1, 20, MORE)
    assert out == b"." + write.pcap_record(*record, b"abc", original_length=60) + b"."
    assert list(tally) == [cut, 0, 3]


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "status"),
    [
        (6, 0, 2**32 * 10**6, AFTER_2106),
        (6, 0, MOST_TICKS, AFTER_2106),
        (6, 1, MOST * 10**6, AFTER_2106),
        (6, 2**63 - 1, 0, AFTER_2106),
        (0, 2**63 - 1, MOST_TICKS, AFTER_2106),
        (0, 2**63 - 1, 2**63 + 1, AFTER_2106),
        (0, -1, 2**32 + 1, AFTER_2106),
        (6, -10, 9_999_999, BEFORE_1970),
        (6, -(2**63), MOST_TICKS, BEFORE_1970),
        (0, -(2**63), 2**63 - 1, BEFORE_1970),
    ],
)
def test_encode_pcap_stops_at_a_time_that_pcap_cannot_hold(
    kernels: ModuleType, resolution: int, offset: int, ticks: int, status: int
) -> None:
    table = scale((0, 0), (resolution, offset))
    columns = with_rows(3, record_type=[6, 6, 6], interface=[0, 1, 0], ticks=[1, ticks, 1])
    out = bytearray(64)
    assert kernels.encode_pcap(b"", columns, 0, 3, out, 0, False, table, counts()) == (1, 16, status)
    assert out == wire.pcap_record(1, 0, b"") + bytes(48)


def test_encode_pcap_gives_a_simple_packet_time_0(kernels: ModuleType, write: In) -> None:
    columns = with_rows(1, record_type=[3], captured_length=[1], original_length=[9], ticks=[12345])
    out, tally = bytearray(17), counts()
    assert kernels.encode_pcap(b"x", columns, 0, 1, out, 0, is_big(write), scale((6, -5)), tally) == (1, 17, MORE)
    assert out == write.pcap_record(0, 0, b"x", original_length=9)
    assert list(tally) == [0, 1, 1]


@pytest.mark.parametrize(("room", "expected"), [(0, 0), (16, 0), (17, 1), (33, 1), (34, 2), (35, 2)])
def test_encode_pcap_stops_when_the_output_is_full(kernels: ModuleType, room: int, expected: int) -> None:
    columns = with_rows(2, record_type=[6, 6], captured_length=[1, 1])
    out, tally = bytearray(room), array("Q", [5, 6, 7])
    done = kernels.encode_pcap(b"x", columns, 0, 2, out, 0, False, scale((6, 0)), tally)
    assert done == (expected, expected * 17, MORE if expected == 2 else FULL)
    assert out == wire.pcap_record(0, 0, b"x", original_length=0) * expected + bytes(room - expected * 17)
    assert list(tally) == [5, 6, 7]


def test_encode_pcap_goes_on_where_it_stopped(kernels: ModuleType, write: In) -> None:
    columns = with_rows(700, record_type=[6] * 700, ticks=list(range(700)), captured_length=[1] * 700)
    out, row, at, rounds = b"", 0, 0, 0
    while row < 700:
        room = bytearray(1000)
        row, at, _ = kernels.encode_pcap(b"x", columns, row, 700, room, 0, is_big(write), scale((6, 0)), counts())
        out += room[:at]
        rounds += 1
    assert out == b"".join(write.pcap_record(0, i, b"x", original_length=0) for i in range(700))
    assert rounds == 13  # 58 records of 17 bytes at a time


# ---------------------------------------------------------------- facts: encode_pcapng


@pytest.mark.parametrize("size", range(6))
@pytest.mark.parametrize("options", [b"", b"\1\0\2\0hi\0\0", b"\0\0\0\0"], ids=["none", "comment", "end"])
def test_encode_pcapng_writes_enhanced_packets(kernels: ModuleType, write: In, size: int, options: bytes) -> None:
    buffer = options + b"abcdef"
    columns = with_rows(
        1,
        data_at=[len(options)],
        captured_length=[size],
        original_length=[MOST],
        ticks=[MOST_TICKS],
        interface=[MOST],
        options_at=[0],
        options_length=[len(options)],
    )
    expected = write.enhanced_packet(MOST, MOST_TICKS, b"abcdef"[:size], original_length=MOST, options=options)
    out = bytearray(b"\xff" * (len(expected) + 2))
    assert kernels.encode_pcapng(buffer, columns, 0, 1, out, 1, is_big(write), False) == (1, 1 + len(expected), MORE)
    assert out == b"\xff" + expected + b"\xff"


@pytest.mark.parametrize(("room", "expected"), [(0, 0), (35, 0), (36, 1), (71, 1), (72, 2), (73, 2)])
def test_encode_pcapng_stops_when_the_output_is_full(kernels: ModuleType, room: int, expected: int) -> None:
    columns = with_rows(2, captured_length=[1, 1])
    out = bytearray(room)
    done = kernels.encode_pcapng(b"x", columns, 0, 2, out, 0, False, False)
    assert done == (expected, expected * 36, MORE if expected == 2 else FULL)
    assert out == wire.enhanced_packet(0, 0, b"x", original_length=0) * expected + bytes(room - expected * 36)


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


OUTSIDE = [(-1, 0), (-1, 1), (-(2**63), MOST), (65, 0), (64, 1), (63, 2), (0, 65), (0, MOST), (MAX_OFFSET, MOST)]


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


# ---------------------------------------------------------------- facts: encode_pcapng, with rows that are copied


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


# ---------------------------------------------------------------- parity


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
