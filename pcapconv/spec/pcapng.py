"""pcapng (draft-ietf-opsawg-pcapng): the numbers of its blocks and options, and the one table that says what each is.

The numbers of block types, such as 5 for Interface Statistics, are defined only here; the kernels and `model.Columns`
repeat those of packet blocks (2, 3 and 6). Other modules look up in the table at the end of this module what a block or
an option is: losses, strip, normal form, sidecar, info, diff, text form. A block goes through a conversion as a
`model.Block`, with its body as bytes, whatever its type. `bodies.py` reads the fields of bodies. These modules treat
blocks of one type in a special way:

| block type | module: what is special |
|---|---|
| Interface Statistics (5) | `splitting/by_interface_or_link_type.py`: goes to its interface's part, with a new id |
| | `sidecar/edited/restore_edited_step.py`: gets the interface's new id |
| | `normalizing/normalize_step.py`: gets a new id and times in nanoseconds; `survey.py` keeps its interface for that |
| | `comparing/compared_capture.py`, `describing/blocks.py`, `describing/text_form.py`: fields and options |
| | `sidecar/json_blocks.py`: readable JSON. `readable_options.py`: times need the interface's time unit |
| | `conversion.py`: is not counted among the report's `other_blocks` |
| Name Resolution (4) | `model/blocks.py`, `formats/losses.py`: counts as many times as it has records |
| | `normalizing/survey.py`: one block for all names. `sidecar/json_blocks.py`: readable JSON |
| | `describing/blocks.py`, `describing/text_form.py`: addresses and names |
| Decryption Secrets (10) | `steps/secrets.py`: is added, or its key log extracted |
| | `sidecar/save_step.py`, `sidecar/json_blocks.py`: is stored whole only with `sidecar_secrets` |
| | `normalizing/survey.py`: after the names. `comparing/compared_capture.py`, `describing/`: shown without data |
| names, secrets, processes | `splitting/splitter.py`: in every part. `normalizing/sort.py`: before the packets |
| Section Header, Interface Description | `formats/`: become `Section` and `Interface` of the model; made from them |
| packet blocks | `formats/` and `kernels/`: become `PacketBatch` of the model; made from it |

`spec/bodies.py` has the fields in the bodies of statistics, names, secrets and custom blocks.

Strategy: the table is plain data, with all names and with the types of numbers, texts and times, since conversions need
it and python-pcapng takes longer to import than a small capture takes to convert. `readable_options` takes the types of
other values from python-pcapng's schemas; tests compare the names and types here with these schemas. Blocks and options
that captures have, but no specification names, are in the table as not `specified`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pcapconv.spec import ByteOrder, option_lists
from pcapconv.spec.option_lists import CUSTOM_BYTES, CUSTOM_TEXT, FILTER, TEXT, TIME, TWO_NUMBERS, OptionType

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3  # has no time
NAME_RESOLUTION = 4
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
JOURNAL = 9
DECRYPTION_SECRETS = 10
CUSTOM = 0x00000BAD
CUSTOM_DO_NOT_COPY = 0x40000BAD
PROCESS = 0x80000001  # macOS's, from the range for local use

PACKET_BLOCKS = (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET)

BYTE_ORDER_MAGIC = 0x1A2B3C4D
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"\x4d\x3c\x2b\x1a": "little", b"\x1a\x2b\x3c\x4d": "big"}

VERSIONS = {(1, 0), (1, 2)}  # 1.2 was written by mistake and reads as 1.0

# Lengths of blocks in bytes: of a block without a body, and of the shortest block of each type, which has no options.
BLOCK_OVERHEAD = 12
SHORTEST = {
    SECTION_HEADER: 28,
    INTERFACE_DESCRIPTION: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
}

# Offsets in bytes.
SECTION_LENGTH_AT = 16  # in the Section Header Block
SECTION_OPTIONS_AT = 16  # in the Section Header Block's body
INTERFACE_OPTIONS_AT = 8  # in the Interface Description Block's body
STATISTICS_OPTIONS_AT = 12  # in the Interface Statistics Block's body
SECRETS_DATA_AT = 8  # in the Decryption Secrets Block's body
DATA_AT = {SIMPLE_PACKET: 12, OBSOLETE_PACKET: 28, ENHANCED_PACKET: 28}  # of the packet's bytes, in the block
CAPTURED_LENGTH_AT = 20  # in the Enhanced Packet Block
DROPS_AT = 10  # in the Packet Block (obsolete), 16 bits
UNKNOWN_LENGTH = bytes(8 * [0xFF])  # section length -1: not stated

SHB_HARDWARE = 2
SHB_OS = 3
SHB_USERAPPL = 4
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
DIRECTIONS = {"in": 1, "out": 2}  # the lowest two bits of these flags
FCS_LENGTH_IN_FLAGS = 0x1E0  # the bits of these flags that state the length of the frame check sequence
PACKET_HASH = 3
EPB_DROPCOUNT = 4

# Options of a packet on macOS that name its process, and the process on whose behalf that process acts: by the index,
# from 0, of the process's block among the process blocks of the section (libpcap of macOS: pcap-ng.h).
PROCESS_REFERENCES = (32769, 32771)
EPB_PROCESSID_THREADID = 8
WIRESHARK = 32622  # the private enterprise number of custom blocks in which Wireshark describes processes
_PROCESS_ENTRY = b"\3\0\0\0"  # the type of such a block, after its enterprise number; little-endian in every section
_ENTRY_AT = 12  # offset of the process entry in the body of such a block

OptionsAt = Callable[[bytes, ByteOrder], int]  # body, byte order → offset of the options in the body


class BlockType(NamedTuple):
    """What a block is: an entry of the table.

    `name` is empty if only the block's code is shown. `kind` is the kind of metadata, "" for packets and for the blocks
    that are needed to read packets. `loss` is the kind of loss by which the block is counted if a format has no place
    for it. `options_at` gives the offset of the block's options in its body (which may be shorter), None if pcapconv
    reads no options of such a block. `own_options` are the options that only this block has. `explains` is whether
    readers need the block to understand the packets after it. `frame` is what Wireshark calls the block, if Wireshark
    counts it among the packets. `specified` and `copied` are as in `OptionType`.
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
    # An unreadable record ends the records, and counts as an unreadable option.
    return option_lists.OptionList(body, byte_order).length


def _after_secrets(body: bytes, byte_order: ByteOrder) -> int:
    return SECRETS_DATA_AT + (int.from_bytes(body[4:8], byte_order) + 3 & ~3)


def _after(size: int) -> OptionsAt:
    """The `options_at` of a block whose options follow `size` bytes of fields."""
    return lambda _, __: size


_ANY_BLOCK = (
    OptionType(option_lists.COMMENT, "opt_comment", "comments", TEXT),
    OptionType(2988, "opt_custom", "custom", CUSTOM_TEXT),
    OptionType(2989, "opt_custom", "custom", CUSTOM_BYTES),
    OptionType(19372, "opt_custom", "custom", CUSTOM_TEXT, copied=False),
    OptionType(19373, "opt_custom", "custom", CUSTOM_BYTES, copied=False),
)
_SECTION = (
    OptionType(SHB_HARDWARE, "shb_hardware", "host", TEXT),
    OptionType(SHB_OS, "shb_os", "host", TEXT),
    OptionType(SHB_USERAPPL, "shb_userappl", "host", TEXT),
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
    OptionType(EPB_PROCESSID_THREADID, "epb_processid_threadid", "details", TWO_NUMBERS),
)
_OBSOLETE_PACKET = (
    OptionType(PACKET_FLAGS, "pack_flags", None, "u32"),
    OptionType(PACKET_HASH, "pack_hash", "details"),
    # No option of an obsolete block has such a code; the normal form reads them as an Enhanced Packet Block's options.
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
BLOCKS: Mapping[int, BlockType] = {block.code: block for block in _BLOCKS}
_OPTIONS = {block.code: {option.code: option for option in (*_ANY_BLOCK, *block.own_options)} for block in _BLOCKS}
OPTIONS_OF_ANY = {option.code: option for option in _ANY_BLOCK}
_UNKNOWN_BLOCK = BlockType(0, "", specified=False)
_UNKNOWN_OPTION = OptionType(0, "", "unknown", specified=False)


def block_type(code: int) -> BlockType:
    """The table's entry for a block type; an entry of kind `unknown` if the table has none."""
    return BLOCKS.get(code, _UNKNOWN_BLOCK)


def block_name(code: int) -> str:
    """The name of a block type; its code in hex if it has no name."""
    return block_type(code).name or f"0x{code:08x}"


def option_types(block: int) -> Mapping[int, OptionType]:
    """The table's entries for the options of a block type, its own and those of any block: code → entry."""
    return _OPTIONS.get(block, OPTIONS_OF_ANY)


def option_type(block: int, code: int) -> OptionType:
    """The table's entry for an option of a block type; an entry of kind `unknown` if the table has none."""
    return option_types(block).get(code, _UNKNOWN_OPTION)


def option_name(block: int, code: int) -> str:
    """The name of an option of a block type; `option` and its code if it has no name."""
    return option_type(block, code).name or f"option {code}"


def direction(raw_options: bytes, byte_order: ByteOrder) -> int:
    """The direction in the flags among a packet's options: a value of `DIRECTIONS`; 0 if the packet states none, 3 for
    a value that the specification does not define."""
    flags = option_lists.OptionList(raw_options, byte_order).first(PACKET_FLAGS) or b""
    return int.from_bytes(flags, byte_order) & 3 if len(flags) == 4 else 0


def options_at(block: int, body: bytes, byte_order: ByteOrder) -> int:
    """The offset of a block's options in its body; the body's length if the block has no options."""
    entry = block_type(block)
    return len(body) if entry.options_at is None else min(entry.options_at(body, byte_order), len(body))


def is_process(block: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether a block describes a process that packets refer to: macOS's block, or Wireshark's custom block."""
    return block == PROCESS or (
        block in (CUSTOM, CUSTOM_DO_NOT_COPY)
        and int.from_bytes(body[:4], byte_order) == WIRESHARK
        and body[4:8] == _PROCESS_ENTRY
    )


def process_options_at(block: int, body: bytes) -> int:
    """The offset of a process block's options in its body; the body's length if the block has no options."""
    if block == PROCESS:
        return min(4, len(body))
    entry_length = int.from_bytes(body[8:_ENTRY_AT], "little")
    return min(_ENTRY_AT + (entry_length + 3 & ~3), len(body))


def explains_packets(block: int, body: bytes, byte_order: ByteOrder) -> bool:
    """Whether readers need a block to understand the packets after it: names, secrets, processes."""
    return block_type(block).explains or is_process(block, body, byte_order)


def from_text_transfer(first: bytes) -> bool:
    """Whether the first four bytes of a file are a Section Header Block's type after a text-mode transfer.

    The specification leaves the block types 0x0A0D0A00-FF, 0x000A0D0A-FF0A0D0A, 0x000A0D0D-FF0A0D0D and 0x0D0D0A00-FF
    unused so that such a transfer can be recognised.
    """
    return first[:3] in (b"\n\r\n", b"\r\r\n") or first[1:4] in (b"\n\r\n", b"\n\r\r")
