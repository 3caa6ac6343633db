"""Comparing two captures, A and B: `pcapconv.diff`.

Strategy: both captures are read side by side as long as their packets are equal. From the first difference on, packets
are kept as columns of numbers. Counterparts among these packets are found by content, and compared field by field.
Only packets that are shown are read again.

The files, in the order in which a comparison uses them:
  compared_capture  A or B: its metadata that are compared, and its packets by number
  common_prefix     counts the packets that are equal from the first one on
  packet_columns    keeps the packets after the common prefix as columns of numbers
  alignment         finds the counterpart in B of each packet of A
  comparison        the result: `Comparison` with its differences, and their JSON form
  diff_lines        formats the result as lines of text
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pcapconv.argument_types import check_flags, is_one_of, parse_words
from pcapconv.comparing.alignment import PairedRows, RowRanges, align
from pcapconv.comparing.common_prefix import common_prefix_length
from pcapconv.comparing.compared_capture import ComparedCapture, interface_options
from pcapconv.comparing.comparison import Comparison, Difference, HeaderDifference, ShownDifference
from pcapconv.comparing.packet_columns import PacketColumns
from pcapconv.errors import UsageError
from pcapconv.io.paths import STDIO, Readable
from pcapconv.io.source import Source, open_source, spool
from pcapconv.normalizing.normal_form import KEPT
from pcapconv.steps import typed_values
from pcapconv.steps.strip import STRIP_KINDS
from pcapconv.timestamps import NANOSECONDS
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.steps.typed_values import LengthOfTime

__all__ = ["IGNORABLE", "MOST_SHOWN", "Comparison", "diff"]

# Values of `ignore`.
IGNORABLE = ("time", "lengths", "interfaces", "comments", "direction", "names", "secrets")
MOST_SHOWN = 1000

_STEP = 4096  # rows that are compared at once


def diff(
    a: Readable,
    b: Readable,
    *,
    ignore: Sequence[str] = (),
    time_tolerance: LengthOfTime | None = None,
    all: bool = False,  # noqa: A002 - the command line's name
    show: int = 10,
    fractions: str | None = None,
) -> Comparison:
    """Compare two captures, whatever their formats, byte orders and time resolutions.

    Compared are: the number of packets; the packets' bytes, lengths, times, interfaces, comments and directions; the
    interfaces that have packets, by link type, snaplen, length of the frame check sequence, name, description, filter
    and comments; and the captures' names, secrets and comments.

    * `a`, `b`: the captures: paths, `-` for stdin, or binary file objects, which stay open.
    * `ignore`: what not to compare: `time`, `lengths`, `interfaces`, `comments`, `direction`, `names`, `secrets`. A
      text may list several, separated by commas.
    * `time_tolerance`: a length of time, such as `"1ms"` or a `timedelta`, by which times may differ.
    * `all`: also compare hosts, applications, addresses and speeds of interfaces, interfaces without packets,
      statistics, packet ids, processes, custom and unknown blocks.
    * `show`: how many of the packets that differ the result shows, a thousand at most.
    * `fractions`: as for `convert`, and for both captures.

    Returns a `Comparison`, whose `same` tells whether the captures are the same. Raises UsageError for invalid
    arguments, and another `PcapconvError` for a capture that cannot be read.
    """
    ignored = _parse_ignore(ignore)
    check_flags(all=all)
    if isinstance(show, bool) or not isinstance(show, int) or show < 0:
        raise UsageError(f"{argument('show', show)}: must be 0 or more", option="show")
    if is_one_of(a, [STDIO]) and is_one_of(b, [STDIO]):
        raise UsageError("both captures are - (stdin), which can be read only once")
    tolerance = None if time_tolerance is None else typed_values.duration("time_tolerance", time_tolerance)
    kinds = (frozenset((*STRIP_KINDS, "details", "interfaces")) if all else KEPT) - ignored
    with ExitStack() as stack:
        a_capture, b_capture = (
            ComparedCapture(source, kinds, direction="direction" not in ignored, timed="time" not in ignored)
            for source in [_seekable(each, fractions, stack) for each in (a, b)]
        )
        if a_capture.source.file is b_capture.source.file:
            raise UsageError("both captures are the same open file, which can be read only once")
        tolerance_ns = 0 if tolerance is None else tolerance * NANOSECONDS
        return _compare(a_capture, b_capture, ignored, tolerance_ns, show)


def _seekable(readable: Readable, fractions: str | None, stack: ExitStack) -> Source:
    """Open a capture; copy it to a temporary file first if it cannot be read twice."""
    source = stack.enter_context(open_source(readable, fractions=fractions))
    return source if source.seekable else stack.enter_context(spool(source))


def _parse_ignore(texts: Sequence[str]) -> frozenset[str]:
    """Return the kinds in texts such as `time,comments`. Raises UsageError for a kind that is not in `IGNORABLE`."""
    ignored = frozenset(kind.strip() for kind in parse_words("ignore", texts))
    for kind in sorted(ignored):
        if kind not in IGNORABLE:
            raise UsageError(f"{argument('ignore', kind)}: the kinds are {', '.join(IGNORABLE)}", option="ignore")
    return ignored


def _compare(
    a: ComparedCapture, b: ComparedCapture, ignored: frozenset[str], tolerance_ns: Any, show: int
) -> Comparison:
    comparison = Comparison((a.source.name, b.source.name))
    equal_packets = common_prefix_length(a, b, ignored)
    comparison.packets = a.header.packets, b.header.packets
    comparison.damage = a.damage, b.damage
    comparison.damage_total = a.damage_total, b.damage_total
    comparison.warnings = a.warnings, b.warnings
    comparison.warnings_total = a.warnings_total, b.warnings_total
    comparison.not_compared = a.not_compared, b.not_compared
    counterparts = _interface_counterparts(a, b)
    comparison.header_differences = list(_header_differences(a, b, counterparts, ignored))
    if comparison.packets != (equal_packets, equal_packets):
        a_columns, b_columns = PacketColumns(a, equal_packets), PacketColumns(b, equal_packets)
        packets = _PacketComparison(a_columns, b_columns, counterparts, ignored, tolerance_ns)
        _collect(comparison, a, b, packets.differences(equal_packets + 1), show)
    return comparison


def _collect(
    comparison: Comparison, a: ComparedCapture, b: ComparedCapture, differences: Iterator[Difference], show: int
) -> None:
    """Count the differences, and add the first `show` to those that are shown."""
    first: list[Difference] = []
    for each in differences:
        comparison.counts[each.kind] += 1
        comparison.fields.update(each.fields)
        if len(first) < min(show, MOST_SHOWN):
            first.append(each)
    a_packets = a.packets([each.a - 1 for each in first if each.a is not None])
    b_packets = b.packets([each.b - 1 for each in first if each.b is not None])
    for each in first:
        a_packet, a_options = (None, []) if each.a is None else a_packets[each.a - 1]
        b_packet, b_options = (None, []) if each.b is None else b_packets[each.b - 1]
        comparison.shown.append(ShownDifference(each, a_packet, b_packet, a_options, b_options))


def _interface_counterparts(a: ComparedCapture, b: ComparedCapture) -> dict[int, int]:
    """Return, by the index of each interface of B, the index of its counterpart in A: an interface with equal fields,
    else one of the same name, else, if it has packets, the next unpaired interface of A with packets. The others get
    indexes beyond A's."""
    a_used, b_used = (len(each.header.interfaces) if each.header.packets else 0 for each in (a, b))
    counterparts: dict[int, int] = {}
    paired: set[int] = set()

    def pair(a_keys: list[Any], b_keys: list[Any]) -> None:
        """Pair unpaired interfaces of equal keys, which are listed by index; None is no key."""
        unpaired: dict[Any, deque[int]] = {}
        for index, key in enumerate(a_keys):
            if index not in paired:
                unpaired.setdefault(key, deque()).append(index)
        for index, key in enumerate(b_keys):
            if index not in counterparts and key is not None and unpaired.get(key):
                counterparts[index] = unpaired[key].popleft()
                paired.add(counterparts[index])

    pair(*([each._replace(section=0, id=0) for each in capture.interfaces] for capture in (a, b)))
    pair(*([each.name or None for each in capture.interfaces] for capture in (a, b)))
    pair([True] * a_used, [True] * b_used)
    alone = [index for index in range(len(b.interfaces)) if index not in counterparts]
    return counterparts | {index: len(a.interfaces) + number for number, index in enumerate(alone)}


class _PacketComparison:
    """Compares the packets of A and B after the common prefix. `counterparts`: see `_interface_counterparts`."""

    def __init__(
        self,
        a: PacketColumns,
        b: PacketColumns,
        counterparts: dict[int, int],
        ignored: frozenset[str],
        tolerance_ns: Any,
    ) -> None:
        self._a, self._b = a, b
        self._counterparts = counterparts
        self._same_interfaces = all(a_index == b_index for b_index, a_index in counterparts.items())
        self._ignored = ignored
        self._tolerance_ns = tolerance_ns

    def differences(self, first: int) -> Iterator[Difference]:
        """Yield the packets that differ; `first` is the number of the packet in row 0 of the columns."""
        a, b = self._a, self._b
        timed = "time" not in self._ignored and not self._tolerance_ns
        for each in align((a.contents, b.contents), (a.times, b.times) if timed else None):
            if isinstance(each, RowRanges):
                yield from self._unpaired(each, first)
                continue
            for row in self._rows_to_compare(each):
                fields = tuple(self._different_fields(each.a + row, each.b + row))
                if fields:
                    yield Difference(first + each.a + row, first + each.b + row, fields)

    def _unpaired(self, ranges: RowRanges, first: int) -> Iterator[Difference]:
        """Yield packets without a counterpart of the same bytes: as changed packets if A has as many of them as B, else
        as removed and inserted packets."""
        a_rows, b_rows = range(ranges.a_begin, ranges.a_stop), range(ranges.b_begin, ranges.b_stop)
        if len(a_rows) == len(b_rows):
            for a_row, b_row in zip(a_rows, b_rows):
                yield Difference(first + a_row, first + b_row, ("bytes", *self._different_fields(a_row, b_row)))
            return
        for a_row in a_rows:
            yield Difference(first + a_row, None)
        for b_row in b_rows:
            yield Difference(None, first + b_row)

    def _rows_to_compare(self, pairs: PairedRows) -> Iterator[int]:
        """Yield the rows that have to be compared one by one, counted from the first row of `pairs`. Rows with equal
        columns are skipped."""
        a, b = self._a, self._b
        for begin in range(0, pairs.rows, _STEP):
            rows = min(_STEP, pairs.rows - begin)
            a_row, b_row = pairs.a + begin, pairs.b + begin
            a_stop, b_stop = a_row + rows, b_row + rows
            equal = (
                a.lengths[a_row:a_stop] == b.lengths[b_row:b_stop]
                and a.has_exact_times(a_stop)
                and b.has_exact_times(b_stop)
                and ("time" in self._ignored or a.times[a_row:a_stop] == b.times[b_row:b_stop])
                and a.options.part(a_row, a_stop) == b.options.part(b_row, b_stop)
                and (
                    "interfaces" in self._ignored
                    or (self._same_interfaces and a.interfaces.part(a_row, a_stop) == b.interfaces.part(b_row, b_stop))
                )
            )
            if not equal:
                yield from range(begin, begin + rows)

    def _different_fields(self, a_row: int, b_row: int) -> Iterator[str]:
        """Yield the fields in which two packets differ, apart from their bytes."""
        a, b = self._a, self._b
        if a.lengths[a_row] != b.lengths[b_row] and "lengths" not in self._ignored:
            yield "lengths"
        if "time" not in self._ignored and not _is_same_time(a.time(a_row), b.time(b_row), self._tolerance_ns):
            yield "time"
        if "interfaces" not in self._ignored and a.interfaces[a_row] != self._counterparts[b.interfaces[b_row]]:
            yield "interface"
        if a.options[a_row] != b.options[b_row]:
            yield "options"


def _is_same_time(a_time: Any, b_time: Any, tolerance_ns: Any) -> bool:
    if a_time is None or b_time is None:
        return a_time is b_time
    return bool(abs(a_time - b_time) <= tolerance_ns)


def _header_differences(
    a: ComparedCapture, b: ComparedCapture, counterparts: dict[int, int], ignored: frozenset[str]
) -> Iterator[HeaderDifference]:
    """Yield the differences outside packets."""
    if "interfaces" not in ignored:
        yield from _interface_differences(a, b, counterparts)
    a_texts, b_texts = ([each.text for each in capture.ordered_statements] for capture in (a, b))
    # B's statements, by the same with the indexes that interfaces have in A.
    b_statements = {
        each if each.interface is None else each._replace(interface=counterparts[each.interface]): each
        for each in b.statements
    }
    b_counts = Counter({each: b.statements[in_b] for each, in_b in b_statements.items()})
    if a.statements == b_counts and a.ordered_statements != b.ordered_statements:
        yield HeaderDifference("order", a_texts, b_texts)
    for each in a.statements - b_counts:
        yield HeaderDifference(each.kind, a.text(each), None)
    for each in b_counts - a.statements:
        yield HeaderDifference(each.kind, None, b.text(b_statements[each]))


def _interface_differences(
    a: ComparedCapture, b: ComparedCapture, counterparts: dict[int, int]
) -> Iterator[HeaderDifference]:
    unmatched = dict(enumerate(a.interfaces))
    for index, interface in enumerate(b.interfaces):
        b_options, a_index = interface_options(interface), counterparts[index]
        if a_index not in unmatched:
            yield HeaderDifference("interfaces", None, b_options, b_interface=interface)
            continue
        a_interface = unmatched.pop(a_index)
        a_options = interface_options(a_interface)
        # A snaplen that was raised because packets are longer is not in the capture.
        not_compared = {"snaplen"} if index in b.header.replaced or a_index in a.header.replaced else set()
        for name in sorted((b_options.keys() | a_options.keys()) - not_compared):
            if b_options.get(name) != a_options.get(name):
                yield HeaderDifference(
                    "interface", a_options.get(name), b_options.get(name), name, a_interface, interface
                )
    for a_interface in unmatched.values():
        yield HeaderDifference("interfaces", interface_options(a_interface), None, a_interface=a_interface)
