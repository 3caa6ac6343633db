"""The conversion that lists a capture, and its sink, which writes what a form makes of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.errors import FormatError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.source import Source
from pcapconv.listing.names import MORE, CaptureNames
from pcapconv.listing.rows import RowReader, Rows
from pcapconv.listing.times import TimeReader
from pcapconv.model import Interface, Item, Notice, PacketBatch
from pcapconv.report import Report
from pcapconv.sinks import NoSink
from pcapconv.steps import BasePlan
from pcapconv.steps.time_scales import first_time
from pcapconv.timestamps import NANOSECONDS

if TYPE_CHECKING:
    from fractions import Fraction

_MOST_ROWS = 4096  # that are made into text at once


class Form(Protocol):
    """Makes text of rows. `columns` are the columns that it shows; with `dated`, times have their date."""

    columns: Sequence[str]
    dated: bool

    def begin(self) -> str:
        """What stands before the first row."""
        ...

    def render(self, rows: Rows) -> Iterator[str]:
        """Yield the text of rows, piece by piece."""
        ...


class ListingConversion(Conversion):
    """A conversion that lists packets: it notes when the capture's first packet is, and finds names before the packets,
    if the capture can be read twice."""

    def __init__(
        self,
        source: Source,
        settings: ConversionSettings,
        plan: BasePlan | None,
        times: TimeReader,
        names: CaptureNames | None,
    ) -> None:
        super().__init__(source, settings, plan)
        self._times = times
        self._names = names

    def survey(self) -> None:
        """See `Conversion.survey`."""
        super().survey()
        if self._names is not None and self.source.seekable:
            with self.name_errors():
                self._names.survey(self.open_reader().items())
            self.source.rewind()

    def note_items(self, items: Iterator[Item], report: Report) -> Iterator[Item]:
        """See `Conversion.note_items`."""
        return super().note_items(self._note_first_time(items), report)

    def _note_first_time(self, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if self._times.first is None and isinstance(item, PacketBatch):
                self._times.first = _nanoseconds(item)
            yield item

    def fill_report(self, report: Report) -> None:
        """See `Conversion.fill_report`."""
        super().fill_report(report)
        if self._names is not None and self._names.is_full:
            report.add_warning(Notice(None, MORE))


class ListingSink(NoSink):
    """A sink that writes text."""

    seekable = False

    def __init__(
        self, form: Form, rows: RowReader, write: Callable[[str], object], flush: Callable[[], object]
    ) -> None:
        self._writer = _ListingWriter(form, rows, write)
        self._flush = flush

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> _ListingWriter:  # noqa: ARG002
        """See `Sink.begin_run`."""
        return self._writer

    def flush(self) -> bool:
        """See `Sink.flush`."""
        self._flush()
        return True

    def fill_report(self, report: Report) -> None:
        """See `Sink.fill_report`."""
        super().fill_report(report)
        report.packets_written = self._writer.packets


class _ListingWriter:
    """Writes the packets of a run as text."""

    def __init__(self, form: Form, rows: RowReader, write: Callable[[str], object]) -> None:
        self._form = form
        self._rows = rows
        self._write = write
        self._interfaces = 0
        self._begun = False
        self.packets = 0

    def write(self, item: Item) -> None:
        """See `ItemWriter.write`."""
        rows = self._rows
        if rows.names is not None and rows.names.note(item):
            rows.summaries.forget_names()
        if isinstance(item, Interface):
            self._interfaces += 1
            rows.several_interfaces = self._interfaces > 1
        elif isinstance(item, PacketBatch) and item.rows:
            self._begin()
            self.packets += item.rows
            for first in range(0, item.rows, _MOST_ROWS):
                whole = item.rows <= _MOST_ROWS
                part = item if whole else item.slice(first, min(first + _MOST_ROWS, item.rows))
                for text in self._form.render(rows.rows(part)):
                    self._write(text)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._write(self._form.begin())

    def finish(self) -> None:
        """See `ItemWriter.finish`."""
        self._begin()


def _nanoseconds(batch: PacketBatch) -> int | None:
    """When the first packet is that has a time, in nanoseconds since 1970."""
    try:
        time: Fraction | None = first_time(batch)
    except FormatError:  # its time cannot be determined
        return None
    return None if time is None else time.numerator * NANOSECONDS // time.denominator
