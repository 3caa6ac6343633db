"""Packets' times in nanoseconds, exactly: the table that a kernel makes them by, and why it may refuse.

Strategy: nanoseconds since 1970 are ticks * multiply / divide + add, with other numbers for each interface. A kernel
does that for all packets of a batch; where it stops at one, the packet is named here, or its time worked out with
integers of any size.
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
from pcapconv.timestamps import NANOSECONDS, ratio
from pcapconv.wording import argument

if TYPE_CHECKING:
    from fractions import Fraction

_HALF = 2**64
_MOST_MULTIPLY, _MOST_ADD = 2**62, 2**126  # from which on a kernel takes them no more
_DIVIDES_ALL = 2**127  # by more than any ticks in nanoseconds can be


class Scale(NamedTuple):
    """Nanoseconds since 1970 are ticks * `multiply` / `divide` + `add`; `error` is why nobody can tell."""

    multiply: int
    divide: int
    add: int
    error: str = ""

    def time(self, ticks: int) -> int | Fraction:
        """A time in nanoseconds, exactly. Raises FormatError where nobody can tell."""
        if self.error:
            raise FormatError(self.error)
        whole, rest = divmod(ticks * self.multiply, self.divide)
        if not rest:
            return whole + self.add
        from fractions import Fraction  # slow to import, and seldom wanted

        return Fraction(rest, self.divide) + whole + self.add


def scale_of(interface: Interface, shift: int = 0) -> Scale:
    """The scale of an interface's ticks, `shift` nanoseconds later."""
    multiply, divide = ratio(interface.ticks_per_second, NANOSECONDS)
    return Scale(multiply, divide, interface.time_offset * NANOSECONDS + shift, interface.time_error)


def ticks_scale(interface: Interface, units: int) -> Scale:
    """The other way round: of times in `units` per second since 1970, in an interface's ticks."""
    multiply, divide = ratio(units, interface.ticks_per_second)
    add = -interface.time_offset * interface.ticks_per_second
    if multiply >= _MOST_MULTIPLY or abs(add) >= _MOST_ADD:
        return Scale(0, 1, 0, "more than a kernel can do")
    return Scale(multiply, divide, add)


class Units:
    """The scales of a section's interfaces, with the ids that they get. Times are `shift` nanoseconds later; packets
    without one are as if at 0, or what `no_time` says. In a `timeless` capture all are at 0."""

    def __init__(self, shift: int = 0, *, timeless: bool = False, no_time: Scale | None = None) -> None:
        self._shift = shift
        self._timeless = timeless
        self._no_time = Scale(0, 1, 0) if timeless else no_time or Scale(0, 1, shift)
        self._kernels = choose()
        self.begin()

    def begin(self) -> None:
        """Begin a section."""
        self._scales: list[Scale] = []
        self._table = array("Q", row_of(self._no_time, 0))

    def add(self, interface: Interface, number: int) -> None:
        """The section's next interface, whose packets get this interface id."""
        scale = self._no_time if self._timeless else scale_of(interface, self._shift)
        self._scales.append(scale)
        self._table[-NANOSECOND_SCALE:-NANOSECOND_SCALE] = array("Q", row_of(scale, number))

    def unify(self, columns: Columns, row: int, rows: int, *, cut: bool) -> tuple[int, int, int]:
        """The kernel, on columns whose ticks and interfaces are changed."""
        done: tuple[int, int, int] = self._kernels.to_nanoseconds(columns, row, rows, self._table, cut)
        return done

    def time(self, batch: PacketBatch, row: int) -> int | Fraction:
        """A packet's time in nanoseconds, exactly. Raises FormatError where nobody can tell."""
        columns = batch.columns
        simple = columns.record_type[row] == SIMPLE_PACKET
        scale = self._no_time if simple else self._scales[columns.interface[row]]
        try:
            return scale.time(columns.ticks[row])
        except FormatError as error:
            raise FormatError(f"packet {batch.number(row)}: {error}") from None

    def refusal(self, batch: PacketBatch, row: int, status: int) -> PcapconvError:
        """Why the kernel stopped at a row. Raises FormatError itself where nobody can tell the time."""
        if status == FINER:
            return TargetError(
                f"packet {batch.number(row)}: its time has digits finer than a nanosecond; "
                f"{argument('on_loss', 'ignore')} cuts them"
            )
        assert status in (UNKNOWN, BEYOND)
        return TargetError(
            f"packet {batch.number(row)}: its time would be {self.time(batch, row) // 1} ns since 1970; "
            f"nanoseconds hold 0 to {MOST_TICKS}; {argument('rebase_time')} moves it, "
            f"{argument('mask_time', True)} replaces it"
        )


def row_of(scale: Scale, number: int) -> Iterable[int]:
    """The kernel's row for an interface."""
    divide = 0 if scale.error else min(scale.divide, _DIVIDES_ALL)
    add = scale.add % _HALF**2
    return scale.multiply, divide % _HALF, divide // _HALF, add % _HALF, add // _HALF, number
