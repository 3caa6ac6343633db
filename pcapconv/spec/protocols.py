"""Protocols inside packets: their codes in header columns, their names in Wireshark, and what announces them.

Strategy: one table. A *code* is pcapconv's own number of a protocol, from 1 to 255, which says at once what is in a
packet, in a byte; both forms of the kernel `read_headers` take their codes from here. Protocols whose headers are not
read have a code too if their EtherType or IP protocol number announces them, so that their packets can be named.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

# Protocols whose headers the kernel reads.
ETHERNET, SLL, NULL, PPP, PPPOE, VLAN, SERVICE_VLAN, MPLS, LLC = range(1, 10)
ARP, IPV4, IPV6, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS, AH = range(10, 18)
TCP, UDP, ICMP, ICMPV6, IGMP, SCTP = range(18, 24)
GRE, ERSPAN, VXLAN, GENEVE, GTP, IP_IN_IP = range(24, 30)
IPX = 83  # not read, but announced in other ways, too

TUNNEL_NAMES = {GRE: "gre", ERSPAN: "erspan", VXLAN: "vxlan", GENEVE: "geneve", GTP: "gtp", IP_IN_IP: "ipip"}

# Why the reading of a packet ended (`ended` of HeaderColumns).
COMPLETE = 0  # all headers are read; the rest is the payload of the last
UNREAD = 1  # the next protocol is unknown, or its headers are not read
FRAGMENTED = 2  # the next header is in another fragment, or what follows is only the beginning of a tunnel's packet
CUT = 3  # the next header was not captured, or not to its end
MALFORMED = 4  # a header contradicts itself, or the length of the header before it

Ended = Literal["complete", "unread", "fragmented", "cut", "malformed"]
ENDED_NAMES: tuple[Ended, ...] = ("complete", "unread", "fragmented", "cut", "malformed")  # by code

# EtherTypes of network protocols, which are the values of `network_protocol` of HeaderColumns.
TYPE_IPV4, TYPE_IPV6, TYPE_ARP, TYPE_RARP = 0x0800, 0x86DD, 0x0806, 0x8035
TYPE_OF_IP = {4: TYPE_IPV4, 6: TYPE_IPV6}  # by version
IP_VERSIONS = {ether_type: version for version, ether_type in TYPE_OF_IP.items()}

MOST_IN_PATH = 16  # how many protocols of a packet `path` holds


class Protocol(NamedTuple):
    """A protocol.

    * `code`: pcapconv's own number.
    * `filter_name`: the name in Wireshark's filters and in `frame.protocols`, such as `icmpv6`.
    * `name`: the name in Wireshark's list of packets, such as `ICMPv6`.
    * `ether_types`, `ip_protocols`: the numbers that announce it after Ethernet and after IP.
    """

    code: int
    filter_name: str
    name: str
    ether_types: tuple[int, ...] = ()
    ip_protocols: tuple[int, ...] = ()


_TABLE = (
    Protocol(ETHERNET, "eth", "Ethernet", (0x6558,)),
    Protocol(SLL, "sll", "SLL"),
    Protocol(NULL, "null", "Null"),
    Protocol(PPP, "ppp", "PPP"),
    Protocol(PPPOE, "pppoes", "PPPoES", (0x8864,)),
    Protocol(VLAN, "vlan", "VLAN", (0x8100, 0x9100)),
    Protocol(SERVICE_VLAN, "ieee8021ad", "802.1ad", (0x88A8,)),
    Protocol(MPLS, "mpls", "MPLS", (0x8847, 0x8848)),
    Protocol(LLC, "llc", "LLC"),
    Protocol(ARP, "arp", "ARP", (TYPE_ARP, TYPE_RARP)),
    Protocol(IPV4, "ip", "IPv4", (TYPE_IPV4,)),
    Protocol(IPV6, "ipv6", "IPv6", (TYPE_IPV6,)),
    Protocol(HOP_BY_HOP, "ipv6.hopopts", "IPv6"),
    Protocol(ROUTING, "ipv6.routing", "IPv6"),
    Protocol(FRAGMENT, "ipv6.fraghdr", "IPv6"),
    Protocol(DESTINATION_OPTIONS, "ipv6.dstopts", "IPv6"),
    Protocol(AH, "ah", "AH", (), (51,)),
    Protocol(TCP, "tcp", "TCP", (), (6,)),
    Protocol(UDP, "udp", "UDP", (), (17,)),
    Protocol(ICMP, "icmp", "ICMP", (), (1,)),
    Protocol(ICMPV6, "icmpv6", "ICMPv6", (), (58,)),
    Protocol(IGMP, "igmp", "IGMP", (), (2,)),
    Protocol(SCTP, "sctp", "SCTP", (), (132,)),
    Protocol(GRE, "gre", "GRE", (), (47,)),
    Protocol(ERSPAN, "erspan", "ERSPAN"),
    Protocol(VXLAN, "vxlan", "VXLAN"),
    Protocol(GENEVE, "geneve", "Geneve"),
    Protocol(GTP, "gtp", "GTP"),
    Protocol(IP_IN_IP, "ip", "IP in IP"),  # the kind of a tunnel, never in a path
    # Headers of these are not read.
    Protocol(65, "lldp", "LLDP", (0x88CC,)),
    Protocol(66, "eapol", "EAPOL", (0x888E,)),
    Protocol(67, "pppoed", "PPPoED", (0x8863,)),
    Protocol(68, "macsec", "MACSEC", (0x88E5,)),
    Protocol(69, "ptp", "PTPv2", (0x88F7,)),
    Protocol(70, "slow", "Slow Protocols", (0x8809,)),
    Protocol(71, "loop", "LOOP", (0x9000,)),
    Protocol(72, "cfm", "CFM", (0x8902,)),
    Protocol(73, "aoe", "AoE", (0x88A2,)),
    Protocol(74, "fcoe", "FCoE", (0x8906,)),
    Protocol(75, "ecatf", "ECATF", (0x88A4,)),
    Protocol(76, "pn_rt", "PN-RT", (0x8892,)),
    Protocol(77, "goose", "GOOSE", (0x88B8,)),
    Protocol(78, "batadv", "BATADV", (0x4305,)),
    Protocol(79, "wol", "WOL", (0x0842,)),
    Protocol(80, "mrp-mmrp", "MRP-MMRP", (0x88F6,)),
    Protocol(81, "mrp-mvrp", "MRP-MVRP", (0x88F5,)),
    Protocol(82, "homeplug-av", "HomePlug AV", (0x88E1,)),
    Protocol(IPX, "ipx", "IPX", (0x8137,)),
    Protocol(84, "llap", "LLAP", (0x809B,)),
    Protocol(85, "aarp", "AARP", (0x80F3,)),
    Protocol(96, "esp", "ESP", (), (50,)),
    Protocol(97, "ospf", "OSPF", (), (89,)),
    Protocol(98, "pim", "PIM", (), (103,)),
    Protocol(99, "vrrp", "VRRP", (), (112,)),
    Protocol(100, "eigrp", "EIGRP", (), (88,)),
    Protocol(101, "dccp", "DCCP", (), (33,)),
    Protocol(102, "udplite", "UDP-Lite", (), (136,)),
    Protocol(103, "rsvp", "RSVP", (), (46,)),
    Protocol(104, "l2tp", "L2TPv3", (), (115,)),
    Protocol(105, "etherip", "ETHERIP", (), (97,)),
    Protocol(106, "ipcomp", "IPComp", (), (108,)),
    Protocol(107, "mipv6", "MIPv6", (), (135,)),
)
# Names do not look into the packets: CARP, which shares the number of VRRP, is shown as VRRP.

PROTOCOLS = {protocol.code: protocol for protocol in _TABLE}
BY_ETHER_TYPE = {number: protocol.code for protocol in _TABLE for number in protocol.ether_types}
BY_IP_PROTOCOL = {number: protocol.code for protocol in _TABLE for number in protocol.ip_protocols}
