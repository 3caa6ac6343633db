"""Simple Packets: their captured length is the lesser of snaplen and original length, never what fits their block."""

import io

import pytest
import wire
from wire import In, raw_blocks

import pcapconv
from pcapconv import DamageError, TargetError

DATA = bytes(range(100))


def start(write: In, snaplen: int = 0) -> bytes:
    return write.section_header() + write.interface(snaplen=snaplen)


def converted(capture: bytes, **options: object) -> tuple[bytes, pcapconv.Report]:
    out = io.BytesIO()
    report = pcapconv.convert(io.BytesIO(capture), out, to="pcapng", **options)  # type: ignore[arg-type]
    return out.getvalue(), report


@pytest.mark.parametrize("chop", [1, 2, 3, 4, 8, 96, -1, -4, -96])
def test_what_is_left_of_a_chopped_one_is_what_others_read(write: In, chop: int) -> None:
    out, report = converted(start(write) + write.simple_packet(DATA), chop=[chop])
    left = DATA[chop:] if chop > 0 else DATA[:chop]
    assert raw_blocks(out)[2] == write.simple_packet(left, original_length=len(left))
    assert [packet.data for packet in wire.read_pcapng(out)] == [left]
    assert report.left_out == {"original-lengths": 1}


def test_one_that_the_snaplen_cuts_keeps_its_original_length(write: In) -> None:
    out, report = converted(start(write) + write.simple_packet(DATA), snaplen=64)
    assert raw_blocks(out)[1:] == [write.interface(snaplen=64), write.simple_packet(DATA[:64], original_length=100)]
    assert report.left_out == {}


@pytest.mark.parametrize(
    ("snaplen", "original", "claimed"), [(0, 100, 100), (90, 100, 90), (2**32 - 1, 2**32 - 1, 2**32 - 1)]
)
def test_one_that_claims_more_than_its_block_holds_is_damage_and_kept_as_far_as_it_goes(
    write: In, snaplen: int, original: int, claimed: int
) -> None:
    short = write.simple_packet(DATA[:80], original_length=original)
    capture = start(write, snaplen) + write.simple_packet(b"one") + short + write.simple_packet(b"two")
    out, report = converted(capture)
    assert out == capture.replace(short, write.simple_packet(DATA[:80]))  # of which every reader takes 80 bytes
    assert report.packets_written == 3
    assert [(each.offset, each.packet_number, each.reason, each.bytes_left_out) for each in report.damage] == [
        (
            len(start(write, snaplen) + write.simple_packet(b"one")),
            2,
            f"a Simple Packet of {claimed} bytes in a block with room for 80, which are kept",
            0,
        )
    ]
    packets = list(pcapconv.open(io.BytesIO(capture)))
    assert [(packet.number, packet.data) for packet in packets] == [(1, b"one"), (2, DATA[:80]), (3, b"two")]
    assert packets[1].original_length == 80
    with pytest.raises(DamageError, match=f"a Simple Packet of {claimed} bytes"):
        converted(capture, strict=True)


def test_a_new_snaplen_that_would_change_its_length_is_refused(write: In) -> None:
    capture = start(write, 80) + write.simple_packet(DATA[:80], original_length=100)
    with pytest.raises(TargetError, match="with snaplen 96 it would be 96 instead of 80 bytes"):
        converted(capture, set_interface=["0.snaplen=96"])
