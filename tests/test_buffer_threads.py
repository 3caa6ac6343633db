"""Work that threads do beside the main one: its order, who has a buffer when, what goes wrong, and how it ends."""

import errno
import hashlib
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import pytest
import wire

import pcapconv
from pcapconv.errors import FileError, SidecarError
from pcapconv.formats import open_reader
from pcapconv.io import buffered_output
from pcapconv.io import source_digest as digests
from pcapconv.io.buffer_threads import BufferThread, Piece
from pcapconv.io.buffered_output import BUFFER_SIZE, BufferedOutput
from pcapconv.io.source import WINDOW_SIZE, open_source
from pcapconv.io.source_digest import Digest, start_digest
from pcapconv.io.target import Target, open_target
from pcapconv.model import Damage
from pcapconv.sidecar.read_sidecar import open_restored

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

PACKETS = 4000
MANY = b"".join(
    (
        wire.section_header(),
        wire.interface(),
        *(wire.enhanced_packet(0, number, bytes([number % 251]) * 100) for number in range(PACKETS)),
    )
)
LARGE = b"".join((wire.section_header(), wire.interface(), wire.enhanced_packet(0, 5, bytes(range(250)) * 8000)))
SOURCE = MANY * 3 + LARGE * 2 + MANY * 2

Thread = Callable[..., BufferThread]


def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.fixture(params=["a thread", "no more threads"])
def thread(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Thread:
    if request.param != "a thread":
        no_more_threads(monkeypatch)
    return BufferThread


def pieces(count: int) -> list[Piece]:
    return [(bytearray(b"<%03d>" % number), 1, 4) for number in range(count)]


# ---------------------------------------------------------------- one thread


def test_buffers_are_worked_through_in_their_order_and_come_back(thread: Thread) -> None:
    seen: list[bytes] = []
    back: SimpleQueue[Piece] = SimpleQueue()
    worker = thread(lambda view: seen.append(bytes(view)), back.put)
    put = pieces(500)
    for piece in put:
        worker.put(piece)
    worker.end()
    assert seen == [b"%03d" % number for number in range(500)]
    assert [back.get() for _ in put] == put
    assert back.empty()


def test_a_buffer_comes_back_when_it_is_worked_through_and_not_before() -> None:
    begun, go_on = threading.Event(), threading.Event()
    back: SimpleQueue[Piece] = SimpleQueue()

    def work(_: memoryview) -> None:
        begun.set()
        assert go_on.wait(10)

    worker = BufferThread(work, back.put)
    (piece,) = pieces(1)
    worker.put(piece)
    assert begun.wait(10)
    assert back.empty()
    go_on.set()
    assert back.get(timeout=10) is piece
    worker.end()


def test_after_an_error_buffers_come_back_untouched(thread: Thread) -> None:
    seen: list[bytes] = []
    back: SimpleQueue[Piece] = SimpleQueue()
    error = KeyboardInterrupt()

    def work(view: memoryview) -> None:
        seen.append(bytes(view))
        if len(seen) == 3:
            raise error

    worker = thread(work, back.put)
    for piece in pieces(10):
        worker.put(piece)
    worker.end()
    assert seen == [b"000", b"001", b"002"]
    assert back.qsize() == 10
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt) as raised:
            worker.check()
        assert raised.value is error


def test_a_thread_that_is_stuck_is_not_waited_for() -> None:
    go_on, stuck = threading.Event(), threading.Event()

    def work(_: memoryview) -> None:
        stuck.set()
        go_on.wait(10)

    worker = BufferThread(work, lambda _: None)
    worker.put(pieces(1)[0])
    assert stuck.wait(10)
    worker.end(0)
    (left,) = [each for each in threading.enumerate() if each.name == "pcapconv"]
    go_on.set()
    left.join(10)


# ---------------------------------------------------------------- outputs


class Failing:
    """A file object whose n-th write raises something."""

    def __init__(self, good: int, error: BaseException) -> None:
        self.good = good
        self.error = error

    def write(self, data: memoryview) -> int:
        if not self.good:
            raise self.error
        self.good -= 1
        return len(data)


def test_an_output_with_a_digest_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", 4096)
    for good in range(8):
        full = Failing(good, OSError(errno.ENOSPC, "No space left"))
        out = BufferedOutput(Target(full, "full", seekable=False), hashed=True)
        with pytest.raises(FileError, match="full: cannot write: no space left"):
            out.write(bytes(100_000))
        with pytest.raises(FileError, match="full: cannot write: no space left"):
            out.finish()
        out.close()


def test_an_output_that_rests_has_as_many_buffers_afterwards(tmp_path: Path) -> None:
    data = bytes(range(256)) * 2**13
    spares: list[bytearray] = []
    with open_target(tmp_path / "out", force=False) as target:
        out = BufferedOutput(target, spares=spares, hashed=True)
        for _ in range(2):
            out.write(data)
            assert out.memory == 5 * BUFFER_SIZE
            out.release()
            assert out.memory == 0
            assert list(map(len, spares)) == [BUFFER_SIZE] * 3
        out.finish()
        assert out.sha256 == hashlib.sha256(data * 2).hexdigest()


def test_an_output_keeps_full_buffers_and_gives_empty_ones() -> None:
    file, expected = io.BytesIO(), b"head"
    out = BufferedOutput(Target(file, "out"), hashed=True)
    out.write(expected)
    given = bytearray(BUFFER_SIZE)
    for number in range(9):
        content = bytes([number + 1]) * (BUFFER_SIZE - number)
        given[: len(content)] = content
        unused = out.exchange(given, len(content))
        assert unused is not None
        assert unused is not given
        assert len(unused) == BUFFER_SIZE
        given, expected = unused, expected + content
        if number % 2:
            out.write(b"between")
            expected += b"between"
        assert out.position == len(expected)
    out.finish()
    assert file.getvalue() == expected
    assert out.sha256 == hashlib.sha256(expected).hexdigest()


def test_an_output_keeps_no_small_buffer() -> None:
    out = BufferedOutput(Target(io.BytesIO(), "out"))
    assert out.exchange(bytearray(BUFFER_SIZE), BUFFER_SIZE // 2 - 1) is None
    assert out.exchange(bytearray(BUFFER_SIZE + 1), BUFFER_SIZE) is None
    assert out.exchange(bytearray(BUFFER_SIZE - 1), BUFFER_SIZE - 1) is None
    small = BufferedOutput(Target(io.BytesIO(), "out"), spares=[])
    assert small.exchange(bytearray(BUFFER_SIZE), BUFFER_SIZE) is None
    assert out.position == small.position == 0


def test_what_an_output_that_is_given_up_still_holds_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    class Slow:
        def write(self, data: memoryview) -> int:
            begun.set()
            assert go_on.wait(10)
            written.append(len(data))
            return len(data)

    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", 4096)
    monkeypatch.setattr(buffered_output, "_PATIENCE", 0)
    out = BufferedOutput(Target(Slow(), "slow", seekable=False))
    out.write(bytes(2 * 4096 + 1))  # one is being written, one waits
    assert begun.wait(10)
    out.close()
    (left,) = [each for each in threading.enumerate() if each.name == "pcapconv"]
    go_on.set()
    left.join(10)
    assert written == [4096]


# ---------------------------------------------------------------- digests of what is read


@pytest.mark.parametrize("size", [4096, 2**17, WINDOW_SIZE])
def test_a_digest_of_what_is_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(SOURCE)
    with open_source(path) as source:
        digest = start_digest(source)
        packets = sum(getattr(item, "rows", 0) for item in open_reader(source, size).items())
        path.write_bytes(bytes(len(SOURCE)))  # which nobody reads
        assert packets == 5 * PACKETS + 2
        assert digest.hexdigest() == hashlib.sha256(SOURCE).hexdigest()


@pytest.mark.parametrize("end", [b"\xff" * 300, b"\xff" * 3 * WINDOW_SIZE])
def test_a_digest_is_of_what_damage_leaves_out_too(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(MANY * 3 + end)
    with open_source(path) as source:
        digest = start_digest(source)
        assert sum(isinstance(item, Damage) for item in open_reader(source).items()) == 1
        with path.open("r+b") as file:
            file.write(bytes(len(MANY) * 3))  # which was read before
        assert digest.hexdigest() == hashlib.sha256(MANY * 3 + end).hexdigest()


def test_what_is_read_again_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "in.pcapng"
    path.write_bytes(SOURCE)
    with open_source(path) as source:
        digest = start_digest(source)
        for stop in (2, 2, 10**9):
            for number, _ in enumerate(open_reader(source).items()):
                if number > stop:
                    break
            source.rewind()
        assert digest.hexdigest() == hashlib.sha256(SOURCE).hexdigest()


def test_a_digest_is_of_the_file_as_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(b"a" * 300_000)
    with open_source(path) as source:
        with path.open("ab") as file:
            file.write(b"later")
        assert Digest(source).hexdigest() == hashlib.sha256(b"a" * 300_000).hexdigest()


def test_a_capture_that_is_left_half_read_leaves_no_thread(tmp_path: Path) -> None:
    source, pcap = tmp_path / "in.pcapng", tmp_path / "out.pcap"
    source.write_bytes(SOURCE)
    pcapconv.convert(source, pcap, sidecar=True)
    before = threading.active_count()

    def read_some() -> None:
        with open_source(pcap) as opened, open_restored(opened, str(pcap)) as (_, items):
            for item in items:
                if threading.active_count() > before:
                    raise LookupError(item)

    with pytest.raises(LookupError):
        read_some()


# ---------------------------------------------------------------- conversions


@pytest.mark.parametrize("size", [4096, 2**16])
@pytest.mark.parametrize("threads", [True, False])
def test_a_conversion_is_the_same_with_any_buffers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, threads: bool
) -> None:
    """Also on a system that has no thread left."""
    source, pcap, back, joined = (tmp_path / name for name in ("in.pcapng", "out.pcap", "back.pcapng", "joined.pcapng"))
    source.write_bytes(SOURCE)
    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", size)
    if not threads:
        no_more_threads(monkeypatch)
    pcapconv.convert(source, pcap, sidecar=True)
    assert pcap.stat().st_size == 24 + 5 * PACKETS * 116 + 2 * 2_000_016
    digest = hashlib.sha256(pcap.read_bytes()).hexdigest()
    assert f'"sha256": "{digest}"'.encode() in Path(f"{pcap}.meta.json").read_bytes()
    pcapconv.convert(pcap, back, sidecar=True)
    pcapconv.join(f"{pcap}.meta.json", joined)
    assert back.read_bytes() == joined.read_bytes() == SOURCE


def test_a_small_capture_starts_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise AssertionError

    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY[: 48 + 3000 * 132])
    monkeypatch.setattr(threading.Thread, "start", start)
    pcapconv.convert(source, pcap, sidecar=True)
    pcapconv.convert(pcap, back, sidecar=True)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("good", [0, 1, 7, 50])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_goes_wrong_while_writing_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, good: int, error: type[BaseException]
) -> None:
    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", 4096)
    with pytest.raises(error):
        pcapconv.convert(io.BytesIO(MANY), cast(Any, Failing(good, error())), to="pcap")


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize("good", [0, 1, 5])
def test_what_goes_wrong_while_hashing_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: int, threads: bool
) -> None:
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY * 8)
    pcapconv.convert(source, pcap, sidecar=True)
    hashed: list[int] = []

    def update(view: memoryview) -> None:
        hashed.append(len(view))
        if len(hashed) > good:
            raise MemoryError

    monkeypatch.setattr(digests, "hashlib", SimpleNamespace(sha256=lambda: SimpleNamespace(update=update)))
    if not threads:
        no_more_threads(monkeypatch)
    with pytest.raises(MemoryError):
        pcapconv.convert(pcap, back, sidecar=True)
    assert len(hashed) == good + 1
    assert not back.exists()


def test_nobody_asks_for_the_digest_of_an_edited_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found again by its fingerprints."""
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY)
    pcapconv.convert(source, pcap, sidecar=True, sidecar_fingerprints=True)
    pcap.write_bytes(pcap.read_bytes()[:-116])
    monkeypatch.setattr(digests, "hashlib", SimpleNamespace(sha256=SimpleNamespace))
    report = pcapconv.convert(pcap, back, sidecar=True)
    assert report.found_in_sidecar is not None


@pytest.mark.parametrize(("at", "data"), [(-16, b"another packet, "), (0, b"more")])
def test_a_capture_that_is_written_to_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, data: bytes
) -> None:
    """What somebody puts in place of its bytes is noticed; what comes behind them does not count."""
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY * 4)
    pcapconv.convert(source, pcap, sidecar=True)
    assert pcap.stat().st_size > 3 * WINDOW_SIZE

    def write(_: int) -> None:
        if not written:
            written.append(True)
            with pcap.open("r+b") as file:
                file.seek(at, os.SEEK_END)
                file.write(data)

    written: list[bool] = []
    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", 4096)
    if at:
        with pytest.raises(SidecarError, match="its SHA-256 is different"):
            pcapconv.convert(pcap, back, sidecar=True, progress=write)
        assert not back.exists()
    else:
        pcapconv.convert(pcap, back, sidecar=True, progress=write)
        assert back.read_bytes() == MANY * 4
