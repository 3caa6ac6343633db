"""Moves batches from one section to another: new ids of interfaces, another byte order, other numbers of processes.

Strategy: packets of a pcapng section in the same byte order keep their records, in which a kernel changes the ids. All
other packets lose them, and are encoded from their fields; an obsolete Packet Block becomes an Enhanced Packet Block,
which keeps its drop count as an option.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS
from pcapconv.model import NO_COUNTS, Interface, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.spec.byte_orders import options_in
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.steps.strip import drop_count_options

_LARGEST_OBSOLETE_ID = 0xFFFF  # an obsolete Packet Block has 16 bits for the id of its interface
_MOST_CACHED = 1024  # option lists of packets
_LONGEST_CACHED = 256  # bytes of each
_ZEROS = array("Q", bytes(8 * OPTION_COUNTS))
_ENCODED_AS = bytes(code if code == pcapng.SIMPLE_PACKET else pcapng.ENHANCED_PACKET for code in range(256))


class MovedBatches:
    """Moves batches of one section to the section of `interfaces`.

    * `new_ids`: the ids that the section's interfaces have there, by their ids here; `add_id` adds the next one.
    * `processes`: the numbers that process blocks have there, by their numbers here; None if they keep them. Call
      `forget` when they change.
    * `losses`: counts by kind what has no place there.
    """

    def __init__(
        self,
        section: Section,
        interfaces: list[Interface],
        losses: Counter[str],
        *,
        processes: Sequence[int] | None = None,
    ) -> None:
        self._section = section
        self._interfaces = interfaces
        self._order: ByteOrder = section.byte_order
        self._losses = losses
        self._kernels = choose()
        self._cache: dict[bytes, bytes] = {}
        self._changes_ids = False
        self.new_ids = array("Q")
        self.processes = processes

    def add_id(self, new_id: int) -> None:
        """Add the id that the section's next interface has in the new section."""
        self._changes_ids = self._changes_ids or new_id != len(self.new_ids)
        self.new_ids.append(new_id)

    def set_ids(self, new_ids: array[int], *, changes: bool) -> None:
        """Set all of `new_ids`; `changes` is whether the next batch has packets whose ids change."""
        self._changes_ids = changes
        self.new_ids = new_ids

    def forget(self) -> None:
        """Forget options that were changed before, since processes have other numbers now."""
        self._cache.clear()

    def move(self, batch: PacketBatch) -> PacketBatch:
        """Return the batch in its new section. The batch, its columns and its buffer may change."""
        section = batch.section
        copies = section.layout == "pcapng" and section.byte_order == self._order
        self._losses.update(batch.format_only)
        if section.byte_order != self._order:
            batch = with_headers_in(self._order, batch)
        rows = batch.rows
        if section.layout == "pcap":  # its reader sets some columns once, and uses them for all batches
            batch.columns = batch.columns.with_copies(rows, "interface", "record_length", "record_type")
        columns = batch.columns
        types = columns.record_type[:rows].tobytes() if section.layout == "pcapng" else b""
        has_obsolete = pcapng.OBSOLETE_PACKET in types
        has_options = batch.has_options
        if not copies or (has_obsolete and max(self.new_ids) > _LARGEST_OBSOLETE_ID):
            if has_options or has_obsolete:
                self._change_options(batch, types, encoded=True)
            columns = batch.columns
            columns.record_length[:rows] = array("I", bytes(4 * rows))
            columns.record_type[:rows] = array("B", columns.record_type[:rows].tobytes().translate(_ENCODED_AS))
            batch.contiguous = False
        elif has_options and self._refer_to_processes(batch):
            self._change_options(batch, types, encoded=False)
        if self._changes_ids:
            if isinstance(batch.buffer, bytes):
                batch.buffer = bytearray(batch.buffer)
            self._kernels.renumber(batch.buffer, batch.columns, rows, self.new_ids, self._order == "big")
        batch.section, batch.interfaces, batch.layout = self._section, self._interfaces, "pcapng"
        batch.header_order = self._order
        batch.format_only, batch.count_format_only = NO_COUNTS, None
        return batch

    def _refer_to_processes(self, batch: PacketBatch) -> bool:
        """Return whether packets of the batch refer to processes, whose numbers the new section may use otherwise."""
        if self.processes is None:
            return False
        counts = _ZEROS[:]
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, self._order == "big", counts)
        return any(counts[code] for code in pcapng.PROCESS_REFERENCES)

    def _change_options(self, batch: PacketBatch, types: bytes, *, encoded: bool) -> None:
        """Bring the options of packets into the section's byte order, and renumber the processes in them. Obsolete
        blocks whose options change, or all if rows are `encoded`, become Enhanced ones; their drop counts become
        options."""
        changed, order, columns = {}, batch.section.byte_order, batch.columns
        for row in range(batch.rows):
            raw = options_of_row(batch, row)
            new, lost = self.options(raw, order)
            self._losses["packet-options"] += lost
            if types and types[row] == pcapng.OBSOLETE_PACKET and (encoded or new != raw):
                at = columns.record_at[row] + pcapng.DROPS_AT
                drops = drop_count_options(int.from_bytes(batch.buffer[at : at + 2], order), self._order)
                new = option_lists.edit(new, self._order, add=drops)
                columns.record_type[row] = pcapng.ENHANCED_PACKET
            if new != raw:
                changed[row] = new
        replace_options(batch, changed)

    def options(self, raw: bytes, order: ByteOrder) -> tuple[bytes, int]:
        """Return a packet's options as they are in the new section, and how many have no place there; the caller counts
        these as losses."""
        if raw in self._cache:
            return self._cache[raw], 0
        left_out = Counter[str]()
        new = options_in(self._order, raw, order, pcapng.ENHANCED_PACKET, left_out)
        if self.processes is not None:
            new = self._with_new_processes(new, self.processes, left_out)
        lost = left_out.total()
        if len(raw) <= _LONGEST_CACHED and not lost:
            if len(self._cache) == _MOST_CACHED:
                self._cache.clear()
            self._cache[raw] = new
        return new, lost

    def _with_new_processes(self, raw: bytes, processes: Sequence[int], left_out: Counter[str]) -> bytes:
        """Return options with the new section's numbers of processes. A reference to a process that the old section
        does not have is left out, since another process may have its number."""
        old = list(option_lists.OptionList(raw, self._order))
        new = []
        for code, value in old:
            if code in pcapng.PROCESS_REFERENCES and len(value) == 4:
                number = int.from_bytes(value, self._order)
                if number >= len(processes):
                    left_out["unknown"] += 1
                    continue
                value = processes[number].to_bytes(4, self._order)
            new.append((code, value))
        return raw if new == old else option_lists.pack(new, self._order)
