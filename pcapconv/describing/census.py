"""The census of a capture: counts and lists of all its items, as typed values for the page and for JSON.

Strategy: a kernel counts packets and their options. Comments, the options of interfaces and sections, and the blocks
that hold no packets are decoded item by item.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

from pcapconv import timestamps
from pcapconv.describing.blocks import BLOCK_LISTS, BY_TYPE, listed_options
from pcapconv.describing.entries import (
    CommentEntry,
    Duration,
    Instant,
    InterfaceEntry,
    PacketOrder,
    SectionEntry,
    Totals,
    WiresharkNumbers,
)
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS, TOTALS, UNREADABLE
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.report import MOST_LISTED
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.link_types import link_type_name
from pcapconv.steps.packet_order import OrderCount
from pcapconv.steps.snaplens import SnaplenLimits, longer_packet_notice
from pcapconv.time_zones import UTC, TimeZone

_NEVER = 2**64 - 1  # the lowest ticks of an interface without packets


class _BoundedList(list[Any]):
    """The first thousand entries of a list; `total` counts all."""

    total = 0

    def add_entry(self, entry: Any) -> None:
        self.add_entries(iter((entry,)), 1)

    def add_entries(self, entries: Iterator[Any], total: int) -> None:
        self.total += total
        self.extend(islice(entries, MOST_LISTED - len(self)))


class _FrameNumbers:
    """Counts the blocks that Wireshark numbers like packets: they make its frame numbers larger than packet numbers."""

    def __init__(self) -> None:
        self._blocks: Counter[str] = Counter()
        self._from_packet: int | None = None

    def add_block(self, block: Block) -> None:
        frame = pcapng.block_type(block.type).frame
        if frame and not block.is_process:  # Wireshark does not number its own blocks about processes
            self._blocks[frame] += 1

    def add_batch(self, batch: PacketBatch) -> None:
        if self._blocks and self._from_packet is None:
            self._from_packet = batch.number(0)

    def result(self) -> WiresharkNumbers | None:
        """Return the first packet with another number in Wireshark, and the blocks that cause the difference; None if
        all numbers are equal."""
        if self._from_packet is None:
            return None
        return WiresharkNumbers(self._from_packet, dict(self._blocks))


class Census:
    """Counts and lists the items of a capture; `add_item` has to be called for each item in order.

    Times are shown in the `zone`. `with_offsets` is false for items that were restored from a sidecar, and so have no
    offsets in a file.
    """

    def __init__(self, zone: TimeZone = UTC, *, with_offsets: bool = True) -> None:
        self._zone = zone
        self._with_offsets = with_offsets
        self._kernels = choose()
        self._sections = _BoundedList()
        self._interfaces = _BoundedList()
        # The interfaces of the current section, each with its entry in `_interfaces`.
        self._section_interfaces: list[tuple[Interface, dict[str, Any]]] = []
        self._totals = array("Q")  # of these interfaces, as the kernel `count_packets` counts them
        self._types = array("Q", bytes(8 * 256))
        self._options = array("Q", bytes(8 * OPTION_COUNTS))
        self._blocks: Counter[int] = Counter()
        self._comments = _BoundedList()
        self._block_lists = {block_list.name: _BoundedList() for block_list in BLOCK_LISTS}
        self._damage, self._warnings = _BoundedList(), _BoundedList()
        self._span: tuple[Fraction, Fraction] | None = None
        self._frame_numbers = _FrameNumbers()
        self._limits = SnaplenLimits()
        self._order = OrderCount()
        self.decimal_places = 0  # the number that shows all times exactly; known after `result`
        self._captured = self._original = 0
        self._layout = ""

    def add_item(self, item: Item) -> None:
        """Count an item, and add its contents to the lists."""
        match item:
            case PacketBatch():
                self._add_batch(item)
            case Section():
                self._add_section(item)
            case Interface():
                self._add_interface(item)
            case Block():
                self._add_block(item)
            case Damage():
                self._damage.add_entry(item)
            case Notice():
                self._warnings.add_entry(item)

    def result(self) -> dict[str, Any]:
        """Return the counts and lists, after the last item: the fields of `Contents`."""
        self._close_section()
        first, last = self._span or (None, None)
        times: dict[str, Any] = {"first_time": None, "last_time": None, "duration": None}
        if first is not None and last is not None:
            for name, time in (("first_time", first), ("last_time", last)):
                times[name] = Instant(time, timestamps.format_instant(time, self.decimal_places, self._zone))
            times["duration"] = Duration(last - first, self.decimal_places)
        lists: dict[str, Any] = {
            "sections": self._sections,
            "interfaces": self._interfaces,
            "comments": self._comments,
            **self._block_lists,
            "damage": self._damage,
            "warnings": self._warnings,
        }
        totals = {name: entries.total for name, entries in lists.items()}
        lists["interfaces"] = [InterfaceEntry(**fields) for fields in self._interfaces]
        return {
            "packets": sum(self._types),
            "captured_bytes": self._captured,
            "original_bytes": self._original,
            "packets_without_time": self._types[pcapng.SIMPLE_PACKET],
            "wireshark_numbers": self._frame_numbers.result(),
            **times,
            "order": self._packet_order(),
            **{name: list(entries) for name, entries in lists.items()},
            "totals": Totals(**totals),
            "packet_options": self._packet_options(),
            "blocks": self._block_counts(),
        }

    def _add_section(self, section: Section) -> None:
        self._close_section()
        self._layout = section.layout
        self._blocks[pcapng.SECTION_HEADER] += section.layout == "pcapng"
        order = section.byte_order
        self._sections.add_entry(
            SectionEntry(
                section.number,
                order,
                ".".join(map(str, section.version)),
                section.variant,
                listed_options(section.raw_options, order, pcapng.SECTION_HEADER),
            )
        )
        self._add_comments(option_lists.OptionList(section.raw_options, order), f"section {section.number}")

    def _add_interface(self, interface: Interface) -> None:
        self._blocks[pcapng.INTERFACE_DESCRIPTION] += interface.layout == "pcapng"
        order = interface.byte_order
        entry = {
            "section": interface.section,
            "id": interface.id,
            "link_type": interface.link_type,
            "link_type_name": link_type_name(interface.link_type),
            "snaplen": interface.snaplen,
            "resolution": timestamps.format_resolution(interface.ticks_per_second),
            "time_offset_s": interface.time_offset,
            "time_error": interface.time_error or None,
            "fcs_length_bits": interface.fcs_length,
            "options": listed_options(interface.raw_options, order, pcapng.INTERFACE_DESCRIPTION),
        }
        self._interfaces.add_entry(entry)
        self._section_interfaces.append((interface, entry))
        self._limits.add_interface(interface.snaplen)
        self._totals.extend([0, 0, 0, _NEVER, 0])
        self._add_comments(
            option_lists.OptionList(interface.raw_options, order), f"interface {interface.section}:{interface.id}"
        )

    def _add_batch(self, batch: PacketBatch) -> None:
        self._frame_numbers.add_batch(batch)
        self._order.add_batch(batch)
        for row in self._limits.rows_above(batch) if self._with_offsets else ():
            number = batch.columns.interface[row]
            self._warnings.add_entry(
                longer_packet_notice(batch, row, self._section_interfaces[number][0], batch.layout)
            )
            self._limits.raise_limit(number)
        self._kernels.count_packets(batch.columns, batch.rows, self._totals, self._types)
        comments_before = self._options[option_lists.COMMENT]
        order = batch.section.byte_order
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, order == "big", self._options)
        comments = self._options[option_lists.COMMENT] - comments_before
        if not comments:
            return
        if len(self._comments) == MOST_LISTED:
            self._comments.total += comments
            return
        for row, length in enumerate(batch.columns.options_length[: batch.rows]):
            if length:
                at = batch.columns.options_at[row]
                raw = bytes(batch.buffer[at : at + length])
                self._add_comments(option_lists.OptionList(raw, order), f"packet {batch.number(row)}")

    def _add_block(self, block: Block) -> None:
        self._blocks[block.type] += 1
        self._frame_numbers.add_block(block)
        where = f" at offset {block.offset}" if self._with_offsets else ""
        self._add_comments(block.option_list, f"{pcapng.block_name(block.type)} Block{where}")
        block_list = BY_TYPE.get(block.type)
        if block_list is not None:
            entries = block_list.entries(block, self._time_unit, self._zone)
            self._block_lists[block_list.name].add_entries(entries, block_list.total(block))

    def _time_unit(self, interface: int) -> tuple[int, int] | None:
        """Return the time unit of an interface of the current section, by id; None if no interface has this id."""
        interfaces = self._section_interfaces
        return interfaces[interface][0].time_unit if interface < len(interfaces) else None

    def _add_comments(self, options: option_lists.OptionList, where: str) -> None:
        for text in options.comments:
            self._comments.add_entry(CommentEntry(where, text))

    def _close_section(self) -> None:
        """Add the numbers and times of packets to the entries of the section's interfaces."""
        for number, (interface, entry) in enumerate(self._section_interfaces):
            at = number * TOTALS
            packets, captured, original, lowest, highest = self._totals[at : at + TOTALS]
            entry |= {"packets": packets, "captured_bytes": captured, "original_bytes": original}
            entry |= {"first_time": None, "last_time": None}
            self._captured += captured
            self._original += original
            if lowest > highest or interface.time_error:
                continue
            time_unit = interface.ticks_per_second, interface.time_offset
            first, last = timestamps.instant(lowest, *time_unit), timestamps.instant(highest, *time_unit)
            entry["first_time"] = Instant(first, timestamps.format_time(lowest, *time_unit, self._zone))
            entry["last_time"] = Instant(last, timestamps.format_time(highest, *time_unit, self._zone))
            earliest, latest = self._span or (first, last)
            self._span = min(earliest, first), max(latest, last)
            self.decimal_places = max(self.decimal_places, timestamps.digits(time_unit[0]))
        self._section_interfaces = []
        self._limits.begin_section()
        self._order.begin_section()
        self._totals = array("Q")

    def _packet_order(self) -> PacketOrder:
        order = self._order
        goes_back = Duration(order.goes_back, self.decimal_places)
        return PacketOrder(not order.places, order.places, order.first_packet, goes_back)

    def _packet_options(self) -> dict[str, int]:
        """Return the number of packet options by name."""
        if self._layout != "pcapng":
            return {}
        return {
            pcapng.option_name(pcapng.ENHANCED_PACKET, code): count
            for code, count in enumerate(self._options[:UNREADABLE])
            if count
        }

    def _block_counts(self) -> dict[str, int]:
        """Return the number of blocks by name, the most frequent first."""
        if self._layout != "pcapng":
            return {}
        for block_type in pcapng.PACKET_BLOCKS:
            self._blocks[block_type] += self._types[block_type]
        return {
            pcapng.block_name(block_type): count
            for block_type, count in sorted((+self._blocks).items(), key=lambda pair: -pair[1])
        }
