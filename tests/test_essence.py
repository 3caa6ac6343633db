"""What a packet is about, in a few words: protocols, their essence, tunnels; and bytes that are meant to do harm."""

import struct
import sys
from collections.abc import Callable
from typing import Any

import pytest
from applications import client_hello, dns, dns_name, tls_extension, tls_record
from hypothesis import given
from hypothesis import strategies as st
from protocols import (
    ARP,
    DATA,
    ETHERNET,
    GRE,
    ICMP,
    ICMPV6,
    IGMP,
    IP,
    IP6,
    IPIP,
    TCP,
    UDP,
    arp,
    ethernet,
    gre,
    icmp,
    igmp,
    ipv4,
    ipv6,
    packets,
    tcp,
    udp,
    vxlan,
)

from pcapconv.essence import Summary, summarize
from pcapconv.essence.applications import of_tcp, of_udp

ENDS = ("192.0.2.1", "198.51.100.2")


def summary(data: bytes, link_type: int = ETHERNET, *, inner: bool = False) -> Summary:
    return summarize(data, len(data), link_type, inner=inner)


def words(protocol: int, rest: bytes) -> tuple[str, str]:
    """Protocol and essence of a packet of IPv4."""
    found = summary(ethernet(IP, ipv4(protocol, rest)))
    return found.protocol, found.essence


def tcp_words(payload: bytes, *, source: int = 51000, destination: int = 8) -> tuple[str, str]:
    return words(TCP, tcp(payload, source=source, destination=destination))


def dns_words(message: bytes, *, port: int = 53) -> tuple[str, str]:
    return words(UDP, udp(message, destination=port))


# ---------------------------------------------------------------- headers


def test_source_and_destination() -> None:
    segment = summary(ethernet(IP, ipv4(TCP, tcp(b"", flags=0x12))))
    assert segment == ("192.0.2.1:51000", "198.51.100.2:8", "TCP", "SYN ACK")
    assert str(segment) == "192.0.2.1:51000 → 198.51.100.2:8 TCP SYN ACK"
    assert summary(ethernet(IP6, ipv6(UDP, udp()))) == ("[2001:db8::1]:40000", "[2001:db8::2]:9", "UDP", "")
    assert summary(ethernet(IP, ipv4(ICMP, icmp())))[:2] == ENDS
    assert summary(ethernet(0x88CC, DATA)) == ("02:00:5e:00:00:01", "02:00:5e:00:00:02", "LLDP", "")
    assert summarize(b"", 60, ETHERNET) == ("", "", "Ethernet", "cut off")
    without_source = summarize(bytes.fromhex("02005e000002"), 60, ETHERNET)
    assert without_source == ("", "02:00:5e:00:00:02", "Ethernet", "cut off")
    assert str(without_source) == "- → 02:00:5e:00:00:02 Ethernet cut off"


def test_a_link_type_whose_headers_are_not_read() -> None:
    assert summary(DATA, 220) == ("", "", "USB_LINUX_MMAPPED", "")
    assert summary(DATA, 12345) == ("", "", "link type 12345", "")


@pytest.mark.parametrize(
    ("operation", "essence"),
    [
        (1, "who-has 198.51.100.2 tell 192.0.2.1"),
        (2, "192.0.2.1 is-at 02:00:5e:00:00:01"),
        (9, "inverse reply 198.51.100.2 from 192.0.2.1"),
        (77, "operation 77 198.51.100.2 from 192.0.2.1"),
    ],
)
def test_arp(operation: int, essence: str) -> None:
    found = summary(ethernet(ARP, arp(operation)))
    assert found == ("02:00:5e:00:00:01", "02:00:5e:00:00:02", "ARP", essence)


def test_arp_of_other_addresses() -> None:
    assert summary(ethernet(ARP, arp(1, protocol=0x809B))).essence == "operation 1"


@pytest.mark.parametrize(
    ("protocol", "message", "words_found"),
    [
        (ICMP, icmp(8), ("ICMP", "echo request, id 1, seq 1")),
        (ICMP, icmp(0), ("ICMP", "echo reply, id 1, seq 1")),
        (ICMP, icmp(3, 3), ("ICMP", "unreachable, port")),
        (ICMP, icmp(3, 99), ("ICMP", "unreachable, code 99")),
        (ICMP, icmp(11, 0), ("ICMP", "time exceeded, in transit")),
        (ICMP, icmp(200), ("ICMP", "type 200")),
        (IGMP, igmp(), ("IGMP", "report v2")),
        (IGMP, igmp(0x99), ("IGMP", "type 153")),
        (253, DATA, ("IPv4", "protocol 253")),
        (50, DATA, ("ESP", "")),
    ],
)
def test_messages(protocol: int, message: bytes, words_found: tuple[str, str]) -> None:
    assert words(protocol, message) == words_found


def test_icmpv6() -> None:
    solicitation = icmp(135, 0, bytes(15) + b"\7")
    assert summary(ethernet(IP6, ipv6(ICMPV6, solicitation)))[2:] == ("ICMPv6", "neighbor solicitation, ::7")
    assert summary(ethernet(IP6, ipv6(ICMPV6, icmp(128))))[2:] == ("ICMPv6", "echo request, id 1, seq 1")
    assert summary(ethernet(IP6, ipv6(ICMPV6, icmp(1, 4))))[2:] == ("ICMPv6", "unreachable, port")


def test_fragments() -> None:
    last = summary(ethernet(IP, ipv4(UDP, DATA, fragment=0x0020)))
    assert (*last[:2], last.protocol, last.essence) == (*ENDS, "IPv4", "fragment 0x1234 at 256")


def test_what_was_cut_or_is_malformed() -> None:
    segment = ethernet(IP, ipv4(TCP, tcp(b"")))
    assert summarize(segment[:40], len(segment), ETHERNET)[2:] == ("TCP", "cut off")
    assert summarize(segment[:48], len(segment), ETHERNET)[2:] == ("TCP", "PSH ACK, cut off")
    assert summary(ethernet(IP, ipv4(TCP, tcp(size=4))))[2:] == ("TCP", "PSH ACK, malformed")


# ---------------------------------------------------------------- tunnels

INNER = ethernet(IP, ipv4(TCP, tcp(client_hello()), source="10.0.0.1", destination="10.0.0.2"))


@pytest.mark.parametrize(
    ("protocol", "rest", "name"),
    [(UDP, vxlan(INNER), "VXLAN"), (GRE, gre(0x6558, INNER), "GRE"), (IPIP, INNER[14:], "IP in IP")],
)
def test_a_tunnel_is_shown_from_outside_and_from_inside(protocol: int, rest: bytes, name: str) -> None:
    packet = ethernet(IP, ipv4(protocol, rest))
    ends = "10.0.0.1:51000 → 10.0.0.2:8"
    outer = summary(packet)
    assert outer[2:] == (name, f"{ends} TLS ClientHello example.com")
    assert outer.source.startswith("192.0.2.1")
    assert summary(packet, inner=True) == ("10.0.0.1:51000", "10.0.0.2:8", "TLS", "ClientHello example.com")


# ---------------------------------------------------------------- DNS


@pytest.mark.parametrize(
    ("message", "essence"),
    [
        (dns("www.example.com"), "query A www.example.com"),
        (dns("www.example.com", 28), "query AAAA www.example.com"),
        (dns("x.example", 4321), "query TYPE4321 x.example"),
        (dns("", 2), "query NS ."),
        (dns("x.example", flags=0x8180, answers=1), "response A x.example, 1 answer"),
        (dns("x.example", flags=0x8180, answers=12), "response A x.example, 12 answers"),
        (dns("x.example", flags=0x8183), "response A x.example, NXDOMAIN"),
        (dns("x.example", flags=0x818F), "response A x.example, error 15"),
        (dns("x.example", 6, flags=0x2000), "notify SOA x.example"),
        (dns("", flags=0x8400, answers=3, questions=0), "response, 3 answers"),
        (dns("x.example")[:20], "query x.examp…"),
    ],
)
def test_dns(message: bytes, essence: str) -> None:
    assert dns_words(message) == ("DNS", essence)


def test_dns_over_tcp_and_multicast() -> None:
    message = dns("x.example")
    assert tcp_words(len(message).to_bytes(2) + message, destination=53) == ("DNS", "query A x.example")
    assert dns_words(message, port=5353) == ("MDNS", "query A x.example")
    assert dns_words(message, port=5355) == ("LLMNR", "query A x.example")
    assert words(UDP, udp(dns("x.example", flags=0x8180, answers=1), source=53))[0] == "DNS"


@pytest.mark.parametrize(
    "message",
    [b"", b"short", dns("x", questions=0), dns("x", flags=0x7800), dns("x")[:12] + b"\xc0\x0c" + bytes(4)],
    ids=["empty", "short", "asks nothing", "opcode 15", "pointer to itself"],
)
def test_what_is_no_dns(message: bytes) -> None:
    assert dns_words(message) == ("UDP", "")


def test_names_that_are_meant_to_do_harm() -> None:
    labels = [b"\x1b[2J", b"a.b", "\u202e".encode(), b"\xff", b"back\\slash"]
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    header = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0)
    protocol, essence = dns_words(header + name + b"\0\1\0\1")
    assert (protocol, essence) == ("DNS", r"query A \x1b[2J.a\.b.\u202e.\xff.back\\slash")
    long = b"".join(b"\x3f" + b"\x07" * 63 for _ in range(40))
    assert dns_words(header + long + b"\0\0\1\0\1") == ("UDP", "")
    within = b"".join(b"\x3f" + b"\x07" * 63 for _ in range(3)) + b"\0\0\1\0\1"
    shown = ".".join([r"\x07" * 63] * 3)[:256]
    assert dns_words(header + within)[1] == f"query A {shown}…"
    assert len(dns_name("x")) == 3


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize(
    ("payload", "essence"),
    [
        (client_hello(), "ClientHello example.com"),
        (client_hello(None), "ClientHello"),
        (client_hello(before=tls_extension(10, bytes(6)) * 20), "ClientHello example.com"),
        (client_hello()[:60], "ClientHello"),
        (client_hello()[:100], "ClientHello"),
        (client_hello() + DATA, "ClientHello example.com"),
        (client_hello(b"a\x1b]0;title\7"), r"ClientHello a\x1b]0;title\x07"),
        (client_hello("x" * 300), f"ClientHello {'x' * 256}…"),
        (tls_record(22, b"\2\0\0\x10" + bytes(16)), "ServerHello"),
        (tls_record(22, b"\x99\x88\x77\x66" + bytes(16)), "Encrypted Handshake"),
        (tls_record(22, bytes(600))[:6], "Handshake"),
        (tls_record(20, b"\1"), "ChangeCipherSpec"),
        (tls_record(21, b"\1\0"), "Alert"),
        (tls_record(23, DATA), "Application Data"),
    ],
)
def test_tls(payload: bytes, essence: str) -> None:
    assert tcp_words(payload) == ("TLS", essence)


@pytest.mark.parametrize(
    "payload",
    [b"\x16", b"\x16\3\1\0", tls_record(22, b""), tls_record(23, DATA, length=20000), b"\x16\2\1\0\x05hello"],
)
def test_what_is_no_tls(payload: bytes) -> None:
    assert tcp_words(payload) == ("TCP", "PSH ACK")


# ---------------------------------------------------------------- HTTP


@pytest.mark.parametrize(
    ("payload", "essence"),
    [
        (b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n", "GET /index.html"),
        (b"POST http://x.example/a?b HTTP/1.0\n\n", "POST http://x.example/a?b"),
        (b"CONNECT x.example:443 HTTP/1.1\r\n", "CONNECT x.example:443"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"HTTP/1.0 200\r\n\r\n", "200"),
        (b"GET /goes/on/in/the/next", "GET /goes/on/in/the/next…"),
        (b"GET /\x1b[2J\xff HTTP/1.1\r\n", r"GET /\x1b[2J\xff"),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n", f"GET /{'x' * 251}…"),
    ],
)
def test_http(payload: bytes, essence: str) -> None:
    assert tcp_words(payload) == ("HTTP", essence)


@pytest.mark.parametrize("payload", [b"GETTING on", b"GET it all\r\nnow", b"HTTP is a protocol", b"G", b"GET \r\n"])
def test_what_is_no_http(payload: bytes) -> None:
    assert tcp_words(payload) == ("TCP", "PSH ACK")


# ---------------------------------------------------------------- anything

PAYLOADS = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda start, rest: start + rest, st.sampled_from([b"\x16\3\1\2\0\1", b"GET /", b"HTTP/1.1 200"]), st.binary()
    ),
    st.builds(lambda rest: dns("a.b")[:12] + rest, st.binary(max_size=300)),
)


@given(PAYLOADS, st.booleans())
def test_any_payload_is_shown_without_control_characters(payload: bytes, over_tcp: bool) -> None:
    found = (of_tcp(payload, 53, 1) if payload else None) if over_tcp else of_udp(payload, 53, 1)
    if found is not None:
        assert "".join(found).isprintable()
        assert len(found[1]) < 400


@pytest.mark.parametrize("name", packets())
def test_every_kind_of_packet_cut_at_each_byte(name: str) -> None:
    link_type, data = packets()[name]
    for size in range(len(data) + 1):
        for inner in (False, True):
            found = summarize(data[:size], len(data), link_type, inner=inner)
            assert str(found).isprintable()
            assert found.protocol


@pytest.mark.parametrize(
    ("payload", "essence"),
    [
        (client_hello(before=tls_extension(10, b"") * 1000), "ClientHello"),
        (b"GET /" + b"\0" * 4096, "GET /" + r"\x00" * 62 + r"\x0…"),
        (b"\0\0" + struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\1a" * 1000, None),
    ],
    ids=["extensions of TLS", "a line of HTTP", "labels of DNS"],
)
def test_a_longer_payload_takes_no_more_work(payload: bytes, essence: str | None) -> None:
    """Work is counted in lines of Python."""
    lines = 0

    def count_line(*_: object) -> Callable[..., Any]:
        nonlocal lines
        lines += 1
        return count_line

    def work(payload: bytes) -> int:
        nonlocal lines
        lines, before = 0, sys.gettrace()
        sys.settrace(count_line)
        try:
            found = of_tcp(payload, 53, 2)
        finally:
            sys.settrace(before)
        assert (found[1] if found else None) == essence
        return lines

    assert 0 < work(payload) == work(payload + payload[-1000:] * 50)
