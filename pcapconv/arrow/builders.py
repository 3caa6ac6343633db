"""The builders of columns, which collect the values of a record batch and make arrays of pyarrow.

Strategy: a column of numbers is an array of Python with room for all rows of a record batch, into which the columns of
batches are copied; a column of texts or bytes is Arrow's own form, offsets and bytes, which kernels write. `arrays`
gives the memory to pyarrow, and the builder begins with new memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow
import pyarrow.compute

from pcapconv.arrow.arrays import array_of, bitmap, grow, shared
from pcapconv.errors import FormatError, TargetError
from pcapconv.kernels import choose
from pcapconv.model import PacketBatch
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.wording import argument

MOST_ROWS = 65536  # of a record batch
_MOST_DATA = 2**24  # bytes of packets in a record batch, unless a single packet is larger
_MOST_OPTIONS = 2**22  # bytes of options in a record batch, unless those of a single packet are more
_MOST_OFFSET = 2**31 - 1


class Builder:
    """The base of all builders. `names` are the columns to fill, among those that the builder can fill."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.kernels = choose()

    def rows_with_room(self, batch: PacketBatch, first: int, stop: int, row: int) -> int:  # noqa: ARG002
        """Return up to which row, at most `stop`, the batch's rows from `first` on have room behind the `row` rows that
        are there. An empty builder has room for at least one row."""
        return stop

    def append(self, batch: PacketBatch, row: int) -> None:
        """Append all rows of a batch behind the `row` rows that are there. Raises PcapconvError."""
        raise NotImplementedError

    def arrays(self, rows: int) -> dict[str, Any]:
        """Return the columns as arrays of pyarrow, by name, and begin again with no rows."""
        raise NotImplementedError


class Numbers(Builder):
    """Builds the packets' numbers."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._numbers = zeros("q")

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        numbers = batch.numbers
        if numbers is None:
            self.kernels.write_numbers(batch.first_number, batch.rows, self._numbers, row)
        else:
            self._numbers[row : row + batch.rows] = array("q", numbers)

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        numbers, self._numbers = self._numbers, zeros("q")
        return {"number": array_of(pyarrow.int64(), numbers, rows)}


class Times(Builder):
    """Builds the times. Raises TargetError for a time that has no place in 64 bits of nanoseconds."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._begin()

    def _begin(self) -> None:
        self._times = zeros("q")
        self._types = bytearray(MOST_ROWS)

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        try:
            times = batch.time_ns
        except FormatError as error:
            message = f"{error}; {argument('columns')} can leave the column time out"
            raise TargetError(message, packet_number=error.packet_number) from None
        stop = row + batch.rows
        with memoryview(self._times) as room:
            room[row:stop] = times
        self._types[row:stop] = memoryview(batch.columns.record_type)[: batch.rows]

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        times, types = self._times, self._types
        self._begin()
        without = types.count(SIMPLE_PACKET, 0, rows)
        has_time = bitmap(types[:rows].translate(_HAS_TIME)) if without else None
        return {"time": array_of(pyarrow.timestamp("ns", tz="UTC"), times, rows, has_time)}


class Lengths(Builder):
    """Builds the columns that batches have as they are: lengths, and ids of interfaces."""

    COLUMNS = {  # noqa: RUF012
        "captured_length": "captured_length",
        "original_length": "original_length",
        "interface_id": "interface",
    }

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._begin()

    def _begin(self) -> None:
        self._columns = {name: zeros("I") for name in self.names}

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        for name, values in self._columns.items():
            with memoryview(values) as room:
                room[row : row + batch.rows] = memoryview(getattr(batch.columns, self.COLUMNS[name]))[: batch.rows]

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        columns = self._columns
        self._begin()
        return {name: array_of(pyarrow.uint32(), values, rows) for name, values in columns.items()}


class Directions(Builder):
    """Builds the directions: a dictionary of Arrow with two texts."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._directions = bytearray(MOST_ROWS)

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        if batch.has_options:
            big = batch.section.byte_order == "big"
            self.kernels.copy_directions(batch.buffer, batch.columns, batch.rows, big, self._directions, row)

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        directions = bytes(self._directions[:rows])
        self._directions = bytearray(MOST_ROWS)
        is_stated = bitmap(directions.translate(_HAS_DIRECTION))
        codes = array_of(pyarrow.int8(), directions.translate(_DIRECTION_CODES), rows, is_stated)
        texts = pyarrow.array(["in", "out"], pyarrow.string())
        return {"direction": pyarrow.DictionaryArray.from_arrays(codes, texts, safe=False)}


class Comments(Builder):
    """Builds the lists of comments."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._begin()

    def _begin(self) -> None:
        self._lists = array("i", bytes(4 * (MOST_ROWS + 1)))  # after which number of comments each row ends
        self._offsets = array("i", [0])  # where each comment ends
        self._texts = bytearray()
        self._count = self._end = self._options = 0

    def rows_with_room(self, batch: PacketBatch, first: int, stop: int, row: int) -> int:
        """See `Builder.rows_with_room`."""
        return _rows_within(self.kernels, batch.columns.options_length, first, stop, _MOST_OPTIONS - self._options, row)

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        stop = row + batch.rows
        if not batch.has_options:
            with memoryview(self._lists) as room:
                room[row + 1 : stop + 1] = array("i", [self._count]) * batch.rows
            return
        size = sum(batch.columns.options_length[: batch.rows])
        if self._end + 4 * size > _MOST_OFFSET:
            raise TargetError(
                f"packet {batch.number(0)}: {size:,} bytes of options are more than a table holds",
                packet_number=batch.number(0),
            )
        self._options += size
        grow(self._texts, self._end + 4 * size)
        missing = self._count + size // 4 + 1 - len(self._offsets) + 1
        self._offsets.frombytes(bytes(4 * max(0, missing)))
        big = batch.section.byte_order == "big"
        self._count, self._end = self.kernels.copy_comments(
            *(batch.buffer, batch.columns, batch.rows, big, self._lists, row),
            *(self._offsets, self._count, self._texts, self._end),
        )

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        lists, offsets, texts, count, end = self._lists, self._offsets, self._texts, self._count, self._end
        self._begin()
        kind = pyarrow.list_(pyarrow.string())
        if not count:
            return {"comments": pyarrow.nulls(rows, kind)}
        bytes_of_texts = [None, shared(offsets, count + 1), shared(texts, end)]
        values = pyarrow.Array.from_buffers(pyarrow.string(), count, bytes_of_texts)
        ends = array_of(pyarrow.int32(), lists, rows + 1)
        has_comments = pyarrow.compute.not_equal(ends[1:], ends[:-1])
        null_count = rows - has_comments.true_count
        buffers = [has_comments.buffers()[1], ends.buffers()[1]]
        return {"comments": pyarrow.Array.from_buffers(kind, rows, buffers, null_count, children=[values])}


class Data(Builder):
    """Builds the packets' bytes."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._begin()

    def _begin(self) -> None:
        self._offsets = array("i", bytes(4 * (MOST_ROWS + 1)))
        self._data = bytearray()
        self._end = 0

    def rows_with_room(self, batch: PacketBatch, first: int, stop: int, row: int) -> int:
        """See `Builder.rows_with_room`."""
        return _rows_within(self.kernels, batch.columns.captured_length, first, stop, _MOST_DATA - self._end, row)

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        size = sum(batch.columns.captured_length[: batch.rows])
        if size > _MOST_OFFSET - self._end:
            raise TargetError(
                f"packet {batch.number(0)}: its {size:,} bytes are more than a table holds",
                packet_number=batch.number(0),
            )
        grow(self._data, self._end + size)
        self._end = self.kernels.copy_data(
            batch.buffer, batch.columns, batch.rows, self._data, self._end, self._offsets, row
        )

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        buffers = [None, shared(self._offsets, rows + 1), shared(self._data, self._end)]
        self._begin()
        return {"data": pyarrow.Array.from_buffers(pyarrow.binary(), rows, buffers)}


class Sections(Builder):
    """Builds the numbers of sections."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._sections = zeros("i")

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        with memoryview(self._sections) as room:
            room[row : row + batch.rows] = array("i", [batch.section.number]) * batch.rows

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        sections, self._sections = self._sections, zeros("i")
        return {"section": array_of(pyarrow.int32(), sections, rows)}


_HAS_TIME = bytes(code != SIMPLE_PACKET for code in range(256))  # by record type
_HAS_DIRECTION = bytes(code in (1, 2) for code in range(256))
_DIRECTION_CODES = bytes(int(code == 2) for code in range(256))

# Column → its type, and its builder.
BUILDERS: Mapping[str, tuple[Any, type[Builder]]] = {
    "number": (pyarrow.int64(), Numbers),
    "time": (pyarrow.timestamp("ns", tz="UTC"), Times),
    "captured_length": (pyarrow.uint32(), Lengths),
    "original_length": (pyarrow.uint32(), Lengths),
    "interface_id": (pyarrow.uint32(), Lengths),
    "direction": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), Directions),
    "comments": (pyarrow.list_(pyarrow.string()), Comments),
    "data": (pyarrow.binary(), Data),
    "section": (pyarrow.int32(), Sections),
}


def _rows_within(kernels: Any, lengths: array[int], first: int, stop: int, most: int, row: int) -> int:
    """Return up to which row the rows from `first` on have at most so many bytes in all; at least one row if none is
    there yet."""
    within: int = kernels.rows_within(lengths, first, stop, most)
    return min(first + 1, stop) if within == first and not row else within


def zeros(typecode: str, width: int = 1) -> array[int]:
    """Return an array with room for the rows of a record batch, with `width` values for each."""
    return array(typecode, bytes(MOST_ROWS * width * array(typecode).itemsize))
