"""Text from captures and file names, made safe to show."""

from __future__ import annotations


def shown(text: str) -> str:
    """The text with everything that is not printable (control characters, marks that turn the writing direction, broken
    surrogates) as an escape like `\\x1b` or `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else _escaped(mark) for mark in text)


def _escaped(mark: str) -> str:
    number = ord(mark)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
