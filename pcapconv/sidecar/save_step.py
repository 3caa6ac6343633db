"""The step that saves to the sidecar all that a capture contains and a pcap file cannot hold.

Strategy: each section, interface and block becomes an entry. Packets are merely counted if their pcap records lack
nothing but the interface; a kernel finds the other packets, whose options and unusual blocks are saved. Ticks are saved
only if they cannot be restored exactly from the times in the pcap file. Where an entry of packets ends does not depend
on where batches end, so that the same capture always has the same sidecar.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pcapconv.errors import TargetError
from pcapconv.formats.losses import PcapLosses
from pcapconv.formats.pcapng_writer import interface_body, section_body
from pcapconv.formats.pseudo_headers import longest_header, with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FINGERPRINT, MORE, MOST_TICKS
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.sidecar import json_blocks, json_fields
from pcapconv.sidecar.document import DocumentWriter
from pcapconv.sidecar.packet_entry_writer import PacketEntryBuilder
from pcapconv.spec import ByteOrder, pcapng
from pcapconv.spec.pcap import LATEST
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row
from pcapconv.steps.time_scales import TimeScales
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS
from pcapconv.wording import argument


class SaveToSidecar(Step):
    """Saves a capture to a sidecar, as the last step before a pcap writer. Secrets are saved if `secrets` is true, else
    only counted; `fingerprints` tells whether packets get fingerprints. With `clamp`, a time that pcap cannot hold
    becomes the nearest time that pcap can hold, and a time that cannot be determined becomes 0. Raises TargetError if
    a sidecar cannot keep which headers were cut.

    `missing` counts by kind what is not saved; `kept` counts what is saved and is not among the losses that the pcap
    writer counts; `source_format` is the format of the capture; `headers_cut` is as in `Header`.
    """

    def __init__(self, writer: DocumentWriter, *, secrets: bool, fingerprints: bool, clamp: bool) -> None:
        super().__init__()
        self._writer = writer
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = clamp
        self._kernels = choose()
        self._time_scales = TimeScales()
        self._finer = False  # whether microseconds cannot hold the times of an interface of the section
        self._mask = bytearray()
        self._plain_count = 0  # packets of `_plain_interface` that are only counted, and not written yet
        self._plain_interface = 0
        self._entry: PacketEntryBuilder | None = None  # with the packets after these
        self._packets = 0
        self._order: ByteOrder | None = None  # of the pcap file, which is that of the first section
        self.headers_cut = False
        self._headers_swapped = False
        self.source_format = "pcapng"
        self.missing: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()

    def _section(self, section: Section) -> Iterable[Item]:
        self._write_packets()
        self._finer = False
        self._time_scales.begin_section()
        self.source_format = section.layout
        self._order = self._order or section.byte_order
        self._add_entry("section", self._section_value(section))
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._time_scales.add_interface(interface, interface.id)
        raw = interface.raw if interface.layout == "pcapng" else None
        body = interface_body(interface) if raw is None else raw
        value = json_blocks.interface_value(interface, body)
        restored = json_blocks.interface_body(value, interface.byte_order)
        self._add_entry("interface", _with_raw(value, restored, body))
        interface = self._clamped_interface(interface)
        self._finer = self._finer or MICROSECONDS % interface.ticks_per_second != 0
        return (interface,)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.DECRYPTION_SECRETS and not self._secrets:
            losses = PcapLosses()
            losses.add_block(block)
            self.missing += losses.total()
            self._add_entry("secrets", json_blocks.secrets_summary(block))
        else:
            self._add_entry(*json_blocks.block_value(block))
        return (block,)

    def _end(self) -> Iterable[Item]:
        self._write_packets()
        return ()

    def _section_value(self, section: Section) -> Any:
        body = section.raw if section.raw is not None and section.layout == "pcapng" else section_body(section)
        if section.changed:  # its length field may be wrong now
            body = body[:8] + pcapng.UNKNOWN_LENGTH + body[pcapng.SECTION_OPTIONS_AT :]
        value = json_blocks.section_value(section, body)
        return _with_raw(value, json_blocks.section_body(value)[1], body)

    def _add_entry(self, entry_type: str, value: Any) -> None:
        self._write_packets()
        self._writer.add_entry({entry_type: value})

    def _write_packets(self) -> None:
        """Write the entries of all packets so far."""
        self._end_entry()
        self._write_plain()

    def _write_plain(self) -> None:
        """Write the entry of the packets that are only counted; nothing if there are none."""
        if self._plain_count:
            self._writer.add_entry({"packets": {"count": self._plain_count, "interface": self._plain_interface}})
            self._plain_count = 0

    def _end_entry(self) -> None:
        """End the current entry: write it, or only count its packets if they are plain."""
        entry, self._entry = self._entry, None
        if entry is None:
            return
        exact = not self._clamp and all(_restores_ticks(self._interfaces[number]) for number in entry.used_interfaces)
        interface = entry.plain_interface if exact else None
        if interface != self._plain_interface:
            self._write_plain()
        if interface is None:
            self._writer.add_entry({"packets": entry.build(ticks=not exact)}, entry.fingerprints)
        else:
            self._plain_interface = interface
            self._plain_count += entry.count

    def _clamped_interface(self, interface: Interface) -> Interface:
        """Return the interface for the pcap writer: its times are in nanoseconds if they are clamped."""
        if not self._clamp:
            return interface
        return interface._replace(ticks_per_second=NANOSECONDS, time_offset=0, time_error="")

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self._note_headers(batch)
        if self._fingerprints and self._order is not None:  # fingerprints are of the bytes in the pcap file
            batch = with_headers_in(self._order, batch)
        columns, rows = batch.columns, batch.rows
        if len(self._mask) < rows:
            self._mask = bytearray(2 * rows)
        has_metadata = self._kernels.rows_with_metadata(batch.buffer, columns, rows, self._mask)
        times = self._in_nanoseconds(batch) if self._fingerprints or self._clamp else columns
        fingerprints, sub_microsecond_ns = self._fingerprints_of(batch, times)
        row = 0
        while row < rows:
            if self._entry is None:
                self._entry = PacketEntryBuilder(batch.section.byte_order, self._packets)
            stop = min(rows, row + self._entry.room)
            options, blocks = self._metadata_of(batch, row, stop) if has_metadata else ([], {})
            added = self._entry.add_packets(
                columns.interface[row:stop],
                columns.ticks[row:stop],
                options,
                blocks,
                fingerprints[FINGERPRINT * row : FINGERPRINT * stop],
                sub_microsecond_ns[row:stop],
            )
            row += added
            self._packets += added
            if not self._entry.room:
                self._end_entry()
        return (self._with_times(batch, times) if self._clamp else batch,)

    def _note_headers(self, batch: PacketBatch) -> None:
        """Note whether headers that follow the byte order were cut, or will be swapped. Raises TargetError if there are
        both, since only one of them can be undone for all packets."""
        if batch.header_order is None:
            self.headers_cut = True
        elif batch.header_order != self._order:
            self._headers_swapped = (
                self._headers_swapped or longest_header(each.link_type for each in batch.interfaces) > 0
            )
        if self.headers_cut and self._headers_swapped:
            raise TargetError(
                f"packet {batch.number(0)}: {argument('chop')} removes bytes of headers that follow the byte order, "
                f"but not in all packets, which no sidecar can restore; leave out {argument('sidecar', True)}",
                packet_number=batch.number(0),
            )

    def _metadata_of(self, batch: PacketBatch, first: int, stop: int) -> tuple[list[tuple[int, bytes]], dict[int, Any]]:
        """Return the metadata that pcap records cannot hold, for the rows from `first` up to `stop`: their options,
        raw, and what is unusual in their blocks. Rows are counted from `first`."""
        columns, row = batch.columns, first - 1
        types = columns.record_type[first:stop].tobytes()
        enhanced = types == bytes([pcapng.ENHANCED_PACKET]) * (stop - first)
        options, blocks = [], {}
        while (row := self._mask.find(1, row + 1, stop)) >= 0:
            options.append((row - first, options_of_row(batch, row)))
            if not (enhanced and columns.captured_length[row] & 3 == 0) and (block := _block_value(batch, row)):
                blocks[row - first] = block
        return options, blocks

    def _fingerprints_of(self, batch: PacketBatch, times: Columns) -> tuple[bytearray, array[int]]:
        """Return what `edited.fingerprint` returns for the batch; empty columns if packets get no fingerprints."""
        if not self._fingerprints:
            return bytearray(), array("H")
        from pcapconv.sidecar.edited import fingerprint

        return fingerprint(batch, times, finer=self._finer)

    def _in_nanoseconds(self, batch: PacketBatch) -> Columns:
        """Return columns whose ticks are the packets' times in nanoseconds, as the pcap file has them."""
        columns = batch.columns.with_copies(batch.rows, "ticks", "interface")
        row, cut, status = self._time_scales.to_nanoseconds(columns, 0, batch.rows, cut=True)
        kept: Counter[str] = Counter()
        kept["time-digits"] += cut
        if status != MORE:
            for each in range(row, batch.rows):
                columns.ticks[each] = self._time(batch, each, kept)
        if self._clamp:
            if max(columns.ticks) > LATEST:
                kept["times-out-of-range"] += sum(tick > LATEST for tick in columns.ticks)
                columns.ticks = array("Q", [min(tick, LATEST) for tick in columns.ticks])
            self.kept += kept  # the writer gets clamped times, and counts none of these
        return columns

    def _time(self, batch: PacketBatch, row: int, kept: Counter[str]) -> int:
        """A packet's time in whole nanoseconds, at most what 64 bits hold; 0 if the time cannot be determined."""
        columns = batch.columns
        simple = columns.record_type[row] == SIMPLE_PACKET
        if not simple and batch.interfaces[columns.interface[row]].time_error:
            kept["packets-without-time"] += 1
            return 0
        time = self._time_scales.time(batch, row)
        whole = int(time // 1)
        if whole < 0:
            kept["times-out-of-range"] += 1
            return 0
        kept["time-digits"] += whole <= MOST_TICKS and whole != time  # as the kernel counts them
        return min(whole, MOST_TICKS)

    def _with_times(self, batch: PacketBatch, times: Columns) -> PacketBatch:
        """Return the batch with other times; its rows have no record, so that the writer encodes them."""
        twin = batch.slice(0, batch.rows)
        twin.columns.ticks = times.ticks
        twin.columns.record_length = array("I", bytes(4 * batch.rows))
        twin.interfaces = self._interfaces
        twin.contiguous = False
        return twin


def _with_raw(value: Any, restored: bytes, body: bytes) -> Any:
    """Return the value of an entry, with the block's `body` as `raw` unless the body `restored` from the value is
    equal."""
    return value if restored == body else {**value, "raw": json_fields.encode_bytes(body)}


def _restores_ticks(interface: Interface) -> bool:
    """Return whether the ticks of an interface's packets can be restored exactly from the times in a pcap file."""
    return not interface.time_error and NANOSECONDS % interface.ticks_per_second == 0


def _block_value(batch: PacketBatch, row: int) -> dict[str, Any]:
    """Return, as a JSON value, how a packet's block differs from an Enhanced Packet Block with padding of zeros."""
    columns, order = batch.columns, batch.section.byte_order
    block_type, length = columns.record_type[row], columns.record_length[row]
    if not length or not block_type:  # the row has no record, or one of pcap
        return {"type": "simple"} if block_type == SIMPLE_PACKET else {}
    begin, captured = columns.record_at[row], columns.captured_length[row]
    at = columns.data_at[row] + captured
    value: dict[str, Any] = {}
    if block_type == SIMPLE_PACKET:
        value["type"] = "simple"
        end = begin + length - 4
    else:
        end = at + (-captured & 3)
    if block_type == pcapng.OBSOLETE_PACKET:
        value["type"] = "obsolete"
        value["drops"] = int.from_bytes(batch.buffer[begin + pcapng.DROPS_AT : begin + pcapng.DROPS_AT + 2], order)
    padding = bytes(batch.buffer[at:end])
    if padding != bytes(-captured & 3):
        value["padding"] = padding.hex()
    if int.from_bytes(batch.buffer[begin + 4 : begin + 8], order) != length:
        value["unpadded"] = True
    return value
