"""A second implementation of `decapsulate`: captures whose packets came out of tunnels, as `tunnels` takes them out."""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence

import tunnels
import wire
from expected_captures import Entry, Packet, listed, packet_block, without, without_some
from expected_request import Request
from wire import ByteOrder

OUT_OF_TUNNEL = -1  # for the drop count of packets of pcap files, which have none


def out_of_tunnels(
    found: Sequence[Entry],
    stay: Sequence[Packet],
    request: Request,
    lost: Counter[str],
    *,
    file_states_fcs: bool = False,
) -> tuple[list[Entry], list[Packet]]:
    """The entries and the packets that stay, as they are behind tunnels. Each packet has the interface that it gets; in
    pcapng, there is a block for it in front of the first packet that needs it.

    ValueError where a packet that is to be edited is left out.
    """
    numbers = {packet.number for packet in stay}
    new: list[Entry] = []
    ids: dict[tuple[int, int | None], int] = {}  # by old id and link type, None for the own
    described: list[bytes] = []  # the bodies of the section's interfaces, as they were
    count = old = 0
    kept = []
    for entry in found:
        order, packet = entry.byte_order, entry.packet
        if entry.block_type == wire.SECTION_HEADER:
            ids, described, count = {}, [], 0
        if packet is None:
            body = entry.raw[8:-4]
            if entry.block_type == wire.INTERFACE_DESCRIPTION:
                ids[len(described), None] = count
                described.append(body)
                count += 1
            elif entry.block_type == wire.INTERFACE_STATISTICS:
                new += _statistics_behind(entry, ids, len(described), count, lost)
                continue
            new.append(entry)
            continue
        if packet.number not in numbers:
            continue
        came = _out_of_tunnel(packet, order, request, lost)
        if came is None and request.only_tunnels:
            continue
        old = packet.interface.interface
        options = listed(described[old][8:], order) if entry.block_type else []
        states_fcs = file_states_fcs or any(code == wire.IF_FCSLEN for code, _, _ in options)
        key: tuple[int, int | None] = (old, None)
        if came is not None and (came.interface.link_type != packet.interface.link_type or states_fcs):
            key = (old, came.interface.link_type)
        if key not in ids:
            ids[key], count = count, count + 1
            if key[1] is not None and entry.block_type:
                left, _ = without(described[old][8:], order, [wire.IF_FCSLEN])
                body = struct.pack(order + "H", key[1]) + described[old][2:8] + left
                raw = wire.block(wire.INTERFACE_DESCRIPTION, body, byte_order=order)
                new.append(Entry(entry.section, order, wire.INTERFACE_DESCRIPTION, raw, None))
        interface = (packet if came is None else came).interface._replace(interface=ids[key])
        after = (packet if came is None else came)._replace(interface=interface)
        new.append(_entry_behind(entry, after, came is not None, lost, described))
        assert new[-1].packet is not None
        kept.append(new[-1].packet)
    gone = numbers - {packet.number for packet in kept}
    if gone & {number for number, _ in (*request.comments, *request.moments)}:
        raise ValueError("a packet that is left out cannot be edited")
    return new, kept


def _statistics_behind(
    entry: Entry, ids: Mapping[tuple[int, int | None], int], before: int, count: int, lost: Counter[str]
) -> list[Entry]:
    """The statistics of one of the interfaces that were there `before`; none if they would be of another one."""
    (old,) = struct.unpack_from(entry.byte_order + "I", entry.raw, 8)
    if old >= before:
        lost["statistics"] += old < count
        return [] if old < count else [entry]
    there = struct.pack(entry.byte_order + "I", ids[old, None])
    return [entry._replace(raw=entry.raw[:8] + there + entry.raw[12:])]


def _out_of_tunnel(packet: Packet, order: ByteOrder, request: Request, lost: Counter[str]) -> Packet | None:
    """The packet in the tunnels, None if it is in none of those that were named."""
    kinds = ("vxlan", "geneve", "gre", "erspan", "gtp", "ipip") if "all" in request.tunnels else request.tunnels
    found = tunnels.taken_off(packet.interface.link_type, packet.data, packet.original_length, kinds)
    if not found:
        return None
    options, hashes = without(packet.options, order, [wire.EPB_HASH])
    lost["packet-hashes"] += hashes

    def states_fcs(code: int, value: bytes) -> bool:
        return code == wire.EPB_FLAGS and len(value) == 4 and bool(struct.unpack(order + "I", value)[0] & 0x1E0)

    flags = [
        wire.number(struct.unpack(order + "I", value)[0] & ~0x1E0, 4, byte_order=order)
        for code, value, _ in listed(options, order)
        if states_fcs(code, value)
    ]
    add = b"".join(wire.option(wire.EPB_FLAGS, value, byte_order=order) for value in flags)
    if packet.drops_count not in (None, 0xFFFF):
        add += wire.option(wire.EPB_DROPCOUNT, struct.pack(order + "Q", packet.drops_count), byte_order=order)
    options, _ = without_some(options, order, states_fcs, add)
    interface = packet.interface._replace(link_type=found[-1].link_type)
    return packet._replace(
        data=found[-1].data, original_length=found[-1].length, options=options, interface=interface, drops_count=None
    )


def _entry_behind(entry: Entry, packet: Packet, came: bool, lost: Counter[str], described: list[bytes]) -> Entry:
    """The entry of a packet with its new interface."""
    order, number = entry.byte_order, packet.interface.interface
    if not entry.block_type:
        return entry._replace(packet=packet._replace(drops_count=OUT_OF_TUNNEL if came else None))
    if came:
        if packet.ticks is None and not number:
            (snaplen,) = struct.unpack_from(order + "I", described[0], 4)
            if min(packet.original_length, snaplen or 2**32) != len(packet.data):
                packet = packet._replace(original_length=len(packet.data))
                lost["original-lengths"] += 1
        simple = packet.ticks is None and not number
        block_type = wire.SIMPLE_PACKET if simple else wire.ENHANCED_PACKET
        return entry._replace(block_type=block_type, raw=packet_block(packet, order), packet=packet)
    if entry.block_type == wire.SIMPLE_PACKET:
        return entry
    size = "I" if entry.block_type == wire.ENHANCED_PACKET else "H"
    there = struct.pack(order + size, number)
    raw = entry.raw[:8] + there + entry.raw[8 + len(there) :]
    return entry._replace(raw=raw, packet=packet)
