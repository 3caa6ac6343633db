"""`pcapconv convert IN OUT`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pcapconv
from pcapconv.cli import DAMAGED
from pcapconv.cli.messages import say, say_what_happened
from pcapconv.cli.progress import progress_bar
from pcapconv.cli.report_file import check_names, report_target, write_report
from pcapconv.convert import OnLoss
from pcapconv.errors import LossError

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.steps.plan import StepOptions


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
    debug: bool = False,  # noqa: ARG001 - it is the caller's
    **options: Unpack[StepOptions],
) -> int:
    """Convert, say on stderr what was not perfect, and return the exit status."""
    check_names(report, options, source, target)
    watch = not quiet and sys.stderr is not None and sys.stderr.isatty()
    with report_target(report, force=force) as place:
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
                    **options,
                )
        except LossError as error:
            write_report(place, error.report)
            raise
        say_what_happened(done, done.outputs[0], losses=on_loss == "warn")
        write_report(place, done)
    if watch:
        say(f"{target}: {done.packets_written} packets written")
    return DAMAGED if done.damage else 0
