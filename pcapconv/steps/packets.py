"""Editing packets: cutting their bytes, shifting their times, adding comments.

Strategy: kernels change whole columns; a packet that changed has no record any more, and the writer makes one from the
fields. What no longer holds of a changed packet goes: the hash of bytes that were cut. What another block type would
lose is kept: an obsolete Packet Block becomes an Enhanced one with its drop count.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.errors import FormatError, PcapconvError, TargetError, UsageError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS, OPTION_COUNTS, SHIFT
from pcapconv.model import Interface, Item, PacketBatch, Section
from pcapconv.spec import option_lists
from pcapconv.spec.pcapng import OBSOLETE_PACKET, PACKET_HASH, SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of, with_options
from pcapconv.steps.strip import as_enhanced
from pcapconv.wording import argument

if TYPE_CHECKING:
    from fractions import Fraction

_MOST = 2**32 - 1


class PacketEdits(NamedTuple):
    """`front` and `end` bytes are taken off, then at most `snaplen` left; `shift` is in seconds, with a sign;
    `comments` are by packet number."""

    front: int = 0
    end: int = 0
    snaplen: int | None = None
    shift: Fraction | None = None
    comments: Mapping[int, Sequence[bytes]] = {}

    @property
    def cuts(self) -> bool:
        """Whether packets lose bytes."""
        return bool(self.front or self.end or self.snaplen is not None)


class EditPackets(Step):
    """Does the edits. `left_out` counts hashes that no longer hold, and original lengths of Simple Packets, which have
    no other place to say how much was captured.

    Raises TargetError where a time would leave what the file can hold, FormatError where nobody can tell it,
    UsageError where its interface counts in steps too large for the shift, and, after the last item, for a comment on a
    packet that is not there.
    """

    def __init__(self, edits: PacketEdits, left_out: Counter[str]) -> None:
        super().__init__()
        self._edits = edits
        self._left_out = left_out
        self._comments = dict(edits.comments)
        self._shifts = array("Q")
        self._options = array("Q")  # made when packets have some
        self._not_shifted: dict[int, tuple[type[PcapconvError], str]] = {}  # interface id → why it cannot be done
        self._kernels = choose()

    def _section(self, section: Section) -> Iterable[Item]:
        self._shifts, self._not_shifted = array("Q"), {}
        return (section._replace(changed=True, raw=None if section.layout == "pcap" else section.raw),)

    def _end(self) -> Iterable[Item]:
        if self._comments:
            numbers = ", ".join(map(str, sorted(self._comments)[:20]))
            raise UsageError(
                f"{argument('packet_comment')}: packet {numbers} of the input is not among those written; "
                "write NUMBER:TEXT with the packet's number in the input, from 1"
            )
        return ()

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        snaplen = self._edits.snaplen
        if snaplen is None or 0 < interface.snaplen <= snaplen:
            return (interface,)
        return (interface._replace(snaplen=snaplen, raw=None),)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        batch.interfaces = self._interfaces
        whole = batch.columns.captured_length[: batch.rows]
        cut = self._edits.cuts and self._cut(batch)
        comments = self._take_comments(batch)
        if cut or comments:
            self._edit_options(batch, comments, whole)
        if self._edits.shift:
            self._shift(batch)
        return (batch,)

    def _cut(self, batch: PacketBatch) -> bool:
        edits, columns = self._edits, batch.columns
        snaplen = _MOST if edits.snaplen is None else edits.snaplen
        if not self._kernels.cut_packets(columns, batch.rows, min(edits.front, _MOST), min(edits.end, _MOST), snaplen):
            return False
        batch.contiguous = False
        if edits.front:
            batch.header_order = None
        if SIMPLE_PACKET in columns.record_type[: batch.rows].tobytes():
            self._cut_simple(batch)
        return True

    def _cut_simple(self, batch: PacketBatch) -> None:
        """A Simple Packet's captured length is the lesser of its original length and the interface's snaplen (pcapng,
        section "Simple Packet Block"); where that would come out too long, the original length has to say it."""
        columns = batch.columns
        snaplen = self._interfaces[0].snaplen
        for row, kind in enumerate(columns.record_type[: batch.rows]):
            captured = columns.captured_length[row]
            if kind != SIMPLE_PACKET or columns.record_length[row]:
                continue
            read = min(columns.original_length[row], snaplen or _MOST)
            if read != captured:
                columns.original_length[row] = captured
                self._left_out["original-lengths"] += 1

    def _shift(self, batch: PacketBatch) -> None:
        for interface in self._interfaces[len(self._shifts) // SHIFT :]:
            self._shifts.extend(self._ticks(interface))
        columns, rows = batch.columns, batch.rows
        for row, interface_id in enumerate(columns.interface[:rows] if self._not_shifted else ()):
            if interface_id in self._not_shifted and columns.record_type[row] != SIMPLE_PACKET:
                error, reason = self._not_shifted[interface_id]
                raise error(f"packet {batch.number(row)}: {reason}")
        row = self._kernels.shift_times(columns, rows, self._shifts)
        if row < rows:
            raise TargetError(f"packet {batch.number(row)}: {_beyond(self._interfaces[columns.interface[row]])}")
        batch.contiguous = False
        if OBSOLETE_PACKET in columns.record_type[:rows].tobytes():
            changed = {}
            for row, kind in enumerate(columns.record_type[:rows]):
                if kind == OBSOLETE_PACKET:
                    changed[row] = option_lists.edit(
                        options_of(batch, row), batch.section.byte_order, add=as_enhanced(batch, row)
                    )
            with_options(batch, changed)

    def _ticks(self, interface: Interface) -> tuple[int, int]:
        """The kernel's row for an interface. Where the shift cannot be done, that matters only once a packet comes."""
        assert self._edits.shift is not None
        exact = self._edits.shift * interface.ticks_per_second
        if interface.time_error:
            self._not_shifted[interface.id] = FormatError, interface.time_error
        elif exact.denominator != 1:
            self._not_shifted[interface.id] = (
                UsageError,
                f"interface {interface.id} of section {interface.section} counts in steps of "
                f"1/{interface.ticks_per_second} s; give {argument('shift_time')} a multiple of that",
            )
        elif abs(exact) > MOST_TICKS:
            self._not_shifted[interface.id] = TargetError, _beyond(interface)
        else:
            return abs(exact.numerator), int(exact < 0)
        return 0, 0

    def _take_comments(self, batch: PacketBatch) -> dict[int, Sequence[bytes]]:
        """Row → the comments that it gets."""
        if not self._comments:
            return {}
        found = {}
        first, last = batch.number(0), batch.number(batch.rows - 1)
        for number in [number for number in self._comments if first <= number <= last]:
            row = number - batch.first_number if batch.numbers is None else _index(batch.numbers, number)
            if row is not None:
                found[row] = self._comments.pop(number)
        return found

    def _edit_options(
        self, batch: PacketBatch, comments: Mapping[int, Sequence[bytes]], captured_before: array[int]
    ) -> None:
        """Packets that were cut lose their hash, others gain comments."""
        columns, order = batch.columns, batch.section.byte_order
        changed: dict[int, bytes] = {}
        every = self._holds_hashes(batch) or OBSOLETE_PACKET in columns.record_type[: batch.rows].tobytes()
        for row in range(batch.rows) if every else comments:
            cut = columns.captured_length[row] != captured_before[row]
            if not cut and row not in comments:
                continue
            if row in comments and columns.record_type[row] == SIMPLE_PACKET:
                raise TargetError(f"packet {batch.number(row)}: a Simple Packet, which has no place for a comment")
            add = [(option_lists.COMMENT, text) for text in comments.get(row, ())]
            if columns.record_type[row] == OBSOLETE_PACKET:
                add += as_enhanced(batch, row)
            raw = options_of(batch, row)
            if cut and (hashes := sum(option.code == PACKET_HASH for option in option_lists.OptionList(raw, order))):
                self._left_out["packet-hashes"] += hashes
            new = option_lists.edit(raw, order, keep=_not_a_hash if cut else None, add=add)
            if new != raw:
                changed[row] = new
        with_options(batch, changed)

    def _holds_hashes(self, batch: PacketBatch) -> bool:
        """Whether packets may have a hash; counted by a kernel, since most options are something else."""
        if not self._edits.cuts or not batch.has_options:
            return False
        if not self._options:
            self._options = array("Q", bytes(8 * OPTION_COUNTS))
        known = self._options[PACKET_HASH]
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, big, self._options)
        return self._options[PACKET_HASH] != known


def _beyond(interface: Interface) -> str:
    return (
        "shifted, its time would be before the first or after the last that its interface can count "
        f"(interface {interface.id} of section {interface.section}); shift by less"
    )


def _not_a_hash(option: option_lists.Option) -> bool:
    return option.code != PACKET_HASH


def _index(numbers: Sequence[int], number: int) -> int | None:
    """Where a number stands among ordered ones."""
    from bisect import bisect_left

    row = bisect_left(numbers, number)
    return row if row < len(numbers) and numbers[row] == number else None
