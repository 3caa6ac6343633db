"""Splitting by interface, link type and section: which part each packet and each block goes to, byte for byte."""

import io
import os

import pytest
import wire
from splitting import both_forms, packet_at, parts_and_report, parts_of
from wire import In

import pcapconv

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def named_any(write: In) -> bytes:
    return write.options((wire.IF_NAME, b"any"))


def kinds(write: In) -> tuple[bytes, list[bytes]]:
    """A section's interfaces, and packets of each."""
    one, two = write.interface(1, 64), write.interface(113, options=named_any(write))
    return one + two + write.interface(1), [
        packet_at(write, number, bytes([number]), number % 3) for number in range(6)
    ]


@both_forms
def test_one_part_for_each_interface(write: In) -> None:
    """Each declares that interface alone, as id 0; a section may have interfaces with the ids of another one."""
    section, (interfaces, packets) = write.section_header(), kinds(write)
    head = section + interfaces
    one, two, three = write.interface(1, 64), write.interface(113, options=named_any(write)), write.interface(1)
    written, report = parts_and_report(
        head + b"".join(packets) + head + packets[1], "{interface}-{link_type}-{section}.pcapng", by="interface"
    )
    of_0 = [packet_at(write, number, bytes([number])) for number in range(6)]
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
    capture = head + packet_at(write, 0) + counted[1] + packet_at(write, 1, interface=1) + b"".join(counted) + cut
    assert parts_of(capture, by="link-type") == [
        head + packet_at(write, 0) + counted[1] + counted[0],
        head + packet_at(write, 1, interface=1) + counted[1] + counted[2] + counted[3] + cut,
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
        section + before + one + packet_at(write, 0) + counted[3] + counted[2] + after + two + write.interface(7)
        + packet_at(write, 1, interface=1) + b"".join(counted) + cut + short
    )  # fmt: skip
    written, report = parts_and_report(capture, by="interface")
    assert written == [
        section + one + packet_at(write, 0) + counted[0] + short,
        section + two + write.statistics(0, 1) + write.statistics(0, 2) + packet_at(write, 1) + counted[0] + cut
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
    capture = (
        section + one + named + one + packet_at(write, 0) + b"".join(counted[:6]) + packet_at(write, 1, interface=1)
    )
    of_0 = [write.statistics(0, number) for number in range(9)]
    written, report = parts_and_report(capture, "{interface}.pcapng", by="interface")
    assert written == [section + one + packet_at(write, 0), section + named + b"".join(of_0[:6]) + packet_at(write, 1)]
    assert report.left_out == {"interfaces": 1}
    capture = section + one + named + one + packet_at(write, 0) + b"".join(counted)
    capture += b"".join(write.statistics(7, number) for number in range(9))
    written, report = parts_and_report(capture, "{interface}-{link_type}-{start}.pcapng", by="interface")
    assert [os.path.basename(name) for name in report.outputs] == [
        "0-0-ETHERNET-20010909T014640.pcapng", "any-ETHERNET-notime.pcapng"
    ]  # fmt: skip
    unknown = b"".join(write.statistics(7, number) for number in range(9))
    assert written == [section + one + packet_at(write, 0) + unknown, section + named + b"".join(of_0)]


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
    written, report = parts_and_report(capture, by="interface")
    assert written == [section + named + b"".join(blocks(0)), section + plain + simple]
    assert (report.losses, report.left_out) == ({}, {"interfaces": high - 1} if high > 1 else {})


@both_forms
def test_by_interface_names_and_secrets_are_in_every_part(write: In) -> None:
    """In their place before or behind the interface, wherever it is declared."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    called, late = (write.names(wire.ipv4_name("192.0.2.1", name)) for name in ("a", "b"))
    keys, own = write.secrets(wire.TLS_KEY_LOG, b"key"), write.block(0xB0B, b"own!")
    capture = (
        section + called + one + keys + packet_at(write, 0) + own + two + late + packet_at(write, 1, interface=1)
        + packet_at(write, 2)
    )  # fmt: skip
    assert parts_of(capture, by="interface") == [
        section + called + one + keys + packet_at(write, 0) + own + late + packet_at(write, 2),
        section + called + keys + two + late + packet_at(write, 1),
    ]


@both_forms
def test_by_interface_a_section_without_packets_stays_whole(write: In) -> None:
    """With its interfaces' own ids, in the part that is current."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    keys, counted = write.secrets(wire.TLS_KEY_LOG, b"key"), write.statistics(1, 9)
    empty = section + one + keys + two + counted
    with_packets = section + one + two + packet_at(write, 0, interface=1)
    written, report = parts_and_report(empty + with_packets + empty, by="interface")
    assert written == [empty + section + two + packet_at(write, 0) + empty]
    assert report.left_out == {"interfaces": 1}
    assert parts_of(empty, by="interface") == [empty]


@both_forms
def test_by_interface_blocks_may_be_too_many_to_wait_for_the_first_packet(write: In) -> None:
    """Then nobody knows yet which interface their part will declare."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    entries = [write.journal(bytes([number]) * 400_000) for number in range(3)]
    begin = section + one + two + write.statistics(1, 9) + b"".join(entries)
    packet, of_0 = packet_at(write, 0, interface=1), section + b"".join(entries)
    counted = two + write.statistics(0, 9) + packet_at(write, 0)
    assert parts_of(begin + packet, by="interface") == [of_0 + counted]
    assert parts_of(begin + packet + begin + packet, by="interface") == [of_0 + counted + of_0, section + counted]
    whole = section + b"".join(entries) + one + two + write.statistics(1, 9)
    assert parts_of(begin, by="interface") == [whole]


@both_forms
def test_by_interface_of_packets_that_were_edited(write: In) -> None:
    """Whose blocks are made anew, some with options in memory of their own."""
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    packets = [write.obsolete_packet(number % 2, number, b"four") for number in range(6)]
    said = write.options((wire.OPT_COMMENT, b"said"))
    capture = section + one + two + b"".join(packets)
    assert parts_of(capture, by="interface", packet_comment=["4:said"], drop_packets="5") == [
        section + one + write.obsolete_packet(0, 0, b"four") + write.obsolete_packet(0, 2, b"four"),
        section + two + write.obsolete_packet(0, 1, b"four") + write.enhanced_packet(0, 3, b"four", options=said)
        + write.obsolete_packet(0, 5, b"four"),
    ]  # fmt: skip
    cut = [write.enhanced_packet(0, number, b"fo", original_length=4) for number in range(6)]
    assert parts_of(capture, by="interface", snaplen=2) == [
        section + write.interface(1, 2) + cut[0] + cut[2] + cut[4],
        section + write.interface(113, 2) + cut[1] + cut[3] + cut[5],
    ]


@both_forms
def test_one_part_for_each_link_type(write: In) -> None:
    interfaces, packets = kinds(write)
    head = write.section_header() + interfaces
    capture = head + b"".join(packets) + head + packets[4]
    written, report = parts_and_report(capture, "{link_type}.pcapng", by="link-type")
    assert written == [
        head + packets[0] + packets[2] + packets[3] + packets[5],
        head + packets[1] + packets[4] + head + packets[4],
    ]
    written, report = parts_and_report(capture, "{link_type}.pcap", by="link-type")

    def record(number: int) -> bytes:
        return write.pcap_record(10**9 + number, 500_000, bytes([number]))

    assert written == [
        write.pcap_header(snaplen=262144) + record(0) + record(2) + record(3) + record(5),
        write.pcap_header(snaplen=262144, link_type_word=113) + record(1) + record(4) + record(4),
    ]
    assert report.losses == {"interfaces": 6, "interface-options": 2, "sections": 1}


@pytest.mark.parametrize("to", ["pcap", "pcapng"])
def test_interfaces_that_are_declared_between_the_packets(write: In, to: str) -> None:
    """Those of a link type whose packets went to its part before, and of another one."""
    link_types = [1, 1, 113, 1, 113, 113, 1, 1]
    blocks = [
        write.interface(link_type) + packet_at(write, number, bytes([number]), number)
        for number, link_type in enumerate(link_types)
    ]
    section = write.section_header() + b"".join(blocks) + packet_at(write, 8, b"8", 2) + packet_at(write, 9, b"9", 0)
    parts = parts_of(section + section, f"{{index}}.{to}", by="link-type")
    found = [[packet.data for packet in pcapconv.open(io.BytesIO(part))] for part in parts]
    ethernet, cooked = [b"\0", b"\1", b"\3", b"\6", b"\7", b"9"], [b"\2", b"\4", b"\5", b"8"]
    assert found == [ethernet * 2, cooked * 2]


@both_forms
def test_a_part_of_pcap_says_what_holds_for_its_own_packets(write: In) -> None:
    """Other interfaces' lengths, units and checksums are none of its business."""
    fcs, nano = (wire.IF_FCSLEN, b"\x20"), (wire.IF_TSRESOL, b"\x09")
    ethernet = write.interface(1, 64, options=write.options(fcs, (wire.IF_NAME, b"eth0")))
    wireless = write.interface(105, 0)
    fine = write.interface(101, 99, options=write.options(nano))
    unseen = write.interface(1, 7, options=write.options((wire.IF_NAME, b"none"), (wire.OPT_COMMENT, b"lost")))
    packets = [packet_at(write, 0, b"e", 0), packet_at(write, 1, b"w", 1), write.enhanced_packet(3, 10**9 + 1, b"f")]
    capture = (
        write.section_header() + ethernet + b"".join(packets[:1]) + wireless + unseen + fine + b"".join(packets[1:])
    )
    written, report = parts_and_report(capture, "{interface}.pcap", by="interface")
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
    written, report = parts_and_report(capture, "{section}.pcapng", by="section")
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
    written = parts_of(head + b"".join(packets), by="interface")
    assert written == [section + interfaces[number] + b"".join(of_0[number::count]) for number in range(count)]
    written = parts_of(head + b"".join(packets), by="link-type")
    assert written == [
        head + b"".join(packets[at] for at in range(len(packets)) if at % count % 7 == kind) for kind in range(7)
    ]
