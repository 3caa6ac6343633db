"""The step that edits packets: cuts their bytes, adds comments.

Strategy: kernels change whole columns; a packet that changes has no record any more, and is encoded from its fields. A
packet that loses bytes in its middle is joined again behind the other bytes of its batch. If a packet is cut, its hash
is left out, since the hash is of all its bytes. An obsolete Packet Block that changes becomes an Enhanced Packet Block,
which keeps the drop count. `edit_times` changes times.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from pcapconv.errors import TargetError, UsageError
from pcapconv.formats.pseudo_headers import longest_header
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS
from pcapconv.model import Interface, Item, PacketBatch, Section
from pcapconv.spec import option_lists
from pcapconv.spec.pcapng import OBSOLETE_PACKET, PACKET_HASH, SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row, pop_by_number, replace_options
from pcapconv.steps.simple_packets import correct_original_lengths
from pcapconv.steps.strip import make_enhanced
from pcapconv.wording import argument

_MAX_UINT32 = 2**32 - 1
_CROWDED = 4096  # bytes of the buffer for each packet, up to which copying all of it is fast


class Cut(NamedTuple):
    """Bytes to remove from each packet: `before` bytes before an offset, and `after` bytes from it on. The offset
    counts from the packet's end if `from_end`. A packet that is shorter than the offset stays as it is."""

    offset: int
    from_end: bool
    before: int
    after: int


class PacketEdits(NamedTuple):
    """The edits to do. `front` and `end` bytes, and the bytes of `cuts`, are removed from packets; with
    `adjust_length`, their original lengths become so much less. Then packets are cut to `snaplen` bytes. `comments` has
    the comments to add, as encoded text, by packet number."""

    front: int = 0
    end: int = 0
    cuts: Sequence[Cut] = ()
    adjust_length: bool = False
    snaplen: int | None = None
    comments: Mapping[int, Sequence[bytes]] = {}

    @property
    def removes_bytes(self) -> bool:
        """Return whether packets may lose bytes."""
        return bool(self.front or self.end or self.cuts or self.snaplen is not None)


class EditPackets(Step):
    """Edits packets. `left_out` counts the hashes of packets that were cut, and the original lengths of Simple Packets
    that had to be replaced, since such a block states no other length.

    Raises TargetError for a comment on a Simple Packet, and, after the last item, UsageError for comments on packets
    that were not among the items.
    """

    def __init__(self, edits: PacketEdits, left_out: Counter[str]) -> None:
        super().__init__()
        self._edits = edits
        self._left_out = left_out
        self._comments = dict(edits.comments)
        front, end = min(edits.front, _MAX_UINT32), min(edits.end, _MAX_UINT32)
        snaplen = _MAX_UINT32 if edits.snaplen is None else edits.snaplen
        self._lengths = front, end, snaplen
        self._places = array("Q")  # for the kernel `remove_bytes`, if it is needed
        if edits.cuts:
            for cut in (*edits.cuts, Cut(0, False, 0, front), Cut(0, True, end, 0)):
                self._places.extend(map(int, cut))
            self._lengths = 0, 0, snaplen
        self._option_counts = array("Q")  # made for the first packets with options
        self._kernels = choose()

    def _section(self, section: Section) -> Iterable[Item]:
        return (section._replace(changed=True, raw=None if section.layout == "pcap" else section.raw),)

    def _end(self) -> Iterable[Item]:
        if self._comments:
            numbers = ", ".join(map(str, sorted(self._comments)[:20]))
            raise UsageError(
                f"{argument('packet_comment')}: packet {numbers} of the input is not among those written; "
                "write NUMBER:TEXT with the packet's number in the input, from 1",
                option="packet_comment",
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
        if self._edits.front:
            batch.header_order = None
        cut = self._edits.removes_bytes and self._cut(batch)
        comments = pop_by_number(self._comments, batch) if self._comments else {}
        if cut or comments:
            self._edit_options(batch, comments, lengths_before)
        return self._by_header(batch, lengths_before) if self._edits.cuts else (batch,)

    def _cut(self, batch: PacketBatch) -> bool:
        """Remove bytes, and return whether any packet has lost some."""
        edits = self._edits
        changed = self._remove_bytes(batch) if self._places else 0
        changed += self._kernels.cut_packets(batch.columns, batch.rows, *self._lengths, edits.adjust_length)
        if not changed:
            return False
        batch.contiguous = False
        if SIMPLE_PACKET in batch.columns.record_type[: batch.rows].tobytes():
            correct_original_lengths(batch, self._interfaces[0].snaplen, self._left_out)
        return True

    def _remove_bytes(self, batch: PacketBatch) -> int:
        """Remove bytes from anywhere in packets, and return how many packets have lost some. The batch gets a buffer of
        its own, at whose end are the packets that were joined."""
        if len(batch.buffer) > _CROWDED * batch.rows:  # else copying all of it costs less than finding what is needed
            copy = batch.copy()
            batch.buffer, batch.columns = copy.buffer, copy.columns
        columns, size = batch.columns, len(batch.buffer)
        joined = bytearray(sum(columns.captured_length[: batch.rows]))
        changed, used = self._kernels.remove_bytes(
            batch.buffer, columns, batch.rows, self._places, self._edits.adjust_length, joined, size
        )
        if used:
            batch.buffer = b"".join((batch.buffer, memoryview(joined)[:used]))
        return int(changed)

    def _by_header(self, batch: PacketBatch, lengths_before: Sequence[int]) -> Iterator[PacketBatch]:
        """Yield the batch in pieces, so that packets whose headers lost bytes have no `header_order`."""
        sizes = [longest_header([interface.link_type]) for interface in batch.interfaces]
        if not any(sizes):
            yield batch
            return
        rows = zip(lengths_before, batch.columns.interface)
        start = 0
        for header_lost, group in groupby(self._loses_before(length, sizes[number]) for length, number in rows):
            stop = start + len(list(group))
            piece = batch.slice(start, stop)
            if header_lost:
                piece.header_order = None
            yield piece
            start = stop

    def _loses_before(self, length: int, header: int) -> bool:
        """Return whether `cuts` remove bytes before the offset `header` of a packet of this length."""
        for cut in self._edits.cuts:
            place = length - cut.offset if cut.from_end else cut.offset
            if cut.offset <= length and max(0, place - cut.before) < min(header, length, place + cut.after):
                return True
        return False

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
                raise TargetError(
                    f"packet {batch.number(row)}: a Simple Packet, which has no place for a comment",
                    packet_number=batch.number(row),
                )
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
        if not self._edits.removes_bytes or not batch.has_options:
            return False
        if not self._option_counts:
            self._option_counts = array("Q", bytes(8 * OPTION_COUNTS))
        known = self._option_counts[PACKET_HASH]
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, big, self._option_counts)
        return self._option_counts[PACKET_HASH] != known


def _is_no_hash(option: option_lists.Option) -> bool:
    return option.code != PACKET_HASH
