"""The kernel `swap_headers`: facts about each link type, and both forms against a second implementation."""

from array import array
from types import ModuleType

import pytest
from host_order import (
    BUILDERS,
    CAN,
    CAN_SOCKETCAN,
    ENC,
    HOST_ORDER,
    ISOCHRONOUS,
    LINUX_SLL,
    LOOP,
    NFLOG,
    NULL,
    PFLOG,
    USB_LINUX,
    USB_LINUX_MMAPPED,
    cooked,
    nflog,
    null,
    pflog,
    swapped,
    usb,
)
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import MOST, agree, packet_rows, with_rows
from wire import BIG, LITTLE, ByteOrder

from pcapconv.kernels.contract import HEADERS_IN_HOST_ORDER

ORDERS = pytest.mark.parametrize("order", [LITTLE, BIG], ids=["little", "big"])
every_header = pytest.mark.parametrize("name", BUILDERS)


def done(kernels: ModuleType, link_type: int, data: bytes, order: ByteOrder, original: int | None = None) -> bytes:
    """What becomes of one packet, which stands behind and before other bytes."""
    buffer = bytearray(b"before" + data + b"behind")
    lengths = {"captured_length": [len(data)], "original_length": [len(data) if original is None else original]}
    columns = with_rows(1, data_at=[6], **lengths)
    kernels.swap_headers(buffer, columns, 1, array("Q", [link_type]), order == BIG)
    out = bytes(buffer)
    assert (out[:6], out[len(data) + 6 :]) == (b"before", b"behind")
    return out[6 : len(data) + 6]


def other(order: ByteOrder) -> ByteOrder:
    return LITTLE if order == BIG else BIG


def test_these_link_types_have_such_headers() -> None:
    assert set(HEADERS_IN_HOST_ORDER) == set(HOST_ORDER) == {0, 109, 113, 117, 189, 220, 239, 276}


@ORDERS
@every_header
def test_a_header_gets_the_other_byte_order(kernels: ModuleType, name: str, order: ByteOrder) -> None:
    link_type, build = BUILDERS[name]
    assert done(kernels, link_type, build(order), order) == build(other(order)) != build(order)


@ORDERS
@every_header
def test_of_a_packet_that_was_cut_whole_fields_are_swapped(kernels: ModuleType, name: str, order: ByteOrder) -> None:
    """At every length, captured or stated; the same again gives the same bytes back."""
    link_type, build = BUILDERS[name]
    whole = build(order)
    for length in range(len(whole) + 1):
        for data, original in ((whole[:length], len(whole)), (whole, length)):
            out = done(kernels, link_type, data, order, original)
            assert out == swapped(link_type, data, original, order)
            assert done(kernels, link_type, out, other(order), original) == data


@pytest.mark.parametrize(
    ("link_type", "data", "length", "out"),
    [
        (NULL, b"\2\0\0\0", 4, b"\0\0\0\2"),
        (NULL, b"\2\0\0", 3, b"\2\0\0"),
        (NULL, b"\2\0\0\0", 0, b"\0\0\0\2"),  # the filters of libpcap look at what was captured
        (ENC, b"\1\2\3\4abcd\5\6\7", 11, b"\4\3\2\1abcd\5\6\7"),
        (LINUX_SLL, bytes(14) + b"\x08\x00" + b"\1\2\3\4", 20, bytes(14) + b"\x08\x00" + b"\1\2\3\4"),
        (LINUX_SLL, bytes(14) + b"\x00\x0c" + b"\1\2\3\4", 20, bytes(14) + b"\x00\x0c" + b"\4\3\2\1"),
        (LINUX_SLL, bytes(14) + b"\x00\x0c" + b"\1\2\3\4", 19, bytes(14) + b"\x00\x0c" + b"\1\2\3\4"),
        (USB_LINUX, bytes(range(13)), 13, bytes([7, 6, 5, 4, 3, 2, 1, 0, 8, 9, 10, 11, 12])),
        (NFLOG, b"\2\1\0\7" + b"\x08\0\1\0abcd", 12, b"\2\1\0\7" + b"\x08\0\1\0abcd"),  # of another version
        (NFLOG, b"\2\0\0\7" + b"\3\0\1\0" + b"\4\0\2\0", 12, b"\2\0\0\7" + b"\0\3\0\1" + b"\0\4\0\2"),
        (NFLOG, b"\2\0\0\7" + b"\0\0\1\0" + b"\4\0\2\0", 12, b"\2\0\0\7" + b"\0\0\0\1" + b"\4\0\2\0"),  # goes nowhere
        (NFLOG, b"\2\0\0\7" + b"\x09\0\1\0" + b"\4\0\2\0", 12, b"\2\0\0\7" + b"\0\x09\0\1" + b"\4\0\2\0"),  # too long
        (NFLOG, b"\2\0\0\7" + b"\xfd\xff\1\0" + b"\4\0\2\0", 12, b"\2\0\0\7" + b"\xff\xfd\0\1" + b"\4\0\2\0"),
        (NFLOG, b"\2\0\0\7" + b"\5\0\1\0a\0\0\0" + b"\4\0\2\0", 15, b"\2\0\0\7" + b"\0\5\0\1a\0\0\0" + b"\0\4\0\2"),
        (NFLOG, b"\2\0\0\7" + b"\5\0\1\0a\0\0\0" + b"\4\0\2\0", 11, b"\2\0\0\7" + b"\0\5\0\1a\0\0\0" + b"\4\0\2\0"),
    ],
)
def test_how_lengths_are_checked(kernels: ModuleType, link_type: int, data: bytes, length: int, out: bytes) -> None:
    assert done(kernels, link_type, data, LITTLE, length) == out


@pytest.mark.parametrize("length", [0, 44, 47, 48, 51, 52, 59, 60, 255])
def test_the_packet_filters_header_ends_where_it_says(kernels: ModuleType, length: int) -> None:
    fields = max(0, min(4, (length - 44) // 4))
    at = 44 + 4 * fields
    assert done(kernels, PFLOG, pflog(BIG, length), BIG) == pflog(LITTLE, length)[:at] + pflog(BIG, length)[at:]


@ORDERS
@pytest.mark.parametrize(("stated", "descriptors"), [(0, 0), (1, 1), (2, 2)])
def test_as_many_isochronous_descriptors_as_the_header_states(
    kernels: ModuleType, stated: int, descriptors: int, order: ByteOrder
) -> None:
    data, expected = (
        usb(each, ISOCHRONOUS, mapped=True, captured_descriptors=stated) for each in (order, other(order))
    )
    at = 64 + 16 * descriptors
    assert done(kernels, USB_LINUX_MMAPPED, data, order) == expected[:at] + data[at:]


def test_more_descriptors_than_there_are_bytes(kernels: ModuleType) -> None:
    """Four billion end with the packet."""
    data = usb(BIG, ISOCHRONOUS, mapped=True, captured_descriptors=MOST)
    out = done(kernels, USB_LINUX_MMAPPED, data, BIG)
    assert out[:96] == usb(LITTLE, ISOCHRONOUS, mapped=True, captured_descriptors=MOST)[:96]
    assert out[96:] == b"atad"  # read as the status of a third one
    assert done(kernels, USB_LINUX_MMAPPED, out, LITTLE) == data


@pytest.mark.parametrize("link_type", [1, 12, 101, LOOP, CAN_SOCKETCAN, 249, 253, 65535, 65536, 2**64 - 1])
def test_other_link_types_stay(kernels: ModuleType, link_type: int) -> None:
    for _, build in BUILDERS.values():
        assert done(kernels, link_type, build(BIG), BIG) == build(BIG)


def test_each_packet_is_swapped_as_its_interface_says(kernels: ModuleType) -> None:
    data = [null(BIG), nflog(BIG), cooked(CAN, BIG), null(BIG)]
    buffer = bytearray(b"".join(data))
    places = [sum(map(len, data[:row])) for row in range(4)]
    lengths = [len(each) for each in data]
    columns = with_rows(4, data_at=places, captured_length=lengths, original_length=lengths, interface=[0, 1, 2, 3])
    kernels.swap_headers(buffer, columns, 4, array("Q", [NULL, NFLOG, LINUX_SLL, 1]), True)
    assert buffer == null(LITTLE) + nflog(LITTLE) + cooked(CAN, LITTLE) + null(BIG)


@pytest.mark.parametrize(
    "values",
    [{"data_at": [-1]}, {"data_at": [1]}, {"captured_length": [5]}, {"captured_length": [MOST]}, {"interface": [1]}],
)
def test_rows_that_cannot_be_are_refused(kernels: ModuleType, values: dict[str, list[int]]) -> None:
    buffer = bytearray(b"\2\0\0\0")
    columns = with_rows(1, **{"captured_length": [4], "original_length": [4], **values})
    with pytest.raises(ValueError, match="row 0 lies outside its buffer or names an interface that is not there"):
        kernels.swap_headers(buffer, columns, 1, array("Q", [NULL]), False)
    assert buffer == b"\2\0\0\0"


def test_tables_and_columns_of_another_kind_are_refused(kernels: ModuleType) -> None:
    for columns, table in ((with_rows(1), array("I", [0])), (with_rows(0), array("Q", [0]))):
        with pytest.raises(ValueError, match=r"column|table"):
            kernels.swap_headers(bytearray(4), columns, 1, table, False)


# ---------------------------------------------------------------- both forms, any bytes

PIECES = st.one_of(
    st.binary(max_size=24),
    st.sampled_from([b"\0", b"\2\0\0\7", b"\0\x0c", b"\x0c\0", b"\x00\x0e", b"\4\0\1\0", b"\0\5\0\1", bytes(16)]),
    st.sampled_from([build(order) for _, build in BUILDERS.values() for order in (LITTLE, BIG)]),
)
CONTENTS = st.lists(PIECES, max_size=4).map(b"".join)
LINK_TYPES = st.sampled_from([*HOST_ORDER, LOOP, 1])


@given(data=CONTENTS, link_type=LINK_TYPES, original=st.integers(0, 200), order=st.sampled_from([LITTLE, BIG]))
def test_any_bytes_are_swapped_as_the_second_implementation_has_it(
    kernels: ModuleType, data: bytes, link_type: int, original: int, order: ByteOrder
) -> None:
    out = done(kernels, link_type, data, order, original)
    assert out == swapped(link_type, data, original, order)
    assert done(kernels, link_type, out, other(order), original) == data


@given(st.data(), CONTENTS, st.lists(LINK_TYPES, max_size=3), st.booleans())
def test_both_forms_agree(
    compiled: ModuleType, data: st.DataObject, content: bytes, link_types: list[int], big: bool
) -> None:
    columns = data.draw(packet_rows(len(content)))
    rows = data.draw(st.integers(-1, columns.capacity + 1))
    agree(compiled, "swap_headers", bytearray(content), columns, rows, array("Q", link_types), big)
