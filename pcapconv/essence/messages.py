"""The essence of packets that carry no other protocol: ARP, ICMP, ICMPv6, IGMP; and of fragments.

Numbers and words: IANA's registries of ARP operations, ICMP, ICMPv6 and IGMP types.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

from pcapconv.text import ip_text

_ARP_WHO_HAS, _ARP_IS_AT = 1, 2
_ARP_OPERATIONS = {3: "reverse request", 4: "reverse reply", 8: "inverse request", 9: "inverse reply"}
_ARP_SENDER_MAC = slice(8, 14)  # if addresses have 6 and 4 bytes
_ARP_SIZES = b"\x06\x04"

_UNREACHABLE = {
    0: "network",
    1: "host",
    2: "protocol",
    3: "port",
    4: "fragmentation needed",
    5: "source route failed",
    9: "network prohibited",
    10: "host prohibited",
    13: "prohibited",
}
_UNREACHABLE_6 = {0: "no route", 1: "prohibited", 2: "beyond scope", 3: "address", 4: "port", 5: "policy", 6: "reject"}
_EXCEEDED = {0: "in transit", 1: "reassembly"}
_ICMP = {
    0: "echo reply",
    3: "unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
    17: "mask request",
    18: "mask reply",
}
_ICMP_CODES: Mapping[int, Mapping[int, str]] = {3: _UNREACHABLE, 11: _EXCEEDED}
_ICMPV6 = {
    1: "unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "listener query",
    131: "listener report",
    132: "listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "listener report v2",
}
_ICMPV6_CODES: Mapping[int, Mapping[int, str]] = {1: _UNREACHABLE_6, 3: _EXCEEDED}
_NEIGHBOR = (135, 136)  # which begin with the address that they are about, behind 8 bytes
_ECHO = (0, 8, 128, 129)
_IGMP = {
    0x11: "query",
    0x12: "report v1",
    0x16: "report v2",
    0x17: "leave",
    0x22: "report v3",
    0x13: "DVMRP",
    0x14: "PIM v1",
}


def arp(operation: int | None, sender: bytes | None, target: bytes | None, header: bytes) -> str:
    """The essence of an ARP packet: its operation and addresses, of 16 bytes as in header columns; `header` has its
    bytes. Only IPv4 over MAC addresses has more than the operation."""
    if operation is None:
        return ""
    if sender is None or target is None or header[4:6] != _ARP_SIZES:
        return _ARP_OPERATIONS.get(operation, f"operation {operation}")
    from_address, to_address = IPv4Address(sender[12:]), IPv4Address(target[12:])
    if operation == _ARP_WHO_HAS:
        return f"who-has {to_address} tell {from_address}"
    if operation == _ARP_IS_AT:
        return f"{from_address} is-at {header[_ARP_SENDER_MAC].hex(':')}"
    return f"{_ARP_OPERATIONS.get(operation, f'operation {operation}')} {to_address} from {from_address}"


def icmp(kind: int | None, code: int | None, message: bytes) -> str:
    """The essence of an ICMP message, whose first bytes are `message`."""
    return _control(_ICMP, _ICMP_CODES, kind, code, message)


def icmpv6(kind: int | None, code: int | None, message: bytes) -> str:
    """The essence of an ICMPv6 message, whose first bytes are `message`."""
    essence = _control(_ICMPV6, _ICMPV6_CODES, kind, code, message)
    if kind in _NEIGHBOR and len(message) >= 24:
        return f"{essence}, {ip_text(IPv6Address(message[8:24]))}"
    return essence


def igmp(kind: int | None) -> str:
    """The essence of an IGMP message."""
    return "" if kind is None else _IGMP.get(kind, f"type {kind}")


def fragment(identification: int | None, offset: int | None) -> str:
    """What tells one fragment from others."""
    return f"fragment 0x{identification or 0:04x} at {offset or 0}"


def _control(
    kinds: Mapping[int, str],
    codes: Mapping[int, Mapping[int, str]],
    kind: int | None,
    code: int | None,
    message: bytes,
) -> str:
    if kind is None:
        return ""
    name = kinds.get(kind, f"type {kind}")
    if kind in _ECHO and kind in kinds and len(message) >= 8:
        return f"{name}, id {int.from_bytes(message[4:6])}, seq {int.from_bytes(message[6:8])}"
    if code is not None and kind in codes:
        return f"{name}, {codes[kind].get(code, f'code {code}')}"
    return name
