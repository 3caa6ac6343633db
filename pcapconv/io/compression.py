"""The compressions of captures: how each begins, its suffix, its levels, and the library that decompresses it piece by
piece.

Strategy: every compression has an incremental decompressor for one member, with the same four attributes. All but
gzip's are the library's own. A library is imported only when its compression is met. The compressors are in
`compressors`.
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

HEAD_SIZE = 6  # bytes by which a compression is recognised
_MOST_MEMORY = 128 * 2**20  # bytes for the dictionary of an xz stream; `xz -9` needs 65 MiB
_LARGEST_HEADER = 2**20  # bytes of a gzip member's header, with its name and comment
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

    A member begins with `magic`, `decompressor` makes a decompressor for it, and `compressor` a compressor of one of
    the `levels`. `memory_by_level` has the MiB of memory that a compressor takes about, from a level on. With
    `has_skippable_frames`, frames without data may stand between members; with `zeros_may_follow`, zeros behind the
    last member are padding.
    """

    name: str
    suffix: str
    magic: bytes
    decompressor: Callable[[], Decompressor]
    compressor: Callable[[int], Compressor]
    levels: range
    default_level: int
    memory_by_level: tuple[tuple[int, int], ...]
    zeros_may_follow: bool = False
    has_skippable_frames: bool = False

    def begins(self, head: bytes) -> bool:
        """Return whether a member, or a skippable frame, begins with these bytes; True also for fewer bytes that can be
        such a beginning."""
        return head == self.magic[: len(head)] or head.startswith(self.magic) or self.skips(head)

    def compressor_memory(self, level: int) -> int:
        """Return about how many bytes of memory a compressor takes by this level."""
        return max(size for first, size in self.memory_by_level if first <= level) * 2**20

    def skips(self, head: bytes) -> bool:
        """Return whether these bytes begin a skippable frame."""
        return self.has_skippable_frames and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


class _GzipMember:
    """The decompressor of a gzip member (RFC 1952): a header, deflate data, and a trailer with a checksum.

    The library would check the trailer in the call that gives the last bytes, and lose them with a wrong checksum.
    Here, the call after that raises ValueError.
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
            raise ValueError("wrong checksum" if checksum != self._checksum else "wrong size")
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
    at += 2 * bool(flags & 2)
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
        *("gzip", ".gz", b"\x1f\x8b", _GzipMember, GzipCompressor, range(1, 10), 1, ((1, 1),)),
        zeros_may_follow=True,
    ),
    Compression(
        *("zstd", ".zst", b"\x28\xb5\x2f\xfd", _zstd_frame, ZstdCompressor, range(1, 23), 3, _ZSTD_MEMORY),
        has_skippable_frames=True,
    ),
    Compression(  # `xz` has level 6, which takes 94 MiB of memory
        *("xz", ".xz", b"\xfd7zXZ\x00", _xz_stream, XzCompressor, range(10), 4, _XZ_MEMORY),
        zeros_may_follow=True,
    ),
    Compression("bzip2", ".bz2", b"BZh", _bzip2_stream, Bzip2Compressor, range(1, 10), 9, ((1, 8),)),
    Compression(
        *("lz4", ".lz4", b"\x04\x22\x4d\x18", _lz4_frame, Lz4Compressor, range(17), 0, ((0, 3),)),
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
    the beginning counts as Zstandard, which both have, since `pzstd` writes one."""
    return next((each for each in COMPRESSIONS if head.startswith(each.magic) or (head and each.skips(head))), None)
