"""The step that edits the times of packets: moves all of them, and sets those of single packets.

Strategy: a move is a number of ticks for each interface, which a kernel adds to the times of whole columns. If the
first packet is to get a certain time, the length of the move is known at the first packet that has a time. A time that
is set replaces the moved time, so that it is in the output as it was given. A packet that changes has no record any
more, and is encoded from its fields.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.errors import FormatError, PcapconvError, TargetError, UsageError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS, SHIFT
from pcapconv.model import Interface, Item, PacketBatch, Section
from pcapconv.spec import option_lists
from pcapconv.spec.pcapng import OBSOLETE_PACKET, SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row, pop_by_number, replace_options
from pcapconv.steps.strip import make_enhanced
from pcapconv.steps.time_scales import first_time
from pcapconv.wording import argument

if TYPE_CHECKING:
    from fractions import Fraction

_MOST_NAMED = 20


class TimeEdits(NamedTuple):
    """The edits to do: `shift` seconds are added to all times; or as many seconds that the first packet with a time
    gets the time `start`, in seconds since 1970. `moments` has the times of single packets, by packet number."""

    shift: Fraction | None = None
    start: Fraction | None = None
    moments: Mapping[int, Fraction] = {}


class EditTimes(Step):
    """Edits times. A packet without a time is not moved.

    Raises TargetError for a time that its interface's ticks cannot hold, and for a time that is set for a Simple
    Packet; FormatError for a time that cannot be determined; UsageError for a move or a time that is not a multiple of
    an interface's tick, and, after the last item, for times of packets that were not among the items.
    """

    def __init__(self, edits: TimeEdits) -> None:
        super().__init__()
        self._edits = edits
        self._shift = edits.shift  # None as long as no packet has a time from which `start` moves the packets
        self._moments = dict(edits.moments)
        self._shifts = array("Q")
        self._refused_shifts: dict[int, tuple[type[PcapconvError], str]] = {}  # interface id → why it cannot be shifted
        self._kernels = choose()

    def _section(self, section: Section) -> Iterable[Item]:
        self._shifts, self._refused_shifts = array("Q"), {}
        return (section._replace(changed=True, raw=None if section.layout == "pcap" else section.raw),)

    def _end(self) -> Iterable[Item]:
        if self._moments:
            numbers = ", ".join(map(str, sorted(self._moments)[:_MOST_NAMED]))
            raise UsageError(
                f"{argument('set_time')}: packet {numbers} of the input is not among those written; "
                "write NUMBER:TIME with the packet's number in the input, from 1",
                option="set_time",
            )
        return ()

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        batch.interfaces = self._interfaces
        if self._shift is None and self._edits.start is not None:
            first = first_time(batch)
            self._shift = None if first is None else self._edits.start - first
        moments = pop_by_number(self._moments, batch) if self._moments else {}
        if self._shift:
            self._move(batch, moments)
        for row, moment in moments.items():
            self._set(batch, row, moment)
        return (batch,)

    def _move(self, batch: PacketBatch, others: Iterable[int]) -> None:
        """Move the times of the batch's packets, but of the rows `others`."""
        for interface in self._interfaces[len(self._shifts) // SHIFT :]:
            self._shifts.extend(self._shift_entry(interface))
        columns, rows = batch.columns, batch.rows
        types = {row: columns.record_type[row] for row in others}
        for row in types:
            columns.record_type[row] = SIMPLE_PACKET  # which the kernel does not move
        try:
            for row, interface_id in enumerate(columns.interface[:rows] if self._refused_shifts else ()):
                if interface_id in self._refused_shifts and columns.record_type[row] != SIMPLE_PACKET:
                    error, reason = self._refused_shifts[interface_id]
                    raise error(f"packet {batch.number(row)}: {reason}")
            row = self._kernels.shift_times(columns, rows, self._shifts)
        finally:
            for other, record_type in types.items():
                columns.record_type[other] = record_type
        if row < rows:
            interface = self._interfaces[columns.interface[row]]
            raise TargetError(
                f"packet {batch.number(row)}: {self._beyond_ticks(interface)}", packet_number=batch.number(row)
            )
        batch.contiguous = False
        if OBSOLETE_PACKET in columns.record_type[:rows].tobytes():
            _replace_obsolete(batch, [row for row in range(rows) if columns.record_type[row] == OBSOLETE_PACKET])

    def _shift_entry(self, interface: Interface) -> tuple[int, int]:
        """Return the entry of an interface for the kernel `shift_times`.

        A shift that is impossible is only noted here, since the interface may have no packets."""
        assert self._shift is not None
        exact = self._shift * interface.ticks_per_second
        if interface.time_error:
            self._refused_shifts[interface.id] = FormatError, interface.time_error
        elif exact.denominator != 1:
            way_out = f"give {argument('shift_time')} a multiple of that"
            if self._edits.start is not None:
                way_out = f"give {argument('rebase_time')} a time that is a multiple of that from the first packet's"
            self._refused_shifts[interface.id] = UsageError, f"{_steps_of(interface)}; {way_out}"
        elif abs(exact) > MOST_TICKS:
            self._refused_shifts[interface.id] = TargetError, self._beyond_ticks(interface)
        else:
            return abs(exact.numerator), int(exact < 0)
        return 0, 0

    def _beyond_ticks(self, interface: Interface) -> str:
        way_out = "shift by less" if self._edits.start is None else f"give {argument('rebase_time')} a different time"
        return (
            "shifted, its time would be before the first or after the last that its interface can count "
            f"(interface {interface.id} of section {interface.section}); {way_out}"
        )

    def _set(self, batch: PacketBatch, row: int, moment: Fraction) -> None:
        """Set the time of a packet, in seconds since 1970."""
        columns, number = batch.columns, batch.number(row)
        packet = f"packet {number}"
        if columns.record_type[row] == SIMPLE_PACKET:
            raise TargetError(f"{packet}: a Simple Packet, which has no place for a time", packet_number=number)
        interface = self._interfaces[columns.interface[row]]
        if interface.time_error:
            raise FormatError(f"{packet}: {interface.time_error}", packet_number=number)
        ticks = (moment - interface.time_offset) * interface.ticks_per_second
        if ticks.denominator != 1:
            raise UsageError(
                f"{packet}: {_steps_of(interface)}; give {argument('set_time')} a multiple of that",
                packet_number=number,
                option="set_time",
            )
        if not 0 <= ticks <= MOST_TICKS:
            raise TargetError(
                f"{packet}: {argument('set_time')} gives it a time before the first or after the last that its "
                f"interface can count (interface {interface.id} of section {interface.section})",
                packet_number=number,
                option="set_time",
            )
        if ticks == columns.ticks[row]:  # the packet stays as it is
            return
        if columns.record_type[row] == OBSOLETE_PACKET:
            _replace_obsolete(batch, [row])
            columns = batch.columns
        columns.ticks[row] = int(ticks)
        columns.record_length[row] = 0
        batch.contiguous = False


def _steps_of(interface: Interface) -> str:
    steps = f"counts in steps of 1/{interface.ticks_per_second} s"
    return f"interface {interface.id} of section {interface.section} {steps}"


def _replace_obsolete(batch: PacketBatch, rows: Iterable[int]) -> None:
    """Turn the obsolete Packet Blocks in these rows into Enhanced ones."""
    order = batch.section.byte_order
    new_options = {
        row: option_lists.edit(options_of_row(batch, row), order, add=make_enhanced(batch, row)) for row in rows
    }
    replace_options(batch, new_options)
