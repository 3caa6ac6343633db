"""`pcapconv split IN TEMPLATE`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli import DAMAGED
from pcapconv.cli.messages import say, say_what_happened
from pcapconv.cli.progress import progress_bar
from pcapconv.cli.report_file import check_names, report_target, write_report
from pcapconv.errors import LossError
from pcapconv.files import STDIO

if TYPE_CHECKING:
    from pcapconv.convert import OnLoss


def split(
    source: str,
    template: str,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    debug: bool = False,  # noqa: ARG001 - it is the caller's
    **options: Any,
) -> int:
    """Split, say on stderr what was not perfect, and return the exit status."""
    check_names(report, options, source)  # type: ignore[arg-type]
    watch = not quiet and sys.stderr is not None and sys.stderr.isatty()
    with report_target(report, force=force) as place:
        try:
            with progress_bar(source, show=watch) as progress:
                done = pcapconv.split(
                    source,
                    template,
                    on_loss=on_loss,
                    force=force,
                    progress=progress,
                    taken=() if report in (None, STDIO) else (report,),
                    **options,
                )
        except LossError as error:
            write_report(place, error.report)
            raise
        say_what_happened(done, template, losses=on_loss == "warn")
        write_report(place, done)
    if watch:
        say(f"{template}: {done.packets_written} packets written into {len(done.outputs)} parts")
    return DAMAGED if done.damage else 0
