"""The kernel `read_headers`: both forms against each other, and packets that were cut against whole ones."""

from array import array
from types import ModuleType
from typing import Any

import protocols
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernel_rows import changed_packets, with_rows

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels import interpreted
from pcapconv.model import Columns
from pcapconv.spec.protocols import CUT

PACKETS = protocols.packets()
LINK_TYPES = sorted({link_type for link_type, _ in PACKETS.values()} | {12, 14})
GROWING = {"vlan_count", "mpls_count", "payload_at", "payload_captured", "payload_length"}  # values up to the cut
GROWING |= {"inner_captured", "path", "path_length", "last_protocol", "ended"}
every_packet = pytest.mark.parametrize("name", PACKETS)


def rows_of(packets: list[tuple[int, bytes]], originals: list[int]) -> tuple[bytes, Columns, "array[int]"]:
    """The packets one behind the other in a buffer, with other bytes around them, and an interface for each."""
    buffer, places = bytearray(b"\x45" * 3), []
    for _, data in packets:
        places.append(len(buffer))
        buffer += data + b"\x45" * 3
    columns = with_rows(
        len(packets),
        data_at=places,
        captured_length=[len(data) for _, data in packets],
        original_length=originals,
        interface=list(range(len(packets))),
    )
    return bytes(buffer), columns, array("Q", [link_type for link_type, _ in packets])


def read(
    kernels: Any, packets: list[tuple[int, bytes]], originals: list[int] | None = None, *, inner: bool = False
) -> list[dict[str, int | bytes]]:
    """The values that each packet has."""
    buffer, columns, link_types = rows_of(packets, originals or [len(data) for _, data in packets])
    out = HeaderColumns(HeaderColumns.FIELDS, len(packets))
    kernels.read_headers(buffer, columns, len(packets), link_types, out, inner)
    assert out.rows == len(packets)
    found = []
    for row in range(out.rows):
        values = {name: out.value(row, name) for name in out.names}
        found.append({name: value for name, value in values.items() if value is not None})
    return found


def agree(compiled: ModuleType, packets: list[tuple[int, bytes]], originals: list[int] | None = None) -> None:
    for inner in (False, True):
        assert read(compiled, packets, originals, inner=inner) == read(interpreted, packets, originals, inner=inner)


def test_both_forms_agree_on_every_packet(compiled: ModuleType) -> None:
    agree(compiled, list(PACKETS.values()))


@every_packet
def test_both_forms_agree_on_a_packet_that_is_cut_anywhere(compiled: ModuleType, name: str) -> None:
    link_type, data = PACKETS[name]
    cut = [(link_type, data[:length]) for length in range(len(data))]
    agree(compiled, cut)
    agree(compiled, cut, [len(data)] * len(cut))


@every_packet
def test_both_forms_agree_on_a_packet_with_any_byte_changed(compiled: ModuleType, name: str) -> None:
    link_type, data = PACKETS[name]
    for value in (0, 0xFF, 0x01, 0x45, 0x60):
        agree(compiled, [(link_type, data[:at] + bytes((value,)) + data[at + 1 :]) for at in range(len(data))])


@given(
    packets=st.lists(st.tuples(st.sampled_from(LINK_TYPES), st.binary(max_size=120)), max_size=4),
    more=st.integers(0, 100),
)
def test_both_forms_agree_on_any_bytes(compiled: ModuleType, packets: list[tuple[int, bytes]], more: int) -> None:
    agree(compiled, packets, [len(data) + more for _, data in packets])


@given(changed=changed_packets())
def test_both_forms_agree_on_changed_packets(compiled: ModuleType, changed: tuple[int, bytes, int]) -> None:
    link_type, cut, original = changed
    agree(compiled, [(link_type, cut)], [original])


@pytest.mark.parametrize("inner", [False, True], ids=["outer", "inner"])
@every_packet
def test_a_cut_packet_has_the_values_of_the_whole_up_to_the_cut(kernels: ModuleType, name: str, inner: bool) -> None:
    link_type, data = PACKETS[name]
    whole = read(kernels, [(link_type, data)], inner=inner)[0]
    cut = [(link_type, data[:length]) for length in range(len(data))]
    for found in read(kernels, cut, [len(data)] * len(cut), inner=inner):
        if inner and found["link_at"] != whole["link_at"]:
            continue  # the cut is in the outer packet
        same = found.keys() - GROWING
        assert {key: found[key] for key in same} == {key: whole.get(key) for key in same}
        if found["ended"] != CUT:
            grown = GROWING - {"payload_captured", "inner_captured"}
            assert {key: found.get(key) for key in grown} == {key: whole.get(key) for key in grown}


def test_only_columns_that_are_asked_for_are_filled(kernels: ModuleType) -> None:
    buffer, columns, link_types = rows_of([PACKETS["ipv4 tcp"]] * 3, [100] * 3)
    out = HeaderColumns(["tcp_flags", "source_address"], 5)
    kernels.read_headers(buffer, columns, 3, link_types, out, False)
    assert out.tcp_flags.tolist() == [24, 24, 24, 0, 0]
    assert out.source_address.tobytes() == (bytes(10) + b"\xff\xff\xc0\0\2\1") * 3 + bytes(32)
    assert out.has(0, "source_port")
    assert not out.has(0, "icmp_type")
    with pytest.raises(AttributeError, match="the column ttl was not asked for"):
        assert out.ttl


@pytest.mark.parametrize("change", ["data_at", "length", "interface", "rows", "short", "type", "out", "links"])
def test_what_lies_outside_is_refused(kernels: ModuleType, change: str) -> None:
    buffer, columns, link_types = rows_of([PACKETS["ipv4 tcp"]], [100])
    out, rows = HeaderColumns(["ttl", "path"], 1), 1
    if change == "data_at":
        columns.data_at[0] = -1
    elif change == "length":
        columns.captured_length[0] = len(buffer)
    elif change == "interface":
        columns.interface[0] = 1
    elif change == "rows":
        rows = 2
    elif change == "short":
        out.path = array("B", bytes(15))
    elif change == "type":
        out.ttl = array("H", bytes(2))
    elif change == "out":
        out = HeaderColumns(["ttl"], 0)
    else:
        link_types = array("I", [1])
    with pytest.raises(ValueError, match=r"rows|values|lies outside"):
        kernels.read_headers(buffer, columns, rows, link_types, out, False)


@example(depth=4000)
@given(depth=st.integers(0, 40))
def test_a_packet_of_tags_alone_is_read_to_its_end(kernels: ModuleType, depth: int) -> None:
    tags = b"".join(protocols.vlan(1, protocols.VLAN, b"") for _ in range(depth))
    found = read(kernels, [(protocols.ETHERNET, protocols.ethernet(protocols.VLAN, tags))])[0]
    assert found["vlan_count"] == min(depth, 255)
    assert found["path_length"] == min(depth + 2, 255)
