"""Packets of which a sidecar says more than how many there are, gathered for one entry."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

from pcapconv.formats import pcapng_layout as layout
from pcapconv.model import ByteOrder
from pcapconv.options import COMMENT, Options
from pcapconv.sidecar import values
from pcapconv.steps.rows import distinct

_MANY = 2**14  # packets: what an entry says for itself is little for each then
_MUCH = 2**18  # bytes of options
_MOST_LISTS = 2**16 - 1  # that 16 bits can tell apart


class Gathered:
    """They follow each other, `before` come before them. `ticks` tells whether their ticks are kept; `prints` are their
    fingerprints, where there are any."""

    def __init__(self, order: ByteOrder, before: int, *, ticks: bool) -> None:
        self.ticks = ticks
        self._order = order
        self._before = before
        self._interfaces, self._ticks, self._digits = array("I"), array("Q"), array("H")
        self.prints = bytearray()
        self._stated: list[tuple[int, bytes]] = []  # rows with options, raw
        self._blocks: dict[str, Any] = {}
        self._bytes = 0

    def add(
        self,
        interfaces: array[int],
        ticks: array[int],
        stated: list[tuple[int, bytes]],
        blocks: dict[int, Any],
        prints: bytearray,
        digits: array[int],
    ) -> None:
        """More of them: their columns, and by row their options and in what their blocks are others than usual."""
        first = len(self._interfaces)
        self._interfaces.extend(interfaces)
        if self.ticks:
            self._ticks.extend(ticks)
        self._stated += ((first + row, raw) for row, raw in stated)
        self._bytes += sum(len(raw) for _, raw in stated)
        self._blocks |= {str(self._before + first + row + 1): block for row, block in blocks.items()}
        self.prints += prints
        self._digits.extend(digits)

    @property
    def enough(self) -> bool:
        """Whether it is time for another entry."""
        return len(self._interfaces) >= _MANY or self._bytes >= _MUCH

    def entry(self) -> dict[str, Any]:
        """What a sidecar says of them, but for the fingerprints."""
        numbers = self._interfaces
        interface = numbers[0] if len(distinct(numbers)) == 1 else values.packed(numbers)
        entry: dict[str, Any] = {"count": len(numbers), "interface": interface}
        if self.ticks:
            entry["ticks"] = values.packed(self._ticks)
        entry |= self._options()
        if self._blocks:
            entry["blocks"] = self._blocks
        if any(distinct(self._digits)):
            entry["digits"] = values.packed(self._digits)
        return entry

    def _options(self) -> dict[str, Any]:
        """By packet number; lists without a comment that several have, once for all of them."""
        seen = Counter(raw for _, raw in self._stated)
        shared = [raw for raw, count in seen.items() if raw and count > 1 and not self._has_comment(raw)][:_MOST_LISTS]
        places = {raw: place for place, raw in enumerate(shared, 1)}
        which = array("H", bytes(2 * len(self._interfaces)))
        options = {}
        for row, raw in self._stated:
            place = places.get(raw)
            if place is not None:
                which[row] = place
            elif raw:
                options[str(self._before + row + 1)] = self._value(raw)
        found: dict[str, Any] = {"options": options} if options else {}
        if shared:
            found |= {"lists": [self._value(raw) for raw in shared], "list": values.packed(which)}
        return found

    def _value(self, raw: bytes) -> Any:
        return values.options_value(raw, self._order, layout.ENHANCED_PACKET)

    def _has_comment(self, raw: bytes) -> bool:
        return Options(raw, self._order).first(COMMENT) is not None
