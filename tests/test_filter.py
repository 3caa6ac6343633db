"""`filter` and `where`: which packets they select, and what is refused."""

from pathlib import Path
from typing import Any

import bpf
import cypcap
import pytest
import wire
from agreement import check_agreement, check_on_pipes
from conversions import converted
from expected import packets
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng, selecting_fields, selections
from wire import BIG, LITTLE, In

from pcapconv import UsageError

pytestmark = pytest.mark.usefixtures("kernels")

SAMPLES = Path(__file__).parent / "samples"
NULL, ETHERNET, RAW, USB = 0, 1, 101, 220
IPV4 = bytes.fromhex("450000280000000040060000c0000201c0000202")  # TCP, 192.0.2.1 to 192.0.2.2


def tcp(source: int, target: int) -> bytes:
    """A packet of IPv4 and TCP between two ports."""
    return IPV4 + source.to_bytes(2, "big") + target.to_bytes(2, "big") + bytes(16)


def ethernet(packet: bytes) -> bytes:
    return bytes(12) + b"\x08\x00" + packet


def in_host_order(write: In, packet: bytes) -> bytes:
    return write.number(2, 4) + packet


def kept(capture: bytes, **options: Any) -> list[int]:
    """The numbers of the packets that stay."""
    out, report = converted(capture, "pcapng", packet_comment=None, **options)
    assert report.packets_written == len(packets(out))
    before = [(each.data, each.time) for each in packets(capture)]
    return [before.index((each.data, each.time)) + 1 for each in packets(out)]


def mixed(write: In) -> bytes:
    """A capture of four link types: two packets of each, of which the first is from port 80; the last one is USB."""
    blocks = [write.section_header()]
    blocks += [
        write.interface(each, options=write.options((wire.IF_NAME, b"if%d" % each))) for each in (1, 101, 0, 220)
    ]
    for number, port in enumerate((80, 81)):
        data = [ethernet(tcp(port, 9)), tcp(port, 9), in_host_order(write, tcp(port, 9))]
        blocks += [write.enhanced_packet(each, 10 * number + each, content) for each, content in enumerate(data)]
    return b"".join([*blocks, write.enhanced_packet(3, 99, bytes(64))])


# ---------------------------------------------------------------- against the second implementation


@settings(max_examples=70)
@given(st.data())
def test_any_selection_with_a_filter(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcapng(link_types=(1, 113, 0, 101, 220)), invented_pcap()))
    request = data.draw(selections(capture))
    fields = selecting_fields(packets(capture))
    for name in data.draw(st.sampled_from([["expression"], ["where"], ["expression", "where"]])):
        strategy = fields[name]
        assert strategy is not None
        request = request._replace(**{name: data.draw(strategy)})
    check_agreement(capture, request)
    check_on_pipes(capture, request)


# ---------------------------------------------------------------- several link types, both byte orders


def test_each_link_type_is_filtered(write: In) -> None:
    without_usb = {"interface": ["if1", "if101", "if0"]}
    assert kept(mixed(write), filter="src port 80", **without_usb) == [1, 2, 3]
    assert kept(mixed(write), filter="src port 81", **without_usb) == [4, 5, 6]
    assert kept(mixed(write), filter="host 192.0.2.2", **without_usb) == [1, 2, 3, 4, 5, 6]
    assert kept(mixed(write), filter="src port 80 and dst port 9", interface=["if0"]) == [3]
    assert kept(mixed(write), filter="src port 80", invert=True, **without_usb) == [4, 5, 6, 7]


def test_a_link_type_that_cannot_be_filtered_is_refused(write: In) -> None:
    message = (
        "filter='src port 80': interface 0:3 if220, USB_LINUX_MMAPPED (220): USB link-layer type filtering not "
        "implemented; choose other interfaces with interface="
    )
    with pytest.raises(UsageError) as raised:
        converted(mixed(write), "pcapng", filter="src port 80")
    assert str(raised.value) == message
    assert kept(mixed(write), filter="src port 80", packets="1-6") == [1, 2, 3]  # it never reaches the filter
    assert kept(mixed(write), filter="src port 80", before="0.00005") == [1, 2, 3]
    assert kept(mixed(write)[: -len(write.enhanced_packet(3, 99, bytes(64)))], filter="src port 80") == [1, 2, 3]
    assert kept(mixed(write), filter="len > 54") == [7]  # this can be asked of every link type


def test_packets_behind_the_end_are_not_refused(write: In) -> None:
    assert kept(mixed(write), filter="src port 80", first=3, stop_early=True) == [1, 2, 3]
    assert kept(mixed(write), filter="src port 80", packets="1-6", stop_early=True) == [1, 2, 3]
    with pytest.raises(UsageError, match="USB"):
        converted(mixed(write), "pcapng", filter="src port 80", first=3)
    with pytest.raises(UsageError, match="USB"):
        converted(mixed(write), "pcapng", filter="src port 80", last=1)


def test_an_expression_that_is_false_for_a_link_type_selects_none_of_it(write: In) -> None:
    """libpcap refuses it: "expression rejects all packets"."""
    with pytest.raises(cypcap.Error, match="expression rejects all packets"):
        bpf.compiled("arp", RAW)
    arp = write.enhanced_packet(0, 0, bytes(12) + b"\x08\x06" + bytes(28))
    capture = write.section_header() + write.interface(RAW) + write.interface(ETHERNET)
    capture += write.enhanced_packet(0, 0, tcp(1, 2)) + arp.replace(arp[8:12], write.number(1, 4), 1)
    assert kept(capture, filter="arp") == [2]


def test_sections_of_both_byte_orders() -> None:
    """The address family at the beginning of NULL packets follows the section's byte order."""
    capture = b""
    for write in (In(LITTLE), In(BIG), In(LITTLE)):
        capture += write.section_header() + write.interface(NULL)
        capture += write.enhanced_packet(0, 0, in_host_order(write, tcp(80, len(capture))))
        capture += write.enhanced_packet(0, 0, in_host_order(write, tcp(81, len(capture))))
    assert kept(capture, filter="src port 80") == [1, 3, 5]
    assert kept(capture, filter="ip") == [1, 2, 3, 4, 5, 6]


def test_lengths_are_original_and_captured(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(0, 0, ethernet(tcp(80, 9))[:36], original_length=54)
    assert kept(capture, filter="len = 54") == [1]
    assert kept(capture, filter="src port 80") == [1]
    assert kept(capture, filter="dst port 9") == []  # the bytes are not there
    assert kept(capture, filter="not dst port 9") == []  # a program that misses bytes ends, as in libpcap


# ---------------------------------------------------------------- order


def test_the_filter_comes_before_repeats_and_counts(write: In) -> None:
    letters = "abacab"
    capture = write.pcap_header()
    capture += b"".join(write.pcap_record(each, 0, letter.encode()) for each, letter in enumerate(letters))
    assert kept(capture, filter="link[0] != 0x61", dedup=1) == [2, 4, 6]
    assert kept(capture, filter="link[0] = 0x61", dedup=1) == [1]
    assert kept(capture, filter="link[0] = 0x61", first=2) == [1, 3]
    assert kept(capture, filter="link[0] = 0x61", last=1) == [5]
    assert kept(capture, filter="link[0] = 0x61", last=1, invert=True) == [1, 2, 3, 4, 6]
    assert kept(capture, filter="link[0] = 0x61", chop=1, packets="1") == []  # edits come later
    assert converted(capture, "pcap", filter="link[0] = 0x61", chop=1, packets="1")[1].packets_written == 1
