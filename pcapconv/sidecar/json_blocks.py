"""Encodes blocks as JSON that people can read, and decodes this JSON into exactly the same bytes; only for sidecars.

Strategy: a block becomes an object with its fields by name, and its options as `json_options` encodes them. If decoding
this object would give other bytes than the original body (because of its padding, for example), the original bytes are
stored beside the fields as `raw`, and only `raw` is decoded. `docs/reference/sidecar.md` describes the form for other
programs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import NoReturn

from pcapconv.errors import SidecarError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.model import Block, Interface, Section
from pcapconv.sidecar.json_fields import (
    Value,
    check_list,
    check_number,
    decode_bytes,
    decode_hex,
    encode_bytes,
    get_member,
    utf8_bytes,
)
from pcapconv.sidecar.json_options import options_bytes, options_value
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng

_LONGEST_READABLE = 64 * 1024  # bytes of a body; of a longer body only `raw` is kept


def section_value(section: Section, body: bytes) -> Value:
    """Return the entry of a section, given with the body of its block."""
    order = section.byte_order
    return {
        "byte_order": order,
        "version": f"{int.from_bytes(body[4:6], order)}.{int.from_bytes(body[6:8], order)}",
        "length": int.from_bytes(body[8:16], order, signed=True),
        "options": options_value(body[pcapng.SECTION_OPTIONS_AT :], order, pcapng.SECTION_HEADER),
    }


def section_body(value: Value) -> tuple[ByteOrder, bytes]:
    """Return the byte order of a section's entry, and the body of its block. Raises SidecarError."""
    what = "a section"
    order: ByteOrder = get_member(value, "byte_order", what)
    if order not in ("little", "big"):
        raise SidecarError("a section's byte order is neither little nor big")
    if get_member(value, "version", what) not in ("1.0", "1.2"):
        raise SidecarError("a section's version is not one that pcapconv reads")
    major, minor = (int(digits) for digits in value["version"].split("."))
    length = check_number(get_member(value, "length", what), "a section's length", 2**63 - 1, -(2**63))
    return order, b"".join(
        (
            pcapng.BYTE_ORDER_MAGIC.to_bytes(4, order),
            major.to_bytes(2, order),
            minor.to_bytes(2, order),
            length.to_bytes(8, order, signed=True),
            options_bytes(get_member(value, "options", what), order, pcapng.SECTION_HEADER, what),
        )
    )


def interface_value(interface: Interface, body: bytes) -> Value:
    """Return the entry of an interface, given with the body of its block."""
    order = interface.byte_order
    value: dict[str, Value] = {"id": interface.id, "link_type": interface.link_type, "snaplen": interface.snaplen}
    if interface.reserved != bytes(2):
        value["reserved"] = interface.reserved.hex()
    raw = body[pcapng.INTERFACE_OPTIONS_AT :]
    value["options"] = options_value(raw, order, pcapng.INTERFACE_DESCRIPTION)
    return value


def interface_body(value: Value, order: ByteOrder) -> bytes:
    """Return the body of an interface's block, made from its entry. Raises SidecarError."""
    what = "an interface"
    link_type = check_number(get_member(value, "link_type", what), "an interface's link type", 0xFFFF)
    snaplen = check_number(get_member(value, "snaplen", what), "an interface's snaplen", 2**32 - 1)
    reserved = decode_hex(value.get("reserved", "0000"), 2, "an interface's reserved bytes")
    options = options_bytes(get_member(value, "options", what), order, pcapng.INTERFACE_DESCRIPTION, what)
    return link_type.to_bytes(2, order) + reserved + snaplen.to_bytes(4, order) + options


def block_value(block: Block) -> tuple[str, Value]:
    """Return the entry of any other block, as the type and the value of the entry: readable if the type is one of
    `_READABLE`, else raw."""
    if block.kind == "secrets":
        return "secrets", {**secrets_summary(block), "raw": encode_bytes(block.body)}
    if block.kind not in _READABLE or len(block.body) > _LONGEST_READABLE:
        return "block", {"type": f"0x{block.type:08x}", "raw": encode_bytes(block.body)}
    make_value, make_body = _READABLE[block.kind]
    value = make_value(block)
    try:
        exact = make_body(value, block.byte_order) == block.body
    except SidecarError:
        exact = False
    return block.kind, value if exact else {**value, "raw": encode_bytes(block.body)}


def secrets_summary(block: Block) -> dict[str, Value]:
    """Return the entry of secrets that are left out: their type and size."""
    secrets = bodies.secrets(block.body, block.byte_order)
    return {"type": secrets.type_name, "bytes": secrets.size}


def block_of_entry(entry_type: str, value: Value, order: ByteOrder) -> tuple[int, bytes]:
    """Return the type and the body of the block from which `block_value` made an entry. Raises SidecarError."""
    if entry_type == "block":
        digits = str(get_member(value, "type", "a block")).removeprefix("0x")
        block_type = int.from_bytes(decode_hex(digits, 4, "a block's type"), "big")
    else:
        copied = entry_type != "custom" or get_member(value, "copy", "a custom block") is not False
        types = (each.code for each in pcapng.BLOCKS.values() if each.kind == entry_type and each.copied == copied)
        block_type = next(types)
    if isinstance(value, dict) and "raw" in value:
        body = decode_bytes(value["raw"], f"{entry_type}: raw")
    else:
        body = _READABLE[entry_type][1](value, order) if entry_type in _READABLE else _no_body()
    if block_type in pcapng.BLOCKS and not pcapng.BLOCKS[block_type].kind:
        raise SidecarError(f"a block of type 0x{block_type:08x}, which an entry of this type cannot hold")
    if len(body) % 4 or len(body) > LARGEST_RECORD - pcapng.BLOCK_OVERHEAD:
        raise SidecarError(f"{entry_type}: a block's body of {len(body)} bytes, which no block has")
    return block_type, body


def _no_body() -> NoReturn:
    raise SidecarError("a block without raw bytes")


def _names_value(block: Block) -> dict[str, Value]:
    records = []
    for record_type, address, data in bodies.name_records(block.body, block.byte_order):
        if address is None:
            records.append({f"type {record_type}": [data.hex()]})
            continue
        names = [option_lists.text(name) for name in data.split(b"\0")[:-1]]
        records.append({bodies.address_text(record_type, address): names})
    at = block.options_at
    return {"records": records, "options": options_value(block.body[at:], block.byte_order, block.type)}


def _names_body(value: Value, order: ByteOrder) -> bytes:
    what = "names"
    records = bytearray()
    for record in check_list(get_member(value, "records", what), "records"):
        if not isinstance(record, dict) or len(record) != 1:
            raise SidecarError("names: a record is not an object with one address")
        ((address, names),) = record.items()
        record_type, data = _parse_address(address)
        for name in check_list(names, "names"):
            data += utf8_bytes(name, "names: a name") + b"\0"
        if len(data) > 0xFFFF:
            raise SidecarError("names: a record of more than 65535 bytes")
        records += record_type.to_bytes(2, order) + len(data).to_bytes(2, order) + data + bytes(-len(data) % 4)
    options = options_bytes(get_member(value, "options", what), order, pcapng.NAME_RESOLUTION, what)
    return bytes(records) + bytes(4) + options


def _parse_address(text: str) -> tuple[int, bytes]:
    """Return the type of an address's name record, and the bytes of the address."""
    try:
        address = ipaddress.ip_address(text)
        return (1 if address.version == 4 else 2), address.packed
    except ValueError:
        pass
    data = decode_hex(text.replace(":", ""), None, "names: an address")
    types = (record_type for record_type, size in bodies.ADDRESS_SIZES.items() if record_type > 2 and size == len(data))
    record_type = next(types, None)
    if record_type is None:
        raise SidecarError(f"names: {text:.80} is no address")
    return record_type, data


def _statistics_value(block: Block) -> dict[str, Value]:
    fields = bodies.statistics(block.body, block.byte_order)
    options = options_value(block.body[block.options_at :], block.byte_order, block.type)
    return {"interface": fields.interface, "ticks": fields.ticks, "options": options}


def _statistics_body(value: Value, order: ByteOrder) -> bytes:
    what = "statistics"
    interface = check_number(get_member(value, "interface", what), "statistics: an interface", 2**32 - 1)
    ticks = check_number(get_member(value, "ticks", what), "statistics: ticks")
    options = options_bytes(get_member(value, "options", what), order, pcapng.INTERFACE_STATISTICS, what)
    return bodies.statistics_body(interface, ticks, order, options)


def _custom_value(block: Block) -> dict[str, Value]:
    pen, data = bodies.custom(block.body, block.byte_order)
    return {"pen": pen, "copy": pcapng.block_type(block.type).copied, "data": encode_bytes(data)}


def _custom_body(value: Value, order: ByteOrder) -> bytes:
    pen = check_number(get_member(value, "pen", "a custom block"), "a custom block's pen", 2**32 - 1)
    return pen.to_bytes(4, order) + decode_bytes(get_member(value, "data", "a custom block"), "a custom block's data")


# By the type of the entry: the functions that make a readable value from a block, and the block's body from the value.
_READABLE: dict[str, tuple[Callable[[Block], Value], Callable[[Value, ByteOrder], bytes]]] = {
    "names": (_names_value, _names_body),
    "statistics": (_statistics_value, _statistics_body),
    "custom": (_custom_value, _custom_body),
}
BLOCK_ENTRIES = (*_READABLE, "secrets", "block")  # the types of entries that `block_of_entry` decodes
