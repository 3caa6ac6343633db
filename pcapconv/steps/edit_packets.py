"""The step that edits packets: cuts their bytes, shifts their times, adds comments.

Strategy: kernels change whole columns; a packet that changes has no record any more, and is encoded from its fields. If
a packet is cut, its hash is left out, since the hash is of all its bytes. An obsolete Packet Block that changes becomes
an Enhanced Packet Block, which keeps the drop count.
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
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.steps.strip import make_enhanced
from pcapconv.wording import argument

if TYPE_CHECKING:
    from fractions import Fraction

_MAX_UINT32 = 2**32 - 1


class PacketEdits(NamedTuple):
    """The edits to do. `front` and `end` bytes are cut off packets, then packets are cut to `snaplen` bytes; `shift`
    seconds are added to their times; `comments` has the comments to add, as encoded text, by packet number."""

    front: int = 0
    end: int = 0
    snaplen: int | None = None
    shift: Fraction | None = None
    comments: Mapping[int, Sequence[bytes]] = {}

    @property
    def cuts(self) -> bool:
        """Return whether packets may lose bytes."""
        return bool(self.front or self.end or self.snaplen is not None)


class EditPackets(Step):
    """Edits packets. `left_out` counts the hashes of packets that were cut, and the original lengths of Simple Packets
    that had to be replaced, since such a block states no other length.

    Raises TargetError for a time that its interface's ticks cannot hold, FormatError for a time that cannot be
    determined, UsageError for a shift that is not a multiple of an interface's tick, and, after the last item,
    UsageError for comments on packets that were not among the items.
    """

    def __init__(self, edits: PacketEdits, left_out: Counter[str]) -> None:
        super().__init__()
        self._edits = edits
        self._left_out = left_out
        self._comments = dict(edits.comments)
        self._shifts = array("Q")
        self._option_counts = array("Q")  # made for the first packets with options
        self._refused_shifts: dict[int, tuple[type[PcapconvError], str]] = {}  # interface id → why it cannot be shifted
        self._kernels = choose()

    def _section(self, section: Section) -> Iterable[Item]:
        self._shifts, self._refused_shifts = array("Q"), {}
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
        lengths_before = batch.columns.captured_length[: batch.rows]
        cut = self._edits.cuts and self._cut(batch)
        comments = self._pop_comments(batch)
        if cut or comments:
            self._edit_options(batch, comments, lengths_before)
        if self._edits.shift:
            self._shift(batch)
        return (batch,)

    def _cut(self, batch: PacketBatch) -> bool:
        edits, columns = self._edits, batch.columns
        front, end = min(edits.front, _MAX_UINT32), min(edits.end, _MAX_UINT32)
        snaplen = _MAX_UINT32 if edits.snaplen is None else edits.snaplen
        if not self._kernels.cut_packets(columns, batch.rows, front, end, snaplen):
            return False
        batch.contiguous = False
        if edits.front:
            batch.header_order = None
        if SIMPLE_PACKET in columns.record_type[: batch.rows].tobytes():
            self._correct_simple_packets(batch)
        return True

    def _correct_simple_packets(self, batch: PacketBatch) -> None:
        """Replace the original length of a Simple Packet that was cut, if a reader would get the captured length wrong.

        Readers take the lesser of the original length and the interface's snaplen for the captured length (pcapng,
        section "Simple Packet Block")."""
        columns = batch.columns
        snaplen = self._interfaces[0].snaplen
        for row, record_type in enumerate(columns.record_type[: batch.rows]):
            captured = columns.captured_length[row]
            if record_type != SIMPLE_PACKET or columns.record_length[row]:
                continue
            length_when_read = min(columns.original_length[row], snaplen or _MAX_UINT32)
            if length_when_read != captured:
                columns.original_length[row] = captured
                self._left_out["original-lengths"] += 1

    def _shift(self, batch: PacketBatch) -> None:
        for interface in self._interfaces[len(self._shifts) // SHIFT :]:
            self._shifts.extend(self._shift_entry(interface))
        columns, rows = batch.columns, batch.rows
        for row, interface_id in enumerate(columns.interface[:rows] if self._refused_shifts else ()):
            if interface_id in self._refused_shifts and columns.record_type[row] != SIMPLE_PACKET:
                error, reason = self._refused_shifts[interface_id]
                raise error(f"packet {batch.number(row)}: {reason}")
        row = self._kernels.shift_times(columns, rows, self._shifts)
        if row < rows:
            raise TargetError(f"packet {batch.number(row)}: {_beyond_ticks(self._interfaces[columns.interface[row]])}")
        batch.contiguous = False
        if OBSOLETE_PACKET in columns.record_type[:rows].tobytes():
            new_options = {}
            for row, record_type in enumerate(columns.record_type[:rows]):
                if record_type == OBSOLETE_PACKET:
                    new_options[row] = option_lists.edit(
                        options_of_row(batch, row), batch.section.byte_order, add=make_enhanced(batch, row)
                    )
            replace_options(batch, new_options)

    def _shift_entry(self, interface: Interface) -> tuple[int, int]:
        """Return the entry of an interface for the kernel `shift_times`.

        A shift that is impossible is only noted here, since the interface may have no packets."""
        assert self._edits.shift is not None
        exact = self._edits.shift * interface.ticks_per_second
        if interface.time_error:
            self._refused_shifts[interface.id] = FormatError, interface.time_error
        elif exact.denominator != 1:
            self._refused_shifts[interface.id] = (
                UsageError,
                f"interface {interface.id} of section {interface.section} counts in steps of "
                f"1/{interface.ticks_per_second} s; give {argument('shift_time')} a multiple of that",
            )
        elif abs(exact) > MOST_TICKS:
            self._refused_shifts[interface.id] = TargetError, _beyond_ticks(interface)
        else:
            return abs(exact.numerator), int(exact < 0)
        return 0, 0

    def _pop_comments(self, batch: PacketBatch) -> dict[int, Sequence[bytes]]:
        """Remove the comments on the batch's packets from `_comments`, and return them by row."""
        if not self._comments:
            return {}
        if batch.numbers is None:
            first, end = batch.first_number, batch.first_number + batch.rows
            rows = [(number - first, number) for number in self._comments if first <= number < end]
        else:
            rows = [(row, number) for row, number in enumerate(batch.numbers) if number in self._comments]
        return {row: self._comments.pop(number) for row, number in rows}

    def _edit_options(
        self, batch: PacketBatch, comments: Mapping[int, Sequence[bytes]], lengths_before: array[int]
    ) -> None:
        """Leave out the hashes of packets that were cut, and add comments."""
        columns, order = batch.columns, batch.section.byte_order
        new_options: dict[int, bytes] = {}
        check_all = self._may_have_hashes(batch) or OBSOLETE_PACKET in columns.record_type[: batch.rows].tobytes()
        for row in range(batch.rows) if check_all else comments:
            cut = columns.captured_length[row] != lengths_before[row]
            if not cut and row not in comments:
                continue
            if row in comments and columns.record_type[row] == SIMPLE_PACKET:
                raise TargetError(f"packet {batch.number(row)}: a Simple Packet, which has no place for a comment")
            add = [(option_lists.COMMENT, text) for text in comments.get(row, ())]
            if columns.record_type[row] == OBSOLETE_PACKET:
                add += make_enhanced(batch, row)
            raw = options_of_row(batch, row)
            if cut and (hashes := sum(option.code == PACKET_HASH for option in option_lists.OptionList(raw, order))):
                self._left_out["packet-hashes"] += hashes
            new = option_lists.edit(raw, order, keep=_is_no_hash if cut else None, add=add)
            if new != raw:
                new_options[row] = new
        replace_options(batch, new_options)

    def _may_have_hashes(self, batch: PacketBatch) -> bool:
        """Return whether packets may have a hash. A kernel counts them, since most options are something else."""
        if not self._edits.cuts or not batch.has_options:
            return False
        if not self._option_counts:
            self._option_counts = array("Q", bytes(8 * OPTION_COUNTS))
        known = self._option_counts[PACKET_HASH]
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, big, self._option_counts)
        return self._option_counts[PACKET_HASH] != known


def _beyond_ticks(interface: Interface) -> str:
    return (
        "shifted, its time would be before the first or after the last that its interface can count "
        f"(interface {interface.id} of section {interface.section}); shift by less"
    )


def _is_no_hash(option: option_lists.Option) -> bool:
    return option.code != PACKET_HASH
