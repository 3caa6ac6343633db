"""The wire layout of pcapng: draft-ietf-opsawg-pcapng."""

from __future__ import annotations

from pcapconv.spec import ByteOrder, options

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3  # whose packets have no time
NAME_RESOLUTION = 4
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
JOURNAL = 9
DECRYPTION_SECRETS = 10
CUSTOM = 0x00000BAD
CUSTOM_DO_NOT_COPY = 0x40000BAD
PROCESS = 0x80000001  # macOS's, of the types for local use: in no specification

PACKET_BLOCKS = (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET)

BLOCK_NAMES = {
    SECTION_HEADER: "Section Header",
    INTERFACE_DESCRIPTION: "Interface Description",
    OBSOLETE_PACKET: "Packet (obsolete)",
    SIMPLE_PACKET: "Simple Packet",
    NAME_RESOLUTION: "Name Resolution",
    INTERFACE_STATISTICS: "Interface Statistics",
    ENHANCED_PACKET: "Enhanced Packet",
    JOURNAL: "systemd Journal Export",
    DECRYPTION_SECRETS: "Decryption Secrets",
    CUSTOM: "Custom",
    CUSTOM_DO_NOT_COPY: "Custom (do not copy)",
}

BYTE_ORDER_MAGIC = 0x1A2B3C4D
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"\x4d\x3c\x2b\x1a": "little", b"\x1a\x2b\x3c\x4d": "big"}

VERSIONS = {(1, 0), (1, 2)}  # 1.2 was written by mistake and reads as 1.0

# Block lengths without a single option.
BLOCK_OVERHEAD = 12
SHORTEST = {
    SECTION_HEADER: 28,
    INTERFACE_DESCRIPTION: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
}

ADDRESS_SIZES = {1: 4, 2: 16, 3: 6, 4: 8}  # by type of a name record: IPv4, IPv6, EUI-48, EUI-64

# The options that hold text, by block type, besides comments: names, descriptions, hosts, time zones.
TEXTS = {SECTION_HEADER: (2, 3, 4), INTERFACE_DESCRIPTION: (2, 3, 12, 15, 18), NAME_RESOLUTION: (2,), PROCESS: (2, 3)}
IF_FILTER = 11  # text too, behind a byte that says so

SECTION_LENGTH_AT = 16  # in the Section Header Block
SECTION_OPTIONS_AT = 16  # in its body
INTERFACE_OPTIONS_AT = 8  # in the Interface Description Block's body
DATA_AT = {SIMPLE_PACKET: 12, OBSOLETE_PACKET: 28, ENHANCED_PACKET: 28}  # in the block
CAPTURED_LENGTH_AT = 20  # in the Enhanced Packet Block
DROPS_AT = 10  # in the Packet Block (obsolete), 16 bits
UNKNOWN_LENGTH = bytes(8 * [0xFF])

IF_TSRESOL = 9
IF_FCSLEN = 13
IF_TSOFFSET = 14

# Options of packets that name a process of macOS, and the one for which it acts: by the number, from 0, that its block
# has among those of the section (libpcap of macOS: pcap-ng.h).
PROCESS_REFERENCES = (32769, 32771)
WIRESHARK = 32622  # the private enterprise number under which Wireshark notes processes, by their ids
_PROCESS_ENTRY = b"\3\0\0\0"  # little-endian in every section
_ENTRY_AT = 12  # in the body of such a block


def options_at(block_type: int, body: bytes, byte_order: ByteOrder) -> int:
    """Where the options of a names, statistics or secrets block begin in its body; at the end in other blocks."""
    at = len(body)
    if block_type == NAME_RESOLUTION:
        return name_records(body, byte_order).length  # an unreadable record ends them, and is an unreadable option
    if block_type == INTERFACE_STATISTICS:
        return min(12, at)
    if block_type == DECRYPTION_SECRETS:
        return min(8 + (int.from_bytes(body[4:8], byte_order) + 3 & ~3), at)
    return at


def name_records(body: bytes, byte_order: ByteOrder) -> options.Options:
    """The records of a names block, which have the form of options: type, length, value."""
    return options.Options(body, byte_order)


def is_process(block_type: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether a block says of a process what packets refer to: macOS's, or Wireshark's."""
    return block_type == PROCESS or (
        block_type in (CUSTOM, CUSTOM_DO_NOT_COPY)
        and int.from_bytes(body[:4], byte_order) == WIRESHARK
        and body[4:8] == _PROCESS_ENTRY
    )


def process_options_at(block_type: int, body: bytes) -> int:
    """Where the options of a process block begin in its body; at its end where there are none."""
    if block_type == PROCESS:
        return min(4, len(body))
    entry = int.from_bytes(body[8:_ENTRY_AT], "little")
    return min(_ENTRY_AT + (entry + 3 & ~3), len(body))


def kind_of_other(block_type: int) -> str:
    """The kind of metadata that statistics are, or a custom or unknown block."""
    if block_type in (CUSTOM, CUSTOM_DO_NOT_COPY):
        return "custom"
    return "statistics" if block_type == INTERFACE_STATISTICS else "unknown"


def explains_packets(block_type: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether packets behind a block cannot be understood without it: names, secrets, processes."""
    return block_type in (NAME_RESOLUTION, DECRYPTION_SECRETS) or is_process(block_type, body, byte_order)


def from_text_transfer(first: bytes) -> bool:
    """Whether a capture's first four bytes are what a Section Header Block's become in a text-mode transfer.

    The specification keeps block types 0x0A0D0A00-FF, 0x000A0D0A-FF0A0D0A, 0x000A0D0D-FF0A0D0D and 0x0D0D0A00-FF
    unused for this.
    """
    return first[:3] in (b"\n\r\n", b"\r\r\n") or first[1:4] in (b"\n\r\n", b"\n\r\r")
