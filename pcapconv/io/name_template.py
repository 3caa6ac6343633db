"""Templates for file names, such as `{stem}-{start:%H%M}-{interface}.pcapng`: for parts of a split, targets of a batch.

Strategy: a template is parsed once, and refused if any part of it is malformed. Names never lead out of the directories
of the template, and values from a capture are made safe: they contain no slash, and no character that a shell or a
terminal would interpret. Times are those of a zone, UTC unless the caller chooses another, and formatted by this
module, so that the same command gives the same names on every machine. When clocks are put back, they show an hour
twice: names that show it, and have no `{index}` to tell them apart, show its offset from UTC, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from string import Formatter
from types import MappingProxyType
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.io.compression import split_suffix
from pcapconv.time_zones import UTC, TimeZone, offset_text

MOST_BYTES = 100  # of a value in a name
NO_TIME = "notime"

FIELDS = ("index", "start", "interface", "link_type", "section", "stem")
NOTHING_NEEDED: Mapping[str, str] = MappingProxyType({})
_INDEX = "05"
_START = "%Y%m%dT%H%M%S"
_BARE = "%%|%[^%](?:[^%/{}]*%[^%])*|%"  # strftime fields outside braces, as in `tcpdump -w`, and text between them
_WIDTH = re.compile("0?[1-9]?[0-9]d?")

_HOURS = {"H", "I", "T"}  # letters that show an hour
_OFFSETS = {"s", "z"}  # letters that show which of two equal clock times it is

_EPOCH = datetime(1970, 1, 1)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTHS = ["January", "February", "March", "April", "May", "June"]
_MONTHS += ["July", "August", "September", "October", "November", "December"]

_LETTERS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "F": lambda time: f"{time.year:04}-{time.month:02}-{time.day:02}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{(time.hour + 11) % 12 + 1:02}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "T": lambda time: f"{time.hour:02}:{time.minute:02}:{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "a": lambda time: _DAYS[time.weekday()][:3],
    "A": lambda time: _DAYS[time.weekday()],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "B": lambda time: _MONTHS[time.month - 1],
    "%": lambda _: "%",
}
_ZONE_LETTERS: dict[str, Callable[[int, TimeZone], str]] = {  # of seconds since 1970
    "s": lambda seconds, _: str(seconds),
    "Z": lambda seconds, zone: safe(zone.abbreviation(seconds)),
    "z": lambda seconds, zone: offset_text(zone.offset(seconds), colon=""),
}


class TemplateValues(NamedTuple):
    """The values of a template's fields for one file. `number` is the value of `{index}`, from 1. `start` is in seconds
    since 1970, None for a file without a time. `interface`, `link_type`, `flow` and `host` are any text."""

    number: int
    start: Fraction | None
    interface: str
    link_type: str
    section: int
    flow: str = "none"
    host: str = "none"


class _Piece(NamedTuple):
    """A piece of a template: literal text, or a field. `field` is the name of the field, empty for literal text. `text`
    is the literal text, or the form of the field: a width for `index`, a time format for `start`, otherwise empty."""

    field: str
    text: str


class Template:
    """A template for names, which may have these `fields`; times are those of the `zone`. `needed` has, for further
    fields, what they need, for messages. All names are in `directory` or below it. Raises UsageError."""

    def __init__(
        self,
        text: str,
        fields: Sequence[str] = FIELDS,
        zone: TimeZone = UTC,
        *,
        needed: Mapping[str, str] = NOTHING_NEEDED,
    ) -> None:
        if text == "-":
            raise UsageError("the template is -, which is stdout: parts are files; write part-{index}.pcapng")
        if not os.path.basename(text):
            raise UsageError(f"{text!r} names no file; write a template like part-{{index}}.pcapng")
        self.text = text
        self.zone = zone
        self._pieces = [piece for piece in _pieces(text, fields, needed) if piece.field or piece.text]
        if not any(piece.field for piece in self._pieces):
            if "index" not in fields:
                raise UsageError(f"{text}: gives all files one name; fields are {_shown(fields)}")
            whole = "".join(piece.text for piece in self._pieces)
            name = os.path.splitext(split_suffix(whole)[0])[0]
            self._pieces = [_Piece("", f"{name}-"), _Piece("index", _INDEX), _Piece("", whole[len(name) :])]
        first = self._pieces[0]
        self._is_numbered = any(piece.field == "index" for piece in self._pieces)
        self.directory = os.path.dirname("" if first.field else first.text) or "."

    @property
    def needs_start(self) -> bool:
        """True if names contain a time."""
        return any(piece.field == "start" for piece in self._pieces)

    def name(self, values: TemplateValues, stem: str) -> str:
        """Return the name of a file with these values; `stem` is that of the capture."""
        return "".join(self._value(piece, values, stem) for piece in self._pieces)

    def _value(self, piece: _Piece, values: TemplateValues, stem: str) -> str:
        match piece.field:
            case "":
                return piece.text
            case "index":
                return format(values.number, piece.text)
            case "start":
                return _time(values.start, piece.text, self.zone, tell_apart=not self._is_numbered)
            case "section":
                return str(values.section)
            case "interface":
                return safe(values.interface)
            case "link_type":
                return safe(values.link_type)
            case "flow":
                return safe(values.flow)
            case "host":
                return safe(values.host)
            case _:
                return safe(stem)


def _shown(fields: Sequence[str]) -> str:
    return ", ".join(f"{{start:{_START}}}" if name == "start" else f"{{{name}}}" for name in fields)


def _pieces(text: str, fields: Sequence[str], needed: Mapping[str, str]) -> Iterator[_Piece]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise UsageError(f"{text}: {str(error).lower()}; fields are {_shown(fields)}, and {{{{ is a brace") from None
    literal = ""
    for before, field, form, conversion in parsed:
        for match in re.finditer(f"{_BARE}|[^%]+", before):
            words = match.group()
            if words == "%%":
                literal += "%"
            elif words.startswith("%"):
                yield _Piece("", literal)
                literal = ""
                yield _Piece("start", _time_form(text, words))
            else:
                literal += words
        if field is not None:
            yield _Piece("", literal)
            literal = ""
            if "{" in (form or ""):
                raise UsageError(f"{text}: braces within braces; fields are {_shown(fields)}")
            piece = _field(text, field, form or "", conversion) if field in fields else None
            if piece is None:
                whole = field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
                reason = f"needs {needed[field]}" if field in needed else "is no field of a template"
                raise UsageError(f"{text}: {{{whole}}} {reason}; fields are {_shown(fields)}")
            yield piece
    yield _Piece("", literal)


def _field(text: str, field: str, form: str, conversion: str | None) -> _Piece | None:
    """Return the piece for a field in braces, or None if a template may not have the field in this form."""
    if field == "index" and not conversion and (not form or _WIDTH.fullmatch(form)):
        return _Piece(field, form or _INDEX)
    if field == "start" and not conversion:
        return _Piece(field, _time_form(text, form or _START))
    if field in ("interface", "link_type", "section", "stem", "flow", "host") and not form and not conversion:
        return _Piece(field, "")
    return None


def _time_form(text: str, form: str) -> str:
    """Return the form of a time, after a check that all its `%` fields are known. Raises UsageError."""
    for field in re.findall("%.?", form, re.DOTALL):
        if field[1:] not in _LETTERS and field[1:] not in _ZONE_LETTERS:
            letters = " ".join(f"%{letter}" for letter in (*_LETTERS, *_ZONE_LETTERS))
            raise UsageError(f"{text}: {field} is no field of a time; there are {letters}")
    return form


def _time(start: Fraction | None, form: str, zone: TimeZone, *, tell_apart: bool) -> str:
    """Return a time in this form, in the zone; before the year 1 and after 9999, in seconds since 1970. With
    `tell_apart`, an hour that the zone's clocks show twice has its offset."""
    if start is None:
        return NO_TIME
    seconds, fraction = divmod(start, 1)
    clock_time = seconds + zone.offset(seconds)
    try:
        time = _EPOCH + timedelta(seconds=clock_time, microseconds=fraction * 10**6 // 1)
    except OverflowError:
        return safe(str(seconds))

    def letter_value(match: re.Match[str]) -> str:
        letter = match[1]
        return _ZONE_LETTERS[letter](seconds, zone) if letter in _ZONE_LETTERS else _LETTERS[letter](time)

    shown = re.sub("%(.)", letter_value, form)
    if tell_apart and _is_shown_twice(set(re.findall("%(.)", form)), clock_time, zone):
        shown += offset_text(zone.offset(seconds), colon="")
    return "_" + shown[1:] if shown.startswith("-") else shown


def _is_shown_twice(letters: set[str], clock_time: int, zone: TimeZone) -> bool:
    """Return whether these letters show the same hour for two times, since the zone's clocks do."""
    if not letters & _HOURS or letters & _OFFSETS:
        return False
    instants = zone.instants(clock_time)
    names = {zone.abbreviation(each) for each in instants} if "Z" in letters else {""}
    return len(names) < len(instants)


def safe(value: str) -> str:
    """Return a value in a form that is safe anywhere in a file's name: letters, digits, `.`, `_` and `-`, never empty.
    Dots and dashes at the beginning are replaced, since they would hide the file, or look like an option."""
    marks = "".join(mark if mark.isalnum() or mark in "._-" else "_" for mark in value[:MOST_BYTES])
    shown = marks.encode()[:MOST_BYTES].decode(errors="ignore")
    bare = shown.lstrip(".-")
    return "_" * (len(shown) - len(bare)) + bare or "_"
