"""The kernels: facts about each on bytes built by hand, and the compiled form against the interpreted one."""

from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import wire
from conversions import SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    MOST,
    MOST_TICKS,
    SMALL_OR_WORD,
    TICKS,
    WORDS,
    all_columns,
    column,
    counts,
    is_big,
    outcome,
    packet_rows,
    scale,
    scale_tables,
    with_rows,
)
from wire import BIG, LITTLE, In

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import BEFORE_1970, FULL, MORE, OTHER, SCALE, TOO_LATE, TOTALS
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, ticks_per_second

NEVER, MAYBE, ALWAYS = 0, 1, 2  # where lengths are swapped

# ---------------------------------------------------------------- facts: index_pcap


def test_index_pcap_finds_records(kernels: ModuleType, write: In) -> None:
    records = write.pcap_record(7, 5, b"abc", original_length=60) + write.pcap_record(8, 999_999, b"")
    columns = Columns(4)
    found = kernels.index_pcap(b"##" + records + b"!", 2, 2 + len(records), columns, is_big(write), 16, NEVER, 10**6)
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
    assert kernels.index_pcap(records, 0, len(records), columns, is_big(write), 24, NEVER, 10**6) == (2, 54, MORE, 0)
    assert column(columns, "data_at", 2) == [24, 51]
    assert column(columns, "record_length", 2) == [27, 27]


@pytest.mark.parametrize(
    ("swap", "first", "second", "lengths"),
    [
        (NEVER, 3, 4, (3, 4)),
        (NEVER, 4, 3, (4, 3)),
        (MAYBE, 3, 4, (3, 4)),
        (MAYBE, 4, 3, (3, 4)),
        (ALWAYS, 4, 3, (3, 4)),
        (ALWAYS, 3, 4, (4, 3)),
        (ALWAYS, MOST, 3, (3, MOST)),
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
    assert kernels.index_pcap(record, 0, 16, columns, is_big(write), 16, NEVER, units) == (1, 16, MORE, odd)
    assert columns.ticks[0] == ticks


@pytest.mark.parametrize("claimed", [5, 2**31 - 1, 2**31, MOST - 17, MOST - 16, MOST - 15, MOST])
def test_index_pcap_stops_before_a_record_that_is_not_whole(kernels: ModuleType, write: In, claimed: int) -> None:
    records = write.pcap_record(0, 0, b"good") + write.pcap_record(0, 0, b"good", captured_length=claimed)
    found = kernels.index_pcap(records, 0, len(records), Columns(4), is_big(write), 16, NEVER, 10**6)
    assert found == (1, 20, MORE, 0)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [(0, (0, 0, FULL, 0)), (1, (1, 17, FULL, 0)), (2, (2, 34, MORE, 0)), (3, (2, 34, MORE, 0))],
)
def test_index_pcap_stops_when_columns_are_full(
    kernels: ModuleType, write: In, capacity: int, expected: tuple[int, ...]
) -> None:
    records = write.pcap_record(0, 0, b"x") * 2
    assert kernels.index_pcap(records, 0, 34, Columns(capacity), is_big(write), 16, NEVER, 10**6) == expected


MAGICS = [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED, wire.IXIA_HARDWARE, wire.IXIA_SOFTWARE]
VERSIONS = [(2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (543, 0)]


@pytest.mark.parametrize("header_order", [LITTLE, BIG])
@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("version", VERSIONS)
def test_index_pcap_stops_at_the_header_of_a_file(
    kernels: ModuleType, write: In, magic: int, version: tuple[int, int], header_order: Any
) -> None:
    header = wire.pcap_header(magic, byte_order=header_order, version=version, thiszone=-3600, sigfigs=6)
    capture = write.pcap_record(1, 2, b"one") + header + bytes(40)
    found = kernels.index_pcap(capture, 0, len(capture), Columns(4), is_big(write), 16, NEVER, 10**6)
    assert found == (1, 19, OTHER, 0)


@pytest.mark.parametrize("version", [(0, 0), (1, 4), (2, 5), (2, 0x200), (3, 0), (543, 1), (4, 2), (0x200, 0x400)])
def test_index_pcap_takes_what_has_another_version_for_a_record(
    kernels: ModuleType, write: In, version: tuple[int, int]
) -> None:
    header = write.pcap_header(version=version)[:16]
    found = kernels.index_pcap(header, 0, 16, Columns(4), is_big(write), 16, NEVER, 2**32)
    assert found == (1, 16, MORE, 0)


@pytest.mark.parametrize("size", [16, 20, 24, 28])
def test_index_pcap_stops_at_zeros_only_where_a_whole_header_has_them(
    kernels: ModuleType, write: In, size: int
) -> None:
    arguments = Columns(9), is_big(write), size, NEVER, 10**6
    assert kernels.index_pcap(bytes(size), 0, size, *arguments) == (0, 0, OTHER, 0)
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
    assert found == (1, len(good), OTHER)


def test_index_pcapng_refuses_a_simple_packet_without_interface(kernels: ModuleType, write: In) -> None:
    block = write.simple_packet(b"whose?")
    assert kernels.index_pcapng(block, 0, len(block), Columns(4), is_big(write), 0, 0) == (0, 0, OTHER)


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
        (6, 0, 2**32 * 10**6, TOO_LATE),
        (6, 0, MOST_TICKS, TOO_LATE),
        (6, 1, MOST * 10**6, TOO_LATE),
        (6, 2**63 - 1, 0, TOO_LATE),
        (0, 2**63 - 1, MOST_TICKS, TOO_LATE),
        (0, 2**63 - 1, 2**63 + 1, TOO_LATE),
        (0, -1, 2**32 + 1, TOO_LATE),
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


# ---------------------------------------------------------------- facts: counting


def test_count_packets_adds_up_each_interface(kernels: ModuleType) -> None:
    columns = with_rows(
        4,
        record_type=[6, 6, 3, 2],
        captured_length=[1, MOST, MOST, 4],
        original_length=[5, MOST, MOST, 0],
        ticks=[100, MOST_TICKS, 7, 50],
        interface=[0, 1, 1, 0],
    )
    totals = array("Q", [10, 0, 0, MOST_TICKS, 0] * 3)
    types = array("Q", bytes(8 * 256))
    kernels.count_packets(columns, 4, totals, types)
    assert list(totals) == [
        *[12, 5, 5, 50, 100],
        *[12, 2 * MOST, 2 * MOST, MOST_TICKS, MOST_TICKS],
        *[10, 0, 0, MOST_TICKS, 0],
    ]
    assert {kind: count for kind, count in enumerate(types) if count} == {6: 2, 3: 1, 2: 1}


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda write: write.options((1, b"a"), (1, b""), (0xFFFF, b"xyz")), {1: 2, 0xFFFF: 1}),
        (lambda write: write.options((1, b"a"), end=False), {1: 1}),
        (lambda write: write.options((1, b"a")) + b"after the end", {1: 1}),
        (lambda write: write.option(0, b"long"), {}),
        (lambda write: write.option(1, b"a") + write.option(2, b"b", length=5), {1: 1, 65536: 1}),
        (lambda write: write.option(2, b"abcd", length=MOST & 0xFFFF), {65536: 1}),
        (lambda write: write.option(2, b"abcd") + b"\0\0", {2: 1, 65536: 1}),
        (lambda _: b"", {}),
    ],
)
def test_count_options_counts_by_code(
    kernels: ModuleType, write: In, build: Callable[[In], bytes], expected: dict[int, int]
) -> None:
    raw = build(write)
    found = array("Q", bytes(8 * 65538))
    columns = with_rows(2, record_type=[6, 0], options_at=[3, 0], options_length=[len(raw), 0])
    kernels.count_options(b"..." + raw, columns, 2, is_big(write), found)
    assert {code: count for code, count in enumerate(found) if count} == expected


@pytest.mark.parametrize(("drops", "stated"), [(0, 0), (1, 1), (0xFFFE, 1), (0xFFFF, 0)])
def test_count_options_counts_stated_drop_counts(kernels: ModuleType, write: In, drops: int, stated: int) -> None:
    block = write.obsolete_packet(0x1234, 0, b"", drops_count=drops)
    found = array("Q", bytes(8 * 65538))
    kernels.count_options(block, with_rows(1, record_type=[2]), 1, is_big(write), found)
    assert (found[65537], sum(found)) == (stated, stated)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda write: write.options((1, b"a"), (1, b""), (2, b"b"), (0xFFFF, b"xyz")), [2, 2, 0, 0]),
        (lambda write: write.options((1, b"a"), end=False), [1, 0, 0, 0]),
        (lambda write: write.options((2, b"a")) + b"after the end", [0, 1, 0, 0]),
        (lambda write: write.option(0, b"long"), [0, 0, 0, 0]),
        (lambda write: write.option(1, b"a") + write.option(2, b"b", length=5), [1, 0, 1, 0]),
        (lambda write: write.option(2, b"abcd") + b"\0\0", [0, 1, 1, 0]),
        (lambda write: write.option(0x0101, b""), [0, 1, 0, 0]),
        (lambda _: b"", [0, 0, 0, 0]),
    ],
)
def test_sum_options_counts_comments_and_others(
    kernels: ModuleType, write: In, build: Callable[[In], bytes], expected: list[int]
) -> None:
    raw = build(write)
    sums = array("Q", [10, 20, 30, 40])
    columns = with_rows(2, record_type=[6, 0], options_at=[3, 0], options_length=[len(raw), 0])
    kernels.sum_options(b"..." + raw, columns, 2, is_big(write), sums)
    assert [after - before for after, before in zip(sums, (10, 20, 30, 40))] == expected


@pytest.mark.parametrize(("drops", "stated"), [(0, 0), (1, 1), (0xFFFE, 1), (0xFFFF, 0)])
def test_sum_options_counts_stated_drop_counts(kernels: ModuleType, write: In, drops: int, stated: int) -> None:
    block = write.obsolete_packet(0x1234, 0, b"", drops_count=drops)
    sums = array("Q", [0, 0, 0, 0])
    kernels.sum_options(block, with_rows(1, record_type=[2]), 1, is_big(write), sums)
    assert list(sums) == [0, 0, 0, stated]


# ---------------------------------------------------------------- refusals: ValueError, never a crash


@pytest.mark.parametrize(("start", "stop"), [(-1, 4), (0, 5), (3, 2), (5, 5), (-2, -1), (2**62, 2**62)])
def test_index_refuses_a_range_outside_the_buffer(kernels: ModuleType, start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcap(bytes(4), start, stop, Columns(1), False, 16, NEVER, 10**6)
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcapng(bytes(4), start, stop, Columns(1), False, 1, 0)


@pytest.mark.parametrize("size", [15, 0, -1])
def test_index_pcap_refuses_a_header_below_16_bytes(kernels: ModuleType, size: int) -> None:
    with pytest.raises(ValueError, match="outside the buffer"):
        kernels.index_pcap(bytes(64), 0, 64, Columns(1), False, size, NEVER, 10**6)


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


CALLS: dict[str, Callable[[ModuleType, Columns], object]] = {
    "index_pcap": lambda kernels, columns: kernels.index_pcap(bytes(64), 0, 64, columns, False, 16, NEVER, 10**6),
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
USED = {
    "index_pcap": ["record_at", "record_length", "data_at", "captured_length", "original_length"],
    "index_pcapng": [name for name in Columns.TYPECODES if name != "ticks"],
    "encode_pcap": ["record_type", "data_at", "captured_length", "original_length", "ticks", "interface"],
    "encode_pcapng": list(Columns.TYPECODES),
    "count_packets": ["record_type", "captured_length", "original_length", "ticks", "interface"],
    "count_options": ["record_at", "record_type", "options_at", "options_length"],
    "sum_options": ["record_at", "record_type", "options_at", "options_length"],
}
BAD_COLUMNS = [(kernel, name) for kernel, names in USED.items() for name in names]


@pytest.mark.parametrize(("kernel", "name"), BAD_COLUMNS)
def test_a_column_that_is_too_short_is_refused(kernels: ModuleType, kernel: str, name: str) -> None:
    columns = Columns(2)
    setattr(columns, name, getattr(columns, name)[:1])
    with pytest.raises(ValueError, match=name):
        CALLS[kernel](kernels, columns)


@pytest.mark.parametrize(("kernel", "name"), BAD_COLUMNS)
def test_a_column_of_another_type_is_refused(kernels: ModuleType, kernel: str, name: str) -> None:
    columns = Columns(2)
    setattr(columns, name, array("h", bytes(4)))
    with pytest.raises(ValueError, match=name):
        CALLS[kernel](kernels, columns)


# ---------------------------------------------------------------- parity


def indexed(
    kernel: Callable[..., Any], capture: bytes, start: int, stop: int, capacity: int, *rest: Any
) -> tuple[Any, dict[str, list[int]]]:
    columns = Columns(capacity)
    found = kernel(capture, start, stop, columns, *rest)
    return found, all_columns(columns, found[0])


def agree_on_pcap(compiled: ModuleType, *rest: Any) -> None:
    """`rest` are the arguments of `indexed` for index_pcap."""
    assert indexed(compiled.index_pcap, *rest) == indexed(interpreted.index_pcap, *rest)


def agree_on_pcapng(compiled: ModuleType, *rest: Any) -> None:
    """`rest` are the arguments of `indexed` for index_pcapng."""
    assert indexed(compiled.index_pcapng, *rest) == indexed(interpreted.index_pcapng, *rest)


def agree_on_encoding(
    compiled: ModuleType, buffer: bytes, columns: Columns, row: int, room: int, at: int, big: bool, table: "array[int]"
) -> None:
    rows = columns.capacity
    to_pcap, to_pcapng = [], []
    for module in (compiled, interpreted):
        out, tally = bytearray(b"\xaa" * room), counts()
        to_pcap.append(
            outcome(module.encode_pcap, buffer, columns, row, rows, out, at, big, table, tally, written=(out, tally))
        )
        for rest in ((big, False), (big, True)):
            out = bytearray(b"\xaa" * room)
            to_pcapng.append(outcome(module.encode_pcapng, buffer, columns, row, rows, out, at, *rest, written=(out,)))
        out = bytearray(b"\xaa" * room)
        to_pcapng.append(outcome(module.copy_records, buffer, columns, row, rows, out, at, written=(out,)))
    assert to_pcap[0] == to_pcap[1]
    assert to_pcapng[:3] == to_pcapng[3:]


def agree_on_counting(compiled: ModuleType, buffer: bytes, columns: Columns, interfaces: int, big: bool) -> None:
    packets, options, sums = [], [], []
    for module in (compiled, interpreted):
        totals, types = array("Q", [0, 0, 0, MOST_TICKS, 0] * interfaces), array("Q", bytes(8 * 256))
        packets.append(outcome(module.count_packets, columns, columns.capacity, totals, types, written=(totals, types)))
        found = array("Q", bytes(8 * 65538))
        options.append(
            outcome(module.count_options, buffer, columns, columns.capacity, big, found, written=(found.tobytes(),))
        )
        four = array("Q", bytes(8 * 4))
        sums.append(outcome(module.sum_options, buffer, columns, columns.capacity, big, four, written=(four,)))
    assert packets[0] == packets[1]
    assert options[0] == options[1]
    assert sums[0] == sums[1]


BYTE_ORDERS = st.sampled_from([LITTLE, BIG])
HALF_WORDS = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0xFFFF]))
DATA = st.binary(max_size=40)
MAYBE_WORD = st.one_of(st.none(), WORDS)


@st.composite
def pcap_records(draw: st.DrawFn) -> tuple[bytes, bool, int]:
    """Records, whether they are big endian, and the size of their headers; few lie about their length."""
    write = In(draw(BYTE_ORDERS))
    size = draw(st.sampled_from([16, 16, 24]))
    captured = st.one_of(st.none(), st.none(), st.none(), WORDS)
    record = st.builds(
        write.pcap_record,
        WORDS,
        WORDS,
        DATA,
        original_length=MAYBE_WORD,
        captured_length=captured,
        extra=st.just(bytes(size - 16)),
    )
    header = st.builds(
        wire.pcap_header,
        st.sampled_from(MAGICS),
        byte_order=BYTE_ORDERS,
        version=st.one_of(st.sampled_from(VERSIONS), st.tuples(HALF_WORDS, HALF_WORDS)),
    )
    zeros = st.integers(1, 2 * size).map(bytes)
    records = draw(st.lists(st.one_of(record, record, record, header, zeros), max_size=5))
    return b"".join(records), is_big(write), size


@st.composite
def packet_blocks(draw: st.DrawFn) -> tuple[bytes, bool]:
    """Blocks, most of them packets and sound, and whether they are big endian."""
    write = In(draw(BYTE_ORDERS))
    blocks = b"".join(draw(packet_block(write)) for _ in range(draw(st.integers(0, 5))))
    return blocks, is_big(write)


@st.composite
def packet_block(draw: st.DrawFn, write: In) -> bytes:
    kind = draw(st.sampled_from(["enhanced", "enhanced", "simple", "obsolete", "other", "broken"]))
    data, original = draw(DATA), draw(MAYBE_WORD)
    captured = draw(st.one_of(st.none(), st.none(), st.none(), WORDS))
    options = draw(option_list(write))
    if kind == "enhanced":
        return write.enhanced_packet(
            draw(SMALL_OR_WORD),
            draw(TICKS),
            data,
            original_length=original,
            captured_length=captured,
            options=options,
        )
    if kind == "obsolete":
        return write.obsolete_packet(
            draw(st.integers(0, 3)),
            draw(TICKS),
            data,
            drops_count=draw(HALF_WORDS),
            original_length=original,
            captured_length=captured,
            options=options,
        )
    if kind == "simple":
        return write.simple_packet(data, original_length=original)
    block_type = draw(st.one_of(st.sampled_from([1, 2, 3, 5, 6, 0x0A0D0D0A]), WORDS))
    if kind == "other":
        return write.block(block_type, wire.padded(data))
    return write.block(block_type, data, total_length=draw(MAYBE_WORD), trailer=draw(MAYBE_WORD))


@st.composite
def option_list(draw: st.DrawFn, write: In) -> bytes:
    """Options, a multiple of 4 bytes, and now and then one that claims more than there is."""
    codes = st.sampled_from([0, 1, 2, 2988, 0x8001, 0xFFFF])
    lengths = st.one_of(st.none(), st.none(), st.none(), HALF_WORDS)
    listed = [
        write.option(draw(codes), draw(st.binary(max_size=9)), length=draw(lengths))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return b"".join(listed)


@given(
    records=pcap_records(),
    swap=st.integers(0, 2),
    units=st.sampled_from([10**6, 10**9]),
    capacity=st.integers(0, 6),
    late=st.sampled_from([0, 0, 0, 1]),
    trimmed=st.integers(0, 60),
)
def test_parity_of_index_pcap(
    compiled: ModuleType,
    records: tuple[bytes, bool, int],
    swap: int,
    units: int,
    capacity: int,
    late: int,
    trimmed: int,
) -> None:
    capture, big, size = records
    start = min(late, len(capture))
    agree_on_pcap(compiled, capture, start, max(start, len(capture) - trimmed), capacity, big, size, swap, units)


@given(
    blocks=packet_blocks(),
    interfaces=st.one_of(st.integers(0, 4), st.sampled_from([0xFFFF, MOST])),
    snaplen=SMALL_OR_WORD,
    capacity=st.integers(0, 6),
    trimmed=st.integers(0, 60),
)
def test_parity_of_index_pcapng(
    compiled: ModuleType, blocks: tuple[bytes, bool], interfaces: int, snaplen: int, capacity: int, trimmed: int
) -> None:
    capture, big = blocks
    agree_on_pcapng(compiled, capture, 0, max(0, len(capture) - trimmed), capacity, big, interfaces, snaplen)


@given(noise=st.binary(max_size=200), big=st.booleans(), capacity=st.integers(0, 6), start=st.integers(0, 8))
def test_parity_of_index_on_random_bytes(
    compiled: ModuleType, noise: bytes, big: bool, capacity: int, start: int
) -> None:
    start = min(start, len(noise))
    for swap in (NEVER, MAYBE, ALWAYS):
        agree_on_pcap(compiled, noise, start, len(noise), capacity, big, 16, swap, 10**6)
    for block_type in (2, 3, 6):
        capture = wire.number(block_type, 4, byte_order=BIG if big else LITTLE) + noise
        agree_on_pcapng(compiled, capture, 0, len(capture), capacity, big, 1, 0)


@given(data=st.data(), buffer=st.binary(max_size=64), big=st.booleans(), table=scale_tables())
def test_parity_of_encoding_and_counting_any_rows(
    compiled: ModuleType, data: st.DataObject, buffer: bytes, big: bool, table: "array[int]"
) -> None:
    columns = data.draw(packet_rows(len(buffer)))
    row = data.draw(st.integers(-1, 5))
    room = data.draw(st.integers(0, 400))
    at = data.draw(st.one_of(st.just(0), st.integers(-1, room + 1)))
    agree_on_encoding(compiled, buffer, columns, row, room, at, big, table)
    agree_on_counting(compiled, buffer, columns, len(table) // SCALE, big)


@given(blocks=packet_blocks(), short=st.sampled_from([0, 0, 1, 17]), table=scale_tables())
def test_parity_of_encoding_what_was_indexed(
    compiled: ModuleType, blocks: tuple[bytes, bool], short: int, table: "array[int]"
) -> None:
    capture, big = blocks
    columns = Columns(8)
    rows, _, _ = interpreted.index_pcapng(capture, 0, len(capture), columns, big, 4, 0)
    columns = columns.copy(0, rows)
    for per_packet, padding in ((16, 0), (32, 3)):  # room that is exactly right for pcap, then for pcapng
        needed = sum(per_packet + (length + padding & ~padding) for length in columns.captured_length)
        needed += sum(columns.options_length) if padding else 0
        agree_on_encoding(compiled, capture, columns, 0, max(0, needed - short), 0, big, table)
    agree_on_counting(compiled, capture, columns, 4, big)


# ---------------------------------------------------------------- parity: each sample, cut at every byte


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcap"], ids=lambda path: path.name)
def test_parity_on_a_pcap_sample_cut_at_every_byte(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    header = wire.read_pcap_header(capture)
    big, size = header.byte_order == BIG, 24 if header.magic == wire.MODIFIED else 16
    swap = {(2, 2): ALWAYS, (2, 3): MAYBE, (543, 0): ALWAYS}.get(header.version, NEVER)
    begin = header.size
    for stop in range(header.size, len(capture) + 1):
        agree_on_pcap(compiled, capture, begin, stop, 3, big, size, swap, header.units)
        rows, end, _, _ = interpreted.index_pcap(capture, begin, stop, Columns(1), big, size, swap, header.units)
        begin = end if rows and end < stop else begin
    agree_on_pcap(compiled, capture, header.size, len(capture), 1000, big, size, swap, header.units)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_parity_on_a_pcapng_sample_cut_at_every_byte(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    for each in wire.read_blocks(capture):
        big, end = each.byte_order == BIG, each.offset + len(each.raw)
        for stop in range(each.offset, end + 1):
            agree_on_pcapng(compiled, capture, each.offset, stop, 2, big, 2, 61)
        agree_on_pcapng(compiled, capture, each.offset, len(capture), 1000, big, 100, 0)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_parity_on_the_packets_of_a_pcapng_sample(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    table = scale(*[(6, 0)] * 20)
    for each in wire.read_blocks(capture):
        big, columns = each.byte_order == BIG, Columns(1)
        rows, _, _ = interpreted.index_pcapng(capture, each.offset, len(capture), columns, big, 20, 0)
        if rows:
            exact = 32 + -(-columns.captured_length[0] // 4) * 4 + columns.options_length[0]
            for room in (exact, exact - 1, 16 + columns.captured_length[0], 15 + columns.captured_length[0]):
                agree_on_encoding(compiled, capture, columns, 0, room, 0, big, table)
            agree_on_counting(compiled, capture, columns, 20, big)


@pytest.mark.parametrize("units", [10**6, 10**9])
@pytest.mark.parametrize("seconds", [0, 1, 2**31 - 1, 2**31, MOST - 1, MOST])
def test_parity_on_boundary_times(compiled: ModuleType, write: In, seconds: int, units: int) -> None:
    fractions = [0, 1, units - 1, units, units + 1, 2**31, MOST]
    records = b"".join(write.pcap_record(seconds, fraction, b"") for fraction in fractions)
    agree_on_pcap(compiled, records, 0, len(records), 10, is_big(write), 16, NEVER, units)


@pytest.mark.parametrize("units", [MICROSECONDS, NANOSECONDS])
@pytest.mark.parametrize("resolution", [0, 1, 6, 7, 9, 10, 0x80, 0x81, 0x86, 0x87, 0x94, 0xA0, 0xA1])
def test_parity_on_boundary_offsets(compiled: ModuleType, resolution: int, units: int) -> None:
    second = ticks_per_second(resolution)
    around = [0, second, (2**32 - 1) * second, 2**32 * second, 2**63, 2**63 * second, MOST_TICKS]
    ticks = sorted({each + step for each in around for step in (-1, 0, 1) if 0 <= each + step <= MOST_TICKS})
    offsets = [0, 1, -1, 2**32 - 1, 2**32, -(2**32) + 1, -(2**32), 2**63 - 1, -(2**63) + 1, -(2**63)]
    table = scale(*((resolution, offset) for offset in offsets), units=units)
    for interface in range(len(offsets)):
        for tick in ticks:
            columns = with_rows(1, record_type=[6], ticks=[tick], interface=[interface])
            agree_on_encoding(compiled, b"", columns, 0, 32, 0, False, table)


def test_both_forms_know_their_names(kernels: ModuleType) -> None:
    assert kernels.__name__.rpartition(".")[2] == kernels.NAME


def test_compiled_kernels_are_not_older_than_their_source(compiled: ModuleType) -> None:
    built = Path(str(compiled.__file__))
    source = built.with_name("compiled.pyx")
    if not source.exists() or not (built.parents[2] / "pyproject.toml").exists():
        pytest.skip("the compiled kernels do not stand beside their source")
    assert built.stat().st_mtime >= source.stat().st_mtime, "build them again: pip install -e ."
