"""Splits by interface, link type or section: by a key that each interface has.

Strategy: a part for one interface declares only that interface, with id 0. A pcap part, also one for a link type or
section, declares only the interfaces of its own key, with ids from 0, since its file header must not depend on other
interfaces. The interface's new id is written over the old one, in the column and in the packet's block; the other
bytes of the block stay. Statistics name an interface, too. They wait in memory for the interface's first packet, up to
`MOST_WAITING` bytes; then the interface's part begins without a packet. No other block is known to name an interface.

A section without packets goes to the current part as a whole, with the ids that its interfaces have. Otherwise
interfaces without packets, and their statistics, are in no part: they are counted as left out, and in pcap as lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence

from pcapconv.formats.losses import PcapLosses
from pcapconv.kernels.contract import ALWAYS, NEVER, RANGE
from pcapconv.model import Block, Columns, Interface, PacketBatch, Section
from pcapconv.spec import bodies
from pcapconv.splitting.mask_splitter import MOST_ROWS, MaskSplitter
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import BLOCK_COST, MOST_WAITING, SharedBlock, Splitter


class ByInterfaceKey(MaskSplitter):
    """A part for each key: a link type or a section. Each part declares all interfaces of its section."""

    fewest_rows = MOST_ROWS  # the interfaces of the next rows say nothing about those of later rows

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable]) -> None:
        super().__init__(parts, key_of)
        self._keys: dict[tuple[int, int] | None, Hashable] = {}  # keys of interfaces by section and id
        self._interfaces_by_key: dict[Hashable, list[Interface]] = {}  # the section's interfaces
        self._table = array("Q")  # for `rows_in_ranges`: an entry for each interface of the section
        self._table_interfaces: list[Interface] = []  # the interfaces whose rows the table selects

    def _start_section(self, section: Section) -> None:
        super()._start_section(section)
        self._interfaces_by_key, self._table, self._table_interfaces = {}, array("Q"), []

    def _give_to_every_part(self, item: Interface | Block) -> None:
        if isinstance(item, Interface):
            self._add_interface(item)
        super()._give_to_every_part(item)

    def _add_interface(self, interface: Interface) -> None:
        key = self._keys[interface.section, interface.id] = self._key_of(interface)
        self._interfaces_by_key.setdefault(key, []).append(interface)
        self._table.extend(NEVER)

    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:
        return self._part_of(self._key_of(batch.interfaces[batch.columns.interface[0]]))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        return self._divide_by_mask(batch, batch.columns, 0)

    def _part_and_table(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        key = self._key_of(batch.interfaces[columns.interface[row]])
        self._set_entries(self._table_interfaces, NEVER)
        self._table_interfaces = self._interfaces_by_key[key]
        if len(self._table_interfaces) > batch.rows:  # a section may have an interface for each packet
            used = (batch.interfaces[number] for number in set(columns.interface[: batch.rows]))
            self._table_interfaces = [interface for interface in used if self._key_of(interface) == key]
        self._set_entries(self._table_interfaces, ALWAYS)
        return self._part_of(key), self._table

    def _set_entries(self, interfaces: Sequence[Interface], entry: tuple[int, int, int]) -> None:
        for interface in interfaces:
            self._table[interface.id * RANGE : (interface.id + 1) * RANGE] = array("Q", entry)

    def _owning_part(self, block: Block) -> OpenPart | None:
        """The part of the interface that statistics name; None if that interface has no part, and for other blocks."""
        return self._part_by_key.get(self._keys.get(_interface_of(block)))


class ByOwnInterfaces(ByInterfaceKey):
    """A part for each key: an interface, or in pcap a link type or a section. Each part declares only the interfaces of
    its own key, under new ids."""

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable]) -> None:
        super().__init__(parts, key_of)
        self._in_pcap = parts.format == "pcap"
        self._clear_interfaces()

    def _clear_interfaces(self) -> None:
        """Begin a section, which has neither interfaces nor packets so far."""
        # the section's interfaces, each with the number of shared blocks before it
        self._all_interfaces: list[tuple[int, Interface]] = []
        self._own_interfaces: dict[Hashable, list[tuple[int, Interface]]] = {}  # the same interfaces by key
        self._new_ids = array("Q")  # ids in the parts, by the ids in the section
        self._ids_differ = False  # whether an interface has another id in its part
        self._has_no_packets = True
        self._is_undivided = False  # whether one part gets all interfaces
        self._held_statistics: dict[tuple[int, int], list[Block]] = {}  # by section and id of their interface
        self._held_bytes = 0

    def _start_section(self, section: Section) -> None:
        super()._start_section(section)
        self._clear_interfaces()

    def _give_to_every_part(self, item: Interface | Block) -> None:
        if not isinstance(item, Interface):
            super()._give_to_every_part(item)
            return
        self._add_interface(item)
        if self._section_is_open and self._current is not None:
            self._write_shared_blocks(self._current)

    def _add_interface(self, interface: Interface) -> None:
        super()._add_interface(interface)
        own = self._own_interfaces.setdefault(self._key_of(interface), [])
        self._new_ids.append(len(own))
        self._ids_differ = self._ids_differ or len(own) != interface.id
        own.append((len(self._shared), interface))
        self._all_interfaces.append(own[-1])

    def _interfaces_of_part(self, part: OpenPart) -> Sequence[tuple[int, Interface]]:
        """The section's interfaces so far that this part must declare."""
        return self._all_interfaces if self._is_undivided else self._own_interfaces.get(part.key, ())

    def _declared_count(self, part: OpenPart | None) -> int:
        """The number of interfaces of the current section that a part has declared so far."""
        assert self._section is not None
        return part.own_count if part is not None and part.section == self._section.number else 0

    def _missing_shared_blocks(self, part: OpenPart) -> list[tuple[SharedBlock, bool]]:
        """See `Splitter._missing_shared_blocks`. The part's own interfaces come between the shared blocks, in the order
        of the section; no other part has these interfaces."""
        missing = super()._missing_shared_blocks(part)
        since = len(self._shared) - len(missing)
        for inserted, (index, interface) in enumerate(self._interfaces_of_part(part)[self._declared_count(part) :]):
            missing.insert(max(0, index - since) + inserted, (interface, False))
        return missing

    def _write_shared_blocks(self, part: OpenPart) -> None:
        super()._write_shared_blocks(part)
        part.own_count = len(self._interfaces_of_part(part))
        part.writer.has_other_interfaces = (
            part.writer.has_other_interfaces or len(self._all_interfaces) > part.own_count
        )

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        if self._ids_differ and isinstance(batch.buffer, bytes):  # an edited batch may have an immutable buffer
            batch.buffer = bytearray(batch.buffer)
        return super()._divide(batch)

    def _write_packets(self, part: OpenPart, rows: PacketBatch) -> None:
        self._has_no_packets = False
        if self._ids_differ:
            big = rows.section.byte_order == "big"
            self._kernels.renumber(rows.buffer, rows.columns, rows.rows, self._new_ids, big)
        rows.interfaces = self._interfaces_by_key[part.key]
        super()._write_packets(part, rows)

    def _give_to_one_part(self, block: Block) -> None:
        named = _interface_of(block)
        if named is None or self._in_pcap or self._is_undivided or not self._section_is_open:
            super()._give_to_one_part(block)
        elif (part := self._owning_part(block)) is not None:
            self._write_statistics(part, block)
        else:
            self._held_statistics.setdefault(named, []).append(block)
            self._held_bytes += len(block.body) + BLOCK_COST
            if self._held_bytes > MOST_WAITING:
                self._write_held_statistics(named)

    def _write_held_statistics(self, named: tuple[int, int]) -> None:
        """Open the part of an interface, given by section and id, without a packet, and write the interface's
        statistics there. If no such interface exists, write the statistics to the current part."""
        if named not in self._keys:
            for block in self._release_statistics(named):
                super()._give_to_one_part(block)
            return
        part = self._part_of(self._keys[named])
        part.name_values = self._name_values(part, self._all_interfaces[named[1]][1], None)

    def _release_statistics(self, named: tuple[int, int]) -> list[Block]:
        blocks = self._held_statistics.pop(named, [])
        self._held_bytes -= sum(len(block.body) + BLOCK_COST for block in blocks)
        return blocks

    def _part_of(self, key: Hashable) -> OpenPart:
        part = super()._part_of(key)
        if key in self._held_statistics:
            assert isinstance(key, tuple)
            for block in self._release_statistics(key):
                self._write_statistics(part, block)
        return part

    def _write_statistics(self, part: OpenPart, block: Block) -> None:
        """Write statistics to the part of their interface, with the interface's id in that part."""
        self._write_shared_blocks(part)
        number = self._new_ids[bodies.statistics(block.body, block.byte_order).interface]
        self._parts.write(
            part, block._replace(body=bodies.statistics_for_interface(number, block.body, block.byte_order))
        )
        part.has_only_shared = False

    def _end_section(self) -> None:
        """Write a section without packets to the current part; for any other section, count the interfaces and
        statistics that are in no part."""
        if self._section is None:
            return
        foreign = self._current is not None and self._current.key is not None
        self._is_undivided = self._has_no_packets and not (self._in_pcap and foreign)
        super()._end_section()
        if self._is_undivided and self._current is not None:
            self._write_shared_blocks(self._current)  # with all interfaces, now that no packet came for a part
        for named in list(self._held_statistics):
            blocks = self._release_statistics(named)
            if self._is_undivided or named not in self._keys:
                for block in blocks:
                    super()._give_to_one_part(block)
            else:
                self.left_out["statistics"] += len(blocks)
        for key, own in self._own_interfaces.items() if not self._is_undivided else ():
            if undeclared := own[self._declared_count(self._part_by_key.get(key)) :]:
                self._leave_out(undeclared)

    def _leave_out(self, interfaces: Sequence[tuple[int, Interface]]) -> None:
        """Count interfaces that no part has, unless they have packets under another key."""
        assert self._section is not None
        interfaces = [each for each in interfaces if each[1].id not in self._keys_of_divided]
        if not interfaces:
            return
        if not self._in_pcap:
            self.left_out["interfaces"] += len(interfaces)
        elif self._section.layout != "pcap" or self._section.raw is None:  # a header that is copied loses nothing
            losses = PcapLosses()
            for _, interface in interfaces:
                losses.add_interface(interface)
            self._unwritten.update({**losses.total(), "interfaces": len(interfaces)})


def _interface_of(block: Block) -> tuple[int, int] | None:
    """The section and id of the interface that statistics name; None for other blocks, and for statistics with too few
    bytes for an id."""
    if block.kind != "statistics":
        return None
    stated = bodies.statistics(block.body, block.byte_order)
    return (block.section, stated.interface) if stated.has_interface else None


KEYS: dict[str, Callable[[Interface], Hashable]] = {
    "interface": lambda interface: (interface.section, interface.id),
    "link-type": lambda interface: interface.link_type,
    "section": lambda interface: interface.section,
}


def open_splitter(parts: OpenParts, by: str) -> Splitter:
    """The splitter for `by`, which is one of `KEYS`."""
    own = by == "interface" or parts.format == "pcap"
    return (ByOwnInterfaces if own else ByInterfaceKey)(parts, KEYS[by])
