"""Where the outcomes of a batch go: to its report, to whoever looks on, and to the manifest."""

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
    """The manifest cannot be written, so that nothing more can be done."""


class Recorder:
    """Where outcomes go that come back, and those of files that no job is about. `kept` is the manifest of a store that
    nothing can be added to; None where lines are added to a file."""

    def __init__(self, report: BatchReport, watcher: Watcher, kept: manifest.RewrittenManifest | None) -> None:
        self._report = report
        self._watcher = watcher
        self._kept = kept

    def begin(self, todo: Sequence[Job]) -> None:
        """So much is to be done."""
        self._watcher.begin(len(todo), sum(job.size for job in todo))

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Raises UnrecordedError."""
        new = []
        for outcome in outcomes:
            self._report.add(outcome)
            self._watcher.line(outcome)
            own = self._kept is None and outcome.worker is not None  # jobs add their own
            if outcome.status != "up_to_date" and not own:
                new.append(outcome.to_json())
        try:
            if self._kept is not None:
                self._kept.append_lines(new)
            elif new:
                manifest.append_lines(self._report.manifest, new)
        except FileError as error:
            raise UnrecordedError(str(error)) from error

    def look(self, read: int) -> None:
        """Let the watcher look."""
        self._watcher.look(self._report, read)

    def check_writable(self) -> None:
        """See before the first file that a store takes a manifest, if it has none. Raises FileError."""
        if self._kept is not None:
            self._kept.check_writable()

    def write_manifest(self) -> None:
        """Raises FileError."""
        if self._kept is not None:
            self._kept.write()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.write_manifest()
        elif not issubclass(kind, LeaseLostError):  # whose manifest another one writes
            with suppress(PcapconvError):
                self.write_manifest()
