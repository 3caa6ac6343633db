"""The step that notes, for the way back, all that a pcap file does not hold.

Strategy: packets that a pcap record says in full, but for their interface, are only counted. A kernel finds the others.
Times that come back from the pcap file's exactly are not noted. Packets are gathered up to a number, whatever batches
they come in, so that the same capture has the same sidecar.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pcapconv.formats.losses import PcapLosses
from pcapconv.formats.pcapng_writer import interface_body, section_body
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FINGERPRINT, MORE, MOST_TICKS
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.sidecar import fields, values
from pcapconv.sidecar.document import Draft
from pcapconv.sidecar.entry_builder import EntryBuilder
from pcapconv.spec import ByteOrder, pcapng
from pcapconv.spec.pcap import LATEST
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of
from pcapconv.steps.time_scales import TimeScales
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS


class Record(Step):
    """The step, before a pcap writer. Secrets are only counted, unless they are `secrets` to keep;
    packets get `fingerprints`. With `clamp`, times that pcap cannot hold become the nearest that it can, and those that
    nobody can tell become 0.

    `missing` counts by kind what is not kept, `kept` what is and the pcap writer does not see; `source_format` is that
    of the capture; `headers_cut` is as in `Head`.
    """

    def __init__(self, draft: Draft, *, secrets: bool, fingerprints: bool, clamp: bool) -> None:
        super().__init__()
        self._draft = draft
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = clamp
        self._kernels = choose()
        self._units = TimeScales()
        self._finer = False  # whether microseconds cannot hold the times of any
        self._mask = bytearray()
        self._plain = 0  # packets that are counted only, of one interface
        self._plain_interface = 0
        self._gathered: EntryBuilder | None = None  # those behind them
        self._packets = 0
        self._order: ByteOrder | None = None  # of the pcap file: the first section's
        self.headers_cut = False
        self.source_format = "pcapng"
        self.missing: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()

    def _section(self, section: Section) -> Iterable[Item]:
        self._flush()
        self._finer = False
        self._units.begin()
        self.source_format = section.layout
        self._order = self._order or section.byte_order
        self._add("section", self._section_value(section))
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._units.add(interface, interface.id)
        raw = interface.raw if interface.layout == "pcapng" else None
        body = interface_body(interface) if raw is None else raw
        value = values.interface_value(interface, body)
        self._add("interface", self._exact(value, values.interface_body(value, interface.byte_order), body))
        interface = self._in_range(interface)
        self._finer = self._finer or MICROSECONDS % interface.ticks_per_second != 0
        return (interface,)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.DECRYPTION_SECRETS and not self._secrets:
            losses = PcapLosses()
            losses.add_block(block)
            self.missing += losses.total()
            self._add("secrets", values.secrets_said(block))
        else:
            self._add(*values.block_value(block))
        return (block,)

    def _end(self) -> Iterable[Item]:
        self._flush()
        return ()

    def _section_value(self, section: Section) -> Any:
        body = section.raw if section.raw is not None and section.layout == "pcapng" else section_body(section)
        if section.changed:  # its length may not hold
            body = body[:8] + pcapng.UNKNOWN_LENGTH + body[pcapng.SECTION_OPTIONS_AT :]
        value = values.section_value(section, body)
        return self._exact(value, values.section_body(value)[1], body)

    def _exact(self, value: Any, gives: bytes, body: bytes) -> Any:
        return value if gives == body else {**value, "raw": fields.encoded(body)}

    def _add(self, kind: str, value: Any) -> None:
        self._flush()
        self._draft.add({kind: value})

    def _flush(self) -> None:
        self._put_down()
        if self._plain:
            self._draft.add({"packets": {"count": self._plain, "interface": self._plain_interface}})
            self._plain = 0

    def _put_down(self) -> None:
        """Note the packets that are gathered: more of the plain ones, or an entry of their own."""
        gathered, self._gathered = self._gathered, None
        if gathered is None:
            return
        exact = not self._clamp and all(_comes_back(self._interfaces[number]) for number in gathered.used)
        interface = gathered.plain_interface if exact else None
        if self._plain and interface != self._plain_interface:
            self._draft.add({"packets": {"count": self._plain, "interface": self._plain_interface}})
            self._plain = 0
        if interface is None:
            self._draft.add({"packets": gathered.entry(ticks=not exact)}, gathered.prints)
        else:
            self._plain_interface = interface
            self._plain += gathered.count

    def _in_range(self, interface: Interface) -> Interface:
        if not self._clamp:
            return interface
        return interface._replace(ticks_per_second=NANOSECONDS, time_offset=0, time_error="")

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self.headers_cut = self.headers_cut or batch.header_order is None
        if self._fingerprints and self._order is not None:  # which are of the pcap file's bytes
            batch = with_headers_in(self._order, batch)
        columns, rows = batch.columns, batch.rows
        if len(self._mask) < rows:
            self._mask = bytearray(2 * rows)
        odd = self._kernels.rows_with_metadata(batch.buffer, columns, rows, self._mask)
        times = self._in_nanoseconds(batch) if self._fingerprints or self._clamp else columns
        prints, digits = self._prints(batch, times)
        row = 0
        while row < rows:
            if self._gathered is None:
                self._gathered = EntryBuilder(batch.section.byte_order, self._packets)
            stop = min(rows, row + self._gathered.room)
            stated, blocks = self._odd(batch, row, stop) if odd else ([], {})
            taken = self._gathered.add(
                columns.interface[row:stop],
                columns.ticks[row:stop],
                stated,
                blocks,
                prints[FINGERPRINT * row : FINGERPRINT * stop],
                digits[row:stop],
            )
            row += taken
            self._packets += taken
            if not self._gathered.room:
                self._put_down()
        return (self._with_times(batch, times) if self._clamp else batch,)

    def _odd(self, batch: PacketBatch, first: int, stop: int) -> tuple[list[tuple[int, bytes]], dict[int, Any]]:
        """What packets say beyond a pcap record, by their place behind `first`: their options, and in what their blocks
        are others."""
        columns, row = batch.columns, first - 1
        kinds = columns.record_type[first:stop].tobytes()
        plain = kinds == bytes([pcapng.ENHANCED_PACKET]) * (stop - first)
        stated, blocks = [], {}
        while (row := self._mask.find(1, row + 1, stop)) >= 0:
            stated.append((row - first, options_of(batch, row)))
            if not (plain and columns.captured_length[row] & 3 == 0) and (block := _block_value(batch, row)):
                blocks[row - first] = block
        return stated, blocks

    def _prints(self, batch: PacketBatch, times: Columns) -> tuple[bytearray, array[int]]:
        """By what packets are known again, and the digits of their times that tools without nanoseconds cut; nothing
        where that is not asked for."""
        if not self._fingerprints:
            return bytearray(), array("H")
        from pcapconv.sidecar.edited import fingerprint

        return fingerprint(batch, times, finer=self._finer)

    def _in_nanoseconds(self, batch: PacketBatch) -> Columns:
        """Columns whose ticks are those of the pcap file, in nanoseconds."""
        columns = batch.columns.twin(batch.rows, "ticks", "interface")
        row, cut, status = self._units.to_nanoseconds(columns, 0, batch.rows, cut=True)
        kept: Counter[str] = Counter()
        kept["time-digits"] += cut
        if status != MORE:
            for place in range(row, batch.rows):
                columns.ticks[place] = self._time(batch, place, kept)
        if self._clamp:
            if max(columns.ticks) > LATEST:
                kept["times-out-of-range"] += sum(tick > LATEST for tick in columns.ticks)
                columns.ticks = array("Q", [min(tick, LATEST) for tick in columns.ticks])
            self.kept += kept  # the writer sees nothing of it
        return columns

    def _time(self, batch: PacketBatch, row: int, kept: Counter[str]) -> int:
        """A packet's time as far as 64 bits hold it, 0 where nobody can tell."""
        columns = batch.columns
        simple = columns.record_type[row] == SIMPLE_PACKET
        if not simple and batch.interfaces[columns.interface[row]].time_error:
            kept["packets-without-time"] += 1
            return 0
        time = self._units.time(batch, row)
        whole = int(time // 1)
        if whole < 0:
            kept["times-out-of-range"] += 1
            return 0
        kept["time-digits"] += whole <= MOST_TICKS and whole != time  # as the kernel counts them
        return min(whole, MOST_TICKS)

    def _with_times(self, batch: PacketBatch, times: Columns) -> PacketBatch:
        """The batch with times that pcap can hold."""
        twin = batch.part(0, batch.rows)
        twin.columns.ticks = times.ticks
        twin.columns.record_length = array("I", bytes(4 * batch.rows))
        twin.interfaces = self._interfaces
        twin.contiguous = False
        return twin


def _comes_back(interface: Interface) -> bool:
    """Whether the ticks can be made again from the times in a pcap file."""
    return not interface.time_error and NANOSECONDS % interface.ticks_per_second == 0


def _block_value(batch: PacketBatch, row: int) -> dict[str, Any]:
    """In what a packet's block is another than an Enhanced Packet Block with padding of zeros."""
    columns, order = batch.columns, batch.section.byte_order
    kind, length = columns.record_type[row], columns.record_length[row]
    if not length or not kind:  # as it is written, or a pcap record
        return {"type": "simple"} if kind == SIMPLE_PACKET else {}
    begin, captured = columns.record_at[row], columns.captured_length[row]
    at = columns.data_at[row] + captured
    value: dict[str, Any] = {}
    if kind == SIMPLE_PACKET:
        value["type"] = "simple"
        end = begin + length - 4
    else:
        end = at + (-captured & 3)
    if kind == pcapng.OBSOLETE_PACKET:
        value["type"] = "obsolete"
        value["drops"] = int.from_bytes(batch.buffer[begin + pcapng.DROPS_AT : begin + pcapng.DROPS_AT + 2], order)
    padding = bytes(batch.buffer[at:end])
    if padding != bytes(-captured & 3):
        value["padding"] = padding.hex()
    if int.from_bytes(batch.buffer[begin + 4 : begin + 8], order) != length:
        value["unpadded"] = True
    return value
