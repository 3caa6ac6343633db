"""What `info` tells of the order of packets: whether times go back, in how many places, and by how much."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import expected_output
import pytest
import wire
from command_line import run_in_process
from expected_captures import packets
from expected_request import Request
from hypothesis import given
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from wire import In

from pcapconv.describing import info

NANO = (wire.IF_TSRESOL, b"\t")
IN_ORDER = {"in_order": True, "places": 0, "first_packet": None, "goes_back_ns": 0}


def order_of(capture: bytes) -> dict[str, Any]:
    order: dict[str, Any] = info(io.BytesIO(capture)).as_dict()["order"]
    return order


def not_in_order(places: int, first_packet: int, goes_back_ns: int) -> dict[str, Any]:
    return {"in_order": False, "places": places, "first_packet": first_packet, "goes_back_ns": goes_back_ns}


def test_captures_without_packets_and_in_order(write: In) -> None:
    records = [write.pcap_record(second, 7, b"x") for second in (1, 1, 2)]
    for capture in (write.pcap_header(), write.pcap_header() + b"".join(records), write.section_header()):
        assert order_of(capture) == IN_ORDER


def test_places_and_the_longest_way_back(write: In) -> None:
    records = [write.pcap_record(second, 0, b"x") for second in (5, 9, 7, 8, 6, 9)]
    assert order_of(write.pcap_header() + b"".join(records)) == not_in_order(2, 3, 3 * 10**9)


def test_times_are_compared_across_resolutions_and_offsets(write: In) -> None:
    offset = (wire.IF_TSOFFSET, write.number(-1, 8))
    head = write.section_header() + write.interface() + write.interface(options=write.options(NANO, offset))
    first = write.enhanced_packet(0, 3, b"x")
    before, after = (write.enhanced_packet(1, 10**9 + ticks, b"x") for ticks in (2999, 3000))
    assert order_of(head + first + after + first) == IN_ORDER
    assert order_of(head + first + before + first) == not_in_order(1, 2, 1)


def test_packets_without_a_time_are_passed_over(write: In) -> None:
    head = (
        write.section_header() + write.interface() + write.interface(options=write.options((wire.IF_TSOFFSET, b"odd")))
    )
    simple, unknown = write.simple_packet(b"x"), write.enhanced_packet(1, 0, b"x")
    late, early = (write.enhanced_packet(0, ticks, b"x") for ticks in (9, 8))
    assert order_of(head + simple + late + simple + unknown + late) == IN_ORDER
    assert order_of(head + simple + late + simple + unknown + early) == not_in_order(1, 5, 1000)


def test_across_sections(write: In) -> None:
    """Also if times of a section before cannot be expressed in the unit of this one, and after packets without time."""
    head = write.section_header() + write.interface()
    late, early = (write.enhanced_packet(0, ticks, b"x") for ticks in (9, 8))
    simple = write.simple_packet(b"x")
    assert order_of(head + early + head + late) == IN_ORDER
    assert order_of(head + late + head + simple + late) == IN_ORDER
    assert order_of(head + late + head + early) == not_in_order(1, 2, 1000)
    assert order_of(head + late + head + simple + simple + head + simple + early) == not_in_order(1, 5, 1000)
    assert order_of(head + late + head + early + late + early) == not_in_order(2, 2, 1000)
    coarse = write.section_header() + write.interface(options=write.options((wire.IF_TSRESOL, b"\x82")))
    quarter = write.enhanced_packet(0, 1, b"x")
    assert order_of(coarse + quarter + head + write.enhanced_packet(0, 249_999, b"x")) == not_in_order(1, 2, 1000)
    assert order_of(coarse + quarter + head + write.enhanced_packet(0, 250_000, b"x")) == IN_ORDER


def plainly(capture: bytes) -> dict[str, Any]:
    """The same in the plainest way."""
    places, most = [], Fraction(0)
    times: list[Fraction] = []
    for packet in packets(capture):
        if packet.time is None:
            continue
        if times and packet.time < times[-1]:
            places.append(packet.number)
            most = max(most, max(times) - packet.time)
        times.append(packet.time)
        most = max(most, max(times) - packet.time)
    return not_in_order(len(places), places[0], int(most * 10**9)) if places else IN_ORDER


@given(capture=st.one_of(invented_pcapng(), invented_pcap()))
def test_in_the_plainest_way(capture: bytes) -> None:
    assert order_of(capture)["in_order"] == plainly(capture)["in_order"]
    for name, value in order_of(capture).items():
        assert plainly(capture)[name] == (value if isinstance(value, bool) or value is None else int(value))
    try:
        by_time = expected_output.written(capture, "pcapng", Request(sort=True)).capture
    except ValueError:
        return
    if len({packet.interface.section for packet in packets(capture)}) < 2:  # each is sorted by itself
        assert order_of(by_time)["in_order"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ((3, 2), "times go back in 1 place, first at packet 2, by up to 1.000000 s"),
        ((3, 2, 9, 1), "times go back in 2 places, first at packet 2, by up to 8.000000 s"),
    ],
)
def test_the_page(seconds: tuple[int, ...], text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write = In(wire.LITTLE)
    path = tmp_path / "a.pcap"
    path.write_bytes(write.pcap_header() + b"".join(write.pcap_record(each, 0, b"x") for each in seconds))
    assert f"\norder           {text}\n" in run_in_process(capfd, "info", path).out.decode()
