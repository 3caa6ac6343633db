"""`pcapconv join SIDECAR OUT`."""

from __future__ import annotations

from pcapconv.cli.writing import carry_out
from pcapconv.sidecar.joining import join as put_together


def join(sidecar: str, target: str, *, force: bool, quiet: bool) -> int:
    """Make the capture again, say on stderr what was not perfect, and return the exit status."""
    return carry_out(
        lambda progress: put_together(sidecar, target, force=force, progress=progress),
        sidecar,
        target,
        closing=lambda done: f"{target}: {done.packets_written} packets written",
        report=None,
        force=force,
        quiet=quiet,
        losses=True,
    )
