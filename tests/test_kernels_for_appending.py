"""The kernel that appends packets one at a time: `PacketAppender`."""

from array import array
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import EXTREMES, MOST, MOST_TICKS, all_columns, column

from pcapconv.kernels import interpreted
from pcapconv.model import Columns


def appended(
    kernels: ModuleType, size: int, rows: int, *packets: Any
) -> tuple[list[bool], bytes, dict[str, list[int]]]:
    buffer, columns = bytearray(size), Columns(rows)
    appender = kernels.PacketAppender(buffer, columns)
    results = [appender.append(*packet) for packet in packets]
    return results, bytes(buffer), all_columns(columns, appender.rows)


def test_packets_are_appended_with_their_options(kernels: ModuleType) -> None:
    packets = [(b"abc", 7, 1), (bytearray(b"de"), MOST_TICKS, MOST, MOST, b"1234"), (b"", 0, 0, 5, None, 3)]
    results, buffer, columns = appended(kernels, 10, 4, *packets)
    assert results == [True, True, True]
    assert buffer == b"abcde1234\0"
    assert columns == {
        "record_at": [0, 0, 0],
        "record_length": [0, 0, 0],
        "record_type": [6, 6, 3],
        "data_at": [0, 3, 9],
        "captured_length": [3, 2, 0],
        "original_length": [3, MOST, 5],
        "ticks": [7, MOST_TICKS, 0],
        "interface": [1, MOST, 0],
        "options_at": [0, 5, 0],
        "options_length": [0, 4, 0],
    }


def test_nothing_is_appended_during_a_pause(kernels: ModuleType) -> None:
    columns = Columns(2)
    appender = kernels.PacketAppender(bytearray(10), columns)
    assert appender.append(b"a", 1, 0)
    appender.pause()
    assert not appender.append(b"b", 2, 0)
    assert (appender.rows, list(columns.ticks)) == (1, [1, 0])
    appender.clear()
    assert appender.append(b"c", 3, 0)
    assert (appender.rows, list(columns.ticks)) == (1, [3, 0])


def test_a_packet_without_room_changes_nothing(kernels: ModuleType) -> None:
    packets = [(b"abcd", 1, 0), (b"x" * 7, 2, 0), (b"x" * 4, 3, 0, 4, b"opts"), (b"efghij", 4, 0), (b"", 5, 0)]
    results, buffer, columns = appended(kernels, 10, 9, *packets)
    assert results == [True, False, False, True, True]
    assert (buffer, columns["ticks"]) == (b"abcdefghij", [1, 4, 5])
    assert appended(kernels, 10, 1, (b"a", 1, 0), (b"b", 2, 0))[0] == [True, False]
    assert appended(kernels, 0, 0, (b"", 1, 0))[0] == [False]


def test_rows_can_be_removed(kernels: ModuleType) -> None:
    buffer, columns = bytearray(4), Columns(2)
    appender = kernels.PacketAppender(buffer, columns)
    assert appender.append(b"abcd", 1, 0, 9, b"")
    appender.clear()
    assert appender.rows == 0
    assert appender.append(memoryview(b"efgh"), 2, 0)
    assert (appender.rows, bytes(buffer)) == (1, b"efgh")
    assert (column(columns, "ticks", 1), column(columns, "original_length", 1)) == ([2], [4])


@pytest.mark.parametrize(
    ("error", "packet"),
    [
        (TypeError, ("text", 0, 0)),
        (TypeError, (b"", None, 0)),
        (TypeError, (5, 0, 0)),
        (BufferError, (memoryview(b"abcd")[::2], 0, 0)),
        (OverflowError, (b"", -1, 0)),
        (OverflowError, (b"", 2**64, 0)),
        (OverflowError, (b"", 0, 2**32)),
        (OverflowError, (b"", 0, 0, 2**32)),
        (OverflowError, (b"", 0, 0, -1)),
        (OverflowError, (b"", 0, 0, 0, None, 256)),
        (TypeError, (b"", 0, 0, 0, "text")),
    ],
)
def test_what_no_column_holds_is_refused(kernels: ModuleType, error: type[Exception], packet: tuple[Any, ...]) -> None:
    appender = kernels.PacketAppender(bytearray(8), Columns(1))
    with pytest.raises(error):
        appender.append(*packet)
    assert appender.rows == 0


def test_columns_and_buffer_stay_where_they_are(kernels: ModuleType) -> None:
    buffer, columns = bytearray(4), Columns(2)
    appender = kernels.PacketAppender(buffer, columns)
    with pytest.raises(BufferError):
        buffer.append(0)
    columns.ticks = array("Q", [8, 9])  # not the array that the appender has
    assert appender.append(b"", 1, 0)


def test_columns_of_other_types_are_refused(kernels: ModuleType) -> None:
    columns = Columns(2)
    columns.ticks = array("q", [1, 2])
    with pytest.raises(ValueError, match="column ticks is not 2 values of type Q"):
        kernels.PacketAppender(bytearray(4), columns)


NUMBERS = st.one_of(st.integers(*EXTREMES["I"]), st.just(MOST))
PACKETS = st.lists(
    st.tuples(
        st.one_of(st.binary(max_size=20), st.binary(max_size=20).map(bytearray)),
        st.integers(0, MOST_TICKS),
        NUMBERS,
        st.none() | NUMBERS,
        st.none() | st.binary(max_size=12),
        st.sampled_from([3, 6]),
    ),
    max_size=8,
)


@given(st.integers(0, 60), st.integers(0, 6), PACKETS)
def test_both_forms_append_the_same(compiled: ModuleType, size: int, rows: int, packets: list[Any]) -> None:
    assert appended(compiled, size, rows, *packets) == appended(interpreted, size, rows, *packets)
