"""The base of all splitters: finds the part for each packet and block, and writes what a part begins with.

Strategy: a splitter takes the items that come from the reader and the steps, and finds the part for each. Each way to
split has a class of its own, whose `_divide` decides where packets go: a part gets packets that follow each other in
the capture, or rows that a kernel selects.

What a part begins with: the shared blocks of its section so far, which are the section's header, interfaces, names,
secrets and processes. `_missing_shared_blocks` decides which of these blocks a part still needs;
`_write_shared_blocks` writes them. Shared blocks that come later are written to the current part at once, and to
every other part before its next packet. So every part has all processes of the section in order, and packets, which
name a process by its number in the section, need no change. One class is an exception: parts of `ByOwnInterfaces` (in
`by_interface_or_link_type`) declare only their own interfaces, under new ids. All shared blocks are kept in memory.

Every other block goes to one part: the current one, which is the part of the packet before the block, or, for
statistics, the part of their interface. Blocks before a section's first packet wait in memory for that packet, up to
`MOST_WAITING` bytes, and go to its part. A section without packets goes to the current part as a whole. So blocks
before all packets go to the first part, and a capture without packets is one part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from pcapconv import timestamps
from pcapconv.errors import FormatError
from pcapconv.io.name_template import TemplateValues
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.spec.link_types import link_type_name
from pcapconv.spec.option_lists import text
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.steps.relabel import interface_name

if TYPE_CHECKING:
    from fractions import Fraction

MOST_WAITING = 2**20  # bytes of blocks that wait for their section's first packet
BLOCK_COST = 200  # bytes of memory that a waiting block takes besides its body

SharedBlock = Section | Interface | Block


class Splitter(ABC):
    """Writes each item of a capture to its part: `write` takes the items in file order, then `finish`.

    `key_of` gives the key of the part for an interface's packets, if the part depends on the interface. `left_out`
    counts, by kind, what is in no part. `oversized` has the number of parts that are larger than the limit because of
    their shared blocks, and the most bytes that these blocks take in one part; None if no part is.
    """

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        self._parts = parts
        self._key_of = key_of
        self._current: OpenPart | None = None
        self._section: Section | None = None
        self._shared: list[SharedBlock] = []  # the section's shared blocks, its header first
        self._written_count = 0  # how many of the shared blocks are in at least one part
        self._section_is_open = False  # whether the section's header is in at least one part
        self._waiting: list[Block] = []  # the section's other blocks before its first packet
        self._waiting_bytes = 0
        self._sections = 0
        self._interfaces: Counter[Hashable] = Counter()  # the number of interfaces by key
        self._divided: Counter[Hashable] = Counter()  # how many of them have packets under another key, too
        self._keys_of_divided: dict[int, set[Hashable]] = {}  # by id, of the section's interfaces
        self._fcs_lengths: set[int | None] = {None}
        self._unwritten: Counter[str] = Counter()  # losses because interfaces are in no part
        self.left_out: Counter[str] = Counter()
        self.oversized: dict[str, int] | None = None

    def write(self, item: Item) -> None:
        """Take one item. Raises PcapconvError."""
        match item:
            case PacketBatch():
                if not self._section_is_open:
                    self._open_section_in(self._part_for_first_packet(item))
                for part, rows in self._divide(item):
                    self._write_packets(part, rows)
            case Section():
                self._end_section()
                self._start_section(item._replace(changed=True))
            case Interface():
                self._count_interface(item)
                self._fcs_lengths.add(item.fcs_length)
                self._give_to_every_part(item)
            case Block():
                if item.explains_packets:
                    self._give_to_every_part(item)
                else:
                    self._give_to_one_part(item)

    def finish(self) -> None:
        """Finish all parts, after the last item. Raises PcapconvError."""
        self._end_section()
        self._parts.finish_all()

    def _start_section(self, section: Section) -> None:
        """Note a new section, whose header is in no part so far."""
        self._section = section
        self._shared, self._written_count, self._section_is_open = [section], 0, False
        self._keys_of_divided = {}
        self._sections += 1

    def _count_interface(self, interface: Interface) -> None:
        """Count an interface under its key. Interfaces that are one in the input count once under each key."""
        key, first = self._key_of(interface), interface.made_of
        if first is None:
            self._interfaces[key] += 1
            return
        keys = self._keys_of_divided.setdefault(first.id, {self._key_of(first)})
        if key not in keys:
            self._divided[self._key_of(first)] += len(keys) == 1
            self._interfaces[key] += 1
            keys.add(key)

    def losses(self) -> dict[str, int]:
        """The losses of all parts by kind. A loss that several parts have counts once."""
        counted = self._parts.losses + self._unwritten
        losses = counted - self._parts.repeated_losses
        losses["sections"] = min(counted["sections"], self._sections - 1)
        losses["fcs-lengths"] = min(counted["fcs-lengths"], len(self._fcs_lengths) - 1)
        losses["interfaces"] = self._interfaces_lost() if counted["interfaces"] else 0
        return dict(+losses)

    def _interfaces_lost(self) -> int:
        """The number of interfaces that share a part with others, or that no part has. An interface that was made
        of another one has packets, and so a part."""
        shared = sum(count for key, count in self._interfaces.items() if count > 1 and self._has_part(key))
        absent = (count - self._divided[key] for key, count in self._interfaces.items() if not self._has_part(key))
        return shared + sum(absent)

    def _has_part(self, _key: Hashable) -> bool:
        """Return whether a part has this key."""
        return True

    @abstractmethod
    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:
        """The part for the first packet of a section, with which this batch begins, and for the blocks before that
        packet."""

    @abstractmethod
    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """Yield rows of a batch with their part, until all rows were yielded. The caller writes the rows before the
        generator goes on; they are valid until then."""

    def _part_with_room_for(self, *_blocks: Block) -> OpenPart:
        """The part that gets these blocks, and the shared blocks that it lacks: the current part, or a new part if the
        current one has no room for these blocks."""
        return self._current or self._parts.new_part()

    def _owning_part(self, _block: Block) -> OpenPart | None:
        """The part to which a block belongs, wherever it is in the capture; None if it goes to the current part."""
        return None

    def _give_to_every_part(self, item: Interface | Block) -> None:
        """Add a block to the shared ones: the current part gets it at once, every other part before its next packet."""
        self._shared.append(item)
        if self._section_is_open:
            self._current = self._part_with_room_for()
            self._write_shared_blocks(self._current)

    def _give_to_one_part(self, block: Block) -> None:
        """Write a block to the part that owns it, or else to the current part. Before the section's first packet, let
        the block wait, up to `MOST_WAITING` bytes of blocks."""
        if self._section_is_open:
            self._current = self._part_with_room_for(block)
            part = self._owning_part(block) or self._current
            self._write_shared_blocks(part)
            self._parts.write(part, block)
            part.has_only_shared = False
            return
        self._waiting.append(block)
        self._waiting_bytes += len(block.body) + BLOCK_COST
        if self._waiting_bytes > MOST_WAITING:
            self._open_section_in(self._part_with_room_for(*self._waiting[:1]))

    def _open_section_in(self, part: OpenPart) -> None:
        """Begin the section in this part, which becomes the current one: write the shared blocks, and then the blocks
        that waited for the section's first packet."""
        self._current, self._section_is_open = part, True
        self._write_shared_blocks(part)
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for block in waiting:
            self._give_to_one_part(block)

    def _end_section(self) -> None:
        """Write a section without packets to the current part."""
        if self._section is not None and not self._section_is_open:
            self._open_section_in(self._part_with_room_for(*self._waiting[:1]))
        if self._current is not None:
            self._current.has_only_shared = False  # the next section's parts do not get this section's shared blocks

    def _missing_shared_blocks(self, part: OpenPart) -> list[tuple[SharedBlock, bool]]:
        """Decide what this part still needs: the section's shared blocks so far that are not in the part. Each comes
        with True if another part has the block already."""
        assert self._section is not None
        since = part.shared_count if part.section == self._section.number else 0
        return [(item, index < self._written_count) for index, item in enumerate(self._shared[since:], since)]

    def _write_shared_blocks(self, part: OpenPart) -> None:
        """Write the shared blocks that `_missing_shared_blocks` gives. For a new part these are all shared blocks so
        far: the beginning of the part. Called before anything else from the section is written to a part."""
        missing = self._missing_shared_blocks(part)
        if not missing:
            return
        assert self._section is not None
        for repeated, run in groupby(missing, itemgetter(1)):
            self._parts.write_shared(part, [item for item, _ in run], repeated=repeated)
        part.section, part.shared_count, self._written_count = (
            self._section.number,
            len(self._shared),
            len(self._shared),
        )

    def _write_packets(self, part: OpenPart, rows: PacketBatch) -> None:
        """Write packets to a part, after the shared blocks that it lacks. The part becomes the current one."""
        self._write_shared_blocks(part)
        if not part.packets:
            part.name_values = self._name_values(part, rows.interfaces[rows.columns.interface[0]], rows)
            part.first_number = rows.number(0)
        if not part.name:
            self._give_name(part)
        self._parts.write_packets(part, rows)
        part.has_only_shared = False
        self._current = part

    def _give_name(self, part: OpenPart) -> None:
        """Give a part its name when it gets its first packets."""
        self._parts.give_name(part)

    def _name_values(self, part: OpenPart, interface: Interface, rows: PacketBatch | None) -> TemplateValues:
        """The values for the name of a part, from its interface and from the first packet in `rows`, unless None."""
        name = interface_name(interface)
        return TemplateValues(
            number=part.index,
            start=self._start_time(part, rows) if rows is not None and self._parts.needs_start else None,
            interface=f"{interface.section}-{interface.id}" if name is None else text(name),
            link_type=_link_type(interface.link_type),
            section=interface.section,
        )

    def _start_time(self, _part: OpenPart, rows: PacketBatch) -> Fraction | None:
        """The time of a part's first packet; None for a packet without a time. Raises FormatError if the time cannot be
        determined."""
        return None if rows.columns.record_type[0] == SIMPLE_PACKET else time_of_row(rows, rows.columns, 0)


def _link_type(number: int) -> str:
    """The name of a link type, or its number if it has no name."""
    name, has_name, _ = link_type_name(number).partition(" (")
    return name if has_name else str(number)


def time_of_row(batch: PacketBatch, columns: Columns, row: int) -> Fraction:
    """The time of a row, in seconds since 1970. Raises FormatError if the time cannot be determined."""
    interface = batch.interfaces[columns.interface[row]]
    if interface.time_error:
        raise FormatError(f"packet {batch.number(row)}: {interface.time_error}", packet_number=batch.number(row))
    return timestamps.instant(columns.ticks[row], interface.ticks_per_second, interface.time_offset)


def slice_rows(batch: PacketBatch, first: int, stop: int) -> PacketBatch:
    """The rows from `first` to `stop` of a batch; the batch itself if these are all its rows."""
    return batch if stop - first == batch.rows else batch.slice(first, stop)
