"""The headers of one packet as an object, `Headers`: a row of all header columns, with readable values."""

from __future__ import annotations

from array import array
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from pcapconv.columns import Columns
from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import choose
from pcapconv.spec import protocols
from pcapconv.text import ip_text, with_port

_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")


class _HeaderFields(NamedTuple):
    link_at: int | None
    source_mac: str | None
    destination_mac: str | None
    vlan_count: int | None
    vlan_id: int | None
    inner_vlan_id: int | None
    mpls_count: int | None
    mpls_label: int | None
    network_protocol: int | None
    network_at: int | None
    source_address: IPv4Address | IPv6Address | None
    destination_address: IPv4Address | IPv6Address | None
    ttl: int | None
    ip_protocol: int | None
    fragment_id: int | None
    fragment_offset: int | None
    more_fragments: int | None
    arp_operation: int | None
    transport_at: int | None
    source_port: int | None
    destination_port: int | None
    tcp_sequence: int | None
    tcp_acknowledgement: int | None
    tcp_flags: int | None
    icmp_type: int | None
    icmp_code: int | None
    payload_at: int | None
    payload_captured: int | None
    payload_length: int | None
    tunnel: str | None
    inner_at: int | None
    inner_captured: int | None
    inner_length: int | None
    inner_link_type: int | None
    path: tuple[str, ...]
    path_length: int
    last_protocol: str
    ended: protocols.Ended


class Headers(_HeaderFields):
    """What the headers of a packet say. Immutable; None is what the packet does not have, or what was not captured.
    Offsets (`_at`) count from the packet's first byte, and lengths are in bytes.

    The packet is the outermost one, or, in `inner_headers`, the innermost packet of tunnels. It begins at `link_at`.

    * `source_mac`, `destination_mac`: text such as `"02:00:5e:00:00:01"`.
    * `vlan_count`, `vlan_id`, `inner_vlan_id`: how many VLAN tags there are, and the ids of the first two.
    * `mpls_count`, `mpls_label`: how many MPLS labels there are, and the first.
    * `network_protocol`, `network_at`: the network protocol as an EtherType, and where its header begins.
    * `source_address`, `destination_address`: objects of the module `ipaddress`; of ARP the sender's and the target's.
    * `ttl`: time to live, or hop limit. `ip_protocol`: the transport protocol, behind IPv6 extension headers and AH.
    * `fragment_id`, `fragment_offset`, `more_fragments`: the identification, the offset in bytes, and 1 if more follow.
    * `arp_operation`: 1 for a request, 2 for a reply.
    * `transport_at`: where the transport header begins. `source_port`, `destination_port`: of TCP, UDP and SCTP.
    * `tcp_sequence`, `tcp_acknowledgement`, `tcp_flags`: as in the header.
    * `icmp_type`, `icmp_code`: of ICMP and ICMPv6; of IGMP the type.
    * `payload_at`, `payload_captured`, `payload_length`: what follows the last header; its length by the headers.

    The others are about the whole packet:

    * `path`: the names of the first 16 protocols, as in Wireshark's filters: `("eth", "ip", "tcp")`. `path_length`: how
      many there are.
    * `last_protocol`: the name of the last, innermost protocol, as in Wireshark's list: `"TCP"`, `"ICMPv6"`, `"LLDP"`.
      An EtherType that has no name here is shown as a number, `"0x88b5"`.
    * `tunnel`: the kind of the outermost tunnel: `"vxlan"`, `"geneve"`, `"gre"`, `"erspan"`, `"gtp"` or `"ipip"`.
    * `inner_at`, `inner_captured`, `inner_length`, `inner_link_type`: the packet in this tunnel.
    * `ended`: `"complete"`; `"unread"` if the next protocol is unknown, or its headers are not read; `"fragmented"` if
      the rest is in another fragment; `"cut"` if the rest was not captured; `"malformed"` if a header is wrong.
    """

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes, original_length: int, link_type: int, *, inner: bool = False) -> Headers:
        """The headers of the packet with these bytes. With `inner`, those of the innermost packet of tunnels."""
        try:
            columns, out = _ONE_ROW.pop()
        except IndexError:
            columns, out = Columns(1), HeaderColumns(HeaderColumns.FIELDS, 1)
        columns.captured_length[0] = len(data)
        columns.original_length[0] = original_length
        choose().read_headers(data, columns, 1, array("Q", (link_type,)), out, inner)
        headers = cls.row(out, 0)
        _ONE_ROW.append((columns, out))
        return headers

    @classmethod
    def row(cls, columns: HeaderColumns, row: int) -> Headers:
        """The headers in a row of columns, all of which must exist."""
        values: list[Any] = [None] * len(cls._fields)
        present = columns.present[row]
        for place, (name, width) in enumerate(_COLUMNS):
            if present >> place & 1:
                column = getattr(columns, name)
                values[place] = column[row] if width == 1 else column[row * width : (row + 1) * width].tobytes()
        for place in _MACS:
            if values[place] is not None:
                values[place] = values[place].hex(":")
        network_protocol = values[_NETWORK_PROTOCOL]
        for place in _ADDRESSES:
            address = values[place]
            if address is not None:
                values[place] = ip_address(address, network_protocol)
        if values[_TUNNEL] is not None:
            values[_TUNNEL] = protocols.TUNNEL_NAMES[values[_TUNNEL]]
        values[_PATH] = tuple(protocols.PROTOCOLS[code].filter_name for code in values[_PATH] if code)
        values[_PROTOCOL] = protocol_name(values[_PROTOCOL] or 0, network_protocol)
        values[_ENDED] = protocols.ENDED_NAMES[values[_ENDED]]
        return cls._make(values)

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the TCP flags that are set, such as `("SYN", "ACK")`."""
        return tcp_flag_names(self.tcp_flags or 0)

    def __repr__(self) -> str:
        source = _end(self.source_address, self.source_mac, self.source_port)
        destination = _end(self.destination_address, self.destination_mac, self.destination_port)
        flags = "".join(f" {flag}" for flag in self.flags)
        ended = "" if self.ended == "complete" else f", {self.ended}"
        return f"<Headers {source} → {destination} {':'.join(self.path)}{flags}{ended}>"


_COLUMNS = [(name, width) for name, (_, width) in HeaderColumns.FIELDS.items()]
_PLACES = HeaderColumns.BITS
_MACS = _PLACES["source_mac"], _PLACES["destination_mac"]
_ADDRESSES = _PLACES["source_address"], _PLACES["destination_address"]
_NETWORK_PROTOCOL, _TUNNEL, _PATH = _PLACES["network_protocol"], _PLACES["tunnel"], _PLACES["path"]
_PROTOCOL, _ENDED = _PLACES["last_protocol"], _PLACES["ended"]
_ONE_ROW: list[tuple[Columns, HeaderColumns]] = []  # columns of one row that no thread uses now


def ip_address(value: bytes, network_protocol: int | None) -> IPv4Address | IPv6Address:
    """The address that 16 bytes of an address column hold, in a packet with this network protocol."""
    return IPv6Address(value) if network_protocol == protocols.TYPE_IPV6 else IPv4Address(value[12:])


def path_text(codes: bytes) -> str:
    """The protocols with these codes as one text, as `frame.protocols` of Wireshark: `eth:ip:tcp`. Codes of 0 are left
    out."""
    return ":".join(protocols.PROTOCOLS[code].filter_name for code in codes if code)


def protocol_name(code: int, network_protocol: int | None) -> str:
    """The name, for people, of the last protocol of a packet. `network_protocol` is that of its innermost packet."""
    if code == 0:
        return "unknown"
    announced = network_protocol is not None and network_protocol not in protocols.BY_ETHER_TYPE
    return f"0x{network_protocol:04x}" if announced else protocols.PROTOCOLS[code].name


def tcp_flag_names(flags: int) -> tuple[str, ...]:
    """The names of TCP flags, from the lowest bit on; those without a name are left out."""
    return tuple(name for bit, name in enumerate(_TCP_FLAGS) if flags >> bit & 1)


def _end(address: IPv4Address | IPv6Address | None, mac: str | None, port: int | None) -> str:
    """One end of a conversation for people: `10.0.0.1:80`, `[2001:db8::1]:80`, or a MAC address."""
    return mac or "?" if address is None else with_port(ip_text(address), port)
