"""Times as lines show them: of a clock, since the first packet, since the packet before, since 1970.

Strategy: times are whole nanoseconds, which a kernel computes for a batch. Their text has six decimal places, or nine
if the interface's ticks are finer than microseconds. Seconds of a clock are formatted once, since the packets behind
have mostly the same; where the date or the zone's offset changes, a line gets a heading. In records, a time of a clock
is a whole one, with all its digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pcapconv import timestamps
from pcapconv.model import PacketBatch
from pcapconv.time_zones import LOCAL, UTC, TimeZone, offset_text

TIMES = ("utc", "local", "relative", "delta", "epoch")
NO_TIME = "-"
_NANOSECONDS = timestamps.NANOSECONDS
_FIRST_CLOCK, _LAST_CLOCK = -62135596800, 253402300799  # of the years 1 to 9999, in seconds since 1970


class Times(NamedTuple):
    """The times of a batch: their texts, None for a packet without a time, and the headings of lines, by row."""

    texts: Sequence[str | None]
    headings: dict[int, str]


class TimeReader:
    """Makes the texts of times, batch after batch. `mode` is one of `TIMES`; None for a clock of the `zone`. With
    `dated`, each time has its date, and there are no headings. `first` is the time of the capture's first packet in
    nanoseconds, from which relative times count; it has to be set when it is known."""

    def __init__(self, mode: str | None, zone: TimeZone = UTC, *, dated: bool = False) -> None:
        self._mode = mode if mode in ("relative", "delta", "epoch") else "clock"
        self._zone = zone
        self._dated = dated
        self.first: int | None = None
        self._before: int | None = None  # the time of the packet before
        self._second: int | None = None  # whose clock time is in `_prefix`
        self._prefix = ""
        self._heading = ""
        self._new_heading = ""

    def read(self, batch: PacketBatch) -> Times:
        """The times of all packets of a batch."""
        if self._mode == "clock":
            return Times(_dated_texts(batch, self._zone), {}) if self._dated else self._clock_texts(batch)
        texts: list[str | None] = []
        for time, places in zip(nanoseconds(batch), _decimal_places(batch)):
            if time is None:
                texts.append(None)
                continue
            seconds = time - self._origin(time)  # the origin may be finer than this packet's ticks
            texts.append(_seconds_text(seconds, 9 if seconds % 1000 else places))
        return Times(texts, {})

    def _origin(self, time: int) -> int:
        """The time from which a packet's time counts."""
        if self._mode == "epoch":
            return 0
        if self._mode == "relative":
            if self.first is None:
                self.first = time
            return self.first
        before, self._before = self._before, time
        return time if before is None else before

    def _clock_texts(self, batch: PacketBatch) -> Times:
        texts: list[str | None] = []
        headings: dict[int, str] = {}
        for row, (time, places) in enumerate(zip(nanoseconds(batch), _decimal_places(batch))):
            if time is None:
                texts.append(None)
                continue
            second, fraction = divmod(time, _NANOSECONDS)
            if second != self._second:
                self._begin_second(second)
                if self._new_heading:
                    headings[row], self._new_heading = self._new_heading, ""
            if self._prefix:
                texts.append(
                    f"{self._prefix}{fraction // 1000:06d}" if places == 6 else f"{self._prefix}{fraction:09d}"
                )
            else:
                texts.append(_seconds_text(time, places))
        return Times(texts, headings)

    def _begin_second(self, second: int) -> None:
        """Set the text before the fractions of this second, and the heading if it is a new one."""
        self._second = second
        offset = self._zone.offset(second)
        if not _FIRST_CLOCK <= second + offset <= _LAST_CLOCK:
            self._prefix = ""
            return
        clock = datetime(1970, 1, 1) + timedelta(seconds=second + offset)
        self._prefix = f"{clock:%H:%M:%S}."
        heading = f"{clock.date().isoformat()} ({self._zone_text(second, offset)})"
        if heading != self._heading:
            self._heading = self._new_heading = heading

    def _zone_text(self, second: int, offset: int) -> str:
        if self._zone.name == UTC.name:
            return UTC.name
        name = self._zone.abbreviation(second) if self._zone.name == LOCAL else self._zone.name
        return f"{name}, {offset_text(offset)}"


def nanoseconds(batch: PacketBatch) -> Sequence[int | None]:
    """The time of each packet in nanoseconds since 1970, rounded down; None if it has none, or none that can be
    determined."""
    times, known = batch.known_times()
    if known == batch.rows and all(batch.has_time):
        return times
    found: list[int | None] = []
    for has_time, ticks, number in zip(batch.has_time, batch.columns.ticks, batch.columns.interface):
        unit = batch.interfaces[number].time_unit
        known = has_time and unit is not None
        found.append(timestamps.rescale(ticks, *unit, _NANOSECONDS)[0] if known and unit is not None else None)
    return found


def _decimal_places(batch: PacketBatch) -> Sequence[int]:
    """How many decimal places the time of each packet has: 6 or 9."""
    if len(batch.interfaces) == 1:
        return [_places(batch.interfaces[0].ticks_per_second)] * batch.rows
    places = dict[int, int]()
    for number in set(batch.columns.interface[: batch.rows]):
        places[number] = _places(batch.interfaces[number].ticks_per_second)
    return [places[number] for number in batch.columns.interface[: batch.rows]]


def _places(ticks_per_second: int) -> int:
    return 9 if timestamps.MICROSECONDS % ticks_per_second else 6


def _seconds_text(time: int, places: int) -> str:
    """Nanoseconds as seconds."""
    whole, fraction = divmod(abs(time), _NANOSECONDS)
    return f"{'-' if time < 0 else ''}{whole}.{fraction // 10 ** (9 - places):0{places}d}"


def _dated_texts(batch: PacketBatch, zone: TimeZone) -> list[str | None]:
    """Each packet's time as ISO 8601, with all its digits."""
    texts: list[str | None] = []
    for has_time, ticks, number in zip(batch.has_time, batch.columns.ticks, batch.columns.interface):
        unit = batch.interfaces[number].time_unit
        texts.append(timestamps.format_time(ticks, *unit, zone) if has_time and unit is not None else None)
    return texts
