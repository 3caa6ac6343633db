"""Lines of packets on a terminal: coloured, and cut to its width.

Strategy: columns are aligned as everywhere. Where a line is too long, the essence gives way first, so that the length
behind it stays in sight; then the line is cut. Texts are cut before they are painted.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapconv.cli.terminal import Painter
from pcapconv.listing.lines import GAP, TextLines
from pcapconv.text import display_width, fitting_length

_STYLES = {"number": "dim", "time": "dim", "interface": "dim", "protocol": "label", "comments": "comment"}
_ESSENCE = "essence"
_NARROWEST_ESSENCE = 8
_MARK = "…"


class PaintedLines(TextLines):
    """The form of lines for a terminal of `width` characters; None if they are not cut."""

    def __init__(
        self, columns: Sequence[str] | None, painter: Painter, width: int | None, *, dump: bool = False
    ) -> None:
        super().__init__(columns, dump=dump)
        self._painter = painter
        self._width = width

    def join(self, names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
        """See `TextLines.join`."""
        return [self._line(names, row) for row in zip(*cells)]

    def heading(self, text: str) -> str:
        """See `TextLines.heading`."""
        return self._painter(_cut(text, self._width), "title")

    def _line(self, names: Sequence[str], cells: Sequence[str]) -> str:
        if self._width is not None and _ESSENCE in names:
            cells = _with_shorter_essence(names, cells, self._width)
        left = self._width
        painted = []
        for name, cell in zip(names, cells):
            text = _cut(cell, left)
            stripped = text.rstrip()
            painted.append(self._painter(stripped, _STYLES.get(name, "")) + text[len(stripped) :])
            if left is not None:
                left -= display_width(text) + len(GAP)
                if left <= 0:
                    break
        return GAP.join(painted).rstrip()


def _with_shorter_essence(names: Sequence[str], cells: Sequence[str], width: int) -> Sequence[str]:
    """The cells of a line, with the essence cut by what the line is too long without its comments."""
    shown = [cell for name, cell in zip(names, cells) if name != "comments"]
    excess = sum(map(display_width, shown)) + len(GAP) * (len(shown) - 1) - width
    if excess <= 0:
        return cells
    at = names.index(_ESSENCE)
    room = max(_NARROWEST_ESSENCE, display_width(cells[at]) - excess)
    essence = _cut(cells[at].rstrip(), room)
    return [*cells[:at], essence + " " * (room - display_width(essence)), *cells[at + 1 :]]


def _cut(text: str, width: int | None) -> str:
    """The text, cut to this width with a mark at its end."""
    if width is None or display_width(text) <= width:
        return text
    stripped = text.rstrip()
    if display_width(stripped) <= width:
        return stripped + " " * (width - display_width(stripped))
    beginning = stripped[: fitting_length(stripped, width - 1)]
    return beginning + _MARK if display_width(beginning) < width else _MARK
