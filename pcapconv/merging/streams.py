"""The streams of a merge by time: a part of an input, and a temporary file with packets that were merged before."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from pcapconv import formats
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.read_write import TEMPORARY_FILE, reading
from pcapconv.io.source import Source, open_again
from pcapconv.io.target import Target
from pcapconv.merging.inputs import Inputs, Part
from pcapconv.merging.merged_section import MergedSection
from pcapconv.merging.part_items import PartItems
from pcapconv.model import Block, Columns, Item, PacketBatch
from pcapconv.spec.pcapng import ENHANCED_PACKET, SIMPLE_PACKET
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.steps.time_keys import NOTHING_CARRIED

# The options of a Simple Packet that is marked in a temporary file: a local option that no other packet has alone.
_SIMPLE = bytes.fromhex("ffff 0000 0000 0000")
COMPRESSED_COST = 20  # of a stream, for the memory that its decompression takes


class Stream:
    """Packets and other items of the one section, in the order in which they stay. Subclasses open it.

    * `name`: for messages. `tells`: whether the first packet that is earlier than the one before it is worth a notice.
    * `rank`: the order of streams for packets of the same time.
    * `first`: the ticks and the interface of the first packet, None if the stream has to be opened at once.
    * `cost`: how many plain open files the stream counts for.

    While the stream is open:

    * `items`: its items; `batch` is the last batch among them, of which the rows from `row` on are not merged yet.
    * `timed`: the batch's columns, in which each packet has a time. `carried`: see `TimeKeys`.
    * `latest`: the ticks and the interface of the latest packet before the batch; `next_latest` of those up to its end.
    """

    name = TEMPORARY_FILE
    tells = False
    rank = 0
    first: tuple[int, int] | None = None
    cost = 1
    packets_before = 0

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.items: Iterator[Item] = iter(())
        self.batch: PacketBatch | None = None
        self.row = 0
        self.timed = Columns(0)
        self.carried = NOTHING_CARRIED
        self.latest: tuple[int, int] | None = None
        self.next_latest: tuple[int, int] | None = None

    def open(self, window_size: int) -> None:
        """Open the stream, with a window of this size. Raises FormatError and FileError."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the stream, and let go of its memory."""
        self.stack.close()
        self.items, self.batch, self.timed = iter(()), None, Columns(0)


class PartStream(Stream):
    """A part of an input."""

    def __init__(self, part: Part, inputs: Inputs, merged: MergedSection, *, tells: bool) -> None:
        super().__init__()
        self._part, self._inputs, self._merged = part, inputs, merged
        self.name, self.tells, self.rank = part.source.name, tells, part.rank
        self.packets_before = part.packets_before
        self.cost = 1 if part.compression is None else COMPRESSED_COST
        if part.first is not None:
            ticks, interface = part.first
            self.first = ticks, merged.ids_of[part.rank][interface]

    def open(self, window_size: int) -> None:
        """See `Stream.open`."""
        reader = self.stack.enter_context(self._inputs.open_part(self._part, window_size))
        self.stack.callback(self._merged.forget, self._part)
        self.items = PartItems(self._part, self._merged).items(reader)


class ScratchStream(Stream):
    """Packets and blocks that were merged before: bytes of a nameless temporary file, which are a capture in the
    section's layout.

    `fill` writes them at the end of the file, which several streams share. All methods raise FileError.
    """

    def __init__(self, merged: MergedSection, rank: int, file: io.FileIO) -> None:
        super().__init__()
        self._merged, self.rank, self._file = merged, rank, file
        self._has_marks = False
        self._begin = self._end = 0

    def fill(self, items: Iterable[Item], on_batch: Callable[[], object]) -> Iterator[Item]:
        """Write packets and blocks to the file. Yield all other items, and blocks that packets of other streams may
        need, too: names, secrets, processes, which are numbered in the order in which they are met. `on_batch` is
        called for each batch."""
        with reading(TEMPORARY_FILE):
            self._begin = self._file.seek(0, os.SEEK_END)
        output = BufferedOutput(Target(self._file, self.name))
        try:
            writer = formats.open_writer(WriterSettings(self._merged.section.layout), output)
            writer.write(self._merged.section)
            declared = 0
            for item in items:
                if isinstance(item, PacketBatch) or (isinstance(item, Block) and not item.explains_packets):
                    for interface in self._merged.interfaces[declared:]:
                        writer.write(interface)
                    declared = len(self._merged.interfaces)
                    if isinstance(item, PacketBatch):
                        self._mark_simple_packets(item)
                        on_batch()
                    writer.write(item)
                else:
                    yield item
            writer.finish()
        finally:
            output.close()
        with reading(TEMPORARY_FILE):
            self._end = self._file.tell()

    def open(self, window_size: int) -> None:
        """See `Stream.open`."""
        with reading(TEMPORARY_FILE):
            self._file.seek(0)
        whole = Source(self._file, self.name, owned=False)
        source = self.stack.enter_context(open_again(whole, self._begin, self._end))
        source.fractions, source.complete = self._merged.fractions, True
        self.items = self._items(formats.open_reader(source, window_size))

    def _mark_simple_packets(self, batch: PacketBatch) -> None:
        """Mark Simple Packets of other interfaces than 0, so that they can be Enhanced Packets in the file."""
        columns = batch.columns
        types = columns.record_type[: batch.rows].tobytes()
        if SIMPLE_PACKET not in types:
            return
        rows = [row for row, code in enumerate(types) if code == SIMPLE_PACKET and columns.interface[row]]
        replace_options(batch, dict.fromkeys(rows, _SIMPLE))
        for row in rows:
            batch.columns.record_type[row] = ENHANCED_PACKET
        self._has_marks = self._has_marks or bool(rows)

    def _restore_simple_packets(self, batch: PacketBatch) -> None:
        """Turn the packets that are marked into Simple Packets again."""
        columns = batch.columns
        for row, length in enumerate(columns.options_length[: batch.rows]):
            if length == len(_SIMPLE) and options_of_row(batch, row) == _SIMPLE:
                columns.record_type[row], columns.record_length[row] = SIMPLE_PACKET, 0
                columns.options_length[row] = columns.ticks[row] = 0
                batch.contiguous = False

    def _items(self, reader: formats.Reader) -> Iterator[Item]:
        for item in reader.items():
            if isinstance(item, PacketBatch):
                if self._has_marks:
                    self._restore_simple_packets(item)
                item.section, item.interfaces = self._merged.section, self._merged.interfaces
                yield item
            elif isinstance(item, Block):
                yield item
