"""Dividing by interface, link type or section.

Strategy: a part by interface declares that interface alone, as id 0. A part in pcap, by whatever kind, knows only its
own interfaces, with ids from 0, as its header must not tell of others. Each packet gets its interface's new id where it
lies, in the column and in its block; all else of the block stays. Statistics name an interface, too: they wait for its
first packet, unless they are too many to wait, and then its part begins with them. No other block is known to name one.

A section without packets goes whole, under its own ids, to the part that is current. Otherwise, interfaces without
packets are in no part, nor are their statistics: they are counted as left out, and in pcap as lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence

from pcapconv.formats.losses import PcapLosses
from pcapconv.kernels.contract import ALWAYS, NEVER, RANGE
from pcapconv.model import Block, Columns, Interface, PacketBatch, Section
from pcapconv.spec import bodies
from pcapconv.splitting.by_time import WIDEST, Picking
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import COST, MOST_WAITING, Shared, Splitter


class ByKind(Picking):
    """A part for each link type or section, with all interfaces in each part."""

    narrowest = WIDEST  # which interfaces come next says nothing about those that follow

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable]) -> None:
        super().__init__(parts, key_of)
        self._keys: dict[tuple[int, int] | None, Hashable] = {}  # by section and id
        self._alike: dict[Hashable, list[Interface]] = {}  # the section's interfaces by key
        self._table = array("Q")  # of the section's interfaces, for `match`
        self._chosen: list[Interface] = []  # those that the table finds

    def _open_section(self, section: Section) -> None:
        super()._open_section(section)
        self._alike, self._table, self._chosen = {}, array("Q"), []

    def _share(self, item: Interface | Block) -> None:
        if isinstance(item, Interface):
            self._declare(item)
        super()._share(item)

    def _declare(self, interface: Interface) -> None:
        key = self._keys[interface.section, interface.id] = self._key_of(interface)
        self._alike.setdefault(key, []).append(interface)
        self._table.extend(NEVER)

    def _first(self, batch: PacketBatch) -> OpenPart:
        return self._part(self._key_of(batch.interfaces[batch.columns.interface[0]]))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        return self._pick(batch, batch.columns, 0)

    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        key = self._key_of(batch.interfaces[columns.interface[row]])
        self._set(self._chosen, NEVER)
        self._chosen = self._alike[key]
        self._set(self._chosen, ALWAYS)
        return self._part(key), self._table

    def _set(self, interfaces: Sequence[Interface], entry: tuple[int, int, int]) -> None:
        for interface in interfaces:
            self._table[interface.id * RANGE : (interface.id + 1) * RANGE] = array("Q", entry)

    def _owner(self, block: Block) -> OpenPart | None:
        """Statistics go to the part of their interface, if it has one."""
        return self._by_key.get(self._keys.get(_place_of(block)))


class ByOwnInterfaces(ByKind):
    """A part for each interface, or in pcap for each link type or section; with the interfaces that are its own."""

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable]) -> None:
        super().__init__(parts, key_of)
        self._in_pcap = parts.format == "pcap"
        self._begin_interfaces()

    def _begin_interfaces(self) -> None:
        """Of a new section, which has no packets so far."""
        self._all: list[tuple[int, Interface]] = []  # interfaces, and how many shared blocks stand before each
        self._own: dict[Hashable, list[tuple[int, Interface]]] = {}  # the same by key
        self._ids = array("Q")  # in the parts, by those in the section
        self._moved = False  # whether any of them is another one
        self._empty = True  # whether there are no packets
        self._whole = False  # whether a part gets all interfaces
        self._held: dict[tuple[int, int], list[Block]] = {}  # statistics, by section and id
        self._held_bytes = 0

    def _open_section(self, section: Section) -> None:
        super()._open_section(section)
        self._begin_interfaces()

    def _share(self, item: Interface | Block) -> None:
        if not isinstance(item, Interface):
            super()._share(item)
            return
        self._declare(item)
        if self._begun and self._current is not None:
            self._catch_up(self._current)

    def _declare(self, interface: Interface) -> None:
        super()._declare(interface)
        own = self._own.setdefault(self._key_of(interface), [])
        self._ids.append(len(own))
        self._moved = self._moved or len(own) != interface.id
        own.append((len(self._shared), interface))
        self._all.append(own[-1])

    def _of(self, part: OpenPart) -> Sequence[tuple[int, Interface]]:
        """The section's interfaces that this part is to have."""
        return self._all if self._whole else self._own.get(part.key, ())

    def _has_of(self, part: OpenPart | None) -> int:
        """How many of them it has."""
        assert self._section is not None
        return part.own if part is not None and part.section == self._section.number else 0

    def _missing(self, part: OpenPart) -> list[tuple[Shared, bool]]:
        missing = super()._missing(part)
        since = len(self._shared) - len(missing)
        for before, (place, interface) in enumerate(self._of(part)[self._has_of(part) :]):
            missing.insert(max(0, place - since) + before, (interface, False))
        return missing

    def _catch_up(self, part: OpenPart) -> None:
        super()._catch_up(part)
        part.own = len(self._of(part))
        part.writer.has_other_interfaces = part.writer.has_other_interfaces or len(self._all) > part.own

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        if self._moved and isinstance(batch.buffer, bytes):  # as edits leave it
            batch.buffer = bytearray(batch.buffer)
        return super()._divide(batch)

    def _write_packets(self, part: OpenPart, rows: PacketBatch) -> None:
        self._empty = False
        if self._moved:
            big = rows.section.byte_order == "big"
            self._kernels.renumber(rows.buffer, rows.columns, rows.rows, self._ids, big)
        rows.interfaces = self._alike[part.key]
        super()._write_packets(part, rows)

    def _keep(self, block: Block) -> None:
        place = _place_of(block)
        if place is None or self._in_pcap or self._whole or not self._begun:
            super()._keep(block)
        elif (part := self._owner(block)) is not None:
            self._write_statistics(part, block)
        else:
            self._held.setdefault(place, []).append(block)
            self._held_bytes += len(block.body) + COST
            if self._held_bytes > MOST_WAITING:
                self._hold_no_longer(place)

    def _hold_no_longer(self, place: tuple[int, int]) -> None:
        """The interface's part begins without a packet; where there is no such interface, any part has its blocks."""
        if place not in self._keys:
            for block in self._released(place):
                super()._keep(block)
            return
        part = self._part(self._keys[place])
        part.facts = self._facts(part, self._all[place[1]][1], None)

    def _released(self, place: tuple[int, int]) -> list[Block]:
        blocks = self._held.pop(place, [])
        self._held_bytes -= sum(len(block.body) + COST for block in blocks)
        return blocks

    def _part(self, key: Hashable) -> OpenPart:
        part = super()._part(key)
        if key in self._held:
            assert isinstance(key, tuple)
            for block in self._released(key):
                self._write_statistics(part, block)
        return part

    def _write_statistics(self, part: OpenPart, block: Block) -> None:
        self._catch_up(part)
        number = self._ids[bodies.statistics(block.body, block.byte_order).interface]
        self._parts.write(
            part, block._replace(body=bodies.statistics_for_interface(number, block.body, block.byte_order))
        )
        part.bare = False

    def _end_section(self) -> None:
        if self._section is None:
            return
        foreign = self._current is not None and self._current.key is not None
        self._whole = self._empty and not (self._in_pcap and foreign)
        super()._end_section()
        if self._whole and self._current is not None:
            self._catch_up(self._current)  # with interfaces that had to wait, as nobody knew whose part it is
        for place in list(self._held):
            blocks = self._released(place)
            if self._whole or place not in self._keys:
                for block in blocks:
                    super()._keep(block)
            else:
                self.left_out["statistics"] += len(blocks)
        for key, own in self._own.items() if not self._whole else ():
            if gone := own[self._has_of(self._by_key.get(key)) :]:
                self._leave_out(gone)

    def _leave_out(self, interfaces: Sequence[tuple[int, Interface]]) -> None:
        """Count interfaces that no part has."""
        assert self._section is not None
        if not self._in_pcap:
            self.left_out["interfaces"] += len(interfaces)
        elif self._section.layout != "pcap" or self._section.raw is None:  # else all they say is in the file header
            losses = PcapLosses()
            for _, interface in interfaces:
                losses.add_interface(interface)
            self._unwritten.update({**losses.total(), "interfaces": len(interfaces)})


def _place_of(block: Block) -> tuple[int, int] | None:
    """The section and id of the interface that statistics are of; None for other blocks, and where they are cut off."""
    if block.kind != "statistics":
        return None
    stated = bodies.statistics(block.body, block.byte_order)
    return (block.section, stated.interface) if stated.has_interface else None


KEYS: dict[str, Callable[[Interface], Hashable]] = {
    "interface": lambda interface: (interface.section, interface.id),
    "link-type": lambda interface: interface.link_type,
    "section": lambda interface: interface.section,
}


def by_kind(parts: OpenParts, kind: str) -> Splitter:
    """The splitter for one of `KEYS`."""
    own = kind == "interface" or parts.format == "pcap"
    return (ByOwnInterfaces if own else ByKind)(parts, KEYS[kind])
