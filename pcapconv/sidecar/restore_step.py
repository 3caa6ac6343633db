"""The step that restores a capture from its pcap file and its sidecar.

Strategy: the sidecar's entries are read in order. For each entry of packets, as many packets as it counts are read from
the pcap file, so the pcap file has to be unchanged. A file that was edited since is restored by `edited`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any

from pcapconv.errors import SidecarError
from pcapconv.formats.pcapng_items import parse_interface, parse_section
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE, NANOSECOND_SCALE
from pcapconv.model import Block, Columns, Damage, Interface, Item, PacketBatch, Section
from pcapconv.sidecar import json_blocks, json_fields, json_options
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.packet_entry_reader import PacketEntry, block_type_of, record_of
from pcapconv.spec import pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import replace_options
from pcapconv.steps.time_scales import Scale, scale_to_ticks

_SMALL_SHARE = 16  # packets are copied if they take less than a sixteenth of their buffer


class RestoredMetadata:
    """Makes items from the entries that contain no packets, and keeps track of the sections: `section` is the current
    section, `interfaces` are its interfaces so far, and `section_count` is the number of sections so far. Interfaces of
    a capture that was pcap have no raw block.
    """

    def __init__(self, document: Document) -> None:
        self._from_pcap = document.header.source_format == "pcap"
        self._headers_cut = document.header.headers_cut
        self.section_count = 0
        self.section: Section | None = None
        self.interfaces: list[Interface] = []
        self._tables: dict[int, array[int]] = {}  # the kernel's tables for `set_ticks`, by `ticks_per_second`

    def items_of(self, entry_type: str, value: Any) -> Iterator[Item]:
        """Yield the item of an entry; nothing for secrets that were left out. Raises SidecarError."""
        if entry_type == "section":
            yield self._begin_section(value)
            return
        section = self.current_section()
        if entry_type == "interface":
            yield self._add_interface(value, section)
        elif entry_type == "secrets" and "raw" not in value:
            return
        elif entry_type in json_blocks.BLOCK_ENTRIES:
            block_type, body = json_blocks.block_of_entry(entry_type, value, section.byte_order)
            yield Block(block_type, body, section.byte_order, section.number, 0)
        else:
            raise SidecarError(f"an entry of unknown type: {entry_type:.40}")

    def _begin_section(self, value: Any) -> Section:
        order, body = json_blocks.section_body(value)
        body = json_fields.decode_bytes(value["raw"], "a section") if "raw" in value else body
        if len(body) < pcapng.SECTION_OPTIONS_AT or len(body) % 4 or pcapng.BYTE_ORDERS.get(body[:4]) != order:
            raise SidecarError("a section's raw bytes are not a section")
        self.section = parse_section(body, order, self.section_count)
        if self.section.version not in pcapng.VERSIONS:
            raise SidecarError("a section's version is not one that pcapconv reads")
        self.section_count += 1
        self.interfaces, self._tables = [], {}
        return self.section

    def _add_interface(self, value: Any, section: Section) -> Interface:
        body = json_blocks.interface_body(value, section.byte_order)
        body = json_fields.decode_bytes(value["raw"], "an interface") if "raw" in value else body
        if len(body) < pcapng.INTERFACE_OPTIONS_AT or len(body) % 4:
            raise SidecarError("an interface's raw bytes are not an interface")
        interface = parse_interface(body, section.byte_order, section.number, len(self.interfaces))
        if self._from_pcap:
            interface = interface._replace(raw=None)
        self.interfaces.append(interface)
        return interface

    def set_ticks(self, batch: PacketBatch, ticks_per_second: int) -> None:
        """Convert the batch's ticks, which count `ticks_per_second` since 1970, into ticks of the packets' interfaces.
        Raises SidecarError for a time that its interface cannot count."""
        table = self._tables.setdefault(ticks_per_second, array("Q", Scale(0, 1, 0).entry(0)))
        for interface in self.interfaces[len(table) // NANOSECOND_SCALE - 1 :]:
            scale = scale_to_ticks(interface, ticks_per_second)
            table[-NANOSECOND_SCALE:-NANOSECOND_SCALE] = array("Q", scale.entry(interface.id))
        row, _, status = choose().to_nanoseconds(batch.columns, 0, batch.rows, table, False)
        if status != MORE:
            raise SidecarError(
                f"packet {batch.number(row)}: its interface cannot count its time", packet_number=batch.number(row)
            )

    def with_headers_of_section(self, batch: PacketBatch) -> PacketBatch:
        """Return packets of a pcap file with their pseudo-headers in the byte order of the section."""
        if self._headers_cut:
            batch.header_order = None
        return with_headers_in(self.current_section().byte_order, batch)

    def current_section(self) -> Section:
        """The section whose entries are being read. Raises SidecarError before the first section."""
        if self.section is None:
            raise SidecarError("an entry comes before the first section")
        return self.section


class RestoreFromSidecar(Step):
    """Restores a capture from one pcap file or from the parts of a split: sections, interfaces and blocks come from the
    sidecar, only the packets from the pcap file. `lost` counts by kind what only pcap can hold."""

    def __init__(self, document: Document, lost: Counter[str]) -> None:
        super().__init__()
        self._document = document
        self._lost = lost
        self._captures: dict[int, _CapturePackets] = {}  # by link type
        self._metadata = RestoredMetadata(document)
        self._packets = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items of the restored capture. Raises SidecarError if the sidecar does not belong to the pcap file."""
        return self.restore_parts({self._document.header.captures[0].link_type: items})

    def restore_parts(self, captures: Mapping[int, Iterator[Item]]) -> Iterator[Item]:
        """The items of the capture that was split into parts, given as the items of each part by link type. Raises
        SidecarError if the sidecar does not belong to the parts."""
        self._captures = {
            link_type: _CapturePackets(items, self._lost, link_type) for link_type, items in captures.items()
        }
        return self._items()

    def _items(self) -> Iterator[Item]:
        with name_sidecar_in_errors(self._document):
            # If something is missing, sections may be shorter than their length fields.
            complete = not self._document.header.missing and not self._document.header.damage
            for entry_type, value in self._document.entries():
                if entry_type == "packets":
                    yield from self._restore_packets(value)
                    continue
                for item in self._metadata.items_of(entry_type, value):
                    yield item if complete or not isinstance(item, Section) else item._replace(changed=True)
            if any(each.has_more() for each in self._captures.values()):
                raise SidecarError(f"it has {self._packets} packets, the capture has more")
            for each in self._captures.values():
                yield from each.damage

    def _restore_packets(self, value: Any) -> Iterator[Item]:
        """Yield the packets of an entry, in batches. A batch ends where a batch of the pcap reader ends, or before a
        packet that is in another part of the split."""
        self._metadata.current_section()
        entry, done = PacketEntry(value, self._packets, len(self._metadata.interfaces)), 0
        link_types = {number: self._metadata.interfaces[number].link_type for number in entry.used_interfaces}
        one_link_type = len(set(link_types.values())) == 1
        while done < entry.count:
            link_type, rows = link_types[entry.interface(done)], entry.count - done
            if not one_link_type:
                changes = (row for row in range(1, rows) if link_types[entry.interface(done + row)] != link_type)
                rows = next(changes, rows)
            capture = self._captures.get(link_type)
            if capture is None:
                raise SidecarError(
                    f"packet {self._packets + 1} is of link type {link_type}, and no capture has that",
                    packet_number=self._packets + 1,
                )
            if not capture.has_more():
                raise SidecarError(f"it has more packets than the capture, which has {self._packets}")
            batch = self._metadata.with_headers_of_section(capture.next_packets(rows))
            yield self._restore_batch(batch, entry, done, capture.ticks_per_second)
            done += batch.rows
            self._packets += batch.rows

    def _restore_batch(self, batch: PacketBatch, entry: PacketEntry, done: int, ticks_per_second: int) -> PacketBatch:
        """Return a batch of the pcap file with its metadata from the entry; `done` packets of the entry come before
        it."""
        rows, first = batch.rows, self._packets + 1
        restored = as_pcapng(batch, self._metadata, entry.interfaces(done, rows), first)
        blocks = _by_row(entry.blocks, first, rows)
        for row, block in blocks.items():
            if block_type_of(block) == SIMPLE_PACKET:
                restored.columns.record_type[row] = SIMPLE_PACKET
        ticks = entry.ticks(done, rows)
        if ticks is None:
            self._metadata.set_ticks(restored, ticks_per_second)
        else:
            restored.columns.ticks = ticks
        order = restored.section.byte_order
        if entry.lists:
            _set_shared_options(restored, entry.raw_lists(order), entry.list_numbers(done, rows))
        replace_options(
            restored,
            {
                row: json_options.options_bytes(value, order, pcapng.ENHANCED_PACKET, f"packet {first + row}")
                for row, value in _by_row(entry.options, first, rows).items()
            },
        )
        _set_records(restored, {row: raw for row, block in blocks.items() if (raw := record_of(restored, row, block))})
        return restored


def _by_row(by_number: Mapping[int, Any], first: int, rows: int) -> dict[int, Any]:
    """The values of a batch's packets by row, from values by packet number; `first` is the number of row 0."""
    batch_numbers = range(first, first + rows)
    if rows < len(by_number):
        numbers = [number for number in batch_numbers if number in by_number]
    else:
        numbers = [number for number in by_number if number in batch_numbers]
    return {number - first: by_number[number] for number in numbers}


@contextmanager
def name_sidecar_in_errors(document: Document) -> Iterator[None]:
    """Put the sidecar's name before the text of a SidecarError that lacks it."""
    try:
        yield
    except SidecarError as error:
        if str(error).startswith(f"{document.name}: "):
            raise
        raise SidecarError(f"{document.name}: {error}", path=document.name) from None


def as_pcapng(batch: PacketBatch, metadata: RestoredMetadata, interfaces: array[int], first: int) -> PacketBatch:
    """Return packets of a pcap file as packets of the current section, on these interfaces and numbered from `first`
    on. The batch has to have columns of its own, since they are changed. Ticks stay those of the pcap file."""
    rows, columns = batch.rows, batch.columns
    columns.record_type = array("B", bytes([pcapng.ENHANCED_PACKET]) * rows)
    columns.record_length, columns.options_length = array("I", bytes(4 * rows)), array("I", bytes(4 * rows))
    columns.interface = interfaces
    section = metadata.current_section()
    restored = PacketBatch(
        batch.buffer, columns, rows, first_number=first, section=section, interfaces=metadata.interfaces
    )
    restored.contiguous = False
    restored.header_order = None if batch.header_order is None else section.byte_order
    return restored


class _CapturePackets:
    """Reads the packets of a pcap file, any number at a time. The times of the file count `ticks_per_second`. Raises
    SidecarError for damage, and if the file has another link type than `link_type`. `damage` is that of compressed data
    behind all packets: the SHA-256 of the capture shows whether it lost anything."""

    def __init__(self, items: Iterator[Item], lost: Counter[str], link_type: int) -> None:
        self._items = items
        self._lost = lost
        self._link_type = link_type
        self._batch: PacketBatch | None = None
        self._row = 0
        self.ticks_per_second = 0
        self.damage: list[Damage] = []

    def has_more(self) -> bool:
        """Return whether there is another packet, and read its batch."""
        while self._batch is None or self._row == self._batch.rows:
            item = next(self._items, None)
            if item is None:
                return False
            if isinstance(item, Section | PacketBatch):
                self._lost.update(item.format_only)
            if isinstance(item, Interface):
                self.ticks_per_second = item.ticks_per_second
                if item.link_type != self._link_type:
                    raise SidecarError(f"the capture has link type {item.link_type} instead of {self._link_type}")
            elif isinstance(item, Damage) and item.compressed_offset is not None:
                self.damage.append(item)
            elif isinstance(item, Damage):
                raise SidecarError(f"the capture is damaged at offset {item.offset}, and is not what it was")
            elif isinstance(item, PacketBatch):
                self._batch, self._row = item, 0
        return True

    def next_packets(self, most: int) -> PacketBatch:
        """Return the next packets of a batch, at most `most`, with columns of their own; `has_more` has to be true."""
        assert self._batch is not None
        stop = min(self._batch.rows, self._row + most)
        if stop - self._row == self._batch.rows:
            part = copy(self._batch)
            part.columns = self._batch.columns.with_copies(stop, "ticks", "record_at", "options_at")
        else:
            part = self._batch.slice(self._row, stop)
            begin, end = part.span()
            if end - begin < len(part.buffer) // _SMALL_SHARE:  # options will be appended to a copy of the buffer
                part = part.copy()
        self._row = stop
        return part


def _set_shared_options(batch: PacketBatch, lists: list[bytes], list_numbers: array[int]) -> None:
    """Give each row its option list, by its number in `lists`, from 1; no options for 0. Each list is appended to the
    batch's buffer once."""
    used = sorted(set(list_numbers) - {0})
    at, ats, lengths = len(batch.buffer), {0: 0}, {0: 0}
    for number in used:
        raw = lists[number - 1]
        ats[number], lengths[number] = at, len(raw)
        at += len(raw)
    batch.buffer = b"".join([batch.buffer, *(lists[number - 1] for number in used)])
    batch.columns.options_at = array("q", map(ats.__getitem__, list_numbers))
    batch.columns.options_length = array("I", map(lengths.__getitem__, list_numbers))


def _set_records(batch: PacketBatch, records: dict[int, bytes]) -> None:
    """Give rows records, which writers copy. The rows' data and options are then those in the records."""
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
