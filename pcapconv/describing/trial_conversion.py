"""Finds what a conversion to pcap would lose, or why it would be refused.

Strategy: a pcap writer converts the capture, and what it writes is discarded. So the answer never differs from what
`convert` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pcapconv import formats
from pcapconv.describing.census import Census
from pcapconv.describing.entries import ToPcap
from pcapconv.describing.traffic import Traffic, TrafficTables
from pcapconv.errors import NeedsNanosecondsError, TargetError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.target import Target
from pcapconv.model import Item
from pcapconv.report import Report
from pcapconv.sinks import Sink
from pcapconv.time_zones import TimeZone


class TrialSink(Sink):
    """The sink of a trial conversion to pcap: discards what is written, makes a `census` of the capture's items, and
    counts its `traffic`.

    Both show times in the `zone`. The reason why pcap cannot hold the capture is part of the `result`, not an
    error. Only NeedsNanosecondsError is raised, if the conversion `can_restart`.
    """

    name = "nowhere"

    def __init__(self, zone: TimeZone, tables: TrafficTables, *, can_restart: bool) -> None:
        self._zone = zone
        self._tables = tables
        self._can_restart = can_restart

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> Self:  # noqa: ARG002
        """Open the writer, whose bytes are discarded, and begin to count."""
        self.census = Census(self._zone)
        self.traffic = Traffic(self._tables, self._zone)
        self._refusal = ""
        self._output = BufferedOutput(Target(_DiscardingFile(), self.name, seekable=False))
        self._writer = formats.open_writer(settings, self._output)
        return self

    def write(self, item: Item) -> None:
        """Count an item, and write it unless an item before it was refused."""
        self.census.add_item(item)
        self.traffic.add_item(item)
        if not self._refusal:
            self._try(lambda: self._writer.write(item))

    def finish(self) -> None:
        """Write the end of the file, unless an item was refused."""
        if not self._refusal:
            self._try(self._writer.finish)

    def end_run(self) -> None:
        """Close the output."""
        self._output.close()

    def restart(self) -> None:
        """Do nothing: nothing was written."""

    def fill_report(self, report: Report) -> None:
        """Set the losses of the report."""
        report.losses = dict(self._writer.losses)

    def result(self, report: Report) -> ToPcap:
        """Return what the conversion would lose, by kind; or why it would be refused."""
        if self._refusal:
            return ToPcap(False, {}, self._refusal)
        return ToPcap(True, report.losses)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except TargetError as error:
            if isinstance(error, NeedsNanosecondsError) and self._can_restart:
                raise
            self._refusal = str(error)


class _DiscardingFile:
    """A file that discards what is written to it."""

    def write(self, data: memoryview) -> int:
        return len(data)
