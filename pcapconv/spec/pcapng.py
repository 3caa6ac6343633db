"""pcapng (draft-ietf-opsawg-pcapng): its wire layout, and the one table of its blocks and options.

Strategy: who wants to know what a block or an option is (losses, strip, normal form, sidecar, info, diff, text form)
asks the table at the end. It is plain data, complete with names and with what `number`, `text` or `time` a value is,
since conversions ask it and python-pcapng takes longer to import than a small capture to convert. python-pcapng's
schemas add, in `interpret`, how the other values are to be read, when somebody looks at one; tests hold the names and
types here against them. What is in no specification, but in captures, is in the table too, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pcapconv.spec import ByteOrder, option_lists
from pcapconv.spec.option_lists import CUSTOM_BYTES, CUSTOM_TEXT, FILTER, TEXT, TIME, TWO_NUMBERS, OptionType

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
PROCESS = 0x80000001  # macOS's, of the types for local use

PACKET_BLOCKS = (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET)

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

SECTION_LENGTH_AT = 16  # in the Section Header Block
SECTION_OPTIONS_AT = 16  # in its body
INTERFACE_OPTIONS_AT = 8  # in the Interface Description Block's body
STATISTICS_OPTIONS_AT = 12  # in the Interface Statistics Block's
SECRETS_DATA_AT = 8  # in the Decryption Secrets Block's
DATA_AT = {SIMPLE_PACKET: 12, OBSOLETE_PACKET: 28, ENHANCED_PACKET: 28}  # in the block
CAPTURED_LENGTH_AT = 20  # in the Enhanced Packet Block
DROPS_AT = 10  # in the Packet Block (obsolete), 16 bits
UNKNOWN_LENGTH = bytes(8 * [0xFF])

IF_NAME = 2
IF_DESCRIPTION = 3
IF_SPEED = 8
IF_TSRESOL = 9
IF_FILTER = 11
IF_OS = 12
IF_FCSLEN = 13
IF_TSOFFSET = 14
IF_HARDWARE = 15
PACKET_FLAGS = 2  # epb_flags, and pack_flags of the obsolete block
PACKET_HASH = 3
EPB_DROPCOUNT = 4

# Options of packets that name a process of macOS, and the one for which it acts: by the number, from 0, that its block
# has among those of the section (libpcap of macOS: pcap-ng.h).
PROCESS_REFERENCES = (32769, 32771)
WIRESHARK = 32622  # the private enterprise number under which Wireshark notes processes, by their ids
_PROCESS_ENTRY = b"\3\0\0\0"  # little-endian in every section
_ENTRY_AT = 12  # in the body of such a block

OptionsAt = Callable[[bytes, ByteOrder], int]


class BlockType(NamedTuple):
    """What a block is.

    `name` is empty where its code is all that is shown. `kind` is the kind of metadata, "" for packets and what they
    need to be read. `loss` is what it counts as where a format has no place for it. `options_at` tells where its
    options begin in its body (which may end before), None where there are none that anybody looks at. `own_options`
    are those that only this block has. `explains` tells that packets behind it cannot be understood without it.
    `frame` is what Wireshark calls it, if it counts it among the packets. `specified` and `copied` are as in
    `OptionType`.
    """

    code: int
    name: str
    kind: str = "unknown"
    loss: str = "unknown-blocks"
    options_at: OptionsAt | None = None
    own_options: tuple[OptionType, ...] = ()
    explains: bool = False
    frame: str = ""
    specified: bool = True
    copied: bool = True


def _after_records(body: bytes, byte_order: ByteOrder) -> int:
    return option_lists.OptionList(
        body, byte_order
    ).length  # an unreadable record ends them, and is an unreadable option


def _after_secrets(body: bytes, byte_order: ByteOrder) -> int:
    return SECRETS_DATA_AT + (int.from_bytes(body[4:8], byte_order) + 3 & ~3)


def _after(size: int) -> OptionsAt:
    return lambda _, __: size


_ANY_BLOCK = (
    OptionType(option_lists.COMMENT, "opt_comment", "comments", TEXT),
    OptionType(2988, "opt_custom", "custom", CUSTOM_TEXT),
    OptionType(2989, "opt_custom", "custom", CUSTOM_BYTES),
    OptionType(19372, "opt_custom", "custom", CUSTOM_TEXT, copied=False),
    OptionType(19373, "opt_custom", "custom", CUSTOM_BYTES, copied=False),
)
_SECTION = (
    OptionType(2, "shb_hardware", "host", TEXT),
    OptionType(3, "shb_os", "host", TEXT),
    OptionType(4, "shb_userappl", "host", TEXT),
)
_INTERFACE = (
    OptionType(IF_NAME, "if_name", "", TEXT),
    OptionType(IF_DESCRIPTION, "if_description", "", TEXT),
    OptionType(4, "if_IPv4addr", "addresses"),
    OptionType(5, "if_IPv6addr", "addresses"),
    OptionType(6, "if_MACaddr", "addresses"),
    OptionType(7, "if_EUIaddr", "addresses"),
    OptionType(IF_SPEED, "if_speed", "details", "u64"),
    OptionType(IF_TSRESOL, "if_tsresol", None, "u8", pcap_length=1),
    OptionType(10, "if_tzone", "details", "u32"),
    OptionType(IF_FILTER, "if_filter", "", FILTER),
    OptionType(IF_OS, "if_os", "host", TEXT),
    OptionType(IF_FCSLEN, "if_fcslen", None, "u8", pcap_length=1),
    OptionType(IF_TSOFFSET, "if_tsoffset", None, "i64", pcap_length=8),
    OptionType(IF_HARDWARE, "if_hardware", "host", TEXT),
    OptionType(16, "if_txspeed", "details", "u64"),
    OptionType(17, "if_rxspeed", "details", "u64"),
    OptionType(18, "if_iana_tzname", "details", TEXT),
)
_PACKET = (
    OptionType(PACKET_FLAGS, "epb_flags", None, "u32"),
    OptionType(PACKET_HASH, "epb_hash", "details"),
    OptionType(EPB_DROPCOUNT, "epb_dropcount", "details", "u64"),
    OptionType(5, "epb_packetid", "details", "u64"),
    OptionType(6, "epb_queue", "details", "u32"),
    OptionType(7, "epb_verdict", "details"),
    OptionType(8, "epb_processid_threadid", "details", TWO_NUMBERS),
)
_OBSOLETE_PACKET = (
    OptionType(PACKET_FLAGS, "pack_flags", None, "u32"),
    OptionType(PACKET_HASH, "pack_hash", "details"),
    # An obsolete block has no such options; the normal form takes them as those of an Enhanced Packet Block.
    *(OptionType(code, "", "details", specified=False) for code in range(4, 9)),
)
_NAMES = (
    OptionType(2, "ns_dnsname", "details", TEXT),
    OptionType(3, "ns_dnsIP4addr", "details"),
    OptionType(4, "ns_dnsIP6addr", "details"),
)
_STATISTICS = (
    OptionType(2, "isb_starttime", "", TIME),
    OptionType(3, "isb_endtime", "", TIME),
    OptionType(4, "isb_ifrecv", "", "u64"),
    OptionType(5, "isb_ifdrop", "", "u64"),
    OptionType(6, "isb_filteraccept", "", "u64"),
    OptionType(7, "isb_osdrop", "", "u64"),
    OptionType(8, "isb_usrdeliv", "", "u64"),
)
_PROCESS = (
    OptionType(2, "pib_name", "", TEXT, specified=False),
    OptionType(3, "pib_path", "", TEXT, specified=False),
    OptionType(4, "pib_uuid", "", specified=False),
)
_BLOCKS = (
    BlockType(SECTION_HEADER, "Section Header", "", "sections", _after(SECTION_OPTIONS_AT), _SECTION),
    BlockType(
        INTERFACE_DESCRIPTION, "Interface Description", "", "interfaces", _after(INTERFACE_OPTIONS_AT), _INTERFACE
    ),
    BlockType(OBSOLETE_PACKET, "Packet (obsolete)", "", "", own_options=_OBSOLETE_PACKET),
    BlockType(SIMPLE_PACKET, "Simple Packet", "", ""),
    BlockType(ENHANCED_PACKET, "Enhanced Packet", "", "", own_options=_PACKET),
    BlockType(NAME_RESOLUTION, "Name Resolution", "names", "names", _after_records, _NAMES, explains=True),
    BlockType(
        INTERFACE_STATISTICS,
        "Interface Statistics",
        "statistics",
        "statistics",
        _after(STATISTICS_OPTIONS_AT),
        _STATISTICS,
    ),
    BlockType(DECRYPTION_SECRETS, "Decryption Secrets", "secrets", "secrets", _after_secrets, explains=True),
    BlockType(JOURNAL, "systemd Journal Export", loss="journal-entries", frame="journal"),
    BlockType(CUSTOM, "Custom", "custom", "custom-blocks", frame="custom"),
    BlockType(CUSTOM_DO_NOT_COPY, "Custom (do not copy)", "custom", "custom-blocks", frame="custom", copied=False),
    BlockType(PROCESS, "", own_options=_PROCESS, explains=True, specified=False),
    *(BlockType(code, "", frame="sysdig event", specified=False) for code in (0x204, 0x216, 0x221)),
)
BLOCKS: Mapping[int, BlockType] = {row.code: row for row in _BLOCKS}
_OPTIONS = {row.code: {option.code: option for option in (*_ANY_BLOCK, *row.own_options)} for row in _BLOCKS}
OPTIONS_OF_ANY = {option.code: option for option in _ANY_BLOCK}
_UNKNOWN_BLOCK = BlockType(0, "", specified=False)
_UNKNOWN_OPTION = OptionType(0, "", "unknown", specified=False)


def block_type(code: int) -> BlockType:
    """The row of a block type; one of an unknown kind for a code that is not in the table."""
    return BLOCKS.get(code, _UNKNOWN_BLOCK)


def block_name(code: int) -> str:
    """The name of a block type; its code in hex where it has none."""
    return block_type(code).name or f"0x{code:08x}"


def option_types(block: int) -> Mapping[int, OptionType]:
    """The options that are known of a block type, by code: its own, and those of any block."""
    return _OPTIONS.get(block, OPTIONS_OF_ANY)


def option_type(block: int, code: int) -> OptionType:
    """The row of an option of a block type; one of an unknown kind for a code that is not in the table."""
    return option_types(block).get(code, _UNKNOWN_OPTION)


def option_name(block: int, code: int) -> str:
    """The name of an option of a block type; its code where it has none."""
    return option_type(block, code).name or f"option {code}"


def options_at(block: int, body: bytes, byte_order: ByteOrder) -> int:
    """Where the options of a block begin in its body; at its end where there are none."""
    row = block_type(block)
    return len(body) if row.options_at is None else min(row.options_at(body, byte_order), len(body))


def is_process(block: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether a block says of a process what packets refer to: macOS's, or Wireshark's."""
    return block == PROCESS or (
        block in (CUSTOM, CUSTOM_DO_NOT_COPY)
        and int.from_bytes(body[:4], byte_order) == WIRESHARK
        and body[4:8] == _PROCESS_ENTRY
    )


def process_options_at(block: int, body: bytes) -> int:
    """Where the options of a process block begin in its body; at its end where there are none."""
    if block == PROCESS:
        return min(4, len(body))
    entry = int.from_bytes(body[8:_ENTRY_AT], "little")
    return min(_ENTRY_AT + (entry + 3 & ~3), len(body))


def explains_packets(block: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether packets behind a block cannot be understood without it: names, secrets, processes."""
    return block_type(block).explains or is_process(block, body, byte_order)


def from_text_transfer(first: bytes) -> bool:
    """Whether a capture's first four bytes are what a Section Header Block's become in a text-mode transfer.

    The specification keeps block types 0x0A0D0A00-FF, 0x000A0D0A-FF0A0D0A, 0x000A0D0D-FF0A0D0D and 0x0D0D0A00-FF
    unused for this.
    """
    return first[:3] in (b"\n\r\n", b"\r\r\n") or first[1:4] in (b"\n\r\n", b"\n\r\r")
