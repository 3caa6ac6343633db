"""Merges the parts by time: the reader of a merge.

Strategy: a part is opened when the merge has come to the time of its first packet, and closed behind its last. A kernel
merges the batches of all open parts by keys (`steps/time_keys.py`) into one buffer. A packet that is earlier than one
before it in its part has the key of that one, so that it stays where it stands. Other blocks stay between the packets
between which they stand.

If more parts overlap than can be open, all that is left of them is merged in groups of neighbours. Each group is
written to a nameless temporary file, in which it is then one stream of the merge. There are no more groups than streams
that can be open; a group that is too large for this is itself merged in groups.
"""

from __future__ import annotations

import io
from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate, chain
from typing import Any

from pcapconv.errors import name_in_errors
from pcapconv.io.buffered_output import BUFFER_SIZE
from pcapconv.io.read_write import TEMPORARY_FILE, writing
from pcapconv.io.source import WINDOW_SIZE
from pcapconv.io.temporary_file import temporary_file
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL
from pcapconv.merging.inputs import Inputs
from pcapconv.merging.merged_section import MergedSection
from pcapconv.merging.streams import PartStream, ScratchStream, Stream
from pcapconv.model import Block, Columns, Interface, Item, Notice, PacketBatch
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.time_keys import TimeKeys
from pcapconv.wording import argument

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

MOST_OPEN = 250  # streams that are merged at once, counted by their costs
_OTHER_FILES = 24  # open files that are left to the rest of the process
_SHARES = 4  # of the open files: streams of a merge and of a group, the groups' files, and those of groups in a group
_WINDOWS = 4 * 2**20  # bytes of the windows of the first streams; every further one gets a smaller window
_SMALLEST_WINDOW = 96 * 2**10
_OUTPUT = BUFFER_SIZE  # bytes of packets in a merged batch, unless a single packet is longer
_ROWS = 2**13
_BEFORE_ALL = -1  # before every key


class MergedReader:
    """The reader of a merge by time; see `formats.Reader`.

    With `separate`, interfaces of different inputs are never one. Unless `sorts`, a part whose times go back is worth a
    notice. `to_pcap` is whether the output is pcap. `on_batch` is called for batches that are not yielded yet.
    `stack` closes temporary files.
    """

    buffer_offset = 0  # of no meaning: a merge is always read to its end

    def __init__(
        self,
        inputs: Inputs,
        stack: ExitStack,
        on_batch: Callable[[], object],
        *,
        separate: bool,
        sorts: bool,
        to_pcap: bool,
    ) -> None:
        self.format = inputs.format
        self.compression = inputs.compression
        self._inputs = inputs
        self._stack = stack
        self._on_batch = on_batch
        self._sorts = sorts
        self._merged = MergedSection(inputs.parts, separate=separate, to_pcap=to_pcap)

    @property
    def losses(self) -> Counter[str]:
        """What has no place in the one section: kind → count."""
        return +self._merged.losses

    def items(self) -> Iterator[Item]:
        """See `formats.Reader.items`. Raises FurtherSectionError, too."""
        yield from self._inputs.notices
        yield self._merged.section
        yield from list(self._merged.interfaces)
        streams = [PartStream(part, self._inputs, self._merged, tells=not self._sorts) for part in self._inputs.parts]
        self._stack.callback(_close, streams)
        packets = 0
        if self._sorts:  # the step that sorts keeps packets of the same time in the order in which they come
            items = _one_behind_the_other(streams)
        else:
            keys = TimeKeys(self._merged.second_before(self._inputs.parts))
            items = _StreamMerger(self._merged, streams, _Files(self._stack), 0, keys, self._on_batch).items()
        for item in items:
            if isinstance(item, PacketBatch):
                item.first_number = packets + 1
                packets += item.rows
            yield item


def _close(streams: Sequence[Stream]) -> None:
    """Close all streams, also after an error, for which nobody reads them to their ends."""
    for stream in streams:
        stream.close()


def _one_behind_the_other(streams: Sequence[Stream]) -> Iterator[Item]:
    """Yield the items of one stream behind those of the other."""
    for stream in streams:
        try:
            stream.open(WINDOW_SIZE)
            yield from stream.items
        finally:
            stream.close()


class _Files:
    """Nameless temporary files, one for each level of groups: a merge of groups may be that of a group itself. `stack`
    closes them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._files: list[io.FileIO] = []

    def clear_file(self, level: int) -> io.FileIO:
        """Return the file of a level, without what an earlier merge there has left. Raises FileError."""
        if level == len(self._files):
            self._files.append(self._stack.enter_context(temporary_file()))
        with writing(TEMPORARY_FILE):
            self._files[level].truncate(0)
        return self._files[level]


class _StreamMerger:
    """Merges streams. Its groups are in the file of its `level`: how many merges go on that take its packets."""

    def __init__(
        self,
        merged: MergedSection,
        streams: Sequence[Stream],
        files: _Files,
        level: int,
        keys: TimeKeys,
        on_batch: Callable[[], object],
    ) -> None:
        self._merged = merged
        self._files, self._level = files, level
        self._on_batch = on_batch
        self._kernels = choose()
        self._most_open = most_open()
        self._keys = keys
        self._keys.add_interfaces(merged.interfaces)
        self._unit = self._keys.unit
        self._waiting = deque(sorted((each for each in streams if each.batch is None), key=self._opening))
        open_streams = [each for each in streams if each.batch is not None]
        self._open: dict[int, Stream] = dict(enumerate(open_streams))
        self._free = list(range(len(open_streams), self._most_open))
        self._loaded: set[int] = set()  # the slots of streams whose packets are being merged
        self._buffer = bytearray(_OUTPUT)
        self._columns = Columns(_ROWS)
        self._end = self._rows = 0
        self._count_format_only: Callable[[PacketBatch], Mapping[str, int]] | None = None
        self._merger: Any = self._kernels.PacketMerger(self._most_open)
        self._exact_keys: list[int] | None = None  # in order, if 64 bits cannot hold them; ranks among them are merged
        self._merge_anew()

    def items(self) -> Iterator[Item]:
        """Yield the items of all streams. Raises FormatError for a time that cannot be determined, and FileError."""
        try:
            while self._open or self._waiting:
                done, self._end, self._rows, status = self._merger.merge(
                    self._limit, self._buffer, self._end, self._columns, self._rows
                )
                if done >= 0:
                    yield from self._load(done)
                elif status == FULL:
                    yield from self._flush()
                else:
                    yield from self._open_next()
            yield from self._flush()
        finally:
            for stream in self._open.values():
                stream.close()

    def _opening(self, stream: Stream) -> tuple[int, int]:
        """When a stream is opened, as a key by which streams are sorted."""
        return _BEFORE_ALL if stream.first is None else self._keys.key(*stream.first), stream.rank

    def _flush(self) -> Iterator[PacketBatch]:
        """Yield the packets that were merged. If there are none, make the buffer large enough for the next one."""
        if not self._rows:
            stream = self._merger.next_stream()
            if stream >= 0:
                columns, row = self._batch_of(stream).columns, self._merger.next_row(stream)
                size = columns.record_length[row] + columns.captured_length[row] + columns.options_length[row]
                self._buffer = bytearray(max(_OUTPUT, size))
            return
        batch = PacketBatch(
            self._buffer,
            self._columns,
            self._rows,
            first_number=0,
            section=self._merged.section,
            interfaces=self._merged.interfaces,
        )
        batch.contiguous = self._kernels.only_records(self._columns, self._rows, self._end)
        if self._count_format_only is not None:
            batch.count_format_only = self._count_format_only
            batch.format_only = self._count_format_only(batch)
        batch.exchangeable = self._buffer
        yield batch
        self._buffer = batch.exchangeable
        self._end = self._rows = 0
        if len(self._buffer) > _OUTPUT:
            self._buffer = bytearray(_OUTPUT)

    def _open_next(self) -> Iterator[Item]:
        """Open the stream whose turn it is; if too many are open, merge in groups."""
        stream = self._waiting[0]
        if self._open and sum(each.cost for each in self._open.values()) + stream.cost > self._most_open:
            yield from self._merge_groups()
            return
        self._waiting.popleft()
        stream.open(min(WINDOW_SIZE, max(_SMALLEST_WINDOW, _WINDOWS // (1 + len(self._open)))))
        slot = self._free.pop()
        self._open[slot] = stream
        self._set_limit()
        yield from self._load(slot)

    def _load(self, slot: int) -> Iterator[Item]:
        """Load the next packets of a stream, and yield the items before them. Close the stream at its end."""
        stream = self._open[slot]
        stream.batch = None
        self._loaded.discard(slot)
        for item in stream.items:
            if isinstance(item, PacketBatch):
                yield from self._add_batch(slot, stream, item)
                return
            if isinstance(item, Block | Interface):
                yield from self._flush_before()
            yield item
            if isinstance(item, Interface):
                self._keys.add_interfaces(self._merged.interfaces)
                if self._keys.unit != self._unit:
                    self._merge_anew()
        stream.close()
        del self._open[slot]
        self._free.append(slot)

    def _flush_before(self) -> Iterator[PacketBatch]:
        """Yield the packets that were merged before another item is yielded."""
        if self._rows:
            yield from self._flush()

    def _batch_of(self, slot: int) -> PacketBatch:
        batch = self._open[slot].batch
        assert batch is not None
        return batch

    def _add_batch(self, slot: int, stream: Stream, batch: PacketBatch) -> Iterator[Notice]:
        """Set the batch as the next packets of a stream; yield a notice if the stream goes back in time there."""
        if batch.format_only:
            self._count_format_only = batch.count_format_only
        self._keys.carried = stream.carried
        with name_in_errors(stream.name):
            stream.timed = self._keys.carry_times(batch)
        stream.batch, stream.row, stream.carried = batch, 0, self._keys.carried
        stream.latest = stream.next_latest
        keys, fall = self._rising_keys(stream)
        if isinstance(keys, array) and self._exact_keys is None and self._keys.unit == self._unit:
            self._set_rows(slot, stream, keys)
        else:
            self._merge_anew()
        if fall is not None and stream.tells:
            stream.tells = False
            number = stream.packets_before + batch.number(fall)
            stay = f"packets stay where they stand, and {argument('sort', True)} orders all"
            yield Notice(None, f"packet {number} is earlier than a packet before it; its {stay}", stream.name)

    def _set_rows(self, slot: int, stream: Stream, keys: array[int]) -> None:
        batch = stream.batch
        assert batch is not None
        self._loaded.add(slot)
        self._merger.set_rows(slot, batch.buffer, batch.columns, keys, stream.row, batch.rows, stream.rank)

    def _rising_keys(self, stream: Stream) -> tuple[Sequence[int], int | None]:
        """Return the keys of a stream's batch, none of them lower than one before it; and the first row that is earlier
        than one before it, None if no row is. Note the latest time up to the end of the batch."""
        assert stream.batch is not None
        timed, rows = stream.timed, stream.batch.rows
        keys = self._keys.keys(timed, rows)
        before = 0 if stream.latest is None else self._keys.key(*stream.latest)
        if isinstance(keys, array) and before < 2**64 and not self._kernels.count_falls(keys, before, before)[0]:
            stream.next_latest = _time_in(timed, rows - 1, stream.batch) or stream.latest
            return keys, None
        fall, highest, latest = None, None, before
        for row, key in enumerate(keys):
            if key < latest and fall is None:
                fall = row
            if key >= latest:
                highest, latest = row, key
        stream.next_latest = stream.latest if highest is None else _time_in(timed, highest, stream.batch)
        rising = list(accumulate(keys, max, initial=before))[1:]
        return (array("Q", rising) if rising[-1] < 2**64 else rising), fall

    def _note_rows(self) -> None:
        """Note in each stream which of its rows comes next. Its rows are then no longer in the merger."""
        for slot in self._loaded:
            self._open[slot].row = self._merger.next_row(slot)
        self._loaded.clear()

    def _merge_anew(self) -> None:
        """Give all open streams their keys anew, from their next rows on: because the unit of the keys has changed, or
        because 64 bits cannot hold some. Then the keys' places among all of them are merged."""
        self._note_rows()
        self._unit = self._keys.unit
        self._merger = self._kernels.PacketMerger(self._most_open)
        keys = {slot: self._rising_keys(stream)[0] for slot, stream in self._open.items() if stream.batch is not None}
        self._exact_keys = None
        if not all(isinstance(each, array) for each in keys.values()):
            self._exact_keys = sorted({key for each in keys.values() for key in each})
            place = {key: index for index, key in enumerate(self._exact_keys)}
            keys = {slot: array("Q", [place[key] for key in each]) for slot, each in keys.items()}
        for slot, each in keys.items():
            assert isinstance(each, array)
            self._set_rows(slot, self._open[slot], each)
        self._set_limit()

    def _set_limit(self) -> None:
        """Set the key before which packets are merged: that at which the next stream is opened; None if none waits."""
        self._limit: int | None = None
        if self._waiting:
            key = max(0, self._opening(self._waiting[0])[0])
            if self._exact_keys is not None:
                self._limit = bisect_left(self._exact_keys, key)
            elif key < 2**64:  # any other key is higher than all that are merged
                self._limit = key

    def _merge_groups(self) -> Iterator[Item]:
        """Merge what is left of all streams in groups of neighbours, each into a part of a temporary file; these parts
        are then the streams."""
        yield from self._flush_before()
        self._note_rows()
        streams = sorted([*self._open.values(), *self._waiting], key=lambda each: each.rank)
        self._open, self._free, self._waiting = {}, list(range(self._most_open)), deque()
        merged, file = list[Stream](), self._files.clear_file(self._level)
        groups = list(_groups(streams, self._most_open))
        size = -(-len(groups) // self._most_open)
        for at in range(0, len(groups), size):
            group = list(chain.from_iterable(groups[at : at + size]))
            scratch = ScratchStream(self._merged, group[0].rank, file)
            merge = _StreamMerger(self._merged, group, self._files, self._level + 1, self._keys, self._on_batch)
            yield from scratch.fill(merge.items(), self._on_batch)
            merged.append(scratch)
        self._keys.add_interfaces(self._merged.interfaces)
        self._waiting.extend(merged)
        self._merge_anew()


def most_open() -> int:
    """How many streams may be open: as many as the process may open files, but not more than memory has room for."""
    if resource is None:
        return MOST_OPEN
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_OPEN
    return max(2, min(MOST_OPEN, (limit - _OTHER_FILES) // _SHARES))


def _groups(streams: Sequence[Stream], most: int) -> Iterator[list[Stream]]:
    """Divide streams into groups that can be open at the same time."""
    group: list[Stream] = []
    for stream in streams:
        if group and sum(each.cost for each in group) + stream.cost > most:
            yield group
            group = []
        group.append(stream)
    yield group


def _time_in(timed: Columns, row: int, batch: PacketBatch) -> tuple[int, int] | None:
    """The ticks and the interface of a row's time; None for a packet that has no time, nor a packet before it."""
    simple = batch.columns.record_type[row] == SIMPLE_PACKET
    interface = timed.options_at[row] if simple else timed.interface[row]
    return None if interface < 0 else (timed.ticks[row], interface)
