"""One capture into one file: `pcapconv.convert`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.conversion import (
    Conversion,
    ConversionSettings,
    OnLoss,
    check_on_loss,
    make_plan,
    open_secrets,
    writer_and_steps,
)
from pcapconv.errors import FileError
from pcapconv.formats.output_names import output_of
from pcapconv.io.paths import Readable, Writable, base_name, name_of
from pcapconv.io.source import open_source, spool
from pcapconv.io.target import open_target
from pcapconv.report import Report
from pcapconv.sinks import FileSink
from pcapconv.wording import call

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments


def convert(
    source: Readable,
    target: Writable,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    sidecar: bool = False,
    sidecar_file: str | os.PathLike[str] | None = None,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    **options: Unpack[ConvertArguments],
) -> Report:
    """Select from, edit and convert one capture.

    `source` and `target` are paths, `-` for stdin and stdout, or binary file objects, which stay open. A directory as
    `target` takes the file under the source's name, with the suffix of `to`. The format to write is `to`, or follows
    the target's suffix. `force` replaces an existing target, which may be the source itself.
    `strict` refuses damaged input. `on_loss` says what to do when the target cannot hold everything: `fail` writes
    nothing; the report tells in any case. `fractions="nanoseconds"` reads a pcap file's fractions of a second as such,
    whatever its magic number says.
    `sidecar` writes what pcap cannot hold beside a target that is pcap, and reads it from beside a source that is
    pcap, see `SIDECAR.md`; `sidecar_file` names another file: to read where the source is pcap, else to write.
    `sidecar_secrets` lets secrets into the one that is written, `sidecar_fingerprints` has it know packets again in a
    capture that was edited since. With `fsync`, what replaces a file is on the disk before it does. `progress` is
    called with the bytes read so far. `options` are what the writer is told, see
    `pcapconv.formats.settings.WriterOptions`, and what selects and edits, see `pcapconv.steps.plan.StepOptions`.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, SidecarError,
    UsageError or FileError.
    """
    check_on_loss(on_loss)
    target = place_of(source, target, to)
    format_name = formats.target_format(name_of(target), to)
    writer, steps = writer_and_steps(format_name, options)
    plan = make_plan(steps)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        sidecars = None
        if sidecar or sidecar_file is not None or sidecar_secrets or sidecar_fingerprints:
            from pcapconv.sidecar import (  # not for a plain conversion, which starts faster without
                open_sidecars,
                sidecar_settings,
            )

            wanted = sidecar_settings(sidecar, sidecar_file, sidecar_secrets, sidecar_fingerprints)
            whole = True  # what was read belongs to its sidecar only if it does to its end
            opened = opened if opened.plain else stack.enter_context(spool(opened))
            taken = [] if plan is None else [plan.extract_to, *plan.injected_from]
            sidecars = open_sidecars(wanted, opened, format_name, (source, target), stack, force=force, taken=taken)
        settings = ConversionSettings(writer, strict, on_loss, fsync, progress)
        conversion = stack.enter_context(Conversion(opened, settings, plan))
        conversion.use_sidecars(sidecars)
        conversion.survey()
        conversion.write_to(FileSink(open_target(target, force=force, whole=whole), base_name(target)))
        conversion.extract_to(open_secrets(plan, source, target, force=force))
        report = conversion.run()
        conversion.commit()
    return report


def place_of(source: Readable, target: Writable, to: str | None) -> Writable:
    """Where the output goes, which in a directory is called as its input. Raises FileError for an input that is a
    directory, and where there is no place."""
    if isinstance(source, str | os.PathLike) and os.path.isdir(source):
        raise FileError(f"{os.fspath(source)}: is a directory; {call('pcapconv.batch')} converts all captures in it")
    return output_of(source, target, to)
