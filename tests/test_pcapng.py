"""Pcapng's structure: captures that are cut off, packet blocks, and how a capture is read; exact bytes and offsets."""

import io
from typing import BinaryIO, cast

import pytest
import wire
from conversions import Pipe, converted, damage_of, identical, packets, refused
from pcapng_structure import ENTERPRISE, LARGEST, MOST, SECONDS, T, start
from wire import In, ipv4_name

import pcapconv
from pcapconv import Damage, Interface, Notice, TargetError

pytestmark = pytest.mark.usefixtures("kernels")


# ---------------------------------------------------------------- any input


def test_cut_off_anywhere_keeps_what_is_whole(write: In) -> None:
    blocks = [
        write.section_header(),
        write.interface(),
        write.enhanced_packet(0, T, b"one"),
        write.names(ipv4_name("192.0.2.1", "client.example")),
        write.simple_packet(b"two"),
        write.obsolete_packet(0, T, b"three"),
    ]
    whole = b"".join(blocks)
    ends = [sum(map(len, blocks[:count])) for count in range(len(blocks) + 1)]
    seen = [0, 0, 0, 1, 1, 2, 3]  # packets in the first blocks
    for cut in range(ends[1], len(whole) + 1):
        count = sum(end <= cut for end in ends) - 1
        left = cut - ends[count]
        for to in ("pcap", "pcapng"):
            out, report = converted(whole[:cut], to)
            assert out == converted(whole[: ends[count]], to)[0]
            assert damage_of(report) == ([(ends[count], seen[count] + 1, left)] if left else [])
            assert report.packets_read == seen[count]


def test_cut_off_in_the_first_block_is_refused(write: In) -> None:
    header = write.section_header(options=write.options((wire.OPT_COMMENT, b"first")))
    for cut in range(4, len(header)):
        refused(header[:cut], "ends after|no section can be read")


@pytest.mark.parametrize("stray", range(1, 12))
@pytest.mark.parametrize("junk", [b"\0" * 11, b"\xff" * 11, b"\n\r\r\n" * 3], ids=["zeros", "ones", "header"])
def test_1_to_11_stray_bytes_after_the_last_block_are_damage(write: In, stray: int, junk: bytes) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    out, report = converted(good + junk[:stray], "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, stray)]
    assert f"{stray} bytes" in report.damage[0].reason


@pytest.mark.parametrize("block_type", [wire.SECTION_HEADER, 1, 2, 3, 4, 6, 0xBAD, 0x80000001])
@pytest.mark.parametrize("claimed", [64, 2**20, LARGEST, LARGEST + 4, 2**31, MOST - 3, MOST])
def test_length_field_that_claims_more_than_the_file_holds_is_damage(write: In, block_type: int, claimed: int) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    magic = write.number(wire.BYTE_ORDER_MAGIC, 4) + bytes(20)
    bad = write.block(block_type, magic, total_length=claimed)
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]
    assert str(claimed) in report.damage[0].reason


@pytest.mark.parametrize(
    "first",
    [
        *[b"\x0a\x0d\x0a" + bytes([last]) for last in (0x00, 0x0A, 0x1C, 0xFF)],
        *[bytes([begin]) + b"\x0a\x0d\x0a" for begin in (0x00, 0x0A, 0x0D, 0xFF)],
        *[bytes([begin]) + b"\x0a\x0d\x0d" for begin in (0x00, 0x0D, 0xFF)],
        *[b"\x0d\x0d\x0a" + bytes([last]) for last in (0x00, 0x0A, 0x1C, 0xFF)],
    ],
    ids=bytes.hex,
)
def test_text_mode_transfer_damage_is_named(write: In, first: bytes) -> None:
    refused(first + write.section_header()[4:], f"text-mode transfer.*{first.hex(' ')}")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\r", b"\r\n")],
    ids=["crlf-to-lf", "lf-to-crlf", "cr-to-crlf"],
)
def test_text_mode_transfer_of_a_capture_is_named(write: In, was: bytes, becomes: bytes) -> None:
    refused((start(write) + write.enhanced_packet(0, T, b"x")).replace(was, becomes), "text-mode transfer")


@pytest.mark.parametrize("link_type", [0, 12345, 65535])
def test_link_type_number_nobody_knows_is_passed_through(write: In, link_type: int) -> None:
    data = b"any bytes \x00\xff"
    capture = write.section_header() + write.interface(link_type) + write.enhanced_packet(0, T, data)
    identical(capture)
    pcap, report = converted(capture, "pcap")
    assert pcap == write.pcap_header(link_type_word=link_type, snaplen=262144) + write.pcap_record(SECONDS, 0, data)
    assert report.losses == {}


def test_packet_longer_than_the_snaplen_is_kept_whole(write: In) -> None:
    capture = start(write, snaplen=2) + write.enhanced_packet(0, T, b"four")
    identical(capture)
    assert packets(capture)[0].data == b"four"
    assert converted(capture, "pcap")[0] == write.pcap_header(snaplen=2) + write.pcap_record(SECONDS, 0, b"four")


def test_packet_of_17_mib_is_kept_whole(write: In) -> None:
    data = bytes(range(256)) * (17 * 4096) + b"!"
    capture = start(write) + write.enhanced_packet(0, T, data) + write.enhanced_packet(0, T + 1, b"after")
    identical(capture)
    pcap, _ = converted(capture, "pcap")
    assert pcap == (
        write.pcap_header(snaplen=262144)
        + write.pcap_record(SECONDS, 0, data)
        + write.pcap_record(SECONDS, 1, b"after")
    )


@pytest.mark.parametrize(("captured", "original"), [(60, 42), (4, 0), (0, 0), (0, 1500), (0, MOST), (4, MOST)])
def test_captured_length_above_original_or_0_is_kept(write: In, captured: int, original: int) -> None:
    capture = start(write) + b"".join(
        build(0, T, bytes(captured), original_length=original)
        for build in (write.enhanced_packet, write.obsolete_packet)
    )
    identical(capture)
    assert [(each.captured_length, each.original_length) for each in packets(capture)] == [(captured, original)] * 2
    record = write.pcap_record(SECONDS, 0, bytes(captured), original_length=original)
    assert converted(capture, "pcap")[0] == write.pcap_header(snaplen=262144) + record * 2


def test_time_goes_backwards_and_the_order_is_kept(write: In) -> None:
    ticks = [T + 5, T, T + 3, 0]
    capture = start(write) + b"".join(write.enhanced_packet(0, each, b"x") for each in ticks)
    identical(capture)
    assert [packet.ticks for packet in packets(capture)] == ticks
    assert [packet.ticks for packet in wire.read_pcap(converted(capture, "pcap")[0])] == ticks


# ---------------------------------------------------------------- packets


@pytest.mark.parametrize(
    ("snaplen", "original", "body", "data"),
    [
        (0, 5, b"hello...", b"hello"),
        (262144, 5, b"hello...", b"hello"),
        (3, 5, b"hello...", b"hel"),
        (8, 100, b"hello...", b"hello..."),
        (6, 100, b"hello...", b"hello."),
        (0, 0, b"", b""),
        (0, 0, b"junk", b""),
        (8, MOST, b"hello...", b"hello..."),
    ],
)
def test_simple_packet_has_no_time_and_the_least_length(
    write: In, snaplen: int, original: int, body: bytes, data: bytes
) -> None:
    capture = (
        start(write, snaplen=snaplen)
        + write.interface(101, snaplen=1)
        + write.simple_packet(body, original_length=original)
    )
    identical(capture)
    (packet,) = packets(capture)
    assert (packet.data, packet.original_length) == (data, original)
    assert (packet.interface.id, packet.ticks, packet.time, packet.time_ns) == (0, None, None, None)
    pcap, report = converted(capture, "pcap")
    assert pcap[24:] == write.pcap_record(0, 0, data, original_length=original)
    assert report.losses == {"packets-without-time": 1, "interfaces": 2}


def test_obsolete_packet_is_identical_and_its_drop_count_understood(write: In) -> None:
    options = write.options((wire.PACK_FLAGS, write.number(1, 4)), (wire.PACK_HASH, b"\2\1\2\3\4"))
    capture = (
        start(write)
        + write.obsolete_packet(0, T, b"unknown", drops_count=0xFFFF)
        + write.obsolete_packet(0, T + 1, b"none", drops_count=0)
        + write.obsolete_packet(0, T + 2, b"seven", drops_count=7, options=options, original_length=60)
    )
    identical(capture)
    assert [(each.interface.id, each.ticks, each.data) for each in packets(capture)] == [
        (0, T, b"unknown"),
        (0, T + 1, b"none"),
        (0, T + 2, b"seven"),
    ]
    pcap, report = converted(capture, "pcap")
    assert pcap == (
        write.pcap_header(snaplen=262144)
        + write.pcap_record(SECONDS, 0, b"unknown")
        + write.pcap_record(SECONDS, 1, b"none")
        + write.pcap_record(SECONDS, 2, b"seven", original_length=60)
    )
    assert report.losses == {"drop-counts": 1, "packet-options": 2}


# ---------------------------------------------------------------- how it is read


def test_items_come_in_file_order(write: In) -> None:
    capture = start(write) + write.names() + write.enhanced_packet(0, T, b"x") + write.interface(101) + write.block(7)
    with pcapconv.open(io.BytesIO(capture)) as opened:
        kinds = [type(item).__name__ for item in opened.items()]
    assert kinds == ["Section", "Interface", "Block", "PacketBatch", "Interface", "Block"]


def test_interface_says_what_its_block_says(write: In) -> None:
    options = write.options((wire.IF_NAME, b"eth0"), (wire.IF_TSRESOL, b"\x09"), (wire.IF_FCSLEN, b"\x20"))
    with pcapconv.open(io.BytesIO(write.section_header() + write.interface(113, 96, options=options))) as opened:
        found = list(opened.items())[1]
    assert isinstance(found, Interface)
    assert (found.id, found.section, found.link_type, found.snaplen) == (0, 0, 113, 96)
    assert (found.ticks_per_second, found.time_offset, found.fcs_length) == (10**9, 0, 32)
    assert found.raw_options == options


def test_a_loss_is_refused_with_on_loss_fail(write: In) -> None:
    target = io.BytesIO()
    capture = start(write) + write.simple_packet(b"x")
    with pytest.raises(pcapconv.LossError, match="1 packet without a time") as caught:
        pcapconv.convert(io.BytesIO(capture), target, to="pcap", on_loss="fail")
    assert caught.value.report.losses == {"packets-without-time": 1}
    assert target.getvalue() == b""


@pytest.mark.parametrize("piece", [1, 60, 10_000])
def test_a_pipe_says_of_its_last_block_what_a_file_says(write: In, piece: int) -> None:
    """In a section that is passed over, a block whose lengths differ is one more, also as the last one."""
    capture = start(write) + write.section_header(version=(1, 1)) + write.block(6, bytes(20), trailer=3)
    reason = "a section of pcapng version 1.1, pcapconv reads 1.0"
    expected = [Damage(48, 1, reason, 60, None)]
    pieces = [capture[at : at + piece] for at in range(0, len(capture), piece)]
    assert converted(capture, "pcapng")[1].damage == expected
    assert converted(cast(BinaryIO, Pipe(pieces)), "pcapng")[1].damage == expected
    cut = capture[:-4]
    expected = [Damage(48, 1, f"{reason}; then at offset 76 a block of 32 bytes, but 28 are left: the capture is cut "
                       "off or corrupt", 56, None)]  # fmt: skip
    assert converted(cut, "pcapng")[1].damage == expected
    assert converted(cast(BinaryIO, Pipe([cut])), "pcapng")[1].damage == expected


# ---------------------------------------------------------------- what pcap refuses


@pytest.mark.parametrize("piece", [1, 10_000])
def test_what_pcap_refuses_first_is_what_comes_first(write: In, piece: int) -> None:
    """A time beyond 2106, then another link type, or the other way round; however the capture comes."""
    start = write.section_header() + write.interface(link_type=113) + write.interface(link_type=1)
    early, late = 10**15, 2**33 * 10**6
    other, beyond = write.enhanced_packet(1, early, b"other"), write.enhanced_packet(0, late, b"late")
    first = write.enhanced_packet(0, early, b"first")
    for blocks, says in (
        ((first, beyond, other), r"packet 2: its time, 2242-03-16T12:56:32\.000000Z, is 2\^32 seconds or more after"),
        ((first, other, beyond), r"2 link types, .* \(ETHERNET \(1\): 1 packet, LINUX_SLL \(113\): 2 packets\)"),
        ((other, first, first), r"2 link types, .* \(ETHERNET \(1\): 1 packet, LINUX_SLL \(113\): 2 packets\)"),
    ):
        capture = start + b"".join(blocks)
        pieces = [capture[at : at + piece] for at in range(0, len(capture), piece)]
        with pytest.raises(TargetError, match=says):
            converted(cast(BinaryIO, Pipe(pieces)), "pcap")


NO_INTERFACE = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"


def test_a_capture_without_an_interface_becomes_pcap_with_a_warning(write: In) -> None:
    bare = write.section_header() + write.custom(wire.CUSTOM_COPY, ENTERPRISE, b"abc")
    pcap, report = converted(bare, "pcap")
    assert pcap == write.pcap_header(snaplen=262144)
    assert report.warnings == [Notice(0, NO_INTERFACE)]
    assert converted(bare, "pcapng")[1].warnings == []
    for capture in (bare + write.interface(113), write.pcap_header(), write.pcap_header(wire.MODIFIED)):
        assert converted(capture, "pcap")[1].warnings == []
