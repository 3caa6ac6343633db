"""Selects packets by what is in them: `PacketFilter`, which `select` uses for `filter` and `where`.

Strategy: the kernel `Filter` runs programs. A program is compiled when the first packet of its link type comes, so that
an expression has to make sense only for link types of which there are packets. It is compiled once for each link type
and byte order. The caller's function is asked after that, for the packets that are still selected.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.kernels import choose
from pcapconv.spec.link_types import link_type_name
from pcapconv.steps.relabel import interface_label
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.model import Interface, Packet, PacketBatch
    from pcapconv.spec import ByteOrder
    from pcapconv.steps.filter_expression import FilterExpression


class PacketFilter:
    """The filter of one run. `error` is what was raised for the packet at which `clear_rows` stopped."""

    def __init__(self, expression: FilterExpression | None, where: Callable[[Packet], object] | None) -> None:
        self._expression = expression
        self._where = where
        self._filter = choose().Filter()
        self._numbers = array("Q")  # of the programs of the section's interfaces; 0 for none
        self._known: dict[tuple[int, ByteOrder], int] = {}  # the number of a program by link type and byte order
        self.error: Exception | None = None

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self._numbers = array("Q")

    def clear_rows(self, batch: PacketBatch, mask: bytearray) -> int:
        """Set to 0 the mask of the rows that the filter rejects. Return how many rows are done: all, or those before
        the first for which there is an `error`."""
        stop = batch.rows if self._expression is None else self._run_programs(batch, mask, self._expression)
        return stop if self._where is None else self._ask(batch, mask, stop, self._where)

    def _run_programs(self, batch: PacketBatch, mask: bytearray, expression: FilterExpression) -> int:
        self._numbers.extend([0] * (len(batch.interfaces) - len(self._numbers)))
        row: int = 0
        while True:
            row = self._filter.clear_rows(batch.buffer, batch.columns, row, batch.rows, self._numbers, mask)
            if row == batch.rows:
                return row
            interface = batch.interfaces[batch.columns.interface[row]]
            try:
                order = batch.header_order or batch.section.byte_order
                self._numbers[interface.id] = self._number(interface, order, expression)
            except UsageError as error:
                self.error = error
                return row

    def _number(self, interface: Interface, byte_order: ByteOrder, expression: FilterExpression) -> int:
        """Return the number of the program for an interface's packets. Raises UsageError if they cannot be filtered."""
        key = interface.link_type, byte_order
        if key not in self._known:
            program = expression.program(*key)
            if isinstance(program, str):
                named = f"interface {interface_label(interface)}, {link_type_name(interface.link_type)}"
                advice = f"choose other interfaces with {argument('interface')}"
                raise UsageError(f"{expression}: {named}: {program}; {advice}", option="filter")
            self._known[key] = self._filter.add(program)
        return self._known[key]

    def _ask(self, batch: PacketBatch, mask: bytearray, stop: int, where: Callable[[Packet], object]) -> int:
        """Set to 0 the mask of the rows before `stop` that the caller's function rejects; return how many are done."""
        row = mask.find(1, 0, stop)
        while row >= 0:
            try:
                if not where(batch.packet(row)):
                    mask[row] = 0
            except Exception as error:  # raised only if the packet counts, see `Select`
                self.error = error
                return row
            row = mask.find(1, row + 1, stop)
        return stop
