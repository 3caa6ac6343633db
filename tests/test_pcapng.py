"""pcapng's structure, as the table of hard cases has it: bytes built by hand, exact bytes and offsets expected."""

import io
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest
import wire
from through import Pipe, converted, damage_of, identical, packets, refused
from wire import BIG, LITTLE, In, ipv4_name

import pcapconv
from pcapconv import Block, Damage, Interface, Notice, TargetError

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000  # in microseconds
SECONDS = T // 10**6
MOST = 2**32 - 1
ENTERPRISE = 32473
LARGEST = 129 * 2**20


def swapped(write: In) -> In:
    return In(BIG if write.byte_order == LITTLE else LITTLE)


def start(write: In, snaplen: int = 262144) -> bytes:
    return write.section_header() + write.interface(snaplen=snaplen)


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


# ---------------------------------------------------------------- sections


def test_several_sections_with_interfaces_under_the_same_ids(write: In) -> None:
    nanoseconds = write.options((wire.IF_TSRESOL, b"\x09"))
    capture = (
        start(write)
        + write.interface(snaplen=96)
        + write.enhanced_packet(1, T, b"first")
        + write.section_header()
        + write.interface(snaplen=64, options=nanoseconds)
        + write.enhanced_packet(0, T * 1000 + 1, b"second")
        + write.section_header()
        + write.interface()
        + write.enhanced_packet(0, T, b"third")
    )
    identical(capture)
    assert [(each.section.number, each.interface.id, each.interface.snaplen) for each in packets(capture)] == [
        (0, 1, 96),
        (1, 0, 64),
        (2, 0, 262144),
    ]
    assert [each.time_ns for each in packets(capture)] == [T * 1000, T * 1000 + 1, T * 1000]
    pcap, report = converted(capture, "pcap")
    assert pcap == (
        write.pcap_header(wire.NANOSECONDS, snaplen=262144)
        + write.pcap_record(SECONDS, 0, b"first")
        + write.pcap_record(SECONDS, 1, b"second")
        + write.pcap_record(SECONDS, 0, b"third")
    )
    assert report.losses == {"sections": 2, "interfaces": 4}


def test_an_interface_of_an_earlier_section_is_not_declared(write: In) -> None:
    good = start(write) + write.interface() + write.enhanced_packet(1, T, b"x") + start(write)
    bad = write.enhanced_packet(1, T, b"whose?")
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]


def test_little_and_big_endian_in_one_file(write: In) -> None:
    other = swapped(write)
    parts = [
        start(each) + each.enhanced_packet(0, T + i, b"%d" % i, original_length=60) + each.simple_packet(b"%d" % i)
        for i, each in enumerate([write, other, write])
    ]
    capture = b"".join(parts)
    identical(capture)
    pcap, report = converted(capture, "pcap")
    assert pcap == write.pcap_header(snaplen=262144) + b"".join(
        write.pcap_record(SECONDS, i, b"%d" % i, original_length=60) + write.pcap_record(0, 0, b"%d" % i)
        for i in range(3)
    )
    assert report.losses == {"sections": 2, "interfaces": 3, "packets-without-time": 3}


@pytest.mark.parametrize("stated", ["right", 0, -1, 4, 33, 32, 2**62, -2, -(2**63), 2**63 - 1])
def test_section_length_is_never_believed(write: In, stated: int | str) -> None:
    content = write.interface() + write.enhanced_packet(0, T, b"one")
    length = len(content) if isinstance(stated, str) else stated
    capture = (write.section_header(section_length=length) + content) * 2
    report = identical(capture)
    assert report.packets_read == 2
    assert len(packets(capture)) == 2


def test_section_that_damage_made_shorter_gets_length_unknown(write: In) -> None:
    content = write.interface() + write.enhanced_packet(0, T, b"good")
    lost = write.enhanced_packet(0, T, b"lost")[:-1]
    whole = write.section_header(section_length=len(content)) + content
    cut = write.section_header(section_length=len(content) + len(lost) + 1) + content + lost
    out, report = converted(whole + cut, "pcapng")
    assert out == whole + write.section_header(section_length=-1) + content
    assert damage_of(report) == [(len(whole + cut) - len(lost), 3, len(lost))]


def test_version_1_2_is_as_1_0(write: In) -> None:
    capture = write.section_header(version=(1, 2)) + write.interface() + write.enhanced_packet(0, T, b"one")
    assert identical(capture).packets_read == 1


@pytest.mark.parametrize("version", [(1, 1), (1, 3), (2, 0), (0, 0), (0, 1), (65535, 65535)])
def test_version_other_than_1_0_skips_the_section(write: In, version: tuple[int, int]) -> None:
    content = write.interface() + write.enhanced_packet(0, T, b"good")
    good = write.section_header(section_length=len(content)) + content
    bad = write.section_header(version=version) + content + write.block(0x80000001, b"....")
    for order in ((good, bad, good), (bad, good, good), (good, good, bad)):
        out, report = converted(b"".join(order), "pcapng")
        assert out == good + good
        offset = sum(map(len, order[: order.index(bad)]))
        assert damage_of(report) == [(offset, order.index(bad) + 1, len(bad))]
        assert "version {}.{}".format(*version) in report.damage[0].reason


@pytest.mark.parametrize("version", [(1, 1), (2, 0)])
def test_version_other_than_1_0_in_the_only_section_is_refused(write: In, version: tuple[int, int]) -> None:
    capture = write.section_header(version=version) + write.interface() + write.enhanced_packet(0, T, b"x")
    refused(capture, r"version {}\.{}".format(*version))


def test_section_whose_byte_order_magic_is_wrong_is_damage(write: In) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(wire.SECTION_HEADER, b"\1\2\3\4" + bytes(12)) + start(write)
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]
    assert "01020304" in report.damage[0].reason
    refused(bad, "01020304")


# ---------------------------------------------------------------- metadata


def metadata(write: In) -> dict[str, tuple[bytes, dict[str, int]]]:
    """Blocks without packets, and what is counted where they are left out."""
    comment = write.options((wire.OPT_COMMENT, b"why"))
    return {
        "tls-secrets": (write.secrets(wire.TLS_KEY_LOG, b"# nothing\n"), {"secrets": 1}),
        "secrets-of-any-type": (write.secrets(MOST, b"\0\xff"), {"secrets": 1}),
        "secrets-with-a-comment": (write.secrets(1, b"abc", options=comment), {"secrets": 1, "comments": 1}),
        "names": (write.names(ipv4_name("192.0.2.1", "a.example"), ipv4_name("192.0.2.2", "b.example")), {"names": 2}),
        "names-with-a-comment": (
            write.names(ipv4_name("192.0.2.1", "a.example"), options=comment),
            {"names": 1, "comments": 1},
        ),
        "custom": (write.custom(wire.CUSTOM_COPY, ENTERPRISE, b"abc"), {"custom-blocks": 1}),
        "custom-do-not-copy": (write.custom(wire.CUSTOM_DO_NOT_COPY, ENTERPRISE, b"abc"), {"custom-blocks": 1}),
        "journal": (write.journal(b"MESSAGE=up\n"), {"journal-entries": 1}),
        "unknown": (write.block(0xCAFE, b"unknown "), {"unknown-blocks": 1}),
        "unknown-empty": (write.block(0x7FFFFFFF), {"unknown-blocks": 1}),
        "type-0": (write.block(0, b"zero"), {"unknown-blocks": 1}),
        "local": (write.block(0x80000001, b"local   "), {"unknown-blocks": 1}),
        "local-last": (write.block(MOST, bytes(8)), {"unknown-blocks": 1}),
        "statistics": (write.statistics(0, T), {"statistics": 1}),
        "statistics-of-no-interface": (write.statistics(9, T, options=comment), {"statistics": 1, "comments": 1}),
    }


METADATA = sorted(metadata(In(LITTLE)))


@pytest.mark.parametrize("kind", METADATA)
def test_blocks_before_the_first_interface_are_kept_in_place(write: In, kind: str) -> None:
    block, _ = metadata(write)[kind]
    capture = write.section_header() + block + write.interface() + write.enhanced_packet(0, T, b"x")
    identical(capture)
    with pcapconv.open(io.BytesIO(capture)) as opened:
        found = list(opened.items())[1]
    assert isinstance(found, Block)
    assert (found.offset, found.section, found.body) == (28, 0, block[8:-4])


@pytest.mark.parametrize("kind", METADATA)
def test_blocks_are_kept_as_bytes_and_counted_where_left_out(write: In, kind: str) -> None:
    block, losses = metadata(write)[kind]
    packet = write.enhanced_packet(0, T, b"x")
    capture = start(write) + packet + block + packet + block
    identical(capture)
    pcap, report = converted(capture, "pcap")
    assert pcap == write.pcap_header(snaplen=262144) + write.pcap_record(SECONDS, 0, b"x") * 2
    assert report.losses == {name: 2 * count for name, count in losses.items()}
    assert report.damage == []


@pytest.mark.parametrize("kind", METADATA)
def test_blocks_in_a_section_without_an_interface_are_kept(write: In, kind: str) -> None:
    block, losses = metadata(write)[kind]
    identical(write.section_header() + block)
    pcap, report = converted(write.section_header() + block, "pcap")
    assert pcap == write.pcap_header(snaplen=262144)
    assert report.losses == losses


@pytest.mark.parametrize("block_type", [0xCAFE, 0x80000001, wire.CUSTOM_COPY, wire.SYSTEMD_JOURNAL])
def test_17_mib_block_is_kept(write: In, block_type: int) -> None:
    block = write.block(block_type, bytes(range(256)) * (17 * 4096))
    capture = start(write) + write.enhanced_packet(0, T, b"x") + block + write.enhanced_packet(0, T, b"y")
    identical(capture)
    pcap, report = converted(capture, "pcap")
    record = write.pcap_record(SECONDS, 0, b"x") + write.pcap_record(SECONDS, 0, b"y")
    assert pcap == write.pcap_header(snaplen=262144) + record
    assert sum(report.losses.values()) == 1


def test_section_header_only(write: In) -> None:
    capture = write.section_header()
    assert identical(capture).packets_read == 0
    pcap, report = converted(capture, "pcap")
    assert (pcap, report.losses) == (write.pcap_header(snaplen=262144), {})


def test_interfaces_and_no_packets(write: In) -> None:
    capture = write.section_header() + write.interface(101, 96)
    identical(capture)
    assert converted(capture, "pcap")[0] == write.pcap_header(link_type_word=101, snaplen=96)


# ---------------------------------------------------------------- interfaces


def test_interface_declared_after_packets(write: In) -> None:
    capture = (
        start(write)
        + write.enhanced_packet(0, T, b"before")
        + write.interface(snaplen=96)
        + write.enhanced_packet(1, T + 1, b"after")
        + write.enhanced_packet(0, T + 2, b"again")
    )
    identical(capture)
    assert [packet.interface.id for packet in packets(capture)] == [0, 1, 0]
    assert converted(capture, "pcap")[0] == (
        write.pcap_header(snaplen=262144)
        + write.pcap_record(SECONDS, 0, b"before")
        + write.pcap_record(SECONDS, 1, b"after")
        + write.pcap_record(SECONDS, 2, b"again")
    )


def test_interface_declared_after_packets_that_needs_nanoseconds(write: In) -> None:
    capture = (
        start(write)
        + write.enhanced_packet(0, T, b"before")
        + write.interface(options=write.options((wire.IF_TSRESOL, b"\x09")))
        + write.enhanced_packet(1, T * 1000 + 1, b"after")
    )
    identical(capture)
    pcap, report = converted(capture, "pcap")
    assert pcap == (
        write.pcap_header(wire.NANOSECONDS, snaplen=262144)
        + write.pcap_record(SECONDS, 0, b"before")
        + write.pcap_record(SECONDS, 1, b"after")
    )
    assert (report.packets_read, report.packets_written) == (2, 2)
    assert report.losses == {"interfaces": 2}


def test_packet_before_its_interface_is_damage(write: In) -> None:
    bad, good = write.enhanced_packet(0, T, b"early"), write.interface() + write.enhanced_packet(0, T, b"good")
    out, report = converted(write.section_header() + bad + good, "pcapng")
    assert out == write.section_header() + good
    assert damage_of(report) == [(28, 1, len(bad))]


def test_500_interfaces(write: In) -> None:
    capture = (
        write.section_header()
        + b"".join(write.interface(snaplen=1000 + i) for i in range(500))
        + b"".join(write.enhanced_packet(i, T + i, b"%d" % i) for i in reversed(range(500)))
    )
    identical(capture)
    found = packets(capture)
    assert [(each.interface.id, each.interface.snaplen) for each in found] == [
        (i, 1000 + i) for i in reversed(range(500))
    ]
    pcap, report = converted(capture, "pcap")
    assert pcap == write.pcap_header(snaplen=1499) + b"".join(
        write.pcap_record(SECONDS, i, b"%d" % i) for i in reversed(range(500))
    )
    assert report.losses == {"interfaces": 500}


def test_interface_without_packets_may_have_another_link_type(write: In) -> None:
    capture = start(write) + write.interface(101) + write.enhanced_packet(0, T, b"x")
    identical(capture)
    pcap, report = converted(capture, "pcap")
    assert pcap == write.pcap_header(snaplen=262144) + write.pcap_record(SECONDS, 0, b"x")
    assert set(report.losses) == {"interfaces"}


def test_first_interface_without_packets_does_not_give_its_link_type(write: In) -> None:
    capture = start(write) + write.interface(101) + write.enhanced_packet(1, T, b"x")
    assert wire.read_pcap_header(converted(capture, "pcap")[0]).link_type_word == 101


def test_several_link_types_are_refused_with_names_and_counts(write: In) -> None:
    capture = (
        start(write)
        + write.enhanced_packet(0, T, b"x") * 3
        + write.interface(101)
        + write.interface(12345)
        + write.enhanced_packet(1, T, b"y") * 2
        + write.enhanced_packet(0, T, b"x")
    )
    identical(capture)
    with pytest.raises(TargetError, match=r"ETHERNET \(1\): 4 packets.*RAW \(101\): 2 packets") as caught:
        converted(capture, "pcap")
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("snaplens", "size", "snaplen"),
    [
        ([96], 4, 96),
        ([0], 4, 0),
        ([2], 4, 2),
        ([MOST], 4, MOST),
        ([96, 64], 4, 96),
        ([64, 0], 4, 262144),
        ([2, 3], 100, 100),
        ([0, 0], 300_000, 300_000),
        ([64, MOST], 4, MOST),
    ],
)
def test_snaplen_of_a_pcap_file(write: In, snaplens: list[int], size: int, snaplen: int) -> None:
    capture = (
        write.section_header()
        + b"".join(write.interface(snaplen=each) for each in snaplens)
        + write.enhanced_packet(0, T, bytes(size))
    )
    pcap = write.pcap_header(snaplen=snaplen) + write.pcap_record(SECONDS, 0, bytes(size))
    assert converted(capture, "pcap")[0] == pcap


def test_snaplen_of_a_pcap_file_where_something_is_lost(write: In) -> None:
    comment = write.options((wire.OPT_COMMENT, b"lost"))
    capture = start(write, snaplen=2) + write.enhanced_packet(0, T, b"four", options=comment)
    assert converted(capture, "pcap")[0] == write.pcap_header(snaplen=4) + write.pcap_record(SECONDS, 0, b"four")


@pytest.mark.parametrize(("bits", "word", "losses"), [(32, 0x24000001, {}), (0, 0x04000001, {}), (240, 0xF4000001, {})])
def test_if_fcslen_becomes_fcs_bits(write: In, bits: int, word: int, losses: dict[str, int]) -> None:
    options = write.options((wire.IF_FCSLEN, bytes([bits])))
    capture = write.section_header() + write.interface(options=options) + write.enhanced_packet(0, T, b"x")
    pcap, report = converted(capture, "pcap")
    assert wire.read_pcap_header(pcap).link_type_word == word
    assert report.losses == losses


@pytest.mark.parametrize("bits", [7, 33, 255])
def test_if_fcslen_that_pcap_cannot_hold_is_counted(write: In, bits: int) -> None:
    options = write.options((wire.IF_FCSLEN, bytes([bits])))
    capture = write.section_header() + write.interface(options=options) + write.enhanced_packet(0, T, b"x")
    pcap, report = converted(capture, "pcap")
    assert wire.read_pcap_header(pcap).link_type_word == 1
    assert report.losses == {"fcs-lengths": 1}


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


# ---------------------------------------------------------------- damage that costs one block

BAD_BLOCKS: list[tuple[str, str, Callable[[In], bytes]]] = [
    ("packet-of-an-undeclared-interface", "interface 1, but 1", lambda write: write.enhanced_packet(1, T, b"whose?")),
    ("packet-of-interface-2^32-1", "4294967295", lambda write: write.enhanced_packet(MOST, T, b"")),
    ("obsolete-of-an-undeclared-interface", "interface 65535", lambda write: write.obsolete_packet(0xFFFF, T, b"")),
    ("captured-above-block", "33", lambda write: write.enhanced_packet(0, T, bytes(32), captured_length=33)),
    ("captured-2^32-1", "4294967295", lambda write: write.obsolete_packet(0, T, b"abc", captured_length=MOST)),
    ("enhanced-too-short", "28", lambda write: write.block(6, bytes(16))),
    ("obsolete-too-short", "12", lambda write: write.block(2)),
    ("simple-too-short", "12", lambda write: write.block(3)),
    ("length-odd", "45 is not a multiple of 4", lambda write: write.block(6, bytes(36), total_length=45)),
    ("length-odd-unknown", "13 is not a multiple of 4", lambda write: write.block(0xCAFE, bytes(4), total_length=13)),
    ("trailer-differs", "36", lambda write: write.block(6, bytes(20), trailer=36)),
    ("trailer-0", "32", lambda write: write.block(0xCAFE, bytes(20), trailer=0)),
]


@pytest.mark.parametrize(("says", "build"), [each[1:] for each in BAD_BLOCKS], ids=[each[0] for each in BAD_BLOCKS])
def test_damage_at_one_block_and_reading_goes_on_after_it(write: In, says: str, build: Callable[[In], bytes]) -> None:
    before = start(write) + write.enhanced_packet(0, T, b"before")
    after = write.enhanced_packet(0, T + 1, b"after") + write.names()
    bad = build(write)
    out, report = converted(before + bad + after, "pcapng")
    assert out == before + after
    assert damage_of(report) == [(len(before), 2, len(bad))]
    assert says in report.damage[0].reason
    assert (report.packets_read, report.packets_written) == (2, 2)


@pytest.mark.parametrize(("says", "build"), [each[1:] for each in BAD_BLOCKS], ids=[each[0] for each in BAD_BLOCKS])
def test_damage_at_the_last_block(write: In, says: str, build: Callable[[In], bytes]) -> None:
    before = start(write) + write.enhanced_packet(0, T, b"before")
    bad = build(write)
    out, report = converted(before + bad, "pcapng")
    assert out == before
    assert damage_of(report) == [(len(before), 2, len(bad))]
    assert says in report.damage[0].reason


def test_simple_packet_in_a_section_without_an_interface_is_damage(write: In) -> None:
    bad, rest = write.simple_packet(b"whose?"), write.interface() + write.simple_packet(b"good")
    out, report = converted(write.section_header() + bad + rest, "pcapng")
    assert out == write.section_header() + rest
    assert damage_of(report) == [(28, 1, len(bad))]
    assert "Simple Packet" in report.damage[0].reason


@pytest.mark.parametrize("length", [0, 1, 4, 8, 11])
def test_block_length_below_12_leaves_out_the_rest(write: In, length: int) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(20), total_length=length) + write.enhanced_packet(0, T, b"not certain")
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]
    assert f"length {length} " in report.damage[0].reason


UNCERTAIN: list[tuple[str, Callable[[In], bytes]]] = [
    ("garbage", lambda _: b"garbage!" * 4),
    ("length below 12", lambda write: write.block(0xCAFE, bytes(20), total_length=8)),
    ("length odd", lambda write: write.block(0xCAFE, bytes(21))),
    ("another trailer", lambda write: write.block(0xCAFE, bytes(20), trailer=28)),
    ("beyond the end", lambda write: write.block(0xCAFE, bytes(20), total_length=64)),
    ("11 bytes", lambda _: bytes(11)),
    ("section without magic", lambda write: write.block(wire.SECTION_HEADER, bytes(16))),
]


@pytest.mark.parametrize("build", [build for _, build in UNCERTAIN], ids=[name for name, _ in UNCERTAIN])
@pytest.mark.parametrize(("size", "length", "trailer"), [(24, 33, 33), (20, 32, 36)], ids=["length", "trailer"])
def test_resume_only_where_the_next_block_is_certain(
    write: In, build: Callable[[In], bytes], size: int, length: int, trailer: int
) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(size), total_length=length, trailer=trailer) + build(write)
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]


@pytest.mark.parametrize("other", [False, True], ids=["same-order", "other-order"])
def test_resume_at_a_section_behind_a_broken_block(write: In, other: bool) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(20), trailer=36)
    second = swapped(write) if other else write
    after = start(second) + second.enhanced_packet(0, T, b"after")
    out, report = converted(good + bad + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, len(bad))]


LOST_INTERFACES: list[tuple[str, Callable[[In], bytes]]] = [
    ("too short", lambda write: write.block(1, bytes(4))),
    ("trailer", lambda write: write.block(1, bytes(8), trailer=24)),
    ("odd", lambda write: write.block(1, bytes(12), total_length=21)),
]


@pytest.mark.parametrize("build", [build for _, build in LOST_INTERFACES], ids=[name for name, _ in LOST_INTERFACES])
def test_damaged_interface_passes_over_the_rest_of_its_section(write: In, build: Callable[[In], bytes]) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    lost = build(write) + write.enhanced_packet(0, T, b"x") + write.interface() + write.names()
    after = start(write) + write.enhanced_packet(0, T, b"after")
    out, report = converted(good + lost + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, len(lost))]


def test_damaged_section_header_passes_over_its_section(write: In) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    short = write.block(wire.SECTION_HEADER, write.number(wire.BYTE_ORDER_MAGIC, 4) + bytes(8))
    lost = short + write.interface() + write.enhanced_packet(0, T, b"x")
    out, report = converted(good + lost + good, "pcapng")
    assert out == good + good
    assert damage_of(report) == [(len(good), 2, len(lost))]


def test_block_above_129_mib_is_damage_also_when_it_is_all_there(write: In) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    large = LARGEST + 4
    bad = write.block(0xCAFE, bytes(large - 12))
    after = write.enhanced_packet(0, T, b"after")
    out, report = converted(good + bad + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, large)]
    assert str(large) in report.damage[0].reason


def test_damage_is_refused_when_strict(write: In) -> None:
    good = start(write)
    target = io.BytesIO()
    with pytest.raises(pcapconv.DamageError, match=rf"offset {len(good)} \(packet 1\)"):
        pcapconv.convert(io.BytesIO(good + b"stray"), target, to="pcapng", strict=True)
    assert target.getvalue() == b""


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
    assert found.options == options


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
