"""What a batch did: the numbers, and somebody who may look on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pcapconv.batching.outcome import Outcome
from pcapconv.errors import PcapconvError
from pcapconv.json_form import plain

MOST_LISTED = 1000  # files with trouble; all are counted


class BatchReport:
    """What a batch did.

    Files: `converted`, `damaged` (converted, as far as they could be read), `failed`, `up_to_date` (from an earlier
    run), `skipped` (not captures), `left_alone` (symbolic links and what is no plain file). `damaged_before` says how
    many of those up to date were damaged, `refused` how many of those that failed did so since something would be
    lost, `odd` and `empty` how many of the converted ones had warnings, or no packet selected, `undated` of how many of
    them their server says neither date nor ETag, so that nobody can tell whether they changed; `sidecars_written` and
    `sidecars_read` how many there were, `sidecars_unused` how many lie beside
    pcap files that became pcapng without them. `packets_read`, `packets_written`, `bytes_read`, `bytes_written`,
    `losses`, `left_out`, `kept_in_sidecar`, `missing_in_sidecar`, `damage_in_sidecar` and `found_in_sidecar` are sums
    over the files of this run, `seconds` is how long it took, `manifest` where that is.
    `trouble` lists the first thousand lines of damaged and failed files.
    """

    def __init__(self, manifest: str) -> None:
        self.converted = self.damaged = self.failed = self.up_to_date = self.skipped = self.left_alone = 0
        self.damaged_before = self.refused = self.odd = self.empty = self.undated = 0
        self.packets_read = self.packets_written = self.bytes_read = self.bytes_written = 0
        self.losses: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.sidecars_written = self.sidecars_read = self.sidecars_unused = 0
        self.kept_in_sidecar: Counter[str] = Counter()
        self.missing_in_sidecar: Counter[str] = Counter()
        self.damage_in_sidecar = 0
        self.found_in_sidecar: Counter[str] = Counter()
        self.seconds = 0.0
        self.manifest = manifest
        self.trouble: list[dict[str, Any]] = []

    def add(self, outcome: Outcome) -> None:
        """Count what became of a file."""
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.damaged_before += bool(outcome.damaged_before)
        self.refused += bool(outcome.refused)
        if outcome.status in ("damaged", "failed") and len(self.trouble) < MOST_LISTED:
            self.trouble.append(outcome.to_json())
        if outcome.done:
            self._sum(outcome)

    def _sum(self, outcome: Outcome) -> None:
        self.odd += outcome.warnings_total > 0
        self.empty += outcome.packets_read > 0 and not outcome.packets_written
        self.undated += outcome.source_state.time is None
        self.packets_read += outcome.packets_read
        self.packets_written += outcome.packets_written
        self.bytes_read += outcome.source_state.size or 0
        self.bytes_written += outcome.target_state.size or 0
        self.losses.update(outcome.losses)
        self.left_out.update(outcome.left_out)
        self.sidecars_unused += bool(outcome.sidecar_unused)
        if (sidecars := outcome.sidecars) is not None:
            self.sidecars_written += sidecars.written is not None
            self.sidecars_read += sidecars.read is not None
            self.kept_in_sidecar.update(sidecars.kept)
            self.missing_in_sidecar.update(sidecars.missing)
            self.damage_in_sidecar += sidecars.damage
            self.found_in_sidecar.update(sidecars.found)

    @property
    def captures(self) -> int:
        """How many captures there were, with those that failed and those that were up to date."""
        return self.converted + self.damaged + self.failed + self.up_to_date

    def __repr__(self) -> str:
        return f"BatchReport({', '.join(f'{name}={value!r}' for name, value in self._numbers().items())})"

    def as_dict(self) -> dict[str, Any]:
        """The numbers as plain values, ready for JSON: the document without the lines of `files`."""
        numbers: dict[str, Any] = plain(self._numbers())
        return numbers

    def _numbers(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "trouble"}


class BatchError(PcapconvError):
    """A batch did not do what it was asked for. `report` says what it did."""

    def __init__(self, message: str, report: BatchReport) -> None:
        super().__init__(message, report)
        self.report = report

    def __str__(self) -> str:
        return str(self.args[0])


class NothingFoundError(BatchError):
    """There is no capture in a whole tree."""


class UnfinishedError(BatchError):
    """The batch ended before all was done; with `resume` the next one goes on."""


class Watcher:
    """Somebody who looks on: each method is called in the caller's thread, and does nothing by itself. Lines before
    `begin` are about files for which there is nothing to do."""

    def begin(self, files: int, size: int) -> None:
        """So many files are to be converted, with so many bytes."""

    def wait(self, reason: str) -> None:
        """The batch waits before it begins, for this reason."""

    def line(self, outcome: Outcome) -> None:
        """This became of a file; `outcome.to_json()` has the fields of the manifest."""

    def warn(self, message: str) -> None:
        """A sentence about the batch as a whole."""

    def look(self, report: BatchReport, read: int) -> None:
        """Now and then: what was done so far, and the bytes read."""
