"""Packets that are longer than the snaplen that their interface states: what is written then, in each command."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from command_line import COMMAND
from conversions import Pipe, Sink, converted
from splitting import parts_and_report
from wire import In

import pcapconv
from pcapconv import LossError
from pcapconv.describing import info

LOST = {"header-fields": 1}
NANO = (wire.IF_TSRESOL, b"\x09")


def records(write: In, *lengths: int) -> bytes:
    """pcap records a second apart, from second 1 on."""
    return b"".join(write.pcap_record(second, 0, bytes(length)) for second, length in enumerate(lengths, 1))


def pcap(write: In, snaplen: int, *lengths: int) -> bytes:
    return write.pcap_header(snaplen=snaplen) + records(write, *lengths)


def blocks(write: In, *lengths: int, interface: int = 0) -> bytes:
    """The packets of `records` as pcapng blocks, in microseconds."""
    return b"".join(
        write.enhanced_packet(interface, second * 10**6, bytes(length)) for second, length in enumerate(lengths, 1)
    )


def pcapng(write: In, snaplen: int, *lengths: int) -> bytes:
    return write.section_header() + write.interface(snaplen=snaplen) + blocks(write, *lengths)


def snaplens(capture: bytes) -> list[int]:
    return [interface.snaplen for interface in wire.read_interfaces(capture)]


def warning_of_longer_packets(
    captured: int, snaplen: int, *, packet: int = 1, interface: str = "0:0", stays: str = "", another: int = 0
) -> str:
    because = f"; pcapconv keeps it, because {stays}" if stays else ""
    setting = f"{interface}.snaplen={another or 262144}"
    return (
        f"packet {packet} has {captured} bytes, more than the snaplen of {snaplen} that interface {interface} states"
        f"{because}; libpcap reads no further; pcapconv.convert(…, set_interface='{setting}') states a different one"
    )


# ---------------------------------------------------------------- pcap → pcapng


@pytest.mark.parametrize(
    ("stated", "lengths", "now"),
    [
        (4, (5,), 262144),
        (4, (4, 3, 5, 1), 262144),
        (1, (262144,), 262144),
        (4, (5, 262145, 7), 262145),
        (262144, (262145, 300_000, 262146), 300_000),
        (262144, (262144, 262145), 262145),
        (300_000, (300_001,), 300_001),
    ],
)
def test_a_snaplen_that_packets_exceed_is_replaced_and_counted(
    write: In, stated: int, lengths: tuple[int, ...], now: int
) -> None:
    out, report = converted(pcap(write, stated, *lengths), "pcapng")
    assert out == pcapng(write, now, *lengths)
    assert (report.losses, report.warnings, report.packets_read) == (LOST, [], len(lengths))


@pytest.mark.parametrize(("stated", "length"), [(4, 4), (5, 4), (0, 300_000), (2**32 - 1, 4), (65535, 65535)])
def test_a_snaplen_that_holds_stays(write: In, stated: int, length: int) -> None:
    out, report = converted(pcap(write, stated, length), "pcapng")
    assert (out, report.losses) == (pcapng(write, stated, length), {})


def test_a_packet_far_behind_the_interface_s_block(write: In) -> None:
    """When the interface was written to the file long ago."""
    lengths = [60] * 60_000
    out, report = converted(pcap(write, 60, *lengths, 61, 60), "pcapng")
    assert out[:48] == pcapng(write, 262144)
    assert out[48:] == blocks(write, *lengths, 61, 60)
    assert (report.losses, report.packets_written) == (LOST, 60_002)


def test_other_header_fields_are_counted_beside_it(write: In) -> None:
    capture = write.pcap_header(snaplen=4, thiszone=3600) + records(write, 5)
    assert converted(capture, "pcapng")[1].losses == {"header-fields": 2}


@pytest.mark.parametrize("stated", [1, 4, 262144])
def test_keep_snaplen_leaves_it_and_the_way_back_is_byte_identical(write: In, stated: int) -> None:
    capture = pcap(write, stated, 5, 262145)
    out, report = converted(capture, "pcapng", keep_snaplen=True)
    assert (out, report.losses, report.warnings) == (pcapng(write, stated, 5, 262145), {}, [])
    assert converted(out, "pcap")[0] == capture


def test_interfaces_of_a_modified_pcap_file_state_the_same(write: In) -> None:
    capture = write.pcap_header(wire.MODIFIED, snaplen=4) + b"".join(
        write.pcap_record(second, 0, bytes(length), extra=write.modified_extra(index))
        for second, (index, length) in enumerate([(7, 4), (3, 5), (9, 1)], 1)
    )
    out, report = converted(capture, "pcapng")
    assert snaplens(out) == [262144] * 3
    assert report.losses == {"header-fields": 1, "record-fields": 3}
    assert snaplens(converted(capture, "pcapng", keep_snaplen=True)[0]) == [4] * 3


def test_packets_as_they_are_written_count(write: In) -> None:
    """Not those that are left out, nor what is cut off."""
    capture = pcap(write, 4, 4, 5)
    for options, lengths, now in (
        ({"packets": "1"}, (4,), 4),
        ({"packets": "2"}, (5,), 262144),
        ({"chop": [1]}, (3, 4), 4),
        ({"chop": [-1], "last": 1}, (4,), 4),
        ({"link_type": "RAW"}, (4, 5), 262144),
    ):
        out, report = converted(capture, "pcapng", **options)
        assert [len(packet.data) for packet in wire.read_pcapng(out)] == list(lengths)
        assert (snaplens(out), report.losses) == ([now], {} if now == 4 else LOST)


def test_snaplen_cuts_and_what_the_header_states_is_replaced_where_it_is_lower(write: In) -> None:
    out, report = converted(pcap(write, 3, 9, 4), "pcapng", snaplen=5)
    assert [len(packet.data) for packet in wire.read_pcapng(out)] == [5, 4]
    assert (snaplens(out), report.losses) == ([262144], LOST)


def test_on_loss_fail_refuses_without_an_output(write: In, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(write, 4, 5))
    with pytest.raises(LossError, match="pcapng cannot hold 1 header field; nothing was written"):
        pcapconv.convert(tmp_path / "in.pcap", tmp_path / "out.pcapng", on_loss="fail")
    assert not (tmp_path / "out.pcapng").exists()
    pcapconv.convert(tmp_path / "in.pcap", tmp_path / "out.pcapng", on_loss="fail", keep_snaplen=True)
    assert snaplens((tmp_path / "out.pcapng").read_bytes()) == [4]


def test_from_pcap_to_pcap_nothing_changes(write: In) -> None:
    capture = pcap(write, 4, 5)
    out, report = converted(capture, "pcap")
    assert (out, report.losses, report.warnings) == (capture, {}, [])


# ---------------------------------------------------------------- pcapng → pcapng


def test_a_copied_interface_stays_with_one_warning(write: In) -> None:
    section, second = write.section_header(), write.interface(snaplen=3) + write.interface(snaplen=0)
    capture = section + write.interface(snaplen=4) + blocks(write, 4, 5, 6) + second
    capture += blocks(write, 3, 99, interface=2) + blocks(write, 2, 300_000, 4, interface=1)
    capture += section + write.interface(snaplen=4) + blocks(write, 7)
    out, report = converted(capture, "pcapng")
    assert (out, report.losses) == (capture, {})
    at = len(section) + 20 + len(blocks(write, 4, 5, 6))
    last = len(capture) - 20 - len(blocks(write, 7))
    assert [(each.offset, each.reason) for each in report.warnings] == [
        (len(section), warning_of_longer_packets(5, 4, packet=2)),
        (at, warning_of_longer_packets(300_000, 3, packet=7, interface="0:1", another=300_000)),
        (last, warning_of_longer_packets(7, 4, packet=9, interface="1:0")),
    ]


def test_an_interface_that_is_written_is_like_that_of_a_pcap_file(write: In) -> None:
    """Also where the setting is the snaplen itself."""
    capture = write.section_header() + write.interface(snaplen=9) * 3 + blocks(write, 9, 5, interface=1)
    for setting, stated, warnings in (
        ("1.snaplen=4", [9, 262144, 9], 0),
        ("0.snaplen=4", [4, 9, 9], 0),
        ("1.snaplen=9", [9, 9, 9], 0),
    ):
        out, report = converted(capture, "pcapng", set_interface=[setting])
        assert (snaplens(out), len(report.warnings)) == (stated, warnings)
        assert report.losses == (LOST if 262144 in stated else {})
    assert snaplens(converted(capture, "pcapng", set_interface=["1.snaplen=4"], keep_snaplen=True)[0]) == [9, 4, 9]


def test_all_written_interfaces_that_state_it_state_the_same_again(write: In) -> None:
    """Else libpcap would refuse the file for that."""
    capture = write.section_header() + write.interface(snaplen=4) * 2 + write.interface(snaplen=6)
    capture += blocks(write, 5, interface=1)
    out, report = converted(capture, "pcapng", link_type="RAW")
    assert (snaplens(out), report.losses, report.warnings) == ([262144, 262144, 6], LOST, [])


@pytest.mark.parametrize("order", [1, -1])
def test_a_snaplen_that_cuts_simple_packets_stays(write: In, order: int) -> None:
    """The length of a Simple Packet is the lesser of the snaplen and its original length."""
    packets = [write.simple_packet(b"1234", original_length=9), blocks(write, 5)][::order]
    capture = write.section_header() + write.interface(snaplen=4) + b"".join(packets)
    out, report = converted(capture, "pcapng", set_interface=["0.name=eth0"])
    assert snaplens(out) == [4]
    assert [packet.data for packet in wire.read_pcapng(out)] == [b"1234", bytes(5)][::order]
    assert report.losses == {}
    assert [each.reason for each in report.warnings] == [
        warning_of_longer_packets(5, 4, packet=2 if order == 1 else 1, stays="Simple Packets are cut to it")
    ]


def test_a_simple_packet_that_is_whole_is_in_nobody_s_way(write: In) -> None:
    capture = write.section_header() + write.interface(snaplen=4) + write.simple_packet(b"1234") + blocks(write, 5)
    out, report = converted(capture, "pcapng", set_interface=["0.name=eth0"])
    assert (snaplens(out), report.losses) == ([262144], LOST)
    assert [packet.data for packet in wire.read_pcapng(out)] == [b"1234", bytes(5)]


# ---------------------------------------------------------------- pipes


def test_where_one_cannot_go_back_it_stays_with_a_warning(write: In) -> None:
    capture, expect = pcap(write, 4, 4, 5, 6), pcapng(write, 4, 4, 5, 6)
    reason = warning_of_longer_packets(5, 4, packet=2, stays="a pipe cannot be rewound")
    target, sink = io.BytesIO(), Sink()
    report = pcapconv.convert(cast(BinaryIO, Pipe([capture])), target, to="pcapng")
    assert (target.getvalue(), report.losses) == (expect, {})
    assert [(each.offset, each.reason) for each in report.warnings] == [(0, reason)]
    report = pcapconv.convert(io.BytesIO(capture), cast(BinaryIO, sink), to="pcapng")
    assert (bytes(sink.taken), report.losses) == (expect, {})
    assert [(each.offset, each.reason) for each in report.warnings] == [(0, reason)]


def test_what_the_warning_says_helps(write: In) -> None:
    sink, pipe = Sink(), Pipe([pcap(write, 4, 5)])
    setting = "0:0.snaplen=262144"
    report = pcapconv.convert(cast(BinaryIO, pipe), cast(BinaryIO, sink), to="pcapng", set_interface=[setting])
    assert (bytes(sink.taken), report.losses, report.warnings) == (pcapng(write, 262144, 5), {}, [])
    out, report = converted(pcapng(write, 4, 5), "pcapng", set_interface=[setting])
    assert (out, report.losses, report.warnings) == (pcapng(write, 262144, 5), {}, [])


# ---------------------------------------------------------------- split, batch


@pytest.mark.parametrize(
    ("way", "parts"),
    [
        ({"max_packets": 1}, [[4], [5], [3]]),
        ({"max_bytes": 90}, [[4], [5], [3]]),
        ({"interval": "2s"}, [[4, 5], [3]]),
        ({"by": "interface"}, [[4, 5, 3]]),
        ({"by": "link-type"}, [[4, 5, 3]]),
        ({"by": "section"}, [[4, 5, 3]]),
    ],
)
def test_all_parts_of_a_split_state_the_same(write: In, way: dict[str, Any], parts: list[list[int]]) -> None:
    out, report = parts_and_report(pcap(write, 4, 4, 5, 3), "{index}.pcapng", **way)
    assert [snaplens(part) for part in out] == [[262144]] * len(parts)
    assert [[len(packet.data) for packet in wire.read_pcapng(part)] for part in out] == parts
    assert (report.losses, report.warnings, len(report.parts or ())) == (LOST, [], len(parts))
    out, report = parts_and_report(pcap(write, 4, 4, 5, 3), "{index}.pcapng", keep_snaplen=True, **way)
    assert [snaplens(part) for part in out] == [[4]] * len(parts)
    assert report.losses == {}


def test_parts_of_a_pcapng_capture_stay_with_a_warning(write: In) -> None:
    out, report = parts_and_report(pcapng(write, 4, 5, 6), "{index}.pcapng", max_packets=1)
    assert out == [pcapng(write, 4, 5), pcapng(write, 4) + blocks(write, 0, 6)[len(blocks(write, 0)) :]]
    assert [each.reason for each in report.warnings] == [warning_of_longer_packets(5, 4)]


def test_a_batch(write: In, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pcap").write_bytes(pcap(write, 4, 5))
    (folder / "b.pcapng").write_bytes(pcapng(write, 4, 5))
    for keep, stated in ((False, 262144), (True, 4)):
        out = tmp_path / f"out-{keep}"
        report = pcapconv.batch(folder, out, to="pcapng", jobs=1, keep_snaplen=keep)
        assert (out / "a.pcapng").read_bytes() == pcapng(write, stated, 5)
        assert (out / "b.pcapng").read_bytes() == pcapng(write, 4, 5)
        assert dict(report.losses) == ({} if keep else LOST)
    again = pcapconv.batch(folder, tmp_path / "out-True", to="pcapng", jobs=1, resume=True, keep_snaplen=True)
    assert (again.converted, again.up_to_date) == (0, 2)
    other = pcapconv.batch(folder, tmp_path / "out-True", to="pcapng", jobs=1, resume=True)  # other options
    assert other.converted == 2


# ---------------------------------------------------------------- normalize, diff, info


def normalized(capture: bytes, to: str = "pcapng", **options: Any) -> tuple[bytes, pcapconv.Report]:
    target = io.BytesIO()
    report = pcapconv.normalize(io.BytesIO(capture), target, to=to, **options)
    return target.getvalue(), report


def normal_form_of(*said: tuple[int, bytes], packets: bytes) -> bytes:
    described = (
        wire.interface(snaplen=each, options=wire.options(*([(wire.IF_NAME, name)] if name else []), NANO))
        for each, name in said
    )
    return wire.section_header() + b"".join(described) + packets


def blocks_in_nanoseconds(*packets: tuple[int, int]) -> bytes:
    """Blocks of packets a second apart, by interface and length."""
    return b"".join(
        wire.enhanced_packet(interface, second * 10**9, bytes(length))
        for second, (interface, length) in enumerate(packets, 1)
    )


def test_the_normal_form_states_one_that_holds(write: In) -> None:
    for capture in (pcap(write, 4, 5, 4), pcapng(write, 4, 5, 4)):
        out, report = normalized(capture)
        assert out == normal_form_of((262144, b""), packets=blocks_in_nanoseconds((0, 5), (0, 4)))
        assert (report.losses, report.warnings) == (LOST, [])
        again, report = normalized(out)
        assert (again, report.losses) == (out, {})
        out, report = normalized(capture, keep_snaplen=True)
        assert (out, report.losses) == (normal_form_of((4, b""), packets=blocks_in_nanoseconds((0, 5), (0, 4))), {})


@pytest.mark.parametrize("sort", [False, True])
def test_interfaces_of_a_normal_form_that_say_the_same_now_are_one(write: In, sort: bool) -> None:
    capture = write.section_header()
    for snaplen, name in ((4, b"a"), (262144, b"a"), (4, b"b"), (6, b"c")):
        capture += write.interface(snaplen=snaplen, options=write.options((wire.IF_NAME, name)))
    for second, (interface, length) in enumerate([(3, 6), (0, 4), (1, 9), (0, 5), (2, 1), (1, 2)], 1):
        capture += write.enhanced_packet(interface, second * 10**6, bytes(length))
    out, report = normalized(capture, sort=sort)
    assert out == normal_form_of(
        (6, b"c"),
        (262144, b"a"),
        (262144, b"b"),
        packets=blocks_in_nanoseconds((0, 6), (1, 4), (1, 9), (1, 5), (2, 1), (1, 2)),
    )
    assert report.losses == LOST
    assert normalized(out, sort=sort)[0] == out


def test_a_normal_form_in_pcap_is_that_of_the_one_in_pcapng(write: In) -> None:
    capture = pcap(write, 4, 5)
    out, report = normalized(capture, "pcap")
    assert wire.read_pcap_header(out).snaplen == 262144
    assert report.losses == {}
    assert normalized(normalized(capture)[0], "pcap")[0] == out == normalized(out, "pcap")[0]


def test_check_names_the_snaplen() -> None:
    capture = normal_form_of((4, b""), packets=blocks_in_nanoseconds((0, 5)))
    reasons = pcapconv.normalizing.check(io.BytesIO(capture)).reasons
    assert reasons == ["it has packets longer than the snaplen of 4 that their interface states"]
    assert pcapconv.normalizing.check(io.BytesIO(capture), keep_snaplen=True).reasons == []


def test_a_capture_and_its_conversions_do_not_differ_in_it(write: In) -> None:
    capture, commented = pcap(write, 4, 5, 4), write.options((wire.OPT_COMMENT, b"c"))
    others = [pcapng(write, snaplen, 5, 4) for snaplen in (4, 262144)]
    others.append(
        converted(pcapng(write, 4, 5) + write.enhanced_packet(0, 2 * 10**6, bytes(4), options=commented), "pcap")[0]
    )
    assert wire.read_pcap_header(others[-1]).snaplen == 5
    for other in others:
        assert pcapconv.diff(io.BytesIO(capture), io.BytesIO(other), ignore=["comments"]).same
        assert pcapconv.diff(io.BytesIO(other), io.BytesIO(capture), ignore=["comments"]).same
    found = pcapconv.diff(io.BytesIO(pcap(write, 5, 5, 4)), io.BytesIO(others[1]))
    assert found.headers == ["interface 0:0: snaplen is 5 in A, 262144 in B"]


def test_info_warns_once_for_each_interface(write: In) -> None:
    capture = write.section_header() + write.interface(snaplen=4) * 2 + blocks(write, 4, 5, 6)
    assert info(io.BytesIO(capture + blocks(write, 7, 8, interface=1))).warnings == [
        (28, warning_of_longer_packets(5, 4, packet=2), None),
        (48, warning_of_longer_packets(7, 4, packet=4, interface="0:1"), None),
    ]
    (warning,) = info(io.BytesIO(pcap(write, 4, 4, 5, 6))).warnings
    assert warning.reason == warning_of_longer_packets(5, 4, packet=2).replace("reads no further", "cuts such packets")
    assert info(io.BytesIO(pcap(write, 6, 4, 5, 6))).warnings == []


# ---------------------------------------------------------------- sidecars


def test_pcapng_comes_back_as_it_was(write: In, tmp_path: Path) -> None:
    capture = pcapng(write, 4, 5) + write.enhanced_packet(
        0, 9, bytes(7), options=write.options((wire.OPT_COMMENT, b"c"))
    )
    (tmp_path / "a.pcapng").write_bytes(capture)
    pcapconv.convert(tmp_path / "a.pcapng", tmp_path / "b.pcap", sidecar=True)
    report = pcapconv.convert(tmp_path / "b.pcap", tmp_path / "c.pcapng", sidecar=True)
    assert (tmp_path / "c.pcapng").read_bytes() == capture
    assert [each.reason for each in report.warnings] == [warning_of_longer_packets(5, 4)]


@pytest.mark.parametrize("edits", [1, 2])
def test_what_was_a_pcap_file_becomes_pcapng_like_one(write: In, tmp_path: Path, edits: int) -> None:
    """Also where it went through two sidecars."""
    (tmp_path / "0.pcap").write_bytes(pcap(write, 4, 5))
    for number in range(edits):
        source, target = tmp_path / f"{number}.pcap", tmp_path / f"{number + 1}.pcap"
        pcapconv.convert(source, target, sidecar=True, capture_comment=[f"c{number}"])
    target = tmp_path / "out.pcapng"
    report = pcapconv.convert(tmp_path / f"{edits}.pcap", target, sidecar=True)
    comments = write.options(*((wire.OPT_COMMENT, f"c{number}".encode()) for number in range(edits)))
    assert target.read_bytes() == write.section_header(options=comments) + pcapng(write, 262144, 5)[28:]
    assert (report.losses, report.warnings) == (LOST, [])
    report = pcapconv.convert(tmp_path / f"{edits}.pcap", target, sidecar=True, force=True, keep_snaplen=True)
    assert (snaplens(target.read_bytes()), report.losses) == ([4], {})


@pytest.mark.parametrize(("suffix", "stated"), [("pcap", 262144), ("pcapng", 4)])
def test_join_writes_what_was_pcap_and_copies_what_was_pcapng(
    write: In, tmp_path: Path, suffix: str, stated: int
) -> None:
    source = tmp_path / f"in.{suffix}"
    source.write_bytes(pcap(write, 4, 4, 5) if suffix == "pcap" else pcapng(write, 4, 4, 5))
    pcapconv.split(source, tmp_path / "{stem}-{link_type}.pcap", by="link-type", sidecar=True)
    report = pcapconv.join(tmp_path / "in.meta.json", tmp_path / "out.pcapng")
    assert (tmp_path / "out.pcapng").read_bytes() == pcapng(write, stated, 4, 5)
    assert report.losses == (LOST if suffix == "pcap" else {})
    assert [each.reason for each in report.warnings] == (
        [] if suffix == "pcap" else [warning_of_longer_packets(5, 4, packet=2)]
    )
    assert report.packets_written == 2


# ---------------------------------------------------------------- the command line, and libpcap


def run_command(*arguments: object) -> tuple[int, str]:
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_each_command_takes_keep_snaplen(tmp_path: Path) -> None:
    source, folder = tmp_path / "in.pcap", tmp_path / "tree"
    folder.mkdir()
    for path in (source, folder / "in.pcap"):
        path.write_bytes(pcap(In(wire.LITTLE), 4, 5))
    ways: list[tuple[list[object], str]] = [
        (["convert", source, tmp_path / "c.pcapng"], "c.pcapng"),
        (["split", source, tmp_path / "s-{index}.pcapng", "--max-packets", 9], "s-00001.pcapng"),
        (["batch", folder, tmp_path / "b", "--to", "pcapng", "--quiet"], "b/in.pcapng"),
        (["normalize", source, tmp_path / "n.pcapng"], "n.pcapng"),
    ]
    for arguments, name in ways:
        status, said = run_command(*arguments)
        assert (status, snaplens((tmp_path / name).read_bytes())) == (0, [262144])
        assert "pcapng cannot hold 1 header field" in said or arguments[0] == "batch"
        assert run_command(*arguments, "--force", "--keep-snaplen") == (0, "")
        assert snaplens((tmp_path / name).read_bytes()) == [4]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_libpcap_reads_what_is_written(tmp_path: Path) -> None:
    write = In(wire.LITTLE)
    (tmp_path / "in.pcap").write_bytes(pcap(write, 40, 60, 30, 70))
    ways: dict[str, dict[str, Any]] = {"kept": {"keep_snaplen": True}, "new": {}, "edited": {"link_type": "RAW"}}
    for name, options in ways.items():
        pcapconv.convert(tmp_path / "in.pcap", tmp_path / f"{name}.pcapng", **options)
    pcapconv.normalize(tmp_path / "in.pcap", tmp_path / "normal.pcapng")
    for name in (*ways, "normal"):
        seen = tmp_path / f"{name}.seen"
        done = subprocess.run(
            ["tcpdump", "-r", tmp_path / f"{name}.pcapng", "-w", seen], capture_output=True, text=True, check=False
        )
        if name == "kept":
            assert "bigger than snaplen of 40" in done.stderr
        else:
            assert [len(packet.data) for packet in wire.read_pcap(seen.read_bytes())] == [60, 30, 70]
