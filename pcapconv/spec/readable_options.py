"""What a pcapng block's bytes say, for people and programs that ask.

Strategy: the table in `pcapng` tells names, texts, numbers and times. The types of all other values come from
python-pcapng's schemas, which are loaded when there is such a value; what they have wrong is done here. One option that
cannot be decoded costs no other, and what nobody can decode is shown raw.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from typing import Any

from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.timestamps import format_time

Unit = tuple[int, int]  # the ticks in a second, and an offset in seconds


@cache
def _schemas(block_type: int) -> dict[int, Any]:
    """The schemas that python-pcapng has of a block type's options, by code."""
    from pcapng.blocks import KNOWN_BLOCKS  # takes longer to import than all of a small conversion

    fields = KNOWN_BLOCKS[block_type].schema if block_type in KNOWN_BLOCKS else []
    return {schema.code: schema for name, field, *_ in fields if name == "options" for schema in field.options_schema}


def each_option(
    raw: bytes, byte_order: ByteOrder, block_type: int, unit: Unit | None = None
) -> Iterator[dict[str, Any]]:
    """The options of a list as `{"name": …, "value": …}`, in order.

    A value that nobody can decode is under `"raw"`, in hex. `unit` is that of times in statistics. Never raises.
    """
    for option in option_lists.OptionList(raw, byte_order):
        name = pcapng.option_name(block_type, option.code)
        try:
            value = _value(option, byte_order, block_type, unit)
        except Exception:
            value = None
        yield {"name": name, "raw": option.value.hex()} if value is None else {"name": name, "value": value}


def _value(option: option_lists.Option, byte_order: ByteOrder, block_type: int, unit: Unit | None) -> Any:
    """None where nobody can decode it."""
    code, raw = option
    row = pcapng.option_type(block_type, code)
    match row.holds:
        case option_lists.TEXT:
            return option_lists.text(raw)
        case option_lists.FILTER:
            return option_lists.text(raw[1:]) if raw[:1] == b"\0" else None
        case option_lists.TIME:
            return None if len(raw) != 8 or unit is None else format_time(bodies.ticks_of(raw, byte_order), *unit)
        case option_lists.TWO_NUMBERS:
            halves = (int.from_bytes(raw[at : at + 4], byte_order) for at in (0, 4))
            return dict(zip(("process", "thread"), halves)) if len(raw) == 8 else None
        case option_lists.CUSTOM_TEXT:
            return {"pen": int.from_bytes(raw[:4], byte_order), "text": option_lists.text(raw[4:])}
        case option_lists.CUSTOM_BYTES:
            return {"pen": int.from_bytes(raw[:4], byte_order), "hex": raw[4:].hex()}
    if row.name == "if_tsresol":
        return f"{'2' if raw[0] & 0x80 else '10'}^-{raw[0] & 0x7F}" if len(raw) == 1 else None
    if row.holds in option_lists.NUMBERS:
        size, signed = option_lists.NUMBERS[row.holds]
        return int.from_bytes(raw, byte_order, signed=signed) if len(raw) == size else None
    if row.name == "if_IPv6addr":
        return f"{ipaddress.IPv6Address(raw[:16])}/{raw[16]}" if len(raw) == 17 else None
    return _decoded(option, byte_order, block_type)


def _decoded(option: option_lists.Option, byte_order: ByteOrder, block_type: int) -> Any:
    """What python-pcapng decodes, in JSON's types; None where it knows no schema. Raises whatever it raises."""
    from pcapng.structs import Options

    schema = _schemas(block_type).get(option.code)
    if schema is None:
        return None
    value = Options([schema], [option], "<" if byte_order == "little" else ">")[option.code]
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        return "/".join(value)
    kind, rest = value
    return {"type": kind, "hex": rest.hex()}


def each_name(body: bytes, byte_order: ByteOrder) -> Iterator[dict[str, Any]]:
    """The records of a Name Resolution Block: `{"address": …, "names": […]}`; an unknown one is raw."""
    for kind, address, names in bodies.name_records(body, byte_order):
        if address is None:
            yield {"type": kind, "raw": names.hex()}
        else:
            texts = [option_lists.text(name) for name in names.split(b"\0") if name]
            yield {"address": bodies.address_text(kind, address), "names": texts}


def secrets_digest(body: bytes, byte_order: ByteOrder) -> str:
    """The SHA-256, in hex, of a Decryption Secrets Block's content, by which two blocks can be told apart."""
    import hashlib

    return hashlib.sha256(bodies.secrets(body, byte_order).data).hexdigest()


def value_text(option: dict[str, Any]) -> str:
    """The value of an option that was read, as text."""
    value = option.get("value", option.get("raw"))
    return " ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)
