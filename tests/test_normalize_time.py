"""`normalize`: times in nanoseconds, rebased, masked and sorted."""

from fractions import Fraction

import pytest
import wire
from equivalent_captures import Option
from expected_request import decimal
from hypothesis import given
from hypothesis import strategies as st
from normalizing import (
    IDB,
    NANO,
    NS,
    ONE,
    SHB,
    UNKNOWN_BLOCK,
    T,
    capture_with_time,
    normal_interface,
    normal_packets,
    normalized,
    normalized_with_report,
    refusal_of,
)
from wire import In

from pcapconv import (
    FormatError,
    TargetError,
)

LARGEST = 2**64 - 1
HOLD = f"nanoseconds hold 0 to {LARGEST}; rebase_time= moves it, mask_time=True replaces it"


# ---------------------------------------------------------------- times

RESOLUTIONS = {  # if_tsresol: a tick count that is whole nanoseconds, and how many
    0: (T, NS),
    1: (7, 700_000_000),
    3: (1, 1_000_000),
    6: (LARGEST // 1000, LARGEST // 1000 * 1000),
    8: (3, 30),
    9: (LARGEST, LARGEST),
    10: (30, 3),
    12: (LARGEST // 1000 * 1000, LARGEST // 1000),
    18: (5 * 10**9, 5),
    0x80: (T, NS),
    0x81: (1, 500_000_000),
    0x89: (1, 1_953_125),
    0x8A: (2, 1_953_125),
    0xBF: (2**63, 10**9),
    0xBE: (2**53, 1_953_125),
}


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_resolution(write: In, resolution: int) -> None:
    ticks, time = RESOLUTIONS[resolution]
    assert normalized(capture_with_time(write, resolution, None, ticks)) == SHB + IDB + wire.enhanced_packet(
        0, time, b"one"
    )


@pytest.mark.parametrize(("resolution", "ticks"), [(127, 0), (0xFF, 0), (19, 0), (0x80 | 64, 0)])
def test_resolutions_beyond_all_need(write: In, resolution: int, ticks: int) -> None:
    assert normalized(capture_with_time(write, resolution, T, ticks)) == SHB + IDB + ONE
    cut, report = normalized_with_report(capture_with_time(write, resolution, T, 1), on_loss="ignore")
    assert (cut, report.losses) == (SHB + IDB + ONE, {"time-digits": 1})


@pytest.mark.parametrize("resolution", [3, 6, 9, 0x80])
@pytest.mark.parametrize("offset", [0, 1, -1, 2**33, T, -T])
def test_every_offset(write: In, resolution: int, offset: int) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    capture = capture_with_time(write, resolution, offset, (T + 1) * per_second)
    assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, (T + 1 + offset) * 10**9, b"one")


@pytest.mark.parametrize("resolution", [10, 12, 0x8A, 0x94, 0xBF])
def test_digits_finer_than_a_nanosecond_are_refused_or_cut(write: In, resolution: int) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    capture = capture_with_time(write, resolution, -1, per_second + 1)
    says = "input: packet 1: its time has digits finer than a nanosecond; on_loss='ignore' cuts them"
    for options in ({}, {"on_loss": "fail"}, {"sort": True}, {"rebase_time": "7"}):
        assert refusal_of(capture, TargetError, **options) == says
    out, report = normalized_with_report(capture, on_loss="ignore")
    assert out == SHB + IDB + wire.enhanced_packet(0, 10**9 // per_second, b"one")
    assert report.losses == {"time-digits": 1}
    moved, _ = normalized_with_report(capture, on_loss="ignore", rebase_time="7")
    assert [packet.ticks for packet in wire.read_pcapng(moved)] == [7 * 10**9]


def test_cut_digits_cut_downwards(write: In) -> None:
    """As times before 1970 plus an offset are, and packets of the same nanosecond stay in their order."""
    pairs = [(wire.IF_TSRESOL, b"\x0a"), (wire.IF_TSOFFSET, write.number(-1, 8))]
    capture = write.section_header() + write.interface(options=write.options(*pairs))
    ticks = [10**10 + 19, 10**10 + 11, 10**10 + 9, 10**10 + 10]
    capture += b"".join(write.enhanced_packet(0, tick, bytes([n])) for n, tick in enumerate(ticks))
    out, report = normalized_with_report(capture, on_loss="ignore", sort=True)
    assert out == SHB + IDB + b"".join(
        wire.enhanced_packet(0, time, bytes([n])) for n, time in ((2, 0), (0, 1), (1, 1), (3, 1))
    )
    assert report.losses == {"time-digits": 3}


def test_times_that_nanoseconds_do_not_hold_are_refused(write: In) -> None:
    early = capture_with_time(write, 6, -1, 999_999)
    assert refusal_of(early, TargetError, on_loss="ignore") == (
        f"input: packet 1: its time would be -1000 ns since 1970; {HOLD}"
    )
    late = capture_with_time(write, 0, None, 18_446_744_074)
    assert refusal_of(late, TargetError) == (
        f"input: packet 1: its time would be 18446744074000000000 ns since 1970; {HOLD}"
    )


def test_the_packet_that_is_refused_is_named(write: In) -> None:
    pairs = [(wire.IF_TSRESOL, b"\x0c")]
    capture = write.section_header() + write.interface() + write.interface(options=write.options(*pairs))
    capture += write.enhanced_packet(0, 1, b"one") * 2 + write.enhanced_packet(1, 1001, b"one")
    assert refusal_of(capture, TargetError).startswith("input: packet 3: its time has digits ")


MALFORMED = [(wire.IF_TSRESOL, b""), (wire.IF_TSRESOL, b"\6\0"), (wire.IF_TSOFFSET, bytes(4))]


@pytest.mark.parametrize("pair", MALFORMED, ids=str)
def test_times_that_nobody_can_tell_are_refused(write: In, pair: Option) -> None:
    interface = write.interface(options=write.options(pair))
    capture = write.section_header() + interface + write.enhanced_packet(0, 5, b"one")
    for options in ({}, {"on_loss": "ignore"}, {"sort": True}, {"rebase_time": "0"}):
        assert refusal_of(capture, FormatError, **options).startswith("input: packet 1: the times of ")
    unused = write.section_header() + interface + write.interface() + write.enhanced_packet(1, T * 10**6, b"one")
    assert normalized(unused) == SHB + IDB + ONE
    simple = write.section_header() + interface + write.simple_packet(b"one")
    assert normalized(simple) == SHB + IDB + wire.enhanced_packet(0, 0, b"one")


@pytest.mark.parametrize("pair", MALFORMED, ids=str)
def test_masked_times_need_not_be_told(write: In, pair: Option) -> None:
    interface = write.interface(options=write.options(pair))
    capture = write.section_header() + interface + write.enhanced_packet(0, 5, b"one")
    assert normalized(capture, mask_time=True) == SHB + IDB + wire.enhanced_packet(0, 1_000_000, b"one")


# ---------------------------------------------------------------- rebase, mask, sort


def three_packets(write: In, *late: int) -> bytes:
    """Packets so many nanoseconds after T, of two interfaces."""
    capture = write.section_header()
    for pairs in ([NANO], [NANO, (wire.IF_TSOFFSET, write.number(1, 8))]):
        capture += write.interface(options=write.options((wire.IF_NAME, b"i"), *pairs))
    for number, each in enumerate(late):
        capture += write.enhanced_packet(number % 2, NS + each - number % 2 * 10**9, bytes([number]))
    return capture


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("0", 0),
        ("2024-05-01T12:00:00.000000001Z", NS + 1),
        ("2024-05-01T14:00:00+02:00", NS),
        ("18446744073.709551610", LARGEST - 5),
        ("12.5", 12_500_000_000),
    ],
)
def test_rebase_moves_all_with_the_first(write: In, text: str, start: int) -> None:
    assert normalized(three_packets(write, 10, 11, 15), rebase_time=text) == normal_packets(
        (0, start), (1, start + 1), (2, start + 5)
    )
    assert normalized(three_packets(write, 15, 10, 11), rebase_time=text, sort=True) == normal_packets(
        (1, start), (2, start + 1), (0, start + 5)
    )


def test_rebase_does_not_lead_out_of_range(write: In) -> None:
    low, high = three_packets(write, 5, 4), three_packets(write, 5, 6)
    assert refusal_of(low, TargetError, rebase_time="0") == (
        f"input: packet 2: its time would be -1 ns since 1970; {HOLD}"
    )
    assert refusal_of(high, TargetError, rebase_time="18446744073.709551615") == (
        f"input: packet 2: its time would be {2**64} ns since 1970; {HOLD}"
    )
    assert normalized(low, rebase_time="0", sort=True) == normal_packets((1, 0), (0, 1))


@pytest.mark.parametrize("sort", [False, True])
def test_rebase_brings_times_into_range(write: In, sort: bool) -> None:
    """Those before 1970, and those beyond what 64 bits hold."""
    for offset in (-(10**10), 2**35, -(2**40)):
        capture = capture_with_time(write, 0, offset, 3)
        assert normalized(capture, rebase_time="2", sort=sort) == (
            SHB + IDB + wire.enhanced_packet(0, 2 * 10**9, b"one")
        )


def test_rebase_without_packets(write: In) -> None:
    assert normalized(write.section_header() + write.interface(), rebase_time="12", sort=True) == SHB + IDB


@pytest.mark.parametrize(("options", "start"), [({}, 0), ({"rebase_time": "12.000000005"}, 12_000_000_005)])
def test_mask_puts_packets_a_millisecond_apart(write: In, options: dict[str, str], start: int) -> None:
    later = [start + n * 10**6 for n in (1, 2, 3)]
    assert normalized(three_packets(write, 9, 5, 7), mask_time=True, **options) == normal_packets(*enumerate(later))
    assert normalized(three_packets(write, 9, 5, 7), mask_time=True, sort=True, **options) == normal_packets(
        *zip((1, 2, 0), later)
    )


def test_masked_times_may_be_any(write: In) -> None:
    simple = write.section_header() + write.interface() + write.simple_packet(b"one")
    captures = [
        capture_with_time(write, 12, None, 1),
        capture_with_time(write, 6, -5, 0),
        capture_with_time(write, 0, None, LARGEST),
        simple,
    ]
    for capture in captures:
        out, report = normalized_with_report(capture, mask_time=True)
        assert out == SHB + IDB + wire.enhanced_packet(0, 10**6, b"one")
        assert report.losses == {}


def test_mask_goes_on_through_sections_and_batches(write: In) -> None:
    part = write.section_header() + write.interface() + write.enhanced_packet(0, 5, b"x") * 3
    part += write.block(UNKNOWN_BLOCK, b"body") + write.enhanced_packet(0, 5, b"x") * 2
    out = normalized(part * 4, mask_time=True)
    assert [packet.ticks for packet in wire.read_pcapng(out)] == [n * 10**6 for n in range(1, 21)]


def test_mask_does_not_lead_out_of_range(write: In) -> None:
    last = Fraction(LARGEST - 2 * 10**6, 10**9)
    capture = three_packets(write, 1, 2)
    fits = normalized(capture, mask_time=True, rebase_time=decimal(last))
    assert [packet.ticks for packet in wire.read_pcapng(fits)] == [LARGEST - 10**6, LARGEST]
    beyond = decimal(last + Fraction(1, 10**9))
    assert refusal_of(capture, TargetError, mask_time=True, rebase_time=beyond) == (
        "input: packet 1: mask_time=True leads beyond what nanoseconds can hold"
    )


def many_packets(write: In, sections: int = 3) -> tuple[bytes, list[tuple[int, int, bytes, bytes]]]:
    """Packets in batches, with a few times many times over; and (time, interface, data, comment) of each."""
    capture, stated, number = b"", [], 0
    for section in range(sections):
        capture += write.section_header()
        capture += b"".join(write.interface(options=write.options((wire.IF_NAME, bytes([65 + n])))) for n in range(3))
        for _ in range(40):
            time, which = (number * 7919) % 23, (number * 31) % 3
            text = b"%d" % number if number % 5 == 0 else b""
            data = number.to_bytes(4, "big") * (number % 9)
            options = write.options((wire.OPT_COMMENT, text)) if text else b""
            capture += write.enhanced_packet(which, T * 10**6 + time, data, original_length=99, options=options)
            stated.append((NS + time * 1000, which, data, text))
            number += 1
            if number % 6 == section:
                capture += write.block(UNKNOWN_BLOCK, number.to_bytes(4, "big"))
    return capture, stated


@pytest.mark.parametrize("run", [0, 1, 700, 5000, 2**24])
def test_runs_that_do_not_fit_memory_are_merged(write: In, run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.steps.packet_sorter._RUN", run)
    capture, stated = many_packets(write)
    by_time = sorted(stated, key=lambda each: each[0])  # which is stable
    order = list(dict.fromkeys(each[1] for each in by_time))
    out = normalized(capture, sort=True)
    assert out == (
        SHB
        + b"".join(normal_interface((wire.IF_NAME, bytes([65 + n]))) for n in order)
        + b"".join(
            wire.enhanced_packet(
                order.index(which),
                time,
                data,
                original_length=99,
                options=wire.options((wire.OPT_COMMENT, text)) if text else b"",
            )
            for time, which, data, text in by_time
        )
    )
    assert normalized(out, sort=True) == out == normalized(out)


@pytest.mark.parametrize("rows", [1, 2, 7, 50])
@pytest.mark.parametrize("piece", [1, 40, 150, 700])
@pytest.mark.usefixtures("kernels")
def test_runs_are_written_and_read_in_pieces(write: In, rows: int, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any size: runs, and what of each is in memory at once."""
    capture, _ = many_packets(write)
    whole = normalized(capture, sort=True)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._ROWS", rows)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECES", 0)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECE", piece)
    assert normalized(capture, sort=True) == whole


def test_batches_that_rise_each_by_itself_are_sorted(write: In) -> None:
    sections = [
        write.section_header()
        + write.interface(options=write.options(NANO))
        + b"".join(write.enhanced_packet(0, time, b"%d" % time) for time in times)
        for times in ((5, 6), (1, 2))
    ]
    packets = b"".join(wire.enhanced_packet(0, time, b"%d" % time) for time in (1, 2, 5, 6))
    assert normalized(b"".join(sections), sort=True) == SHB + IDB + packets


@given(
    times=st.lists(st.integers(0, 9), max_size=60),
    rows=st.integers(1, 20),
    piece=st.sampled_from([1, 36, 100, 300]),
)
def test_packets_of_the_same_time_stay_in_their_order(times: list[int], rows: int, piece: int) -> None:
    packets = [wire.enhanced_packet(0, time, b"%d" % number) for number, time in enumerate(times)]
    head = wire.section_header() + wire.interface(options=wire.options(NANO))
    ordered = [packets[number] for number in sorted(range(len(times)), key=times.__getitem__)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.steps.packet_sorter._ROWS", rows)
        patch.setattr("pcapconv.steps.packet_sorter._PIECES", 0)
        patch.setattr("pcapconv.steps.packet_sorter._PIECE", piece)
        out = normalized(head + b"".join(packets), sort=True)
    assert out == SHB + IDB + b"".join(ordered)


@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_runs_of_long_packets_are_merged_a_few_at_a_time(
    write: In, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has one packet in memory at least."""
    monkeypatch.setattr("pcapconv.steps.packet_sorter._RUN", 1000)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECES", 2500)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._PIECE", 100)
    monkeypatch.setattr("pcapconv.steps.packet_sorter._MOST_RUNS", 5)
    times = [number * 7 % 5 for number in range(count)]
    data = [bytes([number]) * (900 + number) for number in range(count)]
    capture = write.section_header() + write.interface(options=write.options(NANO))
    capture += b"".join(write.enhanced_packet(0, time, each) for time, each in zip(times, data))
    ordered = sorted(range(count), key=times.__getitem__)
    packets = [wire.enhanced_packet(0, times[number], data[number]) for number in ordered]
    assert normalized(capture, sort=True) == SHB + IDB + b"".join(packets)


def test_a_sorted_capture_stays_sorted_with_large_packets(write: In, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.steps.packet_sorter._RUN", 100_000)
    capture = write.section_header() + write.interface(options=write.options(NANO))
    for number in range(12):
        capture += write.enhanced_packet(0, 11 - number, bytes([number]) * 200_000)
    packets = [wire.enhanced_packet(0, 11 - number, bytes([number]) * 200_000) for number in range(12)]
    assert normalized(capture, sort=True) == SHB + IDB + b"".join(reversed(packets))
