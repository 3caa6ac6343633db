"""What arguments are written like: the exact value of each form, and the messages that refuse everything else."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapconv.errors import UsageError
from pcapconv.steps.argument_values import (
    Moment,
    parse_count,
    parse_duration,
    parse_interface_id,
    parse_interface_setting,
    parse_link_type,
    parse_moment,
    parse_packet_ranges,
    parse_size,
)
from pcapconv.timestamps import format_time

S = 1_714_564_800  # 2024-05-01T12:00:00Z
DAY = 86_400
MIDNIGHT = S - DAY // 2
KEYS = ("name", "description")

SIXTY = "1" * 60
LONG = "1" * 61
HUGE = "1" * 10_000

NOT_TIMES = """
2024-05 2024-5-1 2024-13-01 2024-02-30 2023-02-29 0000-01-01 10000-01-01 2024-W54 2024-W18-8 2024-122
2024-05-01T 2024-05-01T24:00 2024-05-01T12:60 2024-05-01T12:00:61 2024-05-01T12:00.5 2024-05-01.5
2024-05-01T12:00:00. 2024-05-01T12:00:00.Z 2024-05-01T12:0000 2024-05-01T1200:00 2024-05-01x12:00
2024-05-01Z 2024-05-01+02:00 2024-05-01T12:00+2 2024-05-01T12:00+24:00 2024-05-01T12:00+02:60
2024-05-01T12:00+02:00:60 2024-05-01T12:00:00ZZ 2024-05-01T12:00CET 2024-13-01T00:00:60
@1714564800 1714564800. .5 --1 1e9 1_000 0x10 1/2 inf nan now yesterday - + ++1s +-1s + +1x +1m1h +1m1m +1h30
\u0661\u0662 2024-05-0\u0661 \u22121.5
"""
NOT_DURATIONS = "s 1x 1H 1M 1h30 1.s .5s 1,5s 1h-30m 1h+30m 1h1h 1us1\u00b5s 1e3s @1 1min 1w 1y 1h: 1//2 \u0661s"


def short(value: object) -> str | None:
    """A test's name does not show ten thousand digits."""
    return f"{value!r:.50}" if isinstance(value, str) else None


def refusal(call: Callable[[], object]) -> str:
    """The message, which is one sentence that shows what to write."""
    with pytest.raises(UsageError) as caught:
        call()
    message = str(caught.value)
    assert "; write " in message
    assert not message.endswith(".")
    return message


# ---------------------------------------------------------------- parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-01", MIDNIGHT),
        ("2024-W18", MIDNIGHT - 2 * DAY),
        ("2024W18", MIDNIGHT - 2 * DAY),
        ("2024-W18-3", MIDNIGHT),
        ("2024W183", MIDNIGHT),
        ("2024-05-01T12", S),
        ("2024-05-01T12:00", S),
        ("2024-05-01 12:00:00", S),
        ("2024-05-01T12:00:00Z", S),
        ("2024-05-01t12:00:00z", S),
        ("20240501T12", S),
        ("20240501T1200", S),
        ("20240501T120000", S),
        ("20240501T120000Z", S),
        ("20240501T140000.5+0200", S + Fraction(1, 2)),
        ("2024-05-01T14:00:00+02:00", S),
        ("2024-05-01T14:00+02", S),
        ("2024-05-01T06:30:00-0530", S),
        ("2024-05-01T06:30-05:30", S),
        ("2024-05-01T12:00:00-00:00", S),
        ("2024-05-01T12:34:56", S + 34 * 60 + 56),
        ("2024-05-01T12:00:00.1", S + Fraction(1, 10)),
        ("2024-05-01T12:00:00,25Z", S + Fraction(1, 4)),
        ("2024-05-01T12:00:00.123456789", S + Fraction(123_456_789, 10**9)),
        ("2024-05-01T12:00:00.000000000001Z", S + Fraction(1, 10**12)),
        (f"2024-05-01T12:00:00.{SIXTY}+00:00", S + Fraction(int(SIXTY), 10**60)),
        ("1970-01-01", 0),
        ("1969-12-31T23:59:59.75", Fraction(-1, 4)),
        ("2024-02-29", MIDNIGHT - 62 * DAY),
        ("0001-01-01T00:00:00+23:59", -62_135_596_800 - (23 * 60 + 59) * 60),
        ("9999-12-31T23:59:59.999999999-23:59", 253_402_300_800 + (23 * 60 + 59) * 60 - Fraction(1, 10**9)),
        ("0", 0),
        ("-0", 0),
        ("2024", 2024),
        ("1714564800", S),
        ("1714564800.25", S + Fraction(1, 4)),
        ("1714564800.123456789012", S + Fraction(123_456_789_012, 10**12)),
        ("0.1", Fraction(1, 10)),
        ("-1.5", Fraction(-3, 2)),
        ("-20240501", -20_240_501),
        ("20240501.0", 20_240_501),
        ("20241301", 20_241_301),  # no such month, so that only seconds are left
        ("10000101", 10_000_101),
        (SIXTY, int(SIXTY)),
    ],
)
def test_a_moment_since_1970_is_exact(text: str, seconds: int | Fraction) -> None:
    assert parse_moment("after", text) == (seconds, False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+0", 0),
        ("+90", 90),
        ("+90s", 90),
        ("+1h30m", 5400),
        ("+0.25", Fraction(1, 4)),
        ("+1d1ns", DAY + Fraction(1, 10**9)),
    ],
)
def test_a_moment_may_count_from_the_first_packet(text: str, seconds: int | Fraction) -> None:
    assert parse_moment("after", text) == Moment(Fraction(seconds), relative=True)


@pytest.mark.parametrize("text", NOT_TIMES.split())
def test_what_is_not_a_time_is_refused(text: str) -> None:
    assert refusal(lambda: parse_moment("after", text)) == (
        f"after={text!r}: not a time; write 2024-05-01T12:00:00Z, 1714564800.25 or +1h30m"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "after='': not a time; write 2024-05-01T12:00:00Z, 1714564800.25 or +1h30m"),
        (" 0", "after=' 0': not a time;"),
        ("0\n", "after='0\\n': not a time;"),
        ("2024-05-01T12:00:00Z\n", "after='2024-05-01T12:00:00Z\\n': not a time;"),
        ("90s", "after='90s': a length of time; write +90s for so long after the first packet"),
        (
            "20240501",
            "after='20240501': either a date or seconds since 1970; write 2024-05-01 or 20240501.0",
        ),
        (
            "2016-12-31T23:59:60.5Z",
            "after='2016-12-31T23:59:60.5Z': captures have no leap seconds; "
            "write 2016-12-31T23:59:59.5Z or the second after it",
        ),
        (
            "20161231T235960",
            "after='20161231T235960': captures have no leap seconds; write 20161231T235959 or the second after it",
        ),
        (LONG, f"after='{LONG}': a number of more than 60 digits; write "),
        (f"-{HUGE}", ": a number of more than 60 digits; write "),
        (f"0.{LONG}", ": a number of more than 60 digits; write "),
        (f"+{LONG}s", ": a number of more than 60 digits; write "),
        (f"2024-05-01T12:00:00.{LONG}", ": a number of more than 60 digits; write "),
    ],
    ids=short,
)
def test_a_refused_time_is_told_how_to_be_written(text: str, message: str) -> None:
    assert message in refusal(lambda: parse_moment("after", text))


ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=ZONES), st.sampled_from(["T", " "]))
def test_a_moment_is_what_datetime_says(when: datetime, separator: str) -> None:
    since = when.replace(tzinfo=None) - datetime(1970, 1, 1)
    offset = when.utcoffset()
    assert offset is not None
    microseconds = (since - offset) // timedelta(microseconds=1)
    assert parse_moment("after", when.isoformat(separator)) == (Fraction(microseconds, 10**6), False)


@given(st.integers(0, 2**64 - 1), st.integers(0, 59), st.integers(0, 2**30))
def test_a_moment_reads_what_pcapconv_shows(ticks: int, places: int, offset: int) -> None:
    shown = format_time(ticks, 10**places, offset).removesuffix(" s since 1970")
    assert parse_moment("after", shown) == (Fraction(ticks, 10**places) + offset, False)


# ---------------------------------------------------------------- parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("90", 90),
        ("0.25", Fraction(1, 4)),
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5s", Fraction(3, 2)),
        ("0.5h0.5m", 1830),
        ("250ms", Fraction(1, 4)),
        ("1us", Fraction(1, 10**6)),
        ("1\u00b5s", Fraction(1, 10**6)),
        ("1\u03bcs", Fraction(1, 10**6)),
        ("1ns", Fraction(1, 10**9)),
        ("0.001ns", Fraction(1, 10**12)),
        ("1d", DAY),
        ("1d2h3m4s5ms6us7ns", DAY + 7384 + Fraction(5_006_007, 10**9)),
        ("1m1ms", 60 + Fraction(1, 1000)),
        ("48h90m", 48 * 3600 + 5400),
        (f"{SIXTY}s", int(SIXTY)),
        (f"0.{SIXTY}", Fraction(int(SIXTY), 10**60)),
    ],
)
def test_a_duration_is_exact(text: str, seconds: int | Fraction) -> None:
    assert parse_duration("every", text) == seconds
    assert parse_duration("shift", text, signed=True) == seconds
    assert parse_duration("shift", f"+{text}", signed=True) == seconds
    assert parse_duration("shift", f"-{text}", signed=True) == -seconds


@pytest.mark.parametrize("text", NOT_DURATIONS.split())
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    assert refusal(lambda: parse_duration("every", text)) == (
        f"every={text!r}: not a length of time; write 90s, 1h30m or 250ms"
    )
    assert refusal(lambda: parse_duration("shift", f"-{text}", signed=True)) == (
        f"shift={f'-{text}'!r}: not a length of time; write +1.5s, -250ms or 1h30m"
    )


@pytest.mark.parametrize(
    ("text", "signed", "positive", "message"),
    [
        ("", False, False, "every='': not a length of time; write 90s, 1h30m or 250ms"),
        (" 1s", False, False, "every=' 1s': not a length of time; write 90s, 1h30m or 250ms"),
        ("1h 30m", False, False, "every='1h 30m': not a length of time; write 90s, 1h30m or 250ms"),
        ("1s\n", False, False, "every='1s\\n': not a length of time; write 90s, 1h30m or 250ms"),
        ("30m1h", False, False, "every='30m1h': units go from large to small, none twice; write 1h30m"),
        ("-2ms1.5s", True, False, "every='-2ms1.5s': units go from large to small, none twice; write -1.5s2ms"),
        ("-5s", False, False, "every='-5s': this length of time has no sign; write 5s"),
        ("+5s", False, True, "every='+5s': this length of time has no sign; write 5s"),
        ("+-5s", True, False, "every='+-5s': not a length of time; write +1.5s, -250ms or 1h30m"),
        ("0s", False, True, "every='0s': must be more than 0; write 90s, 1h30m or 250ms"),
        ("-1s", True, True, "every='-1s': must be more than 0; write 90s, 1h30m or 250ms"),
        (LONG, False, False, f"every='{LONG}': a number of more than 60 digits; write 90s, 1h30m or 250ms"),
        (f"{HUGE}s", False, False, f"every='{HUGE}s': a number of more than 60 digits; write 90s, 1h30m or 250ms"),
    ],
    ids=short,
)
def test_a_refused_duration_is_told_how_to_be_written(text: str, signed: bool, positive: bool, message: str) -> None:
    assert refusal(lambda: parse_duration("every", text, signed=signed, positive=positive)) == message


def test_a_positive_duration_can_be_as_short_as_you_like() -> None:
    assert parse_duration("every", "0.001ns", positive=True) == Fraction(1, 10**12)


# ---------------------------------------------------------------- parse_size


@pytest.mark.parametrize(
    ("text", "size_in_bytes"),
    [
        ("1", 1),
        ("1000", 1000),
        ("1000B", 1000),
        ("007", 7),
        ("100kB", 100_000),
        ("100KB", 100_000),
        ("100k", 100_000),
        ("100K", 100_000),
        ("100MB", 10**8),
        ("100mb", 10**8),
        ("100M", 10**8),
        ("1GB", 10**9),
        ("1G", 10**9),
        ("1TB", 10**12),
        ("1T", 10**12),
        ("64KiB", 2**16),
        ("64kib", 2**16),
        ("64Ki", 2**16),
        ("64MiB", 2**26),
        ("1GiB", 2**30),
        ("1TiB", 2**40),
        ("1.5MiB", 3 * 2**19),
        ("1.5kB", 1500),
        ("0.0009765625KiB", 1),
        ("2.0", 2),
        (f"{SIXTY}k", int(SIXTY) * 1000),
    ],
)
def test_a_size_is_exact(text: str, size_in_bytes: int) -> None:
    assert parse_size("size", text) == size_in_bytes


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "not a size"),
        ("MB", "not a size"),
        ("-1", "not a size"),
        ("+1", "not a size"),
        ("1 MB", "not a size"),
        ("1MB\n", "not a size"),
        ("1,5MB", "not a size"),
        ("1e6", "not a size"),
        ("1iB", "not a size"),
        ("1PB", "not a size"),
        ("1MBit", "not a size"),
        ("1\u212a", "not a size"),  # the Kelvin sign, whose lower case is k
        ("\u0661", "not a size"),
        ("1.5", "not a whole number of bytes"),
        ("1.0001kB", "not a whole number of bytes"),
        ("0.1KiB", "not a whole number of bytes"),
        ("0", "a size is more than 0"),
        ("0.0MB", "a size is more than 0"),
        (LONG, "a number of more than 60 digits"),
        (f"{HUGE}kB", "a number of more than 60 digits"),
    ],
    ids=short,
)
def test_what_is_not_a_size_is_refused(text: str, fact: str) -> None:
    assert refusal(lambda: parse_size("size", text)) == f"size={text!r}: {fact}; write 100MB, 64MiB or 5000B"


# ---------------------------------------------------------------- parse_count


@pytest.mark.parametrize(
    ("value", "least", "number"),
    [
        (1, 1, 1),
        ("1", 1, 1),
        ("007", 1, 7),
        (0, 0, 0),
        ("0", 0, 0),
        ("-3", -5, -3),
        (-3, -5, -3),
        (10**59, 1, 10**59),
        (SIXTY, 1, int(SIXTY)),
    ],
)
def test_a_count_is_a_whole_number(value: int | str, least: int, number: int) -> None:
    assert parse_count("count", value, least=least) == number


@pytest.mark.parametrize(
    ("value", "least", "message"),
    [
        (0, 1, "count=0: too small; write a whole number from 1"),
        ("0", 1, "count='0': too small; write a whole number from 1"),
        ("1", 2, "count='1': too small; write a whole number from 2"),
        ("-1", 0, "count='-1': too small; write a whole number from 0"),
        ("", 1, "count='': not a whole number; write a whole number from 1"),
        ("-", 1, "count='-': not a whole number; write a whole number from 1"),
        ("1.0", 1, "count='1.0': not a whole number; write a whole number from 1"),
        ("1_000", 1, "count='1_000': not a whole number; write a whole number from 1"),
        (" 1", 1, "count=' 1': not a whole number; write a whole number from 1"),
        ("\u0661", 1, "count='\u0661': not a whole number; write a whole number from 1"),
        ("ten", 1, "count='ten': not a whole number; write a whole number from 1"),
        (True, 1, "count=True: not a whole number; write a whole number from 1"),
        (LONG, 1, f"count='{LONG}': a number of more than 60 digits; write a whole number from 1"),
        (10**60, 1, "count=: a number of more than 60 digits; write a whole number from 1"),
    ],
)
def test_what_is_not_a_count_is_refused(value: int | str, least: int, message: str) -> None:
    assert refusal(lambda: parse_count("count", value, least=least)) == message


def test_a_number_too_long_to_show_is_refused() -> None:
    for value in (10**5000, -(10**5000)):
        message = refusal(lambda: parse_count("count", value))  # noqa: B023 - called at once
        assert message == "count=: a number of more than 60 digits; write a whole number from 1"


def test_a_float_is_not_a_count() -> None:
    message = refusal(lambda: parse_count("count", 1.5))  # type: ignore[arg-type]
    assert message == "count=1.5: not a whole number; write a whole number from 1"


# ---------------------------------------------------------------- parse_packet_ranges


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("1", [(1, 1)]),
        ("7-7", [(7, 7)]),
        ("1-", [(1, None)]),
        ("1-100,250,900-", [(1, 100), (250, 250), (900, None)]),
        ("900-,250,1-100", [(1, 100), (250, 250), (900, None)]),
        ("1-5,3-9", [(1, 9)]),
        ("1-9,3-5", [(1, 9)]),
        ("1-5,6-9", [(1, 9)]),
        ("1-5,7-9", [(1, 5), (7, 9)]),
        ("3,2,1,1", [(1, 3)]),
        ("5-,7,9-", [(5, None)]),
        ("5-,1-4", [(1, None)]),
        ("5-,5", [(5, None)]),
        ("5,5-", [(5, None)]),
        ("5-,1-3", [(1, 3), (5, None)]),
        (f"01-{SIXTY}", [(1, int(SIXTY))]),
    ],
)
def test_ranges_are_sorted_and_merged(text: str, ranges: list[tuple[int, int | None]]) -> None:
    assert parse_packet_ranges("packets", text) == ranges


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "packets='': a packet number is missing; write 1-100,250,900-"),
        ("1,,2", "packets='1,,2': a packet number is missing; write 1-100,250,900-"),
        ("1,", "packets='1,': a packet number is missing; write 1-100,250,900-"),
        ("-5", "packets='-5': a range names its first packet; write 1-5"),
        ("7,-5", "packets='-5': a range names its first packet; write 1-5"),
        ("0", "packets='0': packets count from 1; write 1"),
        ("0-", "packets='0-': packets count from 1; write 1-"),
        ("3,0-5", "packets='0-5': packets count from 1; write 1-5"),
        ("5-0", "packets='5-0': packets count from 1; write 1-5"),
        ("1-2,9-3", "packets='9-3': the range runs backwards; write 3-9"),
        ("-", "packets='-': not a packet number or a range of them; write 1-100,250,900-"),
        ("-0", "packets='-0': not a packet number or a range of them; write 1-100,250,900-"),
        ("1-2-3", "packets='1-2-3': not a packet number or a range of them; write 1-100,250,900-"),
        ("1, 2", "packets=' 2': not a packet number or a range of them; write 1-100,250,900-"),
        ("1:2", "packets='1:2': not a packet number or a range of them; write 1-100,250,900-"),
        ("\u0661", "packets='\u0661': not a packet number or a range of them; write 1-100,250,900-"),
        (f"1,{LONG}", f"packets='{LONG}': a number of more than 60 digits; write 1-100,250,900-"),
        (f"1-{HUGE}", f"packets='1-{HUGE}': a number of more than 60 digits; write 1-100,250,900-"),
        (f"-{LONG}", f"packets='-{LONG}': a number of more than 60 digits; write 1-100,250,900-"),
    ],
    ids=short,
)
def test_what_is_not_a_range_is_refused(text: str, message: str) -> None:
    assert refusal(lambda: parse_packet_ranges("packets", text)) == message


def test_a_hundred_thousand_ranges() -> None:
    apart = [(number, number + 1) for number in range(1, 400_000, 4)]
    assert parse_packet_ranges("packets", ",".join(f"{first}-{last}" for first, last in reversed(apart))) == apart
    assert parse_packet_ranges("packets", ",".join(map(str, range(100_000, 0, -1)))) == [(1, 100_000)]


RANGES = st.lists(
    st.tuples(st.integers(1, 30), st.one_of(st.none(), st.integers(0, 10))).map(
        lambda pair: (pair[0], None if pair[1] is None else pair[0] + pair[1])
    ),
    min_size=1,
)


@given(RANGES)
def test_ranges_hold_the_same_numbers_as_before(ranges: list[tuple[int, int | None]]) -> None:
    def held(some: list[tuple[int, int | None]]) -> set[int]:
        return {number for first, last in some for number in range(first, 100 if last is None else last + 1)}

    text = ",".join(f"{first}-{'' if last is None else last}" for first, last in ranges)
    merged = parse_packet_ranges("packets", text)
    assert held(merged) == held(ranges)
    for (_, last), (first, _) in pairwise(merged):
        assert last is not None
        assert first > last + 1


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0", (None, 0)),
        ("2", (None, 2)),
        ("1:2", (1, 2)),
        ("01:02", (1, 2)),
        (f"{SIXTY}:{SIXTY}", (int(SIXTY), int(SIXTY))),
        ("", None),
        (":", None),
        ("1:", None),
        (":2", None),
        ("1:2:3", None),
        ("-1", None),
        (" 1", None),
        ("1\n", None),
        ("eth0", None),
        ("eth0:1", None),
        ("0:eth", None),
        ("\u0661", None),
        ("1:\u0662", None),
        ("\u00b2", None),
        (f"eth{LONG}", None),
    ],
)
def test_an_interface_is_a_place_or_a_name(text: str, place: tuple[int | None, int] | None) -> None:
    assert parse_interface_id("interface", text) == place


@pytest.mark.parametrize("text", [LONG, f"1:{LONG}", f"{HUGE}:1"], ids=short)
def test_an_endless_place_is_refused(text: str) -> None:
    assert refusal(lambda: parse_interface_id("interface", text)) == (
        f"interface='{text}': a number of more than 60 digits; write 2, 1:2 or its name"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1", 1),
        ("0065535", 65535),
        ("147", 147),
        ("ethernet", 1),
        ("Ethernet", 1),
        ("RAW", 101),
        ("LINKTYPE_ETHERNET", 1),
        ("linktype_linux_sll", 113),
        ("null", 0),
    ],
)
def test_a_link_type_is_a_number_or_a_name(text: str, number: int) -> None:
    assert parse_link_type("link_type", text) == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "eth",
            "link_type='eth': no link type has this name; write ETHERNET, EXP_ETHERNET, PPP_ETHER or a number from 0 "
            "to 65535",
        ),
        ("sll", "link_type='sll': no link type has this name; write LINUX_SLL, LINUX_SLL2 or a number"),
        ("ethernt", "link_type='ethernt': no link type has this name; write ETHERNET, "),
        ("LINKTYPE_ETHERNT", "link_type='LINKTYPE_ETHERNT': no link type has this name; write ETHERNET, "),
        ("linux.sll", "link_type='linux.sll': no link type has this name; write LINUX_SLL"),
        (
            "zzzz",
            "link_type='zzzz': no link type has this name; write ETHERNET, RAW or a number from 0 to 65535",
        ),
        ("", "link_type='': no link type has this name; write ETHERNET, RAW or a number from 0 to 65535"),
        ("-1", "link_type='-1': no link type has this name; write "),
        ("descriptions", "link_type='descriptions': no link type has this name; write "),
        ("l\u0131nux_sll", "link_type='l\u0131nux_sll': no link type has this name; write LINUX_SLL"),
        ("\u0661", "link_type='\u0661': no link type has this name; write ETHERNET, RAW or a number"),
        (
            "65536",
            "link_type='65536': link types go up to 65535; write ETHERNET, RAW or a number from 0 to 65535",
        ),
        (HUGE, f"link_type='{HUGE}': a number of more than 60 digits; write ETHERNET, RAW or a number"),
    ],
    ids=short,
)
def test_what_is_not_a_link_type_is_refused(text: str, message: str) -> None:
    assert refusal(lambda: parse_link_type("link_type", text)).startswith(message)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.name=eth0", ("0", "name", "eth0")),
        ("1:0.description=to the = left.", ("1:0", "description", "to the = left.")),
        ("eth0.100.name=uplink", ("eth0.100", "name", "uplink")),
        ("0.name=", ("0", "name", "")),
        ("0.name=0.description=x", ("0", "name", "0.description=x")),
        ("\u00e9.name=\u00e9\n", ("\u00e9", "name", "\u00e9\n")),
        (f"0.name={HUGE}", ("0", "name", HUGE)),
    ],
    ids=short,
)
def test_a_key_has_its_id_and_its_value(text: str, parts: tuple[str, str, str]) -> None:
    assert parse_interface_setting("set", text, KEYS) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.nme=x", "the key is one of name, description; write 0.name=VALUE"),
        ("0.NAME=x", "the key is one of name, description; write 0.name=VALUE"),
        ("0.=x", "the key is one of name, description; write 0.name=VALUE"),
        ("0. name=x", "the key is one of name, description; write 0.name=VALUE"),
        ("a.b=1.name=x", "the key is one of name, description; write a.name=VALUE"),
        (f"0.nme={LONG}", "the key is one of name, description; write 0.name=VALUE"),
        ("", "not ID.KEY=VALUE, where KEY is one of name, description; write 0.name=VALUE"),
        ("=", "not ID.KEY=VALUE, where KEY is one of name, description; write 0.name=VALUE"),
        ("name=x", "not ID.KEY=VALUE, where KEY is one of name, description; write 0.name=VALUE"),
        (".name=x", "not ID.KEY=VALUE, where KEY is one of name, description; write 0.name=VALUE"),
        ("1.name", "not ID.KEY=VALUE, where KEY is one of name, description; write 1.name=VALUE"),
    ],
)
def test_what_is_not_a_key_is_refused(text: str, message: str) -> None:
    assert refusal(lambda: parse_interface_setting("set", text, KEYS)) == f"set={text!r}: {message}"


# ---------------------------------------------------------------- any text at all

READERS: list[Callable[[str], object]] = [
    lambda text: parse_moment("o", text),
    lambda text: parse_duration("o", text),
    lambda text: parse_duration("o", text, signed=True, positive=True),
    lambda text: parse_size("o", text),
    lambda text: parse_count("o", text),
    lambda text: parse_packet_ranges("o", text),
    lambda text: parse_interface_id("o", text),
    lambda text: parse_link_type("o", text),
    lambda text: parse_interface_setting("o", text, KEYS),
]
ANY = st.text(st.characters())  # broken surrogates included, as file names have them
NEARLY = st.text("0123456789+-.,:=TZWz dhmsun\u00b5kKMGiBb_e\u0661\ud800")  # what the patterns look at
DATED = st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9]{2}:?[0-9]{2}:?[0-9]{2}([.,][0-9]+)?([+-][0-9:]{2,5}|Z)?")


@given(ANY | NEARLY | DATED)
@example(HUGE)
@example(f"-{HUGE}.{HUGE}")
@example(f"+{HUGE}d")
@example("1s" * 100_000)
@example("1" * 60 + "s1" * 50_000)
@example("9" * 60 + "-" + "9" * 60 + "," + "-" * 100_000)
@example("a.b=" * 50_000)
@example("\udcff.\udcff=\udcff")
def test_nothing_but_a_usage_error_escapes(text: str) -> None:
    messages = []
    for read in READERS:
        try:
            read(text)
        except UsageError as error:
            messages.append(str(error))
    assert all(message.startswith("o=") and "; write " in message for message in messages)


@given(st.integers())
def test_a_count_takes_or_refuses_any_number(value: int) -> None:
    try:
        assert parse_count("o", value) == value >= 1
    except UsageError:
        assert value < 1
