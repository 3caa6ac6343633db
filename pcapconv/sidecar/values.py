"""Blocks and options as JSON values that people can read, and from which their bytes can be made again.

Strategy: each kind of block says its fields by name, its options as a list. Where the bytes that this gives are not
those that were there (other padding, no end mark, an odd order), they stand beside it as `raw`, and only they count.
`SIDECAR.md` describes the same for other programs.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

from pcapconv.errors import SidecarError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.model import Block, Interface, Section
from pcapconv.sidecar.fields import Value, decoded, encoded, member, number
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng

_LONGEST = 64 * 1024  # bytes of options that are shown, not only kept
_LONGEST_KNOWN = 256

_FILTER_TEXT = b"\0"  # what a filter begins with where it is a text
_NO_NUMBER = -1, False  # the size of what holds none


# ---------------------------------------------------------------- options


def options_value(raw: bytes, order: ByteOrder, block_type: int) -> Value:
    """An option list: a list of `{name: text}`, `{name: number}` and `{name: {"hex": …}}`, or an object with `said` and
    `raw`."""
    return (_known_options if len(raw) <= _LONGEST_KNOWN else _options)(raw, order, block_type)


def _options(raw: bytes, order: ByteOrder, block_type: int) -> Value:
    if not raw:
        return []
    if len(raw) > _LONGEST:
        return {"raw": encoded(raw)}
    said: list[Value] = []
    entries = list(option_lists.OptionList(raw, order))
    for code, value in entries:
        name = pcapng.option_type(block_type, code).name or "option"
        name = name if _codes(block_type).get(name) == code else f"{name} {code}"
        said.append({name: _option_value(value, code, order, block_type)})
    return said if option_lists.pack(entries, order) == raw else {"said": said, "raw": encoded(raw)}


def _option_value(value: bytes, code: int, order: ByteOrder, block_type: int) -> Value:
    """As text or a number, where it is one, else in hex."""
    holds = pcapng.option_type(block_type, code).value_type
    is_filter = holds == option_lists.FILTER and value[:1] == _FILTER_TEXT
    if is_filter or holds == option_lists.TEXT:
        with suppress(UnicodeDecodeError):
            return value[is_filter:].decode()
    if holds == option_lists.TIME and len(value) == 8:
        return bodies.ticks_of(value, order)
    size, signed = option_lists.NUMBERS.get(holds, _NO_NUMBER)
    if len(value) == size:
        return int.from_bytes(value, order, signed=signed)
    return {"hex": value.hex()}


_known_options = lru_cache(_options)  # most packets of a capture say one of a few things


def options_raw(value: Value, order: ByteOrder, block_type: int, what: str) -> bytes:
    """The option list that `options_value` made a value of. Raises SidecarError."""
    if isinstance(value, dict):
        raw = decoded(member(value, "raw", f"{what}: options"), f"{what}: raw options")
        if len(raw) % 4:
            raise SidecarError(f"{what}: options of {len(raw)} bytes, which is not a multiple of 4")
        return raw
    if not isinstance(value, list):
        raise SidecarError(f"{what}: options are neither a list nor raw")
    entries = []
    for each in value:
        if not isinstance(each, dict) or len(each) != 1:
            raise SidecarError(f"{what}: an option is not an object with one name")
        ((name, said),) = each.items()
        code = _code(name, block_type, what)
        entries.append((code, _option_bytes(said, code, order, block_type, f"{what}: {name}")))
    return option_lists.pack(entries, order)


def _option_bytes(said: Value, code: int, order: ByteOrder, block_type: int, what: str) -> bytes:
    if isinstance(said, str):
        is_filter = pcapng.option_type(block_type, code).value_type == option_lists.FILTER
        data = _FILTER_TEXT * is_filter + _utf8(said, what)
    elif isinstance(said, int):
        data = _number_bytes(said, code, order, block_type, what)
    else:
        try:
            data = bytes.fromhex(member(said, "hex", what))
        except (TypeError, ValueError):
            raise SidecarError(f"{what} is not in hex") from None
    if len(data) > 0xFFFF:
        raise SidecarError(f"{what} has {len(data)} bytes, an option has at most 65535")
    return data


def _number_bytes(said: int, code: int, order: ByteOrder, block_type: int, what: str) -> bytes:
    holds = pcapng.option_type(block_type, code).value_type
    if holds == option_lists.TIME:
        return bodies.ticks_bytes(number(said, what), order)
    size, signed = option_lists.NUMBERS.get(holds, _NO_NUMBER)
    if size < 0 or isinstance(said, bool):
        raise SidecarError(f"{what} is not a number")
    try:
        return said.to_bytes(size, order, signed=signed)
    except OverflowError:
        raise SidecarError(f"{what} is a number that has no place in {size} bytes") from None


@lru_cache
def _codes(block_type: int) -> dict[str, int]:
    """Name → code, of names that are those of one option only."""
    rows = pcapng.option_types(block_type).values()
    times = Counter(row.name for row in rows)
    return {row.name: row.code for row in rows if row.name and times[row.name] == 1}


def _code(name: str, block_type: int, what: str) -> int:
    if name in _codes(block_type):
        return _codes(block_type)[name]
    digits = name.rpartition(" ")[2]
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6 and 0 < int(digits) <= 0xFFFF):
        raise SidecarError(f"{what}: {name:.80} is no option of such a block")
    return int(digits)


# ---------------------------------------------------------------- blocks


def section_value(section: Section, body: bytes) -> Value:
    """A section, of whose block this is the body."""
    order = section.byte_order
    return {
        "byte_order": order,
        "version": f"{int.from_bytes(body[4:6], order)}.{int.from_bytes(body[6:8], order)}",
        "length": int.from_bytes(body[8:16], order, signed=True),
        "options": options_value(body[pcapng.SECTION_OPTIONS_AT :], order, pcapng.SECTION_HEADER),
    }


def section_body(value: Value) -> tuple[ByteOrder, bytes]:
    """The byte order, and the body. Raises SidecarError."""
    what = "a section"
    order: ByteOrder = member(value, "byte_order", what)
    if order not in ("little", "big"):
        raise SidecarError("a section's byte order is neither little nor big")
    if member(value, "version", what) not in ("1.0", "1.2"):
        raise SidecarError("a section's version is not one that pcapconv reads")
    major, minor = (int(part) for part in value["version"].split("."))
    length = number(member(value, "length", what), "a section's length", 2**63 - 1, -(2**63))
    return order, b"".join(
        (
            pcapng.BYTE_ORDER_MAGIC.to_bytes(4, order),
            major.to_bytes(2, order),
            minor.to_bytes(2, order),
            length.to_bytes(8, order, signed=True),
            options_raw(member(value, "options", what), order, pcapng.SECTION_HEADER, what),
        )
    )


def interface_value(interface: Interface, body: bytes) -> Value:
    """An interface, of whose block this is the body."""
    order = interface.byte_order
    value: dict[str, Value] = {"id": interface.id, "link_type": interface.link_type, "snaplen": interface.snaplen}
    if interface.reserved != bytes(2):
        value["reserved"] = interface.reserved.hex()
    raw = body[pcapng.INTERFACE_OPTIONS_AT :]
    value["options"] = options_value(raw, order, pcapng.INTERFACE_DESCRIPTION)
    return value


def interface_body(value: Value, order: ByteOrder) -> bytes:
    """The body. Raises SidecarError."""
    what = "an interface"
    link_type = number(member(value, "link_type", what), "an interface's link type", 0xFFFF)
    snaplen = number(member(value, "snaplen", what), "an interface's snaplen", 2**32 - 1)
    reserved = _hex(value.get("reserved", "0000"), 2, "an interface's reserved bytes")
    stated = options_raw(member(value, "options", what), order, pcapng.INTERFACE_DESCRIPTION, what)
    return link_type.to_bytes(2, order) + reserved + snaplen.to_bytes(4, order) + stated


def block_value(block: Block) -> tuple[str, Value]:
    """Any other block: its kind, and what it says, readable where that is known."""
    if block.kind == "secrets":
        return "secrets", {**secrets_said(block), "raw": encoded(block.body)}
    if block.kind not in _READABLE or len(block.body) > _LONGEST:
        return "block", {"type": f"0x{block.type:08x}", "raw": encoded(block.body)}
    said, body_of = _READABLE[block.kind]
    value = said(block)
    try:
        exact = body_of(value, block.byte_order) == block.body
    except SidecarError:
        exact = False
    return block.kind, value if exact else {**value, "raw": encoded(block.body)}


def secrets_said(block: Block) -> dict[str, Value]:
    """What is said of secrets: their type and size."""
    stated = bodies.secrets(block.body, block.byte_order)
    return {"type": stated.type_name, "bytes": stated.size}


def block_of(name: str, value: Value, order: ByteOrder) -> tuple[int, bytes]:
    """The block's type and body. Raises SidecarError."""
    if name == "block":
        digits = str(member(value, "type", "a block")).removeprefix("0x")
        kind = int.from_bytes(_hex(digits, 4, "a block's type"), "big")
    else:
        copied = name != "custom" or member(value, "copy", "a custom block") is not False
        kind = next(row.code for row in pcapng.BLOCKS.values() if row.kind == name and row.copied == copied)
    if isinstance(value, dict) and "raw" in value:
        body = decoded(value["raw"], f"{name}: raw")
    else:
        body = _READABLE[name][1](value, order) if name in _READABLE else _no_body()
    if kind in pcapng.BLOCKS and not pcapng.BLOCKS[kind].kind:
        raise SidecarError(f"a block of type 0x{kind:08x}, which is none for an entry of this kind")
    if len(body) % 4 or len(body) > LARGEST_RECORD - pcapng.BLOCK_OVERHEAD:
        raise SidecarError(f"{name}: a block's body of {len(body)} bytes, which no block has")
    return kind, body


def _no_body() -> NoReturn:
    raise SidecarError("a block without raw bytes")


def _names_value(block: Block) -> dict[str, Value]:
    records = []
    for kind, address, rest in bodies.name_records(block.body, block.byte_order):
        if address is None:
            records.append({f"type {kind}": [rest.hex()]})
            continue
        names = [option_lists.text(name) for name in rest.split(b"\0")[:-1]]
        records.append({bodies.address_text(kind, address): names})
    at = block.options_at
    return {"records": records, "options": options_value(block.body[at:], block.byte_order, block.type)}


def _names_body(value: Value, order: ByteOrder) -> bytes:
    what = "names"
    records = bytearray()
    for record in _listed(member(value, "records", what), "records"):
        if not isinstance(record, dict) or len(record) != 1:
            raise SidecarError("names: a record is not an object with one address")
        ((address, names),) = record.items()
        kind, data = _address(address)
        for name in _listed(names, "names"):
            data += _utf8(name, "names: a name") + b"\0"
        if len(data) > 0xFFFF:
            raise SidecarError("names: a record of more than 65535 bytes")
        records += kind.to_bytes(2, order) + len(data).to_bytes(2, order) + data + bytes(-len(data) % 4)
    stated = options_raw(member(value, "options", what), order, pcapng.NAME_RESOLUTION, what)
    return bytes(records) + bytes(4) + stated


def _address(text: str) -> tuple[int, bytes]:
    """The type of a name record, and the address's bytes."""
    try:
        found = ipaddress.ip_address(text)
        return (1 if found.version == 4 else 2), found.packed
    except ValueError:
        pass
    data = _hex(text.replace(":", ""), None, "names: an address")
    kind = next((kind for kind, size in bodies.ADDRESS_SIZES.items() if kind > 2 and size == len(data)), None)
    if kind is None:
        raise SidecarError(f"names: {text:.80} is no address")
    return kind, data


def _statistics_value(block: Block) -> dict[str, Value]:
    fields = bodies.statistics(block.body, block.byte_order)
    stated = options_value(block.body[block.options_at :], block.byte_order, block.type)
    return {"interface": fields.interface, "ticks": fields.ticks, "options": stated}


def _statistics_body(value: Value, order: ByteOrder) -> bytes:
    what = "statistics"
    interface = number(member(value, "interface", what), "statistics: an interface", 2**32 - 1)
    ticks = number(member(value, "ticks", what), "statistics: ticks")
    stated = options_raw(member(value, "options", what), order, pcapng.INTERFACE_STATISTICS, what)
    return bodies.statistics_body(interface, ticks, order, stated)


def _custom_value(block: Block) -> dict[str, Value]:
    pen, data = bodies.custom(block.body, block.byte_order)
    return {"pen": pen, "copy": pcapng.block_type(block.type).copied, "data": encoded(data)}


def _custom_body(value: Value, order: ByteOrder) -> bytes:
    pen = number(member(value, "pen", "a custom block"), "a custom block's pen", 2**32 - 1)
    return pen.to_bytes(4, order) + decoded(member(value, "data", "a custom block"), "a custom block's data")


# Kinds of blocks that people can read here, with what makes a value of them, and a body of that.
_READABLE: dict[str, tuple[Callable[[Block], Value], Callable[[Value, ByteOrder], bytes]]] = {
    "names": (_names_value, _names_body),
    "statistics": (_statistics_value, _statistics_body),
    "custom": (_custom_value, _custom_body),
}
BLOCKS = (*_READABLE, "secrets", "block")


def _listed(value: Value, what: str) -> list[Value]:
    if not isinstance(value, list):
        raise SidecarError(f"{what} are not a list")
    return value


def _utf8(value: Value, what: str) -> bytes:
    try:
        return str.encode(value)
    except (TypeError, UnicodeEncodeError):
        raise SidecarError(f"{what} is not text") from None


def _hex(value: Value, size: int | None, what: str) -> bytes:
    try:
        data = bytes.fromhex(value)
    except (TypeError, ValueError):
        raise SidecarError(f"{what} is not in hex") from None
    if size is not None and len(data) != size:
        raise SidecarError(f"{what} has {len(data)} bytes instead of {size}")
    return data
