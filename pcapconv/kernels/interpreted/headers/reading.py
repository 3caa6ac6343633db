"""What readers of protocols share: `Reading`, the place in a packet, its two ends, and the values that were found."""

from __future__ import annotations

from typing import Any

from pcapconv.spec.protocols import (
    AH,
    BY_ETHER_TYPE,
    BY_IP_PROTOCOL,
    COMPLETE,
    CUT,
    ETHERNET,
    FRAGMENTED,
    IP_IN_IP,
    IPV4,
    IPV6,
    IPX,
    LLC,
    MALFORMED,
    MPLS,
    PPP,
    PPPOE,
    SERVICE_VLAN,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_OF_IP,
    UNREAD,
    VLAN,
)

MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address in 16 bytes
AH_PROTOCOL = 51
_NO_NEXT_HEADER = 59
_LINK_OF = {ETHERNET: 1, PPP: 9, IPV4: 101, IPV6: 101, MPLS: 219}  # the link types of packets out of tunnels
_LINK_LAYERS = frozenset((ETHERNET, VLAN, SERVICE_VLAN, MPLS, PPPOE))  # with an EtherType, but no network protocols
LARGEST_LENGTH = 1500  # of IEEE 802.3; a larger value is an EtherType


class EndedError(Exception):
    """The reading of a packet ends here, for this reason."""

    def __init__(self, reason: int) -> None:
        self.reason = reason


class Reading:
    """The reading of one packet. `at` is where the next header begins; `found` are the values of the packet that is
    read now, by column, `outermost` those of the outermost packet, `entered` those of all packets around it. With
    `outermost_only`, the packet in a tunnel is not read."""

    def __init__(self, data: memoryview, original_length: int, *, outermost_only: bool = False) -> None:
        self.outermost_only = outermost_only
        self.data, self.at, self.end, self.stated = data, 0, len(data), original_length
        self.path: list[int] = []
        self.found: dict[str, Any] = {"link_at": 0, "vlan_count": 0, "mpls_count": 0}
        self.outermost = self.found
        self.entered: list[dict[str, Any]] = []
        self.payload()
        self.tunnel: dict[str, Any] = {}
        self.fragmented = False  # whether the packet that is read now is a fragment
        self.ip_version = 0  # of the packet that is read now

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
            raise EndedError(CUT if size <= self.stated - self.at else MALFORMED)

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
        return protocol or unread()

    def ip_by_version(self) -> int:
        """Go on with IP of the version that the next byte states."""
        version = self.number(0, 1) >> 4
        return self.ether_type(TYPE_OF_IP[version]) if version in TYPE_OF_IP else unread()

    def length_or_type(self, value: int) -> int:
        """Go on behind a length of IEEE 802.3, or an EtherType."""
        if value > LARGEST_LENGTH:
            return self.ether_type(value)
        self.bound(value)
        self.payload()
        return IPX if self.number(0, 2) == 0xFFFF else LLC

    def ip_payload(self, protocol: int) -> int:
        """Go on behind the headers of IP with this protocol."""
        self.payload()
        if protocol == AH_PROTOCOL and not self.found.get("fragment_offset", 0):
            return AH
        self.found["ip_protocol"] = protocol
        if self.found.get("fragment_offset", 0):
            raise EndedError(FRAGMENTED)
        self.found["transport_at"] = self.at
        if protocol in (4, 41):
            return self.enter(IP_IN_IP, IPV4 if protocol == 4 else IPV6)
        if protocol == _NO_NEXT_HEADER and self.ip_version == 6:
            return 0
        return BY_IP_PROTOCOL.get(protocol) or unread()

    def enter(self, kind: int, protocol: int) -> int:
        """Go on with the packet in a tunnel, which begins with this protocol."""
        if self.fragmented:
            raise EndedError(FRAGMENTED)
        if not self.tunnel:
            lengths = {"inner_captured": self.end - self.at, "inner_length": self.stated - self.at}
            self.tunnel = {"tunnel": kind, "inner_at": self.at, "inner_link_type": _LINK_OF[protocol]} | lengths
        if self.outermost_only:
            raise EndedError(COMPLETE)
        self.entered.append(self.found)
        self.found = {"link_at": self.at, "vlan_count": 0, "mpls_count": 0}
        self.payload()
        self.ip_version = 0
        return self.ether_type(TYPE_IPV4 if protocol == IPV4 else TYPE_IPV6) if protocol in (IPV4, IPV6) else protocol

    def enter_ether_type(self, kind: int, ether_type: int) -> int:
        """Go on with the packet in a tunnel, which begins with the protocol of this EtherType."""
        protocol = BY_ETHER_TYPE.get(ether_type, 0)
        return self.enter(kind, protocol) if protocol in _LINK_OF else unread()


def unread() -> int:
    """End the reading: the next header is none that is read."""
    raise EndedError(UNREAD)
