"""The compressors of one member for each compression, all with the same three methods.

Strategy: gzip's levels 1 to 3 are those of ISA-L, which takes a tenth of the time of zlib (747 MB of packets whose
bodies compress by half: 337 MB in 0.8 s by level 1; `gzip -6` makes 340 MB of them in 13 s); levels 4 to 9 are zlib's.
A member holds nothing but the content: no time, no name. Each compressor works in the thread that calls it, so that the
bytes do not depend on the number of cores. A library is imported only when its compression is met.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: deflate, no flags, no time, an unknown system
_FASTEST_ZLIB = 4  # the first of gzip's levels that is zlib's


class Compressor(Protocol):
    """The compressor of one member."""

    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes:
        """Compress the next bytes of the content; return those bytes of the member that are complete."""
        ...

    def sync(self) -> bytes:
        """Return all bytes that a reader needs to decompress the content so far, which makes the member a little
        larger: a sync flush of gzip (`Z_SYNC_FLUSH`), the end of a block of Zstandard or LZ4. Nothing for xz and bzip2,
        which have no such flush."""
        ...

    def flush(self) -> bytes:
        """Return the rest of the member, which ends here."""
        ...


class GzipCompressor:
    """The compressor of a gzip member (RFC 1952): a header, deflate data, and a trailer with checksum and size."""

    def __init__(self, level: int) -> None:
        from isal import isal_zlib

        self._zlib: Any = isal_zlib
        if level >= _FASTEST_ZLIB:
            import zlib

            self._zlib = zlib
        self._crc32 = isal_zlib.crc32
        self._deflate = self._zlib.compressobj(level, self._zlib.DEFLATED, -15)
        self._checksum = self._size = 0
        self._header = _GZIP_HEADER

    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes:
        """See `Compressor.compress`."""
        self._checksum = self._crc32(data, self._checksum)
        self._size += len(data)
        return self._with_header(self._deflate.compress(data))

    def sync(self) -> bytes:
        """See `Compressor.sync`."""
        return self._with_header(self._deflate.flush(self._zlib.Z_SYNC_FLUSH))

    def flush(self) -> bytes:
        """See `Compressor.flush`."""
        trailer = self._checksum.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        return self._with_header(self._deflate.flush()) + trailer

    def _with_header(self, data: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + data if header else data


class ZstdCompressor:
    """The compressor of a Zstandard frame with a checksum of its content (RFC 8878)."""

    def __init__(self, level: int) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: level,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._frame: Any = zstd.ZstdCompressor(options=options)

    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes:
        """See `Compressor.compress`."""
        compressed: bytes = self._frame.compress(data)
        return compressed

    def sync(self) -> bytes:
        """See `Compressor.sync`."""
        compressed: bytes = self._frame.flush(self._frame.FLUSH_BLOCK)
        return compressed

    def flush(self) -> bytes:
        """See `Compressor.flush`."""
        compressed: bytes = self._frame.flush(self._frame.FLUSH_FRAME)
        return compressed


class Lz4Compressor:
    """The compressor of an LZ4 frame with a checksum of its content (version 1.6 of the LZ4 Frame Format)."""

    def __init__(self, level: int) -> None:
        from lz4 import frame

        self._lz4: Any = frame
        self._context = frame.create_compression_context()
        self._begin: bytes = frame.compress_begin(
            self._context, block_size=frame.BLOCKSIZE_MAX1MB, compression_level=level, content_checksum=True
        )

    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes:
        """See `Compressor.compress`."""
        return self._with_begin(self._lz4.compress_chunk(self._context, data))

    def sync(self) -> bytes:
        """See `Compressor.sync`."""
        return self._with_begin(self._lz4.compress_flush(self._context, end_frame=False))

    def flush(self) -> bytes:
        """See `Compressor.flush`."""
        return self._with_begin(self._lz4.compress_flush(self._context))

    def _with_begin(self, data: bytes) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + data if begin else data


class _LibraryCompressor:
    """The base of compressors that are the library's own, and have no sync flush."""

    _stream: Any

    def compress(self, data: bytes | bytearray | memoryview, /) -> bytes:
        """See `Compressor.compress`."""
        compressed: bytes = self._stream.compress(data)
        return compressed

    def sync(self) -> bytes:
        """See `Compressor.sync`. The library has no such flush, so that this returns nothing."""
        return b""

    def flush(self) -> bytes:
        """See `Compressor.flush`."""
        compressed: bytes = self._stream.flush()
        return compressed


class XzCompressor(_LibraryCompressor):
    """The compressor of an xz stream, with the checksum CRC64."""

    def __init__(self, level: int) -> None:
        from lzma import CHECK_CRC64, FORMAT_XZ, LZMACompressor

        self._stream = LZMACompressor(FORMAT_XZ, CHECK_CRC64, level)


class Bzip2Compressor(_LibraryCompressor):
    """The compressor of a bzip2 stream."""

    def __init__(self, level: int) -> None:
        from bz2 import BZ2Compressor

        self._stream = BZ2Compressor(level)
