"""What the library says of packets' headers: columns of a batch, `Headers` of a packet, and what each tunnel holds."""

import copy
import io
import pickle
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import protocols
import pytest
import wire
from protocols import ETHERNET, IP, IP6, LINUX_SLL, RAW, TCP, UDP, ethernet, ipv4, ipv6, sll, tcp, udp, vxlan

import pcapconv
from pcapconv.header_columns import HeaderColumns, LinkTypes
from pcapconv.headers import Headers
from pcapconv.spec.protocols import BY_ETHER_TYPE, BY_IP_PROTOCOL, IP_IN_IP, PROTOCOLS, TUNNEL_NAMES

INNER = ethernet(IP, ipv4(UDP, udp(), source="10.0.0.1", destination="10.0.0.2", ttl=3))


def headers(data: bytes, link_type: int = ETHERNET, original: int | None = None, *, inner: bool = False) -> Headers:
    return Headers.of(data, len(data) if original is None else original, link_type, inner=inner)


def test_a_tcp_segment() -> None:
    found = headers(ethernet(IP, ipv4(TCP, tcp(b"12345", flags=0x12), ttl=9) + b"\0" * 6))
    assert (found.source_mac, found.destination_mac) == ("02:00:5e:00:00:01", "02:00:5e:00:00:02")
    assert (found.network_protocol, found.network_at, found.ttl) == (0x0800, 14, 9)
    assert (found.source_address, found.destination_address) == (IPv4Address("192.0.2.1"), IPv4Address("198.51.100.2"))
    assert (found.fragment_id, found.fragment_offset, found.more_fragments) == (0x1234, 0, 0)
    assert (found.ip_protocol, found.transport_at, found.source_port, found.destination_port) == (6, 34, 51000, 8)
    assert (found.tcp_sequence, found.tcp_acknowledgement) == (0x01020304, 0x0A0B0C0D)
    assert (found.tcp_flags, found.flags) == (0x12, ("SYN", "ACK"))
    assert (found.payload_at, found.payload_captured, found.payload_length) == (54, 5, 5)
    assert (found.path, found.path_length, found.last_protocol) == (("eth", "ip", "tcp"), 3, "TCP")
    assert (found.ended, found.tunnel, found.icmp_type, found.vlan_count) == ("complete", None, None, 0)
    assert repr(found) == "<Headers 192.0.2.1:51000 → 198.51.100.2:8 eth:ip:tcp SYN ACK>"


def test_ipv6_addresses_are_ipv6_even_if_they_hold_ipv4_ones() -> None:
    found = headers(ipv6(UDP, udp(), source="::ffff:1.2.3.4"), RAW)
    assert found.source_address == IPv6Address("::ffff:1.2.3.4")
    assert repr(found) == "<Headers [::ffff:1.2.3.4]:40000 → [2001:db8::2]:9 ipv6:udp>"


def test_arp() -> None:
    found = headers(ethernet(protocols.ARP, protocols.arp(1) + bytes(18)))
    assert (found.arp_operation, str(found.source_address), str(found.destination_address)) == (
        1,
        "192.0.2.1",
        "198.51.100.2",
    )
    assert (found.last_protocol, found.ended, found.payload_at) == ("ARP", "complete", 42)


@pytest.mark.parametrize(
    ("data", "ended", "protocol"),
    [
        (ethernet(IP, ipv4(TCP, tcp())), "complete", "TCP"),
        (ethernet(IP, ipv4(50, bytes(30))), "unread", "ESP"),
        (ethernet(IP, ipv4(253, bytes(30))), "unread", "IPv4"),
        (ethernet(0x88CC, bytes(30)), "unread", "LLDP"),
        (ethernet(0x88B5, bytes(30)), "unread", "0x88b5"),
        (ethernet(IP, ipv4(UDP, bytes(30), fragment=0x2001)), "fragmented", "IPv4"),
        (ethernet(IP, ipv4(UDP, vxlan(INNER), fragment=0x2000)), "fragmented", "VXLAN"),
        (ethernet(IP, ipv4(TCP, tcp()))[:40], "cut", "TCP"),
        (b"", "cut", "Ethernet"),
        (ethernet(IP, ipv4(TCP, tcp(size=4))), "malformed", "TCP"),
        (ethernet(IP, ipv4(TCP, b"short")), "malformed", "TCP"),
    ],
)
def test_why_the_reading_ends(data: bytes, ended: str, protocol: str) -> None:
    found = headers(data, original=100)
    assert (found.ended, found.last_protocol) == (ended, protocol)


def test_a_link_type_that_is_not_read() -> None:
    found = headers(b"anything", 147)
    assert (found.ended, found.path, found.last_protocol, found.payload_length) == ("unread", (), "unknown", 8)
    assert repr(found) == "<Headers ? → ? , unread>"


def test_a_cut_packet_has_the_lengths_of_the_whole() -> None:
    whole = ethernet(IP, ipv4(TCP, tcp(b"x" * 100)))
    found = headers(whole[:64], original=len(whole) + 4)  # with a frame check sequence
    assert (found.payload_at, found.payload_captured, found.payload_length) == (54, 10, 100)


# ---------------------------------------------------------------- tunnels


@pytest.mark.parametrize(
    ("tunnel", "name", "link_type"),
    [
        ((UDP, vxlan(INNER)), "vxlan", 1),
        ((UDP, protocols.geneve(protocols.TRANSPARENT_ETHERNET, INNER, b"\1\2\3\1four")), "geneve", 1),
        ((UDP, protocols.geneve(IP, INNER[14:])), "geneve", 101),
        ((UDP, protocols.gtp(INNER[14:], extensions=b"\x85\1\x10\x09\0")), "gtp", 101),
        ((protocols.GRE, protocols.gre(protocols.TRANSPARENT_ETHERNET, INNER, 0x2000, bytes(4))), "gre", 1),
        ((protocols.GRE, protocols.gre(IP, INNER[14:])), "gre", 101),
        ((protocols.GRE, protocols.gre(0x8847, protocols.mpls(3, rest=INNER[14:]))), "gre", 219),
        ((protocols.GRE, protocols.gre(0x880B, protocols.ppp(0x21, INNER[14:]), 0x3001, bytes(8))), "gre", 9),
        ((protocols.GRE, protocols.gre(0x88BE, INNER)), "erspan", 1),
        ((protocols.GRE, protocols.erspan_ii(INNER)), "erspan", 1),
        ((protocols.GRE, protocols.erspan_iii(INNER, platform=True)), "erspan", 1),
        ((protocols.IPIP, INNER[14:]), "ipip", 101),
    ],
)
@pytest.mark.parametrize("wrap", [(IP, ipv4), (IP6, ipv6)], ids=["ipv4", "ipv6"])
def test_the_packet_in_a_tunnel(tunnel: tuple[int, bytes], name: str, link_type: int, wrap: tuple[int, object]) -> None:
    ether_type, build = wrap
    assert callable(build)
    whole = ethernet(ether_type, build(*tunnel))
    outer = headers(whole + b"padding and FCS")
    inner = headers(whole + b"padding and FCS", inner=True)
    assert (outer.tunnel, outer.inner_link_type) == (name, link_type)
    assert outer.inner_at is not None
    assert outer.inner_captured is not None
    assert whole[outer.inner_at :].endswith(INNER[14:])
    assert outer.inner_at + outer.inner_captured == len(whole)
    assert outer.inner_length == outer.inner_captured
    assert (str(inner.source_address), inner.ttl, inner.destination_port) == ("10.0.0.1", 3, 9)
    assert (inner.link_at, outer.link_at) == (outer.inner_at, 0)
    assert (inner.path, inner.tunnel, inner.inner_at) == (outer.path, outer.tunnel, outer.inner_at)
    alone = headers(whole[outer.inner_at : outer.inner_at + outer.inner_captured], link_type)
    for field in ("source_address", "source_port", "vlan_count", "source_mac", "payload_length", "mpls_label"):
        assert getattr(alone, field) == getattr(inner, field)


def test_an_inner_packet_that_is_cut_has_the_length_that_the_outer_header_says() -> None:
    whole = ethernet(IP, ipv4(UDP, vxlan(INNER)))
    found = headers(whole[:70], original=len(whole) + 4)
    assert (found.inner_at, found.inner_captured, found.inner_length) == (50, 20, len(INNER))


def test_a_length_that_goes_beyond_the_packet_counts_no_further_than_the_packet() -> None:
    found = headers(ethernet(IP, ipv4(UDP, vxlan(INNER), length=5000)))
    assert (found.inner_captured, found.inner_length) == (len(INNER), len(INNER))


def test_a_udp_length_bounds_the_inner_packet() -> None:
    datagram = udp(struct.pack(">II", 8 << 24, 0) + INNER + b"more", destination=4789, length=16 + len(INNER))
    assert headers(ethernet(IP, ipv4(UDP, datagram))).inner_length == len(INNER)


@pytest.mark.parametrize("length", range(50))
def test_a_packet_that_is_cut_inside_the_outer_headers_is_in_no_tunnel(length: int) -> None:
    whole = ethernet(IP, ipv4(UDP, vxlan(INNER)))
    found = headers(whole[:length], original=len(whole))
    assert (found.tunnel, found.inner_at, found.ended) == (None, None, "cut")
    assert headers(whole[:50], original=len(whole)).tunnel == "vxlan"


@pytest.mark.parametrize("fragment", [0x2000, 0x0001])
def test_fragments_are_in_no_tunnel(fragment: int) -> None:
    found = headers(ethernet(IP, ipv4(UDP, vxlan(INNER), fragment=fragment)))
    assert (found.tunnel, found.ended) == (None, "fragmented")


# ---------------------------------------------------------------- batches


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Three packets on two interfaces of different link types."""
    path = tmp_path / "three.pcapng"
    with pcapconv.create(path) as out:
        ether, cooked = out.add_interface(ETHERNET), out.add_interface(LINUX_SLL)
        out.write(ethernet(IP, ipv4(TCP, tcp())), time_ns=1, interface=ether)
        out.write(protocols.sll(IP6, ipv6(UDP, udp())), time_ns=2, interface=cooked)
        out.write(ethernet(IP, ipv4(UDP, vxlan(INNER))), time_ns=3, interface=ether)
    return path


def test_columns_of_a_batch(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        (batch,) = opened.batches()
    found = batch.headers("source_address", "source_port", "ttl", "tcp_flags")
    assert found.rows == len(found) == 3
    assert found.source_port.tolist() == [51000, 40000, 40000]
    assert found.source_address.tobytes()[16:32] == IPv6Address("2001:db8::1").packed
    assert [found.value(row, "tcp_flags") for row in range(3)] == [24, None, None]
    assert found.value(0, "source_address") == IPv6Address("::ffff:192.0.2.1").packed
    inner = batch.headers("ttl", inner=True)
    assert inner.ttl.tolist() == [64, 63, 3]
    again = batch.headers("ttl", into=inner)
    assert again is inner
    assert again.ttl.tolist() == [64, 63, 64]
    assert batch.headers("ttl", "link_at", into=inner) is not inner
    with pytest.raises(AttributeError, match="the column ended was not asked for"):
        assert found.ended
    with pytest.raises(AttributeError, match="header columns have no colour"):
        assert found.colour


def test_all_columns_are_there_without_names(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        (batch,) = opened.batches()
    found = batch.headers()
    assert found.names == tuple(HeaderColumns.FIELDS)
    assert [Headers.row(found, row) for row in range(3)] == [packet.headers for packet in batch]


def test_a_column_that_does_not_exist(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        (batch,) = opened.batches()
    with pytest.raises(pcapconv.UsageError, match="'colour' is not a header column; those are link_at, source_mac"):
        batch.headers("ttl", "colour")
    with pytest.raises(pcapconv.UsageError, match="is not a header column; those are link_at, source_mac"):
        batch.headers(["ttl"])  # type: ignore[arg-type]


def test_packets_have_headers(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        packets = list(opened)
    assert [packet.headers.path[0] for packet in packets] == ["eth", "sll", "eth"]
    assert [packet.headers.ttl for packet in packets] == [64, 63, 64]
    assert [packet.inner_headers.ttl for packet in packets] == [64, 63, 3]


def test_headers_are_values(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        found = next(iter(opened)).headers
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert hash(found) == hash(copy.copy(found))
    with pytest.raises(AttributeError):
        found.ttl = 3  # type: ignore[misc]


# ---------------------------------------------------------------- tables


def test_the_object_has_the_columns_as_fields() -> None:
    assert Headers._fields == tuple(HeaderColumns.FIELDS)
    assert set(HeaderColumns.__annotations__) == {"FIELDS", "BITS", *HeaderColumns.FIELDS}
    described = HeaderColumns.__doc__
    assert described is not None
    assert [name for name in HeaderColumns.FIELDS if f"`{name}`" not in described] == []


def test_codes_of_protocols_are_unique() -> None:
    assert len(PROTOCOLS) == len({protocol.code for protocol in PROTOCOLS.values()})
    assert all(0 < code < 256 for code in PROTOCOLS)
    assert set(TUNNEL_NAMES.values()) == {"gre", "erspan", "vxlan", "geneve", "gtp", "ipip"}
    assert (BY_ETHER_TYPE[0x0800], BY_IP_PROTOCOL[6]) == (11, 18)


def test_the_page_lists_every_protocol() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "headers.md").read_text(encoding="utf-8")
    listed = [protocol for protocol in PROTOCOLS.values() if protocol.code != IP_IN_IP]
    rows = [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert rows == [[f"| {each.code}", f"`{each.filter_name}`", each.name] for each in listed]


def test_a_batch_with_more_interfaces_than_packets() -> None:
    capture = wire.section_header() + b"".join(map(wire.interface, (ETHERNET, RAW, LINUX_SLL)))
    with pcapconv.open(io.BytesIO(capture + wire.enhanced_packet(1, 1, ipv4(UDP, udp())))) as reading:
        batch = next(reading.batches())
    assert batch.headers("destination_port").destination_port[0] == 9


class CountedInterface:
    """An interface that counts how often its link type is read."""

    def __init__(self, link_type: int) -> None:
        self._link_type = link_type
        self.reads = 0

    @property
    def link_type(self) -> int:
        self.reads += 1
        return self._link_type


def test_each_of_many_interfaces_is_read_once() -> None:
    link_types, interfaces = LinkTypes(), list[CountedInterface]()
    for number in range(100):
        interfaces.append(CountedInterface(number))
        assert link_types.of(interfaces).tolist() == list(range(number + 1))
    assert {each.reads for each in interfaces} == {1}
    assert link_types.of([CountedInterface(9)]).tolist() == [9]  # of another section


def test_columns_are_used_again_for_packets_of_later_interfaces(tmp_path: Path) -> None:
    layers = [
        (ETHERNET, ethernet(IP, ipv4(TCP, tcp()))),
        (RAW, ipv6(UDP, udp())),
        (LINUX_SLL, sll(IP, ipv4(UDP, udp()))),
    ]
    sections = []
    for number in range(2):
        path = tmp_path / f"{number}.pcapng"
        with pcapconv.create(path) as out:
            for link_type, data in layers[number:]:
                out.write(data, time_ns=0, interface=out.add_interface(link_type))
        sections.append(path.read_bytes())
    (tmp_path / "all.pcapng").write_bytes(b"".join(sections))
    into: HeaderColumns | None = None
    found, found_anew = [], []
    with pcapconv.open(tmp_path / "all.pcapng") as capture:
        for batch in capture.batches():
            into = batch.headers("network_at", into=into)
            found += into.network_at[: batch.rows].tolist()
            found_anew += batch.headers("network_at").network_at[: batch.rows].tolist()
    assert found == found_anew == [14, 0, 16, 0, 16]


@pytest.mark.usefixtures("kernels")
def test_new_columns_read_the_interfaces_of_their_packets_only() -> None:
    """In a capture with an interface for each packet, all would take quadratic time."""

    class UnreadInterface:
        @property
        def link_type(self) -> int:
            raise AssertionError

    write = wire.In(wire.LITTLE)
    packet = ipv4(UDP, udp())
    capture = (
        write.section_header()
        + write.interface() * 9
        + write.interface(RAW)
        + write.enhanced_packet(9, 1, packet) * 2
        + write.enhanced_packet(1, 1, ethernet(IP, packet))
    )
    with pcapconv.open(io.BytesIO(capture)) as opened:
        (batch,) = opened.batches()
    batch.interfaces = [each if each.id in (1, 9) else UnreadInterface() for each in batch.interfaces]  # type: ignore[misc]
    assert batch.headers("network_at").network_at.tolist()[:3] == [0, 0, 14]
