"""The progress of long work: a bar on a terminal, lines of text or JSON elsewhere.

The bar is drawn by rich, which is imported only when the bar first appears.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from pcapconv.cli.messages import print_line
from pcapconv.text import counted
from pcapconv.timestamps import duration_in_words

Progress = Callable[[int], object] | None  # takes the number of bytes read so far; None if no progress is shown

_BAR_DELAY = 1.0  # seconds before a bar appears
_BAR_INTERVAL = 0.1  # seconds between updates of a bar
_LINE_INTERVAL = 30.0  # seconds between lines of text, without a terminal
_JSON_INTERVAL = 1.0  # seconds between lines of JSON
_SIZE_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@contextmanager
def progress_bar(sources: Sequence[str], *, show: bool) -> Iterator[Progress]:
    """While entered, show the progress of a command that reads these captures, or directories of captures: yields the
    function to call with the number of bytes read so far."""
    if not show:
        yield None
        return
    bar = _CaptureBar(sources)
    try:
        yield bar.update
    finally:
        bar.close()


class _CaptureBar:
    """The progress bar of a command with one output; it appears after a second."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = sources
        self._start = time.monotonic()
        self._next_update = self._start + _BAR_DELAY
        self._bar: _RichBar | None = None

    def update(self, bytes_read: int) -> None:
        now = time.monotonic()
        if now < self._next_update:
            return
        self._next_update = now + _BAR_INTERVAL
        if self._bar is None:
            self._bar = _RichBar(_total_size(self._sources))
        self._bar.update(bytes_read, _progress_text(bytes_read, self._bar.size, now - self._start))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _total_size(sources: Sequence[str]) -> int:
    """Return the number of bytes in all sources, and in the files of sources that are directories; 0 if the size of a
    source is unknown."""
    total = 0
    for source in sources:
        if os.path.isdir(source):
            with suppress(OSError), os.scandir(source) as entries:
                total += sum(entry.stat().st_size for entry in entries if entry.is_file())
        elif os.path.isfile(source):
            total += os.path.getsize(source)
        else:
            return 0
    return total


class _RichBar:
    """A bar on the terminal, followed by text. `size` is the number of bytes at which the bar is full; 0 if unknown."""

    def __init__(self, size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        self.size = size
        bar = BarColumn(None, "bright_black", "cyan", "green", "cyan", table_column=Column(ratio=1, min_width=4))
        text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
        self._progress = Progress(bar, text, console=Console(stderr=True), transient=True, expand=True)
        self._task = self._progress.add_task("", total=size or None)

    def update(self, bytes_read: int, text: str) -> None:
        self._progress.update(self._task, completed=bytes_read, description=text)
        with suppress(RuntimeError):  # no thread can be started; the work goes on without a bar
            self._progress.start()

    def close(self) -> None:
        self._progress.stop()


def _progress_text(bytes_read: int, size: int, seconds: float) -> str:
    """Return `120.0 MB of 500.0 MB, 30.0 MB/s, 12 s left`; `size` is 0 if unknown."""
    texts = [f"{_size_text(bytes_read)} of {_size_text(size)}" if size else _size_text(bytes_read)]
    if bytes_read and seconds > 0:
        texts.append(f"{_size_text(int(bytes_read / seconds))}/s")
        seconds_left = int((size - bytes_read) * seconds / bytes_read)
        if seconds_left >= 1:
            texts.append(f"{duration_in_words(seconds_left)} left")
    return ", ".join(texts)


def _size_text(count: int) -> str:
    for name, unit in _SIZE_UNITS:
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return counted(count, "byte")


class BatchProgress:
    """The progress of a batch: a bar on a terminal, a line every 30 seconds elsewhere; a table at the end."""

    def __init__(self, *, show: bool) -> None:
        self._show = show and sys.stderr is not None
        self._is_terminal = self._show and sys.stderr.isatty()
        self._start = time.monotonic()
        self._next_update = self._start + (_BAR_DELAY if self._is_terminal else _LINE_INTERVAL)
        self._files = self._size = 0
        self._bar: _RichBar | None = None

    def begin(self, files: int, size: int) -> None:
        """Set the number of files to convert, and the number of bytes in them."""
        self._files, self._size = files, size

    def update(self, files: int, bytes_read: int, failed: int = 0) -> None:
        """Show how many files are done, how many bytes were read and how many of the files failed."""
        now = time.monotonic()
        if not self._show or now < self._next_update:
            return
        file_text = f"{files:,} of {counted(self._files, 'file')}{f', {failed:,} failed' if failed else ''}"
        text = f"{file_text}, {_progress_text(bytes_read, self._size, now - self._start)}"
        if not self._is_terminal:
            self._next_update = now + _LINE_INTERVAL
            print_line(f"pcapconv: {text}")
            return
        self._next_update = now + _BAR_INTERVAL
        self._bar = self._bar or _RichBar(self._size)
        self._bar.update(bytes_read, text)

    def show_table(self, lines: Sequence[tuple[str, str]]) -> None:
        """Print names and values in two columns."""
        if not self._show:
            return
        name_width, value_width = (max(len(line[column]) for line in lines) for column in (0, 1))
        for name, value in lines:
            print_line(f"{name:{name_width}}  {value:>{value_width}}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class JsonProgress:
    """The progress of a batch for machines: a line of JSON on stderr every second, and one at the end."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._next_update = self._start + _JSON_INTERVAL
        self._fields = {"files": 0, "bytes": 0, "done": 0, "failed": 0}

    def begin(self, files: int, size: int) -> None:  # noqa: ARG002 - as `BatchProgress.begin`
        """See `BatchProgress.begin`."""
        self._fields["files"] = files

    def update(self, files: int, bytes_read: int, failed: int = 0) -> None:
        """See `BatchProgress.update`."""
        self._fields |= {"bytes": bytes_read, "done": files, "failed": failed}
        if time.monotonic() >= self._next_update:
            self._next_update = time.monotonic() + _JSON_INTERVAL
            self._print()

    def show_table(self, lines: Sequence[tuple[str, str]]) -> None:
        """Do nothing: the last line of JSON has the numbers."""

    def _print(self) -> None:
        import json  # slow to import, and this module is imported by every command that writes

        from pcapconv.json_form import document

        seconds = round(time.monotonic() - self._start, 3)
        print_line(json.dumps(document("progress", self._fields | {"seconds": seconds})))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._print()
