"""What is selected and edited: as second implementations take it, and as arguments of pcapconv."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from expected_captures import Packet

Ranges = Sequence[tuple[int, int | None]]
EDITING_FIELDS = (
    *("tunnels", "only_tunnels", "snaplen", "front", "end", "cuts", "adjust", "shift", "start", "moments", "comments"),
)


class Request(NamedTuple):
    """What to select and to edit. Times are (seconds, relative to the first packet), and given by the clocks of
    `timezone`, if there is one; a window is a number of packets, or a Fraction of seconds. `cuts` are (offset, from the
    end, number, negative for bytes before the offset)."""

    sort: bool = False
    timezone: str | None = None
    after: tuple[Fraction, bool] | None = None
    before: tuple[Fraction, bool] | None = None
    packets: Ranges | None = None
    drop_packets: Ranges | None = None
    first: int | None = None
    last: int | None = None
    interface: Sequence[str] = ()
    comment_matches: str | None = None
    direction: str | None = None
    expression: str | None = None
    where: Callable[[Any], object] | None = None
    dedup: int | Fraction | None = None
    dedup_ignore: Sequence[str] = ()
    dedup_skip: int | str | None = None
    invert: bool = False
    tunnels: Sequence[str] = ()
    only_tunnels: bool = False
    snaplen: int | None = None
    front: int = 0
    end: int = 0
    cuts: Sequence[tuple[int, bool, int]] = ()
    adjust: bool = False
    shift: Fraction | None = None
    start: Fraction | None = None
    moments: Sequence[tuple[int, Fraction]] = ()
    comments: Sequence[tuple[int, str]] = ()

    def as_arguments(self) -> dict[str, Any]:
        """The request as arguments of `pcapconv.convert`."""
        said: dict[str, Any] = {
            "sort": self.sort,
            "timezone": self.timezone,
            "after": self.after and _moment(*self.after, self.timezone),
            "before": self.before and _moment(*self.before, self.timezone),
            "packets": self.packets and _ranges(self.packets),
            "drop_packets": self.drop_packets and _ranges(self.drop_packets),
            "first": self.first,
            "last": self.last,
            "interface": list(self.interface),
            "comment_matches": self.comment_matches,
            "direction": self.direction,
            "filter": self.expression,
            "where": self.where,
            "dedup": f"{decimal(self.dedup)}s" if isinstance(self.dedup, Fraction) else self.dedup,
            "dedup_ignore": list(self.dedup_ignore),
            "dedup_skip": self.dedup_skip,
            "invert": self.invert,
            "decapsulate": list(self.tunnels),
            "only_decapsulated": self.only_tunnels,
            "snaplen": self.snaplen,
            "chop": [
                *(each for each in (self.front, -self.end) if each),
                *(f"{'-' if from_end else ''}{offset}:{number}" for offset, from_end, number in self.cuts),
            ],
            "adjust_length": self.adjust,
            "shift_time": None if self.shift is None else decimal(self.shift),
            "rebase_time": None if self.start is None else _moment(self.start, False, self.timezone),
            "set_time": [f"{number}:{_moment(time, False, self.timezone)}" for number, time in self.moments],
            "packet_comment": [f"{number}:{text}" for number, text in self.comments],
        }
        return {name: value for name, value in said.items() if value not in (None, [], False)}

    @property
    def selects(self) -> bool:
        no_choice = ("sort", "timezone", *EDITING_FIELDS)
        return self._replace(**{name: Request._field_defaults[name] for name in no_choice}) != Request()

    @property
    def edits(self) -> bool:
        unedited = {name: Request._field_defaults[name] for name in EDITING_FIELDS}
        return bool(self.shift) or self._replace(shift=None) != self._replace(**unedited)


def decimal(value: Fraction) -> str:
    """A number with all its digits. Raises ValueError if they do not end, or are more than pcapconv takes."""
    digits = next((count for count in range(61) if value.denominator and 10**count % value.denominator == 0), None)
    if digits is None:
        raise ValueError(f"{value} has no end, or more than 60 digits")
    if not digits:
        return str(value.numerator)
    whole, rest = divmod(abs(value.numerator) * (10**digits // value.denominator), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}}"


def _moment(seconds: Fraction, relative: bool, timezone: str | None) -> str:
    text = decimal(seconds)
    if relative:
        return f"+{text}"
    if timezone is not None and 0 <= seconds < 2**32:
        return _on_a_clock(seconds, timezone)
    return text if "." in text else f"{text}.0"  # eight digits may be a date


def _on_a_clock(seconds: Fraction, timezone: str) -> str:
    """What the clocks of a zone show, with the offset if they show it twice."""
    whole, rest = divmod(seconds, 1)
    zone = UTC if timezone == "local" else ZoneInfo(timezone)  # tests run where the local zone is UTC
    time = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)).astimezone(zone)
    shown = f"{time:%Y-%m-%dT%H:%M:%S}{decimal(rest).removeprefix('0')}"
    twice = time.replace(fold=0).utcoffset() != time.replace(fold=1).utcoffset()
    return f"{shown}{time:%z}" if twice else shown


def _ranges(ranges: Ranges) -> str:
    return ",".join(
        str(first) if first == last else f"{first}-{'' if last is None else last}" for first, last in ranges
    )


def alone(found: Sequence[Packet]) -> list[Request]:
    """Each selecting option alone, in several ways, and inverted; with limits on the packets and between them."""
    times = sorted({packet.time for packet in found if packet.time is not None})
    middle = times[len(times) // 2 :][:1]
    limits = [(_short(time + beside), False) for time in middle for beside in (0, Fraction(1, 10**9))]
    limits += [(Fraction(0), True), (Fraction(1, 4), True), (Fraction(3, 2), True)]
    count = len(found)
    ways = [
        *(Request(after=each) for each in limits),
        *(Request(before=each) for each in limits),
        *(Request(after=(_short(times[0]), False), before=(_short(time), False)) for time in times[-1:] if times[1:]),
        *(Request(packets=each) for each in ([(1, 1)], [(2, None)], [(3, 4), (1, 3)], [(count + 1, count + 9)])),
        *(Request(drop_packets=each) for each in ([(1, 1)], [(2, None)], [(max(1, count), count + 1), (2, 2)])),
        *(Request(first=each) for each in (1, 2, count + 1)),
        *(Request(last=each) for each in (1, 2, count + 1)),
        Request(first=3, last=2),
        *(Request(interface=[each]) for each in sorted(names_of(found))),
        *(Request(comment_matches=each) for each in ("comment", "^[a-m]", "")),
        *(Request(direction=each) for each in ("in", "out")),
    ]
    return [each for way in ways for each in (way, way._replace(invert=True))]


def names_of(found: Sequence[Packet]) -> set[str]:
    """All names and ids by which an interface with packets can be selected."""
    names = {packet.interface.name for packet in found}
    called = {name.decode() for name in names if name is not None and _is_text(name)}
    places = {f"{packet.interface.section}:{packet.interface.interface}" for packet in found}
    return called | places | {str(packet.interface.interface) for packet in found}


def _is_text(name: bytes) -> bool:
    try:
        return "\0" not in name.decode()
    except UnicodeDecodeError:
        return False


def _short(time: Fraction) -> Fraction:
    """The time, cut after so many digits as pcapconv takes."""
    return Fraction(time.numerator * 10**60 // time.denominator, 10**60)
