"""pcap, as the table of hard cases has it: bytes built by hand, exact bytes and offsets expected."""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO, cast

import pytest
import wire
from conversions import Pipe, converted, damage_of, identical, packets, refused
from wire import In

import pcapconv
from pcapconv import Damage, Notice, Section

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800
MOST = 2**32 - 1


def there_and_back(capture: bytes) -> None:
    """Check that a capture that goes to pcapng and back stays the same, without a loss."""
    pcapng, there = converted(capture, "pcapng", keep_snaplen=True)
    back, report = converted(pcapng, "pcap")
    assert back == capture
    assert (there.losses, report.losses) == ({}, {})


# ---------------------------------------------------------------- any input


@pytest.mark.parametrize(
    ("capture", "says"),
    [
        (b"", "empty"),
        (b"\x00", "00"),
        (b"\xd4\xc3", "d4 c3"),
        (b"\xd4\xc3\xb2", "d4 c3 b2"),
        (bytes(64), "00 00 00 00"),
        (b"\xa1\xb2\xc3\xd5" + bytes(40), "a1 b2 c3 d5"),
        (b"No. Time Source\n1 0.000000 192.0.2.1\n", "'No. Time Source'"),
        (bytes.fromhex("00000000f0a1325e0204004000000040"), "00 00 00 00 f0 a1 32 5e"),  # ERF has no magic
        (b"snoop\0\0\0\0\0\0\2\0\0\0\4", "73 6e 6f 6f 70 .* snoop"),
        (b"\x1f\x8b\x08\0" + bytes(20), "nothing could be decompressed: the gzip data is corrupt"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "nothing could be decompressed: the zstd data is c"),
    ],
    ids=["0-bytes", "1-byte", "2-bytes", "3-bytes", "zeros", "nearly", "text", "erf", "snoop", "gzip", "zstd"],
)
def test_0_bytes_garbage_another_format_is_not_a_capture(capture: bytes, says: str) -> None:
    refused(capture, "not a pcap or pcapng capture")
    refused(capture, says)


def test_header_only_is_a_capture_with_0_packets(write: In) -> None:
    capture = write.pcap_header()
    assert packets(capture) == []
    assert identical(capture).packets_read == 0
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == write.section_header() + write.interface(snaplen=65535)
    assert (report.packets_read, report.packets_written, report.damage, report.losses) == (0, 0, [], {})
    there_and_back(capture)


@pytest.mark.parametrize("to", ["pcap", "pcapng"])
def test_cut_off_anywhere_keeps_what_is_whole(write: In, to: str) -> None:
    header = write.pcap_header()
    records = [write.pcap_record(T, 0, b"one"), write.pcap_record(T, 1, b""), write.pcap_record(T, 2, b"three")]
    whole = header + b"".join(records)
    ends = [len(header) + sum(map(len, records[:count])) for count in range(4)]
    for cut in range(len(header), len(whole) + 1):
        count = sum(end <= cut for end in ends) - 1
        left = cut - ends[count]
        out, report = converted(whole[:cut], to)
        assert out == converted(whole[: ends[count]], to)[0]
        assert damage_of(report) == ([(ends[count], count + 1, left)] if left else [])
        assert (report.packets_read, report.packets_written) == (count, count)


def test_cut_off_in_the_header_is_refused(write: In) -> None:
    for cut in range(4, 24):
        refused(write.pcap_header()[:cut], f"ends after {cut} bytes, in the file header of 24")
    for cut in range(24, 28):
        ixia = write.pcap_header(wire.IXIA_HARDWARE, records_length=0)
        refused(ixia[:cut], f"ends after {cut} bytes, in the file header of 28")


@pytest.mark.parametrize("stray", range(1, 16))
def test_stray_bytes_after_the_last_record_are_damage(write: In, stray: int) -> None:
    good = write.pcap_header() + write.pcap_record(T, 0, b"good")
    out, report = converted(good + b"\xff" * stray, "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 2, stray)]
    assert f"{stray} bytes" in report.damage[0].reason


@pytest.mark.parametrize("claimed", [5, 0xFFFF, 2**31 - 1, 2**31, MOST - 16, MOST])
def test_length_field_that_claims_more_than_the_file_holds_is_damage(write: In, claimed: int) -> None:
    good = write.pcap_header() + write.pcap_record(T, 0, b"good")
    bad = write.pcap_record(T, 1, b"four", captured_length=claimed)
    for to, kept in (("pcap", good), ("pcapng", converted(good, "pcapng")[0])):
        out, report = converted(good + bad, to)
        assert out == kept
        assert damage_of(report) == [(len(good), 2, 20)]
        assert str(claimed) in report.damage[0].reason or str(claimed + 16) in report.damage[0].reason


@pytest.mark.parametrize("swapped", [(2, 2), (543, 0)])
def test_swapped_length_field_that_claims_more_than_the_file_holds_is_damage(
    write: In, swapped: tuple[int, int]
) -> None:
    good = write.pcap_header(version=swapped) + write.pcap_record(T, 0, b"good")
    bad = write.pcap_record(T, 1, b"four", captured_length=1, original_length=MOST)
    assert damage_of(converted(good + bad, "pcap")[1]) == [(len(good), 2, 20)]


def test_damage_is_refused_when_strict(write: In) -> None:
    good = write.pcap_header() + write.pcap_record(T, 0, b"good")
    target = io.BytesIO()
    with pytest.raises(pcapconv.DamageError, match=rf"offset {len(good)} \(packet 2\)"):
        pcapconv.convert(io.BytesIO(good + b"stray"), target, to="pcap", strict=True)
    assert target.getvalue() == b""


def test_damage_is_an_item_with_offset_and_packet_number(write: In) -> None:
    good = write.pcap_header() + write.pcap_record(T, 0, b"good")
    with pcapconv.open(io.BytesIO(good + b"stray")) as opened:
        last = list(opened.items())[-1]
        assert isinstance(last, Damage)
        assert (last.offset, last.packet_number, last.bytes_left_out) == (len(good), 2, 5)
        assert opened.damage == [last]


@pytest.mark.parametrize("link_type", [0, 147, 12345, 65535])
def test_link_type_number_nobody_knows_is_passed_through(write: In, link_type: int) -> None:
    capture = write.pcap_header(link_type_word=link_type) + write.pcap_record(T, 1, b"any bytes \x00\xff")
    identical(capture)
    assert wire.read_interfaces(converted(capture, "pcapng")[0])[0].link_type == link_type
    there_and_back(capture)


@pytest.mark.parametrize("snaplen", [0, 1, 3])
def test_packet_longer_than_the_snaplen_is_kept_whole(write: In, snaplen: int) -> None:
    capture = write.pcap_header(snaplen=snaplen) + write.pcap_record(T, 0, b"four")
    identical(capture)
    pcapng, _ = converted(capture, "pcapng", keep_snaplen=True)
    assert pcapng == write.section_header() + write.interface(snaplen=snaplen) + write.enhanced_packet(
        0, T * 10**6, b"four"
    )
    there_and_back(capture)


def test_packet_of_17_mib_is_kept_whole(write: In) -> None:
    data = bytes(range(256)) * (17 * 4096) + b"!"
    capture = write.pcap_header(snaplen=64) + write.pcap_record(T, 0, data) + write.pcap_record(T, 1, b"after")
    identical(capture)
    pcapng, _ = converted(capture, "pcapng", keep_snaplen=True)
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=64)
        + write.enhanced_packet(0, T * 10**6, data)
        + write.enhanced_packet(0, T * 10**6 + 1, b"after")
    )
    there_and_back(capture)


def test_record_above_129_mib_is_damage_also_when_it_is_all_there(write: In) -> None:
    good = write.pcap_header() + write.pcap_record(T, 0, b"good")
    data = bytes(129 * 2**20 - 15)
    out, report = converted(good + write.pcap_record(T, 0, data) + write.pcap_record(T, 0, b"lost"), "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 2, 16 + len(data) + 20)]
    assert str(len(data)) in report.damage[0].reason


@pytest.mark.parametrize(("captured", "original"), [(60, 42), (4, 0), (0, 0), (0, 1500), (0, MOST), (4, MOST)])
def test_captured_length_above_original_or_0_is_kept(write: In, captured: int, original: int) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 0, bytes(captured), original_length=original)
    identical(capture)
    (packet,) = packets(capture)
    assert (packet.captured_length, packet.original_length) == (captured, original)
    pcapng, _ = converted(capture, "pcapng")
    assert pcapng.endswith(write.enhanced_packet(0, T * 10**6, bytes(captured), original_length=original))
    there_and_back(capture)


def test_time_goes_backwards_and_the_order_is_kept(write: In) -> None:
    seconds = [T + 5, T, T + 3, 0, MOST]
    capture = write.pcap_header() + b"".join(write.pcap_record(each, 0, b"x") for each in seconds)
    identical(capture)
    assert [packet.time for packet in packets(capture)] == seconds
    there_and_back(capture)


# ---------------------------------------------------------------- magics


def test_magic_of_microseconds(write: In) -> None:
    capture = write.pcap_header(snaplen=96) + write.pcap_record(T, 999_999, b"three", original_length=60)
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=96)
        + write.enhanced_packet(0, T * 10**6 + 999_999, b"three", original_length=60)
    )
    assert (report.source_format, report.target_format) == ("pcap", "pcapng")
    assert (report.packets_read, report.packets_written, report.losses) == (1, 1, {})
    there_and_back(capture)


def test_magic_of_nanoseconds(write: In) -> None:
    capture = write.pcap_header(wire.NANOSECONDS) + write.pcap_record(T, 999_999_999, b"x")
    identical(capture)
    nanoseconds = write.options((wire.IF_TSRESOL, b"\x09"))
    pcapng, _ = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=65535, options=nanoseconds)
        + write.enhanced_packet(0, T * 10**9 + 999_999_999, b"x")
    )
    there_and_back(capture)


@pytest.mark.parametrize(
    ("packet_type", "flags"), [(0, 0b00001), (1, 0b01101), (2, 0b01001), (3, 0b10001), (4, 0b00010)]
)
def test_magic_modified_packet_type_becomes_epb_flags(write: In, packet_type: int, flags: int) -> None:
    extra = write.modified_extra(0, packet_type=packet_type)
    capture = write.pcap_header(wire.MODIFIED) + write.pcap_record(T, 5, b"x", extra=extra)
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=65535)
        + write.enhanced_packet(0, T * 10**6 + 5, b"x", options=write.options((wire.EPB_FLAGS, write.number(flags, 4))))
    )
    assert report.losses == {"record-fields": 1}


@pytest.mark.parametrize("packet_type", [5, 255])
def test_magic_modified_packet_type_nobody_knows_becomes_no_flags(write: In, packet_type: int) -> None:
    extra = write.modified_extra(0, packet_type=packet_type)
    capture = write.pcap_header(wire.MODIFIED) + write.pcap_record(T, 5, b"x", extra=extra)
    assert converted(capture, "pcapng")[0].endswith(write.enhanced_packet(0, T * 10**6 + 5, b"x"))


def test_magic_modified_interface_indices_become_interfaces(write: In) -> None:
    indices = [7, 2, 7, MOST, 0]
    records = [write.pcap_record(T + i, 0, b"%d" % i, extra=write.modified_extra(n)) for i, n in enumerate(indices)]
    capture = write.pcap_header(wire.MODIFIED) + b"".join(records)
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert [(each.interface, each.data) for each in wire.read_pcapng(pcapng)] == [
        (0, b"0"),
        (1, b"1"),
        (0, b"2"),
        (2, b"3"),
        (3, b"4"),
    ]
    assert [(each.link_type, each.snaplen) for each in wire.read_interfaces(pcapng)] == [(1, 65535)] * 4
    assert report.losses == {"record-fields": 5}


@pytest.mark.parametrize("piece", [1, 3, 100, 10_000])
def test_magic_modified_interfaces_stand_before_their_first_packets(write: In, piece: int) -> None:
    """However the capture comes: a pipe's pieces do not show in what is written."""
    indices = [7, 7, 2, 7, 0]
    records = [write.pcap_record(T + i, 0, b"%d" % i, extra=write.modified_extra(n)) for i, n in enumerate(indices)]
    capture = write.pcap_header(wire.MODIFIED) + b"".join(records)
    pieces = [capture[at : at + piece] for at in range(0, len(capture), piece)]
    pcapng, report = converted(cast(BinaryIO, Pipe(pieces)), "pcapng")
    kinds = [each.block_type for each in wire.read_blocks(pcapng)]
    assert kinds == [wire.SECTION_HEADER, 1, 6, 6, 1, 6, 6, 1, 6]
    assert report.losses == {"record-fields": 5}


def test_magic_modified_without_packets_has_one_interface(write: In) -> None:
    capture = write.pcap_header(wire.MODIFIED)
    identical(capture)
    assert converted(capture, "pcapng")[0] == write.section_header() + write.interface(snaplen=65535)


def test_magic_modified_cut_anywhere_keeps_what_is_whole(write: In) -> None:
    header = write.pcap_header(wire.MODIFIED)
    record = write.pcap_record(T, 0, b"four", extra=write.modified_extra(1))
    for cut in range(1, len(record)):
        out, report = converted(header + record + record[:cut], "pcap")
        assert out == header + record
        assert damage_of(report) == [(len(header + record), 2, cut)]


def test_ixia_magic_of_hardware_is_nanoseconds(write: In) -> None:
    records = write.pcap_record(T, 123_456_789, b"one") + write.pcap_record(T + 1, 5, b"two")
    capture = write.pcap_header(wire.IXIA_HARDWARE, records_length=len(records)) + records
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=65535, options=write.options((wire.IF_TSRESOL, b"\x09")))
        + write.enhanced_packet(0, T * 10**9 + 123_456_789, b"one")
        + write.enhanced_packet(0, (T + 1) * 10**9 + 5, b"two")
    )
    assert report.damage == []
    assert converted(pcapng, "pcap")[0] == write.pcap_header(wire.NANOSECONDS) + records


def test_ixia_magic_of_software_is_microseconds(write: In) -> None:
    records = write.pcap_record(T, 250_000, b"one") + write.pcap_record(T + 1, 5, b"two")
    capture = write.pcap_header(wire.IXIA_SOFTWARE, records_length=len(records)) + records
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=65535)
        + write.enhanced_packet(0, T * 10**6 + 250_000, b"one")
        + write.enhanced_packet(0, (T + 1) * 10**6 + 5, b"two")
    )
    assert (report.damage, report.losses) == ([], {"header-fields": 1})
    assert converted(pcapng, "pcap")[0] == write.pcap_header() + records


@pytest.mark.parametrize("stated", [0, 1, MOST])
def test_ixia_length_field_is_not_believed(write: In, stated: int) -> None:
    capture = write.pcap_header(wire.IXIA_HARDWARE, records_length=stated) + write.pcap_record(T, 0, b"one")
    assert identical(capture).packets_read == 1


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("version", "first", "second", "captured", "original"),
    [
        ((2, 0), 9, 4, 4, 9),
        ((2, 1), 9, 4, 4, 9),
        ((2, 2), 9, 4, 4, 9),
        ((2, 2), 4, 4, 4, 4),
        ((2, 3), 9, 4, 4, 9),
        ((2, 3), 4, 9, 4, 9),
        ((2, 4), 4, 9, 4, 9),
        ((2, 4), 4, 3, 4, 3),
        ((2, 5), 4, 9, 4, 9),
        ((3, 0), 4, 9, 4, 9),
        ((3, 0), 4, 3, 4, 3),
        ((543, 0), 9, 4, 4, 9),
        ((543, 0), 3, 4, 4, 3),
    ],
)
def test_version_tells_which_length_comes_first(
    write: In, version: tuple[int, int], first: int, second: int, captured: int, original: int
) -> None:
    header = write.pcap_header(version=version)
    capture = header + write.pcap_record(T, 0, b"four", captured_length=first, original_length=second)
    identical(capture)
    (packet,) = packets(capture)
    assert (packet.data, packet.captured_length, packet.original_length) == (b"four", captured, original)
    assert converted(capture, "pcapng")[0] == (
        write.section_header()
        + write.interface(snaplen=65535)
        + write.enhanced_packet(0, T * 10**6, b"four", original_length=original)
    )


@pytest.mark.parametrize("version", [(0, 0), (1, 0), (1, 4), (4, 0), (4, 2), (542, 0), (544, 0), (65535, 65535)])
def test_version_other_than_2_3_and_543_is_refused(write: In, version: tuple[int, int]) -> None:
    refused(write.pcap_header(version=version) + write.pcap_record(T, 0, b"x"), r"version {}\.{}".format(*version))


# ---------------------------------------------------------------- fields of the header and of records


@pytest.mark.parametrize(
    ("magic", "units", "fraction"),
    [
        (wire.MICROSECONDS, 10**6, 1_000_000),
        (wire.MICROSECONDS, 10**6, 2_500_000),
        (wire.MICROSECONDS, 10**6, MOST),
        (wire.NANOSECONDS, 10**9, 1_000_000_000),
        (wire.NANOSECONDS, 10**9, MOST),
    ],
)
def test_fraction_of_a_second_or_more_is_added(write: In, magic: int, units: int, fraction: int) -> None:
    capture = write.pcap_header(magic) + write.pcap_record(T, fraction, b"odd") + write.pcap_record(T, 0, b"plain")
    identical(capture)
    assert packets(capture)[0].time == T + Fraction(fraction, units)
    pcapng, report = converted(capture, "pcapng")
    assert wire.read_pcapng(pcapng)[0].ticks == T * units + fraction
    assert report.losses == {"time-notation": 1}
    back, _ = converted(pcapng, "pcap")
    seconds, rest = divmod(fraction, units)
    records = write.pcap_record(T + seconds, rest, b"odd") + write.pcap_record(T, 0, b"plain")
    assert back == write.pcap_header(magic) + records


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS])
@pytest.mark.parametrize("seconds", [2**31 - 1, 2**31, MOST])
def test_seconds_with_the_top_bit_set_are_unsigned(write: In, magic: int, seconds: int) -> None:
    capture = write.pcap_header(magic) + write.pcap_record(seconds, 999_999, b"x")
    identical(capture)
    units = 10**6 if magic == wire.MICROSECONDS else 10**9
    (packet,) = packets(capture)
    assert packet.time == seconds + Fraction(999_999, units)
    assert packet.time_ns == seconds * 10**9 + 999_999 * 10**9 // units
    there_and_back(capture)


@pytest.mark.parametrize(("zone", "sigfigs", "lost"), [(-3600, 0, 1), (0, 6, 1), (2**31 - 1, MOST, 2)])
def test_thiszone_and_sigfigs_do_not_move_time(write: In, zone: int, sigfigs: int, lost: int) -> None:
    capture = write.pcap_header(thiszone=zone, sigfigs=sigfigs) + write.pcap_record(T, 1, b"x")
    identical(capture)
    pcapng, report = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header() + write.interface(snaplen=65535) + write.enhanced_packet(0, T * 10**6 + 1, b"x")
    )
    assert report.losses == {"header-fields": lost}


@pytest.mark.parametrize(
    ("word", "bits"), [(0x24000001, 32), (0x14000001, 16), (0x04000001, 0), (0xF4000001, 240), (0x2400FFFF, 32)]
)
def test_link_type_word_with_fcs_bits_becomes_if_fcslen(write: In, word: int, bits: int) -> None:
    capture = write.pcap_header(link_type_word=word) + write.pcap_record(T, 0, b"x")
    identical(capture)
    pcapng, _ = converted(capture, "pcapng")
    assert pcapng == (
        write.section_header()
        + write.interface(word & 0xFFFF, 65535, options=write.options((wire.IF_FCSLEN, bytes([bits]))))
        + write.enhanced_packet(0, T * 10**6, b"x")
    )
    there_and_back(capture)


@pytest.mark.parametrize("word", [0x02340001, 0x00010001, 0x08000001, 0x20000001, 0x26000001])
def test_link_type_word_with_reserved_bits_is_a_warning(write: In, word: int) -> None:
    capture = write.pcap_header(link_type_word=word) + write.pcap_record(T, 0, b"x")
    (warning,) = identical(capture).warnings
    assert isinstance(warning, Notice)
    assert warning.offset == 20
    assert f"0x{word:08x}" in warning.reason
    pcapng, report = converted(capture, "pcapng")
    assert wire.read_interfaces(pcapng)[0].link_type == 1
    assert report.losses == {"header-fields": 1}


@pytest.mark.parametrize("snaplen", [0, 1, 65535, 262144, 2**31 - 1, 2**31, MOST])
def test_snaplen_is_kept(write: In, snaplen: int) -> None:
    capture = write.pcap_header(snaplen=snaplen) + write.pcap_record(T, 0, b"longer than one")
    identical(capture)
    pcapng, _ = converted(capture, "pcapng", keep_snaplen=True)
    assert wire.read_interfaces(pcapng)[0].snaplen == snaplen
    assert packets(capture)[0].interface.snaplen == snaplen
    there_and_back(capture)


# ---------------------------------------------------------------- how it is read


@pytest.mark.parametrize(
    ("magic", "variant", "build"),
    [
        (wire.MICROSECONDS, "microsecond", lambda _: b""),
        (wire.NANOSECONDS, "nanosecond", lambda _: b""),
        (wire.MODIFIED, "modified", lambda write: write.modified_extra()),
    ],
)
def test_first_item_is_the_section(write: In, magic: int, variant: str, build: Callable[[In], bytes]) -> None:
    capture = write.pcap_header(magic, thiszone=1) + write.pcap_record(T, 0, b"x", extra=build(write))
    with pcapconv.open(io.BytesIO(capture)) as opened:
        assert opened.format == "pcap"
        section = next(opened.items())
    assert isinstance(section, Section)
    assert section.byte_order == ("little" if write.byte_order == "<" else "big")
    assert (section.version, section.variant, section.raw) == ((2, 4), variant, capture[:24])


def test_packet_says_what_its_record_says(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 1, b"a") + write.pcap_record(T, 2, b"bc", original_length=9)
    one, two = packets(capture)
    assert (one.number, one.data, one.original_length, one.ticks) == (1, b"a", 1, T * 10**6 + 1)
    assert (two.number, two.data, two.original_length, two.time_ns) == (2, b"bc", 9, (T * 10**6 + 2) * 1000)
    assert (two.interface.id, two.interface.link_type, two.raw_options, two.comments) == (0, 1, b"", [])


def test_a_file_object_is_read_from_where_it_stands_and_stays_open(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 1, b"a")
    source, target = io.BytesIO(b"before" + capture + b"stray"), io.BytesIO(b"before")
    source.seek(6)
    target.seek(6)
    report = pcapconv.convert(source, target, to="pcap")
    assert target.getvalue() == b"before" + capture
    assert damage_of(report) == [(len(capture), 2, 5)]
    assert not source.closed
    assert not target.closed
