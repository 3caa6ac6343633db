"""What holds of every merge: order, stability, parts that come together again; and mergecap as the judge."""

import random
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import DAMAGED, SAMPLES, stem
from expected_captures import PACKET_BLOCKS, packets
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcapng
from invented_merges import invented_inputs
from merging import merged
from wire import In

import pcapconv
from pcapconv import PcapconvError

pytestmark = pytest.mark.usefixtures("kernels")

START = 1_714_564_800


def times(capture: bytes) -> list[Fraction]:
    """The times of packets. Ticks of 0 are those of a packet that had no time."""
    return [packet.time for packet in packets(capture) if packet.ticks and packet.time is not None]


def is_in_order(capture: bytes) -> bool:
    return all(first <= second for first, second in pairwise(times(capture)))


def contents(capture: bytes) -> list[tuple[Any, ...]]:
    """The packets, with their times and the link types of their interfaces."""
    return [
        (packet.time, packet.original_length, packet.data, packet.interface.link_type) for packet in packets(capture)
    ]


@settings(max_examples=40)
@given(st.data())
def test_the_parts_of_a_split_come_together_again(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """All packets, in the order of the whole if that is in order, and ties are not between parts of interfaces."""
    capture = data.draw(invented_pcapng(finest=False).filter(lambda each: len(packets(each)) > 1))
    way: dict[str, Any] = data.draw(st.sampled_from([{"max_packets": 2}, {"by": "interface"}, {"max_packets": 1}]))
    folder = tmp_path_factory.mktemp("parts")
    (folder / "in.pcapng").write_bytes(capture)
    (folder / "parts").mkdir()
    report = pcapconv.split(folder / "in.pcapng", str(folder / "parts" / "part-{index:05}.pcapng"), **way)
    out, again = merged([Path(part).read_bytes() for part in report.outputs], on_loss="ignore")
    whole, told = merged([capture], on_loss="ignore")
    assert again.packets_written == told.packets_written
    key = lambda each: (each[1], each[2], each[3])  # noqa: E731 - a packet without a time may get another place
    assert sorted(map(key, contents(out))) == sorted(map(key, contents(whole)))
    sections = capture.count(b"\n\r\r\n")
    found = [packet.time for packet in packets(capture) if packet.time is not None]
    in_order = len(found) == told.packets_written and found == sorted(found)
    if in_order and "max_packets" in way and sections == 1:
        assert contents(out) == contents(whole)


@settings(max_examples=60)
@given(captures=st.lists(invented_pcapng(), min_size=1, max_size=4))
def test_a_section_is_like_an_input(captures: list[bytes]) -> None:
    told, _ = merged(captures, on_loss="ignore")
    assert merged([b"".join(captures)], on_loss="ignore")[0] == told
    appended, _ = merged(captures, append=True)
    assert merged([appended], on_loss="ignore")[0] == told


@settings(max_examples=60)
@given(capture=invented_pcapng().filter(lambda each: each.count(b"\n\r\r\n") == 1))
def test_one_section_keeps_the_blocks_of_all_packets(capture: bytes) -> None:
    """But for what must not be copied."""
    assume(b"do not" not in capture)
    out, _ = merged([capture], keep_snaplen=True)
    kinds = PACKET_BLOCKS
    stated, found = (
        [block.raw for block in wire.read_blocks(each) if block.block_type in kinds] for each in (capture, out)
    )
    assert found == stated


@settings(max_examples=80)
@given(captures=invented_inputs())
def test_packets_are_in_order_if_they_are_in_all_inputs(captures: list[bytes]) -> None:
    out, report = merged(captures, on_loss="ignore")
    warned = [warning for warning in report.warnings if "is earlier than a packet before it" in str(warning)]
    parts = [merged([capture], append=True)[0] for capture in captures]
    in_order = all(map(section_is_in_order, parts))
    assert bool(warned) == (not in_order)
    if in_order:
        assert is_in_order(out)
    ordered, report = merged(captures, on_loss="ignore", sort=True)
    assert is_in_order(ordered)
    assert not any("earlier" in str(warning) for warning in report.warnings)


def section_is_in_order(capture: bytes) -> bool:
    """Whether each section is in order."""
    found: dict[int, list[Fraction]] = {}
    for packet in packets(capture):
        if packet.time is not None:
            found.setdefault(packet.interface.section, []).append(packet.time)
    return all(first <= second for each in found.values() for first, second in pairwise(each))


@settings(max_examples=60)
@given(
    listed=st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=6),
    most=st.sampled_from([2, 3, 250]),
    ordered=st.booleans(),
)
def test_merging_is_stable(listed: list[list[int]], most: int, ordered: bool) -> None:
    """Packets of the same time come in the order of the inputs; with `sort`, in that of their input."""
    every = [sorted(each) if ordered else each for each in listed]
    captures = [
        wire.section_header()
        + wire.interface()
        + b"".join(wire.enhanced_packet(0, time, bytes([time, number, index])) for index, time in enumerate(each))
        for number, each in enumerate(every)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.merging.by_time.MOST_OPEN", most)
        out, _ = merged(captures, sort=not ordered)
    found = [tuple(packet.data) for packet in wire.read_pcapng(out)]
    rows = [(time, number, index) for number, each in enumerate(every) for index, time in enumerate(each)]
    if ordered:
        assert found == sorted(rows)
    else:  # a packet that is earlier than one before it has passed packets of other inputs
        assert [time for time, _, _ in found] == sorted(time for time, _, _ in rows)
        assert sorted(found, key=lambda each: each[:2]) == sorted(rows)


def test_an_input_that_is_not_in_order(write: In) -> None:
    """A warning names the first packet that is earlier; packets stay where they stand."""
    head = write.section_header() + write.interface()
    first = head + b"".join(write.enhanced_packet(0, time, b"a%d" % time) for time in (2, 9, 3, 4))
    second = head + b"".join(write.enhanced_packet(0, time, b"b%d" % time) for time in (1, 5, 10))
    out, report = merged([first, second])
    data = [packet.data for packet in wire.read_pcapng(out)]
    assert data == [b"b1", b"a2", b"b5", b"a9", b"a3", b"a4", b"b10"]
    stay = "its packets stay where they stand, and sort=True orders all"
    assert [str(each) for each in report.warnings] == [f"input: packet 3 is earlier than a packet before it; {stay}"]
    out, report = merged([first, second], sort=True)
    data = [packet.data for packet in wire.read_pcapng(out)]
    assert data == [b"b1", b"a2", b"a3", b"a4", b"b5", b"a9", b"b10"]
    assert report.warnings == []


def test_packets_behind_one_without_a_time_may_be_earlier_than_all_other_inputs(write: In) -> None:
    head = write.section_header() + write.interface()
    five, seven, nine, hundred = (write.enhanced_packet(0, each * 10**6, b"%d" % each) for each in (5, 7, 9, 100))
    simple = write.simple_packet(b"simple")
    out, report = merged([head + simple + five + nine, head + simple + seven, head + hundred])
    assert out == head + simple + simple + five + seven + nine + hundred
    assert report.warnings == []


# ---------------------------------------------------------------- times that need more than 64 bits


@pytest.mark.parametrize("most", [2, 250])
def test_times_of_all_resolutions_are_compared_exactly(write: In, most: int) -> None:
    """Of the finest and the coarsest resolution, and of offsets as far apart as can be."""
    order = random.Random(3)
    captures = []
    for resolution, offset in ((127, 0), (0xFF, -1), (0, 0), (9, -(2**62)), (0x80 | 40, 2**62), (6, 0), (19, 3)):
        options = [(wire.IF_TSRESOL, bytes([resolution])), (wire.IF_TSOFFSET, write.number(offset, 8))]
        head = write.section_header() + write.interface(options=write.options(*options))
        for _ in range(3):
            ticks = sorted(order.choice([0, 1, 5, 2**32, 2**63, 2**64 - 1, order.randrange(2**64)]) for _ in range(6))
            captures.append(head + b"".join(write.enhanced_packet(0, tick, b"%d" % tick) for tick in ticks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.merging.by_time.MOST_OPEN", most)
        out, report = merged(captures)
    assert report.warnings == []
    found = [(packet.time, packet.data) for packet in packets(out)]
    every = [(packet.time, packet.data) for capture in captures for packet in packets(capture)]
    assert found == sorted(every, key=lambda each: each[0] or Fraction(0))


# ---------------------------------------------------------------- mergecap

needs_mergecap = pytest.mark.skipif(shutil.which("mergecap") is None, reason="mergecap is not installed")
MISREAD = {
    **dict.fromkeys(("blocks", "custom", "do-not-copy", "journal"), "it counts custom and journal blocks as packets"),
    **dict.fromkeys(("simple", "obsolete", "sections", "before-interface", "mixed-order"), "it moves Simple Packets"),
    **dict.fromkeys(("time-extremes", "time-after-2106", "time-before-1970", "time-offsets"), "times"),
    "time-malformed": "nobody can tell these times",
    "ixia-hardware": "it takes the fractions for microseconds",
    **dict.fromkeys(("fraction-overflow", "fraction-overflow-nano"), "its arithmetic overflows"),
    "options-overrun": "it refuses options that claim more bytes than their block has",
    "reserved-bits": "it refuses reserved bits in the link-type word",
    "unknown-link-type": "it refuses link types that it does not know",
}
JUDGED = [path for path in SAMPLES if stem(path) not in DAMAGED | set(MISREAD)]


def by_mergecap(folder: Path, *captures: bytes) -> list[tuple[int, int, bytes]]:
    """The packets that mergecap writes: time in nanoseconds, original length, bytes."""
    paths = [folder / f"{number}.cap" for number in range(len(captures))]
    for path, capture in zip(paths, captures):
        path.write_bytes(capture)
    out = folder / "mergecap.pcapng"
    subprocess.run(["mergecap", "-w", out, *paths], check=True, capture_output=True, timeout=60)
    return in_nanoseconds(out.read_bytes())


def in_nanoseconds(capture: bytes) -> list[tuple[int, int, bytes]]:
    return [
        (int((packet.time or Fraction(0)) * 10**9 // 1), packet.original_length, packet.data)
        for packet in packets(capture)
    ]


def assert_alike(out: bytes, told: list[tuple[int, int, bytes]]) -> None:
    """Of several packets of the same time, mergecap takes that of the last input first."""
    found = in_nanoseconds(out)
    assert [time for time, _, _ in found] == [time for time, _, _ in told]
    assert sorted(found) == sorted(told)


@needs_mergecap
@pytest.mark.parametrize("path", JUDGED, ids=lambda path: path.name)
def test_mergecap_gives_the_same_packets_in_the_same_order(path: Path, tmp_path: Path) -> None:
    other = random.Random(path.name).choice(JUDGED)
    captures = [path.read_bytes(), other.read_bytes()]
    if not all(is_in_order(capture) for capture in captures):
        pytest.skip("it merges packets that are not in order in its own way")
    out, _ = merged(captures, on_loss="ignore", keep_snaplen=True)
    try:
        told = by_mergecap(tmp_path, *captures)
    except subprocess.CalledProcessError as error:
        pytest.skip(error.stderr.decode().strip()[:120])
    assert_alike(out, told)


@needs_mergecap
@pytest.mark.parametrize("seed", range(12))
def test_mergecap_merges_random_captures_alike(seed: int, tmp_path: Path) -> None:
    order = random.Random(seed)
    captures = []
    for number in range(order.randint(2, 9)):
        write = In(order.choice([wire.LITTLE, wire.BIG]))
        unit = order.choice([10**6, 10**9])
        grid = sorted(order.randrange(40) for _ in range(order.randint(0, 30)))
        data = [bytes([number, index]) for index in range(len(grid))]
        if order.random() < 0.5:
            magic = wire.NANOSECONDS if unit == 10**9 else wire.MICROSECONDS
            records = [write.pcap_record(START + each // 4, each % 4 * unit // 4, one) for each, one in zip(grid, data)]
            captures.append(write.pcap_header(magic) + b"".join(records))
        else:
            stated = write.options((wire.IF_TSRESOL, bytes([6 if unit == 10**6 else 9])))
            blocks = [write.enhanced_packet(0, START * unit + each * unit // 4, one) for each, one in zip(grid, data)]
            captures.append(write.section_header() + write.interface(options=stated) + b"".join(blocks))
    out, told = merged(captures)[0], by_mergecap(tmp_path, *captures)
    assert_alike(out, told)
    assert in_nanoseconds(merged(captures[::-1])[0]) == told


@needs_mergecap
def test_mergecap_appends_alike(tmp_path: Path) -> None:
    head = wire.section_header() + wire.interface()
    captures = [head + b"".join(wire.enhanced_packet(0, each, b"%d" % each) for each in (9, 1)) for _ in range(3)]
    for number, capture in enumerate(captures):
        (tmp_path / f"{number}").write_bytes(capture)
    out = tmp_path / "out.pcapng"
    subprocess.run(["mergecap", "-a", "-w", out, *(tmp_path / f"{number}" for number in range(3))], check=True)
    assert in_nanoseconds(merged(captures, append=True)[0]) == in_nanoseconds(out.read_bytes())


@pytest.mark.parametrize("stem_", ["time-malformed"])
def test_a_time_that_nobody_can_tell_is_refused_by_name(stem_: str) -> None:
    path = next(path for path in SAMPLES if stem(path) == stem_)
    with pytest.raises(PcapconvError, match=r"input: packet 2: .*if_ts"):
        merged([path.read_bytes()] * 2)
    assert merged([path.read_bytes()] * 2, append=True)[0] == path.read_bytes() * 2
