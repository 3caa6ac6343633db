"""Splitting by count and by size: which part each packet and each block goes to, byte for byte;
names and the report."""

import os
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import Pipe
from folders import file_names
from nonsense import PARTS, in_python
from splitting import both_forms, packet_at, parts_and_report, parts_of
from wire import BIG, LITTLE, In

from pcapconv import TargetError, UsageError
from pcapconv.splitting import split

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- by count


@both_forms
def test_a_new_part_after_so_many_packets(write: In) -> None:
    header = write.pcap_header(snaplen=77)
    records = [write.pcap_record(number, 5, bytes(number)) for number in range(7)]
    capture = header + b"".join(records)
    assert parts_of(capture, "x.pcap", max_packets=3) == [
        header + b"".join(records[:3]),
        header + b"".join(records[3:6]),
        header + records[6],
    ]
    assert parts_of(capture, "x.pcap", max_packets=1) == [header + record for record in records]
    assert parts_of(capture, "x.pcap", max_packets=7) == [capture]
    assert parts_of(capture, "x.pcap", max_packets=10**30) == [capture]


@pytest.mark.parametrize("max_packets", [1, 2, 3])
def test_what_edited_records_said_is_counted_however_they_are_split(write: In, max_packets: int) -> None:
    records = [write.pcap_record(1, 10**6, b"%d." % number) for number in range(3)]
    _, report = parts_and_report(write.pcap_header() + b"".join(records), max_packets=max_packets, chop=[1])
    assert report.losses == {"time-notation": 3}


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
    assert parts_of(capture, max_packets=2) == [
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
    assert parts_of(capture, max_packets=2) == [
        unsure + packet * 2,
        unsure + packet + one.statistics(0, 1) + second + turned,
        second + turned + names_there + turned,
    ]
    assert parts_of(capture, max_packets=3) == [
        unsure + packet * 3 + one.statistics(0, 1),
        second + turned * 2 + names_there + turned,
    ]


def test_a_section_length_that_still_holds_stays(write: In) -> None:
    body = write.interface() + write.enhanced_packet(0, 1, b"four") * 4
    capture = write.section_header(section_length=len(body)) + body
    assert parts_of(capture, max_packets=4) == [capture]
    half = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"four") * 2
    assert parts_of(capture, max_packets=2) == [half, half]


def test_sections_without_packets_go_to_the_part_that_is_current(write: In) -> None:
    def section(name: bytes, *blocks: bytes) -> bytes:
        return write.section_header(options=write.options((wire.OPT_COMMENT, name))) + b"".join(blocks)

    packet, interface = write.enhanced_packet(0, 1, b"four"), write.interface()
    own = write.block(0xB0B, b"none")
    a, b = section(b"a", own, interface), section(b"b", interface, own)
    c, d = section(b"c"), section(b"d", interface)
    assert parts_of(a + b + c, max_packets=1) == [section(b"a", interface, own) + b + c]
    assert parts_of(a + b + packet + packet + c + d + packet + c, max_packets=1) == [
        section(b"a", interface, own) + b + packet,
        section(b"b", interface) + packet + c,
        d + packet + c,
    ]
    assert parts_of(a + b + packet + c + d + packet * 2, by="section") == [
        section(b"a", interface, own) + b + packet + c,
        d + packet * 2,
    ]


@pytest.mark.parametrize("way", [{"max_packets": 1}, {"max_bytes": 1}, {"interval": "1s"}, {"by": "interface"}])
@pytest.mark.parametrize("template", ["x.pcapng", "{start}-{interface}-{link_type}-{section}-{stem}-{index:1}.pcapng"])
def test_a_capture_without_packets_is_one_part(write: In, way: dict[str, Any], template: str) -> None:
    interface, own = write.interface(), write.block(0xB0B, b"none")
    for capture in (
        write.section_header(),
        write.section_header() + interface + write.names(),
        write.section_header() + interface + own,
    ):
        written, report = parts_and_report(capture, template, **way)
        assert written == [capture]
        assert report.parts is not None
        assert report.parts[0] | {"name": ""} == {
            "name": "", "packets": 0, "bytes": len(capture), "first_time": None, "last_time": None
        }  # fmt: skip
        if "start" in template:
            assert os.path.basename(report.outputs[0]) == "notime-none-none-0-input-1.pcapng"
    assert parts_of(write.pcap_header(), "x.pcap", **way) == [write.pcap_header()]
    in_pcapng = write.section_header() + write.interface(snaplen=65535)
    assert parts_of(write.pcap_header(), **way) == [in_pcapng]
    assert parts_of(write.section_header() + write.interface(snaplen=7), "x.pcap", **way) == [
        write.pcap_header(snaplen=7)
    ]


def test_blocks_that_wait_too_long_for_a_packet_do_not_wait(write: In) -> None:
    """A journal of gigabytes stays out of memory."""
    section, interface = write.section_header(), write.interface()
    entries = [write.journal(bytes([number]) * 400_000) for number in range(6)]
    packet = write.enhanced_packet(0, 1, b"four")
    capture = section + interface + b"".join(entries) + packet * 2
    assert parts_of(capture, max_packets=1) == [
        section + interface + b"".join(entries) + packet,
        section + interface + packet,
    ]
    assert parts_of(capture + capture, by="section") == [
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
    assert parts_of(capture, "x.pcap", max_bytes=24 + 3 * 26) == three
    assert parts_of(capture, "x.pcap", max_bytes="102") == three
    assert parts_of(capture, "x.pcap", max_bytes=24 + 3 * 26 - 1) == [
        header + b"".join(records[:2]), header + records[2], header + records[3], header + b"".join(records[4:])
    ]  # fmt: skip
    assert parts_of(capture, "x.pcap", max_bytes=1) == [header + record for record in records]
    assert parts_of(capture, "x.pcap", max_bytes=len(capture)) == [capture]
    assert parts_of(capture, "x.pcap", max_bytes="1TiB") == [capture]


@both_forms
def test_what_every_part_repeats_counts(write: In) -> None:
    section, interface, keys = write.section_header(), write.interface(), write.secrets(wire.TLS_KEY_LOG, bytes(40))
    packet, counted = write.enhanced_packet(0, 1, bytes(8)), write.statistics(0, 9)
    head, size = section + interface + keys, len(packet)
    capture = head + packet * 5 + counted + packet + keys + packet
    assert parts_of(capture, max_bytes=len(head) + 2 * size) == [
        head + packet * 2,
        head + packet * 2,
        head + packet + counted,
        head + packet,
        head + keys + packet,
    ]
    assert parts_of(capture, max_bytes=len(head) + 5 * size) == [
        head + packet * 5,
        head + counted + packet + keys + packet,
    ]
    bare = section + interface
    assert parts_of(bare + packet * 2 + keys, max_bytes=len(bare) + 2 * size) == [bare + packet * 2, bare + keys]
    assert parts_of(bare + packet * 2 + bare, max_bytes=len(bare) + 2 * size) == [bare + packet * 2, bare]
    assert parts_of(bare + packet + bare + packet, max_bytes=len(bare) + 2 * size) == [bare + packet] * 2
    assert parts_of(bare + packet + bare + packet, max_bytes=2 * len(bare + packet)) == [(bare + packet) * 2]
    assert parts_of(bare + packet + bare + packet, max_bytes=2 * len(bare + packet) - 1) == [bare + packet] * 2
    assert parts_of(bare + bare + packet, max_bytes=len(bare) + size) == [bare, bare + packet]
    own = write.block(0xB0B, bytes(80))
    assert parts_of(bare + packet + bare + own + packet, max_bytes=len(bare + own)) == [
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
    assert parts_of(in_pcap, max_bytes=limit) == [
        head + b"".join(blocks[:4]), head + b"".join(blocks[4:6]), head + blocks[6]
    ]  # fmt: skip
    assert parts_of(in_pcap, max_bytes=limit) == parts_of(in_pcapng, max_bytes=limit)
    limit = 24 + 16 + 17 + 18
    assert parts_of(in_pcapng, "x.pcap", max_bytes=limit) == parts_of(in_pcap, "x.pcap", max_bytes=limit)
    assert list(map(len, parts_of(in_pcap, "x.pcap", max_bytes=limit))) == [75, 24 + 19 + 20, 24 + 76, 24 + 23]


# ---------------------------------------------------------------- names and the report


def test_names_tell_of_the_first_packet(write: In, tmp_path: Path) -> None:
    head = write.section_header() + write.interface(1, options=write.options((wire.IF_NAME, b"../eth 0")))
    second = write.interface(12345)
    source = tmp_path / "my capture.2.pcapng"
    source.write_bytes(
        head + packet_at(write, 0) + second + packet_at(write, 1.25, interface=1) + write.simple_packet(b"x")
    )
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
        packet_at(write, 1), write.enhanced_packet(1, 10**18 + 1, b""), write.enhanced_packet(1, 2 * 10**18, b""),
        packet_at(write, 5), packet_at(write, 3), write.enhanced_packet(2, 1, b""), write.simple_packet(b"")
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
    _, report = parts_and_report(pieces, "x.pcap", max_packets=10)  # type: ignore[arg-type]
    assert report.parts is not None
    assert [(part["first_time"], part["last_time"]) for part in report.parts] == [
        ("1970-01-01T00:00:03.000000Z", "1970-01-01T00:00:09.000000Z")
    ]


def test_progress_is_told_and_packets_are_selected(write: In) -> None:
    seen: list[int] = []
    capture = write.pcap_header() + write.pcap_record(1, 2, b"four") * 4
    written, report = parts_and_report(capture, "x.pcap", max_packets=1, progress=seen.append, drop_packets="1,3")
    assert seen == [len(capture)]
    assert (report.packets_read, report.packets_written, len(written)) == (4, 2, 2)


def test_nanoseconds_that_come_late_begin_anew(write: In, tmp_path: Path) -> None:
    nano = write.interface(options=write.options((wire.IF_TSRESOL, b"\x09")))
    capture = (
        write.section_header() + write.interface() + packet_at(write, 0) * 3 + nano + write.enhanced_packet(1, 5, b"")
    )
    header = write.pcap_header(wire.NANOSECONDS, snaplen=262144)
    record, late = write.pcap_record(10**9, 500_000_000, b"four"), write.pcap_record(0, 5, b"")
    seen: list[int] = []
    written, report = parts_and_report(capture, "x.pcap", max_packets=2, progress=seen.append)
    assert written == [header + record * 2, header + record + late]
    assert len(seen) > len(set(seen))
    assert report.packets_read == 4
    with pytest.raises(TargetError, match="start again with nanoseconds=True"):
        split(Pipe([capture]), tmp_path / "x.pcap", max_packets=2)  # type: ignore[arg-type]
    assert file_names(tmp_path) == []
    assert parts_of(Pipe([capture]), "x.pcap", max_packets=2, nanoseconds=True) == written  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "nothing says where a new part begins; give one of max_packets=10000, max_bytes='100MB', interval='1h'"),
        ({"max_packets": 1, "by": "section"}, "exclude each other"),
        ({"max_packets": 0}, "max_packets=0: too small"),
        ({"max_packets": -1}, "max_packets=-1"),
        ({"max_packets": 1.5}, "max_packets=1.5"),
        ({"max_bytes": 0}, "max_bytes=0: a size is more than 0"),
        ({"max_bytes": -5}, "max_bytes=-5"),
        ({"max_bytes": "many"}, "max_bytes='many': not a size"),
        ({"interval": "0s"}, "interval='0s': must be more than 0"),
        ({"interval": "soon"}, "interval='soon'"),
        ({"by": "packet"}, "by='packet': must be one of interface, link-type, section"),
        ({"max_packets": 1, "align": True}, "align=True: only intervals"),
        ({"max_packets": 1, "on_loss": "maybe"}, "maybe"),
        ({"max_packets": 1, "to": "zip"}, "zip"),
        *(({"max_packets": 1, **options}, in_python(says)) for options, says in PARTS),
    ],
)
def test_nonsense_is_refused_before_anything_is_opened(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        split(tmp_path / "not there", tmp_path / "x.pcap", **options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("template", "says"),
    [("-", "stdout"), ("x", "suffix names no format"), ("x.{index}", "suffix"), ("{what}.pcap", "{what} is no field")],
)
def test_a_template_that_is_none_is_refused(template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        split("not there", template, max_packets=1)


def test_a_capture_without_an_interface_is_split_into_pcap_with_a_warning(write: In) -> None:
    (part,), report = parts_and_report(write.section_header(), "x.pcap", max_packets=1)
    assert part == write.pcap_header(snaplen=262144)
    assert [str(notice) for notice in report.warnings] == [
        "offset 0: the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    ]
    assert parts_and_report(write.section_header(), "x.pcapng", max_packets=1)[1].warnings == []
