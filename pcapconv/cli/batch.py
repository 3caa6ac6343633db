"""`pcapconv batch SRC DST`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.batching.locations import same_location, scheme_of
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchError, BatchReport, Watcher
from pcapconv.cli.batch_problems import Troubles
from pcapconv.cli.batch_results import Results, is_report
from pcapconv.cli.kernel_warning import say_once_if_slow
from pcapconv.cli.messages import complain, places_of
from pcapconv.cli.progress import JsonTally, Tally
from pcapconv.cli.signals import Terminated
from pcapconv.cli.statuses import DAMAGED, FAILED, REFUSED
from pcapconv.cli.writing_commands import check_names
from pcapconv.errors import UsageError
from pcapconv.formats import format_of
from pcapconv.io.commit import commit
from pcapconv.io.paths import STDIO
from pcapconv.io.source import open_source
from pcapconv.io.target import Target, open_target
from pcapconv.report import LEFT_OUT, describe
from pcapconv.text import counted
from pcapconv.timestamps import LONG, duration_said

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss

_PIECE = 2**16


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
    """Convert a tree, say on stderr what was not perfect and then what was done, and return the exit status."""
    if target is not None and scheme_of(target) == "memory":
        raise UsageError(f"{target}: what is in memory:// ends with the command; name a DST that stays")
    others = {option: name for option, name in (("--report", report), ("--junit", junit)) if name not in (None, STDIO)}
    check_names(None, {"inject_secrets": options.get("inject_secrets", ())}, "", junit)
    check_names(report, {"inject_secrets": options.get("inject_secrets", ())}, "")
    if report is not None and junit is not None and same_location(report, junit):
        raise UsageError(f"--report and --junit cannot both be {junit}; give each a name of its own")
    if not quiet:
        say_once_if_slow()
    again = bool(options.get("resume"))
    with ExitStack() as stack:
        places = [
            None if name is None else stack.enter_context(_report_target(name, force=force, again=again))
            for name in (report, junit)
        ]
        results = stack.enter_context(Results()) if any(places) else None
        watcher = _Watcher(JsonTally() if progress == "json" else Tally(show=not quiet), results)
        stack.callback(watcher.say_troubles)
        ended: BatchError | None = None
        try:
            with watcher.tally:
                try:
                    done = pcapconv.batch(
                        _listed() if source == STDIO else source,
                        target,
                        on_loss=on_loss,
                        force=force,
                        watcher=watcher,
                        others=others,
                        **options,
                    )
                except BatchError as error:
                    done, ended = error.report, error
                watcher.look(done, done.bytes_read)
        except (KeyboardInterrupt, Terminated):
            watcher.say_how_far()
            raise
        if results is not None and places[0] is not None:
            results.write_json(places[0], done)
        if results is not None and places[1] is not None:
            results.write_junit(places[1], done)
        commit([place for place in places if place is not None])
    if not done.captures and ended is None and "shard" not in options:
        complain("warning: no capture was found")
    to = options.get("to") or format_of(options.get("template") or "")
    _say_what_happened(done, to, losses=on_loss == "warn", quiet=quiet)
    if not quiet:
        watcher.tally.show_table(_table(done))
    if ended is not None:
        raise ended
    if done.failed:
        return REFUSED if done.refused == done.failed else FAILED
    return DAMAGED if done.damaged or done.damaged_before else 0


def _report_target(name: str, *, force: bool, again: bool) -> Target:
    """Where a report goes. A batch that goes on `again` replaces the report of the run before it. Raises FileError."""
    return open_target(name, force=force or (again and is_report(name)), text=True)


def _listed() -> Iterator[str]:
    """The names on stdin: one on each line, or as `find -print0` has them. Raises FileError."""
    data = b""
    with open_source(STDIO) as stdin, memoryview(bytearray(_PIECE)) as room:
        while count := stdin.readinto(room):
            data += room[:count]
    for name in data.split(b"\0" if b"\0" in data else b"\n"):
        if name:
            yield os.fsdecode(name)


class _Watcher(Watcher):
    """Passes on what it sees: to the progress, and to whoever writes a report."""

    def __init__(self, tally: Tally | JsonTally, results: Results | None) -> None:
        self.tally = tally
        self._results = results
        self._troubles = Troubles()
        self._files = self._looked_at = self._done = 0
        self._manifest = "the manifest"  # until its place is known

    def begin(self, files: int, size: int) -> None:
        self._files, self._looked_at, self._done = files, 0, 0
        self.tally.begin(files, size)

    def wait(self, reason: str) -> None:
        complain(reason)

    def line(self, outcome: Outcome) -> None:
        self._looked_at += 1
        self._done += outcome.status != "failed"
        if self._results is not None:
            self._results.add(outcome.to_json())
        if outcome.status in ("failed", "damaged") or (outcome.status == "skipped" and outcome.known):
            self._troubles.add(outcome)

    def warn(self, message: str) -> None:
        complain(f"warning: {message}")

    def look(self, report: BatchReport, read: int) -> None:
        self._manifest = report.manifest
        self.tally.look(self._looked_at, max(read, report.bytes_read), report.failed)

    def say_troubles(self) -> None:
        """Name the files that failed, were damaged or skipped."""
        self._troubles.say(self._manifest)

    def say_how_far(self) -> None:
        """What there is to say of a batch that is interrupted in its work."""
        if self._looked_at < self._files:
            of_all = f"{self._done:,} of {counted(self._files, 'file')}"
            complain(f"{of_all} {'is' if self._files == 1 else 'are'} done; --resume goes on with the others")


def _say_what_happened(done: BatchReport, to: str | None, *, losses: bool, quiet: bool) -> None:
    if done.odd:
        complain(f"warning: oddities in {counted(done.odd, 'file')}, which cost nothing; {done.manifest} names them")
    if done.empty:
        complain(f"warning: of {counted(done.empty, 'file')} no packet was selected")
    if done.undated:
        it, them = ("it", "it") if done.undated == 1 else ("they", "them")
        complain(
            f"warning: {counted(done.undated, 'file comes', 'files come')} from a server that says neither date nor "
            f"ETag: --resume cannot tell whether {it} changed, and converts {them} again"
        )
    if done.left_out:
        complain(f"warning: left out {describe(done.left_out, LEFT_OUT)}")
    if done.kept_in_sidecar and not quiet:
        complain(f"kept in sidecars: {describe(done.kept_in_sidecar)}")
    if done.sidecars_unused and not quiet:
        beside = f"{done.sidecars_unused:,} of the pcap files"
        complain(f"sidecars lie beside {beside}, and are not used; --sidecar uses them")
    if done.missing_in_sidecar and losses:
        complain(
            f"warning: the sidecars were written without {describe(done.missing_in_sidecar)}; --sidecar-secrets would "
            "have kept them"
        )
    if done.damage_in_sidecar:
        places = places_of(done.damage_in_sidecar)
        complain(
            f"warning: when the sidecars were written, the captures were damaged in {places}; what could be read then "
            f"is all there is, {done.manifest} has the counts of each file"
        )
    found = done.found_in_sidecar
    if found["new"] + found["ambiguous"]:
        complain(
            f"warning: captures were edited since: {found['new']:,} new and {found['ambiguous']:,} ambiguous packets "
            f"were kept plain; {done.manifest} has the counts of each file"
        )
    if done.losses and losses:
        option = "--sidecar-secrets" if done.kept_in_sidecar else "--sidecar"
        keep = "" if to == "pcapng" else f", {option} keeps them"
        complain(
            f"warning: {to or 'pcap'} cannot hold {describe(done.losses)}; {done.manifest} has the counts of each "
            f"file, --on-loss fail refuses{keep}"
        )


def _table(done: BatchReport) -> list[tuple[str, str]]:
    """What a summary says: names and values."""
    words = f" ({duration_said(int(done.seconds))})" if done.seconds >= LONG else ""
    rows = [
        ("converted", f"{done.converted:,}"),
        ("damaged, what could be read is converted", f"{done.damaged:,}"),
        ("failed", f"{done.failed:,}"),
        ("up to date", f"{done.up_to_date:,}"),
        ("of these damaged, as an earlier run found", f"{done.damaged_before:,}"),
        ("not captures", f"{done.skipped:,}"),
        ("links and special files, left alone", f"{done.left_alone:,}"),
    ]
    rows += [
        ("sidecars written", f"{done.sidecars_written:,}"),
        ("sidecars read", f"{done.sidecars_read:,}"),
    ]
    rows = [row for row in rows if row[1] != "0" or row[0] in ("converted", "failed")]
    rows += [
        ("packets read", f"{done.packets_read:,}"),
        ("packets written", f"{done.packets_written:,}"),
        ("bytes read", f"{done.bytes_read:,}"),
        ("bytes written", f"{done.bytes_written:,}"),
        (f"seconds{words}", f"{done.seconds:,.1f}"),
    ]
    return rows
