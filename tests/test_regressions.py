"""Faults that pcapconv once had, each with the bytes that showed it."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import threading
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from conversions import converted

import pcapconv
from pcapconv import FileError, LossError, PcapconvError, UsageError

SECTION = wire.section_header()
ETHERNET = wire.interface()
PACKET = wire.enhanced_packet(0, 1, b"data")


def link_type_word(pcap: bytes) -> int:
    return int.from_bytes(pcap[20:24], "little")


def test_an_fcs_is_not_claimed_for_packets_that_have_none() -> None:
    with_fcs = wire.interface(options=wire.options((wire.IF_FCSLEN, b"\x20")))
    pcap, report = converted(SECTION + with_fcs + PACKET + ETHERNET + wire.enhanced_packet(1, 2, b"none"), "pcap")
    assert link_type_word(pcap) == 1
    assert report.losses["fcs-lengths"] == 1


def test_a_broken_section_header_of_the_other_byte_order_costs_only_its_own_section() -> None:
    big = wire.In(">")
    broken = big.block(wire.SECTION_HEADER, big.section_header()[8:-4], trailer=32)
    good = SECTION + ETHERNET + PACKET
    copy, report = converted(good + broken + big.interface() + good, "pcapng")
    assert copy == good + good
    assert [(damage.offset, damage.bytes_left_out) for damage in report.damage] == [(len(good), 28 + 20)]
    copy, report = converted(broken + big.section_header() + big.interface(), "pcapng")
    assert copy == big.section_header() + big.interface()


def test_many_interfaces_between_packets_take_linear_time() -> None:
    """Thousands of interfaces, each followed by a packet; the count of steps, not the clock, would grow by squares."""
    pairs = b"".join(ETHERNET + wire.enhanced_packet(number, number, b"") for number in range(4000))
    pcap, report = converted(SECTION + pairs, "pcap")
    assert (report.packets_written, len(pcap)) == (4000, 24 + 4000 * 16)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (io.StringIO("text"), UsageError),
        (b"bytes are no file", UsageError),
        (None, UsageError),
        (gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(SECTION * 99)[:-12])), FileError),
    ],
)
def test_odd_sources_raise_a_pcapconv_error(source: Any, error: type[PcapconvError]) -> None:
    with pytest.raises(error):
        pcapconv.convert(source, io.BytesIO(), to="pcapng")


def test_reading_after_close_raises_a_pcapconv_error(tmp_path: Path) -> None:
    path = tmp_path / "one.pcapng"
    path.write_bytes(SECTION + ETHERNET + PACKET)
    capture = pcapconv.open(path)
    capture.close()
    with pytest.raises(FileError, match="cannot read"):
        list(capture)


def test_a_view_on_a_batch_does_not_stop_the_reader() -> None:
    capture = SECTION + ETHERNET + PACKET + wire.enhanced_packet(0, 2, bytes(3_000_000))
    views: list[memoryview] = []
    sizes: list[int] = []
    for batch in pcapconv.open(io.BytesIO(capture)).batches():
        views.append(memoryview(batch.buffer))
        sizes += batch.columns.captured_length[: batch.rows]
    assert sizes == [4, 3_000_000]


def test_a_kept_batch_has_its_own_bytes_only() -> None:
    many = SECTION + ETHERNET + b"".join(wire.enhanced_packet(0, n, b"%06d" % n) for n in range(30_000))
    kept = [batch.copy() for batch in pcapconv.open(io.BytesIO(many)).batches()]
    assert sum(len(batch.buffer) for batch in kept) == len(many) - len(SECTION + ETHERNET)
    packets = [packet for batch in kept for packet in batch]
    assert [packet.data for packet in packets] == [b"%06d" % n for n in range(30_000)]


def test_a_kept_batch_of_the_modified_flavour_keeps_its_options() -> None:
    record = wire.pcap_record(1, 2, b"out", extra=wire.modified_extra(packet_type=4))
    (batch,) = pcapconv.open(io.BytesIO(wire.pcap_header(wire.MODIFIED) + record)).batches()
    (packet,) = batch.copy()
    assert (packet.data, packet.raw_options) == (b"out", wire.options((wire.EPB_FLAGS, wire.number(2, 4))))


def test_a_pipe_in_non_blocking_mode_is_waited_for() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    first, second = wire.pcap_header() + wire.pcap_record(1, 0, b"one"), wire.pcap_record(2, 0, b"two")
    os.write(write, first)

    def finish() -> None:
        os.write(write, second)
        os.close(write)

    later = threading.Timer(0.2, finish)
    later.start()
    with open(read, "rb", buffering=0) as pipe:
        target = io.BytesIO()
        pcapconv.convert(cast(BinaryIO, pipe), target, to="pcap")
    later.join()
    assert target.getvalue() == first + second


def test_a_loss_error_survives_a_process_pool() -> None:
    commented = wire.enhanced_packet(0, 1, b"", options=wire.options((1, b"hello")))
    with pytest.raises(LossError) as caught:
        pcapconv.convert(io.BytesIO(SECTION + ETHERNET + commented), io.BytesIO(), to="pcap", on_loss="fail")
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    assert error.report.losses == {"comments": 1}
    assert (error.report.packets_written, error.report.outputs) == (0, [])


def test_more_oddities_than_are_listed_are_counted() -> None:
    odd = wire.enhanced_packet(0, 1, b"", options=wire.option(1, b"1234", length=9999))
    _, report = converted(SECTION + ETHERNET + odd * 1500, "pcapng")
    assert (len(report.warnings), report.warnings_total) == (1000, 1500)
    stray = wire.enhanced_packet(7, 1, b"")
    _, report = converted(SECTION + ETHERNET + stray * 1500, "pcapng")
    assert (len(report.damage), report.damage_total) == (1000, 1500)


def test_the_bytes_of_a_damaged_capture_are_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(wire.pcap_header() + wire.pcap_record(1, 0, b"", captured_length=2**31) + bytes(3_000_000))
    from pcapconv.describing import info

    census = info(path)
    assert census.bytes == 24 + 16 + 3_000_000
    assert census.damage[0].bytes_left_out == 16 + 3_000_000


# ---------------------------------------------------------------- found by people who wanted harm


EMPTY_OPTIONS = wire.option(5, b"") * 200_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "capture",
    [
        wire.section_header(options=EMPTY_OPTIONS) + ETHERNET,
        SECTION + ETHERNET + wire.statistics(0, 1, options=EMPTY_OPTIONS),
        SECTION + ETHERNET + wire.enhanced_packet(0, 1, b"", options=EMPTY_OPTIONS + wire.option(1, b"", length=99)),
    ],
    ids=["section", "statistics", "packet"],
)
def test_many_options_take_no_memory_of_their_own(capture: bytes) -> None:
    source, target = io.BytesIO(capture), io.BytesIO()
    tracemalloc.start()
    try:
        report = pcapconv.convert(source, target, to="pcap")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.losses
    assert peak < 8 * len(capture)  # an object for each option would be 20 times as much


def test_what_is_left_behind_damage_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.pcapng"
    start = SECTION + ETHERNET + PACKET
    path.write_bytes(start + bytes(16))
    os.truncate(path, 2**40)
    report = pcapconv.convert(path, tmp_path / "out.pcapng")
    assert [(damage.offset, damage.bytes_left_out) for damage in report.damage] == [(len(start), 2**40 - len(start))]


def test_the_same_open_file_is_refused_as_source_and_target(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(wire.pcap_header() + wire.pcap_record(1, 0, b"data"))
    before = path.read_bytes()
    with path.open("r+b") as both, pytest.raises(UsageError, match="same open file"):
        pcapconv.convert(both, both, to="pcapng")
    with path.open("rb") as one, path.open("r+b") as other, pytest.raises(UsageError, match="same open file"):
        pcapconv.convert(one, other, to="pcapng")
    assert path.read_bytes() == before


def test_an_appending_target_is_not_gone_back_in(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before")
    long = wire.interface(snaplen=2) + wire.enhanced_packet(0, 1, b"data", options=wire.options((1, b"note")))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as target:
        pcapconv.convert(io.BytesIO(SECTION + long), target, to="pcap")
    assert len(path.read_bytes()) == len(b"before") + 24 + 16 + 4


def test_a_gzip_file_is_a_target() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as target:
        pcapconv.convert(io.BytesIO(SECTION + ETHERNET + PACKET), cast(BinaryIO, target), to="pcap")
    assert len(gzip.decompress(packed.getvalue())) == 24 + 16 + 4


def test_a_working_directory_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, gone = tmp_path / "one.pcap", tmp_path / "gone"
    source.write_bytes(wire.pcap_header())
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileError, match=r"two\.pcap: cannot create"):
        pcapconv.convert(source, "two.pcap")
    os.chdir(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(wire.pcap_header())
    os.chown(path, 65534, 65534)
    path.chmod(0o640)
    pcapconv.convert(path, path, force=True)
    now = path.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o7777) == (65534, 65534, 0o640)


def test_a_name_that_ends_in_a_slash_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^there is no directory .*/new; make it first$"):
        pcapconv.convert(io.BytesIO(wire.pcap_header()), f"{tmp_path}/new/", to="pcap")
    assert list(tmp_path.iterdir()) == []


def test_a_comment_on_one_packet_of_a_pcap_file_stays_with_that_packet() -> None:
    source = wire.pcap_header() + wire.pcap_record(1, 2, bytes(60)) * 20_000
    target = io.BytesIO()
    pcapconv.convert(io.BytesIO(source), target, to="pcapng", packet_comment=["1:hello", "19999:late"])
    with pcapconv.open(io.BytesIO(target.getvalue())) as capture:
        assert {packet.number: packet.comments for packet in capture if packet.comments} == {
            1: ["hello"],
            19999: ["late"],
        }


def test_a_comment_that_is_no_text_is_refused() -> None:
    with pytest.raises(
        UsageError, match="packet_comment= for packet 1: character 1 of the text is none that UTF-8 can write"
    ):
        pcapconv.convert(io.BytesIO(), io.BytesIO(), to="pcapng", packet_comment=["1:\ud800"])
