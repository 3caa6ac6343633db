"""The kernel that merges packets: `PacketMerger`."""

import re
from array import array
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import BUFFER, MOST_TICKS, all_columns, column, packet_rows, seen, with_rows

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import FULL, LIMIT, MORE
from pcapconv.model import Columns

KEYS = st.one_of(st.integers(0, 6), st.integers(0, 6), st.integers(0, MOST_TICKS), st.just(MOST_TICKS))


def records(*starts: int, length: int = 4) -> Columns:
    """Rows whose records are these bytes of the buffer."""
    count = len(starts)
    return with_rows(
        count,
        record_at=list(starts),
        record_length=[length] * count,
        data_at=[at + 1 for at in starts],
        captured_length=[2] * count,
        ticks=list(starts),
    )


def keys(*numbers: int) -> "array[int]":
    return array("Q", numbers)


class Merged:
    """A merger, and what it writes."""

    def __init__(self, kernels: ModuleType, capacity: int = 4, size: int = 99, rows: int = 20) -> None:
        self.merger: Any = kernels.PacketMerger(capacity)
        self.out, self.into = bytearray(size), Columns(rows)
        self.end = self.rows = 0

    def merge(self, limit: int | None = None) -> tuple[int, int]:
        """Merge until it stops; return the stream that has ended, and the status."""
        done, self.end, self.rows, status = self.merger.merge(limit, self.out, self.end, self.into, self.rows)
        return done, status

    @property
    def ticks(self) -> list[int]:
        return column(self.into, "ticks", self.rows)


def test_packets_come_in_the_order_of_their_keys(kernels: ModuleType) -> None:
    merged = Merged(kernels)
    assert merged.merger.next_stream() == -1
    merged.merger.set_rows(2, BUFFER, records(0, 8, 16), keys(1, 4, MOST_TICKS), 0, 3, 0)
    merged.merger.set_rows(0, BUFFER, records(24, 32), keys(2, 3), 0, 2, 1)
    assert merged.merger.next_stream() == 2
    assert merged.merge() == (0, MORE)
    assert merged.ticks == [0, 24, 32]
    assert (merged.merger.next_stream(), merged.merger.next_row(2)) == (2, 1)
    merged.merger.set_rows(0, BUFFER, records(40, 48), keys(4, 4), 0, 2, 1)
    assert merged.merge() == (0, MORE)
    assert merged.ticks == [0, 24, 32, 8, 40, 48]
    assert merged.merge() == (2, MORE)
    assert merged.ticks == [0, 24, 32, 8, 40, 48, 16]
    assert merged.merge() == (-1, MORE)
    assert bytes(merged.out[:28]) == b"".join(BUFFER[at : at + 4] for at in merged.ticks)
    assert column(merged.into, "record_at", 7) == [0, 4, 8, 12, 16, 20, 24]
    assert column(merged.into, "data_at", 7) == [1, 5, 9, 13, 17, 21, 25]


@pytest.mark.parametrize("ranks", [(0, 1), (1, 0), (7, 2**63)])
def test_packets_of_one_key_come_in_the_order_of_ranks(kernels: ModuleType, ranks: tuple[int, int]) -> None:
    merged = Merged(kernels)
    merged.merger.set_rows(0, BUFFER, records(0, 4), keys(5, 5), 0, 2, ranks[0])
    merged.merger.set_rows(1, BUFFER, records(8, 12), keys(5, 5), 0, 2, ranks[1])
    first = ranks.index(min(ranks))
    assert merged.merge() == (first, MORE)
    assert merged.merge() == (1 - first, MORE)
    assert merged.ticks == ([0, 4, 8, 12] if first == 0 else [8, 12, 0, 4])


def test_rows_before_the_first_are_not_merged(kernels: ModuleType) -> None:
    merged = Merged(kernels)
    merged.merger.set_rows(1, BUFFER, records(0, 4, 8), keys(9, 1, 9), 1, 2, 0)
    assert merged.merger.next_row(1) == 1
    assert merged.merge() == (1, MORE)
    assert merged.ticks == [4]


@pytest.mark.parametrize(("limit", "told"), [(0, 0), (1, 0), (2, 1), (4, 2), (5, 3), (MOST_TICKS, 4)])
def test_packets_at_the_limit_wait(kernels: ModuleType, limit: int, told: int) -> None:
    merged = Merged(kernels)
    merged.merger.set_rows(0, BUFFER, records(0, 4, 8), keys(1, 4, MOST_TICKS), 0, 3, 0)
    merged.merger.set_rows(1, BUFFER, records(12, 16), keys(2, MOST_TICKS), 0, 2, 1)
    if limit == MOST_TICKS:
        told = 3
    assert merged.merge(limit) == (-1, LIMIT)
    assert merged.ticks == [0, 12, 4][:told]
    assert merged.merge() == (0, MORE)
    assert merged.merge() == (1, MORE)
    assert merged.ticks == [0, 12, 4, 8, 16]


@pytest.mark.parametrize(("size", "rows", "told"), [(3, 9, 0), (4, 9, 1), (7, 9, 1), (8, 9, 2), (99, 0, 0), (99, 1, 1)])
def test_merging_stops_where_there_is_no_room(kernels: ModuleType, size: int, rows: int, told: int) -> None:
    merged = Merged(kernels, size=size, rows=rows)
    merged.merger.set_rows(0, BUFFER, records(0, 8), keys(1, 3), 0, 2, 0)
    merged.merger.set_rows(1, BUFFER, records(16, 24), keys(2, 4), 0, 2, 1)
    assert merged.merge() == (-1, FULL)
    assert (merged.end, merged.rows) == (4 * told, told)
    assert merged.merger.next_stream() == told % 2
    merged.out, merged.into, merged.end, merged.rows = bytearray(99), Columns(9), 0, 0
    assert merged.merge() == (0, MORE)
    assert merged.merge() == (1, MORE)
    assert merged.ticks == [0, 16, 8, 24][told:]


def test_bytes_outside_the_record_are_copied_too(kernels: ModuleType) -> None:
    merged = Merged(kernels)
    loose = with_rows(1, data_at=[40], captured_length=[5], options_at=[50], options_length=[4])
    merged.merger.set_rows(0, BUFFER, loose, keys(0), 0, 1, 0)
    assert merged.merge() == (0, MORE)
    assert bytes(merged.out[: merged.end]) == BUFFER[40:45] + BUFFER[50:54]


def test_what_was_given_stays_as_it_is(kernels: ModuleType) -> None:
    columns, numbers, buffer = records(0, 8), keys(1, 3), bytearray(BUFFER)
    before = all_columns(columns, 2)
    merged = Merged(kernels)
    merged.merger.set_rows(0, buffer, columns, numbers, 0, 2, 0)
    merged.merge()
    assert (all_columns(columns, 2), list(numbers), buffer) == (before, [1, 3], bytearray(BUFFER))


def test_merging_refuses_what_is_not_there(kernels: ModuleType) -> None:
    for capacity in (0, -1, 2**20 + 1):
        with pytest.raises(ValueError, match=f"room for {capacity} streams"):
            kernels.PacketMerger(capacity)
    merger: Any = kernels.PacketMerger(2)
    for stream, first, rows in ((-1, 0, 1), (2, 0, 1), (0, 1, 1), (0, -1, 1), (0, 0, 0)):
        with pytest.raises(ValueError, match=f"no stream {stream}, or no rows"):
            merger.set_rows(stream, BUFFER, records(0), keys(1), first, rows, 0)
    with pytest.raises(ValueError, match="column"):
        merger.set_rows(0, BUFFER, records(0), keys(1, 2), 0, 2, 0)
    with pytest.raises(ValueError, match="table"):
        merger.set_rows(0, BUFFER, records(0, 4), keys(1), 0, 2, 0)
    assert merger.next_stream() == -1
    merger.set_rows(0, BUFFER, records(0), keys(1), 0, 1, 0)
    with pytest.raises(ValueError, match="stream 0 has rows"):
        merger.set_rows(0, BUFFER, records(0), keys(1), 0, 1, 0)
    for stream in (1, -1, 2):
        with pytest.raises(ValueError, match=f"stream {stream} has no rows"):
            merger.next_row(stream)
    for offset, row in ((-1, 0), (10, 0), (0, -1), (0, 4)):
        with pytest.raises(ValueError, match="the range lies outside the buffer"):
            merger.merge(None, bytearray(9), offset, Columns(3), row)


@pytest.mark.parametrize("name", ["record_at", "data_at"])
def test_a_row_outside_its_buffer_is_refused(kernels: ModuleType, name: str) -> None:
    for place in (63, -1, 2**63 - 1, -(2**63)):
        columns = records(0, 8)
        getattr(columns, name)[1] = place
        merger: Any = kernels.PacketMerger(2)
        merger.set_rows(1, BUFFER, columns, keys(1, 2), 0, 2, 0)
        with pytest.raises(ValueError, match="lies outside its buffer"):
            merger.merge(None, bytearray(99), 0, Columns(9), 0)


def test_a_stream_that_is_refused_can_be_set_again(kernels: ModuleType) -> None:
    """Nothing of a refused stream is left, whatever was wrong."""
    merger: Any = kernels.PacketMerger(1)
    for columns, numbers in ((records(0), keys(1, 2)), (records(0, 4), keys(1))):
        with pytest.raises(ValueError, match=r"column|table"):
            merger.set_rows(0, BUFFER, columns, numbers, 0, 2, 0)
    merger.set_rows(0, BUFFER, records(4), keys(1), 0, 1, 0)
    assert merger.merge(None, bytearray(9), 0, Columns(3), 0) == (0, 4, 1, MORE)


# ---------------------------------------------------------------- parity

Step = tuple[Any, ...]


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """What is done with a merger, sound or not."""
    found: list[Step] = []
    for kind in draw(st.lists(st.sampled_from(["set", "set", "merge", "merge", "next_row"]), max_size=12)):
        stream = draw(st.integers(-1, 4)) if draw(st.booleans()) else draw(st.integers(0, 3))
        if kind == "set":
            columns = draw(packet_rows(64))
            rows = columns.capacity
            room = draw(st.integers(rows, rows + 1))
            numbers = sorted(draw(st.lists(KEYS, min_size=room, max_size=room)))
            rows += draw(st.sampled_from([0, 0, 0, 1]))
            first, rank = draw(st.sampled_from([0, 0, 0, 1, -1])), draw(st.sampled_from([0, MOST_TICKS - 9]))
            found.append(("set", stream, columns, keys(*numbers), first, rows, rank + stream + 1))
        elif kind == "merge":
            limit = draw(st.one_of(st.none(), st.none(), KEYS))
            size, room = draw(st.sampled_from([0, 9, 60, 300])), draw(st.integers(0, 9))
            offset, row = draw(st.integers(0, min(size, 9))), draw(st.integers(0, room))
            found.append(("merge", limit, size, offset, room, row))
        else:
            found.append(("next_row", stream))
    return found


def done_by(kernels: ModuleType, listed: list[Step]) -> list[Any]:
    """What a merger returned, raised and wrote, step by step."""
    merger: Any = kernels.PacketMerger(4)
    seen_so_far: list[Any] = []
    for kind, *arguments in listed:
        out, into = bytearray(), Columns(0)
        try:
            if kind == "set":
                stream, columns, numbers, first, rows, rank = arguments
                result = merger.set_rows(stream, BUFFER, columns, numbers, first, rows, rank)
            elif kind == "merge":
                limit, size, offset, room, row = arguments
                out, into = bytearray(size), Columns(room)
                result = merger.merge(limit, out, offset, into, row)
            else:
                result = merger.next_row(*arguments)
        except ValueError as error:
            result = re.sub(r"column \w+|row \d+ |a row of stream \d+ |type \w", "", str(error))
        seen_so_far.append((kind, result, bytes(out), seen(into), merger.next_stream()))
        if isinstance(result, str) and "outside its buffer" in result:
            break  # nobody goes on
    return seen_so_far


@given(listed=steps())
def test_parity_of_packet_merger(compiled: ModuleType, listed: list[Step]) -> None:
    assert done_by(compiled, listed) == done_by(interpreted, listed)


@given(
    streams=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6).map(sorted), min_size=1, max_size=6),
    pieces=st.integers(1, 6),
)
def test_merging_is_a_stable_sort(compiled: ModuleType, streams: list[list[int]], pieces: int) -> None:
    """In whatever pieces the rows of a stream come."""
    for kernels in (compiled, interpreted):
        merged = Merged(kernels, capacity=len(streams), size=2000, rows=99)
        waiting = [[(begin, each[begin : begin + pieces]) for begin in range(0, len(each), pieces)] for each in streams]
        stream, unset = -1, list(range(len(streams)))
        while unset or (stream := merged.merge()[0]) >= 0:
            stream = unset.pop() if unset else stream
            if waiting[stream]:
                begin, part = waiting[stream].pop(0)
                columns = records(*([0] * len(part)))
                columns.ticks = array("Q", [100 * stream + begin + at for at in range(len(part))])
                merged.merger.set_rows(stream, BUFFER, columns, keys(*part), 0, len(part), stream)
        every = [(key, 100 * stream + at) for stream, each in enumerate(streams) for at, key in enumerate(each)]
        assert merged.ticks == [number for _, number in sorted(every, key=lambda each: each[0])]
