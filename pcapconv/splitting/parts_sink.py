"""The sink of a split: makes a new splitter for each run, and gives all parts their final names together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from pcapconv.formats.settings import WriterSettings
from pcapconv.io.file_set import FileSet
from pcapconv.io.name_template import Template
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.report import CaptureFile, Report
from pcapconv.sinks import Sink
from pcapconv.splitting.parts import OpenParts
from pcapconv.splitting.splitter import Splitter


class PartsSink(Sink):
    """The parts of a split, which are files of the set `files`, named by a template and the input's `stem`.

    `make_splitter` returns the splitter for the parts of one run. `most` is the largest number of parts; `can_grow` and
    `input_size` are as for `OpenParts`.
    """

    divides = True

    def __init__(
        self,
        files: FileSet,
        template: Template,
        stem: str,
        make_splitter: Callable[[OpenParts], Splitter],
        *,
        most: int,
        can_grow: bool,
        input_size: Callable[[], int],
    ) -> None:
        self._files = files
        self._template = template
        self._stem = stem
        self._make_splitter = make_splitter
        self._most = most
        self._can_grow = can_grow
        self._input_size = input_size
        self._parts: OpenParts | None = None
        self._splitter: Splitter | None = None

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> Splitter:
        """See `Sink.begin_run`."""
        self._parts = OpenParts(
            self._files,
            self._template,
            self._stem,
            settings,
            most=self._most,
            can_grow=self._can_grow,
            input_size=self._input_size,
            hashed=hashed,
        )
        self._splitter = self._make_splitter(self._parts)
        return self._splitter

    def end_run(self) -> None:
        """See `Sink.end_run`."""
        if self._parts is not None:
            self._parts.close()

    def fill_report(self, report: Report) -> None:
        """See `Sink.fill_report`."""
        parts, splitter = self._parts, self._splitter
        assert parts is not None
        assert splitter is not None
        report.outputs = parts.names
        report.packets_written = parts.packets
        for name, count in parts.zeros_at_end.items():
            report.warn_of_zeros_at_end(name, count)
        report.losses = splitter.losses()
        report.left_out.update(splitter.left_out)
        report.oversized = splitter.oversized
        report.parts = parts.reports

    def written_files(self, report: Report) -> list[CaptureFile]:
        """See `Sink.written_files`."""
        return [
            CaptureFile(
                os.path.basename(part["name"]), part["bytes"], part["sha256"], part["packets"], part["link_type"]
            )
            for part in report.parts or ()
        ]

    def restart(self) -> None:
        """See `Sink.restart`."""
        self._files.restart()

    def commit(self, other_targets: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:
        """See `Sink.commit`."""
        self._files.commit(report.outputs, other_targets, read, fsync=fsync)
        report.put_back = self._files.put_back

    def discard(self) -> None:
        """See `Sink.discard`."""
        self._files.discard()
