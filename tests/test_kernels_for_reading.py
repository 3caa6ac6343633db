"""The kernels that find packets in the bytes of a file: `index_pcap` and `index_pcapng`."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import wire
from kernel_rows import (
    MAGICS,
    MOST,
    SWAP_ALWAYS,
    SWAP_IF_LONGER,
    SWAP_NEVER,
    VERSIONS,
    all_columns,
    column,
    is_big,
)
from wire import BIG, LITTLE, In

from pcapconv.kernels.contract import FULL, MORE, NOT_A_RECORD
from pcapconv.model import Columns

# ---------------------------------------------------------------- facts: index_pcap


def test_index_pcap_finds_records(kernels: ModuleType, write: In) -> None:
    records = write.pcap_record(7, 5, b"abc", original_length=60) + write.pcap_record(8, 999_999, b"")
    columns = Columns(4)
    found = kernels.index_pcap(
        b"##" + records + b"!", 2, 2 + len(records), columns, is_big(write), 16, SWAP_NEVER, 10**6
    )
    assert found == (2, 2 + len(records), MORE, 0)
    assert all_columns(columns, 2) == {
        "record_at": [2, 21],
        "record_length": [19, 16],
        "record_type": [0, 0],
        "data_at": [18, 37],
        "captured_length": [3, 0],
        "original_length": [60, 0],
        "ticks": [7_000_005, 8_999_999],
        "interface": [0, 0],
        "options_at": [0, 0],
        "options_length": [0, 0],
    }


def test_index_pcap_finds_records_with_longer_headers(kernels: ModuleType, write: In) -> None:
    records = write.pcap_record(7, 5, b"abc", extra=write.modified_extra(9)) * 2
    columns = Columns(4)
    assert kernels.index_pcap(records, 0, len(records), columns, is_big(write), 24, SWAP_NEVER, 10**6) == (
        2,
        54,
        MORE,
        0,
    )
    assert column(columns, "data_at", 2) == [24, 51]
    assert column(columns, "record_length", 2) == [27, 27]


@pytest.mark.parametrize(
    ("swap", "first", "second", "lengths"),
    [
        (SWAP_NEVER, 3, 4, (3, 4)),
        (SWAP_NEVER, 4, 3, (4, 3)),
        (SWAP_IF_LONGER, 3, 4, (3, 4)),
        (SWAP_IF_LONGER, 4, 3, (3, 4)),
        (SWAP_ALWAYS, 4, 3, (3, 4)),
        (SWAP_ALWAYS, 3, 4, (4, 3)),
        (SWAP_ALWAYS, MOST, 3, (3, MOST)),
    ],
)
def test_index_pcap_swaps_lengths(
    kernels: ModuleType, write: In, swap: int, first: int, second: int, lengths: tuple[int, int]
) -> None:
    record = write.pcap_record(0, 0, bytes(lengths[0]), captured_length=first, original_length=second)
    columns = Columns(1)
    assert kernels.index_pcap(record, 0, len(record), columns, is_big(write), 16, swap, 10**6)[0] == 1
    assert (columns.captured_length[0], columns.original_length[0]) == lengths


@pytest.mark.parametrize(
    ("seconds", "fraction", "units", "ticks", "odd"),
    [
        (0, 1, 10**6, 1, 0),
        (1, 999_999, 10**6, 1_999_999, 0),
        (1, 1_000_000, 10**6, 2_000_000, 1),
        (MOST, MOST, 10**6, 4_294_967_295_000_000 + 4_294_967_295, 1),
        (MOST, 999_999_999, 10**9, 4_294_967_295_999_999_999, 0),
        (MOST, 1_000_000_000, 10**9, 4_294_967_296_000_000_000, 1),
        (MOST, MOST, 10**9, 4_294_967_299_294_967_295, 1),
        (2**31, 0, 10**9, 2_147_483_648_000_000_000, 0),
    ],
)
def test_index_pcap_counts_ticks(
    kernels: ModuleType, write: In, seconds: int, fraction: int, units: int, ticks: int, odd: int
) -> None:
    columns = Columns(1)
    record = write.pcap_record(seconds, fraction, b"")
    assert kernels.index_pcap(record, 0, 16, columns, is_big(write), 16, SWAP_NEVER, units) == (1, 16, MORE, odd)
    assert columns.ticks[0] == ticks


@pytest.mark.parametrize("claimed", [5, 2**31 - 1, 2**31, MOST - 17, MOST - 16, MOST - 15, MOST])
def test_index_pcap_stops_before_a_record_that_is_not_whole(kernels: ModuleType, write: In, claimed: int) -> None:
    records = write.pcap_record(0, 0, b"good") + write.pcap_record(0, 0, b"good", captured_length=claimed)
    found = kernels.index_pcap(records, 0, len(records), Columns(4), is_big(write), 16, SWAP_NEVER, 10**6)
    assert found == (1, 20, MORE, 0)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [(0, (0, 0, FULL, 0)), (1, (1, 17, FULL, 0)), (2, (2, 34, MORE, 0)), (3, (2, 34, MORE, 0))],
)
def test_index_pcap_stops_when_columns_are_full(
    kernels: ModuleType, write: In, capacity: int, expected: tuple[int, ...]
) -> None:
    records = write.pcap_record(0, 0, b"x") * 2
    assert kernels.index_pcap(records, 0, 34, Columns(capacity), is_big(write), 16, SWAP_NEVER, 10**6) == expected


@pytest.mark.parametrize("header_order", [LITTLE, BIG])
@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("version", VERSIONS)
def test_index_pcap_stops_at_the_header_of_a_file(
    kernels: ModuleType, write: In, magic: int, version: tuple[int, int], header_order: Any
) -> None:
    header = wire.pcap_header(magic, byte_order=header_order, version=version, thiszone=-3600, sigfigs=6)
    capture = write.pcap_record(1, 2, b"one") + header + bytes(40)
    found = kernels.index_pcap(capture, 0, len(capture), Columns(4), is_big(write), 16, SWAP_NEVER, 10**6)
    assert found == (1, 19, NOT_A_RECORD, 0)


@pytest.mark.parametrize("version", [(0, 0), (1, 4), (2, 5), (2, 0x200), (3, 0), (543, 1), (4, 2), (0x200, 0x400)])
def test_index_pcap_takes_what_has_another_version_for_a_record(
    kernels: ModuleType, write: In, version: tuple[int, int]
) -> None:
    header = write.pcap_header(version=version)[:16]
    found = kernels.index_pcap(header, 0, 16, Columns(4), is_big(write), 16, SWAP_NEVER, 2**32)
    assert found == (1, 16, MORE, 0)


@pytest.mark.parametrize("size", [16, 20, 24, 28])
def test_index_pcap_stops_at_zeros_only_where_a_whole_header_has_them(
    kernels: ModuleType, write: In, size: int
) -> None:
    arguments = Columns(9), is_big(write), size, SWAP_NEVER, 10**6
    assert kernels.index_pcap(bytes(size), 0, size, *arguments) == (0, 0, NOT_A_RECORD, 0)
    assert kernels.index_pcap(bytes(size - 1), 0, size - 1, *arguments) == (0, 0, MORE, 0)
    for place in [*range(8), *range(12, size)]:
        capture = bytes(place) + b"\x01" + bytes(size - place - 1)
        assert kernels.index_pcap(capture, 0, size, *arguments)[:3] == (1, size, MORE)


# ---------------------------------------------------------------- facts: index_pcapng


def test_index_pcapng_finds_packet_blocks(kernels: ModuleType, write: In) -> None:
    comment = write.options((wire.OPT_COMMENT, b"hi"))
    blocks = (
        write.enhanced_packet(1, 2**63 + 5, b"abcde", original_length=60, options=comment)
        + write.simple_packet(b"simple", original_length=6)
        + write.obsolete_packet(2, 7, b"abcd", drops_count=3, options=comment)
    )
    columns = Columns(4)
    assert kernels.index_pcapng(blocks, 0, len(blocks), columns, is_big(write), 3, 0) == (3, len(blocks), MORE)
    assert all_columns(columns, 3) == {
        "record_at": [0, 52, 76],
        "record_length": [52, 24, 48],
        "record_type": [6, 3, 2],
        "data_at": [28, 64, 104],
        "captured_length": [5, 6, 4],
        "original_length": [60, 6, 4],
        "ticks": [2**63 + 5, 0, 7],
        "interface": [1, 0, 2],
        "options_at": [36, 52, 108],
        "options_length": [12, 0, 12],
    }


@pytest.mark.parametrize(
    ("snaplen", "original", "body", "captured"),
    [
        (0, 5, 8, 5),
        (0, 8, 8, 8),
        (8, MOST, 8, 8),
        (4, 5, 8, 4),
        (5, 5, 8, 5),
        (MOST, 0, 8, 0),
        (1, MOST, 4, 1),
    ],
)
def test_index_pcapng_simple_packet_is_the_lesser_of_snaplen_and_original(
    kernels: ModuleType, write: In, snaplen: int, original: int, body: int, captured: int
) -> None:
    block = write.simple_packet(bytes(body), original_length=original)
    columns = Columns(1)
    assert kernels.index_pcapng(block, 0, len(block), columns, is_big(write), 1, snaplen) == (1, len(block), MORE)
    assert (columns.captured_length[0], columns.original_length[0]) == (captured, original)


REFUSED: list[tuple[str, Callable[[In], bytes]]] = [
    ("simple, claims one more than there is", lambda write: write.simple_packet(bytes(8), original_length=9)),
    ("simple, claims 2^32-1", lambda write: write.simple_packet(bytes(8), original_length=MOST)),
    ("another block", lambda write: write.statistics(0, 1)),
    ("a section header", lambda write: write.section_header()),
    ("an unknown block", lambda write: write.block(0xFFFFFFFF)),
    ("the next interface", lambda write: write.enhanced_packet(2, 0, b"")),
    ("interface 2^32-1", lambda write: write.enhanced_packet(MOST, 0, b"")),
    ("obsolete, interface 65535", lambda write: write.obsolete_packet(0xFFFF, 0, b"")),
    ("captured one more than there is room for", lambda write: write.enhanced_packet(0, 0, b"", captured_length=1)),
    ("captured 2^32-1", lambda write: write.enhanced_packet(0, 0, b"abc", captured_length=MOST)),
    ("captured 2^32-3", lambda write: write.obsolete_packet(0, 0, b"abc", captured_length=MOST - 2)),
    ("length not a multiple of 4", lambda write: write.block(6, bytes(20), total_length=33) + bytes(4)),
    ("length 2^32-1", lambda write: write.block(6, bytes(20), total_length=MOST)),
    ("length below 32", lambda write: write.block(6, bytes(16))),
    ("simple, length below 16", lambda write: write.block(3)),
    ("length 0", lambda write: write.block(6, bytes(20), total_length=0)),
    ("length 8", lambda write: write.block(3, bytes(4), total_length=8)),
    ("another length at the end", lambda write: write.block(6, bytes(20), trailer=36)),
]


@pytest.mark.parametrize("build", [build for _, build in REFUSED], ids=[name for name, _ in REFUSED])
def test_index_pcapng_stops_at_what_is_no_sound_packet(
    kernels: ModuleType, write: In, build: Callable[[In], bytes]
) -> None:
    good = write.enhanced_packet(0, 1, b"good")
    blocks = good + build(write) + good
    found = kernels.index_pcapng(blocks, 0, len(blocks), Columns(4), is_big(write), 2, 0)
    assert found == (1, len(good), NOT_A_RECORD)


def test_index_pcapng_refuses_a_simple_packet_without_interface(kernels: ModuleType, write: In) -> None:
    block = write.simple_packet(b"whose?")
    assert kernels.index_pcapng(block, 0, len(block), Columns(4), is_big(write), 0, 0) == (0, 0, NOT_A_RECORD)


@pytest.mark.parametrize("claimed", [40, 2**31, MOST - 3])
def test_index_pcapng_asks_for_more_before_a_block_that_is_not_whole(
    kernels: ModuleType, write: In, claimed: int
) -> None:
    blocks = write.block(6, bytes(20)) + write.block(6, bytes(20), total_length=claimed)
    found = kernels.index_pcapng(blocks, 0, len(blocks), Columns(4), is_big(write), 1, 0)
    assert found == (1, 32, MORE)


@pytest.mark.parametrize(
    ("capacity", "expected"), [(0, (0, 0, FULL)), (1, (1, 36, FULL)), (2, (2, 72, MORE)), (3, (2, 72, MORE))]
)
def test_index_pcapng_stops_when_columns_are_full(
    kernels: ModuleType, write: In, capacity: int, expected: tuple[int, ...]
) -> None:
    blocks = write.enhanced_packet(0, 0, b"x") * 2
    assert kernels.index_pcapng(blocks, 0, 72, Columns(capacity), is_big(write), 1, 0) == expected
