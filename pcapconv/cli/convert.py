"""`pcapconv convert IN OUT`."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext

import pcapconv
from pcapconv.cli import DAMAGED
from pcapconv.cli.messages import say, say_what_happened
from pcapconv.cli.progress import progress_bar
from pcapconv.convert import OnLoss
from pcapconv.errors import LossError, UsageError
from pcapconv.files import STDIO, Target, open_target, write_all, writing
from pcapconv.report import Report


def convert(
    source: str,
    target: str,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    nanoseconds: bool = False,
    quiet: bool = False,
) -> int:
    """Convert, say on stderr what was not perfect, and return the exit status."""
    if report == STDIO == target:
        raise UsageError("--report - and the output - are both stdout; give one of them a file name")
    if report is not None and report != STDIO and _names_one_of(report, source, target):
        raise UsageError(f"--report {report}: that is the capture itself; give the report a name of its own")
    watch = not quiet and sys.stderr is not None and sys.stderr.isatty()
    with _report_target(report, force=force) as place:
        try:
            with progress_bar(source, show=watch) as progress:
                done = pcapconv.convert(
                    source,
                    target,
                    to=to,
                    force=force,
                    strict=strict,
                    on_loss=on_loss,
                    nanoseconds=nanoseconds,
                    progress=progress,
                )
        except LossError as error:
            _write_report(place, error.report)
            raise
        say_what_happened(done, losses=on_loss == "warn")
        _write_report(place, done)
    if watch:
        say(f"{target}: {done.packets_written} packets written")
    return DAMAGED if done.damage else 0


def _names_one_of(report: str, *places: str) -> bool:
    try:
        return os.path.realpath(report) in map(os.path.realpath, places)
    except OSError:  # the working directory is gone
        return report in places


def _report_target(report: str | None, *, force: bool) -> Target | nullcontext[None]:
    if report is None:
        return nullcontext()
    return open_target(report, force=force, text=True)


def _write_report(place: Target | None, report: Report) -> None:
    if place is None:
        return
    import json  # slow to import, as much as a small conversion

    with writing(place.name):
        write_all(place.file, memoryview((json.dumps(report.as_dict(), indent=2) + "\n").encode()))
    place.commit()
