"""Packets' bytes for people: offset, bytes in hex, and the characters among them."""

from __future__ import annotations

from collections.abc import Iterator

_IN_LINE = 16
_INDENT = " " * 6
_CHARACTERS = bytes(code if 0x20 <= code < 0x7F else ord(".") for code in range(256))
_PIECE = 1024  # lines in one text


def hex_dump(data: bytes | bytearray | memoryview) -> Iterator[str]:
    """Yield the lines, in pieces of text that end with a line."""
    lines: list[str] = []
    for at in range(0, len(data), _IN_LINE):
        part = bytes(data[at : at + _IN_LINE])
        columns = part[:8].hex(" "), part[8:].hex(" ")
        characters = part.translate(_CHARACTERS).decode("ascii")
        lines.append(f"{_INDENT}{at:04x}  {columns[0]:23}  {columns[1]:23}  {characters}\n")
        if len(lines) == _PIECE:
            yield "".join(lines)
            lines = []
    if lines:
        yield "".join(lines)
