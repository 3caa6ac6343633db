"""Finds the blocks behind damage in a pcapng file. `salvage` begins with the rules for both formats.

Strategy: two lengths enclose each block, so that no false chain runs into a true one, and the first chain that proves
itself is taken. What is uncertain behind a stretch is not where blocks begin, but what they mean:

* An interface may have been declared in the stretch. So interfaces that are declared behind it, in the same section,
  have uncertain ids. They are left out, and so are the packets of all ids that were not declared before it; these
  packets are counted.
* A section may have begun in the stretch. It is assumed to have begun where the stretch holds the type or the
  byte-order magic of a Section Header Block; then everything up to the next section is left out. These bytes are the
  data of a packet, though, if the stretch is one packet block: its header is sound, and its length stands at its end.

If the damaged block is a packet whose data is cut off by the capture's end, everything behind it is its data, and
nothing is taken.
"""

from __future__ import annotations

import re
from array import array
from itertools import compress
from operator import not_
from types import ModuleType

from pcapconv.formats.salvage import WINDOW, RecentTimes, longest_packet
from pcapconv.formats.window import Window
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.spec import ByteOrder, option_lists, pcapng

_MOST_TICKS = 2**64 - 1
_OPTIONS = 65536  # bytes of options that a block of a chain can have besides the longest packet
_MAGIC_SIZE = 4
_ANY_INTERFACE = 2**32 - 1
_SECTION = re.compile(b"|".join(map(re.escape, (pcapng.SECTION_HEADER.to_bytes(4, "big"), *pcapng.BYTE_ORDERS))))


class PcapngSalvage:
    """Reads on behind damage in the pcapng file in `window`.

    * `uncertain_from`: the offset of the first stretch that was left out in the section; None if there is none.
    * `packets`, `bytes`, `interfaces`: what was left out behind it because ids are uncertain; `first_at` is where the
      first of these blocks begins.
    """

    def __init__(self, window: Window, kernels: ModuleType) -> None:
        self._window = window
        self._kernels = kernels
        self._times = RecentTimes()
        self._longest_seen = 0
        self.begin_section()

    def begin_section(self) -> None:
        """Begin a section: the ids of its interfaces are certain."""
        self.uncertain_from: int | None = None
        self.packets = self.bytes = self.interfaces = self.first_at = 0

    def indexed(self, interfaces: list[Interface]) -> int:
        """How many interfaces packets may have, as the index kernel takes it: any number behind a stretch."""
        return len(interfaces) if self.uncertain_from is None else _ANY_INTERFACE

    def certain(self, batch: PacketBatch) -> PacketBatch | None:
        """Return the next packets without those whose interfaces are uncertain, which are counted; None if none is
        left. Note the others."""
        if self.uncertain_from is not None:
            declared, columns = len(batch.interfaces), batch.columns
            mask = bytearray(interface < declared for interface in columns.interface[: batch.rows])
            if not all(mask):
                kept = Columns(batch.rows)
                for row in compress(range(batch.rows), map(not_, mask)):
                    self.leave_out(
                        columns.record_at[row] + self._window.offset - self._window.start, columns.record_length[row]
                    )
                rows = self._kernels.copy_rows(columns, batch.rows, mask, kept)
                batch = batch.selected(kept, rows, mask)
                batch.numbers = None
        if not batch.rows:
            return None
        self._note(batch)
        return batch

    def _note(self, batch: PacketBatch) -> None:
        """Note the next packets, which are read."""
        columns = batch.columns
        self._longest_seen = max(self._longest_seen, max(columns.captured_length[: batch.rows]))
        for row in self._times.rows(batch.rows):
            unit = batch.interfaces[columns.interface[row]].time_unit
            if unit is not None and columns.record_type[row] != pcapng.SIMPLE_PACKET:
                ticks_per_second, offset = unit
                self._times.add(columns.ticks[row] // ticks_per_second + offset)

    def note_stretch(self, offset: int) -> None:
        """Note that something was left out at an offset of the capture."""
        if self.uncertain_from is None:
            self.uncertain_from = offset

    def leave_out(self, offset: int, size: int, *, interface: bool = False) -> None:
        """Count a packet, or an interface, that is left out because ids are uncertain."""
        self.first_at = self.first_at if self.packets or self.interfaces else offset
        self.bytes += size
        self.interfaces += interface
        self.packets += not interface

    def is_plausible(self, length: int, byte_order: ByteOrder, interfaces: list[Interface]) -> bool:
        """Whether the block at the window's start is a packet block that has this length: its packet and its options
        fill it, and no other block, inside its data, ends there."""
        needed = self._needed_length(byte_order, interfaces)
        if needed is None or needed > length or not self._window.fill(length):
            return False
        at, end = self._window.start, self._window.start + length
        inner = int.from_bytes(self._window.buffer[end - 4 : end], byte_order)
        if pcapng.BLOCK_OVERHEAD <= inner < length:
            inner_length = self._window.buffer[end - inner + 4 : end - inner + 8]
            if int.from_bytes(inner_length, byte_order) == inner:
                return False
        options = option_lists.OptionList(self._window.buffer[at + needed - 4 : end - 4], byte_order)
        return needed == length or not options.overrun

    def begins_at(self, distance: int, byte_order: ByteOrder, interfaces: list[Interface]) -> bool:
        """Whether a sound block with which a chain may begin, or the capture's end, is at this distance."""
        most = self._longest(interfaces) + _OPTIONS
        at_end = self._window.look_ahead(distance + most)
        at, stop = self._window.start + distance, self._window.stop
        if at == stop and at_end:
            return True
        big, bounds = byte_order == "big", self._bounds(interfaces)
        return at < stop and bool(
            self._kernels.find_blocks(self._window.buffer, at, at + 1, 1, stop, at_end, big, bounds, most) == at
        )

    def is_cut_off(self, byte_order: ByteOrder, interfaces: list[Interface]) -> bool:
        """Whether the block at the window's start is a sound packet block whose data ends behind the capture's end."""
        needed = self._needed_length(byte_order, interfaces)
        return needed is not None and self._window.look_ahead(needed) and self._window.available < needed

    def find(self, byte_order: ByteOrder, interfaces: list[Interface]) -> tuple[int, bool]:
        """Pass over the bytes up to the next block that is taken, or all that remain. Return their number, and whether
        a section may have begun in them."""
        window, begin = self._window, self._window.offset
        longest, most = self._longest(interfaces), self._longest(interfaces) + _OPTIONS
        needed = self._needed_length(byte_order, interfaces)
        bounds = self._bounds(interfaces)
        section = False
        first = 1
        while True:
            at_end = window.look_ahead(WINDOW * most)
            start, stop = window.start, window.stop
            scan = min(start + longest, stop)
            place = self._kernels.find_blocks(
                window.buffer,
                min(start + first, stop),
                scan,
                longest,
                stop,
                at_end,
                byte_order == "big",
                bounds,
                most,
            )
            end = scan if place < 0 else place
            section = section or _SECTION.search(window.buffer, start, min(end + _MAGIC_SIZE - 1, stop)) is not None
            if place >= 0:
                trailer = int.from_bytes(window.buffer[end - 4 : end], byte_order)
                if first and needed is not None and trailer == end - start >= needed:
                    section = False
                window.take(end - start)
                return window.offset - begin, section
            window.take(scan - start)
            first = 0
            if at_end and window.available < pcapng.BLOCK_OVERHEAD:
                window.skip_to_end()
                return window.offset - begin, section

    def _longest(self, interfaces: list[Interface]) -> int:
        """How many bytes a block with the longest packet, and without options, can have."""
        overhead = pcapng.SHORTEST[pcapng.ENHANCED_PACKET]
        return longest_packet((each.snaplen for each in interfaces), self._longest_seen) + overhead

    def _needed_length(self, byte_order: ByteOrder, interfaces: list[Interface]) -> int | None:
        """The length that the packet block at the window's start needs for its packet; None if its header is no sound
        one of a packet block."""
        shortest = pcapng.SHORTEST[pcapng.ENHANCED_PACKET]
        head = self._window.head(shortest - 4)
        if len(head) < shortest - 4:
            return None
        block_type = int.from_bytes(head[:4], byte_order)
        if block_type not in (pcapng.ENHANCED_PACKET, pcapng.OBSOLETE_PACKET):
            return None
        width = 2 if block_type == pcapng.OBSOLETE_PACKET else 4
        interface = int.from_bytes(head[8 : 8 + width], byte_order)
        captured = int.from_bytes(head[20:24], byte_order)
        high, low = int.from_bytes(head[12:16], byte_order), int.from_bytes(head[16:20], byte_order)
        if interface >= len(interfaces) or captured > self._longest(interfaces) - shortest:
            return None
        lowest, highest = self._bounds(interfaces)[2 * interface : 2 * interface + 2]
        return shortest + (captured + 3 & ~3) if lowest <= high << 32 | low <= highest else None

    def _bounds(self, interfaces: list[Interface]) -> array[int]:
        """The times, in ticks of each interface, in which a chain may begin, as the kernel takes them."""
        seconds = self._times.bounds()
        bounds = array("Q")
        for interface in interfaces:
            lowest, highest = 0, _MOST_TICKS
            if seconds is not None and interface.time_unit is not None:
                ticks_per_second, offset = interface.time_unit
                lowest, highest = ((each - offset) * ticks_per_second for each in seconds)
            bounds.extend((max(0, min(lowest, _MOST_TICKS)), max(0, min(highest, _MOST_TICKS))))
        return bounds
