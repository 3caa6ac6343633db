"""Reads, edits and makes pcapng option lists as raw bytes; also defines the class of an option's entry in the table.

Strategy: options are entries of type, length and value, each padded to 32 bits (pcapng, section "Options"); the records
of a names block have the same form. Bytes are parsed each time that a list is iterated over. Reading ends at the end
mark, at the end of the bytes, or before an entry that claims more bytes than follow.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pcapconv.spec import ByteOrder

END_OF_OPTIONS = 0
COMMENT = 1
LONGEST_VALUE = 65535  # bytes

# Types of values. A type that is not among them may be in python-pcapng's schemas.
TEXT = "text"
FILTER = "filter"  # a zero byte and a text; after any other byte the form is unknown
TIME = "time"  # two halves of 32 bits, the high one first, in the interface's time unit
TWO_NUMBERS = "two numbers"  # of 32 bits each: a process and a thread
CUSTOM_TEXT = "custom text"  # an enterprise number of 32 bits, and a text
CUSTOM_BYTES = "custom bytes"  # an enterprise number of 32 bits, and bytes
# Type of a number → its size in bytes, and whether it has a sign.
NUMBERS = {"u8": (1, False), "u32": (4, False), "u64": (8, False), "i64": (8, True)}


class OptionType(NamedTuple):
    """What an option is: an entry of the table in `pcapng`.

    `name` is empty if only the option's code is shown. `kind` is the kind of metadata: a kind that can be stripped, or
    `details`, which differ between runs; "" for an option that belongs to the block itself, None for an option whose
    value a field of the model holds. `value_type` is one of the types above, "" for any other type. `pcap_length` is
    the length of the values for which pcap has a field, None if pcap has no such field. `specified` is whether the
    specification names the option, `copied` whether programs that do not know the option may copy it.
    """

    code: int
    name: str
    kind: str | None
    value_type: str = ""
    pcap_length: int | None = None
    specified: bool = True
    copied: bool = True


class Option(NamedTuple):
    """An option: its code and its value, without padding."""

    code: int
    value: bytes


class OptionList:
    """An option list as raw bytes. Each iteration parses it again, so that a list of millions needs no memory."""

    __slots__ = ("_byte_order", "_end", "_overrun", "_raw")

    def __init__(self, raw: bytes | bytearray | memoryview, byte_order: ByteOrder) -> None:
        self._raw = raw
        self._byte_order = byte_order
        self._end: int | None = None
        self._overrun = False

    def __iter__(self) -> Iterator[Option]:
        """Yield the options that can be read. Never raises."""
        unpack = struct.Struct("<HH" if self._byte_order == "little" else ">HH").unpack_from
        raw, at, size = self._raw, 0, len(self._raw)
        while at + 4 <= size:
            code, length = unpack(raw, at)
            if code == END_OF_OPTIONS:
                self._end = min(at + 4 + (length + 3 & ~3), size)
                return
            if at + 4 + length > size:
                break
            yield Option(code, bytes(raw[at + 4 : at + 4 + length]))
            at += 4 + (length + 3 & ~3)
        self._end = min(at, size)
        self._overrun = at < size

    @property
    def length(self) -> int:
        """The size in bytes of the options that can be read, and of the end mark if the list has one."""
        if self._end is None:
            for _ in self:
                pass
        assert self._end is not None
        return self._end

    @property
    def overrun(self) -> bool:
        """Whether stray bytes, or an option that claims more bytes than the list has, follow the options that can be
        read."""
        return self.length >= 0 and self._overrun

    @property
    def comments(self) -> Iterator[str]:
        """The comments, in order."""
        return (text(option.value) for option in self if option.code == COMMENT)

    def first(self, code: int) -> bytes | None:
        """The value of the first option with this code; None if the list has no such option."""
        return next((option.value for option in self if option.code == code), None)


def edit(
    raw: bytes,
    byte_order: ByteOrder,
    *,
    keep: Callable[[Option], bool] | None = None,
    add: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """The option list with only the options for which `keep` is true, followed by the options to `add` (code, value).

    Options that stay keep their bytes and padding; the bytes after the last option that can be read stay, too.
    """
    new = b"".join(
        code.to_bytes(2, byte_order) + len(value).to_bytes(2, byte_order) + value + bytes(-len(value) % 4)
        for code, value in add
    )
    kept = bytearray()
    run = at = 0
    removed = False
    for option in OptionList(raw, byte_order):
        after = at + 4 + (len(option.value) + 3 & ~3)
        if keep is not None and not keep(option):
            removed = True
            kept += raw[run:at]
            run = after
        at = after
    if not removed and not new:
        return raw
    kept += raw[run:at]
    remainder = raw[at:]
    if not kept and not new and remainder == bytes(4):
        return b""  # only the end mark remains
    return b"".join((kept, new, remainder or bytes(4)))


def pack(options: Iterable[tuple[int, bytes]], byte_order: ByteOrder) -> bytes:
    """An option list of these codes and values, with its end mark; empty for no options."""
    return edit(b"", byte_order, add=options)


def text_bytes(value: bytes) -> bytes:
    """The bytes of a text in an option: the bytes before its first zero byte (pcapng, section "Options")."""
    return value.partition(b"\0")[0]


def text(value: bytes) -> str:
    """The text in an option; bytes that are not UTF-8 are shown as `\\xNN`. Control characters are not escaped."""
    return text_bytes(value).decode("utf-8", "backslashreplace")
