"""Turns times in Python's types into integers, exactly: a time is a pair (number, of how many in a second), since 1970.

A float is refused, since it cannot hold the time of a packet: of the nanoseconds since 1970 it holds every 256th.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from pcapconv.errors import UsageError
from pcapconv.spec.given_values import nanoseconds
from pcapconv.steps import typed_values
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from pcapconv.steps.typed_values import Time as Time

RESOLUTIONS = {"ns": NANOSECONDS, "us": MICROSECONDS}


def check_resolution(resolution: str) -> int:
    """The units in a second for a resolution, `"ns"` or `"us"`. Raises UsageError for any other."""
    if not isinstance(resolution, str) or resolution not in RESOLUTIONS:
        raise UsageError(
            f"{argument('resolution', resolution)}: must be one of {', '.join(RESOLUTIONS)}", option="resolution"
        )
    return RESOLUTIONS[resolution]


def exact_time(time_ns: SupportsIndex | None, time: Time | None, name: str = "time") -> tuple[int, int] | None:
    """The time that one of the two arguments gives; None if neither is given. `name` is that of the second one. Raises
    UsageError."""
    if time_ns is not None and time is not None:
        raise UsageError(f"{arguments(time_ns=None, time=None)}: give one of them, not both", option="time_ns")
    if time_ns is not None:
        return nanoseconds("time_ns", time_ns, f", or use {argument('time')} with a Decimal"), NANOSECONDS
    return None if time is None else _time(name, time)


def _time(name: str, time: Time) -> tuple[int, int]:
    if isinstance(time, str):
        moment = typed_values.moment(name, time)
        if moment.relative:
            raise UsageError(f"{argument(name, time)}: a new capture has no first packet to count from", option=name)
        return moment.seconds.numerator, moment.seconds.denominator
    return typed_values.seconds_since_1970(name, time, f"; or {argument('time_ns')}, an int")
