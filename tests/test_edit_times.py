"""Editing times: all packets moved, the first one at a given time, the times of single packets."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import wire
from agreement import count_same_packets, needs_editcap, written_by_editcap
from conversions import converted
from wire import In, raw_blocks

import pcapconv
from pcapconv import FormatError, TargetError, UsageError

pytestmark = pytest.mark.usefixtures("kernels")

FOLDER = Path(__file__).parent / "samples"

# ---------------------------------------------------------------- shift_time


@pytest.mark.parametrize(
    ("shift", "seconds"),
    [
        ("1", 1),
        ("+1", 1),
        ("-1s", -1),
        ("+1h30m", 5400),
        ("-250ms", Fraction(-1, 4)),
        ("0.000001", Fraction(1, 10**6)),
        ("-1us", Fraction(-1, 10**6)),
        ("1000ns", Fraction(1, 10**6)),
    ],
)
def test_times_are_shifted_exactly(write: In, shift: str, seconds: Fraction) -> None:
    units = [(b"\x06", 10**6), (b"\x09", 10**9), (b"\x0c", 10**12)]
    capture = write.section_header()
    capture += b"".join(write.interface(options=write.options((wire.IF_TSRESOL, byte))) for byte, _ in units)
    capture += b"".join(write.enhanced_packet(place, 7200 * unit + 1, b"x") for place, (_, unit) in enumerate(units))
    out, _ = converted(capture, "pcapng", shift_time=shift)
    assert [packet.ticks for packet in wire.read_pcapng(out)] == [7200 * unit + 1 + seconds * unit for _, unit in units]
    assert raw_blocks(out)[:4] == raw_blocks(capture)[:4]


def test_a_shift_by_nothing_is_none(write: In) -> None:
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 1, b"x")
    for shift in ("0", "+0s", "-0", "0.000"):
        assert converted(capture, "pcapng", shift_time=shift)[0] == capture


def test_packets_without_a_time_stay_when_others_are_shifted(write: In) -> None:
    simple = write.simple_packet(b"x")
    capture = write.section_header() + write.interface() + simple + write.enhanced_packet(0, 5, b"y")
    out, _ = converted(capture, "pcapng", shift_time="1s")
    assert raw_blocks(out)[2:] == [simple, write.enhanced_packet(0, 1_000_005, b"y")]


MOST = 2**64 - 1


@pytest.mark.parametrize(
    ("resolution", "ticks", "shift"),
    [
        (6, 0, "-1us"),
        (6, 999_999, "-1s"),
        (6, MOST, "1us"),
        (6, MOST - 999_999, "1s"),
        (9, MOST, "0.000000001"),
        (0x80 | 20, 0, "-0.5"),
        (19, MOST, "-2s"),  # more ticks than 64 bits, although there are as many
        (19, 0, "2s"),
        (127, 5, "1s"),
        (127, MOST, "-1s"),
        (6, 5, f"-1{'0' * 50}"),
    ],
)
def test_a_time_that_would_leave_64_bits_is_refused(write: In, resolution: int, ticks: int, shift: str) -> None:
    described = write.interface(options=write.options((wire.IF_TSRESOL, bytes([resolution]))))
    capture = write.section_header() + write.interface() + described
    capture += write.simple_packet(b"fine") + write.enhanced_packet(1, ticks, b"not")
    with pytest.raises(TargetError) as caught:
        converted(capture, "pcapng", shift_time=shift)
    told = "its time would be before the first or after the last that its interface can count"
    assert str(caught.value) == f"input: packet 2: shifted, {told} (interface 1 of section 0); shift by less"


@pytest.mark.parametrize(
    ("resolution", "ticks", "shift", "now"),
    [
        (6, 1, "-1us", 0),
        (6, MOST - 10**6, "1s", MOST),
        (19, MOST, "-1s", MOST - 10**19),
        (19, 0, "1s", 10**19),
        (0x80 | 63, 0, "1.5s", 3 << 62),
    ],
)
def test_a_time_that_just_fits_64_bits(write: In, resolution: int, ticks: int, shift: str, now: int) -> None:
    described = write.interface(options=write.options((wire.IF_TSRESOL, bytes([resolution]))))
    capture = write.section_header() + described + write.enhanced_packet(0, ticks, b"x")
    assert [packet.ticks for packet in wire.read_pcapng(converted(capture, "pcapng", shift_time=shift)[0])] == [now]


@pytest.mark.parametrize(("seconds", "shift"), [(0, "-1us"), (2**32 - 1, "1s"), (5, "-6s"), (5, "4294967291s")])
def test_a_time_that_would_leave_pcap_is_refused(write: In, seconds: int, shift: str) -> None:
    capture = write.pcap_header() + write.pcap_record(seconds, 0, b"x")
    with pytest.raises(TargetError, match=r"^input: packet 1: "):
        converted(capture, "pcap", shift_time=shift)
    if seconds == 2**32 - 1:
        out, _ = converted(capture, "pcapng", shift_time=shift)
        assert [packet.ticks for packet in wire.read_pcapng(out)] == [2**32 * 10**6]


def test_a_shift_finer_than_an_interface_s_unit_is_refused(write: In) -> None:
    coarse = write.interface(options=write.options((wire.IF_TSRESOL, b"\3")))
    head = write.section_header() + write.interface() + coarse
    capture = head + write.enhanced_packet(0, 10**7, b"x") + write.enhanced_packet(1, 10**4, b"y")
    for shift in ("0.0005", "-1us", "1.0001s"):
        with pytest.raises(UsageError) as caught:
            converted(capture, "pcapng", shift_time=shift)
        message = "packet 2: interface 1 of section 0 counts in steps of 1/1000 s; give shift_time= a multiple of that"
        assert str(caught.value) == message
    assert [packet.ticks for packet in wire.read_pcapng(converted(capture, "pcapng", shift_time="0.005")[0])] == [
        10**7 + 5000,
        10**4 + 5,
    ]
    fine = head + write.enhanced_packet(0, 1, b"x")  # no packet is of the other
    assert [packet.ticks for packet in wire.read_pcapng(converted(fine, "pcapng", shift_time="5us")[0])] == [6]
    assert converted(capture, "pcapng", shift_time="5us", packets="1")[1].packets_written == 1
    with pytest.raises(UsageError, match="1/1000000 s"):
        converted(write.pcap_header() + write.pcap_record(1, 0, b"x"), "pcap", shift_time="5ns")


def test_a_time_that_nobody_can_tell_is_not_shifted(write: In) -> None:
    unclear = write.interface(options=write.options((wire.IF_TSRESOL, b"")))
    capture = write.section_header() + unclear + write.interface()
    capture += write.simple_packet(b"x") + write.enhanced_packet(1, 1, b"y")
    assert converted(capture, "pcapng", shift_time="1s")[1].packets_written == 2
    assert converted(capture, "pcapng", snaplen=1)[1].packets_written == 2
    with pytest.raises(FormatError) as caught:
        converted(capture + write.enhanced_packet(0, 1, b"z"), "pcapng", shift_time="1s")
    message = (
        "input: packet 3: the times of interface 0 of section 0 cannot be determined: "
        "if_tsresol has 0 bytes instead of 1"
    )
    assert str(caught.value) == message


# ---------------------------------------------------------------- rebase_time


def ticks(out: bytes) -> list[int | None]:
    return [packet.ticks for packet in wire.read_pcapng(out)]


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("1970-01-01", 0),
        ("0", 0),
        ("7.000001", 7_000_001),
        ("2024-05-01T12:00:00.25Z", 1_714_564_800_250_000),
        ("2024-05-01T14:00:00.25+02:00", 1_714_564_800_250_000),
        ("4294967296", 2**32 * 10**6),
    ],
)
def test_the_first_packet_gets_the_time_and_the_others_move_alike(write: In, start: str, first: int) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 5_000_003, b"x")
    capture += write.simple_packet(b"s") + write.enhanced_packet(0, 5_000_010, b"y")
    capture += write.obsolete_packet(0, 6_000_000, b"z", drops_count=3)
    out, _ = converted(capture, "pcapng", rebase_time=start)
    assert ticks(out) == [first, None, first + 7, first + 999_997]
    drops = write.options((wire.EPB_DROPCOUNT, write.number(3, 8)))
    assert raw_blocks(out)[-1] == write.enhanced_packet(0, first + 999_997, b"z", options=drops)


def test_a_time_at_which_the_first_packet_is_changes_nothing(write: In) -> None:
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 5_000_003, b"x")
    assert converted(capture, "pcapng", rebase_time="5.000003")[0] == capture
    for magic in (wire.MICROSECONDS, wire.NANOSECONDS):
        capture = write.pcap_header(magic) + write.pcap_record(5, 3, b"x")
        assert converted(capture, "pcap", rebase_time=f"5.00000{'0003' if magic == wire.NANOSECONDS else '3'}")[0] == (
            capture
        )


@pytest.mark.parametrize(
    ("options", "now"),
    [
        ({}, [100, 95, 103]),
        ({"packets": "2-"}, [100, 108]),
        ({"drop_packets": "2"}, [100, 103]),
        ({"last": 1}, [100]),
        ({"sort": True}, [100, 105, 108]),
        ({"after": "6"}, [100, 103]),
        ({"after": "+1s"}, [100]),
    ],
    ids=str,
)
def test_the_first_packet_is_the_first_that_is_written(write: In, options: dict[str, Any], now: list[int]) -> None:
    """Selecting and sorting look at times as they were read."""
    capture = write.section_header() + write.interface(snaplen=9)
    capture += b"".join(write.enhanced_packet(0, seconds * 10**6, b"x") for seconds in (10, 5, 13))
    out, _ = converted(capture, "pcapng", rebase_time="100", **options)
    assert ticks(out) == [seconds * 10**6 for seconds in now]


def test_a_first_packet_without_a_time_is_passed_over(write: In) -> None:
    simple = write.section_header() + write.interface() + write.simple_packet(b"s") * 9000
    other = In("<" if write.byte_order == ">" else ">")
    second = other.section_header() + other.interface(options=other.options((wire.IF_TSRESOL, b"\x09")))
    capture = simple + second + other.enhanced_packet(0, 5 * 10**9 + 1, b"x") + other.simple_packet(b"s")
    capture += other.enhanced_packet(0, 7 * 10**9 + 1, b"x")
    assert ticks(converted(capture, "pcapng", rebase_time="9")[0])[9000:] == [9 * 10**9, None, 11 * 10**9]
    assert converted(simple, "pcapng", rebase_time="9")[0] == simple


def test_the_move_is_exact_or_refused(write: In) -> None:
    units = ((b"\x09", 10**9), (b"\x06", 10**6))
    capture = write.section_header()
    capture += b"".join(write.interface(options=write.options((wire.IF_TSRESOL, byte))) for byte, _ in units)
    capture += write.enhanced_packet(0, 5_000_000_001, b"x") + write.enhanced_packet(1, 6_000_000, b"y")
    assert ticks(converted(capture, "pcapng", rebase_time="9.000000001")[0]) == [9_000_000_001, 10_000_000]
    with pytest.raises(UsageError) as caught:
        converted(capture, "pcapng", rebase_time="9")
    assert str(caught.value) == (
        "packet 2: interface 1 of section 0 counts in steps of 1/1000000 s; "
        "give rebase_time= a time that is a multiple of that from the first packet's"
    )
    with pytest.raises(UsageError, match=r"^packet 1: interface 0 of section 0 counts in steps of 1/1000000000 s"):
        converted(capture, "pcapng", rebase_time="9.0000000001")


def test_a_move_beyond_what_an_interface_or_pcap_can_hold_is_refused(write: In) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 5_000_000, b"x")
    capture += write.enhanced_packet(0, 3_000_000, b"y")
    told = "shifted, its time would be before the first or after the last that its interface can count"
    for start, number in (("-1", 1), ("1.999999", 2), (f"{10**15}", 1), (f"{10**40}", 1)):
        with pytest.raises(TargetError) as caught:
            converted(capture, "pcapng", rebase_time=start)
        assert str(caught.value) == (
            f"input: packet {number}: {told} (interface 0 of section 0); give rebase_time= a different time"
        )
    assert ticks(converted(capture, "pcapng", rebase_time="2")[0]) == [2_000_000, 0]
    capture = write.pcap_header() + write.pcap_record(5, 0, b"x") + write.pcap_record(7, 0, b"y")
    with pytest.raises(TargetError, match=r"^input: packet 2: "):
        converted(capture, "pcap", rebase_time=f"{2**32 - 2}")
    out, _ = converted(capture, "pcap", rebase_time=f"{2**32 - 3}")
    assert [packet.ticks for packet in wire.read_pcap(out)] == [(2**32 - 3) * 10**6, (2**32 - 1) * 10**6]


def test_a_first_packet_whose_time_nobody_can_tell_is_refused(write: In) -> None:
    unclear = write.interface(options=write.options((wire.IF_TSRESOL, b"")))
    capture = write.section_header() + unclear + write.interface() + write.simple_packet(b"s")
    capture += write.enhanced_packet(0, 1, b"x") + write.enhanced_packet(1, 1, b"y")
    with pytest.raises(FormatError, match=r"^input: packet 2: the times of interface 0 of section 0 cannot be "):
        converted(capture, "pcapng", rebase_time="9")
    assert ticks(converted(capture, "pcapng", rebase_time="9", drop_packets="2")[0]) == [None, 9_000_000]


# ---------------------------------------------------------------- set_time


def test_single_packets_get_their_times(write: In) -> None:
    nanoseconds = write.options((wire.IF_TSRESOL, b"\x09"), (wire.IF_TSOFFSET, write.number(100, 8)))
    capture = write.section_header() + write.interface() + write.interface(options=nanoseconds)
    capture += write.enhanced_packet(0, 1, b"a") + write.enhanced_packet(1, 2, b"b") + write.enhanced_packet(0, 3, b"c")
    capture += write.obsolete_packet(1, 4, b"d", drops_count=5)
    out, report = converted(capture, "pcapng", set_time=["2:2024-05-01T12:00:00.000000001Z", "4:101", "1:0"])
    drops = write.options((wire.EPB_DROPCOUNT, write.number(5, 8)))
    assert raw_blocks(out) == [
        *raw_blocks(capture)[:3],
        write.enhanced_packet(0, 0, b"a"),
        write.enhanced_packet(1, (1_714_564_800 - 100) * 10**9 + 1, b"b"),
        raw_blocks(capture)[5],
        write.enhanced_packet(1, 10**9, b"d", options=drops),
    ]
    assert report.left_out == {}


@pytest.mark.parametrize(
    ("options", "now"),
    [
        ({}, [10, 77, 13]),
        ({"shift_time": "1s"}, [11, 77, 14]),
        ({"shift_time": "-9s"}, [1, 77, 4]),  # which packet 2 could not follow
        ({"rebase_time": "100"}, [100, 77, 103]),
        ({"rebase_time": "100", "packets": "2-"}, [77, 108]),  # counted from the time that packet 2 had
        ({"sort": True}, [77, 10, 13]),
        ({"before": "9"}, [77]),
        ({"after": "9", "invert": True}, [77]),
        ({"chop": 1, "packet_comment": ["2:seen"]}, [10, 77, 13]),
    ],
    ids=str,
)
def test_everything_else_looks_at_the_time_that_was_read(write: In, options: dict[str, Any], now: list[int]) -> None:
    capture = write.section_header() + write.interface()
    capture += b"".join(write.enhanced_packet(0, seconds * 10**6, b"xy") for seconds in (10, 5, 13))
    out, _ = converted(capture, "pcapng", set_time="2:77", **options)
    assert ticks(out) == [seconds * 10**6 for seconds in now]


def test_a_time_that_is_set_finds_its_packet_among_many(write: In) -> None:
    capture = write.pcap_header() + b"".join(write.pcap_record(number, 1, bytes(160)) for number in range(1, 9001))
    chosen = [1, 2, 2900, 5000, 9000]
    out, _ = converted(capture, "pcap", set_time=[f"{number}:{number}.5" for number in chosen])
    expect = [number * 10**6 + (500_000 if number in chosen else 1) for number in range(1, 9001)]
    assert [packet.ticks for packet in wire.read_pcap(out)] == expect


def test_a_packet_that_is_not_written_or_has_no_place_for_a_time_is_refused(write: In) -> None:
    capture = write.section_header() + write.interface() + write.simple_packet(b"s") + write.enhanced_packet(0, 1, b"x")
    with pytest.raises(TargetError, match=r"^input: packet 1: a Simple Packet, which has no place for a time$"):
        converted(capture, "pcapng", set_time=["1:5"])
    for options in ({}, {"packets": "1"}):
        number = 2 if options else 3
        with pytest.raises(UsageError, match=f"^set_time=: packet {number} of the input is not among those written; "):
            converted(capture, "pcapng", set_time=[f"{number}:5"], **options)


@pytest.mark.parametrize("time", ["-1", "18446744073709.551616", f"{10**40}"])
def test_a_time_that_an_interface_cannot_count_is_refused(write: In, time: str) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"x") * 2
    with pytest.raises(TargetError) as caught:
        converted(capture, "pcapng", set_time=f"2:{time}")
    assert str(caught.value) == (
        "input: packet 2: set_time= gives it a time before the first or after the last that its interface can count "
        "(interface 0 of section 0)"
    )
    assert ticks(converted(capture, "pcapng", set_time="2:18446744073709.551615")[0]) == [1, 2**64 - 1]


def test_a_time_finer_than_an_interface_s_unit_is_refused(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(1, 0, b"x")
    with pytest.raises(UsageError) as caught:
        converted(capture, "pcap", set_time="1:1.0000001")
    assert str(caught.value) == (
        "packet 1: interface 0 of section 0 counts in steps of 1/1000000 s; give set_time= a multiple of that"
    )
    with pytest.raises(TargetError, match=r"^input: packet 1: "):
        converted(capture, "pcap", set_time="1:4294967296")


def test_a_time_is_not_set_on_an_interface_whose_times_nobody_can_tell(write: In) -> None:
    unclear = write.interface(options=write.options((wire.IF_TSRESOL, b"")))
    capture = write.section_header() + unclear + write.enhanced_packet(0, 1, b"x")
    with pytest.raises(FormatError, match=r"^input: packet 1: the times of interface 0 of section 0 cannot be "):
        converted(capture, "pcapng", set_time="1:1")


# ---------------------------------------------------------------- sidecars


@pytest.mark.parametrize("options", [{"set_time": ["1:7.000000001"]}, {"rebase_time": "4294967299.000000001"}], ids=str)
def test_a_sidecar_has_the_new_times(write: In, tmp_path: Path, options: dict[str, Any]) -> None:
    """Also a time that pcap cannot hold."""
    capture = write.section_header() + write.interface(options=write.options((wire.IF_TSRESOL, b"\x09")))
    capture += write.enhanced_packet(0, 5_000_000_001, b"x") + write.enhanced_packet(0, 6_000_000_001, b"y")
    source, there, back = tmp_path / "a.pcapng", tmp_path / "a.pcap", tmp_path / "b.pcapng"
    source.write_bytes(capture)
    edited, _ = converted(capture, "pcapng", **options)
    pcapconv.convert(source, there, sidecar=True, **options)
    pcapconv.convert(there, back, sidecar=True)
    assert back.read_bytes() == edited


def test_times_are_edited_behind_what_a_sidecar_restores(write: In, tmp_path: Path) -> None:
    picoseconds = write.interface(options=write.options((wire.IF_TSRESOL, b"\x0c")))
    capture = write.section_header() + write.interface() + picoseconds + write.simple_packet(b"s")
    capture += write.enhanced_packet(1, 5_000_000_000_001, b"x") + write.enhanced_packet(1, 6_000_000_000_001, b"y")
    source, there, back = tmp_path / "a.pcapng", tmp_path / "a.pcap", tmp_path / "b.pcapng"
    source.write_bytes(capture)
    pcapconv.convert(source, there, sidecar=True, nanoseconds=True)
    pcapconv.convert(there, back, sidecar=True, rebase_time="9.000000000001", set_time="3:1.000000000002")
    assert ticks(back.read_bytes()) == [None, 9_000_000_000_001, 1_000_000_000_002]


# ---------------------------------------------------------------- editcap, where PEERS.md does not call it wrong

JUDGED = ["lengths-le.pcap", "micro-be.pcap", "nano-le.pcap", "web.pcap", "web-nano.pcap", "tls.pcapng", "web.pcapng"]


@needs_editcap
@pytest.mark.parametrize("name", JUDGED)
def test_shifts_are_editcap_s(name: str, tmp_path: Path) -> None:
    path = FOLDER / name
    for shift in ("1", "-1", "3600", "0.5", "-0.000001", "-2.25"):
        count_same_packets(path, written_by_editcap(path, tmp_path, "-t", shift), shift_time=shift)
