"""`pcapconv convert IN OUT`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import complain
from pcapconv.cli.writing_commands import check_names, run_command
from pcapconv.converting import place_of
from pcapconv.formats import format_of
from pcapconv.io.paths import SIDECAR_SUFFIX
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss


def _point_to_a_sidecar(source: str, target: str, options: Mapping[str, Any]) -> None:
    """Say that there is one, where it would be of use and nobody asks for it."""
    from_pcap = not (options.get("sidecar") or options.get("sidecar_file")) and os.path.exists(source + SIDECAR_SUFFIX)
    if from_pcap and (options.get("to") or format_of(target)) == "pcapng":
        complain(f"{source}{SIDECAR_SUFFIX} lies beside it, and is not used; --sidecar uses it")


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
    """Convert, say on stderr what was not perfect, and return the exit status."""
    target = str(place_of(source, target, options.get("to")))
    check_names(report, options, source, target)
    if not quiet:
        _point_to_a_sidecar(source, target, options)
    return run_command(
        lambda progress: pcapconv.convert(source, target, on_loss=on_loss, force=force, progress=progress, **options),
        source,
        target,
        closing=lambda done: f"{target}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        sidecar=True,
    )
