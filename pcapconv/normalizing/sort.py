"""The step that orders any number of packets by time.

Strategy: packets are encoded as blocks into a buffer. A full buffer is sorted and written to an unnamed temporary file
as a run. To merge runs, a piece of each run is read into memory, and those packets in memory are sorted that come
before all packets still in the file. Packets of the same time keep their order, since sorting is stable and runs are
merged in the order of the capture. Statistics, and custom and unknown blocks other than process blocks, come after all
packets.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pcapconv.io.read_write import read_all, reading, write_all, writing
from pcapconv.io.source import temporary_file
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL
from pcapconv.model import Block, Columns, Item, PacketBatch, Section
from pcapconv.normalizing.trailing_blocks import TrailingBlocks
from pcapconv.steps import Step

_RUN = 16 * 2**20  # bytes of packets that are sorted in memory
_PIECES = 8 * 2**20  # bytes of all pieces that are in memory while runs are merged
_SMALLEST = 16 * 1024  # bytes of one piece
_MOST_RUNS = 64  # runs that are merged at once: for each output batch, every one is searched
_ROWS = 2**17  # packets of a run
_ROWS_OF_PIECE = 2**15
_SHORTEST = 32  # bytes of the smallest packet block
_NAME = "a temporary file"


class Sort(Step):
    """Orders the packets of a capture with one section, whose interfaces have the same time unit, by time. With
    `rising`, the packets are in order already, and only the trailing blocks move."""

    def __init__(self, *, rising: bool) -> None:
        super().__init__()
        self._rising = rising
        self._packet_section: Section | None = None
        self._kernels = choose()
        self._buffer = bytearray()
        self._columns = Columns(0)  # of a buffer that is sorted
        self._size = 0  # bytes of packets in the buffer
        self._rows = 0  # packets in the buffer
        self._runs: list[_StoredRun] = []
        self._file_end = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items with the packets in order. Raises FileError."""
        with temporary_file() as self._file, TrailingBlocks() as self._trailing:
            yield from super().__call__(items)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.explains_packets:
            return (block,)
        self._trailing.add_block(block)
        return ()

    def _end(self) -> Iterator[Item]:
        if self._packet_section is not None:
            yield from self._sorted_batches(self._packet_section)
        yield from self._trailing.blocks()

    def _sorted_batches(self, section: Section) -> Iterator[PacketBatch]:
        """All packets in order, numbered anew."""
        interfaces, number = self._interfaces, 1
        for buffer, columns, rows in self._sorted_columns(self._file, len(interfaces)):
            batch = PacketBatch(buffer, columns, rows, first_number=number, section=section, interfaces=interfaces)
            batch.contiguous = False
            yield batch
            number += rows

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        if self._rising:
            return (batch,)
        self._packet_section = batch.section
        row = 0
        while row < batch.rows:
            rows = min(batch.rows, row + _ROWS - self._rows)
            stopped, self._size, status = self._kernels.encode_pcapng(
                batch.buffer, batch.columns, row, rows, self._buffer, self._size, False, False
            )
            self._rows += stopped - row
            row = stopped
            if self._rows == _ROWS or (status == FULL and self._rows):
                self._write_run(self._file, len(batch.interfaces))
            elif status == FULL:
                columns = batch.columns
                needed = 36 + columns.captured_length[row] + columns.options_length[row]
                self._buffer = bytearray(max(_RUN, needed))
        return ()

    def _write_run(self, file: Any, interfaces: int) -> None:
        """Sort the packets in the buffer, write them to the file as a run, and empty the buffer."""
        columns, rows = self._sort(self._buffer, self._size, self._rows, interfaces)
        self._runs.append(_StoredRun(self._file_end, self._file_end + self._size, max(columns.record_length[:rows])))
        self._append(file, self._buffer, columns, rows)
        self._size = self._rows = 0
        if len(self._buffer) > _RUN:  # the buffer was made for a packet of unusual size
            self._buffer = bytearray()

    def _append(self, file: Any, buffer: bytes | bytearray, columns: Columns, rows: int) -> None:
        """Append packets to the file."""
        room, row = bytearray(max(_SMALLEST, max(columns.record_length[:rows]))), 0
        with writing(_NAME):
            file.seek(self._file_end)
        while row < rows:
            row, size, _ = self._kernels.copy_records(buffer, columns, row, rows, room, 0)
            with writing(_NAME), memoryview(room) as view:
                write_all(file, view[:size])
            self._file_end += size

    def _sorted_columns(self, file: Any, interfaces: int) -> Iterator[tuple[bytes | bytearray, Columns, int]]:
        """Yield all packets in order, as buffers, each with columns and the number of rows."""
        if not self._runs:
            yield (self._buffer, *_without_records(self._sort(self._buffer, self._size, self._rows, interfaces)))
            return
        if self._rows:
            self._write_run(file, interfaces)
        self._buffer = bytearray()
        while len(self._runs) > 2 and (
            len(self._runs) > _MOST_RUNS or sum(run.longest for run in self._runs) > _PIECES
        ):
            self._merge_neighbours(file, interfaces)
        for buffer, columns, rows in self._merge(file, self._runs, interfaces):
            yield buffer, *_without_records((columns, rows))

    def _merge_neighbours(self, file: Any, interfaces: int) -> None:
        """Merge neighbouring runs into fewer runs. This is needed if there are too many, or if their packets are so
        long that memory cannot hold one packet of each run."""
        runs, self._runs = self._runs, []
        while runs:
            count, longest = 0, 0
            while count < len(runs) and (
                count < 2 or (count < _MOST_RUNS and longest + runs[count].longest <= _PIECES)
            ):
                longest += runs[count].longest
                count += 1
            neighbours, runs = runs[:count], runs[count:]
            begin = self._file_end
            for buffer, columns, rows in self._merge(file, neighbours, interfaces):
                self._append(file, buffer, columns, rows)
            self._runs.append(_StoredRun(begin, self._file_end, max(run.longest for run in neighbours)))

    def _merge(
        self, file: Any, stored: Sequence[_StoredRun], interfaces: int
    ) -> Iterator[tuple[bytes | bytearray, Columns, int]]:
        """Yield the packets of runs in order, as buffers, each with columns and the number of rows."""
        size = max(_SMALLEST, _PIECES // len(stored))
        readers = [_RunReader(file, run.begin, run.end, size, interfaces) for run in stored]
        while True:
            readers = [reader for reader in readers if reader.has_more()]
            if not readers:
                return
            before = sum(reader.row for reader in readers)
            buffer = b"".join(_next_packets(readers))
            rows = sum(reader.row for reader in readers) - before
            yield (buffer, *self._sort(buffer, len(buffer), rows, interfaces))

    def _sort(self, buffer: bytes | bytearray, size: int, rows: int, interfaces: int) -> tuple[Columns, int]:
        """Sort the packets in a buffer. Returns their columns, valid until the next call, and their number."""
        if self._columns.capacity < rows:
            self._columns = Columns(rows)
        columns = self._columns
        self._kernels.index_pcapng(buffer, 0, size, columns, False, interfaces, 0)
        if self._kernels.first_out_of_order(columns, 0, rows) == rows:
            return columns, rows
        into = Columns(rows)
        self._kernels.reorder(columns, rows, self._kernels.argsort(columns.ticks[:rows]), into)
        return into, rows


class _StoredRun(NamedTuple):
    """A run in the file: the offsets of its begin and end, and the length of its longest packet block."""

    begin: int
    end: int
    longest: int


class _RunReader:
    """Reads a run from the file in pieces of `size` bytes. Of the piece in memory, the rows from `row` up to `rows`
    were not returned yet."""

    def __init__(self, file: Any, at: int, end: int, size: int, interfaces: int) -> None:
        self._file = file
        self._at, self._end = at, end
        self._size = size
        self._interfaces = interfaces
        self._buffer = b""
        self._columns = Columns(0)
        self.row = self.rows = 0

    def has_more(self) -> bool:
        """Return whether there is another packet, and read the next piece if need be."""
        size = self._size
        while self.row == self.rows and self._at < self._end:
            with reading(_NAME):
                self._file.seek(self._at)
                self._buffer = read_all(self._file, min(size, self._end - self._at))
            length = len(self._buffer)
            capacity = min(length // _SHORTEST, _ROWS_OF_PIECE)
            if self._columns.capacity < capacity:
                self._columns = Columns(capacity)
            self.row, (self.rows, _, _) = (
                0,
                choose().index_pcapng(self._buffer, 0, length, self._columns, False, self._interfaces, 0),
            )
            if self.rows:
                self._at += self._columns.record_at[self.rows - 1] + self._columns.record_length[self.rows - 1]
            size *= 2  # the next packet is longer than a piece
        return self.row < self.rows

    @property
    def limit(self) -> int | None:
        """The time of the last packet in memory; packets still in the file have this time or a later one. None if no
        packets of the run are left in the file."""
        return None if self._at == self._end else self._columns.ticks[self.rows - 1]

    def next_packets(self, limit: int | None, *, including: bool) -> bytes:
        """Return the next packets in memory with times before `limit`, or also at `limit` if `including`; all if it is
        None."""
        first, ticks = self.row, self._columns.ticks
        if limit is None:
            self.row = self.rows
        else:
            self.row = (bisect_right if including else bisect_left)(ticks, limit, first, self.rows)
        if self.row == first:
            return b""
        begin, last = self._columns.record_at[first], self.row - 1
        return self._buffer[begin : self._columns.record_at[last] + self._columns.record_length[last]]


def _next_packets(readers: list[_RunReader]) -> Iterator[bytes]:
    """Return, for each run, the packets that come before all packets still in the file.

    No packet in the file has a time before the lowest limit. The first run with that limit may have more packets of the
    same time in the file, and later runs' packets of that time come after these. So packets of that time are returned
    only for this run and the runs before it.
    """
    limits = [(limit, index) for index, reader in enumerate(readers) if (limit := reader.limit) is not None]
    limit, first = min(limits, default=(None, 0))
    return (reader.next_packets(limit, including=index <= first) for index, reader in enumerate(readers))


def _without_records(packets: tuple[Columns, int]) -> tuple[Columns, int]:
    """Return the columns with no record for any row, since later steps may change the packets."""
    columns, rows = packets
    changed = columns.with_copies(0, "record_length")
    changed.record_length = array("I", bytes(4 * rows))
    return changed, rows
