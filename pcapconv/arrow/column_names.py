"""The names of the columns that a table of packets can have; `docs/how-to/tables.md` says what each holds. Imports no
pyarrow."""

from __future__ import annotations

from collections.abc import Sequence

from pcapconv.argument_types import parse_column_names
from pcapconv.header_columns import HeaderColumns

DEFAULT_COLUMNS = (
    *("number", "time", "captured_length", "original_length", "interface_id", "interface", "direction"),
    "comments",
)
COLUMNS = (*DEFAULT_COLUMNS, "data", "link_type", "section", *HeaderColumns.FIELDS)


def parse_columns(columns: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the names of the columns that are wanted; None means the default ones. Raises UsageError, as
    `parse_column_names` does."""
    return DEFAULT_COLUMNS if columns is None else parse_column_names(columns, COLUMNS)
