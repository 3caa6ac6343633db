"""Numbers that are in the order of packets' times, exact across resolutions and offsets.

Strategy: a key counts ticks of a common unit, which is the least common multiple of the interfaces' resolutions, so
that no digit is lost. If all interfaces have one time unit, the ticks themselves are the keys; otherwise the kernel
`to_nanoseconds` computes them, with other scales than its name says. Where 64 bits cannot hold a key, the keys are
integers of Python.

A packet without a time has the key of the packet before it, which `carry_times` notes in its row: `ticks`, and the
interface in `options_at`, which has no meaning for it. Such rows never leave the sorter: `forget_carried_times`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import lcm
from typing import TYPE_CHECKING

from pcapconv.errors import FormatError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE, NANOSECOND_SCALE
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.batch_rows import distinct
from pcapconv.steps.time_scales import ADDEND_LIMIT, FACTOR_LIMIT, Scale

if TYPE_CHECKING:
    from fractions import Fraction

_NO_PACKET_BEFORE = -1  # instead of an interface
NOTHING_CARRIED = 0, _NO_PACKET_BEFORE  # `TimeKeys.carried` before the first packet
_LOWEST = Scale(0, 1, 0)  # of every time the lowest key
_LAST_ENTRIES = [*_LOWEST.entry(0)] * 2  # of a table, after the interfaces: for no packet before, and for no time


class TimeKeys:
    """The keys of a section's packets. Keys of different calls can be compared if `unit` is the same.

    `carries` is True if packets without a time have been met. `carried` is the ticks and the interface of the last
    packet with a time; set it to go on with another stream of the same section's packets. Keys count from the second
    `base` on, by default from 1970: a later one, before all times, lets 64 bits hold the keys of finer units.
    """

    def __init__(self, base: int = 0) -> None:
        self._kernels = choose()
        self._base = base
        self.begin_section()

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self._units: list[tuple[int, int]] = []  # of the interfaces: ticks in a second, offset in seconds
        self._unknown: dict[int, str] = {}  # interfaces whose times cannot be determined: id → why
        self._distinct: set[tuple[int, int]] = set()  # the units of all others
        self._per_second = 1  # of the common unit
        self._earliest = self._base  # no offset is lower without a base; it then is 0, or minus a power of two
        self._table = array("Q", _LAST_ENTRIES)  # for the kernel
        self._fits_kernel = True
        self.carries = False
        self.carried = NOTHING_CARRIED

    def add_interfaces(self, interfaces: Sequence[Interface]) -> None:
        """Add those of the section's interfaces that are new."""
        for interface in interfaces[len(self._units) :]:
            per_second, offset = unit = interface.time_unit or (1, 0)
            self._units.append(unit)
            if interface.time_error:
                self._unknown[interface.id] = interface.time_error
            else:
                self._distinct.add(unit)
            common, earliest = lcm(self._per_second, per_second), self._earliest
            while not self._base and earliest > offset:
                earliest = 2 * earliest or -1
            if (common, earliest) != (self._per_second, self._earliest):
                self._per_second, self._earliest = common, earliest
                self._table, self._fits_kernel = array("Q", _LAST_ENTRIES), True

    @property
    def _are_ticks(self) -> bool:
        """Whether keys are ticks. With a base they are not, if a packet without any time may come before all others."""
        return len(self._distinct) <= 1 and not (self._base and self.carries)

    @property
    def unit(self) -> object:
        """What a key counts; another object if interfaces that were added have changed it."""
        return self._per_second, self._earliest, next(iter(self._distinct), None) if self._are_ticks else None

    def key(self, ticks: int, interface: int) -> int:
        """The key of one time, given by the ticks of an interface."""
        if self._are_ticks:
            return ticks
        columns = Columns(1)
        columns.ticks[0], columns.interface[0] = ticks, interface
        return self.keys(columns, 1)[0]

    def time(self, key: int) -> Fraction:
        """The time of a key in seconds since 1970."""
        from fractions import Fraction  # slow to import, and rarely needed

        offset = next(iter(self._distinct))[1] if self._are_ticks and self._distinct else self._earliest
        return Fraction(key, self.per_second) + offset

    @property
    def per_second(self) -> int:
        """How many keys are in a second."""
        return next(iter(self._distinct))[0] if self._are_ticks and self._distinct else self._per_second

    def carry_times(self, batch: PacketBatch, *, pass_over_unknown: bool = False) -> Columns:
        """Return the batch's columns, or copies in which packets without a time note the time before them. Raises
        FormatError for a time that cannot be determined; with `pass_over_unknown`, its packet counts as one without a
        time."""
        columns, rows = batch.columns, batch.rows
        if self._unknown:
            columns = columns.with_copies(rows, "record_type")
            for row, interface in enumerate(columns.interface[:rows]):
                if interface in self._unknown and columns.record_type[row] != SIMPLE_PACKET:
                    if not pass_over_unknown:
                        raise FormatError(
                            f"packet {batch.number(row)}: {self._unknown[interface]}", packet_number=batch.number(row)
                        )
                    columns.record_type[row] = SIMPLE_PACKET
        types = columns.record_type[:rows].tobytes()
        timeless = types.count(SIMPLE_PACKET)
        if timeless:
            self.carries = True
            columns = columns.with_copies(rows, "ticks", "options_at")
            ticks, interface = self.carried
            for row, record_type in enumerate(types):
                if record_type == SIMPLE_PACKET:
                    columns.ticks[row], columns.options_at[row] = ticks, interface
                else:
                    ticks, interface = columns.ticks[row], columns.interface[row]
        if rows and types[-1] != SIMPLE_PACKET:
            self.carried = columns.ticks[rows - 1], columns.interface[rows - 1]
        elif timeless:
            self.carried = columns.ticks[rows - 1], columns.options_at[rows - 1]
        return columns

    def has_time(self, columns: Columns, row: int) -> bool:
        """Whether a row of columns that `carry_times` returned has a time, its own or that of a packet before it."""
        return columns.record_type[row] != SIMPLE_PACKET or columns.options_at[row] != _NO_PACKET_BEFORE

    def forget_carried_times(self, columns: Columns, rows: int) -> None:
        """Remove what `carry_times` noted in rows of packets without a time."""
        if self.carries:
            for row, record_type in enumerate(columns.record_type[:rows]):
                if record_type == SIMPLE_PACKET:
                    columns.ticks[row] = columns.options_at[row] = 0

    def keys(self, columns: Columns, rows: int) -> Sequence[int]:
        """Return the keys of the first rows, in an array of 64-bit numbers if these can hold all of them."""
        if self._are_ticks:
            return columns.ticks[:rows]
        interfaces = columns.interface[:rows]
        if self.carries:
            no_packet_before = len(self._units)
            for row, record_type in enumerate(columns.record_type[:rows]):
                if record_type == SIMPLE_PACKET:
                    at = columns.options_at[row]
                    interfaces[row] = no_packet_before if at == _NO_PACKET_BEFORE else at
        self._extend_table()
        if self._fits_kernel:
            scaled = columns.with_copies(rows, "ticks")
            scaled.interface, scaled.record_type = interfaces[:], array("B", bytes(rows))
            if self._kernels.to_nanoseconds(scaled, 0, rows, self._table, False)[2] == MORE:
                return scaled.ticks
        scales = dict[int, Scale]()
        for number in distinct(interfaces):
            scales[number] = self._scale(self._units[number]) if number < len(self._units) else _LOWEST
        return [
            ticks * scales[number].factor + scales[number].addend
            for ticks, number in zip(columns.ticks[:rows], interfaces)
        ]

    def _scale(self, unit: tuple[int, int]) -> Scale:
        per_second, offset = unit
        return Scale(self._per_second // per_second, 1, (offset - self._earliest) * self._per_second)

    def _extend_table(self) -> None:
        known = (len(self._table) - len(_LAST_ENTRIES)) // NANOSECOND_SCALE
        for unit in self._units[known:] if self._fits_kernel else ():
            scale = self._scale(unit)
            if scale.factor >= FACTOR_LIMIT or scale.addend >= ADDEND_LIMIT:
                self._fits_kernel = False
                return
            self._table[-len(_LAST_ENTRIES) : -len(_LAST_ENTRIES)] = array("Q", scale.entry(0))
