"""The report of a batch, the errors that have a report, and the interface of watchers of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pcapconv.batching.outcome import Outcome
from pcapconv.errors import PcapconvError
from pcapconv.json_form import plain

MOST_LISTED = 1000  # damaged and failed files; all are counted


class BatchReport:
    """The report of a batch, in numbers.

    Each file counts as one of these:

    * `converted`: done.
    * `damaged`: done, as far as it could be read.
    * `failed`: not done.
    * `up_to_date`: an earlier run did it.
    * `skipped`: it is not a capture.
    * `left_alone`: it is a symbolic link, or not a plain file.

    Other numbers count some of these files:

    * `damaged_before`: of those up to date, those in which the earlier run found damage.
    * `refused`: of those that failed, those of which something would have been lost.
    * `odd`, `empty`, `undated`: of those done in this run, those that had warnings, those of whose packets none was
      selected, and those from a server that reports neither date nor ETag, so that a later run cannot see whether they
      changed.
    * `sidecars_written`, `sidecars_read`: numbers of sidecars. `sidecars_unused`: those beside pcap files that became
      pcapng without them.

    These are sums over the files done in this run: `packets_read`, `packets_written`, `bytes_read`, `bytes_written`,
    `losses`, `left_out`, `repeats_total`, `repeats_across`, `decapsulated`, `kept_in_sidecar`, `missing_in_sidecar`,
    `damage_in_sidecar`, `found_in_sidecar`. `repeats_total` is None if no file was done with `dedup`, and
    `decapsulated` if none was done with `decapsulate`.

    * `seconds`: the duration of the run.
    * `manifest`: the path or URL of the manifest.
    * `trouble`: the manifest lines of damaged and failed files, at most 1,000.
    """

    def __init__(self, manifest: str) -> None:
        self.converted = self.damaged = self.failed = self.up_to_date = self.skipped = self.left_alone = 0
        self.damaged_before = self.refused = self.odd = self.empty = self.undated = 0
        self.packets_read = self.packets_written = self.bytes_read = self.bytes_written = 0
        self.losses: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.repeats_total: int | None = None
        self.repeats_across = 0
        self.decapsulated: dict[str, Any] | None = None
        self.sidecars_written = self.sidecars_read = self.sidecars_unused = 0
        self.kept_in_sidecar: Counter[str] = Counter()
        self.missing_in_sidecar: Counter[str] = Counter()
        self.damage_in_sidecar = 0
        self.found_in_sidecar: Counter[str] = Counter()
        self.seconds = 0.0
        self.manifest = manifest
        self.trouble: list[dict[str, Any]] = []

    def add(self, outcome: Outcome) -> None:
        """Count the outcome of a file."""
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
        if outcome.repeats_total is not None:
            self.repeats_total = (self.repeats_total or 0) + outcome.repeats_total
            self.repeats_across += outcome.repeats_across or 0
        if outcome.decapsulated is not None:
            self.decapsulated = _sum_of(self.decapsulated, outcome.decapsulated)
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
        """The number of captures, including those that failed and those that were up to date."""
        return self.converted + self.damaged + self.failed + self.up_to_date

    def __repr__(self) -> str:
        return f"BatchReport({', '.join(f'{name}={value!r}' for name, value in self._numbers().items())})"

    def as_dict(self) -> dict[str, Any]:
        """The numbers as plain values, ready for JSON: the command's report without `schema` and `files`."""
        numbers: dict[str, Any] = plain(self._numbers())
        return numbers

    def _numbers(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "trouble"}


def _sum_of(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> dict[str, Any]:
    """The sum of two values as `Report.decapsulated` has them."""
    if one is None:
        return dict(other)
    numbers = {name: one[name] + other[name] for name in ("packets", "not_in_tunnels")}
    return {**numbers, "tunnels": dict(Counter(one["tunnels"]) + Counter(other["tunnels"]))}


class BatchError(PcapconvError):
    """A batch did not do all of its work. `report` is the `BatchReport` of the work that it did."""

    def __init__(self, message: str, report: BatchReport, *, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.report = report


class NothingFoundError(BatchError):
    """The source directory contains no capture. `report` is the `BatchReport`."""


class UnfinishedError(BatchError):
    """The batch ended before all files were done. A later run with `resume` continues it. `report` is the
    `BatchReport`."""


class Watcher:
    """The base of classes that watch a batch. A subclass overrides the methods that it needs; here they do nothing. All
    are called in the thread that called `batch`."""

    def begin(self, files: int, size: int) -> None:
        """Called before the first file is converted, with the number of files to convert and their total size in bytes.
        Earlier calls of `line` are about files that need no conversion."""

    def wait(self, reason: str) -> None:
        """Called if the batch has to wait before it begins. `reason` is a sentence."""

    def line(self, outcome: Outcome) -> None:
        """Called with the `Outcome` of each file."""

    def warn(self, message: str) -> None:
        """Called with a warning about the batch as a whole."""

    def look(self, report: BatchReport, read: int) -> None:
        """Called several times a second with the report so far and the number of bytes read so far, `read`."""
