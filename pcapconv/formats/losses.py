"""Counts by kind what a capture contains that pcap cannot hold.

Strategy: the pcap writer passes each item here whose contents may have no place in a pcap file. A kernel counts the
options of packets.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv.kernels import choose
from pcapconv.kernels.contract import COMMENTS, DROP_COUNTS, OPTION_SUMS, OTHER_OPTIONS, OVERRUNS
from pcapconv.model import Block, Interface, PacketBatch, Section
from pcapconv.spec import option_lists, pcapng


class PcapLosses:
    """Counts, by kind in `counts`, what the added items contain that has no place in a pcap file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kernels = choose()
        self._has_options = True  # False if a reader made them from fields that `format_only` counts (modified pcap)

    def add_section(self, section: Section, *, further: bool) -> None:
        """Count the contents of a section's header; `further` is true if it is not the first section."""
        self.counts["sections"] += further
        self.counts.update(section.format_only)
        self._add_options(option_lists.OptionList(section.raw_options, section.byte_order), "section-options")

    def add_interface(self, interface: Interface) -> None:
        """Count an interface's options, except those about time and FCS, which have a place in pcap."""
        options = option_lists.OptionList(interface.raw_options, interface.byte_order)
        self._add_options(options, "interface-options", pcapng.INTERFACE_DESCRIPTION)

    def add_block(self, block: Block) -> None:
        """Count any other block, and its comments."""
        options = block.option_list
        kind = pcapng.block_type(block.type).loss
        self.counts[kind] += block.entries
        if block.type == pcapng.NAME_RESOLUTION:
            self._add_options(options, kind)
            return
        self.counts["comments"] += sum(1 for _ in options.comments)
        self.counts["unreadable-options"] += options.overrun

    def add_batch(self, batch: PacketBatch) -> None:
        """Count the options of packets, the drop counts of obsolete Packet Blocks, and what only the packets' own
        format can hold."""
        self.counts.update(batch.format_only)
        self._has_options = batch.layout == "pcapng"
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
        """The counts so far, without kinds that did not occur."""
        counts = self.counts.copy()
        if not self._has_options:
            del counts["packet-options"]
        return +counts

    def _add_options(self, options: option_lists.OptionList, kind: str, block_type: int | None = None) -> None:
        """Count comments, and count other options as `kind`, except options of a `block_type` for which pcap has a
        field."""
        for option in options:
            if option.code == option_lists.COMMENT:
                self.counts["comments"] += 1
            elif block_type is None or pcapng.option_type(block_type, option.code).pcap_length != len(option.value):
                self.counts[kind] += 1
        self.counts["unreadable-options"] += options.overrun
