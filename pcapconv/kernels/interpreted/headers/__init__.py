"""The kernel `read_headers`, interpreted: reads the headers of packets into columns.

Strategy: a packet is read from the outside to the inside by one loop without recursion. Each protocol has a function
that reads its header and returns the code of the next protocol, or ends the reading. A function reads fields in their
order in the header, each of them only after a check that it was captured, so that a packet that was cut gives the same
values as the whole packet, up to the cut. Every header is at least one byte long, so that the work is bounded by the
packet's length.

Two ends bound what is read, and both only move inwards: `end`, where the captured bytes end, and `stated`, where the
packet ends by its original length and by the lengths in headers. What lies behind `end` was cut; what lies behind
`stated` is not part of the packet (padding, a frame check sequence, or a lie).

| file | what is in it |
|---|---|
| `__init__.py` | the kernel; which reader reads which protocol |
| `reading.py` | `Reading`: the place in a packet, its two ends, and what was found |
| `link_layer.py` | where packets begin, and what is in front of network protocols |
| `network.py`, `transport.py`, `tunnels.py` | readers of these protocols |

Where specifications leave room, the reading is that of Wireshark 4.0's defaults; docs/reference/headers.md lists where
it is not.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.headers import link_layer, network, transport, tunnels
from pcapconv.kernels.interpreted.headers.reading import EndedError, Reading
from pcapconv.spec.protocols import (
    AH,
    ARP,
    COMPLETE,
    DESTINATION_OPTIONS,
    ERSPAN,
    ETHERNET,
    FRAGMENT,
    GENEVE,
    GRE,
    GTP,
    HOP_BY_HOP,
    ICMP,
    ICMPV6,
    IGMP,
    IPV4,
    IPV6,
    LLC,
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

    Bytes = bytes | bytearray | memoryview

_FIELDS, _BITS = HeaderColumns.FIELDS, HeaderColumns.BITS


def read_headers(
    buffer: Bytes, columns: Columns, rows: int, link_types: array[int], out: HeaderColumns, inner: bool
) -> None:
    """Read the headers of packets into the columns of `out` that exist.

    `link_types` has the link type of each interface. The columns describe the outermost packet, or, if `inner`, the
    innermost packet of tunnels; `HeaderColumns` says what each of them holds.
    """
    check_columns(columns, rows)
    check_table(link_types, 0)
    if rows > out.capacity:
        raise ValueError(f"header columns of fewer than {rows} rows")
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
        found = _read(Reading(packet, max(captured, original)), link_types[number], inner)
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


def read_layers(data: Bytes, original_length: int, link_type: int) -> tuple[bytes, list[dict[str, Any]]]:
    """The codes of a packet's first protocols, and the values of each packet in it, outermost first: of the packet
    itself, and of those inside its tunnels."""
    reading = Reading(memoryview(data), original_length)
    _read(reading, link_type, False)
    return bytes(reading.path[:MOST_IN_PATH]), [*reading.entered, reading.found]


def outermost_tunnel(data: memoryview, original_length: int, link_type: int) -> dict[str, int]:
    """The outermost tunnel of a packet: the columns from `tunnel` to `inner_link_type`; empty if it is in none."""
    reading = Reading(data, max(len(data), original_length), outermost_only=True)
    _read(reading, link_type, False)
    return reading.tunnel


def _read(packet: Reading, link_type: int, inner: bool) -> dict[str, Any]:
    """Read the packet; return the values that it has."""
    ended = COMPLETE
    try:
        protocol = link_layer.first_protocol(packet, link_type)
        while protocol:
            packet.path.append(protocol)
            if protocol not in _READERS:
                raise EndedError(UNREAD)
            protocol = _READERS[protocol](packet)
    except EndedError as end:
        ended = end.reason
    path = bytes(packet.path[:MOST_IN_PATH]).ljust(MOST_IN_PATH, b"\0")
    whole = {"path": path, "path_length": min(len(packet.path), 255), "ended": ended}
    if packet.path:
        whole["last_protocol"] = packet.path[-1]
    return (packet.found if inner else packet.outermost) | packet.tunnel | whole


_READERS: dict[int, Callable[[Reading], int]] = {
    ETHERNET: link_layer.ethernet,
    SLL: link_layer.sll,
    NULL: link_layer.null,
    PPP: link_layer.ppp,
    PPPOE: link_layer.pppoe,
    VLAN: link_layer.vlan,
    SERVICE_VLAN: link_layer.vlan,
    MPLS: link_layer.mpls,
    LLC: link_layer.llc,
    ARP: network.arp,
    IPV4: network.ipv4,
    IPV6: network.ipv6,
    HOP_BY_HOP: network.extension,
    ROUTING: network.extension,
    DESTINATION_OPTIONS: network.extension,
    FRAGMENT: network.fragment,
    AH: network.ah,
    TCP: transport.tcp,
    UDP: transport.udp,
    ICMP: transport.icmp,
    ICMPV6: transport.icmp,
    IGMP: transport.icmp,
    SCTP: transport.sctp,
    GRE: tunnels.gre,
    ERSPAN: tunnels.erspan,
    VXLAN: tunnels.vxlan,
    GENEVE: tunnels.geneve,
    GTP: tunnels.gtp,
}
