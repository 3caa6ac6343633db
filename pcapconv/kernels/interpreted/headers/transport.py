"""Transport protocols: TCP, UDP and the tunnels over it, SCTP, ICMP, ICMPv6, IGMP."""

from __future__ import annotations

from pcapconv.kernels.interpreted.headers.reading import EndedError, Reading
from pcapconv.spec.protocols import GENEVE, GTP, IGMP, MALFORMED, VXLAN

_UDP_TUNNELS = {4789: VXLAN, 6081: GENEVE, 2152: GTP}
_GTP_MESSAGES = (1, 2, 26, 31, 254, 255)  # 3GPP TS 29.281, section 6.1


def _ports(packet: Reading) -> tuple[int, int]:
    packet.found["source_port"] = source = packet.number(0, 2)
    packet.found["destination_port"] = destination = packet.number(2, 2)
    return source, destination


def tcp(packet: Reading) -> int:
    """TCP with its options."""
    _ports(packet)
    packet.found["tcp_sequence"] = packet.number(4, 4)
    packet.found["tcp_acknowledgement"] = packet.number(8, 4)
    packet.need(14)
    size = (packet.number(12, 1) >> 4) * 4
    packet.found["tcp_flags"] = packet.number(12, 2) & 0xFFF
    if size < 20:
        raise EndedError(MALFORMED)
    packet.skip(size)
    packet.payload()
    return 0


def udp(packet: Reading) -> int:
    """UDP; a port may announce a tunnel."""
    ports = _ports(packet)
    length = packet.number(4, 2)
    if length < 8 and (length or packet.ip_version != 6):
        raise EndedError(MALFORMED)
    if length:
        packet.bound(length)
    packet.skip(8)
    packet.payload()
    protocol = next((_UDP_TUNNELS[port] for port in sorted(ports) if port in _UDP_TUNNELS), 0)
    if protocol == GTP and packet.end - packet.at >= 2:  # the port has other users: control messages, other versions
        return GTP if packet.number(0, 1) >> 4 == 3 and packet.number(1, 1) in _GTP_MESSAGES else 0
    return protocol


def sctp(packet: Reading) -> int:
    """The common header of SCTP."""
    _ports(packet)
    packet.skip(12)
    packet.payload()
    return 0


def icmp(packet: Reading) -> int:
    """ICMP, ICMPv6 and IGMP."""
    packet.found["icmp_type"] = packet.number(0, 1)
    if packet.path[-1] != IGMP:
        packet.found["icmp_code"] = packet.number(1, 1)
    packet.skip(8)
    packet.payload()
    return 0
