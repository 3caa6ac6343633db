"""The thread that decompresses: it ends with its source, whatever the source does and whenever the reader stops."""

import contextlib
import gzip
import hashlib
import io
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import BinaryIO, cast

import pytest
import wire
from command_line import COMMAND, wait_for_handlers, wait_until_read
from compressing import bomb
from conversions import Pipe

import pcapconv
from pcapconv import FileError, formats
from pcapconv.io.decompressed_stream import DecompressedStream
from pcapconv.io.source import Source, open_source
from pcapconv.io.source_digest import start_digest
from pcapconv.model import PacketBatch

T = 1_714_564_800
RANDOM = Random("threads")
LARGE = wire.pcap_header() + b"".join(wire.pcap_record(T + n, n, RANDOM.randbytes(1000)) for n in range(3000))
PACKED = gzip.compress(LARGE, 1, mtime=0)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 10
    while (left := [each for each in threading.enumerate() if each.name == "pcapconv"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []


def rows(source: Source, most: int = 2**62) -> int:
    """Read packets until there are so many, and return how many there were."""
    count = 0
    for item in formats.open_reader(source).items():
        if isinstance(item, PacketBatch) and (count := count + item.rows) >= most:
            break
    return count


def test_a_source_is_rewound_before_and_behind_its_end(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(PACKED)
    for file in (tmp_path / "in", io.BytesIO(PACKED)):
        with open_source(file) as source:
            for most in (1, 1500, 2**62, 10, 2**62):
                assert rows(source, most) == 3000 if most > 3000 else rows(source, most) >= most
                source.rewind()
            assert formats.format_at(source) == "pcap"


def test_a_reader_that_is_used_after_its_source_was_rewound() -> None:
    with open_source(io.BytesIO(PACKED)) as source:
        items = formats.open_reader(source).items()
        for item in items:
            if isinstance(item, PacketBatch):
                break
        source.rewind()
        with pytest.raises(FileError, match="was read again from its beginning, or closed, before this was read"):
            list(items)


def test_a_capture_that_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(PACKED)
    for file in (tmp_path / "in", Pipe([PACKED])):
        with pcapconv.open(file) as capture:  # type: ignore[arg-type]
            assert next(iter(capture)).number == 1


def test_an_error_of_the_file_is_raised_once_and_again() -> None:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(PACKED) // 2, 50_000):
            yield PACKED[at : at + 50_000]
        raise OSError(5, "Input/output error")

    with open_source(cast("BinaryIO", Pipe(pieces()))) as source:
        with pytest.raises(FileError, match=r"^input: cannot read: input/output error$"):
            rows(source)
        stream = source.decompressing
        assert stream is not None
        for _ in range(2):
            with pytest.raises(FileError, match="input/output error"):
                stream.readinto(memoryview(bytearray(9)))  # type: ignore[attr-defined]


@pytest.mark.parametrize("begun", [0, 100, len(PACKED) // 2])
def test_a_pipe_that_gives_nothing_more_does_not_hold_up_the_end(begun: int) -> None:
    """The writer stays open: only the reader gives up."""
    reading, writing = os.pipe()
    giver = threading.Thread(target=lambda: os.write(writing, PACKED[:begun]))
    giver.start()
    with io.FileIO(reading) as file:
        source = Source(file, "pipe", owned=False)
        reader = threading.Thread(target=_read_until_error, args=(source,))
        reader.start()
        giver.join(20)
        begin = time.monotonic()
        if begun > 2**16:
            source.end_decompression()
            assert time.monotonic() - begin < 5
        os.close(writing)
        reader.join(20)
        giver.join(20)
        assert not reader.is_alive()


def _read_until_error(source: Source) -> None:
    with contextlib.suppress(pcapconv.PcapconvError):
        rows(source)


@pytest.mark.parametrize("member", ["", "data"])
def test_a_signal_while_a_compressed_pipe_waits(member: str, tmp_path: Path) -> None:
    """SIGTERM ends at once, and leaves nothing."""
    command = [COMMAND, "convert", "-", str(tmp_path / "out.pcapng")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(PACKED[: 300_000 if member else 20])
        process.stdin.flush()
        wait_for_handlers(process.pid)
        wait_until_read(process)
        process.terminate()
        begin = time.monotonic()
        process.wait(20)
        assert time.monotonic() - begin < 10
        process.stdin.close()
        assert process.stderr is not None
        assert b"Fatal" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_very_many_empty_members_are_given_up_soon() -> None:
    """They give no piece at which the thread would look whether it has to end."""
    packed = gzip.compress(LARGE[:100_000], 1) + gzip.compress(b"") * 400_000
    with open_source(io.BytesIO(packed)) as source:
        assert rows(source, 1) >= 1
        begin = time.monotonic()
        source.rewind()
        assert time.monotonic() - begin < 5


def test_a_digest_of_the_file_while_the_thread_reads_it(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(PACKED)
    for most in (1, 2**62):
        with open_source(tmp_path / "in") as source:
            digest = start_digest(source)
            rows(source, most)
            assert digest.hexdigest() == hashlib.sha256(PACKED).hexdigest()
            digest.close()


def test_a_bomb_is_no_further_than_its_reader(tmp_path: Path) -> None:
    """The thread stops after a few pieces."""
    (tmp_path / "in").write_bytes(gzip.compress(LARGE[:400_000]) + bomb("gzip", 256))
    with open_source(tmp_path / "in") as source:
        reader = formats.open_reader(source)
        stream = cast(DecompressedStream, source.decompressing)
        next(item for item in reader.items() if stream._thread is not None)
        deadline = time.monotonic() + 20
        while not stream._queue.full() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stream._queue.full()
        assert source.position <= 2**19  # there are 400 kB before the bomb, and each MiB of it takes a kB
