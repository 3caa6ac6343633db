"""Text from captures and file names, made safe to show."""

from __future__ import annotations

import codecs
import re
from itertools import takewhile

_LINE = 8  # characters that are no accident among other bytes
_MOST = 60  # characters of a line that are shown
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_KEY = re.compile("[0-9A-Za-z+/=]{16,}")


def shown(text: str) -> str:
    """The text with everything that is not printable (control characters, marks that turn the writing direction, broken
    surrogates) as an escape like `\\x1b` or `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else _escaped(mark) for mark in text)


def counted(count: int, one: str, several: str = "") -> str:
    """A count of things, in the way in which all counts are shown: `1 file`, `1,234 files`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def quoted(data: bytes, *, least: int = 0) -> str | None:
    """The first line of the text with which bytes begin, in quotes and safe to show; None where they are not text.

    A word of 16 letters and digits or more ends it, since that may be a key; but `least` characters are shown.
    """
    encoding, errors = ("utf-16", "replace") if data[:2] in _UTF_16 else ("utf-8", "surrogateescape")
    text = codecs.getincrementaldecoder(encoding)(errors).decode(data).removeprefix("\ufeff")
    beginning = "".join(takewhile(_is_text, text))
    line = beginning.strip().partition("\n")[0].rstrip()
    if len(beginning) < len(text) and len(line) < _LINE:
        return None
    key = _KEY.search(line)
    most = min(_MOST, max(least, key.start())) if key else _MOST
    return f"'{shown(line[:most])}{'…' if len(line) > most else ''}'" if line[:most] else None


def _is_text(mark: str) -> bool:
    return mark.isprintable() or mark in "\t\n\f\r\x1b"


def _escaped(mark: str) -> str:
    number = ord(mark)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
