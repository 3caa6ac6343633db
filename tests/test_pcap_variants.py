"""Flavours of pcap that a magic number does not tell from each other: AIX, Red Hat 6.1, SuSE 6.3, Nokia."""

import io
from typing import cast

import pytest
import wire
from conversions import Pipe, converted, damage_of, identical, packets
from wire import In

import pcapconv
from pcapconv import Section
from pcapconv.describing import info

pytestmark = pytest.mark.usefixtures("kernels")

T = 946_684_800
RED_HAT, SUSE, NOKIA = "Red Hat 6.1", "SuSE 6.3", "Nokia"
MAGIC = {RED_HAT: wire.MICROSECONDS, SUSE: wire.MODIFIED, NOKIA: wire.MICROSECONDS}
ONE, TWO, THREE = bytes.fromhex("020000000001020000000002") + b"one", b"second, longer", b"3"
DATA = [ONE, TWO, THREE]


def extra(write: In, variant: str, interface: int = 3, packet_type: int = 4) -> bytes:
    """The bytes behind the first 16 of a record's header."""
    if variant == NOKIA:
        return write.number(0x9FBFB601, 4)
    indexed = write.modified_extra(interface, packet_type=packet_type)
    return indexed if variant == RED_HAT else indexed[:7] + b"\x01\x02\xaa\xbb\xcc"


def records(write: In, variant: str, data: list[bytes] = DATA, time: int = T) -> bytes:
    more = extra(write, variant)
    return b"".join(write.pcap_record(time + at, at, each, extra=more) for at, each in enumerate(data))


def variant_in(capture: bytes) -> str:
    with pcapconv.open(io.BytesIO(capture)) as opened:
        section = next(opened.items())
    assert isinstance(section, Section)
    return section.variant


def blocks(write: In, variant: str, data: list[bytes] = DATA) -> bytes:
    """The capture as pcapng; packet type 4 went out."""
    options = b"" if variant == NOKIA else write.options((wire.EPB_FLAGS, write.number(0b10, 4)))
    return (
        write.section_header()
        + write.interface(snaplen=65535)
        + b"".join(
            write.enhanced_packet(0, (T + at) * 10**6 + at, each, options=options) for at, each in enumerate(data)
        )
    )


# ---------------------------------------------------------------- other record headers


@pytest.mark.parametrize("variant", MAGIC)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_other_record_headers_are_told_by_the_first_records(write: In, variant: str, count: int) -> None:
    data = DATA[:count]
    capture = write.pcap_header(MAGIC[variant]) + records(write, variant, data)
    assert variant_in(capture) == variant
    assert [packet.data for packet in packets(capture)] == data
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == blocks(write, variant, data)
    assert (report.losses, report.damage) == ({"record-fields": count}, [])


@pytest.mark.parametrize("variant", MAGIC)
def test_other_record_headers_on_a_pipe_are_the_same(write: In, variant: str) -> None:
    capture = write.pcap_header(MAGIC[variant]) + records(write, variant)
    for size in (1, 7, 25, 1000):
        pipe = Pipe(capture[at : at + size] for at in range(0, len(capture), size))
        out, report = converted(cast("io.BufferedIOBase", pipe), "pcapng")  # type: ignore[arg-type]
        assert (out, report.losses) == (blocks(write, variant), {"record-fields": 3})


@pytest.mark.parametrize("variant", MAGIC)
def test_other_record_headers_are_told_apart_where_times_could_be_lengths(write: In, variant: str) -> None:
    capture = write.pcap_header(MAGIC[variant]) + records(write, variant, time=0)
    assert variant_in(capture) == variant
    assert [packet.data for packet in packets(capture)] == DATA


@pytest.mark.parametrize("variant", MAGIC)
def test_other_record_headers_selected_and_edited(write: In, variant: str) -> None:
    header = write.pcap_header(MAGIC[variant])
    capture = header + records(write, variant)
    assert converted(capture, "pcap", packets="1")[0] == header + records(write, variant, DATA[:1])
    edited, report = converted(capture, "pcap", snaplen=2)
    cut = [write.pcap_record(T + at, at, each[:2], original_length=len(each)) for at, each in enumerate(DATA)]
    assert edited == write.pcap_header(snaplen=2) + b"".join(cut)
    assert report.losses == {"record-fields": 3}


@pytest.mark.parametrize("variant", [RED_HAT, SUSE])
def test_other_record_headers_with_indices_have_an_interface_for_each(write: In, variant: str) -> None:
    indices = [7, 7, 2, 7]
    body = b"".join(
        write.pcap_record(T, at, b"%d" % at, extra=extra(write, variant, index)) for at, index in enumerate(indices)
    )
    pcapng, _ = converted(write.pcap_header(MAGIC[variant]) + body, "pcapng")
    assert [each.interface for each in wire.read_pcapng(pcapng)] == [0, 0, 1, 0]


@pytest.mark.parametrize("variant", MAGIC)
def test_other_record_headers_cut_anywhere_keep_what_is_whole(write: In, variant: str) -> None:
    header, three = write.pcap_header(MAGIC[variant]), records(write, variant)
    two = len(records(write, variant, DATA[:2]))
    for cut in range(two + 1, len(three)):
        out, report = converted(header + three[:cut], "pcap")
        assert out == header + three[:two]
        assert damage_of(report) == [(24 + two, 3, cut - two)]


def test_nokia_field_of_zeros_is_known_too(write: In) -> None:
    body = b"".join(write.pcap_record(T + at, at, each, extra=bytes(4)) for at, each in enumerate(DATA))
    assert variant_in(write.pcap_header() + body) == NOKIA


@pytest.mark.parametrize("field", [0x8FBFB601, 0x9FBFA601, 0x9FBFB701, 0x9FBFB611, 0x9FBFB603, 1])
def test_nokia_field_with_another_value_is_none(write: In, field: int) -> None:
    more = write.number(field, 4)
    body = b"".join(write.pcap_record(T + at, at, each, extra=more) for at, each in enumerate(DATA))
    assert variant_in(write.pcap_header() + body) == "microsecond"


@pytest.mark.parametrize("name", ["fraction", "captured", "original", "zeros", "large"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_odd_record_makes_no_other_variant(write: In, name: str, at: int) -> None:
    odd = {
        "fraction": write.pcap_record(T, 999_999_999, bytes(60)),
        "captured": write.pcap_record(T, 0, bytes(60), original_length=42),
        "original": write.pcap_record(T, 0, bytes(60), original_length=2**31),
        "zeros": write.pcap_record(T, 10**6, bytes(64)),
        "large": write.pcap_record(T, 0, bytes(300_000)),
    }[name]
    plain = [write.pcap_record(T, 1, bytes(60)) for _ in range(3)]
    plain[at] = odd
    capture = write.pcap_header() + b"".join(plain)
    assert variant_in(capture) == "microsecond"
    assert len(packets(capture)) == 3
    identical(capture)


@pytest.mark.parametrize("original", [0, 1])
def test_zeros_make_no_other_variant(write: In, original: int) -> None:
    capture = write.pcap_header() + write.pcap_record(0, 0, b"", original_length=original)
    capture += write.pcap_record(0, 0, b"", original_length=0x90000000)
    assert variant_in(capture) == "microsecond"
    identical(capture)


@pytest.mark.parametrize("version", [(2, 2), (2, 3), (3, 0)])
def test_other_versions_have_no_variants(write: In, version: tuple[int, int]) -> None:
    assert variant_in(write.pcap_header(version=version) + records(write, RED_HAT)) == "microsecond"


# ---------------------------------------------------------------- AIX


@pytest.mark.parametrize(("number", "link_type"), [(6, 1), (9, 6), (24, 0)])
def test_aix_has_nanoseconds_and_interface_types(write: In, number: int, link_type: int) -> None:
    header = write.pcap_header(version=(2, 2), link_type_word=number)
    capture = header + write.pcap_record(T, 999_999_999, b"four", original_length=9, lengths_swapped=True)
    identical(capture)
    assert variant_in(capture) == "AIX"
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(link_type, 65535, options=write.options((wire.IF_TSRESOL, b"\x09")))
        + write.enhanced_packet(0, T * 10**9 + 999_999_999, b"four", original_length=9)
    )
    assert report.losses == {"header-fields": 2}  # the version and the interface type
    assert report.warnings == []
    back = write.pcap_header(wire.NANOSECONDS, link_type_word=link_type)
    assert converted(pcapng, "pcap")[0] == back + write.pcap_record(T, 999_999_999, b"four", original_length=9)


def test_aix_has_3_bytes_before_fddi_frames(write: In) -> None:
    header = write.pcap_header(version=(2, 2), link_type_word=15)
    body = write.pcap_record(T, 5, b"...frame", original_length=12, lengths_swapped=True)
    body += write.pcap_record(T, 6, b"..", lengths_swapped=True)
    identical(header + body)
    pcapng, report = converted(header + body, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(10, 65535, options=write.options((wire.IF_TSRESOL, b"\x09")))
        + write.enhanced_packet(0, T * 10**9 + 5, b"frame", original_length=9)
        + write.enhanced_packet(0, T * 10**9 + 6, b"")
    )
    assert report.losses == {"header-fields": 2, "record-fields": 2}


@pytest.mark.parametrize(
    ("version", "number", "magic"),
    [((2, 2), 1, wire.MICROSECONDS), ((2, 3), 6, wire.MICROSECONDS), ((2, 4), 6, wire.MICROSECONDS)],
)
def test_other_versions_and_numbers_are_not_aix(write: In, version: tuple[int, int], number: int, magic: int) -> None:
    capture = write.pcap_header(magic, version=version, link_type_word=number) + write.pcap_record(T, 5, b"same")
    assert variant_in(capture) == "microsecond"
    assert packets(capture)[0].interface.link_type == number


@pytest.mark.parametrize("variant", MAGIC)
def test_second_capture_of_the_same_variant_is_read_on(write: In, variant: str) -> None:
    header, body = write.pcap_header(MAGIC[variant]), records(write, variant)
    out, report = converted(header + body + header + body, "pcap")
    assert out == header + body * 2
    assert (report.damage, report.losses) == ([], {"header-fields": 1})


@pytest.mark.parametrize("variant", MAGIC)
@pytest.mark.parametrize("first", [True, False])
def test_second_capture_of_another_variant_is_damage(write: In, variant: str, first: bool) -> None:
    header, body = write.pcap_header(MAGIC[variant]), records(write, variant)
    more = write.modified_extra(1) if variant == SUSE else b""
    plain = b"".join(write.pcap_record(T + at, at, each, extra=more) for at, each in enumerate(DATA))
    good, rest = (header + body, header + plain) if first else (header + plain, header + body)
    out, report = converted(good + rest, "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 4, len(rest))]
    assert "another layout" in report.damage[0].reason


def test_info_names_the_variant(write: In) -> None:
    for variant, magic in MAGIC.items():
        census = info(io.BytesIO(write.pcap_header(magic) + records(write, variant)))
        assert [section.variant for section in census.sections] == [variant]
        assert census.to_pcap == (True, {}, None)
