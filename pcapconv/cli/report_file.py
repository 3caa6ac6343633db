"""`--report FILE`: what happened, as JSON."""

from __future__ import annotations

import os
from contextlib import nullcontext

from pcapconv.errors import UsageError
from pcapconv.files import STDIO, Target, open_target, write_all, writing
from pcapconv.report import Report


def check_names(report: str | None, secrets: str | None, *captures: str) -> None:
    """Raises UsageError where two of a command's files would be the same one."""
    for option, name, others in (
        ("--extract-secrets", secrets, [*captures, report or ""]),
        ("--report", report, captures),
    ):
        if name is not None and name != STDIO and _is_one_of(name, *others):
            raise UsageError(f"{option} {name}: that is another file of this command; give it a name of its own")


def _is_one_of(name: str, *places: str) -> bool:
    places = tuple(place for place in places if place)
    try:
        return os.path.realpath(name) in map(os.path.realpath, places)
    except OSError:  # the working directory is gone
        return name in places


def report_target(report: str | None, *, force: bool) -> Target | nullcontext[None]:
    """Where it goes, opened before any work is done. Raises FileError."""
    if report is None:
        return nullcontext()
    return open_target(report, force=force, text=True)


def write_report(place: Target | None, report: Report) -> None:
    """Write it, if it is asked for. Raises FileError."""
    if place is None:
        return
    import json  # slow to import, as much as a small conversion

    with writing(place.name):
        write_all(place.file, memoryview((json.dumps(report.as_dict(), indent=2) + "\n").encode()))
    place.commit()
