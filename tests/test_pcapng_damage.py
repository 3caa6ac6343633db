"""Pcapng's structure: damage that costs one block; exact offsets."""

import io
from collections.abc import Callable

import pytest
import wire
from conversions import converted, damage_of
from pcapng_structure import LARGEST, MOST, T, start, swapped
from wire import In

import pcapconv

pytestmark = pytest.mark.usefixtures("kernels")
BAD_BLOCKS: list[tuple[str, str, Callable[[In], bytes]]] = [
    (
        "packet-of-an-undeclared-interface",
        "a packet of interface 1, but only 1 interface is declared",
        lambda write: write.enhanced_packet(1, T, b"whose?"),
    ),
    ("packet-of-interface-2^32-1", "4294967295", lambda write: write.enhanced_packet(MOST, T, b"")),
    ("obsolete-of-an-undeclared-interface", "interface 65535", lambda write: write.obsolete_packet(0xFFFF, T, b"")),
    ("captured-above-block", "33", lambda write: write.enhanced_packet(0, T, bytes(32), captured_length=33)),
    ("captured-2^32-1", "4294967295", lambda write: write.obsolete_packet(0, T, b"abc", captured_length=MOST)),
    ("enhanced-too-short", "28", lambda write: write.block(6, bytes(16))),
    ("obsolete-too-short", "12", lambda write: write.block(2)),
    ("simple-too-short", "12", lambda write: write.block(3)),
    ("length-odd", "45 is not a multiple of 4", lambda write: write.block(6, bytes(36), total_length=45)),
    ("length-odd-unknown", "13 is not a multiple of 4", lambda write: write.block(0xCAFE, bytes(4), total_length=13)),
    ("trailer-differs", "36", lambda write: write.block(6, bytes(20), trailer=36)),
    ("trailer-0", "32", lambda write: write.block(0xCAFE, bytes(20), trailer=0)),
]


@pytest.mark.parametrize(("says", "build"), [each[1:] for each in BAD_BLOCKS], ids=[each[0] for each in BAD_BLOCKS])
def test_damage_at_one_block_and_reading_goes_on_after_it(write: In, says: str, build: Callable[[In], bytes]) -> None:
    before = start(write) + write.enhanced_packet(0, T, b"before")
    after = write.enhanced_packet(0, T + 1, b"after") + write.names()
    bad = build(write)
    out, report = converted(before + bad + after, "pcapng")
    assert out == before + after
    assert damage_of(report) == [(len(before), 2, len(bad))]
    assert says in report.damage[0].reason
    assert (report.packets_read, report.packets_written) == (2, 2)


@pytest.mark.parametrize(("says", "build"), [each[1:] for each in BAD_BLOCKS], ids=[each[0] for each in BAD_BLOCKS])
def test_damage_at_the_last_block(write: In, says: str, build: Callable[[In], bytes]) -> None:
    before = start(write) + write.enhanced_packet(0, T, b"before")
    bad = build(write)
    out, report = converted(before + bad, "pcapng")
    assert out == before
    assert damage_of(report) == [(len(before), 2, len(bad))]
    assert says in report.damage[0].reason


@pytest.mark.parametrize(
    ("interfaces", "declared"), [(0, "no interface is"), (1, "only 1 interface is"), (2, "only 2 interfaces are")]
)
def test_a_packet_of_an_undeclared_interface_names_the_number_that_is_declared(
    write: In, interfaces: int, declared: str
) -> None:
    capture = write.section_header() + write.interface() * interfaces + write.enhanced_packet(7, T, b"whose?")
    report = pcapconv.convert(io.BytesIO(capture), io.BytesIO(), to="pcapng")
    assert [each.reason for each in report.damage] == [f"a packet of interface 7, but {declared} declared"]


def test_simple_packet_in_a_section_without_an_interface_is_damage(write: In) -> None:
    bad, rest = write.simple_packet(b"whose?"), write.interface() + write.simple_packet(b"good")
    out, report = converted(write.section_header() + bad + rest, "pcapng")
    assert out == write.section_header() + rest
    assert damage_of(report) == [(28, 1, len(bad))]
    assert "Simple Packet" in report.damage[0].reason


@pytest.mark.parametrize("length", [0, 1, 4, 8, 11])
def test_block_length_below_12_leaves_out_the_rest(write: In, length: int) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(20), total_length=length) + write.enhanced_packet(0, T, b"not certain")
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]
    assert f"length {length} " in report.damage[0].reason


UNCERTAIN: list[tuple[str, Callable[[In], bytes]]] = [
    ("garbage", lambda _: b"garbage!" * 4),
    ("length below 12", lambda write: write.block(0xCAFE, bytes(20), total_length=8)),
    ("length odd", lambda write: write.block(0xCAFE, bytes(21))),
    ("another trailer", lambda write: write.block(0xCAFE, bytes(20), trailer=28)),
    ("beyond the end", lambda write: write.block(0xCAFE, bytes(20), total_length=64)),
    ("11 bytes", lambda _: bytes(11)),
    ("section without magic", lambda write: write.block(wire.SECTION_HEADER, bytes(16))),
]


@pytest.mark.parametrize("build", [build for _, build in UNCERTAIN], ids=[name for name, _ in UNCERTAIN])
@pytest.mark.parametrize(("size", "length", "trailer"), [(24, 33, 33), (20, 32, 36)], ids=["length", "trailer"])
def test_resume_only_where_the_next_block_is_certain(
    write: In, build: Callable[[In], bytes], size: int, length: int, trailer: int
) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(size), total_length=length, trailer=trailer) + build(write)
    out, report = converted(good + bad, "pcapng")
    assert out == good
    assert damage_of(report) == [(len(good), 2, len(bad))]


@pytest.mark.parametrize("other", [False, True], ids=["same-order", "other-order"])
def test_resume_at_a_section_behind_a_broken_block(write: In, other: bool) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    bad = write.block(6, bytes(20), trailer=36)
    second = swapped(write) if other else write
    after = start(second) + second.enhanced_packet(0, T, b"after")
    out, report = converted(good + bad + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, len(bad))]


LOST_INTERFACES: list[tuple[str, Callable[[In], bytes]]] = [
    ("too short", lambda write: write.block(1, bytes(4))),
    ("trailer", lambda write: write.block(1, bytes(8), trailer=24)),
    ("odd", lambda write: write.block(1, bytes(12), total_length=21)),
]


@pytest.mark.parametrize("build", [build for _, build in LOST_INTERFACES], ids=[name for name, _ in LOST_INTERFACES])
def test_damaged_interface_passes_over_the_rest_of_its_section(write: In, build: Callable[[In], bytes]) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    lost = build(write) + write.enhanced_packet(0, T, b"x") + write.interface() + write.names()
    after = start(write) + write.enhanced_packet(0, T, b"after")
    out, report = converted(good + lost + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, len(lost))]


def test_damaged_section_header_passes_over_its_section(write: In) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    short = write.block(wire.SECTION_HEADER, write.number(wire.BYTE_ORDER_MAGIC, 4) + bytes(8))
    lost = short + write.interface() + write.enhanced_packet(0, T, b"x")
    out, report = converted(good + lost + good, "pcapng")
    assert out == good + good
    assert damage_of(report) == [(len(good), 2, len(lost))]


def test_block_above_129_mib_is_damage_also_when_it_is_all_there(write: In) -> None:
    good = start(write) + write.enhanced_packet(0, T, b"good")
    large = LARGEST + 4
    bad = write.block(0xCAFE, bytes(large - 12))
    after = write.enhanced_packet(0, T, b"after")
    out, report = converted(good + bad + after, "pcapng")
    assert out == good + after
    assert damage_of(report) == [(len(good), 2, large)]
    assert str(large) in report.damage[0].reason


def test_damage_is_refused_when_strict(write: In) -> None:
    good = start(write)
    target = io.BytesIO()
    with pytest.raises(pcapconv.DamageError, match=rf"offset {len(good)} \(packet 1\)"):
        pcapconv.convert(io.BytesIO(good + b"stray"), target, to="pcapng", strict=True)
    assert target.getvalue() == b""
