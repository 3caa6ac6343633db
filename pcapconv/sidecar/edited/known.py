"""What a sidecar says of its packets, by which those of an edited capture are known, and which comes back with them."""

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
from pcapconv.sidecar import fields
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.prints import Prints
from pcapconv.sidecar.packet_entry import Entry, type_of
from pcapconv.spec.pcapng import SIMPLE_PACKET


class _Said:
    """What is said of some packets, by their number from 0, kept in a temporary file. All raise FileError."""

    def __init__(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(ScratchFile())
        self._places = array("Q")  # of each packet, 0 for none

    def add(self, value: Any, packets: Iterable[int]) -> None:
        """Of these packets, which come in order, all this."""
        place = 1 + self._file.write(json.dumps(value).encode() + b"\n")
        for packet in packets:
            if packet >= len(self._places):
                self._places.extend(array("Q", bytes(8 * (packet + 1 - len(self._places)))))
            self._places[packet] = place

    def __bool__(self) -> bool:
        return bool(self._places)

    def text(self, packet: int) -> bytes:
        """As JSON; nothing where nothing is said."""
        place = self._places[packet] if packet < len(self._places) else 0
        return self._file.line(place - 1) if place else b""

    def get(self, packet: int) -> Any:
        """What is said, None for nothing."""
        text = self.text(packet)
        return json.loads(text) if text else None


class Known:
    """What a sidecar says of its packets, which count from 0. Raises SidecarError."""

    def __init__(self, document: Document, stack: ExitStack) -> None:
        self.prints = Prints()
        self.interfaces, self.digits = array("I"), array("H")
        self.options, self.blocks = _Said(stack), _Said(stack)
        self.sections = array("Q")  # the first packet of each
        self._ticks: list[tuple[int, array[int]]] = []  # where some are kept: of the first packet, and those behind it
        interfaces = 0
        for kind, value in document.entries():
            if kind == "section":
                self.sections.append(len(self.prints))
                interfaces = 0
            elif kind == "interface":
                interfaces += 1
            elif kind == "packets":
                self._add(value, interfaces)

    def _add(self, value: Any, interfaces: int) -> None:
        before = len(self.prints)
        entry = Entry(value, before, interfaces)
        prints = fields.decoded(fields.member(value, "fingerprints", "packets"), "packets: fingerprints")
        if len(prints) != FINGERPRINT * entry.count:
            raise SidecarError(f"{len(prints)} bytes of fingerprints for {entry.count} packets")
        self.prints.add(prints)
        self.interfaces.extend(entry.interfaces(0, entry.count))
        ticks = entry.ticks(0, entry.count)
        if ticks is not None:
            self._ticks.append((before, ticks))
        if "digits" in value:
            self.digits.extend(array("H", bytes(2 * (before - len(self.digits)))))
            self.digits.extend(fields.unpacked(value["digits"], "H", entry.count, "packets: digits"))
        rows: dict[int, list[int]] = {}
        for row, place in enumerate(entry.which(0, entry.count)):
            if place:
                rows.setdefault(place, []).append(before + row)
        for place, packets in rows.items():
            self.options.add(entry.lists[place - 1], packets)
        for number, said in entry.options.items():
            self.options.add(said, [number - 1])
        for number, said in entry.blocks.items():
            self.blocks.add(said, [number - 1])

    @property
    def has_ticks(self) -> bool:
        """Whether times are kept."""
        return bool(self._ticks)

    @property
    def says_more(self) -> bool:
        """Whether it says more of any packet than its interface."""
        return bool(self.has_ticks or self.digits or self.options or self.blocks)

    def ticks(self, packet: int) -> int | None:
        """The packet's ticks, None where its time gives them."""
        place = bisect_right(self._ticks, packet, key=lambda each: each[0]) - 1
        if place < 0 or packet - self._ticks[place][0] >= len(self._ticks[place][1]):
            return None
        return self._ticks[place][1][packet - self._ticks[place][0]]

    def digit(self, packet: int) -> int:
        """The nanoseconds of its time beyond microseconds."""
        return self.digits[packet] if packet < len(self.digits) else 0

    def is_simple(self, packet: int) -> bool:
        """Whether it was in a Simple Packet Block, which has no time."""
        return bool(self.blocks) and type_of(self.blocks.get(packet) or {}) == SIMPLE_PACKET

    def may_have(self, digits: int, packet: int) -> bool:
        """Whether its time may have these nanoseconds beyond microseconds, as far as is known here."""
        return digits == self.digit(packet) or self.ticks(packet) is not None or self.is_simple(packet)

    def says(self, packet: int) -> tuple[Any, ...]:
        """All that comes back with it."""
        stated = self.options.text(packet), self.blocks.text(packet)
        return self.section(packet), self.interfaces[packet], self.ticks(packet), self.digit(packet), *stated

    def section(self, packet: int) -> int:
        """The section that it was in."""
        return bisect_right(self.sections, packet) - 1
