"""One capture into many, each of which stands alone.

Strategy: a splitter takes the items that a reader and steps give, and finds the part for each; there is one kind of
splitter for each way to split. Packets go to parts in runs, as far as they follow each other in the capture, and
otherwise as the rows that a kernel picks.

A part begins with its section's header, the interfaces, and the names and secrets so far; those that come later are
written to the part that is current, and to every other one before its next packet. They are kept in memory. Each other
block goes to one part: the one that is current where it stands, which is that of the packet before it, or, of
statistics, that of their interface. Those before a section's first packet wait for it, and go to its part, unless they
are too many to wait. A section without packets goes, whole, to the part that is current. What stands before all packets
thus goes to the first part, and a capture without any packet is one part.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pcapconv import formats, quantities, timestamps
from pcapconv.convert import OnLoss, about, check_on_loss, make_plan, open_secrets, survey, through, watched
from pcapconv.errors import FormatError, LossError, NeedsNanosecondsError, TargetError, UsageError
from pcapconv.files import Readable, Source, Targets, open_source, read_file
from pcapconv.formats import pcap_layout
from pcapconv.formats import pcapng_layout as layout
from pcapconv.formats.link_types import link_type_name
from pcapconv.formats.pcapng_writer import interface_body, section_body
from pcapconv.kernels import RANGE, choose
from pcapconv.model import SIMPLE_PACKET, Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.options import text
from pcapconv.parts import Facts, OpenPart, OpenParts, Template
from pcapconv.report import Report, describe
from pcapconv.steps.plan import Plan
from pcapconv.steps.relabel import interface_name
from pcapconv.steps.rows import take

if TYPE_CHECKING:
    from fractions import Fraction
    from typing import Unpack

    from pcapconv.steps.plan import StepOptions

By = Literal["interface", "link-type", "section"]

_WAYS = (
    "--max-packets 10000, --max-bytes 100MB, --interval 1h, --by interface, --by link-type or --by section "
    "(max_packets=, max_bytes=, interval=, by=)"
)
_MOST_WAITING = 2**20  # bytes of blocks that wait for their section's first packet
_COST = 200  # bytes of memory that each takes besides its own
_MOST_TICKS = 2**64 - 1
_ALWAYS, _NEVER = (0, _MOST_TICKS, 1), (1, 0, 0)  # for the kernel `match`
_WIDEST = 2**20  # rows that a kernel call looks at, at the most
_TIMELESS = bytes([SIMPLE_PACKET])


def split(
    source: Readable,
    template: str | os.PathLike[str],
    *,
    max_packets: int | None = None,
    max_bytes: str | int | None = None,
    interval: str | None = None,
    align: bool = False,
    by: By | None = None,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    nanoseconds: bool = False,
    progress: Callable[[int], object] | None = None,
    taken: Sequence[str] = (),
    **options: Unpack[StepOptions],
) -> Report:
    """Select from, edit and split one capture.

    One of these says where a new part begins: `max_packets` packets; `max_bytes`, a size that no part exceeds unless a
    single packet does; `interval`, a length of time, from the first packet's time on, or, to `align`, at multiples of
    it on the UTC clock; `by`, a part for each interface, link type or section.
    `template` gives the parts' names; `{index}`, `{start:%Y%m%dT%H%M%S}`, `{interface}`, `{link_type}`, `{section}` and
    `{stem}` are filled in; `taken` are names that no part may have. `source`, `to`, `force`, `strict`, `on_loss`,
    `nanoseconds` and `progress` are as for `convert`. `options` select and edit: see
    `pcapconv.steps.plan.StepOptions`. The parts appear together when all are complete, or none does.

    Returns a `Report`, whose `parts` list each part's name, packets, bytes, first and last time. Raises a
    `PcapconvError`.
    """
    check_on_loss(on_loss)
    names = Template(os.fspath(template))
    format_name = formats.target_format(names.text, to)
    way = _way(max_packets, max_bytes, interval, align, by)
    plan = make_plan(options) or Plan({}, read_file)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source))
        if plan.needs_survey:
            opened = survey(plan, opened, stack)
        secrets = open_secrets(plan, stack, source, force=force)
        taken = [*taken, *([] if plan.extract_to is None else [plan.extract_to])]
        files = stack.enter_context(Targets(names.directory, names.text, force=force, taken=taken))

        def run(nanoseconds: bool) -> Report:
            parts = OpenParts(files, names, _stem(opened.name), format_name, nanoseconds=nanoseconds)
            return _run(opened, parts, way(parts), strict, progress, plan)

        try:
            report = run(nanoseconds)
        except NeedsNanosecondsError as error:
            if not opened.seekable:
                raise TargetError(
                    f"{opened.name}: {error}: start again with --nanoseconds (nanoseconds=True)"
                ) from None
            opened.rewind()
            files.restart()
            report = run(True)
        if report.losses and on_loss == "fail":
            report.packets_written, report.outputs = 0, []
            report.parts = []
            raise LossError(
                f"{opened.name}: {format_name} cannot hold {describe(report.losses)}; nothing was written", report
            )
        if plan.write_secrets(secrets, report) and secrets is not None:
            secrets.commit()
        files.commit(report.outputs)
    return report


def _run(
    source: Source,
    parts: OpenParts,
    splitter: Splitter,
    strict: bool,
    progress: Callable[[int], object] | None,
    plan: Plan,
) -> Report:
    report = Report(source.name, "", parts.format)
    try:
        with about(source):
            reader = formats.open_reader(source)
            report.source_format = reader.format
            items = watched(reader.items(), source, report, strict=strict, progress=progress)
            for item in through(plan.steps(report.left_out, splits=True), items):
                splitter.write(item)
            splitter.finish()
    finally:
        parts.close()
    report.outputs = parts.names
    report.packets_written = parts.packets
    report.losses = splitter.losses()
    report.parts = parts.reports
    return report


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0]


def _way(
    max_packets: int | None, max_bytes: str | int | None, interval: str | None, align: bool, by: By | None
) -> Callable[[OpenParts], Splitter]:
    """What makes the splitter that is asked for. Raises UsageError."""
    given = [way for way in (max_packets, max_bytes, interval, by) if way is not None]
    if len(given) != 1:
        how = "two ways to split exclude each other" if given else "nothing says where a new part begins"
        raise UsageError(f"{how}; give one of {_WAYS}")
    if align and interval is None:
        raise UsageError("--align: only intervals have limits to align; write --interval 1h --align")
    if max_packets is not None:
        most = quantities.count("--max-packets", max_packets)
        return lambda parts: _ByCount(parts, most)
    if max_bytes is not None:
        size = quantities.size("--max-bytes", str(max_bytes))
        return lambda parts: _BySize(parts, size)
    if interval is not None:
        if not isinstance(interval, str):
            raise UsageError(f"--interval {interval!r:.80}: write it as text, as in 90s or 1h")
        length = quantities.duration("--interval", interval, positive=True)
        return lambda parts: _ByInterval(parts, length, align=align)
    if by not in _KEYS:
        raise UsageError(f"--by {by}: it is one of {', '.join(_KEYS)}")
    key = _KEYS[by]
    return lambda parts: _ByKind(parts, key)


class Splitter:
    """Takes a capture's items and gives each to its part; then `finish`. This base is what all ways have in common."""

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        self._parts = parts
        self._key_of = key_of  # what the part is for that an interface's packets go to
        self._current: OpenPart | None = None
        self._section: Section | None = None
        self._shared: list[Section | Interface | Block] = []  # the section's header, and what every part gets of it
        self._known = 0  # how many of these some part has
        self._begun = False  # whether the current part has the section
        self._waiting: list[Block] = []  # the section's other blocks before its first packet
        self._waiting_bytes = 0
        self._sections = 0
        self._interfaces: Counter[Hashable] = Counter()  # by the key of the part that is theirs
        self._fcs_lengths: set[int | None] = {None}
        self._again: Counter[str] = Counter()  # losses that were counted before, in another part

    def write(self, item: Item) -> None:
        """Take one item. Raises PcapconvError."""
        match item:
            case PacketBatch():
                if not self._begun:
                    self._begin(self._first(item))
                for part, rows in self._divide(item):
                    self._write_packets(part, rows)
            case Section():
                self._end_section()
                self._section = item._replace(changed=True)
                self._shared, self._known, self._begun = [self._section], 0, False
                self._sections += 1
            case Interface():
                self._interfaces[self._key_of(item)] += 1
                self._fcs_lengths.add(item.fcs_length)
                self._share(item)
            case Block():
                if item.type in (layout.NAME_RESOLUTION, layout.DECRYPTION_SECRETS):
                    self._share(item)
                else:
                    self._keep(item)

    def finish(self) -> None:
        """All items were there. Raises PcapconvError."""
        self._end_section()
        self._parts.finish_all()

    def losses(self) -> dict[str, int]:
        """What the parts cannot hold, by kind; what is in several of them counts once."""
        counted = self._parts.losses
        losses = counted - self._again
        losses["sections"] = min(counted["sections"], self._sections - 1)
        losses["fcs-lengths"] = min(counted["fcs-lengths"], len(self._fcs_lengths) - 1)
        losses["interfaces"] = self._interfaces_lost() if counted["interfaces"] else 0
        return dict(+losses)

    def _interfaces_lost(self) -> int:
        """How many interfaces share a part with others, or have none."""
        return sum(count for key, count in self._interfaces.items() if count > 1 or not self._has_part(key))

    def _has_part(self, _key: Hashable) -> bool:
        """Whether there is a part for this."""
        return True

    def _first(self, batch: PacketBatch) -> OpenPart:
        """The part for the batch's first packet, and what goes before it."""
        raise NotImplementedError

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """Rows, and the part to which they go; each pair is written before the next one is asked for."""
        raise NotImplementedError

    def _room(self, *_blocks: Block) -> OpenPart:
        """The part for these blocks, and for those of the section that every part gets."""
        return self._current or self._parts.new()

    def _owner(self, _block: Block) -> OpenPart | None:
        """The part that a block belongs to, wherever it stands; None for no one in particular."""
        return None

    def _share(self, item: Interface | Block) -> None:
        """Give a block to every part, at once or before its next packet."""
        self._shared.append(item)
        if self._begun:
            self._current = self._room()
            self._catch_up(self._current)

    def _keep(self, block: Block) -> None:
        """Give a block to one part."""
        if self._begun:
            self._current = self._room(block)
            part = self._owner(block) or self._current
            self._catch_up(part)
            self._parts.write(part, block)
            part.bare = False
            return
        self._waiting.append(block)
        self._waiting_bytes += len(block.body) + _COST
        if self._waiting_bytes > _MOST_WAITING:
            self._begin(self._room(*self._waiting[:1]))

    def _begin(self, part: OpenPart) -> None:
        """Open the section in this part, which is the current one from now on."""
        self._current, self._begun = part, True
        self._catch_up(part)
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for block in waiting:
            self._keep(block)

    def _end_section(self) -> None:
        if self._section is not None and not self._begun:  # it has no packets
            self._begin(self._room(*self._waiting[:1]))
        if self._current is not None:
            self._current.bare = False  # what it has of this section, the next one's parts do not

    def _missing(self, part: OpenPart) -> list[Section | Interface | Block]:
        """What the part lacks of the section's blocks that every part gets."""
        assert self._section is not None
        return self._shared[part.shared if part.section == self._section.number else 0 :]

    def _catch_up(self, part: OpenPart) -> None:
        missing = self._missing(part)
        if not missing:
            return
        assert self._section is not None
        seen = [self._as_seen_by(part, item) for item in missing]
        again = max(0, len(missing) - (len(self._shared) - self._known))
        if again:
            before = Counter(part.writer.losses)
            self._parts.write(part, *seen[:again])
            self._again.update(Counter(part.writer.losses) - before)
        self._parts.write(part, *seen[again:])
        part.section, part.shared, self._known = self._section.number, len(self._shared), len(self._shared)

    def _as_seen_by(self, _part: OpenPart, item: Section | Interface | Block) -> Section | Interface | Block:
        """An item as it is written to this part."""
        return item

    def _write_packets(self, part: OpenPart, rows: PacketBatch) -> None:
        self._catch_up(part)
        if part.facts is None:
            part.facts = self._facts(part, rows)
            part.first_number = rows.number(0)
        if not part.name:
            self._give_name(part)
        self._parts.write_packets(part, rows)
        part.bare = False
        self._current = part

    def _give_name(self, part: OpenPart) -> None:
        """Name a part that has packets."""
        self._parts.give_name(part)

    def _facts(self, part: OpenPart, rows: PacketBatch) -> Facts:
        """What a part's name can tell: of its first packet."""
        interface = rows.interfaces[rows.columns.interface[0]]
        name = interface_name(interface)
        return Facts(
            number=part.index,
            start=self._start(part, rows) if self._parts.needs_start else None,
            interface=f"{interface.section}-{interface.id}" if name is None else text(name),
            link_type=_link_type(interface.link_type),
            section=interface.section,
        )

    def _start(self, _part: OpenPart, rows: PacketBatch) -> Fraction | None:
        """When the part begins; None for a packet without a time. Raises FormatError where nobody can tell."""
        return None if rows.columns.record_type[0] == SIMPLE_PACKET else _instant(rows, rows.columns, 0)


class _ByCount(Splitter):
    """A new part after so many packets."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most

    def _first(self, batch: PacketBatch) -> OpenPart:  # noqa: ARG002 - a packet like any other
        return self._with_room()

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        row = 0
        while row < batch.rows:
            part = self._with_room()
            stop = min(batch.rows, row + self._most - part.packets)
            yield part, _rows(batch, row, stop)
            row = stop

    def _with_room(self) -> OpenPart:
        part = self._current
        if part is not None and part.packets < self._most:
            return part
        if part is not None:
            self._parts.retire(part)
        return self._parts.new()


class _BySize(Splitter):
    """A new part before a packet, or a block of any other kind, that would make the file larger than `most` bytes. A
    part that has only what every part gets takes the next one in any case."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most
        self._pcap = parts.format == "pcap"

    def _first(self, batch: PacketBatch) -> OpenPart:
        if self._waiting:
            return self._room(self._waiting[0])
        return self._for_packets(self._ends(batch), 0)[0]

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        ends, row = self._ends(batch), 0
        while row < batch.rows:
            part, stop = self._for_packets(ends, row)
            yield part, _rows(batch, row, stop)
            row = stop

    def _for_packets(self, ends: Sequence[int], row: int) -> tuple[OpenPart, int]:
        """The part for the packets from this row on, and the row behind those that it takes."""
        part = self._current or self._parts.new()
        while True:
            room = self._most - self._ahead(part)
            stop = bisect_right(ends, ends[row] + room, row + 1) - 1
            if stop > row or part.bare:
                return part, max(stop, row + 1)
            part = self._next(part)

    def _ends(self, batch: PacketBatch) -> Sequence[int]:
        """Where each packet's bytes begin in a file that has all of them, and, last, where they end; counted from
        anywhere."""
        columns, rows, section = batch.columns, batch.rows, self._section
        copied = batch.layout == self._parts.format and (not self._pcap or (section is not None and section.raw))
        if copied and batch.contiguous:
            places = columns.record_at[:rows]
            places.append(batch.span()[1])
            return places
        lengths: Iterable[int]
        if not self._pcap:
            lengths = _block_lengths(batch)
        elif copied:
            lengths = columns.record_length[:rows]
        else:
            lengths = map(pcap_layout.RECORD_SIZE.__add__, columns.captured_length[:rows])
        return list(accumulate(lengths, initial=0))

    def _room(self, *blocks: Block) -> OpenPart:
        part = self._current or self._parts.new()
        size = sum(self._size(block) for block in blocks)
        fits = self._pcap or part.bare or self._ahead(part) + size <= self._most
        return part if fits else self._next(part)

    def _next(self, part: OpenPart) -> OpenPart:
        self._parts.retire(part)
        return self._parts.new()

    def _ahead(self, part: OpenPart) -> int:
        """Bytes that the file has before anything else goes into it."""
        size = part.output.position + sum(map(self._size, self._missing(part)))
        return size or pcap_layout.HEADER_SIZE

    def _size(self, item: Section | Interface | Block) -> int:
        """Bytes that a block takes in the file; in pcap only the file header does."""
        if self._pcap:
            return len(item.raw or b"") if isinstance(item, Section) and item.layout == "pcap" else 0
        if isinstance(item, Block):
            body = item.body
        elif item.raw is not None and item.layout == "pcapng":
            body = item.raw
        else:
            body = section_body(item) if isinstance(item, Section) else interface_body(item)
        return layout.BLOCK_OVERHEAD + len(body)


def _block_lengths(batch: PacketBatch) -> Iterable[int]:
    """The length of the pcapng block for each packet: that of its own block, or of one made from its fields."""
    columns, rows = batch.columns, batch.rows
    copied = columns.record_length[:rows] if batch.layout == "pcapng" else array("I", bytes(4 * rows))
    if 0 not in copied:
        return copied
    simple, others = layout.SHORTEST[layout.SIMPLE_PACKET], layout.SHORTEST[layout.ENHANCED_PACKET]
    return [
        length or (simple if kind == SIMPLE_PACKET else others + options) + (captured + 3 & ~3)
        for length, kind, captured, options in zip(
            copied, columns.record_type, columns.captured_length, columns.options_length
        )
    ]


class _Picking(Splitter):
    """Parts that each batch may hold packets for in any order: for each part a kernel picks the rows."""

    _narrowest = 64  # rows that a kernel call looks at, at the least

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        super().__init__(parts, key_of)
        self._kernels = choose()
        self._by_key: dict[Hashable, OpenPart] = {}
        self._picked = Columns(0)
        self._width = _WIDEST

    def _pick(self, batch: PacketBatch, columns: Columns, first: int) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """The rows from `first` on, by what stands in these columns. Where few of many rows are one part's, the next
        kernel call looks at fewer."""
        rows, row, last = batch.rows, first, self._current
        left = bytearray(first) + bytearray(b"\1") * (rows - first)
        if self._picked.capacity < rows:
            self._picked = Columns(batch.columns.capacity)
        while row >= 0:
            stop = min(rows, row + self._width)
            part, table = self._for_row(batch, columns, row)
            some, mask = _rows(batch, row, stop), left[row:stop]
            seen = some.columns if columns is batch.columns else columns.copy(row, stop)
            count = self._kernels.match(seen, stop - row, table, mask)
            chosen = take(some, mask, self._picked)
            assert chosen is not None
            yield part, chosen
            if stop == rows and mask[-1]:
                last = part
            left[row:stop] = _difference(left[row:stop], mask)
            if count == stop - row:
                self._width = min(4 * self._width, _WIDEST)
            elif 16 * count < stop - row:
                self._width = max(self._narrowest, (stop - row) // 4)
            row = left.find(1, row)
        self._current = last

    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        """The part for a row, and the kernel's table that finds the others like it."""
        raise NotImplementedError

    def _part(self, key: Hashable) -> OpenPart:
        """The part for this key. What had to be written before anybody knew of a key is the first one's."""
        part = self._by_key.get(key)
        if part is None:
            first = self._current is not None and self._current.key is None
            part = self._current if first and self._current is not None else self._parts.new()
            part.key = key
            self._by_key[key] = part
        return part

    def _has_part(self, key: Hashable) -> bool:
        return key in self._by_key


class _ByInterval(_Picking):
    """A part for each interval of `length` seconds, from the first packet's time on, or, to `align`, from 1970 on."""

    def __init__(self, parts: OpenParts, length: Fraction, *, align: bool) -> None:
        super().__init__(parts)
        self._length = length
        self._origin: Fraction | None = self._length * 0 if align else None
        self._table = array("Q")
        self._table_for = 0, 0, 0  # the interval, the section, and how many interfaces

    def _first(self, batch: PacketBatch) -> OpenPart:
        if batch.columns.record_type[0] == SIMPLE_PACKET:
            return self._current or self._parts.new()
        return self._part(self._number(batch, batch.columns, 0))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        columns = batch.columns
        types = columns.record_type[: batch.rows].tobytes()
        first = len(types) - len(types.lstrip(_TIMELESS))
        if first:
            assert self._current is not None
            yield self._current, _rows(batch, 0, first)
        if first < batch.rows:
            yield from self._pick(batch, _with_times(batch, types, first), first)

    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        number = self._number(batch, columns, row)
        wanted = number, batch.section.number, len(batch.interfaces)
        if not self._table or self._table_for != wanted:
            ranges: dict[tuple[int, int], tuple[int, int, int]] = {}
            self._table, self._table_for = array("Q"), wanted
            for interface in batch.interfaces:
                unit = interface.ticks_per_second, interface.time_offset
                if unit not in ranges:
                    ranges[unit] = self._range(number, *unit)
                self._table.extend(_NEVER if interface.time_error else ranges[unit])
        return self._part(number), self._table

    def _number(self, batch: PacketBatch, columns: Columns, row: int) -> int:
        """In which interval a row is."""
        time = _instant(batch, columns, row)
        if self._origin is None:
            self._origin = time
        return int((time - self._origin) // self._length)

    def _range(self, number: int, per_second: int, offset: int) -> tuple[int, int, int]:
        """The ticks of an interval, for the kernel."""
        assert self._origin is not None
        begin = (self._origin + number * self._length - offset) * per_second
        end = begin + self._length * per_second
        lowest, highest = -(-begin // 1), -(-end // 1) - 1
        if highest < 0 or lowest > _MOST_TICKS:
            return _NEVER
        return max(0, lowest), min(highest, _MOST_TICKS), 0

    def _start(self, _part: OpenPart, _rows: PacketBatch) -> Fraction | None:
        return None

    def _give_name(self, part: OpenPart) -> None:
        """Only when its interval is known, which packets without a time do not tell."""
        if part.key is None or part.facts is None or self._origin is None:
            return
        assert isinstance(part.key, int)
        part.facts = part.facts._replace(start=self._origin + part.key * self._length)
        super()._give_name(part)


class _ByKind(_Picking):
    """A part for each interface, link type, or section."""

    _narrowest = _WIDEST  # which interfaces come next says nothing about those that follow

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable]) -> None:
        super().__init__(parts, key_of)
        self._keys: dict[tuple[int, int], Hashable] = {}  # by section and id
        self._own: dict[Hashable, Interface] = {}  # the first interface of each key
        self._section_number = -1
        self._alike: dict[Hashable, list[int]] = {}  # the section's interfaces by key
        self._table = array("Q")
        self._chosen: list[int] = []  # those that the table finds

    def _first(self, batch: PacketBatch) -> OpenPart:
        return self._part(self._key_of(batch.interfaces[batch.columns.interface[0]]))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        return self._pick(batch, batch.columns, 0)

    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        if batch.section.number != self._section_number:
            self._section_number = batch.section.number
            self._alike, self._table, self._chosen = {}, array("Q"), []
        for interface in batch.interfaces[len(self._table) // RANGE :]:
            self._alike.setdefault(self._key_of(interface), []).append(interface.id)
            self._table.extend(_NEVER)
        key = self._key_of(batch.interfaces[columns.interface[row]])
        self._set(self._chosen, _NEVER)
        self._chosen = self._alike[key]
        self._set(self._chosen, _ALWAYS)
        return self._part(key), self._table

    def _owner(self, block: Block) -> OpenPart | None:
        """Statistics go to the part of their interface, if it has one."""
        if block.type != layout.INTERFACE_STATISTICS or len(block.body) < 4:
            return None
        interface = block.section, int.from_bytes(block.body[:4], block.byte_order)
        return self._by_key.get(self._keys.get(interface))

    def _set(self, interfaces: list[int], entry: tuple[int, int, int]) -> None:
        for number in interfaces:
            self._table[number * RANGE : (number + 1) * RANGE] = array("Q", entry)

    def _share(self, item: Interface | Block) -> None:
        if isinstance(item, Interface):
            key = self._keys[item.section, item.id] = self._key_of(item)
            self._own.setdefault(key, item)
        super()._share(item)

    def _as_seen_by(self, part: OpenPart, item: Section | Interface | Block) -> Section | Interface | Block:
        """In pcap, another part's interface must not tell what this part's header says of units, lengths and types: it
        counts as one like the part's own."""
        if self._parts.format != "pcap" or not isinstance(item, Interface) or part.key in (None, self._key_of(item)):
            return item
        own = self._own[part.key]
        return item._replace(
            link_type=own.link_type,
            snaplen=own.snaplen,
            ticks_per_second=own.ticks_per_second,
            time_offset=own.time_offset,
            time_error=own.time_error,
            fcs_length=own.fcs_length,
        )


_KEYS: dict[str, Callable[[Interface], Hashable]] = {
    "interface": lambda interface: (interface.section, interface.id),
    "link-type": lambda interface: interface.link_type,
    "section": lambda interface: interface.section,
}


def _link_type(number: int) -> str:
    """A link type's name, or its number where it has none."""
    name, named, _ = link_type_name(number).partition(" (")
    return name if named else str(number)


def _instant(batch: PacketBatch, columns: Columns, row: int) -> Fraction:
    """A row's time. Raises FormatError where nobody can tell."""
    interface = batch.interfaces[columns.interface[row]]
    if interface.time_error:
        raise FormatError(f"packet {batch.number(row)}: {interface.time_error}")
    return timestamps.instant(columns.ticks[row], interface.ticks_per_second, interface.time_offset)


def _rows(batch: PacketBatch, first: int, stop: int) -> PacketBatch:
    return batch if stop - first == batch.rows else batch.part(first, stop)


def _difference(mask: bytearray, without: bytearray) -> bytes:
    """The rows of one mask that are not in the other."""
    both = int.from_bytes(mask, "little") ^ int.from_bytes(without, "little")
    return both.to_bytes(len(mask), "little")


def _with_times(batch: PacketBatch, types: bytes, first: int) -> Columns:
    """Columns in which packets without a time have that of the packet before them; from row `first` on."""
    row = types.find(_TIMELESS, first)
    if row < 0:
        return batch.columns
    columns = batch.columns.copy(0, batch.rows)
    while row >= 0:
        columns.record_type[row] = layout.ENHANCED_PACKET
        columns.ticks[row], columns.interface[row] = columns.ticks[row - 1], columns.interface[row - 1]
        row = types.find(_TIMELESS, row + 1)
    return columns
