"""`pcapconv convert IN OUT`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.writing import carry_out, check_names

if TYPE_CHECKING:
    from pcapconv.convert import OnLoss


def convert(
    source: str,
    target: str,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    debug: bool = False,  # noqa: ARG001 - it is the caller's
    **options: Any,
) -> int:
    """Convert, say on stderr what was not perfect, and return the exit status."""
    check_names(report, options, source, target)
    return carry_out(
        lambda progress: pcapconv.convert(source, target, on_loss=on_loss, force=force, progress=progress, **options),
        source,
        target,
        closing=lambda done: f"{target}: {done.packets_written} packets written",
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        sidecar=True,
    )
