"""The columns of headers, which the kernel `read_headers` fills: what the bytes of packets say."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol


class _HasLinkType(Protocol):
    @property
    def link_type(self) -> int: ...


class LinkTypes:
    """The link types of a section's interfaces as a column, for kernels.

    Reads an interface once, however often it is asked: a capture may declare one in front of each packet.
    """

    def __init__(self) -> None:
        self._interfaces: Sequence[_HasLinkType] = ()
        self._types = array("Q")

    def of(self, interfaces: Sequence[_HasLinkType]) -> array[int]:
        """The link types of these interfaces. A list that is the one of the call before may only have become longer."""
        if interfaces is not self._interfaces:
            self._interfaces, self._types = interfaces, array("Q")
        self._types.extend([interface.link_type for interface in interfaces[len(self._types) :]])
        return self._types


class HeaderColumns:
    """What packets' headers say, as columns: one value for each packet, in plain arrays that NumPy can use.

    Only columns that are asked for exist, those in `names`; the others raise AttributeError. Columns may be longer than
    `rows`, the number of packets; the values from there on have no meaning.

    A value that a packet does not have, or that was not captured, is 0, and so is its bit in `present`:
    `present[row] >> HeaderColumns.BITS[name] & 1`, or `has(row, name)`. Offsets (`_at`) count from the packet's first
    byte, and lengths are in bytes. Addresses have 16 bytes for each packet, those of IPv4 as `::ffff:a.b.c.d`; MAC
    addresses have 6.

    *The packet* is the outermost one, or, if the columns were read with `inner`, the innermost packet of tunnels. The
    columns from `tunnel` on are about the whole of it, in both cases.

    | column | type | meaning |
    |---|---|---|
    | `present` | uint64 | a bit for each of the other columns: whether the packet has the value |
    | `link_at` | uint32 | where the packet begins: 0, but for inner packets |
    | `source_mac`, `destination_mac` | 6 bytes | MAC addresses of Ethernet; of Linux cooked captures the source |
    | `vlan_count` | uint8 | how many VLAN tags there are |
    | `vlan_id`, `inner_vlan_id` | uint16 | ids of the first two VLAN tags |
    | `mpls_count`, `mpls_label` | uint8, uint32 | how many MPLS labels there are, and the first |
    | `network_protocol` | uint16 | the network protocol as an EtherType: 0x0800 IPv4, 0x86DD IPv6, 0x0806 ARP … |
    | `network_at` | uint32 | where its header begins |
    | `source_address`, `destination_address` | 16 bytes | addresses of IP; of ARP the sender's and the target's |
    | `ttl` | uint8 | time to live, or hop limit |
    | `ip_protocol` | uint8 | the transport protocol, behind all IPv6 extension headers and AH |
    | `fragment_id`, `fragment_offset` | uint32, uint16 | IP identification, and the offset of a fragment in bytes |
    | `more_fragments` | uint8 | 1 if more fragments follow |
    | `arp_operation` | uint16 | 1 request, 2 reply … |
    | `transport_at` | uint32 | where the transport header begins; only the first fragment has one |
    | `source_port`, `destination_port` | uint16 | ports of TCP, UDP and SCTP |
    | `tcp_sequence`, `tcp_acknowledgement` | uint32 | as in the header |
    | `tcp_flags` | uint16 | 12 bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256 … |
    | `icmp_type`, `icmp_code` | uint8 | of ICMP and ICMPv6; of IGMP the type |
    | `payload_at` | uint32 | where the payload begins, behind the last header that was read |
    | `payload_captured` | uint32 | how many of its bytes were captured |
    | `payload_length` | uint32 | how many bytes it has by the lengths in headers, and at most on the wire |
    | `tunnel` | uint8 | the kind of the outermost tunnel, as in `pcapconv.spec.protocols` |
    | `inner_at`, `inner_captured`, `inner_length` | uint32 | the packet in that tunnel, and its two lengths |
    | `inner_link_type` | uint16 | its link type: 1 ETHERNET, 9 PPP, 101 RAW, 219 MPLS |
    | `path` | 16 bytes | codes of the first 16 protocols, outermost first, then 0 |
    | `path_length` | uint8 | how many protocols there are, at most 255 |
    | `last_protocol` | uint8 | the code of the last of them, the innermost |
    | `ended` | uint8 | why the reading ended: complete, unread, fragmented, cut or malformed |
    """

    FIELDS: ClassVar[dict[str, tuple[str, int]]] = {  # typecode, values for each packet
        "link_at": ("I", 1),
        "source_mac": ("B", 6),
        "destination_mac": ("B", 6),
        "vlan_count": ("B", 1),
        "vlan_id": ("H", 1),
        "inner_vlan_id": ("H", 1),
        "mpls_count": ("B", 1),
        "mpls_label": ("I", 1),
        "network_protocol": ("H", 1),
        "network_at": ("I", 1),
        "source_address": ("B", 16),
        "destination_address": ("B", 16),
        "ttl": ("B", 1),
        "ip_protocol": ("B", 1),
        "fragment_id": ("I", 1),
        "fragment_offset": ("H", 1),
        "more_fragments": ("B", 1),
        "arp_operation": ("H", 1),
        "transport_at": ("I", 1),
        "source_port": ("H", 1),
        "destination_port": ("H", 1),
        "tcp_sequence": ("I", 1),
        "tcp_acknowledgement": ("I", 1),
        "tcp_flags": ("H", 1),
        "icmp_type": ("B", 1),
        "icmp_code": ("B", 1),
        "payload_at": ("I", 1),
        "payload_captured": ("I", 1),
        "payload_length": ("I", 1),
        "tunnel": ("B", 1),
        "inner_at": ("I", 1),
        "inner_captured": ("I", 1),
        "inner_length": ("I", 1),
        "inner_link_type": ("H", 1),
        "path": ("B", 16),
        "path_length": ("B", 1),
        "last_protocol": ("B", 1),
        "ended": ("B", 1),
    }
    BITS: ClassVar[dict[str, int]] = {name: bit for bit, name in enumerate(FIELDS)}
    """The bit of each column in `present`."""

    __slots__ = ("_link_types", "names", "present", "rows", *FIELDS)
    link_at: array[int]
    source_mac: array[int]
    destination_mac: array[int]
    vlan_count: array[int]
    vlan_id: array[int]
    inner_vlan_id: array[int]
    mpls_count: array[int]
    mpls_label: array[int]
    network_protocol: array[int]
    network_at: array[int]
    source_address: array[int]
    destination_address: array[int]
    ttl: array[int]
    ip_protocol: array[int]
    fragment_id: array[int]
    fragment_offset: array[int]
    more_fragments: array[int]
    arp_operation: array[int]
    transport_at: array[int]
    source_port: array[int]
    destination_port: array[int]
    tcp_sequence: array[int]
    tcp_acknowledgement: array[int]
    tcp_flags: array[int]
    icmp_type: array[int]
    icmp_code: array[int]
    payload_at: array[int]
    payload_captured: array[int]
    payload_length: array[int]
    tunnel: array[int]
    inner_at: array[int]
    inner_captured: array[int]
    inner_length: array[int]
    inner_link_type: array[int]
    path: array[int]
    path_length: array[int]
    last_protocol: array[int]
    ended: array[int]

    def __init__(self, names: Iterable[str], capacity: int) -> None:
        self.names: tuple[str, ...] = tuple(dict.fromkeys(names))
        self.rows: int = 0
        self._link_types = LinkTypes()  # of the packets that were read into the columns last
        self.present: array[int] = array("Q", bytes(8 * capacity))
        for name in self.names:
            typecode, width = self.FIELDS[name]
            setattr(self, name, array(typecode, bytes(capacity * width * array(typecode).itemsize)))

    def __getattr__(self, name: str) -> array[int]:
        if name in self.FIELDS:
            raise AttributeError(f"the column {name} was not asked for")
        raise AttributeError(f"header columns have no {name}")

    def __len__(self) -> int:
        return self.rows

    @property
    def capacity(self) -> int:
        """The number of packets that the columns have room for."""
        return len(self.present)

    def has(self, row: int, name: str) -> bool:
        """Whether the packet in this row has the value of this column."""
        return bool(self.present[row] >> self.BITS[name] & 1)

    def value(self, row: int, name: str) -> int | bytes | None:
        """The value of a column in this row: an integer, or bytes if the column has several for each packet; None if
        the packet does not have it."""
        if not self.has(row, name):
            return None
        column: array[int] = getattr(self, name)
        width = self.FIELDS[name][1]
        return column[row] if width == 1 else column[width * row : width * (row + 1)].tobytes()
