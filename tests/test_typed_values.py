"""Arguments in Python's types mean what text means: times, lengths of time, numbers of packets."""

import array
import io
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st

import pcapconv
from pcapconv import UsageError
from pcapconv.steps.argument_values import Moment, parse_packet_ranges, range_text
from pcapconv.steps.typed_values import MOST_RANGES, duration, moment, packet_ranges

NOON = 1714564800  # 2024-05-01T12:00:00Z
SOURCE = wire.pcap_header() + b"".join(
    wire.pcap_record(NOON + number, number * 1000, bytes([number])) for number in range(10)
)


def kept(**arguments: Any) -> list[int]:
    """The packets that `convert` selects, by the byte that each holds."""
    out = io.BytesIO()
    pcapconv.convert(io.BytesIO(SOURCE), out, to="pcap", **arguments)
    out.seek(0)
    with pcapconv.open(out) as capture:
        return [packet.data[0] for packet in capture]


def written(**arguments: Any) -> bytes:
    out = io.BytesIO()
    pcapconv.convert(io.BytesIO(SOURCE), out, to="pcapng", **arguments)
    return out.getvalue()


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.option is not None
    return str(caught.value)


# ---------------------------------------------------------------- times

EAST = timezone(timedelta(hours=2))


class Timestamp(datetime):
    """A datetime with nanoseconds, as pandas has it."""

    def __sub__(self, other: Any) -> Any:
        found = super().__sub__(other)
        return Difference(days=found.days, seconds=found.seconds, microseconds=found.microseconds)


class Difference(timedelta):
    nanoseconds = 7


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (NOON, NOON),
        (-1, -1),
        (0, 0),
        (numpy.int64(5), 5),
        (datetime(2024, 5, 1, 12, tzinfo=UTC), NOON),
        (datetime(2024, 5, 1, 14, tzinfo=EAST), NOON),
        (datetime(2024, 5, 1, 12, 0, 0, 250001, tzinfo=UTC), NOON + Fraction(250001, 10**6)),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), Fraction(-1, 10**6)),
        (datetime(1, 1, 1, tzinfo=UTC), -62135596800),
        (Timestamp(2024, 5, 1, 12, tzinfo=UTC), NOON + Fraction(7, 10**9)),
        (Fraction(1, 3), Fraction(1, 3)),
        (Decimal("1714564800.123456789012"), Fraction("1714564800.123456789012")),
        ("2024-05-01T12:00Z", NOON),
    ],
)
def test_times(time: Any, seconds: Fraction) -> None:
    assert moment("after", time) == Moment(Fraction(seconds), False)


def test_a_datetime_in_an_hour_that_clocks_show_twice() -> None:
    from zoneinfo import ZoneInfo

    first = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment("after", first.replace(fold=1)).seconds - moment("after", first).seconds == 3600


TIMES = "an int of seconds, a datetime with a zone, a Fraction, a Decimal, or text such as 2024-05-01T12:00:00.25Z"


@pytest.mark.parametrize(
    ("time", "fact"),
    [
        (
            datetime(2024, 5, 1),
            "after=datetime.datetime(2024, 5, 1, 0, 0): this datetime has no zone; write "
            "time.replace(tzinfo=datetime.UTC), or the zone that is meant",
        ),
        (
            1.5,
            "after=1.5: a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in "
            f"nanoseconds; pass {TIMES}",
        ),
        (pandas.NaT, f"after=NaT: must be {TIMES}"),
        (numpy.float64(2), "after=np.float64(2.0): a float is not exact"),
        (True, f"after=True: must be {TIMES}"),
        (b"1", f"after=b'1': must be {TIMES}"),
        (
            timedelta(1),
            "after=datetime.timedelta(days=1): a timedelta is no time; write '+90s' for 90 s after the first packet",
        ),
        (Decimal("nan"), f"after=Decimal('NaN'): must be {TIMES}"),
        (Decimal("1E+1000000"), f"after=Decimal('1E+1000000'): must be {TIMES}"),
        (Decimal("1E-1000000"), f"after=Decimal('1E-1000000'): must be {TIMES}"),
    ],
)
def test_times_that_are_refused(time: Any, fact: str) -> None:
    assert refusal(lambda: moment("after", time)).startswith(fact)
    assert refusal(lambda: kept(after=time)).startswith(fact)


def test_selecting_by_time() -> None:
    begin = datetime(2024, 5, 1, 12, 0, 3, tzinfo=UTC)
    assert kept(after=begin, before=begin + timedelta(seconds=2)) == [3, 4]
    assert kept(after=NOON + 8) == [8, 9]
    assert kept(before=NOON + 1) == [0]
    assert kept(before=0) == []
    assert kept(after=0) == list(range(10))
    with pcapconv.open(io.BytesIO(SOURCE)) as capture:
        packets = list(capture)
    assert kept(after=packets[4].time, before=packets[6].datetime) == [4, 5]
    assert kept(after=Decimal(f"{NOON}.000001"), before=Fraction(NOON + 1)) == []
    assert kept(after="+2s", before=begin) == [2]


def test_a_datetime_does_not_depend_on_the_argument_timezone() -> None:
    time = datetime(2024, 5, 1, 12, 0, 8, tzinfo=UTC)
    assert kept(after=time, timezone="Asia/Tokyo") == [8, 9]
    assert "has no zone" in refusal(lambda: kept(after=time.replace(tzinfo=None), timezone="Asia/Tokyo"))


def test_the_order_of_times() -> None:
    time = datetime(2024, 5, 1, tzinfo=UTC)
    assert refusal(lambda: kept(after=time, before=time)) == (
        "before=datetime.datetime(2024, 5, 1, 0, 0, tzinfo=datetime.timezone.utc) is not later than "
        "after=datetime.datetime(2024, 5, 1, 0, 0, tzinfo=datetime.timezone.utc); they select after <= time < before, "
        "as in after='+1h', before='+2h'"
    )


def test_editing_times() -> None:
    time = datetime(2030, 1, 1, tzinfo=UTC)
    assert written(rebase_time=time) == written(rebase_time="2030-01-01")
    assert written(rebase_time=NOON) == written(rebase_time=f"{NOON}")
    assert written(shift_time=timedelta(days=-1, microseconds=5)) == written(shift_time="-86399.999995")
    assert written(shift_time=90) == written(shift_time="1m30s")
    assert written(shift_time=Fraction(1, 8)) == written(shift_time="125ms")
    assert written(set_time={3: time, 5: "2024-05-01T12:00Z"}) == written(
        set_time=["3:2030-01-01", "5:2024-05-01T12:00Z"]
    )
    assert written(set_time={}) == written()
    normal = [io.BytesIO(), io.BytesIO()]
    pcapconv.normalize(io.BytesIO(SOURCE), normal[0], to="pcap", rebase_time=time)
    pcapconv.normalize(io.BytesIO(SOURCE), normal[1], to="pcap", rebase_time="2030-01-01")
    assert normal[0].getvalue() == normal[1].getvalue()


@pytest.mark.parametrize("number", [0, -1, True, "3", 1.0])
def test_set_time_by_what_is_no_packet_number(number: Any) -> None:
    assert refusal(lambda: written(set_time={number: NOON})) == (
        f"set_time={{{number!r}: {NOON}}}: write times by packet number, as in {{17: '2024-05-01T12:00Z'}}; "
        "packets count from 1"
    )


# ---------------------------------------------------------------- lengths of time


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        (timedelta(hours=1, microseconds=1), 3600 + Fraction(1, 10**6)),
        (timedelta(days=999999999), 999999999 * 86400),
        (Difference(seconds=2), 2 + Fraction(7, 10**9)),
        (90, 90),
        (Fraction(1, 3), Fraction(1, 3)),
        (Decimal("0.25"), Fraction(1, 4)),
        ("1h30m", 5400),
    ],
)
def test_lengths_of_time(length: Any, seconds: Fraction) -> None:
    assert duration("interval", length, positive=True) == seconds
    if not isinstance(length, str | Difference):
        assert duration("shift_time", -length, signed=True) == -seconds


@pytest.mark.parametrize(
    ("length", "fact"),
    [
        (timedelta(0), "datetime.timedelta(0): must be more than 0; write a timedelta, an int of seconds"),
        (timedelta(-1), "datetime.timedelta(days=-1): must be more than 0; write a timedelta"),
        (1.5, "1.5: a float is not exact"),
        (True, "True: must be a timedelta, an int of seconds"),
        (
            datetime(2024, 5, 1, tzinfo=UTC),
            "datetime.datetime(2024, 5, 1, 0, 0, tzinfo=datetime.timezone.utc): must be",
        ),
    ],
)
def test_lengths_of_time_that_are_refused(length: Any, fact: str, tmp_path: Path) -> None:
    template = tmp_path / "part-{index}.pcap"
    message = refusal(lambda: pcapconv.split(io.BytesIO(SOURCE), template, interval=length))
    assert message.startswith(f"interval={fact}")
    assert refusal(lambda: pcapconv.batch(tmp_path, tmp_path / "to", stall=length)).startswith(f"stall={fact}")


def test_a_negative_length_of_time_where_there_is_no_sign() -> None:
    assert refusal(lambda: pcapconv.diff(io.BytesIO(), io.BytesIO(), time_tolerance=timedelta(seconds=-1))) == (
        "time_tolerance=datetime.timedelta(days=-1, seconds=86399): this length of time has no sign; write 0:00:01"
    )


def test_intervals_tolerances_and_windows(tmp_path: Path) -> None:
    report = pcapconv.split(io.BytesIO(SOURCE), tmp_path / "p-{index}.pcap", interval=timedelta(seconds=4))
    assert [part["packets"] for part in report.parts or ()] == [4, 4, 2]
    later = io.BytesIO(written(shift_time=timedelta(milliseconds=1)))
    assert pcapconv.diff(io.BytesIO(SOURCE), later, time_tolerance=timedelta(milliseconds=1)).same
    later.seek(0)
    assert not pcapconv.diff(io.BytesIO(SOURCE), later, time_tolerance=timedelta(microseconds=999)).same
    twice = wire.pcap_header() + wire.pcap_record(NOON, 0, b"a") + wire.pcap_record(NOON, 100_000, b"a")
    for window, count in ((timedelta(milliseconds=99), 2), (timedelta(milliseconds=100), 1), ("100ms", 1), (1, 1)):
        report = pcapconv.convert(io.BytesIO(twice), io.BytesIO(), to="pcap", dedup=window)
        assert report.packets_written == count
    assert refusal(lambda: kept(dedup=10**5000)) == "dedup=<int>: a window has 1 to 1,048,576 packets"
    assert kept(before=NOON + 3, in_order=timedelta(seconds=2)) == [0, 1, 2]


def test_an_int_of_numpy_is_an_int() -> None:
    """Not a length of time where an int is a number of packets."""
    between = b"".join(wire.pcap_record(NOON, number, bytes([number])) for number in (1, 2, 1))
    windows: list[Any] = [1, numpy.int64(1), numpy.uint8(1)]
    for window in windows:
        report = pcapconv.convert(io.BytesIO(wire.pcap_header() + between), io.BytesIO(), to="pcap", dedup=window)
        assert report.packets_written == 3
    assert refusal(lambda: kept(before=NOON + 3, in_order=numpy.int64(5))) == (
        f"in_order={numpy.int64(5)!r}: write True, or a length of time: a timedelta, or text, as in '5s'"
    )
    assert written(set_time={numpy.int64(3): NOON}) == written(set_time={3: NOON})


HUGE = 10**5000  # which Python does not print


@pytest.mark.parametrize("name", ["packets", "drop_packets"])
def test_packet_numbers_of_thousands_of_digits(name: str) -> None:
    for value, shown in ((HUGE, "<int>"), ([3, HUGE], "<int>"), (range(HUGE, HUGE + 2), "<range>")):
        message = f"{name}={shown}: a packet number has at most 60 digits"
        assert refusal(partial(kept, **{name: value})) == message


def test_other_numbers_of_thousands_of_digits() -> None:
    for window in (HUGE, -HUGE):
        assert "a window has 1 to 1,048,576 packets" in refusal(partial(kept, dedup=window))
    assert "write times by packet number" in refusal(lambda: kept(set_time={HUGE: NOON}))


# ---------------------------------------------------------------- numbers of packets


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [
        (3, [(3, 3)]),
        (numpy.array(3), [(3, 3)]),
        (range(1, 101), [(1, 100)]),
        (range(100, 0, -1), [(1, 100)]),
        (range(1, 10, 4), [(1, 1), (5, 5), (9, 9)]),
        (range(9, 0, -4), [(1, 1), (5, 5), (9, 9)]),
        (range(1, 10**18), [(1, 10**18 - 1)]),
        (range(10**18, 10**18 + 1, 10**18), [(10**18, 10**18)]),
        (range(5, 5), []),
        (range(-5, -5), []),
        ([], []),
        ((), []),
        ([4, 2, 3, 2, 9], [(2, 4), (9, 9)]),
        ((range(1, 4), 7, range(3, 6)), [(1, 5), (7, 7)]),
        ({1, 3, 2}, [(1, 3)]),
        ({1: "a", 5: "b"}, [(1, 1), (5, 5)]),
        (array.array("Q", [8, 9, 1]), [(1, 1), (8, 9)]),
        (numpy.array([5, 6, 1]), [(1, 1), (5, 6)]),
        (numpy.array([], dtype="u8"), []),
        (numpy.int32(4), [(4, 4)]),
        (list(range(1, 2 * MOST_RANGES)), [(1, 2 * MOST_RANGES - 1)]),
        ("1-3,9-", [(1, 3), (9, None)]),
    ],
)
def test_packet_numbers(numbers: Any, ranges: list[tuple[int, int | None]]) -> None:
    assert packet_ranges("packets", numbers) == ranges


NUMBERS = "must be an int, a range, a list of them, or text such as 1-100,250,900-"
TOO_MANY = "packets=: more than 1,048,576 ranges of packets; where=, a function of a packet, takes any rule"


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (0, "packets=0: packets count from 1"),
        ([5, -3], "packets=-3: packets count from 1"),
        (range(10), "packets=range(0, 10): packets count from 1"),
        (range(3, -1, -1), "packets=range(3, -1, -1): packets count from 1"),
        (range(1, 10**18, 2), TOO_MANY),
        (range(10**18, 0, -2), TOO_MANY),
        ([range(1, 10**6, 2), range(10**6, 2 * 10**6, 2), range(10**7, 2 * 10**7, 2)], TOO_MANY),
        (1.0, f"packets=1.0: {NUMBERS}"),
        ([1, 2.0], f"packets=2.0: {NUMBERS}"),
        (numpy.array([1.0]), f"packets=np.float64(1.0): {NUMBERS}"),
        (True, f"packets=True: {NUMBERS}"),
        ([1, "2"], f"packets='2': {NUMBERS}"),
        ([[1]], f"packets=[1]: {NUMBERS}"),
        (b"1", f"packets=b'1': {NUMBERS}"),
        (10**60, f"packets={10**60}: a packet number has at most 60 digits"),
        ([1, 10**5000], "packets=<int>: a packet number has at most 60 digits"),
        (range(1, 10**5000), "packets=<range>: a packet number has at most 60 digits"),
        (range(10**5000, 0, -(10**4999)), "packets=<range>: a packet number has at most 60 digits"),
        (numpy.array(2.5), f"packets=array(2.5): {NUMBERS}"),
        (slice(1, 3), f"packets=slice(1, 3, None): {NUMBERS}"),
    ],
)
def test_packet_numbers_that_are_refused(numbers: Any, message: str) -> None:
    assert refusal(lambda: packet_ranges("packets", numbers)) == message


def test_an_endless_iterator_is_refused() -> None:
    assert refusal(lambda: packet_ranges("packets", itertools.count(1))) == f"packets=count(1): {NUMBERS}"  # type: ignore[arg-type]


@given(st.lists(st.one_of(st.integers(1, 30), st.builds(range, st.integers(1, 30), st.integers(1, 30)))))
def test_ranges_hold_the_numbers(numbers: list[int | range]) -> None:
    wanted = {each for part in numbers for each in ([part] if isinstance(part, int) else part)}
    ranges = packet_ranges("packets", numbers)
    assert {each for first, last in ranges for each in range(first, (last or 0) + 1)} == wanted
    if ranges:
        assert parse_packet_ranges("packets", ",".join(map(range_text, ranges))) == ranges


def test_selecting_by_number() -> None:
    assert kept(packets=range(1, 4)) == [0, 1, 2]
    assert kept(packets=[10, 1]) == [0, 9]
    assert kept(packets=2) == [1]
    assert kept(packets=range(1, 11, 3)) == [0, 3, 6, 9]
    assert kept(drop_packets=range(2, 10)) == [0, 9]
    assert kept(drop_packets=[]) == list(range(10))
    assert kept(packets=range(1, 4), invert=True) == [3, 4, 5, 6, 7, 8, 9]


def test_no_packet_number_selects_no_packet() -> None:
    """A list that a program computes may be empty."""
    empty: Any
    for empty in ([], (), set(), range(0), numpy.array([], dtype="u8")):
        assert kept(packets=empty) == []
        assert kept(packets=empty, invert=True) == list(range(10))
        assert kept(packets=empty, first=3) == []
        assert kept(packets=empty, last=3) == []
        assert kept(packets=empty, stop_early=True) == []


def test_packets_that_the_capture_does_not_have() -> None:
    report = pcapconv.convert(io.BytesIO(SOURCE), io.BytesIO(), to="pcap", packets=[1, range(20, 25)])
    assert [notice.reason for notice in report.warnings] == ["packets='20-24': the capture has 10 packets"]


# ---------------------------------------------------------------- batches


def test_a_batch_takes_them_and_resumes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(SOURCE)
    arguments: dict[str, Any] = {
        "after": datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC),
        "before": NOON + 9,
        "packets": [*range(1, 6), 7],
        "drop_packets": range(3, 4),
        "shift_time": timedelta(seconds=1),
        "dedup": timedelta(seconds=5),
        "set_time": {2: Fraction(NOON)},
    }

    def run(**changes: Any) -> tuple[int, int]:
        report = pcapconv.batch(
            tmp_path / "in", tmp_path / "out", jobs=1, resume=True, force=True, **{**arguments, **changes}
        )
        return report.converted, report.up_to_date

    first = run()
    assert first == (1, 0)
    assert run() == (0, 1)
    assert run(packets="1-5,7", before=NOON + 9) == (0, 1)
    with pcapconv.open(tmp_path / "out" / "a.pcap") as capture:
        assert [packet.data[0] for packet in capture] == [1, 3, 4, 6]
    changed: Any
    none: Any = {"packets": [], "set_time": {}}
    for changed in (none, {"after": 0}, {"set_time": {2: NOON + 1}}, {"shift_time": 2}, {"dedup": 2}):
        assert run(**changed) == (1, 0), changed
        assert run(**changed) == (0, 1), changed


def test_chopped_bytes_as_text_are_the_same_option(tmp_path: Path) -> None:
    """The command line gives text, Python may give numbers: each resumes the other's batch."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(SOURCE)
    forms: list[Any] = ["1", 1, [1], ["1"]]
    done = []
    for chop in forms:
        report = pcapconv.batch(tmp_path / "in", tmp_path / "out", jobs=1, resume=True, chop=chop)
        done.append((report.converted, report.up_to_date))
    assert done == [(1, 0), (0, 1), (0, 1), (0, 1)]
