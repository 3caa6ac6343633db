"""Packets as Python objects, and their times: the interpreted kernels `PacketRows`, `PacketLoop` and
`exact_times`."""

from __future__ import annotations

import operator
from array import array
from collections import (  # type: ignore[attr-defined]  # as named tuples use it
    _tuplegetter,
    deque,
)
from itertools import repeat
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import SIMPLE
from pcapconv.kernels.interpreted.checks import check_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from pcapconv.columns import Columns

    Description = tuple[type, object, tuple[int, int, int, int, int]]  # what `describe` of PacketRows gives

_MAX_INT64 = 2**63 - 1


class PacketRows:
    """The packets of a batch, made one after the other by a loop over this object: one loop, which is shared.

    `describe` gives (type of the packets, interface, scale) for the id of an interface; it is called when a row first
    needs an interface, so that a batch with few packets of many interfaces costs little. The type is a subclass of
    tuple; its items are the packet's number, data, original length, ticks, interface, options, section, time in
    nanoseconds since 1970, rounded down, and captured length. The scale is as in RepeatWindow.find; ticks and time of
    Simple Packets are None, and so is a time that cannot be determined. `numbers` has the packets' numbers; if None,
    they count from `first_number`. Data and options are copies.
    """

    def __init__(
        self,
        describe: Callable[[int], Description],
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        section: object,
        first_number: int,
        numbers: Sequence[int] | None = None,
    ) -> None:
        check_columns(columns, rows)
        if numbers is not None and len(numbers) < rows:
            raise ValueError(f"fewer than {rows} numbers")
        starts, lengths = columns.data_at[:rows], columns.captured_length[:rows]
        ends = list(map(operator.add, starts, lengths))
        begin, end = min(starts, default=0), max(ends, default=0)
        if begin < 0 or end > len(buffer):
            raise ValueError("a row lies outside its buffer")
        options = _options(buffer, columns, rows)
        self._rows = rows
        self._numbers = iter(range(first_number, first_number + rows) if numbers is None else list(numbers[:rows]))
        data = memoryview(buffer)[begin:end].tobytes()
        slices = map(slice, map((-begin).__add__, starts), map((-begin).__add__, ends))
        described = _Descriptions(describe)
        types, interfaces = _types_and_interfaces(columns, rows, described)
        simple = SIMPLE in columns.record_type[:rows].tobytes()
        self._packets: Iterator[Any] = map(
            tuple.__new__,
            types,
            zip(
                self._numbers,
                map(data.__getitem__, slices),
                columns.original_length,
                _ticks_or_none(columns, rows) if simple else columns.ticks,
                interfaces,
                options,
                repeat(section),
                _times_or_none(columns, rows, described, simple=simple),
                columns.captured_length,
            ),
        )

    def __iter__(self) -> Iterator[Any]:
        return self._packets

    @property
    def done(self) -> int:
        """How many of the packets were made."""
        return self._rows - operator.length_hint(self._numbers)

    def stop(self) -> None:
        """Make no more packets."""
        deque(self._numbers, maxlen=0)


class PacketLoop:
    """The packets of one `PacketRows` after the other: `next_rows` gives them, and None at the end.

    Threads that share the loop at the same time get errors, and no crash, as they would of `itertools.chain`: that
    drops its source for an error, while another thread runs the source.
    """

    def __init__(self, next_rows: Callable[[], PacketRows | None]) -> None:
        self._packets = _packets_of(next_rows)

    def __iter__(self) -> Iterator[Any]:
        return self._packets


def _packets_of(next_rows: Callable[[], PacketRows | None]) -> Iterator[Any]:
    while (rows := next_rows()) is not None:
        yield from rows


def tuple_fields(tuple_type: type, names: Sequence[str]) -> list[Any]:
    """Return descriptors for a subclass of `tuple`: attributes of these names, which have the first items. All objects
    of the type must have as many items. The compiled ones are as fast as attributes with a slot."""
    if not issubclass(tuple_type, tuple):
        raise ValueError("fields of a type that is not a tuple")
    return [_tuplegetter(index, "") for index in range(len(names))]


def list_of_item(index: int, decode: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """Return a function of tuples: it gives a new empty list if the item at this index is empty, else what `decode`
    makes of the tuple. The function raises ValueError for any other object."""

    def get(items: Any) -> list[Any]:
        if not isinstance(items, tuple) or not 0 <= index < len(items):
            raise ValueError(f"no tuple with an item {index}")
        return decode(items) if items[index] else []

    return get


def exact_times(describe: Callable[[int], Description], columns: Columns, rows: int, times: array[int]) -> int:
    """Put the rows' times in nanoseconds since 1970, rounded down, into `times`; 0 for Simple Packets, which have none.

    `describe` is that of PacketRows. Returns the first row whose time cannot be determined or does not fit into a
    signed integer of 64 bits, otherwise `rows`.
    """
    check_columns(columns, rows)
    if times.typecode != "q" or len(times) < rows:
        raise ValueError(f"fewer than {rows} signed values of 64 bits")
    described = _Descriptions(describe)
    simple = SIMPLE in columns.record_type[:rows].tobytes()
    for row, time in enumerate(_times_or_none(columns, rows, described, simple=simple)):
        if columns.record_type[row] == SIMPLE:
            times[row] = 0
        elif time is None or not ~_MAX_INT64 <= time <= _MAX_INT64:
            return row
        else:
            times[row] = time
    return rows


class _Descriptions(dict[int, tuple[type, object, int, int, int]]):
    """(type of the packets, interface, factor, divisor, addend) by interface, asked for when a row first needs them.

    The divisor is 0 if times cannot be determined. Raises ValueError for a type or a scale with which the compiled form
    cannot work.
    """

    def __init__(self, describe: Callable[[int], Description]) -> None:
        self._describe = describe

    def __missing__(self, number: int) -> tuple[type, object, int, int, int]:
        packet_type, interface, (factor, low, high, addend_low, addend_high) = self._describe(number)
        addend = (addend_low | addend_high << 64) - (addend_high >> 63 << 128)
        if factor >= 2**62 or not -(2**126) <= addend < 2**126:
            raise ValueError("a scale that is too large")
        if not issubclass(packet_type, tuple):
            raise ValueError("packets that are not tuples")
        self[number] = entry = packet_type, interface, factor, low | high << 64, addend
        return entry


def _only_interface(columns: Columns, rows: int) -> int | None:
    """Return the interface of all rows; None for rows of several interfaces, and for no rows."""
    numbers = columns.interface[:rows]
    return numbers[0] if rows and numbers.tobytes() == numbers[:1].tobytes() * rows else None


def _types_and_interfaces(
    columns: Columns, rows: int, described: _Descriptions
) -> tuple[Iterable[type], Iterable[object]]:
    """Return the type of each packet, and its interface."""
    only = _only_interface(columns, rows)
    if only is not None:
        return repeat(described[only][0]), repeat(described[only][1])
    entries = [described[number] for number in columns.interface[:rows]]
    return [entry[0] for entry in entries], [entry[1] for entry in entries]


def _ticks_or_none(columns: Columns, rows: int) -> list[int | None]:
    pairs = zip(columns.record_type[:rows], columns.ticks)
    return [None if record_type == SIMPLE else ticks for record_type, ticks in pairs]


def _times_or_none(columns: Columns, rows: int, described: _Descriptions, *, simple: bool) -> Sequence[int | None]:
    """Return each row's time in nanoseconds since 1970; None if it has none, or it cannot be determined."""
    only = _only_interface(columns, rows)
    if only is not None and not simple:
        _, _, factor, divisor, addend = described[only]
        if not divisor:
            return [None] * rows
        if divisor == 1 and not addend:  # the usual scale, by the fastest way
            return list(map(factor.__mul__, columns.ticks[:rows]))
        return [ticks * factor // divisor + addend for ticks in columns.ticks[:rows]]
    times: list[int | None] = []
    for number, record_type, ticks in zip(columns.interface[:rows], columns.record_type, columns.ticks):
        _, _, factor, divisor, addend = described[number]
        times.append(None if record_type == SIMPLE or not divisor else ticks * factor // divisor + addend)
    return times


def _options(buffer: bytes | bytearray, columns: Columns, rows: int) -> Iterable[bytes]:
    """Return a copy of each row's options. Raises ValueError for options outside the buffer."""
    lengths = columns.options_length[:rows]
    if lengths.tobytes() == bytes(4 * rows):  # faster than `any`
        return repeat(b"")
    places = list(zip(columns.options_at, lengths))
    if any(length and not 0 <= at <= len(buffer) - length for at, length in places):
        raise ValueError("a row lies outside its buffer")
    return (bytes(buffer[at : at + length]) if length else b"" for at, length in places)
