"""Turns packets' ticks into exact nanoseconds since 1970, and explains why a time has no such number.

Strategy: nanoseconds since 1970 are ticks * factor / divisor + addend, with other numbers for each interface. The
kernel `to_nanoseconds` computes them for all packets of a batch from a table. For a packet at which the kernel stops,
the time is computed here, with integers of any size.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.errors import FormatError, PcapconvError, TargetError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import BEYOND, FINER, MOST_TICKS, NANOSECOND_SCALE, UNKNOWN
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.timestamps import NANOSECONDS, instant, kernel_scale, ratio
from pcapconv.wording import argument

if TYPE_CHECKING:
    from fractions import Fraction

FACTOR_LIMIT, ADDEND_LIMIT = 2**62, 2**126  # the kernel takes less than these


class Scale(NamedTuple):
    """A conversion of times: ticks * `factor` / `divisor` + `addend`. `error` says why the result cannot be determined,
    and is empty if it can."""

    factor: int
    divisor: int
    addend: int
    error: str = ""

    def time(self, ticks: int) -> int | Fraction:
        """Return the exact time of these ticks. Raises FormatError if it cannot be determined."""
        if self.error:
            raise FormatError(self.error)
        whole, remainder = divmod(ticks * self.factor, self.divisor)
        if not remainder:
            return whole + self.addend
        from fractions import Fraction  # slow to import, and rarely needed

        return Fraction(remainder, self.divisor) + whole + self.addend

    def entry(self, interface_id: int) -> Iterable[int]:
        """Return the scale's entry in the table of the kernel `to_nanoseconds`, for packets that get this interface
        id."""
        return *kernel_scale(self.factor, 0 if self.error else self.divisor, self.addend), interface_id


def scale_to_nanoseconds(interface: Interface, shift: int = 0) -> Scale:
    """Return the scale from an interface's ticks to nanoseconds since 1970, `shift` nanoseconds later."""
    factor, divisor = ratio(interface.ticks_per_second, NANOSECONDS)
    return Scale(factor, divisor, interface.time_offset * NANOSECONDS + shift, interface.time_error)


def scale_to_ticks(interface: Interface, per_second: int) -> Scale:
    """Return the scale from times since 1970, of so many per second, to an interface's ticks."""
    factor, divisor = ratio(per_second, interface.ticks_per_second)
    addend = -interface.time_offset * interface.ticks_per_second
    if factor >= FACTOR_LIMIT or abs(addend) >= ADDEND_LIMIT:
        return Scale(0, 1, 0, "more than a kernel can do")
    return Scale(factor, divisor, addend)


class TimeScales:
    """The scales from ticks to nanoseconds of a section's interfaces, and the interface ids that their packets get.

    All times are moved by `shift` nanoseconds. A packet without a time gets the time `shift`, or the time that
    `no_time` gives. If `timeless`, all packets get the time 0.
    """

    def __init__(self, shift: int = 0, *, timeless: bool = False, no_time: Scale | None = None) -> None:
        self._shift = shift
        self._timeless = timeless
        self._no_time = Scale(0, 1, 0) if timeless else no_time or Scale(0, 1, shift)
        self._kernels = choose()
        self.begin_section()

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self._scales: list[Scale] = []
        self._table = array("Q", self._no_time.entry(0))

    def add_interface(self, interface: Interface, number: int) -> None:
        """Add the section's next interface, whose packets get the interface id `number`."""
        scale = self._no_time if self._timeless else scale_to_nanoseconds(interface, self._shift)
        self._scales.append(scale)
        self._table[-NANOSECOND_SCALE:-NANOSECOND_SCALE] = array("Q", scale.entry(number))

    def to_nanoseconds(self, columns: Columns, first: int, stop: int, *, cut: bool) -> tuple[int, int, int]:
        """Run the kernel `to_nanoseconds` with these scales; it changes `columns` and returns what the kernel does."""
        result: tuple[int, int, int] = self._kernels.to_nanoseconds(columns, first, stop, self._table, cut)
        return result

    def time(self, batch: PacketBatch, row: int) -> int | Fraction:
        """Return a packet's exact time in nanoseconds. Raises FormatError if it cannot be determined."""
        columns = batch.columns
        simple = columns.record_type[row] == SIMPLE_PACKET
        scale = self._no_time if simple else self._scales[columns.interface[row]]
        try:
            return scale.time(columns.ticks[row])
        except FormatError as error:
            raise FormatError(f"packet {batch.number(row)}: {error}", packet_number=batch.number(row)) from None

    def refusal(self, batch: PacketBatch, row: int, status: int) -> PcapconvError:
        """Return the error for a row at which the kernel stopped. Raises FormatError if the row's time cannot be
        determined."""
        if status == FINER:
            return TargetError(
                f"packet {batch.number(row)}: its time has digits finer than a nanosecond; "
                f"{argument('on_loss', 'ignore')} cuts them",
                packet_number=batch.number(row),
            )
        assert status in (UNKNOWN, BEYOND)
        return TargetError(
            f"packet {batch.number(row)}: its time would be {self.time(batch, row) // 1} ns since 1970; "
            f"nanoseconds hold 0 to {MOST_TICKS}; {argument('rebase_time')} moves it, "
            f"{argument('mask_time', True)} replaces it",
            packet_number=batch.number(row),
        )


def first_time(batch: PacketBatch) -> Fraction | None:
    """Return the time of the batch's first packet that has one, in seconds since 1970; None if none has. Raises
    FormatError if it cannot be determined."""
    for row, record_type in enumerate(batch.columns.record_type[: batch.rows]):
        if record_type != SIMPLE_PACKET:
            interface = batch.interfaces[batch.columns.interface[row]]
            if interface.time_error:
                raise FormatError(
                    f"packet {batch.number(row)}: {interface.time_error}", packet_number=batch.number(row)
                )
            ticks = batch.columns.ticks[row]
            return instant(ticks, interface.ticks_per_second, interface.time_offset)
    return None
