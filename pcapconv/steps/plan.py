"""What the selecting and editing options ask for, checked before any file is opened, and the steps that do it.

Strategy: `convert`, `split` and `batch` take the same options; this is the only place that knows them all. Some need a
survey, a first pass over the capture: `last` counts, `interface` looks which there are. The order of the steps is:
select; leave out what is to be stripped; then change and add, so that what is added stays.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from pcapconv.errors import UsageError
from pcapconv.io.paths import STDIO
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.target import Target
from pcapconv.model import Interface, Item
from pcapconv.steps import BasePlan, Step, option_values
from pcapconv.steps.packets import EditPackets, PacketEdits
from pcapconv.steps.relabel import KEYS, Relabel, encoded, names_interface, place_and_name
from pcapconv.steps.secrets import ExtractSecrets, InjectSecrets, parse_secrets
from pcapconv.steps.select import DIRECTIONS, Criteria, Select
from pcapconv.steps.strip import DoNotCopy, Strip
from pcapconv.text import counted
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from fractions import Fraction

    from pcapconv.report import Report
    from pcapconv.steps.option_values import Moment

_MOST_SHOWN = 20
_MOST_RANGES = 5
_MOST_BYTES = 2**32 - 1
_MOST_COMMENTS = 16 * 2**20  # characters of comments for one packet, or for the capture
_NUMBERS = {"first", "last", "snaplen", "chop"}
REPEATABLE = {
    "interface",
    "chop",
    "capture_comment",
    "packet_comment",
    "set_interface",
    "strip",
    "inject_secrets",
}


class StepArguments(TypedDict, total=False):
    """The selecting and editing options of `convert`, `split` and `batch`; the README describes each.

    Times and durations are text. What can be given several times is a sequence.
    """

    after: str | None
    before: str | None
    packets: str | None
    drop_packets: str | None
    first: int | None
    last: int | None
    interface: Sequence[str]
    comment_matches: str | None
    direction: Literal["in", "out"] | None
    invert: bool
    snaplen: int | None
    chop: Sequence[int]
    shift_time: str | None
    capture_comment: Sequence[str]
    packet_comment: Sequence[str]
    set_interface: Sequence[str]
    link_type: str | None
    strip: Sequence[str]
    inject_secrets: Sequence[str]
    extract_secrets: str | None


class Plan(BasePlan):
    """The options, understood. Raises UsageError for those that make no sense.

    `read_secrets` reads a key log's file for `inject_secrets`. `divided` tells that the packets go to several files, of
    which nothing makes one again.
    """

    def __init__(self, options: StepArguments, read_secrets: Callable[[str], bytes], *, divided: bool = False) -> None:
        self._divided = divided
        _check_types(options)
        self._criteria = _criteria(options)
        self._packets = _packet_edits(options)
        self._settings = [
            option_values.key_value("set_interface", text, KEYS) for text in _several(options, "set_interface")
        ]
        self._capture_comments = _several(options, "capture_comment")
        if sum(map(len, self._capture_comments)) > _MOST_COMMENTS:
            raise UsageError(
                f"{argument('capture_comment')}: a capture gets at most {_MOST_COMMENTS:,} characters of comments"
            )
        link_type = options.get("link_type")
        self._link_type = None if link_type is None else option_values.link_type("link_type", link_type)
        self._kinds = _kinds(_several(options, "strip"))
        injected = [parse_secrets(text) for text in _several(options, "inject_secrets")]
        if any(path == STDIO for _, path in injected):
            raise UsageError(f"{argument('inject_secrets')}: a key log is read from a file; - is for captures")
        self.injected_from = [path for _, path in injected]
        self._injected = [(kind, read_secrets(path)) for kind, path in injected]
        self.extract_to = options.get("extract_secrets")
        self._selected_in_all: int | None = None
        self._extract = ExtractSecrets()
        self.steps(Counter())  # what only they can refuse, they refuse now

    @property
    def selects(self) -> bool:
        """Whether packets may be left out."""
        return self._criteria != Criteria()

    @property
    def edits_packets(self) -> bool:
        """Whether packets may change."""
        return self._packets != PacketEdits()

    @property
    def wants_packets(self) -> bool:
        """Whether packets are selected or edited."""
        return self.selects or self.edits_packets

    @property
    def adds_packet_comments(self) -> bool:
        """Whether packets get comments, which pcap has no place for."""
        return bool(self._packets.comments)

    @property
    def needs_survey(self) -> bool:
        """Whether `survey` has to see the whole capture first."""
        return self._criteria.last is not None or bool(self._criteria.interfaces or self._settings)

    def survey(self, items: Iterator[Item]) -> None:
        """Look at the whole capture. Raises UsageError for an interface that is not there."""
        named = [(argument("interface", text), text) for text in self._criteria.interfaces]
        named += [(argument("set_interface", f"{identity}.{key}"), identity) for identity, key, _ in self._settings]
        seen = _Seen(named)
        if self._criteria.last is not None:
            counted = self._criteria._replace(first=None, last=None, invert=False)
            self._selected_in_all = Select(counted, Counter()).count(seen(items))
        else:
            for _ in seen(items):
                pass
        seen.check()

    def remarks(self, packets: int) -> Iterator[str]:
        """See `Planned.remarks`: numbers of packets beyond the last one."""
        criteria = self._criteria
        for name, ranges in (("packets", criteria.packets or ()), ("drop_packets", criteria.drop_packets)):
            beyond = [each for each in ranges if (each[0] if each[1] is None else each[1]) > packets]
            if beyond:
                listed = ",".join(map(option_values.range_said, beyond[:_MOST_RANGES]))
                yield f"{argument(name, listed)}: the capture has {counted(packets, 'packet')}"

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """New steps for one run. `left_out` counts by kind what they leave out."""
        steps: list[Step] = []
        if self.selects:
            steps.append(Select(self._criteria, left_out, self._selected_in_all))
        if self.extract_to is not None:
            self._extract = ExtractSecrets()
            steps.append(self._extract)
        if self._kinds:
            steps.append(Strip(self._kinds, left_out))
        if self.edits_packets:
            steps.append(EditPackets(self._packets, left_out))
        if self._capture_comments or self._settings or self._link_type is not None:
            steps.append(
                Relabel(capture_comments=self._capture_comments, settings=self._settings, link_type=self._link_type)
            )
        if self._injected:
            steps.append(InjectSecrets(self._injected))
        if self.wants_packets or self._divided:
            steps.append(DoNotCopy(left_out))
        return steps

    def write_secrets(self, target: Target | None, report: Report) -> bool:
        """Write the key logs that the last run saw to where they were asked for; whether there are any. Raises
        FileError."""
        if target is None:
            return False
        logs = [log for logs in self._extract.found.values() for log in logs]
        report.secrets_extracted = len(logs)
        for log in logs:
            with writing(target.name):
                write_all(target.file, memoryview(log if log.endswith(b"\n") else log + b"\n"))
        return bool(logs)


class _Seen(Step):
    """Passes everything on, and notes which interfaces there are."""

    def __init__(self, wanted: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._missing = list(wanted)
        self._there: list[Interface] = []
        self._more = 0

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._missing = [named for named in self._missing if not names_interface(named[1], interface)]
        if len(self._there) < _MOST_SHOWN:
            self._there.append(interface)
        else:
            self._more += 1
        return (interface,)

    def check(self) -> None:
        """Refuse what was asked for and is not there."""
        if self._missing:
            there = ", ".join(map(place_and_name, self._there)) + (f" and {self._more:,} more" if self._more else "")
            raise UsageError(f"{self._missing[0][0]}: there is no such interface; there are {there or 'none'}")


def _check_types(options: StepArguments) -> None:
    """Raises TypeError for a name that is no option, as Python does, and UsageError for a value of another type."""
    for name, value in options.items():
        if name not in StepArguments.__annotations__:
            raise TypeError(f"{name!r} is no option")
        if value is None or name == "invert":
            continue
        several = isinstance(value, list | tuple)
        wanted: type = int if name in _NUMBERS else str
        if several and name not in REPEATABLE:
            raise UsageError(f"{argument(name, value)}: it can be given once only")
        for each in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(each, wanted) or isinstance(each, bool):
                raise UsageError(f"{argument(name, each)}: {'a whole number' if wanted is int else 'text'} is wanted")


def _several(options: StepArguments, name: str) -> Sequence[str]:
    """An option that can be given several times; a single text is one."""
    value = options.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    assert isinstance(value, Sequence)
    return tuple(value)


def _criteria(options: StepArguments) -> Criteria:
    after, before = _moment("after", options.get("after")), _moment("before", options.get("before"))
    if after and before and after.relative == before.relative and before.seconds <= after.seconds:
        late, early = argument("before", options["before"]), argument("after", options["after"])
        example = arguments(after="+1h", before="+2h")
        raise UsageError(f"{late} is not later than {early}; they select after <= time < before, as in {example}")
    packets, dropped = options.get("packets"), options.get("drop_packets")
    first, last = options.get("first"), options.get("last")
    direction = options.get("direction")
    if direction is not None and direction not in DIRECTIONS:
        raise UsageError(f"{argument('direction', direction)}: must be in or out")
    criteria = Criteria(
        after=after,
        before=before,
        packets=None if packets is None else option_values.number_ranges("packets", packets),
        drop_packets=() if dropped is None else option_values.number_ranges("drop_packets", dropped),
        first=None if first is None else option_values.count("first", first),
        last=None if last is None else option_values.count("last", last),
        interfaces=_several(options, "interface"),
        comment=_pattern(options.get("comment_matches")),
        direction=direction,
        invert=bool(options.get("invert", False)),
    )
    if criteria == Criteria(invert=True):
        nothing, example = argument("invert", True), arguments(packets="1-100", invert=True)
        raise UsageError(f"{nothing}: there is nothing to invert; give a selection too, as in {example}")
    return criteria


def _moment(name: str, text: str | None) -> Moment | None:
    return None if text is None else option_values.moment(name, text)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of what a future Python may read differently
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{argument('comment_matches', text)}: not a regular expression: {error}; write one like 'retry|drop'"
        ) from None


def _packet_edits(options: StepArguments) -> PacketEdits:
    front = end = 0
    chop = options.get("chop")
    for number in () if chop is None else (chop,) if isinstance(chop, int) else chop:
        if not -_MOST_BYTES <= number <= _MOST_BYTES:
            raise UsageError(f"{argument('chop')}: packets have at most {_MOST_BYTES} bytes")
        if not number:
            raise UsageError(
                f"{argument('chop', number)}: write 14 to remove bytes at the front, -4 at the end of each packet"
            )
        front, end = front + max(number, 0), end + max(-number, 0)
    snaplen, shift = options.get("snaplen"), options.get("shift_time")
    if snaplen is not None:
        snaplen = option_values.count("snaplen", snaplen)
        if snaplen > 2**31 - 1:
            raise UsageError(f"{argument('snaplen', snaplen)}: must be at most {2**31 - 1}")
    moved: Fraction | None = None if shift is None else option_values.duration("shift_time", shift, signed=True)
    comments: dict[int, list[bytes]] = {}
    for text in _several(options, "packet_comment"):
        which, found, comment = text.partition(":")
        if not found or not which.isdecimal() or not which.isascii() or len(which) > 20 or not int(which):
            raise UsageError(
                f"{argument('packet_comment', text)}: write NUMBER:TEXT, as in 17:retry; packets count from 1"
            )
        place = f"{argument('packet_comment')} for packet {which}"
        comments.setdefault(int(which), []).append(encoded(place, comment))
    if any(sum(map(len, texts)) > _MOST_COMMENTS for texts in comments.values()):
        raise UsageError(f"{argument('packet_comment')}: a packet gets at most {_MOST_COMMENTS:,} bytes of comments")
    return PacketEdits(front=front, end=end, snaplen=snaplen, shift=moved or None, comments=comments)


def _kinds(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(kind for text in texts for kind in text.split(","))
