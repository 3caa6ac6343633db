"""Compressors and compressed outputs by themselves: members, flushes, patches, names."""

import io
import random

import compressing
import pytest
from compressing import NAMES, content_of, each_compression

from pcapconv.formats.output_names import with_suffix
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.compressed_output import CompressedOutput, OutputCompression, patched
from pcapconv.io.compression import COMPRESSIONS, compression_named, split_suffix, stem_of
from pcapconv.io.target import Target

CONTENT = random.Random(1).randbytes(300_000) + bytes(300_000)
WITHOUT_SYNC = {"xz", "bzip2"}


def settings(name: str) -> OutputCompression:
    compression = compression_named(name)
    return OutputCompression(compression, compression.default_level)


@each_compression
def test_a_member_is_what_its_decompressor_takes(name: str) -> None:
    compression = compression_named(name)
    for level in compression.levels if name not in ("xz", "zstd") else (*compression.levels[:4], 9):
        compressor = compression.compressor(level)
        data = compressor.compress(CONTENT[:1000]) + compressor.compress(memoryview(CONTENT)[1000:])
        data += compressor.flush()
        assert compression.begins(data[:8])
        assert (content_of(data, name), compressing.members(data, name)) == (CONTENT, 1)
        assert compression.compressor_memory(level) >= 2**20


@each_compression
def test_a_sync_flush(name: str) -> None:
    """What was compressed before it can be decompressed; xz and bzip2 have no such flush."""
    compression = compression_named(name)
    compressor, decompressor = compression.compressor(compression.default_level), compression.decompressor()
    found = data = b""
    for begin in (0, 5, 70_000, 300_000):
        end = {0: 5, 5: 70_000, 70_000: 300_000, 300_000: 600_000}[begin]
        piece = compressor.compress(CONTENT[begin:end])
        flushed = compressor.sync()
        assert (flushed == b"") == (name in WITHOUT_SYNC)
        found += decompressor.decompress(piece + flushed, 2**20)
        data += piece + flushed
        if name not in WITHOUT_SYNC:
            while not decompressor.needs_input:
                found += decompressor.decompress(b"", 2**20)
            assert found == CONTENT[:end]
    data += compressor.flush()
    assert (content_of(data, name), compressing.members(data, name)) == (CONTENT, 1)


@each_compression
def test_a_sync_flush_of_an_output(name: str) -> None:
    file = io.BytesIO()
    output = CompressedOutput(Target(file, "x"), settings(name), None)
    output.sync()
    assert file.getvalue() == b""
    output.write(memoryview(CONTENT)[:200_000])
    output.sync()
    if name not in WITHOUT_SYNC:
        decompressor = compression_named(name).decompressor()
        found = decompressor.decompress(file.getvalue(), 2**20)
        while not decompressor.needs_input:
            found += decompressor.decompress(b"", 2**20)
        assert found == CONTENT[:200_000]
    output.write(memoryview(CONTENT)[200_000:])
    assert output.finish(()) is None
    assert content_of(file.getvalue(), name) == CONTENT


@each_compression
def test_an_output_without_content(name: str) -> None:
    file = io.BytesIO()
    BufferedOutput(Target(file, "x"), compression=settings(name)).finish()
    assert (content_of(file.getvalue(), name), compressing.members(file.getvalue(), name)) == (b"", 1)


@each_compression
@pytest.mark.parametrize(
    "patches",
    [
        [],
        [(0, CONTENT[:8])],  # the same bytes
        [(0, b"new")],
        [(60, b"0123456789")],
        [(2, b"a"), (3, b"b"), (524_280, b"x" * 20), (599_999, b"end"[-1:])],
    ],
    ids=str,
)
def test_patches(name: str, patches: list[tuple[int, bytes]]) -> None:
    """The same bytes as an output that has this content from the beginning; digests are those of the new bytes."""
    import hashlib

    expected = bytearray(CONTENT)
    for at, data in patches:
        expected[at : at + len(data)] = data
    made = []
    for content, changes in ((CONTENT, patches), (bytes(expected), [])):
        file = io.BytesIO(b"before")
        file.seek(6)
        output = BufferedOutput(Target(file, "x"), compression=settings(name), hashed=True)
        output.write(content)
        output.finish(changes)
        assert output.position == len(CONTENT)
        assert output.sha256 == hashlib.sha256(expected).hexdigest()
        assert output.file_sha256 == hashlib.sha256(file.getvalue()[6:]).hexdigest()
        made.append(file.getvalue())
    assert made[0] == made[1]
    assert made[0][:6] == b"before"
    assert content_of(made[0][6:], name) == expected


def test_patches_of_pieces() -> None:
    for size in (1, 2, 3, 5, 7, 100):
        pieces = [bytes(range(begin, min(begin + size, 20))) for begin in range(0, 20, size)]
        changes = [(0, b"a"), (3, b"bcdefgh"), (11, b"i"), (12, b"jk"), (19, b"l")]
        assert b"".join(patched(pieces, changes)) == b"a\1\2bcdefgh\nijk\x0e\x0f\x10\x11\x12l"
        assert list(patched(pieces, [])) == pieces


@each_compression
def test_an_output_that_is_released(name: str) -> None:
    """Its members become one, and it takes no memory meanwhile."""
    file = io.BytesIO()
    output = BufferedOutput(Target(file, "x"), compression=settings(name), spares=[])
    for begin in range(0, len(CONTENT), 100_000):
        output.write(CONTENT[begin : begin + 100_000])
        output.release()
        assert output.memory == 0
    assert compressing.members(file.getvalue(), name) == 6
    output.finish()
    assert (content_of(file.getvalue(), name), compressing.members(file.getvalue(), name)) == (CONTENT, 1)


def test_a_pipe_that_is_released_keeps_its_members() -> None:
    file = io.BytesIO()
    output = BufferedOutput(Target(file, "x", seekable=False), compression=settings("gzip"), spares=[])
    for begin in (0, 100_000):
        output.write(CONTENT[begin : begin + 100_000])
        output.release()
    output.finish()
    assert (content_of(file.getvalue(), "gzip"), compressing.members(file.getvalue(), "gzip")) == (CONTENT[:200_000], 2)


@pytest.mark.parametrize(
    ("name", "stem", "compression", "base"),
    [
        ("a.pcap.gz", "a.pcap", "gzip", "a"),
        ("in/a.b.PCAP.GZ", "in/a.b.PCAP", "gzip", "a.b"),
        ("a.zst", "a", "zstd", "a"),
        ("a.pcapng", "a.pcapng", None, "a"),
        ("a", "a", None, "a"),
        (".gz", ".gz", None, ".gz"),
        ("in.gz/a", "in.gz/a", None, "a"),
        ("a.tgz", "a.tgz", None, "a"),
    ],
)
def test_suffixes(name: str, stem: str, compression: str | None, base: str) -> None:
    found, by_suffix = split_suffix(name)
    assert (found, by_suffix and by_suffix.name, stem_of(name)) == (stem, compression, base)


@pytest.mark.parametrize(
    ("name", "to", "compress", "expected"),
    [
        ("a.pcap", "pcapng", None, "a.pcapng"),
        ("a.pcap.gz", "pcapng", None, "a.pcapng.gz"),
        ("a.pcap.GZ", "pcapng", None, "a.pcapng.GZ"),
        ("a.pcap.GZ", "pcapng", "gzip", "a.pcapng.GZ"),
        ("a.pcap.gz", "pcapng", "zstd", "a.pcapng.zst"),
        ("a.pcap.gz", "pcapng", "none", "a.pcapng"),
        ("a.pcap.gz", None, None, "a.pcap.gz"),
        ("a.pcap.gz", None, "none", "a.pcap"),
        ("a.cap", None, "xz", "a.cap.xz"),
        ("a.1.gz", "pcap", None, "a.1.pcap.gz"),
        ("a.gz", "pcap", "none", "a.pcap"),
    ],
)
def test_names_of_outputs(name: str, to: str | None, compress: str | None, expected: str) -> None:
    assert with_suffix(name, to, compress) == expected


def test_names_of_compressions() -> None:
    assert sorted(each.name for each in COMPRESSIONS) == NAMES
