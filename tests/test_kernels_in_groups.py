"""The interpreted encoders' two ways: column by column for groups of ordinary rows, else row by row."""

from array import array
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    BUFFER,
    FILL,
    MAX_OFFSET,
    MOST,
    MOST_TICKS,
    TICKS,
    WORDS,
    agree,
    counts,
    is_big,
    run_kernel,
    scale,
    scale_tables,
    with_rows,
)
from wire import LITTLE, In

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import AFTER_2106, BEFORE_1970, FULL, MORE, SCALE
from pcapconv.kernels.interpreted import encoding
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, ticks_per_second

# ---------------------------------------------------------------- groups of rows in the interpreted encoders


def ordinary(count: int) -> Columns:
    """Rows that are encoded column by column."""
    return with_rows(
        count,
        record_type=[(6, 2, 0)[row % 3] for row in range(count)],
        data_at=[row % 50 for row in range(count)],
        captured_length=[row % 11 for row in range(count)],
        original_length=[MOST - row for row in range(count)],
        ticks=[row * 1_000_003 for row in range(count)],
        interface=[0] * count,
        options_at=[-1] * count,
    )


def as_pcap(write: In, columns: Columns) -> list[bytes]:
    """Each row's record, in microseconds, by the plainest means there are."""
    listed = []
    for row in range(columns.capacity):
        at, length = columns.data_at[row], columns.captured_length[row]
        time = (0, 0) if columns.record_type[row] == 3 else divmod(columns.ticks[row], 10**6)
        listed.append(write.pcap_record(*time, BUFFER[at : at + length], original_length=columns.original_length[row]))
    return listed


def as_pcapng(write: In, columns: Columns) -> list[bytes]:
    """Each row's block, likewise."""
    listed = []
    for row in range(columns.capacity):
        at, length = columns.data_at[row], columns.captured_length[row]
        data, original = BUFFER[at : at + length], columns.original_length[row]
        if columns.record_type[row] == 3:
            listed.append(write.simple_packet(data, original_length=original))
            continue
        options_at, options_length = columns.options_at[row], columns.options_length[row]
        options = BUFFER[options_at : options_at + options_length] if options_length else b""
        block = write.enhanced_packet(
            columns.interface[row], columns.ticks[row], data, original_length=original, options=options
        )
        listed.append(block)
    return listed


GROUPS = [1, 127, 128, 129, 255, 256, 257]
PLACES = [0, 1, 126, 127, 128, 129, 254, 255, 256]
EACH_PLACE = [pytest.param(rows, [place for place in PLACES if place < rows], id=f"{rows} rows") for rows in GROUPS]
UNUSUAL: dict[str, dict[str, int]] = {
    "nothing unusual": {},
    "a Simple Packet": {"record_type": 3},
    "a Simple Packet with options": {"record_type": 3, "options_length": 5},
    "options": {"options_at": 8, "options_length": 12},
    "no data": {"captured_length": 0},
    "all of the buffer": {"data_at": 0, "captured_length": 64},
    "the last that pcap can hold": {"ticks": MOST * 10**6 + 999_999},
}
BAD: dict[str, dict[str, int]] = {
    "a negative place": {"data_at": -1},
    "behind the buffer": {"data_at": 65},
    "the last place": {"data_at": MAX_OFFSET, "captured_length": MOST},
    "one byte too long": {"data_at": 60, "captured_length": 5},
    "the longest": {"captured_length": MOST},
}


def changed(count: int, place: int, values: dict[str, int]) -> Columns:
    columns = ordinary(count)
    for name, value in values.items():
        getattr(columns, name)[place] = value
    return columns


@pytest.mark.parametrize("values", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encoders_write_an_unusual_row_in_any_place(
    kernels: ModuleType, write: In, rows: int, places: list[int], values: dict[str, int]
) -> None:
    for place in places:
        columns = changed(rows, place, values)
        for expected, kernel, rest in (
            (b"".join(as_pcap(write, columns)), kernels.encode_pcap, (scale((6, 0)), counts())),
            (b"".join(as_pcapng(write, columns)), kernels.encode_pcapng, (False,)),
        ):
            out = bytearray(len(expected))
            assert kernel(BUFFER, columns, 0, rows, out, 0, is_big(write), *rest) == (rows, len(expected), MORE)
            assert out == expected


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encoders_write_the_rows_before_a_bad_one(
    kernels: ModuleType, rows: int, places: list[int], values: dict[str, int]
) -> None:
    write = In(LITTLE)
    pcap, pcapng = as_pcap(write, ordinary(rows)), as_pcapng(write, ordinary(rows))
    for place in places:
        columns = changed(rows, place, values)
        for listed, kernel, rest in (
            (pcap, kernels.encode_pcap, (scale((6, 0)), counts())),
            (pcapng, kernels.encode_pcapng, (False,)),
        ):
            out, expected = bytearray(FILL * 20_000), b"".join(listed[:place])
            with pytest.raises(ValueError, match=f"row {place} lies outside"):
                kernel(BUFFER, columns, 0, rows, out, 0, False, *rest)
            assert out == expected.ljust(20_000, FILL)


@pytest.mark.parametrize(("ticks", "status"), [(5, BEFORE_1970), (MOST_TICKS, AFTER_2106)])
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_encode_pcap_writes_the_rows_before_a_time_that_pcap_cannot_hold(
    kernels: ModuleType, rows: int, places: list[int], ticks: int, status: int
) -> None:
    listed = as_pcap(In(LITTLE), ordinary(rows))
    for place in places:
        columns = changed(rows, place, {"ticks": ticks, "interface": 1})
        out, expected, tally = bytearray(FILL * 20_000), b"".join(listed[:place]), counts()
        done = kernels.encode_pcap(BUFFER, columns, 0, rows, out, 0, False, scale((6, 0), (6, -10)), tally)
        assert done == (place, len(expected), status)
        assert out == expected.ljust(20_000, FILL)
        assert list(tally) == [0, 0, max(columns.captured_length[:place], default=0)]


@pytest.mark.parametrize(
    ("resolution", "offset"), [(6, 0), (6, 7), (3, 0), (0, 0), (7, 0), (9, 0), (9, 1), (0x81, 0), (0x94, 0)]
)
@pytest.mark.parametrize("units", [MICROSECONDS, NANOSECONDS])
@pytest.mark.parametrize("other", [None, 127, 128])
def test_encode_pcap_writes_groups_of_any_resolution(
    kernels: ModuleType, write: In, resolution: int, offset: int, units: int, other: int | None
) -> None:
    per_second = ticks_per_second(resolution)
    columns, expected, cut = ordinary(257), b"", 0
    columns.ticks = array("Q", [row * (per_second + 1) for row in range(257)])
    if other is not None:
        columns.interface[other], columns.ticks[other] = 1, 3
    for row in range(257):
        at, length = columns.data_at[row], columns.captured_length[row]
        time = divmod(columns.ticks[row] * units // per_second + offset * units, units)
        if row == other:
            time = 3, 0
        else:
            cut += columns.ticks[row] * units % per_second != 0
        data, original = BUFFER[at : at + length], columns.original_length[row]
        expected += write.pcap_record(*time, data, original_length=original)
    out, tally = bytearray(len(expected)), counts()
    scales = scale((resolution, offset), (0, 0), units=units)
    done = kernels.encode_pcap(BUFFER, columns, 0, 257, out, 0, is_big(write), scales, tally)
    assert done == (257, len(expected), MORE)
    assert out == expected
    assert list(tally) == [cut, 0, 10]


@pytest.mark.parametrize("rows", [127, 128, 129, 257])
def test_encode_pcapng_copies_ordinary_rows_that_have_their_record(kernels: ModuleType, rows: int) -> None:
    columns = ordinary(rows)
    columns.record_at = array("q", [row % 60 for row in range(rows)])
    columns.record_length = array("I", [row % 4 for row in range(rows)])
    listed = as_pcapng(In(LITTLE), columns)
    for row in range(rows):
        if row % 4:
            listed[row] = BUFFER[row % 60 : row % 60 + row % 4]
    expected = b"".join(listed)
    out = bytearray(len(expected))
    assert kernels.encode_pcapng(BUFFER, columns, 0, rows, out, 0, False, True) == (rows, len(expected), MORE)
    assert out == expected


@pytest.mark.parametrize("values", [{}, {"record_type": 3}, {"options_at": 8, "options_length": 12}])
@pytest.mark.parametrize("rows", [127, 128, 129, 257])
def test_encoders_stop_at_the_row_for_which_there_is_no_room(
    kernels: ModuleType, rows: int, values: dict[str, int]
) -> None:
    write, place = In(LITTLE), rows // 2
    columns = changed(rows, place, values)
    for listed, kernel, rest in (
        (as_pcap(write, columns), kernels.encode_pcap, (scale((6, 0)),)),
        (as_pcapng(write, columns), kernels.encode_pcapng, (False,)),
    ):
        for fits in (0, 1, place, place + 1, 126, 127, 128, 129, rows - 1, rows):
            if fits > rows:
                continue
            expected = b"".join(listed[:fits])
            beyond = len(listed[fits]) - 1 if fits < rows else 5
            for spare in (0, beyond):
                out = bytearray(FILL * (3 + len(expected) + spare))
                more = (counts(),) if kernel is kernels.encode_pcap else ()
                done = kernel(BUFFER, columns, 0, rows, out, 3, False, *rest, *more)
                assert done == (fits, 3 + len(expected), MORE if fits == rows else FULL)
                assert out == (FILL * 3 + expected).ljust(len(out), FILL)


@pytest.mark.parametrize("rows", [127, 128, 129, 257])
@pytest.mark.parametrize("first", [0, 1, 127, 128, 129])
def test_encoders_go_on_in_any_row(kernels: ModuleType, write: In, rows: int, first: int) -> None:
    columns = ordinary(rows)
    for listed, kernel, rest in (
        (as_pcap(write, columns), kernels.encode_pcap, (scale((6, 0)), counts())),
        (as_pcapng(write, columns), kernels.encode_pcapng, (False,)),
    ):
        expected = b"".join(listed[first:])
        out = bytearray(len(expected))
        done = kernel(BUFFER, columns, first, rows, out, 0, is_big(write), *rest)
        assert done == (max(first, rows), len(expected), MORE)
        assert out == expected


@pytest.mark.parametrize("values", (UNUSUAL | BAD).values(), ids=UNUSUAL | BAD)
@pytest.mark.parametrize(("rows", "places"), EACH_PLACE)
def test_parity_of_groups(compiled: ModuleType, rows: int, places: list[int], values: dict[str, int]) -> None:
    for place in places:
        columns = changed(rows, place, values)
        for room in (20_000, 128 * 36, 100):
            out = bytearray(FILL * room)
            agree(compiled, "encode_pcap", BUFFER, columns, 0, rows, out, 0, True, scale((6, 0)), counts())
            agree(compiled, "encode_pcapng", BUFFER, columns, 0, rows, out, 0, True, False)


# ---------------------------------------------------------------- the interpreted encoders' two ways


def pcap_by_row(
    buffer: bytes,
    columns: Columns,
    row: int,
    rows: int,
    out: bytearray,
    at: int,
    big: bool,
    scales: "array[int]",
    tally: "array[int]",
) -> tuple[int, int, int]:
    units = [tuple(scales[first : first + 5]) for first in range(0, len(scales) // SCALE * SCALE, SCALE)]
    return encoding._encode_pcap(buffer, columns, row, rows, out, at, big, units, tally)


def test_ordinary_rows_are_encoded_column_by_column() -> None:
    columns, units = ordinary(200), [tuple(scale((6, 0)))[:5]]
    tails = encoding._Tails(False)
    assert encoding._plain_blocks(BUFFER, columns, 3, 131, False, tails) is not None
    assert encoding._plain_records(BUFFER, columns, 3, 131, False, units) is not None


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_bad_rows_are_not_encoded_column_by_column(values: dict[str, int]) -> None:
    for place in (0, 60, 127):
        columns, units = changed(128, place, values), [tuple(scale((6, 0)))[:5]]
        assert encoding._plain_blocks(BUFFER, columns, 0, 128, False, encoding._Tails(False)) is None
        assert encoding._plain_records(BUFFER, columns, 0, 128, False, units) is None


@st.composite
def almost_ordinary(draw: st.DrawFn) -> Columns:
    """Rows of which most are encoded column by column, and few values that are not ordinary."""
    rows = draw(st.integers(1, 12))

    def listed(each: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(each, min_size=rows, max_size=rows))

    columns = with_rows(
        rows,
        record_at=listed(st.integers(0, 40)),
        record_length=listed(st.sampled_from([0, 0, 1, 24])),
        record_type=listed(st.sampled_from([0, 2, 6])),
        data_at=listed(st.integers(0, 40)),
        captured_length=listed(st.integers(0, 24)),
        original_length=listed(WORDS),
        ticks=listed(st.one_of(st.integers(0, 2**52), st.integers(0, 2**40))),
        interface=[draw(st.integers(0, 1))] * rows,
        options_at=listed(st.integers(-1, 70)),
    )
    unusual: dict[str, st.SearchStrategy[int]] = {
        "record_type": st.just(3),
        "data_at": st.sampled_from([-(2**63), -1, 41, 64, 65, MAX_OFFSET]),
        "captured_length": st.sampled_from([25, 64, 65, MOST - 36, MOST - 35, MOST - 34, MOST]),
        "ticks": TICKS,
        "interface": st.sampled_from([0, 1, 2, MOST]),
        "options_length": st.sampled_from([4, 5, 8, 64, 68, MOST]),
    }
    for name in draw(st.lists(st.sampled_from(list(unusual)), max_size=3)):
        getattr(columns, name)[draw(st.integers(0, rows - 1))] = draw(unusual[name])
    return columns


@given(
    columns=almost_ordinary(),
    group=st.integers(1, 5),
    first=st.sampled_from([0, 0, 1, 3]),
    room=st.one_of(st.just(1000), st.integers(0, 600)),
    at=st.sampled_from([0, 0, 3]),
    big=st.booleans(),
    scales=st.one_of(
        st.sampled_from([scale((6, 0), (6, 0)), scale((0, 0), (3, 0)), scale((9, 0), (6, 5))]), scale_tables()
    ),
)
def test_both_ways_to_encode_do_the_same(
    columns: Columns, group: int, first: int, room: int, at: int, big: bool, scales: "array[int]"
) -> None:
    places = BUFFER, columns, first, columns.capacity, bytearray(FILL * (at + room)), at, big
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_GROUP", group)
        pcap = run_kernel(interpreted.encode_pcap, *places, scales, counts())
        pcapng = run_kernel(interpreted.encode_pcapng, *places, False)
    assert pcap == run_kernel(pcap_by_row, *places, scales, counts())
    assert pcapng == run_kernel(encoding._encode_pcapng, *places, False)


@given(columns=almost_ordinary(), group=st.integers(1, 5), room=st.integers(0, 800), big=st.booleans())
def test_parity_of_small_groups(compiled: ModuleType, columns: Columns, group: int, room: int, big: bool) -> None:
    places = BUFFER, columns, 0, columns.capacity, bytearray(FILL * room), 0, big
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_GROUP", group)
        agree(compiled, "encode_pcap", *places, scale((6, 0), (3, 7)), counts())
        agree(compiled, "encode_pcapng", *places, False)
        agree(compiled, "encode_pcapng", *places, True)
