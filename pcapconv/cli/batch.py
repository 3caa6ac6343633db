"""The command `pcapconv batch SRC DST`: converts all captures of a tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.batching.locations import is_same_location, scheme_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchError, BatchReport, Watcher
from pcapconv.cli.batch_problems import BatchProblems
from pcapconv.cli.batch_results import BatchResults, is_report
from pcapconv.cli.kernel_warning import warn_if_interpreted
from pcapconv.cli.messages import place_count, print_message, repeats_across_interfaces
from pcapconv.cli.progress import BatchProgress, JsonProgress
from pcapconv.cli.signals import Terminated
from pcapconv.cli.statuses import DAMAGED, FAILED, INTERRUPTED, REFUSED
from pcapconv.cli.writing_commands import check_names
from pcapconv.errors import UsageError
from pcapconv.formats import format_of
from pcapconv.io.commit import commit
from pcapconv.io.paths import STDIO
from pcapconv.io.source import open_source
from pcapconv.io.target import Target, open_target
from pcapconv.report import LEFT_OUT_WORDS, counts_in_words
from pcapconv.text import counted
from pcapconv.timestamps import LONG, duration_in_words

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss

_CHUNK = 2**16  # bytes of stdin that are read at once


def batch(
    source: str,
    target: str | None = None,
    *,
    on_loss: OnLoss = "warn",
    report: str | None = None,
    junit: str | None = None,
    force: bool = False,
    quiet: bool = False,
    progress: str | None = None,
    **options: Any,
) -> int:
    """Convert a tree, print warnings and a summary on stderr, and return the exit status."""
    if target is not None and scheme_of(target) == "memory":
        raise UsageError(f"{target}: what is in memory:// ends with the command; name a DST that stays", path=target)
    report_files = {
        option: name for option, name in (("--report", report), ("--junit", junit)) if name not in (None, STDIO)
    }
    check_names(None, {"inject_secrets": options.get("inject_secrets", ())}, [], junit)
    check_names(report, {"inject_secrets": options.get("inject_secrets", ())}, [])
    if report is not None and junit is not None and is_same_location(report, junit):
        raise UsageError(f"--report and --junit cannot both be {junit}; give each a name of its own")
    if not quiet:
        warn_if_interpreted()
    resumes = bool(options.get("resume"))
    with ExitStack() as stack:
        targets = [
            None if name is None else stack.enter_context(_report_target(name, force=force, resumes=resumes))
            for name in (report, junit)
        ]
        results = stack.enter_context(BatchResults(*targets)) if any(targets) else None
        watcher = _Watcher(JsonProgress() if progress == "json" else BatchProgress(show=not quiet), results)
        stack.callback(watcher.print_problems)
        batch_error: BatchError | None = None
        try:
            with watcher.progress:
                try:
                    done = pcapconv.batch(
                        _names_on_stdin() if source == STDIO else source,
                        target,
                        on_loss=on_loss,
                        force=force,
                        watcher=watcher,
                        others=report_files,
                        **options,
                    )
                except BatchError as error:
                    done, batch_error = error.report, error
                watcher.look(done, done.bytes_read)
        except (KeyboardInterrupt, Terminated) as signal:
            return watcher.interrupted_status(signal)
        if results is not None:
            results.write(done)
        commit([target for target in targets if target is not None])
    if not done.captures and batch_error is None and "shard" not in options:
        print_message("warning: no capture was found")
    to = options.get("to") or format_of(options.get("template") or "")
    _print_warnings(done, to, losses=on_loss == "warn", quiet=quiet)
    if not quiet:
        watcher.progress.show_table(_summary(done))
    if batch_error is not None:
        raise batch_error
    if done.failed:
        return REFUSED if done.refused == done.failed else FAILED
    return DAMAGED if done.damaged or done.damaged_before else 0


def _report_target(name: str, *, force: bool, resumes: bool) -> Target:
    """Open the target of a report. A batch that `resumes` replaces the report of an earlier run. Raises FileError."""
    return open_target(name, force=force or (resumes and is_report(name)), text=True)


def _names_on_stdin() -> Iterator[str]:
    """Yield the file names on stdin: one on each line, or separated by NUL as by `find -print0`. Raises FileError."""
    data = b""
    with open_source(STDIO) as stdin, memoryview(bytearray(_CHUNK)) as buffer:
        while count := stdin.readinto(buffer):
            data += buffer[:count]
    for name in data.split(b"\0" if b"\0" in data else b"\n"):
        if name:
            yield os.fsdecode(name)


class _Watcher(Watcher):
    """Passes the events of a batch to the progress display, the reports and the messages about problems."""

    def __init__(self, progress: BatchProgress | JsonProgress, results: BatchResults | None) -> None:
        self.progress = progress
        self._results = results
        self._problems = BatchProblems()
        self._files = self._outcomes = self._done = 0  # files in all, with an outcome, and not failed
        self._manifest = "the manifest"  # until `look` sets its name

    def begin(self, files: int, size: int) -> None:
        self._files, self._outcomes, self._done = files, 0, 0
        self.progress.begin(files, size)

    def wait(self, reason: str) -> None:
        print_message(reason)

    def line(self, outcome: Outcome) -> None:
        self._outcomes += 1
        self._done += outcome.status != "failed"
        if self._results is not None:
            self._results.add(outcome)
        if outcome.status in ("failed", "damaged") or (outcome.status == "skipped" and outcome.known):
            self._problems.add_outcome(outcome)

    def warn(self, message: str) -> None:
        print_message(f"warning: {message}")

    def look(self, report: BatchReport, read: int) -> None:
        self._manifest = report.manifest
        self.progress.update(self._outcomes, max(read, report.bytes_read), report.failed)

    def print_problems(self) -> None:
        """Print which files failed, are damaged or were skipped."""
        self._problems.print_all(self._manifest)

    def interrupted_status(self, signal: KeyboardInterrupt | Terminated) -> int:
        """Print how many files of a batch are done that a signal interrupted, and return the exit status. Raises the
        signal if no file remains to be done."""
        if self._outcomes >= self._files:
            raise signal
        of_all = f"{self._done:,} of {counted(self._files, 'file')}"
        verb = "is" if self._files == 1 else "are"
        print_message(f"interrupted: {of_all} {verb} done; --resume goes on with the others")
        return getattr(signal, "status", INTERRUPTED)


def _print_warnings(done: BatchReport, to: str | None, *, losses: bool, quiet: bool) -> None:
    """Print the warnings about all files of a batch; with `losses`, also about metadata that the target format `to`
    cannot hold."""
    if done.odd:
        print_message(
            f"warning: oddities in {counted(done.odd, 'file')}, which cost nothing; {done.manifest} names them"
        )
    if done.empty:
        print_message(f"warning: of {counted(done.empty, 'file')} no packet was selected")
    if done.undated:
        subject, them = ("it", "it") if done.undated == 1 else ("they", "them")
        print_message(
            f"warning: {counted(done.undated, 'file comes', 'files come')} from a server that gives neither date nor "
            f"ETag: --resume cannot tell whether {subject} changed, and converts {them} again"
        )
    if done.left_out:
        print_message(f"warning: left out {counts_in_words(done.left_out, LEFT_OUT_WORDS)}")
    if done.repeats_across and not done.repeats_total and not quiet:
        print_message(repeats_across_interfaces(done.repeats_across))
    if done.kept_in_sidecar and not quiet:
        print_message(f"kept in sidecars: {counts_in_words(done.kept_in_sidecar)}")
    if done.sidecars_unused and not quiet:
        beside = f"{done.sidecars_unused:,} of the pcap files"
        print_message(f"the sidecars beside {beside} are not used; --sidecar uses them")
    if done.missing_in_sidecar and losses:
        print_message(
            f"warning: the sidecars were written without {counts_in_words(done.missing_in_sidecar)}; "
            "--sidecar-secrets would have kept them"
        )
    if done.damage_in_sidecar:
        damaged_places = place_count(done.damage_in_sidecar)
        print_message(
            f"warning: when the sidecars were written, the captures were damaged in {damaged_places}; only what "
            f"could be read then is restored, {done.manifest} has the counts of each file"
        )
    matches = done.found_in_sidecar
    if matches["new"] + matches["ambiguous"]:
        print_message(
            f"warning: captures were edited since: nothing was restored for {matches['new']:,} new and "
            f"{matches['ambiguous']:,} ambiguous packets; {done.manifest} has the counts of each file"
        )
    if done.losses and losses:
        option = "--sidecar-secrets" if done.kept_in_sidecar else "--sidecar"
        advice = "" if to == "pcapng" else f", {option} keeps them"
        print_message(
            f"warning: {to or 'pcap'} cannot hold {counts_in_words(done.losses)}; {done.manifest} has the counts of "
            f"each file, --on-loss fail refuses{advice}"
        )


def _summary(done: BatchReport) -> list[tuple[str, str]]:
    """Return the lines of the closing table: names and values; counts of 0 are left out."""
    duration = f" ({duration_in_words(int(done.seconds))})" if done.seconds >= LONG else ""
    lines = [
        ("converted", f"{done.converted:,}"),
        ("damaged, what could be read is converted", f"{done.damaged:,}"),
        ("failed", f"{done.failed:,}"),
        ("up to date", f"{done.up_to_date:,}"),
        ("of these damaged, as an earlier run found", f"{done.damaged_before:,}"),
        ("not captures", f"{done.skipped:,}"),
        ("links and special files, left alone", f"{done.left_alone:,}"),
    ]
    lines += [
        ("sidecars written", f"{done.sidecars_written:,}"),
        ("sidecars read", f"{done.sidecars_read:,}"),
    ]
    lines = [line for line in lines if line[1] != "0" or line[0] in ("converted", "failed")]
    lines += [
        ("packets read", f"{done.packets_read:,}"),
        ("packets written", f"{done.packets_written:,}"),
        *([] if done.repeats_total is None else [("packets that repeat others", f"{done.repeats_total:,}")]),
        *([] if done.decapsulated is None else [("packets out of tunnels", f"{done.decapsulated['packets']:,}")]),
        ("bytes read", f"{done.bytes_read:,}"),
        ("bytes written", f"{done.bytes_written:,}"),
        (f"seconds{duration}", f"{done.seconds:,.1f}"),
    ]
    return lines
