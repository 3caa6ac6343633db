"""How far long work is: what is done, how fast it goes and what time is left.

On a terminal, rich draws a bar, and is imported only when there is one to draw.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from pcapconv.cli.messages import say
from pcapconv.text import counted
from pcapconv.timestamps import duration_in_words

Progress = Callable[[int], object] | None  # takes the bytes read so far; None where nothing is to be shown

_PATIENCE = 1.0  # seconds before a bar appears
_SECOND = 1.0
_SELDOM = 30.0  # seconds between lines where there is no terminal
_OFTEN = 0.1  # and between two looks of a bar
_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@contextmanager
def progress_bar(source: str, *, show: bool) -> Iterator[Progress]:
    """What is to be told of the progress."""
    if not show:
        yield None
        return
    bar = _Bar(source)
    try:
        yield bar.update
    finally:
        bar.close()


class _Bar:
    """The bar of one capture."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._begun = time.monotonic()
        self._due = self._begun + _PATIENCE
        self._drawn: _Drawn | None = None

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _OFTEN
        if self._drawn is None:
            self._drawn = _Drawn(os.path.getsize(self._source) if os.path.isfile(self._source) else 0)
        self._drawn.show(done, _how_far(done, self._drawn.size, now - self._begun))

    def close(self) -> None:
        if self._drawn is not None:
            self._drawn.close()


class _Drawn:
    """A bar on the terminal, with words behind it."""

    def __init__(self, size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        self.size = size
        bar = BarColumn(None, "bright_black", "cyan", "green", "cyan", table_column=Column(ratio=1, min_width=4))
        words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
        self._progress = Progress(bar, words, console=Console(stderr=True), transient=True, expand=True)
        self._task = self._progress.add_task("", total=size or None)

    def show(self, done: int, words: str) -> None:
        """So many bytes are done."""
        self._progress.update(self._task, completed=done, description=words)
        with suppress(RuntimeError):  # the system has no thread to spare; the work goes on without a bar
            self._progress.start()

    def close(self) -> None:
        self._progress.stop()


def _how_far(done: int, size: int, seconds: float) -> str:
    """`120.0 MB of 500.0 MB, 30.0 MB/s, 12 s left`: of bytes, as far as they and their number are known."""
    said = [f"{_size(done)} of {_size(size)}" if size else _size(done)]
    if done and seconds > 0:
        said.append(f"{_size(int(done / seconds))}/s")
        left = int((size - done) * seconds / done)
        if left >= 1:
            said.append(f"{duration_in_words(left)} left")
    return ", ".join(said)


def _size(count: int) -> str:
    for name, unit in _UNITS:
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return counted(count, "byte")


class Tally:
    """How far a batch is: a bar on a terminal, a line now and then elsewhere; and a table at its end."""

    def __init__(self, *, show: bool) -> None:
        self._show = show and sys.stderr is not None
        self._terminal = self._show and sys.stderr.isatty()
        self._begun = time.monotonic()
        self._due = self._begun + (_PATIENCE if self._terminal else _SELDOM)
        self._files = self._size = 0
        self._drawn: _Drawn | None = None

    def begin(self, files: int, size: int) -> None:
        """So much is to be done."""
        self._files, self._size = files, size

    def look(self, files: int, read: int, failed: int = 0) -> None:
        """So many files and bytes are done, and so many of the files failed."""
        now = time.monotonic()
        if not self._show or now < self._due:
            return
        of_all = f"{files:,} of {counted(self._files, 'file')}{f', {failed:,} failed' if failed else ''}"
        how_far = f"{of_all}, {_how_far(read, self._size, now - self._begun)}"
        if not self._terminal:
            self._due = now + _SELDOM
            say(f"pcapconv: {how_far}")
            return
        self._due = now + _OFTEN
        self._drawn = self._drawn or _Drawn(self._size)
        self._drawn.show(read, how_far)

    def show_table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values."""
        if not self._show:
            return
        wide, wide_value = (max(len(row[place]) for row in rows) for place in (0, 1))
        for name, value in rows:
            say(f"{name:{wide}}  {value:>{wide_value}}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn is not None:
            self._drawn.close()


class JsonTally:
    """How far a batch is, for machines: a line of JSON on stderr every second, and one at the end."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._due = self._begun + _SECOND
        self._said = {"files": 0, "bytes": 0, "done": 0, "failed": 0}

    def begin(self, files: int, size: int) -> None:  # noqa: ARG002 - it is the other's
        """See `Tally.begin`."""
        self._said["files"] = files

    def look(self, files: int, read: int, failed: int = 0) -> None:
        """See `Tally.look`."""
        self._said |= {"bytes": read, "done": files, "failed": failed}
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _SECOND
            self._say()

    def show_table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Nothing: the last line has been said."""

    def _say(self) -> None:
        import json  # slow to import, and on the way of every command that writes

        from pcapconv.json_form import document

        seconds = round(time.monotonic() - self._begun, 3)
        say(json.dumps(document("progress", self._said | {"seconds": seconds})))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._say()
