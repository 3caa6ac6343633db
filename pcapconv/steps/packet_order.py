"""Checks that the times of packets go back by no more than they may: `PacketOrder`, which `select` uses for `in_order`.

Strategy: times are compared in nanoseconds, across interfaces. Packets without a time, and those whose time nanoseconds
since 1970 cannot express in 64 bits, are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE, MOST_TICKS
from pcapconv.model import Interface, PacketBatch
from pcapconv.steps.time_scales import TimeScales
from pcapconv.timestamps import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction


class PacketOrder:
    """The order of a capture's packets, whose times may go back by `slack` seconds."""

    def __init__(self, slack: Fraction) -> None:
        self._slack = min(MOST_TICKS, int(slack * NANOSECONDS))
        self._latest = 0  # the latest time so far
        self._kernels = choose()
        self.begin_section()

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self._scales = TimeScales()
        self._interfaces = 0

    def first_breach(self, batch: PacketBatch, stop: int) -> tuple[int, int] | None:
        """Return the first row before `stop` whose time is too early, and by how many nanoseconds it is earlier than
        the latest time before it; None if there is no such row. Call it for each batch, with the rows that are read."""
        self._add_interfaces(batch.interfaces)
        columns, first = batch.columns.copy(0, stop), 0
        while first < stop:
            end, _, status = self._scales.to_nanoseconds(columns, first, stop, cut=True)
            row, self._latest = self._kernels.first_too_early(columns, first, end, self._latest, self._slack)
            if row < end:
                return row, self._latest - columns.ticks[row]
            first = end + (status != MORE)  # a time that cannot be compared
        return None

    def _add_interfaces(self, interfaces: Sequence[Interface]) -> None:
        for interface in interfaces[self._interfaces :]:
            self._scales.add_interface(interface, interface.id)
        self._interfaces = len(interfaces)
