"""The kernels that count: `count_packets`, `count_options` and `sum_options`."""

from array import array
from collections.abc import Callable
from types import ModuleType

import pytest
from kernel_rows import (
    MOST,
    MOST_TICKS,
    is_big,
    with_rows,
)
from wire import In

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
