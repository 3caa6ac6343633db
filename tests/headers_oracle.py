"""What tshark says of packets' headers, to compare `Headers` with."""

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pcapconv.spec.protocols import PROTOCOLS

# Reassembly and guesses would show more than the packet's own headers.
SETTINGS = (
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.check_checksum:FALSE",
    "gui.column.format:No.,%m",
)
# Our name, tshark's field.
COMMON = {"source_mac": "eth.src,sll.src.eth", "destination_mac": "eth.dst"}
NETWORK = {
    "source_address": "ip.src,ipv6.src,arp.src.proto_ipv4",
    "destination_address": "ip.dst,ipv6.dst,arp.dst.proto_ipv4",
    "ttl": "ip.ttl,ipv6.hlim",
    "arp_operation": "arp.opcode",
}
TRANSPORT = {
    "source_port": "tcp.srcport,udp.srcport,sctp.srcport",
    "destination_port": "tcp.dstport,udp.dstport,sctp.dstport",
    "tcp_sequence": "tcp.seq_raw",
    "tcp_acknowledgement": "tcp.ack_raw",
    "tcp_flags": "tcp.flags",
    "icmp_type": "icmp.type,icmpv6.type,igmp.type",
    "icmp_code": "icmp.code,icmpv6.code",
}
OTHERS = ["vlan.id", "ieee8021ad.id", "mpls.label", "ip.id", "ip.frag_offset", "ip.flags.mf", "ip.proto", "tcp.len"]
OTHERS += ["ipv6.fraghdr.offset", "ipv6.fraghdr.more", "ipv6.fraghdr.ident", "udp.length", "_ws.malformed"]
FIELDS = ["frame.number", "frame.protocols", *OTHERS]
FIELDS += [field for table in (COMMON, NETWORK, TRANSPORT) for names in table.values() for field in names.split(",")]
OURS = {protocol.filter_name for protocol in PROTOCOLS.values() if protocol.code < 64}


def dissected(path: Path) -> Iterator[dict[str, list[str]]]:
    """All values of the fields of each packet."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    command += [word for setting in SETTINGS for word in ("-o", setting)]
    command += [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        yield {name: value.split(",") if value else [] for name, value in zip(FIELDS, line.split("|"))}


def path_of(protocols: str) -> list[str]:
    """tshark's `frame.protocols` in our terms: up to the first protocol whose headers are not read."""
    path = []
    for name in protocols.split(":"):
        name = {"loop": "null", "ppp_hdlc": "ppp", "sll2": "sll"}.get(name, name)
        if name in ("ethertype", "raw", "frame"):
            continue
        if name not in OURS:
            break
        path.append(name)
        if name in ("icmp", "icmpv6", "tcp"):
            break
    return path


def number(text: str) -> Any:
    if "." in text or ":" in text:
        try:
            return str(ip_address(text))
        except ValueError:
            return text
    return int(text, 0)


def first(fields: dict[str, list[str]], names: str) -> Any:
    return next((number(fields[name][0]) for name in names.split(",") if fields[name]), None)
