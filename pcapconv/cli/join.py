"""`pcapconv join SIDECAR OUT`."""

from __future__ import annotations

from pcapconv.cli.writing_commands import check_names, run_command
from pcapconv.io.paths import STDIO
from pcapconv.joining import join as put_together
from pcapconv.text import counted


def join(
    sidecar: str,
    target: str,
    *,
    report: str | None = None,
    force: bool = False,
    fsync: bool = True,
    quiet: bool = False,
) -> int:
    """Make the capture again, say on stderr what was not perfect, and return the exit status."""
    check_names(report, {}, sidecar, target)
    taken = () if report in (None, STDIO) else (report,)
    return run_command(
        lambda progress: put_together(sidecar, target, force=force, fsync=fsync, progress=progress, taken=taken),
        "",  # nobody knows the size of all parts beforehand
        target,
        closing=lambda done: f"{target}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=True,
    )
