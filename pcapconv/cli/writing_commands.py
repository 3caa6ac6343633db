"""Used by all commands that write captures: the check of file names, the progress bar, warnings and the report."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import Any

from pcapconv.cli.kernel_warning import warn_if_interpreted
from pcapconv.cli.messages import print_line, print_message, print_warnings, repeats_across_interfaces, tunnels_in_words
from pcapconv.cli.progress import Progress, progress_bar
from pcapconv.cli.signals import Terminated
from pcapconv.cli.standard_streams import write_text
from pcapconv.cli.statuses import DAMAGED, INTERRUPTED
from pcapconv.errors import PcapconvError, UsageError
from pcapconv.io import interruption
from pcapconv.io.commit import commit
from pcapconv.io.paths import SIDECAR_SUFFIX, STDIO
from pcapconv.io.target import Target, open_target
from pcapconv.report import LossError, Report
from pcapconv.text import counted


def run_writing_command(
    convert: Callable[[Progress], Report],
    sources: Sequence[str],
    target: str,
    *,
    closing: Callable[[Report], str],
    report: str | None,
    force: bool,
    quiet: bool,
    losses: bool,
    left_out: bool = True,
    sidecar: bool = False,
    merged: bool = False,
    finishes: bool = False,
) -> int:
    """Convert with a progress bar, print warnings on stderr, write the report, and return the exit status.

    `convert` is called with the function that shows progress, or None. `sources` are the captures whose size the
    progress bar shows; `target` names the output in messages. `report` is the name of the report's file, or None.
    `closing` returns the last line that is printed on a terminal. `losses`, `left_out`, `sidecar` and `merged` are as
    for `print_warnings`. With `finishes`, Ctrl-C while a pipe is read ends the pipe, and the output is finished.
    Raises what `convert` raises; the report is also written for a LossError.
    """
    on_terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
    if on_terminal:
        warn_if_interpreted()
    with ExitStack() as stack:
        report_target = stack.enter_context(_report_target(report, force=force))
        request = stack.enter_context(interruption.finish_when_interrupted()) if finishes else None
        try:
            with progress_bar(sources, show=on_terminal) as progress:
                done = convert(progress)
        except LossError as error:
            _write_report(report_target, error.report)
            raise
        except PcapconvError as error:
            if request is None or not request.requested:
                raise
            # Ctrl-C has also ended the reader of the output, and a pipe that gave nothing is no capture
            if request.bytes_came and not isinstance(error.__cause__, BrokenPipeError):
                print_message(str(error))
            raise Terminated(signal.SIGINT) from error
        name = target if done.parts is not None or not done.outputs else done.outputs[0]
        print_warnings(done, name, losses=losses, left_out=left_out, sidecar=sidecar, merged=merged, quiet=quiet)
        _write_report(report_target, done)
    if done.interrupted:
        show = print_line if on_terminal else print_message
        show(f"{closing(done)}; interrupted, so the capture ends with what came until then")
        return INTERRUPTED
    if on_terminal:
        print_line(closing(done) + _repeats(done) + _tunnels(done) + _end_of_reading(done))
    return DAMAGED if done.damage else 0


def _repeats(report: Report) -> str:
    """Return the part of a closing line that tells how many packets repeat others; empty without `--dedup`."""
    if report.repeats_total is None:
        return ""
    if report.repeats_total:
        return f"; {counted(report.repeats_total, 'packet repeats another', 'packets repeat others')}"
    if not report.repeats_across:
        return "; no packet repeats another"
    return f"; {repeats_across_interfaces(report.repeats_across)}"


def _tunnels(report: Report) -> str:
    """Return the part of a closing line that tells how many packets came out of tunnels; empty without
    `--decapsulate`."""
    if report.decapsulated is None:
        return ""
    if not report.decapsulated["packets"]:
        return "; no packet is in such a tunnel"
    came = counted(report.decapsulated["packets"], "packet comes", "packets come")
    return f"; {came} out of tunnels ({tunnels_in_words(report.decapsulated)})"


def _end_of_reading(report: Report) -> str:
    """Return the end of a closing line that tells where reading ended; empty if the whole capture was read."""
    if report.read_until is None:
        return ""
    return f"; reading ended at byte {report.read_until:,}, and what follows was not checked"


def mention_sidecar(source: str, options: Mapping[str, Any]) -> None:
    """Print that a sidecar is beside the input, if the command does not use it."""
    if not (options.get("sidecar") or options.get("sidecar_file")) and os.path.exists(source + SIDECAR_SUFFIX):
        print_message(f"{source}{SIDECAR_SUFFIX}, the sidecar of {source}, is not used; --sidecar uses it")


def check_names(
    report: str | None, options: Mapping[str, Any], sources: Sequence[str], target: str | None = None
) -> None:
    """Check that the files of a command are all different. Raises UsageError if two are the same.

    `target` is None for a split, which checks the names of its parts when it makes them.
    """
    secrets = options.get("extract_secrets")
    if [report, secrets, target].count(STDIO) > 1:
        raise UsageError("- is stdout, and can be only one of the output, --report and --extract-secrets; name a file")
    inputs = [text.partition(",")[2] for text in options.get("inject_secrets", ())]
    if options.get("sidecar") or options.get("sidecar_file"):
        inputs += _sidecar_paths(options, sources, target)
    outputs = (("the output", target), ("--report", report), ("--extract-secrets", secrets))
    for index, (option, name) in enumerate(outputs):
        # The output may be an input: with --force it replaces it.
        other_files = [*inputs, *(sources if index else []), *(path for _, path in outputs[:index] if path)]
        if name is not None and name != STDIO and _is_same_as_any(name, *other_files):
            raise UsageError(f"{option} {name}: that is another file of the same run; give it a name of its own")


def _sidecar_paths(options: Mapping[str, Any], sources: Sequence[str], target: str | None) -> list[str]:
    """Return the paths of the sidecars that a command may read or write, except the sidecar of a split."""
    return [options.get("sidecar_file") or "", *(path + SIDECAR_SUFFIX for path in (*sources, target) if path)]


def _is_same_as_any(name: str, *paths: str) -> bool:
    paths = tuple(path for path in paths if path)
    try:
        return os.path.realpath(name) in map(os.path.realpath, paths)
    except OSError:  # the working directory is gone
        return name in paths


def _report_target(report: str | None, *, force: bool) -> Target | nullcontext[None]:
    """Open the report's target, before any work is done; None without a report. Raises FileError."""
    if report is None:
        return nullcontext()
    return open_target(report, force=force, text=True)


def _write_report(target: Target | None, report: Report) -> None:
    """Write the report and give it its final name; nothing if `target` is None. Raises FileError and ReaderGone."""
    if target is None:
        return
    from pcapconv.json_form import text_of  # not needed without a report

    write_text(target, text_of(report.as_dict()) + "\n")
    commit([target])
