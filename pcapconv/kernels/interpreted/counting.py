"""Counting packets and their options: the interpreted kernels that fill tables of sums."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import OBSOLETE, OPTION_COUNTS, OPTION_SUMS, OVERRUNS, SIMPLE, TOTALS, UNREADABLE
from pcapconv.kernels.interpreted.checks import check_columns, check_table

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_COMMENT = 1
_ENTRY = {True: Struct(">HH"), False: Struct("<HH")}


def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None:
    """Add the rows to `totals` and `types`.

    `totals` has TOTALS values for each interface: packets; captured bytes; original bytes; the lowest and the highest
    ticks of packets with a time. `types` counts packets by record type, in 256 values.
    """
    check_columns(columns, rows)
    check_table(totals, 0)
    check_table(types, 256)
    interfaces = len(totals) // TOTALS
    for row, (record_type, captured, original, ticks, interface) in enumerate(
        zip(
            columns.record_type[:rows],
            columns.captured_length[:rows],
            columns.original_length[:rows],
            columns.ticks[:rows],
            columns.interface[:rows],
        )
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        entry = interface * TOTALS
        totals[entry] += 1
        totals[entry + 1] += captured
        totals[entry + 2] += original
        if record_type != SIMPLE:
            if ticks < totals[entry + 3]:
                totals[entry + 3] = ticks
            if ticks > totals[entry + 4]:
                totals[entry + 4] = ticks
        types[record_type] += 1


def count_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, counts: array[int]) -> None:
    """Add the rows' options to `counts`, by code, and to its entries UNREADABLE and DROPS."""
    check_columns(columns, rows)
    check_table(counts, OPTION_COUNTS)
    _tally_options(buffer, columns, rows, big, counts, UNREADABLE, by_code=True)


def sum_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, sums: array[int]) -> None:
    """Add the rows' options to `sums`.

    Its entries are COMMENTS; OTHER_OPTIONS; OVERRUNS, option lists that cannot be read to their end; DROP_COUNTS,
    obsolete Packet Blocks that state a drop count.
    """
    check_columns(columns, rows)
    check_table(sums, OPTION_SUMS)
    _tally_options(buffer, columns, rows, big, sums, OVERRUNS, by_code=False)


def _tally_options(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    big: bool,
    counts: array[int],
    unreadable: int,
    *,
    by_code: bool,
) -> None:
    """Count options in `counts`: `by_code`, or comments at index 0 and others at 1.

    Option lists that cannot be read to their end are counted at index `unreadable`, stated drop counts at the next."""
    size, entry = len(buffer), _ENTRY[big].unpack_from
    for row, (record_at, record_type, options_at, options_length) in enumerate(
        zip(
            columns.record_at[:rows],
            columns.record_type[:rows],
            columns.options_at[:rows],
            columns.options_length[:rows],
        )
    ):
        if record_type == OBSOLETE:
            if not 0 <= record_at <= size - 12:
                raise ValueError(f"row {row} lies outside its buffer")
            counts[unreadable + 1] += entry(buffer, record_at + 8)[1] not in (0, 0xFFFF)
        if not options_length:
            continue
        if not 0 <= options_at <= size - options_length:
            raise ValueError(f"row {row} lies outside its buffer")
        offset, end = options_at, options_at + options_length
        while end - offset >= 4:
            code, length = entry(buffer, offset)
            if code == 0:
                offset = end
                break
            if length + 4 > end - offset:
                break
            counts[code if by_code else code != _COMMENT] += 1
            offset += length + 7 & ~3
        counts[unreadable] += offset < end
