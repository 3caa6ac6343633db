"""The command `pcapconv join SIDECAR OUT`: rebuilds a capture from its parts."""

from __future__ import annotations

from pcapconv.cli.writing_commands import check_names, run_writing_command
from pcapconv.io.paths import STDIO
from pcapconv.joining import join as join_parts
from pcapconv.text import counted


def join(
    sidecar: str,
    target: str,
    *,
    report: str | None = None,
    force: bool = False,
    fsync: bool = True,
    quiet: bool = False,
    compress: str | None = None,
    compress_level: int | None = None,
) -> int:
    """Rebuild the capture that was split, print warnings on stderr, and return the exit status."""
    check_names(report, {}, [sidecar], target)
    report_paths = () if report in (None, STDIO) else (report,)
    return run_writing_command(
        lambda progress: join_parts(
            sidecar,
            target,
            force=force,
            fsync=fsync,
            progress=progress,
            taken=report_paths,
            compress=compress,
            compress_level=compress_level,
        ),
        [],  # no file to show the size of: the parts are many
        target,
        closing=lambda done: f"{target}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=True,
    )
