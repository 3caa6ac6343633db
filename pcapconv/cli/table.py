"""The command `pcapconv table IN OUT`: writes the packets of a capture as a table."""

from __future__ import annotations

from typing import Any

import pcapconv
from pcapconv.cli.messages import print_message
from pcapconv.cli.writing_commands import check_names, mention_sidecar, run_writing_command
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.formats.output_names import output_of
from pcapconv.text import counted


def table(
    source: str,
    target: str,
    *,
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    sidecar: bool = False,
    sidecar_file: str | None = None,
    **options: Any,
) -> int:
    """Write the packets of a capture as a table, print warnings on stderr, and return the exit status."""
    target = str(output_of(source, target, options.get("to"), "none"))
    sidecars = {"sidecar": sidecar, "sidecar_file": sidecar_file}
    check_names(report, options | sidecars, [source], target)
    which = _which_sidecar(sidecar, sidecar_file)
    if not quiet:
        mention_sidecar(source, sidecars)
        mention_local_zone(options)
    return run_writing_command(
        lambda progress: pcapconv.write_table(
            source, target, force=force, sidecar=which, progress=progress, on_message=print_message, **options
        ),
        [source],
        target,
        closing=lambda done: f"{done.outputs[0]}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=False,
        finishes=True,
    )


def _which_sidecar(beside: bool, file: str | None) -> bool | str:
    """Return the options as the argument `sidecar` of the library. Raises UsageError if they contradict each other."""
    if not beside and file is None:
        return False
    from pcapconv.sidecar import parse_sidecar_arguments

    return parse_sidecar_arguments(beside, file).file or True
