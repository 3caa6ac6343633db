"""Packets in the order of their times, however many there are.

Strategy: packets become blocks in a buffer; a full one is put in order and goes to an unnamed temporary file as a run.
The runs are merged by pieces: of each run, the packets up to a time that no packet which is still in the file can
precede, put in order together. Packets with the same time stay in their order, since runs and what they hold are taken
in it. Custom and unknown blocks and statistics, but for processes, come behind all packets.
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

_RUN = 16 * 2**20  # bytes of packets that are put in order in memory
_PIECES = 8 * 2**20  # bytes of all runs that are in memory while they are merged
_SMALLEST = 16 * 1024  # bytes of one run
_MOST_RUNS = 64  # that are merged at once: each piece takes a look at all
_ROWS = 2**17
_ROWS_OF_PIECE = 2**15
_SHORTEST = 32  # bytes of a packet's block
_NAME = "a temporary file"


class Sort(Step):
    """The step, for packets of one section whose interfaces count alike. Packets that are `rising` are in order
    already."""

    def __init__(self, *, rising: bool) -> None:
        super().__init__()
        self._rising = rising
        self._of_packets: Section | None = None
        self._kernels = choose()
        self._buffer = bytearray()
        self._columns = Columns(0)  # of what is in it when it is put in order
        self._size = 0  # of what is in the buffer
        self._rows = 0
        self._runs: list[_Place] = []
        self._file_end = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items, packets in order. Raises FileError."""
        with temporary_file() as self._file, TrailingBlocks() as self._behind:
            yield from super().__call__(items)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.explains_packets:
            return (block,)
        self._behind.add(block)
        return ()

    def _end(self) -> Iterator[Item]:
        if self._of_packets is not None:
            yield from self._sorted(self._of_packets)
        yield from self._behind.blocks()

    def _sorted(self, section: Section) -> Iterator[PacketBatch]:
        """All packets, in order."""
        interfaces, number = self._interfaces, 1
        for buffer, columns, rows in self._in_order(self._file, len(interfaces)):
            batch = PacketBatch(buffer, columns, rows, first_number=number, section=section, interfaces=interfaces)
            batch.contiguous = False
            yield batch
            number += rows

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        if self._rising:
            return (batch,)
        self._of_packets = batch.section
        row = 0
        while row < batch.rows:
            rows = min(batch.rows, row + _ROWS - self._rows)
            stopped, self._size, status = self._kernels.encode_pcapng(
                batch.buffer, batch.columns, row, rows, self._buffer, self._size, False, False
            )
            self._rows += stopped - row
            row = stopped
            if self._rows == _ROWS or (status == FULL and self._rows):
                self._put_away(self._file, len(batch.interfaces))
            elif status == FULL:
                columns = batch.columns
                needed = 36 + columns.captured_length[row] + columns.options_length[row]
                self._buffer = bytearray(max(_RUN, needed))
        return ()

    def _put_away(self, file: Any, interfaces: int) -> None:
        """A run that is complete, to the file."""
        columns, rows = self._ordered(self._buffer, self._size, self._rows, interfaces)
        self._runs.append(_Place(self._file_end, self._file_end + self._size, max(columns.record_length[:rows])))
        self._write(file, self._buffer, columns, rows)
        self._size = self._rows = 0
        if len(self._buffer) > _RUN:  # it was for a packet of unusual size
            self._buffer = bytearray()

    def _write(self, file: Any, buffer: bytes | bytearray, columns: Columns, rows: int) -> None:
        """Packets to the end of the file."""
        room, row = bytearray(max(_SMALLEST, max(columns.record_length[:rows]))), 0
        with writing(_NAME):
            file.seek(self._file_end)
        while row < rows:
            row, size, _ = self._kernels.copy_records(buffer, columns, row, rows, room, 0)
            with writing(_NAME), memoryview(room) as view:
                write_all(file, view[:size])
            self._file_end += size

    def _in_order(self, file: Any, interfaces: int) -> Iterator[tuple[bytes | bytearray, Columns, int]]:
        """All packets, as buffers and columns."""
        if not self._runs:
            yield (self._buffer, *_changed(self._ordered(self._buffer, self._size, self._rows, interfaces)))
            return
        if self._rows:
            self._put_away(file, interfaces)
        self._buffer = bytearray()
        while len(self._runs) > 2 and (
            len(self._runs) > _MOST_RUNS or sum(run.longest for run in self._runs) > _PIECES
        ):
            self._merge_some(file, interfaces)
        for buffer, columns, rows in self._merged(file, self._runs, interfaces):
            yield buffer, *_changed((columns, rows))

    def _merge_some(self, file: Any, interfaces: int) -> None:
        """Merge neighbouring runs into fewer, since each has at least one packet in memory and packets are long."""
        runs, self._runs = self._runs, []
        while runs:
            taken, longest = 0, 0
            while taken < len(runs) and (
                taken < 2 or (taken < _MOST_RUNS and longest + runs[taken].longest <= _PIECES)
            ):
                longest += runs[taken].longest
                taken += 1
            some, runs = runs[:taken], runs[taken:]
            begin = self._file_end
            for buffer, columns, rows in self._merged(file, some, interfaces):
                self._write(file, buffer, columns, rows)
            self._runs.append(_Place(begin, self._file_end, max(run.longest for run in some)))

    def _merged(
        self, file: Any, places: Sequence[_Place], interfaces: int
    ) -> Iterator[tuple[bytes | bytearray, Columns, int]]:
        size = max(_SMALLEST, _PIECES // len(places))
        runs = [_Run(file, place.begin, place.end, size, interfaces) for place in places]
        while True:
            runs = [run for run in runs if run.has_more()]
            if not runs:
                return
            before = sum(run.row for run in runs)
            buffer = b"".join(_next_of(runs))
            rows = sum(run.row for run in runs) - before
            yield (buffer, *self._ordered(buffer, len(buffer), rows, interfaces))

    def _ordered(self, buffer: bytes | bytearray, size: int, rows: int, interfaces: int) -> tuple[Columns, int]:
        """The packets in a buffer, in order. Valid until the next call."""
        if self._columns.capacity < rows:
            self._columns = Columns(rows)
        columns = self._columns
        self._kernels.index_pcapng(buffer, 0, size, columns, False, interfaces, 0)
        if self._kernels.first_out_of_order(columns, 0, rows) == rows:
            return columns, rows
        into = Columns(rows)
        self._kernels.reorder(columns, rows, self._kernels.argsort(columns.ticks[:rows]), into)
        return into, rows


class _Place(NamedTuple):
    """Where a run is in the file, and the size of its longest packet's block."""

    begin: int
    end: int
    longest: int


class _Run:
    """A run in the file, of which the packets from `row` up to `rows` are in memory."""

    def __init__(self, file: Any, at: int, end: int, size: int, interfaces: int) -> None:
        self._file = file
        self._at, self._end = at, end
        self._size = size
        self._interfaces = interfaces
        self._buffer = b""
        self._columns = Columns(0)
        self.row = self.rows = 0

    def has_more(self) -> bool:
        """Whether there is another packet, which is in memory then."""
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
            size *= 2  # for a packet that is longer than a piece
        return self.row < self.rows

    @property
    def limit(self) -> int | None:
        """The last time that is in memory, None when there is nothing behind it."""
        return None if self._at == self._end else self._columns.ticks[self.rows - 1]

    def up_to(self, limit: int | None, *, including: bool) -> bytes:
        """The packets up to a time, which are gone then."""
        first, ticks = self.row, self._columns.ticks
        if limit is None:
            self.row = self.rows
        else:
            self.row = (bisect_right if including else bisect_left)(ticks, limit, first, self.rows)
        if self.row == first:
            return b""
        begin, last = self._columns.record_at[first], self.row - 1
        return self._buffer[begin : self._columns.record_at[last] + self._columns.record_length[last]]


def _next_of(runs: list[_Run]) -> Iterator[bytes]:
    """The packets of each run that come before all that are still in the file. Of the earliest run that has a packet
    at the last such time, more of that time may follow; so they go before those of the runs behind it."""
    limits = [(limit, place) for place, run in enumerate(runs) if (limit := run.limit) is not None]
    limit, of = min(limits, default=(None, 0))
    return (run.up_to(limit, including=place <= of) for place, run in enumerate(runs))


def _changed(ordered: tuple[Columns, int]) -> tuple[Columns, int]:
    """Packets whose blocks do not count any more, since other steps may change them."""
    columns, rows = ordered
    changed = columns.twin(0, "record_length")
    changed.record_length = array("I", bytes(4 * rows))
    return changed, rows
