"""The compressions of captures: how each begins, its suffix, its levels, and the library that decompresses it piece by
piece.

Strategy: every compression has an incremental decompressor for one member, with the same four attributes. All but
gzip's and that of skippable frames are the library's own. A library is imported only when its compression is met. No
decompressor takes more than 128 MiB for what a header asks for: more is refused. The compressors are in `compressors`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pcapconv.io.compressors import (
    Bzip2Compressor,
    Compressor,
    GzipCompressor,
    Lz4Compressor,
    XzCompressor,
    ZstdCompressor,
)

HEAD_SIZE = 10  # bytes by which a compression is recognised
_MOST_MEMORY = 128 * 2**20  # bytes for an xz stream: `xz -9` needs 65 MiB; libzstd has the same limit for a window
_LARGEST_HEADER = 2**20  # bytes of a gzip member's header, with its name and comment
_BZIP2_BEGINNINGS = tuple(  # the size of its blocks, and the number that begins a block or ends a stream
    b"%d" % size + mark for size in range(1, 10) for mark in (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
)
_TRAILER = 8  # bytes of a gzip member's trailer: checksum and size


class Decompressor(Protocol):
    """The decompressor of one member: a gzip member, a Zstandard or LZ4 frame, an xz or bzip2 stream."""

    @property
    def eof(self) -> bool:
        """True behind the end of the member."""
        ...

    @property
    def needs_input(self) -> bool:
        """False if more decompressed bytes follow from data that the decompressor already has."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The data behind the end of the member."""
        ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Return at most `max_length` decompressed bytes. Raises an exception of the library for corrupt data; what the
        same call decompressed before is lost then."""
        ...


class Compression(NamedTuple):
    """A compression.

    A member begins with `magic`, and then with one of the bytes in `goes_on`, if there are any; `decompressor` makes a
    decompressor for it, and `compressor` a compressor of one of the `levels`. `memory_by_level` has the MiB of memory
    that a compressor takes about, from a level on. With `has_skippable_frames`, frames without data may stand before,
    between and behind members; with `zeros_may_follow`, zeros behind a member are padding. `program` is the command
    that decompresses a file, and needs no limit of memory.
    """

    name: str
    suffix: str
    magic: bytes
    decompressor: Callable[[], Decompressor]
    compressor: Callable[[int], Compressor]
    levels: range
    default_level: int
    memory_by_level: tuple[tuple[int, int], ...]
    program: str
    goes_on: tuple[bytes, ...] = ()
    zeros_may_follow: bool = False
    has_skippable_frames: bool = False

    def begins(self, head: bytes) -> bool:
        """Return whether a member begins with these bytes; True also for fewer bytes that can be such a beginning."""
        beginnings = [self.magic + each for each in self.goes_on or (b"",)]
        return any(head.startswith(each) or each.startswith(head) for each in beginnings)

    def compressor_memory(self, level: int) -> int:
        """Return about how many bytes of memory a compressor takes by this level."""
        return max(size for first, size in self.memory_by_level if first <= level) * 2**20


class SkippableFrame:
    """The decompressor of a skippable frame, in which Zstandard and LZ4 files keep what is no data (RFC 8878, section
    3.1.2): four bytes that begin it, the length of the rest, and the rest."""

    needs_input = True

    def __init__(self) -> None:
        self._header = b""
        self._remaining: int | None = None
        self.eof = False
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:  # noqa: ARG002
        """See `Decompressor.decompress`."""
        if self._remaining is None:
            self._header += data
            if len(self._header) < 8:
                return b""
            data = self._header[8:]
            self._remaining = int.from_bytes(self._header[4:8], "little")
        self.unused_data = data[self._remaining :]
        self._remaining -= len(data) - len(self.unused_data)
        self.eof = not self._remaining
        return b""


def begins_skippable_frame(head: bytes) -> bool:
    """Return whether these bytes begin a skippable frame of Zstandard and LZ4."""
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


class TrailerError(ValueError):
    """The trailer of a member does not fit the data before it, all of which was returned. `length` is the number of
    bytes of the trailer, `unused` how many bytes the decompressor has from the trailer on."""

    def __init__(self, reason: str, length: int, unused: int) -> None:
        super().__init__(reason)
        self.length = length
        self.unused = unused


class _GzipMember:
    """The decompressor of a gzip member (RFC 1952): a header, deflate data, and a trailer with a checksum.

    The library would check the trailer in the call that gives the last bytes, and lose them with a wrong checksum.
    Here, the call after that raises TrailerError.
    """

    def __init__(self) -> None:
        from isal import igzip_lib, isal_zlib

        self._deflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
        self._crc32 = isal_zlib.crc32
        self._in_header = True
        self._held = b""  # a header or a trailer of which a part is missing
        self._checksum = self._size = 0
        self.eof = False
        self.unused_data = b""

    @property
    def needs_input(self) -> bool:
        """See `Decompressor.needs_input`."""
        if self._deflate.eof:
            return len(self._held) < _TRAILER
        return self._in_header or bool(self._deflate.needs_input)

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """See `Decompressor.decompress`."""
        if self._in_header:
            self._held += data
            length = _gzip_header_length(self._held)
            if not length:
                return b""
            data, self._held, self._in_header = self._held[length:], b"", False
        if self._deflate.eof:
            self._held += data
            self._read_trailer()
            return b""
        found: bytes = self._deflate.decompress(data, max_length)
        self._checksum = self._crc32(found, self._checksum)
        self._size += len(found)
        if self._deflate.eof:
            self._held = self._deflate.unused_data
        return found

    def _read_trailer(self) -> None:
        if len(self._held) < _TRAILER:
            return
        checksum, size = (int.from_bytes(self._held[at : at + 4], "little") for at in (0, 4))
        if checksum != self._checksum or size != self._size & 0xFFFFFFFF:
            what = "checksum" if checksum != self._checksum else "size"
            raise TrailerError(f"wrong {what}: what was decompressed may be wrong, too", _TRAILER, len(self._held))
        self.eof = True
        self.unused_data = self._held[_TRAILER:]


def _gzip_header_length(data: bytes) -> int:
    """Return the length of the header with which a gzip member begins, 0 if a part of the header is missing. Raises
    ValueError if it is none."""
    if len(data) < 10:
        return 0
    flags, at = data[3], 10
    if data[2] != 8 or flags & 0xE0:
        raise ValueError("invalid header")
    if flags & 4:
        at += 2 + int.from_bytes(data[10:12], "little")
    for flag in (8, 16):  # a name, a comment
        if flags & flag:
            at = data.find(0, at) + 1
            if not at:
                break
    at += 2 * bool(flags & 2 and at)  # a checksum of the header
    if at and at <= len(data):
        return at
    if len(data) > _LARGEST_HEADER:
        raise ValueError("invalid header")
    return 0


def _zstd_frame() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    return ZstdDecompressor()


def _lz4_frame() -> Decompressor:
    from lz4.frame import LZ4FrameDecompressor

    frame: Decompressor = LZ4FrameDecompressor()
    return frame


def _xz_stream() -> Decompressor:
    from lzma import FORMAT_XZ, LZMADecompressor

    return LZMADecompressor(FORMAT_XZ, memlimit=_MOST_MEMORY)


def _bzip2_stream() -> Decompressor:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor()


_ZSTD_MEMORY = ((1, 5), (6, 12), (9, 24), (13, 64), (17, 100), (20, 260), (22, 800))
_XZ_MEMORY = ((0, 3), (1, 9), (2, 17), (3, 32), (4, 48), (5, 94), (7, 186), (8, 370), (9, 674))  # of `man xz`

COMPRESSIONS = (
    Compression(
        name="gzip",
        suffix=".gz",
        magic=b"\x1f\x8b",
        decompressor=_GzipMember,
        compressor=GzipCompressor,
        levels=range(1, 10),
        default_level=1,
        memory_by_level=((1, 1),),
        program="gzip -d",
        zeros_may_follow=True,
    ),
    Compression(
        name="zstd",
        suffix=".zst",
        magic=b"\x28\xb5\x2f\xfd",
        decompressor=_zstd_frame,
        compressor=ZstdCompressor,
        levels=range(1, 23),
        default_level=3,
        memory_by_level=_ZSTD_MEMORY,
        program="zstd -d -M2048MB",
        has_skippable_frames=True,
    ),
    Compression(
        name="xz",
        suffix=".xz",
        magic=b"\xfd7zXZ\x00",
        decompressor=_xz_stream,
        compressor=XzCompressor,
        levels=range(10),
        default_level=4,  # `xz` has level 6, which takes 94 MiB of memory
        memory_by_level=_XZ_MEMORY,
        program="xz -d",
        zeros_may_follow=True,
    ),
    Compression(
        name="bzip2",
        suffix=".bz2",
        magic=b"BZh",
        decompressor=_bzip2_stream,
        compressor=Bzip2Compressor,
        levels=range(1, 10),
        default_level=9,
        memory_by_level=((1, 8),),
        program="bzip2 -d",
        goes_on=_BZIP2_BEGINNINGS,
    ),
    Compression(
        name="lz4",
        suffix=".lz4",
        magic=b"\x04\x22\x4d\x18",
        decompressor=_lz4_frame,
        compressor=Lz4Compressor,
        levels=range(17),
        default_level=0,
        memory_by_level=((0, 3),),
        program="lz4 -d",
        has_skippable_frames=True,
    ),
)
NO_COMPRESSION = "none"  # the name for no compression, in arguments
COMPRESSION_NAMES = (*(each.name for each in COMPRESSIONS), NO_COMPRESSION)


def compression_named(name: str) -> Compression:
    """Return the compression of this name."""
    return next(each for each in COMPRESSIONS if each.name == name)


def split_suffix(name: str) -> tuple[str, Compression | None]:
    """Return a file's name without the suffix of a compression, and the compression to which the suffix belongs; None
    without such a suffix. The case of letters makes no difference."""
    stem, suffix = os.path.splitext(name)
    compression = next((each for each in COMPRESSIONS if each.suffix == suffix.lower()), None)
    return (name, None) if compression is None else (stem, compression)


def stem_of(name: str) -> str:
    """Return the last component of a path without its suffixes: that of a compression, and the one before it. The stem
    of a.pcap.gz is a."""
    return os.path.splitext(split_suffix(os.path.basename(name))[0])[0]


def recognise_compression(head: bytes) -> Compression | None:
    """Return the compression of a file that begins with these bytes, None if it is not compressed. A skippable frame at
    the beginning counts as Zstandard, since pzstd writes one; `Decompression` finds out what follows it."""
    if begins_skippable_frame(head):
        return next(each for each in COMPRESSIONS if each.has_skippable_frames)
    return next((each for each in COMPRESSIONS if head.startswith(each.magic) and each.begins(head[:HEAD_SIZE])), None)


def asks_for_memory(error: Exception) -> bool:
    """Return whether a library raised this error because decompression would take more memory than is allowed."""
    return "requires too much memory" in str(error) or "Memory usage limit" in str(error)
