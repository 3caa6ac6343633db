"""Builds the sidecar's entry for consecutive packets that need more than a count."""

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

_MOST_PACKETS = 2**14  # enough to make the bytes of the entry itself negligible
_ENOUGH_OPTIONS = 2**18  # bytes of options that make an entry full
_MOST_LISTS = 2**16 - 1  # the highest number that 16 bits hold


class PacketEntryBuilder:
    """Collects consecutive packets for an entry. `packets_before` is the number of packets in earlier entries;
    `fingerprints` are the concatenated fingerprints of the packets, empty if the sidecar has no fingerprints."""

    def __init__(self, order: ByteOrder, packets_before: int) -> None:
        self._order = order
        self._packets_before = packets_before
        self._interfaces, self._ticks, self._sub_microsecond_ns = array("I"), array("Q"), array("H")
        self.fingerprints = bytearray()
        self._options: list[tuple[int, bytes]] = []  # by row of this entry, raw
        self._blocks: dict[str, Any] = {}
        self._option_bytes = 0

    def add_packets(
        self,
        interfaces: array[int],
        ticks: array[int],
        options: list[tuple[int, bytes]],
        blocks: dict[int, Any],
        fingerprints: bytearray,
        sub_microsecond_ns: array[int],
    ) -> int:
        """Add packets, at most `room`: their columns, and by row their options and what is unusual in their blocks.
        Returns the number of packets that were added: fewer than given if the options of one of them fill the entry."""
        first, stop = self.count, len(interfaces)
        for row, raw in options:
            if row >= stop:
                break
            self._options.append((first + row, raw))
            self._option_bytes += len(raw)
            if self._option_bytes >= _ENOUGH_OPTIONS:
                stop = row + 1
        self._interfaces.extend(interfaces[:stop])
        self._ticks.extend(ticks[:stop])
        numbered = {str(self._packets_before + first + row + 1): block for row, block in blocks.items() if row < stop}
        self._blocks |= numbered
        self.fingerprints += fingerprints[: FINGERPRINT * stop]
        self._sub_microsecond_ns.extend(sub_microsecond_ns[:stop])
        return stop

    @property
    def count(self) -> int:
        """The number of packets in the entry."""
        return len(self._interfaces)

    @property
    def room(self) -> int:
        """The number of packets that the entry still has room for."""
        return 0 if self._option_bytes >= _ENOUGH_OPTIONS else _MOST_PACKETS - self.count

    @property
    def used_interfaces(self) -> Collection[int]:
        """The ids of the packets' interfaces, each once."""
        return distinct(self._interfaces)

    @property
    def plain_interface(self) -> int | None:
        """The id of the packets' interface if they have only one and nothing else has to be saved; else None."""
        more = self._options or self._blocks or self.fingerprints or len(self.used_interfaces) > 1
        return None if more else self._interfaces[0]

    def build(self, *, ticks: bool) -> dict[str, Any]:
        """Return the entry as a JSON value, with the packets' ticks if `ticks` is true, and without fingerprints."""
        interfaces = self._interfaces
        interface = interfaces[0] if len(self.used_interfaces) == 1 else json_fields.encode_column(interfaces)
        entry: dict[str, Any] = {"count": len(interfaces), "interface": interface}
        if ticks:
            entry["ticks"] = json_fields.encode_column(self._ticks)
        entry |= self._option_members()
        if self._blocks:
            entry["blocks"] = self._blocks
        if any(distinct(self._sub_microsecond_ns)):
            entry["digits"] = json_fields.encode_column(self._sub_microsecond_ns)
        return entry

    def _option_members(self) -> dict[str, Any]:
        """The members with options: `options` by packet number, and in `lists` those without a comment that several
        packets have, which the column `list` refers to."""
        counts = Counter(raw for _, raw in self._options)
        shared = [raw for raw, count in counts.items() if raw and count > 1 and not self._has_comment(raw)]
        shared = shared[:_MOST_LISTS]
        list_numbers = {raw: number for number, raw in enumerate(shared, 1)}
        list_column = array("H", bytes(2 * len(self._interfaces)))
        options = {}
        for row, raw in self._options:
            number = list_numbers.get(raw)
            if number is not None:
                list_column[row] = number
            elif raw:
                options[str(self._packets_before + row + 1)] = self._value(raw)
        members: dict[str, Any] = {"options": options} if options else {}
        if shared:
            lists = [self._value(raw) for raw in shared]
            members |= {"lists": lists, "list": json_fields.encode_column(list_column)}
        return members

    def _value(self, raw: bytes) -> Any:
        return json_options.options_value(raw, self._order, pcapng.ENHANCED_PACKET)

    def _has_comment(self, raw: bytes) -> bool:
        return OptionList(raw, self._order).first(COMMENT) is not None
