"""The conversion of a capture into a table: `TableConversion`."""

from __future__ import annotations

from pcapconv.conversion import Conversion
from pcapconv.errors import PcapconvError
from pcapconv.sinks import Sink
from pcapconv.tables.sinks import LateNamesError, TableSink


class TableConversion(Conversion):
    """A conversion that starts again, once, if an Arrow file needs names of interfaces that came late: the next run
    knows all of them from the beginning. If input or output is a pipe, the file gets the names in pieces instead, which
    some readers of Arrow do not take."""

    def write_to(self, sink: Sink) -> None:
        """See `Conversion.write_to`."""
        super().write_to(sink)
        if isinstance(sink, TableSink):
            sink.can_start_again = self.can_start_again

    def prepare_next_run(self, error: PcapconvError) -> bool:
        """See `Conversion.prepare_next_run`."""
        return isinstance(error, LateNamesError) or super().prepare_next_run(error)
