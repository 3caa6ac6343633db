"""Packets that are longer than the snaplen that their interface states: pcapng forbids them, and libpcap reads no
further at one.

Strategy: a kernel compares a batch with what its interfaces state. A snaplen that is too low is replaced on all
interfaces that are written and state it, since libpcap reads only files whose interfaces state the same. An interface
that is copied stays as it is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from pcapconv.errors import NeedsSnaplenError
from pcapconv.kernels import choose
from pcapconv.model import Interface, Item, Layout, Notice, PacketBatch, Section
from pcapconv.report import Report
from pcapconv.spec.pcap import NO_LIMIT_SNAPLEN
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.wording import call

_NO_LIMIT = 2**32  # more than any packet has


class Limits:
    """What the interfaces of a section state, and which packets are longer."""

    def __init__(self) -> None:
        self._kernels = choose()
        self.begin()

    def begin(self) -> None:
        """Begin a section."""
        self.stated, self._limits = array("Q"), array("Q")

    def add(self, stated: int, limit: int | None = None) -> None:
        """The section's next interface, whose packets may have what it states, or `limit` bytes; 0 is no limit."""
        self.stated.append(stated)
        self._limits.append((stated if limit is None else limit) or _NO_LIMIT)

    def lift(self, number: int, limit: int = _NO_LIMIT) -> None:
        """From now on, packets of this interface may have any length, or so many bytes."""
        self._limits[number] = limit

    def above(self, batch: PacketBatch) -> Iterator[int]:
        """The rows of packets that are longer. A limit that is lifted meanwhile holds for the rows behind."""
        row = 0
        while (row := self._kernels.first_over_limit(batch.columns, row, batch.rows, self._limits)) < batch.rows:
            yield row
            row += 1


class Replacements(dict[int, int]):
    """The snaplens to state instead of those that are too low."""

    def meet(self, limits: Limits, batch: PacketBatch, row: int) -> None:
        """Note a packet that is longer than its interface states: 262,144 comes instead, or its length if longer."""
        number, captured = batch.columns.interface[row], batch.columns.captured_length[row]
        stated = limits.stated[number]
        self[stated] = max(self.get(stated, NO_LIMIT_SNAPLEN), captured)
        limits.lift(number, self[stated])


class Snaplens:
    """What is known of a capture that is written as pcapng, over all runs of its conversion. `again` tells whether
    there can be another run."""

    def __init__(self, *, again: bool) -> None:
        self.again = again
        self.instead = Replacements()
        self.needed: set[int] = set()  # by Simple Packets, whose length follows from what their interface states
        self.replaced: set[int] = set()  # in the last run

    def step(self, report: Report) -> StateSnaplens:
        """A new step for one run, behind all others."""
        self.replaced = set()
        return StateSnaplens(self, report)

    def count(self, report: Report) -> None:
        """Count the snaplens that were replaced among the losses of a run that is done."""
        if self.replaced:
            report.losses["header-fields"] = report.losses.get("header-fields", 0) + len(self.replaced)


class StateSnaplens(Step):
    """The step. At a packet that is longer than an interface states that is written, it reads on to find the longest
    one, and raises NeedsSnaplenError. Where there can be no other run, and where an interface is copied, the report
    gets a warning."""

    def __init__(self, snaplens: Snaplens, report: Report) -> None:
        super().__init__()
        self._snaplens = snaplens
        self._report = report
        self._limits = Limits()
        self._reads_on = False

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items, with interfaces that state snaplens that hold. Raises NeedsSnaplenError."""
        for item in super().__call__(items):
            if not self._reads_on:
                yield item
        if self._reads_on:
            raise NeedsSnaplenError("packets are longer than the snaplen that their interface states")

    def _section(self, section: Section) -> Iterable[Item]:
        self._limits.begin()
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        known, stated = self._snaplens, interface.snaplen
        if _is_written(interface) and stated in known.instead and stated not in known.needed:
            known.replaced.add(stated)
            interface = interface._replace(snaplen=known.instead[stated])
        self._limits.add(stated, interface.snaplen)
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        if self._snaplens.replaced:
            batch.interfaces = self._interfaces
        if batch.layout == "pcapng" and self._interfaces and _is_written(self._interfaces[0]):
            self._look_for_cut_simple_packets(batch)
        for row in self._limits.above(batch):
            number = batch.columns.interface[row]
            stated = self._limits.stated[number]
            if not _is_written(self._interfaces[number]):
                self._warn(batch, row)
                self._limits.lift(number)
            elif self._snaplens.again and stated not in self._snaplens.needed:
                self._snaplens.instead.meet(self._limits, batch, row)
                self._reads_on = True
            else:
                simple = stated in self._snaplens.needed
                self._warn(batch, row, "Simple Packets are cut to it" if simple else "one cannot go back in a pipe")
                self._limits.lift(number)
        return (batch,)

    def _look_for_cut_simple_packets(self, batch: PacketBatch) -> None:
        columns, rows = batch.columns, batch.rows
        if SIMPLE_PACKET in columns.record_type[:rows].tobytes() and any(
            kind == SIMPLE_PACKET and captured < original
            for kind, captured, original in zip(
                columns.record_type[:rows], columns.captured_length, columns.original_length
            )
        ):
            self._snaplens.needed.add(self._limits.stated[0])

    def _warn(self, batch: PacketBatch, row: int, why: str = "") -> None:
        interface = self._interfaces[batch.columns.interface[row]]
        self._report.add_warning(notice_of(batch, row, interface, "pcapng", why))


def notice_of(batch: PacketBatch, row: int, interface: Interface, layout: Layout, why: str = "") -> Notice:
    """The warning of a packet that is longer than its interface states, in a capture of this layout; `why` that is not
    replaced."""
    captured = batch.columns.captured_length[row]
    place = f"{interface.section}:{interface.id}"
    stays = f", which stays, since {why}" if why else ""
    then = "reads no further" if layout == "pcapng" else "cuts such packets"
    raised = call("pcapconv.convert", set_interface=f"{place}.snaplen={max(NO_LIMIT_SNAPLEN, captured)}")
    return Notice(
        interface.offset,
        f"packet {batch.number(row)} has {captured} bytes, more than the snaplen of {interface.snaplen} that interface "
        f"{place} states{stays}; libpcap {then}; {raised} states another",
    )


def _is_written(interface: Interface) -> bool:
    """Whether a pcapng writer makes the interface's block, instead of copying it."""
    return interface.raw is None or interface.layout != "pcapng"
