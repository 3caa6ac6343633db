"""A progress bar for long work on a terminal; rich draws it, and is imported only when it is needed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from pcapconv.cli.messages import say

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Progress = Callable[[int], object] | None  # takes the bytes read so far; None where nothing is to be shown

_PATIENCE = 1.0  # seconds before a bar appears
_SECOND = 1.0
_SELDOM = 30.0  # seconds between lines where there is no terminal


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
    def __init__(self, source: str) -> None:
        self._source = source
        self._due = time.monotonic() + _PATIENCE
        self._progress: RichProgress | None = None
        self._task: TaskID | None = None

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + 0.1
        if self._progress is None or self._task is None:
            self._progress = _draw()
            total = os.path.getsize(self._source) if os.path.isfile(self._source) else None
            self._task = self._progress.add_task("", total=total)
            _start(self._progress)
        self._progress.update(self._task, completed=done)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _start(progress: RichProgress) -> None:
    with suppress(RuntimeError):  # the system has no thread to spare; the work goes on without a bar
        progress.start()


def _draw() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class Tally:
    """How far a batch is: a bar on a terminal, a line now and then elsewhere; and a table at its end."""

    def __init__(self, *, show: bool) -> None:
        self._show = show and sys.stderr is not None
        self._terminal = self._show and sys.stderr.isatty()
        self._begun = time.monotonic()
        self._due = self._begun + (_PATIENCE if self._terminal else _SELDOM)
        self._files = self._size = 0
        self._progress: RichProgress | None = None
        self._task: TaskID | None = None

    def begin(self, files: int, size: int) -> None:
        """So much is to be done."""
        self._files, self._size = files, size

    def look(self, files: int, read: int, packets: int, failed: int = 0) -> None:  # noqa: ARG002 - it is the other's
        """So many files, bytes and packets are done, and so many of the files failed."""
        now = time.monotonic()
        if not self._show or now < self._due:
            return
        rate = packets / (now - self._begun)
        if not self._terminal:
            self._due = now + _SELDOM
            say(
                f"pcapconv: {files:,} of {self._files:,} files, {_mb(read)} of {_mb(self._size)}, {rate:,.0f} packets/s"
            )
            return
        self._due = now + 0.1
        done = f"{files:,}/{self._files:,} files"
        if self._progress is None or self._task is None:
            self._progress = _draw_tally()
            self._task = self._progress.add_task("", total=self._size or None, done=done, rate="")
            _start(self._progress)
        self._progress.update(self._task, completed=read, done=done, rate=f"{rate:,.0f} packets/s")

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
        if self._progress is not None:
            self._progress.stop()


class JsonTally:
    """How far a batch is, for machines: a line of JSON on stderr every second, and one at the end."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._due = self._begun + _SECOND
        self._said = {"files": 0, "bytes": 0, "done": 0, "failed": 0}

    def begin(self, files: int, size: int) -> None:  # noqa: ARG002 - it is the other's
        """See `Tally.begin`."""
        self._said["files"] = files

    def look(self, files: int, read: int, packets: int, failed: int = 0) -> None:  # noqa: ARG002 - it is the other's
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


def _mb(size: int) -> str:
    return f"{size / 10**6:,.1f} MB"


def _draw_tally() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
