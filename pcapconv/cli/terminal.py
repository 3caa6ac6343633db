"""How a page looks: colours on a terminal and nowhere else, rows in columns that fit it.

Strategy: a few lines of our own, since what rich does takes longer to import than a small capture to read. A text is
made safe before it is painted, and what it is painted with is no part of its width.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Paint = Callable[[str, str], str]  # takes a text that is safe to show, and what it is: one of `LOOKS`

LOOKS = {
    "": "",
    "title": "1",
    "label": "36",
    "warning": "33",
    "damage": "31",
    "a": "31",
    "b": "32",
    "a changed": "1;7;31",
    "b changed": "1;7;32",
}

_GAP = 2  # between columns
_LEAST = 20  # characters of the last column, however narrow the terminal is
_USUAL = 80


def paint_for(stream: Any) -> Paint:
    """How to paint for this stream. Whoever sets NO_COLOR to anything wants no colours (https://no-color.org)."""
    coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return _coloured if coloured else plain


def width_of(stream: Any) -> int | None:
    """How many characters a line of the terminal has; None for no terminal, where no line is broken."""
    if not stream.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdecimal() and 0 < len(said) < 6 and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def in_columns(
    rows: Sequence[Sequence[str]],
    paint: Paint,
    looks: Sequence[Sequence[str]],
    *,
    width: int | None,
    least: int = 0,
    right: Sequence[int] = (),
) -> Iterator[str]:
    """Lines with the rows, whose cells are safe to show, each painted as `looks` has it at the same place. Only the
    last column is broken into lines of `width`. The first one has `least` characters or more; those of `right` end
    below each other."""
    if not rows:
        return
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    widths[0] = max(widths[0], least)
    indent = sum(widths) + _GAP * len(widths)
    room = None if width is None else max(width - indent, _LEAST)
    for row, look in zip(rows, looks):
        line = ""
        for column, wide in enumerate(widths):
            padding = " " * (wide - cells(row[column]))
            cell = paint(row[column], look[column])
            line += (padding + cell if column in right else cell + padding) + " " * _GAP
        for part in folded(row[-1], room):
            yield (line + paint(part, look[-1])).rstrip()
            line = " " * indent


def folded(text: str, room: int | None) -> list[str]:
    """The text in pieces of so many characters at most, broken at spaces where there are some."""
    lines: list[str] = []
    while room is not None and cells(text) > room:
        most = _fitting(text, room)
        space = text.rfind(" ", 0, most + 1)
        at = most if space <= 0 else space
        lines.append(text[:at].rstrip(" "))
        text = text[at:].lstrip(" ")
    return [*lines, text] if text or not lines else lines


def cells(text: str) -> int:
    """How many places of a terminal a text takes, which East Asian characters take two of."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(mark: str) -> int:
    from unicodedata import combining, east_asian_width  # rarely needed

    return 0 if combining(mark) else 1 + (east_asian_width(mark) in "WF")


def _fitting(text: str, room: int) -> int:
    """How many characters of a text fit, one at least."""
    used = 0
    for at, mark in enumerate(text):
        used += _cells(mark)
        if used > room and at:
            return at
    return len(text)


def plain(text: str, _: str) -> str:
    """The text as it is."""
    return text


def _coloured(text: str, look: str) -> str:
    return f"\x1b[{LOOKS[look]}m{text}\x1b[0m" if look and text else text
