"""The bytes of pcap and pcapng, written and read by the plainest means there are.

Strategy
--------
Tests need a second opinion, so nothing here imports pcapconv. Every builder returns bytes and writes what it is told,
wrong values included: a length that is given replaces the one that would be right. The readers are the oracle: slow,
one field after the other, for intact input only; whatever they cannot follow is a `ValueError` or `struct.error`.

Numbers are in the file's own units. `byte_order` is `"<"` or `">"`, as `struct` says it, and little endian by default.
Section numbers in brackets are those of draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap.
"""

import struct
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, TypeAlias

ByteOrder: TypeAlias = Literal["<", ">"]
LITTLE: ByteOrder = "<"
BIG: ByteOrder = ">"

# pcap: the first word of the file
MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MODIFIED = 0xA1B2CD34
IXIA_HARDWARE = 0x1C0001AC
IXIA_SOFTWARE = 0x1C0001AB

# link types
ETHERNET = 1
RAW_IP = 101
LINUX_SLL = 113

# pcapng: block types
SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
NAME_RESOLUTION = 4
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
SYSTEMD_JOURNAL = 9
DECRYPTION_SECRETS = 10
CUSTOM_COPY = 0x00000BAD
CUSTOM_DO_NOT_COPY = 0x40000BAD
BYTE_ORDER_MAGIC = 0x1A2B3C4D

# pcapng: option codes of any block
OPT_ENDOFOPT = 0
OPT_COMMENT = 1
OPT_CUSTOM_TEXT = 2988
OPT_CUSTOM_BYTES = 2989
OPT_CUSTOM_TEXT_DO_NOT_COPY = 19372
OPT_CUSTOM_BYTES_DO_NOT_COPY = 19373

# pcapng: option codes of one block
SHB_HARDWARE, SHB_OS, SHB_USERAPPL = 2, 3, 4
IF_NAME, IF_DESCRIPTION, IF_IPV4ADDR, IF_IPV6ADDR, IF_MACADDR, IF_EUIADDR, IF_SPEED, IF_TSRESOL = range(2, 10)
IF_TZONE, IF_FILTER, IF_OS, IF_FCSLEN, IF_TSOFFSET, IF_HARDWARE, IF_TXSPEED, IF_RXSPEED, IF_IANA_TZNAME = range(10, 19)
EPB_FLAGS, EPB_HASH, EPB_DROPCOUNT, EPB_PACKETID, EPB_QUEUE, EPB_VERDICT, EPB_PROCESSID_THREADID = range(2, 9)
PACK_FLAGS, PACK_HASH = 2, 3
NS_DNSNAME, NS_DNSIP4ADDR, NS_DNSIP6ADDR = 2, 3, 4
ISB_STARTTIME, ISB_ENDTIME, ISB_IFRECV, ISB_IFDROP, ISB_FILTERACCEPT, ISB_OSDROP, ISB_USRDELIV = range(2, 9)

# pcapng: name record types
NRB_RECORD_END, NRB_RECORD_IPV4, NRB_RECORD_IPV6, NRB_RECORD_EUI48, NRB_RECORD_EUI64 = range(5)

# pcapng: secrets types
TLS_KEY_LOG = 0x544C534B
SSH_KEY_LOG = 0x5353484B
WIREGUARD_KEY_LOG = 0x57474B4C
ZIGBEE_NWK_KEY = 0x5A4E574B
ZIGBEE_APS_KEY = 0x5A415053


# ---------------------------------------------------------------- pcap, written


def pcap_header(
    magic: int = MICROSECONDS,
    *,
    byte_order: ByteOrder = LITTLE,
    version: tuple[int, int] = (2, 4),
    thiszone: int = 0,
    sigfigs: int = 0,
    snaplen: int = 65535,
    link_type_word: int = ETHERNET,
    records_length: int | None = None,
) -> bytes:
    """A file header, 24 bytes; with `records_length`, the length field that Ixia puts after it, 28."""
    header = struct.pack(byte_order + "IHHiIII", magic, *version, thiszone, sigfigs, snaplen, link_type_word)
    return header if records_length is None else header + struct.pack(byte_order + "I", records_length)


def pcap_record(
    seconds: int,
    fraction: int,
    data: bytes,
    *,
    original_length: int | None = None,
    captured_length: int | None = None,
    byte_order: ByteOrder = LITTLE,
    lengths_swapped: bool = False,
    extra: bytes = b"",
) -> bytes:
    """A record; `lengths_swapped` puts the original length first, `extra` comes after the 16 bytes."""
    captured = len(data) if captured_length is None else captured_length
    original = len(data) if original_length is None else original_length
    lengths = (original, captured) if lengths_swapped else (captured, original)
    return struct.pack(byte_order + "IIII", seconds, fraction, *lengths) + extra + data


def modified_extra(
    interface_index: int = 0, protocol: int = 0x0800, packet_type: int = 0, *, byte_order: ByteOrder = LITTLE
) -> bytes:
    """The 8 bytes by which a record header of the modified format is longer."""
    return struct.pack(byte_order + "IHBx", interface_index, protocol, packet_type)


# ---------------------------------------------------------------- pcapng, written: blocks in general


def padded(data: bytes) -> bytes:
    """The data and zeros, up to a multiple of 4 bytes."""
    return data + bytes(-len(data) % 4)


def block(
    block_type: int,
    body: bytes = b"",
    *,
    byte_order: ByteOrder = LITTLE,
    total_length: int | None = None,
    trailer: int | None = None,
) -> bytes:
    """A block around a body, which is taken as it is and not padded (§3.1)."""
    length = len(body) + 12 if total_length is None else total_length
    head = struct.pack(byte_order + "II", block_type, length)
    return head + body + struct.pack(byte_order + "I", length if trailer is None else trailer)


def option(code: int, value: bytes = b"", *, byte_order: ByteOrder = LITTLE, length: int | None = None) -> bytes:
    """One option, its value padded (§3.5)."""
    return struct.pack(byte_order + "HH", code, len(value) if length is None else length) + padded(value)


def options(*pairs: tuple[int, bytes], byte_order: ByteOrder = LITTLE, end: bool = True) -> bytes:
    """Options from (code, value) pairs, closed by `opt_endofopt`; no pairs are no bytes at all."""
    listed = b"".join(option(code, value, byte_order=byte_order) for code, value in pairs)
    return listed + option(OPT_ENDOFOPT, byte_order=byte_order) if pairs and end else listed


def number(value: int, size: int, *, byte_order: ByteOrder = LITTLE) -> bytes:
    """An option value that is a number: 1, 2, 4 or 8 bytes, signed when the value is negative."""
    return value.to_bytes(size, "little" if byte_order == LITTLE else "big", signed=value < 0)


def halves(value: int, *, byte_order: ByteOrder = LITTLE) -> bytes:
    """A timestamp: 64 bits as two words, the upper one first in either byte order."""
    return struct.pack(byte_order + "II", value >> 32, value & 0xFFFFFFFF)


def custom_value(private_enterprise_number: int, data: bytes, *, byte_order: ByteOrder = LITTLE) -> bytes:
    """The value of a custom option, which begins with the number of the enterprise (§3.5.1)."""
    return number(private_enterprise_number, 4, byte_order=byte_order) + data


# ---------------------------------------------------------------- pcapng, written: the blocks of the specification


def section_header(
    *,
    byte_order: ByteOrder = LITTLE,
    options: bytes = b"",
    version: tuple[int, int] = (1, 0),
    section_length: int = -1,
) -> bytes:
    """A Section Header Block (§4.1)."""
    body = struct.pack(byte_order + "IHHq", BYTE_ORDER_MAGIC, *version, section_length) + options
    return block(SECTION_HEADER, body, byte_order=byte_order)


def interface(
    link_type: int = ETHERNET,
    snaplen: int = 262144,
    *,
    options: bytes = b"",
    reserved: int = 0,
    byte_order: ByteOrder = LITTLE,
) -> bytes:
    """An Interface Description Block (§4.2)."""
    body = struct.pack(byte_order + "HHI", link_type, reserved, snaplen) + options
    return block(INTERFACE_DESCRIPTION, body, byte_order=byte_order)


def enhanced_packet(
    interface_id: int,
    ticks: int,
    data: bytes,
    *,
    original_length: int | None = None,
    captured_length: int | None = None,
    options: bytes = b"",
    byte_order: ByteOrder = LITTLE,
) -> bytes:
    """An Enhanced Packet Block (§4.3)."""
    captured = len(data) if captured_length is None else captured_length
    original = len(data) if original_length is None else original_length
    fixed = struct.pack(byte_order + "I", interface_id) + halves(ticks, byte_order=byte_order)
    lengths = struct.pack(byte_order + "II", captured, original)
    return block(ENHANCED_PACKET, fixed + lengths + padded(data) + options, byte_order=byte_order)


def simple_packet(data: bytes, *, original_length: int | None = None, byte_order: ByteOrder = LITTLE) -> bytes:
    """A Simple Packet Block (§4.4)."""
    original = len(data) if original_length is None else original_length
    return block(SIMPLE_PACKET, number(original, 4, byte_order=byte_order) + padded(data), byte_order=byte_order)


def obsolete_packet(
    interface_id: int,
    ticks: int,
    data: bytes,
    *,
    drops_count: int = 0xFFFF,
    original_length: int | None = None,
    captured_length: int | None = None,
    options: bytes = b"",
    byte_order: ByteOrder = LITTLE,
) -> bytes:
    """A Packet Block, obsolete (appendix A); a drop count of 0xFFFF says that it is not known."""
    captured = len(data) if captured_length is None else captured_length
    original = len(data) if original_length is None else original_length
    fixed = struct.pack(byte_order + "HH", interface_id, drops_count) + halves(ticks, byte_order=byte_order)
    lengths = struct.pack(byte_order + "II", captured, original)
    return block(OBSOLETE_PACKET, fixed + lengths + padded(data) + options, byte_order=byte_order)


def ipv4_name(address: str, *names: str) -> tuple[int, bytes]:
    """A name record: what an IPv4 address is called."""
    return NRB_RECORD_IPV4, IPv4Address(address).packed + b"".join(name.encode() + b"\0" for name in names)


def ipv6_name(address: str, *names: str) -> tuple[int, bytes]:
    """A name record: what an IPv6 address is called."""
    return NRB_RECORD_IPV6, IPv6Address(address).packed + b"".join(name.encode() + b"\0" for name in names)


def names(*records: tuple[int, bytes], options: bytes = b"", end: bool = True, byte_order: ByteOrder = LITTLE) -> bytes:
    """A Name Resolution Block of (type, value) records, which have the layout of options (§4.5)."""
    listed = b"".join(option(kind, value, byte_order=byte_order) for kind, value in records)
    closing = option(NRB_RECORD_END, byte_order=byte_order) if end else b""
    return block(NAME_RESOLUTION, listed + closing + options, byte_order=byte_order)


def statistics(interface_id: int, ticks: int, *, options: bytes = b"", byte_order: ByteOrder = LITTLE) -> bytes:
    """An Interface Statistics Block (§4.6)."""
    body = struct.pack(byte_order + "I", interface_id) + halves(ticks, byte_order=byte_order) + options
    return block(INTERFACE_STATISTICS, body, byte_order=byte_order)


def journal(entry: bytes, *, byte_order: ByteOrder = LITTLE) -> bytes:
    """A systemd Journal Export Block (§4.7)."""
    return block(SYSTEMD_JOURNAL, padded(entry), byte_order=byte_order)


def secrets(secrets_type: int, data: bytes, *, options: bytes = b"", byte_order: ByteOrder = LITTLE) -> bytes:
    """A Decryption Secrets Block (§4.8)."""
    fixed = struct.pack(byte_order + "II", secrets_type, len(data))
    return block(DECRYPTION_SECRETS, fixed + padded(data) + options, byte_order=byte_order)


def custom(
    block_type: int,
    private_enterprise_number: int,
    data: bytes = b"",
    *,
    options: bytes = b"",
    byte_order: ByteOrder = LITTLE,
) -> bytes:
    """A Custom Block, `CUSTOM_COPY` or `CUSTOM_DO_NOT_COPY` (§4.9)."""
    fixed = number(private_enterprise_number, 4, byte_order=byte_order)
    return block(block_type, fixed + padded(data) + options, byte_order=byte_order)


class In:
    """The builders above, bound to one byte order: `In(">").interface(1)` is `interface(1, byte_order=">")`."""

    def __init__(self, byte_order: ByteOrder) -> None:
        self.byte_order = byte_order
        self.pcap_header = partial(pcap_header, byte_order=byte_order)
        self.pcap_record = partial(pcap_record, byte_order=byte_order)
        self.modified_extra = partial(modified_extra, byte_order=byte_order)
        self.block = partial(block, byte_order=byte_order)
        self.option = partial(option, byte_order=byte_order)
        self.options = partial(options, byte_order=byte_order)
        self.number = partial(number, byte_order=byte_order)
        self.halves = partial(halves, byte_order=byte_order)
        self.custom_value = partial(custom_value, byte_order=byte_order)
        self.section_header = partial(section_header, byte_order=byte_order)
        self.interface = partial(interface, byte_order=byte_order)
        self.enhanced_packet = partial(enhanced_packet, byte_order=byte_order)
        self.simple_packet = partial(simple_packet, byte_order=byte_order)
        self.obsolete_packet = partial(obsolete_packet, byte_order=byte_order)
        self.names = partial(names, byte_order=byte_order)
        self.statistics = partial(statistics, byte_order=byte_order)
        self.journal = partial(journal, byte_order=byte_order)
        self.secrets = partial(secrets, byte_order=byte_order)
        self.custom = partial(custom, byte_order=byte_order)


# ---------------------------------------------------------------- read: what a capture says


class Packet(NamedTuple):
    """One packet as its file states it; `ticks` is None where the file states no time."""

    section: int
    interface: int
    ticks: int | None
    captured_length: int
    original_length: int
    options: bytes
    data: bytes


class Interface(NamedTuple):
    """One interface; `interface` is its id within the section."""

    section: int
    interface: int
    link_type: int
    snaplen: int
    options: bytes


class Block(NamedTuple):
    """One pcapng block; `offset` is where it begins in the file, `raw` all its bytes."""

    offset: int
    byte_order: ByteOrder
    block_type: int
    body: bytes
    raw: bytes


class PcapHeader(NamedTuple):
    """A pcap file header; `size` is where the first record begins, `units` the fractions in a second."""

    magic: int
    byte_order: ByteOrder
    version: tuple[int, int]
    thiszone: int
    sigfigs: int
    snaplen: int
    link_type_word: int
    size: int
    units: int


_UNITS = {MICROSECONDS: 10**6, NANOSECONDS: 10**9, MODIFIED: 10**6, IXIA_HARDWARE: 10**9, IXIA_SOFTWARE: 10**6}


def read_pcap_header(capture: bytes) -> PcapHeader:
    """The header of a pcap file, whichever its byte order."""
    for byte_order in (LITTLE, BIG):
        magic, major, minor, zone, sigfigs, snaplen, link_type = struct.unpack_from(byte_order + "IHHiIII", capture)
        if magic in _UNITS:
            size = 28 if magic in (IXIA_HARDWARE, IXIA_SOFTWARE) else 24
            version = (major, minor)
            return PcapHeader(magic, byte_order, version, zone, sigfigs, snaplen, link_type, size, _UNITS[magic])
    raise ValueError(f"no pcap magic: {capture[:4].hex()}")


def read_pcap(capture: bytes) -> list[Packet]:
    """Every packet; in the modified format `interface` is the index that the record states, else 0."""
    header = read_pcap_header(capture)
    packets = []
    position = header.size
    while position < len(capture):
        seconds, fraction, captured, original = struct.unpack_from(header.byte_order + "IIII", capture, position)
        position += 16
        if _lengths_are_swapped(header.version, captured, original):
            captured, original = original, captured
        index = 0
        if header.magic == MODIFIED:
            (index,) = struct.unpack_from(header.byte_order + "I", capture, position)
            position += 8
        data = capture[position : position + captured]
        if len(data) < captured:
            raise ValueError(f"offset {position}: {len(data)} bytes of a packet of {captured}")
        position += captured
        packets.append(Packet(0, index, seconds * header.units + fraction, captured, original, b"", data))
    return packets


def _lengths_are_swapped(version: tuple[int, int], captured: int, original: int) -> bool:
    return version[0] == 543 or (2, 0) <= version < (2, 3) or (version == (2, 3) and captured > original)


def read_blocks(capture: bytes) -> list[Block]:
    """Every block of a pcapng file; section lengths are not looked at."""
    blocks = []
    position = 0
    byte_order = LITTLE
    while position < len(capture):
        if capture[position : position + 4] == b"\n\r\r\n":
            byte_order = _section_byte_order(capture[position + 8 : position + 12])
        block_type, length = struct.unpack_from(byte_order + "II", capture, position)
        end = position + length + -length % 4  # old programs do not count the padding
        if length < 12 or end > len(capture):
            raise ValueError(f"offset {position}: block length {length}")
        (trailer,) = struct.unpack_from(byte_order + "I", capture, end - 4)
        if trailer != length:
            raise ValueError(f"offset {position}: block length {length}, but {trailer} at its end")
        body = capture[position + 8 : end - 4]
        blocks.append(Block(position, byte_order, block_type, body, capture[position:end]))
        position = end
    return blocks


def raw_blocks(capture: bytes) -> list[bytes]:
    """The bytes of each block of a pcapng capture."""
    return [block.raw for block in read_blocks(capture)]


def _section_byte_order(magic: bytes) -> ByteOrder:
    if magic == BYTE_ORDER_MAGIC.to_bytes(4, "little"):
        return LITTLE
    if magic == BYTE_ORDER_MAGIC.to_bytes(4, "big"):
        return BIG
    raise ValueError(f"no byte-order magic: {magic.hex()}")


def read_options(raw: bytes, byte_order: ByteOrder = LITTLE) -> list[tuple[int, bytes]]:
    """(code, value) pairs up to `opt_endofopt` or the end of the bytes."""
    pairs = []
    position = 0
    while position < len(raw):
        code, length = struct.unpack_from(byte_order + "HH", raw, position)
        if code == OPT_ENDOFOPT:
            break
        value = raw[position + 4 : position + 4 + length]
        if len(value) < length:
            raise ValueError(f"option {code} claims {length} bytes, {len(value)} are left")
        pairs.append((code, value))
        position += 4 + length + -length % 4
    return pairs


def read_interfaces(capture: bytes) -> list[Interface]:
    """Every interface of a pcapng file, in file order; sections count from 0."""
    found: list[Interface] = []
    for section, each in _readable_blocks(capture):
        if each.block_type == INTERFACE_DESCRIPTION:
            link_type, snaplen = struct.unpack_from(each.byte_order + "HxxI", each.body)
            interface_id = sum(one.section == section for one in found)
            found.append(Interface(section, interface_id, link_type, snaplen, each.body[8:]))
    return found


def read_pcapng(capture: bytes) -> list[Packet]:
    """Every packet of a pcapng file, in file order; sections count from 0.

    Left out are packets of an interface that their section has not declared before them.
    """
    packets: list[Packet] = []
    snaplens: list[int] = []
    for section, each in _readable_blocks(capture):
        if each.block_type == SECTION_HEADER:
            snaplens = []
        elif each.block_type == INTERFACE_DESCRIPTION:
            snaplens += struct.unpack_from(each.byte_order + "I", each.body, 4)
        elif each.block_type in (ENHANCED_PACKET, OBSOLETE_PACKET):
            packet = _timed_packet(section, each)
            packets += [packet] if packet.interface < len(snaplens) else []
        elif each.block_type == SIMPLE_PACKET:
            packets += [_simple_packet(section, snaplens[0], each)] if snaplens else []
    return packets


def _readable_blocks(capture: bytes) -> list[tuple[int, Block]]:
    """(section, block) pairs, without the sections whose version is neither 1.0 nor 1.2, which count all the same."""
    found = []
    section = -1
    version = (0, 0)
    for each in read_blocks(capture):
        if each.block_type == SECTION_HEADER:
            section += 1
            version = struct.unpack_from(each.byte_order + "HH", each.body, 4)
        if version in ((1, 0), (1, 2)):
            found.append((section, each))
    return found


def _timed_packet(section: int, each: Block) -> Packet:
    interface_format = "I" if each.block_type == ENHANCED_PACKET else "Hxx"
    interface_id, upper, lower, captured, original = struct.unpack_from(
        each.byte_order + interface_format + "IIII", each.body
    )
    data = each.body[20 : 20 + captured]
    if len(data) < captured:
        raise ValueError(f"offset {each.offset}: {len(data)} bytes of a packet of {captured}")
    options_at = 20 + captured + -captured % 4
    return Packet(section, interface_id, upper << 32 | lower, captured, original, each.body[options_at:], data)


def _simple_packet(section: int, snaplen: int, each: Block) -> Packet:
    (original,) = struct.unpack_from(each.byte_order + "I", each.body)
    captured = min(snaplen or original, original)
    if captured > len(each.body) - 4:
        raise ValueError(f"offset {each.offset}: {len(each.body) - 4} bytes of a packet of {captured}")
    return Packet(section, 0, None, captured, original, b"", each.body[4 : 4 + captured])
