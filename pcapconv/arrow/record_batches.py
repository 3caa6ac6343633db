"""Collects the packets of a capture's batches into record batches of pyarrow: `RecordBatches`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow

from pcapconv.arrow import headers, interfaces
from pcapconv.arrow.builders import BUILDERS, MOST_ROWS, Builder
from pcapconv.arrow.headers import Headers
from pcapconv.arrow.interfaces import InterfaceNames, Interfaces
from pcapconv.errors import name_in_errors
from pcapconv.model import PacketBatch

_BUILDERS: Mapping[str, tuple[Any, type[Builder]]] = {
    **BUILDERS,
    **{name: (kind, Interfaces) for name, kind in interfaces.TYPES.items()},
    **{name: (kind, Headers) for name, kind in headers.TYPES.items()},
}


class RecordBatches:
    """Collects packets. `schema` is that of the record batches; `columns` are names in `column_names.COLUMNS`, those of
    headers about the innermost packets of tunnels with `inner`. With `interface_names`, all record batches have these
    as the one dictionary of interfaces, which grows."""

    def __init__(
        self, columns: Sequence[str], interface_names: InterfaceNames | None = None, *, inner: bool = False
    ) -> None:
        self.schema = pyarrow.schema([(name, _BUILDERS[name][0]) for name in columns])
        names_of_builders: dict[type[Builder], list[str]] = {}
        for name in columns:
            names_of_builders.setdefault(_BUILDERS[name][1], []).append(name)
        self._builders: list[Builder] = []
        for builder, names in names_of_builders.items():
            if builder is Interfaces:
                self._builders.append(Interfaces(names, interface_names))
            else:
                self._builders.append(Headers(names, inner=inner) if builder is Headers else builder(names))
        self._rows = 0

    def add(self, batch: PacketBatch) -> Iterator[Any]:
        """Add the packets of a batch, and yield the record batches that are full. Raises PcapconvError."""
        first = 0
        while first < batch.rows:
            stop = min(batch.rows, first + MOST_ROWS - self._rows)
            for builder in self._builders:
                stop = builder.rows_with_room(batch, first, stop, self._rows)
            if stop > first:
                piece = batch if stop - first == batch.rows else batch.slice(first, stop)
                for builder in self._builders:
                    builder.append(piece, self._rows)
                self._rows += stop - first
                first = stop
            if first < batch.rows or self._rows == MOST_ROWS:
                yield from self.take()

    def take(self) -> Iterator[Any]:
        """Yield a record batch of the packets that were not yielded yet, if there are any."""
        if self._rows:
            rows, self._rows = self._rows, 0
            arrays: dict[str, Any] = {}
            for builder in self._builders:
                arrays |= builder.arrays(rows)
            yield pyarrow.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema)


def open_record_batches(batches: Iterable[PacketBatch], columns: Sequence[str], name: str, *, inner: bool) -> Any:
    """Return a RecordBatchReader of pyarrow, which reads the batches lazily; `name` is the capture's, for messages."""
    collected = RecordBatches(columns, inner=inner)
    return pyarrow.RecordBatchReader.from_batches(collected.schema, _record_batches(batches, collected, name))


def _record_batches(batches: Iterable[PacketBatch], collected: RecordBatches, name: str) -> Iterator[Any]:
    with name_in_errors(name):
        for batch in batches:
            yield from collected.add(batch)
        yield from collected.take()
