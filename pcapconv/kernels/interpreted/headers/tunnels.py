"""Tunnels: GRE, ERSPAN, VXLAN, Geneve, GTP-U. IP in IP needs no reader."""

from __future__ import annotations

from pcapconv.kernels.interpreted.headers.reading import EndedError, Reading, unread
from pcapconv.spec.protocols import ERSPAN, ETHERNET, GENEVE, GRE, GTP, IPV4, IPV6, MALFORMED, PPP, VXLAN

_GTP_DATA = 255


def gre(packet: Reading) -> int:
    """GRE, versions 0 and 1."""
    packet.need(4)
    flags, value = packet.number(0, 2), packet.number(2, 2)
    size = 4 + (4 if flags & 0xC000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
    packet.skip(size + (4 if value == 0x880B and flags & 0x80 and flags & 7 else 0))  # PPTP acknowledges
    if flags & 0x4000:
        while packet.number(0, 4) & 0xFFFF00FF:  # the address family and the length of an entry
            packet.skip(4 + packet.number(3, 1))
        packet.at += 4
    if value == 0x88BE and not flags & 0x1000:  # type I, which has no header
        packet.path.append(ERSPAN)
        return packet.enter(ERSPAN, ETHERNET)
    if value in (0x88BE, 0x22EB):
        return ERSPAN
    if value == 0x880B:
        return packet.enter(GRE, PPP)
    return packet.enter_ether_type(GRE, value)


def erspan(packet: Reading) -> int:
    """ERSPAN, types II and III."""
    version = packet.number(0, 1) >> 4
    if version == 1:
        packet.skip(8)
    elif version == 2:
        packet.need(12)
        if packet.number(10, 1) & 0x7C:  # another frame type than Ethernet
            return unread()
        packet.skip(20 if packet.number(11, 1) & 1 else 12)
    else:
        return unread()
    return packet.enter(ERSPAN, ETHERNET)


def vxlan(packet: Reading) -> int:
    """VXLAN."""
    packet.skip(8)
    return packet.enter(VXLAN, ETHERNET)


def geneve(packet: Reading) -> int:
    """Geneve with its options."""
    first = packet.number(0, 1)
    value = packet.number(2, 2)
    packet.skip(8 + (first & 0x3F) * 4)
    return packet.enter_ether_type(GENEVE, value)


def gtp(packet: Reading) -> int:
    """GTP-U with its extension headers."""
    packet.need(4)
    flags, message, length = packet.number(0, 1), packet.number(1, 1), packet.number(2, 2)
    if message != _GTP_DATA:
        return unread()
    packet.skip(8)
    packet.bound(length)
    if flags & 7:
        following = packet.number(3, 1)
        packet.skip(4)
        while flags & 4 and following:
            size = packet.number(0, 1) * 4
            if not size:
                raise EndedError(MALFORMED)
            packet.need(size)
            following = packet.number(size - 1, 1)
            packet.at += size
    version = packet.number(0, 1) >> 4
    return packet.enter(GTP, IPV4 if version == 4 else IPV6) if version in (4, 6) else unread()
