"""What pcap cannot hold of a pcapng capture, counted by kind.

Strategy: every item that the pcap writer has no place for passes through here. Options are counted by a kernel.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv.kernels import choose
from pcapconv.kernels.contract import COMMENTS, DROP_COUNTS, OPTION_SUMS, OTHER_OPTIONS, OVERRUNS
from pcapconv.model import Block, Interface, PacketBatch, Section
from pcapconv.spec import option_lists, pcapng


class PcapLosses:
    """Counts into `counts`, by kind, what of a pcapng capture has no place in a pcap file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kernels = choose()
        self._stated = True  # False where a reader made them of what `format_only` counts: the modified pcap

    def add_section(self, section: Section, *, further: bool) -> None:
        """A section's header; `further` when it is not the first."""
        self.counts["sections"] += further
        self.counts.update(section.format_only)
        self._add_options(option_lists.OptionList(section.options, section.byte_order), "section-options")

    def add_interface(self, interface: Interface) -> None:
        """An Interface Description Block; its time and FCS options have a place in pcap."""
        stated = option_lists.OptionList(interface.options, interface.byte_order)
        self._add_options(stated, "interface-options", pcapng.INTERFACE_DESCRIPTION)

    def add_block(self, block: Block) -> None:
        """Any other block."""
        stated = block.option_list
        kind = pcapng.block_type(block.type).loss
        self.counts[kind] += block.entries
        if block.type == pcapng.NAME_RESOLUTION:
            self._add_options(stated, kind)
            return
        self.counts["comments"] += sum(1 for _ in stated.comments)
        self.counts["unreadable-options"] += stated.overrun

    def add_batch(self, batch: PacketBatch) -> None:
        """Packets: their options, the drop counts of obsolete Packet Blocks, and what only their own format can say."""
        self.counts.update(batch.format_only)
        self._stated = batch.layout == "pcapng"
        types = bytes(memoryview(batch.columns.record_type)[: batch.rows])
        if batch.has_options or pcapng.OBSOLETE_PACKET in types:
            big = batch.section.byte_order == "big"
            sums = array("Q", bytes(8 * OPTION_SUMS))
            self._kernels.sum_options(batch.buffer, batch.columns, batch.rows, big, sums)
            self.counts["comments"] += sums[COMMENTS]
            self.counts["packet-options"] += sums[OTHER_OPTIONS]
            self.counts["unreadable-options"] += sums[OVERRUNS]
            self.counts["drop-counts"] += sums[DROP_COUNTS]

    def total(self) -> Counter[str]:
        """Everything so far, with only the kinds that there are."""
        counts = self.counts.copy()
        if not self._stated:
            del counts["packet-options"]
        return +counts

    def _add_options(self, stated: option_lists.OptionList, kind: str, block_type: int | None = None) -> None:
        """Count a list's entries, but for those of a `block_type` that pcap has a place for."""
        for option in stated:
            if option.code == option_lists.COMMENT:
                self.counts["comments"] += 1
            elif block_type is None or pcapng.option_type(block_type, option.code).pcap_length != len(option.value):
                self.counts[kind] += 1
        self.counts["unreadable-options"] += stated.overrun
