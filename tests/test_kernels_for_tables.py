"""The kernels that fill columns of tables: numbers, codes of interfaces, bytes, directions, comments, addresses."""

import random
from array import array
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import MOST, agree, packet_rows, with_rows
from wire import BIG

from pcapconv.header_columns import HeaderColumns
from pcapconv.model import Columns


def ints(*values: int) -> "array[int]":
    return array("i", values)


def with_options(*lists: bytes) -> tuple[bytes, Columns]:
    """A buffer with option lists one after the other, and a row for each."""
    offsets = [sum(map(len, lists[:index])) for index in range(len(lists))]
    return b"".join(lists), with_rows(len(lists), options_at=offsets, options_length=list(map(len, lists)))


def commented(kernels: ModuleType, *lists: bytes, big: bool = False) -> tuple[list[int], list[bytes]]:
    """After which number of comments each row ends, and the comments."""
    buffer, columns = with_options(*lists)
    ends, offsets, out = ints(*[0] * (len(lists) + 1)), ints(*[0] * (len(buffer) // 4 + 1)), bytearray(4 * len(buffer))
    count, at = kernels.copy_comments(buffer, columns, len(lists), big, ends, 0, offsets, 0, out, 0)
    assert offsets[count] == at
    return list(ends[1:]), [bytes(out[offsets[index] : offsets[index + 1]]) for index in range(count)]


def directions(kernels: ModuleType, *lists: bytes, big: bool = False) -> list[int]:
    buffer, columns = with_options(*lists)
    out = bytearray(b"\xaa") * (len(lists) + 1)
    kernels.copy_directions(buffer, columns, len(lists), big, out, 1)
    assert out[0] == 0xAA
    return list(out[1:])


def test_rows_within(kernels: ModuleType) -> None:
    lengths = array("I", [3, 0, 4, MOST, MOST])
    found = [kernels.rows_within(lengths, 0, 5, most) for most in (-1, 0, 2, 3, 6, 7, 7 + MOST, 2**40)]
    assert found == [0, 0, 0, 2, 2, 3, 4, 5]
    assert [kernels.rows_within(lengths, first, 3, 4) for first in range(4)] == [2, 3, 3, 3]


def test_write_numbers(kernels: ModuleType) -> None:
    out = array("q", [-1] * 5)
    kernels.write_numbers(7, 3, out, 1)
    assert list(out) == [-1, 7, 8, 9, -1]
    kernels.write_numbers(2**63 - 3, 2, out, 3)
    assert list(out[3:]) == [2**63 - 3, 2**63 - 2]
    with pytest.raises(ValueError, match="more than 64 bits"):
        kernels.write_numbers(2**63 - 2, 2, out, 0)


def test_look_up(kernels: ModuleType) -> None:
    out = ints(-9, -9, -9, -9)
    kernels.look_up(with_rows(3, interface=[1, 0, 2]), 3, ints(5, -1, 2**31 - 1), out, 1)
    assert list(out) == [-9, -1, 5, 2**31 - 1]
    for codes in (ints(5, 6), ints()):
        with pytest.raises(ValueError, match=f"an interface of {len(codes)} codes"):
            kernels.look_up(with_rows(3, interface=[1, 0, 2]), 3, codes, out, 0)
    kernels.look_up(with_rows(0), 0, ints(), out, 4)


def test_copy_data(kernels: ModuleType) -> None:
    columns = with_rows(3, data_at=[2, 8, 0], captured_length=[3, 0, 2])
    out, offsets = bytearray(b"........"), ints(0, 1, 0, 0, 0)
    assert kernels.copy_data(b"abcdefgh", columns, 3, out, 1, offsets, 1) == 6
    assert (bytes(out), list(offsets)) == (b".cdeab..", [0, 1, 4, 4, 6])
    with pytest.raises(ValueError, match="no room for row 2"):
        kernels.copy_data(b"abcdefgh", columns, 3, bytearray(4), 0, offsets, 1)


def test_copy_comments(kernels: ModuleType) -> None:
    lists = (
        wire.options((1, b"one"), (2, bytes(4)), (1, b"")),
        b"",
        wire.options((4, b"x")),
        wire.options((1, b"end"), end=False) + b"\1\0\xff\xff",
        wire.options((1, b"a\0b")),
        wire.options((0, b"")) + wire.options((1, b"behind the end")),
    )
    assert commented(kernels, *lists) == ([2, 2, 2, 3, 4, 4], [b"one", b"", b"end", b"a"])
    big = wire.options((1, b"big"), byte_order=BIG)
    assert commented(kernels, big, big=True) == ([1], [b"big"])


@pytest.mark.parametrize(
    "value",
    [
        *(b"\xff", b"a\x80", b"\xc3", b"\xc3\xa4", b"\xc1\x81", b"\xe2\x82", b"\xe2\x82\xac", b"\xe0\x9f\xbf"),
        *(b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf"),
        *(b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf0\x9f\x98\x80\xf0\x9f\x98", b"\xe2\0\x82\xac", b"\\x41"),
    ],
)
def test_comments_become_utf_8(kernels: ModuleType, value: bytes) -> None:
    expected = value.partition(b"\0")[0].decode("utf-8", "backslashreplace").encode()
    assert commented(kernels, wire.options((1, value)))[1] == [expected]


def test_any_bytes_become_utf_8(kernels: ModuleType) -> None:
    draw = random.Random(1)
    pool = b"\x41\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff"
    values = [bytes(draw.choices(pool, k=draw.randint(0, 7))) for _ in range(5000)]
    expected = [value.decode("utf-8", "backslashreplace").encode() for value in values]
    assert commented(kernels, *(wire.options((1, value)) for value in values))[1] == expected


def test_copy_directions(kernels: ModuleType) -> None:
    lists = (
        *(wire.options((1, b"x"), (2, bytes([value, 0, 0, 0xFF]))) for value in (0, 1, 2, 3, 0xFE)),
        b"",
        wire.options((2, b"\1\0\0\0\0")),
        wire.options((2, b""), (2, b"\1\0\0\0")),
        wire.options((2, b"\2\0\0\0"), (2, b"\1\0\0\0"), end=False),
        b"\2\0\4\0\1\0\0",
    )
    assert directions(kernels, *lists) == [0, 1, 2, 3, 2, 0, 0, 0, 2, 0]
    big = wire.options((2, b"\1\0\0\2"), byte_order=BIG)
    assert directions(kernels, big, big=True) == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("copy_comments", ints(0), 0, ints(0, 0, 0), 0, bytearray(99), 0), "not 2 values of type i"),
        (("copy_comments", ints(0, 0), -1, ints(0, 0, 0), 0, bytearray(99), 0), "not 2 values of type i"),
        (("copy_comments", array("I", [0, 0]), 0, ints(0, 0, 0), 0, bytearray(99), 0), "not 2 values of type i"),
        (("copy_comments", ints(0, 0), 0, ints(), 0, bytearray(99), 0), "not 1 values of type i"),
        (("copy_comments", ints(0, 0), 0, ints(0, 0, 0), 3, bytearray(99), 0), "outside the output"),
        (("copy_comments", ints(0, 0), 0, ints(0, 0, 0), -1, bytearray(99), 0), "outside the output"),
        (("copy_comments", ints(0, 0), 0, ints(0, 0, 0), 0, bytearray(99), 100), "outside the output"),
        (("copy_comments", ints(0, 0), 0, ints(0, 0), 0, bytearray(99), 0), "no room for row 0"),
        (("copy_comments", ints(0, 0), 0, ints(0, 0, 0), 0, bytearray(31), 0), "no room for row 0"),
        (("copy_directions", bytearray(1), 1), "outside the output"),
        (("copy_directions", bytearray(1), -1), "outside the output"),
    ],
    ids=str,
)
def test_refusals(kernels: ModuleType, arguments: tuple[Any, ...], message: str) -> None:
    name, *rest = arguments
    buffer, columns = with_options(wire.options((1, b"a"), end=False))
    with pytest.raises(ValueError, match=message):
        getattr(kernels, name)(buffer, columns, 1, False, *rest)
    for at, length in ((5, 4), (-1, 4), (0, MOST)):
        columns = with_rows(1, options_at=[at], options_length=[length])
        with pytest.raises(ValueError, match=r"row 0 lies outside its buffer|no room for row 0"):
            kernels.copy_comments(buffer, columns, 1, False, ints(0, 0), 0, ints(*[0] * 9), 0, bytearray(99), 0)
        with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
            kernels.copy_directions(buffer, columns, 1, False, bytearray(1), 0)


# ---------------------------------------------------------------- addresses

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
MAPPED = bytes(10) + b"\xff\xff"
TEXTS = [  # the network protocol, 16 bytes, their text
    (IPV4, MAPPED + bytes((192, 0, 2, 1)), b"192.0.2.1"),
    (IPV4, MAPPED + bytes((0, 9, 10, 255)), b"0.9.10.255"),
    (ARP, MAPPED + bytes((99, 100, 199, 200)), b"99.100.199.200"),
    (IPV6, MAPPED + bytes((1, 2, 3, 4)), b"::ffff:1.2.3.4"),
    (IPV6, MAPPED + bytes((255, 255, 255, 255)), b"::ffff:255.255.255.255"),
    (IPV6, bytes(16), b"::"),
    (IPV6, bytes(15) + b"\1", b"::1"),
    (IPV6, bytes(12) + bytes((1, 2, 3, 4)), b"::102:304"),
    (IPV6, b"\xfe\x80" + bytes(14), b"fe80::"),
    (IPV6, bytes.fromhex("20010db8000000010000000000000001"), b"2001:db8:0:1::1"),
    (IPV6, bytes.fromhex("20010db8000000000001000000000001"), b"2001:db8::1:0:0:1"),
    (IPV6, bytes.fromhex("20010db8000100020003000400000006"), b"2001:db8:1:2:3:4:0:6"),
    (IPV6, bytes.fromhex("0000000100000000000000000a000000"), b"0:1::a00:0"),
    (IPV6, b"\xff" * 16, b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]


def with_addresses(*rows: tuple[int, bytes] | None) -> HeaderColumns:
    """Header columns with a source address and MAC address in each row but those that are None."""
    headers = HeaderColumns(["source_address", "network_protocol", "source_mac"], len(rows))
    for row, each in enumerate(rows):
        if each is not None:
            network, value = each
            headers.network_protocol[row] = network
            headers.source_address[16 * row : 16 * (row + 1)] = array("B", value)
            headers.source_mac[6 * row : 6 * (row + 1)] = array("B", value[-6:])
            headers.present[row] = 2**64 - 1
    return headers


def addresses(kernels: ModuleType, headers: HeaderColumns, name: str, rows: int) -> list[bytes]:
    out, offsets = bytearray(b"\xaa" * (39 * rows + 1)), ints(-1, 1, *[0] * rows)
    end = kernels.copy_addresses(headers, name, rows, out, 1, offsets, 1)
    assert (out[0], offsets[0], offsets[1], offsets[rows + 1]) == (0xAA, -1, 1, end)
    return [bytes(out[begin:stop]) for begin, stop in pairwise(offsets[1:])]


def test_copy_addresses(kernels: ModuleType) -> None:
    headers = with_addresses(*((network, value) for network, value, _ in TEXTS), None)
    assert addresses(kernels, headers, "source_address", len(headers.present)) == [text for *_, text in TEXTS] + [b""]
    macs = [value[-6:].hex(":").encode() for _, value, _ in TEXTS] + [b""]
    assert addresses(kernels, headers, "source_mac", len(headers.present)) == macs
    assert addresses(kernels, headers, "source_mac", 0) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("source_address", 2, bytearray(99), 0, ints(0, 0, 0), 0), "values of type Q"),
        (("source_address", 1, bytearray(38), 0, ints(0, 0), 0), "no room for row 0"),
        (("source_address", 1, bytearray(39), 1, ints(0, 0), 0), "no room for row 0"),
        (("source_address", 1, bytearray(39), 40, ints(0, 0), 0), "outside the output"),
        (("source_address", 1, bytearray(39), -1, ints(0, 0), 0), "outside the output"),
        (("source_address", 1, bytearray(39), 0, ints(0, 0), 1), "not 2 values of type i"),
        (("source_address", 1, bytearray(39), 0, ints(0, 0), -1), "not 2 values of type i"),
        (("source_address", 1, bytearray(39), 0, array("I", [0, 0]), 0), "not 2 values of type i"),
        (("source_address", -1, bytearray(39), 0, ints(0, 0), 0), "values of type"),
        (("network_protocol", 1, bytearray(39), 0, ints(0, 0), 0), "the column network_protocol has no addresses"),
    ],
    ids=str,
)
def test_addresses_that_are_refused(kernels: ModuleType, arguments: tuple[Any, ...], message: str) -> None:
    headers = with_addresses((IPV4, bytes(16)))
    with pytest.raises(ValueError, match=message):
        kernels.copy_addresses(headers, *arguments)


def test_addresses_need_their_network_protocol(kernels: ModuleType) -> None:
    headers = HeaderColumns(["source_address"], 1)
    with pytest.raises(AttributeError, match="network_protocol was not asked for"):
        kernels.copy_addresses(headers, "source_address", 1, bytearray(39), 0, ints(0, 0), 0)
    headers = with_addresses((IPV4, bytes(16)))
    headers.network_protocol = array("H")
    with pytest.raises(ValueError, match="values of type H"):
        kernels.copy_addresses(headers, "source_address", 1, bytearray(39), 0, ints(0, 0), 0)


WORD = st.sampled_from([b"\0\0", b"\0\0", b"\0\0", b"\xff\xff", b"\0\1", b"\x0a\xbc", b"\1\0"])
ROW = st.tuples(
    st.sampled_from([IPV4, IPV6, IPV6, 0]),
    st.one_of(st.binary(min_size=16, max_size=16), st.lists(WORD, min_size=8, max_size=8).map(b"".join)),
)


@given(st.lists(st.none() | ROW, max_size=6), st.integers(-1, 7), st.integers(0, 250), st.integers(-1, 3))
def test_both_forms_write_addresses_alike(
    compiled: ModuleType, found: list[tuple[int, bytes] | None], rows: int, room: int, row: int
) -> None:
    headers = with_addresses(*found)
    for name in ("source_address", "source_mac"):
        agree(compiled, "copy_addresses", headers, name, rows, bytearray(room), min(room, 3), ints(*range(9)), row)


SMALL = st.integers(-1, 5)
LISTS = st.lists(
    st.builds(
        lambda pairs, rest: wire.options(*pairs, end=False) + rest,
        st.lists(st.tuples(st.sampled_from([1, 1, 2, 0, 5]), st.binary(max_size=7)), max_size=3),
        st.binary(max_size=5),
    ),
    max_size=4,
)


@given(LISTS, st.booleans(), SMALL, SMALL, st.integers(0, 200))
def test_both_forms_read_options_alike(
    compiled: ModuleType, lists: list[bytes], big: bool, row: int, count: int, room: int
) -> None:
    buffer, columns = with_options(*lists)
    rows = len(lists)
    agree(compiled, "copy_directions", buffer, columns, rows, big, bytearray(6), row)
    places = ints(*range(7)), row, ints(*range(9)), count, bytearray(room), min(room, 3)
    agree(compiled, "copy_comments", buffer, columns, rows, big, *places)


@given(packet_rows(32), SMALL, SMALL, st.integers(-1, 40), st.integers(0, 40), st.lists(st.integers(-3, 3), max_size=4))
def test_both_forms_do_the_same_to_any_rows(
    compiled: ModuleType, columns: Columns, rows: int, row: int, at: int, room: int, codes: list[int]
) -> None:
    buffer = bytes(range(32))
    agree(compiled, "copy_data", buffer, columns, rows, bytearray(room), at, ints(*range(6)), row)
    agree(compiled, "look_up", columns, rows, ints(*codes), ints(*range(5)), row)
    agree(compiled, "rows_within", columns.captured_length, row, rows, at)
    agree(compiled, "write_numbers", min(2**63 - 4 + at, 2**63 - 1), rows, array("q", range(5)), row)
    agree(compiled, "copy_comments", buffer, columns, rows, False, ints(*range(6)), row, ints(0), 0, bytearray(room), 0)
    agree(compiled, "copy_directions", buffer, columns, rows, True, bytearray(5), row)
