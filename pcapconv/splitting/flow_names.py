"""The names of flows and hosts, for the fields `{flow}` and `{host}` of templates."""

from __future__ import annotations

from pcapconv.headers import ip_address
from pcapconv.spec import protocols
from pcapconv.text import ip_text

NO_IP = "no-ip"
_NAMES = {4: "ipip"}  # by protocol of IP; others have the names of Wireshark's filters


def host_name(version: int, address: bytes) -> str:
    """The address of a host, such as `10.0.0.1`; `no-ip` without a version of IP."""
    return ip_text(ip_address(address, protocols.TYPE_OF_IP[version])) if version else NO_IP


def flow_name(
    version: int,
    protocol: int | None,
    source: bytes,
    source_port: int | None,
    destination: bytes,
    destination_port: int | None,
) -> str:
    """The protocol and the ends of a flow, such as `tcp-10.0.0.1.51000-10.0.0.2.80`; `no-ip` without a version of
    IP. Different flows have different names."""
    if not version:
        return NO_IP
    ends = ((source, source_port), (destination, destination_port))
    shown = (host_name(version, address) + ("" if number is None else f".{number}") for address, number in ends)
    return "-".join((_protocol_name(protocol), *shown))


def _protocol_name(protocol: int | None) -> str:
    if protocol is None:
        return "ip"
    code = protocols.BY_IP_PROTOCOL.get(protocol)
    return _NAMES.get(protocol, f"ip{protocol}") if code is None else protocols.PROTOCOLS[code].filter_name
