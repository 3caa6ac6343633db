"""Conversations, talkers and protocols as Wireshark counts them, and as `info` does, in one form.

Strategy: sharkd gives what `tshark -z conv,tcp` and the like print, in whole bytes, where tshark rounds to kB. The tree
of protocols is tshark's own. Reassembly is off, since it counts a packet in fragments where its last fragment comes.
"""

import json
import subprocess
from collections import defaultdict
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pcapconv
from pcapconv.spec.protocols import PROTOCOLS

SETTINGS = {"ip.defragment": "FALSE", "ipv6.defragment": "FALSE", "tcp.desegment_tcp_streams": "FALSE"}
KNOWN = {protocol.filter_name for protocol in PROTOCOLS.values()}
READ = {protocol.filter_name for protocol in PROTOCOLS.values() if protocol.code < 64}
NO_HEADERS = {"frame", "pkt_comment", "raw", "ethertype"}  # what has no header of its own

# Link types, and compressed headers, that are not read, and more than 16 headers, in files of the corpus.
NOT_COUNTED = ("arcnet", "IPcomp", "PPI", "ipv6_ext_headers")
# By the beginnings of the samples' names.
EXPLAINED_SAMPLES = {
    "micro-": "tshark leaves out a header of UDP that was cut",
    "lengths-": "a packet of which nothing was captured is Ethernet by its link type; tshark says nothing of it",
    "options-overrun-": "tshark cannot read it",
    "reserved-bits-": "tshark cannot read it",
    "after-2038-": "Wireshark's differences of times have 32 bits",
    "time-": "Wireshark's differences of times have 32 bits",
    "fraction-overflow-": "Wireshark compares fractions of a second that exceed it",
    "ixia-hardware-": "Wireshark reads other fractions of a second",
}

End = tuple[str, int | None]
Ends = tuple[End, End]
# Packets and bytes from the lower end, from the higher one, and the first and the last time in nanoseconds.
Counts = tuple[int, int, int, int, int | None, int | None]
Tree = dict[tuple[str, ...], tuple[int, int]]


class Sharkd:
    """A process that counts for one capture after the other: it starts more slowly than it reads most captures."""

    def __init__(self) -> None:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(["sharkd", "-"], stdin=pipe, stdout=pipe, stderr=nowhere, text=True)
        for name, value in SETTINGS.items():
            self.ask("setconf", name=name, value=value)

    def ask(self, method: str, **parameters: str) -> Any:
        """The answer to a call."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(call), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline(), parse_float=Decimal)

    def close(self) -> None:
        self._process.communicate(timeout=60)


def theirs(sharkd: Sharkd, path: Path, first_time_ns: int) -> dict[str, dict[Any, Any]]:
    """What Wireshark counts. Its times count from the capture's first packet, which has this time."""
    taps = {"tap0": "conv:IPv4", "tap1": "conv:IPv6", "tap2": "conv:TCP", "tap3": "conv:UDP"}
    taps |= {"tap4": "endpt:IPv4", "tap5": "endpt:IPv6"}
    found: dict[str, dict[Any, Any]] = {"ip": {}, "tcp": {}, "udp": {}, "hosts": {}}
    if "error" in sharkd.ask("load", file=str(path)):  # a link type that it does not know
        return found
    for tap in sharkd.ask("tap", **taps)["result"]["taps"]:
        for each in tap.get("convs", ()):
            table = found[tap["proto"].lower() if tap["proto"] in ("TCP", "UDP") else "ip"]
            ends = [
                (str(ip_address(each[f"{side}addr"])), int(each[f"{side}port"]) if f"{side}port" in each else None)
                for side in "sd"
            ]
            times = [first_time_ns + int(Decimal(each[name]) * 10**9) for name in ("start", "stop")]
            sent, received = (each["txf"], each["txb"]), (each["rxf"], each["rxb"])
            _add(table, ends, sent, received, *times)
        for each in tap.get("hosts", ()):
            found["hosts"][str(ip_address(each["host"]))] = each["txf"], each["txb"], each["rxf"], each["rxb"]
    return found


def same_times(a: Counts, b: Counts, first_time_ns: int) -> bool:
    """Whether times are the same. sharkd has floats of seconds since the first packet, with 52 bits or more."""
    for at in (4, 5):
        ours, theirs = a[at] or 0, b[at] or 0
        if abs(ours - theirs) > abs(ours - first_time_ns) >> 50:
            return False
    return True


def ours(info: pcapconv.CaptureInfo) -> dict[str, dict[Any, Any]]:
    """What `info` counts."""
    found: dict[str, dict[Any, Any]] = {"ip": {}, "tcp": {}, "udp": {}, "hosts": {}}
    assert info.conversations is not None
    assert info.talkers is not None
    for name, listed in info.conversations._asdict().items():
        assert (listed.complete, listed.total, listed.others.packets) == (True, len(listed.entries), 0)
        for each in listed.entries:
            ends = [(each.address_a, each.port_a), (each.address_b, each.port_b)]
            times = [time and time.time_ns for time in (each.first_time, each.last_time)]
            sent = each.packets_from_a, each.bytes_from_a
            _add(found[name], ends, sent, (each.packets_from_b, each.bytes_from_b), *times)
            assert each.packets == each.packets_from_a + each.packets_from_b
            assert each.bytes == each.bytes_from_a + each.bytes_from_b
    for talker in info.talkers.entries:
        counts = talker.packets_sent, talker.bytes_sent, talker.packets_received, talker.bytes_received
        assert (talker.packets, talker.bytes) == (counts[0] + counts[2], counts[1] + counts[3])
        found["hosts"][talker.address] = counts
    return found


def _add(
    table: dict[Ends, Counts], ends: list[End], sent: tuple[int, int], received: tuple[int, int], first: Any, last: Any
) -> None:
    """Add a conversation to those between the same ends: Wireshark begins a new one where TCP ports are used again."""
    lower, higher = sorted(ends)
    if lower != ends[0]:
        sent, received = received, sent
    counts = (*sent, *received, first, last)
    if (lower, higher) in table:
        before = table[lower, higher]
        counts = (*(a + b for a, b in zip(before[:4], counts)), min(before[4], first), max(before[5], last))
    table[lower, higher] = counts


def is_counted(info: pcapconv.CaptureInfo) -> bool:
    """Return whether Wireshark counts the same packets, at times that it knows."""
    return not (info.packets_without_time or info.damage or info.wireshark_numbers or info.first_time is None)


def their_protocols(lines: list[str]) -> Tree:
    """Packets and bytes by protocols as tshark counts them, as far as pcapconv knows the protocols."""
    tree: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    place: list[str] = []
    for line in lines:
        if " frames:" not in line:
            continue
        name, frames, size = line.split()
        depth = (len(line) - len(line.lstrip())) // 2
        place[depth:] = [name]
        names = tuple(each for each in place if each not in NO_HEADERS)
        if name not in NO_HEADERS and set(names) <= KNOWN and set(names[:-1]) <= READ:
            tree[names][0] += int(frames.partition(":")[2])
            tree[names][1] += int(size.partition(":")[2])
    return {names: (frames, size) for names, (frames, size) in tree.items()}


def our_protocols(info: pcapconv.CaptureInfo) -> Tree:
    """Packets and bytes by protocols as `info` counts them."""
    assert info.protocols is not None
    assert info.protocols.complete
    entries = info.protocols.entries
    return {tuple(each.path.split(":")): (each.packets, each.bytes) for each in entries if each.path}
