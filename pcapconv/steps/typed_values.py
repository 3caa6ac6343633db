"""Values of arguments in Python's types: times, lengths of time and packet numbers, which the command line has as text.

Each function takes the argument's `name`, with which its messages begin, and its value, and raises UsageError for any
value that is not in the right form.

Strategy: a value becomes exactly what text of the same meaning becomes in `argument_values`. A float is refused, since
it cannot hold the time of a packet: of the nanoseconds since 1970 it holds every 256th.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.spec.given_values import NO_FLOATS, is_iterable, whole_number
from pcapconv.steps.argument_values import MOST_DIGITS, Moment, parse_duration, parse_moment, parse_packet_ranges
from pcapconv.time_zones import UTC, TimeZone
from pcapconv.timestamps import NANOSECONDS
from pcapconv.wording import argument

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from decimal import Decimal
    from fractions import Fraction

    Time = int | str | datetime | Fraction | Decimal
    LengthOfTime = int | str | timedelta | Fraction | Decimal
    PacketNumbers = int | str | range | Collection[int | range]

_SELECTING = "after", "before"  # times that may count from the first packet

MOST_RANGES = 2**20  # of packet numbers that are given in Python's types; each takes some 250 bytes

_TIMES = "an int of seconds, a datetime with a zone, a Fraction, a Decimal, or text such as 2024-05-01T12:00:00.25Z"
_DURATIONS = "a timedelta, an int of seconds, a Fraction, a Decimal, or text such as 1h30m"
_NUMBERS = "an int, a range, a list of them, or text such as 1-100,250,900-"


def moment(name: str, time: Time, zone: TimeZone = UTC) -> Moment:
    """A time; text without an offset is in the `zone`, and may count from the first packet. A datetime must have a
    zone of its own."""
    if isinstance(time, str):
        return parse_moment(name, time, zone)
    from datetime import timedelta
    from fractions import Fraction

    if isinstance(time, timedelta) and name in _SELECTING:
        raise UsageError(
            f"{argument(name, time)}: a timedelta is no time; write '+90s' for 90 s after the first packet",
            option=name,
        )
    return Moment(Fraction(*seconds_since_1970(name, time)), False)


def seconds_since_1970(name: str, time: object, otherwise: str = "") -> tuple[int, int]:
    """A time in any other type than text, as a pair: a number of units, and of how many in a second. `otherwise` is
    what a message about a float offers besides."""
    from datetime import UTC as UTC_ZONE
    from datetime import datetime

    if isinstance(time, datetime):
        if time != time:  # NaT of pandas, which is a datetime
            raise UsageError(f"{argument(name, time)}: must be {_TIMES}", option=name)
        if time.utcoffset() is None:
            raise UsageError(
                f"{argument(name, time)}: this datetime has no zone; write time.replace(tzinfo=datetime.UTC), "
                "or the zone that is meant",
                option=name,
            )
        return _nanoseconds(time - datetime(1970, 1, 1, tzinfo=UTC_ZONE)), NANOSECONDS
    return _exact(name, time, _TIMES, otherwise)


def duration(name: str, length: LengthOfTime, *, signed: bool = False, positive: bool = False) -> Fraction:
    """A length of time in seconds; `signed` and `positive` are as for `parse_duration`."""
    if isinstance(length, str):
        return parse_duration(name, length, signed=signed, positive=positive)
    from datetime import timedelta
    from fractions import Fraction

    if isinstance(length, timedelta):
        seconds = Fraction(_nanoseconds(length), NANOSECONDS)
    else:
        seconds = Fraction(*_exact(name, length, _DURATIONS))
    if positive and seconds <= 0:
        raise UsageError(f"{argument(name, length)}: must be more than 0; write {_DURATIONS}", option=name)
    if seconds < 0 and not signed:
        raise UsageError(f"{argument(name, length)}: this length of time has no sign; write {-length}", option=name)
    return seconds


def packet_ranges(name: str, numbers: PacketNumbers) -> list[tuple[int, int | None]]:
    """Ranges of packet numbers, as `parse_packet_ranges` returns them; empty if there is no number.

    A `range` ends before its stop, as everywhere in Python, and may have any step. Numbers may come in any order, and
    more than once. At most 2^20 ranges are taken, since a range with a step may have any number of numbers.
    """
    if isinstance(numbers, str):
        return parse_packet_ranges(name, numbers)
    several: Collection[int | range] = [numbers]  # type: ignore[list-item]
    if isinstance(numbers, Collection) and is_iterable(numbers) and not isinstance(numbers, range | bytes):
        several = numbers
    merged: list[tuple[int, int | None]] = []
    parts = (part for each in several for part in _parts(name, each))
    for first, last in sorted(_limited(name, parts)):
        if merged and first <= (end := merged[-1][1] or 0) + 1:
            merged[-1] = merged[-1][0], max(end, last)
        else:
            merged.append((first, last))
    return merged


def _parts(name: str, numbers: object) -> Iterator[tuple[int, int]]:
    """Yield the runs of consecutive packet numbers, as (first, last), of a number or of a range."""
    if isinstance(numbers, range):
        ascending = numbers if numbers.step > 0 else numbers[::-1]
        if ascending:
            _check_number(name, ascending[0], numbers)
            _check_number(name, ascending[-1], numbers)
        if ascending and ascending.step == 1:
            yield ascending[0], ascending[-1]
        else:
            yield from ((each, each) for each in ascending)
        return
    number = whole_number(numbers)
    if number is None:
        raise UsageError(f"{argument(name, numbers)}: must be {_NUMBERS}", option=name)
    _check_number(name, number, number)
    yield number, number


def _check_number(name: str, number: int, value: object) -> None:
    """Check a packet number in the `value` of an argument."""
    if number < 1:
        raise UsageError(f"{argument(name, value)}: packets count from 1", option=name)
    if number >= 10**MOST_DIGITS:
        raise UsageError(f"{argument(name, value)}: a packet number has at most {MOST_DIGITS} digits", option=name)


def _limited(name: str, parts: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the runs, but no more than `MOST_RANGES` that do not adjoin the one before them."""
    count = 0
    first = last = -1
    for begin, end in parts:
        if begin == last + 1:
            last = end
            continue
        if count:
            yield first, last
        count += 1
        if count > MOST_RANGES:
            raise UsageError(
                f"{argument(name)}: more than {MOST_RANGES:,} ranges of packets; {argument('where')}, a function of "
                "a packet, takes any rule",
                option=name,
            )
        first, last = begin, end
    if count:
        yield first, last


def _nanoseconds(length: timedelta) -> int:
    from datetime import timedelta

    finer = getattr(length, "nanoseconds", 0)  # pandas
    return (length // timedelta(microseconds=1)) * 1000 + finer


def _exact(name: str, number: object, forms: str, otherwise: str = "") -> tuple[int, int]:
    """A number of seconds as (numerator, denominator). Raises UsageError, which shows the `forms`."""
    from decimal import Decimal
    from fractions import Fraction

    if isinstance(number, Decimal) and number.is_finite():
        if abs(number.adjusted()) > 100:  # 1E+1000000 would be a number of a million digits
            raise UsageError(f"{argument(name, number)}: must be {forms}", option=name)
        return number.as_integer_ratio()
    if isinstance(number, Fraction):
        return number.numerator, number.denominator
    if isinstance(number, float):
        raise UsageError(f"{argument(name, number)}: {NO_FLOATS}{forms}{otherwise}", option=name)
    whole = whole_number(number)
    if whole is None:
        raise UsageError(f"{argument(name, number)}: must be {forms}", option=name)
    return whole, 1
