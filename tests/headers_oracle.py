"""What tshark says of packets' headers, and where `Headers` differs from it.

Strategy: tshark prints all values of a field, of outer and inner packets and of the packets that ICMP errors quote. So
the values of `Headers` are looked for among them: those of the outer headers are the first, those of the inner ones the
last. Two differences are allowed everywhere:

* Of a packet that was cut, or that one of the two calls malformed, the one may show more than the other, but no other
  values: tshark leaves out a header that is not whole, pcapconv reads its fields as far as they go.
* tshark shows more of packets with protocols that pcapconv does not read: also of other messages on GTP's port, and of
  IPv6 extension headers behind IPv4.
* tshark looks for a tunnel in the first fragment of a packet, too.

Of the ports of UDP, tshark asks the lower one first: where that has a protocol of its own, there is no tunnel for it.
"""

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import protocols

import pcapconv
from pcapconv.headers import Headers
from pcapconv.spec.protocols import PROTOCOLS

# Reassembly would show what is in other packets.
SETTINGS = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")
# Our name, tshark's fields.
LINK = {
    "source_mac": ("eth.src", "sll.src.eth"),
    "destination_mac": ("eth.dst",),
    "vlan_id": ("ieee8021ad.id", "vlan.id"),
    "mpls_label": ("mpls.label",),
}
NETWORK = {
    "source_address": ("ip.src", "ipv6.src", "arp.src.proto_ipv4"),
    "destination_address": ("ip.dst", "ipv6.dst", "arp.dst.proto_ipv4"),
    "ttl": ("ip.ttl", "ipv6.hlim"),
    "fragment_id": ("ip.id", "ipv6.fraghdr.ident"),
    "more_fragments": ("ip.flags.mf", "ipv6.fraghdr.more"),
    "arp_operation": ("arp.opcode",),
}
TRANSPORT = {
    "source_port": ("tcp.srcport", "udp.srcport", "sctp.srcport"),
    "destination_port": ("tcp.dstport", "udp.dstport", "sctp.dstport"),
    "tcp_sequence": ("tcp.seq_raw",),
    "tcp_acknowledgement": ("tcp.ack_raw",),
    "tcp_flags": ("tcp.flags",),
    "icmp_type": ("icmp.type", "icmpv6.type", "igmp.type"),
    "icmp_code": ("icmp.code", "icmpv6.code"),
}
FIELDS = ["frame.number", "frame.protocols", "tcp.len", "udp.length", "_ws.malformed"]
FIELDS += [field for table in (LINK, NETWORK, TRANSPORT) for fields in table.values() for field in fields]
READ = {protocol.filter_name for protocol in PROTOCOLS.values() if protocol.code < 64}
# Not read behind IP: IPv6's extension headers behind IPv4, Ethernet (IP protocol 143), MPLS (137).
NOT_BEHIND = {("ip", f"ipv6.{each}") for each in ("hopopts", "routing", "fraghdr", "dstopts")}
NOT_BEHIND |= {(ip, each) for ip in ("ip", "ipv6") for each in ("eth", "mpls")}
NO_HEADERS = {"ethertype", "raw"}  # names in frame.protocols without a header of their own
UDP_TUNNELS = {"vxlan": 4789, "geneve": 6081, "gtp": 2152}

PACKETS = protocols.packets()
# By the beginnings of the packets' names: what is different there.
EXPLAINED = {
    "ipv4 gre arp": "ARP in GRE is not a packet that could be taken out",
    "ipv6 gre arp": "ARP in GRE is not a packet that could be taken out",
    "service vlan llc": "a length behind a tag of IEEE 802.1ad is a length",
    "loop little": "LOOP is read in both byte orders",
    "raw ppp": "RAW is IP",
    "mpls alone": "tshark does not know the link type MPLS",
}
# Link types, and compressed headers, that are not read, in files of the corpus.
NOT_READ = ("arcnet", "IPcomp", "PPI")

Dissected = dict[str, list[str]]
Difference = tuple[str, Any, list[Any]]


class Dissection(NamedTuple):
    """All values of the fields of each packet, and the lines of the tree of protocols, as tshark prints them."""

    packets: list[Dissected]
    protocols: list[str]


def dissect(path: Path) -> Dissection:
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    command += [word for setting in SETTINGS for word in ("-o", setting)]
    command += [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run([*command, "-z", "io,phs"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    count = lines.index("") if "" in lines else len(lines)
    rows = (zip(FIELDS, line.split("|")) for line in lines[:count])
    packets = [{name: value.split(",") if value else [] for name, value in row} for row in rows]
    return Dissection(packets, lines[count:])


def differences(outer: Headers, inner: Headers, dissected: Dissected) -> list[Difference]:
    """The values that differ: name, ours, all of tshark's."""
    theirs = ":".join(dissected["frame.protocols"])
    cut = outer.ended in ("cut", "malformed") or bool(dissected["_ws.malformed"])
    lower_port = min(outer.source_port or 0, outer.destination_port or 0)
    if outer.tunnel in UDP_TUNNELS and lower_port != UDP_TUNNELS[outer.tunnel] and f"udp:{outer.tunnel}" not in theirs:
        return []
    found = list(_path(outer, theirs, cut=cut or outer.ended == "fragmented"))
    quotes = any(name in theirs for name in ("icmp:ip", "icmp:ethertype", "icmpv6:ipv6"))
    tables = [LINK, NETWORK] + ([TRANSPORT] if outer.tunnel is None or outer.tunnel in UDP_TUNNELS else [])
    for name, fields in _rows(tables):
        ours = _comparable(outer, name)
        values = [_value(value) for field in fields for value in dissected[field][:1]]
        if ours is None:
            of_another = outer.tunnel or quotes or cut or outer.ended in ("unread", "fragmented")
            if values and not of_another:
                found.append((name, ours, values))
        elif ours not in values and not (cut and not values):
            found.append((name, ours, values))
    if outer.payload_length is not None and outer.source_port is not None and not cut:
        is_tcp = outer.tcp_flags is not None
        lengths = [_value(value) - 8 * (not is_tcp) for value in dissected["tcp.len" if is_tcp else "udp.length"][:1]]
        if is_tcp and lengths and outer.payload_length != lengths[0]:
            found.append(("payload_length", outer.payload_length, lengths))
        if not is_tcp and lengths and outer.payload_length > lengths[0] >= 0:  # IP may bound it more
            found.append(("payload_length", outer.payload_length, lengths))
    if outer.tunnel is not None and not quotes and outer.ended != "fragmented":
        for name, fields in _rows([LINK, NETWORK, TRANSPORT]):
            ours = _comparable(inner, name)
            first = 0 if name in LINK else -1  # several tags and labels have several values
            values = [_value(value) for field in fields for value in dissected[field][first:]]
            if ours is not None and ours not in values and not cut:
                found.append((f"inner {name}", ours, values))
    return found


def _rows(tables: list[dict[str, tuple[str, ...]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for table in tables:
        yield from table.items()


def _comparable(headers: Headers, name: str) -> Any:
    value = getattr(headers, name)
    return str(value) if name.endswith("address") and value is not None else value


def _path(headers: Headers, theirs: str, *, cut: bool) -> Iterator[Difference]:
    """The difference between the protocols: up to the first whose headers are not read, or that quotes others."""
    ours, names = list(headers.path), list[str]()
    for name in theirs.split(":"):
        if name in NO_HEADERS:
            continue
        if name not in READ or (names and (names[-1], name) in NOT_BEHIND):
            break
        names.append(name)
        if name in ("icmp", "icmpv6", "igmp"):
            break
    ours = [name for name in ours if name in READ]
    if names and names[-1] == "gtp" and ours == names[:-1]:
        return
    length = min(len(names), len(ours), 16)
    if ours[:16] != names[:16] and not (cut and ours[:length] == names[:length]):
        yield "path", headers.path, [theirs]


def _value(text: str) -> Any:
    """A value of tshark: a number, or text if it is an address."""
    if text in ("True", "False"):
        return int(text == "True")
    if ":" in text or "." in text:
        try:
            return str(ip_address(text))
        except ValueError:
            return text
    return int(text, 0)


def written(path: Path, packets: list[tuple[int, bytes, int]]) -> Path:
    with pcapconv.create(path) as out:
        interfaces = {link_type: out.add_interface(link_type) for link_type in sorted({each[0] for each in packets})}
        for time, (link_type, data, original) in enumerate(packets):
            out.write(data, original_length=original, time_ns=time, interface=interfaces[link_type])
    return path


def is_explained(name: str) -> bool:
    return any(name.startswith(each) for each in EXPLAINED)
