"""Selecting: each option against a second implementation, on made-up captures, samples and other projects' files."""

import io
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import expected_captures
import expected_output
import expected_selection
import pytest
import wire
from agreement import (
    check_agreement,
    check_bytes,
    check_on_pipes,
    count_same_packets,
    needs_editcap,
    undamaged_bytes,
    written_by_editcap,
)
from conversions import DAMAGED, SAMPLES, Sink, converted, every_sample, stem
from expected_captures import entries, is_pcapng
from expected_request import alone, decimal
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import START, invented_pcap, invented_pcapng, selections
from wire import In

import pcapconv
from pcapconv import FormatError, TargetError

pytestmark = pytest.mark.usefixtures("kernels")

FOLDER = Path(__file__).parent / "samples"
MICROSECONDS = 10**6
NANOSECONDS = 10**9


def numbers(capture: bytes, **options: Any) -> list[int]:
    """The numbers, in the input, of the packets that stay; each packet's first byte has to be its number."""
    out, _ = converted(capture, "pcapng", **options)
    return [packet.data[0] for packet in expected_captures.packets(out)]


# ---------------------------------------------------------------- against the second implementation


@settings(max_examples=70)
@given(st.data())
def test_any_selection_of_pcapng(data: st.DataObject) -> None:
    capture = data.draw(invented_pcapng())
    check_agreement(capture, data.draw(selections(capture)))


@settings(max_examples=40)
@given(st.data())
def test_any_selection_of_pcapng_that_pcap_can_hold(data: st.DataObject) -> None:
    capture = data.draw(invented_pcapng(link_types=[1], finest=False))
    check_agreement(capture, data.draw(selections(capture)))


@settings(max_examples=50)
@given(st.data())
def test_any_selection_of_pcap(data: st.DataObject) -> None:
    capture = data.draw(invented_pcap())
    check_agreement(capture, data.draw(selections(capture)))


@settings(max_examples=40)
@given(st.data())
def test_any_selection_on_pipes(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcapng(), invented_pcap()))
    check_on_pipes(capture, data.draw(selections(capture)))


@every_sample
def test_each_option_on_a_sample(path: Path) -> None:
    if stem(path) in DAMAGED:
        pytest.skip("damaged; another test has it")
    capture = path.read_bytes()
    found = expected_captures.packets(capture)
    every = alone(found)[:: 7 if path.stem.endswith("-be") else 3]  # odd steps: every other one is inverted
    done = [check_agreement(capture, request) for request in every]
    assert "written" in done


def test_each_option_on_a_corpus_file(corpus_file: Path) -> None:
    capture = undamaged_bytes(corpus_file)
    found = expected_captures.packets(capture)
    for request in alone(found)[:: 5 if len(found) < 100 else 11]:
        check_bytes(capture, "pcapng" if is_pcapng(capture) else "pcap", request)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcap"], ids=lambda path: path.name)
def test_losses_are_counted_of_the_pcap_records_that_stay(path: Path) -> None:
    capture = path.read_bytes()
    found = entries(capture)
    for request in alone(expected_captures.packets(capture))[::3]:
        kept = [packet.number for packet in expected_selection.chosen(found, request)[0]]
        assert converted(capture, "pcap", **request.as_arguments())[1].losses == {}
        losses = converted(capture, "pcapng", keep_snaplen=True, **request.as_arguments())[1].losses
        assert losses == expected_output.losses_of_pcap(capture, kept)


# ---------------------------------------------------------------- more than one window


def many_records(write: In, magic: int) -> list[bytes]:
    """More than reader and writer have in memory at a time."""
    extra = write.modified_extra(3) if magic == wire.MODIFIED else b""
    units = NANOSECONDS if magic == wire.NANOSECONDS else MICROSECONDS
    return [
        write.pcap_record(
            START + number - number % 2, number % 2 * units + 7, number.to_bytes(4, "big") * 40, extra=extra
        )
        for number in range(1, 9001)
    ]


def many_blocks(write: In) -> list[bytes]:
    return [
        write.enhanced_packet(number % 2, (START + number) * MICROSECONDS, number.to_bytes(4, "big") * 40)
        for number in range(1, 8001)
    ]


LONG_RANGES = ",".join(f"{first}-{first + 1}" for first in range(1, 9000, 7))
MANY: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
    ({"packets": LONG_RANGES}, lambda number: number % 7 in (1, 2)),
    ({"drop_packets": LONG_RANGES}, lambda number: number % 7 not in (1, 2)),
    ({"packets": "8000-,2500-5000,1"}, lambda number: number == 1 or 2500 <= number <= 5000 or number >= 8000),
    ({"packets": "2500-5000", "invert": True}, lambda number: not 2500 <= number <= 5000),
    ({"first": 4000}, lambda number: number <= 4000),
    ({"first": 1}, lambda number: number == 1),
    ({"after": "+999s", "before": "+6999s"}, lambda number: 1000 <= number < 7000),
]


@pytest.mark.parametrize(("options", "stays"), MANY, ids=["-".join(options) for options, _ in MANY])
@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED])
def test_selecting_from_many_pcap_records(
    write: In, magic: int, options: dict[str, Any], stays: Callable[[int], bool]
) -> None:
    header, records = write.pcap_header(magic), many_records(write, magic)
    kept = [record for number, record in enumerate(records, 1) if stays(number)]
    out, report = converted(header + b"".join(records), "pcap", **options)
    assert out == header + b"".join(kept)
    last = {"first": len(kept), "packets": 8997}.get(*options)  # reading ends there
    read = last if last is not None and options in (MANY[0][0], MANY[4][0], MANY[5][0]) else len(records)
    assert (report.packets_read, report.packets_written, report.losses) == (read, len(kept), {})


@pytest.mark.parametrize(("options", "stays"), MANY, ids=["-".join(options) for options, _ in MANY])
def test_selecting_from_many_pcapng_blocks(write: In, options: dict[str, Any], stays: Callable[[int], bool]) -> None:
    header, blocks = write.section_header() + write.interface() * 2, many_blocks(write)
    kept = [block for number, block in enumerate(blocks, 1) if stays(number)]
    out, report = converted(header + b"".join(blocks), "pcapng", **options)
    assert out == header + b"".join(kept)
    assert (report.packets_read, report.packets_written) == (len(blocks), len(kept))


@pytest.mark.parametrize("last", [1, 3000, 7999, 8000, 8001])
def test_the_last_of_many(write: In, last: int) -> None:
    header, blocks = write.section_header() + write.interface() * 2, many_blocks(write)
    capture = header + b"".join(blocks)
    assert converted(capture, "pcapng", last=last)[0] == header + b"".join(blocks[-last:])
    assert converted(capture, "pcapng", last=last, invert=True)[0] == header + b"".join(blocks[:-last])
    odd = [block for number, block in enumerate(blocks, 1) if number % 2]
    assert converted(capture, "pcapng", last=last, interface=["1"])[0] == header + b"".join(odd[-last:])
    both = blocks[-last:][: max(0, 10 - max(0, 8000 - last))]
    assert converted(capture, "pcapng", last=last, first=10)[0] == header + b"".join(both)


def test_a_block_that_is_longer_than_what_was_captured_of_its_packet(write: In) -> None:
    """A Simple Packet's bytes beyond the snaplen are copied, too, be they more than a buffer holds."""
    header, small = write.section_header() + write.interface(snaplen=64), write.enhanced_packet(0, 1, b"x")
    large = write.simple_packet(bytes(2**20))
    out, _ = converted(header + small + large + small * 2, "pcapng", drop_packets="3")
    assert out == header + small + large + small


@pytest.mark.parametrize("size", [500_000, 600_000, 3 * 2**20])
def test_a_packet_that_is_larger_than_a_window(write: In, size: int) -> None:
    small, large = write.enhanced_packet(0, 1, b"x"), write.enhanced_packet(0, 2, bytes(size))
    header = write.section_header() + write.interface(snaplen=0)
    capture = header + small + large + small + large + small
    assert converted(capture, "pcapng", packets="1-2,4-")[0] == header + small + large + large + small
    assert converted(capture, "pcapng", packets="2,5")[0] == header + large + small
    cut = write.enhanced_packet(0, 2, bytes(size - 1), original_length=size)
    assert converted(capture, "pcapng", packets="2,5", snaplen=size - 1)[0] == (
        write.section_header() + write.interface(snaplen=size - 1) + cut + small
    )


# ---------------------------------------------------------------- time

QUARTERS = wire.section_header() + wire.interface()
QUARTERS += b"".join(
    wire.enhanced_packet(0, START * MICROSECONDS + number * 250_000, bytes([number])) for number in range(9)
)


@pytest.mark.parametrize(
    ("options", "stay"),
    [
        ({"after": "2024-05-01T12:00:01Z"}, range(4, 9)),
        ({"after": "2024-05-01T12:00:00.750001Z"}, range(4, 9)),
        ({"after": "1714564800.75"}, range(3, 9)),
        ({"before": "2024-05-01T12:00:01Z"}, range(4)),
        ({"before": "1714564801.000000000000000000000000000001"}, range(5)),
        ({"after": "+250ms", "before": "+500ms"}, [1]),
        ({"after": "+250ms", "before": "+0.500001s"}, [1, 2]),
        ({"after": "2024-05-01T14:00+02:00", "before": "+0.5"}, [0, 1]),
        ({"after": "2024-05-01"}, range(9)),
        ({"before": "2024-05-01"}, []),
        ({"after": "-1"}, range(9)),
        ({"before": "-1"}, []),
        ({"after": f"1{'0' * 59}"}, []),
        ({"before": f"1{'0' * 59}"}, range(9)),
    ],
    ids=str,
)
def test_time_is_at_or_after_and_before(options: dict[str, Any], stay: range) -> None:
    assert numbers(QUARTERS, **options) == list(stay)
    assert numbers(QUARTERS, **options, invert=True) == [number for number in range(9) if number not in stay]


def test_time_is_exact_across_resolutions(write: In) -> None:
    """One instant that no unit but 2^-20 can state lies between the ticks of the others."""
    units = [(b"\x06", 10**6), (b"\x09", 10**9), (b"\x94", 2**20), (b"\x80", 1), (b"\x0c", 10**12)]
    instant = START + Fraction(3, 2**20)
    capture = write.section_header() + b"".join(
        write.interface(options=write.options((wire.IF_TSRESOL, byte), (wire.IF_TSOFFSET, write.number(offset, 8))))
        for byte, _ in units
        for offset in (0, START - 10)
    )
    stay: list[int] = []
    number = 0
    for place, (_, per_second) in enumerate(units):
        for also, offset in enumerate((0, START - 10)):
            below = min(int((instant - offset) * per_second // 1), 2**64 - 2)  # 10^12 needs the offset
            for ticks in (below - 1, below, below + 1):
                capture += write.enhanced_packet(2 * place + also, ticks, bytes([number]))
                stay += [number] if Fraction(ticks, per_second) + offset >= instant else []
                number += 1
    assert numbers(capture, after=decimal(instant)) == stay
    assert numbers(capture, before=decimal(instant)) == [each for each in range(number) if each not in stay]
    assert len(stay) == 2 * (len(units) - 1) + 1 + 2  # of 2^-20 the tick itself, too


def test_relative_times_begin_at_the_first_packet_of_the_file_that_has_one(write: In) -> None:
    capture = write.section_header() + write.interface()
    capture += write.simple_packet(b"\0") + write.enhanced_packet(0, 5_000_000, b"\1")
    capture += write.enhanced_packet(0, 4_000_000, b"\2") + write.enhanced_packet(0, 6_000_000, b"\3")
    capture += wire.section_header() + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\0")))
    capture += wire.enhanced_packet(0, 6, b"\4") + wire.enhanced_packet(0, 4, b"\5")
    assert numbers(capture, after="+0s") == [1, 3, 4]
    assert numbers(capture, after="+0s", packets="3-") == [3, 4]  # from the file's first packet, not from these
    assert numbers(capture, before="+1s") == [1, 2, 5]
    assert numbers(capture, after="+1s", invert=True) == [0, 1, 2, 5]


def test_relative_times_without_a_packet_that_has_one(write: In) -> None:
    capture = write.section_header() + write.interface() + write.simple_packet(b"\0") * 3
    for options in ({"after": "+0s"}, {"before": "+1s"}):
        out, report = converted(capture, "pcapng", **options)
        assert expected_captures.packets(out) == []
        assert report.left_out == {"packets-without-time": 3}


def test_packets_without_a_time_are_left_out_and_counted() -> None:
    capture = wire.section_header() + wire.interface() + wire.simple_packet(b"\0") * 2
    capture += wire.enhanced_packet(0, 1, b"\1") + wire.simple_packet(b"\2")
    assert numbers(capture, after="0") == [1]
    assert converted(capture, "pcapng", after="0")[1].left_out == {"packets-without-time": 3}
    assert converted(capture, "pcapng", after="0", packets="2-3")[1].left_out == {"packets-without-time": 1}
    assert numbers(capture, after="0", invert=True) == [0, 0, 2]
    assert converted(capture, "pcapng", after="0", invert=True)[1].left_out == {}
    assert converted(capture, "pcapng", last=2)[1].left_out == {}


UNCLEAR = (
    wire.section_header()
    + wire.interface()
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\6\0")))
    + wire.enhanced_packet(0, 1, b"\1")
    + wire.enhanced_packet(1, 2, b"\2")
    + wire.enhanced_packet(0, 3, b"\3")
)
NOBODY = (
    "input: packet 2: the times of interface 1 of section 0 cannot be determined: if_tsresol has 2 bytes instead of 1"
)


def test_a_time_that_nobody_can_tell_is_refused_where_it_matters() -> None:
    for options in ({"after": "0"}, {"before": "+1s"}, {"after": "0", "invert": True}, {"after": "0", "last": 1}):
        with pytest.raises(FormatError) as caught:
            converted(UNCLEAR, "pcapng", **options)
        assert str(caught.value) == NOBODY
    assert numbers(UNCLEAR, packets="1-2") == [1, 2]
    assert numbers(UNCLEAR, after="0.000002", interface=["0"]) == [3]
    assert numbers(UNCLEAR, after="0.000002", drop_packets="2") == [3]
    assert numbers(UNCLEAR, after="0.000002", drop_packets="2", invert=True) == [1, 2]


def test_the_first_packet_s_time_that_nobody_can_tell_is_no_beginning() -> None:
    capture = UNCLEAR.replace(wire.enhanced_packet(0, 1, b"\1"), b"")
    with pytest.raises(FormatError, match=r"^input: packet 1: the times of .* cannot be determined"):
        converted(capture, "pcapng", after="+1s", interface=["0"])
    assert numbers(capture, after="0", interface=["0"]) == [3]


def test_a_simple_packet_needs_no_time_of_its_interface() -> None:
    unclear = wire.interface(options=wire.options((wire.IF_TSOFFSET, b"long")))
    capture = wire.section_header() + unclear + wire.interface() + wire.simple_packet(b"\0")
    capture += wire.enhanced_packet(1, 7, b"\1")
    assert numbers(capture, after="0") == [1]


# ---------------------------------------------------------------- numbers, interfaces, options


def test_packets_are_counted_from_1_in_the_input_whatever_else_is_between(write: In) -> None:
    capture = write.section_header() + write.interface()
    for number in range(1, 7):
        capture += write.custom(wire.CUSTOM_COPY, 1) + write.enhanced_packet(0, number, bytes([number]))
    assert numbers(capture, packets="2,5-") == [2, 5, 6]
    assert numbers(capture, packets="2,5-", drop_packets="5") == [2, 6]
    assert numbers(capture, packets="2,5-", first=2) == [2, 5]
    assert numbers(capture, packets="2,5-", last=1) == [6]
    assert numbers(capture, packets="2,5-", first=2, last=2) == [5]
    assert numbers(capture, packets="2,5-", first=1, last=1) == []
    assert numbers(capture, packets="2,5-", first=1, last=1, invert=True) == [1, 2, 3, 4, 5, 6]
    assert numbers(capture, packets=f"{10**59}") == []


def test_more_ranges_than_editcap_takes(write: In) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"x") * 2000
    _, report = converted(capture, "pcapng", packets=",".join(map(str, range(1999, 0, -2))))
    assert report.packets_written == 1000


def test_interfaces_by_name_id_and_place(write: In) -> None:
    def section(first: int, *names: bytes) -> bytes:
        described = [write.interface(options=write.options((wire.IF_NAME, name))) for name in names]
        packets = [write.enhanced_packet(place, 1, bytes([first + place])) for place in range(len(names))]
        return write.section_header() + b"".join(described) + b"".join(packets)

    capture = section(1, b"eth0", b"1", b"caf\xc3\xa9") + section(4, b"1", b"eth0\0", b"a:b", b"\xff")
    assert numbers(capture, interface=["eth0"]) == [1, 5]
    assert numbers(capture, interface=["1"]) == [2, 4, 5]  # the id in both, and the name
    assert numbers(capture, interface=["1:0"]) == [4]
    assert numbers(capture, interface=["0:2", "1:2"]) == [3, 6]
    assert numbers(capture, interface=["café", "a:b"]) == [3, 6]
    assert numbers(capture, interface=["\\xff"]) == [7]
    assert numbers(capture, interface=["\udcff"]) == [7]  # as a command line has it
    assert numbers(capture, interface="0") == [1, 4]
    assert numbers(capture, interface=["eth0"], invert=True) == [2, 3, 4, 6, 7]


def test_comments_are_searched_as_text() -> None:
    texts = [b"Retry", b"retry\nnext line", b"caf\xe9", "café".encode(), b"", b"a\0b"]
    capture = wire.section_header() + wire.interface()
    for number, text in enumerate(texts):
        options = wire.options((wire.OPT_COMMENT, b"first"), (wire.OPT_COMMENT, text))
        capture += wire.enhanced_packet(0, 1, bytes([number]), options=options)
    capture += wire.enhanced_packet(0, 1, b"\x63") + wire.simple_packet(b"\x64")
    assert numbers(capture, comment_matches="retry") == [1]
    assert numbers(capture, comment_matches="(?i)retry$") == [0]
    assert numbers(capture, comment_matches="^next") == []
    assert numbers(capture, comment_matches=r"caf\\xe9") == [2]
    assert numbers(capture, comment_matches="caf.$") == [3]
    assert numbers(capture, comment_matches="^first$") == list(range(6))
    assert numbers(capture, comment_matches="") == list(range(6))
    assert numbers(capture, comment_matches="", invert=True) == [0x63, 0x64]
    assert numbers(capture, comment_matches="a\0b") == []  # a text ends at its first zero byte
    assert numbers(capture, comment_matches="^a$") == [5]


def test_direction_is_what_the_flags_say(write: In) -> None:
    flags = [0, 1, 2, 3, 0b1101, 0b1110]
    capture = write.section_header() + write.interface()
    for number, value in enumerate(flags):
        options = write.options((wire.EPB_FLAGS, write.number(value, 4)))
        capture += write.enhanced_packet(0, 1, bytes([number]), options=options)
        capture += write.obsolete_packet(0, 1, bytes([number + 10]), options=options)
    capture += write.enhanced_packet(0, 1, b"\x63")
    assert numbers(capture, direction="in") == [1, 11, 4, 14]
    assert numbers(capture, direction="out") == [2, 12, 5, 15]


def test_direction_of_the_modified_pcap(write: In) -> None:
    capture = write.pcap_header(wire.MODIFIED)
    for kind in range(6):
        capture += write.pcap_record(1, 0, bytes([kind]), extra=write.modified_extra(packet_type=kind))
    assert numbers(capture, direction="in") == [0, 1, 2, 3]
    assert numbers(capture, direction="out") == [4]


def test_nothing_selected_leaves_a_capture_with_its_metadata(write: In) -> None:
    metadata = [
        write.section_header(options=write.options((wire.SHB_OS, b"an operating system"))),
        write.interface(),
        write.names(wire.ipv4_name("192.0.2.1", "a.example")),
        write.secrets(wire.TLS_KEY_LOG, b"key log"),
        write.statistics(0, 5),
    ]
    packet = write.enhanced_packet(0, 1, b"x")
    capture = b"".join(metadata[:2]) + packet + packet.join(metadata[2:])
    out, report = converted(capture, "pcapng", packets="9")
    assert out == b"".join(metadata)
    assert (report.packets_read, report.packets_written) == (3, 0)


# ---------------------------------------------------------------- sections and damage


@pytest.mark.parametrize("options", [{"packets": "1"}, {"drop_packets": "9"}, {"after": "0"}], ids=str)
def test_a_section_length_that_no_longer_holds_becomes_minus_1(write: In, options: dict[str, Any]) -> None:
    body = write.interface() + write.enhanced_packet(0, 1, b"\1") + write.enhanced_packet(0, 2, b"\2")
    right = write.section_header(section_length=len(body)) + body
    out, _ = converted(right, "pcapng", **options)
    (length,) = struct.unpack_from(write.byte_order + "q", out, 16)
    assert length == (-1 if "packets" in options else len(body))
    sink = Sink()
    pcapconv.convert(io.BytesIO(right), cast(BinaryIO, sink), to="pcapng", **options)
    (length,) = struct.unpack_from(write.byte_order + "q", sink.taken, 16)
    assert length == -1  # nobody can go back to it


def test_a_section_length_that_was_minus_1_stays(write: In) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"\1") * 2
    out, _ = converted(capture, "pcapng", packets="1")
    assert out == capture[: -len(write.enhanced_packet(0, 1, b"\1"))]


@pytest.mark.parametrize("order", ["le", "be"])
def test_packets_are_counted_on_behind_damage(order: str) -> None:
    capture = (FOLDER / f"undeclared-interface-{order}.pcapng").read_bytes()
    blocks = [block.raw for block in wire.read_blocks(capture)]
    good = [raw for raw in blocks if raw != blocks[3]]
    out, report = converted(capture, "pcapng", packets="2")
    assert len(report.damage) == 1
    kept = [raw for raw in good if raw != good[2]]
    assert out[24:] == b"".join(kept)[24:]
    assert [packet.data for packet in wire.read_pcapng(out)] == [packet.data for packet in wire.read_pcapng(capture)][
        1:
    ]
    assert converted(capture, "pcapng", last=1)[0] == out


@pytest.mark.parametrize("order", ["le", "be"])
def test_sections_that_are_passed_over_have_no_number(order: str) -> None:
    capture = (FOLDER / f"version-unknown-{order}.pcapng").read_bytes()
    every = [packet.data for packet in wire.read_pcapng(capture)]
    out, report = converted(capture, "pcapng", interface=["1:0"])
    assert len(report.damage) == 1
    assert [packet.data for packet in wire.read_pcapng(out)] == every[-1:]


# ---------------------------------------------------------------- editcap, where PEERS.md does not call it wrong

JUDGED = [
    "after-2038-le.pcap",
    "backwards-be.pcap",
    "lengths-le.pcap",
    "micro-be.pcap",
    "nano-le.pcap",
    "web.pcap",
    "web-nano.pcap",
    "backwards-le.pcapng",
    "late-interface-be.pcapng",
    "names.pcapng",
    "tls.pcapng",
    "web.pcapng",
]


def utc(time: Fraction) -> str:
    """To the nanosecond, as editcap and pcapconv take it."""
    seconds, rest = divmod(time, 1)
    clock = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{clock}.{int(rest * NANOSECONDS):09}Z"


@needs_editcap
@pytest.mark.parametrize("name", JUDGED)
def test_times_are_editcap_s(name: str, tmp_path: Path) -> None:
    path = FOLDER / name
    times = sorted({packet.time for packet in expected_captures.packets(path.read_bytes()) if packet.time is not None})
    low, high = times[len(times) // 3], times[2 * len(times) // 3]
    kept = set()
    for after, before in ((low, high), (low + Fraction(1, 10**9), high), (low, times[-1] + 1), (times[0], low)):
        if after >= before:
            continue
        limits = utc(after), utc(before)
        judged = written_by_editcap(path, tmp_path, "-A", limits[0], "-B", limits[1])
        kept.add(count_same_packets(path, judged, after=limits[0], before=limits[1]))
    assert max(kept) > 0


@needs_editcap
@pytest.mark.parametrize("name", JUDGED)
def test_ranges_are_editcap_s(name: str, tmp_path: Path) -> None:
    path = FOLDER / name
    count = len(expected_captures.packets(path.read_bytes()))
    for ranges in (["1"], ["2-3"], [f"{count}"], ["1", "3-5"], ["4-5", "2"], ["1-2", "2-3"]):
        told = [each for each in ranges if int(each.split("-")[0]) <= count]
        if told:
            judged = written_by_editcap(path, tmp_path, "-r", ranges=tuple(told))
            count_same_packets(path, judged, packets=",".join(told))
            judged = written_by_editcap(path, tmp_path, ranges=tuple(told))
            count_same_packets(path, judged, drop_packets=",".join(told))


@needs_editcap
def test_times_of_a_corpus_file_are_editcap_s(corpus_file: Path, tmp_path: Path) -> None:
    capture = undamaged_bytes(corpus_file)
    times = sorted({packet.time for packet in expected_captures.packets(capture) if packet.time is not None})
    if not times or times[-1] >= 2**32:
        pytest.skip("no packet has a time, or pcap cannot hold it")
    limits = utc(times[len(times) // 3]), utc(times[2 * len(times) // 3] + 1)
    try:
        judged = written_by_editcap(corpus_file, tmp_path, "-A", limits[0], "-B", limits[1])
        converted(capture, "pcap", nanoseconds=True)
    except (subprocess.CalledProcessError, TargetError):
        pytest.skip("it cannot be one pcap file, by editcap or by pcapconv")
    count_same_packets(corpus_file, judged, after=limits[0], before=limits[1])
