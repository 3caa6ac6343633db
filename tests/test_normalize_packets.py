"""`normalize`: what is kept of packets, in bytes, from each kind of packet block and from pcap."""

import pytest
import wire
from equivalent_captures import IGNORED_OPTIONS, comment
from expected_normal_form import KINDS
from normalizing import IDB, NANO, NS, ONE, SHB, T, normal_interface, normalized, normalized_with_report
from wire import In


@pytest.mark.parametrize(
    ("flags", "direction"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (0xFFFFFFFD, 1), (0xFFFFFFFC, 0), (0b10101, 1), (0x80000002, 2)],
)
def test_of_flags_the_direction_stays(write: In, flags: int, direction: int) -> None:
    stated = write.options((wire.EPB_FLAGS, write.number(flags, 4)), (wire.EPB_FLAGS, write.number(~flags & 3, 4)))
    capture = (
        write.section_header()
        + write.interface()
        + write.enhanced_packet(0, T * 10**6, b"one", options=stated)
        + write.obsolete_packet(0, T * 10**6, b"one", options=stated)
    )
    pairs = [(wire.EPB_FLAGS, wire.number(direction, 4))] if direction else []
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, NS, b"one", options=wire.options(*pairs)) * 2


@pytest.mark.parametrize("value", [b"", b"\1", b"\1\1\1", bytes([1] * 8)])
def test_flags_of_another_size_say_nothing(write: In, value: bytes) -> None:
    stated = write.options((wire.EPB_FLAGS, value))
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, T * 10**6, b"one", options=stated)
    assert normalized(capture) == SHB + IDB + ONE


def test_what_differs_by_run_is_never_kept(write: In) -> None:
    pairs = [
        (wire.EPB_HASH, b"\2" + bytes(4)),
        (wire.EPB_DROPCOUNT, bytes(8)),
        (wire.EPB_PACKETID, bytes(8)),
        (wire.EPB_QUEUE, bytes(4)),
        (wire.EPB_VERDICT, b"\1" + bytes(8)),
        (wire.EPB_PROCESSID_THREADID, bytes(8)),
    ]
    capture = (
        write.section_header()
        + write.interface(options=write.options(*IGNORED_OPTIONS[2:7]))
        + write.enhanced_packet(0, T * 10**6, b"one", options=write.options(*pairs))
        + write.obsolete_packet(0, T * 10**6, b"one", drops_count=3, options=write.options(pairs[0]))
    )
    assert normalized(capture) == SHB + IDB + ONE * 2
    assert normalized(capture, keep=KINDS) == SHB + IDB + ONE * 2


def test_lengths_and_bytes_are_as_captured(write: In) -> None:
    lengths = [(0, 0), (0, 60), (1, 2**32 - 1), (5, 3), (70_000, 70_000)]
    capture = write.section_header() + write.interface(options=write.options(NANO))
    for captured, original in lengths:
        capture += write.enhanced_packet(0, NS, b"x" * captured, original_length=original)
    assert normalized(capture) == SHB + IDB + b"".join(
        wire.enhanced_packet(0, NS, b"x" * captured, original_length=original) for captured, original in lengths
    )


def test_simple_packets_are_at_0_and_counted(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface(snaplen=5)
        + write.interface(options=write.options(NANO))
        + write.simple_packet(b"12345", original_length=900)
        + write.simple_packet(b"abc")
        + write.enhanced_packet(1, 0, b"one")
    )
    out, report = normalized_with_report(capture)
    assert out == (
        SHB
        + normal_interface(snaplen=5)
        + IDB
        + wire.enhanced_packet(0, 0, b"12345", original_length=900)
        + wire.enhanced_packet(0, 0, b"abc")
        + wire.enhanced_packet(1, 0, b"one")
    )
    assert report.losses == {"packets-without-time": 2}
    assert (report.packets_read, report.packets_written, report.damage) == (3, 3, [])
    moved, _ = normalized_with_report(capture, rebase_time="1.5")
    assert [packet.ticks for packet in wire.read_pcapng(moved)] == [1_500_000_000] * 3


def test_simple_packets_of_an_interface_whose_offset_counts_for_others(write: In) -> None:
    offset = write.options((wire.IF_TSOFFSET, write.number(T, 8)))
    capture = (
        write.section_header()
        + write.interface(options=offset)
        + write.enhanced_packet(0, 0, b"one")
        + write.simple_packet(b"one")
    )
    assert normalized(capture) == SHB + IDB + ONE + wire.enhanced_packet(0, 0, b"one")
    assert normalized(capture, sort=True) == SHB + IDB + wire.enhanced_packet(0, 0, b"one") + ONE


def test_obsolete_packets_are_enhanced_ones(write: In) -> None:
    stated = write.options((wire.PACK_HASH, bytes(5)), comment("c"), (wire.PACK_FLAGS, write.number(0b0110, 4)))
    capture = (
        write.section_header()
        + write.interface()
        + write.obsolete_packet(0, T * 10**6, b"one", original_length=7, drops_count=9, options=stated)
    )
    options = wire.options(comment("c"), (wire.EPB_FLAGS, wire.number(2, 4)))
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, NS, b"one", original_length=7, options=options)


@pytest.mark.parametrize("code", range(4, 9))
def test_an_obsolete_packets_unknown_options_do_not_become_known_ones(write: In, code: int) -> None:
    """Codes that only an Enhanced Packet Block gives a meaning: there they would be left out the second time."""
    stated = write.options((code, bytes(8)))
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 0, b"one", options=stated)
    once = normalized(capture, keep=["unknown"])
    assert normalized(once, keep=["unknown"]) == once
    assert once == SHB + IDB + wire.enhanced_packet(0, 0, b"one")


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS])
def test_pcap(write: In, magic: int) -> None:
    """A fraction of a second or more is time as any other."""
    units = 10**6 if magic == wire.MICROSECONDS else 10**9
    times = [(T, 0), (T, units - 1), (T, units + 5), (0, 0), (2**32 - 1, 2**32 - 1)]
    capture = write.pcap_header(magic, thiszone=3600, sigfigs=6, link_type_word=113, snaplen=99)
    capture += b"".join(write.pcap_record(*time, b"one", original_length=4) for time in times)
    assert normalized(capture) == (
        SHB
        + normal_interface(link_type=113, snaplen=99)
        + b"".join(
            wire.enhanced_packet(0, seconds * 10**9 + fraction * (10**9 // units), b"one", original_length=4)
            for seconds, fraction in times
        )
    )


def test_modified_pcap(write: In) -> None:
    """Its interfaces say the same; of its packet types the direction stays."""
    capture = write.pcap_header(wire.MODIFIED)
    kinds = [(7, 0), (2, 4), (7, 1), (2, 2), (3, 3), (7, 9)]
    for index, kind in kinds:
        capture += write.pcap_record(T, 0, b"one", extra=write.modified_extra(index, packet_type=kind))
    directions = [1, 2, 1, 1, 1, 0]
    options = [[(wire.EPB_FLAGS, wire.number(each, 4))] if each else [] for each in directions]
    assert normalized(capture) == SHB + normal_interface(snaplen=65535) + b"".join(
        wire.enhanced_packet(0, NS, b"one", options=wire.options(*each)) for each in options
    )
