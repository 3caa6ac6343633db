"""What captures state, read in the plainest way, for second implementations. It knows nothing of pcapconv.

A capture is a list of `Entry`, one for each block or record; an entry that holds a packet has it, with its time as a
Fraction. `packet_block` makes the block of a packet again.

Only for captures without damage: a ValueError, or struct.error, for those.
"""

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import wire
from wire import ByteOrder

PACKET_BLOCKS = (wire.ENHANCED_PACKET, wire.SIMPLE_PACKET, wire.OBSOLETE_PACKET)
CUSTOM_BLOCKS = (0xBAD, wire.CUSTOM_DO_NOT_COPY)
NO_LIMIT = 262144
FLAGS_OF_PACKET_TYPE = {0: 0b000_01, 1: 0b011_01, 2: 0b010_01, 3: 0b100_01, 4: 0b000_10}  # of the modified pcap


class Interface(NamedTuple):
    """An interface; `unit` is a tick in seconds, None if it cannot be determined."""

    section: int
    interface: int
    link_type: int
    snaplen: int
    name: bytes | None
    unit: Fraction | None
    offset: int


class Packet(NamedTuple):
    """A packet with its number in the capture; `time` is None where the file states none."""

    number: int
    interface: Interface
    ticks: int | None
    time: Fraction | None
    original_length: int
    options: bytes
    data: bytes
    drops_count: int | None = None


class Entry(NamedTuple):
    """A block, or a pcap record; `packet` is None for a block that holds none."""

    section: int
    byte_order: ByteOrder
    block_type: int
    raw: bytes
    packet: Packet | None


def is_pcapng(capture: bytes) -> bool:
    return capture[:4] == b"\n\r\r\n"


@lru_cache(maxsize=4)
def entries(capture: bytes) -> tuple[Entry, ...]:
    """Every block or record of a capture. Raises ValueError or struct.error for damage."""
    return tuple(_blocks(capture) if is_pcapng(capture) else _records(capture))


def packets(capture: bytes) -> list[Packet]:
    return [entry.packet for entry in entries(capture) if entry.packet is not None]


def _blocks(capture: bytes) -> list[Entry]:
    found: list[Entry] = []
    section, number, header = -1, 0, b""
    interfaces: list[Interface] = []
    raw_interfaces: list[bytes] = []
    for block in wire.read_blocks(capture):
        packet = None
        if block.block_type == wire.SECTION_HEADER:
            section, header = section + 1, block.raw
            interfaces, raw_interfaces = [], []
            if struct.unpack_from(block.byte_order + "HH", block.body, 4) not in ((1, 0), (1, 2)):
                raise ValueError("a section of another version")
        elif block.block_type == wire.INTERFACE_DESCRIPTION:
            interfaces.append(interface_of(section, len(interfaces), block))
            raw_interfaces.append(block.raw)
        elif block.block_type in PACKET_BLOCKS:
            alone = header + (raw_interfaces[0] if raw_interfaces else b"")
            if block.block_type != wire.SIMPLE_PACKET:
                alone = header + b"".join(raw_interfaces)
            (read,) = wire.read_pcapng(alone + block.raw)  # none, if its interface was not declared
            number += 1
            packet = _packet(number, interfaces[read.interface], read, block)
        found.append(Entry(section, block.byte_order, block.block_type, block.raw, packet))
    return found


def interface_of(section: int, number: int, block: wire.Block) -> Interface:
    link_type, snaplen = struct.unpack_from(block.byte_order + "HxxI", block.body)
    stated = {code: value for code, value, _ in reversed(listed(block.body[8:], block.byte_order))}
    resolution, offset = stated.get(wire.IF_TSRESOL, b"\6"), stated.get(wire.IF_TSOFFSET, bytes(8))
    name = stated.get(wire.IF_NAME)
    if len(resolution) != 1 or len(offset) != 8:
        return Interface(section, number, link_type, snaplen, name, None, 0)
    exponent = resolution[0] & 0x7F
    unit = Fraction(1, 2**exponent if resolution[0] & 0x80 else 10**exponent)
    return Interface(section, number, link_type, snaplen, name, unit, struct.unpack(block.byte_order + "q", offset)[0])


def _packet(number: int, interface: Interface, read: wire.Packet, block: wire.Block) -> Packet:
    time = None
    if read.ticks is not None and interface.unit is not None:
        time = read.ticks * interface.unit + interface.offset
    drops = None
    if block.block_type == wire.OBSOLETE_PACKET:
        (drops,) = struct.unpack_from(block.byte_order + "H", block.body, 2)
    return Packet(number, interface, read.ticks, time, read.original_length, read.options, read.data, drops)


def _records(capture: bytes) -> list[Entry]:
    header = wire.read_pcap_header(capture)
    position, order = header.size, header.byte_order
    ids: dict[int, int] = {}
    found = []
    for number, read in enumerate(wire.read_pcap(capture), 1):
        head, options = 16, b""
        if header.magic == wire.MODIFIED:
            head = 24
            kind = FLAGS_OF_PACKET_TYPE.get(capture[position + 22])
            if kind is not None:
                options = wire.options((wire.EPB_FLAGS, struct.pack(order + "I", kind)), byte_order=order)
        raw = capture[position : position + head + read.captured_length]
        position += len(raw)
        unit = Fraction(1, header.units)
        interface_id = ids.setdefault(read.interface, len(ids))
        interface = Interface(0, interface_id, header.link_type_word & 0xFFFF, header.snaplen, None, unit, 0)
        assert read.ticks is not None
        packet = Packet(number, interface, read.ticks, read.ticks * unit, read.original_length, options, read.data)
        found.append(Entry(0, order, 0, raw, packet))
    return found


def fcs_bits(header: wire.PcapHeader) -> int | None:
    """The length of the FCS that the link-type word states, in bits."""
    return (header.link_type_word >> 28) * 16 if header.link_type_word & 0x04000000 else None


def listed(raw: bytes, order: ByteOrder) -> list[tuple[int, bytes, bytes]]:
    """Options as far as they can be read: code, value, and all their bytes."""
    found, at = [], 0
    while at + 4 <= len(raw):
        code, length = struct.unpack_from(order + "HH", raw, at)
        end = at + 4 + length + -length % 4
        if code == wire.OPT_ENDOFOPT or end > len(raw):
            break
        found.append((code, raw[at + 4 : at + 4 + length], raw[at:end]))
        at = end
    return found


def without(raw: bytes, order: ByteOrder, codes: Iterable[int], add: bytes = b"") -> tuple[bytes, int]:
    """The options without those of some codes, with others after them, and how many went."""
    gone = tuple(codes)
    return without_some(raw, order, lambda code, _: code in gone, add)


def without_some(
    raw: bytes, order: ByteOrder, goes: Callable[[int, bytes], bool], add: bytes = b""
) -> tuple[bytes, int]:
    """The options without those that go, by code and value, with others after them, and how many went."""
    stated = listed(raw, order)
    kept = [whole for code, value, whole in stated if not goes(code, value)]
    gone = len(stated) - len(kept)
    if not gone and not add:
        return raw, 0
    rest = raw[sum(len(whole) for _, _, whole in stated) :]
    if not kept and not add and rest == bytes(4):
        return b"", gone  # nothing but the end is left
    return b"".join(kept) + add + (rest or bytes(4)), gone


def options_at(entry: Entry) -> int | None:
    """The offset of a block's options in its body, None if it has none."""
    body, order = entry.raw[8:-4], entry.byte_order
    if entry.block_type == wire.NAME_RESOLUTION:
        records = sum(len(whole) for _, _, whole in listed(body, order))
        return records + 4  # the end record
    if entry.block_type == wire.DECRYPTION_SECRETS:
        (length,) = struct.unpack_from(order + "I", body, 4)
        return int(8 + length + -length % 4)
    return {wire.SECTION_HEADER: 16, wire.INTERFACE_DESCRIPTION: 8, wire.INTERFACE_STATISTICS: 12}.get(entry.block_type)


def stated(packet: Packet) -> Packet:
    """The packet as its block states it: without a time, but of another interface than 0, it has time 0."""
    if packet.ticks is not None or not packet.interface.interface:
        return packet
    interface = packet.interface
    return packet._replace(ticks=0, time=None if interface.unit is None else Fraction(interface.offset))


def packet_block(packet: Packet, order: ByteOrder) -> bytes:
    """The block of a packet. A packet without a time that belongs to another interface than 0 has time 0."""
    if packet.ticks is None and not packet.interface.interface:
        return wire.simple_packet(packet.data, original_length=packet.original_length, byte_order=order)
    options = packet.options
    if packet.drops_count not in (None, 0xFFFF):
        drops = struct.pack(order + "Q", packet.drops_count)
        options, _ = without(options, order, [], wire.option(wire.EPB_DROPCOUNT, drops, byte_order=order))
    return wire.enhanced_packet(
        packet.interface.interface,
        packet.ticks or 0,
        packet.data,
        original_length=packet.original_length,
        options=options,
        byte_order=order,
    )
