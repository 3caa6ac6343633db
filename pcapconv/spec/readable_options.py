"""Makes options readable, those of packets and of every other pcapng block, and the names in Name Resolution Blocks.

`info`, `diff` and the text form show what is decoded here. The decoded form cannot be turned into bytes again; sidecars
need a form that can, which `sidecar/json_options.py` makes.

Strategy: the table in `pcapng` has the names of options, and the types of texts, numbers and times. The types of all
other values come from python-pcapng's schemas, which are loaded for the first such value; values for which the schemas
are wrong are decoded here. An option that cannot be decoded is shown raw, and does not affect any other option.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache
from typing import Any

from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.text import ip_text
from pcapconv.time_zones import UTC, TimeZone
from pcapconv.timestamps import format_time

TimeUnit = tuple[int, int]  # the ticks in a second, and an offset in seconds


@cache
def _schemas(block_type: int) -> dict[int, Any]:
    """The schemas that python-pcapng has for the options of a block type: code → schema."""
    from pcapng.blocks import KNOWN_BLOCKS  # its import takes longer than a small conversion

    fields = KNOWN_BLOCKS[block_type].schema if block_type in KNOWN_BLOCKS else []
    return {schema.code: schema for name, field, *_ in fields if name == "options" for schema in field.options_schema}


def decode_options(
    raw: bytes, byte_order: ByteOrder, block_type: int, time_unit: TimeUnit | None = None, zone: TimeZone = UTC
) -> Iterator[dict[str, Any]]:
    """Decode the options of a list, in order: yield `{"name": …, "value": …}` for each.

    An option whose value cannot be decoded has `"raw"`, its bytes in hex, instead of `"value"`. `time_unit` is needed
    for the times in an Interface Statistics Block, which are shown in the `zone`: the time unit of its interface. Never
    raises.
    """
    for option in option_lists.OptionList(raw, byte_order):
        name = pcapng.option_name(block_type, option.code)
        try:
            value = _decode_value(option, byte_order, block_type, time_unit, zone)
        except Exception:
            value = None
        yield {"name": name, "raw": option.value.hex()} if value is None else {"name": name, "value": value}


def _decode_value(
    option: option_lists.Option, byte_order: ByteOrder, block_type: int, time_unit: TimeUnit | None, zone: TimeZone
) -> Any:
    """The value of an option in JSON's types; None if it cannot be decoded. May raise anything."""
    code, raw = option
    option_type = pcapng.option_type(block_type, code)
    match option_type.value_type:
        case option_lists.TEXT:
            return option_lists.text(raw)
        case option_lists.FILTER:
            return option_lists.text(raw[1:]) if raw[:1] == b"\0" else None
        case option_lists.TIME:
            if len(raw) != 8 or time_unit is None:
                return None
            return format_time(bodies.ticks_of(raw, byte_order), *time_unit, zone)
        case option_lists.TWO_NUMBERS:
            halves = (int.from_bytes(raw[at : at + 4], byte_order) for at in (0, 4))
            return dict(zip(("process", "thread"), halves)) if len(raw) == 8 else None
        case option_lists.CUSTOM_TEXT:
            return {"pen": int.from_bytes(raw[:4], byte_order), "text": option_lists.text(raw[4:])}
        case option_lists.CUSTOM_BYTES:
            return {"pen": int.from_bytes(raw[:4], byte_order), "hex": raw[4:].hex()}
    if option_type.name == "if_tsresol":
        return f"{'2' if raw[0] & 0x80 else '10'}^-{raw[0] & 0x7F}" if len(raw) == 1 else None
    if option_type.value_type in option_lists.NUMBERS:
        size, signed = option_lists.NUMBERS[option_type.value_type]
        return int.from_bytes(raw, byte_order, signed=signed) if len(raw) == size else None
    if option_type.name == "if_IPv6addr":
        return f"{ip_text(ipaddress.IPv6Address(raw[:16]))}/{raw[16]}" if len(raw) == 17 else None
    return _decode_by_schema(option, byte_order, block_type)


def _decode_by_schema(option: option_lists.Option, byte_order: ByteOrder, block_type: int) -> Any:
    """The value as python-pcapng decodes it, in JSON's types; None if it has no such schema. May raise anything."""
    from pcapng.structs import Options

    schema = _schemas(block_type).get(option.code)
    if schema is None:
        return None
    value = Options([schema], [option], "<" if byte_order == "little" else ">")[option.code]
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        return "/".join(value)
    value_type, data = value
    return {"type": value_type, "hex": data.hex()}


def decode_names(body: bytes, byte_order: ByteOrder) -> Iterator[dict[str, Any]]:
    """Decode the records of a Name Resolution Block: yield `{"address": …, "names": […]}` for each, or `{"type": …,
    "raw": …}` for a record that cannot be decoded."""
    for record_type, address, names in bodies.name_records(body, byte_order):
        if address is None:
            yield {"type": record_type, "raw": names.hex()}
        else:
            texts = [option_lists.text(name) for name in names.split(b"\0") if name]
            yield {"address": bodies.address_text(record_type, address), "names": texts}


def secrets_digest(body: bytes, byte_order: ByteOrder) -> str:
    """The SHA-256 of the data in a Decryption Secrets Block, in hex. It tells blocks apart without showing secrets."""
    import hashlib

    return hashlib.sha256(bodies.secrets(body, byte_order).data).hexdigest()


def value_text(option: dict[str, Any]) -> str:
    """The value of an option that `decode_options` decoded, as text."""
    value = option.get("value", option.get("raw"))
    return " ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)
