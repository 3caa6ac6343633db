"""`merge`: what packets and other blocks say in the one section, of interfaces, of processes, in its byte order."""

from fractions import Fraction
from itertools import groupby
from typing import Any

import pytest
import wire
from expected_captures import packets
from merging import merged
from wire import BIG, LITTLE, In

pytestmark = pytest.mark.usefixtures("kernels")

PROCESS, OF_PACKET = 0x80000001, 32769
COMMENT = (wire.OPT_COMMENT, b"kept")


def other(write: In) -> In:
    """The builders in the other byte order."""
    return In(LITTLE if write.byte_order == BIG else BIG)


def start(write: In) -> bytes:
    return write.section_header() + write.interface()


def process(write: In, number: int) -> bytes:
    return write.block(PROCESS, write.number(number, 4))


def of_process(write: In, ticks: int, number: int) -> bytes:
    """A packet with the number of its process."""
    return write.enhanced_packet(0, ticks, b"data", options=write.options((OF_PACKET, write.number(number, 4))))


def test_packets_keep_their_processes(write: In) -> None:
    """The last process of one input is also the first one of another."""
    first = start(write) + process(write, 7) + of_process(write, 1, 0)
    second = start(write) + process(write, 7) + process(write, 8) + of_process(write, 2, 0) + of_process(write, 3, 1)
    out, report = merged([first, second])
    body = process(write, 7) + of_process(write, 1, 0) + process(write, 8)
    assert out == start(write) + body + of_process(write, 2, 0) + of_process(write, 3, 1)
    assert report.losses == {}


def test_a_local_option_of_another_length_is_no_process(write: In) -> None:
    """Of an input of the other byte order it is left out, since nobody knows what it says."""
    packet = (0, 1, b"data")
    own = write.enhanced_packet(*packet, options=write.options((OF_PACKET, b"local"), COMMENT))
    assert merged([start(write) + own])[0] == start(write) + own
    swapped = other(write).enhanced_packet(*packet, options=other(write).options((OF_PACKET, b"local"), COMMENT))
    out, report = merged([start(write), start(other(write)) + swapped])
    assert out == start(write) + write.enhanced_packet(*packet, options=write.options(COMMENT))
    assert report.losses == {"packet-options": 1}


@pytest.mark.parametrize(("drops", "said"), [(0, 0), (3, 3), (0xFFFF, None)])
def test_drop_counts_of_obsolete_packets_of_the_other_byte_order(write: In, drops: int, said: int | None) -> None:
    obsolete = other(write).obsolete_packet(0, 1, b"data", drops_count=drops, options=other(write).options(COMMENT))
    stated = [COMMENT] if said is None else [COMMENT, (wire.EPB_DROPCOUNT, write.number(said, 8))]
    out, report = merged([start(write), start(other(write)) + obsolete])
    assert out == start(write) + write.enhanced_packet(0, 1, b"data", options=write.options(*stated))
    assert report.losses == {}


def test_an_obsolete_packet_stays_one_beside_processes(write: In) -> None:
    obsolete = write.obsolete_packet(0, 2, b"data", drops_count=3, options=write.options(COMMENT))
    first = start(write) + process(write, 7) + of_process(write, 1, 0)
    out, _ = merged([first, start(write) + obsolete])
    assert out == first + obsolete


def test_an_obsolete_packet_of_a_process(write: In) -> None:
    """It is made an Enhanced Packet where the number changes, and keeps its drop count."""
    options = write.options((OF_PACKET, write.number(0, 4)))
    obsolete = write.obsolete_packet(0, 2, b"data", drops_count=3, options=options)
    first = start(write) + process(write, 7) + of_process(write, 1, 0)
    out, _ = merged([first, start(write) + process(write, 8) + obsolete])
    said = write.options((OF_PACKET, write.number(1, 4)), (wire.EPB_DROPCOUNT, write.number(3, 8)))
    assert out == first + process(write, 8) + write.enhanced_packet(0, 2, b"data", options=said)


def test_statistics_stay_with_their_interface(write: In) -> None:
    """One may be declared behind them; for an interface that is never declared there is no place."""
    head = write.section_header() + write.interface(1) + write.statistics(1, 5) + write.statistics(2, 6)
    out, report = merged([write.section_header() + write.interface(7), head + write.interface(113)])
    interfaces = write.interface(7) + write.interface(1) + write.interface(113)
    assert out == write.section_header() + interfaces + write.statistics(2, 5)
    assert report.losses == {"statistics": 1}


def test_a_simple_packet_of_another_interface_does_not_keep_a_snaplen(write: In) -> None:
    """It is an Enhanced Packet in the output, so that a snaplen that is too low can be replaced."""
    long, cut = bytes(100), write.simple_packet(bytes(64), original_length=80)
    first = write.section_header() + write.interface(1, 64) + write.enhanced_packet(0, 1, long)
    second = write.section_header() + write.interface(113, 64) + cut
    out, report = merged([first, second])
    interfaces = write.interface(1, 262144) + write.interface(113, 262144)
    simple = write.enhanced_packet(1, 0, bytes(64), original_length=80)
    assert out == write.section_header() + interfaces + simple + write.enhanced_packet(0, 1, long)
    assert report.losses == {"header-fields": 1, "packets-without-time": 1}


def test_equal_interfaces_are_one_unless_they_are_of_one_input(write: In) -> None:
    named = [write.interface(1, options=write.options((wire.IF_NAME, name))) for name in (b"a", b"b")]
    head = write.section_header()
    captures = [
        head + named[0] + named[0] + write.enhanced_packet(1, 1, b"1"),
        head + named[1] + named[0] + write.enhanced_packet(0, 2, b"2") + write.enhanced_packet(1, 3, b"3"),
        head + named[0] + named[0] + named[0] + write.enhanced_packet(1, 4, b"4") + write.enhanced_packet(2, 5, b"5"),
    ]
    out, _ = merged(captures)
    assert [block.raw for block in wire.read_blocks(out)[1:5]] == [named[0], named[0], named[1], named[0]]
    assert [(packet.interface, packet.data) for packet in wire.read_pcapng(out)] == [
        (1, b"1"),
        (2, b"2"),
        (0, b"3"),
        (1, b"4"),
        (3, b"5"),
    ]
    out, _ = merged(captures, separate_interfaces=True)
    assert [len(list(group)) for _, group in groupby(wire.raw_blocks(out)[1:8])] == [2, 1, 4]
    assert [packet.interface for packet in wire.read_pcapng(out)] == [1, 2, 3, 5, 6]


def test_a_byte_order_is_that_of_the_first_input(write: In) -> None:
    pcap = other(write).pcap_header(wire.NANOSECONDS) + other(write).pcap_record(1, 2, b"data")
    out, report = merged([start(write), pcap])
    second = write.interface(snaplen=65535, options=write.options((wire.IF_TSRESOL, b"\t")))
    assert out == start(write) + second + write.enhanced_packet(1, 10**9 + 2, b"data")
    assert packets(out)[0].time == 1 + Fraction(2, 10**9)
    assert report.losses == {}


@pytest.mark.parametrize("options", [{"last": 2}, {"interface": ["7"]}, {"interface": ["1"]}, {"first": 2}, {}])
def test_a_section_behind_packets(write: In, options: dict[str, Any]) -> None:
    """It is met while packets are counted, or interfaces looked up, before anything is written."""
    first = start(write) + write.enhanced_packet(0, 5, b"five")
    named = write.section_header() + write.interface(options=write.options((wire.IF_NAME, b"7")))
    capture = first + named + write.enhanced_packet(0, 1, b"one")
    out, _ = merged([capture, start(write) + write.enhanced_packet(0, 3, b"three")], **options)
    told = {"last": [b"three", b"five"], "first": [b"one", b"three"], "interface": [b"one"]}
    assert [packet.data for packet in wire.read_pcapng(out)] == told.get("".join(options), [b"one", b"three", b"five"])
