"""Splitting: which part each packet and each block goes to, byte for byte, and what is left when it goes wrong.

Strategy: small captures are built by hand, and their parts stated whole. For all others there is a second opinion,
which is slow, obvious, and knows the capture only by `wire`: it says which packets each part has, what each part needs
to stand alone, and that nothing is lost.
"""

import io
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
import wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from through import Pipe, every_sample
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import DamageError, FileError, FormatError, LossError, TargetError, UsageError
from pcapconv.files import Targets
from pcapconv.output import BUFFER_SIZE, Output
from pcapconv.report import Report
from pcapconv.splitter import split

OLD = b"what was there before"
both_forms = pytest.mark.usefixtures("kernels")
PACKET_BLOCKS = (wire.ENHANCED_PACKET, wire.OBSOLETE_PACKET, wire.SIMPLE_PACKET)
SHARED = (wire.NAME_RESOLUTION, wire.DECRYPTION_SECRETS)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def parts(capture: bytes, template: str = "x.pcapng", **options: Any) -> list[bytes]:
    """The parts' bytes, in the report's order."""
    return split_up(capture, template, **options)[0]


def split_up(capture: bytes, template: str = "x.pcapng", **options: Any) -> tuple[list[bytes], Report]:
    """The parts' bytes, in the report's order, and the report, which agrees with them and with what is there."""
    with tempfile.TemporaryDirectory() as folder:
        source = capture if isinstance(capture, io.RawIOBase) else io.BytesIO(capture)
        report = split(source, os.path.join(folder, template), **options)
        written = [Path(name).read_bytes() for name in report.outputs]
        listed = report.parts
        assert listed is not None
        assert [part["name"] for part in listed] == report.outputs
        assert [part["bytes"] for part in listed] == [len(part) for part in written]
        assert sum(part["packets"] for part in listed) == report.packets_written
        assert sorted(os.path.basename(name) for name in report.outputs) == sorted(os.listdir(folder))
    return written, report


# ---------------------------------------------------------------- by count


@both_forms
def test_a_new_part_after_so_many_packets(write: In) -> None:
    header = write.pcap_header(snaplen=77)
    records = [write.pcap_record(number, 5, bytes(number)) for number in range(7)]
    capture = header + b"".join(records)
    assert parts(capture, "x.pcap", max_packets=3) == [
        header + b"".join(records[:3]),
        header + b"".join(records[3:6]),
        header + records[6],
    ]
    assert parts(capture, "x.pcap", max_packets=1) == [header + record for record in records]
    assert parts(capture, "x.pcap", max_packets=7) == [capture]
    assert parts(capture, "x.pcap", max_packets=10**30) == [capture]


@both_forms
def test_each_part_stands_alone(write: In) -> None:
    section = write.section_header(options=write.options((wire.SHB_OS, b"Linux")))
    first, second = write.interface(1), write.interface(113, options=write.options((wire.IF_TSRESOL, b"\x09")))
    called, keys = write.names(wire.ipv4_name("192.0.2.1", "a")), write.secrets(wire.TLS_KEY_LOG, b"key")
    packets = [write.enhanced_packet(number % 2 if number > 2 else 0, number, b"data") for number in range(7)]
    counted, own = write.statistics(0, 9), write.custom(wire.CUSTOM_COPY, 32473, b"own!")
    late = write.names(wire.ipv4_name("192.0.2.2", "b"))
    capture = (
        section + own + first + called + packets[0] + packets[1] + packets[2] + counted
        + second + keys + packets[3] + packets[4] + late + packets[5] + packets[6] + late + counted
    )  # fmt: skip
    assert parts(capture, max_packets=2) == [
        section + first + called + own + packets[0] + packets[1],
        section + first + called + packets[2] + counted + second + keys + packets[3],
        section + first + called + second + keys + packets[4] + late + packets[5],
        section + first + called + second + keys + late + packets[6] + late + counted,
    ]


@both_forms
def test_sections_follow_each_other_in_a_part() -> None:
    one, other = In(LITTLE), In(BIG)
    packet = one.enhanced_packet(0, 1, b"little")
    turned = other.enhanced_packet(0, 2, b"big!")
    first = one.section_header(section_length=4) + one.interface(1)
    second = other.section_header() + other.interface(1, options=other.options((wire.IF_NAME, b"eth0")))
    names_there = other.names(wire.ipv4_name("192.0.2.1", "a"))
    capture = first + packet * 3 + one.statistics(0, 1) + second + turned * 2 + names_there + turned
    unsure = one.section_header() + one.interface(1)
    assert parts(capture, max_packets=2) == [
        unsure + packet * 2,
        unsure + packet + one.statistics(0, 1) + second + turned,
        second + turned + names_there + turned,
    ]
    assert parts(capture, max_packets=3) == [
        unsure + packet * 3 + one.statistics(0, 1),
        second + turned * 2 + names_there + turned,
    ]


def test_a_section_length_that_still_holds_stays(write: In) -> None:
    body = write.interface() + write.enhanced_packet(0, 1, b"four") * 4
    capture = write.section_header(section_length=len(body)) + body
    assert parts(capture, max_packets=4) == [capture]
    half = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"four") * 2
    assert parts(capture, max_packets=2) == [half, half]


def test_sections_without_packets_go_to_the_part_that_is_current(write: In) -> None:
    def section(name: bytes, *blocks: bytes) -> bytes:
        return write.section_header(options=write.options((wire.OPT_COMMENT, name))) + b"".join(blocks)

    packet, interface = write.enhanced_packet(0, 1, b"four"), write.interface()
    own = write.block(0x80000001, b"none")
    a, b = section(b"a", own, interface), section(b"b", interface, own)
    c, d = section(b"c"), section(b"d", interface)
    assert parts(a + b + c, max_packets=1) == [section(b"a", interface, own) + b + c]
    assert parts(a + b + packet + packet + c + d + packet + c, max_packets=1) == [
        section(b"a", interface, own) + b + packet,
        section(b"b", interface) + packet + c,
        d + packet + c,
    ]
    assert parts(a + b + packet + c + d + packet * 2, by="section") == [
        section(b"a", interface, own) + b + packet + c,
        d + packet * 2,
    ]


@pytest.mark.parametrize("way", [{"max_packets": 1}, {"max_bytes": 1}, {"interval": "1s"}, {"by": "interface"}])
@pytest.mark.parametrize("template", ["x.pcapng", "{start}-{interface}-{link_type}-{section}-{stem}-{index:1}.pcapng"])
def test_a_capture_without_packets_is_one_part(write: In, way: dict[str, Any], template: str) -> None:
    interface, own = write.interface(), write.block(0x80000001, b"none")
    for capture in (
        write.section_header(),
        write.section_header() + interface + write.names(),
        write.section_header() + interface + own,
    ):
        written, report = split_up(capture, template, **way)
        assert written == [capture]
        assert report.parts is not None
        assert report.parts[0] | {"name": ""} == {
            "name": "", "packets": 0, "bytes": len(capture), "first_time": None, "last_time": None
        }  # fmt: skip
        if "start" in template:
            assert os.path.basename(report.outputs[0]) == "notime-none-none-0-input-1.pcapng"
    assert parts(write.pcap_header(), "x.pcap", **way) == [write.pcap_header()]
    in_pcapng = write.section_header() + write.interface(snaplen=65535)
    assert parts(write.pcap_header(), **way) == [in_pcapng]
    assert parts(write.section_header() + write.interface(snaplen=7), "x.pcap", **way) == [write.pcap_header(snaplen=7)]


def test_blocks_that_wait_too_long_for_a_packet_do_not_wait(write: In) -> None:
    """A journal of gigabytes stays out of memory."""
    section, interface = write.section_header(), write.interface()
    entries = [write.journal(bytes([number]) * 400_000) for number in range(6)]
    packet = write.enhanced_packet(0, 1, b"four")
    capture = section + interface + b"".join(entries) + packet * 2
    assert parts(capture, max_packets=1) == [
        section + interface + b"".join(entries) + packet,
        section + interface + packet,
    ]
    assert parts(capture + capture, by="section") == [
        section + interface + b"".join(entries) + packet * 2 + section + interface + b"".join(entries),
        section + interface + packet * 2,
    ]


# ---------------------------------------------------------------- by size


@both_forms
def test_no_part_is_larger_unless_a_single_packet_is(write: In) -> None:
    header = write.pcap_header(snaplen=77)
    records = [write.pcap_record(number, 5, bytes(size)) for number, size in enumerate((10, 10, 10, 100, 10, 10))]
    capture = header + b"".join(records)
    three = [header + b"".join(records[:3]), header + records[3], header + b"".join(records[4:])]
    assert parts(capture, "x.pcap", max_bytes=24 + 3 * 26) == three
    assert parts(capture, "x.pcap", max_bytes="102") == three
    assert parts(capture, "x.pcap", max_bytes=24 + 3 * 26 - 1) == [
        header + b"".join(records[:2]), header + records[2], header + records[3], header + b"".join(records[4:])
    ]  # fmt: skip
    assert parts(capture, "x.pcap", max_bytes=1) == [header + record for record in records]
    assert parts(capture, "x.pcap", max_bytes=len(capture)) == [capture]
    assert parts(capture, "x.pcap", max_bytes="1TiB") == [capture]


@both_forms
def test_what_every_part_repeats_counts(write: In) -> None:
    section, interface, keys = write.section_header(), write.interface(), write.secrets(wire.TLS_KEY_LOG, bytes(40))
    packet, counted = write.enhanced_packet(0, 1, bytes(8)), write.statistics(0, 9)
    head, size = section + interface + keys, len(packet)
    capture = head + packet * 5 + counted + packet + keys + packet
    assert parts(capture, max_bytes=len(head) + 2 * size) == [
        head + packet * 2,
        head + packet * 2,
        head + packet + counted,
        head + packet,
        head + keys + packet,
    ]
    assert parts(capture, max_bytes=len(head) + 5 * size) == [
        head + packet * 5,
        head + counted + packet + keys + packet,
    ]
    bare = section + interface
    assert parts(bare + packet * 2 + keys, max_bytes=len(bare) + 2 * size) == [bare + packet * 2, bare + keys]
    assert parts(bare + packet * 2 + bare, max_bytes=len(bare) + 2 * size) == [bare + packet * 2, bare]
    assert parts(bare + packet + bare + packet, max_bytes=len(bare) + 2 * size) == [bare + packet] * 2
    assert parts(bare + packet + bare + packet, max_bytes=2 * len(bare + packet)) == [(bare + packet) * 2]
    assert parts(bare + packet + bare + packet, max_bytes=2 * len(bare + packet) - 1) == [bare + packet] * 2
    assert parts(bare + bare + packet, max_bytes=len(bare) + size) == [bare, bare + packet]
    own = write.block(0x80000001, bytes(80))
    assert parts(bare + packet + bare + own + packet, max_bytes=len(bare + own)) == [
        bare + packet, bare + own, bare + packet
    ]  # fmt: skip


@both_forms
def test_the_size_is_that_of_the_file_that_is_written(write: In) -> None:
    """From one format to the other, blocks and records have other lengths."""
    sizes = [0, 1, 2, 3, 4, 60, 7]
    records = [write.pcap_record(number, 0, bytes(size)) for number, size in enumerate(sizes)]
    blocks = [write.enhanced_packet(0, number * 10**6, bytes(size)) for number, size in enumerate(sizes)]
    in_pcap = write.pcap_header() + b"".join(records)
    head = write.section_header() + write.interface(snaplen=65535)
    in_pcapng = head + b"".join(blocks)
    limit = len(head) + 32 + 36 + 36 + 36
    assert parts(in_pcap, max_bytes=limit) == [
        head + b"".join(blocks[:4]), head + b"".join(blocks[4:6]), head + blocks[6]
    ]  # fmt: skip
    assert parts(in_pcap, max_bytes=limit) == parts(in_pcapng, max_bytes=limit)
    limit = 24 + 16 + 17 + 18
    assert parts(in_pcapng, "x.pcap", max_bytes=limit) == parts(in_pcap, "x.pcap", max_bytes=limit)
    assert list(map(len, parts(in_pcap, "x.pcap", max_bytes=limit))) == [75, 24 + 19 + 20, 24 + 76, 24 + 23]


# ---------------------------------------------------------------- by interval

EVERY_SECOND = [0, 0.25, 0.999999, 1, 3, 1.5, 2.999999, 0]


def micro(write: In, second: float, data: bytes = b"four", interface: int = 0) -> bytes:
    return write.enhanced_packet(interface, 1_000_000_000_500_000 + round(second * 10**6), data)


@both_forms
def test_intervals_begin_with_the_first_packet_and_are_half_open(write: In) -> None:
    head = write.section_header() + write.interface()
    capture = head + b"".join(micro(write, second) for second in EVERY_SECOND)
    written, report = split_up(capture, "{start:%s.%f}.pcapng", interval="1s")
    assert written == [
        head + micro(write, 0) + micro(write, 0.25) + micro(write, 0.999999) + micro(write, 0),
        head + micro(write, 1) + micro(write, 1.5),
        head + micro(write, 3),
        head + micro(write, 2.999999),
    ]
    assert [os.path.basename(name) for name in report.outputs] == [
        f"100000000{second}.500000.pcapng" for second in (0, 1, 3, 2)
    ]


@both_forms
def test_aligned_intervals_begin_with_the_clock(write: In) -> None:
    head = write.section_header() + write.interface()
    capture = head + b"".join(micro(write, second) for second in EVERY_SECOND)
    written, report = split_up(capture, "{start:%s.%f}.pcapng", interval="1s", align=True)
    assert written == [
        head + micro(write, 0) + micro(write, 0.25) + micro(write, 0),
        head + micro(write, 0.999999) + micro(write, 1),
        head + micro(write, 3) + micro(write, 2.999999),
        head + micro(write, 1.5),
    ]
    assert [os.path.basename(name) for name in report.outputs] == [
        f"100000000{second}.000000.pcapng" for second in (0, 1, 3, 2)
    ]


@both_forms
def test_time_may_go_back_behind_the_first_packet(write: In) -> None:
    header = write.pcap_header()
    times = [10, 9, 4, 10, 5, 0]
    records = [write.pcap_record(second, 0, bytes([second])) for second in times]
    written, report = split_up(header + b"".join(records), "{start:%s}.pcap", interval="5s")
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
    written = parts(head + b"".join(blocks), interval="100s")
    assert written == [
        head + b"".join(blocks[number] for number in part) for part in ((0, 1, 3, 6), (2, 4, 7), (5,), (8,), (9,))
    ]


@both_forms
def test_packets_without_a_time_go_with_the_one_before(write: In) -> None:
    head = write.section_header() + write.interface()

    def timeless(mark: bytes) -> bytes:
        return write.simple_packet(mark)

    capture = (
        head + timeless(b"a") + timeless(b"b") + micro(write, 0) + timeless(b"c") + micro(write, 5) + timeless(b"d")
        + micro(write, 0.5) + timeless(b"e")
    )  # fmt: skip
    expected = [
        head + timeless(b"a") + timeless(b"b") + micro(write, 0) + timeless(b"c") + micro(write, 0.5) + timeless(b"e"),
        head + micro(write, 5) + timeless(b"d"),
    ]
    written, report = split_up(capture, "{start:%s}.pcapng", interval="1s")
    assert written == expected
    assert [os.path.basename(name) for name in report.outputs] == ["1000000000.pcapng", "1000000005.pcapng"]
    for size in (1, 40, 100):  # each packet in a batch of its own
        pieces = Pipe(capture[at : at + size] for at in range(0, len(capture), size))
        assert parts(pieces, interval="1s") == expected  # type: ignore[arg-type]
    written, report = split_up(head + timeless(b"a") * 3, "{start}.pcapng", interval="1s")
    assert written == [head + timeless(b"a") * 3]
    assert os.path.basename(report.outputs[0]) == "notime.pcapng"
    two = head + micro(write, 0) + head + timeless(b"f") + micro(write, 1)
    assert parts(two, interval="1s") == [head + micro(write, 0) + head + timeless(b"f"), head + micro(write, 1)]


@both_forms
def test_other_blocks_go_with_the_packet_before_them(write: In) -> None:
    """Also where a part got its packets before the others of a batch did."""
    head, own = write.section_header() + write.interface(1) + write.interface(113), write.block(0x80000001, b"own!")
    early, late = micro(write, 0), micro(write, 5, interface=1)
    capture = head + early + late + early + own + late + early + late + own
    expected = [head + early * 2 + own + early, head + late * 3 + own]
    assert parts(capture, interval="1s") == expected
    assert parts(capture, by="interface") == expected
    assert parts(capture, by="link-type") == expected


@both_forms
def test_an_interval_needs_times_that_can_be_told(write: In) -> None:
    odd = write.interface(options=write.options((wire.IF_TSRESOL, b"two")))
    head = write.section_header() + write.interface() + odd
    with pytest.raises(FormatError, match="packet 3: nobody can tell the times of interface 1 of section 0"):
        parts(head + micro(write, 0) + micro(write, 1) + micro(write, 1, interface=1), interval="10s")
    assert len(parts(head + micro(write, 0) + micro(write, 1), interval="10s")) == 1
    with pytest.raises(FormatError, match="packet 1: nobody can tell"):
        parts(head + micro(write, 0, interface=1), "{start}.pcapng", max_packets=1)
    assert len(parts(head + micro(write, 0, interface=1), max_packets=1)) == 1


# ---------------------------------------------------------------- by kind


def kinds(write: In) -> tuple[bytes, list[bytes]]:
    """A section's interfaces, and packets of each."""
    one, two = write.interface(1, 64), write.interface(113, options=write.options((wire.IF_NAME, b"any")))
    return one + two + write.interface(1), [micro(write, number, bytes([number]), number % 3) for number in range(6)]


@both_forms
def test_one_part_for_each_interface(write: In) -> None:
    interfaces, packets = kinds(write)
    head = write.section_header() + interfaces
    written, report = split_up(
        head + b"".join(packets) + head + packets[1], "{interface}-{link_type}-{section}.pcapng", by="interface"
    )
    assert written == [
        head + packets[0] + packets[3],
        head + packets[1] + packets[4],
        head + packets[2] + packets[5],
        head + packets[1],
    ]
    assert [os.path.basename(name) for name in report.outputs] == [
        "0-0-ETHERNET-0.pcapng", "any-LINUX_SLL-0.pcapng", "0-2-ETHERNET-0.pcapng", "any-LINUX_SLL-1.pcapng"
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["interface", "link-type"])
def test_statistics_go_to_the_part_of_their_interface(write: In, by: Literal["interface", "link-type"]) -> None:
    head = write.section_header() + write.interface(1) + write.interface(113) + write.interface(7)
    counted = [write.statistics(number, 9) for number in range(4)]
    cut = write.block(wire.INTERFACE_STATISTICS, b"")
    capture = head + micro(write, 0) + counted[1] + micro(write, 1, interface=1) + b"".join(counted) + cut
    assert parts(capture, by=by) == [
        head + micro(write, 0) + counted[1] + counted[0],
        head + micro(write, 1, interface=1) + counted[1] + counted[2] + counted[3] + cut,
    ]


@both_forms
def test_one_part_for_each_link_type(write: In) -> None:
    interfaces, packets = kinds(write)
    head = write.section_header() + interfaces
    capture = head + b"".join(packets) + head + packets[4]
    written, report = split_up(capture, "{link_type}.pcapng", by="link-type")
    assert written == [
        head + packets[0] + packets[2] + packets[3] + packets[5],
        head + packets[1] + packets[4] + head + packets[4],
    ]
    written, report = split_up(capture, "{link_type}.pcap", by="link-type")

    def record(number: int) -> bytes:
        return write.pcap_record(10**9 + number, 500_000, bytes([number]))

    assert written == [
        write.pcap_header(snaplen=262144) + record(0) + record(2) + record(3) + record(5),
        write.pcap_header(snaplen=262144, link_type_word=113) + record(1) + record(4) + record(4),
    ]
    assert report.losses == {"interfaces": 6, "interface-options": 2, "sections": 1}


@both_forms
def test_a_part_of_pcap_says_what_holds_for_its_own_packets(write: In) -> None:
    """Other interfaces' lengths, units and checksums are none of its business."""
    fcs, nano = (wire.IF_FCSLEN, b"\x20"), (wire.IF_TSRESOL, b"\x09")
    ethernet = write.interface(1, 64, options=write.options(fcs, (wire.IF_NAME, b"eth0")))
    wireless = write.interface(105, 0)
    fine = write.interface(101, 99, options=write.options(nano))
    unseen = write.interface(1, 7, options=write.options((wire.IF_NAME, b"none"), (wire.OPT_COMMENT, b"lost")))
    packets = [micro(write, 0, b"e", 0), micro(write, 1, b"w", 1), write.enhanced_packet(3, 10**9 + 1, b"f")]
    capture = (
        write.section_header() + ethernet + b"".join(packets[:1]) + wireless + unseen + fine + b"".join(packets[1:])
    )
    written, report = split_up(capture, "{interface}.pcap", by="interface")
    assert written == [
        write.pcap_header(snaplen=64, link_type_word=0x2400_0001) + write.pcap_record(10**9, 500_000, b"e"),
        write.pcap_header(snaplen=262144, link_type_word=105) + write.pcap_record(10**9 + 1, 500_000, b"w"),
        write.pcap_header(wire.NANOSECONDS, snaplen=99, link_type_word=101) + write.pcap_record(1, 1, b"f"),
    ]
    assert report.losses == {"interfaces": 1, "interface-options": 2, "comments": 1}


@both_forms
def test_one_part_for_each_section(write: In) -> None:
    interfaces, packets = kinds(write)
    first, second = (
        write.section_header() + interfaces,
        write.section_header(options=write.options((wire.SHB_OS, b"x"))),
    )
    second += interfaces + write.block(0x80000001, b"none")
    capture = first + b"".join(packets) + second + packets[0] + write.statistics(0, 1)
    written, report = split_up(capture, "{section}.pcapng", by="section")
    assert written == [first + b"".join(packets), second + packets[0] + write.statistics(0, 1)]
    assert [os.path.basename(name) for name in report.outputs] == ["0.pcapng", "1.pcapng"]


@both_forms
def test_many_interfaces_at_once() -> None:
    """In turns, and more than the kernel sees in one batch."""
    count, rounds = 200, 100
    head = wire.section_header() + b"".join(wire.interface(number % 7) for number in range(count))
    packets = [
        wire.enhanced_packet(number, 5, bytes([each]) * (number % 50))
        for each in range(rounds)
        for number in range(count)
    ]
    written = parts(head + b"".join(packets), by="interface")
    assert written == [head + b"".join(packets[number::count]) for number in range(count)]
    written = parts(head + b"".join(packets), by="link-type")
    assert written == [
        head + b"".join(packets[at] for at in range(len(packets)) if at % count % 7 == kind) for kind in range(7)
    ]


# ---------------------------------------------------------------- a second opinion


class Told(NamedTuple):
    """A packet as `wire` tells it: its block, its time, and what stands before it in its section."""

    raw: bytes
    time: Fraction | None
    section: int
    interface: int
    link_type: int
    before: tuple[bytes, ...]  # the section's header without its length, interfaces, names and secrets

    @property
    def stated(self) -> tuple[object, ...]:
        """Everything but the section's number, which is another one in a part."""
        return self.raw, self.time, self.interface, self.link_type, self.before


def told(capture: bytes) -> tuple[list[Told], Counter[bytes], list[bytes]]:
    """The packets; all blocks that are neither packets nor repeated in every part; and all that are."""
    read = ((packet.interface, packet.ticks) for packet in wire.read_pcapng(capture))
    packets: list[Told] = []
    others: Counter[bytes] = Counter()
    shared: list[bytes] = []
    interfaces: list[tuple[int, int, int]] = []
    before: list[bytes] = []
    section = -1
    for block in wire.read_blocks(capture):
        if block.block_type == wire.SECTION_HEADER:
            section += 1
            interfaces, before = [], [block.body[:8] + block.body[16:]]
            shared.append(before[0])
        elif block.block_type in PACKET_BLOCKS:
            number, ticks = next(read)
            link_type, per_second, offset = interfaces[number]
            time = None if ticks is None else Fraction(ticks, per_second) + offset
            packets.append(Told(block.raw, time, section, number, link_type, tuple(before)))
        elif block.block_type in (wire.INTERFACE_DESCRIPTION, *SHARED):
            before.append(block.raw)
            shared.append(block.raw)
            if block.block_type == wire.INTERFACE_DESCRIPTION:
                interfaces.append(unit_of(block))
        else:
            others[block.raw] += 1
    return packets, others, shared


def unit_of(block: wire.Block) -> tuple[int, int, int]:
    """An interface's link type, its ticks per second, and the seconds to add."""
    order = "little" if block.byte_order == LITTLE else "big"
    stated = dict(wire.read_options(block.body[8:], block.byte_order))
    resolution = stated.get(wire.IF_TSRESOL, b"\6")[0]
    per_second = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    offset = int.from_bytes(stated.get(wire.IF_TSOFFSET, b""), order, signed=True)  # type: ignore[arg-type]
    return int.from_bytes(block.body[:2], order), per_second, offset  # type: ignore[arg-type]


def grouped(packets: Sequence[Told], way: dict[str, Any]) -> list[list[Told]]:
    """The packets of each part, in the parts' order; none for a way that this cannot tell."""
    groups: dict[object, list[Told]] = {}
    start = next((packet.time for packet in packets if packet.time is not None), None)
    if way.get("align"):
        start = Fraction(0)
    key: object = None
    for number, packet in enumerate(packets):
        if "max_packets" in way:
            key = number // way["max_packets"]
        elif "interval" in way:
            if packet.time is not None:
                assert start is not None
                key = (packet.time - start) // Fraction(way["interval"].removesuffix("s"))
                if None in groups:
                    groups = {key: groups[None]}
        else:
            key = {
                "interface": (packet.section, packet.interface),
                "link-type": packet.link_type,
                "section": packet.section,
            }[way["by"]]
        groups.setdefault(key, []).append(packet)
    return list(groups.values())


def agrees(capture: bytes, written: Sequence[bytes], way: dict[str, Any]) -> None:
    """Parts of pcapng are what they must be."""
    packets, others, shared = told(capture)
    found = [told(part) for part in written]
    if "max_bytes" in way:
        assert [packet.stated for part in found for packet in part[0]] == [packet.stated for packet in packets]
        for part, (inside, besides, _) in zip(written, found):
            assert len(part) <= way["max_bytes"] or len(inside) + besides.total() <= 1
    else:
        expected = [[packet.stated for packet in group] for group in grouped(packets, way)]
        assert [[packet.stated for packet in part[0]] for part in found] == (expected or [[]])
    assert sum((part[1] for part in found), Counter()) == others
    assert {block for part in found for block in part[2]} == set(shared)
    for part in written:
        with pcapconv.open(io.BytesIO(part)) as opened:
            number = sum(len(batch) for batch in opened.batches())
        assert not opened.damage
        assert number == len(wire.read_pcapng(part))


RESOLUTIONS = [None, 0, 3, 6, 6, 9, 12, 19, 127, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 63, 0x80 | 127]
START = 1_000_000_000


@st.composite
def interfaces_of(draw: st.DrawFn, write: In) -> bytes:
    resolution, offset = draw(st.sampled_from(RESOLUTIONS)), draw(st.sampled_from([None, 0, START, -5, 2**40]))
    stated = [] if resolution is None else [(wire.IF_TSRESOL, bytes([resolution]))]
    stated += [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    stated += draw(
        st.sampled_from([[], [(wire.IF_NAME, b"eth0")], [(wire.IF_FCSLEN, b"\x20"), (wire.OPT_COMMENT, b"")]])
    )
    return write.interface(
        draw(st.sampled_from([1, 1, 113])), draw(st.sampled_from([0, 7, 262144])), options=write.options(*stated)
    )


@st.composite
def sections_of(draw: st.DrawFn) -> bytes:
    """A section: interfaces, packets on a grid of quarters of a second and beside it, and every other kind of block."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    blocks: list[bytes] = []
    units: list[tuple[int, int, int]] = []
    kinds = draw(st.lists(st.sampled_from("iEEEEEEOSnksuc"), max_size=14))
    for kind in kinds:
        data = bytes(draw(st.integers(0, 40)))
        if kind == "i" or (kind in "EOS" and not units):
            blocks.append(draw(interfaces_of(write)))
            units.append(unit_of(wire.read_blocks(write.section_header() + blocks[-1])[1]))
        if kind in "EO":
            number = draw(st.integers(0, len(units) - 1))
            _, per_second, offset = units[number]
            time = START + draw(st.integers(-4, 12)) * Fraction(1, 4) - offset
            ticks = min(max(0, int(time * per_second // 1) + draw(st.integers(-1, 1))), 2**64 - 1)
            comment = draw(st.sampled_from([(), ((wire.OPT_COMMENT, b"seen"),)]))
            options = write.options(*comment)
            if kind == "E":
                blocks.append(write.enhanced_packet(number, ticks, data, options=options))
            else:
                drops = draw(st.sampled_from([0, 3, 0xFFFF]))
                blocks.append(write.obsolete_packet(number, ticks, data, options=options, drops_count=drops))
        elif kind == "S":
            blocks.append(write.simple_packet(data))
        elif kind == "n":
            blocks.append(write.names(wire.ipv4_name("192.0.2.1", draw(st.sampled_from(["a", "b.example"])))))
        elif kind == "k":
            blocks.append(write.secrets(wire.TLS_KEY_LOG, data))
        elif kind == "s":
            blocks.append(write.statistics(draw(st.integers(0, 3)), 5))
        elif kind == "u":
            blocks.append(write.block(0x80000001, data[: len(data) & ~3]))
        elif kind == "c":
            blocks.append(write.custom(wire.CUSTOM_COPY, 32473, data))
    body = b"".join(blocks)
    options = draw(st.sampled_from([b"", write.options((wire.OPT_COMMENT, b"section"))]))
    return write.section_header(section_length=draw(st.sampled_from([-1, len(body), 4])), options=options) + body


CAPTURES = st.lists(sections_of(), min_size=1, max_size=3).map(b"".join)
WAYS = st.one_of(
    st.builds(lambda number: {"max_packets": number}, st.integers(1, 5)),
    st.builds(lambda size: {"max_bytes": size}, st.integers(1, 900)),
    st.builds(
        lambda length, align: {"interval": length, "align": align},
        st.sampled_from(["0.25s", "0.5s", "1s", "2s", "0.000001s", "0.3s", "100000s"]),
        st.booleans(),
    ),
    st.sampled_from([{"by": "interface"}, {"by": "link-type"}, {"by": "section"}]),
)


@both_forms
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=200)
@given(CAPTURES, WAYS)
def test_the_parts_are_the_capture(capture: bytes, way: dict[str, Any]) -> None:
    written, report = split_up(capture, **way)
    agrees(capture, written, way)
    assert (report.losses, report.damage) == ({}, [])
    pieces = Pipe(capture[at : at + 50] for at in range(0, len(capture), 50))
    assert parts(pieces, **way) == written  # type: ignore[arg-type]


LOTS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=80)


@both_forms
@LOTS
@given(CAPTURES, WAYS)
def test_parts_that_rest_are_the_same(monkeypatch: pytest.MonkeyPatch, capture: bytes, way: dict[str, Any]) -> None:
    """Without room for more than one buffer at a time, in either format."""
    expected = parts(capture, **way)
    with monkeypatch.context() as patch:
        patch.setattr("pcapconv.parts._BUDGET", 1)
        patch.setattr("pcapconv.parts._MOST_TABLES", 0)
        assert parts(capture, **way) == expected
    in_pcap = either(capture, way)
    with monkeypatch.context() as patch:
        patch.setattr("pcapconv.parts._BUDGET", 1)
        patch.setattr("pcapconv.parts._MOST_TABLES", 0)
        patch.setattr("pcapconv.formats.losses._FEW", 0)
        assert either(capture, way) == in_pcap


def either(
    capture: bytes, way: dict[str, Any], **options: Any
) -> tuple[list[bytes], dict[str, int]] | tuple[str, None]:
    """The parts in pcap and what they lose; or that there can be none."""
    try:
        written, report = split_up(capture, "x.pcap", **way, **options)
    except TargetError as error:
        return type(error).__name__, None
    return written, report.losses


def converted(capture: bytes, **options: Any) -> tuple[bytes, dict[str, int]] | tuple[str, None]:
    target = io.BytesIO()
    try:
        report = pcapconv.convert(io.BytesIO(capture), target, to="pcap", **options)
    except TargetError as error:
        return type(error).__name__, None
    return target.getvalue(), report.losses


def test_an_output_that_rests_holds_nothing(tmp_path: Path) -> None:
    spares: list[bytearray] = []
    data = [bytes([number]) * size for number, size in enumerate((10, 5000, 3_000_000, 70_000, 1, 600_000))]
    with Targets(str(tmp_path), "x") as targets:
        target = targets.new()
        output = Output(target, spares=spares)
        assert output.held == 0
        for piece in data:
            output.write(piece)
            assert 0 < output.held <= 3 * BUFFER_SIZE
            output.rest()
            assert (output.held, target.file.tell()) == (0, output.position)
            target.rest()
            assert len(spares) <= 3
        output.write(b"end")
        output.patch(5, b"patched")
        output.rest()
        targets.commit([str(tmp_path / "x")])
    expected = b"".join(data) + b"end"
    assert (tmp_path / "x").read_bytes() == expected[:5] + b"patched" + expected[12:]
    assert names(tmp_path) == ["x"]


SHARED_KINDS = {"interfaces", "sections", "fcs-lengths"}  # that depend on what comes together in a file


@both_forms
@LOTS
@given(CAPTURES, WAYS.filter(lambda way: "max_bytes" not in way and "by" not in way))
def test_a_part_in_pcap_is_what_becomes_of_a_part_in_pcapng(capture: bytes, way: dict[str, Any]) -> None:
    """And losses count once, however many parts repeat what is lost."""
    in_pcapng = parts(capture, **way)
    written, losses = either(capture, way)
    each = [[converted(part, nanoseconds=nanoseconds) for part in in_pcapng] for nanoseconds in (False, True)]
    if losses is None:
        assert any(lost is None for _, lost in each[0])
        return
    assert [[part for part, _ in same] == written for same in each].count(True) >= 1
    _, lost = converted(capture, nanoseconds=True)
    _, losses = either(capture, way, nanoseconds=True)
    assert losses is not None
    if lost is not None:
        assert without(losses) == without(lost)
        assert all(losses.get(kind, 0) <= lost.get(kind, 0) for kind in SHARED_KINDS)


def without(losses: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in losses.items() if kind not in SHARED_KINDS}


@both_forms
@LOTS
@given(CAPTURES, st.sampled_from(["interface", "link-type"]))
def test_parts_in_pcap_by_kind_have_their_packets(capture: bytes, by: str) -> None:
    written, losses = either(capture, {"by": by}, nanoseconds=True)
    packets, _, _ = told(capture)
    groups = grouped(packets, {"by": by})
    if losses is None:
        assert any(packet.time is not None and not 0 <= packet.time < 2**32 for packet in packets)
        return
    assert len(written) == max(1, len(groups))
    for part, group in zip(written, groups):
        header = wire.read_pcap_header(part)  # type: ignore[arg-type]
        found = wire.read_pcap(part)  # type: ignore[arg-type]
        times = [0 if packet.time is None else int(packet.time * 10**9 // 1) for packet in group]
        assert [packet.ticks for packet in found] == times
        assert header.link_type_word & 0xFFFF == group[0].link_type


@both_forms
@LOTS
@given(CAPTURES, st.integers(1, 300), st.sampled_from(["pcap", "pcapng"]), st.integers(0, 2), st.integers(1, 60))
def test_sizes_are_exact_for_packets_that_were_picked_and_cut(
    capture: bytes, size: int, to: str, every: int, snaplen: int
) -> None:
    dropped = ",".join(map(str, range(1, 99, every + 1))) if every else None
    options: dict[str, Any] = {"to": to, "drop_packets": dropped, "snaplen": snaplen, "nanoseconds": True}
    try:
        (whole,), _ = split_up(capture, max_packets=10**6, **options)
    except TargetError:
        return
    written, _ = split_up(capture, max_bytes=size, **options)
    read = wire.read_pcap if to == "pcap" else wire.read_pcapng
    assert [packet[2:] for part in written for packet in read(part)] == [packet[2:] for packet in read(whole)]
    for part, after in pairwise([*written, b""]):
        blocks = len(read(part)) if to == "pcap" else len(told(part)[0]) + told(part)[1].total()
        assert len(part) <= size or blocks <= 1
        if to == "pcap" and after:
            assert len(part) + 16 + read(after)[0].captured_length > size  # no part ends early
    assert parts(capture, max_bytes=len(whole), **options) == [whole]


@pytest.mark.parametrize(
    "way",
    [{"max_packets": 2}, {"max_bytes": 400}, {"interval": "0.001s"}, *({"by": by} for by in ("interface", "section"))],
    ids=str,
)
@every_sample
def test_every_sample_comes_together_again(path: Path, way: dict[str, Any]) -> None:
    def content(captures: Sequence[bytes]) -> Counter[tuple[object, ...]]:
        found: Counter[tuple[object, ...]] = Counter()
        for capture in captures:
            with pcapconv.open(io.BytesIO(capture)) as opened:
                for one in opened:
                    found[one.data, one.original_length, one.ticks, one.interface.link_type] += 1
        return found

    capture = path.read_bytes()
    if "interval" in way and path.name.startswith("time-malformed"):
        with pytest.raises(FormatError, match="nobody can tell the times"):
            split_up(capture, f"x{path.suffix}", **way)
        return
    written, report = split_up(capture, f"x{path.suffix}", **way)
    assert content(written) == content([capture])
    if path.suffix == ".pcapng" and not report.damage and not report.left_out and "malformed" not in path.name:
        agrees(capture, written, way)
    if path.suffix == ".pcap" and not report.damage and way == {"max_packets": 2}:
        size = wire.read_pcap_header(capture).size
        assert all(part[:size] == capture[:size] for part in written)
        assert b"".join(part[size:] for part in written) == capture[size:]


# ---------------------------------------------------------------- names and the report


def test_names_tell_of_the_first_packet(write: In, tmp_path: Path) -> None:
    head = write.section_header() + write.interface(1, options=write.options((wire.IF_NAME, b"../eth 0")))
    second = write.interface(12345)
    source = tmp_path / "my capture.2.pcapng"
    source.write_bytes(head + micro(write, 0) + second + micro(write, 1.25, interface=1) + write.simple_packet(b"x"))
    report = split(
        source, tmp_path / "{index}_{stem}_{interface}_{link_type}_{section}_%H:%M:%S.%f.pcapng", max_packets=1
    )
    assert [os.path.basename(name) for name in report.outputs] == [
        "00001_my_capture.2____eth_0_ETHERNET_0_01:46:40.500000.pcapng",
        "00002_my_capture.2_0-1_12345_0_01:46:41.750000.pcapng",
        "00003_my_capture.2____eth_0_ETHERNET_0_notime.pcapng",
    ]


def test_the_report_lists_the_parts(write: In, tmp_path: Path) -> None:
    nano = write.interface(options=write.options((wire.IF_TSRESOL, b"\x09")))
    odd = write.interface(options=write.options((wire.IF_TSRESOL, b"two")))
    head = write.section_header() + write.interface() + nano + odd
    packets = [
        micro(write, 1), write.enhanced_packet(1, 10**18 + 1, b""), write.enhanced_packet(1, 2 * 10**18, b""),
        micro(write, 5), micro(write, 3), write.enhanced_packet(2, 1, b""), write.simple_packet(b"")
    ]  # fmt: skip
    source = tmp_path / "in.pcapng"
    source.write_bytes(head + b"".join(packets))
    report = split(source, tmp_path / "x.pcapng", max_packets=3)
    sizes = [len(head + b"".join(packets[at : at + 3])) for at in (0, 3, 6)]
    times = [
        ("2001-09-09T01:46:40.000000001Z", "2033-05-18T03:33:20.000000000Z"),
        ("2001-09-09T01:46:43.500000Z", "2001-09-09T01:46:45.500000Z"),
        (None, None),
    ]
    assert report.parts == [
        {
            "name": f"{tmp_path}/x-0000{number}.pcapng",
            "packets": count,
            "bytes": size,
            "first_time": first,
            "last_time": last,
        }
        for number, count, size, (first, last) in zip((1, 2, 3), (3, 3, 1), sizes, times)
    ]
    assert report.inputs == [str(source)]
    assert report.outputs == [f"{tmp_path}/x-0000{number}.pcapng" for number in (1, 2, 3)]
    assert (report.packets_read, report.packets_written) == (7, 7)
    assert (report.source_format, report.target_format) == ("pcapng", "pcapng")
    assert report.as_dict()["parts"] == report.parts


def test_first_and_last_are_those_of_all_batches(write: In) -> None:
    capture = write.pcap_header() + b"".join(write.pcap_record(second, 0, b"") for second in (5, 3, 9, 4))
    pieces = Pipe(capture[at : at + 16] for at in range(0, len(capture), 16))
    _, report = split_up(pieces, "x.pcap", max_packets=10)  # type: ignore[arg-type]
    assert report.parts is not None
    assert [(part["first_time"], part["last_time"]) for part in report.parts] == [
        ("1970-01-01T00:00:03.000000Z", "1970-01-01T00:00:09.000000Z")
    ]


def test_progress_is_told_and_packets_are_selected(write: In) -> None:
    seen: list[int] = []
    capture = write.pcap_header() + write.pcap_record(1, 2, b"four") * 4
    written, report = split_up(capture, "x.pcap", max_packets=1, progress=seen.append, drop_packets="1,3")
    assert seen == [len(capture)]
    assert (report.packets_read, report.packets_written, len(written)) == (4, 2, 2)


def test_nanoseconds_that_come_late_begin_anew(write: In, tmp_path: Path) -> None:
    nano = write.interface(options=write.options((wire.IF_TSRESOL, b"\x09")))
    capture = write.section_header() + write.interface() + micro(write, 0) * 3 + nano + write.enhanced_packet(1, 5, b"")
    header = write.pcap_header(wire.NANOSECONDS, snaplen=262144)
    record, late = write.pcap_record(10**9, 500_000_000, b"four"), write.pcap_record(0, 5, b"")
    seen: list[int] = []
    written, report = split_up(capture, "x.pcap", max_packets=2, progress=seen.append)
    assert written == [header + record * 2, header + record + late]
    assert len(seen) > len(set(seen))
    assert report.packets_read == 4
    with pytest.raises(TargetError, match="start again with --nanoseconds"):
        split(Pipe([capture]), tmp_path / "x.pcap", max_packets=2)  # type: ignore[arg-type]
    assert names(tmp_path) == []
    assert parts(Pipe([capture]), "x.pcap", max_packets=2, nanoseconds=True) == written  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "nothing says where a new part begins; give one of --max-packets 10000"),
        ({"max_packets": 1, "by": "section"}, "exclude each other"),
        ({"max_packets": 0}, "--max-packets 0: too small"),
        ({"max_packets": -1}, "--max-packets -1"),
        ({"max_packets": 1.5}, "--max-packets 1.5"),
        ({"max_bytes": 0}, "--max-bytes 0: a size is more than 0"),
        ({"max_bytes": -5}, "--max-bytes -5"),
        ({"max_bytes": "many"}, "--max-bytes many: not a size"),
        ({"interval": "0s"}, "--interval 0s: must be more than 0"),
        ({"interval": "soon"}, "--interval soon"),
        ({"by": "packet"}, "--by packet: it is one of interface, link-type, section"),
        ({"max_packets": 1, "align": True}, "--align: only intervals"),
        ({"max_packets": 1, "on_loss": "maybe"}, "maybe"),
        ({"max_packets": 1, "to": "zip"}, "zip"),
    ],
)
def test_nonsense_is_refused_before_anything_is_opened(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        split(tmp_path / "not there", tmp_path / "x.pcap", **options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("template", "says"),
    [("-", "stdout"), ("x", "suffix does not tell"), ("x.{index}", "suffix"), ("{what}.pcap", "{what} is no field")],
)
def test_a_template_that_is_none_is_refused(template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        split("not there", template, max_packets=1)


# ---------------------------------------------------------------- appearing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where parts go."""
    path = tmp_path / "parts"
    path.mkdir()
    return path


HEADER = wire.pcap_header()
RECORDS = [wire.pcap_record(number, 0, bytes([number])) for number in range(4)]
FOUR = HEADER + b"".join(RECORDS)
MANY = wire.pcap_record(1, 2, bytes(984)) * 3000  # more than all buffers of an output hold


class Watched(io.BytesIO):
    """Notes what is in a folder while it is read."""

    def __init__(self, capture: bytes, folder: Path) -> None:
        super().__init__(capture)
        self._folder = folder
        self.seen: set[str] = set()

    def readinto(self, room: Any) -> int:
        self.seen |= set(names(self._folder))
        return super().readinto(room)


def test_the_parts_appear_together_when_all_are_complete(folder: Path) -> None:
    source = Watched(HEADER + MANY, folder)
    report = split(source, folder / "x.pcap", max_packets=700)
    assert names(folder) == [f"x-0000{number}.pcap" for number in range(1, 6)]
    assert len(source.seen) == 1
    assert all(name.startswith(".pcapconv-") and name.endswith(".tmp") for name in source.seen)
    record = MANY[:1000]
    for number, name in enumerate(report.outputs):
        assert Path(name).read_bytes() == HEADER + record * (700 if number < 4 else 200)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_new_parts_have_the_permissions_that_the_umask_leaves(folder: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666 & ~mask}


def test_existing_files_are_not_overwritten(folder: Path) -> None:
    (folder / "x-00003.pcap").write_bytes(OLD)
    with pytest.raises(FileError) as caught:
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    assert str(caught.value) == f"{folder}/x-00003.pcap: exists already; --force (force=True) replaces it"
    assert names(folder) == ["x-00003.pcap"]
    assert (folder / "x-00003.pcap").read_bytes() == OLD


def test_existing_files_are_replaced_by_force(folder: Path) -> None:
    """They keep their permissions; a link stays, and what it leads to is replaced; so is the capture itself."""
    (folder / "elsewhere").mkdir()
    (folder / "x-00001.pcap").write_bytes(FOUR)
    (folder / "x-00002.pcap").write_bytes(OLD)
    (folder / "x-00002.pcap").chmod(0o640)
    (folder / "elsewhere" / "real").write_bytes(OLD)
    (folder / "x-00003.pcap").symlink_to("elsewhere/real")
    split(folder / "x-00001.pcap", folder / "x.pcap", max_packets=1, force=True)
    assert names(folder) == ["elsewhere", *(f"x-0000{number}.pcap" for number in range(1, 5))]
    assert [(folder / f"x-0000{number}.pcap").read_bytes() for number in range(1, 5)] == [HEADER + r for r in RECORDS]
    assert stat.S_IMODE((folder / "x-00002.pcap").stat().st_mode) == 0o640
    assert (folder / "x-00003.pcap").is_symlink()
    assert names(folder / "elsewhere") == ["real"]


def test_what_is_no_plain_file_is_never_replaced(folder: Path) -> None:
    (folder / "x-00002.pcap").mkdir()
    os.mkfifo(folder / "y-00001.pcap")
    for name in "xy":
        with pytest.raises(FileError, match="is not a plain file"):
            split(io.BytesIO(FOUR), folder / f"{name}.pcap", max_packets=1, force=True)
    assert names(folder) == ["x-00002.pcap", "y-00001.pcap"]


def test_two_parts_of_one_name_are_refused(folder: Path) -> None:
    (folder / "x-0.pcap").write_bytes(OLD)
    (folder / "link").symlink_to(".")
    with pytest.raises(UsageError) as caught:
        split(io.BytesIO(FOUR), folder / "x-{section}.pcap", max_packets=3, force=True)
    assert str(caught.value) == (
        f"{folder}/x-{{section}}.pcap: part 1, which begins with packet 1, and part 2, which begins with packet 4, "
        f"would both be {folder}/x-0.pcap; put {{index}} into the template"
    )
    assert names(folder) == ["link", "x-0.pcap"]
    assert (folder / "x-0.pcap").read_bytes() == OLD


def test_directories_may_differ_but_have_to_be_there(folder: Path) -> None:
    for number in (0, 1, 2):
        (folder / f"{number}").mkdir()
    capture = HEADER + b"".join(RECORDS[:3])
    split(io.BytesIO(capture), folder / "{start:%s}" / "x.pcap", max_packets=1)
    assert [names(folder / f"{number}") for number in (0, 1, 2)] == [["x.pcap"]] * 3
    assert names(folder) == ["0", "1", "2"]
    with pytest.raises(FileError) as caught:
        split(io.BytesIO(FOUR), folder / "{start:%s}" / "y.pcap", max_packets=1)
    assert str(caught.value) == f"{folder}/3/y.pcap: cannot create: no such file or directory"
    assert [names(folder / f"{number}") for number in (0, 1, 2)] == [["x.pcap"]] * 3
    with pytest.raises(FileError, match="cannot create: no such file or directory"):
        split(io.BytesIO(FOUR), folder / "none" / "x.pcap", max_packets=1)
    with pytest.raises(FileError, match="cannot create: not a directory"):
        split(io.BytesIO(FOUR), folder / "0" / "x.pcap" / "y.pcap", max_packets=1)
    assert names(folder) == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["a" * 300 + ".pcap", "nul\0.pcap", "surrogate\ud800.pcap"])
def test_names_that_no_file_can_have_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(FileError, match="cannot create"):
        split(io.BytesIO(FOUR), os.path.join(folder, name), max_packets=1)
    assert names(folder) == []


def test_names_in_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "in.pcap").write_bytes(FOUR)
    assert split("in.pcap", "{stem}-{index:1}.pcap", max_packets=2).outputs == ["in-1.pcap", "in-2.pcap"]
    assert names(folder) == ["in-1.pcap", "in-2.pcap", "in.pcap"]


# ---------------------------------------------------------------- when it goes wrong


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize(
    ("capture", "options", "error"),
    [
        (b"", {}, FormatError),
        (b"not a capture at all", {}, FormatError),
        (FOUR + MANY[:300_000] + b"cut", {"strict": True}, DamageError),
        (
            wire.section_header() + wire.interface() + wire.enhanced_packet(0, 2**63, b"") * 2,
            {"to": "pcap"},
            TargetError,
        ),
        (wire.section_header() + wire.names() + wire.interface(), {"to": "pcap", "on_loss": "fail"}, LossError),
    ],
    ids=["empty", "garbage", "cut", "time", "losses"],
)
def test_a_capture_that_is_refused_leaves_nothing(
    folder: Path, capture: bytes, options: dict[str, Any], error: type[Exception], old: bool
) -> None:
    if old:
        (folder / "x-00001.pcap").write_bytes(OLD)
    with pytest.raises(error) as caught:
        split(io.BytesIO(capture), folder / "x.pcap", max_packets=1, force=True, **options)
    if isinstance(caught.value, LossError):
        report = caught.value.report
        assert (report.outputs, report.parts, report.packets_written) == ([], [], 0)
    assert names(folder) == ["x-00001.pcap"] * old
    assert not old or (folder / "x-00001.pcap").read_bytes() == OLD


def test_damage_is_reported_and_what_is_whole_is_kept() -> None:
    written, report = split_up(FOUR + b"cut", "x.pcap", max_packets=3)
    assert written == [HEADER + b"".join(RECORDS[:3]), HEADER + RECORDS[3]]
    assert [(each.offset, each.bytes_left_out) for each in report.damage] == [(len(FOUR), 3)]


def test_what_a_caller_raises_leaves_nothing(folder: Path) -> None:
    calls: list[int] = []

    def stop(done: int) -> None:
        calls.append(done)
        if len(calls) == 4:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        split(io.BytesIO(HEADER + MANY), folder / "x.pcap", max_packets=700, progress=stop)
    assert names(folder) == []


def test_a_file_that_somebody_creates_meanwhile_is_not_overwritten(folder: Path) -> None:
    def create(_: int) -> None:
        (folder / "x-00001.pcap").write_bytes(OLD)

    with pytest.raises(FileError, match=r"x-00001\.pcap: exists already"):
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=10, progress=create)
    assert names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), FileExistsError(17, "File exists"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("when", range(8))
def test_all_is_as_it_was_when_a_name_cannot_be_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: int, error: BaseException, links: bool
) -> None:
    """Two of four names are taken, and may be. The step that fails is done or not, as with a signal behind it."""
    for number in (2, 3):
        (folder / f"x-0000{number}.pcap").write_bytes(OLD + bytes([number]))
        (folder / f"x-0000{number}.pcap").chmod(0o600)
    before = {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    steps: list[str] = []

    def failing(name: str) -> Any:
        real = getattr(os, name)

        def step(one: str, other: str, **_: object) -> None:
            if name == "link" and not links:
                raise PermissionError(1, "Operation not permitted")
            if "x-0000" in other or "x-0000" in one:
                steps.append(name)
                if len(steps) == when // 2 + 1:
                    if when % 2:
                        real(one, other)
                    raise error
            real(one, other)

        return step

    with monkeypatch.context() as patch:
        for name in ("link", "rename", "replace"):
            patch.setattr(os, name, failing(name))
        with pytest.raises(FileError if isinstance(error, OSError) else KeyboardInterrupt):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1, force=True)
    assert len(steps) > when // 2
    assert {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()} == before


def test_another_file_system_is_reached_by_copying(folder: Path) -> None:
    """As where a directory of the template is one, or a link leads there. What is there could not be taken back."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == folder.stat().st_dev:
        pytest.skip("there is no other file system")
    with tempfile.TemporaryDirectory(dir=memory) as other:
        (folder / "x-00001.pcap").symlink_to(os.path.join(other, "one"))
        (folder / "x-00002.pcap").symlink_to(os.path.join(other, "two"))
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2)
        assert Path(other, "one").read_bytes() == HEADER + b"".join(RECORDS[:2])
        assert Path(other, "two").read_bytes() == HEADER + b"".join(RECORDS[2:])
        assert names(Path(other)) == ["one", "two"]
        with pytest.raises(FileError, match=r"x-00001\.pcap: exists already"):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2)
        Path(other, "one").unlink()
        Path(other, "two").write_bytes(OLD)
        with pytest.raises(FileError, match=r"x-00002\.pcap: cannot create: it is on another file system"):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2, force=True)
        assert names(Path(other)) == ["two"]
        assert Path(other, "two").read_bytes() == OLD
    assert names(folder) == ["x-00001.pcap", "x-00002.pcap"]


# ---------------------------------------------------------------- in a process of its own

RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
from pcapconv.cli import signals
from pcapconv.errors import PcapconvError
from pcapconv.splitter import split
try:
    with signals.raised():
        split(sys.argv[1], sys.argv[2], **eval(sys.argv[3]))
except PcapconvError as error:
    sys.exit(str(error))
except signals.Terminated as end:
    sys.exit(end.status)
"""
PATIENCE = 60


def command(source: str | Path, template: Path, **options: Any) -> list[str]:
    return [sys.executable, "-P", "-c", RUN, str(source), str(template), repr(options)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("way", [{"max_packets": 700}, {"max_packets": 20}, {"interval": "1s"}], ids=str)
def test_a_signal_leaves_nothing(number: signal.Signals, way: dict[str, Any], folder: Path) -> None:
    (folder / "x-00001.pcap").write_bytes(OLD)
    process = subprocess.Popen(command("-", folder / "x.pcap", force=True, **way), stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        process.stdin.write(HEADER + MANY)
        process.stdin.flush()
        (temporary,) = [name for name in names(folder) if name != "x-00001.pcap"]
        assert temporary.startswith(".pcapconv-")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number
    finally:
        process.kill()
        process.communicate()
    assert names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


def test_a_kill_leaves_one_temporary_directory(folder: Path) -> None:
    (folder / "x-00001.pcap").write_bytes(OLD)
    process = subprocess.Popen(command("-", folder / "x.pcap", force=True, max_packets=10), stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        process.stdin.write(HEADER + MANY)
        process.stdin.flush()
    finally:
        process.kill()
        process.communicate()
    (temporary,) = [name for name in names(folder) if name != "x-00001.pcap"]
    assert temporary.startswith(".pcapconv-")
    assert temporary.endswith(".tmp")
    assert stat.S_IMODE((folder / temporary).stat().st_mode) == 0o700
    assert (folder / "x-00001.pcap").read_bytes() == OLD


@pytest.mark.parametrize("way", [{"max_packets": 2000}, {"by": "section"}], ids=str)
def test_a_file_that_may_not_grow_leaves_what_was_there(way: dict[str, Any], tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(HEADER + MANY)
    (folder / "x-00001.pcap").write_bytes(OLD)
    done = subprocess.run(
        command(tmp_path / "in.pcap", folder / "x.pcap", force=True, **way),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (1, f"{folder}/x-00001.pcap: cannot write: file too large\n")
    assert names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


@pytest.mark.parametrize("to", ["pcap", "pcapng"])
@pytest.mark.parametrize(
    ("way", "count"), [({"max_packets": 1}, 2000), ({"interval": "1s"}, 2000), ({"by": "interface"}, 60)], ids=str
)
def test_thousands_of_parts_need_few_open_files(
    way: dict[str, Any], count: int, to: str, tmp_path: Path, folder: Path
) -> None:
    """Neither when they come one after the other, nor when all get more in turns, and more than buffers hold."""
    head = wire.section_header() + b"".join(wire.interface() for _ in range(60))
    rounds, data = (20, bytes(40_000)) if "by" in way else (1 if "max_packets" in way else 2, b"four")
    packets = [wire.enhanced_packet(each % 60, each % count * 10**6, data) for each in range(count * rounds)]
    (tmp_path / "in.pcapng").write_bytes(head + b"".join(packets))
    done = subprocess.run(
        command(tmp_path / "in.pcapng", folder / f"x.{to}", **way), preexec_fn=few_files, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(folder) == [f"x-{number:05}.{to}" for number in range(1, count + 1)]
    for number, path in enumerate(sorted(folder.iterdir())):
        part = path.read_bytes()
        if to == "pcapng":
            assert part == head + b"".join(packets[number::count])
        else:
            assert len(wire.read_pcap(part)) == rounds
