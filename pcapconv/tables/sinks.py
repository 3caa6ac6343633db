"""The sinks of a table's conversion: `TableSink` writes a file, `MemorySink` keeps record batches.

Strategy: pyarrow writes into a file object that passes bytes on to the target's buffer, so that errors, pipes and final
names are those of every output. What pyarrow writes after the end of a run, as it does when it is closed late, is
dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pcapconv.arrow.interfaces import InterfaceNames
from pcapconv.arrow.record_batches import RecordBatches
from pcapconv.errors import TargetError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.target import Target
from pcapconv.model import Item, PacketBatch
from pcapconv.report import Report
from pcapconv.sinks import FileSink, NoSink
from pcapconv.tables.formats import RecordBatchWriter, TableFormat, open_writer
from pcapconv.wording import argument

_MOST_NAMES = 2**26  # bytes of the names of interfaces in a file of Arrow, which has them in one piece


class LateNamesError(TargetError):
    """An Arrow file needs names of interfaces that came after its first record batch: the conversion must start
    again."""


class _OutputFile:
    """The file object that pyarrow writes into."""

    def __init__(self, output: BufferedOutput) -> None:
        self._output: BufferedOutput | None = output
        self.closed = False

    def write(self, data: Any) -> int:
        with memoryview(data).cast("B") as view:
            if self._output is not None:
                self._output.write(view)
            return len(view)

    def tell(self) -> int:
        return 0 if self._output is None else self._output.position

    def flush(self) -> None:
        """Do nothing: the target's buffer decides."""

    def close(self) -> None:
        """Do nothing: the end of a run closes the buffer."""

    def drop(self) -> None:
        """Write nothing more."""
        self._output = None


class TableSink(FileSink):
    """A sink that writes a table into one file. `can_start_again` is set by the conversion."""

    can_start_again = False

    def __init__(self, target: Target, kind: TableFormat, columns: Sequence[str], *, inner: bool) -> None:
        super().__init__(target)
        self._kind = kind
        self._columns = columns
        self._inner = inner
        self._names = InterfaceNames() if kind.one_dictionary and "interface" in columns else None
        self._file: _OutputFile | None = None
        self._table_writer: _TableWriter | None = None

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> _TableWriter:  # type: ignore[override]  # noqa: ARG002
        """See `Sink.begin_run`."""
        self._output = BufferedOutput(self.target)
        self._file = _OutputFile(self._output)
        batches = RecordBatches(self._columns, self._names, inner=self._inner)
        deltas = not self.can_start_again
        writer = open_writer(self._kind, batches.schema, self._file, deltas=deltas)
        if self._names is not None:
            self._names.never_empty = deltas
        self._table_writer = _TableWriter(batches, writer, self._output, self._names, restarts=self.can_start_again)
        return self._table_writer

    def end_run(self) -> None:
        """See `Sink.end_run`."""
        if self._file is not None:
            self._file.drop()
        super().end_run()

    def flush(self) -> bool:
        """See `Sink.flush`."""
        if self._kind.is_live and self._table_writer is not None and self.target.shown_at_once:
            self._table_writer.write_rows()
        return super().flush()

    def fill_report(self, report: Report) -> None:
        """See `Sink.fill_report`."""
        assert self._table_writer is not None
        report.target_format = self._kind.name
        report.packets_written = self._table_writer.packets


class _TableWriter:
    """Writes the packets of one run. If the conversion `restarts` when names of interfaces come late, nothing more is
    written then, and `finish` raises LateNamesError: `names` has all of them."""

    def __init__(
        self,
        batches: RecordBatches,
        writer: RecordBatchWriter,
        output: BufferedOutput,
        names: InterfaceNames | None,
        *,
        restarts: bool,
    ) -> None:
        self._batches = batches
        self._writer = writer
        self._output = output
        self._names = names
        self._restarts = restarts
        self._names_written: int | None = None
        self._late = False
        self.packets = 0

    def write(self, item: Item) -> None:
        """See `ItemWriter.write`."""
        if isinstance(item, PacketBatch):
            self.packets += item.rows
            for record_batch in self._batches.add(item):
                self._write(record_batch)

    def write_rows(self) -> None:
        """Write the packets that are not in a record batch yet."""
        for record_batch in self._batches.take():
            self._write(record_batch)

    def _write(self, record_batch: Any) -> None:
        names = self._names
        if names is not None:
            if names.size > _MOST_NAMES:
                fact = f"the names of interfaces have more than {_MOST_NAMES >> 20} MiB"
                raise TargetError(f"{fact}, which is more than a file of Arrow gets; {argument('to', 'parquet')} can")
            self._late = self._late or (self._restarts and self._names_written not in (None, len(names)))
            self._names_written = len(names)
        if not self._late:
            self._writer.write(record_batch)

    def finish(self) -> None:
        """See `ItemWriter.finish`."""
        self.write_rows()
        if self._late:
            raise LateNamesError("names of interfaces come after the first packets")
        self._writer.close()
        self._output.finish()


class MemorySink(NoSink):
    """A sink that keeps the record batches of the last run."""

    def __init__(self, columns: Sequence[str], *, inner: bool) -> None:
        self._columns = columns
        self._inner = inner
        self.record_batches: list[Any] = []
        self.schema: Any = None

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> _MemoryWriter:  # noqa: ARG002
        """See `Sink.begin_run`."""
        batches = RecordBatches(self._columns, inner=self._inner)
        self.schema, self.record_batches = batches.schema, []
        return _MemoryWriter(batches, self.record_batches)


class _MemoryWriter:
    """Keeps the packets of one run as record batches."""

    def __init__(self, batches: RecordBatches, kept: list[Any]) -> None:
        self._batches = batches
        self._kept = kept

    def write(self, item: Item) -> None:
        """See `ItemWriter.write`."""
        if isinstance(item, PacketBatch):
            self._kept.extend(self._batches.add(item))

    def finish(self) -> None:
        """See `ItemWriter.finish`."""
        self._kept.extend(self._batches.take())
