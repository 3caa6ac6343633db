"""The way to pcap with a sidecar and back: byte for byte, or what a plain conversion writes."""

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from conversions import DAMAGED, SAMPLES, Pipe, Sink, converted, every_sample, packets, stem
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from sidecars import Trip, convert_with_sidecar, restored_pcapng, sidecar_beside
from sidecars import pcap as pcap
from sidecars import shared_pcap as shared_pcap
from sidecars import trip as trip
from wire import In

import pcapconv
from pcapconv import PcapconvError, TargetError

FOLDER = Path(__file__).parent / "samples"
WEB = FOLDER / "web.pcapng"
SEVERAL_LINK_TYPES = {"link-types", "obsolete", "sections", "two-interfaces"}
pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Trip:
    return Trip(tmp_path_factory.mktemp("many"))


def without_lengths(capture: bytes) -> bytes:
    """The capture with sections that state no length."""
    blocks = wire.read_blocks(capture)
    return b"".join(
        each.raw[:16] + b"\xff" * 8 + each.raw[24:] if each.block_type == wire.SECTION_HEADER else each.raw
        for each in blocks
    )


# ---------------------------------------------------------------- one conversion


@every_sample
@pytest.mark.parametrize("fingerprints", [False, True])
def test_a_sample_comes_back(path: Path, fingerprints: bool, trip: Trip) -> None:
    if stem(path) in DAMAGED:
        return  # of which nothing comes back but what could be read
    if stem(path) in SEVERAL_LINK_TYPES:
        with pytest.raises(TargetError, match="link types"):
            trip.there(path, sidecar_fingerprints=fingerprints)
        assert not trip.sidecar.exists()
        return
    report = trip.there(path, sidecar_fingerprints=fingerprints)
    assert report.losses == {}
    if path.suffix == ".pcapng":
        assert trip.returned() == path.read_bytes()
    else:
        assert trip.pcap.read_bytes() == path.read_bytes()
        plain = io.BytesIO()
        pcapconv.convert(path, plain, to="pcapng")
        assert trip.returned() == plain.getvalue()


def test_a_corpus_file_comes_back(corpus_file: Path, trip: Trip) -> None:
    try:
        report = trip.there(corpus_file, strict=True, sidecar_fingerprints=True)
    except PcapconvError:
        return  # damaged, of several link types, or no capture
    if report.source_format == "pcapng":
        assert trip.returned() == corpus_file.read_bytes()


@settings(max_examples=150)
@given(capture=invented_pcapng(link_types=(1,)), fingerprints=st.booleans())
def test_a_made_capture_comes_back(many: Trip, capture: bytes, fingerprints: bool) -> None:
    assert many.there(capture, sidecar_fingerprints=fingerprints).losses == {}
    assert many.returned() == capture


def test_what_is_odd_comes_back(write: In, trip: Trip) -> None:
    padded = write.enhanced_packet(0, 5, b"odd").replace(b"odd\0", b"odd\1")
    simple = write.simple_packet(b"simple").replace(b"simple\0\0", b"simple\1\2")
    stated = write.options((1, b"c"), end=False)
    capture = (
        write.section_header(section_length=17, options=write.options((1, b"a"), end=False))
        + write.interface(snaplen=3, options=stated + b"\0\0\0\0rest")
        + padded
        + simple
        + write.obsolete_packet(0, 7, b"old", drops_count=9, options=stated)
        + write.enhanced_packet(0, 2**64 - 1, b"late", options=stated)
        + write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"not to be copied")
        + write.block(0x80000123, b"none knows..")
        + write.section_header()
        + write.interface(options=write.options((wire.IF_TSOFFSET, b"\1")))
        + write.enhanced_packet(0, 5, b"")
    )
    report = trip.there(capture)
    assert report.packets_written == 5
    with pcapconv.open(trip.pcap) as pcap:
        assert [packet.ticks for packet in pcap][3] == 2**32 * 10**9 - 1  # the latest there is
    assert trip.returned() == capture


@pytest.mark.parametrize(
    "options",
    [{"strip": ["names,comments"]}, {"snaplen": 40}, {"first": 3, "shift_time": "-1h"}, {"chop": [14]}],
    ids=str,
)
def test_with_other_options_what_was_written_comes_back(options: dict[str, Any], trip: Trip) -> None:
    trip.there(WEB, **options)
    plain = io.BytesIO()
    pcapconv.convert(WEB, plain, to="pcapng", **options)
    back = trip.returned()
    length = slice(16, 24)  # nobody goes back to a section's length
    assert back[: length.start] + plain.getvalue()[length] + back[length.stop :] == plain.getvalue()


def test_from_pcap_to_pcap_it_goes_along(trip: Trip, tmp_path: Path) -> None:
    trip.there(WEB)
    other = tmp_path / "c.pcap"
    pcapconv.convert(trip.pcap, other, sidecar=True, last=5)
    with pcapconv.open(other) as capture:
        assert [packet.comments for packet in capture] == [[]] * 5
    target = io.BytesIO()
    pcapconv.convert(other, target, to="pcapng", sidecar=True)
    plain = io.BytesIO()
    pcapconv.convert(WEB, plain, to="pcapng", last=5)
    assert target.getvalue() == plain.getvalue()


# ---------------------------------------------------------------- against what a plain conversion writes

STEPS: dict[str, st.SearchStrategy[Any]] = {
    "strip": st.lists(
        st.sampled_from(["comments", "names", "statistics", "secrets", "custom", "unknown", "host", "addresses"]),
        min_size=1,
        max_size=3,
    ).map(lambda kinds: [",".join(kinds)]),
    "snaplen": st.sampled_from([1, 16, 63, 64, 65, 300]),
    "chop": st.sampled_from([[1], [14], [-4], [2, -3]]),
    "first": st.integers(1, 9),
    "last": st.integers(1, 9),
    "packets": st.sampled_from(["1-3", "2-", "1,3,5"]),
    "drop_packets": st.sampled_from(["1", "2-3"]),
    "comment_matches": st.sampled_from(["retry", ""]),
    "direction": st.sampled_from(["in", "out"]),
    "shift_time": st.sampled_from(["+1s", "-2.5s", "+0.25s", "-1714564800s"]),
    "packet_comment": st.sampled_from([["1:seen"], ["1:one", "1:two"]]),
    "capture_comment": st.just(["lab"]),
    "set_interface": st.just(["0:name=renamed"]),
}


@settings(max_examples=300)
@given(
    capture=st.one_of(invented_pcapng(link_types=(1,)), invented_pcapng(link_types=(1,), finest=False)),
    options=st.fixed_dictionaries({}, optional=STEPS),
    fingerprints=st.booleans(),
    nanoseconds=st.booleans(),
)
def test_what_comes_back_is_what_would_have_been_written(
    shared_pcap: Path, capture: bytes, options: dict[str, Any], fingerprints: bool, nanoseconds: bool
) -> None:
    """But for the length of a section, where steps may have changed it. Both ways refuse the same."""
    request = {**options, "sidecar_fingerprints": fingerprints, "nanoseconds": nanoseconds}
    try:
        plain, expected = converted(capture, "pcapng", **options)
    except PcapconvError as error:
        with pytest.raises(type(error), match=re.escape(str(error).partition(": ")[2])):
            convert_with_sidecar(capture, shared_pcap, **request)
        return
    report = convert_with_sidecar(capture, shared_pcap, **request)
    assert (report.losses, report.left_out, report.packets_written) == (
        {},
        expected.left_out,
        expected.packets_written,
    )
    if options:
        assert without_lengths(restored_pcapng(shared_pcap)) == without_lengths(plain)
    else:
        assert restored_pcapng(shared_pcap) == capture


@settings(max_examples=200)
@given(capture=invented_pcapng(link_types=(1,)), secrets=st.booleans())
def test_the_report_says_where_all_went_that_pcap_cannot_hold(shared_pcap: Path, capture: bytes, secrets: bool) -> None:
    try:
        _, plain = converted(capture, "pcap")
    except PcapconvError:
        return
    done = convert_with_sidecar(capture, shared_pcap, sidecar_secrets=secrets)
    assert Counter(done.kept_in_sidecar) + Counter(done.losses) == Counter(plain.losses)
    back = pcapconv.convert(shared_pcap, io.BytesIO(), to="pcapng", sidecar=True)
    assert back.missing_in_sidecar == done.losses
    assert not (secrets and back.missing_in_sidecar)


@settings(max_examples=150)
@given(capture=invented_pcapng(link_types=(1,)), fingerprints=st.booleans(), first=st.none() | st.integers(1, 3))
def test_over_two_pcap_files(shared_pcap: Path, capture: bytes, fingerprints: bool, first: int | None) -> None:
    """The second sidecar says what the first one did."""
    convert_with_sidecar(capture, shared_pcap, sidecar_fingerprints=fingerprints)
    again = shared_pcap.with_name("again.pcap")
    convert_with_sidecar(shared_pcap, again, first=first)
    plain, _ = converted(capture, "pcapng", **({} if first is None else {"first": first}))
    if first is None:
        assert again.read_bytes() == shared_pcap.read_bytes()
        assert restored_pcapng(again) == capture
    else:
        assert without_lengths(restored_pcapng(again)) == without_lengths(plain)


@settings(max_examples=150)
@given(capture=invented_pcap(), fingerprints=st.booleans())
def test_a_pcap_file_is_the_same_and_its_sidecar_adds_nothing(
    shared_pcap: Path, capture: bytes, fingerprints: bool
) -> None:
    report = convert_with_sidecar(capture, shared_pcap, sidecar_fingerprints=fingerprints)
    assert shared_pcap.read_bytes() == capture
    assert (report.losses, report.kept_in_sidecar, report.missing_in_sidecar) == ({}, {}, {})
    plain, expected = converted(capture, "pcapng")
    assert restored_pcapng(shared_pcap) == plain
    again = shared_pcap.with_name("again.pcap")
    assert pcapconv.convert(shared_pcap, again, force=True, sidecar=True).losses == {}
    assert again.read_bytes() == capture
    assert pcapconv.convert(shared_pcap, io.BytesIO(), to="pcapng", sidecar=True).losses == expected.losses


@pytest.mark.parametrize(
    "name",
    ["time-zone-le", "ixia-hardware-le", "ixia-software-le", "reserved-bits-le", "modified-le", "version-2-2-le"],
)
def test_a_pcap_file_stays_the_same_over_many_ways(name: str, tmp_path: Path) -> None:
    source, capture = FOLDER / f"{name}.pcap", (FOLDER / f"{name}.pcap").read_bytes()
    for number in range(3):
        target = tmp_path / f"{number}.pcap"
        report = pcapconv.convert(source, target, sidecar=True)
        assert (target.read_bytes(), report.losses, sidecar_beside(target).exists()) == (capture, {}, True)
        source = target


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_a_sample_comes_back_through_pipes(path: Path, tmp_path: Path) -> None:
    """Nobody can go back in these, and nothing is written before all is well."""
    capture, sidecar = path.read_bytes(), tmp_path / "kept.json"
    pipe, sink = Pipe(capture[at : at + 4096] for at in range(0, len(capture), 4096)), Sink()

    def work() -> None:
        source, target = cast(BinaryIO, pipe), cast(BinaryIO, sink)
        pcapconv.convert(source, target, to="pcap", sidecar_file=str(sidecar), sidecar_secrets=True)

    if stem(path) in SEVERAL_LINK_TYPES:
        with pytest.raises(TargetError, match="link types"):
            work()
        assert (list(tmp_path.iterdir()), bytes(sink.taken)) == ([], b"")
        return
    work()
    back = io.BytesIO()
    pcapconv.convert(cast(BinaryIO, Pipe([bytes(sink.taken)])), back, to="pcapng", sidecar_file=str(sidecar))
    assert back.getvalue() == (converted(capture, "pcapng")[0] if stem(path) in DAMAGED else capture)


@pytest.mark.parametrize("fingerprints", [False, True])
def test_a_corpus_file_comes_back_in_part(corpus_file: Path, pcap: Path, fingerprints: bool) -> None:
    options = {"packets": "2-", "strip": ["comments"]}
    try:
        convert_with_sidecar(corpus_file, pcap, sidecar_fingerprints=fingerprints, **options)
    except PcapconvError:
        return  # of several link types, or no capture
    plain, _ = converted(corpus_file.read_bytes(), "pcapng", **options)
    assert without_lengths(restored_pcapng(pcap)) == without_lengths(plain)


@pytest.mark.parametrize("fingerprints", [False, True])
def test_many_packets_of_every_kind(fingerprints: bool, pcap: Path) -> None:
    """More than a batch has, so that the pcap file's batches end elsewhere than those of the sidecar."""
    blocks = []
    for number in range(20_000):
        data = bytes(number % 61)
        stated = [(1, b"comment %d" % number)] if number % 7 == 0 else [(2, bytes([number % 5, 0, 0, 0]))]
        options = wire.options(*stated) if number % 3 else b""
        if number % 11 == 0:
            blocks.append(wire.simple_packet(data))
        elif number % 13 == 0:
            blocks.append(wire.obsolete_packet(0, number, data, drops_count=number % 4, options=options))
        else:
            blocks.append(wire.enhanced_packet(number // 3000 % 2, 1000 * number, data, options=options))
        if number == 12_345:
            blocks.append(wire.section_header() + wire.interface() * 2)
    fine = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x8a")))
    capture = wire.section_header() + wire.interface() + fine + b"".join(blocks)
    assert convert_with_sidecar(capture, pcap, sidecar_fingerprints=fingerprints).packets_written == 20_000
    assert restored_pcapng(pcap) == capture


@pytest.mark.parametrize("size", [300_000, 2**24 - 3])
@pytest.mark.parametrize("snaplen", [0, 64])
def test_large_packets(size: int, snaplen: int, pcap: Path) -> None:
    packet = wire.enhanced_packet(0, 5, bytes(size), options=wire.options((1, b"large")))
    capture = wire.section_header() + wire.interface(snaplen=snaplen) + packet + wire.enhanced_packet(0, 6, b"small")
    assert convert_with_sidecar(capture, pcap).losses == {}
    assert restored_pcapng(pcap) == capture


@pytest.mark.parametrize(
    "text", [b"\0", b"\n],\n", b'"sha256": "', b'\n"content": [\n', b"\xe2\x80\xa8", b"\xed\xa0\x80"]
)
def test_texts_that_look_like_parts_of_a_sidecar(text: bytes, write: In, pcap: Path) -> None:
    stated = write.options((1, text), (1, text))
    capture = write.section_header(options=stated) + write.interface(options=stated)
    capture += write.enhanced_packet(0, 5, b"one", options=stated) + write.names((1, b"\1\2\3\4" + text + b"\0"))
    convert_with_sidecar(capture, pcap)
    assert restored_pcapng(pcap) == capture


def test_in_place(pcap: Path) -> None:
    convert_with_sidecar(WEB, pcap)
    pcapconv.convert(pcap, pcap, sidecar=True, force=True, first=5)
    assert [len(packets(each)) for each in (pcap.read_bytes(), restored_pcapng(pcap))] == [5, 5]
    plain, _ = converted(WEB.read_bytes(), "pcapng", first=5)
    assert without_lengths(restored_pcapng(pcap)) == without_lengths(plain)
