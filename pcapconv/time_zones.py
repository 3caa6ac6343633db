"""Time zones: what a zone's clocks show at an instant, and at which instants they show a time.

Strategy: a zone answers one question, its offset from UTC at a second, by the system's zone data (`zoneinfo`) or, for
the local zone, by the C library, which follows the variable TZ and /etc/localtime. All else is found by asking for
offsets: offsets are whole numbers of seconds, and so no digit of a time is ever touched. A *clock time* is what a clock
shows, in seconds since it showed 1970-01-01 00:00.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

LOCAL = "local"

_NAME = "[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}"
_OFFSET = "(?:utc|gmt)?_?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?"
_ABBREVIATION = "[A-Z]{2,5}"
_OTHER_SCALES = ("posix/", "right/")  # copies of all zones; those in right/ count leap seconds, as captures do not
_MOST_SIMILAR = 3
_HOUR, _DAY = 3600, 86400
# The seconds, a day within the years 1 to 9999, beyond which offsets stay what they are there.
_FIRST, _LAST = -62135596800 + _DAY, 253402300799 - _DAY


class TimeZone:
    """A time zone, by its `name`. This class itself is UTC; others derive from it."""

    name = "UTC"

    def offset(self, seconds: int) -> int:
        """By how many seconds the zone's clocks are ahead of UTC at this second since 1970."""
        del seconds
        return 0

    def abbreviation(self, seconds: int) -> str:
        """The zone's short name at this second since 1970, such as UTC."""
        del seconds
        return "UTC"

    @property
    def in_words(self) -> str:
        """The zone as a message names it."""
        return "the local zone" if self.name == LOCAL else self.name

    def offset_text(self, seconds: int) -> str:
        """The offset at this second since 1970 as ISO 8601 has it: `+02:00`, and `Z` in UTC."""
        return "Z" if self.name == "UTC" else offset_text(self.offset(seconds))

    def instants(self, clock_time: int) -> list[int]:
        """The seconds since 1970 at which the zone's clocks show a time: none if clocks are put forward over it, two if
        they are put back over it, else one."""
        offsets = set(self._offsets_around(clock_time))
        return sorted(clock_time - offset for offset in offsets if self.offset(clock_time - offset) == offset)

    def instants_beside(self, clock_time: int) -> tuple[int, int]:
        """For a clock time that is left out, the instants at which it would be by the offsets before and after the
        change. The first is behind the change, the second before it."""
        offsets = self._offsets_around(clock_time)
        for before, after in pairwise(offsets):
            behind, ahead = clock_time - before, clock_time - after
            if before < after and (self.offset(behind), self.offset(ahead)) == (after, before):
                return behind, ahead
        return clock_time - min(offsets), clock_time - max(offsets)

    def first_instant(self, clock_time: int) -> int:
        """The first second since 1970 at which the clocks show this time, or a later one if it is left out."""
        if instants := self.instants(clock_time):
            return instants[0]
        behind, ahead = self.instants_beside(clock_time)
        return self.change_between(ahead, behind)

    def change_between(self, low: int, high: int) -> int:
        """The first second with a new offset, between two seconds that have different offsets."""
        old = self.offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self.offset(middle) == old:
                low = middle
            else:
                high = middle
        return high

    def _offsets_around(self, clock_time: int) -> list[int]:
        """The offsets in order of time, hour by hour, at all instants that may be this clock time: no offset reaches
        a day."""
        return [self.offset(clock_time + hours * _HOUR) for hours in range(-25, 26)]


class _NamedZone(TimeZone):
    """A zone of the system's zone data."""

    def __init__(self, name: str, zone: ZoneInfo) -> None:
        self.name = name
        self._zone = zone

    def offset(self, seconds: int) -> int:
        from datetime import timedelta

        offset = self._clock(seconds).utcoffset()
        assert offset is not None
        return offset // timedelta(seconds=1)

    def abbreviation(self, seconds: int) -> str:
        return self._clock(seconds).tzname() or ""

    def _clock(self, seconds: int) -> datetime:
        from datetime import UTC, datetime, timedelta

        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_within_calendar(seconds))
        return time.astimezone(self._zone)


class _LocalZone(TimeZone):
    """The zone of this process's clock, as the C library knows it."""

    name = LOCAL

    def offset(self, seconds: int) -> int:
        import time

        return time.localtime(_within_calendar(seconds)).tm_gmtoff

    def abbreviation(self, seconds: int) -> str:
        import time

        return time.localtime(_within_calendar(seconds)).tm_zone


UTC = TimeZone()


@lru_cache(maxsize=16)
def open_zone(name: str) -> TimeZone:
    """The zone of this name: `UTC`, `local`, or a name of the zone data, such as `Europe/Berlin`. Raises LookupError if
    there is none."""
    if name == UTC.name:
        return UTC
    if name == LOCAL:
        return _LocalZone()
    import re
    from zoneinfo import ZoneInfo

    if re.fullmatch(_NAME, name) is None or name.startswith(_OTHER_SCALES):
        raise LookupError(name)

    try:
        return _NamedZone(name, ZoneInfo(name))
    except (LookupError, ValueError, OSError):  # no such file; not a file of zone data; a directory
        raise LookupError(name) from None


def similar_names(name: str) -> list[str]:
    """Names of zones that are similar to this text, at most 3; for an offset from UTC, the zone that always has it.
    Raises LookupError if the system has no zone data."""
    import re
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    names = sorted(available_timezones())
    if not names:
        raise LookupError("no zone data")
    by_folded = {each.casefold(): each for each in (*names, LOCAL)}
    folded = name[:64].strip().replace(" ", "_").casefold()
    if folded in by_folded:
        return [by_folded[folded]]
    if offset := re.fullmatch(_OFFSET, folded):
        hours = int(offset["hours"])
        sign = "-" if offset["sign"] == "+" else "+"  # POSIX counts to the west: Etc/GMT-2 is ahead of UTC by two hours
        always = f"Etc/GMT{sign}{hours}" if hours else UTC.name
        return [always] if always in names and not int(offset["minutes"] or 0) else []
    if re.fullmatch(_ABBREVIATION, name):  # CEST is not similar to EST
        return []
    cities = [each for each in names if each.rpartition("/")[2].casefold() == folded]
    similar = cities or [by_folded[each] for each in get_close_matches(folded, by_folded, _MOST_SIMILAR, 0.7)]
    return similar[:_MOST_SIMILAR]


def offset_text(offset: int, colon: str = ":") -> str:
    """An offset from UTC as text: `+02:00`; with seconds, if it has some."""
    minutes, seconds = divmod(abs(offset), 60)
    parts = [*divmod(minutes, 60), *([seconds] if seconds else [])]
    return ("-" if offset < 0 else "+") + colon.join(f"{part:02}" for part in parts)


def _within_calendar(seconds: int) -> int:
    return min(max(seconds, _FIRST), _LAST)
