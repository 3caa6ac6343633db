"""Captures whose packets' own headers follow the byte order of the file, where that order changes: the normal form, one
pcap file of several sections, comparing, and the way back by a sidecar."""

import io
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import expected_normal_form
import pytest
import wire
from conversions import converted
from expected_captures import is_pcapng
from host_order import (
    BUILDERS,
    CAN,
    CAN_XL,
    ENC,
    HOST_ORDER,
    ISOCHRONOUS,
    LINUX_SLL,
    LINUX_SLL2,
    NFLOG,
    NULL,
    PFLOG,
    USB_LINUX,
    USB_LINUX_MMAPPED,
    capture,
    cooked,
    nflog,
    null,
    section,
    swapped,
    usb,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from splitting import parts_of
from wire import BIG, LITTLE, ByteOrder

import pcapconv
from pcapconv.comparing import Comparison
from pcapconv.normalizing import check

pytestmark = pytest.mark.usefixtures("kernels")
ORDERS = pytest.mark.parametrize("order", [LITTLE, BIG], ids=["little", "big"])
every_header = pytest.mark.parametrize(("link_type", "build"), BUILDERS.values(), ids=BUILDERS)
Build = Callable[[ByteOrder], bytes]
NANO = wire.options((wire.IF_TSRESOL, b"\x09"))


def other_order(order: ByteOrder) -> ByteOrder:
    return LITTLE if order == BIG else BIG


def normalized(source: bytes, **options: Any) -> bytes:
    target = io.BytesIO()
    pcapconv.normalize(io.BytesIO(source), target, **options)
    return target.getvalue()


def data_of(written: bytes) -> list[bytes]:
    read = wire.read_pcapng if is_pcapng(written) else wire.read_pcap
    return [packet.data for packet in read(written)]


def comparison_of(a: bytes, b: bytes, **options: Any) -> Comparison:
    return pcapconv.diff(io.BytesIO(a), io.BytesIO(b), **options)


def two_orders(link_type: int, build: Build, first: ByteOrder = LITTLE) -> bytes:
    """Two packets, one in a section of each order."""
    return section(link_type, build(first), order=first) + section(
        link_type, build(other_order(first)), order=other_order(first), first=2
    )


# ---------------------------------------------------------------- the normal form


@ORDERS
@every_header
def test_the_normal_form_has_headers_in_little_endian(link_type: int, build: Build, order: ByteOrder) -> None:
    source = capture(link_type, build(order), build(order), order=order)
    packets = [wire.enhanced_packet(0, second * 10**9, build(LITTLE)) for second in (1, 2)]
    head = wire.section_header() + wire.interface(link_type, 65535, options=NANO)
    for options in ({}, {"sort": True}):
        out = normalized(source, **options)
        assert out == head + b"".join(packets)
        assert normalized(out, **options) == out
    records = [wire.pcap_record(second, 0, build(LITTLE)) for second in (1, 2)]
    header = wire.pcap_header(wire.NANOSECONDS, link_type_word=link_type)
    assert normalized(source, to="pcap") == header + b"".join(records)
    assert normalized(two_orders(link_type, build, order), mask_time=True) == (
        wire.section_header()
        + wire.interface(link_type, options=NANO)
        + b"".join(wire.enhanced_packet(0, n * 10**6, build(LITTLE)) for n in (1, 2))
    )


@pytest.mark.parametrize("count", [1, 100, 1000, 30_000])
def test_few_and_many_packets_at_once(count: int) -> None:
    """Of all of which the numbers, options and bytes stay together."""
    write = wire.In(BIG)
    packets = [null(BIG) + struct.pack(">I", n) for n in range(count)]
    stated = [write.options((1, b"%d" % n)) for n in range(count)]
    blocks = [write.enhanced_packet(0, n, packets[n], options=stated[n]) for n in range(count)]
    out = wire.read_pcapng(normalized(write.section_header() + write.interface(NULL) + b"".join(blocks)))
    assert [packet.data for packet in out] == [null(LITTLE) + struct.pack(">I", n) for n in range(count)]
    assert [packet.options for packet in out] == [wire.options((1, b"%d" % n)) for n in range(count)]


def test_packets_out_of_order_are_sorted_with_their_headers() -> None:
    first, second = (section(NULL, null(BIG) + b"%d" % n, order=BIG, first=9 - n) for n in (1, 2))
    assert data_of(normalized(first + second, sort=True)) == [null(LITTLE) + b"2", null(LITTLE) + b"1"]


def test_check_agrees() -> None:
    def checked(source: bytes) -> list[str]:
        return check(io.BytesIO(source)).reasons

    head = wire.section_header() + wire.interface(NFLOG, options=NANO)
    assert checked(head + wire.enhanced_packet(0, 1, nflog(LITTLE))) == []
    assert checked(head + wire.enhanced_packet(0, 1, nflog(BIG))) == []  # those are its bytes, whatever they mean
    assert checked(section(NFLOG, nflog(BIG), order=BIG))[0] == "it is big-endian"


def test_each_interface_has_its_own_kind_of_header() -> None:
    write = wire.In(BIG)
    kinds = [(NULL, null), (1, null), (NFLOG, nflog), (USB_LINUX, usb)]
    source = write.section_header() + b"".join(write.interface(link_type) for link_type, _ in kinds)
    source += b"".join(write.enhanced_packet(n, n, build(BIG)) for n, (_, build) in enumerate(kinds))
    assert data_of(normalized(source)) == [null(LITTLE), null(BIG), nflog(LITTLE), usb(LITTLE)]


def test_every_kind_of_block_is_read_with_its_header() -> None:
    write = wire.In(BIG)
    comment = write.options((1, b"kept"))
    source = (
        write.section_header()
        + write.interface(NFLOG, 0)
        + write.simple_packet(nflog(BIG))
        + write.obsolete_packet(0, 1, nflog(BIG), drops_count=3)
        + write.enhanced_packet(0, 2, nflog(BIG), options=comment)
    )
    out = normalized(source)
    assert data_of(out) == [nflog(LITTLE)] * 3
    assert [packet.options for packet in wire.read_pcapng(out)] == [b"", b"", wire.options((1, b"kept"))]


@given(st.data())
@settings(max_examples=60)
def test_the_second_implementation_agrees(data: st.DataObject) -> None:
    source = data.draw(captures())
    request = expected_normal_form.Request(sort=data.draw(st.booleans()))
    assert normalized(source, **request.as_arguments()) == expected_normal_form.normal_form(source, request).capture


@st.composite
def captures(draw: st.DrawFn, link_types: Sequence[int] = HOST_ORDER) -> bytes:
    """Sections of both orders with packets of these types, cut anywhere, with any original length."""
    out = b""
    for _ in range(draw(st.integers(1, 3))):
        write = wire.In(draw(st.sampled_from([LITTLE, BIG])))
        kinds = draw(st.lists(st.sampled_from(link_types), min_size=1, max_size=2))
        out += write.section_header() + b"".join(write.interface(kind) for kind in kinds)
        for _ in range(draw(st.integers(0, 4))):
            number = draw(st.integers(0, len(kinds) - 1))
            fit = [build for kind, build in BUILDERS.values() if kind == kinds[number]]
            whole = draw(st.sampled_from(fit))(write.byte_order)
            content = whole[: draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))]
            original = draw(st.one_of(st.none(), st.integers(0, 120)))
            out += write.enhanced_packet(number, draw(st.integers(0, 9)), content, original_length=original)
    return out


# ---------------------------------------------------------------- comparing


@every_header
def test_the_same_in_both_byte_orders_is_the_same(link_type: int, build: Build) -> None:
    little, big = (capture(link_type, build(order), order=order) for order in (LITTLE, BIG))
    assert comparison_of(little, big).same
    assert comparison_of(section(link_type, *[build(BIG)] * 2, order=BIG), two_orders(link_type, build)).same
    assert not comparison_of(little, capture(link_type, build(LITTLE), order=BIG)).same  # says something else there


def test_two_that_differ_in_such_a_header_are_different() -> None:
    """Bus 2 and bus 512, whose bytes are the same in files of two byte orders."""
    one, another = capture(USB_LINUX, usb(BIG), order=BIG), bytearray(capture(USB_LINUX, usb(LITTLE)))
    assert comparison_of(one, bytes(another)).same
    at = 24 + 16 + 12
    another[at : at + 2] = struct.pack("<H", 512)
    found = comparison_of(one, bytes(another))
    assert [each.difference for each in found.shown] == [(1, 1, ("bytes",))]
    shown = found.shown[0]
    assert shown.a is not None
    assert shown.b is not None
    assert (shown.a.data[12:14], shown.b.data[12:14]) == (b"\2\0", b"\0\2")


def test_packets_behind_the_first_difference_are_compared_by_meaning_too() -> None:
    here = [null(LITTLE) + bytes([n]) for n in range(9)]
    there = [null(BIG) + bytes([n]) for n in range(9)]
    found = comparison_of(section(NULL, *here), section(NULL, *there[:2], *there[3:], order=BIG), ignore=["time"])
    assert [each.difference for each in found.shown] == [(3, None, ())]


# ---------------------------------------------------------------- one pcap file of several sections


@ORDERS
@every_header
def test_one_pcap_file_of_two_byte_orders_has_the_first_ones(link_type: int, build: Build, order: ByteOrder) -> None:
    out, report = converted(two_orders(link_type, build, order), "pcap")
    records = [wire.pcap_record(0, microsecond, build(order), byte_order=order) for microsecond in (1, 2)]
    header = wire.pcap_header(snaplen=262144, link_type_word=link_type, byte_order=order)
    assert out == header + b"".join(records)
    assert report.losses == {"interfaces": 2, "sections": 1}
    assert report.left_out == {}


def test_where_the_byte_order_stays_the_bytes_stay() -> None:
    for order in (LITTLE, BIG):
        source = section(NFLOG, nflog(BIG), nflog(LITTLE), order=order)
        assert data_of(converted(source, "pcap")[0]) == [nflog(BIG), nflog(LITTLE)]
        pcap = capture(NFLOG, nflog(BIG), nflog(LITTLE), order=order)
        assert data_of(converted(pcap, "pcapng")[0]) == [nflog(BIG), nflog(LITTLE)]
        assert data_of(converted(pcap, "pcap", snaplen=5000)[0]) == [nflog(BIG), nflog(LITTLE)]


def test_sections_of_two_orders_stay_what_they_are_in_pcapng() -> None:
    source = two_orders(NULL, null)
    assert data_of(converted(source, "pcapng", packets="1-")[0]) == [null(LITTLE), null(BIG)]


def test_parts_have_the_order_of_their_own_first_section() -> None:
    source = two_orders(NFLOG, nflog) + section(NFLOG, nflog(LITTLE), order=LITTLE, first=3)
    made = parts_of(source, "{index}.pcap", max_packets=2)
    assert [wire.read_pcap_header(part).byte_order for part in made] == [LITTLE, LITTLE]
    assert [data_of(part) for part in made] == [[nflog(LITTLE)] * 2, [nflog(LITTLE)]]
    made = parts_of(two_orders(NULL, null, BIG), "{index}.pcap", by="link-type")
    assert [data_of(part) for part in made] == [[null(BIG)] * 2]
    made = parts_of(source, "{index}.pcap", by="section")
    assert [data_of(part) for part in made] == [[nflog(LITTLE)], [nflog(BIG)], [nflog(LITTLE)]]


# ---------------------------------------------------------------- edits


@pytest.mark.parametrize("length", [1, 4, 7, 8, 13, 14, 20, 21, 24, 31, 47, 48, 51, 63, 64, 67, 69])
def test_packets_that_are_cut_at_the_end_have_what_a_reader_swaps(length: int) -> None:
    """A field that is cut through is not swapped, as readers leave it in a file of the other order."""
    for link_type, build in ((USB_LINUX_MMAPPED, BUILDERS["usb-mapped-isochronous"][1]), (NFLOG, nflog)):
        out, _ = converted(two_orders(link_type, build), "pcap", snaplen=length)
        whole = len(build(BIG))
        cut = build(BIG)[:length]
        assert data_of(out) == [build(LITTLE)[:length], swapped(link_type, cut, whole, BIG)]


def test_packets_without_their_front_stay_as_they_are() -> None:
    """With it the header went that the byte order speaks of, whatever link type is stated then."""
    for options in ({}, {"link_type": "NULL"}, {"link_type": "101"}):
        out, _ = converted(two_orders(NULL, null), "pcap", chop=[1], **options)
        assert data_of(out) == [null(LITTLE)[1:], null(BIG)[1:]]
    out, _ = converted(two_orders(NULL, null), "pcap", chop=[-1])
    assert data_of(out) == [null(LITTLE)[:-1]] * 2


def test_parts_of_packets_without_their_front_stay_as_they_are_too() -> None:
    source = section(NULL, null(LITTLE)) + section(NULL, *[null(BIG)] * 4, order=BIG, first=2)
    made = parts_of(source, "{index}.pcap", max_packets=3, chop=[1])
    assert [data_of(part) for part in made] == [[null(LITTLE)[1:], *[null(BIG)[1:]] * 2], [null(BIG)[1:]] * 2]


def test_the_link_type_that_is_stated_tells_which_header_there_is() -> None:
    out, _ = converted(two_orders(1, null), "pcap", link_type="NULL")
    assert data_of(out) == [null(LITTLE)] * 2
    out, _ = converted(two_orders(NULL, null), "pcap", link_type="1")
    assert data_of(out) == [null(LITTLE), null(BIG)]


# ---------------------------------------------------------------- sidecars


def write_with_sidecar(source: bytes, folder: Path, **options: Any) -> Path:
    """The source as a pcap file with a sidecar beside it."""
    out = folder / "a.pcap"
    pcapconv.convert(io.BytesIO(source), out, force=True, **{"sidecar": True, **options})
    return out


def restored_from(pcap: Path, **options: Any) -> tuple[bytes, pcapconv.Report]:
    out = pcap.with_name("back.pcapng")
    report = pcapconv.convert(pcap, out, force=True, **{"sidecar": True, **options})
    return out.read_bytes(), report


@pytest.mark.parametrize("fingerprints", [False, True])
@ORDERS
@every_header
def test_the_capture_comes_back(
    link_type: int, build: Build, order: ByteOrder, fingerprints: bool, tmp_path: Path
) -> None:
    source = two_orders(link_type, build, order) + two_orders(link_type, lambda each: build(each)[:-3], order)
    pcap = write_with_sidecar(source, tmp_path, sidecar_fingerprints=fingerprints)
    assert data_of(pcap.read_bytes()) == [build(order)] * 2 + [build(order)[:-3]] * 2
    assert restored_from(pcap)[0] == source
    with pcapconv.open(pcap, sidecar=True) as opened:
        assert [packet.data for packet in opened] == data_of(source)


def test_any_such_capture_comes_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")

    @given(st.sampled_from(HOST_ORDER).flatmap(lambda kind: captures([kind])), st.booleans())
    @settings(max_examples=40)
    def comes_back(source: bytes, fingerprints: bool) -> None:
        assert restored_from(write_with_sidecar(source, folder, sidecar_fingerprints=fingerprints))[0] == source

    comes_back()


def test_padding_options_and_blocks_of_all_kinds_come_back(tmp_path: Path) -> None:
    write = wire.In(BIG)
    body = struct.pack(">IIIII", 0, 0, 5, 57, 57) + nflog(BIG) + b"\1" + b"pad"
    source = (
        section(NFLOG, nflog(LITTLE))
        + write.section_header()
        + write.interface(NFLOG, 0)
        + write.simple_packet(nflog(BIG))
        + write.obsolete_packet(0, 1, nflog(BIG), drops_count=3)
        + write.enhanced_packet(0, 2, nflog(BIG), options=write.options((1, b"kept")))
        + write.block(wire.ENHANCED_PACKET, body)
    )
    for fingerprints in (False, True):
        pcap = write_with_sidecar(source, tmp_path, sidecar_fingerprints=fingerprints)
        assert data_of(pcap.read_bytes()) == [nflog(LITTLE)] * 4 + [nflog(LITTLE) + b"\1"]
        assert restored_from(pcap)[0] == source


@pytest.mark.parametrize("fingerprints", [False, True])
def test_packets_whose_times_pcap_cannot_hold_come_back(fingerprints: bool, tmp_path: Path) -> None:
    write = wire.In(BIG)
    late = write.enhanced_packet(0, 2**60, nflog(BIG)) + write.enhanced_packet(0, 5, nflog(BIG))
    source = section(NFLOG, nflog(LITTLE)) + write.section_header() + write.interface(NFLOG) + late
    pcap = write_with_sidecar(source, tmp_path, sidecar_fingerprints=fingerprints)
    assert data_of(pcap.read_bytes()) == [nflog(LITTLE)] * 3
    assert restored_from(pcap)[0] == source


def test_parts_are_joined_again(tmp_path: Path) -> None:
    write = wire.In(BIG)
    source = (
        section(NFLOG, nflog(LITTLE))
        + write.section_header()
        + write.interface(NULL)
        + write.interface(NFLOG)
        + b"".join(write.enhanced_packet(n % 2, n, (null, nflog)[n % 2](BIG)) for n in range(4))
        + section(NULL, null(LITTLE))
    )
    (tmp_path / "in.pcapng").write_bytes(source)
    pcapconv.split(tmp_path / "in.pcapng", tmp_path / "{link_type}.pcap", by="link-type", sidecar=True)
    assert data_of((tmp_path / "NFLOG.pcap").read_bytes()) == [nflog(LITTLE)] * 3
    assert data_of((tmp_path / "NULL.pcap").read_bytes()) == [null(BIG)] * 3
    pcapconv.join(tmp_path / "in.meta.json", tmp_path / "out.pcapng")
    assert (tmp_path / "out.pcapng").read_bytes() == source


def test_an_edited_pcap_file_is_known_again_and_swapped_back(tmp_path: Path) -> None:
    """One packet is gone, one was cut: the others are known by all their bytes."""
    source = section(USB_LINUX, usb(LITTLE)) + section(
        USB_LINUX, *[usb(BIG) + bytes([n]) for n in range(3)], order=BIG, first=2
    )
    pcap = write_with_sidecar(source, tmp_path, sidecar_fingerprints=True)
    found = wire.read_pcap(pcap.read_bytes())
    records = [wire.pcap_record(0, n, found[n - 1].data, original_length=found[n - 1].original_length) for n in (1, 2)]
    records.append(wire.pcap_record(0, 4, found[3].data[:21], original_length=53))
    pcap.write_bytes(pcap.read_bytes()[:24] + b"".join(records))
    out, report = restored_from(pcap)
    assert data_of(out) == [usb(LITTLE), usb(BIG) + b"\0", usb(BIG)[:16] + usb(LITTLE)[16:21]]
    assert report.found_in_sidecar is not None
    assert [report.found_in_sidecar[kind] for kind in ("same", "cut", "new")] == [2, 1, 0]


@pytest.mark.parametrize("fingerprints", [False, True])
def test_packets_without_their_front_come_back_as_they_were(fingerprints: bool, tmp_path: Path) -> None:
    source = two_orders(NULL, null)
    pcap = write_with_sidecar(source, tmp_path, chop=[1], sidecar_fingerprints=fingerprints)
    assert data_of(pcap.read_bytes()) == [null(LITTLE)[1:], null(BIG)[1:]]
    assert data_of(restored_from(pcap)[0]) == [null(LITTLE)[1:], null(BIG)[1:]]
    again = tmp_path / "again.pcap"
    pcapconv.convert(pcap, again, sidecar=True)
    assert data_of(again.read_bytes()) == [null(LITTLE)[1:], null(BIG)[1:]]
    assert data_of(restored_from(again)[0]) == [null(LITTLE)[1:], null(BIG)[1:]]


def test_a_sidecar_restores_headers_that_lost_bytes_or_were_swapped_but_not_both(tmp_path: Path) -> None:
    long, short = (
        section(NFLOG, nflog(LITTLE)[:size]) + section(NFLOG, nflog(BIG)[:size], order=BIG) for size in (None, 12)
    )
    for source in (long, short):
        restored = restored_from(write_with_sidecar(source, tmp_path, chop=["13:1"]))[0]
        assert data_of(restored) == data_of(converted(source, "pcapng", chop=["13:1"])[0])
    for source in (long + short, short + long):
        with pytest.raises(
            pcapconv.TargetError, match=r"packet \d: chop= removes bytes of headers that follow the byte"
        ):
            write_with_sidecar(source, tmp_path, chop=["13:1"])


def test_a_sidecar_says_that_the_front_was_cut(tmp_path: Path) -> None:
    for options, says in (({}, False), ({"chop": [1]}, True), ({"chop": [-1]}, False)):
        pcap = write_with_sidecar(two_orders(NULL, null), tmp_path, **options)
        assert (b'"headers_cut": true' in pcap.with_name("a.pcap.meta.json").read_bytes()) is says


CHOPS = ["4:1", "12:4", "20:-8", "60:4", "100:4", "-4:2", "-4", "4"]
HEADERS = {
    NULL: 4,
    ENC: 12,
    PFLOG: 60,
    LINUX_SLL: 28,
    LINUX_SLL2: 32,
    USB_LINUX: 48,
    USB_LINUX_MMAPPED: 1000,
    NFLOG: 1000,
}


@every_header
@pytest.mark.parametrize("chop", CHOPS)
@pytest.mark.parametrize("more", [0, 2, 200])
def test_headers_follow_the_order_unless_bytes_of_them_are_removed(
    link_type: int, build: Build, chop: str, more: int
) -> None:
    """Then nobody knows where their fields are, and they stay as they are."""
    whole = {order: build(order) + bytes(more) for order in (LITTLE, BIG)}
    source = section(link_type, whole[LITTLE]) + section(link_type, whole[BIG], order=BIG)
    size = len(whole[BIG])
    offset, _, number = chop.rpartition(":")
    place = (size + int(offset) if offset[:1] == "-" else int(offset)) if offset else 0 if int(number) > 0 else size
    start, stop = sorted((place, place + int(number)))
    start, stop = (max(0, start), min(stop, size)) if 0 <= place <= size else (size, size)

    def chopped(data: bytes) -> bytes:
        return data[:start] + data[stop:]

    first, second = data_of(converted(source, "pcap", chop=chop)[0])
    assert first == chopped(whole[LITTLE])
    if not offset or start >= HEADERS[link_type] or start == size:
        assert second == (chopped(whole[BIG]) if chop == "4" else chopped(whole[LITTLE]))
    else:
        assert second in (chopped(whole[BIG]), chopped(whole[LITTLE]))
    if start < min(HEADERS[link_type], stop) and offset:
        assert second == chopped(whole[BIG])


def test_headers_are_swapped_of_the_packets_that_keep_them() -> None:
    """Whatever packets come with them."""
    packets = [nflog(BIG), nflog(BIG)[:12], nflog(BIG)[:13], nflog(BIG)]
    source = section(NFLOG, nflog(LITTLE)) + section(NFLOG, *packets, order=BIG)
    whole = nflog(BIG)
    short = data_of(converted(source, "pcap")[0])[2]
    out = data_of(converted(source, "pcap", chop="12:4")[0])
    assert out == [
        nflog(LITTLE)[:12] + nflog(LITTLE)[16:],
        whole[:12] + whole[16:],
        short,
        whole[:12],
        whole[:12] + whole[16:],
    ]
    assert short != packets[1]


# ---------------------------------------------------------------- what real readers see


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["tcpdump", "tshark"])
def test_readers_see_the_same_before_and_after(tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    command = (
        ["tcpdump", "-t", "-n", "-q"] if tool == "tcpdump" else ["tshark", "-T", "fields", *map("-e{}".format, FIELDS)]
    )

    def seen(path: Path) -> list[str]:
        done = subprocess.run([*command, "-r", path], capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if not line.startswith("\t0x")]

    for name, (link_type, build) in BUILDERS.items():
        before, after, one = (tmp_path / f"{name}-{each}.pcap" for each in ("before", "after", "one"))
        before.write_bytes(capture(link_type, build(BIG), order=BIG))
        pcapconv.normalize(before, after, to="pcap")
        pcapconv.convert(io.BytesIO(two_orders(link_type, build, BIG)), one)
        assert seen(after) == seen(before), name
        assert seen(one) == seen(before) * 2, name


FIELDS = ("ip.src", "udp.dstport", "nflog.tlv_type", "usb.bus_id", "usb.urb_len", "can.id", "pflog.uid", "_ws.col.Info")


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_filters_find_packets_as_before(tmp_path: Path) -> None:
    for name in ("null", "enc"):
        link_type, build = BUILDERS[name]
        out = tmp_path / f"{name}.pcap"
        out.write_bytes(normalized(capture(link_type, build(BIG), order=BIG), to="pcap"))
        done = subprocess.run(["tcpdump", "-n", "-r", out, "ip"], capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == 1


def test_what_is_no_such_header_is_no_ones_business() -> None:
    """Cooked packets of IP, PFLOG of a header that ends early: nothing is touched in them."""
    ip = cooked(0x0800, BIG)
    for link_type, data in ((LINUX_SLL, ip), (LINUX_SLL2, ip), (PFLOG, b"\x2c" + ip + ip), (ENC, b"abc")):
        assert data_of(normalized(capture(link_type, data, order=BIG))) == [data]
    assert cooked(CAN, BIG) != cooked(CAN, LITTLE) != cooked(CAN_XL, LITTLE) != usb(LITTLE, ISOCHRONOUS)
