"""pcapng option lists as raw bytes, walked on request and never rewritten; and what can be said of an option.

Strategy: options are type-length-value entries, each padded to 32 bits (pcapng, section "Options"); the records of a
names block have the same form. A walk reads up to what is certain: it ends at the end mark, at the end of the bytes,
or before an entry that claims more than there is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pcapconv.spec import ByteOrder

END_OF_OPTIONS = 0
COMMENT = 1

# What an option's value holds. Numbers are these, with their bytes and whether they have a sign; anything else that is
# not named here, python-pcapng may know.
TEXT = "text"
FILTER = "filter"  # a text behind a zero byte, or something else behind another
TIME = "time"  # two halves of 32 bits, the high one first, in the interface's unit
TWO_NUMBERS = "two numbers"  # of 32 bits: a process and a thread
CUSTOM_TEXT = "custom text"  # a text behind an enterprise number of 32 bits
CUSTOM_BYTES = "custom bytes"
NUMBERS = {"u8": (1, False), "u32": (4, False), "u64": (8, False), "i64": (8, True)}


class OptionType(NamedTuple):
    """What an option is.

    `name` is empty where its code is all that is shown. `kind` is the kind of metadata: one that can be stripped, or
    `details`, which differ between runs; "" for what belongs to the block itself, None for what the model's fields
    say. `holds` is one of the words above, "" for anything else. `pcap_length` is the length of a value that pcap has
    a place for. `specified` tells whether the specification names it, `copied` whether it may be copied by programs
    that do not know it.
    """

    code: int
    name: str
    kind: str | None
    holds: str = ""
    pcap_length: int | None = None
    specified: bool = True
    copied: bool = True


class Option(NamedTuple):
    """One entry: its code and its bytes, without padding."""

    code: int
    value: bytes


class OptionList:
    """An option list, read anew by each walk over it, so that a list of millions costs no memory."""

    __slots__ = ("_byte_order", "_end", "_overrun", "_raw")

    def __init__(self, raw: bytes | bytearray | memoryview, byte_order: ByteOrder) -> None:
        self._raw = raw
        self._byte_order = byte_order
        self._end: int | None = None
        self._overrun = False

    def __iter__(self) -> Iterator[Option]:
        """The entries that can be read. Never raises."""
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
        """How many bytes the entries take, with the end mark if there is one."""
        if self._end is None:
            for _ in self:
                pass
        assert self._end is not None
        return self._end

    @property
    def overrun(self) -> bool:
        """Whether an entry follows that claims more than there is, or stray bytes do."""
        return self.length >= 0 and self._overrun

    @property
    def comments(self) -> Iterator[str]:
        """The comments, in order."""
        return (text(option.value) for option in self if option.code == COMMENT)

    def first(self, code: int) -> bytes | None:
        """The value of the first entry with this code, None without one."""
        return next((option.value for option in self if option.code == code), None)


def edited(
    raw: bytes,
    byte_order: ByteOrder,
    *,
    keep: Callable[[Option], bool] | None = None,
    add: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """The option list without the entries that are not to `keep`, and with some to `add` after those that stay.

    What stays keeps its bytes, with its padding and whatever stands behind the last entry that can be read.
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
    rest = raw[at:]
    if not kept and not new and rest == bytes(4):
        return b""  # nothing but the end mark is left
    return b"".join((kept, new, rest or bytes(4)))


def pack(options: Iterable[tuple[int, bytes]], byte_order: ByteOrder) -> bytes:
    """An option list with its end mark; nothing at all for no options."""
    return edited(b"", byte_order, add=options)


def text_bytes(value: bytes) -> bytes:
    """The bytes of a text from a capture: it ends at its first zero byte (pcapng, section "Options")."""
    return value.partition(b"\0")[0]


def text(value: bytes) -> str:
    """A text from a capture; what is not UTF-8 is shown as `\\xNN`. Other control characters are still in it."""
    return text_bytes(value).decode("utf-8", "backslashreplace")
