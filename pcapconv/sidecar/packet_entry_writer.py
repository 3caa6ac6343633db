"""Packets of which a sidecar says more than how many there are, gathered for one entry."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection
from typing import Any

from pcapconv.kernels.contract import FINGERPRINT
from pcapconv.sidecar import json_fields, json_options
from pcapconv.spec import ByteOrder, pcapng
from pcapconv.spec.option_lists import COMMENT, OptionList
from pcapconv.steps.batch_rows import distinct

_MANY = 2**14  # packets: what an entry says for itself is little for each then
_MUCH = 2**18  # bytes of options
_MOST_LISTS = 2**16 - 1  # that 16 bits can tell apart


class EntryBuilder:
    """They follow each other, `before` come before them. `prints` are their fingerprints, where there are any."""

    def __init__(self, order: ByteOrder, before: int) -> None:
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
    ) -> int:
        """More of them, not above `room`: their columns, and by row their options and in what their blocks are others
        than usual. Returns how many were taken, those up to where their options are enough for an entry."""
        first, taken = self.count, len(interfaces)
        for row, raw in stated:
            if row >= taken:
                break
            self._stated.append((first + row, raw))
            self._bytes += len(raw)
            if self._bytes >= _MUCH:
                taken = row + 1
        self._interfaces.extend(interfaces[:taken])
        self._ticks.extend(ticks[:taken])
        self._blocks |= {str(self._before + first + row + 1): block for row, block in blocks.items() if row < taken}
        self.prints += prints[: FINGERPRINT * taken]
        self._digits.extend(digits[:taken])
        return taken

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self._interfaces)

    @property
    def room(self) -> int:
        """How many more an entry has room for."""
        return 0 if self._bytes >= _MUCH else _MANY - self.count

    @property
    def used(self) -> Collection[int]:
        """Their interfaces."""
        return distinct(self._interfaces)

    @property
    def plain_interface(self) -> int | None:
        """The one interface of packets of which there is nothing else to say; None for others."""
        said = self._stated or self._blocks or self.prints or len(self.used) > 1
        return None if said else self._interfaces[0]

    def entry(self, *, ticks: bool) -> dict[str, Any]:
        """What a sidecar says of them, with their ticks or without, but for the fingerprints."""
        numbers = self._interfaces
        interface = numbers[0] if len(self.used) == 1 else json_fields.encode_column(numbers)
        entry: dict[str, Any] = {"count": len(numbers), "interface": interface}
        if ticks:
            entry["ticks"] = json_fields.encode_column(self._ticks)
        entry |= self._options()
        if self._blocks:
            entry["blocks"] = self._blocks
        if any(distinct(self._digits)):
            entry["digits"] = json_fields.encode_column(self._digits)
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
            found |= {"lists": [self._value(raw) for raw in shared], "list": json_fields.encode_column(which)}
        return found

    def _value(self, raw: bytes) -> Any:
        return json_options.options_value(raw, self._order, pcapng.ENHANCED_PACKET)

    def _has_comment(self, raw: bytes) -> bool:
        return OptionList(raw, self._order).first(COMMENT) is not None
