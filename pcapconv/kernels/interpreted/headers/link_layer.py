"""Link layers: Ethernet, IEEE 802.3 with LLC, VLAN tags, MPLS, PPPoE, PPP, Linux cooked captures, NULL and LOOP."""

from __future__ import annotations

from pcapconv.kernels.interpreted.headers.reading import LARGEST_LENGTH, Reading, unread
from pcapconv.spec.protocols import ETHERNET, IPX, LLC, MPLS, NULL, PPP, SLL, TYPE_IPV4, TYPE_IPV6

_LINK_TYPES = {1: ETHERNET, 9: PPP, 0: NULL, 108: NULL, 113: SLL, 219: MPLS}
_LINK_IP = {228: TYPE_IPV4, 229: TYPE_IPV6}
_RAW = (101, 12, 14)  # 12 and 14 are DLT_RAW of some systems
_LINUX_SLL2 = 276
_ASSOCIATED_CHANNELS = (13, 14)  # labels of MPLS in front of its own messages


def first_protocol(packet: Reading, link_type: int) -> int:
    """The first protocol in a packet of this link type."""
    if link_type in _RAW:
        return packet.ip_by_version()
    if link_type == _LINUX_SLL2:
        packet.path.append(SLL)
        return _sll2(packet)
    if link_type in _LINK_IP:
        return packet.ether_type(_LINK_IP[link_type])
    return _LINK_TYPES.get(link_type) or unread()


def ethernet(packet: Reading) -> int:
    """Ethernet II, or IEEE 802.3."""
    packet.found.setdefault("destination_mac", packet.bytes(0, 6))  # there is Ethernet in Ethernet
    packet.found.setdefault("source_mac", packet.bytes(6, 6))
    value = packet.number(12, 2)
    packet.at += 14
    return packet.length_or_type(value)


def sll(packet: Reading) -> int:
    """A Linux cooked header, version 1."""
    packet.need(6)
    hardware, length = packet.number(2, 2), packet.number(4, 2)
    if length == 6:
        packet.found["source_mac"] = packet.bytes(6, 6)
    value = packet.number(14, 2)
    packet.at += 16
    return _cooked(packet, hardware, value)


def _sll2(packet: Reading) -> int:
    packet.need(12)
    value, hardware, length = packet.number(0, 2), packet.number(8, 2), packet.number(11, 1)
    if length == 6:
        packet.found["source_mac"] = packet.bytes(12, 6)
    packet.skip(20)
    return _cooked(packet, hardware, value)


def _cooked(packet: Reading, hardware: int, value: int) -> int:
    """Behind a Linux cooked header: an EtherType, or a small number of Linux's own."""
    packet.payload()
    if value > LARGEST_LENGTH and hardware != _NETLINK:
        return packet.ether_type(value)
    return unread() if hardware in _OWN_PROTOCOLS else _LINUX_PROTOCOLS.get(value) or unread()


_LINUX_PROTOCOLS = {1: IPX, 3: ETHERNET, 4: LLC, 7: PPP}
_NETLINK = 824
_OWN_PROTOCOLS = (770, 803, _NETLINK)  # types of devices: Frame Relay, IEEE 802.11 with radiotap, netlink


def null(packet: Reading) -> int:
    """An address family in the byte order of either machine, an EtherType, or PPP: as Wireshark's packet-null.c."""
    family = packet.bytes(0, 4)
    if family[:2] == b"\xff\x03":
        return PPP
    value = int.from_bytes(family, "little")
    if value >> 16:
        value = value >> 16 if value < 6 << 16 else int.from_bytes(family, "big")
    elif not value & 0xFF and value < 0x600:
        value >>= 8  # 16 bits, in big-endian byte order
    packet.at += 4
    packet.payload()
    if value > LARGEST_LENGTH:
        return packet.ether_type(value & 0xFFFF)
    if value == 2:
        return packet.ether_type(TYPE_IPV4)
    return packet.ether_type(TYPE_IPV6) if value in (24, 28, 30) else unread()


def llc(packet: Reading) -> int:
    """LLC of IEEE 802.2, with or without SNAP."""
    packet.need(3)
    destination, source, control = packet.number(0, 1), packet.number(1, 1), packet.number(2, 1)
    if destination == source == 0xAA and control == 3:
        packet.need(8)
        organisation, value = packet.number(3, 3), packet.number(6, 2)
        packet.at += 8
        if organisation in (0, 0x0000F8):
            return packet.ether_type(value)
    else:
        packet.skip(3 if control & 3 == 3 else 4)
        if destination == 0x06 and (control & 0xEF == 3 or not control & 1):  # with information
            return packet.ether_type(TYPE_IPV4)
    packet.payload()
    return unread()


def vlan(packet: Reading) -> int:
    """A VLAN tag."""
    count: int = packet.found["vlan_count"]
    tag = packet.number(0, 2) & 0xFFF
    packet.found["vlan_count"] = min(count + 1, 255)
    if count < 2:
        packet.found["inner_vlan_id" if count else "vlan_id"] = tag
    value = packet.number(2, 2)
    packet.at += 4
    return packet.length_or_type(value)


def mpls(packet: Reading) -> int:
    """All labels of MPLS."""
    count: int = packet.found["mpls_count"]
    while True:
        entry = packet.number(0, 4)
        if not count:
            packet.found["mpls_label"] = entry >> 12
        count = min(count + 1, 255)
        packet.found["mpls_count"] = count
        packet.at += 4
        if entry & 0x100:
            break
    packet.payload()
    return unread() if entry >> 12 in _ASSOCIATED_CHANNELS else packet.ip_by_version()


def pppoe(packet: Reading) -> int:
    """A session of PPPoE."""
    length = packet.number(4, 2)
    packet.at += 6
    packet.bound(length)
    packet.payload()
    return PPP


def ppp(packet: Reading) -> int:
    """PPP, whose fields may be compressed."""
    if packet.number(0, 1) == 0xFF:  # an address, and a control field
        packet.skip(2)
    size = 1 if packet.number(0, 1) & 1 else 2
    value = packet.number(0, size)
    packet.at += size
    packet.payload()
    if value == 0x21:
        return packet.ether_type(TYPE_IPV4)
    if value == 0x57:
        return packet.ether_type(TYPE_IPV6)
    return MPLS if value in (0x281, 0x283) else unread()
