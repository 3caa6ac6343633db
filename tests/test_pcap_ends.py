"""Where a pcap file's records end before the file does: at another file's header, and at zeros."""

import io
import itertools
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import wire
from conversions import Pipe, converted, damage_of, identical, packets
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv.cli import run
from pcapconv.describing import info

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800
OTHER_ORDER = {LITTLE: BIG, BIG: LITTLE}


def pipe(pieces: Iterable[bytes]) -> BinaryIO:
    return cast("BinaryIO", Pipe(pieces))


def pieces(capture: bytes, size: int) -> BinaryIO:
    return pipe(capture[at : at + size] for at in range(0, len(capture), size))


def by_file_and_pipe(capture: bytes, to: str) -> tuple[bytes, pcapconv.Report]:
    """The converted capture, which is checked to be the same from a file and from pipes."""
    out, report = converted(capture, to)
    for size in (1, 5, 16, 4096):
        again, other = converted(pieces(capture, size), to)
        assert again == out
        assert (other.damage, other.warnings, other.losses) == (report.damage, report.warnings, report.losses)
        assert other.packets_read == report.packets_read
    return out, report


# ---------------------------------------------------------------- two files in one


def test_second_capture_is_read_on(write: In) -> None:
    header = write.pcap_header()
    a = [write.pcap_record(T, 1, b"one"), write.pcap_record(T, 2, b"two")]
    b = [write.pcap_record(T, 3, b"three")]
    capture = header + b"".join(a) + write.pcap_header(snaplen=96, thiszone=60, sigfigs=6) + b"".join(b)
    at = len(header) + sum(map(len, a))
    out, report = by_file_and_pipe(capture, "pcap")
    assert out == header + b"".join(a + b)
    assert (report.packets_read, report.packets_written, report.damage) == (3, 3, [])
    assert report.losses == {"header-fields": 1}
    assert [(each.offset, "second capture" in each.reason) for each in report.warnings] == [(at, True)]
    pcapng, report = by_file_and_pipe(capture, "pcapng")
    assert pcapng == converted(out, "pcapng")[0]
    assert report.losses == {"header-fields": 1}
    assert [packet.number for packet in packets(capture)] == [1, 2, 3]


def test_second_capture_without_packets_is_passed_over(write: In) -> None:
    good = write.pcap_header() + write.pcap_record(T, 1, b"one")
    out, report = by_file_and_pipe(good + write.pcap_header() * 2, "pcap")
    assert out == good
    assert (report.damage, report.losses) == ([], {"header-fields": 2})


def test_second_capture_counts_as_a_loss_wherever_it_is_written(write: In) -> None:
    header = write.pcap_header()
    capture = header + write.pcap_record(T, 1, b"one") + header + write.pcap_record(T, 2, b"two")
    with pytest.raises(pcapconv.LossError, match="1 header field"):
        converted(capture, "pcap", on_loss="fail")
    assert info(io.BytesIO(capture)).to_pcap.losses == {"header-fields": 1}


@pytest.mark.parametrize(
    "magics",
    [
        (wire.MODIFIED, wire.MODIFIED),
        (wire.NANOSECONDS, wire.IXIA_HARDWARE),
        (wire.IXIA_SOFTWARE, wire.MICROSECONDS),
        (wire.IXIA_SOFTWARE, wire.IXIA_SOFTWARE),
    ],
)
def test_second_capture_of_the_same_unit_and_records_is_read_on(write: In, magics: tuple[int, int]) -> None:
    more = write.modified_extra(1) if wire.MODIFIED in magics else b""
    capture = b""
    for magic in magics:
        length = 19 if magic in (wire.IXIA_HARDWARE, wire.IXIA_SOFTWARE) else None
        capture += write.pcap_header(magic, records_length=length) + write.pcap_record(T, 1, b"one", extra=more)
    _, report = by_file_and_pipe(capture, "pcap")
    assert (report.packets_read, report.damage, len(report.warnings)) == (2, [], 1)


@pytest.mark.parametrize("what", ["byte order", "unit", "link type", "FCS", "layout", "lengths"])
def test_second_capture_that_does_not_agree_is_damage(write: In, what: str) -> None:
    other = In(OTHER_ORDER[write.byte_order])
    header = {
        "byte order": other.pcap_header(),
        "unit": write.pcap_header(wire.NANOSECONDS),
        "link type": write.pcap_header(link_type_word=101),
        "FCS": write.pcap_header(link_type_word=0x24000001),
        "layout": write.pcap_header(wire.MODIFIED),
        "lengths": write.pcap_header(version=(2, 2)),
    }[what]
    good = write.pcap_header() + write.pcap_record(T, 1, b"one")
    rest = header + write.pcap_record(T, 2, b"two")
    out, report = by_file_and_pipe(good + rest, "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(rest))]
    reason = report.damage[0].reason
    assert "second capture" in reason
    assert f"tail -c +{len(good) + 1}" in reason
    assert ("layout" if what == "lengths" else what) in reason
    assert report.losses == {}


@pytest.mark.parametrize("size", range(16, 24))
def test_second_capture_that_ends_in_its_header_is_damage(write: In, size: int) -> None:
    good = write.pcap_header() + write.pcap_record(T, 1, b"one")
    out, report = by_file_and_pipe(good + write.pcap_header()[:size], "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 2, size)]
    assert "second capture" in report.damage[0].reason


def test_packet_of_2055_is_a_packet(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(0xA1B2C3D4, 500_000, b"late") + write.pcap_record(T, 1, b"x")
    assert identical(capture).packets_read == 2


# ---------------------------------------------------------------- zeros


@pytest.mark.parametrize("zeros", [17, 31, 32, 33, 1000, 4096, 2**20 + 5])
@pytest.mark.parametrize("size", [16, 24])
def test_zeros_up_to_the_end_are_damage(write: In, zeros: int, size: int) -> None:
    if zeros < size + 1:
        zeros = size + 1
    magic, more = (wire.MODIFIED, write.modified_extra()) if size == 24 else (wire.MICROSECONDS, b"")
    good = write.pcap_header(magic) + write.pcap_record(T, 1, b"one", extra=more)
    capture = good + bytes(zeros)
    for source in (io.BytesIO(capture), pieces(capture, 999)):
        out, report = converted(source, "pcap")
        assert out == good
        assert damage_of(report) == [(len(good), 2, zeros)]
        assert report.damage[0].reason == f"{zeros:,} zero bytes at the end"


def test_zeros_behind_the_file_header_are_damage(write: In) -> None:
    header = write.pcap_header()
    out, report = by_file_and_pipe(header + bytes(4096), "pcap")
    assert (out, damage_of(report)) == (header, [(24, 1, 4096)])


@pytest.mark.parametrize("count", [1, 2, 3, 5000])
def test_zeros_before_a_record_are_empty_packets(write: In, count: int) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 1, b"one") + bytes(16 * count) + write.pcap_record(T, 2, b"x")
    assert identical(capture).packets_read == count + 2
    out, report = by_file_and_pipe(capture, "pcapng")
    assert report.damage == []
    found = wire.read_pcapng(out)
    assert [each.ticks for each in found[1:-1]] == [0] * count
    assert [each.data for each in found] == [b"one", *[b""] * count, b"x"]
    assert [packet.number for packet in packets(capture)] == list(range(1, count + 3))


def test_one_record_of_zeros_at_the_end_is_a_packet(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 1, b"one") + bytes(16)
    assert by_file_and_pipe(capture, "pcap")[0] == capture
    assert identical(capture).packets_read == 2


def test_zeros_before_what_is_damaged_are_empty_packets(write: In) -> None:
    good = write.pcap_header() + bytes(48)
    out, report = by_file_and_pipe(good + bytes(5) + b"\x01stray", "pcap")
    assert out == good
    assert damage_of(report) == [(len(good), 4, 11)]


@pytest.mark.parametrize("field", [{"seconds": 1}, {"fraction": 1}, {"original_length": 1}])
def test_other_empty_packets_at_the_end_are_packets(write: In, field: dict[str, int]) -> None:
    record = write.pcap_record(**{"seconds": 0, "fraction": 0, **field}, data=b"")  # type: ignore[arg-type]
    assert identical(write.pcap_header() + record * 3).packets_read == 3


def test_zeros_behind_record_headers_that_say_more_are_packets(write: In) -> None:
    record = write.pcap_record(0, 0, b"", extra=write.modified_extra(1))
    assert identical(write.pcap_header(wire.MODIFIED) + record * 3).packets_read == 3


@pytest.mark.slow
@pytest.mark.parametrize("behind", [b"", wire.pcap_record(T, 1, b"x")])
def test_zeros_on_a_pipe_take_no_memory(behind: bytes) -> None:
    zeros = itertools.repeat(bytes(2**16), 256)
    source = pipe(itertools.chain([wire.pcap_header()], zeros, [behind]))
    tracemalloc.start()
    with pcapconv.open(source) as opened:
        count = sum(item.rows for item in opened.batches())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == (2**20 + 1 if behind else 0)
    assert [each.bytes_left_out for each in opened.damage] == ([] if behind else [2**24])
    assert peak < 2**23


def test_convert_says_what_it_met_and_what_it_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, header = tmp_path / "both.pcap", wire.pcap_header()
    path.write_bytes(header + wire.pcap_record(T, 1, b"one") + header + wire.pcap_record(T, 2, b"two"))
    assert run(["convert", str(path), str(tmp_path / "out.pcap")]) == 0
    met, lost = capfd.readouterr().err.splitlines()
    assert met == (
        f"pcapconv: warning: {path}: offset 43: the file header of a second capture; its packets are read on"
    )
    assert lost.endswith("pcap cannot hold 1 header field; --report FILE has the counts, --on-loss fail refuses")
    assert run(["convert", str(path), str(tmp_path / "no.pcap"), "--on-loss", "fail"]) == 4
    assert not (tmp_path / "no.pcap").exists()


# ---------------------------------------------------------------- what is written


ZEROS = "{} ends in {} empty packets at time 0, which read as zeros that a damaged file ends in; pcapng holds them"


def test_a_pcap_file_that_would_read_as_damaged_is_warned_of(write: In) -> None:
    head = write.section_header() + write.interface() + write.enhanced_packet(0, T * 10**6, b"data")
    for number in range(4):
        for empty in (write.enhanced_packet(0, 0, b""), write.simple_packet(b"")):
            pcap, report = converted(head + empty * number, "pcap")
            assert pcap.endswith(bytes(16 * number))
            expected = [(None, ZEROS.format("output", number))] if number > 1 else []
            assert [(notice.offset, notice.reason) for notice in report.warnings] == expected
    for other in (write.enhanced_packet(0, 1, b""), write.enhanced_packet(0, 0, b"", original_length=1)):
        assert converted(head + write.enhanced_packet(0, 0, b"") * 3 + other, "pcap")[1].warnings == []
    assert converted(head + write.enhanced_packet(0, 0, b"") * 3, "pcapng")[1].warnings == []


def test_a_part_that_would_read_as_damaged_is_warned_of(write: In, tmp_path: Path) -> None:
    first, last = write.pcap_record(T, 0, b"first"), write.pcap_record(T, 0, b"last")
    (tmp_path / "in.pcap").write_bytes(write.pcap_header() + first + bytes(64) + last)
    report = pcapconv.split(tmp_path / "in.pcap", tmp_path / "{index:1}.pcap", max_packets=3)
    assert [notice.reason for notice in report.warnings] == [ZEROS.format(tmp_path / "1.pcap", 2)]
    report = pcapconv.convert(tmp_path / "in.pcap", tmp_path / "out.pcap", packets="2-4")
    assert [notice.reason for notice in report.warnings] == [ZEROS.format(tmp_path / "out.pcap", 3)]
