"""The lines of `pcapconv diff` about packets: the columns of `pcapconv show`, once or for each side."""

import io
from typing import Any

import pytest
import wire
from protocols import ARP, ICMP, IP, TCP, UDP, arp, ethernet, icmp, ipv4, null, tcp, udp, vxlan

from pcapconv import diff
from pcapconv.comparing.diff_lines import diff_lines
from pcapconv.text import shown

BEGIN = 1_700_000_000_000_000  # in microseconds
SECOND = "2023-11-14T22:13:20"
ACK, SYN, PSH_ACK = 0x10, 0x02, 0x18


def capture(*packets: bytes, link_type: int = wire.ETHERNET, digits: int = 6) -> bytes:
    """A capture of one interface with this many decimal places of a second."""
    options = wire.options((wire.IF_TSRESOL, bytes([digits])))
    return wire.section_header() + wire.interface(link_type, options=options) + b"".join(packets)


def packet(data: bytes, microseconds: int = 0, **named: Any) -> bytes:
    return wire.enhanced_packet(0, BEGIN + microseconds, data, **named)


def segment(data: bytes = b"", *, flags: int = ACK, source: int = 51000, destination: int = 80) -> bytes:
    return ethernet(IP, ipv4(TCP, tcp(data, source=source, destination=destination, flags=flags)))


def lines(a: bytes, b: bytes, **options: Any) -> list[str]:
    """The lines, without those about the captures."""
    comparison = diff(io.BytesIO(a), io.BytesIO(b), **options)
    return [line for line in diff_lines(comparison) if not line.startswith(("A ", "B ", "packets: "))]


SYNS = [packet(segment(flags=SYN, source=51000 + number), number) for number in range(3)]


def test_a_packet_of_one_capture() -> None:
    assert lines(capture(*SYNS), capture(SYNS[0], SYNS[2])) == [
        f"packet 2 only in A: {SECOND}.000001Z  192.0.2.1:51001 → 198.51.100.2:80  TCP  SYN  54 bytes"
    ]
    assert lines(capture(SYNS[0], SYNS[2]), capture(*SYNS)) == [
        f"packet 2 only in B: {SECOND}.000001Z  192.0.2.1:51001 → 198.51.100.2:80  TCP  SYN  54 bytes"
    ]


def test_a_cut_packet_has_both_lengths() -> None:
    cut = packet(segment(b"data")[:54], original_length=1514)
    assert lines(capture(*SYNS, cut), capture(*SYNS)) == [
        f"packet 4 only in A: {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 of 1,514 bytes"
    ]


def test_what_is_the_same_stands_once_above_the_bytes() -> None:
    a, b = (capture(packet(segment(data))) for data in (b"one\n", b"two\n"))
    assert lines(a, b) == [
        "packet 1: bytes",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  58 bytes",
        "  A 0030  10 00 00 00 00 00 6f 6e 65 0a                    ......one.",
        "  B 0030  10 00 00 00 00 00 74 77 6f 0a                    ......two.",
        "                            ^^ ^^ ^^",
    ]


def test_what_differs_stands_for_each_side_in_columns() -> None:
    a = capture(packet(segment(b"GET /a HTTP/1.1\r\n\r\n", flags=PSH_ACK)))
    b = capture(packet(segment(b"GET /bcd HTTP/1.1\r\n\r\n", flags=PSH_ACK, destination=8080)))
    assert lines(a, b)[:3] == [
        "packet 1: bytes, lengths",
        f"  A {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80    HTTP  GET /a    73 bytes",
        f"  B {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:8080  HTTP  GET /bcd  75 bytes",
    ]


def test_other_protocols() -> None:
    a = capture(packet(ethernet(ARP, arp(1))), packet(ethernet(IP, ipv4(ICMP, icmp()))))
    b = capture(packet(ethernet(ARP, arp(2))), packet(ethernet(IP, ipv4(UDP, udp()))))
    found = lines(a, b)
    assert [found[at] for at in (1, 2)] == [
        f"  A {SECOND}.000000Z  02:00:5e:00:00:01 → 02:00:5e:00:00:02  ARP  who-has 198.51.100.2 tell 192.0.2.1  "
        "42 bytes",
        f"  B {SECOND}.000000Z  02:00:5e:00:00:01 → 02:00:5e:00:00:02  ARP  192.0.2.1 is-at 02:00:5e:00:00:01    "
        "42 bytes",
    ]
    at = found.index("packet 2: bytes")
    assert found[at + 1 : at + 3] == [
        f"  A {SECOND}.000000Z  192.0.2.1 → 198.51.100.2          ICMP  echo request, id 1, seq 1  63 bytes",
        f"  B {SECOND}.000000Z  192.0.2.1:40000 → 198.51.100.2:9  UDP                              63 bytes",
    ]


def test_packets_of_tunnels_are_shown_from_outside() -> None:
    a, b = (capture(packet(ethernet(IP, ipv4(UDP, vxlan(segment(flags=flags)))))) for flags in (SYN, ACK))
    assert lines(a, b)[1:3] == [
        f"  A {SECOND}.000000Z  192.0.2.1:40000 → 198.51.100.2:4789  VXLAN  192.0.2.1:51000 → 198.51.100.2:80 TCP SYN  "
        "104 bytes",
        f"  B {SECOND}.000000Z  192.0.2.1:40000 → 198.51.100.2:4789  VXLAN  192.0.2.1:51000 → 198.51.100.2:80 TCP ACK  "
        "104 bytes",
    ]


def test_times_that_differ() -> None:
    a, b = capture(packet(segment())), capture(packet(segment(), 7))
    assert lines(a, b) == [
        "packet 1: time",
        f"  A {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 bytes",
        f"  B {SECOND}.000007Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 bytes",
    ]
    timeless = capture(wire.simple_packet(segment()))
    assert lines(timeless, a) == [
        "packet 1: time",
        "  A no time                      192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 bytes",
        f"  B {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 bytes",
    ]


@pytest.mark.parametrize("options", [{"ignore": "time"}, {"time_tolerance": "1s"}], ids=str)
def test_times_that_may_differ_are_left_out_where_they_do(options: dict[str, Any]) -> None:
    a = capture(packet(segment(b"one")), packet(segment(b"one")))
    b = capture(packet(segment(b"two"), 7), packet(segment(b"two")))
    found = lines(a, b, **options)
    assert found[:2] == ["packet 1: bytes", "  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  57 bytes"]
    assert found[5:7] == [
        "packet 2: bytes",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  57 bytes",
    ]


def test_lengths_that_may_differ_are_left_out_where_they_do() -> None:
    a = capture(packet(segment(b"one"), original_length=90))
    b = capture(packet(segment(b"two"), original_length=91))
    assert lines(a, b, ignore="lengths")[:2] == [
        "packet 1: bytes",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK",
    ]
    assert lines(a, b)[1:3] == [
        f"  A {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  57 of 90 bytes",
        f"  B {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  57 of 91 bytes",
    ]


def test_the_same_time_in_another_resolution_stands_once() -> None:
    a = capture(packet(segment(b"one")))
    b = capture(wire.enhanced_packet(0, BEGIN * 1000, segment(b"two")), digits=9)
    assert lines(a, b)[:2] == [
        "packet 1: bytes",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  57 bytes",
    ]


def test_interfaces_and_options_stand_below() -> None:
    two = wire.interface() + wire.interface(options=wire.options((wire.IF_NAME, b"wan")))
    comment = wire.options((wire.OPT_COMMENT, b"see"))
    a, b = (
        wire.section_header() + two + wire.enhanced_packet(0, 0, b"") + wire.enhanced_packet(1, 0, b"") + last
        for last in (
            wire.enhanced_packet(0, BEGIN, segment()),
            wire.enhanced_packet(1, BEGIN, segment(), options=comment),
        )
    )
    assert lines(a, b) == [
        "packet 3: interface, options",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  TCP  ACK  54 bytes",
        "  A interface 0:0",
        "  B interface 0:1 wan",
        "  only in B: opt_comment see",
    ]


def test_headers_in_the_byte_order_of_the_capture() -> None:
    """The family of link type NULL is no difference."""
    little = capture(packet(null(2, ipv4(TCP, tcp(b"one")))), link_type=0)
    order = wire.BIG
    big = (
        wire.section_header(byte_order=order)
        + wire.interface(0, byte_order=order)
        + wire.enhanced_packet(0, BEGIN, null(2, ipv4(TCP, tcp(b"two")), ">"), byte_order=order)
    )
    assert lines(little, big)[:2] == [
        "packet 1: bytes",
        f"  {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:8  TCP  PSH ACK  47 bytes",
    ]


def test_an_empty_packet_and_one_of_an_unknown_link_type() -> None:
    a, b = capture(packet(b""), packet(segment())), capture(packet(segment()))
    assert lines(a, b) == [f"packet 1 only in A: {SECOND}.000000Z  Ethernet  malformed  0 bytes"]
    a, b = (capture(*packets, link_type=147) for packets in ([packet(b"\x1b[1m"), packet(b"two")], [packet(b"two")]))
    assert lines(a, b) == [f"packet 1 only in A: {SECOND}.000000Z  USER0  4 bytes"]


def test_text_out_of_packets_is_safe_on_a_terminal() -> None:
    """The painter never gets a control character, nor one that changes the writing direction."""
    a, b = (
        capture(packet(segment(b"GET /" + path + b" HTTP/1.1\r\n\r\n", flags=PSH_ACK)))
        for path in (b"\x1b]0;owned\x07", "\u202eevil".encode())
    )
    painted = list[tuple[str, str]]()

    def paint(text: str, style: str) -> str:
        assert text == shown(text)
        painted.append((text, style))
        return text

    comparison = diff(io.BytesIO(a), io.BytesIO(b))
    found = list(diff_lines(comparison, paint))
    assert found[4:6] == [
        rf"  A {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  HTTP  GET /\x1b]0;owned\x07  82 bytes",
        rf"  B {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  HTTP  GET /\u202eevil        79 bytes",
    ]
    assert {("a", found[4]), ("b", found[5])} <= {(style, text) for text, style in painted}


def test_long_texts_of_packets_are_cut() -> None:
    long = packet(segment(b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\n\r\n", flags=PSH_ACK))
    (line,) = lines(capture(long, *SYNS), capture(*SYNS))
    begin = f"packet 1 only in A: {SECOND}.000000Z  192.0.2.1:51000 → 198.51.100.2:80  HTTP  GET /"
    assert line == f"{begin}{'x' * 251}…  60,072 bytes"


@pytest.mark.parametrize(("length", "shown_text"), [(192, "x" * 192), (193, "x" * 192 + "…")])
def test_a_long_statement_ends_with_a_mark(length: int, shown_text: str) -> None:
    """Of which 200 characters are shown."""
    comment = wire.options((wire.OPT_COMMENT, b"x" * length))
    commented = wire.section_header(options=comment) + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x06")))
    assert lines(commented, capture()) == [f"only in A: comment {shown_text}"]
