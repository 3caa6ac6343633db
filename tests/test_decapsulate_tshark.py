"""`decapsulate` judged by tshark: what it reads in the outputs is the last of what it reads in the inputs.

Strategy: tshark prints all values of its fields, of outer packets first. A packet that came out of tunnels must have
the last of these values, and no others: nothing but the outer headers is gone.
"""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import protocols
import pytest

import pcapconv
from pcapconv.steps.decapsulate import TUNNEL_KINDS

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

FIELDS = (
    *("frame.protocols", "eth.src", "eth.dst", "eth.type", "vlan.id", "mpls.label", "ppp.protocol"),
    *("ip.src", "ip.dst", "ip.len", "ip.id", "ip.ttl", "ip.proto", "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt"),
    *("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.flags", "tcp.payload"),
    *("udp.srcport", "udp.dstport", "udp.length", "udp.payload", "data.data", "icmp.type"),
)
PACKETS = protocols.packets()
UNKNOWN_LINK_TYPES = {protocols.MPLS}  # which tshark does not read
SETTINGS = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")


def dissected(path: Path) -> list[dict[str, list[str]]]:
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    command += [word for setting in SETTINGS for word in ("-o", setting)]
    command += [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return [{name: text.split(",") if text else [] for name, text in zip(FIELDS, line.split("|"))} for line in lines]


def written(path: Path, packets: Iterable[tuple[int, bytes, int]]) -> Path:
    with pcapconv.create(path) as out:
        interfaces: dict[int, pcapconv.Interface] = {}
        for time, (link_type, data, original) in enumerate(packets):
            if link_type not in interfaces:
                interfaces[link_type] = out.add_interface(link_type)
            out.write(data, original_length=original, time_ns=time, interface=interfaces[link_type])
    return path


def check(tmp_path: Path, names: list[str], packets: list[tuple[int, bytes, int]], kinds: str) -> int:
    """Check each packet before and after; return how many came out of tunnels."""
    before = written(tmp_path / "before.pcapng", packets)
    after = tmp_path / "after.pcapng"
    report = pcapconv.convert(before, after, decapsulate=kinds)
    with pcapconv.open(before) as first, pcapconv.open(after) as second:
        pairs = list(zip(first, second, strict=True))
    wrong = {}
    for name, (old, new), theirs, ours in zip(names, pairs, dissected(before), dissected(after), strict=True):
        if old.data == new.data:
            if theirs != ours:
                wrong[name] = "an unchanged packet reads otherwise"
        elif new.interface.link_type not in UNKNOWN_LINK_TYPES and (found := differences(theirs, ours)):
            wrong[name] = str(found)
    assert wrong == {}
    assert report.decapsulated is not None
    return int(report.decapsulated["packets"])


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, tuple[list[str], list[str]]]:
    return {
        field: (before[field], after[field]) for field in FIELDS if not is_inside(field, before[field], after[field])
    }


def is_inside(field: str, before: list[str], after: list[str]) -> bool:
    """Whether the values after the decapsulation are the last of those before."""
    if field == "frame.protocols":
        return before[0].endswith(after[0].removeprefix("raw:"))
    return after == before[len(before) - len(after) :]


def test_packets_of_each_kind(tmp_path: Path) -> None:
    packets = [(link_type, data, len(data)) for link_type, data in PACKETS.values()]
    assert check(tmp_path, list(PACKETS), packets, "all") == 69


@pytest.mark.parametrize("kind", TUNNEL_KINDS)
def test_each_kind_alone(tmp_path: Path, kind: str) -> None:
    packets = [(link_type, data, len(data)) for link_type, data in PACKETS.values()]
    assert check(tmp_path, list(PACKETS), packets, kind)


def test_packets_with_padding_and_a_frame_check_sequence(tmp_path: Path) -> None:
    tunnelled = {name: each for name, each in PACKETS.items() if each[0] == protocols.ETHERNET}
    packets = [(link_type, data + bytes(18) + b"fcs!", len(data) + 22) for link_type, data in tunnelled.values()]
    assert check(tmp_path, list(tunnelled), packets, "all")


def test_packets_that_were_cut(tmp_path: Path) -> None:
    names, packets = [], []
    for name, (link_type, data) in PACKETS.items():
        for kept in range(len(data) - 20, len(data)):
            names.append(f"{name}, {kept} bytes")
            packets.append((link_type, data[: max(0, kept)], len(data)))
    assert check(tmp_path, names, packets, "all")
