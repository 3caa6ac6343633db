"""What must come back as the same bytes, and be the same whatever the pieces it is read in."""

import io
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import wire
from conversions import DAMAGED, SAMPLES, Pipe, converted, every_sample, identical, stem
from hypothesis import given
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import PacketBatch, PcapconvError, TargetError, formats
from pcapconv.io.source import WINDOW_SIZE, open_source

pytestmark = pytest.mark.usefixtures("kernels")

PCAP_REFUSES = {
    "link-types": "4 link types",
    "obsolete": "2 link types",
    "sections": "3 link types",
    "time-after-2106": "packet 2: ",
    "time-before-1970": "packet 2: ",
    "time-malformed": "packet 2: ",
    "two-interfaces": "2 link types",
}
# pcap samples that do not come back from pcapng as they were, and what is lost on the way there.
PCAP_ALONE: dict[str, dict[str, int]] = {
    "fraction-overflow": {"time-notation": 3},
    "fraction-overflow-nano": {"time-notation": 2},
    "ixia-hardware": {"header-fields": 1},  # they come back with a plain magic number
    "ixia-software": {"header-fields": 1},
    "modified": {"record-fields": 5},
    "reserved-bits": {"header-fields": 1},
    "time-zone": {"header-fields": 2},
    "version-2-2": {"header-fields": 1},
    "version-2-3": {"header-fields": 1},
    "version-543": {"header-fields": 1},
}
MOST = 2**32 - 1


def every_sample_of(samples: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", samples, ids=[path.name for path in samples])


every_pcap_sample = every_sample_of([path for path in SAMPLES if path.suffix == ".pcap"])


def items_as_said(source: BinaryIO, window_size: int = WINDOW_SIZE) -> list[object]:
    """All items of a capture, packet by packet, each with the bytes of its record."""
    items: list[object] = []
    for item in formats.open_reader(open_source(source), window_size=window_size).items():
        if isinstance(item, PacketBatch):
            places = zip(item.columns.record_at, item.columns.record_length)
            for packet, (at, length) in zip(item, places):
                record = bytes(item.buffer[at : at + length])
                whose = (packet.section.number, packet.interface.id)
                items.append((packet.number, packet.data, packet.original_length, packet.ticks, whose, record))
        else:
            items.append(item)
    return items


# ---------------------------------------------------------------- same format


@every_sample_of([path for path in SAMPLES if stem(path) not in DAMAGED])
def test_same_format_is_byte_identical(path: Path) -> None:
    identical(path.read_bytes())


@every_sample
def test_same_format_keeps_all_but_the_damage(path: Path) -> None:
    capture = path.read_bytes()
    out, report = converted(capture, path.suffix[1:])
    assert len(out) == len(capture) - sum(each.bytes_left_out for each in report.damage)
    again, second = converted(out, path.suffix[1:])
    assert (again, second.damage) == (out, [])
    assert len(report.damage) == (stem(path) in DAMAGED)


def test_same_format_is_byte_identical_in_the_corpus(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    try:
        with pcapconv.open(io.BytesIO(capture)) as opened:
            out, report = converted(capture, opened.format)
    except PcapconvError:
        return  # it is not a capture
    if not report.damage:
        assert out == capture
    assert report.packets_read == report.packets_written
    assert (converted(out, opened.format)[0], report.losses) == (out, {})


# ---------------------------------------------------------------- what it says


@every_sample
def test_packets_are_those_that_the_oracle_reads(path: Path) -> None:
    capture = path.read_bytes()
    read = wire.read_pcap if path.suffix == ".pcap" else wire.read_pcapng
    with pcapconv.open(io.BytesIO(capture)) as opened:
        found = [(each.data, each.original_length, each.ticks) for each in opened]
    assert found == [(each.data, each.original_length, each.ticks) for each in read(capture)]


@every_sample
def test_packets_are_the_same_after_a_conversion(path: Path) -> None:
    capture = path.read_bytes()
    other = "pcapng" if path.suffix == ".pcap" else "pcap"
    if other == "pcap" and stem(path) in PCAP_REFUSES:
        with pytest.raises(TargetError, match=PCAP_REFUSES[stem(path)]):
            converted(capture, other)
        return
    out, report = converted(capture, other)
    with pcapconv.open(io.BytesIO(capture)) as before, pcapconv.open(io.BytesIO(out)) as after:
        pairs = list(zip(before, after, strict=True))
    for one, two in pairs:
        assert (one.number, one.data, one.original_length) == (two.number, two.data, two.original_length)
        assert two.time_ns == (one.time_ns or 0)
    assert report.packets_written == len(pairs)


# ---------------------------------------------------------------- pcap → pcapng → pcap


@st.composite
def plain_pcap(draw: st.DrawFn) -> bytes:
    """A pcap file of version 2.4 whose reserved fields are 0."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    magic, units = draw(st.sampled_from([(wire.MICROSECONDS, 10**6), (wire.NANOSECONDS, 10**9)]))
    fcs = draw(st.one_of(st.just(0), st.integers(0, 15).map(lambda words: 0x04000000 | words << 28)))
    link_type = draw(st.one_of(st.sampled_from([0, 1, 101, 113, 65535]), st.integers(0, 0xFFFF)))
    snaplen = draw(st.one_of(st.sampled_from([0, 1, 65535, 262144, 2**31 - 1, MOST]), st.integers(0, MOST)))
    lengths = st.one_of(st.none(), st.integers(0, 200), st.integers(0, MOST))
    records = [
        write.pcap_record(
            draw(st.integers(1, MOST)),  # records of zeros alone are damage at the end
            draw(st.integers(0, units - 1)),
            draw(st.binary(max_size=70)),
            original_length=draw(lengths),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    return write.pcap_header(magic, snaplen=snaplen, link_type_word=fcs | link_type) + b"".join(records)


@given(plain_pcap())
def test_pcap_to_pcapng_to_pcap_is_byte_identical(capture: bytes) -> None:
    pcapng, there = converted(capture, "pcapng", keep_snaplen=True)
    back, report = converted(pcapng, "pcap")
    assert back == capture
    assert (there.losses, report.losses, there.damage, report.damage) == ({}, {}, [], [])
    assert [each.data for each in wire.read_pcapng(pcapng)] == [each.data for each in wire.read_pcap(capture)]


@given(plain_pcap())
def test_pcap_is_byte_identical(capture: bytes) -> None:
    assert converted(capture, "pcap")[0] == capture


@every_pcap_sample
def test_pcap_sample_to_pcapng_to_pcap_is_byte_identical_or_its_loss_is_counted(path: Path) -> None:
    capture = path.read_bytes()
    pcapng, report = converted(capture, "pcapng", keep_snaplen=True)
    assert report.losses == PCAP_ALONE.get(stem(path), {})
    assert (converted(pcapng, "pcap")[0] == capture) == (stem(path) not in PCAP_ALONE)


def test_many_packets_there_and_back() -> None:
    for order in (LITTLE, BIG):
        write = In(order)
        records = b"".join(write.pcap_record(i, i % 10**6, bytes(i % 61)) for i in range(30_000))
        capture = write.pcap_header() + records
        pcapng, report = converted(capture, "pcapng")
        blocks = sum(32 + -(-(i % 61) // 4) * 4 for i in range(30_000))
        assert (report.packets_written, len(pcapng)) == (30_000, 48 + blocks)
        assert converted(pcapng, "pcapng")[0] == pcapng
        assert converted(pcapng, "pcap")[0] == capture


# ---------------------------------------------------------------- read in pieces


@every_sample
@pytest.mark.parametrize("window_size", [64, 65, 100, 1000])
def test_small_windows_say_the_same(path: Path, window_size: int) -> None:
    capture = path.read_bytes()
    expected = items_as_said(io.BytesIO(capture))
    found = items_as_said(io.BytesIO(capture), window_size)
    assert found == expected


@every_sample
@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 10, 20, 4096])
def test_pipes_that_give_few_bytes_say_the_same(path: Path, step: int) -> None:
    capture = path.read_bytes()
    expected = items_as_said(io.BytesIO(capture))
    pipe = Pipe(capture[at : at + step] for at in range(0, len(capture), step))
    found = items_as_said(cast(BinaryIO, pipe), 100)
    assert found == expected


@pytest.mark.parametrize("window_size", [64, 1000])
def test_small_windows_say_the_same_in_the_corpus(corpus_file: Path, window_size: int) -> None:
    capture = corpus_file.read_bytes()
    try:
        expected = items_as_said(io.BytesIO(capture))
    except PcapconvError:
        return  # it is not a capture
    assert items_as_said(io.BytesIO(capture), window_size) == expected
