"""The kernels for sidecars: `rows_with_metadata`, `match_keys` and `fingerprints`."""

from array import array
from types import ModuleType

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from kernel_rows import agree, packet_rows, with_rows
from wire import In

from pcapconv.kernels.contract import FINGERPRINT
from pcapconv.model import Columns

MODULUS = 2**64 - 59

# ---------------------------------------------------------------- rows_with_metadata


@pytest.mark.parametrize(
    ("kind", "length", "captured", "options", "odd"),
    [
        (6, 36, 4, 0, False),
        (6, 36, 4, 4, True),
        (6, 36, 1, 0, False),
        (6, 36, 2, 0, True),
        (6, 36, 3, 0, True),
        (6, 0, 3, 0, False),  # it is not as it was, and gets padding of zeros
        (0, 19, 3, 0, False),
        (0, 19, 3, 4, True),
        (3, 20, 4, 0, True),
        (2, 36, 4, 0, True),
    ],
)
def test_rows_with_metadata(
    kernels: ModuleType, kind: int, length: int, captured: int, options: int, odd: bool
) -> None:
    buffer = bytes(4) + wire.number(length, 4) + {1: b"a\0\0\0", 2: b"ab\0\1", 3: b"abc\1"}.get(captured, b"abcd")
    rows = with_rows(
        2,
        data_at=[0, 8],
        record_type=[6, kind],
        record_length=[0, length],
        captured_length=[0, captured],
        options_length=[0, options],
    )
    mask = bytearray(b"\7\7\7")
    assert kernels.rows_with_metadata(buffer, rows, 2, mask) == odd
    assert mask == bytes([0, odd, 7])


@pytest.mark.parametrize(("stated", "odd"), [(36, False), (35, True), (33, True), (0, True)])
def test_rows_with_metadata_are_those_whose_lengths_do_not_count_their_padding(
    kernels: ModuleType, write: In, stated: int, odd: bool
) -> None:
    buffer = write.number(6, 4) + write.number(stated, 4) + b"a\0\0\0"
    rows = with_rows(1, record_type=[6], record_length=[36], captured_length=[1], data_at=[8])
    mask = bytearray(1)
    assert kernels.rows_with_metadata(buffer, rows, 1, mask) == odd
    assert mask == bytes([odd])


def test_rows_with_metadata_refuse_padding_outside_the_buffer(kernels: ModuleType) -> None:
    rows = with_rows(1, record_type=[6], record_length=[36], captured_length=[3])
    with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
        kernels.rows_with_metadata(b"abc", rows, 1, bytearray(1))
    with pytest.raises(ValueError, match="a mask of fewer than 1 rows"):
        kernels.rows_with_metadata(b"abcd", rows, 1, bytearray(0))


@given(data=st.data(), columns=packet_rows(8), buffer=st.binary(min_size=8, max_size=8))
def test_parity_of_rows_with_metadata(
    compiled: ModuleType, data: st.DataObject, columns: Columns, buffer: bytes
) -> None:
    rows = data.draw(st.integers(0, columns.capacity + 1))
    agree(compiled, "rows_with_metadata", buffer, columns, rows, bytearray(data.draw(st.integers(0, 5))))


# ---------------------------------------------------------------- match_keys


@pytest.mark.parametrize(
    ("ones", "others", "partner", "uneven"),
    [
        ([], [], [], []),
        ([1], [], [], []),
        ([], [1, 2], [-7, -7], []),
        ([5, 3, 4], [4, 5, 6], [2, 0, -7], []),
        ([3, 3], [3, 3], [0, 1], []),
        ([9, 3, 3], [3, 9, 3, 3], [-7, 0, -7, -7], [0, 2, 0, 3]),
        ([0, 2**64 - 1, 0], [2**64 - 1, 0], [1, -7], [0, 2, 0, 1]),
        ([1, 1, 2, 2, 2], [2, 1], [-7, -7], [0, 2, 0, 1, 2, 5, 1, 2]),
    ],
)
def test_match_keys(
    kernels: ModuleType, ones: list[int], others: list[int], partner: list[int], uneven: list[int]
) -> None:
    found = array("i", [-7] * (len(others) + 1))
    keys = array("Q", ones), array("Q", others)
    assert kernels.match_keys(*keys, found) == (*map(kernels.argsort, keys), array("q", uneven))
    assert list(found) == [*partner, -7]


def test_match_keys_refuses_other_columns(kernels: ModuleType) -> None:
    keys = array("Q", [1, 2])
    for partner in (array("i", [0]), array("q", [0, 0])):
        with pytest.raises(ValueError, match="no room for the partners of 2 rows"):
            kernels.match_keys(keys, keys, partner)
    with pytest.raises(ValueError, match="a table of fewer than 0 64-bit values"):
        kernels.match_keys(keys, array("I", [1]), array("i", [0, 0]))


@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=40))
def test_parity_of_match_keys(compiled: ModuleType, ones: list[int], others: list[int]) -> None:
    agree(compiled, "match_keys", array("Q", ones), array("Q", others), array("i", [-1] * len(others)))


# ---------------------------------------------------------------- fingerprints


def number(data: bytes) -> int:
    return int.from_bytes(data, "big") % MODULUS * 0x9E3779B97F4A7C15 % 2**64


def counted(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 24, 60, 63, 64, 65, 72, 128, 129, 191, 1514])
@pytest.mark.parametrize("byte", [0, 1, 255])
def test_fingerprints(kernels: ModuleType, size: int, byte: int) -> None:
    data = (bytes([byte]) + bytes(range(200)) * 8)[:size] if byte != 255 else b"\xff" * size
    time, original = 1_714_564_800_123_456_789, 2**32 - 1
    rows = with_rows(2, data_at=[0, 3], captured_length=[0, size], original_length=[0, original], ticks=[0, time])
    out = bytearray(b"\xaa" * 22)
    kernels.fingerprints(b"..." + data, rows, 1, 2, out, 2)
    when = number((time // 1000).to_bytes(8, "big") + original.to_bytes(4, "big"))
    assert out == (
        b"\xaa" * 2 + (when >> 16).to_bytes(6, "big") + (number(counted(data)) >> 32).to_bytes(4, "big") + b"\xaa" * 10
    )


def test_numbers_at_the_modulus(kernels: ModuleType) -> None:
    for value in (MODULUS - 1, MODULUS, MODULUS + 1, 2**64 - 1, 2**128 - 1, MODULUS * MODULUS, MODULUS << 64):
        data = value.to_bytes(16, "big")
        out = bytearray(FINGERPRINT)
        kernels.fingerprints(data, with_rows(1, captured_length=[16]), 0, 1, out, 0)
        assert int.from_bytes(out[6:10], "big") == number(counted(data)) >> 32


def test_zeros_at_the_beginning_count(kernels: ModuleType) -> None:
    rows = with_rows(3, data_at=[0, 4, 8], captured_length=[12, 8, 4])
    out = bytearray(3 * FINGERPRINT)
    kernels.fingerprints(bytes(12), rows, 0, 3, out, 0)
    assert len({bytes(out[at + 6 : at + 10]) for at in (0, 10, 20)}) == 3


def test_each_byte_has_a_part_in_the_fingerprint(kernels: ModuleType) -> None:
    data = bytes(range(64))
    rows = with_rows(1, captured_length=[64])
    wholes = set()
    for at in range(64):
        for byte in (0x80, 0xFE, 0xFF):
            out = bytearray(FINGERPRINT)
            kernels.fingerprints(data[:at] + bytes([byte]) + data[at + 1 :], rows, 0, 1, out, 0)
            wholes.add(bytes(out[6:10]))
    assert len(wholes) == 3 * 64


def test_fingerprints_refuse_what_is_outside(kernels: ModuleType) -> None:
    rows = with_rows(1, captured_length=[4])
    with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
        kernels.fingerprints(b"abc", rows, 0, 1, bytearray(10), 0)
    for row, last, room, at in ((0, 1, 9, 0), (0, 1, 10, 1), (-1, 1, 99, 0), (1, 0, 99, 0), (0, 1, 99, -1)):
        with pytest.raises(ValueError, match="no room for the fingerprints"):
            kernels.fingerprints(b"abcd", rows, row, last, bytearray(room), at)


@given(data=st.data(), columns=packet_rows(40), buffer=st.binary(min_size=40, max_size=40))
def test_parity_of_fingerprints(compiled: ModuleType, data: st.DataObject, columns: Columns, buffer: bytes) -> None:
    row, rows = data.draw(st.integers(-1, columns.capacity)), data.draw(st.integers(0, columns.capacity + 1))
    out = bytearray(data.draw(st.sampled_from([60, 60, 60, 20, 9])))
    agree(compiled, "fingerprints", buffer, columns, row, rows, out, data.draw(st.sampled_from([0, 0, 3, -1, 61])))
