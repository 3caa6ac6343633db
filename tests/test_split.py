"""Splitting: which part each packet and each block goes to, byte for byte: small captures are built by hand, and their
parts stated whole."""

import os
from pathlib import Path
from typing import Any

import pytest
import wire
from nonsense import PARTS, in_python
from splitting import micro, names, parts, split_up
from through import Pipe
from wire import BIG, LITTLE, In

from pcapconv import FormatError, TargetError, UsageError
from pcapconv.splitting import split

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
both_forms = pytest.mark.usefixtures("kernels")


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


@pytest.mark.parametrize("max_packets", [1, 2, 3])
def test_what_edited_records_said_is_counted_however_they_are_split(write: In, max_packets: int) -> None:
    records = [write.pcap_record(1, 10**6, b"%d." % number) for number in range(3)]
    _, report = split_up(write.pcap_header() + b"".join(records), max_packets=max_packets, chop=[1])
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
    own = write.block(0xB0B, b"none")
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
    interface, own = write.interface(), write.block(0xB0B, b"none")
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
    own = write.block(0xB0B, bytes(80))
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
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    head, own = section + one + two, write.block(0xB0B, b"own!")
    early, late = micro(write, 0), micro(write, 5, interface=1)
    capture = head + early + late + early + own + late + early + late + own
    expected = [head + early * 2 + own + early, head + late * 3 + own]
    assert parts(capture, interval="1s") == expected
    assert parts(capture, by="link-type") == expected
    assert parts(capture, by="interface") == [
        section + one + early * 2 + own + early,
        section + two + micro(write, 5) * 3 + own,
    ]


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


def named_any(write: In) -> bytes:
    return write.options((wire.IF_NAME, b"any"))


def kinds(write: In) -> tuple[bytes, list[bytes]]:
    """A section's interfaces, and packets of each."""
    one, two = write.interface(1, 64), write.interface(113, options=named_any(write))
    return one + two + write.interface(1), [micro(write, number, bytes([number]), number % 3) for number in range(6)]


@both_forms
def test_one_part_for_each_interface(write: In) -> None:
    """Each declares that interface alone, as id 0; a section may have interfaces with the ids of another one."""
    section, (interfaces, packets) = write.section_header(), kinds(write)
    head = section + interfaces
    one, two, three = write.interface(1, 64), write.interface(113, options=named_any(write)), write.interface(1)
    written, report = split_up(
        head + b"".join(packets) + head + packets[1], "{interface}-{link_type}-{section}.pcapng", by="interface"
    )
    of_0 = [micro(write, number, bytes([number])) for number in range(6)]
    assert written == [
        section + one + of_0[0] + of_0[3],
        section + two + of_0[1] + of_0[4],
        section + three + of_0[2] + of_0[5],
        section + two + of_0[1],
    ]
    assert report.left_out == {"interfaces": 2}
    assert [os.path.basename(name) for name in report.outputs] == [
        "0-0-ETHERNET-0.pcapng", "any-LINUX_SLL-0.pcapng", "0-2-ETHERNET-0.pcapng", "any-LINUX_SLL-1.pcapng"
    ]  # fmt: skip


def test_statistics_go_to_the_part_of_their_interface(write: In) -> None:
    head = write.section_header() + write.interface(1) + write.interface(113) + write.interface(7)
    counted = [write.statistics(number, 9) for number in range(4)]
    cut = write.block(wire.INTERFACE_STATISTICS, b"")
    capture = head + micro(write, 0) + counted[1] + micro(write, 1, interface=1) + b"".join(counted) + cut
    assert parts(capture, by="link-type") == [
        head + micro(write, 0) + counted[1] + counted[0],
        head + micro(write, 1, interface=1) + counted[1] + counted[2] + counted[3] + cut,
    ]


@both_forms
def test_by_interface_statistics_say_0_and_wait_for_their_interface(write: In) -> None:
    """Those of an interface without packets are left out; those of none that is declared, or cut off, stay as they
    are."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    stated = write.options((wire.OPT_COMMENT, b"dropped 5"))
    counted = [write.statistics(number, 9, options=stated) for number in range(4)]
    cut, short = write.block(wire.INTERFACE_STATISTICS, b""), write.block(wire.INTERFACE_STATISTICS, b"\0\0\0\0")
    before, after = write.statistics(1, 1), write.statistics(1, 2)
    capture = (
        section + before + one + micro(write, 0) + counted[3] + counted[2] + after + two + write.interface(7)
        + micro(write, 1, interface=1) + b"".join(counted) + cut + short
    )  # fmt: skip
    written, report = split_up(capture, by="interface")
    assert written == [
        section + one + micro(write, 0) + counted[0] + short,
        section + two + write.statistics(0, 1) + write.statistics(0, 2) + micro(write, 1) + counted[0] + cut
        + counted[3] * 2,
    ]  # fmt: skip
    assert report.left_out == {"interfaces": 1, "statistics": 2}
    assert report.losses == {}


@both_forms
def test_by_interface_statistics_that_are_too_many_do_not_wait(write: In, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their part has the names that one with packets would have."""
    monkeypatch.setattr("pcapconv.splitting.by_interface_or_link_type.MOST_WAITING", 900)
    section, one, named = write.section_header(), write.interface(1), write.interface(1, options=named_any(write))
    counted = [write.statistics(1, number) for number in range(9)]
    capture = section + one + named + one + micro(write, 0) + b"".join(counted[:6]) + micro(write, 1, interface=1)
    of_0 = [write.statistics(0, number) for number in range(9)]
    written, report = split_up(capture, "{interface}.pcapng", by="interface")
    assert written == [section + one + micro(write, 0), section + named + b"".join(of_0[:6]) + micro(write, 1)]
    assert report.left_out == {"interfaces": 1}
    capture = section + one + named + one + micro(write, 0) + b"".join(counted)
    capture += b"".join(write.statistics(7, number) for number in range(9))
    written, report = split_up(capture, "{interface}-{link_type}-{start}.pcapng", by="interface")
    assert [os.path.basename(name) for name in report.outputs] == [
        "0-0-ETHERNET-20010909T014640.pcapng", "any-ETHERNET-notime.pcapng"
    ]  # fmt: skip
    unknown = b"".join(write.statistics(7, number) for number in range(9))
    assert written == [section + one + micro(write, 0) + unknown, section + named + b"".join(of_0)]


@both_forms
@pytest.mark.parametrize("high", [1, 0x0102])
def test_by_interface_only_the_id_in_a_packet_s_block_changes(write: In, high: int) -> None:
    """Padding, drop counts, options and what nobody can read stay; the id has 16 or 32 bits."""
    flags = write.options((wire.EPB_FLAGS, write.number(1, 4)), (wire.OPT_COMMENT, b"seen"))
    data = b"five!"

    def blocks(number: int) -> list[bytes]:
        enhanced = write.enhanced_packet(number, 2**40 + 7, data, original_length=99, options=flags)
        padded = enhanced.replace(data + bytes(3), data + b"\xaa\xbb\xcc")
        assert padded != enhanced
        overrun = write.enhanced_packet(number, 5, data, options=write.option(1, b"cut", length=400))
        return [padded, overrun, write.obsolete_packet(number, 5, data, options=flags, drops_count=0x0304)]

    section, plain, named = write.section_header(), write.interface(1), write.interface(1, options=named_any(write))
    simple = write.simple_packet(data)
    capture = section + plain * high + named + b"".join(blocks(high)) + simple
    written, report = split_up(capture, by="interface")
    assert written == [section + named + b"".join(blocks(0)), section + plain + simple]
    assert (report.losses, report.left_out) == ({}, {"interfaces": high - 1} if high > 1 else {})


@both_forms
def test_by_interface_names_and_secrets_are_in_every_part(write: In) -> None:
    """In their place before or behind the interface, wherever it is declared."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    called, late = (write.names(wire.ipv4_name("192.0.2.1", name)) for name in ("a", "b"))
    keys, own = write.secrets(wire.TLS_KEY_LOG, b"key"), write.block(0xB0B, b"own!")
    capture = (
        section + called + one + keys + micro(write, 0) + own + two + late + micro(write, 1, interface=1)
        + micro(write, 2)
    )  # fmt: skip
    assert parts(capture, by="interface") == [
        section + called + one + keys + micro(write, 0) + own + late + micro(write, 2),
        section + called + keys + two + late + micro(write, 1),
    ]


@both_forms
def test_by_interface_a_section_without_packets_stays_whole(write: In) -> None:
    """With its interfaces' own ids, in the part that is current."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    keys, counted = write.secrets(wire.TLS_KEY_LOG, b"key"), write.statistics(1, 9)
    empty = section + one + keys + two + counted
    with_packets = section + one + two + micro(write, 0, interface=1)
    written, report = split_up(empty + with_packets + empty, by="interface")
    assert written == [empty + section + two + micro(write, 0) + empty]
    assert report.left_out == {"interfaces": 1}
    assert parts(empty, by="interface") == [empty]


@both_forms
def test_by_interface_blocks_may_be_too_many_to_wait_for_the_first_packet(write: In) -> None:
    """Then nobody knows yet which interface their part will declare."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    entries = [write.journal(bytes([number]) * 400_000) for number in range(3)]
    begin = section + one + two + write.statistics(1, 9) + b"".join(entries)
    packet, of_0 = micro(write, 0, interface=1), section + b"".join(entries)
    counted = two + write.statistics(0, 9) + micro(write, 0)
    assert parts(begin + packet, by="interface") == [of_0 + counted]
    assert parts(begin + packet + begin + packet, by="interface") == [of_0 + counted + of_0, section + counted]
    whole = section + b"".join(entries) + one + two + write.statistics(1, 9)
    assert parts(begin, by="interface") == [whole]


@both_forms
def test_by_interface_of_packets_that_were_edited(write: In) -> None:
    """Whose blocks are made anew, some with options in memory of their own."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    packets = [write.obsolete_packet(number % 2, number, b"four") for number in range(6)]
    said = write.options((wire.OPT_COMMENT, b"said"))
    capture = section + one + two + b"".join(packets)
    assert parts(capture, by="interface", packet_comment=["4:said"], drop_packets="5") == [
        section + one + write.obsolete_packet(0, 0, b"four") + write.obsolete_packet(0, 2, b"four"),
        section + two + write.obsolete_packet(0, 1, b"four") + write.enhanced_packet(0, 3, b"four", options=said)
        + write.obsolete_packet(0, 5, b"four"),
    ]  # fmt: skip
    cut = [write.enhanced_packet(0, number, b"fo", original_length=4) for number in range(6)]
    assert parts(capture, by="interface", snaplen=2) == [
        section + write.interface(1, 2) + cut[0] + cut[2] + cut[4],
        section + write.interface(113, 2) + cut[1] + cut[3] + cut[5],
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
    second += interfaces + write.block(0xB0B, b"none")
    capture = first + b"".join(packets) + second + packets[0] + write.statistics(0, 1)
    written, report = split_up(capture, "{section}.pcapng", by="section")
    assert written == [first + b"".join(packets), second + packets[0] + write.statistics(0, 1)]
    assert [os.path.basename(name) for name in report.outputs] == ["0.pcapng", "1.pcapng"]


@both_forms
def test_many_interfaces_at_once() -> None:
    """In turns, and more than the kernel sees in one batch."""
    count, rounds = 200, 100
    section, interfaces = wire.section_header(), [wire.interface(number % 7) for number in range(count)]
    head = section + b"".join(interfaces)
    data = [bytes([each]) * (number % 50) for each in range(rounds) for number in range(count)]
    packets = [wire.enhanced_packet(at % count, 5, each) for at, each in enumerate(data)]
    of_0 = [wire.enhanced_packet(0, 5, each) for each in data]
    written = parts(head + b"".join(packets), by="interface")
    assert written == [section + interfaces[number] + b"".join(of_0[number::count]) for number in range(count)]
    written = parts(head + b"".join(packets), by="link-type")
    assert written == [
        head + b"".join(packets[at] for at in range(len(packets)) if at % count % 7 == kind) for kind in range(7)
    ]


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
    with pytest.raises(TargetError, match="start again with nanoseconds=True"):
        split(Pipe([capture]), tmp_path / "x.pcap", max_packets=2)  # type: ignore[arg-type]
    assert names(tmp_path) == []
    assert parts(Pipe([capture]), "x.pcap", max_packets=2, nanoseconds=True) == written  # type: ignore[arg-type]


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
    [("-", "stdout"), ("x", "suffix does not tell"), ("x.{index}", "suffix"), ("{what}.pcap", "{what} is no field")],
)
def test_a_template_that_is_none_is_refused(template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        split("not there", template, max_packets=1)


def test_a_capture_without_an_interface_is_split_into_pcap_with_a_warning(write: In) -> None:
    (part,), report = split_up(write.section_header(), "x.pcap", max_packets=1)
    assert part == write.pcap_header(snaplen=262144)
    assert [str(notice) for notice in report.warnings] == [
        "offset 0: the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    ]
    assert split_up(write.section_header(), "x.pcapng", max_packets=1)[1].warnings == []
