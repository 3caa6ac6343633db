"""Reads a sidecar's entry of consecutive packets, and rebuilds the records of packets whose blocks are unusual."""

from __future__ import annotations

from array import array
from typing import Any

from pcapconv.errors import SidecarError
from pcapconv.model import PacketBatch
from pcapconv.sidecar import json_fields, json_options
from pcapconv.spec import ByteOrder, bodies, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.batch_rows import options_of_row

_MOST_IN_ENTRY = 2**17  # packets of an entry that has more members than `count` and one `interface`


class PacketEntry:
    """An entry of `count` packets, made from its JSON value.

    `packets_before` is the number of packets in earlier entries, `interface_count` the number of interfaces that the
    section has so far. `lists` are the option lists that several packets have, `options` the option lists of single
    packets, and `blocks` what is unusual in the blocks of single packets, both by packet number from 1; all are JSON
    values. Raises SidecarError for an entry that contradicts itself.
    """

    def __init__(self, value: Any, packets_before: int, interface_count: int) -> None:
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
            self._interface = json_fields.check_number(interface, "packets: interface", interface_count - 1)
        elif self.count > _MOST_IN_ENTRY:
            raise SidecarError(f"an entry about more than {_MOST_IN_ENTRY} packets")
        else:
            self._interfaces = json_fields.decode_column(interface, "I", self.count, "packets: interface")
            if max(self._interfaces) >= interface_count:
                raise SidecarError(f"packets of interface {max(self._interfaces)}, but {interface_count} are there")
        self.lists = value.get("lists", [])
        if not isinstance(self.lists, list):
            raise SidecarError("packets: lists of options are not a list")
        self._list_numbers = (
            json_fields.decode_column(value.get("list"), "H", self.count, "packets: list") if self.lists else array("H")
        )
        if self.lists and max(self._list_numbers) > len(self.lists):
            raise SidecarError(f"packets with option list {max(self._list_numbers)}, but {len(self.lists)} are there")
        self._raw_lists: list[bytes] | None = None
        self.options = self._by_number(value.get("options", {}), packets_before)
        self.blocks = self._by_number(value.get("blocks", {}), packets_before)

    def _by_number(self, value: Any, packets_before: int) -> dict[int, Any]:
        if not isinstance(value, dict):
            raise SidecarError("packets: options or blocks are not an object with packet numbers")
        first, last = packets_before + 1, packets_before + self.count
        by_number = {}
        for name, packet_value in value.items():
            is_number = name.isascii() and name.isdecimal() and len(name) < 20
            if not is_number or not first <= int(name) <= last:
                raise SidecarError(f"packets {first} to {last}: {name:.40} is none of them")
            by_number[int(name)] = packet_value
        return by_number

    @property
    def used_interfaces(self) -> set[int]:
        """The ids of the packets' interfaces."""
        return {self._interface} if self._interfaces is None else set(self._interfaces)

    def interface(self, row: int) -> int:
        """The interface id of the packet in a row of the entry, counted from 0."""
        return self._interface if self._interfaces is None else self._interfaces[row]

    def interfaces(self, first: int, rows: int) -> array[int]:
        """The interface ids of `rows` packets, from the row `first` of the entry on."""
        if self._interfaces is None:
            return array("I", [self._interface]) * rows
        return self._interfaces[first : first + rows]

    def raw_lists(self, order: ByteOrder) -> list[bytes]:
        """The option lists that several packets have, raw. Raises SidecarError."""
        if self._raw_lists is None:
            self._raw_lists = [
                json_options.options_bytes(value, order, pcapng.ENHANCED_PACKET, "packets") for value in self.lists
            ]
        return self._raw_lists

    def list_numbers(self, first: int, rows: int) -> array[int]:
        """For each of `rows` packets, the number of its option list in `lists`, from 1; 0 for a packet with no list
        from there. Empty if the entry has no lists."""
        return self._list_numbers[first : first + rows]

    def ticks(self, first: int, rows: int) -> array[int] | None:
        """The ticks of `rows` packets, or None if they follow from the times in the pcap file."""
        return None if self._ticks is None else self._ticks[first : first + rows]


def block_type_of(block: Any) -> int:
    """The type of a packet's block, given as a value of `PacketEntry.blocks`. Raises SidecarError."""
    name = block.get("type", "enhanced") if isinstance(block, dict) else None
    types = {"enhanced": pcapng.ENHANCED_PACKET, "simple": SIMPLE_PACKET, "obsolete": pcapng.OBSOLETE_PACKET}
    if not isinstance(name, str) or name not in types:
        raise SidecarError("a packet's block is neither simple nor obsolete")
    return types[name]


def drop_count_of(block: Any, what: str) -> int:
    """The drop count of a packet's obsolete block. Raises SidecarError."""
    return json_fields.check_number(json_fields.get_member(block, "drops", what), f"{what}: drops", 0xFFFF)


def record_of(batch: PacketBatch, row: int, block: Any) -> bytes:
    """The record of a packet whose block is unusual; empty if the writer makes the same record from the columns. Raises
    SidecarError."""
    columns, order = batch.columns, batch.section.byte_order
    block_type = block_type_of(block)
    what = f"packet {batch.number(row)}"
    captured = columns.captured_length[row]
    padding, unpadded = _padding(block, captured, what)
    if block_type == SIMPLE_PACKET and captured != (read := simple_length(batch, row)):
        raise SidecarError(f"{what}: a Simple Packet of {captured} bytes, which would be read as one of {read}")
    if block_type != pcapng.OBSOLETE_PACKET and "padding" not in block and not unpadded:
        return b""
    if (captured + len(padding)) % 4 or (block_type != SIMPLE_PACKET and len(padding) > 3):
        raise SidecarError(f"{what}: padding of {len(padding)} bytes behind {captured}")
    at = columns.data_at[row]
    body = columns.original_length[row].to_bytes(4, order) + bytes(batch.buffer[at : at + captured]) + padding
    if block_type != SIMPLE_PACKET:
        body = _fields(batch, row, block_type, block, what) + body + options_of_row(batch, row)
    length = (pcapng.BLOCK_OVERHEAD + len(body) - unpadded * (-captured & 3)).to_bytes(4, order)
    return block_type.to_bytes(4, order) + length + body + length


def _padding(block: Any, captured: int, what: str) -> tuple[bytes, bool]:
    """The bytes of padding after a packet's data, and whether the block's length fields do not count them."""
    try:
        padding = bytes.fromhex(block["padding"]) if "padding" in block else bytes(-captured & 3)
    except (TypeError, ValueError):
        raise SidecarError(f"{what}: its padding is not in hex") from None
    unpadded = block.get("unpadded", False)
    if not isinstance(unpadded, bool):
        raise SidecarError(f"{what}: unpadded is neither true nor false")
    return padding, unpadded


def _fields(batch: PacketBatch, row: int, block_type: int, block: Any, what: str) -> bytes:
    """The fields of an Enhanced or an obsolete Packet Block before the original length."""
    columns, order = batch.columns, batch.section.byte_order
    ticks, interface = columns.ticks[row], columns.interface[row]
    if block_type == pcapng.OBSOLETE_PACKET:
        drops = drop_count_of(block, what)
        if interface > 0xFFFF:
            raise SidecarError(f"{what}: an obsolete block of interface {interface}")
        head = interface.to_bytes(2, order) + drops.to_bytes(2, order)
    else:
        head = interface.to_bytes(4, order)
    return head + bodies.ticks_bytes(ticks, order) + columns.captured_length[row].to_bytes(4, order)


def simple_length(batch: PacketBatch, row: int) -> int:
    """The captured length that a reader computes for a packet in a Simple Packet Block, which does not contain one."""
    original = batch.columns.original_length[row]
    return min(original, batch.interfaces[0].snaplen or original)
