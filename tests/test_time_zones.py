"""Times in zones: what clocks show and when, which names parts get, and where aligned intervals begin.

Strategy: `zoneinfo` and the C library judge each other's offsets. `fold` of datetime, and a walk along the minutes
around a change of clocks, are second implementations of what `time_zones` and `splitting.intervals` find by search.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapconv.errors import UsageError
from pcapconv.io.name_template import Template, TemplateValues
from pcapconv.splitting.intervals import ClockIntervals
from pcapconv.steps.argument_values import Moment, parse_moment, parse_timezone, time_without_zone
from pcapconv.time_zones import TimeZone, offset_text, open_zone, similar_names
from pcapconv.timestamps import format_instant, format_time

EPOCH = datetime(1970, 1, 1)
OCTOBER = 1_729_987_200  # 2024-10-27T00:00:00Z; in Berlin 02:00+02:00, an hour before clocks are put back
MARCH = 1_711_843_200  # 2024-03-31T00:00:00Z; in Berlin 01:00+01:00, an hour before clocks are put forward
BERLIN = open_zone("Europe/Berlin")
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # until 2011 at a minute past midnight
    "America/Havana",  # back from 01:00 to 00:00
    "America/Sao_Paulo",  # until 2019 forward from 00:00
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # without 2011-12-30
    "Asia/Kathmandu",
    "Antarctica/Troll",  # by two hours
    "Africa/Casablanca",  # back for Ramadan
    "UTC",
]
SECONDS = st.one_of(
    st.integers(-62135596800, 253402300799),
    st.integers(0, 2**32),
    st.builds(lambda change, beside: change + beside, st.sampled_from([OCTOBER, MARCH]), st.integers(-9000, 9000)),
)


@contextmanager
def local_zone(text: str) -> Iterator[TimeZone]:
    """Make this process's zone what TZ says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", text)
        time.tzset()
        try:
            yield open_zone("local")
        finally:
            patch.undo()
            time.tzset()


def refusal(text: str, zone: TimeZone) -> str:
    with pytest.raises(UsageError) as caught:
        parse_moment("after", text, zone)
    return str(caught.value)


# ---------------------------------------------------------------- which zones there are


@pytest.mark.parametrize("name", sorted(available_timezones()))
def test_every_zone_of_the_system_has_its_offsets(name: str) -> None:
    zone = parse_timezone("timezone", name)
    assert zone.name == name
    for seconds in (-(2**33), -(2**31), 0, MARCH, OCTOBER, 2**32, 2**34):
        there = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(ZoneInfo(name))
        assert (zone.offset(seconds), zone.abbreviation(seconds)) == (
            there.utcoffset() // timedelta(seconds=1),  # type: ignore[operator]
            there.tzname(),
        )


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Local", "local"),
        ("utc", "UTC"),
        ("Europe/Berln", "Europe/Berlin or Europe/Dublin or Europe/Belfast"),
        ("UTC+2", "Etc/GMT-2"),
        ("+02:00", "Etc/GMT-2"),
        ("gmt -0500", "Etc/GMT+5"),
        ("+00:00", "UTC"),
        ("+05:30", "UTC, local or one like Europe/Berlin"),
        ("+15", "UTC, local or one like Europe/Berlin"),
        ("-13", "UTC, local or one like Europe/Berlin"),
        ("CEST", "UTC, local or one like Europe/Berlin"),
    ],
)
def test_an_unknown_zone_is_refused_with_similar_ones(text: str, instead: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_timezone("timezone", text)
    assert str(caught.value) == f"timezone={text!r}: no such time zone; write {instead}"


@pytest.mark.parametrize("hours", range(-12, 15))
def test_the_zone_that_an_offset_is_answered_with_has_this_offset(hours: int) -> None:
    (name,) = similar_names(f"UTC{hours:+}")
    assert open_zone(name).offset(0) == 3600 * hours


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "..", "../x", "Europe/../../etc/passwd", "/etc/localtime", "./UTC", "Europe//Berlin", "Europe/"),
        *("zone.tab", "tzdata.zi", "leapseconds", "posix/UTC", "right/UTC", "\0", "UTC\0", "UTC\n", "\ud800", "é"),
        *("x" * 10**6, "a/" * 10**5, "+02:00", "CEST-1", "Europe/" + "x" * 300, ":UTC"),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_name_is_no_path(text: str) -> None:
    with pytest.raises(UsageError, match="no such time zone; write "):
        parse_timezone("timezone", text)


def test_a_directory_of_zones_is_no_zone() -> None:
    with pytest.raises(UsageError, match="'Europe': no such time zone; write Europe/"):
        parse_timezone("timezone", "Europe")


def test_without_zone_data_the_message_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    with pytest.raises(UsageError) as caught:
        parse_timezone("timezone", "Europe/Nowhere")
    assert str(caught.value) == "timezone='Europe/Nowhere': this system has no time zones; install tzdata"


@given(st.sampled_from(ZONES), SECONDS)
def test_the_local_zone_is_what_the_c_library_says(name: str, seconds: int) -> None:
    with local_zone(name) as zone:
        shown = time.localtime(seconds)
        assert (zone.offset(seconds), zone.abbreviation(seconds)) == (shown.tm_gmtoff, shown.tm_zone)
        if 0 <= seconds < 2**31:  # the two rules for later years and for those before 1900 may differ
            assert zone.offset(seconds) == open_zone(name).offset(seconds)


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", (3600, 7200)),
        ("<+0545>-5:45", (20700, 20700)),
        (":America/New_York", (-18000, -14400)),
        ("UTC0", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_local_follows_all_that_tz_can_say(text: str, offsets: tuple[int, int]) -> None:
    january, july = 1_704_067_200, 1_719_792_000
    with local_zone(text) as zone:
        assert (zone.offset(january), zone.offset(july)) == offsets
        assert parse_moment("after", "2024-07-01", zone) == Moment(Fraction(july - offsets[1]), False)


# ---------------------------------------------------------------- times that are given


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-01", 1_714_514_400),
        ("2024-05-01T14:00", 1_714_564_800),
        ("20240501T140000", 1_714_564_800),
        ("2024-05-01 14:00:00,000000000000000000000000000001", 1_714_564_800 + Fraction(1, 10**30)),
        ("2024-05-01T12:00Z", 1_714_564_800),
        ("2024-05-01T12:00+00:00", 1_714_564_800),
        ("2024-05-01T12:00:00+00:00:01", 1_714_564_799),
        ("1714564800,5", 1_714_564_800 + Fraction(1, 2)),
        ("-1,5", Fraction(-3, 2)),
        ("2024-10-27T01:59:59.999", OCTOBER - Fraction(1, 1000)),
        ("2024-10-27T02:00+02:00", OCTOBER),
        ("2024-10-27T02:00+01:00", OCTOBER + 3600),
        ("2024-10-27T03:00", OCTOBER + 7200),
        ("2024-03-31T01:59:59", MARCH + 3599),
        ("2024-03-31T03:00", MARCH + 3600),
        ("1880-01-01T00:00:00", -2_840_144_008),  # when Berlin was 53 minutes and 28 seconds ahead
        ("0001-01-01", -62_135_596_800 - 3208),
        ("9999-12-31T23:59:59", 253_402_300_799 - 3600),
    ],
)
def test_a_time_in_berlin(text: str, seconds: Fraction) -> None:
    assert parse_moment("after", text, BERLIN) == Moment(Fraction(seconds), False)


@pytest.mark.parametrize(
    ("zone", "text", "clocks", "ways"),
    [
        ("Europe/Berlin", "2024-10-27T02:00", "twice", "2024-10-27T02:00:00+02:00 or 2024-10-27T02:00:00+01:00"),
        (
            "Europe/Berlin",
            "20241027T025959,999",
            "twice",
            "2024-10-27T02:59:59.999+02:00 or 2024-10-27T02:59:59.999+01:00",
        ),
        ("Europe/Berlin", "2024-03-31T02:00", "skip", "2024-03-31T01:00:00+01:00 or 2024-03-31T03:00:00+02:00"),
        ("Europe/Berlin", "2024-03-31T02:59:59", "skip", "2024-03-31T01:59:59+01:00 or 2024-03-31T03:59:59+02:00"),
        ("America/Sao_Paulo", "2018-11-04", "skip", "2018-11-03T23:00:00-03:00 or 2018-11-04T01:00:00-02:00"),
        ("America/Havana", "2024-11-03", "twice", "2024-11-03T00:00:00-04:00 or 2024-11-03T00:00:00-05:00"),
        ("America/St_Johns", "2010-03-14T00:30", "skip", "2010-03-13T23:30:00-03:30 or 2010-03-14T01:30:00-02:30"),
        ("Pacific/Apia", "2011-12-30", "skip", "2011-12-29T00:00:00-10:00 or 2011-12-31T00:00:00+14:00"),
        ("Pacific/Apia", "2011-12-30T23:59", "skip", "2011-12-29T23:59:00-10:00 or 2011-12-31T23:59:00+14:00"),
        (
            "Australia/Lord_Howe",
            "2024-04-07T01:45",
            "twice",
            "2024-04-07T01:45:00+11:00 or 2024-04-07T01:45:00+10:30",
        ),
        (
            "Europe/Berlin",
            "1893-04-01T00:03",
            "skip",
            "1893-03-31T23:56:28+00:53:28 or 1893-04-01T00:09:32+01:00",
        ),
    ],
)
def test_a_time_that_clocks_skip_or_show_twice_has_two_ways(zone: str, text: str, clocks: str, ways: str) -> None:
    fact = "show this time twice" if clocks == "twice" else "skip this time"
    assert refusal(text, open_zone(zone)) == f"after={text!r}: clocks in {zone} {fact}; write {ways}"
    for way in ways.split(" or "):  # each is a time, and clocks show it as it is written
        moment = parse_moment("after", way, open_zone(zone))
        assert format_instant(moment.seconds, len(way.partition(".")[2].partition("+")[0]), open_zone(zone)) == way


def test_the_local_zone_is_named_in_messages() -> None:
    with local_zone("Europe/Berlin") as zone:
        assert refusal("2024-10-27T02:30", zone).startswith(
            "after='2024-10-27T02:30': clocks in the local zone show this time twice; write 2024-10-27T02:30:00+02:00 "
        )


@given(st.sampled_from(ZONES), SECONDS, st.integers(0, 30), st.data())
@example("Pacific/Apia", 1_325_239_200, 0, None)
def test_what_is_shown_can_be_given(name: str, seconds: int, places: int, data: st.DataObject | None) -> None:
    zone, units = open_zone(name), 10**places
    rest = 0 if data is None else data.draw(st.integers(0, units - 1))
    shown = format_time(seconds * units + rest, units, 0, zone)
    if not shown.endswith("s since 1970"):
        assert parse_moment("after", shown, zone) == Moment(seconds + Fraction(rest, units), False)
        assert parse_moment("after", shown) == Moment(seconds + Fraction(rest, units), False)


@given(st.sampled_from(ZONES), SECONDS)
def test_fold_of_datetime_says_the_same(name: str, clock_time: int) -> None:
    """For each clock time: the instants by both folds, without those that the clock does not show."""
    zone, there = open_zone(name), ZoneInfo(name)
    shown = EPOCH + timedelta(seconds=clock_time)
    if not 2 <= shown.year <= 9998:
        return
    offsets = [shown.replace(tzinfo=there, fold=fold).utcoffset() // timedelta(seconds=1) for fold in (0, 1)]  # type: ignore[operator]
    told = {clock_time - offset for offset in offsets if zone.offset(clock_time - offset) == offset}
    assert zone.instants(clock_time) == sorted(told)
    if not told:
        assert sorted(zone.instants_beside(clock_time)) == sorted(clock_time - offset for offset in offsets)


@pytest.mark.parametrize(
    ("text", "clock_time"),
    [
        ("2024-10-27", OCTOBER),
        ("2024-10-27T02:00:00.9", OCTOBER + 7200),
        *((text, None) for text in ("2024-10-27T02:00Z", "2024-10-27T02:00+01:00", "1729987200", "+1h", "soon", "")),
        *((text, None) for text in ("2024-02-30", "2016-12-31T23:59:60")),
    ],
)
def test_which_times_have_no_zone(text: str, clock_time: int | None) -> None:
    assert time_without_zone(text) == clock_time


# ---------------------------------------------------------------- times that are shown


@pytest.mark.parametrize(
    ("zone", "ticks", "shown"),
    [
        ("UTC", OCTOBER * 10**9 + 1, "2024-10-27T00:00:00.000000001Z"),
        ("Etc/UTC", OCTOBER * 10**9 + 1, "2024-10-27T00:00:00.000000001+00:00"),
        ("Europe/London", OCTOBER * 10**9 + 1, "2024-10-27T01:00:00.000000001+01:00"),
        ("Europe/Berlin", OCTOBER * 10**9 + 1, "2024-10-27T02:00:00.000000001+02:00"),
        ("Europe/Berlin", (OCTOBER + 3600) * 10**9 + 1, "2024-10-27T02:00:00.000000001+01:00"),
        ("America/St_Johns", OCTOBER * 10**9, "2024-10-26T21:30:00.000000000-02:30"),
        ("Europe/Berlin", -2_840_144_008 * 10**9, "1880-01-01T00:00:00.000000000+00:53:28"),
        ("Europe/Berlin", -62_135_596_800 * 10**9, "0001-01-01T00:53:28.000000000+00:53:28"),
        ("America/New_York", -62_135_596_800 * 10**9, "-62135596800.000000000 s since 1970"),
        ("Europe/Berlin", 253_402_300_799 * 10**9, "253402300799.000000000 s since 1970"),
        ("America/New_York", 253_402_300_800 * 10**9, "9999-12-31T19:00:00.000000000-05:00"),
        ("Europe/Berlin", 2**80 * 10**9, f"{2**80}.000000000 s since 1970"),
        ("Europe/Berlin", -(2**80) * 10**9, f"{-(2**80)}.000000000 s since 1970"),
    ],
)
def test_a_time_is_shown_with_all_digits_and_its_offset(zone: str, ticks: int, shown: str) -> None:
    assert format_time(ticks, 10**9, 0, open_zone(zone)) == shown


@pytest.mark.parametrize(
    ("offset", "text"), [(0, "+00:00"), (7200, "+02:00"), (-9000, "-02:30"), (3208, "+00:53:28"), (-1, "-00:00:01")]
)
def test_an_offset_as_text(offset: int, text: str) -> None:
    assert offset_text(offset) == text
    assert offset_text(offset, colon="") == text.replace(":", "")


# ---------------------------------------------------------------- names


def name(template: str, seconds: int, zone: TimeZone = BERLIN) -> str:
    return Template(template, zone=zone).name(TemplateValues(7, Fraction(seconds), "eth0", "ETHERNET", 0), "big")


@pytest.mark.parametrize(
    ("template", "first", "second"),
    [
        ("{start}.pcap", "20241027T020000+0200.pcap", "20241027T020000+0100.pcap"),
        ("%Y%m%d-%H.pcap", "20241027-02+0200.pcap", "20241027-02+0100.pcap"),
        ("%F %T/x.pcap", "2024-10-27 02:00:00+0200/x.pcap", "2024-10-27 02:00:00+0100/x.pcap"),
        ("{start:%I%p}-{start:%F}.pcap", "02AM+0200-2024-10-27.pcap", "02AM+0100-2024-10-27.pcap"),
        ("%H%z.pcap", "02+0200.pcap", "02+0100.pcap"),
        ("%H-%Z.pcap", "02-CEST.pcap", "02-CET.pcap"),
        ("%H-%s.pcap", f"02-{OCTOBER}.pcap", f"02-{OCTOBER + 3600}.pcap"),
        ("%H{start:%%s}.pcap", "02+0200%s.pcap", "02+0100%s.pcap"),
        ("{index:1}-%H.pcap", "7-02.pcap", "7-02.pcap"),
        ("%F.pcap", "2024-10-27.pcap", "2024-10-27.pcap"),
    ],
)
def test_an_hour_that_is_there_twice_is_told_apart_by_offset(template: str, first: str, second: str) -> None:
    assert (name(template, OCTOBER), name(template, OCTOBER + 3600)) == (first, second)


def test_no_other_hour_has_an_offset() -> None:
    assert [name("%H", OCTOBER + hours * 3600) for hours in (-2, -1, 2, 3)] == ["00", "01", "03", "04"]
    assert [name("%H", MARCH + hours * 3600) for hours in range(3)] == ["01", "03", "04"]
    assert name("%H%z %Z %s", MARCH + 3600) == f"03+0200 CEST {MARCH + 3600}"
    assert name("%H.pcap", -2_840_144_008) == "00.pcap"
    assert name("%z.pcap", -2_840_144_008) == "+005328.pcap"


def test_equal_short_names_do_not_tell_hours_apart() -> None:
    with local_zone("EST5EST,M3.2.0,M11.1.0") as zone:
        seconds = parse_moment("after", "2024-11-03T01:00:00-04:00").seconds
        assert name("%H-%Z.pcap", int(seconds), zone) == "01-EST-0400.pcap"


def test_the_name_of_a_zone_leads_nowhere() -> None:
    with local_zone("<+../x>-3") as zone:
        shown = name("%Z.pcap", OCTOBER, zone)
        assert "/" not in shown


# ---------------------------------------------------------------- aligned intervals

CHANGES = [
    ("Europe/Berlin", "2024-10-27"),
    ("Europe/Berlin", "2024-03-31"),
    ("America/St_Johns", "2010-11-07"),  # 00:01 becomes 23:01 of the day before
    ("America/St_Johns", "2010-03-14"),
    ("America/Havana", "2024-11-03"),
    ("America/Havana", "2024-03-10"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("Australia/Lord_Howe", "2024-04-07"),
    ("Australia/Lord_Howe", "2024-10-06"),
    ("Pacific/Apia", "2011-12-30"),
    ("Antarctica/Troll", "2024-10-27"),
    ("Asia/Kathmandu", "2024-03-31"),
    ("UTC", "2024-03-31"),
]
LENGTHS = [20 * 60, 1800, 3600, 5400, 7200, 6 * 3600, 23 * 3600, 86_400, 90_000, 2 * 86_400, 7 * 86_400]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("name", "day"), CHANGES)
def test_aligned_intervals_are_those_of_a_walk_along_the_clock(name: str, day: str, length: int) -> None:
    """Minute by minute: less than a day, a new interval begins where the number of the interval or the offset changes;
    else where the clock shows a later interval than ever before."""
    there = ZoneInfo(name)
    noon = int(datetime.fromisoformat(f"{day}T12:00+00:00").timestamp())
    intervals = ClockIntervals(Fraction(length), open_zone(name))
    begins: list[int] = []
    found: list[int] = []
    before: tuple[int, timedelta | None] | None = None
    for second in range(noon - 3 * 86_400, noon + 3 * 86_400, 60):
        shown = datetime.fromtimestamp(second, there)
        number = (shown.replace(tzinfo=None) - EPOCH) // timedelta(seconds=length)
        state = number, shown.utcoffset() if length < 86_400 else None
        if before is not None and (state != before if length < 86_400 else number > before[0]):
            begins.append(second)
        if before is None or length < 86_400 or number > before[0]:
            before = state
        begin, end = intervals.interval_of(Fraction(second))
        assert begin <= second < end
        if not found or begin != found[-1]:
            found.append(int(begin))
    assert found[1:] == begins


@given(
    st.sampled_from(ZONES),
    st.one_of(SECONDS, st.integers(-(2**70), 2**70)),
    st.fractions(0, 1, max_denominator=10**9),
    st.one_of(st.sampled_from(LENGTHS).map(Fraction), st.fractions(Fraction(1, 10**6), 10**12, max_denominator=10**6)),
)
def test_each_time_is_in_one_interval(name: str, seconds: int, rest: Fraction, length: Fraction) -> None:
    zone, moment = open_zone(name), seconds + rest
    begin, end = ClockIntervals(length, zone).interval_of(moment)
    assert begin <= moment < end
    fresh = ClockIntervals(length, zone)
    assert fresh.interval_of(begin) == (begin, end)
    assert fresh.interval_of(end).begin == end
    assert ClockIntervals(length, zone).interval_of(end - Fraction(1, 10**12)) == (begin, end)
    if name == "UTC":
        assert (begin, end) == (moment // length * length, (moment // length + 1) * length)


def test_the_environment_is_as_it_was() -> None:
    assert os.environ["TZ"] == "UTC"
    assert time.localtime(0).tm_gmtoff == 0
