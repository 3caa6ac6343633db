"""A buffer with packets, which `packet_sorter` sorts, writes to a temporary file and reads from there; splits by flow
and host hold packets in it, too."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import Any

from pcapconv.io.read_write import TEMPORARY_FILE, write_all, writing
from pcapconv.kernels import choose
from pcapconv.model import Columns, Interface, PacketBatch

HEADER = Struct("<QQ")  # of a piece: its packets, and where their bytes end in it


class PacketBuffer:
    """Packets in a buffer, with columns and numbers: `rows` packets, whose bytes are from `begin` up to `end`."""

    def __init__(self, size: int, rows: int, *, begin: int = 0) -> None:
        self.buffer: bytearray | bytes = bytearray(size)
        self.columns = Columns(rows)
        self.numbers: array[int] | range = array("Q", bytes(8 * rows))
        self.begin = self.end = begin
        self.rows = 0

    def clear(self) -> None:
        """Remove all packets."""
        self.end, self.rows = self.begin, 0

    def add_rows(
        self, buffer: bytes | bytearray, columns: Columns, numbers: array[int] | range, order: array[int], first: int
    ) -> tuple[int, int]:
        """Add rows, as the kernel `gather_rows` does. Return the next entry of the order, and why the kernel
        stopped."""
        index: int
        status: int
        if isinstance(numbers, range):
            numbers = array("Q", numbers)
        index, self.end, self.rows, status = choose().gather_rows(
            buffer, columns, numbers, order, first, self.buffer, self.end, self.columns, self.numbers, self.rows
        )
        return index, status

    def as_batch(self, like: PacketBatch, interfaces: list[Interface], *, format_only: bool) -> PacketBatch:
        """The packets as a batch of the section and with the properties of the batch `like`. With `format_only`, count
        what no other format can hold."""
        batch = PacketBatch(
            self.buffer,
            self.columns,
            self.rows,
            first_number=self.numbers[0],
            section=like.section,
            interfaces=interfaces,
            count_format_only=like.count_format_only,
        )
        batch.numbers = None if isinstance(self.numbers, range) else self.numbers[: self.rows]
        batch.contiguous = choose().only_records(self.columns, self.rows, self.end - self.begin)
        batch.header_order = like.header_order
        if format_only and like.count_format_only is not None:
            batch.format_only = like.count_format_only(batch)
        return batch

    def part(self, begin: int, end: int) -> PacketBuffer:
        """The rows from `begin` up to `end`, in the same buffer."""
        part = PacketBuffer(0, 0)
        part.buffer, part.columns, part.numbers = self.buffer, self.columns.copy(begin, end), self.numbers[begin:end]
        part.rows = end - begin
        starts = self.columns.record_at
        part.begin, part.end = starts[begin], self.end if end == self.rows else starts[end]
        return part

    def write_to(self, file: Any) -> int:
        """Write the packets as a piece of a run: a header, for which the buffer has room, the bytes, the columns and
        the numbers. Return the piece's length."""
        assert isinstance(self.buffer, bytearray)
        self.buffer[: HEADER.size] = HEADER.pack(self.rows, self.end)
        columns = [*(getattr(self.columns, name) for name in Columns.TYPECODES), self.numbers]
        listed = b"".join(memoryview(column)[: self.rows] for column in columns)
        with writing(TEMPORARY_FILE), memoryview(self.buffer) as view:
            write_all(file, view[: self.end])
            write_all(file, memoryview(listed))
        return self.end + len(listed)

    def read_from(self, piece: bytes) -> int:
        """Take the packets of a piece, behind which other bytes may follow. Return the piece's length."""
        rows: int
        at: int
        rows, at = HEADER.unpack_from(piece)
        self.buffer, self.begin, self.end, self.rows = piece, HEADER.size, at, rows
        for name, typecode in (*Columns.TYPECODES.items(), ("numbers", "Q")):
            column = array(typecode)
            length = rows * column.itemsize
            column.frombytes(memoryview(piece)[at : at + length])
            setattr(self if name == "numbers" else self.columns, name, column)
            at += length
        return at


def size_of(columns: Columns, row: int) -> int:
    """The most bytes that a row takes."""
    return columns.record_length[row] + columns.captured_length[row] + columns.options_length[row]
