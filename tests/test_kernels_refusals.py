"""What every kernel refuses with ValueError, so that it never leaves a buffer, a column or a table."""

from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import wire
from kernel_rows import (
    MOST,
    SWAP_NEVER,
    all_columns,
    counts,
    scale,
    table,
    unlike_rows,
    with_rows,
)

from pcapconv.kernels.contract import CUT, RANGE, SCALE, SHIFT, TOTALS
from pcapconv.model import Columns

# ---------------------------------------------------------------- refusals: ValueError, never a crash


@pytest.mark.parametrize(("start", "stop"), [(-1, 4), (0, 5), (3, 2), (5, 5), (-2, -1), (2**62, 2**62)])
def test_index_refuses_a_range_outside_the_buffer(kernels: ModuleType, start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcap(bytes(4), start, stop, Columns(1), False, 16, SWAP_NEVER, 10**6)
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcapng(bytes(4), start, stop, Columns(1), False, 1, 0)


@pytest.mark.parametrize("size", [15, 0, -1])
def test_index_pcap_refuses_a_header_below_16_bytes(kernels: ModuleType, size: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcap(bytes(64), 0, 64, Columns(1), False, size, SWAP_NEVER, 10**6)


@pytest.mark.parametrize(("row", "at"), [(-1, 0), (0, -1), (0, 5), (0, 2**62)])
def test_encode_refuses_a_range_outside_the_output(kernels: ModuleType, row: int, at: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.encode_pcap(b"", Columns(1), row, 1, bytearray(4), at, False, scale((6, 0)), counts())
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.encode_pcapng(b"", Columns(1), row, 1, bytearray(4), at, False, False)


@pytest.mark.parametrize(
    "values",
    [
        {"data_at": [-1]},
        {"data_at": [5]},
        {"data_at": [2**63 - 1]},
        {"data_at": [-(2**63)], "captured_length": [MOST]},
        {"data_at": [2], "captured_length": [3]},
        {"captured_length": [MOST]},
    ],
)
def test_encode_refuses_rows_outside_their_buffer(kernels: ModuleType, values: dict[str, list[int]]) -> None:
    columns = with_rows(1, **values)
    out = bytearray(64)
    with pytest.raises(ValueError, match="row 0 lies outside"):
        kernels.encode_pcap(bytes(4), columns, 0, 1, out, 0, False, scale((6, 0)), counts())
    with pytest.raises(ValueError, match="row 0 lies outside"):
        kernels.encode_pcapng(bytes(4), columns, 0, 1, out, 0, False, False)
    assert out == bytes(64)


@pytest.mark.parametrize(
    "values",
    [
        {"options_at": [-4], "options_length": [4]},
        {"options_at": [4], "options_length": [4]},
        {"options_at": [2**63 - 1], "options_length": [4]},
        {"options_at": [0], "options_length": [3]},
        {"options_at": [0], "options_length": [MOST]},
        {"options_at": [0], "options_length": [MOST - 3]},
    ],
)
def test_encode_pcapng_refuses_options_outside_their_buffer(kernels: ModuleType, values: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="row 0 lies outside"):
        kernels.encode_pcapng(bytes(4), with_rows(1, **values), 0, 1, bytearray(64), 0, False, False)


def test_encode_pcap_refuses_an_interface_without_scale(kernels: ModuleType) -> None:
    columns = with_rows(1, interface=[1])
    with pytest.raises(ValueError, match="names an interface that is not there"):
        kernels.encode_pcap(b"", columns, 0, 1, bytearray(16), 0, False, scale((6, 0)), counts())


def test_count_packets_refuses_an_interface_that_is_not_there(kernels: ModuleType) -> None:
    totals = array("Q", bytes(8 * TOTALS))
    with pytest.raises(ValueError, match="names an interface that is not there"):
        kernels.count_packets(with_rows(1, interface=[1]), 1, totals, array("Q", bytes(8 * 256)))


@pytest.mark.parametrize(
    "values",
    [
        {"record_type": [2], "record_at": [-1]},
        {"record_type": [2], "record_at": [5]},
        {"options_at": [-1], "options_length": [4]},
        {"options_at": [13], "options_length": [4]},
        {"options_at": [0], "options_length": [MOST]},
    ],
)
def test_counting_options_refuses_rows_outside_their_buffer(kernels: ModuleType, values: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="row 0 lies outside"):
        kernels.count_options(bytes(16), with_rows(1, **values), 1, False, array("Q", bytes(8 * 65538)))
    with pytest.raises(ValueError, match="row 0 lies outside"):
        kernels.sum_options(bytes(16), with_rows(1, **values), 1, False, array("Q", bytes(8 * 4)))


CALLS_WITH_TWO_ROWS: dict[str, Callable[[ModuleType, Columns], object]] = {
    "index_pcap": lambda kernels, columns: kernels.index_pcap(bytes(64), 0, 64, columns, False, 16, SWAP_NEVER, 10**6),
    "index_pcapng": lambda kernels, columns: kernels.index_pcapng(
        wire.enhanced_packet(0, 0, b"") * 2, 0, 64, columns, False, 1, 0
    ),
    "encode_pcap": lambda kernels, columns: kernels.encode_pcap(
        b"", columns, 0, 2, bytearray(64), 0, False, scale((6, 0)), counts()
    ),
    "encode_pcapng": lambda kernels, columns: kernels.encode_pcapng(b"", columns, 0, 2, bytearray(64), 0, False, False),
    "count_packets": lambda kernels, columns: kernels.count_packets(
        columns, 2, array("Q", bytes(8 * TOTALS)), array("Q", bytes(8 * 256))
    ),
    "count_options": lambda kernels, columns: kernels.count_options(
        b"", columns, 2, False, array("Q", bytes(8 * 65538))
    ),
    "sum_options": lambda kernels, columns: kernels.sum_options(b"", columns, 2, False, array("Q", bytes(8 * 4))),
}
USED_OF_TWO_ROWS = {
    "index_pcap": ["record_at", "record_length", "data_at", "captured_length", "original_length"],
    "index_pcapng": [name for name in Columns.TYPECODES if name != "ticks"],
    "encode_pcap": ["record_type", "data_at", "captured_length", "original_length", "ticks", "interface"],
    "encode_pcapng": list(Columns.TYPECODES),
    "count_packets": ["record_type", "captured_length", "original_length", "ticks", "interface"],
    "count_options": ["record_at", "record_type", "options_at", "options_length"],
    "sum_options": ["record_at", "record_type", "options_at", "options_length"],
}
BAD_COLUMNS_OF_TWO_ROWS = [(kernel, name) for kernel, names in USED_OF_TWO_ROWS.items() for name in names]


@pytest.mark.parametrize(("kernel", "name"), BAD_COLUMNS_OF_TWO_ROWS)
def test_a_column_that_is_too_short_is_refused(kernels: ModuleType, kernel: str, name: str) -> None:
    columns = Columns(2)
    setattr(columns, name, getattr(columns, name)[:1])
    with pytest.raises(ValueError, match=name):
        CALLS_WITH_TWO_ROWS[kernel](kernels, columns)


@pytest.mark.parametrize(("kernel", "name"), BAD_COLUMNS_OF_TWO_ROWS)
def test_a_column_of_another_type_is_refused(kernels: ModuleType, kernel: str, name: str) -> None:
    columns = Columns(2)
    setattr(columns, name, array("h", bytes(4)))
    with pytest.raises(ValueError, match=name):
        CALLS_WITH_TWO_ROWS[kernel](kernels, columns)


# ---------------------------------------------------------------- refusals of columns and tables


CALLS: dict[str, Callable[[ModuleType, Columns, int], object]] = {
    "rows_in_ranges": lambda kernels, columns, rows: kernels.rows_in_ranges(
        columns, rows, table(0, 9, 1), bytearray(9)
    ),
    "copy_rows": lambda kernels, columns, rows: kernels.copy_rows(columns, rows, bytearray(9), Columns(2)),
    "cut_packets": lambda kernels, columns, rows: kernels.cut_packets(columns, rows, 1, 1, 1, False),
    "remove_bytes": lambda kernels, columns, rows: kernels.remove_bytes(
        b"", columns, rows, table(0, 0, 0, 1), False, bytearray(), 0
    ),
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
    "cut_packets": ["record_length", "data_at", "captured_length", "original_length"],
    "remove_bytes": ["record_length", "data_at", "captured_length", "original_length"],
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
        kernels.remove_bytes(b"", columns, 1, bad(CUT), False, bytearray(), 0)
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
