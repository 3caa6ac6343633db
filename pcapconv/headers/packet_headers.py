"""The headers of one packet as an object, `Headers`: a row of all header columns, with readable values."""

from __future__ import annotations

from array import array
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal, NamedTuple

from pcapconv.columns import Columns
from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import choose
from pcapconv.spec import protocols

Ended = Literal["complete", "unread", "fragmented", "cut", "malformed"]
_ENDED: tuple[Ended, ...] = ("complete", "unread", "fragmented", "cut", "malformed")
_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
_ARP, _IPV6 = 0x0806, 0x86DD


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
    ended: Ended


class Headers(_HeaderFields):
    """What the headers of a packet say. Immutable; None is what the packet does not have, or what was not captured.

    The fields are the columns of `HeaderColumns`, which describes them, with readable values:

    * `source_address`, `destination_address`: objects of the module `ipaddress`.
    * `source_mac`, `destination_mac`: text such as `"02:00:5e:00:00:01"`.
    * `path`: the names of the first 16 protocols, as in Wireshark's filters: `("eth", "ip", "tcp")`.
    * `tunnel`: the kind of the outermost tunnel: `"vxlan"`, `"geneve"`, `"gre"`, `"erspan"`, `"gtp"` or `"ipip"`.
    * `ended`: `"complete"`; `"unread"` if the next protocol is unknown, or its headers are not read; `"fragmented"` if
      the rest is in another fragment; `"cut"` if the rest was not captured; `"malformed"` if a header is wrong.
    """

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes, original_length: int, link_type: int, *, inner: bool = False) -> Headers:
        """The headers of the packet with these bytes. With `inner`, those of the innermost packet of tunnels."""
        columns = Columns(1)
        columns.captured_length[0] = len(data)
        columns.original_length[0] = original_length
        out = HeaderColumns(HeaderColumns.FIELDS, 1)
        choose().read_headers(data, columns, 1, array("Q", (link_type,)), out, inner)
        return cls.row(out, 0)

    @classmethod
    def row(cls, columns: HeaderColumns, row: int) -> Headers:
        """The headers in a row of columns, all of which must exist."""
        values: dict[str, Any] = {name: columns.value(row, name) for name in cls._fields}
        for name in ("source_mac", "destination_mac"):
            if values[name] is not None:
                values[name] = values[name].hex(":")
        address = IPv6Address if values["network_protocol"] == _IPV6 else _ipv4_address
        for name in ("source_address", "destination_address"):
            if values[name] is not None:
                values[name] = address(values[name])
        values["path"] = tuple(protocols.PROTOCOLS[code].filter_name for code in values["path"] if code)
        values["ended"] = _ENDED[values["ended"]]
        if values["tunnel"] is not None:
            values["tunnel"] = protocols.TUNNEL_NAMES[values["tunnel"]]
        return cls(**values)

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


def tcp_flag_names(flags: int) -> tuple[str, ...]:
    """The names of TCP flags, from the lowest bit on; those without a name are left out."""
    return tuple(name for bit, name in enumerate(_TCP_FLAGS) if flags >> bit & 1)


def _ipv4_address(mapped: bytes) -> IPv4Address:
    return IPv4Address(mapped[12:])


def _end(address: IPv4Address | IPv6Address | None, mac: str | None, port: int | None) -> str:
    """One end of a conversation for people: `10.0.0.1:80`, `[2001:db8::1]:80`, or a MAC address."""
    if address is None:
        return mac or "?"
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
