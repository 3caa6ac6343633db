"""Compressed bytes, by the libraries and not by pcapconv, and what can be wrong with them."""

import bz2
import gzip
import lzma
import struct
import sys
from collections.abc import Callable

import lz4.frame
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SKIPPABLE = b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"extra"  # a frame of Zstandard and LZ4 without data


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def _lz4(data: bytes) -> bytes:
    return bytes(lz4.frame.compress(data, content_checksum=True))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": _zstd,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "lz4": _lz4,
}
every_compression = pytest.mark.parametrize("name", COMPRESS)


def compressed(name: str, *members: bytes) -> bytes:
    """Each of these as one member, one after the other."""
    return b"".join(map(COMPRESS[name], members))


def zstd_with_window(bits: int, data: bytes) -> bytes:
    """A Zstandard frame whose decompression takes a window of 2^bits bytes."""
    parameters = zstd.CompressionParameter
    packer = zstd.ZstdCompressor(options={parameters.window_log: bits, parameters.content_size_flag: 0})
    return packer.compress(data) + packer.flush()


def xz_with_dictionary(size: int, data: bytes) -> bytes:
    """An xz stream whose decompression takes a dictionary of this size."""
    return lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}])


def bomb(name: str, mebibytes: int) -> bytes:
    """So many MiB of zeros."""
    if name == "zstd":
        packer = zstd.ZstdCompressor()
        return b"".join([*(packer.compress(bytes(2**20)) for _ in range(mebibytes)), packer.flush()])
    if name == "bzip2":
        return bz2.compress(bytes(2**20)) * mebibytes
    return COMPRESS[name](bytes(mebibytes * 2**20))
