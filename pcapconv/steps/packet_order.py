"""Checks that the times of packets go back by no more than they may: `PacketOrder`, which `select` uses for `in_order`.
`OrderCount` counts for `info` in how many places they go back.

Strategy: `PacketOrder` compares times in nanoseconds, across interfaces, and passes over packets without a time, and
those whose time nanoseconds since 1970 cannot express in 64 bits. `OrderCount` compares exact times.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from pcapconv.kernels import choose, interpreted
from pcapconv.kernels.contract import MORE, MOST_TICKS
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.steps.time_keys import TimeKeys
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


class OrderCount:
    """Counts the places in which times go back: where a packet is earlier than the packet before it.

    `places` is how many there are; `first_packet` the number of the first such packet; `goes_back` by how many seconds
    a packet is earlier than a packet before it, at most. Packets without a time are passed over. Times are exact.
    """

    def __init__(self) -> None:
        self._kernels = choose()
        self._keys = TimeKeys()
        self.places = 0
        self.first_packet: int | None = None
        self._most = 0, 1  # a fraction of a second
        self._previous_section: Fraction | None = None  # the time of its last packet
        self._latest_sections: Fraction | None = None  # the latest time in all sections before
        self._previous = self._latest = Columns(0)  # of one row: the section's last packet, and its latest one
        self._is_first = True  # whether the section has had no packet with a time yet

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        if not self._is_first:
            self._previous_section = self._time(self._previous)
            latest = self._time(self._latest)
            self._latest_sections = latest if self._latest_sections is None else max(latest, self._latest_sections)
        self._keys.begin_section()
        self._previous = self._latest = Columns(0)
        self._is_first = True

    def add_batch(self, batch: PacketBatch) -> None:
        """Count the places in a batch, and that between it and the batch before it."""
        self._keys.add_interfaces(batch.interfaces)
        columns, rows = self._keys.carry_times(batch, pass_over_unknown=True), batch.rows
        keys = self._keys.keys(columns, rows)
        self._compare_with_sections(batch, columns, keys)
        previous, latest = (self._keys.keys(row, 1)[0] if row.capacity else 0 for row in (self._previous, self._latest))
        fits = isinstance(keys, array) and max(previous, latest) <= MOST_TICKS
        count_falls = self._kernels.count_falls if fits else interpreted.count_falls
        falls, first, most, highest = count_falls(keys, previous, latest)
        if falls and self.first_packet is None:
            self.first_packet = batch.number(first)
        self.places += falls
        self._note_fall(most, self._keys.per_second)
        self._previous = columns.copy(rows - 1, rows)
        if highest >= 0 or not self._latest.capacity:
            self._latest = columns.copy(highest, highest + 1) if highest >= 0 else self._previous

    def _compare_with_sections(self, batch: PacketBatch, columns: Columns, keys: Sequence[int]) -> None:
        """Compare a batch with the sections before: its first packet with their last, all packets with their latest."""
        if self._is_first:
            row = next((row for row in range(batch.rows) if self._keys.has_time(columns, row)), None)
            if row is None:
                return
            self._is_first = False
            if self._previous_section is not None and self._keys.time(keys[row]) < self._previous_section:
                self.places += 1
                self.first_packet = batch.number(row) if self.first_packet is None else self.first_packet
            keys = keys[row:]
        if self._latest_sections is not None:
            self._note_fall(*(self._latest_sections - self._keys.time(min(keys))).as_integer_ratio())

    def _note_fall(self, numerator: int, denominator: int) -> None:
        if numerator * self._most[1] > self._most[0] * denominator:
            self._most = numerator, denominator

    def _time(self, row: Columns) -> Fraction:
        return self._keys.time(self._keys.keys(row, 1)[0])

    @property
    def goes_back(self) -> Fraction:  # noqa: D102
        from fractions import Fraction  # slow to import, and rarely needed

        return Fraction(*self._most)
