"""The kernels that search damaged bytes: `find_records`, `follow_records`, `find_container`, `first_unsound` and
`find_blocks`."""

from array import array
from types import ModuleType
from typing import Any

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import agree, table, with_rows
from wire import BIG, LITTLE, In

from pcapconv.kernels.contract import MOST_ORIGINAL

T = 1000
LIMITS = table(100, 10**6, T - 5, T + 50, 20, 0)  # longest, fractions, earliest, latest, step, any lengths
NEVER, IF_LONGER, ALWAYS = 0, 1, 2


def found(kernels: ModuleType, raw: bytes, write: In, **changed: Any) -> int:
    """What find_records finds in bytes that end with the capture."""
    given: dict[str, Any] = {"start": 0, "scan": len(raw), "reach": 10**6, "at_end": True} | changed
    limits = given.get("limits", LIMITS)
    place: int = kernels.find_records(
        raw,
        given["start"],
        given["scan"],
        given["reach"],
        len(raw),
        given["at_end"],
        given.get("cut", False),
        write.byte_order == BIG,
        16,
        given.get("swap", NEVER),
        limits,
    )
    return place


def record(write: In, seconds: int = T, data: bytes = b"data", **fields: Any) -> bytes:
    return write.pcap_record(seconds, 7, data, **fields)


# ---------------------------------------------------------------- find_records


def test_chain_begins_at_its_first_record_and_ends_with_the_capture(kernels: ModuleType, write: In) -> None:
    raw = b"noise" + record(write) + record(write, T + 1, b"") + record(write, T + 2)
    assert found(kernels, raw, write) == 5
    assert found(kernels, raw, write, start=6) == 25
    assert found(kernels, raw, write, start=5, scan=5) == -1
    assert found(kernels, raw, write, at_end=False) == -1
    assert found(kernels, raw + b"\1", write) == -1


@pytest.mark.parametrize("left", range(1, 20))
def test_chain_may_end_with_a_record_that_is_cut_off(kernels: ModuleType, write: In, left: int) -> None:
    """If asked for; at least one whole record precedes it."""
    raw = record(write) + record(write, T + 20)[:left]
    assert found(kernels, raw, write, cut=True) == 0
    assert found(kernels, raw, write, cut=True, at_end=False) == -1
    assert found(kernels, raw, write) == -1
    assert found(kernels, raw[20:], write, cut=True) == -1


def test_chain_ends_only_with_a_cut_record_that_is_sound_as_far_as_it_is_there(kernels: ModuleType, write: In) -> None:
    def first(rest: bytes, **limits: Any) -> int:
        return found(kernels, record(write) + rest, write, cut=True, **limits)

    far, near = (record(write, T + step) for step in (21, 20))
    assert [first(far[:left]) for left in (3, 4)] == [0, -1]
    assert first(near[:8] + bytes(8)) == 0  # a whole record without data
    fraction = write.pcap_record(T, 10**6, b"data")
    assert [first(fraction[:left]) for left in (4, 8, 18)] == [0, -1, -1]
    longest = [record(write, data=bytes(size)) for size in (100, 101)]
    assert [first(each[:left]) for each in longest for left in (12, 16, 40)] == [0, 0, 0, 0, -1, -1]
    odd = record(write, original_length=3)
    assert first(odd[:18]) == -1
    assert first(odd[:18], limits=table(100, 10**6, 0, 2**32 - 1, 20, 1)) == 0
    assert first(record(write, original_length=MOST_ORIGINAL + 1)[:18]) == -1
    assert [first(bytes(count)) for count in (3, 4)] == [0, -1]


def test_chain_proves_itself_where_a_record_ends_at_reach(kernels: ModuleType, write: In) -> None:
    raw = record(write) * 3 + b"\xff" * 16
    assert [found(kernels, raw, write, scan=1, reach=reach, at_end=False) for reach in (20, 60, 61)] == [0, 0, -1]


@pytest.mark.parametrize(
    ("unsound", "sound"),
    [
        ({"seconds": T - 6}, {"seconds": T - 5}),
        ({"seconds": T + 51}, {"seconds": T + 50}),
        ({"data": bytes(101)}, {"data": bytes(100)}),
        ({"original_length": 3}, {"original_length": 4}),
        ({"original_length": MOST_ORIGINAL + 1}, {"original_length": MOST_ORIGINAL}),
    ],
)
def test_record_that_is_not_sound_begins_no_chain(
    kernels: ModuleType, write: In, unsound: dict[str, Any], sound: dict[str, Any]
) -> None:
    assert found(kernels, record(write, **unsound), write, scan=1) == -1
    assert found(kernels, record(write, **sound), write, scan=1) == 0


def test_fractions_and_zeros_are_looked_at(kernels: ModuleType, write: In) -> None:
    any_time = table(100, 10**6, 0, 2**32 - 1, 20, 0)
    assert found(kernels, write.pcap_record(T, 10**6, b""), write) == -1
    assert found(kernels, bytes(16), write, limits=any_time) == -1
    assert found(kernels, write.pcap_record(0, 1, b""), write, limits=any_time) == 0


def test_captured_lengths_above_original_ones_are_sound_if_asked(kernels: ModuleType, write: In) -> None:
    odd = record(write, original_length=3)
    assert found(kernels, odd, write, limits=table(100, 10**6, 0, 2**32 - 1, 20, 1)) == 0
    assert found(kernels, odd, write, swap=IF_LONGER, scan=1) == -1  # it has 3 bytes then, and one is left over
    swapped = record(write, original_length=9, lengths_swapped=True)
    assert [found(kernels, swapped, write, swap=swap) for swap in (IF_LONGER, ALWAYS)] == [0, 0]


def test_step_in_time_ends_a_chain(kernels: ModuleType, write: In) -> None:
    raw = record(write, T) + record(write, T + 20) + record(write, T + 41)
    assert found(kernels, raw, write) == 40
    raw = record(write, T) + record(write, T + 20) + record(write, T + 40) + record(write, T + 60)
    assert found(kernels, raw, write) == 0  # only the first record's time is compared with those before the stretch


def test_records_of_a_failed_chain_are_no_start(kernels: ModuleType, write: In) -> None:
    raw = record(write) * 3 + b"\xff" * 20 + record(write)
    assert found(kernels, raw, write) == 80


# ---------------------------------------------------------------- follow_records, find_container, first_unsound


def test_whole_records_are_followed_sound_or_not(kernels: ModuleType, write: In) -> None:
    raw = record(write, 0) + record(write, T, original_length=0) + bytes(16) + record(write) + b"\xff" * 15
    big = write.byte_order == BIG

    def follow(until: int, *, zeros: bool) -> int:
        end: int = kernels.follow_records(raw, 0, until, len(raw), big, 16, NEVER, zeros)
        return end

    assert [follow(until, zeros=True) for until in (0, 1, 20, 21, 99)] == [0, 20, 20, 40, 76]
    assert [follow(until, zeros=False) for until in (0, 1, 20, 21, 99)] == [0, 20, 20, 40, 40]


def test_container_is_the_first_record_that_holds_sound_ones(kernels: ModuleType, write: In) -> None:
    inner = record(write) * 2
    whole, cut, single = record(write, T, inner), record(write, T, inner[:39]), record(write, T, b"x" + inner[:20])
    last = record(write, T, inner[:20] + b"x")
    twice = record(write, T, whole)
    big = write.byte_order == BIG

    def container(*records: bytes) -> int:
        raw = b"".join(records)
        place: int = kernels.find_container(raw, 0, len(raw), len(raw), big, 16, NEVER, LIMITS)
        return place

    plain = record(write)
    assert container(plain, whole) == 20
    assert container(plain, single) == 20  # its end is the end of a record
    assert container(plain, cut) == -1  # a second record that is not whole
    assert container(plain, last, plain) == -1
    assert container(twice, whole) == len(twice)  # a record in a record in a record
    assert container() == -1


def test_first_unsound_row(kernels: ModuleType, write: In) -> None:
    raw = record(write, T) + record(write, T + 20) + record(write, T + 41) + record(write, T + 41, original_length=0)
    columns = with_rows(4, record_at=[0, 20, 40, 60])
    big = write.byte_order == BIG

    def unsound(first: int, stop: int, previous: int = -1) -> int:
        row: int = kernels.first_unsound(raw, columns, first, stop, big, 16, NEVER, previous, LIMITS)
        return row

    assert [unsound(0, 4), unsound(0, 2), unsound(2, 4), unsound(3, 3)] == [2, 2, 3, 3]
    assert [unsound(0, 4, T - 20), unsound(0, 4, T - 21)] == [2, 0]


# ---------------------------------------------------------------- find_blocks

BOUNDS = table(1000, 2000, 0, 5)  # of two interfaces


def blocks(kernels: ModuleType, raw: bytes, write: In, **changed: Any) -> int:
    """What find_blocks finds in bytes that end with the capture."""
    given: dict[str, Any] = {"start": 0, "scan": len(raw), "reach": 10**6, "at_end": True, "most": 1000} | changed
    place: int = kernels.find_blocks(
        raw,
        given["start"],
        given["scan"],
        given["reach"],
        len(raw),
        given["at_end"],
        write.byte_order == BIG,
        given.get("bounds", BOUNDS),
        given["most"],
    )
    return place


def test_chain_of_blocks(kernels: ModuleType, write: In) -> None:
    packet = write.enhanced_packet(0, 1500, b"data")
    raw = b"\6\0\0" + packet + write.names() + packet
    assert blocks(kernels, raw, write) == 3
    assert blocks(kernels, raw, write, start=4) == 3 + len(packet)
    assert blocks(kernels, raw + b"\1", write) == -1
    assert blocks(kernels, raw, write, at_end=False) == -1
    assert blocks(kernels, raw, write, at_end=False, reach=len(packet), scan=4) == 3
    assert blocks(kernels, raw, write, most=len(packet) - 1) == -1


@pytest.mark.parametrize(
    ("interface", "ticks", "begins"),
    [(0, 999, False), (0, 1000, True), (0, 2000, True), (0, 2001, False), (1, 5, True), (1, 6, False), (2, 9, True)],
)
def test_time_of_the_first_packet_counts(
    kernels: ModuleType, write: In, interface: int, ticks: int, begins: bool
) -> None:
    for packet in (write.enhanced_packet(interface, ticks, b"x"), write.obsolete_packet(interface, ticks, b"x")):
        before = write.statistics(0, 77) + write.simple_packet(b"x")
        assert blocks(kernels, before + packet, write, scan=1) == (0 if begins else -1)


def test_only_blocks_of_the_specification_begin_a_chain(kernels: ModuleType, write: In) -> None:
    packet = write.enhanced_packet(0, 1500, b"data")
    assert blocks(kernels, write.block(0x80000001) + packet, write) == 12
    assert blocks(kernels, packet + write.block(0x80000001), write) == 0


def test_section_of_either_byte_order_begins_a_chain(kernels: ModuleType, write: In) -> None:
    for order in (In(LITTLE), In(BIG)):
        section = order.section_header() + order.interface() + order.enhanced_packet(0, 0, b"x")
        assert blocks(kernels, b"xx" + section, write) == 2
        assert blocks(kernels, write.enhanced_packet(0, 1500, b"") + section, write) == 0
    assert blocks(kernels, wire.section_header()[:8] + bytes(20), write) == -1


@pytest.mark.parametrize("spoiled", [{"total_length": 35}, {"total_length": 8}, {"trailer": 40}])
def test_block_that_is_not_sound(kernels: ModuleType, write: In, spoiled: dict[str, Any]) -> None:
    assert blocks(kernels, write.block(4, bytes(24), **spoiled), write) == -1
    assert blocks(kernels, write.enhanced_packet(0, 1500, b"data", captured_length=5), write) == -1
    assert blocks(kernels, write.block(1, bytes(4)), write) == -1


# ---------------------------------------------------------------- refusals and parity


def test_ranges_outside_the_buffer_are_refused(kernels: ModuleType) -> None:
    for start, scan, reach, stop in ((-1, 0, 1, 0), (1, 0, 1, 5), (0, 6, 1, 5), (0, 0, 1, 41), (0, 0, 0, 40)):
        with pytest.raises(ValueError, match="the range lies outside the buffer"):
            kernels.find_records(bytes(40), start, scan, reach, stop, True, True, False, 16, NEVER, LIMITS)
        with pytest.raises(ValueError, match="the range lies outside the buffer"):
            kernels.find_blocks(bytes(40), start, scan, reach, stop, True, False, BOUNDS, 99)
    for start, stop, header_size in ((-1, 9, 16), (9, 8, 16), (0, 41, 16), (0, 40, 15)):
        with pytest.raises(ValueError, match="the range lies outside the buffer"):
            kernels.follow_records(bytes(40), start, 0, stop, False, header_size, NEVER, True)
        with pytest.raises(ValueError, match="the range lies outside the buffer"):
            kernels.find_container(bytes(40), start, 0, stop, False, header_size, NEVER, LIMITS)
    with pytest.raises(ValueError, match="fewer than 6 64-bit values"):
        kernels.find_records(bytes(40), 0, 0, 1, 40, True, True, False, 16, NEVER, table(1))
    with pytest.raises(ValueError, match="two 64-bit values for each interface"):
        kernels.find_blocks(bytes(40), 0, 0, 1, 40, True, False, table(1), 99)


WORDS = st.one_of(
    st.sampled_from([T, T + 1, T + 30, 0, 1, 3, 4, 5, 6, 16, 32, 36, 10**6, 2**32 - 1]), st.integers(0, 40)
)


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    """Records, blocks, words and noise in one row."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    small = st.binary(max_size=9)
    piece = st.one_of(
        small,
        st.builds(lambda each: write.number(each, 4), WORDS),
        st.builds(lambda seconds, data: write.pcap_record(seconds, 7, data), st.integers(T - 7, T + 60), small),
        st.builds(lambda data: write.pcap_record(T, 7, data + write.pcap_record(T, 7, data)), small),
        st.builds(lambda ticks, data: write.enhanced_packet(0, ticks, data), st.integers(990, 2010), small),
        st.builds(write.simple_packet, small),
        st.sampled_from([write.section_header(), write.interface(), write.names(), write.block(77), bytes(16)]),
    )
    return b"".join(draw(st.lists(piece, max_size=12)))


@given(
    raw=pieces(),
    start=st.integers(0, 40),
    scan=st.integers(0, 200),
    reach=st.integers(1, 300),
    at_end=st.booleans(),
    big=st.booleans(),
    header_size=st.sampled_from([16, 24]),
    swap=st.sampled_from([NEVER, IF_LONGER, ALWAYS]),
    limits=st.sampled_from([LIMITS, table(5, 2**32, 0, 2**32 - 1, 2**32, 1), table(100, 10**6, T, T, 0, 0)]),
)
def test_both_forms_find_the_same(
    compiled: ModuleType,
    raw: bytes,
    start: int,
    scan: int,
    reach: int,
    at_end: bool,
    big: bool,
    header_size: int,
    swap: int,
    limits: "array[int]",
) -> None:
    records = big, header_size, swap
    scan = min(scan, len(raw))
    for cut in (False, True):
        agree(compiled, "find_records", raw, start, scan, reach, len(raw), at_end, cut, *records, limits)
    agree(compiled, "follow_records", raw, start, reach, len(raw), *records, at_end)
    agree(compiled, "find_container", raw, start, reach, len(raw), *records, limits)
    agree(compiled, "find_blocks", raw, start, scan, reach, len(raw), at_end, big, BOUNDS, 60)
    columns = with_rows(3, record_at=[start, scan, reach])
    agree(compiled, "first_unsound", raw, columns, 0, 3, *records, T, limits)
