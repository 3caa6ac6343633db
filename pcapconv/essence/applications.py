"""Which application protocol the payload of TCP or UDP is, and its essence.

Strategy: TLS and HTTP are recognised by how a payload begins, on any port; DNS by its port, since a message of DNS
begins like anything. A payload in the middle of a message is not recognised, and stays TCP.
"""

from __future__ import annotations

from pcapconv.essence import dns, http, tls

DNS_PORT = 53  # of TCP
DNS_PORTS = {DNS_PORT: "DNS", 5353: "MDNS", 5355: "LLMNR"}
MOST_READ = 2**14  # bytes of a payload

TCP_LEADS = frozenset(http.LEADS) | frozenset(tls.LEADS)  # first bytes of a payload that may be HTTP or TLS


def of_tcp(payload: bytes, source_port: int, destination_port: int) -> tuple[str, str] | None:
    """Protocol and essence of a payload of TCP, which is not empty; None if it is not known."""
    if payload[0] in tls.LEADS:
        essence = tls.record(payload)
        if essence is not None:
            return "TLS", essence
    elif payload[0] in http.LEADS:
        essence = http.first_line(payload)
        if essence is not None:
            return "HTTP", essence
    if DNS_PORT in (source_port, destination_port):
        essence = dns.message(payload[2:])  # behind its length
        if essence is not None:
            return "DNS", essence
    return None


def of_udp(payload: bytes, source_port: int, destination_port: int) -> tuple[str, str] | None:
    """Protocol and essence of a payload of UDP, one of whose ports is in `DNS_PORTS`; None if it is not known."""
    essence = dns.message(payload)
    if essence is None:
        return None
    return DNS_PORTS.get(source_port) or DNS_PORTS[destination_port], essence
