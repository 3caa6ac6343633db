"""Work that threads share: what order it comes in, who does it, and how it ends."""

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import pytest
import wire

import pcapconv
from pcapconv import crew, output
from pcapconv.crew import Crew

PACKETS = 4000
MANY = b"".join(
    (
        wire.section_header(),
        wire.interface(),
        *(wire.enhanced_packet(0, number, bytes([number % 251]) * 100) for number in range(PACKETS)),
    )
)

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
        self.at_once = 0
        self.taken: list[int] = []
        self._next = next_one

    def __call__(self) -> bool:
        self.at_once += 1
        assert self.at_once == 1
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
    for number in range(500):
        first.waiting.put(number)
        workers.tell()
        if helps:
            workers.help()
    workers.end()
    assert first.taken == last.taken == list(range(500))
    assert not workers.help()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (8, 3)])
def test_there_are_threads_for_idle_cores(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    """One is busy with encoding; more than kinds of work would have nothing to do."""
    on(monkeypatch, cores)
    before = threading.active_count()
    workers = Crew([lambda: False] * 2, beside=lambda: False)
    assert threading.active_count() - before == threads
    workers.end()


def test_work_beside_begins_by_itself_and_is_left_at_the_end() -> None:
    begun, calls = threading.Event(), [0]

    def endless() -> bool:
        calls[0] += 1
        begun.set()
        return True

    workers = Crew(beside=endless)
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
    assert looks.wait(10)
    assert not workers.help()
    new.set()
    assert again.wait(10)
    workers.end()


def test_a_thread_that_is_stuck_is_not_waited_for() -> None:
    go_on, stuck = threading.Event(), threading.Event()

    def wait() -> bool:
        stuck.set()
        return not go_on.wait(10)

    workers = Crew([wait])
    assert stuck.wait(10)
    workers.end(0)
    (thread,) = [each for each in threading.enumerate() if each.name == "pcapconv-crew"]
    go_on.set()
    thread.join(10)


# ---------------------------------------------------------------- conversions


@each_machine
@pytest.mark.parametrize("size", [4096, 2**16])
def test_a_conversion_is_the_same_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, size: int
) -> None:
    source, pcap, back = tmp_path / "in.pcapng", tmp_path / "out.pcap", tmp_path / "back.pcapng"
    source.write_bytes(MANY)
    on(monkeypatch, cores)
    monkeypatch.setattr(output, "BUFFER_SIZE", size)
    pcapconv.convert(source, pcap, sidecar=True)
    assert pcap.stat().st_size == 24 + PACKETS * 116
    digest = hashlib.sha256(pcap.read_bytes()).hexdigest()
    assert f'"sha256": "{digest}"'.encode() in Path(f"{pcap}.meta.json").read_bytes()
    pcapconv.convert(pcap, back, sidecar=True)
    assert back.read_bytes() == MANY


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
