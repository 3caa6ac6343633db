"""`--report FILE`: what happened, as JSON."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.files import STDIO, Target, open_target, write_all, writing
from pcapconv.report import Report

if TYPE_CHECKING:
    from pcapconv.steps.plan import StepOptions


def check_names(report: str | None, options: StepOptions, source: str, target: str | None = None) -> None:
    """Raises UsageError where two of a command's files would be the same one. `target` is None for the parts of a
    split, which see to it themselves."""
    secrets = options.get("extract_secrets")
    if [report, secrets, target].count(STDIO) > 1:
        raise UsageError("- is stdout, and can be only one of the output, --report and --extract-secrets; name a file")
    logs = [text.partition(",")[2] for text in options.get("inject_secrets", ())]
    written = (("the output", target), ("--report", report), ("--extract-secrets", secrets))
    for number, (option, name) in enumerate(written):
        others = [*logs, *([source] if number else []), *(place for _, place in written[:number] if place)]
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
