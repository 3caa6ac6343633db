"""Damage of compressed captures: every packet that could be decompressed is read, and the place is named by the offset
in the compressed and in the decompressed data."""

import gzip
import io
import json
import subprocess
from pathlib import Path
from random import Random
from typing import BinaryIO, cast

import pytest
import wire
from command_line import run_command
from compressing import COMPRESS, each_compression
from conversions import Pipe, converted
from hypothesis import given, settings
from hypothesis import strategies as st

import pcapconv
from pcapconv import DamageError, PcapconvError, formats
from pcapconv.describing import info
from pcapconv.errors import NotACaptureError
from pcapconv.io.source import open_source
from pcapconv.model import Damage

T = 1_714_564_800
RECORDS = [wire.pcap_record(T + n, n, (b"%d" % n * 40)[:100]) for n in range(20_000)]
PCAP = wire.pcap_header() + b"".join(RECORDS)
PACKED = gzip.compress(PCAP, mtime=0)
WRONG_CHECKSUM = "the gzip data is corrupt (wrong checksum: what was decompressed may be wrong, too)"
SECTION = wire.section_header() + wire.interface()


def pipe(data: bytes, size: int = 5000) -> BinaryIO:
    return cast("BinaryIO", Pipe(data[at : at + size] for at in range(0, len(data), size)))


def sources(data: bytes) -> list[BinaryIO]:
    return [io.BytesIO(data), pipe(data)]


def test_a_wrong_checksum_loses_no_packet() -> None:
    packed = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
    for source in sources(packed):
        out, report = converted(source, "pcap")
        assert out == PCAP
        assert report.damage == [Damage(len(PCAP), 20_001, WRONG_CHECKSUM, 0, 0, len(packed) - 8)]
    assert str(report.damage[0]) == (
        f"offset {len(PCAP)} (packet 20001), offset {len(packed) - 8} of the compressed file: {WRONG_CHECKSUM}"
    )


def test_garbage_behind_the_capture() -> None:
    for source in sources(PACKED + b"garbage"):
        out, report = converted(source, "pcap")
        assert out == PCAP
        reason = "the bytes from here on are no gzip data"
        assert report.damage == [Damage(len(PCAP), 20_001, reason, 7, 0, len(PACKED))]
    assert str(report.damage[0]).endswith(f"{reason}; 7 compressed bytes are left out")


def test_in_pcapng_the_section_is_named() -> None:
    capture = SECTION + wire.enhanced_packet(0, 1, b"one") + SECTION + wire.enhanced_packet(0, 2, b"two")
    packed = gzip.compress(capture) + b"?"
    out, report = converted(packed, "pcapng")
    assert out == capture
    assert [(each.offset, each.packet_number, each.section) for each in report.damage] == [(len(capture), 3, 1)]


@each_compression
def test_a_capture_that_is_cut_off(name: str) -> None:
    """The record that was cut is damage of its own, and comes first."""
    packed = COMPRESS[name](PCAP)
    for cut in (len(packed) // 3, len(packed) // 2, len(packed) - 1):
        for source in sources(packed[:cut]):
            out, report = converted(source, "pcap")
            assert PCAP.startswith(out)
            last = report.damage[-1]
            assert last[1:] == (report.packets_read + 1, f"the {name} data is cut off", 0, 0, cut, None)
            assert last.offset <= len(PCAP)
            for each in report.damage[:-1]:
                assert (each.offset, each.compressed_offset) == (len(out), None)
                assert each.offset + each.bytes_left_out == last.offset
            if not report.damage[:-1]:
                assert last.offset == len(out)


def test_as_many_packets_as_the_compression_program_gives(tmp_path: Path) -> None:
    """At least: the programs stop with the last full buffer."""
    programs = {name: [name, "-dc"] for name in COMPRESS}
    for name, command in programs.items():
        packed = bytearray(COMPRESS[name](PCAP))
        packed[len(packed) * 2 // 3] ^= 0x20
        for data in (bytes(packed), bytes(packed[: len(packed) // 2])):
            try:
                given = subprocess.run(command, input=data, capture_output=True, timeout=60).stdout
            except FileNotFoundError:
                break
            path = tmp_path / "in"
            path.write_bytes(data)
            with pcapconv.open(path) as capture:
                count = sum(batch.rows for batch in capture.batches())
            with pcapconv.open(io.BytesIO(given or wire.pcap_header())) as capture:
                assert count >= sum(batch.rows for batch in capture.batches()), name


def test_strict_refuses_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(PACKED[:-8] + bytes(8))
    done = run_command("convert", tmp_path / "in.gz", tmp_path / "out.pcap", "--strict")
    assert done.status == 1
    assert done.err == (
        f"pcapconv: {tmp_path}/in.gz: offset {len(PCAP)} (packet 20001), offset {len(PACKED) - 8} of the compressed "
        f"file: {WRONG_CHECKSUM}\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.gz"]
    for source in sources(PACKED + b"?"):
        with pytest.raises(DamageError, match=f"offset {len(PACKED)} of the compressed file: "):
            pcapconv.convert(source, io.BytesIO(), to="pcap", strict=True)


def test_status_3_and_json(tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(PACKED + b"?")
    done = run_command("convert", tmp_path / "in.gz", tmp_path / "out.pcap", "--report", "-")
    assert done.status == 3
    assert json.loads(done.out)["damage"] == [
        {
            "offset": len(PCAP),
            "packet_number": 20_001,
            "reason": "the bytes from here on are no gzip data",
            "bytes_left_out": 1,
            "section": 0,
            "compressed_offset": len(PACKED),
            "input": None,
        }
    ]
    assert (tmp_path / "out.pcap").read_bytes() == PCAP
    assert run_command("info", tmp_path / "in.gz").status == 3
    assert info(tmp_path / "in.gz").damage[0].compressed_offset == len(PACKED)


def test_a_capture_that_cannot_be_read_because_the_data_ends(tmp_path: Path) -> None:
    """The header of the capture is cut: the message says both."""
    packed = gzip.compress(wire.section_header() + b"x" * 9)[:-9]
    (tmp_path / "in.gz").write_bytes(packed)
    done = run_command("convert", tmp_path / "in.gz", tmp_path / "out.pcapng")
    assert done.status in (1, 3)
    assert f"offset {len(packed)} of the compressed file" in done.err


@pytest.mark.parametrize("size", [2000, 2_000_000])
def test_damage_that_leaves_no_capture_is_named(size: int) -> None:
    """The block's bytes begin somewhere else, and its checksum is wrong. All of a large block is read to know that."""
    packed = bytearray(COMPRESS["bzip2"](PCAP[:24] + Random(1).randbytes(size)))
    packed[16] ^= 1  # the number of the row of the block that is the data
    reason = r"the bzip2 data is corrupt \(Invalid data stream\), at offset \d+ of the compressed file$"
    begin = "^input: not a pcap or pcapng capture, the bzip2 data in it begins with .*; "
    with pytest.raises(NotACaptureError, match=begin + reason):
        pcapconv.open(io.BytesIO(packed))
    with pytest.raises(NotACaptureError, match=begin + reason):
        formats.format_at(open_source(io.BytesIO(packed)))


def test_damage_far_behind_what_is_no_capture_is_not_named() -> None:
    packed = gzip.compress(b"text of a log\n" * 1_000_000) + b"?"
    with pytest.raises(NotACaptureError, match=r"data in it begins with 'text of a log'$"):
        pcapconv.open(io.BytesIO(packed))
    packed = gzip.compress(b"text of a log\n" * 10) + b"?"
    for source in sources(packed):
        with pytest.raises(NotACaptureError, match="'text of a log'; the bytes from here on are no gzip data, at off"):
            pcapconv.open(source)


def test_damage_in_both() -> None:
    """Zeros in the capture, and garbage behind the compressed data."""
    packed = gzip.compress(PCAP + bytes(4096)) + b"?"
    report = converted(packed, "pcap")[1]
    assert [(each.offset, each.bytes_left_out, each.compressed_offset) for each in report.damage] == [
        (len(PCAP), 4096, None),
        (len(PCAP) + 4096, 1, len(packed) - 1),
    ]


@given(name=st.sampled_from(sorted(COMPRESS)), random=st.randoms(use_true_random=False), size=st.sampled_from([1, 100]))
@settings(max_examples=60, deadline=None)
def test_any_change_of_compressed_data(name: str, random: Random, size: int) -> None:
    """Nothing but a PcapconvError escapes; a pipe gives no packet that a file does not give, and loses little."""
    capture = PCAP[: 24 + 40 * 116]
    packed = bytearray(COMPRESS[name](capture[:2000]) + COMPRESS[name](capture[2000:]))
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(packed))
        match random.randrange(4):
            case 0:
                packed[at] ^= 1 << random.randrange(8)
            case 1:
                del packed[at:]
            case 2:
                packed[at:at] = random.randbytes(3)
            case _:
                del packed[at : at + random.randrange(1, 30)]
        packed = packed or bytearray(b"\x1f")
    outcomes = []
    for source in (io.BytesIO(packed), pipe(bytes(packed), size), pipe(bytes(packed), 10**6)):
        try:
            out, report = converted(source, "pcap")
        except PcapconvError as error:
            outcomes.append((b"", str(error)))
        else:
            outcomes.append((out, ""))
            if out != capture:
                assert report.damage or report.warnings
    (whole, _), *others = outcomes
    for out, _ in others:
        assert whole.startswith(out)
