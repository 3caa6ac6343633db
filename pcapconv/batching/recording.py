"""Passes the outcome of each file to the report, the watcher and the manifest of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pcapconv.batching import manifest
from pcapconv.batching.actions import Job
from pcapconv.batching.lease import LeaseLostError
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchReport, Watcher
from pcapconv.errors import FileError, PcapconvError


class UnrecordedError(FileError):
    """The manifest cannot be written, so the batch cannot go on."""


class Recorder:
    """Passes outcomes to the report, the watcher and the manifest. `rewritten` is the manifest in a store in which
    files cannot be appended to; None if lines are appended to a file, as jobs do themselves. As a context manager,
    writes the remaining lines of the manifest at the end of the block, unless another client has taken over the
    manifest."""

    def __init__(self, report: BatchReport, watcher: Watcher, rewritten: manifest.RewrittenManifest | None) -> None:
        self._report = report
        self._watcher = watcher
        self._rewritten = rewritten

    def begin(self, jobs: Sequence[Job]) -> None:
        """Tell the watcher how many files and bytes are to be converted."""
        self._watcher.begin(len(jobs), sum(job.size for job in jobs))

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Record outcomes. Raises UnrecordedError if the manifest cannot be written."""
        lines = []
        for outcome in outcomes:
            self._report.add(outcome)
            self._watcher.line(outcome)
            job_added_line = self._rewritten is None and outcome.worker is not None
            if outcome.status != "up_to_date" and not job_added_line:
                lines.append(outcome.to_json())
        try:
            if self._rewritten is not None:
                self._rewritten.append_lines(lines)
            elif lines:
                manifest.append_lines(self._report.manifest, lines)
        except FileError as error:
            raise UnrecordedError(str(error), path=error.path, cause=error) from error

    def show_progress(self, read: int) -> None:
        """Show the watcher the report and the number of bytes read."""
        self._watcher.look(self._report, read)

    def check_writable(self) -> None:
        """Write a manifest behind a URL if it does not exist, before the first file is converted. Raises FileError if
        the store refuses."""
        if self._rewritten is not None:
            self._rewritten.check_writable()

    def write_manifest(self) -> None:
        """Write the new lines of a manifest behind a URL. Raises FileError."""
        if self._rewritten is not None:
            self._rewritten.write_if_changed()

    def __enter__(self) -> None:
        pass

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None:
            self.write_manifest()
        elif not issubclass(error_type, LeaseLostError):  # after a lost lease, another client has the manifest
            with suppress(PcapconvError):
                self.write_manifest()
