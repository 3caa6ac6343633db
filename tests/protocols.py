"""The headers of packets, built by the plainest means there are: what `wire` is for captures.

Each builder returns the bytes of a header before its payload, `rest`. Lengths that are not given are right; numbers are
in network byte order. Checksums are 0, which tshark does not mind.
"""

import struct
from ipaddress import ip_address

CLIENT_MAC, SERVER_MAC = bytes.fromhex("02005e000001"), bytes.fromhex("02005e000002")
A4, B4 = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::1", "2001:db8::2"

# link types
NULL, ETHERNET, PPP, RAW, LOOP, LINUX_SLL, MPLS, IPV4, IPV6, LINUX_SLL2 = 0, 1, 9, 101, 108, 113, 219, 228, 229, 276

# EtherTypes
IP, ARP, VLAN, IP6, PPPOE_DISCOVERY, PPPOE, SERVICE_VLAN = 0x0800, 0x0806, 0x8100, 0x86DD, 0x8863, 0x8864, 0x88A8
MPLS_UNICAST, TRANSPARENT_ETHERNET, ERSPAN_II, ERSPAN_III, GRE_PPP = 0x8847, 0x6558, 0x88BE, 0x22EB, 0x880B

# protocols of IP
ICMP, IGMP, IPIP, TCP, UDP, SIX_IN_FOUR, ROUTING, FRAGMENT, GRE, AH, ICMPV6 = 1, 2, 4, 6, 17, 41, 43, 44, 47, 51, 58
HOP_BY_HOP, NO_NEXT, DESTINATION, SCTP = 0, 59, 60, 132

DATA = b"payload of some bytes"


def ethernet(ether_type: int, rest: bytes, source: bytes = CLIENT_MAC, destination: bytes = SERVER_MAC) -> bytes:
    return destination + source + struct.pack(">H", ether_type) + rest


def ieee_802_3(rest: bytes, length: int | None = None) -> bytes:
    return ethernet(len(rest) if length is None else length, rest)


def llc(destination: int, source: int, rest: bytes, control: bytes = b"\x03") -> bytes:
    return bytes((destination, source)) + control + rest


def snap(ether_type: int, rest: bytes, organisation: int = 0) -> bytes:
    return llc(0xAA, 0xAA, organisation.to_bytes(3) + struct.pack(">H", ether_type) + rest)


def vlan(tag: int, ether_type: int, rest: bytes) -> bytes:
    return struct.pack(">HH", tag, ether_type) + rest


def mpls(*labels: int, rest: bytes) -> bytes:
    entries = [label << 12 | (0x100 if label is labels[-1] else 0) | 64 for label in labels]
    return struct.pack(f">{len(entries)}I", *entries) + rest


def pppoe(rest: bytes, length: int | None = None, code: int = 0) -> bytes:
    return struct.pack(">BBHH", 0x11, code, 7, len(rest) if length is None else length) + rest


def ppp(protocol: int, rest: bytes) -> bytes:
    return struct.pack(">H", protocol) + rest


def sll(protocol: int, rest: bytes, hardware: int = 1, address: bytes = CLIENT_MAC) -> bytes:
    return struct.pack(">HHH8sH", 4, hardware, len(address), address, protocol) + rest


def sll2(protocol: int, rest: bytes, hardware: int = 1, address: bytes = CLIENT_MAC) -> bytes:
    return struct.pack(">HHIHBB8s", protocol, 0, 3, hardware, 4, len(address), address) + rest


def null(family: int, rest: bytes, byte_order: str = "<") -> bytes:
    return struct.pack(f"{byte_order}I", family) + rest


def arp(operation: int, sender: str = A4, target: str = B4, protocol: int = IP) -> bytes:
    ends = CLIENT_MAC + ip_address(sender).packed + bytes(6) + ip_address(target).packed
    return struct.pack(">HHBBH", 1, protocol, 6, 4, operation) + ends


def ipv4(
    protocol: int,
    rest: bytes,
    *,
    source: str = A4,
    destination: str = B4,
    ttl: int = 64,
    identification: int = 0x1234,
    fragment: int = 0,
    options: bytes = b"",
    length: int | None = None,
    version_and_size: int | None = None,
) -> bytes:
    size = 20 + len(options)
    first = 0x40 | size // 4 if version_and_size is None else version_and_size
    length = size + len(rest) if length is None else length
    header = struct.pack(">BBHHHBBH", first, 0, length, identification, fragment, ttl, protocol, 0)
    return header + ip_address(source).packed + ip_address(destination).packed + options + rest


def ipv6(
    following: int,
    rest: bytes,
    *,
    source: str = A6,
    destination: str = B6,
    hops: int = 63,
    length: int | None = None,
) -> bytes:
    header = struct.pack(">IHBB", 6 << 28, len(rest) if length is None else length, following, hops)
    return header + ip_address(source).packed + ip_address(destination).packed + rest


def extension(following: int, rest: bytes, size: int = 8) -> bytes:
    """Options of a hop, or of the destination: padding."""
    return bytes((following, size // 8 - 1, 1, size - 4)) + bytes(size - 4) + rest


def routing(following: int, rest: bytes) -> bytes:
    return bytes((following, 2, 0, 0)) + bytes(4) + ip_address(B6).packed + rest


def fragment(following: int, rest: bytes, offset: int = 0, more: int = 0, identification: int = 0xDEADBEEF) -> bytes:
    return struct.pack(">BBHI", following, 0, offset | more, identification) + rest


def ah(following: int, rest: bytes) -> bytes:
    return bytes((following, 4)) + bytes(10) + b"twelve bytes" + rest


def tcp(
    rest: bytes = DATA,
    *,
    source: int = 51000,
    destination: int = 8,
    sequence: int = 0x01020304,
    acknowledgement: int = 0x0A0B0C0D,
    flags: int = 0x18,
    options: bytes = b"",
    size: int | None = None,
) -> bytes:
    first = ((20 + len(options)) // 4 if size is None else size) << 12
    header = struct.pack(">HHIIHHHH", source, destination, sequence, acknowledgement, first | flags, 4096, 0, 0)
    return header + options + rest


def udp(rest: bytes = DATA, *, source: int = 40000, destination: int = 9, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(rest) if length is None else length, 0) + rest


def icmp(kind: int = 8, code: int = 0, rest: bytes = DATA) -> bytes:
    return struct.pack(">BBHHH", kind, code, 0, 1, 1) + rest


def igmp(kind: int = 0x16) -> bytes:
    return bytes((kind, 0, 0, 0)) + ip_address("239.1.2.3").packed


def sctp(rest: bytes = b"\0\3\0\x10" + bytes(12), *, source: int = 5000, destination: int = 5001) -> bytes:
    return struct.pack(">HHII", source, destination, 1, 0) + rest


def gre(protocol: int, rest: bytes, flags: int = 0, fields: bytes = b"") -> bytes:
    return struct.pack(">HH", flags, protocol) + fields + rest


def erspan_ii(rest: bytes) -> bytes:
    return gre(ERSPAN_II, struct.pack(">II", 1 << 28 | 10 << 16 | 5, 7) + rest, 0x1000, struct.pack(">I", 3))


def erspan_iii(rest: bytes, *, platform: bool = False) -> bytes:
    header = struct.pack(">IIHH", 2 << 28 | 10 << 16 | 5, 7, 0, 0 | platform)
    return gre(ERSPAN_III, header + bytes(8) * platform + rest, 0x1000, struct.pack(">I", 3))


def vxlan(rest: bytes, *, network: int = 42, flags: int = 8) -> bytes:
    return udp(struct.pack(">II", flags << 24, network << 8) + rest, destination=4789)


def geneve(protocol: int, rest: bytes, options: bytes = b"") -> bytes:
    return udp(struct.pack(">BBHI", len(options) // 4, 0, protocol, 42 << 8) + options + rest, destination=6081)


def gtp(rest: bytes, *, flags: int = 0, extensions: bytes = b"", kind: int = 255, length: int | None = None) -> bytes:
    """`extensions` begin with the type of the first and end with that of the next: 0."""
    optional = struct.pack(">HB", 9, 0) + (extensions or b"\0") if flags or extensions else b""
    stated = len(optional + rest) if length is None else length
    first = 0x30 | flags | (4 if extensions else 0)
    return udp(struct.pack(">BBHI", first, kind, stated, 77) + optional + rest, source=2152, destination=2152)


def packets() -> dict[str, tuple[int, bytes]]:
    """A packet of each kind that is read: its link type and its bytes, by a name."""
    four, six = ipv4(TCP, tcp()), ipv6(UDP, udp())
    inner = ethernet(IP, ipv4(UDP, udp(), source="10.0.0.1", destination="10.0.0.2", ttl=3))
    in_ip = {
        "tcp": (TCP, tcp()),
        "tcp options": (TCP, tcp(options=b"\1\1\x08\x0a" + bytes(8), flags=0x112)),
        "tcp size below 20": (TCP, tcp(size=4)),
        "tcp size beyond": (TCP, tcp(b"", size=15)),
        "udp": (UDP, udp()),
        "udp shorter": (UDP, udp(length=12)),
        "udp longer": (UDP, udp(length=500)),
        "udp length 0": (UDP, udp(length=0)),
        "udp length 7": (UDP, udp(length=7)),
        "icmp": (ICMP, icmp()),
        "icmp unreachable": (ICMP, icmp(3, 1, ipv4(UDP, udp()))),
        "igmp": (IGMP, igmp()),
        "sctp": (SCTP, sctp()),
        "unknown": (253, DATA),
        "esp": (50, DATA + bytes(20)),
        "gre ip": (GRE, gre(IP, four)),
        "gre ipv6": (GRE, gre(IP6, six)),
        "gre checksum": (GRE, gre(IP, four, 0x8000, bytes(4))),
        "gre key sequence": (GRE, gre(IP, four, 0x3000, bytes(8))),
        "gre all": (GRE, gre(IP, four, 0xB000, bytes(12))),
        "gre routing": (GRE, gre(IP, four, 0x4000, bytes(4) + bytes.fromhex("0800000401020304") + bytes(4))),
        "gre ethernet": (GRE, gre(TRANSPARENT_ETHERNET, inner)),
        "gre mpls": (GRE, gre(MPLS_UNICAST, mpls(3, rest=four))),
        "gre unknown": (GRE, gre(0x1234, DATA)),
        "gre arp": (GRE, gre(ARP, arp(1))),
        "gre vlan": (GRE, gre(VLAN, vlan(5, IP, four))),
        "pptp": (GRE, gre(GRE_PPP, ppp(0x21, four), 0x3081, struct.pack(">HHII", len(four) + 2, 9, 1, 1))),
        "pptp ff03": (GRE, gre(GRE_PPP, b"\xff\3" + ppp(0x21, four), 0x3001, struct.pack(">HHI", len(four) + 4, 9, 1))),
        "pptp short": (GRE, gre(GRE_PPP, b"\x21" + four, 0x3001, struct.pack(">HHI", len(four) + 1, 9, 1))),
        "erspan i": (GRE, gre(ERSPAN_II, inner)),
        "erspan ii": (GRE, erspan_ii(inner)),
        "erspan iii": (GRE, erspan_iii(inner)),
        "erspan iii platform": (GRE, erspan_iii(inner, platform=True)),
        "vxlan": (UDP, vxlan(inner)),
        "vxlan no flag": (UDP, vxlan(inner, flags=0)),
        "vxlan back": (UDP, udp(struct.pack(">II", 8 << 24, 42 << 8) + inner, source=4789, destination=40000)),
        "vxlan twice": (UDP, vxlan(ethernet(IP, ipv4(UDP, vxlan(inner))))),
        "vxlan vlan": (UDP, vxlan(ethernet(VLAN, vlan(7, IP6, six)))),
        "geneve": (UDP, geneve(TRANSPARENT_ETHERNET, inner)),
        "geneve options": (UDP, geneve(TRANSPARENT_ETHERNET, inner, b"\1\2\3\1four")),
        "geneve ip": (UDP, geneve(IP, four)),
        "geneve ipv6": (UDP, geneve(IP6, six)),
        "gtp": (UDP, gtp(four)),
        "gtp ipv6": (UDP, gtp(six)),
        "gtp sequence": (UDP, gtp(four, flags=2)),
        "gtp extension": (UDP, gtp(four, extensions=b"\x85\1\x10\x09\0")),
        "gtp two extensions": (UDP, gtp(four, extensions=b"\x85\1\x10\x09\xc0\1\0\0\0")),
        "gtp echo": (UDP, gtp(b"", kind=1, flags=2)),
        "gtp shorter": (UDP, gtp(four + b"trailer", length=len(four))),
        "ip in ip": (IPIP, four),
        "6in4": (SIX_IN_FOUR, six),
        "ip in ip in ip": (IPIP, ipv4(IPIP, ipv4(SIX_IN_FOUR, six))),
        "ah": (AH, ah(TCP, tcp())),
        "ah ip": (AH, ah(IPIP, four)),
    }
    ip_tail = {name: ipv4(*each) for name, each in in_ip.items()}
    of_ip = {f"ipv4 {name}": (ETHERNET, ethernet(IP, each)) for name, each in ip_tail.items()}
    of_ipv6 = {
        f"ipv6 {name}": (ETHERNET, ethernet(IP6, ipv6(*each)))
        for name, each in in_ip.items()
        if each[0] not in (ICMP, IGMP)
    }
    more_ipv4 = {
        "ipv4 options": ipv4(TCP, tcp(), options=b"\x94\4\0\0\1\1\1\0"),
        "ipv4 padded": four + b"padding",
        "ipv4 length beyond": ipv4(TCP, tcp(), length=500),
        "ipv4 length 0": ipv4(TCP, tcp(), length=0),
        "ipv4 length 19": ipv4(TCP, tcp(), length=19),
        "ipv4 length 24": ipv4(TCP, tcp(), length=24),
        "ipv4 size 16": ipv4(TCP, tcp(), version_and_size=0x44),
        "ipv4 version 5": ipv4(TCP, tcp(), version_and_size=0x55),
        "ipv4 version 6": ipv6(TCP, tcp()),
        "ipv4 first fragment": ipv4(UDP, udp(length=3000), fragment=0x2000),
        "ipv4 middle fragment": ipv4(UDP, DATA, fragment=0x2010),
        "ipv4 last fragment": ipv4(UDP, DATA, fragment=0x0020),
        "ipv4 do not fragment": ipv4(UDP, udp(), fragment=0x4000),
        "ipv4 first fragment of a tunnel": ipv4(UDP, vxlan(inner), fragment=0x2000),
        "ipv4 padding behind a tunnel": ipv4(UDP, vxlan(inner)) + b"padding",
        "ipv4 hop-by-hop": ipv4(0, extension(TCP, tcp())),
    }
    more_ipv6 = {
        "ipv6 icmpv6": ipv6(ICMPV6, icmp(128)),
        "ipv6 neighbour": ipv6(ICMPV6, icmp(135, 0, bytes(16))),
        "ipv6 hop-by-hop": ipv6(HOP_BY_HOP, extension(TCP, tcp())),
        "ipv6 extensions": ipv6(HOP_BY_HOP, extension(60, extension(43, routing(UDP, udp()), 16))),
        "ipv6 atomic fragment": ipv6(FRAGMENT, fragment(UDP, udp())),
        "ipv6 first fragment": ipv6(FRAGMENT, fragment(UDP, udp(length=3000), 0, 1)),
        "ipv6 last fragment": ipv6(FRAGMENT, fragment(UDP, DATA, 64)),
        "ipv6 last fragment of options": ipv6(FRAGMENT, fragment(60, DATA, 64)),
        "ipv6 ah": ipv6(AH, ah(60, extension(TCP, tcp()))),
        "ipv6 no next": ipv6(NO_NEXT, DATA),
        "ipv6 padded": six + b"padding",
        "ipv6 length 0": ipv6(TCP, tcp(), length=0),
        "ipv6 jumbo": ipv6(HOP_BY_HOP, bytes((TCP, 0, 0xC2, 4)) + struct.pack(">I", 8 + 41) + tcp(), length=0),
        "ipv6 length beyond": ipv6(TCP, tcp(), length=500),
        "ipv6 length 10": ipv6(TCP, tcp(), length=10),
        "ipv6 version 4": ipv4(TCP, tcp()),
        "ipv6 version 5": b"\x50" + ipv6(TCP, tcp())[1:],
    }
    links = {
        "arp": (ETHERNET, ethernet(ARP, arp(1))),
        "arp reply padded": (ETHERNET, ethernet(ARP, arp(2) + bytes(18))),
        "rarp": (ETHERNET, ethernet(0x8035, arp(3))),
        "arp appletalk": (ETHERNET, ethernet(ARP, arp(1, protocol=0x809B))),
        "lldp": (ETHERNET, ethernet(0x88CC, DATA)),
        "unknown type": (ETHERNET, ethernet(0x1234, DATA)),
        "type 1501": (ETHERNET, ethernet(1501, DATA)),
        "type 1535": (ETHERNET, ethernet(1535, DATA)),
        "snap": (ETHERNET, ieee_802_3(snap(IP, four))),
        "snap padded": (ETHERNET, ieee_802_3(snap(IP6, six), len(six) + 8) + bytes(4)),
        "snap shorter": (ETHERNET, ieee_802_3(snap(IP, four), 30)),
        "snap longer": (ETHERNET, ieee_802_3(snap(IP, four), 1000)),
        "snap cisco": (ETHERNET, ieee_802_3(snap(0x2000, DATA, 0x0C))),
        "snap bridge tunnel": (ETHERNET, ieee_802_3(snap(IP, four, 0xF8))),
        "stp": (ETHERNET, ieee_802_3(llc(0x42, 0x42, bytes(35)))),
        "llc ip": (ETHERNET, ieee_802_3(llc(6, 6, four))),
        "llc netbios": (ETHERNET, ieee_802_3(llc(0xF0, 0xF0, DATA, b"\1\2"))),
        "novell": (ETHERNET, ieee_802_3(b"\xff\xff" + DATA + bytes(20))),
        "vlan": (ETHERNET, ethernet(VLAN, vlan(0x2005, IP, four))),
        "vlan priority": (ETHERNET, ethernet(VLAN, vlan(0xE000, IP, four))),
        "qinq": (ETHERNET, ethernet(SERVICE_VLAN, vlan(100, VLAN, vlan(200, IP6, six)))),
        "service vlan llc": (ETHERNET, ethernet(SERVICE_VLAN, vlan(100, 38, llc(0x42, 0x42, bytes(35))))),
        "qinq 9100": (ETHERNET, ethernet(0x9100, vlan(100, VLAN, vlan(200, IP, four)))),
        "three vlans": (ETHERNET, ethernet(VLAN, vlan(1, VLAN, vlan(2, VLAN, vlan(3, IP, four))))),
        "vlan llc": (ETHERNET, ethernet(VLAN, vlan(100, len(four) + 8, snap(IP, four)))),
        "vlan arp": (ETHERNET, ethernet(VLAN, vlan(100, ARP, arp(1)))),
        "mpls": (ETHERNET, ethernet(MPLS_UNICAST, mpls(16, rest=four))),
        "mpls three": (ETHERNET, ethernet(0x8848, mpls(100, 200, 300, rest=six))),
        "mpls control word": (ETHERNET, ethernet(MPLS_UNICAST, mpls(16, rest=bytes(4) + inner))),
        "mpls ethernet": (ETHERNET, ethernet(MPLS_UNICAST, mpls(16, rest=inner))),
        "mpls vlan": (ETHERNET, ethernet(VLAN, vlan(3, MPLS_UNICAST, mpls(16, 17, rest=four)))),
        "pppoe": (ETHERNET, ethernet(PPPOE, pppoe(ppp(0x21, four)))),
        "pppoe ipv6": (ETHERNET, ethernet(PPPOE, pppoe(ppp(0x57, six)))),
        "pppoe padded": (ETHERNET, ethernet(PPPOE, pppoe(ppp(0x21, four)) + bytes(6))),
        "pppoe shorter": (ETHERNET, ethernet(PPPOE, pppoe(ppp(0x21, four), 30))),
        "pppoe lcp": (ETHERNET, ethernet(PPPOE, pppoe(ppp(0xC021, b"\1\1\0\4")))),
        "pppoe short protocol": (ETHERNET, ethernet(PPPOE, pppoe(b"\x21" + four))),
        "pppoe discovery": (ETHERNET, ethernet(PPPOE_DISCOVERY, pppoe(b"", code=9))),
        "sll": (LINUX_SLL, sll(IP, four)),
        "sll ipv6": (LINUX_SLL, sll(IP6, six)),
        "sll arp": (LINUX_SLL, sll(ARP, arp(1))),
        "sll vlan": (LINUX_SLL, sll(VLAN, vlan(9, IP, four))),
        "sll llc": (LINUX_SLL, sll(4, snap(IP, four))),
        "sll no address": (LINUX_SLL, sll(IP, four, 65534, b"")),
        "sll ethernet": (LINUX_SLL, sll(3, inner)),
        "sll novell": (LINUX_SLL, sll(1, b"\xff\xff" + DATA + bytes(20))),
        "sll netlink": (LINUX_SLL, sll(0, bytes(32), 824, b"")),
        "sll radiotap": (LINUX_SLL, sll(4, bytes(40), 803, b"")),
        "sll radiotap ip": (LINUX_SLL, sll(IP, four, 803, b"")),
        "sll netlink ip": (LINUX_SLL, sll(IP, four, 824, b"")),
        "sll gre": (LINUX_SLL, sll(IP, four, 778, b"")),
        "sll gre ethernet": (LINUX_SLL, sll(TRANSPARENT_ETHERNET, inner, 778, b"")),
        "sll2": (LINUX_SLL2, sll2(IP, four)),
        "sll2 ipv6": (LINUX_SLL2, sll2(IP6, six)),
        "sll2 arp": (LINUX_SLL2, sll2(ARP, arp(2))),
        "sll2 llc": (LINUX_SLL2, sll2(4, llc(0x42, 0x42, bytes(35)))),
        "null little": (NULL, null(2, four)),
        "null big": (NULL, null(2, four, ">")),
        "null ipv6 24": (NULL, null(24, six)),
        "null ipv6 28": (NULL, null(28, six)),
        "null ipv6 30": (NULL, null(30, six, ">")),
        "null ethertype": (NULL, b"\0\0\x08\0" + four),
        "null snoop": (NULL, b"\0\2\0\0" + four),
        "null snoop little": (NULL, b"\2\0\0\0" + four),
        "null ppp": (NULL, b"\xff\3\0\x21" + four),
        "null unknown": (NULL, null(7, DATA)),
        "loop": (LOOP, null(2, four, ">")),
        "loop ipv6": (LOOP, null(24, six, ">")),
        "loop little": (LOOP, null(30, six)),
        "raw": (RAW, four),
        "raw ipv6": (RAW, six),
        "raw unknown": (RAW, b"\x10" + DATA),
        "raw ppp": (RAW, b"\xff\3\0\x21" + four),
        "ipv4": (IPV4, four),
        "ipv6": (IPV6, six),
        "ipv4 with ipv6": (IPV4, six),
        "ipv6 with ipv4": (IPV6, four),
        "ppp": (PPP, ppp(0x21, four)),
        "ppp ff03": (PPP, b"\xff\3" + ppp(0x57, six)),
        "ppp mpls": (PPP, ppp(0x281, mpls(16, rest=four))),
        "mpls alone": (MPLS, mpls(16, rest=four)),
        "link type 147": (147, DATA),
    }
    all_packets = of_ip | of_ipv6 | links
    all_packets |= {name: (ETHERNET, ethernet(IP, each)) for name, each in more_ipv4.items()}
    all_packets |= {name: (ETHERNET, ethernet(IP6, each)) for name, each in more_ipv6.items()}
    return all_packets
