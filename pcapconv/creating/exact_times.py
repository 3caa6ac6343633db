"""Turns times in Python's types into integers, exactly: a time is a pair (number, of how many in a second), since 1970.

A float is refused, since it cannot hold the time of a packet: of the nanoseconds since 1970 it holds every 256th.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from pcapconv.errors import UsageError
from pcapconv.spec.given_values import whole_number
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from fractions import Fraction

    Time = SupportsIndex | str | datetime | Fraction | Decimal

RESOLUTIONS = {"ns": NANOSECONDS, "us": MICROSECONDS}

_FORMS = "an int of seconds, a datetime with a zone, a Fraction, a Decimal, or text such as 2024-05-01T12:00:00.25Z"
_NO_FLOATS = "a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in nanoseconds; pass "


def check_resolution(resolution: str) -> int:
    """The units in a second for a resolution, `"ns"` or `"us"`. Raises UsageError for any other."""
    if not isinstance(resolution, str) or resolution not in RESOLUTIONS:
        raise UsageError(f"{argument('resolution', resolution)}: must be one of {', '.join(RESOLUTIONS)}")
    return RESOLUTIONS[resolution]


def exact_time(time_ns: SupportsIndex | None, time: Time | None, name: str = "time") -> tuple[int, int] | None:
    """The time that one of the two arguments gives; None if neither is given. `name` is that of the second one. Raises
    UsageError."""
    if time_ns is not None and time is not None:
        raise UsageError(f"{arguments(time_ns=None, time=None)}: give one of them, not both")
    if time_ns is not None:
        return _whole_number("time_ns", time_ns), NANOSECONDS
    return None if time is None else _time(name, time)


def _whole_number(name: str, number: SupportsIndex) -> int:
    if isinstance(number, float):
        raise UsageError(f"{argument(name, number)}: {_NO_FLOATS}an int, or use {argument('time')} with a Decimal")
    whole = whole_number(number)
    if whole is None:
        raise UsageError(f"{argument(name, number)}: must be an int, the nanoseconds since 1970")
    return whole


def _time(name: str, time: Time) -> tuple[int, int]:
    from datetime import UTC, datetime, timedelta
    from decimal import Decimal
    from fractions import Fraction

    if isinstance(time, str):
        from pcapconv.steps.argument_values import parse_moment

        moment = parse_moment(name, time)
        if moment.relative:
            raise UsageError(f"{argument(name, time)}: a new capture has no first packet to count from")
        return moment.seconds.numerator, moment.seconds.denominator
    if isinstance(time, datetime):
        if time.utcoffset() is None:
            raise UsageError(
                f"{argument(name, time)}: this datetime has no zone; write time.replace(tzinfo=datetime.UTC), "
                "or the zone that is meant"
            )
        since = time - datetime(1970, 1, 1, tzinfo=UTC)
        finer = getattr(since, "nanoseconds", 0)  # pandas
        return (since // timedelta(microseconds=1)) * 1000 + finer, NANOSECONDS
    if isinstance(time, Decimal) and time.is_finite():
        return time.as_integer_ratio()
    if isinstance(time, Fraction):
        return time.numerator, time.denominator
    if isinstance(time, float):
        raise UsageError(f"{argument(name, time)}: {_NO_FLOATS}{_FORMS}; or {argument('time_ns')}, an int")
    whole = whole_number(time)
    if whole is None:
        raise UsageError(f"{argument(name, time)}: must be {_FORMS}")
    return whole, 1
