"""Lines for people: aligned columns, under headings with the date.

Strategy: lines go out before the next packets are known. So a column begins with a usual width and becomes wider with
the first text that is longer, up to a limit; a text beyond the limit shifts only its own line. This depends on nothing
but the packets before: a live pipe shows the same lines as a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapconv.listing.columns import IN_LINES, LINE_COLUMNS, Column
from pcapconv.listing.hex_dump import hex_dump
from pcapconv.listing.rows import Rows
from pcapconv.text import display_width

GAP = "  "


class TextLines:
    """The form of lines. Without `columns`, lines have the usual ones: the interface if there are several, comments if
    there are some. With `dump`, the packets' bytes follow each line."""

    dated = False

    def __init__(self, columns: Sequence[str] | None = None, *, dump: bool = False) -> None:
        self.columns: Sequence[str] = IN_LINES if columns is None else columns
        self._usual = columns is None
        self._dump = dump
        self._widths: dict[str, int] = {}

    def begin(self) -> str:
        """What stands before the first line: nothing."""
        return ""

    def render(self, rows: Rows) -> Iterator[str]:
        """Yield the lines of a batch, in pieces of text."""
        names = self._names(rows)
        cells = [self._aligned(name, LINE_COLUMNS[name], rows) for name in names]
        lines = self.join(names, cells)
        if "time" in names:
            for row, heading in rows.times.headings.items():
                lines[row] = f"{self.heading(heading)}\n{lines[row]}"
        if not self._dump:
            yield "\n".join(lines) + "\n"
            return
        for row, line in enumerate(lines):
            yield f"{line}\n"
            at, size = rows.batch.columns.data_at[row], rows.batch.columns.captured_length[row]
            yield from hex_dump(memoryview(rows.batch.buffer)[at : at + size])

    def join(self, names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
        """The lines of these columns, whose cells are aligned."""
        del names
        return list(map(str.rstrip, map(GAP.join, zip(*cells))))

    def heading(self, text: str) -> str:
        """The line of a heading."""
        return text

    def _names(self, rows: Rows) -> Sequence[str]:
        if not self._usual:
            return self.columns
        left_out = set[str]()
        if not rows.reader.several_interfaces:
            left_out.add("interface")
        if not rows.batch.has_options:
            left_out.add("comments")
        return [name for name in self.columns if name not in left_out]

    def _aligned(self, name: str, column: Column, rows: Rows) -> list[str]:
        """The cells of a column, each as wide as the column is at its line."""
        values = column.values(rows)
        texts = values if column.text is str and name in _TEXTS else list(map(column.text, values))
        width = self._widths.get(name, column.least)
        all_narrow = _are_narrow("".join(texts))
        if all_narrow and max(map(len, texts)) <= width:
            return [text.rjust(width) for text in texts] if column.right else [text.ljust(width) for text in texts]
        cells = []
        for text, taken in zip(texts, map(len if all_narrow else display_width, texts)):
            if width < taken <= column.most:
                width = taken
            padding = " " * (width - taken)
            cells.append(padding + text if column.right else text + padding)
        self._widths[name] = width
        return cells


def _are_narrow(text: str) -> bool:
    """Whether all characters take one cell of a terminal; False also where that would take long to find out."""
    return text.isascii() or text.replace("→", "").isascii()  # the arrow is between addresses


_TEXTS = ("addresses", "protocol", "essence")  # whose values are texts already, and are safe to show
