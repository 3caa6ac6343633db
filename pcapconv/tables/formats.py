"""The kinds of files with tables: their names, their suffixes, and how pyarrow writes them.

Strategy: record batches go to a writer as they come. A Parquet file gets groups of many record batches, since its
readers are slow with small ones. A file of Arrow has one dictionary for all its record batches, a stream may have one
after the other.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

from pcapconv.argument_types import is_one_of
from pcapconv.errors import UsageError
from pcapconv.header_columns import HeaderColumns
from pcapconv.io.paths import STDIO, Writable, name_of, nameless_error
from pcapconv.wording import argument

_GROUP_ROWS = 2**20  # of a row group of Parquet, unless it has as many bytes as the next number says
_GROUP_BYTES = 2**26
_OF_FEW_VALUES = ["captured_length", "original_length", "interface_id", "interface", "direction", "link_type"]
_OF_MANY_VALUES = {"tcp_sequence", "tcp_acknowledgement", "fragment_id"}
_WITH_DICTIONARY = [*_OF_FEW_VALUES, *(name for name in HeaderColumns.FIELDS if name not in _OF_MANY_VALUES)]
_WITH_DIFFERENCES = ["number", "time"]  # which takes a fifth of the space, and less time than zstd alone
_COMPRESSION = "zstd"


class TableFormat(NamedTuple):
    """A kind of file. `is_live` is true if readers of a pipe get rows at once; `one_dictionary` if all record batches
    of a file have the same one."""

    name: str
    suffixes: tuple[str, ...]
    is_live: bool = False
    one_dictionary: bool = False


TABLE_FORMATS = (
    TableFormat("parquet", (".parquet",)),
    TableFormat("arrow", (".arrow", ".feather"), one_dictionary=True),
    TableFormat("arrows", (".arrows",), is_live=True),
)


def table_format(target: Writable, to: str | None) -> TableFormat:
    """Return the kind of file that `to` names, or else the suffix of the target. Raises UsageError if neither does,
    FileError for an empty path."""
    names = [kind.name for kind in TABLE_FORMATS]
    if to is not None:
        found = next((kind for kind in TABLE_FORMATS if is_one_of(to, [kind.name])), None)
        if found is None:
            raise UsageError(f"{argument('to', to)}: must be {', '.join(names[:-1])} or {names[-1]}", option="to")
        return found
    name = name_of(target) or ""
    if is_one_of(target, [""]):
        raise nameless_error(name)
    suffix = os.path.splitext(name)[1].lower()
    for kind in TABLE_FORMATS:
        if suffix in kind.suffixes:
            return kind
    shown = name or ("stdout" if is_one_of(target, [STDIO]) else "output")
    ways = ", ".join(argument("to", each) for each in names[:-1])
    csv = "; CSV is what the command pcapconv show can print" if suffix == ".csv" else ""
    raise UsageError(
        f"{shown}: its name does not tell the kind of table; give {ways} or {argument('to', names[-1])}{csv}",
        path=shown,
    )


class RecordBatchWriter(Protocol):
    """Writes record batches to an open file object."""

    def write(self, record_batch: Any) -> None:
        """Write one."""
        ...

    def close(self) -> None:
        """Write the end of the file. The file object stays open."""
        ...


def open_writer(kind: TableFormat, schema: Any, file: Any, *, deltas: bool = False) -> RecordBatchWriter:
    """Open a writer of this kind. With `deltas`, a file of Arrow gets the names that come late behind the others, which
    not all of its readers understand."""
    if kind.name == "parquet":
        return _ParquetWriter(schema, file)
    from pyarrow import ipc

    if kind.name == "arrow":
        options = ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
        return _ArrowWriter(ipc.new_file(file, schema, options=options))
    return _ArrowWriter(ipc.new_stream(file, schema))


class _ArrowWriter:
    """Writes a file or a stream of Arrow."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, record_batch: Any) -> None:
        """See `RecordBatchWriter.write`."""
        self._writer.write_batch(record_batch)

    def close(self) -> None:
        """See `RecordBatchWriter.close`."""
        self._writer.close()


class _ParquetWriter:
    """Writes a Parquet file."""

    def __init__(self, schema: Any, file: Any) -> None:
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(
            file,
            schema,
            compression=_COMPRESSION,
            use_dictionary=[name for name in _WITH_DICTIONARY if name in schema.names] or False,
            column_encoding={name: "DELTA_BINARY_PACKED" for name in _WITH_DIFFERENCES if name in schema.names},
        )
        self._schema = schema
        self._group: list[Any] = []
        self._rows = self._bytes = 0

    def write(self, record_batch: Any) -> None:
        """See `RecordBatchWriter.write`."""
        self._group.append(record_batch)
        self._rows += record_batch.num_rows
        self._bytes += record_batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        from pyarrow import Table

        table = Table.from_batches(self._group, schema=self._schema)
        self._writer.write_table(table.unify_dictionaries(), row_group_size=max(1, self._rows))
        self._group, self._rows, self._bytes = [], 0, 0

    def close(self) -> None:
        """See `RecordBatchWriter.close`."""
        if self._group:
            self._write_group()
        self._writer.close()
