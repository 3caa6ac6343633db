"""The kernels `TrafficTable` and `count_traffic`: facts, and both forms against each other."""

import random
import struct
from array import array
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import protocols
import pytest
from kernel_rows import with_rows

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import ENHANCED, SIMPLE
from pcapconv.model import Columns
from pcapconv.timestamps import nanosecond_scale

PACKETS = protocols.packets()
A, B = bytes(10) + b"\xff\xff\xc0\0\2\1", bytes(10) + b"\xff\xff\xc6\x33\x64\2"  # protocols.A4, B4
MICRO = nanosecond_scale(10**6, 0)
TABLES = ("ip", "tcp", "udp", "hosts", "paths")
TCP = (protocols.ETHERNET, protocols.ethernet(protocols.IP, protocols.ipv4(protocols.TCP, protocols.tcp())))
BACK = (
    protocols.ETHERNET,
    protocols.ethernet(
        protocols.IP,
        protocols.ipv4(
            protocols.TCP,
            protocols.tcp(source=8, destination=51000),
            source=protocols.B4,
            destination=protocols.A4,
        ),
    ),
)

Row = tuple[int, bytes, int, int, int]  # link type, data, original length, ticks, type of record
Counted = dict[str, tuple[list[Any], Any]]


def counted(kernels: Any, rows: list[Row], scales: Sequence[tuple[int, ...]], most: int = 1000) -> Counted:
    """What each table holds, and its others."""
    buffer, places = bytearray(b"\x45" * 3), []
    for _, data, *_ in rows:
        places.append(len(buffer))
        buffer += data + b"\x45" * 3
    columns = with_rows(
        len(rows),
        data_at=places,
        captured_length=[len(data) for _, data, *_ in rows],
        original_length=[original for _, _, original, _, _ in rows],
        ticks=[ticks for *_, ticks, _ in rows],
        record_type=[record_type for *_, record_type in rows],
        interface=list(range(len(rows))),
    )
    tables = [kernels.TrafficTable(most) for _ in TABLES]
    link_types = array("Q", [link_type for link_type, *_ in rows])
    flat = array("Q", [value for scale in scales for value in scale])
    kernels.count_traffic(buffer, columns, len(rows), link_types, flat, *tables)
    assert [len(table) for table in tables] == [len(list(table)) for table in tables]
    return {name: (list(table), table.others) for name, table in zip(TABLES, tables)}


def row(packet: tuple[int, bytes], ticks: int, original: int | None = None, record_type: int = ENHANCED) -> Row:
    link_type, data = packet
    return link_type, data, len(data) if original is None else original, ticks, record_type


def key(*ports: int) -> bytes:
    return b"\4" + A + B + struct.pack(">HH", *ports)


def test_a_conversation_has_both_directions(kernels: ModuleType) -> None:
    """The lower end comes first in the key; direction 1 is from the higher end."""
    found = counted(kernels, [row(BACK, 5, 100), row(TCP, 3), row(TCP, 9, 1000)], [MICRO] * 3)
    size = len(TCP[1])
    none = (0, 0, 0, 0, None, None)
    counts = (2, size + 1000, 1, 100, 3000, 9000)
    assert found["tcp"] == ([(key(51000, 8), 1, *counts)], none)
    assert found["ip"] == ([(key(0, 0), 1, *counts)], none)
    assert found["udp"] == ([], none)
    a, b = ((b"\4" + each).ljust(37, b"\0") for each in (A, B))
    assert found["hosts"] == (
        [(b, 0, 1, 100, 2, size + 1000, 3000, 9000), (a, 1, 2, size + 1000, 1, 100, 3000, 9000)],
        none,
    )
    assert found["paths"] == ([(b"\1\x0b\x12".ljust(37, b"\0"), 0, 3, size + 1100, 0, 0, 3000, 9000)], none)


def test_each_packet_of_a_tunnel_counts(kernels: ModuleType) -> None:
    """Three headers of IPv4 and one of IPv6, with the length of the whole."""
    found = counted(kernels, [row(PACKETS["ipv4 ip in ip in ip"], 1)], [MICRO])
    size = len(PACKETS["ipv4 ip in ip in ip"][1])
    assert [(entry[0][0], *entry[2:4]) for entry in found["ip"][0]] == [(4, 3, 3 * size), (6, 1, size)]
    assert [entry[2:4] for entry in found["udp"][0]] == [(1, size)]


def test_arp_is_no_conversation(kernels: ModuleType) -> None:
    found = counted(kernels, [row(PACKETS["arp"], 1)], [MICRO])
    assert [len(found[name][0]) for name in TABLES] == [0, 0, 0, 0, 1]


def test_an_address_of_ipv6_that_looks_like_one_of_ipv4_is_another(kernels: ModuleType) -> None:
    mapped = protocols.ipv6(6, protocols.tcp(), source=f"::ffff:{protocols.A4}", destination=f"::ffff:{protocols.B4}")
    rows = [row(TCP, 1), row((protocols.ETHERNET, protocols.ethernet(protocols.IP6, mapped)), 1)]
    found = counted(kernels, rows, [MICRO] * 2)
    assert [entry[0] for entry in found["tcp"][0]] == [key(51000, 8), b"\6" + key(51000, 8)[1:]]


def test_times_are_rounded_down_and_some_are_not_known(kernels: ModuleType) -> None:
    """Picoseconds, before 1970; a Simple Packet; times that cannot be determined."""
    rows = [row(TCP, 1999), row(TCP, 7, record_type=SIMPLE), row(TCP, 9)]
    found = counted(kernels, rows, [nanosecond_scale(10**12, -1), MICRO, (0,) * 5])
    assert found["tcp"][0] == [(key(51000, 8), 0, 3, 3 * len(TCP[1]), 0, 0, 1 - 10**9, 1 - 10**9)]
    found = counted(kernels, rows[1:], [MICRO, (0,) * 5])
    assert found["tcp"][0][0][-2:] == (None, None)


def test_what_has_no_room_is_counted_together(kernels: ModuleType) -> None:
    def packet(port: int) -> tuple[int, bytes]:
        segment = protocols.tcp(source=port)
        return protocols.ETHERNET, protocols.ethernet(protocols.IP, protocols.ipv4(protocols.TCP, segment))

    rows = [row(packet(50000 + number % 7), number) for number in range(70)]
    entries, others = counted(kernels, rows, [MICRO] * 70, most=5)["tcp"]
    size = len(TCP[1])
    assert [entry[0] for entry in entries] == [key(50000 + number, 8) for number in range(5)]
    assert [entry[2:] for entry in entries] == [
        (10, 10 * size, 0, 0, 1000 * number, 1000 * (63 + number)) for number in range(5)
    ]
    assert others == (20, 20 * size, 0, 0, 5000, 69_000)


def test_many_conversations(kernels: ModuleType) -> None:
    """The table grows, and finds all of them again."""
    number = 5000
    packets = []
    for port in range(number):
        segment = protocols.udp(b"", source=40000 + port % 20000, destination=20)
        source = f"10.0.{port >> 8}.{port & 255}"
        data = protocols.ipv4(protocols.UDP, segment, source=source)
        packets.append(row((protocols.IPV4, data), port))
    entries, others = counted(kernels, packets * 2, [MICRO] * 2 * number, most=number)["udp"]
    assert (len(entries), {entry[2] for entry in entries}, others[0]) == (number, {2}, 0)
    assert [entry[6] for entry in entries] == [1000 * port for port in range(number)]


@pytest.mark.parametrize("seed", range(5))
def test_both_forms_agree(compiled: ModuleType, seed: int) -> None:
    """Packets of each kind, whole, cut and changed; times of many resolutions; tables that are too small."""
    draw = random.Random(seed)
    rows, scales = [], []
    for _ in range(600):
        link_type, data = draw.choice(list(PACKETS.values()))
        changed = bytearray(data)
        if draw.random() < 0.5:
            changed[draw.randrange(len(data))] = draw.randrange(256)
        if draw.random() < 0.3:
            del changed[draw.randrange(len(data)) :]
        original = draw.choice([len(data), 0, 2**32 - 1, draw.randrange(2000)])
        ticks = draw.choice([0, 2**64 - 1, draw.randrange(2**64), draw.randrange(10**9)])
        rows.append((link_type, bytes(changed), original, ticks, draw.choice([SIMPLE, ENHANCED, ENHANCED])))
        per_second = draw.choice([10**6, 10**9, 10**12, 2**30, 2**127, 1, 10**127])
        offset = draw.choice([0, 0, 1, -1, 2**63 - 1, -(2**63)])
        scales.append(draw.choice([nanosecond_scale(per_second, offset)] * 5 + [(0,) * 5]))
    for most in (1, 7, 1000):
        assert counted(compiled, rows, scales, most) == counted(interpreted, rows, scales, most)


@pytest.mark.parametrize("name", PACKETS)
def test_both_forms_agree_on_packets_cut_at_every_byte(compiled: ModuleType, name: str) -> None:
    link_type, data = PACKETS[name]
    rows = [(link_type, data[:length], len(data), length, ENHANCED) for length in range(len(data) + 1)]
    scales = [MICRO] * len(rows)
    assert counted(compiled, rows, scales) == counted(interpreted, rows, scales)


def test_a_packet_of_many_tunnels_takes_no_longer_than_its_length(kernels: ModuleType) -> None:
    """3,000 headers of IPv4 in IPv4: each of them counts once."""
    header = protocols.ipv4(protocols.IPIP, b"", length=0)
    found = counted(kernels, [row((protocols.RAW, header * 3000), 1)], [MICRO])
    assert len(found["ip"][0]) == 1
    header = protocols.ipv4(protocols.IPIP, b"", length=65535)
    found = counted(kernels, [row((protocols.RAW, header * 3000), 1)], [MICRO])
    assert found["ip"][0][0][2:4] == (3000, 3000 * 60_000)


def test_what_kernels_refuse(kernels: ModuleType) -> None:
    for most in (0, -1, 2**24 + 1):
        with pytest.raises(ValueError, match=f"a table of {most} entries"):
            kernels.TrafficTable(most)
    columns = with_rows(1, data_at=[0], captured_length=[60], original_length=[60])
    none = (None,) * 5
    for buffer, link_types, scales in [
        (bytes(59), array("Q", [1]), array("Q", MICRO)),
        (bytes(60), array("Q"), array("Q", MICRO)),
        (bytes(60), array("Q", [1]), array("Q", MICRO[:4])),
        (bytes(60), array("I", [1]), array("Q", MICRO)),
        (bytes(60), array("Q", [1]), array("q", MICRO)),
    ]:
        with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
            kernels.count_traffic(buffer, columns, 1, link_types, scales, *none)
    with pytest.raises(ValueError, match="column"):
        kernels.count_traffic(bytes(60), Columns(0), 1, array("Q", [1]), array("Q", MICRO), *none)
    kernels.count_traffic(bytes(60), columns, 1, array("Q", [1]), array("Q", MICRO), *none)
