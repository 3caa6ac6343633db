"""The command `pcapconv split IN TEMPLATE`: splits one capture into parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import print_message
from pcapconv.cli.writing_commands import check_names, run_writing_command
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.io.paths import STDIO
from pcapconv.steps import argument_values
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss

_LEAST_BARE = 4096  # bytes of --max-bytes without a unit: smaller numbers are likely meant in another unit


def split(
    source: str,
    template: str,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> int:
    """Split one capture, print warnings on stderr, and return the exit status."""
    check_names(report, options, [source])
    if "max_bytes" in options:
        argument_values.parse_size("max_bytes", options["max_bytes"], least_bare=_LEAST_BARE)
    if not quiet:
        mention_local_zone(options)
    report_paths = () if report in (None, STDIO) else (report,)
    return run_writing_command(
        lambda progress: pcapconv.split(
            source,
            template,
            on_loss=on_loss,
            force=force,
            progress=progress,
            on_message=print_message,
            taken=report_paths,
            **options,
        ),
        [source],
        template,
        closing=lambda done: (
            f"{template}: {counted(done.packets_written, 'packet')} written into {counted(len(done.outputs), 'part')}"
        ),
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        sidecar=options.get("by") == "link-type",
        finishes=True,
    )
