"""The streams of a merge by time: a part of an input, and a temporary file with packets that were merged before."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from pcapconv import formats
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.read_write import TEMPORARY_FILE, reading
from pcapconv.io.source import Source, open_again
from pcapconv.io.target import Target
from pcapconv.merging.inputs import Inputs, Part
from pcapconv.merging.one_section import OneSection
from pcapconv.merging.part_items import PartItems
from pcapconv.merging.simple_packets import EncodeSimplePackets
from pcapconv.model import Block, Columns, Item, PacketBatch
from pcapconv.steps.time_keys import NOTHING_CARRIED

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
        """Close the stream, and forget what it has read."""
        self.stack.close()
        self.items, self.batch, self.timed = iter(()), None, Columns(0)


class PartStream(Stream):
    """A part of an input."""

    def __init__(self, part: Part, inputs: Inputs, one: OneSection, *, tells: bool) -> None:
        super().__init__()
        self._part, self._inputs, self._one = part, inputs, one
        self.name, self.tells, self.rank = part.source.name, tells, part.rank
        self.packets_before = part.packets_before
        self.cost = 1 if part.compression is None else COMPRESSED_COST
        if part.first is not None:
            ticks, interface = part.first
            self.first = ticks, one.ids_of[part.rank][interface]

    def open(self, window_size: int) -> None:
        """See `Stream.open`."""
        reader = self.stack.enter_context(self._inputs.open_part(self._part, window_size))
        self.stack.callback(self._one.forget, self._part)
        self.items = PartItems(self._part, self._one).items(reader)


class ScratchStream(Stream):
    """Packets and blocks that were merged before: bytes of a nameless temporary file, which are a pcapng capture.

    `fill` writes them at the end of the file, which several streams share. All methods raise FileError.
    """

    def __init__(self, one: OneSection, rank: int, file: io.FileIO) -> None:
        super().__init__()
        self._one, self.rank, self._file = one, rank, file
        self._begin = self._end = 0

    def fill(self, items: Iterable[Item]) -> Iterator[Item]:
        """Write packets and blocks to the file. Yield all other items, and blocks that packets of other streams may
        need, too: names, secrets, and processes, which are numbered in the order in which they are met."""
        encode = EncodeSimplePackets(self._one.losses)
        with reading(TEMPORARY_FILE):
            self._begin = self._file.seek(0, os.SEEK_END)
        output = BufferedOutput(Target(self._file, self.name))
        try:
            writer = formats.open_writer(WriterSettings("pcapng"), output)
            writer.write(self._one.section)
            declared = 0
            for item in items:
                if isinstance(item, PacketBatch) or (isinstance(item, Block) and not item.explains_packets):
                    for interface in self._one.interfaces[declared:]:
                        writer.write(interface)
                    declared = len(self._one.interfaces)
                    writer.write(encode.encode(item) if isinstance(item, PacketBatch) else item)
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
        self.items = self._items(formats.open_reader(source, window_size))

    def _items(self, reader: formats.Reader) -> Iterator[Item]:
        for item in reader.items():
            if isinstance(item, PacketBatch):
                item.section, item.interfaces = self._one.section, self._one.interfaces
                yield item
            elif isinstance(item, Block):
                yield item
