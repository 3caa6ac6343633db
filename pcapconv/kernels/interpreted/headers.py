"""The kernel `read_headers`, interpreted: reads the headers of packets into columns.

Strategy: a packet is read from the outside to the inside by one loop without recursion. Each protocol has a function
that reads its header and returns the code of the next protocol, or ends the reading. A function reads fields in their
order in the header, each of them only after a check that it was captured, so that a packet that was cut gives the same
values as the whole packet, up to the cut. Every header is at least one byte long, so that the work is bounded by the
packet's length.

Two ends bound what is read, and both only move inwards: `end`, where the captured bytes end, and `stated`, where the
packet ends by its original length and by the lengths in headers. What lies behind `end` was cut; what lies behind
`stated` is not part of the packet (padding, a frame check sequence, or a lie).

Where specifications leave room, the reading is that of Wireshark 4.0's defaults; docs/reference/headers.md lists where
it is not.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pcapconv.header_columns import HeaderColumns
from pcapconv.spec.protocols import (
    AH,
    ARP,
    BY_ETHER_TYPE,
    BY_IP_PROTOCOL,
    COMPLETE,
    CUT,
    DESTINATION_OPTIONS,
    ERSPAN,
    ETHERNET,
    FRAGMENT,
    FRAGMENTED,
    GENEVE,
    GRE,
    GTP,
    HOP_BY_HOP,
    ICMP,
    ICMPV6,
    IGMP,
    IP_IN_IP,
    IPV4,
    IPV6,
    IPX,
    LLC,
    MALFORMED,
    MOST_IN_PATH,
    MPLS,
    NULL,
    PPP,
    PPPOE,
    ROUTING,
    SCTP,
    SERVICE_VLAN,
    SLL,
    TCP,
    UDP,
    UNREAD,
    VLAN,
    VXLAN,
)

if TYPE_CHECKING:
    from pcapconv.columns import Columns

    BytesLike = bytes | bytearray | memoryview

_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address in 16 bytes
_EXTENSIONS = {0: HOP_BY_HOP, 43: ROUTING, 44: FRAGMENT, 51: AH, 60: DESTINATION_OPTIONS}
_NO_NEXT_HEADER, _AH = 59, 51
_UDP_TUNNELS = {4789: VXLAN, 6081: GENEVE, 2152: GTP}
_GTP_DATA = 255
_GTP_MESSAGES = (1, 2, 26, 31, 254, _GTP_DATA)  # 3GPP TS 29.281, section 6.1
_LINK_ETHERNET, _LINK_PPP, _LINK_RAW, _LINK_MPLS = 1, 9, 101, 219
_LINK_TYPES = {_LINK_ETHERNET: ETHERNET, _LINK_PPP: PPP, 0: NULL, 108: NULL, 113: SLL, _LINK_MPLS: MPLS}
_LINK_IP = {228: 0x0800, 229: 0x86DD}
_RAW = (_LINK_RAW, 12, 14)  # 12 and 14 are DLT_RAW of some systems
_LINK_OF = {ETHERNET: _LINK_ETHERNET, PPP: _LINK_PPP, IPV4: _LINK_RAW, IPV6: _LINK_RAW, MPLS: _LINK_MPLS}
_LINUX_SLL2 = 276
_IP, _IP6 = 0x0800, 0x86DD  # EtherTypes
_LINK_LAYERS = frozenset((ETHERNET, VLAN, SERVICE_VLAN, MPLS, PPPOE))  # with an EtherType, but no network protocols
_ASSOCIATED_CHANNELS = (13, 14)  # labels of MPLS in front of its own messages
_LARGEST_LENGTH = 1500  # of IEEE 802.3; a larger value is an EtherType
_FIELDS, _BITS = HeaderColumns.FIELDS, HeaderColumns.BITS


def read_headers(
    buffer: BytesLike, columns: Columns, rows: int, link_types: array[int], out: HeaderColumns, inner: bool
) -> None:
    """Read the headers of packets into the columns of `out` that exist.

    `link_types` has the link type of each interface. The columns describe the outermost packet, or, if `inner`, the
    innermost packet of tunnels; `HeaderColumns` says what each of them holds.
    """
    if not 0 <= rows <= min(columns.capacity, out.capacity):
        raise ValueError(f"columns of fewer than {rows} rows")
    if link_types.typecode != "Q":
        raise ValueError("a table of other than 64-bit values")
    for name in out.names:
        typecode, width = _FIELDS[name]
        column = getattr(out, name)
        if column.typecode != typecode or len(column) < rows * width:
            raise ValueError(f"column {name} is not {rows * width} values of type {typecode}")
    for row, (number, data_at, captured, original) in enumerate(
        zip(columns.interface[:rows], columns.data_at, columns.captured_length, columns.original_length)
    ):
        if number >= len(link_types) or not 0 <= data_at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        packet = memoryview(buffer)[data_at : data_at + captured]
        found = _Reading(packet, max(captured, original)).read(link_types[number], inner)
        present = 0
        for name in found:
            present |= 1 << _BITS[name]
        out.present[row] = present
        for name in out.names:
            value, width = found.get(name, 0), _FIELDS[name][1]
            if width == 1:
                getattr(out, name)[row] = value
            else:
                getattr(out, name)[row * width : (row + 1) * width] = array("B", value or bytes(width))
    out.rows = rows


def outermost_tunnel(data: memoryview, original_length: int, link_type: int) -> dict[str, int]:
    """The outermost tunnel of a packet: the columns from `tunnel` to `inner_link_type`; empty if it is in none."""
    reading = _Reading(data, max(len(data), original_length), outermost_only=True)
    reading.read(link_type, False)
    return reading.tunnel


class _EndedError(Exception):
    """The reading of a packet ends here, for this reason."""

    def __init__(self, reason: int) -> None:
        self.reason = reason


class _Reading:
    """The reading of one packet. `at` is where the next header begins; `found` are the values of the packet that is
    read now, by column, `outermost` those of the outermost packet. With `outermost_only`, the packet in a tunnel is not
    read."""

    def __init__(self, data: memoryview, original_length: int, *, outermost_only: bool = False) -> None:
        self.outermost_only = outermost_only
        self.data, self.at, self.end, self.stated = data, 0, len(data), original_length
        self.path: list[int] = []
        self.found: dict[str, Any] = {"link_at": 0, "vlan_count": 0, "mpls_count": 0}
        self.outermost = self.found
        self.payload()
        self.tunnel: dict[str, Any] = {}
        self.fragmented = False  # whether the packet that is read now is a fragment
        self.ip_version = 0  # of the packet that is read now

    def read(self, link_type: int, inner: bool) -> dict[str, Any]:
        """Read the packet; return the values that it has."""
        ended = COMPLETE
        try:
            protocol = self.first_protocol(link_type)
            while protocol:
                self.path.append(protocol)
                if protocol not in _READERS:
                    raise _EndedError(UNREAD)
                protocol = _READERS[protocol](self)
        except _EndedError as end:
            ended = end.reason
        path = bytes(self.path[:MOST_IN_PATH]).ljust(MOST_IN_PATH, b"\0")
        whole = {"path": path, "path_length": min(len(self.path), 255), "ended": ended}
        if self.path:
            whole["protocol"] = self.path[-1]
        return (self.found if inner else self.outermost) | self.tunnel | whole

    def first_protocol(self, link_type: int) -> int:
        """The first protocol in a packet of this link type."""
        if link_type in _RAW:
            return self.ip_by_version()
        if link_type == _LINUX_SLL2:
            self.path.append(SLL)
            return _sll2(self)
        if link_type in _LINK_IP:
            return self.ether_type(_LINK_IP[link_type])
        return _LINK_TYPES.get(link_type) or _unread()

    def number(self, offset: int, size: int) -> int:
        """The number in `size` bytes behind the beginning of the header."""
        return int.from_bytes(self.bytes(offset, size))

    def bytes(self, offset: int, size: int) -> bytes:
        """Bytes behind the beginning of the header."""
        self.need(offset + size)
        return bytes(self.data[self.at + offset : self.at + offset + size])

    def need(self, size: int) -> None:
        """End the reading unless `size` bytes from the beginning of the header on were captured."""
        if size > self.end - self.at:
            raise _EndedError(CUT if size <= self.stated - self.at else MALFORMED)

    def skip(self, size: int) -> None:
        """Go on behind a header of `size` bytes."""
        self.need(size)
        self.at += size

    def bound(self, length: int) -> None:
        """The rest has this length, by a header."""
        self.stated = min(self.stated, self.at + length)
        self.end = min(self.end, self.stated)

    def payload(self) -> None:
        """What follows is the payload, unless another header is read."""
        lengths = {"payload_captured": self.end - self.at, "payload_length": self.stated - self.at}
        self.found |= {"payload_at": self.at} | lengths

    def ether_type(self, ether_type: int) -> int:
        """Go on with the protocol of an EtherType."""
        protocol = BY_ETHER_TYPE.get(ether_type, 0)
        if protocol not in _LINK_LAYERS:
            self.found |= {"network_protocol": ether_type, "network_at": self.at}
        self.payload()
        return protocol or _unread()

    def ip_by_version(self) -> int:
        """Go on with IP of the version that the next byte states."""
        version = self.number(0, 1) >> 4
        return self.ether_type(_IP if version == 4 else _IP6) if version in (4, 6) else _unread()

    def length_or_type(self, value: int) -> int:
        """Go on behind a length of IEEE 802.3, or an EtherType."""
        if value > _LARGEST_LENGTH:
            return self.ether_type(value)
        self.bound(value)
        self.payload()
        return IPX if self.number(0, 2) == 0xFFFF else LLC

    def ip_payload(self, protocol: int) -> int:
        """Go on behind the headers of IP with this protocol."""
        self.payload()
        if protocol == _AH and not self.found.get("fragment_offset", 0):
            return AH
        self.found["ip_protocol"] = protocol
        if self.found.get("fragment_offset", 0):
            raise _EndedError(FRAGMENTED)
        self.found["transport_at"] = self.at
        if protocol in (4, 41):
            return self.enter(IP_IN_IP, IPV4 if protocol == 4 else IPV6)
        if protocol == _NO_NEXT_HEADER and self.ip_version == 6:
            return 0
        return BY_IP_PROTOCOL.get(protocol) or _unread()

    def enter(self, kind: int, protocol: int) -> int:
        """Go on with the packet in a tunnel, which begins with this protocol."""
        if self.fragmented:
            raise _EndedError(FRAGMENTED)
        if not self.tunnel:
            lengths = {"inner_captured": self.end - self.at, "inner_length": self.stated - self.at}
            self.tunnel = {"tunnel": kind, "inner_at": self.at, "inner_link_type": _LINK_OF[protocol]} | lengths
        if self.outermost_only:
            raise _EndedError(COMPLETE)
        self.found = {"link_at": self.at, "vlan_count": 0, "mpls_count": 0}
        self.payload()
        self.ip_version = 0
        return self.ether_type(_IP if protocol == IPV4 else _IP6) if protocol in (IPV4, IPV6) else protocol

    def enter_ether_type(self, kind: int, ether_type: int) -> int:
        """Go on with the packet in a tunnel, which begins with the protocol of this EtherType."""
        protocol = BY_ETHER_TYPE.get(ether_type, 0)
        return self.enter(kind, protocol) if protocol in _LINK_OF else _unread()


def _unread() -> int:
    raise _EndedError(UNREAD)


# ---------------------------------------------------------------- link layers


def _ethernet(packet: _Reading) -> int:
    packet.found.setdefault("destination_mac", packet.bytes(0, 6))  # there is Ethernet in Ethernet
    packet.found.setdefault("source_mac", packet.bytes(6, 6))
    value = packet.number(12, 2)
    packet.at += 14
    return packet.length_or_type(value)


def _sll(packet: _Reading) -> int:
    packet.need(6)
    hardware, length = packet.number(2, 2), packet.number(4, 2)
    if length == 6:
        packet.found["source_mac"] = packet.bytes(6, 6)
    value = packet.number(14, 2)
    packet.at += 16
    return _cooked(packet, hardware, value)


def _sll2(packet: _Reading) -> int:
    packet.need(12)
    value, hardware, length = packet.number(0, 2), packet.number(8, 2), packet.number(11, 1)
    if length == 6:
        packet.found["source_mac"] = packet.bytes(12, 6)
    packet.skip(20)
    return _cooked(packet, hardware, value)


def _cooked(packet: _Reading, hardware: int, value: int) -> int:
    """Behind a Linux cooked header: an EtherType, or a small number of Linux's own."""
    packet.payload()
    if value > _LARGEST_LENGTH and hardware != _NETLINK:
        return packet.ether_type(value)
    return _unread() if hardware in _OWN_PROTOCOLS else _LINUX_PROTOCOLS.get(value) or _unread()


_LINUX_PROTOCOLS = {1: IPX, 3: ETHERNET, 4: LLC, 7: PPP}
_NETLINK = 824
_OWN_PROTOCOLS = (770, 803, _NETLINK)  # types of devices: Frame Relay, IEEE 802.11 with radiotap, netlink


def _null(packet: _Reading) -> int:
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
    if value > _LARGEST_LENGTH:
        return packet.ether_type(value & 0xFFFF)
    if value == 2:
        return packet.ether_type(_IP)
    return packet.ether_type(_IP6) if value in (24, 28, 30) else _unread()


def _llc(packet: _Reading) -> int:
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
            return packet.ether_type(_IP)
    packet.payload()
    return _unread()


def _vlan(packet: _Reading) -> int:
    count: int = packet.found["vlan_count"]
    tag = packet.number(0, 2) & 0xFFF
    packet.found["vlan_count"] = min(count + 1, 255)
    if count < 2:
        packet.found["inner_vlan_id" if count else "vlan_id"] = tag
    value = packet.number(2, 2)
    packet.at += 4
    return packet.length_or_type(value)


def _mpls(packet: _Reading) -> int:
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
    return _unread() if entry >> 12 in _ASSOCIATED_CHANNELS else packet.ip_by_version()


def _pppoe(packet: _Reading) -> int:
    length = packet.number(4, 2)
    packet.at += 6
    packet.bound(length)
    packet.payload()
    return PPP


def _ppp(packet: _Reading) -> int:
    if packet.number(0, 1) == 0xFF:  # an address, and a control field
        packet.skip(2)
    size = 1 if packet.number(0, 1) & 1 else 2
    value = packet.number(0, size)
    packet.at += size
    packet.payload()
    if value == 0x21:
        return packet.ether_type(_IP)
    if value == 0x57:
        return packet.ether_type(_IP6)
    return MPLS if value in (0x281, 0x283) else _unread()


# ---------------------------------------------------------------- network


def _arp(packet: _Reading) -> int:
    packet.need(8)
    protocol, hardware_size, size = packet.number(2, 2), packet.number(4, 1), packet.number(5, 1)
    packet.found["arp_operation"] = packet.number(6, 2)
    if protocol == 0x0800 and size == 4:
        packet.found["source_address"] = _MAPPED + packet.bytes(8 + hardware_size, 4)
        packet.found["destination_address"] = _MAPPED + packet.bytes(12 + 2 * hardware_size, 4)
    packet.skip(8 + 2 * hardware_size + 2 * size)
    packet.payload()
    return 0


def _ipv4(packet: _Reading) -> int:
    first = packet.number(0, 1)
    if first >> 4 != 4:
        raise _EndedError(MALFORMED)
    size = (first & 15) * 4
    if size < 20:
        raise _EndedError(MALFORMED)
    packet.ip_version = 4
    length = packet.number(2, 2)
    if length < size:
        if length:
            raise _EndedError(MALFORMED)
        length = 2**32  # the network card has cut the packet into segments behind the capture
    packet.bound(length)
    packet.found["fragment_id"] = packet.number(4, 2)
    fragment = packet.number(6, 2)
    packet.found["fragment_offset"] = (fragment & 0x1FFF) * 8
    packet.found["more_fragments"] = fragment >> 13 & 1
    packet.fragmented = fragment & 0x3FFF != 0
    packet.found["ttl"] = packet.number(8, 1)
    protocol = packet.number(9, 1)
    if protocol != _AH:
        packet.found["ip_protocol"] = protocol
    packet.found["source_address"] = _MAPPED + packet.bytes(12, 4)
    packet.found["destination_address"] = _MAPPED + packet.bytes(16, 4)
    packet.skip(size)
    return packet.ip_payload(protocol)


def _ipv6(packet: _Reading) -> int:
    if packet.number(0, 1) >> 4 != 6:
        raise _EndedError(MALFORMED)
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


def _behind_ipv6(packet: _Reading, protocol: int) -> int:
    """Go on behind a header of IPv6 or one of its extension headers."""
    packet.payload()
    return _EXTENSIONS.get(protocol) or packet.ip_payload(protocol)


def _extension(packet: _Reading) -> int:
    packet.need(2)
    protocol = packet.number(0, 1)
    packet.skip(packet.number(1, 1) * 8 + 8)
    return _behind_ipv6(packet, protocol)


def _fragment(packet: _Reading) -> int:
    packet.need(4)
    protocol, fragment = packet.number(0, 1), packet.number(2, 2)
    if "fragment_offset" not in packet.found:  # the first counts
        packet.found["fragment_offset"] = fragment & 0xFFF8
        packet.found["more_fragments"] = fragment & 1
        packet.found["fragment_id"] = packet.number(4, 4)
    packet.skip(8)
    packet.fragmented |= fragment & 0xFFF9 != 0
    return packet.ip_payload(protocol) if fragment & 0xFFF8 else _behind_ipv6(packet, protocol)


def _ah(packet: _Reading) -> int:
    packet.need(2)
    protocol = packet.number(0, 1)
    packet.skip(packet.number(1, 1) * 4 + 8)
    return _behind_ipv6(packet, protocol) if packet.ip_version == 6 else packet.ip_payload(protocol)


# ---------------------------------------------------------------- transport


def _ports(packet: _Reading) -> tuple[int, int]:
    packet.found["source_port"] = source = packet.number(0, 2)
    packet.found["destination_port"] = destination = packet.number(2, 2)
    return source, destination


def _tcp(packet: _Reading) -> int:
    _ports(packet)
    packet.found["tcp_sequence"] = packet.number(4, 4)
    packet.found["tcp_acknowledgement"] = packet.number(8, 4)
    packet.need(14)
    size = (packet.number(12, 1) >> 4) * 4
    packet.found["tcp_flags"] = packet.number(12, 2) & 0xFFF
    if size < 20:
        raise _EndedError(MALFORMED)
    packet.skip(size)
    packet.payload()
    return 0


def _udp(packet: _Reading) -> int:
    ports = _ports(packet)
    length = packet.number(4, 2)
    if length < 8 and (length or packet.ip_version != 6):
        raise _EndedError(MALFORMED)
    if length:
        packet.bound(length)
    packet.skip(8)
    packet.payload()
    protocol = next((_UDP_TUNNELS[port] for port in sorted(ports) if port in _UDP_TUNNELS), 0)
    if protocol == GTP and packet.end - packet.at >= 2:  # the port has other users: control messages, other versions
        return GTP if packet.number(0, 1) >> 4 == 3 and packet.number(1, 1) in _GTP_MESSAGES else 0
    return protocol


def _sctp(packet: _Reading) -> int:
    _ports(packet)
    packet.skip(12)
    packet.payload()
    return 0


def _icmp(packet: _Reading) -> int:
    packet.found["icmp_type"] = packet.number(0, 1)
    if packet.path[-1] != IGMP:
        packet.found["icmp_code"] = packet.number(1, 1)
    packet.skip(8)
    packet.payload()
    return 0


# ---------------------------------------------------------------- tunnels


def _gre(packet: _Reading) -> int:
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


def _erspan(packet: _Reading) -> int:
    version = packet.number(0, 1) >> 4
    if version == 1:
        packet.skip(8)
    elif version == 2:
        packet.need(12)
        if packet.number(10, 1) & 0x7C:  # another frame type than Ethernet
            raise _EndedError(UNREAD)
        packet.skip(20 if packet.number(11, 1) & 1 else 12)
    else:
        raise _EndedError(UNREAD)
    return packet.enter(ERSPAN, ETHERNET)


def _vxlan(packet: _Reading) -> int:
    packet.skip(8)
    return packet.enter(VXLAN, ETHERNET)


def _geneve(packet: _Reading) -> int:
    first = packet.number(0, 1)
    value = packet.number(2, 2)
    packet.skip(8 + (first & 0x3F) * 4)
    return packet.enter_ether_type(GENEVE, value)


def _gtp(packet: _Reading) -> int:
    packet.need(4)
    flags, message, length = packet.number(0, 1), packet.number(1, 1), packet.number(2, 2)
    if message != _GTP_DATA:
        raise _EndedError(UNREAD)
    packet.skip(8)
    packet.bound(length)
    if flags & 7:
        following = packet.number(3, 1)
        packet.skip(4)
        while flags & 4 and following:
            size = packet.number(0, 1) * 4
            if not size:
                raise _EndedError(MALFORMED)
            packet.need(size)
            following = packet.number(size - 1, 1)
            packet.at += size
    version = packet.number(0, 1) >> 4
    return packet.enter(GTP, IPV4 if version == 4 else IPV6) if version in (4, 6) else _unread()


_READERS: dict[int, Callable[[_Reading], int]] = {
    ETHERNET: _ethernet,
    SLL: _sll,
    NULL: _null,
    PPP: _ppp,
    PPPOE: _pppoe,
    VLAN: _vlan,
    SERVICE_VLAN: _vlan,
    MPLS: _mpls,
    LLC: _llc,
    ARP: _arp,
    IPV4: _ipv4,
    IPV6: _ipv6,
    HOP_BY_HOP: _extension,
    ROUTING: _extension,
    DESTINATION_OPTIONS: _extension,
    FRAGMENT: _fragment,
    AH: _ah,
    TCP: _tcp,
    UDP: _udp,
    ICMP: _icmp,
    ICMPV6: _icmp,
    IGMP: _icmp,
    SCTP: _sctp,
    GRE: _gre,
    ERSPAN: _erspan,
    VXLAN: _vxlan,
    GENEVE: _geneve,
    GTP: _gtp,
}
