"""`pcapconv.diff` of whole captures: whatever wrote them they are the same, and what was changed is found, no more."""

import cProfile
import io
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import DAMAGED, every_sample, stem
from equivalent_captures import FULL_PACKETS, PLAIN_PACKETS, PacketFacts, equivalent_pcapng, equivalent_plain_captures
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import PcapconvError
from pcapconv.comparing import MOST_SHOWN, Comparison

Found = tuple[int | None, int | None, tuple[str, ...]]


def comparison_of(a: bytes, b: bytes, **options: Any) -> Comparison:
    return pcapconv.diff(io.BytesIO(a), io.BytesIO(b), show=MOST_SHOWN, **options)


def differences_in(comparison: Comparison) -> list[Found]:
    """The differences, which are all shown; what is counted of them agrees."""
    differences = [each.difference for each in comparison.shown]
    assert len(differences) == sum(comparison.counts.values()) < MOST_SHOWN
    assert comparison.counts["removed"] == sum(each.b is None for each in differences)
    assert comparison.counts["inserted"] == sum(each.a is None for each in differences)
    for field in set(comparison.fields):
        assert comparison.fields[field] == sum(field in each.fields for each in differences)
    return [(each.a, each.b, each.fields) for each in differences]


def is_same(comparison: Comparison) -> bool:
    assert comparison.same == (not comparison.headers and not differences_in(comparison))
    return comparison.same


# ---------------------------------------------------------------- the same

some_packets = st.lists(FULL_PACKETS, max_size=8)
pytestmark = pytest.mark.usefixtures("kernels")


@settings(max_examples=60)
@given(data=st.data(), packets=some_packets)
def test_whoever_wrote_them_they_are_the_same(data: st.DataObject, packets: list[PacketFacts]) -> None:
    a, b = data.draw(equivalent_pcapng(packets)), data.draw(equivalent_pcapng(packets))
    assert is_same(comparison_of(a, b))
    for ignore in (["time"], ["interfaces", "comments"], ["lengths", "direction", "names", "secrets"]):
        assert is_same(comparison_of(a, b, ignore=ignore))
    assert is_same(comparison_of(a, b, time_tolerance="1ns"))


@settings(max_examples=20)
@given(packets=st.lists(PLAIN_PACKETS, min_size=1, max_size=6))
def test_both_formats_byte_orders_and_resolutions_are_the_same(packets: list[PacketFacts]) -> None:
    packets = [packet._replace(time=packet.time % (2**32 * 10**9)) for packet in packets]
    for a, b in pairwise(equivalent_plain_captures(packets)):
        assert is_same(comparison_of(a, b))
        assert is_same(comparison_of(b, a))


@every_sample
def test_a_sample_is_the_same_as_its_normal_form(path: Path) -> None:
    capture, target = path.read_bytes(), io.BytesIO()
    try:
        report = pcapconv.normalize(io.BytesIO(capture), target, on_loss="ignore")
    except PcapconvError:
        return  # another test has what is refused
    of_times = report.losses.keys() - {"header-fields"}
    result = comparison_of(capture, target.getvalue(), ignore=["time"] if of_times else [])
    assert (result.headers, differences_in(result)) == ([], [])
    if of_times:
        assert set(comparison_of(capture, target.getvalue()).fields) == {"time"}


@every_sample
@pytest.mark.parametrize("all_", [False, True])
def test_a_sample_is_the_same_as_itself(path: Path, all_: bool) -> None:
    if stem(path) == "time-malformed":
        with pytest.raises(PcapconvError, match="if_ts"):
            comparison_of(path.read_bytes(), path.read_bytes(), all=all_)
        return
    result = comparison_of(path.read_bytes(), path.read_bytes(), all=all_)
    assert (result.headers, differences_in(result)) == ([], [])
    assert bool(result.damage[0]) == (stem(path) in DAMAGED)


def test_a_corpus_file_is_the_same_as_its_conversions(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    for to in ("pcap", "pcapng"):
        target = io.BytesIO()
        try:
            report = pcapconv.convert(io.BytesIO(capture), target, to=to, on_loss="ignore")
        except PcapconvError:
            continue
        lost = set(report.losses)
        result = comparison_of(capture, target.getvalue(), ignore=["time"] if "packets-without-time" in lost else [])
        if not lost:
            assert (result.headers, differences_in(result)) == ([], [])
        assert result.packets[0] == result.packets[1]
        assert set(result.counts) <= {"changed"}
        assert not set(result.fields) - {"interface", "options", "time"}
        assert "time" not in result.fields or "time-digits" in lost


# ---------------------------------------------------------------- changes


def unlike_packets(packets: Sequence[PacketFacts]) -> list[PacketFacts]:
    """The packets with contents of which none stands twice."""
    return [packet._replace(data=number.to_bytes(2, "big") + packet.data) for number, packet in enumerate(packets)]


def interfaces_of(packets: Sequence[PacketFacts]) -> set[int]:
    return {packet.interface for packet in packets}


CHANGES: dict[str, Callable[[PacketFacts], PacketFacts]] = {
    "bytes": lambda packet: packet._replace(data=packet.data + b"\xff"),
    "lengths": lambda packet: packet._replace(original_length=packet.original_length + 1),
    "time": lambda packet: packet._replace(time=packet.time + 1),
    "interface": lambda packet: packet._replace(interface=(packet.interface + 1) % 3),
    "comments": lambda packet: packet._replace(comments=("new", *packet.comments)),
    "direction": lambda packet: packet._replace(direction=(packet.direction + 1) % 4),
}
FIELD = {"comments": "options", "direction": "options"}
IGNORE = {"interface": "interfaces"}


@settings(max_examples=30)
@pytest.mark.parametrize("kind", CHANGES)
@given(data=st.data(), packets=st.lists(FULL_PACKETS, min_size=1, max_size=12))
def test_the_one_change_that_was_made_is_found(kind: str, data: st.DataObject, packets: list[PacketFacts]) -> None:
    packets = unlike_packets(packets)
    row = data.draw(st.integers(0, len(packets) - 1))
    other = [*packets[:row], CHANGES[kind](packets[row]), *packets[row + 1 :]]
    assume(interfaces_of(packets) == interfaces_of(other))
    a, b = data.draw(equivalent_pcapng(packets)), data.draw(equivalent_pcapng(other))
    result = comparison_of(a, b)
    assert result.headers == []
    assert differences_in(result) == [(row + 1, row + 1, (FIELD.get(kind, kind),))]
    if kind != "bytes":
        assert is_same(comparison_of(a, b, ignore=[IGNORE.get(kind, kind)]))


def expected_differences(a: Sequence[int], b: Sequence[int]) -> list[Found]:
    """The differences of two sides that have distinct numbers and share some in the same order."""
    differences: list[Found] = []
    common = [*(number for number in a if number in set(b)), None]
    ones, others = [*a, None], [*b, None]
    for number in common:
        left, right = ones.index(number), others.index(number)
        begun = len(a) + 1 - len(ones), len(b) + 1 - len(others)
        if left == right:
            differences += [(begun[0] + at + 1, begun[1] + at + 1, ("bytes",)) for at in range(left)]
        else:
            differences += [(begun[0] + at + 1, None, ()) for at in range(left)]
            differences += [(None, begun[1] + at + 1, ()) for at in range(right)]
        ones, others = ones[left + 1 :], others[right + 1 :]
    return differences


@settings(max_examples=60)
@given(data=st.data(), count=st.integers(0, 120))
def test_what_was_removed_and_inserted_is_found(data: st.DataObject, count: int) -> None:
    numbers = list(range(count))
    gone = data.draw(st.sets(st.integers(0, max(0, count - 1)), max_size=12))
    other = [number for number in numbers if number not in gone]
    for number in data.draw(st.lists(st.integers(1000, 9999), max_size=12, unique=True)):
        other.insert(data.draw(st.integers(0, len(other))), number)
    ignore = data.draw(st.sampled_from([[], ["time"]]))

    def build_capture(side: list[int], order: wire.ByteOrder) -> bytes:
        write = In(order)
        packets = [write.enhanced_packet(0, number, number.to_bytes(4, "big"), original_length=4) for number in side]
        return write.section_header() + write.interface() + b"".join(packets)

    result = comparison_of(build_capture(numbers, LITTLE), build_capture(other, BIG), ignore=ignore)
    wanted = [
        (a, b, (*fields, "time") if fields and not ignore else fields)
        for a, b, fields in expected_differences(numbers, other)
    ]
    assert differences_in(result) == wanted
    assert not [line for line in result.headers if "only" not in line]


@settings(max_examples=30)
@given(packets=st.lists(FULL_PACKETS, min_size=3, max_size=10), name=st.sampled_from([b"if0", b"other", b""]))
def test_an_interface_that_says_something_else_is_no_change_of_packets(packets: list[PacketFacts], name: bytes) -> None:
    packets = [packet._replace(interface=0) for packet in unlike_packets(packets)]

    def build_capture(name: bytes) -> bytes:
        head = wire.section_header() + wire.interface(options=wire.options((wire.IF_NAME, name), (9, b"\x09")))
        return head + b"".join(wire.enhanced_packet(0, packet.time, packet.data) for packet in packets)

    result = comparison_of(build_capture(b"if0"), build_capture(name))
    assert differences_in(result) == []
    said = [f"interface 0:0 if0: if_name is if0 in A, {name.decode()} in B"] if name != b"if0" else []
    assert result.headers == said


# ---------------------------------------------------------------- times of all kinds


def capture_with_time(resolution: int, ticks: Sequence[int], offset: int = 0) -> bytes:
    stated = [(wire.IF_TSRESOL, bytes([resolution])), (wire.IF_TSOFFSET, wire.number(offset % 2**64, 8))]
    packets = [wire.enhanced_packet(0, tick, b"%d" % number) for number, tick in enumerate(ticks)]
    return wire.section_header() + wire.interface(options=wire.options(*stated)) + b"".join(packets)


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        (capture_with_time(12, [1000, 2000]), capture_with_time(9, [1, 2]), []),
        (capture_with_time(12, [1000, 2001]), capture_with_time(9, [1, 2]), [2]),
        (capture_with_time(12, [1000, 2001, 3001]), capture_with_time(15, [10**6, 2001 * 1000, 3001 * 1000]), []),
        (capture_with_time(12, [1000, 2001, 3001]), capture_with_time(15, [10**6, 2001 * 1000, 3001 * 1000 + 1]), [3]),
        (capture_with_time(0x80 | 20, [1, 2**20]), capture_with_time(0x80 | 21, [2, 2**21]), []),
        (capture_with_time(0x80 | 20, [1, 2**20]), capture_with_time(0x80 | 21, [3, 2**21]), [1]),
        (capture_with_time(0, [5, 6], -6), capture_with_time(6, [0, 10**6], -1), []),
        (capture_with_time(0, [5, 6], -6), capture_with_time(6, [0, 10**6 + 1], -1), [2]),
        (capture_with_time(0, [2**64 - 1, 7]), capture_with_time(0, [2**64 - 2, 8], 1), [2]),
        (capture_with_time(0, [2**63, 0], 2**63 - 1), capture_with_time(0, [2**63 - 1, 0], 2**63 - 1), [1]),
        (capture_with_time(9, [2**64 - 1]), capture_with_time(9, [2**64 - 2]), [1]),
        (capture_with_time(0x80 | 127, [1, 2]), capture_with_time(0x80 | 126, [1, 1]), [1]),
    ],
)
def test_times_are_compared_exactly(a: bytes, b: bytes, differ: list[int]) -> None:
    for one, other in ((a, b), (b, a)):
        assert differences_in(comparison_of(one, other)) == [(number, number, ("time",)) for number in differ]
    assert is_same(comparison_of(a, b, ignore=["time"]))


def test_a_packet_without_a_time_is_not_one_at_the_latest_time_or_at_0() -> None:
    head = wire.section_header() + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))
    simple = head + wire.simple_packet(b"one") * 3
    for time in (0, 2**64 - 1):
        result = comparison_of(simple, head + wire.enhanced_packet(0, time, b"one") * 3)
        assert differences_in(result) == [(number, number, ("time",)) for number in (1, 2, 3)]
    assert is_same(comparison_of(simple, simple))


def test_times_that_nobody_can_tell_are_refused_unless_they_are_ignored() -> None:
    head = wire.section_header() + wire.interface(options=wire.options((wire.IF_TSOFFSET, b"\1")))
    capture = head + wire.enhanced_packet(0, 5, b"one") + wire.enhanced_packet(0, 6, b"two")
    with pytest.raises(PcapconvError, match=r"^input: packet 1: .*if_tsoffset"):
        comparison_of(capture, capture)
    assert is_same(comparison_of(capture, capture, ignore=["time"]))
    without = head + wire.enhanced_packet(0, 6, b"two")
    assert differences_in(comparison_of(capture, without, ignore=["time"])) == [(1, None, ())]


def test_many_times_of_all_kinds_behind_a_difference() -> None:
    """Of which some are exact, in several sections and batches."""
    sections = [
        capture_with_time(12, [1000, 2000, 3000]),
        capture_with_time(12, [1001, 2000]),
        capture_with_time(9, [5, 6]),
        capture_with_time(0, [1], -5),
    ]
    a = b"".join(sections)
    b = capture_with_time(9, [0]) + b"".join(sections)
    assert differences_in(comparison_of(a, b)) == [(None, 1, ())]
    last = b"".join(sections[:-1]) + capture_with_time(0, [2], -5)
    assert differences_in(comparison_of(b, capture_with_time(9, [1]) + last)) == [(1, 1, ("time",)), (9, 9, ("time",))]


def test_behind_a_time_that_nanoseconds_do_not_hold_all_is_compared() -> None:
    """Also what comes in another section, which has other times."""
    fine, coarse = capture_with_time(12, [1001]), capture_with_time(9, [5, 6])
    assert differences_in(comparison_of(fine + coarse, fine + capture_with_time(9, [5, 7]))) == [(3, 3, ("time",))]
    assert differences_in(comparison_of(fine + coarse, fine + capture_with_time(9, [5]))) == [(3, None, ())]


def test_one_open_file_on_both_sides_is_refused() -> None:
    capture = io.BytesIO(capture_with_time(9, [1, 2]))
    with pytest.raises(PcapconvError, match="both captures are the same open file"):
        pcapconv.diff(capture, capture)


def test_packets_that_differ_on_interfaces_of_their_own_take_linear_time() -> None:
    """Counted in calls of functions, since the clock would vary."""

    def calls(packets: int) -> int:
        captures = [
            wire.section_header()
            + b"".join(
                wire.interface(options=wire.options((wire.IF_NAME, b"%d" % number)))
                + wire.enhanced_packet(number, number, odd if number % 2 else b"even")
                for number in range(packets)
            )
            for odd in (b"odd", b"other")
        ]
        with cProfile.Profile() as profile:
            compared = pcapconv.diff(*map(io.BytesIO, captures))
        assert compared.counts == {"changed": packets // 2}
        return sum(each.callcount for each in profile.getstats())

    assert calls(1200) < 2.2 * calls(600)
