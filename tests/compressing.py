"""Compressed files for tests: the suffixes, and how the programs and Python's own modules decompress them."""

import bz2
import gzip
import lzma
import shutil
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
