"""pcapng option lists as raw bytes: walked on request, never rewritten.

Strategy: options are type-length-value entries, each padded to 32 bits (pcapng, section "Options"); the records of a
names block have the same form. A walk reads up to what is certain: it ends at the end mark, at the end of the bytes,
or before an entry that claims more than there is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

END_OF_OPTIONS = 0
COMMENT = 1
CUSTOM = {2988: "text", 2989: "bytes", 19372: "text, not to be copied", 19373: "bytes, not to be copied"}


class Option(NamedTuple):
    """One entry: its code and its bytes, without padding."""

    code: int
    value: bytes


class Options(list[Option]):
    """The entries of a list that could be read. `length` is how many bytes they take, with the end mark if there is
    one; `overrun` tells that an entry follows which claims more than there is."""

    length = 0
    overrun = False

    @property
    def comments(self) -> list[str]:
        """The comments, in order."""
        return [text(option.value) for option in self if option.code == COMMENT]

    def first(self, code: int) -> bytes | None:
        """The value of the first entry with this code, None without one."""
        return next((option.value for option in self if option.code == code), None)


def walk(raw: bytes | bytearray | memoryview, byte_order: Literal["little", "big"]) -> Options:
    """Read an option list, as far as it can be read. Never raises."""
    entry = struct.Struct("<HH" if byte_order == "little" else ">HH")
    options = Options()
    at, size = 0, len(raw)
    while at + 4 <= size:
        code, length = entry.unpack_from(raw, at)
        if code == END_OF_OPTIONS:
            options.length = min(at + 4 + (length + 3 & ~3), size)
            return options
        if at + 4 + length > size:
            options.overrun = True
            break
        options.append(Option(code, bytes(raw[at + 4 : at + 4 + length])))
        at += 4 + (length + 3 & ~3)
    options.overrun = options.overrun or 0 < size - at < 4
    options.length = min(at, size)
    return options


def pack(options: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]], byte_order: Literal["little", "big"]) -> bytes:
    """An option list with its end mark; nothing at all for no options."""
    packed = b"".join(
        code.to_bytes(2, byte_order) + len(value).to_bytes(2, byte_order) + value + bytes(-len(value) % 4)
        for code, value in options
    )
    return packed + bytes(4) if packed else b""


def text(value: bytes) -> str:
    """Text from a capture; what is not UTF-8 is shown as `\\xNN`. Control characters are still in it."""
    return value.decode("utf-8", "backslashreplace")
