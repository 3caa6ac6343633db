"""What `normalize` would change in a capture, as `pcapconv diff --all` shows it: `Changes`, for `normalize --check`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

from pcapconv.cli.terminal import painter_for, unpainted
from pcapconv.comparing import Comparison, diff
from pcapconv.comparing.diff_lines import Painter, diff_lines
from pcapconv.errors import FileError, PcapconvError
from pcapconv.normalizing import Checked
from pcapconv.text import counted, shortened, shown

_MOST_LINES = 200  # about one capture
_LONGEST_KEPT = 500  # characters of a line that is kept


class Changes:
    """The differences between a capture of this path and its normal form. `fractions` are as for `diff`."""

    def __init__(self, checked: Checked, path: str, fractions: str | None) -> None:
        self._comparison: Comparison | None = None
        try:
            comparison = diff(checked.content, checked.normal_form, all=True, fractions=fractions)
        except PcapconvError as error:
            self._sentence = f"{path}: what would change cannot be shown: {error}"
            return
        self._sentence = f"{path}: only how the file is written would change, and nothing that diff compares"
        if not comparison.same:
            comparison.names = path, f"{path} in its normal form"
            self._comparison = comparison

    def lines(self, painter: Painter | None = None) -> Iterator[str]:
        """Yield at least one line, and at most 200 and their number. Control characters are escaped."""
        if self._comparison is None:
            yield shown(self._sentence)
            return
        lines = diff_lines(self._comparison, painter)
        yield from itertools.islice(lines, _MOST_LINES)
        if more := sum(1 for _ in lines):
            yield f"and {counted(more, 'more line')}"

    def kept_lines(self) -> list[str]:
        """Return the lines, the long ones cut, for JSON and JUnit XML."""
        return [shortened(line, _LONGEST_KEPT) for line in self.lines()]

    def print_all(self) -> None:
        """Print all lines on stdout. Raises FileError if stdout is closed."""
        if sys.stdout is None:
            raise FileError("stdout: cannot write: it is closed")
        painter = painter_for(sys.stdout)
        for line in self.lines(None if painter is unpainted else painter):
            sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
        sys.stdout.flush()
