"""The step that takes packets out of tunnels: what is in the tunnel becomes the packet.

Strategy: the kernel `decapsulate` changes the columns of whole batches. It stops only where it needs an interface that
is not declared yet: a packet that comes out of a tunnel belongs to an interface of its own link type, which is made of
the interface that the packet had, and is declared in front of the first packet that needs it, wherever batches end. So
interfaces that the capture declares later may get other ids; a kernel renumbers the records of their packets.

An interface whose packets come out of tunnels with its own link type stays the same, unless it states the length of a
frame check sequence, which packets out of tunnels do not have. The interface of a pcap file is declared only when a
packet needs it, so that a file whose packets all come out of tunnels has the one link type of these.

A hash is of all bytes of a packet, and is left out; packet flags state no frame check sequence any more. An obsolete
Packet Block that changes becomes an Enhanced Packet Block.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from pcapconv.errors import UsageError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import (
    INNER_LINK_TYPES,
    OPTIONS_CHANGE,
    TARGETS,
    TUNNEL_COUNTS,
    UNDECLARED,
)
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.spec import ByteOrder, bodies, option_lists
from pcapconv.spec.pcapng import (
    FCS_LENGTH_IN_FLAGS,
    IF_FCSLEN,
    INTERFACE_STATISTICS,
    OBSOLETE_PACKET,
    PACKET_FLAGS,
    PACKET_HASH,
    SIMPLE_PACKET,
)
from pcapconv.spec.protocols import TUNNEL_NAMES
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row, replace_options, select_rows
from pcapconv.steps.simple_packets import correct_original_lengths
from pcapconv.steps.strip import make_enhanced
from pcapconv.wording import argument, arguments

TUNNEL_KINDS = tuple(TUNNEL_NAMES.values())
ALL_KINDS = "all"
_LARGEST_OBSOLETE_ID = 0xFFFF  # an obsolete Packet Block has 16 bits for the id of its interface
_IS_MARKED = bytes(min(mark, 1) for mark in range(256))


def parse_kinds(texts: Iterable[str], only: bool) -> frozenset[str]:
    """The kinds of tunnels that `decapsulate` names in these texts, each with one kind or several with commas. Raises
    UsageError for an unknown kind, and for `only_decapsulated` (`only`) without a kind."""
    kinds = {kind for text in texts for kind in text.split(",")}
    for kind in sorted(kinds):
        if kind not in TUNNEL_KINDS and kind != ALL_KINDS:
            raise UsageError(
                f"{argument('decapsulate', kind)}: the kinds are {', '.join(TUNNEL_KINDS)} and {ALL_KINDS}",
                option="decapsulate",
            )
    if only and not kinds:
        example = arguments(decapsulate="vxlan", only_decapsulated=True)
        raise UsageError(
            f"{argument('only_decapsulated', True)} goes with {argument('decapsulate')}, as in {example}",
            option="only_decapsulated",
        )
    return frozenset(TUNNEL_KINDS if ALL_KINDS in kinds else kinds)


class Decapsulate(Step):
    """Takes packets out of tunnels of the `kinds`, which are among `TUNNEL_KINDS`, until the outermost tunnel is none
    of them. Packets that are in none pass unchanged, or are left out, if `only`.

    `left_out` counts what no longer holds: hashes, and original lengths of Simple Packets. A Simple Packet may get
    another interface than 0: `EncodeSimplePackets` has to come after all steps that look at times.
    """

    def __init__(self, kinds: Collection[str], left_out: Counter[str], *, only: bool = False) -> None:
        super().__init__()
        self._kinds = sum(1 << code for code, name in TUNNEL_NAMES.items() if name in kinds)
        self._left_out = left_out
        self._only = only
        self._kernels = choose()
        self._tunnels = array("Q", bytes(8 * TUNNEL_COUNTS))
        self._packets = self._others = 0
        self._own_columns = Columns(0)
        self._same_ids = array("Q")  # for the kernel `renumber`: columns have the new ids already
        self._begin_section()

    @property
    def counts(self) -> dict[str, Any]:
        """How many packets came out of tunnels, how many were in none, and how many tunnels of each kind there were."""
        tunnels = {name: self._tunnels[code] for code, name in TUNNEL_NAMES.items() if self._tunnels[code]}
        return {"packets": self._packets, "not_in_tunnels": self._others, "tunnels": tunnels}

    def _begin_section(self) -> None:
        self._before: list[Interface] = []  # the section's interfaces as they were
        self._link_types = array("Q")
        self._new_ids = array("Q")  # for the kernel
        self._ids_differ = False
        self._waits = False  # whether interfaces are declared only when a packet needs them

    def _section(self, section: Section) -> Iterator[Item]:
        yield from self._end()
        self._begin_section()
        self._waits = section.layout == "pcap"
        yield section._replace(changed=True, raw=None if self._waits else section.raw)

    def _end(self) -> Iterator[Item]:
        """Yield the interfaces of a section in which no packet needed one."""
        if not self._interfaces:
            for number in range(len(self._before)):
                interface = self._declare(TARGETS * number)
                self._interfaces.append(interface)
                yield interface

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        index = len(self._new_ids)
        self._before.append(interface)
        self._link_types.append(interface.link_type)
        self._new_ids.extend([UNDECLARED] * TARGETS)
        return () if self._waits else (self._declare(index),)

    def _declare(self, index: int) -> Interface:
        """Return the interface whose id is at `index` in `new_ids`, with the next id."""
        number, which = divmod(index, TARGETS)
        before, new_id = self._before[number], len(self._interfaces)
        first = TARGETS * number
        declared = [each for each in self._new_ids[first : first + TARGETS] if each != UNDECLARED]
        made_of = self._interfaces[min(declared)] if declared else None
        states_fcs = before.fcs_length is not None or _states_fcs(before)
        if not states_fcs and before.link_type in INNER_LINK_TYPES:
            same = 1 + INNER_LINK_TYPES.index(before.link_type)
            which = 0 if which == same else which
            if not which:
                self._new_ids[first + same] = new_id
        self._new_ids[first + which] = new_id
        self._ids_differ = self._ids_differ or (not which and new_id != number)
        if not which:
            return before if before.id == new_id else before._replace(id=new_id, made_of=made_of)
        options = before.raw_options
        if states_fcs:
            options = option_lists.edit(options, before.byte_order, keep=lambda option: option.code != IF_FCSLEN)
        link_type = INNER_LINK_TYPES[which - 1]
        return before._replace(
            id=new_id, link_type=link_type, fcs_length=None, raw_options=options, raw=None, made_of=made_of
        )

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type != INTERFACE_STATISTICS or len(self._interfaces) == len(self._before):
            return (block,)
        statistics = bodies.statistics(block.body, block.byte_order)
        if not statistics.has_interface:
            return (block,)
        if statistics.interface < len(self._before):
            new_id = self._new_ids[TARGETS * statistics.interface]
            return (block._replace(body=bodies.statistics_for_interface(new_id, block.body, block.byte_order)),)
        if statistics.interface < len(self._interfaces):  # it would be about an interface that it does not mean
            self._left_out["statistics"] += 1
            return ()
        return (block,)

    def _batch(self, batch: PacketBatch) -> Iterator[Item]:
        if self._waits:  # the reader of a pcap file sets these columns once, and uses them for all batches
            batch.columns = batch.columns.with_copies(batch.rows, "interface", "record_length")
        batch.interfaces = self._interfaces
        big, marks, first = batch.section.byte_order == "big", bytearray(batch.rows), 0
        while first < batch.rows:
            row, index = self._kernels.decapsulate(
                batch.buffer,
                batch.columns,
                first,
                batch.rows,
                self._link_types,
                self._kinds,
                self._new_ids,
                self._only,
                big,
                marks,
                self._tunnels,
            )
            if row > first:
                piece = batch if row - first == batch.rows else batch.slice(first, row)
                yield from self._piece(piece, marks[first:row])
            if row < batch.rows:
                interface = self._declare(index)
                self._interfaces.append(interface)
                yield interface
            first = row

    def _piece(self, piece: PacketBatch, marks: bytearray) -> Iterable[PacketBatch]:
        """Return what comes out for packets that the kernel has changed."""
        others = marks.count(0)
        self._packets += piece.rows - others
        self._others += others
        if self._only and others:
            if self._own_columns.capacity < piece.rows:
                self._own_columns = Columns(piece.columns.capacity)
            chosen = select_rows(piece, marks.translate(_IS_MARKED), self._own_columns)
            if chosen is None:
                return ()
            piece, marks = chosen, marks.translate(None, b"\0")
        if any(marks):
            piece.contiguous = False
            self._correct_changed(piece, marks)
        if self._ids_differ and piece.layout == "pcapng":
            self._renumber(piece)
        return (piece,)

    def _correct_changed(self, piece: PacketBatch, marks: bytearray) -> None:
        """Correct what kernels do not: Simple Packets, obsolete Packet Blocks and options."""
        types = piece.columns.record_type[: piece.rows].tobytes()
        if SIMPLE_PACKET in types:
            correct_original_lengths(piece, self._interfaces[0].snaplen, self._left_out)
        rows = set(_rows_with(OPTIONS_CHANGE, marks))
        if OBSOLETE_PACKET in types:
            rows.update(row for row in _rows_with(OBSOLETE_PACKET, types) if marks[row])
        if rows:
            replace_options(piece, {row: self._new_options(piece, row) for row in sorted(rows)})

    def _renumber(self, piece: PacketBatch) -> None:
        """Write the new ids into the records of packets; the columns have them already."""
        columns = piece.columns
        types = columns.record_type[: piece.rows].tobytes()
        rows = [row for row in _rows_with(OBSOLETE_PACKET, types) if columns.interface[row] > _LARGEST_OBSOLETE_ID]
        if rows:
            order = piece.section.byte_order
            options = {
                row: option_lists.edit(options_of_row(piece, row), order, add=make_enhanced(piece, row)) for row in rows
            }
            replace_options(piece, options)
        copy = piece.copy()
        piece.buffer, piece.columns = bytearray(copy.buffer), copy.columns
        self._same_ids.extend(range(len(self._same_ids), len(self._interfaces)))
        big = piece.section.byte_order == "big"
        self._kernels.renumber(piece.buffer, piece.columns, piece.rows, self._same_ids, big)

    def _new_options(self, piece: PacketBatch, row: int) -> bytes:
        """The options of a packet that came out of a tunnel: without hashes, with flags that state no frame check
        sequence, and with the drop count of an obsolete block."""
        raw, order = options_of_row(piece, row), piece.section.byte_order
        stated = [option for option in option_lists.OptionList(raw, order) if _has_fcs(option, order)]
        added = [*(_without_fcs(option, order) for option in stated), *make_enhanced(piece, row)]

        def keep(option: option_lists.Option) -> bool:
            self._left_out["packet-hashes"] += option.code == PACKET_HASH
            return option.code != PACKET_HASH and not _has_fcs(option, order)

        return option_lists.edit(raw, order, keep=keep, add=added)


def _states_fcs(interface: Interface) -> bool:
    options = option_lists.OptionList(interface.raw_options, interface.byte_order)
    return options.first(IF_FCSLEN) is not None


def _has_fcs(option: option_lists.Option, order: ByteOrder) -> bool:
    """Whether an option is packet flags that state the length of a frame check sequence."""
    stated = option.code == PACKET_FLAGS and len(option.value) == 4
    return stated and bool(int.from_bytes(option.value, order) & FCS_LENGTH_IN_FLAGS)


def _without_fcs(option: option_lists.Option, order: ByteOrder) -> option_lists.Option:
    flags = int.from_bytes(option.value, order) & ~FCS_LENGTH_IN_FLAGS
    return option._replace(value=flags.to_bytes(4, order))


def _rows_with(value: int, column: bytes | bytearray) -> Iterator[int]:
    """Yield the rows of a column of bytes that have this value."""
    row = column.find(value)
    while row >= 0:
        yield row
        row = column.find(value, row + 1)
