"""A progress bar for long work on a terminal; rich draws it, and is imported only when it is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Progress = Callable[[int], object] | None  # takes the bytes read so far; None where nothing is to be shown

_PATIENCE = 1.0  # seconds before a bar appears


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
            self._progress.start()
        self._progress.update(self._task, completed=done)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _draw() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
