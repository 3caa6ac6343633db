"""Colours, columns and line breaks for text on a terminal; without a terminal, text has no colours or line breaks.

Strategy: this module replaces rich, whose import takes longer than reading a small capture. Control characters are
escaped before a text is painted, and the codes that paint it do not count for its width.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pcapconv.text import display_width, fitting_length

Painter = Callable[[str, str], str]  # takes a text without control characters, and its style: one of `STYLES`

STYLES = {
    "": "",
    "title": "1",
    "label": "36",
    "warning": "33",
    "damage": "31",
    "a": "31",
    "b": "32",
    "a changed": "1;7;31",
    "b changed": "1;7;32",
    "dim": "2",
    "comment": "32",
}

COLUMN_GAP = 2  # blanks between columns
_NARROWEST_COLUMN = 20  # characters of the last column, however narrow the terminal is
_DEFAULT_WIDTH = 80


def painter_for(stream: Any) -> Painter:
    """Return the function that paints text for a stream: in colours only on a terminal, and not if NO_COLOR is set to
    anything (https://no-color.org) or TERM is `dumb`."""
    coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return _coloured if coloured else unpainted


def terminal_width(stream: Any) -> int | None:
    """Return the number of characters in a line of the terminal; None if the stream is not a terminal."""
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and 0 < len(columns) < 6 and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return _DEFAULT_WIDTH


def align_columns(
    lines: Sequence[Sequence[str]],
    painter: Painter,
    styles: Sequence[Sequence[str]],
    *,
    width: int | None,
    least: int = 0,
    right: Sequence[int] = (),
) -> Iterator[str]:
    """Yield lines of cells as aligned text.

    The cells have no control characters; `styles` has the style of each. Only the cells of the last column are broken,
    so that lines are at most `width` characters long (None: no limit). The first column is at least `least` characters
    wide; the columns whose indexes are in `right` are aligned to the right.
    """
    if not lines:
        return
    widths = [max(display_width(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    widths[0] = max(widths[0], least)
    indent = sum(widths) + COLUMN_GAP * len(widths)
    last_width = None if width is None else max(width - indent, _NARROWEST_COLUMN)
    for line, line_styles in zip(lines, styles):
        text = ""
        for column, column_width in enumerate(widths):
            padding = " " * (column_width - display_width(line[column]))
            cell = painter(line[column], line_styles[column])
            text += (padding + cell if column in right else cell + padding) + " " * COLUMN_GAP
        for piece in wrap_text(line[-1], last_width):
            yield (text + painter(piece, line_styles[-1])).rstrip()
            text = " " * indent


def wrap_text(text: str, width: int | None) -> list[str]:
    """Break a text into lines of at most `width` characters (None: no limit), at spaces if there are any."""
    lines: list[str] = []
    while width is not None and display_width(text) > width:
        fitting = fitting_length(text, width)
        space = text.rfind(" ", 0, fitting + 1)
        end = fitting if space <= 0 else space
        lines.append(text[:end].rstrip(" "))
        text = text[end:].lstrip(" ")
    return [*lines, text] if text or not lines else lines


def unpainted(text: str, _: str) -> str:
    """Return the text as it is."""
    return text


def _coloured(text: str, style: str) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and text else text
