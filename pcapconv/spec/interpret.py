"""What a pcapng block's bytes say, for people and programs that ask.

Strategy: names and types of options come from python-pcapng's schemas, one option at a time, so that one that it
cannot decode costs nobody else. What the schemas lack or have wrong is done here; what nobody can decode is shown raw.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from typing import Any

from pcapng.blocks import KNOWN_BLOCKS
from pcapng.structs import Option as Schema
from pcapng.structs import Options as PcapngOptions

from pcapconv.spec import ByteOrder, options
from pcapconv.spec import pcapng as layout
from pcapconv.timestamps import format_time

Unit = tuple[int, int]  # the ticks in a second, and an offset in seconds

_SECRETS_AT = 8

SECRETS = {
    0x544C534B: "TLS key log",
    0x5353484B: "SSH key log",
    0x57474B4C: "WireGuard key log",
    0x5A4E574B: "ZigBee NWK key",
    0x5A415053: "ZigBee APS key",
    0x55414B4C: "OPC UA key log",
}

_PROCESS_AND_THREAD = 8

# What the schemas of python-pcapng 2.1 lack: it is newer, or of macOS.
_NEWER = {
    (layout.INTERFACE_DESCRIPTION, 18): Schema(18, "if_iana_tzname", "string"),
    (layout.ENHANCED_PACKET, _PROCESS_AND_THREAD): Schema(_PROCESS_AND_THREAD, "epb_processid_threadid", "bytes"),
    (layout.PROCESS, 2): Schema(2, "pib_name", "string"),
    (layout.PROCESS, 3): Schema(3, "pib_path", "string"),
    (layout.PROCESS, 4): Schema(4, "pib_uuid", "bytes"),
}
_NUMBERS = {"u8": (1, False), "u32": (4, False), "u64": (8, False), "i64": (8, True), "epb_flags": (4, False)}
_TICKS = {(layout.INTERFACE_STATISTICS, 2), (layout.INTERFACE_STATISTICS, 3)}  # isb_starttime, isb_endtime


@cache
def _schemas(block_type: int) -> dict[int, Any]:
    """The schema of each option of a block type, by code."""
    schemas = {1: Schema(1, "opt_comment", "string", True)}
    for code, name in ((2988, "str"), (2989, "bytes"), (19372, "str"), (19373, "bytes")):
        schemas[code] = Schema(code, "opt_custom", f"opt_custom_{name}", True)
    fields = KNOWN_BLOCKS[block_type].schema if block_type in KNOWN_BLOCKS else []
    for name, field, *_ in fields:
        if name == "options":
            schemas |= {schema.code: schema for schema in field.options_schema}
    return schemas | {code: schema for (kind, code), schema in _NEWER.items() if kind == block_type}


def option_names(block_type: int) -> dict[int, str]:
    """The names of a block type's options, by code."""
    return {code: schema.name for code, schema in _schemas(block_type).items()}


def is_text(block_type: int, code: int) -> bool:
    """Whether an option of a block type holds text and nothing else."""
    schema = _schemas(block_type).get(code)
    return schema is not None and schema.ftype == "string"


def is_ticks(block_type: int, code: int) -> bool:
    """Whether an option holds a time: two halves of 32 bits, the high one first."""
    return (block_type, code) in _TICKS


def number_form(block_type: int, code: int) -> tuple[int, bool] | None:
    """Of an option that holds a number and nothing else, its bytes and whether it has a sign."""
    schema = _schemas(block_type).get(code)
    if schema is None or is_ticks(block_type, code):
        return None
    return (1, False) if schema.name == "if_tsresol" else _NUMBERS.get(schema.ftype)


def each_option(
    raw: bytes, byte_order: ByteOrder, block_type: int, unit: Unit | None = None
) -> Iterator[dict[str, Any]]:
    """The options of a list as `{"name": …, "value": …}`, in order.

    A value that nobody can decode is under `"raw"`, in hex. `unit` is that of times in statistics. Never raises.
    """
    for option in options.Options(raw, byte_order):
        schema = _schemas(block_type).get(option.code)
        name = schema.name if schema else f"option {option.code}"
        try:
            value = _value(option, schema, byte_order, block_type, unit)
        except Exception:
            value = None
        yield {"name": name, "raw": option.value.hex()} if value is None else {"name": name, "value": value}


def _value(option: options.Option, schema: Any, byte_order: ByteOrder, block_type: int, unit: Unit | None) -> Any:
    code, raw = option
    if schema is None:
        return None
    if schema.ftype == "string":
        return options.text(raw)
    if schema.name == "if_tsresol":
        return f"{'2' if raw[0] & 0x80 else '10'}^-{raw[0] & 0x7F}" if len(raw) == 1 else None
    if schema.name == "if_IPv6addr":
        return f"{ipaddress.IPv6Address(raw[:16])}/{raw[16]}" if len(raw) == 17 else None
    if schema.name == "if_filter":
        return options.text(raw[1:]) if raw[:1] == b"\0" else None
    if (block_type, code) in _TICKS:
        if len(raw) != 8 or unit is None:
            return None
        high, low = int.from_bytes(raw[:4], byte_order), int.from_bytes(raw[4:], byte_order)
        return format_time(high << 32 | low, *unit)
    if schema.name == "epb_processid_threadid":
        halves = (int.from_bytes(raw[at : at + 4], byte_order) for at in (0, 4))
        return dict(zip(("process", "thread"), halves)) if len(raw) == 8 else None
    if schema.name == "opt_custom":
        number = int.from_bytes(raw[:4], byte_order)
        return (
            {"pen": number, "text": options.text(raw[4:])}
            if code in (2988, 19372)
            else {"pen": number, "hex": raw[4:].hex()}
        )
    endianness = "<" if byte_order == "little" else ">"
    decoded = PcapngOptions([schema], [(code, raw)], endianness)[code]
    return _plain(decoded)


def _plain(value: Any) -> Any:
    """What python-pcapng decodes, in JSON's types."""
    if isinstance(value, int | str):
        return value
    if isinstance(value, bytes):
        return None
    if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        return "/".join(value)
    if isinstance(value, tuple):
        kind, rest = value
        return {"type": kind, "hex": rest.hex()}
    return int(value)


def each_name(body: bytes, byte_order: ByteOrder) -> Iterator[dict[str, Any]]:
    """The records of a Name Resolution Block: `{"address": …, "names": […]}`; an unknown one is raw."""
    for kind, value in layout.name_records(body, byte_order):
        size = layout.ADDRESS_SIZES.get(kind)
        if size is None or len(value) < size:
            yield {"type": kind, "raw": value.hex()}
            continue
        names = [options.text(name) for name in value[size:].split(b"\0") if name]
        address = value[:size].hex(":") if kind > 2 else str(ipaddress.ip_address(value[:size]))
        yield {"address": address, "names": names}


def read_secrets(body: bytes, byte_order: ByteOrder) -> dict[str, Any]:
    """Type and size of a Decryption Secrets Block; its content is nobody's business."""
    kind = int.from_bytes(body[:4], byte_order)
    return {"type": SECRETS.get(kind, f"0x{kind:08x}"), "bytes": len(_secrets(body, byte_order))}


def secrets_digest(body: bytes, byte_order: ByteOrder) -> str:
    """The SHA-256, in hex, of a Decryption Secrets Block's content, by which two blocks can be told apart."""
    import hashlib

    return hashlib.sha256(_secrets(body, byte_order)).hexdigest()


def _secrets(body: bytes, byte_order: ByteOrder) -> memoryview:
    size = int.from_bytes(body[4:8], byte_order)
    return memoryview(body)[_SECRETS_AT : _SECRETS_AT + size]


def value_text(option: dict[str, Any]) -> str:
    """The value of an option that was read, as text."""
    value = option.get("value", option.get("raw"))
    return " ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)
