"""The intervals of a split by time: which interval a time is in, and when that begins and ends.

Strategy: intervals adjoin each other, and each time is in exactly one. Those of `FixedIntervals` all have the same
length. Those of `ClockIntervals` begin when the clocks of a time zone show a multiple of their length, and clocks are
put forward and back:

* Intervals of less than a day also end where the clocks change, so that none is longer than asked for, and an hour
  that clocks show twice is two intervals.
* Longer ones are as long as the calendar has them: a day has 23 to 25 hours. Such an interval begins when clocks first
  show its first second; if they leave that out, when they are put forward over it.
"""

from __future__ import annotations

from abc import abstractmethod
from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from fractions import Fraction

    from pcapconv.time_zones import TimeZone

_DAY = 86_400


class Interval(NamedTuple):
    """An interval in seconds since 1970: `begin` ≤ time < `end`."""

    begin: Fraction
    end: Fraction


class Intervals(Protocol):
    """Intervals into which a split divides time."""

    @abstractmethod
    def interval_of(self, time: Fraction) -> Interval:
        """The interval that a time is in."""


class FixedIntervals:
    """Intervals of `length` seconds, counted from an `origin`."""

    def __init__(self, length: Fraction, origin: Fraction) -> None:
        self._length = length
        self._origin = origin

    def interval_of(self, time: Fraction) -> Interval:
        """See `Intervals`."""
        begin = self._origin + (time - self._origin) // self._length * self._length
        return Interval(begin, begin + self._length)


class ClockIntervals:
    """Intervals that begin when the clocks of a `zone` show a multiple of `length` seconds since 1970."""

    def __init__(self, length: Fraction, zone: TimeZone) -> None:
        self._length = length
        self._zone = zone
        self._latest: Interval | None = None  # most packets are in the interval of the packet before them

    def interval_of(self, time: Fraction) -> Interval:
        """See `Intervals`."""
        latest = self._latest
        if latest is None or not latest.begin <= time < latest.end:
            find = self._short_interval if self._length < _DAY else self._long_interval
            self._latest = latest = find(time)
        return latest

    def _short_interval(self, time: Fraction) -> Interval:
        zone, length, second = self._zone, self._length, floor(time)
        offset = zone.offset(second)
        begin = (time + offset) // length * length - offset
        end = begin + length
        # A fraction times 0, plus a whole number, is a Fraction without its class, which is slow to import.
        if zone.offset(floor(begin)) != offset:
            begin = begin * 0 + zone.change_between(floor(begin), second)
        last = ceil(end) - 1
        if zone.offset(last) != offset:
            end = end * 0 + zone.change_between(second, last)
        return Interval(begin, end)

    def _long_interval(self, time: Fraction) -> Interval:
        number = (time + self._zone.offset(floor(time))) // self._length
        begin, end = self._first_instant(number), self._first_instant(number + 1)
        while end <= time:  # clocks showed the next interval, and were then put back into this one
            number += 1
            begin, end = end, self._first_instant(number + 1)
        return Interval(begin, end)

    def _first_instant(self, number: int) -> Fraction:
        """When the clocks first show the beginning of an interval, or a later time."""
        clock_time = number * self._length
        second = floor(clock_time)
        instant = self._zone.first_instant(second)
        is_shown = instant + self._zone.offset(instant) == second
        return instant + (clock_time - second if is_shown else clock_time * 0)
