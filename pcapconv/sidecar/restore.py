"""The step that gives the packets of a pcap file back all that its sidecar keeps.

Strategy: the sidecar's entries are followed in order; packets are taken from the pcap file by count, so that this is
only for the very file that the sidecar belongs to. The other way, for files that were edited since, is `edited`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any

from pcapconv.errors import SidecarError
from pcapconv.formats.pcapng_items import interface_of, section_of
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE, NANOSECOND_SCALE
from pcapconv.model import Block, Columns, Damage, Interface, Item, PacketBatch, Section
from pcapconv.sidecar import fields, values
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.packet_entry import Entry, record, type_of
from pcapconv.spec import pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import replace_options
from pcapconv.steps.time_scales import Scale, scale_to_ticks

_FEW = 16  # parts of a buffer: less than one of them is little of it


class Metadata:
    """What a sidecar says besides packets, as items. Interfaces of what was a pcap file have no block of their own."""

    def __init__(self, document: Document) -> None:
        self._from_pcap = document.head.source_format == "pcap"
        self._headers_cut = document.head.headers_cut
        self.sections = 0
        self.section: Section | None = None
        self.interfaces: list[Interface] = []  # of the section
        self._tables: dict[int, array[int]] = {}  # by which a kernel makes times those of the interfaces, by units

    def items(self, kind: str, value: Any) -> Iterator[Item]:
        """The item of an entry that is not about packets. Raises SidecarError."""
        if kind == "section":
            yield self._begin_section(value)
            return
        section = self.open_section()
        if kind == "interface":
            yield self._add_interface(value, section)
        elif kind == "secrets" and "raw" not in value:
            return  # it was written without them
        elif kind in values.BLOCKS:
            block_type, body = values.block_of(kind, value, section.byte_order)
            yield Block(block_type, body, section.byte_order, section.number, 0)
        else:
            raise SidecarError(f"an entry of a kind that is not known: {kind:.40}")

    def _begin_section(self, value: Any) -> Section:
        order, body = values.section_body(value)
        body = fields.decoded(value["raw"], "a section") if "raw" in value else body
        if len(body) < pcapng.SECTION_OPTIONS_AT or len(body) % 4 or pcapng.BYTE_ORDERS.get(body[:4]) != order:
            raise SidecarError("a section's raw bytes are none of a section")
        self.section = section_of(body, order, self.sections)
        if self.section.version not in pcapng.VERSIONS:
            raise SidecarError("a section's version is not one that pcapconv reads")
        self.sections += 1
        self.interfaces, self._tables = [], {}
        return self.section

    def _add_interface(self, value: Any, section: Section) -> Interface:
        body = values.interface_body(value, section.byte_order)
        body = fields.decoded(value["raw"], "an interface") if "raw" in value else body
        if len(body) < pcapng.INTERFACE_OPTIONS_AT or len(body) % 4:
            raise SidecarError("an interface's raw bytes are none of an interface")
        interface = interface_of(body, section.byte_order, section.number, len(self.interfaces))
        if self._from_pcap:
            interface = interface._replace(raw=None)
        self.interfaces.append(interface)
        return interface

    def count_times(self, batch: PacketBatch, units: int) -> None:
        """Make ticks of `units` per second those of the packets' interfaces. Raises SidecarError."""
        table = self._tables.setdefault(units, array("Q", Scale(0, 1, 0).entry(0)))
        for interface in self.interfaces[len(table) // NANOSECOND_SCALE - 1 :]:
            table[-NANOSECOND_SCALE:-NANOSECOND_SCALE] = array(
                "Q", scale_to_ticks(interface, units).entry(interface.id)
            )
        row_of_fault, _, status = choose().to_nanoseconds(batch.columns, 0, batch.rows, table, False)
        if status != MORE:
            raise SidecarError(f"packet {batch.number(row_of_fault)}: its interface cannot count its time")

    def in_own_order(self, batch: PacketBatch) -> PacketBatch:
        """Packets of a pcap file with their own headers in the byte order that the section has."""
        if self._headers_cut:
            batch.header_order = None
        return with_headers_in(self.open_section().byte_order, batch)

    def open_section(self) -> Section:
        """The section that is open. Raises SidecarError."""
        if self.section is None:
            raise SidecarError("an entry stands before the first section")
        return self.section


class Restore(Step):
    """The step, for packets of pcap files. It follows the sidecar's entries, and takes only packets from the items.
    `lost` counts what only pcap can say."""

    def __init__(self, document: Document, lost: Counter[str]) -> None:
        super().__init__()
        self._document = document
        self._lost = lost
        self._captures: dict[int, _Packets] = {}  # where there are several, by link type
        self._metadata = Metadata(document)
        self._packets = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that there were. Raises SidecarError where the sidecar does not fit."""
        return self.join({self._document.head.captures[0].link_type: items})

    def join(self, captures: Mapping[int, Iterator[Item]]) -> Iterator[Item]:
        """The same from several captures, by the link type of their packets."""
        self._captures = {link_type: _Packets(items, self._lost, link_type) for link_type, items in captures.items()}
        return self._items()

    def _items(self) -> Iterator[Item]:
        with about_sidecar(self._document):
            # With less in them than there was, sections may be shorter than they say.
            complete = not self._document.head.missing and not self._document.head.damage
            for kind, value in self._document.entries():
                if kind == "packets":
                    yield from self._with_packets(value)
                    continue
                for item in self._metadata.items(kind, value):
                    yield item if complete or not isinstance(item, Section) else item._replace(changed=True)
            if any(each.more() for each in self._captures.values()):
                raise SidecarError(f"it has {self._packets} packets, the capture has more")

    def _with_packets(self, value: Any) -> Iterator[Item]:
        """The packets of an entry, in as many batches as the pcap file's reader has."""
        self._metadata.open_section()
        entry, done = Entry(value, self._packets, len(self._metadata.interfaces)), 0
        link_types = {number: self._metadata.interfaces[number].link_type for number in entry.used}
        alone = len(set(link_types.values())) == 1
        while done < entry.count:
            first, rows = link_types[entry.interface(done)], entry.count - done
            if not alone:
                others = (row for row in range(1, rows) if link_types[entry.interface(done + row)] != first)
                rows = next(others, rows)
            here = self._captures.get(first)
            if here is None:
                raise SidecarError(f"packet {self._packets + 1} is of link type {first}, and no capture has that")
            if not here.more():
                raise SidecarError(f"it has more packets than the capture, which has {self._packets}")
            batch = self._metadata.in_own_order(here.take(rows))
            yield self._restored(batch, entry, done, here.units)
            done += batch.rows
            self._packets += batch.rows

    def _restored(self, batch: PacketBatch, entry: Entry, done: int, units: int) -> PacketBatch:
        rows, first = batch.rows, self._packets + 1
        normal = as_pcapng(batch, self._metadata, entry.interfaces(done, rows), first)
        blocks = _of_rows(entry.blocks, first, rows)
        for row, block in blocks.items():
            if type_of(block) == SIMPLE_PACKET:
                normal.columns.record_type[row] = SIMPLE_PACKET
        ticks = entry.ticks(done, rows)
        if ticks is None:
            self._metadata.count_times(normal, units)
        else:
            normal.columns.ticks = ticks
        order = normal.section.byte_order
        if entry.lists:
            _with_lists(normal, entry.lists_raw(order), entry.which(done, rows))
        replace_options(
            normal,
            {
                row: values.options_raw(said, order, pcapng.ENHANCED_PACKET, f"packet {first + row}")
                for row, said in _of_rows(entry.options, first, rows).items()
            },
        )
        _with_records(normal, {row: raw for row, block in blocks.items() if (raw := record(normal, row, block))})
        return normal


def _of_rows(said: Mapping[int, Any], first: int, rows: int) -> dict[int, Any]:
    """What is said of packets by their numbers, by rows of which the first has this number."""
    here = range(first, first + rows)
    numbers = (
        (number for number in here if number in said) if rows < len(said) else (each for each in said if each in here)
    )
    return {number - first: said[number] for number in numbers}


@contextmanager
def about_sidecar(document: Document) -> Iterator[None]:
    """Puts a sidecar's name before what is said of it."""
    try:
        yield
    except SidecarError as error:
        if str(error).startswith(f"{document.name}: "):
            raise
        raise SidecarError(f"{document.name}: {error}") from None


def as_pcapng(batch: PacketBatch, metadata: Metadata, interfaces: array[int], first: int) -> PacketBatch:
    """Packets of a pcap file, which have columns of their own, as those of a section, from a number on. Their times
    stay in the file's unit."""
    rows, columns = batch.rows, batch.columns
    columns.record_type = array("B", bytes([pcapng.ENHANCED_PACKET]) * rows)
    columns.record_length, columns.options_length = array("I", bytes(4 * rows)), array("I", bytes(4 * rows))
    columns.interface = interfaces
    section = metadata.open_section()
    normal = PacketBatch(
        batch.buffer, columns, rows, first_number=first, section=section, interfaces=metadata.interfaces
    )
    normal.contiguous = False
    normal.header_order = None if batch.header_order is None else section.byte_order
    return normal


class _Packets:
    """The packets of a pcap file, any number at a time, which has this link type."""

    def __init__(self, items: Iterator[Item], lost: Counter[str], link_type: int) -> None:
        self._items = items
        self._lost = lost
        self._link_type = link_type
        self._batch: PacketBatch | None = None
        self._row = 0
        self.units = 0

    def more(self) -> bool:
        """Whether there is another packet."""
        while self._batch is None or self._row == self._batch.rows:
            item = next(self._items, None)
            if item is None:
                return False
            if isinstance(item, Section | PacketBatch):
                self._lost.update(item.format_only)
            if isinstance(item, Interface):
                self.units = item.ticks_per_second
                if item.link_type != self._link_type:
                    raise SidecarError(f"the capture has link type {item.link_type} instead of {self._link_type}")
            elif isinstance(item, Damage):
                raise SidecarError(f"the capture is damaged at offset {item.offset}, and is not what it was")
            elif isinstance(item, PacketBatch):
                self._batch, self._row = item, 0
        return True

    def take(self, most: int) -> PacketBatch:
        """The next packets, `most` at most, with columns of their own; only when there is one."""
        assert self._batch is not None
        stop = min(self._batch.rows, self._row + most)
        if stop - self._row == self._batch.rows:
            part = copy(self._batch)
            part.columns = self._batch.columns.twin(stop, "ticks", "record_at", "options_at")
        else:
            part = self._batch.part(self._row, stop)
            begin, end = part.span()
            if end - begin < len(part.buffer) // _FEW:  # options are put behind the buffer, which is much larger
                part = part.keep()
        self._row = stop
        return part


def _with_lists(batch: PacketBatch, lists: list[bytes], which: array[int]) -> None:
    """Give packets the option lists that several have, which then stand once behind the batch's buffer."""
    used = sorted(set(which) - {0})
    at, ats, lengths = len(batch.buffer), {0: 0}, {0: 0}
    for place in used:
        raw = lists[place - 1]
        ats[place], lengths[place] = at, len(raw)
        at += len(raw)
    batch.buffer = b"".join([batch.buffer, *(lists[place - 1] for place in used)])
    batch.columns.options_at = array("q", map(ats.__getitem__, which))
    batch.columns.options_length = array("I", map(lengths.__getitem__, which))


def _with_records(batch: PacketBatch, records: dict[int, bytes]) -> None:
    """Give rows blocks that are written as they are, in which their data and options stand then."""
    if not records:
        return
    columns: Columns = batch.columns
    columns.data_at = columns.data_at[: batch.rows]
    at = len(batch.buffer)
    batch.buffer = b"".join([batch.buffer, *records.values()])
    for row, raw in records.items():
        columns.record_at[row], columns.record_length[row] = at, len(raw)
        columns.record_type[row] = int.from_bytes(raw[:4], batch.section.byte_order)
        columns.data_at[row] = at + pcapng.DATA_AT[columns.record_type[row]]
        at += len(raw)
        columns.options_at[row] = at - 4 - columns.options_length[row]
