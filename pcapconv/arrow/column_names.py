"""The columns that a table of packets can have, and the argument that chooses among them. Imports no pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.wording import argument


class Column(NamedTuple):
    """A column: its type in Arrow's words, what it holds, and whether it is one of the default columns."""

    type: str
    meaning: str
    by_default: bool = True


COLUMNS = {
    "number": Column("int64", "the packet's number in the capture, from 1"),
    "time": Column("timestamp[ns, tz=UTC]", "the time, rounded down to nanoseconds; null for a packet without one"),
    "captured_length": Column("uint32", "the number of bytes that were captured"),
    "original_length": Column("uint32", "the length on the wire, in bytes"),
    "interface_id": Column("uint32", "the id of the interface in its section, from 0; 0 in pcap"),
    "interface": Column("dictionary of string", "the interface's name; null if it has none, as in pcap"),
    "direction": Column("dictionary of string", "`in` or `out`, by the packet's flags; null if they do not state it"),
    "comments": Column("list of string", "the packet's comments; null if it has none"),
    "data": Column("binary", "the bytes that were captured", by_default=False),
    "link_type": Column("int32", "the number of the link type, such as 1 for Ethernet", by_default=False),
    "section": Column("int32", "the number of the packet's section, from 0", by_default=False),
}
DEFAULT_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.by_default)


def parse_columns(columns: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the names of the columns, in the order in which they were given: a sequence, or text with commas; None for
    the default columns. Raises UsageError for a name that is no column, and for one that is given twice."""
    if columns is None:
        return DEFAULT_COLUMNS
    try:
        names = tuple(columns.split(",") if isinstance(columns, str) else columns)
    except TypeError:
        raise UsageError(f"{argument('columns', columns)}: give a list of names", option="columns") from None
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in COLUMNS:
            raise UsageError(
                f"{argument('columns', name)}: there is no such column; there are {', '.join(COLUMNS)}",
                option="columns",
            )
        if name in names[:index]:
            raise UsageError(f"{argument('columns', name)}: it is given twice", option="columns")
    if not names:
        raise UsageError(
            f"{argument('columns')}: give at least one column, as in {argument('columns', 'number,time')}",
            option="columns",
        )
    return names
