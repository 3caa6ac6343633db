"""The sink of a split: the parts, which appear together."""

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
    """Parts among `files`, named by a template and the input's `stem`; see `Sink`.

    `way` makes what divides a capture among parts, of which there are `most` at the most. `input_size` is asked how
    many bytes the input has, as far as is known.
    """

    divides = True

    def __init__(
        self,
        files: FileSet,
        template: Template,
        stem: str,
        way: Callable[[OpenParts], Splitter],
        *,
        most: int,
        input_size: Callable[[], int],
    ) -> None:
        self._files = files
        self._template = template
        self._stem = stem
        self._way = way
        self._most = most
        self._input_size = input_size
        self._parts: OpenParts | None = None
        self._splitter: Splitter | None = None

    def begin(self, settings: WriterSettings, *, hashed: bool) -> Splitter:
        """See `Sink.begin`."""
        self._parts = OpenParts(
            self._files,
            self._template,
            self._stem,
            settings,
            most=self._most,
            input_size=self._input_size,
            hashed=hashed,
        )
        self._splitter = self._way(self._parts)
        return self._splitter

    def close(self) -> None:
        """See `Sink.close`."""
        if self._parts is not None:
            self._parts.close()

    def tell(self, report: Report) -> None:
        """See `Sink.tell`."""
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

    def files(self, report: Report) -> list[CaptureFile]:
        """See `Sink.files`."""
        return [
            CaptureFile(
                os.path.basename(part["name"]), part["bytes"], part["sha256"], part["packets"], part["link_type"]
            )
            for part in report.parts or ()
        ]

    def restart(self) -> None:
        """See `Sink.restart`."""
        self._files.restart()

    def commit(self, others: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:
        """See `Sink.commit`."""
        self._files.commit(report.outputs, others, read, fsync=fsync)
        report.put_back = self._files.put_back

    def abandon(self) -> None:
        """See `Sink.abandon`."""
        self._files.abandon()
