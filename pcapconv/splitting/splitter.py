"""Dividing a capture into parts: what all ways have in common.

Strategy: a splitter takes the items that a reader and steps give, and finds the part for each; there is one kind of
splitter for each way to split. Packets go to parts in runs, as far as they follow each other in the capture, and
otherwise as the rows that a kernel picks.

A part begins with its section's header, the interfaces, and the names, secrets and processes so far; those that come
later are written to the part that is current, and to every other one before its next packet. So processes, which
packets name by their number in the section, have that number in every part. All of these are kept in memory. (Parts by
kind may declare their own interfaces only: see `kinds`.) Each other
block goes to one part: the one that is current where it stands, which is that of the packet before it, or, of
statistics, that of their interface. Those before a section's first packet wait for it, and go to its part, unless they
are too many to wait. A section without packets goes, whole, to the part that is current. What stands before all packets
thus goes to the first part, and a capture without any packet is one part.
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
from pcapconv.io.name_template import Facts
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.spec.link_types import link_type_name
from pcapconv.spec.option_lists import text
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.steps.relabel import interface_name

if TYPE_CHECKING:
    from fractions import Fraction

MOST_WAITING = 2**20  # bytes of blocks that wait for their section's first packet
COST = 200  # bytes of memory that each takes besides its own

Shared = Section | Interface | Block


class Splitter(ABC):
    """Takes a capture's items and gives each to its part; then `finish`. This base is what all ways have in common.

    `left_out` counts by kind what no part has. `oversized` tells how many parts are larger than asked for because of
    their headers, and how large these are at the most; None where there is none.
    """

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        self._parts = parts
        self._key_of = key_of  # what the part is for that an interface's packets go to
        self._current: OpenPart | None = None
        self._section: Section | None = None
        self._shared: list[Shared] = []  # the section's header, and what every part gets of it
        self._known = 0  # how many of these some part has
        self._begun = False  # whether the current part has the section
        self._waiting: list[Block] = []  # the section's other blocks before its first packet
        self._waiting_bytes = 0
        self._sections = 0
        self._interfaces: Counter[Hashable] = Counter()  # by the key of the part that is theirs
        self._fcs_lengths: set[int | None] = {None}
        self._unwritten: Counter[str] = Counter()  # losses of what was written to no part
        self.left_out: Counter[str] = Counter()
        self.oversized: dict[str, int] | None = None

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
                self._open_section(item._replace(changed=True))
            case Interface():
                self._interfaces[self._key_of(item)] += 1
                self._fcs_lengths.add(item.fcs_length)
                self._share(item)
            case Block():
                if item.explains_packets:
                    self._share(item)
                else:
                    self._keep(item)

    def finish(self) -> None:
        """All items were there. Raises PcapconvError."""
        self._end_section()
        self._parts.finish_all()

    def _open_section(self, section: Section) -> None:
        self._section = section
        self._shared, self._known, self._begun = [section], 0, False
        self._sections += 1

    def losses(self) -> dict[str, int]:
        """What the parts cannot hold, by kind; what is in several of them counts once."""
        counted = self._parts.losses + self._unwritten
        losses = counted - self._parts.repeated_losses
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

    @abstractmethod
    def _first(self, batch: PacketBatch) -> OpenPart:
        """The part for the batch's first packet, and what goes before it."""

    @abstractmethod
    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        """Rows, and the part to which they go; each pair is written before the next one is asked for."""

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
        self._waiting_bytes += len(block.body) + COST
        if self._waiting_bytes > MOST_WAITING:
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

    def _missing(self, part: OpenPart) -> list[tuple[Shared, bool]]:
        """What the part lacks of the section's blocks that it is to have; with each, whether another part has it."""
        assert self._section is not None
        since = part.shared if part.section == self._section.number else 0
        return [(item, place < self._known) for place, item in enumerate(self._shared[since:], since)]

    def _catch_up(self, part: OpenPart) -> None:
        missing = self._missing(part)
        if not missing:
            return
        assert self._section is not None
        for repeated, run in groupby(missing, itemgetter(1)):
            self._parts.write_header(part, [item for item, _ in run], repeated=repeated)
        part.section, part.shared, self._known = self._section.number, len(self._shared), len(self._shared)

    def _write_packets(self, part: OpenPart, rows: PacketBatch) -> None:
        self._catch_up(part)
        if not part.packets:
            part.facts = self._facts(part, rows.interfaces[rows.columns.interface[0]], rows)
            part.first_number = rows.number(0)
        if not part.name:
            self._give_name(part)
        self._parts.write_packets(part, rows)
        part.bare = False
        self._current = part

    def _give_name(self, part: OpenPart) -> None:
        """Name a part that has packets."""
        self._parts.give_name(part)

    def _facts(self, part: OpenPart, interface: Interface, rows: PacketBatch | None) -> Facts:
        """What a part's name can tell: of its first packet, or of its interface where there is none."""
        name = interface_name(interface)
        return Facts(
            number=part.index,
            start=self._start(part, rows) if rows is not None and self._parts.needs_start else None,
            interface=f"{interface.section}-{interface.id}" if name is None else text(name),
            link_type=_link_type(interface.link_type),
            section=interface.section,
        )

    def _start(self, _part: OpenPart, rows: PacketBatch) -> Fraction | None:
        """When the part begins; None for a packet without a time. Raises FormatError where nobody can tell."""
        return None if rows.columns.record_type[0] == SIMPLE_PACKET else instant_of(rows, rows.columns, 0)


def _link_type(number: int) -> str:
    """A link type's name, or its number where it has none."""
    name, named, _ = link_type_name(number).partition(" (")
    return name if named else str(number)


def instant_of(batch: PacketBatch, columns: Columns, row: int) -> Fraction:
    """A row's time. Raises FormatError where nobody can tell."""
    interface = batch.interfaces[columns.interface[row]]
    if interface.time_error:
        raise FormatError(f"packet {batch.number(row)}: {interface.time_error}")
    return timestamps.instant(columns.ticks[row], interface.ticks_per_second, interface.time_offset)


def rows_of(batch: PacketBatch, first: int, stop: int) -> PacketBatch:
    """These rows; the batch itself where they are all."""
    return batch if stop - first == batch.rows else batch.slice(first, stop)
