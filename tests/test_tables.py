"""Tables have what a loop over packets gives: column by column, in memory, in files, through pandas and Polars."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow
import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc
from tabling import ALL, HEADERS, looped, named, read, read_file, rows, streamed, written
from wire import BIG, LITTLE

import pcapconv
from pcapconv.arrow import builders, interfaces
from pcapconv.arrow.column_names import COLUMNS, DEFAULT_COLUMNS

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.pcap*"))
PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "tables.md"


def flags(value: int, byte_order: Any = LITTLE) -> tuple[int, bytes]:
    return 2, value.to_bytes(4, "little" if byte_order == LITTLE else "big")


MANY = (
    wire.section_header()
    + named("eth0")
    + wire.interface()
    + named("lo", (9, b"\x09"), link_type=113)
    + wire.enhanced_packet(0, 1_700_000_000_123_456, b"abc", options=wire.options((1, b"one"), flags(1), (1, b"two")))
    + wire.simple_packet(b"no time", original_length=7)
    + wire.enhanced_packet(2, 7, b"", original_length=2**32 - 1, options=wire.options(flags(2)))
    + wire.enhanced_packet(1, 8, b"x" * 5, options=wire.options(flags(3), (1, b"a\xffb\xe2\x82\0cut")))
    + wire.section_header(byte_order=BIG)
    + wire.interface(byte_order=BIG, options=wire.options((2, b"\xed\xa0\x80"), byte_order=BIG))
    + wire.enhanced_packet(
        0, 9, b"big", options=wire.options((1, "ä€😀".encode()), flags(2, BIG), byte_order=BIG), byte_order=BIG
    )
)
ROWS: list[dict[str, Any]] = [
    {
        "number": 1,
        "time": 1_700_000_000_123_456_000,
        "captured_length": 3,
        "original_length": 3,
        "interface_id": 0,
        "interface": "eth0",
        "direction": "in",
        "comments": ["one", "two"],
        "data": b"abc",
        "link_type": 1,
        "section": 0,
    },
    {
        "number": 2,
        "time": None,
        "captured_length": 7,
        "original_length": 7,
        "interface_id": 0,
        "interface": "eth0",
        "direction": None,
        "comments": None,
        "data": b"no time",
        "link_type": 1,
        "section": 0,
    },
    {
        "number": 3,
        "time": 7,
        "captured_length": 0,
        "original_length": 2**32 - 1,
        "interface_id": 2,
        "interface": "lo",
        "direction": "out",
        "comments": None,
        "data": b"",
        "link_type": 113,
        "section": 0,
    },
    {
        "number": 4,
        "time": 8000,
        "captured_length": 5,
        "original_length": 5,
        "interface_id": 1,
        "interface": None,
        "direction": None,
        "comments": ["a\\xffb\\xe2\\x82"],
        "data": b"xxxxx",
        "link_type": 1,
        "section": 0,
    },
    {
        "number": 5,
        "time": 9000,
        "captured_length": 3,
        "original_length": 3,
        "interface_id": 0,
        "interface": "\\xed\\xa0\\x80",
        "direction": "out",
        "comments": ["ä€😀"],
        "data": b"big",
        "link_type": 1,
        "section": 1,
    },
]
EMPTY = {
    "pcap": wire.pcap_header(),
    "pcapng": wire.section_header() + wire.interface(),
    "no interface": wire.section_header(),
}


def test_each_column() -> None:
    assert rows(streamed(MANY)) == ROWS
    assert rows(read(MANY)) == ROWS
    assert looped(MANY) == ROWS


def test_types() -> None:
    names = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    assert streamed(MANY).schema == pyarrow.schema(
        {
            "number": pyarrow.int64(),
            "time": pyarrow.timestamp("ns", tz="UTC"),
            "captured_length": pyarrow.uint32(),
            "original_length": pyarrow.uint32(),
            "interface_id": pyarrow.uint32(),
            "interface": names,
            "direction": pyarrow.dictionary(pyarrow.int8(), pyarrow.string()),
            "comments": pyarrow.list_(pyarrow.string()),
            "data": pyarrow.binary(),
            "link_type": pyarrow.int32(),
            "section": pyarrow.int32(),
        }
    )


def type_text(kind: pyarrow.DataType) -> str:
    """A type of Arrow, as the page names it."""
    for name, is_nested in (("dictionary", pyarrow.types.is_dictionary), ("list", pyarrow.types.is_list)):
        if is_nested(kind):
            return f"{name} of {kind.value_type}"
    return str(kind)


def test_the_page_describes_each_column() -> None:
    described = re.findall(r"^\| `(\w+)` \| (.*) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted((each.name, type_text(each.type)) for each in read(MANY, COLUMNS).schema)
    assert [name for name, _ in described[: len(ALL)]] == list(ALL)
    assert (*ALL, *HEADERS) == COLUMNS
    assert ALL[:8] == DEFAULT_COLUMNS


@pytest.mark.parametrize("name", ALL)
def test_a_column_alone(name: str) -> None:
    assert rows(read(MANY, [name])) == [{name: row[name]} for row in ROWS]


def test_columns_stay_in_the_order_in_which_they_are_given() -> None:
    assert read(MANY, ["data", "number"]).column_names == ["data", "number"]
    assert read(MANY, "time,number").column_names == ["time", "number"]
    assert read(MANY, None).column_names == list(DEFAULT_COLUMNS)


@pytest.mark.parametrize("capture", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
def test_a_capture_without_packets(capture: bytes, to: str) -> None:
    table = streamed(capture)
    assert (table.num_rows, table.column_names) == (0, list(ALL))
    assert (read(capture).num_rows, read(capture).schema) == (0, table.schema)
    assert read_file(written(capture, to), to).schema == table.schema


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_samples(path: Path) -> None:
    """But for times that 64 bits cannot hold or that cannot be determined, which `test_table_refusals.py` has."""
    capture = path.read_bytes()
    columns = [name for name in ALL if name != "time" or not re.match("time-(after|before|malformed)", path.name)]
    try:
        expected = looped(capture, columns)
    except pcapconv.FormatError:
        with pytest.raises(pcapconv.FormatError):
            streamed(capture, columns)
    else:
        assert rows(streamed(capture, columns)) == expected


# ---------------------------------------------------------------- files


POLARS: dict[str, Callable[[io.BytesIO], Any]] = {
    "parquet": polars.read_parquet,
    "arrow": polars.read_ipc,
    "arrows": polars.read_ipc_stream,
}


@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
def test_files(to: str) -> None:
    data = written(MANY, to)
    assert rows(read_file(data, to)) == ROWS
    assert data == written(MANY, to)
    frame = POLARS[to](io.BytesIO(data))
    assert frame.with_columns(polars.col("time").cast(polars.Int64)).to_dicts() == ROWS
    assert frame.schema["time"] == polars.Datetime("ns", "UTC")


def test_pandas() -> None:
    frame = pandas.read_parquet(io.BytesIO(written(MANY, "parquet")))
    assert str(frame.dtypes["time"]) == "datetime64[ns, UTC]"
    assert frame.time[0].value == ROWS[0]["time"]
    assert frame.time.isna().tolist() == [False, True, False, False, False]
    assert frame.original_length.tolist() == [row["original_length"] for row in ROWS]
    assert frame.interface.astype(object).where(frame.interface.notna(), None).tolist() == [
        row["interface"] for row in ROWS
    ]
    assert frame.comments.dropna().map(list).tolist() == [row["comments"] for row in ROWS if row["comments"]]
    assert frame.data.tolist() == [row["data"] for row in ROWS]


def test_readers_take_the_stream() -> None:
    with pcapconv.open(io.BytesIO(MANY)) as capture:
        assert polars.from_arrow(capture.to_arrow(["number"])).to_dicts() == [{"number": n} for n in range(1, 6)]  # type: ignore[union-attr]


# ---------------------------------------------------------------- many packets, in record batches


def repeated(count: int, sections: int = 1) -> bytes:
    """Captures whose packets have comments, sizes and interfaces that change."""
    parts = []
    for section in range(sections):
        parts.append(wire.section_header() + named(f"eth{section}") + wire.interface())
        for number in range(count):
            options = wire.options((1, b"%d" % number)) if number % 3 == 0 else b""
            parts.append(wire.enhanced_packet(number % 2, number, bytes(number % 7), options=options))
    return b"".join(parts)


@pytest.mark.parametrize("most_rows", [1, 2, 3, 7, 64])
def test_record_batches_of_any_size(most_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "MOST_ROWS", most_rows)
    monkeypatch.setattr(interfaces, "MOST_ROWS", most_rows)
    monkeypatch.setattr("pcapconv.arrow.record_batches.MOST_ROWS", most_rows)
    capture = repeated(10, sections=4)
    table = streamed(capture)
    assert rows(table) == looped(capture)
    assert [len(chunk) for chunk in table["number"].chunks] == [most_rows] * (40 // most_rows) + (
        [40 % most_rows] if 40 % most_rows else []
    )
    for to in ("parquet", "arrow", "arrows"):
        data = written(capture, to)
        assert rows(read_file(data, to)) == looped(capture)
        assert POLARS[to](io.BytesIO(data))["interface"].to_list() == [row["interface"] for row in looped(capture)]


class Pipe(io.RawIOBase):
    """A stream of a capture that cannot go back."""

    def __init__(self, capture: bytes) -> None:
        self.rest = io.BytesIO(capture)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        return self.rest.readinto(room)


def test_names_that_come_late_are_in_an_arrow_file_as_one_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture is read twice; a pipe cannot be, and gets them in pieces."""
    monkeypatch.setattr(builders, "MOST_ROWS", 4)
    monkeypatch.setattr(interfaces, "MOST_ROWS", 4)
    monkeypatch.setattr("pcapconv.arrow.record_batches.MOST_ROWS", 4)
    capture = repeated(4, sections=3)
    file = ipc.open_file(io.BytesIO(written(capture, "arrow")))
    assert [file.get_batch(at)["interface"].dictionary.to_pylist() for at in range(3)] == [["eth0", "eth1", "eth2"]] * 3

    target = io.BytesIO()
    pcapconv.write_table(Pipe(capture), target, columns=ALL, to="arrow")  # type: ignore[arg-type]
    assert rows(read_file(target.getvalue(), "arrow")) == looped(capture)


def test_the_first_name_comes_late_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "MOST_ROWS", 2)
    monkeypatch.setattr(interfaces, "MOST_ROWS", 2)
    monkeypatch.setattr("pcapconv.arrow.record_batches.MOST_ROWS", 2)
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1, b"one") * 3
    capture += named("eth0") + wire.enhanced_packet(1, 1, b"two") * 3
    target = io.BytesIO()
    pcapconv.write_table(Pipe(capture), target, columns=ALL, to="arrow")  # type: ignore[arg-type]
    assert rows(read_file(target.getvalue(), "arrow")) == looped(capture)
    written_file = ipc.open_file(io.BytesIO(written(capture, "arrow", ["interface"])))
    assert written_file.get_batch(0)["interface"].dictionary.to_pylist() == ["eth0"]


def test_bytes_and_options_limit_a_record_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single packet may have more."""
    monkeypatch.setattr(builders, "_MOST_DATA", 10)
    monkeypatch.setattr(builders, "_MOST_OPTIONS", 12)
    sizes = [10, 1, 9, 1, 11, 0, 0, 30, 2]
    capture = wire.section_header() + wire.interface()
    capture += b"".join(wire.enhanced_packet(0, 1, bytes(size)) for size in sizes)
    table = streamed(capture, ["data"])
    assert [[len(each) for each in chunk.to_pylist()] for chunk in table["data"].chunks] == [
        *([10], [1, 9], [1], [11], [0, 0], [30], [2])
    ]
    capture = wire.section_header() + wire.interface()
    comments = [wire.options((1, b"A" * size)) for size in (1, 20, 1)]
    capture += b"".join(wire.enhanced_packet(0, 1, b"", options=raw) for raw in comments)
    assert [chunk.to_pylist() for chunk in streamed(capture, ["comments"])["comments"].chunks] == [
        *([["A"]], [["A" * 20]], [["A"]])
    ]


def test_a_dictionary_of_names_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_MOST_NAMES", 200)
    capture = repeated(3, sections=6)
    table = streamed(capture)
    assert rows(table) == looped(capture)
    assert max(len(chunk.dictionary) for chunk in table["interface"].chunks) <= 2
    for to in ("parquet", "arrow", "arrows"):
        assert rows(read_file(written(capture, to), to)) == looped(capture)
    monkeypatch.setattr("pcapconv.tables.sinks._MOST_NAMES", 200)
    with pytest.raises(pcapconv.TargetError, match=r"more than 0 MiB, .*to='parquet'"):
        written(capture, "arrow")


def test_names_of_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section may have more names than memory holds once they are text: those of interfaces with packets count."""
    monkeypatch.setattr(interfaces, "_MOST_TEXT", 3 * 400 + 100)
    head = wire.section_header()
    head += b"".join(wire.interface(options=wire.options((2, b"%03d" % each + b"x" * 300))) for each in range(20))
    capture = head + b"".join(wire.enhanced_packet(each, 1, b"") for each in [7, 7, 3, 9, 7, 3])
    table = streamed(capture)
    assert rows(table) == looped(capture)
    assert [name[:3] for name in table["interface"].chunks[0].dictionary.to_pylist()] == ["003", "007", "009"]
    message = r"packet 1: the names of interfaces have more than 0 MiB, .*; columns= can leave the column interface out"
    with pytest.raises(pcapconv.TargetError, match=message) as refused:
        streamed(capture + wire.enhanced_packet(0, 1, b""))
    assert refused.value.packet_number == 1


# ---------------------------------------------------------------- what is selected


@pytest.mark.filterwarnings("ignore:.*sections are sorted each by itself")
@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        ({"packets": "2-3,5"}, [2, 3, 5]),
        ({"drop_packets": "1"}, [2, 3, 4, 5]),
        ({"first": 2}, [1, 2]),
        ({"last": 1}, [5]),
        ({"interface": ["lo"]}, [3]),
        ({"after": "2001-01-01"}, [1]),
        ({"before": "1971-01-01"}, [3, 4, 5]),
        ({"direction": "out"}, [3, 5]),
        ({"comment_matches": "two"}, [1]),
        ({"where": lambda packet: packet.data == b"big"}, [5]),
        ({"packets": "1", "invert": True}, [2, 3, 4, 5]),
        ({"sort": True, "drop_packets": "2,5"}, [3, 4, 1]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else str(value),
)
def test_selections(selection: dict[str, Any], numbers: list[int]) -> None:
    expected = [ROWS[number - 1] for number in numbers]
    assert rows(read(MANY, **selection)) == expected
    for to in ("parquet", "arrow", "arrows"):
        assert rows(read_file(written(MANY, to, **selection), to)) == expected


def test_edits_are_no_arguments() -> None:
    with pytest.raises(TypeError, match="'snaplen' is no argument"):
        read(MANY, snaplen=4)
    with pytest.raises(TypeError, match="'compress' is no argument"):
        written(MANY, "parquet", compress="zstd")


def test_to_arrow_goes_on_from_the_position() -> None:
    with pcapconv.open(io.BytesIO(MANY)) as capture:
        assert next(iter(capture)).number == 1
        assert rows(capture.to_arrow(ALL).read_all()) == ROWS[1:]
    with pcapconv.open(io.BytesIO(MANY)) as capture:
        reader = capture.to_arrow(["number"])
        assert next(iter(capture)).number == 1
        assert reader.read_all().num_rows == 4


# ---------------------------------------------------------------- invented captures


@st.composite
def captures(draw: st.DrawFn) -> bytes:
    """Sections in both byte orders, with any names, flags and comments, also such that are cut."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from([LITTLE, BIG]))
        parts.append(wire.section_header(byte_order=order))
        count = draw(st.integers(1, 3))
        for _ in range(count):
            name = draw(st.none() | st.binary(max_size=6) | st.just(b"eth0"))
            listed = wire.options((2, name), byte_order=order) if name is not None else b""
            parts.append(wire.interface(link_type=draw(st.integers(0, 65535)), options=listed, byte_order=order))
        for _ in range(draw(st.integers(0, 6))):
            data = draw(st.binary(max_size=9))
            if draw(st.integers(0, 4)) == 0:
                parts.append(wire.simple_packet(data, byte_order=order))
                continue
            pairs = draw(st.lists(st.tuples(st.sampled_from([1, 1, 2, 4]), st.binary(max_size=9)), max_size=3))
            raw = wire.options(*pairs, byte_order=order, end=draw(st.booleans()))
            raw += draw(st.sampled_from([b"", b"\1\0\xff\0", bytes(8)]))
            ticks, interface = draw(st.integers(0, 2**53)), draw(st.integers(0, count - 1))
            parts.append(wire.enhanced_packet(interface, ticks, data, options=raw, byte_order=order))
    return b"".join(parts)


@given(captures(), st.integers(1, 9))
def test_tables_agree_with_a_loop(capture: bytes, most_rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builders, "MOST_ROWS", most_rows)
        patch.setattr(interfaces, "MOST_ROWS", most_rows)
        patch.setattr("pcapconv.arrow.record_batches.MOST_ROWS", most_rows)
        assert rows(streamed(capture)) == looped(capture)
