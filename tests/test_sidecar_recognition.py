"""Which packets of a capture that was edited since a sidecar recognises."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import wire
from sidecars import Trip
from sidecars import trip as trip

import pcapconv
from pcapconv import SidecarError

WEB = Path(__file__).parent / "samples" / "web.pcapng"
pytestmark = pytest.mark.usefixtures("kernels")


def matches_of_edited(trip: Trip, edited: bytes) -> tuple[pcapconv.Report, list[pcapconv.Packet]]:
    """The report and the packets of an edited capture that is restored by its sidecar."""
    trip.pcap.with_name("edited.pcap").write_bytes(edited)
    report = pcapconv.convert(trip.pcap.with_name("edited.pcap"), trip.back, force=True, sidecar_file=str(trip.sidecar))
    with pcapconv.open(trip.back) as capture:
        return report, list(capture)


def numbers(report: pcapconv.Report) -> dict[str, Any]:
    assert report.found_in_sidecar is not None
    return {kind: value for kind, value in report.found_in_sidecar.items() if value and kind != "in_sidecar"}


def facts_of(packet: pcapconv.Packet) -> tuple[Any, ...]:
    interface = packet.interface
    return packet.time, packet.raw_options, interface.id, interface.section, interface.raw_options


ORIGINAL = (
    wire.section_header(options=wire.options((1, b"lab")))
    + wire.interface(options=wire.options((wire.IF_NAME, b"lan"), (wire.IF_TSRESOL, b"\x09")))
    + wire.interface(options=wire.options((wire.IF_NAME, b"wan"), (wire.IF_TSRESOL, b"\x09")))
    + b"".join(
        wire.enhanced_packet(
            number % 2, 10**18 + number * 1_234_567, b"packet %02d, and some more" % number,
            options=wire.options((1, b"comment %d" % number)) if number % 3 == 0 else b"",
        )
        for number in range(20)
    )
    + wire.names(wire.ipv4_name("192.0.2.1", "a"))
    + wire.statistics(1, 10**18)
)  # fmt: skip


def records(trip: Trip) -> tuple[bytes, list[bytes]]:
    """The header and the records of the pcap file."""
    whole = trip.pcap.read_bytes()
    size = 16 + len(b"packet 00, and some more")
    return whole[:24], [whole[at : at + size] for at in range(24, len(whole), size)]


@pytest.fixture
def original(trip: Trip) -> list[pcapconv.Packet]:
    trip.there(ORIGINAL, sidecar_fingerprints=True)
    with pcapconv.open(io.BytesIO(ORIGINAL)) as capture:
        return list(capture)


def test_packets_that_are_left_in_another_order(trip: Trip, original: list[pcapconv.Packet]) -> None:
    head, packets = records(trip)
    order = [7, 3, 18, 0, 9, 4]
    report, found = matches_of_edited(trip, head + b"".join(packets[row] for row in order))
    assert numbers(report) == {"same": 6}
    assert [facts_of(packet) for packet in found] == [facts_of(original[row]) for row in order]
    blocks = [block.block_type for block in wire.read_blocks(trip.back.read_bytes())]
    assert blocks == [0x0A0D0D0A, 1, 1, *[6] * 6, 4, 5]


def test_packets_that_were_cut_changed_or_appended(trip: Trip, original: list[pcapconv.Packet]) -> None:
    head, packets = records(trip)
    cut = packets[3][:8] + wire.number(17, 4) + packets[3][12:16] + packets[3][16:33]
    changed = packets[6][:16] + b"P" + packets[6][17:]
    new = wire.pcap_record(5, 6, b"new")
    report, found = matches_of_edited(trip, head + packets[0] + new + cut + packets[5] + changed + new)
    assert numbers(report) == {"same": 2, "cut": 1, "changed": 1, "new": 2, "new_packets": [2, 6]}
    assert [facts_of(found[row]) for row in (0, 2, 3, 4)] == [facts_of(original[row]) for row in (0, 3, 5, 6)]
    assert found[2].data == b"packet 03, and so"
    for row in (1, 5):
        assert (found[row].time_ns, found[row].raw_options, found[row].data) == (5_000_000_006, b"", b"new")
        assert found[row].interface.id == 2
        assert wire.IF_NAME not in dict(wire.read_options(found[row].interface.raw_options, wire.LITTLE))


def test_times_that_were_cut_to_microseconds(trip: Trip, original: list[pcapconv.Packet]) -> None:
    _, packets = records(trip)
    fields = [int.from_bytes(packet[4:8], "little") // 1000 for packet in packets]
    micro = [packet[:4] + wire.number(field, 4) + packet[8:] for packet, field in zip(packets, fields)]
    report, found = matches_of_edited(trip, wire.pcap_header(snaplen=262144) + b"".join(micro))
    assert numbers(report) == {"same": 20}
    assert [facts_of(packet) for packet in found] == [facts_of(packet) for packet in original]


def test_packets_of_which_nobody_can_tell_which_they_are(trip: Trip) -> None:
    twins = [wire.enhanced_packet(number, 1000, b"twin") for number in (0, 1)]
    capture = wire.section_header() + wire.interface(options=wire.options((wire.IF_NAME, b"a"))) + wire.interface()
    capture += b"".join(twins) + wire.enhanced_packet(1, 2000, b"other") + wire.enhanced_packet(0, 3000, b"same") * 2
    trip.there(capture, sidecar_fingerprints=True)
    whole = trip.pcap.read_bytes()
    one = wire.pcap_record(0, 1000, b"twin")
    assert whole.count(one) == 2
    report, found = matches_of_edited(trip, whole.replace(one, b"", 1))
    assert numbers(report) == {"same": 3, "ambiguous": 1, "ambiguous_packets": [1]}
    assert [packet.interface.id for packet in found] == [2, 1, 0, 0]
    both, one = wire.pcap_record(0, 3000, b"same") * 2, wire.pcap_record(0, 3000, b"same")
    report, found = matches_of_edited(trip, whole.replace(both, one))  # it does not matter which
    assert numbers(report) == {"same": 4}


def test_what_an_edited_capture_needs_beside_plain_packets(trip: Trip) -> None:
    """Interfaces that come late, Simple Packets, resolutions and offsets of all kinds."""
    name = (wire.IF_NAME, b"b")
    head = wire.section_header() + wire.interface(options=wire.options((wire.IF_NAME, b"a")))
    start = (wire.IF_TSOFFSET, wire.number(1_714_564_800, 8))
    late = (
        head
        + wire.enhanced_packet(0, 1, b"first", options=wire.options((1, b"c")))
        + wire.interface(options=wire.options(name, (wire.IF_TSRESOL, b"\x7f")))
        + wire.enhanced_packet(1, 2**64 - 1, b"second")
        + wire.statistics(1, 5)
        + wire.section_header()
        + wire.interface(options=wire.options(start))
        + wire.simple_packet(b"simple")
        + wire.enhanced_packet(0, 5, b"twin", options=wire.options((1, b"d")))
    )
    trip.there(late, sidecar_fingerprints=True)
    whole = trip.pcap.read_bytes()
    report, found = matches_of_edited(trip, whole[:24] + wire.pcap_record(9, 9, b"new") + whole[24:])
    assert numbers(report) == {"same": 4, "new": 1, "new_packets": [1]}
    names = [dict(wire.read_options(packet.interface.raw_options, wire.LITTLE)).get(wire.IF_NAME) for packet in found]
    assert names == [None, b"a", b"b", None, None]
    assert [packet.ticks for packet in found][1:] == [1, 2**64 - 1, None, 5]
    assert [packet.comments for packet in found] == [[], ["c"], [], [], ["d"]]
    (statistics,) = [each for each in wire.read_blocks(trip.back.read_bytes()) if each.block_type == 5]
    assert statistics.body[:4] == wire.number(found[2].interface.id, 4)


def test_only_packets_of_which_nobody_can_tell(trip: Trip) -> None:
    head = wire.section_header() + wire.interface() + wire.interface(options=wire.options((wire.IF_NAME, b"b")))
    trip.there(
        head + wire.enhanced_packet(0, 5, b"twin") + wire.enhanced_packet(1, 5, b"twin"), sidecar_fingerprints=True
    )
    report, _ = matches_of_edited(trip, wire.pcap_header(snaplen=262144) + wire.pcap_record(0, 5, b"twin"))
    assert numbers(report) == {"ambiguous": 1, "ambiguous_packets": [1]}


def test_another_link_type(trip: Trip, original: list[pcapconv.Packet]) -> None:
    assert len(original) == 20
    whole = trip.pcap.read_bytes()
    trip.back.with_name("edited.pcap").write_bytes(whole[:20] + wire.number(101, 4) + whole[24:])
    with pytest.raises(SidecarError, match="its link type is 101 instead of 1"):
        pcapconv.convert(trip.back.with_name("edited.pcap"), trip.back, sidecar_file=str(trip.sidecar))


def test_none_of_the_packets(trip: Trip, original: list[pcapconv.Packet]) -> None:
    assert len(original) == 20
    edited = trip.pcap.with_name("edited.pcap")
    edited.write_bytes(wire.pcap_header() + wire.pcap_record(1, 2, b"another"))
    says = r"it knows none of the 1 packets of .* by time and length: it belongs to another capture, or all"
    with pytest.raises(SidecarError, match=says):
        pcapconv.convert(edited, trip.back, sidecar_file=str(trip.sidecar))


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["tcpdump", "-r", "a.pcap", "-w", "edited.pcap", "tcp[13] & 8 != 0"], "same"),
        (["editcap", "-F", "nsecpcap", "-r", "a.pcap", "edited.pcap", "3-9", "15"], "same"),
        (["editcap", "-F", "pcap", "-s", "40", "a.pcap", "edited.pcap"], "cut"),
        (["tcprewrite", "--infile=a.pcap", "--outfile=edited.pcap", "--enet-dmac=00:11:22:33:44:55"], "changed"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else words,
)
def test_real_tools(command: list[str], kind: str, trip: Trip) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    trip.there(WEB, sidecar_fingerprints=True)
    done = subprocess.run(command, cwd=trip.pcap.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with pcapconv.open(WEB) as capture:
        original = {packet.time_ns: packet for packet in capture}
    report, found = matches_of_edited(trip, trip.pcap.with_name("edited.pcap").read_bytes())
    assert numbers(report) == {kind: len(found)}
    assert len(found) > 7
    assert [facts_of(packet) for packet in found] == [facts_of(original[packet.time_ns]) for packet in found]
    assert "web.example" in str(wire.read_blocks(trip.back.read_bytes()))
