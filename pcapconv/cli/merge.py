"""The command `pcapconv merge IN... OUT`: merges captures into one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import check_stdin_once, print_message
from pcapconv.cli.writing_commands import check_names, run_writing_command
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.errors import FileError, PcapconvError
from pcapconv.formats.output_names import output_of
from pcapconv.io.paths import STDIO, comparable_path
from pcapconv.report import Report
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss


def merge(
    paths: Sequence[str],
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> int:
    """Merge captures into the last path, print warnings on stderr, and return the exit status."""
    *sources, target = paths
    check_stdin_once(sources)
    _check_target(target, force=force)
    other_outputs = [name for name in (report, options.get("extract_secrets")) if name]
    if not quiet:
        mention_local_zone(options)
    check_names(report, options, [*sources, *_captures_in_directories(other_outputs, sources)], target)
    return run_writing_command(
        lambda progress: pcapconv.merge(
            sources, target, on_loss=on_loss, force=force, progress=progress, on_message=print_message, **options
        ),
        sources,
        target,
        closing=_closing_line,
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        merged=True,
        finishes=True,
    )


def _check_target(target: str, *, force: bool) -> None:
    """Check that a file can be written at the last path, since that may also be an input behind which OUT was
    forgotten. Raises FileError."""
    if target != STDIO and os.path.isdir(target):
        raise FileError(f"{target}: is a directory; the last name is the file to write", path=target)
    if target != STDIO and os.path.isfile(target) and not force:
        raise FileError(
            f"{target}: exists already, and is the last name, the file to write; --force replaces it", path=target
        )
    output_of(STDIO, target, None)  # a name that ends in a slash


def _captures_in_directories(paths: Sequence[str], directories: Sequence[str]) -> Iterator[str]:
    """Yield the paths that lead to captures directly in one of the directories."""
    parents = {comparable_path(directory) for directory in directories if os.path.isdir(directory)}
    for path in paths:
        real = comparable_path(path)
        if parents and real is not None and os.path.dirname(real) in parents and _is_capture(real):
            yield path


def _is_capture(path: str) -> bool:
    try:
        with pcapconv.open(path):
            return True
    except PcapconvError:
        return False


def _closing_line(done: Report) -> str:
    packets, inputs = counted(done.packets_written, "packet"), counted(len(done.inputs), "input")
    return f"{done.outputs[0]}: {packets} of {inputs} written"
