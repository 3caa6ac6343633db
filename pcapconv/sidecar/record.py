"""The step that notes, for the way back, all that a pcap file does not hold.

Strategy: packets that a pcap record says in full, but for their interface, are only counted. A kernel finds the others.
Times that come back from the pcap file's exactly are not noted.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pcapconv.formats import pcapng_layout as layout
from pcapconv.formats.losses import PcapLosses
from pcapconv.formats.pcapng_writer import interface_body, section_body
from pcapconv.kernels import FINGERPRINT, MORE, MOST_TICKS, choose
from pcapconv.model import SIMPLE_PACKET, Block, ByteOrder, Columns, Interface, Item, PacketBatch, Section
from pcapconv.options import COMMENT, Options
from pcapconv.scales import Units
from pcapconv.sidecar import values
from pcapconv.sidecar.document import Draft
from pcapconv.steps.rows import options_of
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS

_MOST_LISTS = 2**16 - 1  # that 16 bits can tell apart
LATEST = (NANOSECONDS << 32) - 1  # that pcap can hold


class Record:
    """The step. Used for one run, before a pcap writer. Secrets are only counted, unless they are `secrets` to keep;
    packets get `fingerprints`. With `clamp`, times that pcap cannot hold become the nearest that it can, and those that
    nobody can tell become 0.

    `missing` counts by kind what is not kept, `kept` what is and the pcap writer does not see; `source_format` is that
    of the capture.
    """

    def __init__(self, draft: Draft, *, secrets: bool, fingerprints: bool, clamp: bool) -> None:
        self._draft = draft
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = clamp
        self._kernels = choose()
        self._units = Units()
        self._interfaces: list[Interface] = []
        self._mask = bytearray()
        self._plain = 0  # packets that are counted only, of one interface
        self._interface = 0
        self._packets = 0
        self.source_format = "pcapng"
        self.missing: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items, with times that pcap holds."""
        for item in items:
            match item:
                case PacketBatch():
                    yield self._note(item)
                    continue
                case Section():
                    self._interfaces = []
                    self._units.begin()
                    self.source_format = item.layout
                    self._add("section", self._section(item))
                case Interface():
                    self._units.add(item, item.id)
                    body = item.raw if item.raw is not None and item.layout == "pcapng" else interface_body(item)
                    value = values.interface_value(item, body)
                    self._add("interface", self._exact(value, values.interface_body(value, item.byte_order), body))
                    item = self._in_range(item)
                    self._interfaces.append(item)
                case Block(type=layout.DECRYPTION_SECRETS) if not self._secrets:
                    losses = PcapLosses()
                    losses.add_block(item)
                    self.missing += losses.total()
                    self._add("secrets", values.secrets_said(item))
                case Block():
                    self._add(*values.block_value(item))
                case _:
                    pass
            yield item
        self._flush()

    def _section(self, section: Section) -> Any:
        body = section.raw if section.raw is not None and section.layout == "pcapng" else section_body(section)
        if section.changed:  # its length may not hold
            body = body[:8] + layout.UNKNOWN_LENGTH + body[layout.SECTION_OPTIONS_AT :]
        value = values.section_value(section, body)
        return self._exact(value, values.section_body(value)[1], body)

    def _exact(self, value: Any, gives: bytes, body: bytes) -> Any:
        return value if gives == body else {**value, "raw": values.encoded(body)}

    def _add(self, kind: str, value: Any) -> None:
        self._flush()
        self._draft.add({kind: value})

    def _flush(self) -> None:
        if self._plain:
            self._draft.add({"packets": {"count": self._plain, "interface": self._interface}})
            self._plain = 0

    def _in_range(self, interface: Interface) -> Interface:
        if not self._clamp:
            return interface
        return interface._replace(ticks_per_second=NANOSECONDS, time_offset=0, time_error="")

    def _note(self, batch: PacketBatch) -> PacketBatch:
        columns, rows = batch.columns, batch.rows
        if len(self._mask) < rows:
            self._mask = bytearray(2 * rows)
        odd = self._kernels.odd_rows(batch.buffer, columns, rows, self._mask)
        numbers = columns.interface[:rows]
        alone = numbers.tobytes() == numbers[:1].tobytes() * rows
        used = numbers[:1] if alone else set(numbers)
        comes_back = not self._clamp and all(_comes_back(batch.interfaces[number]) for number in used)
        times = self._in_nanoseconds(batch) if self._fingerprints or self._clamp else batch.columns
        if not odd and alone and comes_back and not self._fingerprints:
            if self._plain and self._interface != numbers[0]:
                self._flush()
            self._interface = numbers[0]
            self._plain += rows
        else:
            entry: dict[str, Any] = {"count": rows, "interface": numbers[0] if alone else values.packed(numbers)}
            if not comes_back:
                entry["ticks"] = values.packed(columns.ticks[:rows])
            if odd:
                entry |= self._odd(batch)
            if self._fingerprints:
                entry |= self._fingerprint(batch, times)
            self._add("packets", entry)
        self._packets += rows
        return self._with_times(batch, times) if self._clamp else batch

    def _odd(self, batch: PacketBatch) -> dict[str, Any]:
        """What packets say beyond a pcap record, by their numbers in the pcap file; option lists without a comment that
        several have, once for all of them."""
        options, blocks = dict[str, Any](), dict[str, Any]()
        columns, order, row = batch.columns, batch.section.byte_order, -1
        seen: Counter[bytes] = Counter()
        plain = columns.record_type[: batch.rows].tobytes() == bytes([layout.ENHANCED_PACKET]) * batch.rows
        rows = []
        while (row := self._mask.find(1, row + 1, batch.rows)) >= 0:
            raw = options_of(batch, row)
            rows.append((row, raw))
            seen[raw] += 1
            if not (plain and columns.captured_length[row] & 3 == 0):
                block = _block_value(batch, row)
                if block:
                    blocks[str(self._packets + row + 1)] = block
        shared = [raw for raw, count in seen.items() if raw and count > 1 and not _has_comment(raw, order)][
            :_MOST_LISTS
        ]
        places = {raw: place for place, raw in enumerate(shared, 1)}
        which = array("H", bytes(2 * batch.rows))
        for row, raw in rows:
            place = places.get(raw)
            if place is not None:
                which[row] = place
            elif raw:
                number = str(self._packets + row + 1)
                options[number] = values.options_value(raw, order, layout.ENHANCED_PACKET)
        found: dict[str, Any] = {"options": options, "blocks": blocks}
        if shared:
            found["lists"] = [values.options_value(raw, order, layout.ENHANCED_PACKET) for raw in shared]
            found["list"] = values.packed(which)
        return {name: value for name, value in found.items() if value}

    def _fingerprint(self, batch: PacketBatch, columns: Columns) -> dict[str, Any]:
        """By what packets are known again, and the digits of their times that tools without nanoseconds cut."""
        out = bytearray(FINGERPRINT * batch.rows)
        self._kernels.fingerprints(batch.buffer, columns, 0, batch.rows, out, 0)
        found = {"fingerprints": values.encoded(bytes(out))}
        if any(MICROSECONDS % interface.ticks_per_second for interface in self._interfaces):
            digits = array("H", [tick % 1000 for tick in columns.ticks])
            if any(digits):
                found["digits"] = values.packed(digits)
        return found

    def _in_nanoseconds(self, batch: PacketBatch) -> Columns:
        """Columns whose ticks are those of the pcap file, in nanoseconds."""
        columns = batch.columns.twin(batch.rows, "ticks", "interface")
        row, cut, status = self._units.unify(columns, 0, batch.rows, cut=True)
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
        kept["time-digits"] += whole <= LATEST and whole != time
        return min(whole, MOST_TICKS)

    def _with_times(self, batch: PacketBatch, times: Columns) -> PacketBatch:
        """The batch with times that pcap can hold."""
        twin = batch.part(0, batch.rows)
        twin.columns.ticks = times.ticks
        twin.columns.record_length = array("I", bytes(4 * batch.rows))
        twin.interfaces = self._interfaces
        twin.contiguous = False
        return twin


def _has_comment(raw: bytes, order: ByteOrder) -> bool:
    return Options(raw, order).first(COMMENT) is not None


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
    if kind == layout.OBSOLETE_PACKET:
        value["type"] = "obsolete"
        value["drops"] = int.from_bytes(batch.buffer[begin + layout.DROPS_AT : begin + layout.DROPS_AT + 2], order)
    padding = bytes(batch.buffer[at:end])
    if padding != bytes(-captured & 3):
        value["padding"] = padding.hex()
    return value
