"""Shortening packets: the interpreted kernels `cut_packets` and `remove_bytes`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import CUT
from pcapconv.kernels.interpreted.checks import check_columns, check_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pcapconv.columns import Columns

_MAX_INT64 = 2**63 - 1


def cut_packets(columns: Columns, rows: int, front: int, end: int, snaplen: int, adjust: bool) -> int:
    """Cut `front` bytes off each packet's beginning and `end` bytes off its end, and then to `snaplen` bytes at most.

    With `adjust`, the bytes that `front` and `end` take are subtracted from the original length, down to 0. A row that
    changes has no record any more: its `record_length` becomes 0. Returns how many rows changed.
    """
    check_columns(columns, rows)
    changed = 0
    for row, captured in enumerate(columns.captured_length[:rows]):
        cut = min(front, captured)
        chopped = max(0, captured - cut - end)
        remaining = min(chopped, snaplen)
        if remaining != captured:
            if columns.data_at[row] > _MAX_INT64 - cut:
                raise ValueError(f"row {row} lies outside its buffer")
            columns.data_at[row] += cut
            columns.captured_length[row] = remaining
            columns.record_length[row] = 0
            if adjust:
                columns.original_length[row] = max(0, columns.original_length[row] - (captured - chopped))
            changed += 1
    return changed


def remove_bytes(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    cuts: array[int],
    adjust: bool,
    out: bytearray,
    base: int,
) -> tuple[int, int]:
    """Remove bytes from anywhere in each packet. What remains of a packet in several pieces is joined in `out`, whose
    first byte has the offset `base` for the column `data_at`.

    `cuts` has CUT values for each place: an offset; 1 if it counts from the packet's end, else 0; how many bytes before
    it and how many from it on to remove. A packet that is shorter than an offset has no such place. A byte in several
    places is removed once. With `adjust`, the bytes that are removed are subtracted from the original length, down to
    0. A row that changes has no record any more. Returns (how many rows changed, how many bytes of `out` are used).
    """
    check_columns(columns, rows)
    check_table(cuts, 0)
    places = list(zip(cuts[0::CUT], cuts[1::CUT], cuts[2::CUT], cuts[3::CUT]))
    changed = used = 0
    for row, captured in enumerate(columns.captured_length[:rows]):
        pieces = _pieces_without(places, captured)
        remaining = sum(stop - start for start, stop in pieces)
        if remaining == captured:
            continue
        at = columns.data_at[row]
        if not 0 <= at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer")
        if len(pieces) > 1:
            if remaining > len(out) - used:
                raise ValueError(f"no room for row {row}")
            out[used : used + remaining] = b"".join(buffer[at + start : at + stop] for start, stop in pieces)
            columns.data_at[row] = base + used
            used += remaining
        elif pieces:
            columns.data_at[row] = at + pieces[0][0]
        columns.captured_length[row] = remaining
        columns.record_length[row] = 0
        if adjust:
            columns.original_length[row] = max(0, columns.original_length[row] - (captured - remaining))
        changed += 1
    return changed, used


def _pieces_without(places: Sequence[tuple[int, int, int, int]], captured: int) -> list[tuple[int, int]]:
    """The pieces, (start, stop), of `captured` bytes that remain without these places, as `remove_bytes` has them."""
    gaps = []
    for offset, from_end, before, after in places:
        if offset <= captured:
            place = captured - offset if from_end else offset
            gaps.append((place - min(before, place), place + min(after, captured - place)))
    pieces, position = list[tuple[int, int]](), 0
    for start, stop in sorted(gap for gap in gaps if gap[0] < gap[1]):
        if start > position:
            pieces.append((position, start))
        position = max(position, stop)
    return pieces if position == captured else [*pieces, (position, captured)]
