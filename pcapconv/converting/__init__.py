"""Converts one capture into one file: `pcapconv.convert`.

key_logs    extracts key logs if there is no target
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.argument_types import check_flags, check_functions
from pcapconv.conversion import (
    Conversion,
    ConversionSettings,
    OnLoss,
    check_on_loss,
    make_plan,
    open_secrets,
    separate_arguments,
)
from pcapconv.errors import FileDirectoryError
from pcapconv.formats.output_compression import choose_compression
from pcapconv.formats.output_names import output_of
from pcapconv.io.paths import Readable, Writable, base_name, name_of
from pcapconv.io.source import check_salvage, open_source
from pcapconv.io.target import open_target
from pcapconv.report import Report
from pcapconv.sinks import FileSink
from pcapconv.wording import call

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments


def convert(
    source: Readable,
    target: Writable | None = None,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    salvage: bool = False,
    sidecar: bool = False,
    sidecar_file: str | os.PathLike[str] | None = None,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    stop_early: bool = False,
    in_order: bool | str | timedelta = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    **options: Unpack[ConvertArguments],
) -> Report:
    """Select from, edit and convert one capture.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `target`: a path, `-` for stdout, or a binary file object, which stays open. If it is a directory, the output gets
      the source's name in this directory, with the suffixes of `to` and `compress` if these are given. It can be None
      if `extract_secrets` is given: then only the key logs are written, and arguments about an output are refused.
    * `to`: the format to write, `"pcap"` or `"pcapng"`; None for the format of the target's suffix.
    * `force`: replace a target that exists. It may be the source.
    * `strict`: raise a DamageError for damaged input, and write nothing.
    * `on_loss`: what happens if the target cannot hold everything. `"fail"` writes nothing and raises a LossError.
      `"warn"` and `"ignore"` write the target; only the command prints warnings. The report has the losses in any case.
    * `fractions`: `"nanoseconds"` reads the fractions of a second in a pcap file as nanoseconds, whatever its magic
      number states.
    * `salvage`: read on behind damage, at the next packets that are certain, see `docs/explanation/damage.md`. Not
      together with `strict`.
    * `sidecar`: to pcap, write what pcap cannot hold to a file beside the target; from pcap, restore it from the file
      beside the source. The file has the capture's name and `.meta.json`, see `docs/reference/sidecar.md`.
    * `sidecar_file`: the path of the sidecar: to read it if the source is pcap, otherwise to write it.
    * `sidecar_secrets`: keep secrets in the sidecar that is written, too.
    * `sidecar_fingerprints`: store fingerprints in the sidecar that is written, so that packets are recognised after
      other tools edited the pcap file.
    * `fsync`: sync a new file to disk before it replaces another file.
    * `progress`: a function that is called with the number of bytes read so far.
    * `on_message`: a function that is called with a sentence that cannot wait until the end.
    * `stop_early`: end reading after the last packet that `first`, or `packets` with an end, can select, also in a
      pcapng capture. The names, secrets and statistics after that packet are left out. In a pcap capture, reading
      always ends there.
    * `in_order`: a promise that times go back by no more than 1 s (True), or by another length of time (`"5s"`, a
      `timedelta`). Then
      `before` ends the reading, too. A packet that breaks the promise counts as damage, and the capture is read on.
    * `options`: `pcapconv.steps.step_arguments.StepArguments` and `pcapconv.formats.settings.WriterArguments`.

    The whole capture is read in any case with `strict`, `last`, `invert`, `interface` or `set_interface`, with a
    sidecar, and if the target replaces the source.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, SidecarError,
    UsageError or FileError.
    """
    check_on_loss(on_loss)
    check_salvage(salvage=salvage, strict=strict)
    check_flags(force=force, sidecar=sidecar, stop_early=stop_early, fsync=fsync)
    check_flags(sidecar_secrets=sidecar_secrets, sidecar_fingerprints=sidecar_fingerprints)
    check_functions(progress=progress, on_message=on_message)
    if target is None:
        from pcapconv.converting.key_logs import extract_key_logs  # a plain conversion starts faster without it

        about_output = {
            **options,
            "to": to,
            "on_loss": None if on_loss == "warn" else on_loss,
            "sidecar": sidecar,
            "sidecar_file": sidecar_file,
            "sidecar_secrets": sidecar_secrets,
            "sidecar_fingerprints": sidecar_fingerprints,
            "stop_early": stop_early,
            "in_order": in_order,
        }
        return extract_key_logs(
            source,
            about_output,
            force=force,
            strict=strict,
            fractions=fractions,
            fsync=fsync,
            progress=progress,
            on_message=on_message,
        )
    target = resolve_target(source, target, to, options.get("compress"))
    format_name = formats.target_format(name_of(target), to)
    writer, steps = separate_arguments(format_name, options)
    plan = make_plan(steps, stop_early=stop_early, in_order=in_order)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
        writer = choose_compression(writer, target, opened)
        sidecars = None
        if sidecar or sidecar_file is not None or sidecar_secrets or sidecar_fingerprints:
            from pcapconv.formats.compressed_captures import plain_content
            from pcapconv.sidecar import (  # a plain conversion starts faster without it
                open_sidecars,
                parse_sidecar_arguments,
            )

            sidecar_settings = parse_sidecar_arguments(sidecar, sidecar_file, sidecar_secrets, sidecar_fingerprints)
            whole = True  # only at the capture's end is it known whether the capture belongs to its sidecar
            opened = plain_content(opened, stack, progress)
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
        opened_target = open_target(target, force=force, whole=whole, compressed=writer.compress is not None)
        conversion.write_to(FileSink(opened_target, base_name(target)))
        conversion.extract_to(open_secrets(plan, source, target, force=force))
        report = conversion.run()
        conversion.commit()
    return report


def resolve_target(source: Readable, target: Writable, to: str | None, compress: str | None = None) -> Writable:
    """The target, or, if the target is a directory, the path of the output in this directory. Raises FileError for a
    source that is a directory, and for a target that cannot be a file."""
    if isinstance(source, str | os.PathLike) and os.path.isdir(source):
        raise FileDirectoryError(
            f"{os.fspath(source)}: is a directory; {call('pcapconv.batch')} converts all captures in it",
            path=os.fspath(source),
        )
    return output_of(source, target, to, compress)
