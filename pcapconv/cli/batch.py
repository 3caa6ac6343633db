"""`pcapconv batch SRC DST`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.places import same_place, scheme_of
from pcapconv.batching.report import BatchError, BatchReport, Watcher
from pcapconv.cli.messages import complain, places_of
from pcapconv.cli.progress import JsonTally, Tally
from pcapconv.cli.results import Results
from pcapconv.cli.statuses import DAMAGED, FAILED, REFUSED
from pcapconv.cli.writing import check_names
from pcapconv.errors import UsageError
from pcapconv.io.commit import commit
from pcapconv.io.paths import STDIO
from pcapconv.io.sources import open_source
from pcapconv.io.targets import open_target
from pcapconv.report import LEFT_OUT, describe

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss

_PIECE = 2**16
_MOST = 20  # files with trouble that are named, before the rest is only counted


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
    if report is not None and junit is not None and same_place(report, junit):
        raise UsageError(f"--report and --junit cannot both be {junit}; give each a name of its own")
    with ExitStack() as stack:
        places = [
            None if name is None else stack.enter_context(open_target(name, force=force, text=True))
            for name in (report, junit)
        ]
        results = stack.enter_context(Results()) if any(places) else None
        with JsonTally() if progress == "json" else Tally(show=not quiet) as tally:
            watcher = _Watcher(tally, results)
            ended: BatchError | None = None
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
        if results is not None and places[0] is not None:
            results.write_json(places[0], done)
        if results is not None and places[1] is not None:
            results.write_junit(places[1], done)
        commit([place for place in places if place is not None])
    if not done.captures and ended is None and "shard" not in options:
        complain("warning: no capture was found")
    _say_what_happened(done, options.get("to"), watcher.named, losses=on_loss == "warn", quiet=quiet)
    if not quiet:
        tally.show_table(_table(done))
    if ended is not None:
        raise ended
    if done.failed:
        return REFUSED if done.refused == done.failed else FAILED
    return DAMAGED if done.damaged or done.damaged_before else 0


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
        self._tally = tally
        self._results = results
        self.named = self._done = 0

    def begin(self, files: int, size: int) -> None:
        self._done = 0
        self._tally.begin(files, size)

    def wait(self, reason: str) -> None:
        complain(reason)

    def line(self, outcome: Outcome) -> None:
        self._done += 1
        if self._results is not None:
            self._results.add(outcome.to_json())
        if outcome.status not in ("failed", "damaged", "skipped"):
            return
        if outcome.status != "skipped" or outcome.known:
            self.named += 1
            if self.named <= _MOST:
                _name_trouble(outcome)

    def warn(self, message: str) -> None:
        complain(f"warning: {message}")

    def look(self, report: BatchReport, read: int) -> None:
        self._tally.look(self._done, max(read, report.bytes_read), report.packets_read, report.failed)


def _name_trouble(outcome: Outcome) -> None:
    if outcome.status == "skipped":
        complain(f"warning: skipped: {outcome.error}")
        return
    if outcome.error is not None:
        complain(outcome.error)
        return
    more = f", and {outcome.damage_total - 1} more" if outcome.damage_total > 1 else ""
    complain(f"warning: {outcome.source}: {outcome.places[0]}{more}")


def _say_what_happened(done: BatchReport, to: str | None, named: int, *, losses: bool, quiet: bool) -> None:
    if named > _MOST:
        complain(f"{named - _MOST} more files failed, were damaged or suspicious; {done.manifest} has them all")
    if done.odd:
        complain(f"warning: oddities in {done.odd} files, which cost nothing; {done.manifest} names them")
    if done.empty:
        complain(f"warning: of {done.empty} files no packet was selected")
    if done.undated:
        complain(
            f"warning: {done.undated} files come from a server that says neither date nor ETag: --resume cannot tell "
            "whether they changed, and converts them again"
        )
    if done.left_out:
        complain(f"warning: left out {describe(done.left_out, LEFT_OUT)}")
    if done.kept_in_sidecar and not quiet:
        complain(f"kept in sidecars: {describe(done.kept_in_sidecar)}")
    if done.sidecars_unused and not quiet:
        complain(f"sidecars lie beside {done.sidecars_unused} of the pcap files, and are not used; --sidecar uses them")
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
            f"warning: captures were edited since: {found['new']} new and {found['ambiguous']} ambiguous packets were "
            f"kept plain; {done.manifest} has the counts of each file"
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
        ("seconds", f"{done.seconds:,.1f}"),
    ]
    return rows
