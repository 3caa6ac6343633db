"""Text for people: texts from captures and file names with control characters escaped, long texts cut, counts in
words, addresses, hosts with their ports, and how wide a text is on a terminal."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_SHORTEST_LINE = 8  # characters: fewer may be text by accident, if other bytes follow
_LONGEST_SHOWN = 60  # characters of a line
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_KEY = re.compile("[0-9A-Za-z+/=]{16,}")


def shown(text: str) -> str:
    """The text with every character that is not printable (control characters, marks that change the writing direction,
    lone surrogates) escaped, like `\\x1b` or `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def counted(count: int, one: str, several: str = "") -> str:
    """A count with its noun, as all messages show counts: `1 file`, `1,234 files`. The plural is `several`, or `one`
    with an s."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def shortened(text: str, most: int) -> str:
    """The first `most` characters of a text, with a mark behind them if there are more: `…`."""
    return text if len(text) <= most else f"{text[:most]}…"


def first_and_more(names: Sequence[str]) -> str:
    """Several names as one, as messages show the inputs of a merge: `a.pcap and 3 more`, or `a.pcap` alone."""
    more = len(names) - 1
    return f"{names[0]} and {more:,} more" if more else names[0]


def from_to(source: str, destination: str) -> str:
    """Where a packet comes from and where it goes, such as `192.0.2.1:443 → 198.51.100.2:8`; the source alone, which
    may be empty, if there is no destination."""
    return f"{source or '-'} → {destination}" if destination else source


def ip_text(address: IPv4Address | IPv6Address) -> str:
    """An IP address as text. In all versions of Python, an IPv4 address within IPv6 is `::ffff:192.0.2.1` (RFC 5952,
    section 5), which `str` does from 3.13 on."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(address) if mapped is None else f"::ffff:{mapped}"


def with_port(host: str, port: int | None) -> str:
    """A host with its port: `10.0.0.1:80`, `[2001:db8::1]:80`; the host alone if `port` is None."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def display_width(text: str) -> int:
    """The number of cells that a text takes on a terminal: wide East Asian characters take two each."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    from unicodedata import category, east_asian_width  # rarely needed

    return 0 if category(character) in ("Mn", "Me") else 1 + (east_asian_width(character) in "WF")


def fitting_length(text: str, width: int) -> int:
    """How many characters of a text fit into `width` cells; at least 1."""
    used = 0
    for index, character in enumerate(text):
        used += _character_width(character)
        if used > width and index:
            return index
    return len(text)


def extra_and_how_to_install(name: str) -> str:
    """An extra of pcapconv, and how to install it: the user may have got pcapconv from anywhere, so only the command
    for a clone can be given."""
    return f"the extra {name} (in a clone of pcapconv: pip install '.[{name}]')"


def quoted(data: bytes, *, min_shown: int = 0) -> str | None:
    """The first line of the text with which the bytes begin, in quotes and escaped as by `shown`; None if the bytes do
    not begin with text.

    The line is cut at 60 characters, and before a word of 16 or more letters and digits, which may be a key; but the
    first `min_shown` characters are shown in any case.
    """
    encoding, errors = ("utf-16", "replace") if data[:2] in _UTF_16 else ("utf-8", "surrogateescape")
    text = codecs.getincrementaldecoder(encoding)(errors).decode(data).removeprefix("\ufeff")
    beginning = "".join(takewhile(_is_text, text))
    line = beginning.strip().partition("\n")[0].rstrip()
    if len(beginning) < len(text) and len(line) < _SHORTEST_LINE:
        return None
    key = _KEY.search(line)
    size = min(_LONGEST_SHOWN, max(min_shown, key.start())) if key else _LONGEST_SHOWN
    return f"'{shown(line[:size])}{'…' if len(line) > size else ''}'" if line[:size] else None


def _is_text(character: str) -> bool:
    return character.isprintable() or character in "\t\n\f\r\x1b"


def _escape(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
