"""The step that raises a snaplen that packets exceed: pcapng forbids such packets, and libpcap stops reading at one.

Strategy: a kernel compares captured lengths with the snaplens of a batch's interfaces. A snaplen that is too low is
replaced in every interface that declares it and is encoded, since libpcap reads only files whose interfaces all declare
the same snaplen. An interface whose block is copied stays as it is.
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

_UNLIMITED = 2**32  # more than any packet has


class SnaplenLimits:
    """The limits of packets' lengths, by interface of a section: finds the packets that exceed them. `stated` has the
    snaplen that each interface declares."""

    def __init__(self) -> None:
        self._kernels = choose()
        self.begin_section()

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self.stated, self._limits = array("Q"), array("Q")

    def add_interface(self, stated: int, limit: int | None = None) -> None:
        """Add the section's next interface. `stated` is the snaplen that it declares, `limit` the largest length of its
        packets, by default `stated`; 0 is no limit."""
        self.stated.append(stated)
        self._limits.append((stated if limit is None else limit) or _UNLIMITED)

    def raise_limit(self, number: int, limit: int = _UNLIMITED) -> None:
        """Set the limit of an interface's packets to `limit` bytes from now on; without `limit`, remove it."""
        self._limits[number] = limit

    def rows_above(self, batch: PacketBatch) -> Iterator[int]:
        """Yield the rows whose packets exceed their limit. A limit that is raised meanwhile holds for the rows that
        follow."""
        row = 0
        while (row := self._kernels.first_over_limit(batch.columns, row, batch.rows, self._limits)) < batch.rows:
            yield row
            row += 1


class SnaplenReplacements(dict[int, int]):
    """Snaplens that are too low → the snaplens to declare instead."""

    def note_longer_packet(self, limits: SnaplenLimits, batch: PacketBatch, row: int) -> None:
        """Replace the snaplen that this packet exceeds: by 262,144, or by the packet's length if that is more."""
        number, captured = batch.columns.interface[row], batch.columns.captured_length[row]
        stated = limits.stated[number]
        self[stated] = max(self.get(stated, NO_LIMIT_SNAPLEN), captured)
        limits.raise_limit(number, self[stated])


class Snaplens:
    """What the runs of one conversion to pcapng have found out about snaplens. `can_run_again` is true if the
    conversion can start again.

    `replacements` has the snaplens that are too low, and the snaplens to declare instead. `kept` has the snaplens that
    must not be replaced, since the length of a Simple Packet follows from the snaplen of its interface. `replaced` has
    the snaplens that the last run replaced.
    """

    def __init__(self, *, can_run_again: bool) -> None:
        self.can_run_again = can_run_again
        self.replacements = SnaplenReplacements()
        self.kept: set[int] = set()
        self.replaced: set[int] = set()

    def step(self, report: Report) -> RaiseSnaplens:
        """Return a new step for one run, to come after all others."""
        self.replaced = set()
        return RaiseSnaplens(self, report)

    def count(self, report: Report) -> None:
        """Count the snaplens that a run replaced among the losses in its report."""
        if self.replaced:
            report.losses["header-fields"] = report.losses.get("header-fields", 0) + len(self.replaced)


class RaiseSnaplens(Step):
    """Replaces snaplens that are too low, and finds packets that exceed a snaplen.

    At a packet that exceeds the snaplen of an interface that is encoded, the step reads the remaining items to find the
    longest packet, and then raises NeedsSnaplenError, so that the next run can declare a snaplen that is large enough.
    If the conversion cannot start again, or if the interface's block is copied, the report gets a warning instead.
    """

    def __init__(self, snaplens: Snaplens, report: Report) -> None:
        super().__init__()
        self._snaplens = snaplens
        self._report = report
        self._limits = SnaplenLimits()
        self._reads_to_the_end = False

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return the items, with snaplens replaced. Raises NeedsSnaplenError after the last item."""
        for item in super().__call__(items):
            if not self._reads_to_the_end:
                yield item
        if self._reads_to_the_end:
            raise NeedsSnaplenError("packets are longer than the snaplen that their interface states")

    def _section(self, section: Section) -> Iterable[Item]:
        self._limits.begin_section()
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        snaplens, stated = self._snaplens, interface.snaplen
        if _is_encoded(interface) and stated in snaplens.replacements and stated not in snaplens.kept:
            snaplens.replaced.add(stated)
            interface = interface._replace(snaplen=snaplens.replacements[stated])
        self._limits.add_interface(stated, interface.snaplen)
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        if self._snaplens.replaced:
            batch.interfaces = self._interfaces
        if batch.layout == "pcapng" and self._interfaces and _is_encoded(self._interfaces[0]):
            self._keep_snaplen_of_cut_simple_packets(batch)
        for row in self._limits.rows_above(batch):
            number = batch.columns.interface[row]
            stated = self._limits.stated[number]
            if not _is_encoded(self._interfaces[number]):
                self._warn(batch, row)
                self._limits.raise_limit(number)
            elif self._snaplens.can_run_again and stated not in self._snaplens.kept:
                self._snaplens.replacements.note_longer_packet(self._limits, batch, row)
                self._reads_to_the_end = True
            else:
                simple = stated in self._snaplens.kept
                self._warn(batch, row, "Simple Packets are cut to it" if simple else "a pipe cannot be rewound")
                self._limits.raise_limit(number)
        return (batch,)

    def _keep_snaplen_of_cut_simple_packets(self, batch: PacketBatch) -> None:
        columns, rows = batch.columns, batch.rows
        if (
            SIMPLE_PACKET in columns.record_type[:rows].tobytes()
            and any(
                record_type == SIMPLE_PACKET
                and captured < original
                and not interface  # in a merge, it may have another one
                for record_type, captured, original, interface in zip(
                    columns.record_type[:rows], columns.captured_length, columns.original_length, columns.interface
                )
            )
        ):
            stated = self._limits.stated[0]
            self._snaplens.kept.add(stated)
            if stated in self._snaplens.replaced:  # a run that another reason ended had not come so far
                self._reads_to_the_end = True

    def _warn(self, batch: PacketBatch, row: int, why: str = "") -> None:
        interface = self._interfaces[batch.columns.interface[row]]
        self._report.add_warning(longer_packet_notice(batch, row, interface, "pcapng", why))


def longer_packet_notice(batch: PacketBatch, row: int, interface: Interface, layout: Layout, why: str = "") -> Notice:
    """Return the warning about a packet that exceeds its interface's snaplen, in a capture of the format `layout`.
    `why` is the reason why the snaplen is not replaced."""
    captured = batch.columns.captured_length[row]
    section_and_id = f"{interface.section}:{interface.id}"
    stays = f"; pcapconv keeps it, because {why}" if why else ""
    consequence = "reads no further" if layout == "pcapng" else "cuts such packets"
    raised = call("pcapconv.convert", set_interface=f"{section_and_id}.snaplen={max(NO_LIMIT_SNAPLEN, captured)}")
    return Notice(
        interface.offset,
        f"packet {batch.number(row)} has {captured} bytes, more than the snaplen of {interface.snaplen} that interface "
        f"{section_and_id} states{stays}; libpcap {consequence}; {raised} states a different one",
    )


def _is_encoded(interface: Interface) -> bool:
    """Return whether a pcapng writer encodes the interface's block from its fields, instead of copying it."""
    return interface.raw is None or interface.layout != "pcapng"
