"""What a sidecar says of the packets of one entry: how many they are, and in what each is more than a pcap record."""

from __future__ import annotations

from array import array
from typing import Any

from pcapconv.errors import SidecarError
from pcapconv.model import PacketBatch
from pcapconv.sidecar import json_fields, json_options
from pcapconv.spec import ByteOrder, bodies, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.batch_rows import options_of

_MOST_IN_ENTRY = 2**17  # packets of an entry that says something of each


class Entry:
    """What the sidecar says of some packets, of which `before` come before these. Raises SidecarError."""

    def __init__(self, value: Any, before: int, interfaces: int) -> None:
        what = "packets"
        self.count = json_fields.check_number(
            json_fields.get_member(value, "count", what), "packets: count", 2**63 - 1, 1
        )
        interface, ticks = json_fields.get_member(value, "interface", what), value.get("ticks")
        if self.count > _MOST_IN_ENTRY and set(value) != {"count", "interface"}:
            raise SidecarError(f"an entry about more than {_MOST_IN_ENTRY} packets")
        self._ticks = None if ticks is None else json_fields.decode_column(ticks, "Q", self.count, "packets: ticks")
        self._interfaces: array[int] | None = None
        if isinstance(interface, int):
            self._interface = json_fields.check_number(interface, "packets: interface", interfaces - 1)
        elif self.count > _MOST_IN_ENTRY:
            raise SidecarError(f"an entry about more than {_MOST_IN_ENTRY} packets")
        else:
            self._interfaces = json_fields.decode_column(interface, "I", self.count, "packets: interface")
            if max(self._interfaces) >= interfaces:
                raise SidecarError(f"packets of interface {max(self._interfaces)}, but {interfaces} are there")
        self.lists = value.get("lists", [])
        if not isinstance(self.lists, list):
            raise SidecarError("packets: lists of options are not a list")
        self._which = (
            json_fields.decode_column(value.get("list"), "H", self.count, "packets: list") if self.lists else array("H")
        )
        if self.lists and max(self._which) > len(self.lists):
            raise SidecarError(f"packets with option list {max(self._which)}, but {len(self.lists)} are there")
        self._raw: list[bytes] | None = None  # the lists
        self.options = self._by_number(value.get("options", {}), before)
        self.blocks = self._by_number(value.get("blocks", {}), before)

    def _by_number(self, value: Any, before: int) -> dict[int, Any]:
        if not isinstance(value, dict):
            raise SidecarError("packets: something of a packet is not under its number")
        found = {}
        for name, said in value.items():
            digits = name.isascii() and name.isdecimal() and len(name) < 20
            if not digits or not before < int(name) <= before + self.count:
                raise SidecarError(f"packets {before + 1} to {before + self.count}: {name:.40} is none of them")
            found[int(name)] = said
        return found

    @property
    def used(self) -> set[int]:
        """The ids of the packets' interfaces."""
        return {self._interface} if self._interfaces is None else set(self._interfaces)

    def interface(self, done: int) -> int:
        """The interface id of one packet."""
        return self._interface if self._interfaces is None else self._interfaces[done]

    def interfaces(self, done: int, rows: int) -> array[int]:
        """The interface ids of some packets."""
        if self._interfaces is None:
            return array("I", [self._interface]) * rows
        return self._interfaces[done : done + rows]

    def lists_raw(self, order: ByteOrder) -> list[bytes]:
        """The option lists that several packets have. Raises SidecarError."""
        if self._raw is None:
            self._raw = [
                json_options.options_bytes(said, order, pcapng.ENHANCED_PACKET, "packets") for said in self.lists
            ]
        return self._raw

    def which(self, done: int, rows: int) -> array[int]:
        """Which of the lists packets have, from 1; 0 for none."""
        return self._which[done : done + rows]

    def ticks(self, done: int, rows: int) -> array[int] | None:
        """Their ticks, None where the pcap file has them."""
        return None if self._ticks is None else self._ticks[done : done + rows]


def type_of(block: Any) -> int:
    """The type of a packet's block. Raises SidecarError."""
    kind = block.get("type", "enhanced") if isinstance(block, dict) else None
    types = {"enhanced": pcapng.ENHANCED_PACKET, "simple": SIMPLE_PACKET, "obsolete": pcapng.OBSOLETE_PACKET}
    if not isinstance(kind, str) or kind not in types:
        raise SidecarError("a packet's block is neither simple nor obsolete")
    return types[kind]


def drops_of(block: Any, what: str) -> int:
    """The drop count of a packet's obsolete block. Raises SidecarError."""
    return json_fields.check_number(json_fields.get_member(block, "drops", what), f"{what}: drops", 0xFFFF)


def record(batch: PacketBatch, row: int, block: Any) -> bytes:
    """The bytes of a packet's block; none where the writer makes the same."""
    columns, order = batch.columns, batch.section.byte_order
    kind = type_of(block)
    what = f"packet {batch.number(row)}"
    captured = columns.captured_length[row]
    padding, unpadded = _padding(block, captured, what)
    if kind == SIMPLE_PACKET and captured != (read := simple_length(batch, row)):
        raise SidecarError(f"{what}: a Simple Packet of {captured} bytes, which would be read as one of {read}")
    if kind != pcapng.OBSOLETE_PACKET and "padding" not in block and not unpadded:
        return b""
    if (captured + len(padding)) % 4 or (kind != SIMPLE_PACKET and len(padding) > 3):
        raise SidecarError(f"{what}: padding of {len(padding)} bytes behind {captured}")
    at = columns.data_at[row]
    body = columns.original_length[row].to_bytes(4, order) + bytes(batch.buffer[at : at + captured]) + padding
    if kind != SIMPLE_PACKET:
        body = _fields(batch, row, kind, block, what) + body + options_of(batch, row)
    length = (pcapng.BLOCK_OVERHEAD + len(body) - unpadded * (-captured & 3)).to_bytes(4, order)
    return kind.to_bytes(4, order) + length + body + length


def _padding(block: Any, captured: int, what: str) -> tuple[bytes, bool]:
    """The bytes behind a packet's data, and whether the block's lengths leave them out."""
    try:
        padding = bytes.fromhex(block["padding"]) if "padding" in block else bytes(-captured & 3)
    except (TypeError, ValueError):
        raise SidecarError(f"{what}: its padding is not in hex") from None
    unpadded = block.get("unpadded", False)
    if not isinstance(unpadded, bool):
        raise SidecarError(f"{what}: unpadded is neither true nor false")
    return padding, unpadded


def _fields(batch: PacketBatch, row: int, kind: int, block: Any, what: str) -> bytes:
    """The fields of an Enhanced or an obsolete block that stand before the original length."""
    columns, order = batch.columns, batch.section.byte_order
    ticks, interface = columns.ticks[row], columns.interface[row]
    if kind == pcapng.OBSOLETE_PACKET:
        drops = drops_of(block, what)
        if interface > 0xFFFF:
            raise SidecarError(f"{what}: an obsolete block of interface {interface}")
        head = interface.to_bytes(2, order) + drops.to_bytes(2, order)
    else:
        head = interface.to_bytes(4, order)
    return head + bodies.ticks_bytes(ticks, order) + columns.captured_length[row].to_bytes(4, order)


def simple_length(batch: PacketBatch, row: int) -> int:
    """The captured length with which a packet would be read if it stood in a Simple Packet Block."""
    original = batch.columns.original_length[row]
    return min(original, batch.interfaces[0].snaplen or original)
