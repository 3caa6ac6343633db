"""Splitting by time: which interval each packet and each block goes to, byte for byte."""

import os

import pytest
import wire
from conversions import Pipe
from splitting import both_forms, packet_at, parts_and_report, parts_of
from wire import In

from pcapconv import FormatError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
EVERY_SECOND = [0, 0.25, 0.999999, 1, 3, 1.5, 2.999999, 0]


@both_forms
def test_intervals_begin_with_the_first_packet_and_are_half_open(write: In) -> None:
    head = write.section_header() + write.interface()
    capture = head + b"".join(packet_at(write, second) for second in EVERY_SECOND)
    written, report = parts_and_report(capture, "{start:%s.%f}.pcapng", interval="1s")
    assert written == [
        head + packet_at(write, 0) + packet_at(write, 0.25) + packet_at(write, 0.999999) + packet_at(write, 0),
        head + packet_at(write, 1) + packet_at(write, 1.5),
        head + packet_at(write, 3),
        head + packet_at(write, 2.999999),
    ]
    assert [os.path.basename(name) for name in report.outputs] == [
        f"100000000{second}.500000.pcapng" for second in (0, 1, 3, 2)
    ]


@both_forms
def test_aligned_intervals_begin_with_the_clock(write: In) -> None:
    head = write.section_header() + write.interface()
    capture = head + b"".join(packet_at(write, second) for second in EVERY_SECOND)
    written, report = parts_and_report(capture, "{start:%s.%f}.pcapng", interval="1s", align=True)
    assert written == [
        head + packet_at(write, 0) + packet_at(write, 0.25) + packet_at(write, 0),
        head + packet_at(write, 0.999999) + packet_at(write, 1),
        head + packet_at(write, 3) + packet_at(write, 2.999999),
        head + packet_at(write, 1.5),
    ]
    assert [os.path.basename(name) for name in report.outputs] == [
        f"100000000{second}.000000.pcapng" for second in (0, 1, 3, 2)
    ]


@both_forms
def test_time_may_go_back_behind_the_first_packet(write: In) -> None:
    header = write.pcap_header()
    times = [10, 9, 4, 10, 5, 0]
    records = [write.pcap_record(second, 0, bytes([second])) for second in times]
    written, report = parts_and_report(header + b"".join(records), "{start:%s}.pcap", interval="5s")
    assert written == [
        header + records[0] + records[3],
        header + records[1] + records[4],
        header + records[2] + records[5],
    ]
    assert [os.path.basename(name) for name in report.outputs] == ["10.pcap", "5.pcap", "0.pcap"]
    assert report.parts is not None
    assert [(part["first_time"], part["last_time"]) for part in report.parts] == [
        ("1970-01-01T00:00:10.000000Z", "1970-01-01T00:00:10.000000Z"),
        ("1970-01-01T00:00:05.000000Z", "1970-01-01T00:00:09.000000Z"),
        ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:04.000000Z"),
    ]


@both_forms
def test_intervals_are_exact_in_every_unit(write: In) -> None:
    """A third of a nanosecond short of the limit, on the limit, and behind it."""

    def interface(tsresol: int, offset: int = 0) -> bytes:
        options = ((wire.IF_TSRESOL, bytes([tsresol])), (wire.IF_TSOFFSET, write.number(offset, 8)))
        return write.interface(options=write.options(*options))

    units = [interface(6), interface(9), interface(12, 10**9), interface(0x80 | 40), interface(0), interface(127)]
    head = write.section_header() + b"".join(units)
    start = 10**9
    blocks = [
        write.enhanced_packet(0, start * 10**6, b"0"),
        write.enhanced_packet(1, (start + 100) * 10**9 - 1, b"1"),
        write.enhanced_packet(1, (start + 100) * 10**9, b"2"),
        write.enhanced_packet(2, 100 * 10**12 - 1, b"3"),
        write.enhanced_packet(2, 100 * 10**12, b"4"),
        write.enhanced_packet(3, 2**63, b"5"),
        write.enhanced_packet(4, start + 99, b"6"),
        write.enhanced_packet(4, start + 100, b"7"),
        write.enhanced_packet(4, start + 200, b"8"),
        write.enhanced_packet(5, 2**64 - 1, b"9"),
    ]
    written = parts_of(head + b"".join(blocks), interval="100s")
    assert written == [
        head + b"".join(blocks[number] for number in part) for part in ((0, 1, 3, 6), (2, 4, 7), (5,), (8,), (9,))
    ]


@both_forms
def test_packets_without_a_time_go_with_the_one_before(write: In) -> None:
    head = write.section_header() + write.interface()

    def timeless(mark: bytes) -> bytes:
        return write.simple_packet(mark)

    capture = (
        head + timeless(b"a") + timeless(b"b") + packet_at(write, 0) + timeless(b"c") + packet_at(write, 5)
        + timeless(b"d") + packet_at(write, 0.5) + timeless(b"e")
    )  # fmt: skip
    expected = [
        head
        + timeless(b"a")
        + timeless(b"b")
        + packet_at(write, 0)
        + timeless(b"c")
        + packet_at(write, 0.5)
        + timeless(b"e"),
        head + packet_at(write, 5) + timeless(b"d"),
    ]
    written, report = parts_and_report(capture, "{start:%s}.pcapng", interval="1s")
    assert written == expected
    assert [os.path.basename(name) for name in report.outputs] == ["1000000000.pcapng", "1000000005.pcapng"]
    for size in (1, 40, 100):  # each packet in a batch of its own
        pieces = Pipe(capture[at : at + size] for at in range(0, len(capture), size))
        assert parts_of(pieces, interval="1s") == expected  # type: ignore[arg-type]
    written, report = parts_and_report(head + timeless(b"a") * 3, "{start}.pcapng", interval="1s")
    assert written == [head + timeless(b"a") * 3]
    assert os.path.basename(report.outputs[0]) == "notime.pcapng"
    two = head + packet_at(write, 0) + head + timeless(b"f") + packet_at(write, 1)
    assert parts_of(two, interval="1s") == [
        head + packet_at(write, 0) + head + timeless(b"f"),
        head + packet_at(write, 1),
    ]


@both_forms
def test_other_blocks_go_with_the_packet_before_them(write: In) -> None:
    """Also where a part got its packets before the others of a batch did."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    head, own = section + one + two, write.block(0xB0B, b"own!")
    early, late = packet_at(write, 0), packet_at(write, 5, interface=1)
    capture = head + early + late + early + own + late + early + late + own
    expected = [head + early * 2 + own + early, head + late * 3 + own]
    assert parts_of(capture, interval="1s") == expected
    assert parts_of(capture, by="link-type") == expected
    assert parts_of(capture, by="interface") == [
        section + one + early * 2 + own + early,
        section + two + packet_at(write, 5) * 3 + own,
    ]


@both_forms
def test_an_interval_needs_times_that_can_be_told(write: In) -> None:
    odd = write.interface(options=write.options((wire.IF_TSRESOL, b"two")))
    head = write.section_header() + write.interface() + odd
    with pytest.raises(FormatError, match="packet 3: the times of interface 1 of section 0 cannot be determined"):
        parts_of(head + packet_at(write, 0) + packet_at(write, 1) + packet_at(write, 1, interface=1), interval="10s")
    assert len(parts_of(head + packet_at(write, 0) + packet_at(write, 1), interval="10s")) == 1
    with pytest.raises(FormatError, match="packet 1: the times of interface"):
        parts_of(head + packet_at(write, 0, interface=1), "{start}.pcapng", max_packets=1)
    assert len(parts_of(head + packet_at(write, 0, interface=1), max_packets=1)) == 1
