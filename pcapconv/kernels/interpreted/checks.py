"""Checks of arguments that the interpreted kernels share."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapconv.columns import Columns
    from pcapconv.header_columns import HeaderColumns


def check_columns(columns: Columns, rows: int) -> None:
    """Raise ValueError for columns of another type or of fewer than `rows`, and for negative `rows`."""
    for name, typecode in columns.TYPECODES.items():
        check_column(columns, name, typecode, rows)


def check_column(columns: Columns | HeaderColumns, name: str, typecode: str, count: int) -> None:
    """Raise ValueError for a column of another type or of fewer than `count` values, and for a negative `count`."""
    column = getattr(columns, name)
    if column.typecode != typecode or not 0 <= count <= len(column):
        raise ValueError(f"column {name} is not {count} values of type {typecode}")


def check_table(table: array[int], least: int) -> None:
    """Raise ValueError for a table that is too short, or not of unsigned 64-bit values."""
    if table.typecode != "Q" or len(table) < least:
        raise ValueError(f"a table of fewer than {least} 64-bit values")


def check_array(values: array[int], typecode: str, least: int) -> None:
    """Raise ValueError for an array of another type or of fewer values, and for a negative number of them."""
    if values.typecode != typecode or not 0 <= least <= len(values):
        raise ValueError(f"not {least} values of type {typecode}")


def check_place(values: array[int], typecode: str, first: int, count: int) -> None:
    """Raise ValueError for an array of another type, or without `count` values from `first` on."""
    if values.typecode != typecode or first < 0 or not 0 <= count <= len(values) - first:
        raise ValueError(f"not {count} values of type {typecode}")
