"""How far two captures are the same from their first packet on: read side by side, with nothing kept in memory.

Strategy: both go through kernels that make their times and interfaces comparable, a batch of each at a time, and
columns are compared as wholes. This ends at the first packet that differs, or whose time is none in nanoseconds; what
comes behind is looked at otherwise. Both captures are read to their end in any case, since that surveys them.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection

from pcapconv.comparing.compared_capture import Side
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE
from pcapconv.model import Interface, PacketBatch, Section
from pcapconv.spec.pcapng import OBSOLETE_PACKET, SIMPLE_PACKET
from pcapconv.steps.batch_rows import options_of
from pcapconv.steps.time_scales import Units

_IS_SIMPLE = bytes(kind == SIMPLE_PACKET for kind in range(256))


def same_from_the_beginning(a: Side, b: Side, ignored: Collection[str]) -> int:
    """How many packets from the first on are the same. Surveys both sides. Raises what reading them raises."""
    known: dict[Interface, int] = {}
    one, other = (_Cursor(side, known, timeless="time" in ignored) for side in (a, b))
    same = 0
    while one.has_more() and other.has_more():
        rows = min(one.rows - one.row, other.rows - other.row)
        alike = _alike(one, other, rows, ignored)
        same += alike
        one.row += alike
        other.row += alike
        if alike < rows:
            break
    one.leave()
    other.leave()
    return same


class _Cursor:
    """A side's packets, of which the batch is there in which `row` is the next one."""

    def __init__(self, side: Side, known: dict[Interface, int], *, timeless: bool) -> None:
        self._items = side.survey()
        self._known = known
        self._units = Units(timeless=timeless)
        self._over = False
        self.side = side
        self.row = self.rows = 0
        self.batch: PacketBatch
        self.ticks = array("Q")
        self.ids = array("I")
        self.simple = b""
        self.obsolete = False  # whether there are obsolete blocks, whose options mean other things

    def has_more(self) -> bool:
        """Whether there is a next packet that can be compared."""
        while self.row == self.rows and not self._over:
            item = next(self._items, None)
            match item:
                case None:
                    self._over = True
                case PacketBatch():
                    self._take(item)
                case Section():
                    self._units.begin()
                case Interface():
                    normal = self.side.form.interface(item)
                    self._units.add(item, self._known.setdefault(normal, len(self._known)))
                case _:
                    pass
        return self.row < self.rows

    def _take(self, batch: PacketBatch) -> None:
        columns = batch.columns.twin(batch.rows, "ticks", "interface")
        self.row, (self.rows, _, status) = 0, self._units.unify(columns, 0, batch.rows, cut=False)
        self._over = status != MORE
        self.batch, self.ticks, self.ids = batch, columns.ticks, columns.interface
        kinds = columns.record_type[: batch.rows].tobytes()
        self.simple, self.obsolete = kinds.translate(_IS_SIMPLE), OBSOLETE_PACKET in kinds

    def leave(self) -> None:
        """Read what is left, for the survey."""
        for _ in self._items:
            pass

    def options(self, row: int) -> bytes:
        """A packet's options as they are compared."""
        return self.side.options(self.batch, row)

    def raw_options(self, row: int) -> bytes:
        """A packet's options as they are."""
        return options_of(self.batch, row)


def _alike(one: _Cursor, other: _Cursor, rows: int, ignored: Collection[str]) -> int:
    """How many of the next `rows` packets are the same on both sides."""
    a, b = one.batch, other.batch
    if "time" not in ignored:
        rows = _equal(one.ticks, one.row, other.ticks, other.row, rows)
        rows = _equal(one.simple, one.row, other.simple, other.row, rows)
    if "interfaces" not in ignored:
        rows = _equal(one.ids, one.row, other.ids, other.row, rows)
    if "lengths" not in ignored:
        rows = _equal(a.columns.original_length, one.row, b.columns.original_length, other.row, rows)
    rows = choose().same_data(a.buffer, a.columns, one.row, b.buffer, b.columns, other.row, rows)
    if a.has_options or b.has_options:
        alike = a.section.byte_order == b.section.byte_order and not (one.obsolete or other.obsolete)
        alike = alike and one.side.processes == other.side.processes
        differ = (
            row
            for row in range(rows)
            if not (alike and one.raw_options(one.row + row) == other.raw_options(other.row + row))
            and one.options(one.row + row) != other.options(other.row + row)
        )
        rows = next(differ, rows)
    return rows


def _equal(one: array[int] | bytes, at: int, other: array[int] | bytes, there: int, rows: int) -> int:
    """How many values from `at` and `there` on are equal, `rows` at most."""
    mine, others = one[at : at + rows], other[there : there + rows]
    if mine == others:
        return rows
    return next(row for row, pair in enumerate(zip(mine, others)) if pair[0] != pair[1])
