"""Pcapng's structure: sections, metadata and interfaces; exact bytes and offsets."""

import io

import pytest
import wire
from conversions import converted, damage_of, identical, packets, refused
from pcapng_structure import ENTERPRISE, MOST, SECONDS, T, start, swapped
from wire import LITTLE, In, ipv4_name

import pcapconv
from pcapconv import Block, TargetError

pytestmark = pytest.mark.usefixtures("kernels")


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
