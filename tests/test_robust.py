"""Whatever is read ends in a report or a PcapconvError, costs little memory, and what was written can be read."""

import io
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import wire
from conversions import SAMPLES, Pipe, converted, every_sample, peak_memory
from hypothesis import given
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import Damage, FormatError, PacketBatch, PcapconvError, Report, formats
from pcapconv.io import buffered_output
from pcapconv.io.source import open_source

both_forms = pytest.mark.usefixtures("kernels")

FORMATS = ("pcap", "pcapng")
MIB = 2**20
MOST = 2**32 - 1


def pipe(*pieces: bytes) -> BinaryIO:
    return cast(BinaryIO, Pipe(pieces))


def converted_or_refused(source: bytes | BinaryIO, to: str) -> tuple[bytes, Report] | None:
    """The converted capture and the report, None for a PcapconvError. Any other exception fails the test."""
    try:
        return converted(source, to)
    except PcapconvError:
        return None


def ends_well(capture: bytes) -> None:
    """Converted to either format it ends in a report or an error; what was written can be read without damage."""
    for to in FORMATS:
        done = converted_or_refused(capture, to)
        if done is not None:
            out, report = done
            assert report.packets_read == report.packets_written
            if to == "pcap" and out.endswith(bytes(32)):  # records of zeros alone are read as damage
                continue
            again, second = converted(out, to)
            assert again == out
            assert (second.damage, second.packets_read) == ([], report.packets_written)


def packets_of(source: BinaryIO) -> tuple[list[bytes], list[Damage]]:
    """Every record's bytes, and the damage; nothing where it cannot be read at all."""
    records: list[bytes] = []
    damage: list[Damage] = []
    try:
        for item in formats.open_reader(open_source(source), window_size=1000).items():
            if isinstance(item, PacketBatch):
                places = zip(item.columns.record_at[: item.rows], item.columns.record_length)
                records += [bytes(item.buffer[at : at + length]) for at, length in places]
            elif isinstance(item, Damage):
                damage.append(item)
    except FormatError:
        assert not records
    return records, damage


@pytest.fixture(scope="module")
def small_buffers() -> Iterator[None]:
    """Small windows and buffers, which cost less to make anew for each of many captures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "open_reader", partial(formats.open_reader, window_size=4096))
        patch.setattr(buffered_output, "BUFFER_SIZE", 4096)
        yield


# ---------------------------------------------------------------- cut


@every_sample
def test_packets_of_a_sample_cut_at_each_byte_are_its_first_ones(path: Path) -> None:
    capture = path.read_bytes()
    whole, damaged = packets_of(io.BytesIO(capture))
    for cut in range(len(capture)):
        records, damage = packets_of(io.BytesIO(capture[:cut]))
        assert records == whole[: len(records)]
        for each in damage:
            assert each.offset + each.bytes_left_out == cut or each in damaged


@every_sample
@pytest.mark.usefixtures("small_buffers")
def test_a_sample_cut_at_each_byte_ends_well(path: Path) -> None:
    """To one format and the other in turns; of a sample in two byte orders each place is tried with both."""
    capture = path.read_bytes()
    turn = path.stem.endswith("-be")
    for cut in range(len(capture)):
        converted_or_refused(capture[:cut], FORMATS[(cut + turn) % 2])
    for cut in range(turn, len(capture), 101):
        ends_well(capture[:cut])


@every_sample
def test_a_pipe_that_ends_early_says_what_a_file_says(path: Path) -> None:
    capture = path.read_bytes()[:600]
    for cut in range(len(capture)):
        assert packets_of(pipe(capture[:cut])) == packets_of(io.BytesIO(capture[:cut]))


@both_forms
@pytest.mark.parametrize("claimed", [0, 100 * MIB])
def test_a_pipe_brings_a_large_record_whole(write: In, claimed: int) -> None:
    large = bytes(range(256)) * (17 * 4096) + b"!!!!"
    pcap = write.pcap_header() + write.pcap_record(1, 1, large) + write.pcap_record(1, 2, b"after")
    pcapng = (
        write.section_header() + write.block(0xCAFE, large) + write.interface() + write.enhanced_packet(0, 1, large)
    )
    for capture, format_name, damaged in (
        (pcap, "pcap", write.pcap_record(1, 1, bytes(99), captured_length=claimed)),
        (pcapng, "pcapng", write.block(0xCAFE, bytes(100), total_length=claimed)),
    ):
        rest = damaged if claimed else b""
        whole = capture + rest
        pieces = [whole[at : at + 100_000] for at in range(0, len(whole), 100_000)]
        out, report = converted(pipe(*pieces), format_name)
        assert out == capture
        assert [(each.offset, each.bytes_left_out) for each in report.damage] == [(len(capture), len(rest))] * bool(
            rest
        )


# ---------------------------------------------------------------- random


STARTS = [
    wire.pcap_header(),
    wire.pcap_header(byte_order=BIG),
    wire.pcap_header(wire.NANOSECONDS),
    wire.pcap_header(wire.MODIFIED),
    wire.pcap_header(version=(2, 3)),
    wire.pcap_header(wire.IXIA_HARDWARE, byte_order=BIG, records_length=9),
    wire.section_header(),
    wire.section_header() + wire.interface(),
    wire.section_header(byte_order=BIG) + wire.interface(byte_order=BIG),
    wire.section_header()[:12],
    wire.section_header()[:4],
]


@both_forms
@given(noise=st.binary(max_size=300))
@pytest.mark.usefixtures("small_buffers")
def test_random_bytes_end_well(noise: bytes) -> None:
    ends_well(noise)


@both_forms
@given(start=st.sampled_from(STARTS), noise=st.binary(max_size=300))
@pytest.mark.usefixtures("small_buffers")
def test_random_bytes_after_a_good_start_end_well(start: bytes, noise: bytes) -> None:
    ends_well(start + noise)


@st.composite
def odd_blocks(draw: st.DrawFn) -> bytes:
    """A pcapng capture of blocks that are sound in themselves, with bodies that need not be."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    types = st.sampled_from([1, 1, 2, 3, 4, 5, 6, 6, 9, 10, 0xBAD, 0x40000BAD, 0x0A0D0D0A, 0xCAFE, 0x80000001])
    magic = write.number(wire.BYTE_ORDER_MAGIC, 4) + write.number(1, 2) + bytes(2)
    blocks = [wire.section_header(byte_order=write.byte_order), write.interface()]
    for _ in range(draw(st.integers(0, 6))):
        block_type = draw(types)
        body = wire.padded(draw(st.binary(max_size=60)))
        head = magic if block_type == wire.SECTION_HEADER and draw(st.booleans()) else b""
        blocks.append(write.block(block_type, head + body))
    return b"".join(blocks)


@both_forms
@given(odd_blocks())
@pytest.mark.usefixtures("small_buffers")
def test_blocks_with_random_bodies_end_well(capture: bytes) -> None:
    ends_well(capture)


@both_forms
@given(
    path=st.sampled_from(SAMPLES),
    flips=st.lists(st.tuples(st.integers(0), st.integers(0, 7)), min_size=1, max_size=4),
)
@pytest.mark.usefixtures("small_buffers")
def test_flipped_bits_end_well(path: Path, flips: list[tuple[int, int]]) -> None:
    capture = bytearray(path.read_bytes())
    for offset, bit in flips:
        capture[offset % len(capture)] ^= 1 << bit
    ends_well(bytes(capture))


@both_forms
@given(
    path=st.sampled_from(SAMPLES),
    offset=st.integers(0),
    word=st.sampled_from([0, 1, 3, 4, 8, 11, 12, 13, 16, 2**16, 2**24, 129 * MIB, 2**31 - 1, 2**31, MOST - 3, MOST]),
    byte_order=st.sampled_from([LITTLE, BIG]),
)
@pytest.mark.usefixtures("small_buffers")
def test_replaced_words_end_well(path: Path, offset: int, word: int, byte_order: wire.ByteOrder) -> None:
    capture = bytearray(path.read_bytes())
    offset = offset % (len(capture) // 4) * 4
    capture[offset : offset + 4] = wire.number(word, 4, byte_order=byte_order)
    ends_well(bytes(capture))


@both_forms
@given(path=st.sampled_from(SAMPLES), cut=st.integers(0), count=st.integers(1, 40))
@pytest.mark.usefixtures("small_buffers")
def test_bytes_that_are_missing_inside_end_well(path: Path, cut: int, count: int) -> None:
    capture = path.read_bytes()
    cut %= len(capture)
    ends_well(capture[:cut] + capture[cut + count :])


@both_forms
def test_a_corpus_file_ends_well(corpus_file: Path) -> None:
    ends_well(corpus_file.read_bytes())


@both_forms
def test_a_corpus_file_reads_as_packets_or_is_refused(corpus_file: Path) -> None:
    refused = ""
    try:
        with pcapconv.open(corpus_file) as capture:
            for packet in capture:
                assert packet.captured_length == len(packet.data)
                assert isinstance(packet.comments, list)
    except PcapconvError as error:
        refused = str(error)
    assert not refused or corpus_file.name in refused


# ---------------------------------------------------------------- memory does not follow a length field


CLAIMS = [2**24, 100 * MIB, 129 * MIB, 2**31, MOST - 3]
LIMIT = 16 * MIB


def captures_claiming(write: In, claimed: int) -> dict[str, bytes]:
    """Captures whose last record or block claims more than there is."""
    section = write.section_header() + write.interface()
    return {
        "pcap": write.pcap_header() + write.pcap_record(1, 1, bytes(1000), captured_length=claimed),
        "pcap-swapped": write.pcap_header(version=(2, 2)) + write.pcap_record(1, 1, bytes(99), original_length=claimed),
        "packet": section + write.block(6, bytes(1000), total_length=claimed),
        "captured": section + write.enhanced_packet(0, 1, bytes(1000), captured_length=claimed),
        "unknown": section + write.block(0xCAFE, bytes(1000), total_length=claimed),
        "section": section + write.block(wire.SECTION_HEADER, section[8:24], total_length=claimed),
        "first": write.block(wire.SECTION_HEADER, section[8:24], total_length=claimed),
        "names": section + write.block(4, write.option(1, bytes(4), length=0xFFFF), total_length=claimed),
    }


STRIP_KINDS = sorted(captures_claiming(In(LITTLE), 0))


@both_forms
@pytest.mark.parametrize("claimed", CLAIMS)
@pytest.mark.parametrize("kind", STRIP_KINDS)
def test_memory_does_not_follow_a_length_field(write: In, kind: str, claimed: int) -> None:
    capture = captures_claiming(write, claimed)[kind]
    for to in FORMATS:
        assert peak_memory(partial(converted_or_refused, capture, to)) < LIMIT
        assert peak_memory(partial(converted_or_refused, pipe(capture), to)) < LIMIT


@pytest.mark.parametrize("claimed", [2**31, MOST - 3])
@pytest.mark.parametrize("kind", STRIP_KINDS)
def test_memory_does_not_follow_what_comes_after_a_length_field_in_a_pipe(kind: str, claimed: int) -> None:
    capture = captures_claiming(In(LITTLE), claimed)[kind]
    source = cast(BinaryIO, Pipe(itertools.chain([capture], itertools.repeat(bytes(MIB), 32))))
    assert peak_memory(lambda: converted_or_refused(source, "pcapng")) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_memory_does_not_follow_the_size_of_the_capture(source: str, to: str) -> None:
    if source == "pcap":
        head, packet = wire.pcap_header(), wire.pcap_record(1, 1, bytes(984))
    else:
        head, packet = wire.section_header() + wire.interface(), wire.enhanced_packet(0, 1, bytes(968))

    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return len(data)  # type: ignore[arg-type]

    pieces = itertools.chain([head], itertools.repeat(packet * 1000, 24))
    reports: list[Report] = []
    used = peak_memory(
        lambda: reports.append(
            pcapconv.convert(cast(BinaryIO, Pipe(pieces)), cast(BinaryIO, Nowhere()), to=to, nanoseconds=False)
        )
    )
    assert used < LIMIT
    assert reports[0].packets_written == 24_000
