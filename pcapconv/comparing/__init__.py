"""What two captures say differently: `pcapconv.diff`.

Strategy: both captures are read side by side as long as they are the same (`beginning`). Of what comes then, each
becomes a few columns (`rows`), packets find their counterparts by content (`align`), and runs of pairs are compared
field by field. Only packets that are shown are read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from pcapconv.comparing.alignment import Gap, Run, align
from pcapconv.comparing.common_prefix import same_from_the_beginning
from pcapconv.comparing.compared_capture import Side, interface_said
from pcapconv.comparing.comparison import Comparison, Difference, Header, Shown
from pcapconv.comparing.packet_columns import Rows
from pcapconv.errors import UsageError
from pcapconv.io.paths import STDIO, Readable
from pcapconv.io.source import Source, open_source, spool
from pcapconv.normalizing.normal_form import KEPT
from pcapconv.steps import option_values
from pcapconv.steps.strip import KINDS
from pcapconv.timestamps import NANOSECONDS
from pcapconv.wording import argument

__all__ = ["IGNORABLE", "MOST_SHOWN", "Comparison", "diff"]

IGNORABLE = ("time", "lengths", "interfaces", "comments", "direction", "names", "secrets")
MOST_SHOWN = 1000

_AT_ONCE = 4096  # rows that are compared as columns


def diff(
    a: Readable,
    b: Readable,
    *,
    ignore: Sequence[str] = (),
    time_tolerance: str | None = None,
    everything: bool = False,
    most: int = 10,
    fractions: str | None = None,
) -> Comparison:
    """Compare what two captures say, across formats, byte orders and resolutions.

    Packets are compared by number, bytes, lengths, time, interface, comments and direction; further the interfaces in
    use, names, secrets and comments; with `everything` also where a capture was made: hosts, applications, addresses,
    statistics, packet ids, custom and unknown blocks. `ignore` leaves out kinds of `IGNORABLE`; times may differ by
    `time_tolerance`, such as 1ms. `fractions` is as for `convert`, and for both captures. The first `most` differences
    are `shown`, a thousand at most.

    Raises a `PcapconvError` for what cannot be read or makes no sense.
    """
    ignored = _ignored(ignore)
    if most < 0:
        raise UsageError(f"{argument('most', most)}: must be 0 or more")
    if a == STDIO and b == STDIO:
        raise UsageError("both captures are - (stdin), which can be read only once")
    tolerance = None if time_tolerance is None else option_values.duration("time_tolerance", time_tolerance)
    kinds = (frozenset((*KINDS, "details")) if everything else KEPT) - ignored
    with ExitStack() as stack:
        one, other = (
            Side(source, kinds, direction="direction" not in ignored, timed="time" not in ignored)
            for source in [_seekable(each, fractions, stack) for each in (a, b)]
        )
        if one.source.file is other.source.file:
            raise UsageError("both captures are the same open file, which can be read only once")
        return _compare(one, other, ignored, 0 if tolerance is None else tolerance * NANOSECONDS, most)


def _seekable(place: Readable, fractions: str | None, stack: ExitStack) -> Source:
    source = stack.enter_context(open_source(place, fractions=fractions))
    return source if source.seekable else stack.enter_context(spool(source))


def _ignored(texts: Sequence[str]) -> frozenset[str]:
    listed = [texts] if isinstance(texts, str) else texts
    ignored = frozenset(kind.strip() for text in listed for kind in text.split(","))
    for kind in sorted(ignored):
        if kind not in IGNORABLE:
            raise UsageError(f"{argument('ignore', kind)}: the kinds are {', '.join(IGNORABLE)}")
    return ignored


def _compare(a: Side, b: Side, ignored: frozenset[str], tolerance: Any, most: int) -> Comparison:
    found = Comparison((a.source.name, b.source.name))
    same = same_from_the_beginning(a, b, ignored)
    found.packets = a.header.packets, b.header.packets
    found.damage = a.damage, b.damage
    found.damage_total = a.damage_total, b.damage_total
    found.warnings = a.warnings, b.warnings
    found.warnings_total = a.warnings_total, b.warnings_total
    found.not_compared = a.not_compared, b.not_compared
    partner = _partners(a, b)
    found.header_differences = list(_headers(a, b, partner, ignored))
    if found.packets != (same, same):
        pairs = _Pairs(Rows(a, same), Rows(b, same), partner, ignored, tolerance)
        _collect(found, a, b, pairs.differences(same + 1), most)
    return found


def _collect(found: Comparison, a: Side, b: Side, differences: Iterator[Difference], most: int) -> None:
    """Count the differences, and have the first ones shown."""
    first: list[Difference] = []
    for each in differences:
        found.counts[each.kind] += 1
        found.fields.update(each.fields)
        if len(first) < min(most, MOST_SHOWN):
            first.append(each)
    ones = a.packets([each.a - 1 for each in first if each.a is not None])
    others = b.packets([each.b - 1 for each in first if each.b is not None])
    for each in first:
        one, a_options = (None, []) if each.a is None else ones[each.a - 1]
        other, b_options = (None, []) if each.b is None else others[each.b - 1]
        found.shown.append(Shown(each, one, other, a_options, b_options))


def _partners(a: Side, b: Side) -> dict[int, int]:
    """For B's interfaces in use, which of A's each is: the one that says the same, else the next that has no other."""
    there = {interface._replace(id=0): place for place, interface in enumerate(a.interfaces)}
    partner = {
        place: there[interface._replace(id=0)]
        for place, interface in enumerate(b.interfaces)
        if interface._replace(id=0) in there
    }
    taken = set(partner.values())
    free = [place for place in range(len(a.interfaces)) if place not in taken]
    others = [place for place in range(len(b.interfaces)) if place not in partner]
    partner |= dict(zip(others, free))
    beyond = len(a.interfaces)
    return partner | {place: beyond + place for place in others[len(free) :]}


class _Pairs:
    """Compares the packets of two sides. `partner` has A's interface for each of B's."""

    def __init__(self, a: Rows, b: Rows, partner: dict[int, int], ignored: frozenset[str], tolerance: Any) -> None:
        self._a, self._b = a, b
        self._partner = partner
        self._ignored = ignored
        self._tolerance = tolerance

    def differences(self, first: int) -> Iterator[Difference]:
        """What differs, by numbers that count from `first`."""
        a, b = self._a, self._b
        timed = "time" not in self._ignored and not self._tolerance
        for each in align((a.contents, b.contents), (a.times, b.times) if timed else None):
            if isinstance(each, Gap):
                yield from self._unpaired(each, first)
                continue
            for row in self._doubtful(each):
                fields = tuple(self._fields(each.a + row, each.b + row))
                if fields:
                    yield Difference(first + each.a + row, first + each.b + row, fields)

    def _unpaired(self, gap: Gap, first: int) -> Iterator[Difference]:
        """Packets without a counterpart of the same bytes. As many on both sides are taken to be the same ones,
        changed."""
        if gap.a_end - gap.a_begin == gap.b_end - gap.b_begin:
            for one, other in zip(range(gap.a_begin, gap.a_end), range(gap.b_begin, gap.b_end)):
                yield Difference(first + one, first + other, ("bytes", *self._fields(one, other)))
            return
        for one in range(gap.a_begin, gap.a_end):
            yield Difference(first + one, None)
        for other in range(gap.b_begin, gap.b_end):
            yield Difference(None, first + other)

    def _doubtful(self, run: Run) -> Iterator[int]:
        """The rows of a run that have to be compared one by one; most are not, where columns are the same."""
        a, b = self._a, self._b
        same_interfaces = all(one == other for other, one in self._partner.items())
        for begin in range(0, run.rows, _AT_ONCE):
            rows = min(_AT_ONCE, run.rows - begin)
            one, other = run.a + begin, run.b + begin
            same = (
                a.lengths[one : one + rows] == b.lengths[other : other + rows]
                and a.exact(one + rows)
                and b.exact(other + rows)
                and ("time" in self._ignored or a.times[one : one + rows] == b.times[other : other + rows])
                and a.options.part(one, one + rows) == b.options.part(other, other + rows)
                and (
                    "interfaces" in self._ignored
                    or (
                        same_interfaces and a.interfaces.part(one, one + rows) == b.interfaces.part(other, other + rows)
                    )
                )
            )
            if not same:
                yield from range(begin, begin + rows)

    def _fields(self, one: int, other: int) -> Iterator[str]:
        """In what two packets differ, apart from their bytes."""
        a, b = self._a, self._b
        if a.lengths[one] != b.lengths[other] and "lengths" not in self._ignored:
            yield "lengths"
        if "time" not in self._ignored and not _same_time(a.time(one), b.time(other), self._tolerance):
            yield "time"
        if "interfaces" not in self._ignored and a.interfaces[one] != self._partner[b.interfaces[other]]:
            yield "interface"
        if a.options[one] != b.options[other]:
            yield "options"


def _same_time(one: Any, other: Any, tolerance: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(abs(one - other) <= tolerance)


def _headers(a: Side, b: Side, partner: dict[int, int], ignored: frozenset[str]) -> Iterator[Header]:
    if "interfaces" not in ignored:
        yield from _interfaces(a, b, partner)
    if a.said_besides == b.said_besides and a.ordered != b.ordered:
        yield Header("order", [each.text for each in a.ordered], [each.text for each in b.ordered])
    yield from (Header(said.kind, said.text, None) for said in a.said_besides - b.said_besides)
    yield from (Header(said.kind, None, said.text) for said in b.said_besides - a.said_besides)


def _interfaces(a: Side, b: Side, partner: dict[int, int]) -> Iterator[Header]:
    of_a = {place: interface_said(each) for place, each in enumerate(a.interfaces)}
    for place, interface in enumerate(b.interfaces):
        said = interface_said(interface)
        if partner[place] not in of_a:
            yield Header("interfaces", None, said)
            continue
        before = of_a.pop(partner[place])
        raised = place in b.header.raised or partner[place] in a.header.raised  # what was stated did not hold
        for name in sorted((said.keys() | before.keys()) - ({"snaplen"} if raised else set())):
            if said.get(name) != before.get(name):
                yield Header("interface", before.get(name), said.get(name), partner[place], name)
    for said in of_a.values():
        yield Header("interfaces", said, None)
