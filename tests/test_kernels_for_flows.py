"""The kernels that number flows and hosts, group rows, and skip link layers."""

from array import array
from collections.abc import Callable
from types import ModuleType
from typing import Any

import expected_headers
import protocols
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import with_rows
from protocols import ethernet, ipv4, tcp, udp, vlan

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import NO_GROUP, WAITING
from pcapconv.model import Columns

PACKETS = list(protocols.packets().values())
A, B = ipv4(protocols.UDP, udp()), ipv4(protocols.UDP, udp(source=9, destination=40000))
FIRST = ipv4(protocols.UDP, udp(bytes(8)), identification=7, fragment=0x2000)
LATER = ipv4(protocols.UDP, bytes(8), identification=7, fragment=2)


def rows_of(packets: list[tuple[int, bytes]], originals: list[int] | None = None) -> tuple[bytes, Columns, Any]:
    """The packets in a buffer, with other bytes around them, and their headers."""
    buffer, places = bytearray(b"\x45" * 3), []
    for _, data in packets:
        places.append(len(buffer))
        buffer += data + b"\x45" * 3
    lengths = [len(data) for _, data in packets]
    columns = with_rows(
        len(packets),
        data_at=places,
        captured_length=lengths,
        original_length=originals or lengths,
        interface=list(range(len(packets))),
    )
    return bytes(buffer), columns, headers_of(bytes(buffer), columns, packets)


def headers_of(buffer: bytes, columns: Columns, packets: list[tuple[int, bytes]]) -> HeaderColumns:
    headers = HeaderColumns(HeaderColumns.FIELDS, len(packets))
    interpreted.read_headers(buffer, columns, len(packets), link_types_of(packets), headers, False)
    return headers


def link_types_of(packets: list[tuple[int, bytes]]) -> "array[int]":
    return array("Q", [link_type for link_type, _ in packets])


def flows_of(table: Any, packets: list[tuple[int, bytes]], numbers: "array[int] | None" = None) -> "array[int]":
    """The numbers of these flows, behind those that are there already."""
    buffer, columns, headers = rows_of(packets)
    numbers = array("Q") if numbers is None else numbers
    first = len(numbers)
    numbers.frombytes(bytes(8 * len(packets)))
    table.number_flows(buffer, columns, len(packets), headers, numbers, first)
    return numbers


def hosts_of(table: Any, packets: list[tuple[int, bytes]]) -> list[int]:
    _, _, headers = rows_of(packets)
    numbers = array("Q", bytes(16 * len(packets)))
    table.number_hosts(len(packets), headers, numbers, 0)
    return list(numbers)


def test_both_forms_number_every_packet_alike(compiled: ModuleType) -> None:
    for distance in (0, 300, 2**22):
        tables = [form.FlowTable(distance) for form in (compiled, interpreted)]
        for packets in (PACKETS, [(101, LATER), (101, FIRST)], PACKETS[::-1]):
            one, other = (flows_of(table, packets) for table in tables)
            assert one == other
            assert tables[0].settle(one, len(one), False) == tables[1].settle(other, len(other), False)
            assert one == other
            assert tables[0].settle(one, len(one), True) == tables[1].settle(other, len(other), True) == len(one)
            assert one == other
        count = len(tables[0])
        assert len(tables[1]) == count
        assert [tables[0].describe(number + 1) for number in range(count)] == [
            tables[1].describe(number + 1) for number in range(count)
        ]
        hosts = [hosts_of(form.FlowTable(), PACKETS) for form in (compiled, interpreted)]
        assert hosts[0] == hosts[1]


def test_flows_and_their_description(kernels: ModuleType) -> None:
    table = kernels.FlowTable()
    other_way = ipv4(protocols.UDP, udp(source=9, destination=40000), source=protocols.B4, destination=protocols.A4)
    packets = [(101, other_way), (101, A), (1, b""), (101, B), (101, ipv4(1, b"")), (1, b"x")]
    assert list(flows_of(table, packets)) == [1, 1, 2, 3, 4, 2]
    a, b = bytes(10) + b"\xff\xff" + bytes((192, 0, 2, 1)), bytes(10) + b"\xff\xff" + bytes((198, 51, 100, 2))
    assert table.describe(1) == (4, 17, b, 9, a, 40000)
    assert table.describe(2) == (0, None, bytes(16), None, bytes(16), None)
    assert table.describe(4) == (4, 1, a, None, b, None)
    assert len(table) == 4
    for number in (0, 5):
        with pytest.raises(ValueError, match=f"there is no flow {number}"):
            table.describe(number)


def test_hosts_and_their_description(kernels: ModuleType) -> None:
    table = kernels.FlowTable()
    packets = [(101, A), (1, b""), (101, B), (101, ipv4(1, b"", destination=protocols.A4))]
    assert hosts_of(table, packets) == [1, 2, 3, NO_GROUP, 1, 2, 1, NO_GROUP]
    assert table.describe(1)[2][12:] == bytes((192, 0, 2, 1))
    assert table.describe(3)[0] == 0


def test_many_flows_and_datagrams(kernels: ModuleType) -> None:
    """More than a table begins with, and more datagrams than are known."""
    table = kernels.FlowTable()
    flows = [(101, ipv4(6, tcp(source=port, destination=1))) for port in range(5000)]
    assert list(flows_of(table, flows + flows[::-1])) == [*range(1, 5001), *range(5000, 0, -1)]


def test_a_table_lets_go_of_the_oldest_datagrams(kernels: ModuleType) -> None:
    def fragments(number: int, source: str) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        values: dict[str, Any] = {"identification": number, "source": source}
        first = ipv4(protocols.UDP, udp(b""), fragment=0x2000, **values)
        return (101, first), (101, ipv4(protocols.UDP, b"", fragment=1, **values))

    table = kernels.FlowTable(0)
    oldest, later = fragments(0, "192.0.2.77")
    numbers = flows_of(table, [oldest, *(fragments(number, protocols.A4)[0] for number in range(2**16 - 1))])
    assert list(flows_of(table, [later])) == [numbers[0]]
    flows_of(table, [fragments(65535, protocols.A4)[0]])
    assert list(flows_of(table, [later])) == [WAITING]


def test_fragments_wait_for_their_first(kernels: ModuleType) -> None:
    cost = len(LATER) + 64
    table = kernels.FlowTable(2 * cost)
    numbers = flows_of(table, [(101, LATER), (101, ipv4(protocols.UDP, udp(b"")))])
    assert list(numbers) == [WAITING, 1]
    assert table.settle(numbers, 2, False) == 0
    flows_of(table, [(101, FIRST)], numbers)
    assert table.settle(numbers, 3, False) == 3
    assert list(numbers) == [1, 1, 1]
    assert table.describe(numbers[0])[3] == 40000


def test_fragments_wait_so_long(kernels: ModuleType) -> None:
    cost = len(LATER) + 64
    packets = [(101, LATER)] * 3
    table = kernels.FlowTable(2 * cost)
    numbers = flows_of(table, packets)
    assert list(numbers) == [WAITING] * 3
    assert table.settle(numbers, 3, False) == 3  # a first one would come 3 packets behind the first of them
    assert list(numbers) == [1, 1, 1]
    assert table.describe(1)[1:] == (17, table.describe(1)[2], None, table.describe(1)[4], None)
    numbers = flows_of(table, [(101, LATER)])
    assert list(numbers) == [WAITING + 1]
    assert table.settle(numbers, 1, True) == 1
    assert list(numbers) == [1]
    with pytest.raises(ValueError, match="row 0 waits for nothing"):
        table.settle(array("Q", [WAITING]), 1, True)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_rows_are_grouped(kernels: ModuleType, width: int) -> None:
    numbers = array("Q", [7, 3, 7, NO_GROUP, 3, 2, NO_GROUP, 7, 3])
    order, groups = kernels.group_rows(numbers, width)
    found = [5, 1, 4, 8, 0, 2, 7]
    assert (list(order), order.typecode) == ([index // width for index in found], "q")
    assert (list(groups), groups.typecode) == ([2, 1, 3, 3, 7, 3], "Q")
    assert [list(each) for each in kernels.group_rows(array("Q"), width)] == [[], []]
    assert [list(each) for each in kernels.group_rows(array("Q", [NO_GROUP] * 3), width)] == [[], []]


@given(st.lists(st.sampled_from([0, 1, 2, WAITING, NO_GROUP - 1, NO_GROUP]), max_size=60), st.integers(1, 3))
def test_both_forms_group_alike(compiled: ModuleType, numbers: list[int], width: int) -> None:
    given_numbers = array("Q", numbers)
    assert compiled.group_rows(given_numbers, width) == interpreted.group_rows(given_numbers, width)


def test_what_would_leave_a_table_is_refused(kernels: ModuleType) -> None:
    buffer, columns, headers = rows_of([(101, LATER), (101, A)])
    table, numbers = kernels.FlowTable(), array("Q", bytes(16))
    refusals: list[Callable[[], object]] = [
        lambda: kernels.FlowTable(-1),
        lambda: kernels.FlowTable(2**62),
        lambda: table.number_flows(buffer, columns, 3, headers, array("Q", bytes(24)), 0),
        lambda: table.number_flows(buffer, columns, 2, headers, numbers, 1),
        lambda: table.number_flows(buffer, columns, 2, headers, numbers, -1),
        lambda: table.number_flows(b"", columns, 2, headers, numbers, 0),
        lambda: table.number_flows(buffer, columns, -1, headers, numbers, 0),
        lambda: table.number_hosts(2, headers, numbers, 0),
        lambda: table.number_hosts(1, headers, numbers, -1),
        lambda: table.number_hosts(3, headers, array("Q", bytes(48)), 0),
        lambda: table.settle(numbers, 3, False),
        lambda: kernels.group_rows(numbers, 0),
        lambda: kernels.group_rows(array("q", [1]), 1),
        lambda: kernels.skip_link_layers(columns, 2, headers, array("Q", [101])),
        lambda: kernels.skip_link_layers(columns, 3, headers, array("Q", [101, 101])),
    ]
    for refused in refusals:
        with pytest.raises(ValueError, match=r".+"):
            refused()


# ---------------------------------------------------------------- link layers


def without_link_layers(
    kernels: Any, packets: list[tuple[int, bytes]], originals: list[int] | None = None
) -> list[tuple[bool, bytes, int]]:
    """Of each packet, whether it is one of IP or ARP, its bytes, and its original length."""
    buffer, columns, headers = rows_of(packets, originals)
    kernels.skip_link_layers(columns, len(packets), headers, link_types_of(packets))
    found = []
    for row in range(len(packets)):
        number, is_network = divmod(columns.interface[row], 2)
        assert number == row
        at, length = columns.data_at[row], columns.captured_length[row]
        found.append((bool(is_network), buffer[at : at + length], columns.original_length[row]))
    return found


def test_both_forms_skip_link_layers_alike(compiled: ModuleType) -> None:
    for link_type, data in PACKETS:
        cut = [(link_type, data[:length]) for length in range(len(data) + 1)]
        for originals in (None, [len(data)] * len(cut)):
            expected = without_link_layers(interpreted, cut, originals)
            assert without_link_layers(compiled, cut, originals) == expected


def test_link_layers_and_padding(kernels: ModuleType) -> None:
    packet, arp = ipv4(protocols.TCP, tcp(b"")), protocols.arp(1)
    packets = [
        (1, ethernet(protocols.IP, packet)),
        (1, ethernet(protocols.IP, packet + bytes(6))),
        (1, ethernet(protocols.VLAN, vlan(7, protocols.IP, packet + bytes(2)))),
        (1, ethernet(protocols.MPLS_UNICAST, protocols.mpls(3, rest=packet))),
        (113, protocols.sll(protocols.IP, packet)),
        (101, packet),
        (1, ethernet(protocols.ARP, arp + bytes(18))),
        (1, ethernet(protocols.VLAN, vlan(7, protocols.ARP, arp + bytes(14)))),
        (1, ethernet(0x88B5, b"other")),
        (1, ethernet(protocols.VLAN, vlan(7, 0x88B5, b"other"))),
        (1, protocols.ieee_802_3(protocols.llc(0x42, 0x42, b"bridge")) + bytes(20)),
        (1, b"short"),
        (105, b"wireless"),
    ]
    ip, other = (True, packet, len(packet)), (False, b"\x88\xb5other", 7)
    llc = protocols.llc(0x42, 0x42, b"bridge")
    expected = [ip] * 6 + [(True, arp, len(arp))] * 2 + [other] * 2
    expected += [(False, bytes((0, len(llc))) + llc, 2 + len(llc)), (False, b"short", 5), (False, b"wireless", 8)]
    assert without_link_layers(kernels, packets) == expected


@pytest.mark.parametrize("link_type", [1, 101, 113])
def test_the_second_implementation_skips_the_same(kernels: ModuleType, link_type: int) -> None:
    inside = [ipv4(protocols.TCP, tcp()), protocols.ipv6(protocols.UDP, udp()), b"\0\1\2", b""]
    packets = []
    for each in inside:
        kind = protocols.IP6 if each[:1] == b"\x60" else protocols.IP if each else 0x88B5
        data = {1: ethernet(kind, each), 101: each, 113: protocols.sll(kind, each)}[link_type]
        packets += [(link_type, data), (link_type, data + bytes(4))]
    found = without_link_layers(kernels, packets)
    assert found == [expected_headers.without_link_layer(*packet, len(packet[1])) for packet in packets]
