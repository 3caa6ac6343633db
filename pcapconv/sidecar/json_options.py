"""Encodes option lists as readable JSON, and decodes this JSON into exactly the same bytes; only for sidecars.

`info` and `diff` show options by `spec.readable_options`, whose result need not be turned into bytes again.

Strategy: an option list becomes a list of options by name. If decoding this list would give other bytes than the
original (because of padding, or a missing end mark), the original bytes are stored beside the list as `raw`, and only
`raw` is decoded. `docs/reference/sidecar.md` describes the form for other programs.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import lru_cache

from pcapconv.errors import SidecarError
from pcapconv.sidecar.json_fields import (
    Value,
    check_number,
    decode_bytes,
    decode_hex,
    encode_bytes,
    get_member,
    utf8_bytes,
)
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng

_LONGEST_READABLE = 64 * 1024  # bytes of options; of a longer list only `raw` is kept
_LONGEST_CACHED = 256

_FILTER_TEXT = b"\0"  # the first byte of a filter whose value is text
_NO_NUMBER = -1, False  # size and sign of an option whose value is not a number


def options_value(raw: bytes, order: ByteOrder, block_type: int) -> Value:
    """Return an option list as a list of `{name: text}`, `{name: number}` and `{name: {"hex": …}}`. If its bytes cannot
    be made from such a list, return an object with the list as `said` and the bytes as `raw`; for a long option list,
    with `raw` alone."""
    return (_cached_options if len(raw) <= _LONGEST_CACHED else _options)(raw, order, block_type)


def _options(raw: bytes, order: ByteOrder, block_type: int) -> Value:
    if not raw:
        return []
    if len(raw) > _LONGEST_READABLE:
        return {"raw": encode_bytes(raw)}
    readable: list[Value] = []
    entries = list(option_lists.OptionList(raw, order))
    for code, value in entries:
        name = pcapng.option_type(block_type, code).name or "option"
        name = name if _codes(block_type).get(name) == code else f"{name} {code}"
        readable.append({name: _option_value(value, code, order, block_type)})
    if option_lists.pack(entries, order) == raw:
        return readable
    return {"said": readable, "raw": encode_bytes(raw)}


def _option_value(value: bytes, code: int, order: ByteOrder, block_type: int) -> Value:
    """Return an option's value as text if it is text, as a number if it is a number, else in hex."""
    value_type = pcapng.option_type(block_type, code).value_type
    is_filter = value_type == option_lists.FILTER and value[:1] == _FILTER_TEXT
    if is_filter or value_type == option_lists.TEXT:
        with suppress(UnicodeDecodeError):
            return value[is_filter:].decode()
    if value_type == option_lists.TIME and len(value) == 8:
        return bodies.ticks_of(value, order)
    size, signed = option_lists.NUMBERS.get(value_type, _NO_NUMBER)
    if len(value) == size:
        return int.from_bytes(value, order, signed=signed)
    return {"hex": value.hex()}


_cached_options = lru_cache(_options)  # most packets of a capture have one of a few option lists


def options_bytes(value: Value, order: ByteOrder, block_type: int, what: str) -> bytes:
    """Return the bytes of the option list from which `options_value` made a value. Raises SidecarError."""
    if isinstance(value, dict):
        raw = decode_bytes(get_member(value, "raw", f"{what}: options"), f"{what}: raw options")
        if len(raw) % 4:
            raise SidecarError(f"{what}: options of {len(raw)} bytes, which is not a multiple of 4")
        return raw
    if not isinstance(value, list):
        raise SidecarError(f"{what}: options are neither a list nor raw")
    entries = []
    for each in value:
        if not isinstance(each, dict) or len(each) != 1:
            raise SidecarError(f"{what}: an option is not an object with one name")
        ((name, option_value),) = each.items()
        code = _option_code(name, block_type, what)
        entries.append((code, _option_bytes(option_value, code, order, block_type, f"{what}: {name}")))
    return option_lists.pack(entries, order)


def _option_bytes(value: Value, code: int, order: ByteOrder, block_type: int, what: str) -> bytes:
    if isinstance(value, str):
        is_filter = pcapng.option_type(block_type, code).value_type == option_lists.FILTER
        data = _FILTER_TEXT * is_filter + utf8_bytes(value, what)
    elif isinstance(value, int):
        data = _number_bytes(value, code, order, block_type, what)
    else:
        data = decode_hex(get_member(value, "hex", what), None, what)
    if len(data) > 0xFFFF:
        raise SidecarError(f"{what} has {len(data)} bytes, an option has at most 65535")
    return data


def _number_bytes(number: int, code: int, order: ByteOrder, block_type: int, what: str) -> bytes:
    value_type = pcapng.option_type(block_type, code).value_type
    if value_type == option_lists.TIME:
        return bodies.ticks_bytes(check_number(number, what), order)
    size, signed = option_lists.NUMBERS.get(value_type, _NO_NUMBER)
    if size < 0 or isinstance(number, bool):
        raise SidecarError(f"{what} is not a number")
    try:
        return number.to_bytes(size, order, signed=signed)
    except OverflowError:
        raise SidecarError(f"{what} is a number that does not fit into {size} bytes") from None


@lru_cache
def _codes(block_type: int) -> dict[str, int]:
    """The codes of a block's options by name; names that several options share are left out."""
    types = pcapng.option_types(block_type).values()
    counts = Counter(each.name for each in types)
    return {each.name: each.code for each in types if each.name and counts[each.name] == 1}


def _option_code(name: str, block_type: int, what: str) -> int:
    if name in _codes(block_type):
        return _codes(block_type)[name]
    digits = name.rpartition(" ")[2]
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6 and 0 < int(digits) <= 0xFFFF):
        raise SidecarError(f"{what}: {name:.80} is no option of such a block")
    return int(digits)
