"""Network protocols: ARP, IPv4, IPv6 with its extension headers, AH."""

from __future__ import annotations

from pcapconv.kernels.interpreted.headers.reading import AH_PROTOCOL, MAPPED, EndedError, Reading
from pcapconv.spec.protocols import AH, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, MALFORMED, ROUTING, TYPE_IPV4

_EXTENSIONS = {0: HOP_BY_HOP, 43: ROUTING, 44: FRAGMENT, 51: AH, 60: DESTINATION_OPTIONS}


def arp(packet: Reading) -> int:
    """ARP or RARP."""
    packet.need(8)
    protocol, hardware_size, size = packet.number(2, 2), packet.number(4, 1), packet.number(5, 1)
    packet.found["arp_operation"] = packet.number(6, 2)
    if protocol == TYPE_IPV4 and size == 4:
        packet.found["source_address"] = MAPPED + packet.bytes(8 + hardware_size, 4)
        packet.found["destination_address"] = MAPPED + packet.bytes(12 + 2 * hardware_size, 4)
    packet.skip(8 + 2 * hardware_size + 2 * size)
    packet.payload()
    return 0


def ipv4(packet: Reading) -> int:
    """IPv4 with its options."""
    first = packet.number(0, 1)
    if first >> 4 != 4:
        raise EndedError(MALFORMED)
    size = (first & 15) * 4
    if size < 20:
        raise EndedError(MALFORMED)
    packet.ip_version = 4
    length = packet.number(2, 2)
    if length < size:
        if length:
            raise EndedError(MALFORMED)
        length = 2**32  # the network card has cut the packet into segments behind the capture
    packet.bound(length)
    packet.found["fragment_id"] = packet.number(4, 2)
    fragment = packet.number(6, 2)
    packet.found["fragment_offset"] = (fragment & 0x1FFF) * 8
    packet.found["more_fragments"] = fragment >> 13 & 1
    packet.fragmented = fragment & 0x3FFF != 0
    packet.found["ttl"] = packet.number(8, 1)
    protocol = packet.number(9, 1)
    if protocol != AH_PROTOCOL:
        packet.found["ip_protocol"] = protocol
    packet.found["source_address"] = MAPPED + packet.bytes(12, 4)
    packet.found["destination_address"] = MAPPED + packet.bytes(16, 4)
    packet.skip(size)
    return packet.ip_payload(protocol)


def ipv6(packet: Reading) -> int:
    """IPv6, without its extension headers."""
    if packet.number(0, 1) >> 4 != 6:
        raise EndedError(MALFORMED)
    packet.ip_version = 6
    length = packet.number(4, 2)
    if length:
        packet.bound(40 + length)
    protocol = packet.number(6, 1)
    packet.found["ttl"] = packet.number(7, 1)
    packet.found["source_address"] = packet.bytes(8, 16)
    packet.found["destination_address"] = packet.bytes(24, 16)
    packet.at += 40
    packet.fragmented = False
    return _behind_ipv6(packet, protocol)


def _behind_ipv6(packet: Reading, protocol: int) -> int:
    """Go on behind a header of IPv6 or one of its extension headers."""
    packet.payload()
    return _EXTENSIONS.get(protocol) or packet.ip_payload(protocol)


def extension(packet: Reading) -> int:
    """An extension header of IPv6 that has a length."""
    packet.need(2)
    protocol = packet.number(0, 1)
    packet.skip(packet.number(1, 1) * 8 + 8)
    return _behind_ipv6(packet, protocol)


def fragment(packet: Reading) -> int:
    """IPv6's header of fragments."""
    packet.need(4)
    protocol, fragment = packet.number(0, 1), packet.number(2, 2)
    if "fragment_offset" not in packet.found:  # the first counts
        packet.found["fragment_offset"] = fragment & 0xFFF8
        packet.found["more_fragments"] = fragment & 1
        packet.found["fragment_id"] = packet.number(4, 4)
    packet.skip(8)
    packet.fragmented |= fragment & 0xFFF9 != 0
    return packet.ip_payload(protocol) if fragment & 0xFFF8 else _behind_ipv6(packet, protocol)


def ah(packet: Reading) -> int:
    """The authentication header."""
    packet.need(2)
    protocol = packet.number(0, 1)
    packet.skip(packet.number(1, 1) * 4 + 8)
    return _behind_ipv6(packet, protocol) if packet.ip_version == 6 else packet.ip_payload(protocol)
