"""Templates for file names, such as `{stem}-{start:%H%M}-{interface}.pcapng`: for parts of a split, targets of a batch.

Strategy: a template is parsed once, and refused if any part of it is malformed. Names never lead out of the directories
of the template, and values from a capture are made safe: they contain no slash, and no character that a shell or a
terminal would interpret. Times are UTC, and formatted by this module, so that the same command gives the same names on
every machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from string import Formatter
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.io.compression import split_suffix

MOST_BYTES = 100  # of a value in a name
NO_TIME = "notime"

FIELDS = ("index", "start", "interface", "link_type", "section", "stem")
_INDEX = "05"
_START = "%Y%m%dT%H%M%S"
_BARE = "%%|%[^%](?:[^%/{}]*%[^%])*|%"  # strftime fields outside braces, as in `tcpdump -w`, and text between them
_WIDTH = re.compile("0?[1-9]?[0-9]d?")

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
    "s": lambda time: str((time - _EPOCH) // timedelta(seconds=1)),
    "a": lambda time: _DAYS[time.weekday()][:3],
    "A": lambda time: _DAYS[time.weekday()],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "B": lambda time: _MONTHS[time.month - 1],
    "Z": lambda _: "UTC",
    "z": lambda _: "+0000",
    "%": lambda _: "%",
}


class TemplateValues(NamedTuple):
    """The values of a template's fields for one file. `number` is the value of `{index}`, from 1. `start` is in seconds
    since 1970, None for a file without a time. `interface` and `link_type` are any text."""

    number: int
    start: Fraction | None
    interface: str
    link_type: str
    section: int


class _Piece(NamedTuple):
    """A piece of a template: literal text, or a field. `field` is the name of the field, empty for literal text. `text`
    is the literal text, or the form of the field: a width for `index`, a time format for `start`, otherwise empty."""

    field: str
    text: str


class Template:
    """A template for names, which may have these `fields`. All names are in `directory` or below it. Raises
    UsageError."""

    def __init__(self, text: str, fields: Sequence[str] = FIELDS) -> None:
        if text == "-":
            raise UsageError("the template is -, which is stdout: parts are files; write part-{index}.pcapng")
        if not os.path.basename(text):
            raise UsageError(f"{text!r} names no file; write a template like part-{{index}}.pcapng")
        self.text = text
        self._pieces = [piece for piece in _pieces(text, fields) if piece.field or piece.text]
        if not any(piece.field for piece in self._pieces):
            if "index" not in fields:
                raise UsageError(f"{text}: gives all files one name; fields are {_shown(fields)}")
            whole = "".join(piece.text for piece in self._pieces)
            name = os.path.splitext(split_suffix(whole)[0])[0]
            self._pieces = [_Piece("", f"{name}-"), _Piece("index", _INDEX), _Piece("", whole[len(name) :])]
        first = self._pieces[0]
        self.directory = os.path.dirname("" if first.field else first.text) or "."

    @property
    def needs_start(self) -> bool:
        """True if names contain a time."""
        return any(piece.field == "start" for piece in self._pieces)

    def name(self, values: TemplateValues, stem: str) -> str:
        """Return the name of a file with these values; `stem` is that of the capture."""
        return "".join(_value(piece, values, stem) for piece in self._pieces)


def _shown(fields: Sequence[str]) -> str:
    return ", ".join(f"{{start:{_START}}}" if name == "start" else f"{{{name}}}" for name in fields)


def _pieces(text: str, fields: Sequence[str]) -> Iterator[_Piece]:
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
                raise UsageError(f"{text}: {{{whole}}} is no field of a template; fields are {_shown(fields)}")
            yield piece
    yield _Piece("", literal)


def _field(text: str, field: str, form: str, conversion: str | None) -> _Piece | None:
    """Return the piece for a field in braces, or None if a template may not have the field in this form."""
    if field == "index" and not conversion and (not form or _WIDTH.fullmatch(form)):
        return _Piece(field, form or _INDEX)
    if field == "start" and not conversion:
        return _Piece(field, _time_form(text, form or _START))
    if field in ("interface", "link_type", "section", "stem") and not form and not conversion:
        return _Piece(field, "")
    return None


def _time_form(text: str, form: str) -> str:
    """Return the form of a time, after a check that all its `%` fields are known. Raises UsageError."""
    for field in re.findall("%.?", form, re.DOTALL):
        if field[1:] not in _LETTERS:
            letters = " ".join(f"%{letter}" for letter in _LETTERS)
            raise UsageError(f"{text}: {field} is no field of a time; there are {letters}")
    return form


def _value(piece: _Piece, values: TemplateValues, stem: str) -> str:
    match piece.field:
        case "":
            return piece.text
        case "index":
            return format(values.number, piece.text)
        case "start":
            return _time(values.start, piece.text)
        case "section":
            return str(values.section)
        case "interface":
            return safe(values.interface)
        case "link_type":
            return safe(values.link_type)
        case _:
            return safe(stem)


def _time(start: Fraction | None, form: str) -> str:
    """Return a time in UTC in this form; before the year 1 and after 9999, in seconds since 1970."""
    if start is None:
        return NO_TIME
    seconds, fraction = divmod(start, 1)
    try:
        time = _EPOCH + timedelta(seconds=seconds, microseconds=fraction * 10**6 // 1)
    except OverflowError:
        return safe(str(seconds))
    shown = re.sub("%(.)", lambda match: _LETTERS[match[1]](time), form)
    return "_" + shown[1:] if shown.startswith("-") else shown


def safe(value: str) -> str:
    """Return a value in a form that is safe anywhere in a file's name: letters, digits, `.`, `_` and `-`, never empty.
    Dots and dashes at the beginning are replaced, since they would hide the file, or look like an option."""
    marks = "".join(mark if mark.isalnum() or mark in "._-" else "_" for mark in value[:MOST_BYTES])
    shown = marks.encode()[:MOST_BYTES].decode(errors="ignore")
    bare = shown.lstrip(".-")
    return "_" * (len(shown) - len(bare)) + bare or "_"
