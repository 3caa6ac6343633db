"""Orders packets that can be read again from the input, so that no copy of them is needed.

Strategy: only the place of each batch in the input is kept, with its earliest and its latest time. Batches are then
read again, one by one, in the order of their earliest packets; before the next one is read, all packets go out that
come before the earliest packet of all batches that are left. A capture in order passes batch by batch; in one that is
nearly in order, memory holds the few batches whose times overlap. If memory has no room for these, the packets that are
left are handed over, to be sorted in another way.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from pcapconv.kernels import choose, interpreted
from pcapconv.model import Columns, PacketBatch, StoredPackets
from pcapconv.steps.packet_buffer import PacketBuffer
from pcapconv.steps.time_keys import TimeKeys

_MOST_BATCHES = 2**17  # whose places are kept: 64 GiB of an ordinary capture
_FEW_BATCHES, _SMALL_BATCH = 2**8, 2**13  # of more batches than a few, the average must not have fewer bytes
_OPEN = 16 * 2**20  # bytes of all batches in memory, with their columns, unless a single one is longer
_MOST_OPEN = 64  # batches in memory: for each step, every one is searched
_BYTES_OF_ROW = 96  # of columns, number, key and place in the order


class Part(NamedTuple):
    """Those rows of `packets` that the entries of `order` from `begin` up to `end` list."""

    packets: PacketBuffer
    order: array[int] | None  # None: as they are
    begin: int
    end: int


class InputOrder:
    """The batches of a section, which are read again in the order of time. All methods raise FileError.

    `order_of` returns the order of a batch's rows by their times, None if they are in order.
    """

    def __init__(self, keys: TimeKeys, order_of: Callable[[PacketBuffer], array[int] | None]) -> None:
        self._keys = keys
        self._order_of = order_of
        self._stored: StoredPackets | None = None
        self._offsets, self._lengths, self._rows, self._numbers = array("q"), array("q"), array("q"), array("Q")
        self._taken = array("q")  # how many packets of each batch went out
        self._earliest, self._latest = Columns(0), Columns(0)  # the times, by batch; other columns have no meaning
        self._bytes = 0
        self._spare = bytearray()

    def add_batch(self, batch: PacketBatch) -> bool:
        """Add a batch, and return True; False if it cannot be read again as it is, or if there are too many. All its
        packets have times."""
        stored, batches = batch.stored_packets, len(self._rows)
        if (
            stored is None
            or (self._stored or stored) is not stored
            or batch.section is not stored.section  # a step changed the batch
            or batch.interfaces is not stored.interfaces
            or not batch.contiguous
            or batch.numbers is not None
            or batches == _MOST_BATCHES
            or (batches >= _FEW_BATCHES and self._bytes < batches * _SMALL_BATCH)
        ):
            return False
        self._stored = stored
        columns, (begin, end) = batch.columns, batch.span()
        keys = self._keys.keys(columns, batch.rows)
        extremes = (choose() if isinstance(keys, array) else interpreted).extremes(keys)
        for row, times in zip(extremes, (self._earliest, self._latest)):
            times.ticks.append(columns.ticks[row])
            times.interface.append(columns.interface[row])
        self._offsets.append(batch.buffer_offset + begin)
        self._lengths.append(end - begin)
        self._rows.append(batch.rows)
        self._numbers.append(batch.first_number)
        self._taken.append(0)
        self._bytes += end - begin
        return True

    def parts(self) -> Iterator[list[Part]]:
        """Yield the packets in order, in steps: those of the next step come after all that were yielded before. The
        parts of a step overlap; they are in the order of the capture, and each is in the order of time. Stop if the
        batches that overlap need too much memory: then `remaining` has the packets that were not yielded."""
        batches = len(self._rows)
        for times in (self._earliest, self._latest):  # kernels take columns of one length
            for name in Columns.TYPECODES:
                column = getattr(times, name)
                column.extend(array(column.typecode, bytes((batches - len(column)) * column.itemsize)))
        earliest, latest = self._keys.keys(self._earliest, batches), self._keys.keys(self._latest, batches)
        waiting = array("q", sorted(range(batches), key=earliest.__getitem__))
        opened: list[_OpenBatch] = []
        for place, index in enumerate(waiting, 1):
            batch = self._open(index)
            if self._stored is not None and batch.extremes != (earliest[index], latest[index]):
                raise self._stored.changed()
            insort(opened, batch, key=attrgetter("index"))
            first = waiting[place] if place < batches else batches
            limit = earliest[first] if place < batches else None
            parts = [each.take(limit, including=each.index < first) for each in opened]
            yield [part for part in parts if part.end > part.begin]
            for each in opened:
                self._taken[each.index] = each.taken
                if each.taken == each.packets.rows:
                    self._reuse(each.packets)
            opened = [each for each in opened if each.taken < each.packets.rows]
            if len(opened) > 1 and (len(opened) > _MOST_OPEN or sum(each.size for each in opened) > _OPEN):
                return

    def remaining(self) -> Iterator[Part]:
        """Yield the packets that did not go out yet, in the order of the capture but for those of a batch, which are in
        the order of time."""
        for index, taken in enumerate(self._taken):
            if taken < self._rows[index]:
                batch = self._open(index)
                yield Part(batch.packets, batch.order, taken, batch.packets.rows)
                self._reuse(batch.packets)

    def _reuse(self, packets: PacketBuffer) -> None:
        """Let the next batch have the buffer of these packets, which are not needed any more."""
        assert isinstance(packets.buffer, bytearray)
        self._spare = packets.buffer

    def _open(self, index: int) -> _OpenBatch:
        """Read a batch again."""
        assert self._stored is not None
        length, rows, number = self._lengths[index], self._rows[index], self._numbers[index]
        batch = self._stored.read(self._offsets[index], length, rows, number, self._spare)
        self._spare = bytearray()
        packets = PacketBuffer(0, 0)
        packets.buffer, packets.columns, packets.rows, packets.end = batch.buffer, batch.columns, rows, length
        packets.numbers = range(number, number + rows)
        return _OpenBatch(index, packets, self._keys.keys(packets.columns, rows), self._order_of(packets))


class _OpenBatch:
    """A batch in memory: the `index` of the batch, its `packets` with the `keys` of their times, and the `order` of
    these, None if they are in order; `taken` entries of the order were taken."""

    def __init__(self, index: int, packets: PacketBuffer, keys: Sequence[int], order: array[int] | None) -> None:
        self.index = index
        self.packets = packets
        self.order = order
        self.taken = 0
        self._keys = keys

    @property
    def size(self) -> int:
        """The bytes that the batch takes in memory."""
        return self.packets.end + self.packets.rows * _BYTES_OF_ROW

    @property
    def extremes(self) -> tuple[int, int]:
        """The keys of the earliest packet and of the latest one."""
        first, last = (0, -1) if self.order is None else (self.order[0], self.order[-1])
        return self._keys[first], self._keys[last]

    def take(self, limit: int | None, *, including: bool) -> Part:
        """Take the packets before the limit, as `rows_before` finds them."""
        begin = self.taken
        self.taken = rows_before(self._keys, self.order, begin, limit, including=including)
        return Part(self.packets, self.order, begin, self.taken)


def rows_before(
    keys: Sequence[int], order: array[int] | None, first: int, limit: int | None, *, including: bool
) -> int:
    """Find the end of those rows, from the entry `first` of the order on, whose keys are before `limit`, or also at it
    if `including`; None is after all keys."""
    if limit is None:
        return len(keys)
    bisect = bisect_right if including else bisect_left
    return bisect(keys, limit, first) if order is None else bisect(order, limit, first, key=keys.__getitem__)
