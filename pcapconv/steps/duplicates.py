"""Finds packets that repeat an earlier one: `Duplicates`, which `select` uses for `dedup`.

Strategy: the kernel `RepeatWindow` holds the packets of the window and compares. Packets can only be the same if their
interfaces are in the same group: each interface is a group of its own, or each link type with `ignore` interface. Times
are whole numbers of a unit in which every resolution down to 10^-12 s and 2^-32 s is exact; finer times are cut.

If the link layer does not count, a kernel moves the beginning of each packet behind it, in columns of their own.

As long as nothing repeats and there are several interfaces, a second, smaller window looks for packets that are the
same but for the interface, so that the command line can name the argument that finds them.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.header_columns import HeaderColumns, LinkTypes
from pcapconv.io.scratch_log import ScratchLog
from pcapconv.kernels import choose
from pcapconv.report import MOST_LISTED, Repeat
from pcapconv.timestamps import kernel_scale, ratio

if TYPE_CHECKING:
    from collections.abc import Collection
    from fractions import Fraction

    from pcapconv.model import Columns, Interface, PacketBatch

MOST_PACKETS = 2**20  # how many packets are held at most
IGNORABLE = "interface", "length"
LINK_LAYER = "link-layer"  # what `dedup_skip` can be besides a number

_HEADERS = ("network_protocol", "network_at", "vlan_count", "payload_at", "payload_captured", "payload_length")

_MOST_PACKETS_ACROSS = 2**16
_UNITS = 2**32 * 5**12  # units of exact times in a second
_LONGEST = 2**125  # units: farther apart than any two times


class DedupRule(NamedTuple):
    """Which packets repeat others: the window is the number of `packets` before a packet, or the length of time in
    `seconds`; what `ignore` has of `IGNORABLE` may differ, and the first `skip` bytes may, and, with `skip_link_layer`,
    what is in front of the network packet and behind it."""

    packets: int | None
    seconds: Fraction | None
    ignore: Collection[str] = ()
    skip: int = 0
    skip_link_layer: bool = False


class Duplicates:
    """The repeated packets of one run. `total` is how many were noted, `listed` are the first of them. `across` is how
    many would repeat another if the interface were ignored; this is counted only as long as `total` is 0. `first_cut`
    is the number of the first packet in whose window of time were more packets than are held; None if there is none."""

    def __init__(self, rule: DedupRule, *, ascending: bool = True) -> None:
        """`ascending` is false if packets were sorted, so that their numbers do not ascend."""
        self._search = _Search(rule, MOST_PACKETS, ascending=ascending)
        self._search_across: _Search | None = None
        if "interface" not in rule.ignore:
            widened = rule._replace(ignore={"interface", *rule.ignore})
            self._search_across = _Search(widened, _MOST_PACKETS_ACROSS, ascending=ascending)
        self._link_layers = _LinkLayers() if rule.skip_link_layer else None
        self._interfaces = 0  # so far
        self.total = self.across = 0
        self.listed: list[Repeat] = []
        self.first_cut: int | None = None

    def begin_section(self) -> None:
        """Begin a section, which has no interfaces yet."""
        self._interfaces += self._search.begin_section()
        if self._search_across is not None:
            self._search_across.begin_section()

    def find(self, batch: PacketBatch, mask: bytearray) -> int:
        """Set to 0 the mask of the rows that repeat a packet. Return how many rows are done: all, or those before the
        first whose time is needed and cannot be determined."""
        columns = batch.columns if self._link_layers is None else self._link_layers.without(batch)
        if self._search_across is not None and self._interfaces + len(batch.interfaces) > 1:
            self._search_across.find(batch, columns, bytearray(mask))
        return self._search.find(batch, columns, mask)

    def note(self, batch: PacketBatch, stop: int) -> None:
        """Count and list the repeated packets among the rows before `stop` of the batch that `find` was called with."""
        search, across = self._search, self._search_across
        count = search.count(stop)
        if count and len(self.listed) < MOST_LISTED:
            pairs = ((batch.number(row), search.repeated_by(row)) for row in range(stop) if search.repeated[row])
            self.listed += [Repeat(*pair) for pair in islice(pairs, MOST_LISTED - len(self.listed))]
        self.total += count
        if self.first_cut is None and stop:
            self.first_cut = search.cut_before(batch, stop)
        if across is not None:
            self.across += across.count(stop)
            if self.total:
                across.close()
                self._search_across, self.across = None, 0

    def close(self) -> None:
        """Remove temporary files."""
        self._search.close()
        if self._search_across is not None:
            self._search_across.close()


class _Search:
    """One search for repeated packets. `repeated` has, for each row of the last batch that was searched, the place of a
    packet that it repeats, or 0. A place is the packet's number; if packets were sorted, it counts from 1 in their
    order, and `_numbers` has the numbers of the last packets."""

    def __init__(self, rule: DedupRule, most: int, *, ascending: bool) -> None:
        self._rule = rule
        self._ascending = ascending
        self._store = ScratchLog()
        held = most if rule.packets is None else min(most, rule.packets)
        window = None if rule.seconds is None else min(_LONGEST, int(rule.seconds * _UNITS))
        self._window = choose().RepeatWindow(held, self._store, window)
        self._rows = 0  # of the last batch
        self.repeated = array("Q")
        self._groups, self._scales = array("Q"), array("Q")
        self._groups_before = 0  # in earlier sections
        self._numbers = array("Q")
        self._numbers_dropped = 0  # how many are no longer in `_numbers`

    def repeated_by(self, row: int) -> int:
        """Return the number of the packet that a row of the last batch repeats."""
        return self._number_at(self.repeated[row])

    def cut_before(self, batch: PacketBatch, stop: int) -> int | None:
        """Return the number of the first packet for which the window held too few packets, if it is before the row
        `stop` of the last batch; otherwise None."""
        place: int = self._window.first_cut
        end = batch.first_number + stop if self._ascending else self._end_of_numbers - batch.rows + stop + 1
        return self._number_at(place) if 0 < place < end else None

    @property
    def _end_of_numbers(self) -> int:
        """The place of the last packet in `_numbers`."""
        return self._numbers_dropped + len(self._numbers)

    def _number_at(self, place: int) -> int:
        return place if self._ascending else self._numbers[place - self._numbers_dropped - 1]

    def _first_place(self, batch: PacketBatch) -> int:
        """Return the place of a batch's first packet, and keep its packets' numbers if they were sorted."""
        if self._ascending:
            return batch.first_number
        if len(self._numbers) > 2 * MOST_PACKETS:
            del self._numbers[:MOST_PACKETS]
            self._numbers_dropped += MOST_PACKETS
        first = self._end_of_numbers + 1
        self._numbers.extend(batch.number(row) for row in range(batch.rows))
        return first

    def begin_section(self) -> int:
        """Begin a section, which has no interfaces yet; return how many groups the section before it had."""
        groups = len(self._groups)
        self._groups_before += groups
        self._groups, self._scales = array("Q"), array("Q")
        return groups

    def find(self, batch: PacketBatch, columns: Columns, mask: bytearray) -> int:
        """Set to 0 the mask of the rows that repeat a packet, as in `Duplicates.find`. What is compared is in
        `columns`, in which, without link layers, each interface has two numbers."""
        rule = self._rule
        kinds = 2 if rule.skip_link_layer else 1
        for interface in batch.interfaces[len(self._groups) // kinds :]:
            for kind in range(kinds):
                group = kinds * interface.link_type + kind
                own_group = self._groups_before + len(self._groups)
                self._groups.append(group if "interface" in rule.ignore else own_group)
                self._scales.extend(_scale(interface))
        if len(self.repeated) < batch.rows:
            self.repeated = array("Q", bytes(8 * batch.columns.capacity))
        rows: int = self._window.find(
            batch.buffer,
            columns,
            batch.rows,
            mask,
            self._first_place(batch),
            self._groups,
            self._scales,
            rule.skip,
            "length" in rule.ignore,
            self.repeated,
        )
        self._rows = rows
        return rows

    def count(self, stop: int) -> int:
        """Count the repeated packets among the rows before `stop` of the last batch, and take that batch as done."""
        stop, self._rows = min(stop, self._rows), 0
        return stop - self.repeated[:stop].count(0)

    def close(self) -> None:
        """Remove temporary files."""
        self._store.close()


class _LinkLayers:
    """Packets without their link layers."""

    def __init__(self) -> None:
        self._headers: HeaderColumns | None = None
        self._link_types = LinkTypes()

    def without(self, batch: PacketBatch) -> Columns:
        """The columns of a batch without the link layers of packets, see the kernel `skip_link_layers`."""
        self._headers = batch.headers(*_HEADERS, into=self._headers)
        columns = batch.columns.with_copies(batch.rows, "data_at", "captured_length", "original_length", "interface")
        link_types = self._link_types.of(batch.interfaces)
        choose().skip_link_layers(columns, batch.rows, self._headers, link_types)
        return columns


def _scale(interface: Interface) -> tuple[int, ...]:
    """Return the entry of an interface in the `scales` of `RepeatWindow.find`."""
    factor, divisor = ratio(interface.ticks_per_second, _UNITS)
    return kernel_scale(factor, 0 if interface.time_error else divisor, interface.time_offset * _UNITS)
