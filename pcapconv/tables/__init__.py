"""Tables of packets: `read_table` makes one in memory, `write_table` writes one to a file.

formats      the kinds of files with tables: their names, suffixes, and how pyarrow writes them
sinks        the conversion's sinks for record batches: a file, or a list in memory
conversion   the conversion of a capture into a table; starts again if an Arrow file needs names that came late

Strategy: a table is made by a conversion like any other, with the same steps, messages and report; only its sink is
another. The packets' columns are in `arrow/`. pyarrow is imported when the arguments are known to make sense.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pcapconv.argument_types import check_flags, check_functions
from pcapconv.arrow import pyarrow_for
from pcapconv.arrow.column_names import parse_columns
from pcapconv.conversion import ConversionSettings, make_plan
from pcapconv.errors import UsageError
from pcapconv.formats.output_names import output_of
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Readable, Writable, comparable_path, name_of
from pcapconv.io.source import Source, check_salvage, open_source
from pcapconv.io.target import open_target
from pcapconv.report import Report
from pcapconv.steps.step_arguments import SelectingArguments, check_names
from pcapconv.tables.formats import table_format
from pcapconv.text import counted

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Unpack

    from pyarrow import Table

    from pcapconv.sidecar import Sidecars
    from pcapconv.steps.plan import Plan

_WRITER = WriterSettings("pcapng", keep_snaplen=True)  # no snaplen is checked that nobody writes
_MOST_WARNINGS = 5


def write_table(
    source: Readable,
    target: Writable,
    *,
    columns: Sequence[str] | str | None = None,
    inner: bool = False,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    fractions: str | None = None,
    salvage: bool = False,
    sidecar: bool | str | os.PathLike[str] | None = None,
    stop_early: bool = False,
    in_order: bool | str | timedelta = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    **selecting: Unpack[SelectingArguments],
) -> Report:
    """Select packets of one capture, and write them as a table: a row for each packet. Needs pyarrow (extra `table`).

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `target`: a path, `-` for stdout, or a binary file object, which stays open. If it is a directory, the output gets
      the source's name in this directory, with the suffix of `to`. It is never the capture itself.
    * `columns`: the names of the columns, in their order: a sequence, or text with commas; None for the default ones.
      The page `docs/how-to/tables.md` describes each.
    * `inner`: columns of headers are about the innermost packets of tunnels.
    * `to`: `"parquet"`, `"arrow"` (a file of Arrow, also called Feather) or `"arrows"` (a stream of Arrow); None for
      the one that the target's suffix names.
    * `sidecar`: as for `open`.
    * `force`, `strict`, `fractions`, `salvage`, `stop_early`, `in_order`, `fsync`, `progress`, `on_message`: as for
      `convert`.
    * `selecting`: the selecting ones among `pcapconv.steps.step_arguments.StepArguments`.

    Returns a `Report`, in which names, secrets and other metadata that no column holds do not count as losses. Raises a
    `PcapconvError`: TargetError for a time that nanoseconds in 64 bits cannot hold, and what `convert` raises.
    """
    check_flags(force=force, fsync=fsync, inner=inner)
    check_functions(progress=progress, on_message=on_message)
    chosen = parse_columns(columns)
    target = output_of(source, target, to, "none")
    kind = table_format(target, to)
    if force:  # else no file is replaced
        _check_target(source, target)
    plan = _plan(selecting, strict=strict, salvage=salvage, stop_early=stop_early, in_order=in_order)
    pyarrow_for("a table")
    from pcapconv.tables.conversion import TableConversion
    from pcapconv.tables.sinks import TableSink

    settings = ConversionSettings(
        _WRITER, strict, fsync=fsync, progress=progress, stop_early=stop_early, on_message=on_message
    )
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
        opened, sidecars = _open_sidecar(sidecar, source, opened, stack, progress, [source, target])
        conversion = stack.enter_context(TableConversion(opened, settings, plan))
        conversion.use_sidecars(sidecars)
        conversion.survey()
        # only at the capture's end is it known whether the capture belongs to its sidecar
        whole = strict or sidecars is not None
        sink = TableSink(open_target(target, force=force, whole=whole), kind, chosen, inner=inner)
        conversion.write_to(sink)
        report = conversion.run()
        conversion.commit()
    return report


def read_table(
    source: Readable,
    columns: Sequence[str] | str | None = None,
    *,
    inner: bool = False,
    strict: bool = False,
    fractions: str | None = None,
    salvage: bool = False,
    sidecar: bool | str | os.PathLike[str] | None = None,
    stop_early: bool = False,
    in_order: bool | str | timedelta = False,
    progress: Callable[[int], object] | None = None,
    **selecting: Unpack[SelectingArguments],
) -> Table:
    """Select packets of one capture, and return them as a table of pyarrow in memory: a row for each packet. Needs
    pyarrow (extra `table`). `Capture.to_arrow` reads a capture that is larger than memory.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `columns`, `inner`, `strict`, `fractions`, `salvage`, `sidecar`, `stop_early`, `in_order`, `progress` and
      `selecting`: as for `write_table`.

    Damage is a `UserWarning`, and everything that can be read is returned; with `strict`, damage is a DamageError.
    Raises what `write_table` raises.
    """
    check_flags(inner=inner)
    check_functions(progress=progress)
    chosen = parse_columns(columns)
    plan = _plan(selecting, strict=strict, salvage=salvage, stop_early=stop_early, in_order=in_order)
    pyarrow = pyarrow_for("a table")
    from pcapconv.tables.conversion import TableConversion
    from pcapconv.tables.sinks import MemorySink

    settings = ConversionSettings(_WRITER, strict, progress=progress, stop_early=stop_early)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
        opened, sidecars = _open_sidecar(sidecar, source, opened, stack, progress, [source])
        conversion = stack.enter_context(TableConversion(opened, settings, plan))
        conversion.use_sidecars(sidecars)
        conversion.survey()
        sink = MemorySink(chosen, inner=inner)
        conversion.write_to(sink)
        report = conversion.run()
    _warn(report)
    return pyarrow.Table.from_batches(sink.record_batches, schema=sink.schema)


def _open_sidecar(
    sidecar: bool | str | os.PathLike[str] | None,
    source: Readable,
    opened: Source,
    stack: ExitStack,
    progress: Callable[[int], object] | None,
    other_files: Sequence[object],
) -> tuple[Source, Sidecars | None]:
    """Return the source, or one that can be read again, and the sidecar that is read with it; None without one. Raises
    SidecarError, FileError and UsageError."""
    if sidecar is None or sidecar is False:
        return opened, None
    from pcapconv.formats.compressed_captures import plain_content
    from pcapconv.sidecar import Sidecars, open_read_sidecar

    opened = plain_content(opened, stack, progress)
    read = open_read_sidecar(source, opened, sidecar, stack, other_files)
    return opened, None if read is None else Sidecars(read, None)


def _check_target(source: Readable, target: Writable) -> None:
    """Refuse to write a table in place of its capture, which no table holds whole."""
    path = comparable_path(target)
    if path is not None and path == comparable_path(source) and os.path.isfile(path):
        raise UsageError(
            f"{name_of(target)}: this is the capture, and a table does not hold all of it; give the table a name of "
            "its own",
            path=name_of(target),
        )


def _plan(
    selecting: Mapping[str, Any], *, strict: bool, salvage: bool, stop_early: bool, in_order: bool | str | timedelta
) -> Plan | None:
    """Check the arguments, and return the plan that selects packets. Raises TypeError for a name that is no argument,
    as Python does, and UsageError."""
    check_salvage(salvage=salvage, strict=strict)
    check_flags(stop_early=stop_early)
    check_names(selecting, SelectingArguments.__annotations__)
    steps: Any = selecting
    return make_plan(steps, stop_early=stop_early, in_order=in_order)


def _warn(report: Report) -> None:
    """Warn of damage and of what is odd in a capture, as from the line that called `read_table`."""
    for found, total in ((report.damage, report.damage_total), (report.warnings, report.warnings_total)):
        for each in found[:_MOST_WARNINGS]:
            warnings.warn(f"{report.inputs[0]}: {each}", UserWarning, stacklevel=3)
        if total > _MOST_WARNINGS:
            more = counted(total - _MOST_WARNINGS, "more place")
            warnings.warn(f"{report.inputs[0]}: {more} like this", UserWarning, stacklevel=3)
