"""What the commands that write captures have in common: their files, the progress bar, the report, what is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from pcapconv.cli.kernel_warning import say_once_if_slow
from pcapconv.cli.messages import say, say_what_happened
from pcapconv.cli.progress import Progress, progress_bar
from pcapconv.cli.statuses import DAMAGED
from pcapconv.errors import UsageError
from pcapconv.io.commit import commit
from pcapconv.io.paths import SIDECAR_SUFFIX, STDIO
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.target import Target, open_target
from pcapconv.report import LossError, Report


def run_command(
    work: Callable[[Progress], Report],
    source: str,
    target: str,
    *,
    closing: Callable[[Report], str],
    report: str | None,
    force: bool,
    quiet: bool,
    losses: bool,
    left_out: bool = True,
    sidecar: bool = False,
) -> int:
    """Do the work, which is given the progress to tell; say on stderr what was not perfect, write the report, and
    return the exit status. `target` is for messages; `closing` is the last line on a terminal; `losses` and `left_out`
    tell whether these are said, `sidecar` whether the command can write one."""
    watch = not quiet and sys.stderr is not None and sys.stderr.isatty()
    if watch:
        say_once_if_slow()
    with _report_target(report, force=force) as place:
        try:
            with progress_bar(source, show=watch) as progress:
                done = work(progress)
        except LossError as error:
            _write_report(place, error.report)
            raise
        name = done.outputs[0] if done.parts is None else target
        say_what_happened(done, name, losses=losses, left_out=left_out, sidecar=sidecar, quiet=quiet)
        _write_report(place, done)
    if watch:
        say(closing(done))
    return DAMAGED if done.damage else 0


def check_names(report: str | None, options: Mapping[str, Any], source: str, target: str | None = None) -> None:
    """Raises UsageError where two of a command's files would be the same one. `target` is None for the parts of a
    split, which see to it themselves."""
    secrets = options.get("extract_secrets")
    if [report, secrets, target].count(STDIO) > 1:
        raise UsageError("- is stdout, and can be only one of the output, --report and --extract-secrets; name a file")
    read = [text.partition(",")[2] for text in options.get("inject_secrets", ())]
    if options.get("sidecar") or options.get("sidecar_file"):
        read += _sidecars(options, source, target)
    written = (("the output", target), ("--report", report), ("--extract-secrets", secrets))
    for number, (option, name) in enumerate(written):
        others = [*read, *([source] if number else []), *(place for _, place in written[:number] if place)]
        if name is not None and name != STDIO and _is_one_of(name, *others):
            raise UsageError(f"{option} {name}: that is another file of the same run; give it a name of its own")


def _sidecars(options: Mapping[str, Any], source: str, target: str | None) -> list[str]:
    """Those that a command may read or write, but for a split's."""
    return [options.get("sidecar_file") or "", *(place + SIDECAR_SUFFIX for place in (source, target) if place)]


def _is_one_of(name: str, *places: str) -> bool:
    places = tuple(place for place in places if place)
    try:
        return os.path.realpath(name) in map(os.path.realpath, places)
    except OSError:  # the working directory is gone
        return name in places


def _report_target(report: str | None, *, force: bool) -> Target | nullcontext[None]:
    """Where it goes, opened before any work is done. Raises FileError."""
    if report is None:
        return nullcontext()
    return open_target(report, force=force, text=True)


def _write_report(place: Target | None, report: Report) -> None:
    """Write it, if it is asked for. Raises FileError."""
    if place is None:
        return
    from pcapconv.json_form import text_of  # which a plain conversion does without

    with writing(place.name):
        write_all(place.file, memoryview((text_of(report.as_dict()) + "\n").encode()))
    commit([place])
