"""Converts one capture into one file: `pcapconv.convert`."""

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
    separate_arguments,
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
    stop_early: bool = False,
    in_order: bool | str = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    **options: Unpack[ConvertArguments],
) -> Report:
    """Select from, edit and convert one capture.

    `source` and `target` are paths, `-` for stdin and stdout, or binary file objects, which stay open. If `target` is a
    directory, the output gets the source's name in this directory, with the suffix of `to`. The format to write is
    `to`, or else the format of the target's suffix. `force` replaces an existing target, which may be the source
    itself.
    With `strict`, damaged input raises a DamageError. `on_loss` decides what happens if the target cannot hold
    everything: `fail` writes nothing; the report has the losses in any case. `fractions="nanoseconds"` reads the
    fractions of a second in a pcap file as nanoseconds, whatever its magic number says.
    `sidecar` writes what pcap cannot hold into a file beside a pcap target, and reads this file if it is beside a pcap
    source; `docs/reference/sidecar.md` describes it. `sidecar_file` names another file: to read if the source is pcap,
    else to write.
    `sidecar_secrets` allows secrets in the sidecar that is written; with `sidecar_fingerprints`, the sidecar can find
    its packets in a capture that was edited since. With `fsync`, a new file is on the disk before it replaces another
    file. `progress` is called with the number of bytes read so far; `on_message` with a sentence that cannot wait until
    the end.
    Reading ends after the last packet that `first`, or `packets` with an end, can select: in a pcap capture always, and
    in a pcapng capture with `stop_early`, which leaves out the names, secrets and statistics after that packet.
    `in_order` promises that times go back by no more than 1 s, or than another length of time (`"5s"`): then `before`
    ends the reading, too. A packet that breaks the promise counts as damage, and the capture is read on. In any case
    the whole capture is read with `strict`, `last`, `invert`, `interface` or `set_interface`, with a sidecar, and if
    the target replaces the source.
    `options` are the arguments of the writer, see `pcapconv.formats.settings.WriterArguments`, and of steps, see
    `pcapconv.steps.plan.StepArguments`.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, SidecarError,
    UsageError or FileError.
    """
    check_on_loss(on_loss)
    target = resolve_target(source, target, to)
    format_name = formats.target_format(name_of(target), to)
    writer, steps = separate_arguments(format_name, options)
    plan = make_plan(steps, stop_early=stop_early, in_order=in_order)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        sidecars = None
        if sidecar or sidecar_file is not None or sidecar_secrets or sidecar_fingerprints:
            from pcapconv.sidecar import (  # a plain conversion starts faster without it
                open_sidecars,
                parse_sidecar_arguments,
            )

            sidecar_settings = parse_sidecar_arguments(sidecar, sidecar_file, sidecar_secrets, sidecar_fingerprints)
            whole = True  # only at the capture's end is it known whether the capture belongs to its sidecar
            opened = opened if opened.plain else stack.enter_context(spool(opened))
            other_files = [] if plan is None else [plan.extract_to, *plan.injected_from]
            sidecars = open_sidecars(
                sidecar_settings, opened, format_name, (source, target), stack, force=force, other_files=other_files
            )
        settings = ConversionSettings(
            writer, strict, on_loss, fsync, progress, stop_early=stop_early, on_message=on_message
        )
        conversion = stack.enter_context(Conversion(opened, settings, plan))
        conversion.use_sidecars(sidecars)
        conversion.survey()
        conversion.write_to(FileSink(open_target(target, force=force, whole=whole), base_name(target)))
        conversion.extract_to(open_secrets(plan, source, target, force=force))
        report = conversion.run()
        conversion.commit()
    return report


def resolve_target(source: Readable, target: Writable, to: str | None) -> Writable:
    """The target, or, if the target is a directory, the path of the output in this directory. Raises FileError for a
    source that is a directory, and for a target that cannot be a file."""
    if isinstance(source, str | os.PathLike) and os.path.isdir(source):
        raise FileError(f"{os.fspath(source)}: is a directory; {call('pcapconv.batch')} converts all captures in it")
    return output_of(source, target, to)
