"""What tshark finds in the same packets: DNS questions, server names of TLS, first lines of HTTP."""

import shutil
import subprocess
from pathlib import Path

import pytest
import wire
from applications import client_hello, dns, tls_extension, tls_record
from conversions import SAMPLES
from protocols import IP, TCP, UDP, ethernet, ipv4, tcp, udp

import pcapconv

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

TYPES = {"1": "A", "12": "PTR", "28": "AAAA", "65": "HTTPS", "2": "NS"}
FIELDS: tuple[str, ...] = ("frame.number", "dns.qry.name", "dns.qry.type", "tls.handshake.extensions_server_name")
FIELDS += ("http.request.method", "http.request.uri", "http.response.code", "http.response.phrase")
SETTINGS = ("tcp.desegment_tcp_streams:FALSE", "ip.defragment:FALSE")
MESSAGES = [
    *((UDP, udp(dns(name, kind), destination=53)) for name, kind in (("a.example", 1), ("b.example", 28), ("", 2))),
    (UDP, udp(dns("c.example", 65, flags=0x8180, answers=0), source=53)),
    (UDP, udp(dns("d.example", 12), source=5353, destination=5353)),
    (TCP, tcp(client_hello("server.example"), destination=443)),
    (
        TCP,
        tcp(
            client_hello("late.example", before=tls_extension(10, b"\0\2\0\x1d") + tls_extension(35, b"")),
            destination=443,
        ),
    ),
    (TCP, tcp(client_hello(None), destination=443)),
    (TCP, tcp(tls_record(23, b"data"), destination=443)),
    (TCP, tcp(b"GET /index.html?a=b HTTP/1.1\r\nHost: x\r\n\r\n", destination=80)),
    (TCP, tcp(b"POST http://x.example/form HTTP/1.1\r\nContent-Length: 0\r\n\r\n", destination=80)),
    (TCP, tcp(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", source=80)),
    (TCP, tcp(b"nothing of these", destination=80)),
]


def built_capture() -> bytes:
    """Each message is of a conversation of its own: else tshark would take some for retransmissions."""
    packets = []
    for number, (protocol, message) in enumerate(MESSAGES):
        packets.append(ethernet(IP, ipv4(protocol, message, source=f"192.0.2.{number + 1}")))
    return wire.pcap_header() + b"".join(wire.pcap_record(at, 0, each) for at, each in enumerate(packets))


def dissected(path: Path) -> dict[int, str]:
    """The essence of each packet in which tshark finds one of these, as pcapconv words it."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f"]
    command += [word for each in FIELDS for word in ("-e", each)] + [word for each in SETTINGS for word in ("-o", each)]
    found = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        number, name, kind, server, method, uri, code, phrase = line.split("\t")
        if kind:
            found[int(number)] = f"{TYPES[kind]} {'.' if name == '<Root>' else name}"
        elif server:
            found[int(number)] = f"ClientHello {server}"
        elif method:
            found[int(number)] = f"{method} {uri}"
        elif code:
            found[int(number)] = f"{code} {phrase}"
    return found


def essences(path: Path) -> dict[int, str]:
    """What pcapconv finds, without the words that are its own."""
    found = {}
    with pcapconv.open(path) as capture:
        for packet in capture:
            summary = packet.inner_summary
            words = summary.essence
            if summary.protocol in ("DNS", "MDNS"):
                found[packet.number] = words.partition(" ")[2].partition(",")[0]
            elif summary.protocol == "HTTP" or words.startswith("ClientHello "):
                found[packet.number] = words
    return found


def test_built_messages(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(built_capture())
    found = essences(path)
    assert found == dissected(path)
    assert len(found) == 10


@pytest.mark.parametrize("name", ["web.pcapng", "two-interfaces.pcapng", "names.pcapng", "web-nano.pcap"])
def test_samples(name: str) -> None:
    """But for the sample with TLS, which tshark decrypts by its key log."""
    path = next(each for each in SAMPLES if each.name == name)
    assert essences(path) == dissected(path)
