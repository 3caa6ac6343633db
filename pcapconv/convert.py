"""The loop: items from a reader to a writer, and what came of it as a `Report`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

from pcapconv import formats
from pcapconv.errors import DamageError, LossError, NeedsNanosecondsError, TargetError, UsageError
from pcapconv.files import STDIO, Readable, Source, Target, Writable, open_source, open_target, same_file
from pcapconv.model import Damage, Notice, PacketBatch
from pcapconv.output import Output
from pcapconv.report import Report, describe

OnLoss = Literal["warn", "ignore", "fail"]


def convert(
    source: Readable,
    target: Writable,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    nanoseconds: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Convert one capture.

    `source` and `target` are paths, `-` for stdin and stdout, or binary file objects, which stay open. The format to
    write is `to`, or follows the target's suffix. `force` replaces an existing target, which may be the source itself.
    `strict` refuses damaged input. `on_loss` says what to do when the target cannot hold everything: `fail` writes
    nothing; the report tells in any case. `nanoseconds` asks for a pcap file with nanoseconds from the start.
    `progress` is called with the bytes read so far.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, UsageError or
    FileError.
    """
    if on_loss not in ("warn", "ignore", "fail"):
        raise UsageError(f"--on-loss {on_loss}: it is one of warn, ignore, fail")
    name = _name(target)
    format_name = formats.target_format(name, to)
    whole = strict or on_loss == "fail"
    with open_source(source) as opened, open_target(target, force=force, whole=whole) as place:
        if same_file(opened, place):
            raise UsageError(f"{place.name}: input and output are the same open file; give their path instead")
        try:
            report = _run(opened, place, format_name, strict, nanoseconds, progress)
        except NeedsNanosecondsError as error:
            if not opened.seekable or not place.seekable:
                raise TargetError(
                    f"{opened.name}: {error}: start again with --nanoseconds (nanoseconds=True)"
                ) from None
            opened.rewind()
            place.restart()
            report = _run(opened, place, format_name, strict, True, progress)
        if report.losses and on_loss == "fail":
            report.packets_written, report.outputs = 0, []
            raise LossError(
                f"{opened.name}: {format_name} cannot hold {describe(report.losses)}; nothing was written", report
            )
        place.commit()
    return report


def _run(
    source: Source,
    target: Target,
    format_name: str,
    strict: bool,
    nanoseconds: bool,
    progress: Callable[[int], object] | None,
) -> Report:
    report = Report(source.name, target.name, format_name)
    output = Output(target)
    try:
        reader = formats.open_reader(source)
        writer = formats.open_writer(format_name, output, nanoseconds=nanoseconds)
        report.source_format = reader.format
        for item in reader.items():
            if isinstance(item, PacketBatch):
                report.packets_read += item.rows
                if progress is not None:
                    progress(source.position)
            elif isinstance(item, Damage):
                if strict:
                    raise DamageError(f"{source.name}: {item}")
                report.add_damage(item)
            elif isinstance(item, Notice):
                report.add_warning(item)
            writer.write(item)
        writer.finish()
    except TargetError as error:
        if isinstance(error, NeedsNanosecondsError):
            raise
        raise type(error)(f"{source.name}: {error}") from error
    finally:
        output.close()
    report.packets_written = writer.packets
    report.losses = dict(writer.losses)
    return report


def _name(target: Writable) -> str | None:
    if isinstance(target, str | os.PathLike):
        path = os.fspath(target)
        return None if path == STDIO else path
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else None
