"""Columns and tables for the kernels, built by hand or by Hypothesis."""

import re
from array import array
from collections.abc import Callable
from copy import deepcopy
from types import ModuleType
from typing import Any, NamedTuple

import protocols
import wire
from hypothesis import strategies as st
from wire import BIG, In

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import interpreted
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, ratio, ticks_per_second

MOST = 2**32 - 1
MOST_TICKS = 2**64 - 1
MAX_OFFSET = 2**63 - 1
BUFFER = bytes(range(64))
FILL = b"\xaa"
SWAP_NEVER, SWAP_IF_LONGER, SWAP_ALWAYS = 0, 1, 2  # `swap` of index_pcap
MAGICS = [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED, wire.IXIA_HARDWARE, wire.IXIA_SOFTWARE]
VERSIONS = [(2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (543, 0)]
EXTREMES = {"q": (-(2**63), 2**63 - 1), "I": (0, MOST), "B": (0, 255), "Q": (0, MOST_TICKS)}

WORDS = st.one_of(
    st.integers(0, MOST),
    st.integers(0, 40),
    st.sampled_from([0, 1, 999_999, 10**6, 10**9 - 1, 10**9, 2**31 - 1, 2**31, MOST - 16, MOST - 15, MOST]),
)
TICKS = st.one_of(st.integers(0, MOST_TICKS), st.sampled_from([0, 2**32 - 1, 2**32, 2**63, MOST_TICKS]))
SMALL_OR_WORD = st.one_of(st.integers(0, 3), WORDS)


def table(*values: int) -> "array[int]":
    return array("Q", values)


def is_big(write: In) -> bool:
    return write.byte_order == BIG


def column(columns: Columns, name: str, rows: int) -> list[int]:
    return list(getattr(columns, name)[:rows])


def all_columns(columns: Columns, rows: int) -> dict[str, list[int]]:
    return {name: column(columns, name, rows) for name in Columns.TYPECODES}


def with_rows(count: int, **values: list[int]) -> Columns:
    """Columns of `count` rows; those that are not given are 0."""
    columns = Columns(count)
    for name, listed in values.items():
        setattr(columns, name, array(Columns.TYPECODES[name], listed))
    return columns


def unlike_rows(count: int) -> Columns:
    """Columns in which no value stands twice, with the extremes of each type in the first two rows."""
    columns = Columns(count)
    for number, (name, typecode) in enumerate(Columns.TYPECODES.items()):
        values = [*EXTREMES[typecode], *(10 * row + number + 1 for row in range(2, count))][:count]
        setattr(columns, name, array(typecode, values))
    return columns


def scale_row(resolution: int, offset: int, units: int) -> list[int]:
    per_second = ticks_per_second(resolution)
    return [per_second, *ratio(per_second, units), abs(offset), int(offset < 0), 0]


def scale(*rows: tuple[int, int], units: int = MICROSECONDS) -> "array[int]":
    return array("Q", [value for resolution, offset in rows for value in scale_row(resolution, offset, units)])


def counts() -> "array[int]":
    return array("Q", [0, 0, 0])


class Outcome(NamedTuple):
    """What a kernel did: returned, or raised; and what it wrote."""

    result: Any
    written: tuple[Any, ...]


def outcome(kernel: Callable[..., Any], *arguments: Any, written: tuple[Any, ...]) -> Outcome:
    result: Any
    try:
        result = kernel(*arguments)
    except ValueError as error:
        result = str(error)
    return Outcome(result, written)


def seen(argument: Any) -> Any:
    if isinstance(argument, HeaderColumns):
        return {name: getattr(argument, name) for name in ("present", *argument.names)}
    return all_columns(argument, argument.capacity) if isinstance(argument, Columns) else argument


def run_kernel(kernel: Callable[..., Any], *arguments: Any) -> Outcome:
    """What a kernel does to copies of the arguments. Which of several bad columns it names is its own affair."""
    fresh = deepcopy(arguments)
    done = outcome(kernel, *fresh, written=fresh)
    result = re.sub(r"^column \w+", "column", done.result) if isinstance(done.result, str) else done.result
    return Outcome(re.sub(r"type \w$", "type", result) if isinstance(result, str) else result, (*map(seen, fresh),))


def agree(compiled: ModuleType, kernel: str, *arguments: Any) -> None:
    """Both forms return, raise and write the same, up to an exception too."""
    assert run_kernel(getattr(compiled, kernel), *arguments) == run_kernel(getattr(interpreted, kernel), *arguments)


@st.composite
def scale_tables(draw: st.DrawFn) -> "array[int]":
    """Scale tables as they are made for resolutions whose arithmetic fits into 64 bits, with any offset."""
    units = draw(st.sampled_from([MICROSECONDS, NANOSECONDS]))
    resolutions = st.one_of(st.integers(0, 10), st.integers(0x80, 0x80 + 33))
    offsets = st.one_of(
        st.sampled_from([0, 1, -1, 2**32 - 1, 2**32, -(2**32), 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)
    )
    rows = draw(st.lists(st.tuples(resolutions, offsets), max_size=3))
    return scale(*rows, units=units)


@st.composite
def packet_rows(draw: st.DrawFn, size: int, most: int = 4) -> Columns:
    """Columns with any values, most of them inside a buffer of `size` bytes; `most` is how many rows at most."""
    rows = draw(st.integers(0, most))
    places = st.one_of(st.integers(0, size), st.integers(0, size), st.sampled_from([-(2**63), -1, size + 1, 2**63 - 1]))
    lengths = st.one_of(st.integers(0, size), st.sampled_from([0, 4, 8]), st.sampled_from([MOST - 3, MOST]))
    values = {
        "record_at": places,
        "record_length": st.one_of(st.just(0), st.integers(0, size), lengths),
        "record_type": st.sampled_from([0, 2, 3, 6]),
        "data_at": places,
        "captured_length": st.one_of(st.integers(0, size), st.integers(0, size), lengths),
        "original_length": WORDS,
        "ticks": st.one_of(TICKS, st.integers(0, 2**52), st.integers(0, 2**62)),
        "interface": st.one_of(st.integers(0, 2), st.integers(0, 2), SMALL_OR_WORD),
        "options_at": places,
        "options_length": lengths,
    }
    return with_rows(
        rows, **{name: draw(st.lists(each, min_size=rows, max_size=rows)) for name, each in values.items()}
    )


@st.composite
def near(draw: st.DrawFn, marks: list[int]) -> int:
    """Ticks at one of the marks or beside it, or any."""
    beside = draw(st.sampled_from([0, MOST_TICKS, *marks])) + draw(st.integers(-1, 1))
    return draw(st.one_of(st.just(min(max(0, beside), MOST_TICKS)), TICKS))


@st.composite
def rows_near(draw: st.DrawFn, marks: list[int]) -> tuple[Columns, int]:
    """Any columns, with ticks near the marks, and how many rows of them; now and then one that is not there."""
    columns = draw(packet_rows(len(BUFFER), 6))
    room = columns.capacity
    columns.ticks = array("Q", draw(st.lists(near(marks), min_size=room, max_size=room)))
    return columns, draw(st.one_of(st.just(room), st.just(room), st.integers(-1, room + 1)))


@st.composite
def changed_packets(draw: st.DrawFn) -> tuple[int, bytes, int]:
    """A packet of `protocols` with up to four other bytes, cut anywhere: its link type, bytes and original length."""
    link_type, packet = draw(st.sampled_from(list(protocols.packets().values())))
    changed = bytearray(packet)
    for _ in range(draw(st.integers(1, 4))):
        changed[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    cut = bytes(changed[: draw(st.integers(0, len(packet)))])
    return link_type, cut, draw(st.integers(0, len(packet) + 10))
