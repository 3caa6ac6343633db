"""Option lists as JSON values that people can read, and their bytes made again from these.

Strategy: an option list becomes a list of options by name. If packing that list again gives other bytes than the
original (other padding, no end mark), the original bytes stand beside it as `raw`, and only they count. `SIDECAR.md`
describes the form for other programs.
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

_LONGEST_READABLE = 64 * 1024  # bytes of options; longer lists are kept as `raw` alone
_LONGEST_CACHED = 256

_FILTER_TEXT = b"\0"  # the first byte of a filter that is a text
_NO_NUMBER = -1, False  # size and sign of an option that holds no number


def options_value(raw: bytes, order: ByteOrder, block_type: int) -> Value:
    """Return an option list as a list of `{name: text}`, `{name: number}` and `{name: {"hex": …}}`, or as an object
    with `said`, which is such a list, and `raw`."""
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
    """Return an option's value as text or as a number if it is one, else in hex."""
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


_cached_options = lru_cache(_options)  # most packets of a capture have one of a few option lists


def options_bytes(value: Value, order: ByteOrder, block_type: int, what: str) -> bytes:
    """Return the option list that `options_value` made a value of. Raises SidecarError."""
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
    holds = pcapng.option_type(block_type, code).value_type
    if holds == option_lists.TIME:
        return bodies.ticks_bytes(check_number(number, what), order)
    size, signed = option_lists.NUMBERS.get(holds, _NO_NUMBER)
    if size < 0 or isinstance(number, bool):
        raise SidecarError(f"{what} is not a number")
    try:
        return number.to_bytes(size, order, signed=signed)
    except OverflowError:
        raise SidecarError(f"{what} is a number that does not fit into {size} bytes") from None


@lru_cache
def _codes(block_type: int) -> dict[str, int]:
    """The codes of a block's options by name, without names that several options share."""
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
