"""Conversations, talkers and protocols against Wireshark: samples, the corpus and packets of each kind.

Every difference has a reason, which docs/how-to/traffic.md explains to users. `test_headers_oracle.py` compares the
protocols of samples and of the corpus, since one run of tshark tells of headers and of protocols.
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

import protocols
import pytest
from conversions import every_sample
from headers_oracle import dissect
from traffic_oracle import (
    EXPLAINED_SAMPLES,
    NOT_COUNTED,
    Sharkd,
    is_counted,
    our_protocols,
    ours,
    same_times,
    their_protocols,
    theirs,
)

import pcapconv

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None or shutil.which("sharkd") is None, reason="tshark and sharkd are not installed"
)

PACKETS = protocols.packets()
FIRST = 10**18  # nanoseconds since 1970


@pytest.fixture(scope="module")
def sharkd() -> Iterator[Sharkd]:
    with contextlib.closing(Sharkd()) as process:
        yield process


def described(path: Path) -> pcapconv.CaptureInfo:
    return pcapconv.info(path, conversations=True, talkers=True, protocols=True)


def with_own_addresses(data: bytes, number: int) -> bytes:
    """The packet with addresses that no other packet has."""
    for place, text in enumerate((protocols.A4, protocols.B4, "10.0.0.1", "10.0.0.2")):
        data = data.replace(ip_address(text).packed, bytes((10 + place, 1, number >> 8, number & 255)))
    for place, text in enumerate((protocols.A6, protocols.B6)):
        data = data.replace(ip_address(text).packed, ip_address(f"2001:db8:{place + 1}::{number:x}").packed)
    return data


# What is different in conversations, and with it for talkers.
EXPLAINED = dict.fromkeys(
    ("pppoe shorter", "ipv4 length 24", "ipv6 length 0", "ipv6 length 10", "ipv6 jumbo", "ipv4 tcp size below 20"),
    "tshark leaves out a header that is wrong or not whole",
)
EXPLAINED |= dict.fromkeys(
    ("ipv4 tcp size beyond", "ipv6 tcp size below 20", "ipv6 tcp size beyond"),
    "tshark leaves out a header that is wrong or not whole",
)
EXPLAINED |= dict.fromkeys(
    ("ipv4 udp length 0", "ipv4 udp length 7", "ipv6 udp length 7"),
    "tshark leaves out a header that is wrong or not whole",
)
EXPLAINED |= dict.fromkeys(
    ("ipv6 last fragment", "ipv6 last fragment of options"), "tshark leaves out later fragments of IPv6"
)
EXPLAINED |= {
    "raw ppp": "RAW is IP",
    "mpls alone": "tshark does not know the link type MPLS",
    "mpls control word": "tshark guesses Ethernet",
    "loop little": "LOOP is read in both byte orders",
    "ipv4 with ipv6": "the link type says IPv4",
    "ipv4 version 6": "the EtherType says IPv4",
    "ipv4 first fragment of a tunnel": "a first fragment is in no tunnel",
    "ipv4 hop-by-hop": "extension headers of IPv6 behind IPv4",
}
# What is different in the tree of protocols. A header that is not whole has a place there in both.
EXPLAINED_PROTOCOLS = {
    name: EXPLAINED[name]
    for name in (
        *("raw ppp", "mpls alone", "loop little", "ipv4 with ipv6", "ipv4 version 6"),
        *("ipv4 first fragment of a tunnel", "ipv4 hop-by-hop", "ipv6 length 0", "ipv6 jumbo"),
    )
}
EXPLAINED_PROTOCOLS |= {
    "ipv4 gre arp": "ARP in GRE is not a packet that could be taken out",
    "ipv6 gre arp": "ARP in GRE is not a packet that could be taken out",
    "snap shorter": "tshark leaves out a header that is not whole",
    "service vlan llc": "a length behind a tag of IEEE 802.1ad is a length",
    "mpls three": "labels of MPLS are one header",
    "mpls vlan": "labels of MPLS are one header",
    "sll netlink": "tshark calls the whole netlink",
    "sll netlink ip": "tshark calls the whole netlink",
    "null ppp": "tshark leaves out NULL in front of PPP",
}


def written(path: Path, names: Iterable[str]) -> Path:
    """A capture of these packets, whose addresses and times tell which they are."""
    with pcapconv.create(path) as out:
        interfaces = {
            link_type: out.add_interface(link_type) for link_type in sorted({each[0] for each in PACKETS.values()})
        }
        for number, (name, (link_type, data)) in enumerate(PACKETS.items()):
            if name in names:
                data = with_own_addresses(data, number)
                out.write(data, time_ns=FIRST + 1000 * number, interface=interfaces[link_type])
    return path


def test_conversations_of_each_kind_of_packet(sharkd: Sharkd, tmp_path: Path) -> None:
    """Exactly those differ that are explained."""
    path = written(tmp_path / "all.pcapng", PACKETS)
    info, wireshark = ours(described(path)), theirs(sharkd, path, FIRST)
    names, different = list(PACKETS), set()
    for table in ("ip", "tcp", "udp"):
        for ends in info[table].keys() | wireshark[table].keys():
            counts = [found[table][ends] for found in (info, wireshark) if ends in found[table]]
            if len({*counts}) == 1 and len(counts) == 2:
                continue
            different |= {names[(each[4] - FIRST) // 1000] for each in counts}
    assert different == set(EXPLAINED)


def test_packets_that_are_cut(sharkd: Sharkd, tmp_path: Path) -> None:
    """What tshark counts counts; what counts alone has both ends, in a packet that was cut."""
    path = tmp_path / "cut.pcapng"
    cut = [
        (link_type, data, length)
        for name, (link_type, data) in PACKETS.items()
        if name not in EXPLAINED and not name.endswith("twice")
        for length in range(1, len(data), 3)
    ]
    with pcapconv.create(path) as out:
        interfaces = {link_type: out.add_interface(link_type) for link_type in sorted({each[0] for each in cut})}
        for number, (link_type, data, length) in enumerate(cut):
            out.write(
                with_own_addresses(data, number)[:length],
                original_length=len(data),
                time_ns=FIRST + 1000 * number,
                interface=interfaces[link_type],
            )
    info, wireshark = ours(described(path)), theirs(sharkd, path, FIRST)
    for table in ("ip", "tcp", "udp"):
        assert {ends: each for ends, each in wireshark[table].items() if info[table].get(ends) != each} == {}
        assert len(info[table]) > len(wireshark[table]) > 400


def test_talkers_of_each_kind_of_packet(sharkd: Sharkd, tmp_path: Path) -> None:
    names = [name for name in PACKETS if name not in EXPLAINED]
    path = written(tmp_path / "all.pcapng", names)
    info = ours(described(path))
    assert info == theirs(sharkd, path, FIRST)
    assert len(info["hosts"]) > 300


def test_protocols_of_each_kind_of_packet(tmp_path: Path) -> None:
    path = written(tmp_path / "all.pcapng", [name for name in PACKETS if name not in EXPLAINED_PROTOCOLS])
    tree = our_protocols(described(path))
    assert tree == their_protocols(dissect(path).protocols)
    assert len(tree) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLAINED_PROTOCOLS)
def test_no_difference_is_explained_in_vain(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "one.pcapng", [name])
    assert our_protocols(described(path)) != their_protocols(dissect(path).protocols)


def agree(sharkd: Sharkd, path: Path) -> None:
    info = described(path)
    if not is_counted(info):
        return
    with pcapconv.open(path) as capture:
        first = next(packet.time_ns for packet in capture)
    ours_, theirs_ = ours(info), theirs(sharkd, path, first or 0)
    for table in ("ip", "tcp", "udp"):
        assert {ends: counts[:4] for ends, counts in ours_[table].items()} == {
            ends: counts[:4] for ends, counts in theirs_[table].items()
        }
        for ends, counts in ours_[table].items():
            assert same_times(counts, theirs_[table][ends], first or 0), (ends, counts, theirs_[table][ends])
    assert ours_["hosts"] == theirs_["hosts"]


@every_sample
def test_samples(sharkd: Sharkd, path: Path) -> None:
    if not any(path.name.startswith(each) for each in EXPLAINED_SAMPLES):
        agree(sharkd, path)


def test_the_corpus(sharkd: Sharkd, corpus_file: Path) -> None:
    if any(name in corpus_file.name for name in NOT_COUNTED):
        return
    try:
        agree(sharkd, corpus_file)
    except pcapconv.PcapconvError:
        return
