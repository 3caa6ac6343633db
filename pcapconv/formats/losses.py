"""What pcap cannot hold of a pcapng capture, counted by kind.

Strategy: every item that the pcap writer has no place for passes through here. Options are counted by a kernel.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv.kernels import choose
from pcapconv.kernels.contract import DROPS, OPTION_COUNTS, UNREADABLE
from pcapconv.model import Block, Interface, PacketBatch, Section
from pcapconv.spec import options
from pcapconv.spec import pcapng as layout

_FEW = 256  # packets whose options are counted without the kernel, which needs a table of 512 KiB


class PcapLosses:
    """Counts into `counts`, by kind, what of a pcapng capture has no place in a pcap file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kernels = choose()
        self._options = array("Q")  # made when there are any
        self._stated = True  # False where a reader made them of what `format_only` counts: the modified pcap

    def add_section(self, section: Section, *, further: bool) -> None:
        """A section's header; `further` when it is not the first."""
        self.counts["sections"] += further
        self.counts.update(section.format_only)
        self._add_options(options.Options(section.options, section.byte_order), "section-options")

    def add_interface(self, interface: Interface) -> None:
        """An Interface Description Block; its time and FCS options have a place in pcap."""
        stated = options.Options(interface.options, interface.byte_order)
        self._add_options(stated, "interface-options", layout.INTERFACE_DESCRIPTION)

    def add_block(self, block: Block) -> None:
        """Any other block."""
        stated = block.option_list
        kind = layout.block_type(block.type).loss
        self.counts[kind] += block.entries
        if block.type == layout.NAME_RESOLUTION:
            self._add_options(stated, kind)
            return
        self.counts["comments"] += sum(1 for _ in stated.comments)
        self.counts["unreadable-options"] += stated.overrun

    def add_batch(self, batch: PacketBatch) -> None:
        """Packets: their options, the drop counts of obsolete Packet Blocks, and what only their own format can say."""
        self.counts.update(batch.format_only)
        self._stated = batch.layout == "pcapng"
        if not self._options:
            types = bytes(memoryview(batch.columns.record_type)[: batch.rows])
            if not batch.has_options and layout.OBSOLETE_PACKET not in types:
                return
            if batch.rows < _FEW:
                self._add_packets(batch)
                return
            self._options = array("Q", bytes(8 * OPTION_COUNTS))
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, big, self._options)

    def _add_packets(self, batch: PacketBatch) -> None:
        """What the kernel does, without its table."""
        columns, buffer, order = batch.columns, batch.buffer, batch.section.byte_order
        for row, length in enumerate(columns.options_length[: batch.rows]):
            if length:
                at = columns.options_at[row]
                self._add_options(options.Options(buffer[at : at + length], order), "packet-options")
            if columns.record_type[row] == layout.OBSOLETE_PACKET:
                at = columns.record_at[row] + layout.DROPS_AT
                self.counts["drop-counts"] += buffer[at : at + 2] not in (b"\0\0", b"\xff\xff")

    def rest(self) -> None:
        """Let the table of options go until more packets come; it takes 512 KiB."""
        if self._options:
            self.counts, self._options = self.total(), array("Q")

    def total(self) -> Counter[str]:
        """Everything so far, with only the kinds that there are."""
        counts = self.counts.copy()
        if self._options:
            counts["comments"] += self._options[options.COMMENT]
            counts["packet-options"] += sum(self._options[:UNREADABLE]) - self._options[options.COMMENT]
            counts["unreadable-options"] += self._options[UNREADABLE]
            counts["drop-counts"] += self._options[DROPS]
        if not self._stated:
            del counts["packet-options"]
        return +counts

    def _add_options(self, stated: options.Options, kind: str, block_type: int | None = None) -> None:
        """Count a list's entries, but for those of a `block_type` that pcap has a place for."""
        for option in stated:
            if option.code == options.COMMENT:
                self.counts["comments"] += 1
            elif block_type is None or layout.option_type(block_type, option.code).pcap_length != len(option.value):
                self.counts[kind] += 1
        self.counts["unreadable-options"] += stated.overrun
