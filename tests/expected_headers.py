"""What packets' headers say, read in the plainest way: link layers, IP, ports and fragments.

For second implementations. It reads what `protocols` and the inventions of the tests build: Ethernet with tags, IEEE
802.3, RAW and Linux cooked captures; IPv4, and IPv6 with a fragment header; nothing that is cut inside these.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

IP, IP6, ARP, RARP = 0x0800, 0x86DD, 0x0806, 0x8035
TAGS = (0x8100, 0x9100, 0x88A8)
ETHERNET, RAW, SLL = 1, 101, 113
WITH_PORTS = {6: "tcp", 17: "udp", 132: "sctp"}
NAMES = WITH_PORTS | {1: "icmp", 58: "icmpv6", 2: "igmp"}
DISTANCE, COST = 2**22, 64


class Network(NamedTuple):
    """Where a network packet begins, and its EtherType; for others, where what is not its link layer begins."""

    at: int
    ether_type: int | None = None


def network(link_type: int, data: bytes) -> Network:
    if link_type == RAW and data and data[0] >> 4 in (4, 6):
        return Network(0, IP if data[0] >> 4 == 4 else IP6)
    if link_type == SLL and len(data) >= 16 and data[14:16] in (b"\x08\0", b"\x86\xdd", b"\x08\x06"):
        return Network(16, int.from_bytes(data[14:16]))
    if link_type != ETHERNET:
        return Network(0)
    at = 12
    while int.from_bytes(data[at : at + 2]) in TAGS and len(data) >= at + 4:
        at += 4
    kind = int.from_bytes(data[at : at + 2])
    known = len(data) >= at + 2 and kind in (IP, IP6, ARP, RARP)
    return Network(at + 2, kind) if known else Network(at)


def without_link_layer(link_type: int, data: bytes, original: int) -> tuple[bool, bytes, int]:
    """Whether a packet is one of IP or ARP, its bytes without link layer and padding, and its length without them."""
    at, kind = network(link_type, data)
    whole = data[at:]
    if at > len(data) or (not at and kind is None):
        return False, data, original
    length = max(original, len(data)) - at
    if kind in (ARP, RARP) and len(whole) >= 8 and len(whole) >= 8 + 2 * (whole[4] + whole[5]):
        length = 8 + 2 * (whole[4] + whole[5])
    elif kind == IP and len(whole) >= 20:
        length = min(length, int.from_bytes(whole[2:4]))
    elif kind == IP6 and len(whole) >= 40:
        length = min(length, 40 + int.from_bytes(whole[4:6]))
    elif kind is None and len(whole) >= 2 and int.from_bytes(whole[:2]) <= 1500:
        length = min(length, 2 + int.from_bytes(whole[:2]))
    return kind is not None, whole[:length], length


class Ends(NamedTuple):
    """What a packet says of its flow. `offset` is that of a fragment, None if it is none; `datagram` tells its
    fragments from others."""

    version: int
    protocol: int
    source: tuple[str, int | None]
    destination: tuple[str, int | None]
    offset: int | None
    datagram: tuple[object, ...]

    @property
    def flow(self) -> tuple[object, ...]:
        return self.version, self.protocol, frozenset((self.source, self.destination))

    @property
    def name(self) -> str:
        shown = [address + ("" if port is None else f".{port}") for address, port in (self.source, self.destination)]
        return "-".join((NAMES[self.protocol], *shown)).replace(":", "_")


def ends(link_type: int, data: bytes) -> Ends | None:
    """The ends of a packet of IP; None for others."""
    at, kind = network(link_type, data)
    header = data[at:]
    if kind == IP:
        size = (header[0] & 15) * 4
        protocol, addresses = header[9], (header[12:16], header[16:20])
        bits, number = int.from_bytes(header[6:8]), int.from_bytes(header[4:6])
        offset = bits & 0x1FFF if bits & 0x3FFF else None
    elif kind == IP6:
        size, protocol, addresses, offset, number = 40, header[6], (header[8:24], header[24:40]), None, 0
        if protocol == 44:
            size, protocol = 48, header[40]
            bits, number = int.from_bytes(header[42:44]), int.from_bytes(header[44:48])
            offset = bits >> 3 if bits & ~6 else None
    else:
        return None
    ports: tuple[int | None, int | None] = (None, None)
    if protocol in WITH_PORTS and not offset:
        ports = int.from_bytes(header[size : size + 2]), int.from_bytes(header[size + 2 : size + 4])
    source, destination = (str(ip_address(address)) for address in addresses)
    datagram = (kind, source, destination, number, protocol if kind == IP else None)
    return Ends(4 if kind == IP else 6, protocol, (source, ports[0]), (destination, ports[1]), offset, datagram)


def flows(packets: Sequence[tuple[int, bytes]], distance: int = DISTANCE) -> list[tuple[object, ...] | None]:
    """The flow of each packet, without options; of later fragments that of their first."""
    found = [ends(link_type, data) for link_type, data in packets]
    places = [0]
    for _, data in packets:
        places.append(places[-1] + len(data) + COST)
    result: list[tuple[object, ...] | None] = []
    begins: dict[tuple[object, ...], int] = {}
    for index, each in enumerate(found):
        if each is None or not each.offset:
            result.append(None if each is None else each.flow)
            continue
        firsts = [place for place, other in enumerate(found) if other and other.offset == 0]
        firsts = [place for place in firsts if (other := found[place]) and other.datagram == each.datagram]
        before = [place for place in firsts if place < index]
        begin = begins.get(each.datagram, index)
        if places[index] - places[begin] > distance:
            begin = index
        begins[each.datagram] = begin
        behind = [place for place in firsts if place > index and places[place] - places[begin] <= distance]
        first = found[before[-1] if before else behind[0]] if before or behind else each
        assert first is not None
        result.append(first.flow)
    return result
