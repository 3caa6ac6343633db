"""`normalize`: a pcap file as the target, names of files, damage, and pipes."""

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from conversions import Pipe, Sink, converted, damage_of, every_sample
from equivalent_captures import comment
from expected_captures import is_pcapng, packets
from expected_normal_form import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st
from normalizing import (
    ALL_COMBINATIONS,
    IDB,
    NS,
    ONE,
    SHB,
    USUAL,
    T,
    capture_with_all_kinds,
    capture_with_time,
    normalized,
    normalized_with_report,
    reasons_against,
    refusal_of,
)
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import (
    DamageError,
    FileError,
    FormatError,
    LossError,
    PcapconvError,
    TargetError,
)
from pcapconv.errors import NotACaptureError
from pcapconv.normalizing import check

# ---------------------------------------------------------------- --to pcap and names of files


def test_pcap_is_little_endian_in_nanoseconds(write: In) -> None:
    for capture in (
        write.section_header() + write.interface(snaplen=99) + write.enhanced_packet(0, T * 10**6 + 3, b"one"),
        write.pcap_header(snaplen=99, thiszone=7) + write.pcap_record(T, 3, b"one"),
    ):
        out, report = normalized_with_report(capture, to="pcap")
        assert out == wire.pcap_header(wire.NANOSECONDS, snaplen=99) + wire.pcap_record(T, 3000, b"one")
        assert report.losses == {}
        assert normalized(out, to="pcap") == out


def test_a_pcap_file_without_packets_counts_in_nanoseconds_too(write: In) -> None:
    for capture in (write.section_header(), write.pcap_header(), write.pcap_header(wire.NANOSECONDS)):
        out = normalized(capture, to="pcap")
        header = wire.read_pcap_header(out)
        assert (header.magic, header.byte_order, header.version, len(out)) == (
            wire.NANOSECONDS,
            LITTLE,
            (2, 4),
            24,
        )
        assert normalized(out, to="pcap") == out


def test_what_pcap_cannot_hold_is_reported(write: In) -> None:
    out, report = normalized_with_report(capture_with_all_kinds(write), to="pcap")
    assert report.losses == {
        "comments": 5,
        "names": 1,
        "secrets": 1,
        "interface-options": 1,
    }
    assert [packet.ticks for packet in wire.read_pcap(out)] == [NS, NS + 1000]
    with pytest.raises(LossError):
        normalized(capture_with_all_kinds(write), to="pcap", on_loss="fail")
    assert normalized(capture_with_all_kinds(write), to="pcap", strip=USUAL) == out


def test_times_that_pcap_does_not_hold_are_refused(write: In) -> None:
    late = capture_with_time(write, 0, None, 2**32)
    assert "packet 1" in refusal_of(late, TargetError, to="pcap")
    assert [each.ticks for each in wire.read_pcap(normalized(late, to="pcap", rebase_time="1"))] == [10**9]


def test_link_types_that_pcap_does_not_hold_are_refused(write: In) -> None:
    capture = write.section_header() + write.interface(1) + write.interface(113)
    assert wire.read_pcap(normalized(capture + write.enhanced_packet(1, 0, b"one"), to="pcap"))
    both = capture + write.enhanced_packet(1, 0, b"one") + write.enhanced_packet(0, 0, b"one")
    assert "2 link types" in refusal_of(both, TargetError, to="pcap")


@every_sample
def test_pcap_is_the_same_capture_converted(path: Path) -> None:
    capture = path.read_bytes()
    for options in ({"sort": True}, {"mask_time": True, "strip": USUAL}):
        try:
            whole = normalized(capture, on_loss="ignore", **options)
            wanted, _ = converted(whole, "pcap", nanoseconds=True)
        except (TargetError, FormatError) as error:
            with pytest.raises(type(error)):
                normalized(capture, on_loss="ignore", to="pcap", **options)
            continue
        # Whatever else a capture says: `convert` gives the one snaplen of a capture that loses nothing back as it was.
        limits = [interface.snaplen for interface in wire.read_interfaces(whole)]
        limit = 262144 if not all(limits) else max(limits, default=int.from_bytes(wanted[16:20], "little"))
        snaplen = max(limit, *(len(packet.data) for packet in wire.read_pcapng(whole)), 0)
        wanted = wanted[:16] + wire.number(snaplen, 4) + wanted[20:]
        assert normalized(capture, on_loss="ignore", to="pcap", **options) == wanted


@pytest.mark.parametrize(("snaplen", "stated"), [(0, 262144), (3, 262144), (5, 5), (70, 70)])
@pytest.mark.parametrize("options", [b"", wire.options(comment("c"))])
def test_the_snaplen_of_pcap_depends_on_nothing_that_it_cannot_hold(snaplen: int, stated: int, options: bytes) -> None:
    capture = wire.section_header() + wire.interface(1, snaplen, options=options) + wire.enhanced_packet(0, 1, b"hello")
    assert wire.read_pcap_header(normalized(capture, to="pcap", on_loss="ignore")).snaplen == stated


@pytest.mark.parametrize(
    ("name", "to", "format_name"),
    [
        ("out.pcap", None, "pcap"),
        ("out.CAP", None, "pcap"),
        ("out.pcapng", None, "pcapng"),
        ("out.ntar", None, "pcapng"),
        ("out", None, "pcapng"),
        ("out.golden", None, "pcapng"),
        ("out.golden", "pcap", "pcap"),
        ("out.pcap", "pcapng", "pcapng"),
    ],
)
def test_the_format_is_pcapng_unless_the_name_says_pcap(
    tmp_path: Path, name: str, to: str | None, format_name: str
) -> None:
    path = tmp_path / name
    report = pcapconv.normalize(io.BytesIO(SHB + IDB + ONE), path, to=to)
    assert report.target_format == format_name
    assert is_pcapng(path.read_bytes()) == (format_name == "pcapng")
    assert check(path, to=to).reasons == []


def test_files_as_convert_has_them(tmp_path: Path) -> None:
    source, out = tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    source.write_bytes(wire.section_header(byte_order=BIG) + In(BIG).interface())
    out.write_bytes(b"old")
    with pytest.raises(FileError, match=r"exists already; force=True"):
        pcapconv.normalize(source, out)
    assert out.read_bytes() == b"old"
    pcapconv.normalize(source, out, force=True)
    assert out.read_bytes() == SHB + IDB
    pcapconv.normalize(source, source, force=True)
    assert source.read_bytes() == SHB + IDB
    with pytest.raises(FileError):
        pcapconv.normalize(tmp_path / "none", out, force=True)
    with pytest.raises(FileError):
        check(tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pcapng", "out.pcapng"]


# ---------------------------------------------------------------- damage and pipes


def test_of_a_damaged_capture_the_rest_is_normalised(write: In) -> None:
    head = write.section_header() + write.interface()
    whole = head + write.enhanced_packet(0, T * 10**6, b"one") + write.enhanced_packet(0, T * 10**6, b"two")
    cut = whole[:-4]
    at = len(whole) - len(write.enhanced_packet(0, 0, b"two"))
    out, report = normalized_with_report(cut)
    assert out == SHB + IDB + ONE
    assert damage_of(report) == [(at, 2, len(cut) - at)]
    target = io.BytesIO()
    with pytest.raises(DamageError, match=f"offset {at} "):
        pcapconv.normalize(io.BytesIO(cut), target, strict=True)
    assert target.getvalue() == b""
    with pytest.raises(DamageError):
        reasons_against(cut, strict=True)
    assert reasons_against(cut) != []


def test_a_packet_that_is_lost_leaves_the_others_and_their_interfaces(write: In) -> None:
    head = write.section_header() + write.interface() + write.interface(113)
    lost = write.enhanced_packet(1, 5, b"x", captured_length=400)
    capture = head + lost + write.enhanced_packet(0, T * 10**6, b"one") + write.enhanced_packet(5, 0, b"none")
    out, report = normalized_with_report(capture, sort=True)
    assert out == SHB + IDB + ONE
    assert [each.packet_number for each in report.damage] == [1, 2]


@every_sample
def test_a_sample_cut_anywhere_ends_well(path: Path) -> None:
    capture = path.read_bytes()
    for size in {1, 7, len(capture) // 3, len(capture) // 2, len(capture) - 3, len(capture) - 40}:
        try:
            once, _ = normalized_with_report(capture[: max(0, size)], keep=KINDS, on_loss="ignore")
        except PcapconvError:
            continue
        assert normalized(once, keep=KINDS, on_loss="ignore") == once


@settings(max_examples=40)
@given(data=st.data())
def test_damage_anywhere_ends_well(data: st.DataObject) -> None:
    """Whatever a byte becomes, there is a normal form, or it is refused in words."""
    capture = bytearray(capture_with_all_kinds(In(data.draw(st.sampled_from([LITTLE, BIG])))))
    for _ in range(data.draw(st.integers(1, 3))):
        capture[data.draw(st.integers(0, len(capture) - 1))] = data.draw(st.sampled_from([0, 1, 2, 4, 9, 0x7F, 0xFF]))
    options = data.draw(st.sampled_from(ALL_COMBINATIONS))
    try:
        once, _ = normalized_with_report(bytes(capture), **options)
    except PcapconvError:
        return
    assert normalized(once, **options) == once


def test_what_is_not_a_capture_is_refused() -> None:
    for capture in (b"", b"some text that is no capture"):
        refusal_of(capture, NotACaptureError)
    assert "in its first block" in refusal_of(SHB[:8], FormatError)


@pytest.mark.parametrize("to", ["pcapng", "pcap"])
@pytest.mark.parametrize("options", [{}, {"sort": True}, {"strict": True}, {"mask_time": True, "keep": KINDS}], ids=str)
def test_pipes_carry_the_same_bytes(write: In, options: dict[str, Any], to: str) -> None:
    """A form does not depend on whether one can go back in the output."""
    said = write.options(comment("c"))
    unlimited = write.section_header() + write.interface(snaplen=0) + write.enhanced_packet(0, 5, b"x", options=said)
    short = write.pcap_header(snaplen=2) + write.pcap_record(T, 0, b"longer")
    for capture in (capture_with_all_kinds(write), unlimited, short, SHB, capture_with_all_kinds(write) + unlimited):
        pieces, sink = Pipe(capture[at : at + 97] for at in range(0, len(capture), 97)), Sink()
        report = pcapconv.normalize(cast(BinaryIO, pieces), cast(BinaryIO, sink), to=to, **options)
        assert bytes(sink.taken) == normalized(capture, to=to, **options)
        assert report.packets_written == len(packets(capture))


def test_check_of_a_pipe() -> None:
    for capture, reasons in ((SHB + IDB + ONE, []), (SHB + IDB * 2, ["it has 1 interface without packets"])):
        pieces = Pipe(capture[at : at + 7] for at in range(0, len(capture), 7))
        assert check(cast(BinaryIO, pieces)).reasons == reasons


def test_progress_is_told() -> None:
    seen: list[int] = []
    normalized(SHB + IDB + ONE * 3, progress=seen.append)
    assert seen
    assert max(seen) <= len(SHB + IDB + ONE * 3)
