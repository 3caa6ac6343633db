"""The kernel `decapsulate`: both forms against each other, and against a second implementation."""

from array import array
from types import ModuleType
from typing import Any

import protocols
import pytest
import tunnels
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import BUFFER, MOST, agree, all_columns, changed_packets, packet_rows, table, with_rows

from pcapconv.kernels.contract import INNER_LINK_TYPES, TARGETS, TUNNEL_COUNTS, UNDECLARED
from pcapconv.spec.protocols import TUNNEL_NAMES

PACKETS = protocols.packets()
ALL = sum(1 << code for code in TUNNEL_NAMES)
KINDS = tuple(TUNNEL_NAMES.values())
every_packet = pytest.mark.parametrize("name", PACKETS)


def done(
    kernels: Any,
    packets: list[tuple[int, bytes]],
    originals: list[int],
    kinds: int = ALL,
    *,
    only: bool = False,
) -> list[tuple[int, bytes, int, int]]:
    """What becomes of each packet: its interface, its bytes, its original length, its mark. Interfaces of packets that
    come out of tunnels are 100 and more."""
    buffer, places = bytearray(b"\x45" * 3), []
    for _, data in packets:
        places.append(len(buffer))
        buffer += data + b"\x45" * 3
    count = len(packets)
    columns = with_rows(
        count,
        data_at=places,
        captured_length=[len(data) for _, data in packets],
        original_length=originals,
        interface=list(range(count)),
        record_length=[7] * count,
    )
    link_types = array("Q", [link_type for link_type, _ in packets])
    new_ids = array(
        "Q", [each for number in range(count) for each in (number, *(100 + link for link in INNER_LINK_TYPES))]
    )
    marks, counts = bytearray(b"\xff" * count), array("Q", bytes(8 * TUNNEL_COUNTS))
    kernels.decapsulate(buffer, columns, 0, count, link_types, kinds, new_ids, only, False, marks, counts)
    assert [length == 0 for length in columns.record_length] == [mark > 0 for mark in marks]
    found = zip(columns.data_at, columns.captured_length, columns.interface, columns.original_length, marks)
    return [(number, bytes(buffer[at : at + size]), original, mark) for at, size, number, original, mark in found]


def expected(
    packets: list[tuple[int, bytes]], originals: list[int], kinds: tuple[str, ...] = KINDS
) -> list[tuple[int, bytes, int, int]]:
    out = []
    for number, ((link_type, data), original) in enumerate(zip(packets, originals)):
        found = tunnels.taken_off(link_type, data, original, kinds)
        if found:
            out.append((100 + found[-1].link_type, found[-1].data, found[-1].length, 1))
        else:
            out.append((number, data, original, 0))
    return out


@every_packet
def test_a_packet_that_is_cut_anywhere(kernels: ModuleType, name: str) -> None:
    link_type, data = PACKETS[name]
    cut = [(link_type, data[:length]) for length in range(len(data) + 1)]
    for originals in ([len(data)] * len(cut), [len(each) for _, each in cut], [0] * len(cut), [MOST] * len(cut)):
        assert done(kernels, cut, originals) == expected(cut, originals)


@every_packet
def test_a_packet_with_any_byte_changed(kernels: ModuleType, name: str) -> None:
    link_type, data = PACKETS[name]
    for value in (0, 0xFF, 0x01, 0x45, 0x60):
        changed = [(link_type, data[:at] + bytes((value,)) + data[at + 1 :]) for at in range(len(data))]
        originals = [len(data)] * len(changed)
        assert done(kernels, changed, originals) == expected(changed, originals)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone(kernels: ModuleType, kind: str) -> None:
    (code,) = (code for code, name in TUNNEL_NAMES.items() if name == kind)
    packets = list(PACKETS.values())
    originals = [len(data) for _, data in packets]
    out = done(kernels, packets, originals, 1 << code)
    assert out == expected(packets, originals, (kind,))
    assert any(mark for *_, mark in out)


@given(changed=changed_packets(), names=st.lists(st.sampled_from(KINDS), unique=True))
def test_changed_packets_in_both_forms(kernels: ModuleType, changed: tuple[int, bytes, int], names: list[str]) -> None:
    link_type, cut, original = changed
    mask = sum(1 << code for code, name in TUNNEL_NAMES.items() if name in names)
    out = done(kernels, [(link_type, cut)], [original], mask)
    assert out == expected([(link_type, cut)], [original], tuple(names))


def test_packets_in_more_tunnels_than_anybody_counts(kernels: ModuleType) -> None:
    data = protocols.ipv4(protocols.UDP, protocols.udp())
    for _ in range(2000):
        data = protocols.ipv4(protocols.IPIP, data, length=0)
    ((_, inner, _, mark),) = done(kernels, [(protocols.RAW, data)], [len(data)])
    assert (inner, mark) == (protocols.ipv4(protocols.UDP, protocols.udp()), 1)


def test_only_packets_in_tunnels_are_done(kernels: ModuleType) -> None:
    packets = [PACKETS["ipv4 tcp"], PACKETS["ipv4 vxlan"]]
    lengths = [len(data) for _, data in packets]
    assert [mark for *_, mark in done(kernels, packets, lengths, only=True)] == [0, 1]


@pytest.mark.parametrize("only", [False, True])
def test_it_stops_where_an_interface_is_not_declared(kernels: ModuleType, only: bool) -> None:
    (link_type, plain), (_, tunnelled) = PACKETS["ipv4 tcp"], PACKETS["ipv4 gre ip"]
    buffer = plain + tunnelled + plain
    columns = with_rows(
        3,
        data_at=[0, len(plain), len(plain) + len(tunnelled)],
        captured_length=[len(plain), len(tunnelled), len(plain)],
        original_length=[len(plain), len(tunnelled), len(plain)],
    )
    ids, marks, counts = [0, UNDECLARED, UNDECLARED, UNDECLARED, UNDECLARED], bytearray(3), table(*[0] * TUNNEL_COUNTS)
    fixed = table(link_type), ALL
    before = all_columns(columns, 3)
    assert kernels.decapsulate(buffer, columns, 0, 3, *fixed, table(*ids), only, False, marks, counts) == (1, 3)
    assert (all_columns(columns, 3), sum(counts)) == (before, 0)
    ids[3] = 1
    assert kernels.decapsulate(buffer, columns, 1, 3, *fixed, table(*ids), only, False, marks, counts) == (3, 0)
    assert (columns.interface.tolist(), list(marks), counts[24]) == ([0, 1, 0], [0, 1, 0], 1)
    ids[0] = UNDECLARED
    fresh = with_rows(1, captured_length=[len(plain)])
    stop = (1, 0) if only else (0, 0)
    assert kernels.decapsulate(buffer, fresh, 0, 1, *fixed, table(*ids), only, False, marks, counts) == stop


@pytest.mark.parametrize(
    ("options", "mark"),
    [
        (b"", 1),
        (b"\1\0\1\0a\0\0\0" + bytes(4), 1),
        (b"\3\0\5\0\2\1\2\3\4\0\0\0" + bytes(4), 2),
        (b"\1\0\1\0a\0\0\0\3\0\0\0", 2),
        (bytes(4) + b"\3\0\0\0", 1),  # behind the end
        (b"\3\0\1\0", 1),  # not whole
        (b"\2\0\4\0\1\0\0\0", 1),
        (b"\2\0\4\0\x81\0\0\0", 2),  # flags with an FCS of 4 bytes
        (b"\2\0\4\0\0\0\0\x81", 1),
        (b"\2\0\3\0\x81\0\0\0", 1),
    ],
)
def test_options_that_no_longer_hold(kernels: ModuleType, options: bytes, mark: int) -> None:
    link_type, data = PACKETS["ipv4 vxlan"]
    columns = with_rows(
        1,
        captured_length=[len(data)],
        options_at=[len(data)],
        options_length=[len(options)],
        original_length=[len(data)],
    )
    marks, ids = bytearray(1), table(*range(TARGETS))
    counts = table(*[0] * TUNNEL_COUNTS)
    kernels.decapsulate(data + options, columns, 0, 1, table(link_type), ALL, ids, False, False, marks, counts)
    assert marks[0] == mark


@given(
    columns=packet_rows(len(BUFFER)),
    link_types=st.lists(st.sampled_from([0, 1, 9, 101, 113, 219, MOST]), max_size=3),
    ids=st.lists(st.sampled_from([0, 1, 2, 3, MOST, MOST + 1, UNDECLARED]), max_size=16),
    first=st.integers(-1, 2),
    stop=st.integers(-1, 5),
    only=st.booleans(),
    big=st.booleans(),
    marks=st.integers(0, 5),
    counts=st.sampled_from([TUNNEL_COUNTS, TUNNEL_COUNTS - 1]),
)
def test_both_forms_agree_on_any_arguments(
    compiled: ModuleType,
    columns: Any,
    link_types: list[int],
    ids: list[int],
    first: int,
    stop: int,
    only: bool,
    big: bool,
    marks: int,
    counts: int,
) -> None:
    tables = table(*link_types), ALL, table(*ids), only, big, bytearray(marks), table(*[0] * counts)
    agree(compiled, "decapsulate", BUFFER, columns, first, stop, *tables)
