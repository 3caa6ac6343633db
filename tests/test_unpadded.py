"""Packet blocks whose lengths do not count their padding, as old programs wrote them."""

import io
from pathlib import Path

import pytest
import wire
from wire import In

import pcapconv

NOTICE = "the lengths of packet blocks do not count their padding, as old programs had it; they are read as they are"
DATA = [bytes([number]) * (61 + number) for number in range(4)]  # 61, 62, 63 and, with nothing to pad, 64 bytes


def unpadded(block: bytes, order: wire.ByteOrder, padding: int) -> bytes:
    length = wire.In(order).number(len(block) - padding, 4)
    return block[:4] + length + block[8:-4] + length


def unpadded_capture(write: In, kind: str) -> bytes:
    def block(number: int, data: bytes) -> bytes:
        if kind == "simple":
            return write.simple_packet(data)
        if kind == "obsolete":
            return write.obsolete_packet(0, number, data)
        return write.enhanced_packet(0, number, data)

    order = write.byte_order
    packets = [unpadded(block(number, data), order, -len(data) % 4) for number, data in enumerate(DATA)]
    return write.section_header() + write.interface() + b"".join(packets)


def converted(capture: bytes, to: str = "pcapng", **options: object) -> tuple[bytes, pcapconv.Report]:
    out = io.BytesIO()
    report = pcapconv.convert(io.BytesIO(capture), out, to=to, **options)  # type: ignore[arg-type]
    return out.getvalue(), report


every_kind = pytest.mark.parametrize("kind", ["enhanced", "simple", "obsolete"])


@every_kind
def test_every_packet_is_read_with_one_warning(write: In, kind: str) -> None:
    capture = unpadded_capture(write, kind)
    out, report = converted(capture)
    assert out == capture
    assert (report.packets_written, report.damage) == (4, [])
    first = len(write.section_header() + write.interface())
    assert [(notice.offset, notice.reason) for notice in report.warnings] == [(first, NOTICE)]
    assert [(packet.number, packet.data) for packet in pcapconv.open(io.BytesIO(capture))] == list(enumerate(DATA, 1))


@every_kind
def test_edits_and_pcap_have_it_right(write: In, kind: str) -> None:
    capture = unpadded_capture(write, kind)
    out, _ = converted(capture, chop=[1])
    assert [packet.data for packet in wire.read_pcapng(out)] == [data[1:] for data in DATA]
    out, _ = converted(capture, "pcap")
    assert [packet.data for packet in wire.read_pcap(out)] == DATA


@every_kind
@pytest.mark.parametrize("fingerprints", [False, True])
def test_a_sidecar_brings_the_bytes_back(write: In, kind: str, fingerprints: bool, tmp_path: Path) -> None:
    source, pcap, back = (tmp_path / name for name in ("a.pcapng", "a.pcap", "back.pcapng"))
    source.write_bytes(unpadded_capture(write, kind))
    pcapconv.convert(source, pcap, sidecar=True, sidecar_fingerprints=fingerprints)
    pcapconv.convert(pcap, back, sidecar=True)
    assert back.read_bytes() == source.read_bytes()


def test_a_pipe_has_the_same_bytes(write: In) -> None:
    capture = unpadded_capture(write, "enhanced")

    class Pipe(io.RawIOBase):
        """One that gives three bytes at a time."""

        def __init__(self) -> None:
            self._file = io.BytesIO(capture)

        def readable(self) -> bool:
            return True

        def readinto(self, room: bytearray) -> int:  # type: ignore[override]
            data = self._file.read(min(3, len(room)))
            room[: len(data)] = data
            return len(data)

    out = io.BytesIO()
    report = pcapconv.convert(Pipe(), out, to="pcapng")  # type: ignore[arg-type]
    assert out.getvalue() == capture
    assert report.damage == []


def test_where_the_next_block_is_not_certain_it_is_damage(write: In) -> None:
    block = write.enhanced_packet(0, 1, bytes(61))
    capture = write.section_header() + write.interface() + unpadded(block, write.byte_order, 3) + b"\xff" * 12
    out, report = converted(capture)
    assert out == write.section_header() + write.interface()
    assert [each.reason for each in report.damage] == ["block length 93 is not a multiple of 4"]


@pytest.mark.parametrize("wrong", [b"\0\0\0\x5c", b"\x5c\0\0\0", b"\0\0\0\0"])
def test_where_the_length_does_not_stand_behind_the_padding_it_is_damage(write: In, wrong: bytes) -> None:
    block = unpadded(write.enhanced_packet(0, 1, bytes(61)), write.byte_order, 3)
    capture = write.section_header() + write.interface() + block[:-4] + wrong + write.enhanced_packet(0, 1, b"next")
    _, report = converted(capture)
    assert [each.reason for each in report.damage] == ["block length 93 is not a multiple of 4"]
    assert report.packets_written == 1
