"""The kernel that finds repeated packets: `RepeatWindow`."""

from array import array
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import MOST, MOST_TICKS, table, with_rows

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import EXACT_SCALE
from pcapconv.model import Columns

SECONDS = (1, 1, 0, 0, 0)  # a scale: a tick is a unit
DIGEST_BITS = pytest.mark.parametrize("digest_bits", [64, 0], ids=["digests", "all digests equal"])


class Store:
    """Bytes that a window has put away; it checks that they follow each other."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.begin: int | None = None
        self.oldest = 0
        self.reads = 0

    def write(self, position: int, data: bytes, oldest: int) -> None:
        if self.begin is None:
            self.begin = position
        assert self.begin + len(self.bytes) == position
        assert self.oldest <= oldest <= position + len(data)
        self.oldest = oldest
        self.bytes += data

    def read(self, position: int, length: int) -> bytes:
        assert self.begin is not None
        assert self.oldest <= position
        self.reads += 1
        return bytes(self.bytes[position - self.begin :][:length])


def rows_of(packets: list[bytes], **values: list[int]) -> tuple[bytes, Columns]:
    """A buffer with these packets, and its columns."""
    lengths = [len(packet) for packet in packets]
    given = {"data_at": [sum(lengths[:row]) for row in range(len(packets))], "captured_length": lengths}
    given |= {"original_length": lengths, "record_type": [6] * len(packets)}
    return b"".join(packets), with_rows(len(packets), **(given | values))


def found_by(window: Any, packets: list[bytes], first: int = 1, **values: Any) -> list[int]:
    """The numbers that the packets repeat."""
    options = {"groups": table(0), "scales": table(*SECONDS), "skip": 0, "any_length": False}
    options |= {name: values.pop(name) for name in [*values] if name in options}
    buffer, columns = rows_of(packets, **values)
    mask, repeated = bytearray(b"\1" * len(packets)), array("Q", [7] * len(packets))
    assert window.find(buffer, columns, len(packets), mask, first, *options.values(), repeated) == len(packets)
    assert list(mask) == [not each for each in repeated]
    return list(repeated)


A, B, C = b"packet A", b"packet B", b"C"


@DIGEST_BITS
def test_a_packet_is_held_against_so_many_before_it(kernels: ModuleType, digest_bits: int) -> None:
    packets = [A, B, A, A, C, B, B, b"", b"", A]
    for most, expected in {
        1: [0, 0, 0, 3, 0, 0, 6, 0, 8, 0],
        2: [0, 0, 1, 3, 0, 0, 6, 0, 8, 0],
        4: [0, 0, 1, 3, 0, 2, 6, 0, 8, 0],
        6: [0, 0, 1, 3, 0, 2, 6, 0, 8, 4],
    }.items():
        assert found_by(kernels.RepeatWindow(most, Store(), None, digest_bits), packets) == expected
        window = kernels.RepeatWindow(most, Store(), None, digest_bits)
        one_by_one = [found_by(window, [packet], number) for number, packet in enumerate(packets, 1)]
        assert [number for (number,) in one_by_one] == expected


def test_rows_that_are_not_selected_are_not_there(kernels: ModuleType) -> None:
    buffer, columns = rows_of([A, B, A, A])
    mask, repeated = bytearray([1, 1, 0, 1]), array("Q", bytes(32))
    window = kernels.RepeatWindow(2, Store())
    assert window.find(buffer, columns, 4, mask, 10, table(0), table(), 0, False, repeated) == 4
    assert (list(repeated), list(mask)) == ([0, 0, 0, 10], [1, 1, 0, 0])


@DIGEST_BITS
def test_each_bit_of_a_packet_counts(kernels: ModuleType, digest_bits: int) -> None:
    for length in (*range(1, 41), 1514):
        packet = bytes(range(7, 7 + length % 200)) + bytes(length - length % 200)
        bits = [1 << bit for bit in range(0, 8 * length, 1 if length < 41 else 97)]
        others = [(int.from_bytes(packet, "big") ^ bit).to_bytes(length, "big") for bit in bits]
        window = kernels.RepeatWindow(2**20, Store(), None, digest_bits)
        assert found_by(window, [packet, *others, packet]) == [0] * (1 + len(others)) + [1]


def test_lengths_groups_and_first_bytes(kernels: ModuleType) -> None:
    def found(packets: list[bytes], **values: Any) -> list[int]:
        return found_by(kernels.RepeatWindow(9, Store()), packets, **values)

    assert found([A, A], original_length=[8, 9]) == [0, 0]
    assert found([A, A], original_length=[8, 9], any_length=True) == [0, 1]
    assert found([A, A, A], interface=[0, 1, 0], groups=table(0, 1)) == [0, 0, 1]
    assert found([A, A, A], interface=[0, 1, 0], groups=table(5, 5)) == [0, 1, 2]
    assert found([b"xxA", b"yyA", b"yyB"], skip=2) == [0, 1, 0]
    assert found([b"xx", b"yy", b"xx", b"", b""], skip=2) == [0, 0, 1, 0, 4]
    assert found([b"A", b"xxA"], skip=2, any_length=True, original_length=[9, 9]) == [0, 0]
    assert found([A, A], skip=MOST) == [0, 1]


@DIGEST_BITS
def test_windows_of_time_reach_in_both_directions(kernels: ModuleType, digest_bits: int) -> None:
    def found(window: int, *ticks: int, **values: Any) -> list[bool]:
        repeats = kernels.RepeatWindow(9, Store(), window, digest_bits)
        return [number > 0 for number in found_by(repeats, [A] * len(ticks), ticks=list(ticks), **values)]

    assert found(0, 5, 5, 6, 5) == [False, True, False, True]
    assert found(10, 100, 110, 121, 90, 79, 80) == [False, True, False, True, False, True]
    assert found(10, 0, 20, 10) == [False, False, True]
    assert found(10, 9, 20, 9) == [False, False, True]
    assert found(2**125, 0, MOST_TICKS) == [False, True]
    late = (2**60, 1, 0, 0, 2**59)  # factor, divisor, offset: half the largest times
    early = (2**60, 1, 0, 0, 2**64 - 2**59)  # before 1970
    assert found(10, MOST_TICKS, MOST_TICKS, scales=table(*late)) == [False, True]
    assert found(2**60 - 1, 0, 1, 1, scales=table(*early)) == [False, False, True]
    assert found(2**60, 0, 1, 1, scales=table(*early)) == [False, True, True]
    assert found(0, 5, 8, 9, scales=table(1, 3, 0, 0, 0)) == [False, False, False]
    assert found(0, 6, 8, 9, scales=table(1, 3, 0, 0, 0)) == [False, True, False]
    assert found(0, MOST_TICKS, 0, scales=table(2**60, 0, 2**63, 0, 0)) == [False, True]


def test_packets_without_a_time_and_with_an_unknown_one(kernels: ModuleType) -> None:
    window = kernels.RepeatWindow(9, Store(), 10)
    assert found_by(window, [A, A, A], record_type=[3, 6, 3]) == [0, 0, 0]
    assert found_by(window, [A, A], 4, record_type=[3, 6]) == [0, 2]
    buffer, columns = rows_of([A, A, A], interface=[0, 1, 0])
    mask, repeated = bytearray(b"\1\1\1"), array("Q", bytes(24))
    scales = table(*SECONDS, 1, 0, 0, 0, 0)
    assert window.find(buffer, columns, 3, mask, 6, table(0, 0), scales, 0, False, repeated) == 1
    assert list(repeated[:1]) == [5]


def test_more_packets_in_a_window_of_time_than_are_held(kernels: ModuleType) -> None:
    window = kernels.RepeatWindow(2, Store(), 10)
    assert found_by(window, [A, B, C], ticks=[0, 1, 2]) == [0, 0, 0]
    assert window.first_cut == 0
    assert found_by(window, [b"D", C], 4, ticks=[11, 12]) == [0, 3]
    assert window.first_cut == 0
    assert found_by(window, [A], 6, ticks=[11]) == [0]
    assert window.first_cut == 6


@pytest.mark.parametrize("most", [3, 700, 3000])
@DIGEST_BITS
def test_bytes_go_from_memory_into_the_store_and_are_compared_there(
    kernels: ModuleType, most: int, digest_bits: int
) -> None:
    """Of 100 MB, where the window is long; a short one needs no store."""
    if not digest_bits and most > 3:
        return  # takes as long as there are packets
    store = Store()
    window = kernels.RepeatWindow(most, store)
    size = 50_000
    for number in range(1, 2001, 20):
        packets = [(each % 600).to_bytes(4, "big") * (size // 4) for each in range(number, number + 20)]
        expected = [each - 600 if most >= 600 and each > 600 else 0 for each in range(number, number + 20)]
        assert found_by(window, packets, number) == expected
    assert (len(store.bytes) > 0, store.reads > 0) == (most > 3, most > 3)


def test_one_packet_that_is_larger_than_all_memory_for_bytes(kernels: ModuleType) -> None:
    window = kernels.RepeatWindow(4, Store())
    large = bytes(2**25 + 1)
    assert found_by(window, [large], 1) == [0]
    assert found_by(window, [A, large], 2) == [0, 1]
    assert found_by(window, [large, A], 4) == [3, 2]


@pytest.mark.parametrize("most", [0, -1, 2**30 + 1])
def test_windows_that_are_refused(kernels: ModuleType, most: int) -> None:
    with pytest.raises(ValueError, match=f"a window of {most} packets"):
        kernels.RepeatWindow(most, Store())


def test_rows_outside_their_buffer_are_refused(kernels: ModuleType) -> None:
    values: dict[str, Any]
    for values in ({"data_at": [1]}, {"data_at": [-1]}, {"captured_length": [9]}, {"interface": [1]}):
        window = kernels.RepeatWindow(1, Store())
        with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
            found_by(window, [A], 1, **values)
    for values in ({"groups": array("I", [0])}, {"scales": table(*SECONDS[:-1])}):
        with pytest.raises(ValueError, match="a table of fewer than"):
            found_by(kernels.RepeatWindow(1, Store(), 1), [A], 1, **values)
    with pytest.raises(ValueError, match="a mask of fewer than 1 rows"):
        kernels.RepeatWindow(1, Store()).find(*rows_of([A]), 1, bytearray(), 1, table(0), table(), 0, False, table(0))


@given(st.data())
def test_both_forms_find_the_same(compiled: ModuleType, data: st.DataObject) -> None:
    most = data.draw(st.integers(1, 12))
    length = data.draw(st.one_of(st.none(), st.integers(0, 6), st.just(2**125)))
    digest_bits = data.draw(st.sampled_from([0, 1, 64]))
    windows = [form.RepeatWindow(most, Store(), length, digest_bits) for form in (compiled, interpreted)]
    number = 1
    for _ in range(data.draw(st.integers(1, 3))):
        packets = data.draw(st.lists(st.sampled_from([A, B, C, b""]), max_size=8))
        count = len(packets)

        def column(values: st.SearchStrategy[int], size: int = count) -> list[int]:
            return data.draw(st.lists(values, min_size=size, max_size=size))

        buffer, columns = rows_of(
            packets,
            ticks=column(st.one_of(st.integers(0, 20), st.integers(0, MOST_TICKS))),
            interface=column(st.integers(0, 1)),
            original_length=column(st.integers(0, 1)),
            record_type=column(st.sampled_from([0, 3, 6, 6])),
        )
        scale = st.tuples(
            st.sampled_from([1, 7, 2**60]),
            st.sampled_from([0, 1, 1, 3]),
            st.sampled_from([0, 0, 2**63]),
            st.integers(0, MOST_TICKS),
            st.sampled_from([0, 2**58, MOST_TICKS, 2**64 - 2**58]),
        )
        scales = table(*(value for _ in range(2) for value in data.draw(scale)))
        assert len(scales) == 2 * EXACT_SCALE
        groups = table(*data.draw(st.sampled_from([(0, 0), (0, 1)])))
        mask = bytes(column(st.sampled_from([0, 1, 1])))
        skip, any_length = data.draw(st.sampled_from([0, 1, 8])), data.draw(st.booleans())
        results = []
        for window in windows:
            masked, repeated = bytearray(mask), array("Q", bytes(8 * count))
            found = (buffer, columns, count, masked, number, groups, scales, skip, any_length, repeated)
            rows = window.find(*found)
            results.append((rows, masked[:rows], repeated[:rows], window.first_cut if length is not None else 0))
        assert results[0] == results[1]
        number += count
