"""The command `pcapconv convert IN OUT`: converts one capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import print_message
from pcapconv.cli.writing_commands import check_names, mention_sidecar, run_writing_command
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.converting import resolve_target
from pcapconv.formats import format_of
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss


def convert(
    source: str,
    target: str | None = None,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> int:
    """Convert one capture, or only extract its key logs if there is no target; print warnings on stderr, and return the
    exit status."""
    if target is None:
        return _extract_key_logs(source, on_loss=on_loss, report=report, force=force, quiet=quiet, **options)
    target = str(resolve_target(source, target, options.get("to"), options.get("compress")))
    check_names(report, options, [source], target)
    if not quiet:
        if (options.get("to") or format_of(target)) == "pcapng":
            mention_sidecar(source, options)
        mention_local_zone(options)
    return run_writing_command(
        lambda progress: pcapconv.convert(
            source, target, on_loss=on_loss, force=force, progress=progress, on_message=print_message, **options
        ),
        [source],
        target,
        closing=lambda done: f"{done.outputs[0]}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        sidecar=True,
        finishes=True,
    )


def _extract_key_logs(
    source: str, *, on_loss: OnLoss, report: str | None, force: bool, quiet: bool, **options: Any
) -> int:
    """Extract the key logs of a capture, print warnings on stderr, and return the exit status."""
    key_log = options["extract_secrets"]
    check_names(report, options, [source])
    return run_writing_command(
        lambda progress: pcapconv.convert(
            source, on_loss=on_loss, force=force, progress=progress, on_message=print_message, **options
        ),
        [source],
        key_log,
        closing=lambda done: f"{key_log}: {counted(done.secrets_extracted or 0, 'key log')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=False,
        finishes=True,
    )
