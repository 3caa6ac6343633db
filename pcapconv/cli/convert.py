"""The command `pcapconv convert IN OUT`: converts one capture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import print_message
from pcapconv.cli.writing_commands import check_names, run_writing_command
from pcapconv.converting import resolve_target
from pcapconv.formats import format_of
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss


def _mention_sidecar(source: str, target: str, options: Mapping[str, Any]) -> None:
    """Print that a sidecar is beside the input, if a conversion to pcapng does not use it."""
    is_unused = not (options.get("sidecar") or options.get("sidecar_file")) and os.path.exists(source + SIDECAR_SUFFIX)
    if is_unused and (options.get("to") or format_of(target)) == "pcapng":
        print_message(f"{source}{SIDECAR_SUFFIX}, the sidecar of {source}, is not used; --sidecar uses it")


def convert(
    source: str,
    target: str,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    **options: Any,
) -> int:
    """Convert one capture, print warnings on stderr, and return the exit status."""
    target = str(resolve_target(source, target, options.get("to"), options.get("compress")))
    check_names(report, options, [source], target)
    if not quiet:
        _mention_sidecar(source, target, options)
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
