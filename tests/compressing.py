"""Compressed bytes, by the libraries and not by pcapconv; what can be wrong with them; and how programs and modules of
Python decompress them."""

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable

import lz4.frame
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIXES = {"gzip": "gz", "zstd": "zst", "xz": "xz", "bzip2": "bz2", "lz4": "lz4"}
NAMES = sorted(SUFFIXES)
each_compression = pytest.mark.parametrize("name", NAMES)

_MODULES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
    "xz": lzma.decompress,
    "bzip2": bz2.decompress,
    "lz4": lz4.frame.decompress,
}


def content_of(data: bytes, name: str) -> bytes:
    """The content of compressed bytes, by Python's module; checked against the program if it is installed."""
    content = _MODULES[name](data)
    if shutil.which(name):
        assert by_program(data, name) == content
    return content


def by_program(data: bytes, name: str) -> bytes:
    """The content of compressed bytes, by the program, which checks them strictly."""
    return subprocess.run([name, "-dc"], input=data, capture_output=True, check=True, timeout=60).stdout


def members(data: bytes, name: str) -> int:
    """How many members compressed bytes have."""
    count = 0
    while data:
        member = _DECOMPRESSORS[name]()
        member.decompress(data)
        assert member.eof
        data = member.unused_data or b""
        count += 1
    return count


class _Gzip:
    def __init__(self) -> None:
        import zlib

        self._member = zlib.decompressobj(31)

    def decompress(self, data: bytes) -> bytes:
        return self._member.decompress(data)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data


_DECOMPRESSORS: dict[str, Callable[[], _Gzip]] = {
    "gzip": _Gzip,
    "zstd": zstd.ZstdDecompressor,  # type: ignore[dict-item]
    "xz": lzma.LZMADecompressor,  # type: ignore[dict-item]
    "bzip2": bz2.BZ2Decompressor,  # type: ignore[dict-item]
    "lz4": lz4.frame.LZ4FrameDecompressor,
}

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
