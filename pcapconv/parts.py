"""The parts of a split: what they are called, and the files behind them.

Strategy: a template such as `{stem}-{start:%H%M}-{interface}.pcapng` is taken apart once, and refused whole when
anything in it makes no sense. Names never leave the template's own directories and hold nothing that a shell or a
terminal would obey: what comes from a capture is made safe, and slashes come from the template alone. Times are UTC,
and formatted here, so that the same command gives the same names everywhere.

There may be thousands of parts, of which few get much at a time: all begin with small buffers, and once these take more
than `_BUDGET` together, those that got nothing for longest rest, without buffer, thread or open file.
"""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from string import Formatter
from typing import Any, NamedTuple

from pcapconv import formats, timestamps
from pcapconv.errors import UsageError
from pcapconv.files import Targets
from pcapconv.kernels import TOTALS, choose
from pcapconv.model import Item, PacketBatch
from pcapconv.output import Output

MOST = 100  # bytes of a value in a name
NO_TIME = "notime"

_BUDGET = 16 * 2**20
_COST = 2000  # bytes that a part takes besides
_MOST_TABLES = 16  # parts whose writers may keep tables of half a megabyte
_NONE = "none"
_NO_TOTALS = array("Q", [0, 0, 0, 2**64 - 1, 0])  # of an interface, as `count_packets` has them
_NO_TYPES = array("Q", bytes(8 * 256))

_FIELDS = "{index}, {start:%Y%m%dT%H%M%S}, {interface}, {link_type}, {section}, {stem}"
_INDEX = "05"
_START = "%Y%m%dT%H%M%S"
_BARE = "%%|%[^%](?:[^%/{}]*%[^%])*|%"  # strftime fields outside braces, as in `tcpdump -w`, with what is between
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


class Facts(NamedTuple):
    """What a name can say of a part. `number` counts from 1; `start` is in seconds since 1970, None without a time;
    `interface` and `link_type` are text, of any kind."""

    number: int
    start: Fraction | None
    interface: str
    link_type: str
    section: int


class _Piece(NamedTuple):
    """`field` is empty for text that stands in the name as it is."""

    field: str
    text: str


class Template:
    """A template for the names of parts. `directory` is where all of them are, or below. Raises UsageError."""

    def __init__(self, text: str) -> None:
        if text == "-":
            raise UsageError("the template is -, which is stdout: parts are files; write part-{index}.pcapng")
        if not os.path.basename(text):
            raise UsageError(f"{text!r} names no file; write a template like part-{{index}}.pcapng")
        self.text = text
        self._pieces = [piece for piece in _pieces(text) if piece.field or piece.text]
        if not any(piece.field for piece in self._pieces):
            name, suffix = os.path.splitext("".join(piece.text for piece in self._pieces))
            self._pieces = [_Piece("", f"{name}-"), _Piece("index", _INDEX), _Piece("", suffix)]
        first = self._pieces[0]
        self.directory = os.path.dirname("" if first.field else first.text) or "."

    @property
    def needs_start(self) -> bool:
        """Whether names tell a time."""
        return any(piece.field == "start" for piece in self._pieces)

    def name(self, facts: Facts, stem: str) -> str:
        """The part's name; `stem` is that of the capture."""
        return "".join(_value(piece, facts, stem) for piece in self._pieces)


def _pieces(text: str) -> Iterator[_Piece]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise UsageError(f"{text}: {str(error).lower()}; fields are {_FIELDS}, and {{{{ is a brace") from None
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
            yield _field(text, field, form or "", conversion)
    yield _Piece("", literal)


def _field(text: str, field: str, form: str, conversion: str | None) -> _Piece:
    if field == "index" and not conversion and (not form or _WIDTH.fullmatch(form)):
        return _Piece(field, form or _INDEX)
    if field == "start" and not conversion:
        return _Piece(field, _time_form(text, form or _START))
    if field in ("interface", "link_type", "section", "stem") and not form and not conversion:
        return _Piece(field, "")
    shown = field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
    raise UsageError(f"{text}: {{{shown}}} is no field of a template; fields are {_FIELDS}")


def _time_form(text: str, form: str) -> str:
    """The form of a time, which holds only letters that are known."""
    for field in re.findall("%.?", form, re.DOTALL):
        if field[1:] not in _LETTERS:
            letters = " ".join(f"%{letter}" for letter in _LETTERS)
            raise UsageError(f"{text}: {field} is no field of a time; there are {letters}")
    if "{" in form or "}" in form:
        raise UsageError(f"{text}: braces within braces; fields are {_FIELDS}")
    return form


def _value(piece: _Piece, facts: Facts, stem: str) -> str:
    match piece.field:
        case "":
            return piece.text
        case "index":
            return format(facts.number, piece.text)
        case "start":
            return _time(facts.start, piece.text)
        case "section":
            return str(facts.section)
        case "interface":
            return safe(facts.interface)
        case "link_type":
            return safe(facts.link_type)
        case _:
            return safe(stem)


def _time(start: Fraction | None, form: str) -> str:
    """A time in UTC; before the year 1 and after 9999, seconds since 1970."""
    if start is None:
        return NO_TIME
    seconds, rest = divmod(start, 1)
    try:
        time = _EPOCH + timedelta(seconds=seconds, microseconds=rest * 10**6 // 1)
    except OverflowError:
        return safe(str(seconds))
    shown = re.sub("%(.)", lambda match: _LETTERS[match[1]](time), form)
    return "_" + shown[1:] if shown.startswith("-") else shown


def safe(value: str) -> str:
    """A value as it may stand anywhere in a file's name: letters, digits, `.`, `_` and `-`, and not empty. A dot or
    dash at its beginning would hide the file, or look like an option."""
    marks = "".join(mark if mark.isalnum() or mark in "._-" else "_" for mark in value[:MOST])
    shown = marks.encode()[:MOST].decode(errors="ignore")
    bare = shown.lstrip(".-")
    return "_" * (len(shown) - len(bare)) + bare or "_"


class OpenPart:
    """A part that may still grow.

    `key` is what it is for, None while nobody knows. `facts` are what its name tells, None before its first packet,
    which is number `first_number`. `section` is the number of the section that was written last, `shared` counts those
    blocks of it that every part gets, and `bare` tells that there are no others in the part, nor packets.
    """

    __slots__ = (
        "bare",
        "facts",
        "first_number",
        "index",
        "key",
        "name",
        "output",
        "packets",
        "section",
        "shared",
        "times",
        "writer",
    )

    def __init__(self, index: int, output: Output, writer: formats.Writer) -> None:
        self.index = index
        self.output = output
        self.writer = writer
        self.key: Hashable = None
        self.facts: Facts | None = None
        self.name = ""
        self.first_number = 0
        self.packets = 0
        self.bare = True
        self.section = -1
        self.shared = 0
        self.times: dict[tuple[int, int], tuple[int, int]] = {}  # by unit, the lowest and the highest ticks


class OpenParts:
    """All parts of a run: makes them, writes into them, names them, and closes them one by one or all at once.

    `names` and `reports` are in the parts' order, and complete once all are finished; `losses` and `packets` are sums.
    """

    def __init__(self, files: Targets, template: Template, stem: str, format_name: str, *, nanoseconds: bool) -> None:
        self._files = files
        self._template = template
        self._stem = stem
        self._nanoseconds = nanoseconds
        self._open: dict[OpenPart, None] = {}
        self._awake: OrderedDict[OpenPart, int] = OrderedDict()  # and the memory it holds; the last used at the end
        self._held = 0
        self._spares: list[bytearray] = []
        self._retired: OpenPart | None = None
        self._taken: dict[str, tuple[int, int]] = {}  # path → a part's index and first packet
        self._kernels = choose()
        self.format = format_name
        self.needs_start = template.needs_start
        self.names: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.losses: Counter[str] = Counter()
        self.packets = 0

    def new(self) -> OpenPart:
        """Begin a part. Raises FileError."""
        output = Output(self._files.new(), spares=self._spares)
        writer = formats.open_writer(self.format, output, nanoseconds=self._nanoseconds)
        self.names.append("")
        self.reports.append({})
        part = OpenPart(len(self.names), output, writer)
        self._open[part] = None
        return part

    def write(self, part: OpenPart, *items: Item) -> None:
        """Write items. Raises TargetError, and FileError when the system refuses."""
        for item in items:
            part.writer.write(item)
        held = part.output.held
        self._held += held - self._awake.pop(part, 0)
        self._awake[part] = held
        budget = max(_BUDGET // 4, _BUDGET - _COST * len(self._open))
        while self._held > budget and len(self._awake) > 1:
            oldest, held = self._awake.popitem(last=False)
            self._held -= held
            oldest.output.rest()

    def write_packets(self, part: OpenPart, batch: PacketBatch) -> None:
        """Write packets, and note how many and when. Raises as `write`."""
        part.packets += batch.rows
        self._note_times(part, batch)
        self.write(part, batch)
        if len(self._open) > _MOST_TABLES:
            part.writer.rest()

    def _note_times(self, part: OpenPart, batch: PacketBatch) -> None:
        interfaces = batch.interfaces
        totals = _NO_TOTALS * len(interfaces)
        self._kernels.count_packets(batch.columns, batch.rows, totals, _NO_TYPES[:])
        some = len(interfaces) > batch.rows
        for number in set(batch.columns.interface[: batch.rows]) if some else range(len(interfaces)):
            lowest, highest = totals[number * TOTALS + 3 : number * TOTALS + 5]
            if lowest <= highest and not interfaces[number].time_error:
                unit = interfaces[number].ticks_per_second, interfaces[number].time_offset
                known = part.times.get(unit, (lowest, highest))
                part.times[unit] = min(lowest, known[0]), max(highest, known[1])

    def give_name(self, part: OpenPart) -> None:
        """Name a part by its facts. Raises UsageError where another part has the name, FileError where a file has."""
        facts = part.facts or Facts(part.index, None, _NONE, _NONE, max(0, part.section))
        name = self._template.name(facts, self._stem)
        index, first_number = self._taken.setdefault(self._files.place(name), (part.index, part.first_number))
        if index != part.index:
            raise UsageError(
                f"{self._template.text}: part {index}, which begins with packet {first_number}, and part "
                f"{part.index}, which begins with packet {part.first_number}, would both be {name}; "
                "put {index} into the template"
            )
        part.name = part.output.name = self.names[part.index - 1] = name

    def retire(self, part: OpenPart) -> None:
        """Nothing more comes for this part. It is finished when the next one retires, and is written meanwhile."""
        if self._retired is not None:
            self._finish(self._retired)
        part.output.send()
        self._retired = part

    def _finish(self, part: OpenPart) -> None:
        if not part.name:
            self.give_name(part)
        part.writer.finish()
        part.output.rest()
        self._held -= self._awake.pop(part, 0)
        del self._open[part]
        self.losses.update(part.writer.losses)
        self.packets += part.packets
        first, last = _span(part)
        self.reports[part.index - 1] = {
            "name": part.name,
            "packets": part.packets,
            "bytes": part.output.position,
            "first_time": first,
            "last_time": last,
        }

    def finish_all(self) -> None:
        """Nothing more comes for any part. Raises as `write` and `give_name`."""
        for part in list(self._open):
            self._finish(part)

    def close(self) -> None:
        """Let threads go, also after an error."""
        for part in self._open:
            part.output.close()


def _span(part: OpenPart) -> tuple[str | None, str | None]:
    """The times of its earliest and its latest packet, with all digits."""
    if not part.times:
        return None, None
    times = [timestamps.instant(ticks, *unit) for unit, ticks_of in part.times.items() for ticks in ticks_of]
    places = max(timestamps.digits(per_second) for per_second, _ in part.times)
    return timestamps.format_instant(min(times), places), timestamps.format_instant(max(times), places)
