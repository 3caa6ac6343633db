"""`sort`: the packets of each section in the order of their times, with everything that they have."""

import io
import os
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from agreement import check_agreement, check_on_pipes
from compressing import compressed
from conversions import Pipe, Sink, converted
from expected_captures import is_pcapng
from expected_request import Request
from hypothesis import given
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from wire import In

import pcapconv
from pcapconv import FormatError

UNKNOWN_BLOCK, PROCESS = 0x0BAD, 0x80000001
NANO = (wire.IF_TSRESOL, b"\t")


OVERLAP = "sections are sorted each by itself, and they overlap in time; pcapconv.merge(…, sort=True) makes one of them"


def in_packets(capture: bytes) -> list[bytes]:
    read = wire.read_pcapng if is_pcapng(capture) else wire.read_pcap
    return [packet.data for packet in read(capture)]


def packets(write: In, *times: int, interface: int = 0) -> list[bytes]:
    return [write.enhanced_packet(interface, time, b"%d" % time) for time in times]


@pytest.fixture(params=[None, (1, 1), (3, 40), (7, 300), (50, 1)])
def runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of so many packets, in pieces of so many bytes."""
    if request.param is not None:
        rows, piece = request.param
        monkeypatch.setattr("pcapconv.steps.packet_sorter._ROWS", rows)
        monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECE", piece)
        monkeypatch.setattr("pcapconv.steps.packet_sorter._OUTPUT", piece)
        monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECES", 0)


@pytest.mark.usefixtures("runs", "kernels")
def test_records_are_copied_in_the_order_of_their_times(write: In) -> None:
    head = write.section_header() + write.interface()
    stated = [
        write.enhanced_packet(0, 5, b"five", options=write.options((wire.OPT_COMMENT, b"late"))),
        write.enhanced_packet(0, 3, b"three"),
        write.obsolete_packet(0, 4, b"four", drops_count=7),
        write.enhanced_packet(0, 3, b"again"),
        write.enhanced_packet(0, 1, b""),
    ]
    one, two, three, four, five = stated
    out, report = converted(head + b"".join(stated), "pcapng", sort=True)
    assert out == head + five + two + four + three + one
    assert (report.packets_read, report.packets_written, report.losses) == (5, 5, {})


@pytest.mark.usefixtures("runs", "kernels")
def test_records_of_pcap(write: In) -> None:
    records = [write.pcap_record(second, 0, bytes([second]) * second) for second in (3, 9, 1, 1, 2)]
    out, _ = converted(write.pcap_header() + b"".join(records), "pcap", sort=True)
    assert out == write.pcap_header() + b"".join(records[index] for index in (2, 3, 4, 0, 1))


def test_each_section_is_sorted_by_itself(write: In) -> None:
    head = write.section_header() + write.interface()
    first, second = packets(write, 5, 4), packets(write, 3, 2)
    out, _ = converted(head + b"".join(first) + head + b"".join(second), "pcapng", sort=True)
    assert out == head + b"".join(reversed(first)) + head + b"".join(reversed(second))


@pytest.mark.parametrize(("ticks", "warned"), [((2, 5), []), ((2, 3), []), ((2, 4, 3), [OVERLAP])])
def test_sections_that_overlap_are_warned_of(write: In, ticks: tuple[int, ...], warned: list[str]) -> None:
    head = write.section_header() + write.interface()
    sections = [head + write.enhanced_packet(0, each, b"x") + write.enhanced_packet(0, 1, b"x") for each in ticks[:1]]
    sections += [head + write.enhanced_packet(0, each, b"x") for each in ticks[1:]]
    _, report = converted(b"".join(sections), "pcapng", sort=True)
    assert [each.reason for each in report.warnings] == warned


def test_what_explains_packets_stays_before_them_and_the_rest_comes_after(write: In) -> None:
    late, early = packets(write, 5, 4)
    first, unknown, process = (
        write.block(block_type, body)
        for block_type, body in ((UNKNOWN_BLOCK, b"1st."), (UNKNOWN_BLOCK, b"2nd."), (PROCESS, wire.number(1, 4)))
    )
    names = write.block(4, bytes(4))
    secrets = write.block(10, b"TLSK" + bytes(4))
    other = write.interface(1)
    head = write.section_header() + write.interface() + first
    capture = head + late + unknown + process + names + early + secrets + other
    assert (
        converted(capture, "pcapng", sort=True)[0] == head + process + names + secrets + other + early + late + unknown
    )


def test_a_packet_without_a_time_stays_behind_the_packet_before_it(write: In) -> None:
    head = write.section_header() + write.interface() + write.interface(options=write.options(NANO))
    zero = write.simple_packet(b"zero")
    five, three = write.enhanced_packet(0, 5, b"five"), write.enhanced_packet(1, 3000, b"three")
    behind = [write.simple_packet(data) for data in (b"a", b"bb")]
    out, _ = converted(head + zero + five + behind[0] + behind[1] + three + zero, "pcapng", sort=True)
    assert out == head + zero + three + zero + five + behind[0] + behind[1]


@pytest.mark.parametrize(
    ("resolutions", "offsets"),
    [
        ((6, 9), (0, 0)),
        ((9, 12), (0, 0)),
        ((6, 0x80 + 20), (0, -5)),
        ((12, 0x80 + 40), (3, -(2**40))),
        ((127, 0xFF), (2**62, -(2**62))),
        ((6, 6), (0, 1)),
    ],
)
@pytest.mark.usefixtures("runs", "kernels")
def test_times_are_compared_exactly(write: In, resolutions: tuple[int, ...], offsets: tuple[int, ...]) -> None:
    units = [Fraction(1, 2 ** (each & 127) if each > 127 else 10**each) for each in resolutions]
    head = write.section_header()
    for resolution, offset in zip(resolutions, offsets):
        described = ((wire.IF_TSRESOL, bytes([resolution])), (wire.IF_TSOFFSET, write.number(offset, 8)))
        head += write.interface(options=write.options(*described))
    stated = []
    for number in range(24):
        which = number * 5 % 2
        near = Fraction(1_700_000_000 + number * 7 % 5, 1) + Fraction(number * 11 % 6, 10**13)
        ticks = min(2**64 - 1, max(0, int((near - offsets[which]) / units[which]))) - (number % 3 and number % 2)
        ticks = max(0, ticks)
        time = ticks * units[which] + offsets[which]
        stated.append((time, write.enhanced_packet(which, ticks, b"%d" % number)))
    ordered = sorted(stated, key=lambda each: each[0])
    out, _ = converted(head + b"".join(each for _, each in stated), "pcapng", sort=True)
    assert out == head + b"".join(each for _, each in ordered)


def test_a_time_that_cannot_be_determined_is_refused(write: In) -> None:
    capture = write.section_header() + write.interface(options=write.options((wire.IF_TSOFFSET, b"odd")))
    capture += b"".join(packets(write, 1))
    with pytest.raises(FormatError, match="packet 1: "):
        converted(capture, "pcapng", sort=True)


def test_numbers_stay_those_of_the_input(write: In) -> None:
    capture = write.section_header() + write.interface() + b"".join(packets(write, 5, 3, 4, 1, 2))
    for options, kept in (
        ({"packets": "1-2,5"}, [b"2", b"3", b"5"]),
        ({"drop_packets": "1-2,5-"}, [b"1", b"4"]),
        ({"first": 2}, [b"1", b"2"]),
        ({"last": 2}, [b"4", b"5"]),
        ({"after": "+0.000001", "before": "+0.000003"}, [b"2", b"3"]),
        ({"after": "+0.000002", "last": 2}, [b"4", b"5"]),
        ({"packets": "4", "stop_early": True}, [b"1"]),
        ({"before": "+1s", "in_order": "1us", "first": 1, "stop_early": True}, [b"1"]),
        ({"packets": "2-3", "invert": True}, [b"1", b"2", b"5"]),
    ):
        arguments: dict[str, Any] = options
        out, report = converted(capture, "pcapng", sort=True, **arguments)
        assert (in_packets(out), report.packets_read, report.damage) == (kept, 5, [])
    out, _ = converted(capture, "pcapng", sort=True, packet_comment=["1:first", "4:fourth"])
    with pcapconv.open(io.BytesIO(out)) as found_again:
        found = {packet.data: packet.comments for packet in found_again}
    assert found == {b"1": ["fourth"], b"2": [], b"3": [], b"4": [], b"5": ["first"]}


def test_interfaces_that_come_late_come_before_all_packets(write: In) -> None:
    one, two = write.enhanced_packet(0, 2 * 10**6, b"one"), write.enhanced_packet(1, 10**9, b"two")
    fine = write.interface(options=write.options(NANO))
    out, _ = converted(write.section_header() + write.interface() + one + fine + two, "pcap", sort=True)
    assert wire.read_pcap_header(out).units == 10**9  # in one run
    assert in_packets(out) == [b"two", b"one"]


def test_do_not_copy_is_left_out_since_packets_move(write: In) -> None:
    head = write.section_header() + write.interface()
    block = write.block(wire.CUSTOM_DO_NOT_COPY, wire.number(1, 4))
    out, report = converted(head + block + b"".join(packets(write, 1)), "pcapng", sort=True)
    assert out == head + b"".join(packets(write, 1))
    assert report.left_out == {"do-not-copy": 1}


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_captures_and_pipes(write: In, compression: str) -> None:
    capture = write.section_header() + write.interface() + b"".join(packets(write, *range(900, 0, -1)))
    whole = converted(capture, "pcapng", sort=True)[0]
    assert in_packets(whole) == [b"%d" % time for time in range(1, 901)]
    packed = compressed(compression, capture)
    assert converted(packed, "pcapng", sort=True)[0] == whole
    sink = Sink()
    pieces = cast(BinaryIO, Pipe([packed[at : at + 97] for at in range(0, len(packed), 97)]))
    pcapconv.convert(pieces, cast(BinaryIO, sink), to="pcapng", sort=True)
    assert bytes(sink.taken) == whole


def test_split_gets_packets_in_order(write: In, tmp_path: Path) -> None:
    source = tmp_path / "in.pcapng"
    source.write_bytes(write.section_header() + write.interface() + b"".join(packets(write, 5, 3, 4, 1)))
    pcapconv.split(source, tmp_path / "{index}.pcapng", max_packets=2, sort=True)
    assert [in_packets((tmp_path / f"{index}.pcapng").read_bytes()) for index in ("00001", "00002")] == [
        [b"1", b"3"],
        [b"4", b"5"],
    ]


def test_a_sidecar_restores_the_sorted_capture(write: In, tmp_path: Path) -> None:
    source, out, back = (tmp_path / name for name in ("in.pcapng", "out.pcap", "back.pcapng"))
    commented = write.enhanced_packet(0, 9, b"nine", options=write.options((wire.OPT_COMMENT, b"late")))
    first, second = packets(write, 8, 7)
    head = write.section_header() + write.interface()
    source.write_bytes(head + commented + first + second)
    pcapconv.convert(source, out, sort=True, sidecar=True)
    pcapconv.convert(out, back, sidecar=True)
    assert back.read_bytes() == head + second + first + commented
    pcapconv.convert(out, back, sidecar=True, sort=True, shift_time="1s", force=True)
    assert in_packets(back.read_bytes()) == [b"7", b"8", b"nine"]


@given(
    data=st.data(), capture=st.one_of(invented_pcapng(), invented_pcapng(link_types=[1], finest=False), invented_pcap())
)
def test_as_the_second_implementation_sorts(data: st.DataObject, capture: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.steps.packet_sorter._ROWS", data.draw(st.integers(1, 20)))
        patch.setattr("pcapconv.steps.packet_sorter._PIECE", data.draw(st.sampled_from([1, 100, 10_000])))
        patch.setattr("pcapconv.steps.input_order._OPEN", data.draw(st.sampled_from([1, 1000, 2**24])))
        patch.setattr("pcapconv.steps.input_order._MOST_BATCHES", data.draw(st.sampled_from([1, 5, 2**17])))
        check_agreement(capture, Request(sort=True))
        check_on_pipes(capture, Request(sort=True))


@pytest.mark.skipif(shutil.which("reordercap") is None, reason="reordercap is not installed")
def test_reordercap_agrees(tmp_path: Path) -> None:
    source, out, judged = (tmp_path / name for name in ("in.pcap", "out.pcap", "judged.pcap"))
    write = In(wire.LITTLE)
    records = [write.pcap_record(n * 7919 % 501, n % 3, b"%d" % n) for n in range(3000)]
    source.write_bytes(write.pcap_header() + b"".join(records))
    subprocess.run(["reordercap", source, judged], check=True, capture_output=True, env=os.environ | {"TZ": "UTC"})
    pcapconv.convert(source, out, sort=True)
    assert out.read_bytes()[24:] == judged.read_bytes()[24:]
    with pcapconv.open(out) as capture:
        times = [packet.time_ns for packet in capture]
    assert all(a <= b for a, b in pairwise(cast(list[int], times)))
