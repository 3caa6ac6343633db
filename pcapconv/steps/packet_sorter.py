"""Orders any number of packets by time: used by the steps that sort a section, and by the normal form.

Strategy: packets that can be read again from the input stay there, as long as memory has room for those whose times
overlap (`input_order`). All others are copied into a buffer, with their records, columns and numbers. A full buffer is
sorted and written to an unnamed temporary file as a run, in pieces. A run that begins where the previous one ended
continues that one, so that packets in order are one run. To merge runs, a piece of each is in memory, and those packets
are sorted that come before all packets still in the file. Packets of the same time keep their order, since sorting is
stable and runs are merged in the order of the capture.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

from pcapconv.io.read_write import TEMPORARY_FILE, read_all, reading, writing
from pcapconv.io.temporary_file import temporary_file
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.steps.input_order import InputOrder, Part, rows_before
from pcapconv.steps.packet_buffer import HEADER, PacketBuffer, size_of
from pcapconv.steps.time_keys import TimeKeys

_RUN = 16 * 2**20  # bytes of packets that are sorted in memory
_ROWS = 2**17  # packets of a run
_PIECE = 128 * 1024  # bytes of packets in a piece, unless a single packet is longer
_ROWS_OF_PIECE = 2**11
_PIECES = 16 * 2**20  # bytes of all pieces that are in memory while runs are merged
_MOST_RUNS = 64  # runs that are merged at once: for each output batch, every one is searched
_OUTPUT = 512 * 1024  # bytes of packets in an output batch, unless a single packet is longer
_ROWS_OF_OUTPUT = 2**13


class PacketSorter:
    """Takes the packets of a section, and returns them in order. Use it as a context manager. All methods raise
    FileError."""

    def __init__(self) -> None:
        self._kernels = choose()
        self._keys = TimeKeys()
        self._file: Any = None  # made for the first run
        self._file_end = 0
        self._packets = PacketBuffer(0, 0)
        self._gathered = PacketBuffer(0, 0)
        self._merged = PacketBuffer(0, 0)
        self._runs: list[_Run] = []
        self._last_in_runs: Columns | None = None  # the last row of the last run
        self._first_batch: PacketBatch | None = None
        self._in_input: InputOrder | None = None  # None if the packets are copied
        self._has_format_only = False
        self._in_order = array("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # the packets are not needed any more
                self._file.close()

    def add_batch(self, batch: PacketBatch) -> None:
        """Add packets, and copy them. Raises FormatError for a time that cannot be determined."""
        if self._first_batch is None:
            self._first_batch = batch
            self._in_input = InputOrder(self._keys, self._order)
        self._has_format_only = self._has_format_only or bool(batch.format_only)
        self._keys.add_interfaces(batch.interfaces)
        columns = self._keys.carry_times(batch)
        if self._in_input is not None:
            if not self._keys.carries and self._in_input.add_batch(batch):
                return
            self._copy_remaining(self._in_input)
            self._in_input = None
        first, listed = batch.first_number, batch.numbers
        numbers = range(first, first + batch.rows) if listed is None else array("Q", listed)
        self._copy_rows(batch.buffer, columns, numbers, self._as_they_are(batch.rows), 0)

    def _copy_remaining(self, in_input: InputOrder) -> None:
        """Copy the packets that are left in the input."""
        for packets, order, begin, _ in in_input.remaining():
            order = self._as_they_are(packets.rows) if order is None else order
            self._copy_rows(packets.buffer, packets.columns, packets.numbers, order, begin)

    def _copy_rows(
        self, buffer: bytes | bytearray, columns: Columns, numbers: array[int] | range, order: array[int], index: int
    ) -> None:
        """Copy the rows that `order` lists, from its entry `index` on."""
        packets = self._packets
        if not packets.numbers:
            self._packets = packets = PacketBuffer(_RUN, _ROWS)
        while index < len(order):
            index, status = packets.add_rows(buffer, columns, numbers, order, index)
            if status == FULL and packets.rows:
                self._write_run(packets)
                packets.clear()
            elif status == FULL:
                packets.buffer = bytearray(max(_RUN, size_of(columns, order[index])))

    def batches(self, interfaces: list[Interface]) -> Iterator[PacketBatch]:
        """All packets in order, with their numbers, as batches with these interfaces. Then forget them."""
        first = self._first_batch
        if first is None:
            return
        self._keys.add_interfaces(interfaces)
        for packets in self._sorted():
            self._keys.forget_carried_times(packets.columns, packets.rows)
            yield packets.as_batch(first, interfaces, format_only=self._has_format_only)
        self._clear()

    def _clear(self) -> None:
        self._keys.begin_section()
        self._packets.clear()
        self._runs, self._last_in_runs, self._first_batch, self._in_input = [], None, None, None
        self._merged = PacketBuffer(0, 0)
        self._file_end, self._has_format_only = 0, False

    def _sorted(self) -> Iterator[PacketBuffer]:
        """Yield all packets in order. What is yielded is valid until the next is asked for."""
        if self._in_input is not None:
            for parts in self._in_input.parts():
                yield from self._merge_parts(parts)
            self._merged = PacketBuffer(0, 0)
            self._copy_remaining(self._in_input)
        packets = self._packets
        if not packets.rows:  # nothing was copied
            return
        if not self._runs:
            order = self._order(packets)
            if order is None:
                yield packets
            else:
                yield from self._gather(packets, order)
            return
        self._write_run(packets)
        self._packets = packets = PacketBuffer(0, 0)  # memory is needed for the runs
        while len(self._runs) > 2 and (
            len(self._runs) > _MOST_RUNS or sum(run.longest for run in self._runs) > _PIECES
        ):
            self._merge_neighbours()
        yield from self._merge(self._runs)

    def _order(self, packets: PacketBuffer) -> array[int] | None:
        """Return the rows in the order of their times, or None if they are in order."""
        keys = self._keys.keys(packets.columns, packets.rows)
        if not isinstance(keys, array):
            return array("q", sorted(range(packets.rows), key=keys.__getitem__))
        columns = packets.columns.with_copies(0)
        columns.ticks = keys
        if self._kernels.first_out_of_order(columns, 0, packets.rows) == packets.rows:
            return None
        order: array[int] = self._kernels.argsort(keys)
        return order

    def _as_they_are(self, rows: int) -> array[int]:
        """The order that changes nothing."""
        if len(self._in_order) < rows:
            self._in_order = array("q", range(rows))
        return self._in_order[:rows]

    def _gather(self, packets: PacketBuffer, order: array[int]) -> Iterator[PacketBuffer]:
        """Yield the rows that `order` lists."""
        if not self._gathered.numbers:
            self._gathered = PacketBuffer(_OUTPUT, _ROWS_OF_OUTPUT)
        gathered, index = self._gathered, 0
        gathered.clear()
        while index < len(order):
            index, _ = gathered.add_rows(packets.buffer, packets.columns, packets.numbers, order, index)
            if gathered.rows:
                yield gathered
                gathered.clear()
            else:
                gathered.buffer = bytearray(size_of(packets.columns, order[index]))

    def _write_run(self, packets: PacketBuffer) -> None:
        """Sort packets, and write them to the file as a run, or as the continuation of the last one."""
        if self._file is None:
            self._file = temporary_file()
        elif not self._file_end:
            with writing(TEMPORARY_FILE):
                self._file.truncate(0)
        order = self._order(packets)
        if order is None:
            order = self._as_they_are(packets.rows)
        begin, longest = self._file_end, self._write_pieces(packets, order)
        if self._last_in_runs is not None and self._follows(packets.columns, order[0]):
            last = self._runs.pop()
            begin, longest = last.begin, max(last.longest, longest)
        self._runs.append(_Run(begin, self._file_end, longest))
        self._last_in_runs = packets.columns.copy(order[-1], order[-1] + 1)

    def _follows(self, columns: Columns, row: int) -> bool:
        """Return whether a row comes after the last run."""
        assert self._last_in_runs is not None
        (last,), (first,) = self._keys.keys(self._last_in_runs, 1), self._keys.keys(columns.copy(row, row + 1), 1)
        return last <= first

    def _write_pieces(self, packets: PacketBuffer, order: array[int]) -> int:
        """Append the rows that `order` lists to the file, in pieces. Return the size of the longest piece."""
        piece, index, longest = PacketBuffer(HEADER.size + _PIECE, _ROWS_OF_PIECE, begin=HEADER.size), 0, 0
        with writing(TEMPORARY_FILE):
            self._file.seek(self._file_end)
        while index < len(order):
            index, _ = piece.add_rows(packets.buffer, packets.columns, packets.numbers, order, index)
            if not piece.rows:
                piece.buffer = bytearray(HEADER.size + size_of(packets.columns, order[index]))
                continue
            length = piece.write_to(self._file)
            self._file_end += length
            longest = max(longest, length)
            piece.clear()
            if len(piece.buffer) > HEADER.size + _PIECE:  # it was made for a packet of unusual size
                piece.buffer = bytearray(HEADER.size + _PIECE)
        return longest

    def _merge_neighbours(self) -> None:
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
            begin, longest = self._file_end, 0
            for packets in self._merge(neighbours):
                longest = max(longest, self._write_pieces(packets, self._as_they_are(packets.rows)))
            self._runs.append(_Run(begin, self._file_end, longest))

    def _merge(self, runs: Sequence[_Run]) -> Iterator[PacketBuffer]:
        """Yield the packets of runs in order. What is yielded is valid until the next is asked for."""
        readers = [_RunReader(self._file, run, self._keys) for run in runs]
        while True:
            readers = [reader for reader in readers if reader.has_more()]
            if not readers:
                return
            yield from self._merge_parts([part for part in _next_parts(readers) if part.end > part.begin])

    def _merge_parts(self, parts: list[Part]) -> Iterator[PacketBuffer]:
        """Yield the packets of parts in order, each of which is in order."""
        if len(parts) <= 1:
            for packets, order, begin, end in parts:
                if order is None:
                    yield packets.part(begin, end)
                else:
                    yield from self._gather(packets, order[begin:end])
            return
        size, rows = sum(part.packets.end for part in parts), sum(part.end - part.begin for part in parts)
        merged = self._merged
        if len(merged.buffer) < size or merged.columns.capacity < rows:
            merged = PacketBuffer(max(size, len(merged.buffer)), max(rows, merged.columns.capacity))
            self._merged = merged
        merged.clear()
        for packets, order, begin, end in parts:
            rows_taken = self._as_they_are(end) if order is None else order[:end]
            merged.add_rows(packets.buffer, packets.columns, packets.numbers, rows_taken, begin)
        order = self._order(merged)
        if order is None:
            yield merged
        else:
            yield from self._gather(merged, order)


class _Run(NamedTuple):
    """A run in the file: the offsets of its begin and end, and the size of its longest piece."""

    begin: int
    end: int
    longest: int


class _RunReader:
    """Reads a run from the file, piece by piece. Of the `packets` of the piece in memory, the rows before `row` were
    taken already."""

    def __init__(self, file: Any, run: _Run, keys: TimeKeys) -> None:
        self._file = file
        self._at, self._end, self._longest = run
        self._time_keys = keys
        self._keys: Sequence[int] = ()
        self.packets = PacketBuffer(0, 0)
        self.row = 0

    def has_more(self) -> bool:
        """Return whether there is another packet, and read the next piece if need be."""
        if self.row == self.packets.rows and self._at < self._end:
            self._read_piece()
        return self.row < self.packets.rows

    def _read_piece(self) -> None:
        with reading(TEMPORARY_FILE):
            self._file.seek(self._at)
            piece = read_all(self._file, min(self._longest, self._end - self._at))
        self._at += self.packets.read_from(piece)
        self.row = 0
        self._keys = self._time_keys.keys(self.packets.columns, self.packets.rows)

    @property
    def limit(self) -> int | None:
        """The key of the last packet in memory; packets still in the file have this key or a higher one. None if no
        packets of the run are left in the file."""
        return None if self._at == self._end else self._keys[-1]

    def take_rows(self, limit: int | None, *, including: bool) -> Part:
        """Take the next packets in memory before the limit, as `rows_before` finds them."""
        begin, self.row = self.row, rows_before(self._keys, None, self.row, limit, including=including)
        return Part(self.packets, None, begin, self.row)


def _next_parts(readers: list[_RunReader]) -> list[Part]:
    """Take, from each run, the packets that come before all packets still in the file.

    No packet in the file has a key below the lowest limit. The first run with that limit may have more packets of the
    same key in the file, and later runs' packets of that key come after these. So packets of that key are taken only
    from this run and the runs before it.
    """
    limits = [(limit, index) for index, reader in enumerate(readers) if (limit := reader.limit) is not None]
    limit, first = min(limits, default=(None, 0))
    return [reader.take_rows(limit, including=index <= first) for index, reader in enumerate(readers)]
