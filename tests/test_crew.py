"""Work that threads share: what order it comes in, who does it, and how it ends."""

import errno
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import pytest
import wire

import pcapconv
from pcapconv.errors import FileError, SidecarError
from pcapconv.formats.window import WINDOW_SIZE
from pcapconv.io import crew, output
from pcapconv.io.crew import Crew
from pcapconv.io.files import Target, open_source, open_target
from pcapconv.io.output import BUFFER_SIZE, Output
from pcapconv.sidecar.digest import Digest

PACKETS = 4000
MANY = b"".join(
    (
        wire.section_header(),
        wire.interface(),
        *(wire.enhanced_packet(0, number, bytes([number % 251]) * 100) for number in range(PACKETS)),
    )
)

LARGE = b"".join((wire.section_header(), wire.interface(), wire.enhanced_packet(0, 5, bytes(range(250)) * 8000)))

each_machine = pytest.mark.parametrize("cores", [1, 2, 3, 8])


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def on(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """A machine with so many cores."""
    monkeypatch.setattr(crew, "cores", lambda: cores)


class Kind:
    """Numbers to take, one after the other. `next_one` gets what was taken."""

    def __init__(self, next_one: Callable[[int], object]) -> None:
        self.waiting: SimpleQueue[int] = SimpleQueue()
        self.taken: list[int] = []
        self.at_once = self.most_at_once = 0
        self._next = next_one

    def __call__(self) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        found = not self.waiting.empty()
        if found:
            number = self.waiting.get()
            time.sleep(0)
            self.taken.append(number)
            self._next(number)
        self.at_once -= 1
        return found


@each_machine
@pytest.mark.parametrize("helps", [False, True])
def test_work_is_done_in_its_order_and_all_of_it(monkeypatch: pytest.MonkeyPatch, cores: int, helps: bool) -> None:
    on(monkeypatch, cores)
    last = Kind(lambda _: None)

    def hand_on(number: int) -> None:
        last.waiting.put(number)
        workers.tell()

    first = Kind(hand_on)
    workers = Crew([first, last])
    workers.start()
    for number in range(500):
        first.waiting.put(number)
        workers.tell()
        if helps:
            workers.help()
    workers.end()
    assert first.taken == last.taken == list(range(500))
    assert first.most_at_once == last.most_at_once == 1
    assert not workers.help()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (8, 3)])
def test_there_are_threads_for_idle_cores(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    """One is busy with encoding; more than kinds of work would have nothing to do."""
    on(monkeypatch, cores)
    before = threading.active_count()
    workers = Crew([lambda: False] * 2, beside=lambda: False)
    workers.start()
    assert threading.active_count() - before == threads
    workers.end()


def test_work_beside_begins_by_itself_and_is_left_at_the_end() -> None:
    begun, calls = threading.Event(), [0]

    def endless() -> bool:
        calls[0] += 1
        begun.set()
        return True

    workers = Crew(beside=endless)
    workers.start()
    assert begun.wait(10)
    workers.end()
    done = calls[0]
    assert not workers.help()
    assert calls[0] == done


def test_work_that_comes_while_somebody_looks_in_vain_is_seen() -> None:
    """Who finds another one there goes away, and relies on that one."""
    looks, again, new = threading.Event(), threading.Event(), threading.Event()

    def look() -> bool:
        if looks.is_set():
            again.set()
            return False
        looks.set()
        new.wait(10)
        return False  # of what was there before

    workers = Crew([look])
    workers.start()
    assert looks.wait(10)
    assert not workers.help()
    new.set()
    assert again.wait(10)
    workers.end()


def test_work_that_is_left_by_one_who_helps_is_done() -> None:
    """Though the thread of the crew found the other one at it, and went away."""
    waiting: SimpleQueue[threading.Event] = SimpleQueue()
    helping, came = threading.Event(), threading.Event()

    def piece() -> bool:
        if waiting.empty():
            return False
        event = waiting.get()
        if event is helping:
            second = threading.Event()
            waiting.put(second)
            seconds.append(second)
            workers.tell()
            came.wait(0.2)  # time for the crew to come and go
        event.set()
        return True

    seconds: list[threading.Event] = []
    workers = Crew([piece])
    workers.start()
    time.sleep(0.05)  # it looks, and finds nothing
    waiting.put(helping)
    assert workers.help()
    assert seconds[0].wait(10)
    workers.end()


def test_what_a_piece_raises_reaches_who_helps() -> None:
    def piece() -> bool:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return False

    workers = Crew([piece])
    with pytest.raises(KeyboardInterrupt):
        workers.help()
    with pytest.raises(KeyboardInterrupt):  # it is not locked
        workers.help()


def test_a_thread_that_is_stuck_is_not_waited_for() -> None:
    go_on, stuck = threading.Event(), threading.Event()

    def wait() -> bool:
        stuck.set()
        go_on.wait(10)
        return False

    workers = Crew([wait])
    workers.start()
    assert stuck.wait(10)
    workers.end(0)
    (thread,) = [each for each in threading.enumerate() if each.name == "pcapconv-crew"]
    go_on.set()
    thread.join(10)


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
    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    for good in range(8):
        full = Failing(good, OSError(errno.ENOSPC, "No space left"))
        out = Output(Target(full, "full", seekable=False), hashed=True)
        with pytest.raises(FileError, match="full: cannot write: no space left"):
            out.write(bytes(100_000))
        out.close()


def test_an_output_that_rests_has_as_many_buffers_afterwards(tmp_path: Path) -> None:
    data = bytes(range(256)) * 2**13
    with open_target(tmp_path / "out", force=False) as target:
        out = Output(target, spares=[], hashed=True)
        for _ in range(2):
            out.write(data)
            assert out.held == 5 * BUFFER_SIZE
            out.rest()
            assert out.held == 0
        out.finish()
        assert out.sha256 == hashlib.sha256(data * 2).hexdigest()


def test_work_beside_an_output_is_done_before_it_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that encodes, at the latest when all buffers are full."""
    pieces = [0]

    def piece() -> bool:
        pieces[0] += 1
        return pieces[0] < 3

    monkeypatch.setattr(Crew, "start", lambda _: None)
    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    with open_target(tmp_path / "out", force=False) as target:
        out = Output(target, beside=piece)
        for _ in range(5):
            out.write(bytes(4096))
            out.turn()
        assert pieces[0] >= 3
        out.finish()


# ---------------------------------------------------------------- conversions


@each_machine
@pytest.mark.parametrize("size", [4096, 2**16])
def test_a_conversion_is_the_same_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, size: int
) -> None:
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    whole = MANY * 3 + LARGE * 2 + MANY * 2
    source.write_bytes(whole)
    on(monkeypatch, cores)
    monkeypatch.setattr(output, "BUFFER_SIZE", size)
    pcapconv.convert(source, pcap, sidecar=True)
    assert pcap.stat().st_size == 24 + 5 * PACKETS * 116 + 2 * 2_000_016
    digest = hashlib.sha256(pcap.read_bytes()).hexdigest()
    assert f'"sha256": "{digest}"'.encode() in Path(f"{pcap}.meta.json").read_bytes()
    pcapconv.convert(pcap, back, sidecar=True)
    assert back.read_bytes() == whole


@each_machine
@pytest.mark.parametrize("good", [0, 1, 7, 50])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_goes_wrong_in_any_thread_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, cores: int, good: int, error: type[BaseException]
) -> None:
    on(monkeypatch, cores)
    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    with pytest.raises(error):
        pcapconv.convert(io.BytesIO(MANY), cast(Any, Failing(good, error())), to="pcap")


def test_a_digest_is_worked_out_while_the_capture_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when it is asked for; also that of each part, for `join`."""
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY)
    pcapconv.convert(source, pcap, sidecar=True)
    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    monkeypatch.setattr(Crew, "start", lambda _: None)
    left: list[int] = []

    def hexdigest(self: Digest) -> str:
        left.append(0)
        while self.piece():
            left[-1] += 1
        return whole(self)

    whole = Digest.hexdigest
    monkeypatch.setattr(Digest, "hexdigest", hexdigest)
    pcapconv.convert(pcap, back, sidecar=True)
    pcapconv.join(f"{pcap}.meta.json", tmp_path / "joined.pcapng")
    assert left == [0, 0]
    assert back.read_bytes() == (tmp_path / "joined.pcapng").read_bytes() == MANY


@pytest.mark.parametrize("edited", [False, True])
def test_an_interrupt_while_a_digest_is_worked_out_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY)
    pcapconv.convert(source, pcap, sidecar=True, sidecar_fingerprints=True)

    def piece(_: Digest) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    monkeypatch.setattr(Crew, "start", lambda _: None)
    monkeypatch.setattr(Digest, "piece", piece)
    if edited:
        pcap.write_bytes(pcap.read_bytes()[:-116])
        report = pcapconv.convert(pcap, back, sidecar=True)
        assert report.found_in_sidecar is not None  # by its fingerprints: nobody asks for its digest
        return
    with pytest.raises(KeyboardInterrupt):
        pcapconv.convert(pcap, back, sidecar=True)
    assert not back.exists()


def test_a_digest_is_of_the_file_as_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(b"a" * 300_000)
    with open_source(path) as source:
        with path.open("ab") as file:
            file.write(b"later")
        assert Digest(source).hexdigest() == hashlib.sha256(b"a" * 300_000).hexdigest()


@each_machine
@pytest.mark.parametrize(("at", "data"), [(-16, b"another packet, "), (0, b"more")])
def test_a_capture_that_is_written_to_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, at: int, data: bytes
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
    on(monkeypatch, cores)
    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    if at:
        with pytest.raises(SidecarError, match="its SHA-256 is another one"):
            pcapconv.convert(pcap, back, sidecar=True, progress=write)
        assert not back.exists()
    else:
        pcapconv.convert(pcap, back, sidecar=True, progress=write)
        assert back.read_bytes() == MANY * 4


def test_a_system_without_threads_converts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY)

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(output, "BUFFER_SIZE", 4096)
    monkeypatch.setattr(threading.Thread, "start", start)
    pcapconv.convert(source, pcap, sidecar=True)
    pcapconv.convert(pcap, back, sidecar=True)
    assert back.read_bytes() == MANY
