"""The columns that a table of packets can have, and the argument that chooses among them. Imports no pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pcapconv import argument_types


class Column(NamedTuple):
    """A column: its type in Arrow's words, what it holds, and whether it is one of the default columns."""

    type: str
    meaning: str
    by_default: bool = True


_CAPTURE_COLUMNS = {
    "number": Column("int64", "the packet's number in the capture, from 1"),
    "time": Column("timestamp[ns, tz=UTC]", "the time, rounded down to nanoseconds; null for a packet without one"),
    "captured_length": Column("uint32", "the number of bytes that were captured"),
    "original_length": Column("uint32", "the length on the wire, in bytes"),
    "interface_id": Column("uint32", "the id of the interface in its section, from 0; 0 in pcap"),
    "interface": Column("dictionary of string", "the interface's name; null if it has none, as in pcap"),
    "direction": Column("dictionary of string", "`in` or `out`, by the packet's flags; null if they do not state it"),
    "comments": Column("list of string", "the packet's comments; null if it has none"),
    "data": Column("binary", "the bytes that were captured", by_default=False),
    "link_type": Column("int32", "the number of the link type, such as 1 for Ethernet", by_default=False),
    "section": Column("int32", "the number of the packet's section, from 0", by_default=False),
}

_DICTIONARY = "dictionary of string"
_HEADER_COLUMNS = {  # what packets say of themselves
    "last_protocol": ("string", "the last protocol that is known, the innermost: `TCP`, `ICMPv6`, `LLDP`"),
    "path": ("string", "the first 16 protocols, outermost first, as in Wireshark's filters: `eth:ip:tcp`"),
    "path_length": ("uint8", "how many protocols there are, at most 255"),
    "source_mac": ("string", "the source's MAC address: `02:00:5e:00:00:01`"),
    "destination_mac": ("string", "the destination's MAC address"),
    "vlan_count": ("uint8", "how many VLAN tags there are"),
    "vlan_id": ("uint16", "the id of the first VLAN tag"),
    "inner_vlan_id": ("uint16", "the id of the second VLAN tag"),
    "mpls_count": ("uint8", "how many MPLS labels there are"),
    "mpls_label": ("uint32", "the first MPLS label"),
    "network_protocol": ("uint16", "the network protocol as an EtherType: 2048 IPv4, 34525 IPv6, 2054 ARP"),
    "source_address": ("string", "the source's address, IPv4 or IPv6; of ARP the sender's"),
    "destination_address": ("string", "the destination's address; of ARP the target's"),
    "ttl": ("uint8", "time to live, or hop limit"),
    "ip_protocol": ("uint8", "the number of the transport protocol: 6 TCP, 17 UDP"),
    "fragment_id": ("uint32", "the identification of IP"),
    "fragment_offset": ("uint16", "the offset of a fragment, in bytes"),
    "more_fragments": ("uint8", "1 if more fragments follow"),
    "arp_operation": ("uint16", "1 request, 2 reply"),
    "source_port": ("uint16", "the source's port: TCP, UDP, SCTP"),
    "destination_port": ("uint16", "the destination's port"),
    "tcp_flags": ("uint16", "bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256"),
    "tcp_sequence": ("uint32", "the sequence number, as in the header"),
    "tcp_acknowledgement": ("uint32", "the acknowledgement number"),
    "icmp_type": ("uint8", "the type of ICMP, ICMPv6 and IGMP"),
    "icmp_code": ("uint8", "the code of ICMP and ICMPv6"),
    "payload_at": ("uint32", "where the payload begins in the packet, behind the last header that was read"),
    "payload_captured": ("uint32", "how many bytes of the payload were captured"),
    "payload_length": ("uint32", "how many bytes it has by the lengths in headers"),
    "link_at": ("uint32", "where the packet begins: 0, except for inner packets"),
    "network_at": ("uint32", "where the network header begins"),
    "transport_at": ("uint32", "where the transport header begins"),
    "tunnel": (_DICTIONARY, "the outermost tunnel: `vxlan`, `geneve`, `gre`, `erspan`, `gtp`, `ipip`"),
    "inner_at": ("uint32", "where the packet in this tunnel begins"),
    "inner_captured": ("uint32", "how many bytes of it were captured"),
    "inner_length": ("uint32", "its length on the wire, in bytes"),
    "inner_link_type": ("uint16", "the number of its link type"),
    "ended": (_DICTIONARY, "why the reading ended: `complete`, `unread`, `fragmented`, `cut`, `malformed`"),
}
COLUMNS = _CAPTURE_COLUMNS | {
    name: Column(kind, meaning, by_default=False) for name, (kind, meaning) in _HEADER_COLUMNS.items()
}
DEFAULT_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.by_default)


def parse_columns(columns: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the names of the columns, in the order in which they were given: a sequence, or text with commas; None for
    the default columns. Raises UsageError for a name that is no column, for one that is given twice, and for none."""
    return DEFAULT_COLUMNS if columns is None else argument_types.parse_columns(columns, COLUMNS)
