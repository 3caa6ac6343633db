"""Everything that a sidecar holds about its packets, by packet number: their fingerprints and their metadata."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from pcapconv.errors import SidecarError
from pcapconv.io.scratch_file import ScratchFile
from pcapconv.kernels.contract import FINGERPRINT
from pcapconv.sidecar import json_fields
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.fingerprints import Fingerprints
from pcapconv.sidecar.packet_entry_reader import PacketEntry, block_type_of
from pcapconv.spec.pcapng import SIMPLE_PACKET


class _SpooledValues:
    """JSON values by packet number (from 0), kept in a temporary file. All methods raise FileError."""

    def __init__(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(ScratchFile())
        self._lines = array("Q")  # by packet: the offset of its line in the file, plus 1; 0 for no value

    def add_value(self, value: Any, packets: Iterable[int]) -> None:
        """Add a value that all these packets have, given by their numbers in ascending order."""
        line = 1 + self._file.write(json.dumps(value).encode() + b"\n")
        for packet in packets:
            if packet >= len(self._lines):
                self._lines.extend(array("Q", bytes(8 * (packet + 1 - len(self._lines)))))
            self._lines[packet] = line

    def __bool__(self) -> bool:
        return bool(self._lines)

    def text(self, packet: int) -> bytes:
        """The packet's value as JSON text, empty if it has none."""
        line = self._lines[packet] if packet < len(self._lines) else 0
        return self._file.line(line - 1) if line else b""

    def get(self, packet: int) -> Any:
        """The packet's value, None if it has none."""
        text = self.text(packet)
        return json.loads(text) if text else None


class SidecarPackets:
    """The packets of a sidecar, whose numbers are counted from 0. Raises SidecarError.

    `fingerprints`, `interfaces` (ids) and `sub_microsecond_ns` (the nanoseconds of times beyond whole microseconds; it
    may end before the last packet, and 0 follows) are columns. `options` and `blocks` are JSON values. `sections` has
    the number of the first packet in each section.
    """

    def __init__(self, document: Document, stack: ExitStack) -> None:
        self.fingerprints = Fingerprints()
        self.interfaces, self.sub_microsecond_ns = array("I"), array("H")
        self.options, self.blocks = _SpooledValues(stack), _SpooledValues(stack)
        self.sections = array("Q")
        self._ticks: list[
            tuple[int, array[int]]
        ] = []  # runs of ticks that the sidecar keeps, each with the number of its first packet
        interface_count = 0
        for entry_type, value in document.entries():
            if entry_type == "section":
                self.sections.append(len(self.fingerprints))
                interface_count = 0
            elif entry_type == "interface":
                interface_count += 1
            elif entry_type == "packets":
                self._add_entry(value, interface_count)

    def _add_entry(self, value: Any, interface_count: int) -> None:
        before = len(self.fingerprints)
        entry = PacketEntry(value, before, interface_count)
        fingerprints = json_fields.get_member(value, "fingerprints", "packets")
        fingerprints = json_fields.decode_bytes(fingerprints, "packets: fingerprints")
        if len(fingerprints) != FINGERPRINT * entry.count:
            raise SidecarError(f"{len(fingerprints)} bytes of fingerprints for {entry.count} packets")
        self.fingerprints.append(fingerprints)
        self.interfaces.extend(entry.interfaces(0, entry.count))
        ticks = entry.ticks(0, entry.count)
        if ticks is not None:
            self._ticks.append((before, ticks))
        if "digits" in value:
            self.sub_microsecond_ns.extend(array("H", bytes(2 * (before - len(self.sub_microsecond_ns)))))
            self.sub_microsecond_ns.extend(
                json_fields.decode_column(value["digits"], "H", entry.count, "packets: digits")
            )
        with_list: dict[int, list[int]] = {}
        for row, number in enumerate(entry.list_numbers(0, entry.count)):
            if number:
                with_list.setdefault(number, []).append(before + row)
        for number, packets in with_list.items():
            self.options.add_value(entry.lists[number - 1], packets)
        for packet_number, options in entry.options.items():
            self.options.add_value(options, [packet_number - 1])
        for packet_number, block in entry.blocks.items():
            self.blocks.add_value(block, [packet_number - 1])

    @property
    def has_ticks(self) -> bool:
        """Whether the sidecar keeps the ticks of some packets."""
        return bool(self._ticks)

    @property
    def has_metadata(self) -> bool:
        """Whether the sidecar keeps more than the interface for any packet."""
        return bool(self.has_ticks or self.sub_microsecond_ns or self.options or self.blocks)

    def ticks(self, packet: int) -> int | None:
        """The packet's ticks; None if they follow from its time in the pcap file."""
        run = bisect_right(self._ticks, packet, key=lambda each: each[0]) - 1
        if run < 0 or packet - self._ticks[run][0] >= len(self._ticks[run][1]):
            return None
        return self._ticks[run][1][packet - self._ticks[run][0]]

    def sub_microsecond_ns_of(self, packet: int) -> int:
        """The nanoseconds of the packet's time beyond whole microseconds."""
        return self.sub_microsecond_ns[packet] if packet < len(self.sub_microsecond_ns) else 0

    def is_simple(self, packet: int) -> bool:
        """Whether the packet was in a Simple Packet Block, which has no time."""
        return bool(self.blocks) and block_type_of(self.blocks.get(packet) or {}) == SIMPLE_PACKET

    def can_have_sub_microsecond_ns(self, sub_microsecond_ns: int, packet: int) -> bool:
        """Return whether the packet's time can have these nanoseconds beyond whole microseconds. Always true if the
        sidecar keeps the packet's ticks, since `RestoreEdited` then checks the time, and for a packet without a
        time."""
        return (
            sub_microsecond_ns == self.sub_microsecond_ns_of(packet)
            or self.ticks(packet) is not None
            or self.is_simple(packet)
        )

    def metadata_of(self, packet: int) -> tuple[Any, ...]:
        """Return the metadata that the packet would get back, as a value that is equal for equal metadata."""
        json_texts = self.options.text(packet), self.blocks.text(packet)
        section, interface = self.section(packet), self.interfaces[packet]
        return section, interface, self.ticks(packet), self.sub_microsecond_ns_of(packet), *json_texts

    def section(self, packet: int) -> int:
        """The number of the packet's section."""
        return bisect_right(self.sections, packet) - 1
