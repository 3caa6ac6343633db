"""Decompression: members one after the other, what may stand between them, damage, and limits of memory."""

import gzip
import lzma
import struct
from pathlib import Path
from random import Random

import lz4.frame
import pytest
from compressing import COMPRESS, SKIPPABLE, bomb, compressed, each_compression, xz_with_dictionary, zstd_with_window
from conversions import peak_memory

from pcapconv import FormatError
from pcapconv.io.compression import COMPRESSIONS, recognise_compression
from pcapconv.io.decompression import Decompression, StreamDamage

WEB = Path(__file__).parent / "samples" / "web.pcap"
DATA = b"".join(struct.pack("<IH", number * 2654435761 & 0xFFFFFFFF, number & 0xFF) for number in range(40_000))


def decompression(data: bytes, *, again: bool = True, size: int = 2**16) -> Decompression:
    """A decompression of these bytes; `again` if they can be read again, `size` bytes at once."""
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        position += len(piece := data[position : position + min(count, size)])
        return piece

    compression = recognise_compression(data)
    assert compression is not None
    return Decompression(compression, read, (lambda at, count: data[at : at + count]) if again else None)


def decompressed(data: bytes, *, again: bool = True, size: int = 2**16) -> tuple[bytes, StreamDamage | None]:
    stream = decompression(data, again=again, size=size)
    return b"".join(stream.pieces()), stream.damage


@each_compression
def test_a_compression_is_recognised_by_its_first_bytes(name: str) -> None:
    found = recognise_compression(COMPRESS[name](b"data"))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "head", [b"", b"\x1f", b"BZhang wrote", b"BZh9 bytes", b"\xfd7zX", b"P*M", b"\xd4\xc3\xb2\xa1"]
)
def test_other_bytes_are_not_compressed(head: bytes) -> None:
    assert recognise_compression(head) is None


@each_compression
@pytest.mark.parametrize("size", [1, 3, 1000, 2**16])
@pytest.mark.parametrize("again", [True, False], ids=["file", "pipe"])
def test_members_follow_each_other(name: str, size: int, again: bool) -> None:
    data = DATA[:20_000] if size < 1000 else DATA
    assert decompressed(compressed(name, data[:7], b"", data[7:]), again=again, size=size) == (data, None)


@each_compression
def test_no_data_is_no_damage(name: str) -> None:
    assert decompressed(compressed(name, b"", b"")) == (b"", None)


@each_compression
def test_very_many_small_members(name: str) -> None:
    """As many as make a large file: each takes only its own bytes."""
    assert decompressed(COMPRESS[name](b"12345678") * 3000) == (b"12345678" * 3000, None)


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("size", [1, 2**16])
def test_frames_without_data_are_passed_over(name: str, size: int) -> None:
    empty = b"\x5f\x2a\x4d\x18" + bytes(4)
    packed = SKIPPABLE + empty + COMPRESS[name](DATA) + SKIPPABLE + COMPRESS[name](b"end") + empty
    stream = decompression(packed, size=size)
    assert b"".join(stream.pieces()) == DATA + b"end"
    assert (stream.damage, stream.compression.name) == (None, name)


def test_only_frames_without_data() -> None:
    assert decompressed(SKIPPABLE * 2) == (b"", None)
    assert decompressed(SKIPPABLE * 2 + SKIPPABLE[:-1]) == (
        b"",
        StreamDamage(38, "the zstd data is cut off", 0, cut_off=True),
    )
    assert decompressed(SKIPPABLE + b"text") == (b"", StreamDamage(13, "the bytes from here on are no zstd data", 4))


@pytest.mark.parametrize("name", ["gzip", "xz"])
@pytest.mark.parametrize("zeros", [4, 512, 2**17])
def test_zeros_behind_a_member_are_padding(name: str, zeros: int) -> None:
    one, two = COMPRESS[name](DATA), COMPRESS[name](b"end")
    assert decompressed(one + bytes(zeros)) == (DATA, None)
    assert decompressed(one + bytes(zeros) + two) == (DATA + b"end", None)
    damage = StreamDamage(len(one) + zeros, f"the bytes from here on are no {name} data", 7)
    assert decompressed(one + bytes(zeros) + b"garbage") == (DATA, damage)


@each_compression
@pytest.mark.parametrize("again", [True, False], ids=["file", "pipe"])
def test_garbage_behind_the_last_member(name: str, again: bool) -> None:
    packed = COMPRESS[name](DATA)
    damage = StreamDamage(len(packed), f"the bytes from here on are no {name} data", 100_000)
    assert decompressed(packed + b"garbage..." * 10_000, again=again) == (DATA, damage)


@each_compression
@pytest.mark.parametrize("again", [True, False], ids=["file", "pipe"])
def test_data_that_is_cut_off_anywhere(name: str, again: bool) -> None:
    packed = COMPRESS[name](DATA)
    longest = 0
    for cut in [*range(10, 60), *range(60, len(packed), 9973), len(packed) - 1]:
        data, damage = decompressed(packed[:cut], again=again)
        assert DATA.startswith(data)
        assert damage == StreamDamage(cut, f"the {name} data is cut off", 0, cut_off=True)
        assert len(data) >= longest
        longest = len(data)
    assert longest == len(DATA)


def test_every_byte_before_a_corrupt_one_in_gzip_data() -> None:
    """Stored blocks are 64 KiB at most; the one of an unknown type comes behind three of them."""
    block = b"\x00" + struct.pack("<HH", 50_000, 50_000 ^ 0xFFFF)
    head = bytes.fromhex("1f8b0800000000000003")
    packed = head + b"".join(block + DATA[at : at + 50_000] for at in (0, 50_000, 100_000)) + b"\x07" + bytes(1000)
    data, damage = decompressed(packed)
    assert data == DATA[:150_000]
    assert damage is not None
    assert (damage.offset, damage.bytes_left_out) == (len(packed) - 1001, 1001)
    assert damage.reason.startswith("the gzip data is corrupt (")
    from_pipe, damage = decompressed(packed, again=False)
    assert DATA.startswith(from_pipe)
    assert len(from_pipe) >= 150_000 - 2**14
    assert damage is not None
    assert damage.offset <= len(packed) - 1001


@pytest.mark.parametrize("again", [True, False], ids=["file", "pipe"])
@pytest.mark.parametrize(("field", "what"), [(0, "checksum"), (4, "size")])
def test_a_trailer_that_is_wrong_costs_nothing(again: bool, field: int, what: str) -> None:
    packed = bytearray(gzip.compress(DATA))
    packed[field - 8] ^= 1
    reason = f"the gzip data is corrupt (wrong {what}: what was decompressed may be wrong, too)"
    assert decompressed(bytes(packed), again=again) == (DATA, StreamDamage(len(packed) - 8, reason, 0))
    assert decompressed(bytes(packed) + b"more", again=again) == (DATA, StreamDamage(len(packed) - 8, reason, 4))


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_a_checksum_that_is_wrong_costs_nothing(name: str) -> None:
    packed = bytearray(COMPRESS[name](DATA))
    packed[-1] ^= 1
    data, damage = decompressed(bytes(packed))
    assert data == DATA
    assert damage is not None
    assert damage.offset == len(packed) - 1


@each_compression
def test_a_bit_that_flips_costs_only_what_comes_behind_it(name: str) -> None:
    """Whatever comes before it in another block, chunk or symbol."""
    half = len(DATA) // 2
    first, packed = COMPRESS[name](DATA[:half]), bytearray(compressed(name, DATA[:half], DATA[half:]))
    packed[len(first) + (len(packed) - len(first)) // 2] ^= 0x10
    for again in (True, False):
        data, damage = decompressed(bytes(packed), again=again)
        assert data[:half] == DATA[:half]
        assert damage is not None
        assert len(first) < damage.offset <= len(packed)


@each_compression
@pytest.mark.parametrize("again", [True, False], ids=["file", "pipe"])
def test_a_bomb_takes_no_memory(name: str, again: bool) -> None:
    packed, size = bomb(name, 64), 0

    def read() -> None:
        nonlocal size
        for piece in decompression(packed, again=again).pieces():
            assert len(piece) < 2**20
            size += len(piece)

    assert peak_memory(read) < 12 * 2**20  # `xz -6` has a dictionary of 8 MiB
    assert size == 2**26


def test_memory_that_a_header_asks_for_is_refused() -> None:
    large = zstd_with_window(27, DATA)  # as `zstd --ultra -22` makes them
    assert decompressed(large) == (DATA, None)
    for packed, name, program in (
        (zstd_with_window(28, DATA), "zstd", "zstd -d -M2048MB"),
        (xz_with_dictionary(2**28, DATA), "xz", "xz -d"),
    ):
        with pytest.raises(FormatError, match=f"^its {name} data takes more than 128 MiB of memory .*: {program}$"):
            decompressed(packed)


def test_a_gzip_header_with_everything() -> None:
    fields = b"\x04\0ab\x02\0" + b"name\0" + b"comment\0" + b"\xaa\xbb"
    packed = b"\x1f\x8b\x08\x1f" + bytes(6) + fields + gzip.compress(DATA, mtime=0)[10:]
    for size in (1, 2**16):
        assert decompressed(packed, size=size) == (DATA, None)
    for cut in range(10, 10 + len(fields)):
        assert decompressed(packed[:cut]) == (b"", StreamDamage(cut, "the gzip data is cut off", 0, cut_off=True))


def test_a_gzip_header_that_has_no_end() -> None:
    data, damage = decompressed(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 2**21)
    assert data == b""
    assert damage is not None
    assert damage.reason == "the gzip data is corrupt (invalid header)"


def test_names_and_suffixes_differ() -> None:
    assert len({each.name for each in COMPRESSIONS}) == len({each.suffix for each in COMPRESSIONS}) == 5


def test_a_bomb_with_damage_behind_it_is_salvaged_soon() -> None:
    """One block of bzip2 data gives 40 MB, and then its checksum is wrong. The library keeps the very last byte."""
    packed = bytearray(COMPRESS["bzip2"](bytes(40 * 2**20)))
    packed[10] ^= 1  # the checksum of the block
    size = 0
    stream = decompression(bytes(packed))
    for piece in stream.pieces():
        size += len(piece)
    assert size == 40 * 2**20 - 1
    assert stream.damage is not None


def test_what_is_checked_at_the_end_of_an_xz_chunk_costs_one_byte() -> None:
    """The library loses the last byte in the call that checks. What is behind the chunk costs nothing: the padding and
    the checksum of the block, the index and the footer."""
    data = WEB.read_bytes()
    packed = lzma.compress(data)
    chunk = 12 + 4 * (packed[12] + 1)  # behind the headers of stream and block
    last = chunk + 5 + int.from_bytes(packed[chunk + 3 : chunk + 5], "big") + 1
    assert packed[last + 1] == 0  # no further chunk
    for at, lost in ((last - 1, 1), (last, 1), *((at, 0) for at in range(last + 2, len(packed)))):
        damaged = bytearray(packed)
        damaged[at] ^= 1
        found, damage = decompressed(bytes(damaged))
        assert found == data[: len(data) - lost], at
        assert damage is not None
        assert damage.offset >= last


def test_a_wrong_checksum_of_a_bzip2_block_costs_its_last_byte() -> None:
    data = WEB.read_bytes()
    packed = bytearray(COMPRESS["bzip2"](data))
    packed[10] ^= 1
    assert decompressed(bytes(packed))[0] == data[:-1]
    packed[10] ^= 1
    packed[-1] ^= 0x80  # the checksum of the stream, or what fills its last byte
    packed[-3] ^= 1
    assert decompressed(bytes(packed))[0] == data


def test_gzip_data_that_leads_before_its_first_byte_ends_there() -> None:
    """A match of 3 bytes at distance 2 behind one byte: nothing is made up for it."""
    bits = (
        "1" + "10" + f"{0x30 + ord('a'):08b}" + "0000001" + "00001" + "0000000"
    )  # last, fixed; a; length 3; distance 2
    body = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
    found, damage = decompressed(bytes.fromhex("1f8b0800000000000003") + body + bytes(8))
    assert found == b"a"
    assert damage is not None
    assert damage.reason == "the gzip data is corrupt (Error -3 Invalid lookback distance found)"


def test_an_lz4_frame_that_is_cut_at_the_end_of_a_large_block() -> None:
    """The decompressor asks for input although it still has most of the block."""
    data = Random(1).randbytes(2**22) + b"the next block"
    frame = lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX4MB)
    header = 7 + 8 * bool(frame[4] & 8)
    cut = header + 4 + (int.from_bytes(frame[header : header + 4], "little") & 0x7FFFFFFF)
    for again in (True, False):
        found, damage = decompressed(frame[:cut], again=again)
        assert found == data[: 2**22]
        assert damage == StreamDamage(cut, "the lz4 data is cut off", 0, cut_off=True)
