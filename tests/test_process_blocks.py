"""Process blocks, to which packets refer by their number: parts of splits, the normal form, comparing, sidecars."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND
from conversions import converted
from expected_normal_form import Request, normal_form
from splitting import parts_of
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import cli

MACOS, EFFECTIVE, OF_PACKET = 0x80000001, 32771, 32769
NAME, PATH, UUID = 2, 3, 4
WIRESHARK, ENTRY = 32622, 3
SECOND = 10**9
NANO = (wire.IF_TSRESOL, b"\x09")
both_forms = pytest.mark.usefixtures("kernels")


def process(write: In, number: int, *options: tuple[int, bytes]) -> bytes:
    """A process block of macOS."""
    return write.block(MACOS, write.number(number, 4) + write.options(*options))


def noted(write: In, number: int, name: bytes = b"", *options: tuple[int, bytes]) -> bytes:
    """A process block of Wireshark: an entry in little-endian, then options."""
    entry = wire.number(number, 4) + (wire.options((NAME, name)) if name else b"")
    head = wire.number(ENTRY, 4) + wire.number(len(entry), 4)
    return write.custom(wire.CUSTOM_COPY, WIRESHARK, head + entry, options=write.options(*options))


def packet(write: In, time: int, of: int | None = None, effective: int | None = None, interface: int = 0) -> bytes:
    """A packet, and the numbers of its processes."""
    said = ((OF_PACKET, of), (EFFECTIVE, effective))
    pairs = [(code, write.number(number, 4)) for code, number in said if number is not None]
    return write.enhanced_packet(interface, time, b"data", options=write.options(*pairs))


def timed_and_ssh(write: In) -> tuple[bytes, bytes]:
    return process(write, 77, (NAME, b"timed")), process(write, 78, (NAME, b"ssh"))


def capture_with_late_process(write: In, head: bytes) -> tuple[bytes, list[bytes]]:
    """A capture in which the second process comes behind packets, and the packets: of timed, ssh, timed, none, ssh."""
    timed, ssh = timed_and_ssh(write)
    packets = [packet(write, number * SECOND, of) for number, of in enumerate((0, 1, 0, None, 1))]
    return head + timed + packets[0] + ssh + b"".join(packets[1:]), packets


# ---------------------------------------------------------------- parts


@both_forms
@pytest.mark.parametrize("way", [{"max_packets": 1}, {"max_bytes": 1}, {"interval": "1s"}])
def test_every_part_has_the_processes_so_far_under_their_numbers(write: In, way: dict[str, Any]) -> None:
    head = write.section_header() + write.interface(options=write.options(NANO))
    capture, packets = capture_with_late_process(write, head)
    timed, ssh = timed_and_ssh(write)
    first = head + timed + packets[0] + (b"" if "max_bytes" in way else ssh)  # to the part that has room
    assert parts_of(capture, **way) == [first, *(head + timed + ssh + each for each in packets[1:])]


@both_forms
def test_parts_by_kind_have_the_processes_of_their_section(write: In) -> None:
    section, one, two = write.section_header(), write.interface(1), write.interface(113)
    timed, ssh = timed_and_ssh(write)
    first, other = packet(write, 1, 0), packet(write, 2, 1, 0, interface=1)
    capture = section + one + two + timed + ssh + first + other + section + one + ssh + first
    assert parts_of(capture, by="link-type") == [
        section + one + two + timed + ssh + first + section + one + ssh + first,
        section + one + two + timed + ssh + other,
    ]
    assert parts_of(capture, by="interface") == [
        section + one + timed + ssh + first,
        section + two + timed + ssh + packet(write, 2, 1, 0),
        section + one + ssh + first,
    ]
    assert parts_of(capture, by="section") == [
        section + one + two + timed + ssh + first + other,
        section + one + ssh + first,
    ]


@both_forms
def test_parts_have_what_wireshark_notes(write: In) -> None:
    head, ssh = write.section_header() + write.interface(), noted(write, 78, b"ssh")
    stranger = write.custom(wire.CUSTOM_COPY, WIRESHARK, wire.number(99, 4) + bytes(4))
    one = packet(write, 1)
    assert parts_of(head + ssh + stranger + one * 2, max_packets=1) == [head + ssh + stranger + one, head + ssh + one]


def test_what_many_parts_repeat_names_what_to_leave_out(
    write: In, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcapconv.splitting.parts._MOST_REPEATED", 0)
    head = write.section_header() + write.interface() + process(write, 77, (NAME, bytes(4000)))
    capture = io.BytesIO(head + packet(write, 1, 0) * 40)
    with pytest.raises(pcapconv.UsageError, match=r"strip='names,secrets,custom,unknown'$"):
        pcapconv.split(capture, tmp_path / "x.pcapng", max_packets=1)


@both_forms
def test_a_selection_has_all_processes_in_their_place(write: In) -> None:
    head = write.section_header() + write.interface()
    capture, packets = capture_with_late_process(write, head)
    timed, ssh = timed_and_ssh(write)
    assert converted(capture, "pcapng", packets="5")[0] == head + timed + ssh + packets[4]
    assert converted(capture, "pcapng", packets="1")[0] == head + timed + packets[0] + ssh


@both_forms
def test_a_sidecar_brings_them_back(write: In, tmp_path: Path) -> None:
    capture, _ = capture_with_late_process(write, write.section_header() + write.interface() + noted(write, 5, b"x"))
    source, there, back = (str(tmp_path / name) for name in ("a.pcapng", "b.pcap", "c.pcapng"))
    Path(source).write_bytes(capture)
    pcapconv.convert(source, there, sidecar=True)
    pcapconv.convert(there, back, sidecar=True)
    assert Path(back).read_bytes() == capture


# ---------------------------------------------------------------- the normal form

SHB, IDB = wire.section_header(), wire.interface(options=wire.options(NANO))
L = In(LITTLE)


def start(write: In) -> bytes:
    return write.section_header() + write.interface(options=write.options(NANO))


def normalized(capture: bytes, **options: Any) -> bytes:
    target = io.BytesIO()
    pcapconv.normalize(io.BytesIO(capture), target, **options)
    return target.getvalue()


@both_forms
@pytest.mark.parametrize("sort", [False, True])
def test_processes_stand_before_the_packets(write: In, sort: bool) -> None:
    capture, _ = capture_with_late_process(write, start(write))
    timed, ssh = timed_and_ssh(L)
    packets = [packet(L, number * SECOND, of) for number, of in enumerate((0, 1, 0, None, 1))]
    assert normalized(capture, keep="unknown", sort=sort) == SHB + IDB + timed + ssh + b"".join(packets)
    assert normalized(capture) == SHB + IDB + b"".join(packet(L, number * SECOND) for number in range(5))


@both_forms
@pytest.mark.parametrize("sort", [False, True])
def test_over_several_sections_they_are_numbered_anew(sort: bool) -> None:
    capture = b""
    for time, write in enumerate((In(LITTLE), In(BIG))):
        timed, ssh = timed_and_ssh(write)
        own = process(write, time, (PATH, b"/bin/own"), (UUID, bytes(16)))
        here = [ssh, own, timed] if time else [timed, ssh, own]
        capture += start(write) + b"".join(here) + b"".join(packet(write, 9 - 4 * time + of, of, 0) for of in range(3))
    timed, ssh = timed_and_ssh(L)
    owns = [process(L, number, (PATH, b"/bin/own"), (UUID, bytes(16))) for number in (0, 1)]
    first = [packet(L, 9 + of, of, 0) for of in range(3)]
    second = [packet(L, 5 + place, of, 1) for place, of in enumerate((1, 3, 0))]
    packets = [*second, *first] if sort else [*first, *second]
    expected = SHB + IDB + timed + ssh + owns[0] + owns[1] + b"".join(packets)
    assert normalized(capture, keep="unknown", sort=sort) == expected
    assert normalized(expected, keep="unknown", sort=sort) == expected


@both_forms
def test_a_number_that_stands_for_no_process_is_left_out_and_counted(write: In) -> None:
    timed, _ = timed_and_ssh(write)
    capture = start(write) + packet(write, 1, 0) + timed + packet(write, 2, 0, 1) + start(write) + packet(write, 3, 0)
    target = io.BytesIO()
    report = pcapconv.normalize(io.BytesIO(capture), target, keep="unknown")
    packets = packet(L, 1) + packet(L, 2, 0) + packet(L, 3)
    assert target.getvalue() == SHB + IDB + timed_and_ssh(L)[0] + packets
    assert report.left_out == {"unknown": 3}


@both_forms
def test_without_processes_the_options_mean_nothing(write: In) -> None:
    pairs = [(OF_PACKET, b"\1\2\3\4"), (EFFECTIVE, b"four")]
    capture = start(write) + write.enhanced_packet(0, 1, b"data", options=write.options(*pairs))
    kept = L.enhanced_packet(0, 1, b"data", options=L.options(*pairs))
    assert normalized(capture, keep="unknown") == SHB + IDB + kept


@both_forms
def test_what_a_process_says_is_put_in_order(write: In) -> None:
    said = [(UUID, bytes(16)), (NAME, b"ssh\0d"), (wire.OPT_COMMENT, b"seen"), (NAME, b"again"), (77, b"x")]
    in_order = [(wire.OPT_COMMENT, b"seen"), (NAME, b"ssh"), (UUID, bytes(16)), (77, b"x")]
    unreadable = write.block(MACOS, write.number(5, 4) + write.option(NAME, length=9))
    capture = (
        start(write) + process(write, 78, *said) + unreadable + process(write, 78, *in_order) + packet(write, 1, 1)
    )
    kept = L.block(MACOS, wire.number(5, 4) + write.option(NAME, length=9))
    assert normalized(capture, keep="unknown") == SHB + IDB + process(L, 78, *in_order) + kept + packet(L, 1, 1)
    without = process(L, 78, *in_order[1:])
    assert normalized(capture, keep="unknown", strip="comments") == SHB + IDB + without + kept + packet(L, 1, 1)


@both_forms
@pytest.mark.parametrize("sort", [False, True])
def test_what_wireshark_notes_stands_before_the_packets(write: In, sort: bool) -> None:
    """Of one process id the last note counts, and so it does in the normal form."""
    other = write.custom(wire.CUSTOM_COPY, WIRESHARK, wire.number(99, 4) + bytes(4))
    seen = (wire.OPT_COMMENT, b"seen")
    capture = start(write) + noted(write, 5, b"old", seen) + packet(write, 1) + noted(write, 5, b"new")
    capture += other + noted(write, 5, b"old", seen) + packet(write, 2) + timed_and_ssh(write)[0]
    custom = wire.custom(wire.CUSTOM_COPY, WIRESHARK, wire.number(99, 4) + bytes(4))
    notes = noted(L, 5, b"new") + noted(L, 5, b"old", seen)
    packets = [packet(L, 1), packet(L, 2)]
    behind = [*packets, custom] if sort else [packets[0], custom, packets[1]]
    assert normalized(capture, keep="custom", sort=sort) == SHB + IDB + notes + b"".join(behind)
    timed = timed_and_ssh(L)[0]
    assert normalized(capture, keep="custom,unknown", sort=sort) == SHB + IDB + timed + notes + b"".join(behind)


@both_forms
def test_the_second_implementation_agrees(write: In) -> None:
    capture, _ = capture_with_late_process(write, start(write) + noted(write, 5, b"a", (wire.OPT_COMMENT, b"b")))
    capture += capture_with_late_process(In(BIG), start(In(BIG)))[0] + packet(In(BIG), 9, 7, 1)
    for sort in (False, True):
        request = Request(frozenset({"custom", "unknown"}), sort=sort)
        assert normalized(capture, **request.as_arguments()) == normal_form(capture, request).capture


def test_more_processes_than_memory_should_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.normalizing.survey._MOST", 10_000)
    capture = start(L) + process(L, 1) * 100 + packet(L, 1, 0)
    with pytest.raises(pcapconv.TargetError, match=r"more names, secrets, processes and .*; do not keep='unknown'$"):
        normalized(capture, keep="unknown")
    assert normalized(capture) == SHB + IDB + packet(L, 1)


# ---------------------------------------------------------------- comparing


def compared(a: bytes, b: bytes) -> Any:
    return pcapconv.diff(io.BytesIO(a), io.BytesIO(b), all=True)


@both_forms
def test_what_references_mean_is_compared() -> None:
    little, big = In(LITTLE), In(BIG)
    one = start(little) + b"".join(timed_and_ssh(little)) + packet(little, 1, 0) + packet(little, 2, 1, 0)
    other = start(big) + b"".join(reversed(timed_and_ssh(big))) + packet(big, 1, 1) + packet(big, 2, 0, 1)
    assert compared(one, other).same
    sections = start(little) + timed_and_ssh(little)[0] + packet(little, 1, 0)
    sections += start(big) + b"".join(reversed(timed_and_ssh(big))) + packet(big, 2, 0, 1)
    assert compared(one, sections).same


@both_forms
def test_the_same_numbers_of_other_processes_differ(write: In) -> None:
    timed, ssh = timed_and_ssh(write)
    one = start(write) + timed + ssh + packet(write, 1, 0) + packet(write, 2, 1)
    other = start(write) + ssh + timed + packet(write, 1, 0) + packet(write, 2, 1)
    found = compared(one, other)
    assert found.headers == []
    assert [each.difference.fields for each in found.shown] == [("options",), ("options",)]
    assert [(each.a_said, each.b_said) for each in found.shown] == [
        (["process 77, pib_name timed"], ["process 78, pib_name ssh"]),
        (["process 78, pib_name ssh"], ["process 77, pib_name timed"]),
    ]


@both_forms
def test_in_a_later_section_numbers_mean_its_own_processes(write: In) -> None:
    timed, ssh = timed_and_ssh(write)
    one = start(write) + timed + packet(write, 1, 0) + start(write) + ssh + packet(write, 2, None, 0)
    other = start(write) + timed + packet(write, 1, 0) + start(write) + timed + ssh + packet(write, 2, None, 0)
    found = compared(one, other)
    assert (found.headers, found.counts) == ([], {"changed": 1})
    assert found.shown[0].a_said == ["effective process 78, pib_name ssh"]
    assert found.shown[0].b_said == ["effective process 77, pib_name timed"]
    none = start(write) + timed + packet(write, 1, 0) + start(write) + packet(write, 2, None, 0)
    number = write.number(0, 4).hex()
    assert compared(one, none).shown[0].b_said == [f"option 32771 {number}"]


@both_forms
def test_options_of_that_number_that_are_no_references_are_shown_as_they_are(write: In) -> None:
    one, other = (
        start(write)
        + timed_and_ssh(write)[0]
        + write.enhanced_packet(0, 1, b"x", options=write.options((OF_PACKET, value)))
        for value in (b"\xff\xfe\xfd\xfc\xfb", b"process 77")
    )
    (found,) = compared(one, other).shown
    assert (found.a_said, found.b_said) == (["option 32769 fffefdfcfb"], [f"option 32769 {b'process 77'.hex()}"])


@both_forms
def test_processes_themselves_are_compared(write: In) -> None:
    timed, ssh = timed_and_ssh(write)
    big = In(BIG)
    other = start(big) + timed_and_ssh(big)[1] + packet(big, 1)
    assert compared(start(write) + timed + packet(write, 1), other).headers == [
        "only in A: process 77, pib_name timed",
        "only in B: process 78, pib_name ssh",
    ]
    assert compared(start(write) + ssh + packet(write, 1), other).same
    notes = [start(each) + noted(each, 5, b"x", (wire.OPT_COMMENT, b"y")) + packet(each, 1) for each in (L, big)]
    assert compared(*notes).same
    large = process(write, 9, (NAME, bytes(1) + b"n" * 60_000), (UUID, b"u" * 60_000))
    assert re.fullmatch(
        r"only in A: block 0x80000001: 60\d\d\d bytes, SHA-256 [0-9a-f]{64}",
        compared(start(write) + large + packet(write, 1, 0), start(write) + packet(write, 1, 0)).headers[0],
    )


# ---------------------------------------------------------------- process and thread


def test_process_and_thread_are_numbers(write: In, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    numbers = write.number(1234, 4) + write.number(0xFFFFFFFE, 4)
    options = write.options((wire.EPB_PROCESSID_THREADID, numbers), (wire.EPB_PROCESSID_THREADID, b"short"))
    source = tmp_path / "in.pcapng"
    source.write_bytes(write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"x", options=options))
    assert cli.run(["info", "--text", str(source)]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == (
        "packet 1970-01-01T00:00:00.000001Z, interface 0, 1 of 1 bytes, epb_processid_threadid process 1234 thread "
        f"4294967294, epb_processid_threadid {b'short'.hex()}: 78"
    )


def test_process_and_thread_are_the_same_in_both_byte_orders() -> None:
    one, other = (
        start(write)
        + write.enhanced_packet(0, 1, b"x", options=write.options((8, write.number(1, 4) + write.number(2, 4))))
        for write in (In(LITTLE), In(BIG))
    )
    assert compared(one, other).same


# ---------------------------------------------------------------- what Wireshark reads


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_reads_the_same_processes(tmp_path: Path) -> None:
    """Its dissector of pcapng files numbers process blocks by section, from 0."""
    capture, _ = capture_with_late_process(L, start(L))
    source = tmp_path / "in.pcapng"
    source.write_bytes(capture)
    told = ["timed", "ssh", "timed", None, "ssh"]
    assert by_wireshark(source) == told
    for way in (["--max-packets", "1"], ["--max-bytes", "100B"], ["--interval", "1s"], ["--by", "interface"]):
        folder = tmp_path / way[-1]
        folder.mkdir()
        subprocess.run([COMMAND, "split", source, folder / "{index}.pcapng", *way], check=True, capture_output=True)
        assert [name for part in sorted(folder.iterdir()) for name in by_wireshark(part)] == told
    out = tmp_path / "out.pcapng"
    subprocess.run([COMMAND, "normalize", source, out, "--keep", "unknown", "--sort"], check=True)
    assert by_wireshark(out) == told


def by_wireshark(path: Path) -> list[str | None]:
    """The names of the packets' processes."""
    line = ["tshark", "-X", "read_format:MIME Files Format", "-r", str(path), "-V"]
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    processes: list[str] = []
    found: list[str | None] = []
    for packet_block, name, number in re.findall(
        r"^ +(?:(Block: Enhanced) Packet|Darwin Process Name: (.*)|DPEB ID: (\d+))", told, re.MULTILINE
    ):
        if packet_block:
            found.append(None)
        elif name:
            processes.append(name)
        else:
            found[-1] = processes[int(number)]
    return found
