"""The compiled kernels against the interpreted ones: on any bytes, on samples cut at every byte, on boundary values."""

import tomllib
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import wire
from conversions import SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import (
    MAGICS,
    MOST,
    MOST_TICKS,
    SMALL_OR_WORD,
    SWAP_ALWAYS,
    SWAP_IF_LONGER,
    SWAP_NEVER,
    TICKS,
    VERSIONS,
    WORDS,
    all_columns,
    counts,
    is_big,
    outcome,
    packet_rows,
    scale,
    scale_tables,
    with_rows,
)
from wire import BIG, LITTLE, In

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import SCALE
from pcapconv.model import Columns
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, ticks_per_second

# ---------------------------------------------------------------- parity


def indexed(
    kernel: Callable[..., Any], capture: bytes, start: int, stop: int, capacity: int, *rest: Any
) -> tuple[Any, dict[str, list[int]]]:
    columns = Columns(capacity)
    found = kernel(capture, start, stop, columns, *rest)
    return found, all_columns(columns, found[0])


def agree_on_pcap(compiled: ModuleType, *rest: Any) -> None:
    """`rest` are the arguments of `indexed` for index_pcap."""
    assert indexed(compiled.index_pcap, *rest) == indexed(interpreted.index_pcap, *rest)


def agree_on_pcapng(compiled: ModuleType, *rest: Any) -> None:
    """`rest` are the arguments of `indexed` for index_pcapng."""
    assert indexed(compiled.index_pcapng, *rest) == indexed(interpreted.index_pcapng, *rest)


def agree_on_encoding(
    compiled: ModuleType, buffer: bytes, columns: Columns, row: int, room: int, at: int, big: bool, table: "array[int]"
) -> None:
    rows = columns.capacity
    to_pcap, to_pcapng = [], []
    for module in (compiled, interpreted):
        out, tally = bytearray(b"\xaa" * room), counts()
        to_pcap.append(
            outcome(module.encode_pcap, buffer, columns, row, rows, out, at, big, table, tally, written=(out, tally))
        )
        for rest in ((big, False), (big, True)):
            out = bytearray(b"\xaa" * room)
            to_pcapng.append(outcome(module.encode_pcapng, buffer, columns, row, rows, out, at, *rest, written=(out,)))
        out = bytearray(b"\xaa" * room)
        to_pcapng.append(outcome(module.copy_records, buffer, columns, row, rows, out, at, written=(out,)))
    assert to_pcap[0] == to_pcap[1]
    assert to_pcapng[:3] == to_pcapng[3:]


def agree_on_counting(compiled: ModuleType, buffer: bytes, columns: Columns, interfaces: int, big: bool) -> None:
    packets, options, sums = [], [], []
    for module in (compiled, interpreted):
        totals, types = array("Q", [0, 0, 0, MOST_TICKS, 0] * interfaces), array("Q", bytes(8 * 256))
        packets.append(outcome(module.count_packets, columns, columns.capacity, totals, types, written=(totals, types)))
        found = array("Q", bytes(8 * 65538))
        options.append(
            outcome(module.count_options, buffer, columns, columns.capacity, big, found, written=(found.tobytes(),))
        )
        four = array("Q", bytes(8 * 4))
        sums.append(outcome(module.sum_options, buffer, columns, columns.capacity, big, four, written=(four,)))
    assert packets[0] == packets[1]
    assert options[0] == options[1]
    assert sums[0] == sums[1]


BYTE_ORDERS = st.sampled_from([LITTLE, BIG])
HALF_WORDS = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0xFFFF]))
DATA = st.binary(max_size=40)
MAYBE_WORD = st.one_of(st.none(), WORDS)


@st.composite
def pcap_records(draw: st.DrawFn) -> tuple[bytes, bool, int]:
    """Records, whether they are big endian, and the size of their headers; few lie about their length."""
    write = In(draw(BYTE_ORDERS))
    size = draw(st.sampled_from([16, 16, 24]))
    captured = st.one_of(st.none(), st.none(), st.none(), WORDS)
    record = st.builds(
        write.pcap_record,
        WORDS,
        WORDS,
        DATA,
        original_length=MAYBE_WORD,
        captured_length=captured,
        extra=st.just(bytes(size - 16)),
    )
    header = st.builds(
        wire.pcap_header,
        st.sampled_from(MAGICS),
        byte_order=BYTE_ORDERS,
        version=st.one_of(st.sampled_from(VERSIONS), st.tuples(HALF_WORDS, HALF_WORDS)),
    )
    zeros = st.integers(1, 2 * size).map(bytes)
    records = draw(st.lists(st.one_of(record, record, record, header, zeros), max_size=5))
    return b"".join(records), is_big(write), size


@st.composite
def packet_blocks(draw: st.DrawFn) -> tuple[bytes, bool]:
    """Blocks, most of them packets and sound, and whether they are big endian."""
    write = In(draw(BYTE_ORDERS))
    blocks = b"".join(draw(packet_block(write)) for _ in range(draw(st.integers(0, 5))))
    return blocks, is_big(write)


@st.composite
def packet_block(draw: st.DrawFn, write: In) -> bytes:
    kind = draw(st.sampled_from(["enhanced", "enhanced", "simple", "obsolete", "other", "broken"]))
    data, original = draw(DATA), draw(MAYBE_WORD)
    captured = draw(st.one_of(st.none(), st.none(), st.none(), WORDS))
    options = draw(option_list(write))
    if kind == "enhanced":
        return write.enhanced_packet(
            draw(SMALL_OR_WORD),
            draw(TICKS),
            data,
            original_length=original,
            captured_length=captured,
            options=options,
        )
    if kind == "obsolete":
        return write.obsolete_packet(
            draw(st.integers(0, 3)),
            draw(TICKS),
            data,
            drops_count=draw(HALF_WORDS),
            original_length=original,
            captured_length=captured,
            options=options,
        )
    if kind == "simple":
        return write.simple_packet(data, original_length=original)
    block_type = draw(st.one_of(st.sampled_from([1, 2, 3, 5, 6, 0x0A0D0D0A]), WORDS))
    if kind == "other":
        return write.block(block_type, wire.padded(data))
    return write.block(block_type, data, total_length=draw(MAYBE_WORD), trailer=draw(MAYBE_WORD))


@st.composite
def option_list(draw: st.DrawFn, write: In) -> bytes:
    """Options, a multiple of 4 bytes, and now and then one that claims more than there is."""
    codes = st.sampled_from([0, 1, 2, 2988, 0x8001, 0xFFFF])
    lengths = st.one_of(st.none(), st.none(), st.none(), HALF_WORDS)
    listed = [
        write.option(draw(codes), draw(st.binary(max_size=9)), length=draw(lengths))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return b"".join(listed)


@given(
    records=pcap_records(),
    swap=st.integers(0, 2),
    units=st.sampled_from([10**6, 10**9]),
    capacity=st.integers(0, 6),
    late=st.sampled_from([0, 0, 0, 1]),
    trimmed=st.integers(0, 60),
)
def test_parity_of_index_pcap(
    compiled: ModuleType,
    records: tuple[bytes, bool, int],
    swap: int,
    units: int,
    capacity: int,
    late: int,
    trimmed: int,
) -> None:
    capture, big, size = records
    start = min(late, len(capture))
    agree_on_pcap(compiled, capture, start, max(start, len(capture) - trimmed), capacity, big, size, swap, units)


@given(
    blocks=packet_blocks(),
    interfaces=st.one_of(st.integers(0, 4), st.sampled_from([0xFFFF, MOST])),
    snaplen=SMALL_OR_WORD,
    capacity=st.integers(0, 6),
    trimmed=st.integers(0, 60),
)
def test_parity_of_index_pcapng(
    compiled: ModuleType, blocks: tuple[bytes, bool], interfaces: int, snaplen: int, capacity: int, trimmed: int
) -> None:
    capture, big = blocks
    agree_on_pcapng(compiled, capture, 0, max(0, len(capture) - trimmed), capacity, big, interfaces, snaplen)


@given(noise=st.binary(max_size=200), big=st.booleans(), capacity=st.integers(0, 6), start=st.integers(0, 8))
def test_parity_of_index_on_random_bytes(
    compiled: ModuleType, noise: bytes, big: bool, capacity: int, start: int
) -> None:
    start = min(start, len(noise))
    for swap in (SWAP_NEVER, SWAP_IF_LONGER, SWAP_ALWAYS):
        agree_on_pcap(compiled, noise, start, len(noise), capacity, big, 16, swap, 10**6)
    for block_type in (2, 3, 6):
        capture = wire.number(block_type, 4, byte_order=BIG if big else LITTLE) + noise
        agree_on_pcapng(compiled, capture, 0, len(capture), capacity, big, 1, 0)


@given(data=st.data(), buffer=st.binary(max_size=64), big=st.booleans(), table=scale_tables())
def test_parity_of_encoding_and_counting_any_rows(
    compiled: ModuleType, data: st.DataObject, buffer: bytes, big: bool, table: "array[int]"
) -> None:
    columns = data.draw(packet_rows(len(buffer)))
    row = data.draw(st.integers(-1, 5))
    room = data.draw(st.integers(0, 400))
    at = data.draw(st.one_of(st.just(0), st.integers(-1, room + 1)))
    agree_on_encoding(compiled, buffer, columns, row, room, at, big, table)
    agree_on_counting(compiled, buffer, columns, len(table) // SCALE, big)


@given(blocks=packet_blocks(), short=st.sampled_from([0, 0, 1, 17]), table=scale_tables())
def test_parity_of_encoding_what_was_indexed(
    compiled: ModuleType, blocks: tuple[bytes, bool], short: int, table: "array[int]"
) -> None:
    capture, big = blocks
    columns = Columns(8)
    rows, _, _ = interpreted.index_pcapng(capture, 0, len(capture), columns, big, 4, 0)
    columns = columns.copy(0, rows)
    for per_packet, padding in ((16, 0), (32, 3)):  # room that is exactly right for pcap, then for pcapng
        needed = sum(per_packet + (length + padding & ~padding) for length in columns.captured_length)
        needed += sum(columns.options_length) if padding else 0
        agree_on_encoding(compiled, capture, columns, 0, max(0, needed - short), 0, big, table)
    agree_on_counting(compiled, capture, columns, 4, big)


# ---------------------------------------------------------------- parity: each sample, cut at every byte


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcap"], ids=lambda path: path.name)
def test_parity_on_a_pcap_sample_cut_at_every_byte(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    header = wire.read_pcap_header(capture)
    big, size = header.byte_order == BIG, 24 if header.magic == wire.MODIFIED else 16
    swap = {(2, 2): SWAP_ALWAYS, (2, 3): SWAP_IF_LONGER, (543, 0): SWAP_ALWAYS}.get(header.version, SWAP_NEVER)
    begin = header.size
    for stop in range(header.size, len(capture) + 1):
        agree_on_pcap(compiled, capture, begin, stop, 3, big, size, swap, header.units)
        rows, end, _, _ = interpreted.index_pcap(capture, begin, stop, Columns(1), big, size, swap, header.units)
        begin = end if rows and end < stop else begin
    agree_on_pcap(compiled, capture, header.size, len(capture), 1000, big, size, swap, header.units)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_parity_on_a_pcapng_sample_cut_at_every_byte(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    for each in wire.read_blocks(capture):
        big, end = each.byte_order == BIG, each.offset + len(each.raw)
        for stop in range(each.offset, end + 1):
            agree_on_pcapng(compiled, capture, each.offset, stop, 2, big, 2, 61)
        agree_on_pcapng(compiled, capture, each.offset, len(capture), 1000, big, 100, 0)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_parity_on_the_packets_of_a_pcapng_sample(compiled: ModuleType, path: Path) -> None:
    capture = path.read_bytes()
    table = scale(*[(6, 0)] * 20)
    for each in wire.read_blocks(capture):
        big, columns = each.byte_order == BIG, Columns(1)
        rows, _, _ = interpreted.index_pcapng(capture, each.offset, len(capture), columns, big, 20, 0)
        if rows:
            exact = 32 + -(-columns.captured_length[0] // 4) * 4 + columns.options_length[0]
            for room in (exact, exact - 1, 16 + columns.captured_length[0], 15 + columns.captured_length[0]):
                agree_on_encoding(compiled, capture, columns, 0, room, 0, big, table)
            agree_on_counting(compiled, capture, columns, 20, big)


@pytest.mark.parametrize("units", [10**6, 10**9])
@pytest.mark.parametrize("seconds", [0, 1, 2**31 - 1, 2**31, MOST - 1, MOST])
def test_parity_on_boundary_times(compiled: ModuleType, write: In, seconds: int, units: int) -> None:
    fractions = [0, 1, units - 1, units, units + 1, 2**31, MOST]
    records = b"".join(write.pcap_record(seconds, fraction, b"") for fraction in fractions)
    agree_on_pcap(compiled, records, 0, len(records), 10, is_big(write), 16, SWAP_NEVER, units)


@pytest.mark.parametrize("units", [MICROSECONDS, NANOSECONDS])
@pytest.mark.parametrize("resolution", [0, 1, 6, 7, 9, 10, 0x80, 0x81, 0x86, 0x87, 0x94, 0xA0, 0xA1])
def test_parity_on_boundary_offsets(compiled: ModuleType, resolution: int, units: int) -> None:
    second = ticks_per_second(resolution)
    around = [0, second, (2**32 - 1) * second, 2**32 * second, 2**63, 2**63 * second, MOST_TICKS]
    ticks = sorted({each + step for each in around for step in (-1, 0, 1) if 0 <= each + step <= MOST_TICKS})
    offsets = [0, 1, -1, 2**32 - 1, 2**32, -(2**32) + 1, -(2**32), 2**63 - 1, -(2**63) + 1, -(2**63)]
    table = scale(*((resolution, offset) for offset in offsets), units=units)
    for interface in range(len(offsets)):
        for tick in ticks:
            columns = with_rows(1, record_type=[6], ticks=[tick], interface=[interface])
            agree_on_encoding(compiled, b"", columns, 0, 32, 0, False, table)


def test_both_forms_know_their_names(kernels: ModuleType) -> None:
    assert kernels.__name__.rpartition(".")[2] == kernels.NAME


def test_compiled_kernels_are_not_older_than_their_source(compiled: ModuleType) -> None:
    built = Path(str(compiled.__file__))
    sources = [*built.parent.glob("*.pyx"), *built.parent.glob("*.pxi")]
    if not sources or not (built.parents[2] / "pyproject.toml").exists():
        pytest.skip("the compiled kernels do not stand beside their source")
    assert built.stat().st_mtime >= max(source.stat().st_mtime for source in sources), (
        "build them again: pip install -e ."
    )


def test_a_change_in_any_source_of_the_compiled_kernels_builds_them_again() -> None:
    root = Path(__file__).parents[1]
    (extension,) = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    parts = [str(path.relative_to(root)) for path in sorted((root / "pcapconv" / "kernels").glob("*.pxi"))]
    assert extension["depends"] == parts
