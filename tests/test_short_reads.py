"""Files and file objects that give or take fewer bytes than they were asked for, or none for now: the result is the
same.
"""

import io
import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire

import pcapconv
from pcapconv.io import read_write, source, temporary_file
from pcapconv.steps import packet_sorter

PLAIN = wire.pcap_header() + wire.pcap_record(1, 2, bytes(984)) * 300
OPTIONS = wire.options((wire.OPT_COMMENT, b"kept"))
FALLING = (
    wire.section_header()
    + wire.interface(snaplen=64)
    + b"".join(wire.enhanced_packet(0, 10**6 - number, bytes(20), options=OPTIONS) for number in range(17_000))
    + wire.interface(snaplen=65535)  # so that the snaplen of a pcap file is put right at the end
    + wire.enhanced_packet(1, 1, bytes(70))
)


class Short(io.FileIO):
    """A file of the system that gives and takes at most 7,919 bytes at a time."""

    most = 7919

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))

    def readinto(self, room: Any, /) -> int:
        with memoryview(room) as view:
            return super().readinto(view[: self.most])

    def write(self, data: Any, /) -> int:
        with memoryview(data) as view:
            return super().write(view[: self.most])


class Hesitant:
    """A file object without a descriptor that has nothing, or takes nothing, every other time."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = io.BytesIO(data)
        self.taken = b""
        self._ready = False

    def _turn(self) -> bool:
        self._ready = not self._ready
        return self._ready


class Reading(Hesitant):
    def read(self, size: int) -> bytes | None:
        return None if self._turn() else self._data.read(min(size, 100_000))


class RawReading(Hesitant, io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        return None if self._turn() else self._data.readinto(room)


class Writing(Hesitant):
    def write(self, data: memoryview) -> int:
        if self._turn():
            return 0
        self.taken += data
        return len(data)


class RawWriting(Hesitant, io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        if self._turn():
            return None
        self.taken += data
        return len(data)


# ---------------------------------------------------------------- objects that are handed in


@pytest.mark.parametrize("kind", [Reading, RawReading])
def test_an_object_that_has_nothing_for_now_is_asked_again(kind: Callable[[bytes], Any]) -> None:
    target = io.BytesIO()
    pcapconv.convert(kind(PLAIN), target, to="pcap")
    assert target.getvalue() == PLAIN


@pytest.mark.parametrize("kind", [Writing, RawWriting])
def test_an_object_that_takes_nothing_for_now_is_asked_again(kind: Callable[[], Any]) -> None:
    target = kind()
    pcapconv.convert(io.BytesIO(PLAIN), target, to="pcap")
    assert target.taken == PLAIN


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once pcapconv waits for a file object."""
    event, wait_for = threading.Event(), read_write.wait_for

    def noted(file: Any, *, writing: bool) -> None:
        event.set()
        wait_for(file, writing=writing)

    for module in (read_write, source):
        monkeypatch.setattr(module, "wait_for", noted)
    return event


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def moved(descriptor: int, number: int | None) -> int:
    """The descriptor with another number."""
    if number is None:
        return descriptor
    os.dup2(descriptor, number)
    os.close(descriptor)
    return number


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("number", [None, 1500], ids=["low", "high"])
@pytest.mark.parametrize("buffering", [0, -1], ids=["raw", "buffered"])
def test_a_pipe_that_is_full_is_waited_for(number: int | None, buffering: int, waits: threading.Event) -> None:
    read, write = os.pipe()
    write = moved(write, number)
    os.set_blocking(write, False)
    came: list[bytes] = []

    def take() -> None:
        waits.wait(20)
        with open(read, "rb") as file:
            came.append(file.read())

    thread = threading.Thread(target=take)
    thread.start()
    with open(write, "wb", buffering=buffering) as file:
        pcapconv.convert(io.BytesIO(PLAIN), file, to="pcap")
        os.set_blocking(write, True)  # for what the object itself still holds
    thread.join()
    assert waits.is_set()
    assert came == [PLAIN]


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("number", [None, 1501], ids=["low", "high"])
@pytest.mark.parametrize("buffering", [0, -1], ids=["raw", "buffered"])
def test_a_pipe_that_is_empty_is_waited_for(number: int | None, buffering: int, waits: threading.Event) -> None:
    read, write = os.pipe()
    read = moved(read, number)
    os.set_blocking(read, False)

    def give() -> None:
        waits.wait(20)
        with open(write, "wb") as file:
            file.write(PLAIN)

    thread = threading.Thread(target=give)
    thread.start()
    target = io.BytesIO()
    with open(read, "rb", buffering=buffering) as file:
        pcapconv.convert(file, target, to="pcap")
    thread.join()
    assert waits.is_set()
    assert target.getvalue() == PLAIN


# ---------------------------------------------------------------- files


def written_by_all_commands(folder: Path) -> dict[str, bytes]:
    """The files that commands of all kinds write, by name."""
    folder.mkdir()
    (folder / "in.pcapng").write_bytes(FALLING)
    out = folder / "out"
    out.mkdir()
    pcapconv.convert(folder / "in.pcapng", out / "a.pcap", sidecar=True, sidecar_fingerprints=True)
    pcapconv.convert(out / "a.pcap", out / "b.pcapng", sidecar=True)
    pcapconv.normalize(folder / "in.pcapng", out / "n.pcapng")
    with pcapconv.open(out / "a.pcap", sidecar=True) as capture:
        (out / "lengths").write_text(repr([packet.captured_length for packet in capture]))
    target = io.BytesIO()
    pcapconv.convert(folder / "in.pcapng", target, to="pcap", on_loss="ignore", strict=True)
    (out / "whole").write_bytes(target.getvalue())
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("most", [997, 7919])
def test_files_that_give_and_take_little_at_a_time(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_sorter, "_RUN", 2**17)  # so that there are several
    plain = written_by_all_commands(tmp_path / "plain")
    assert plain["b.pcapng"] == FALLING
    monkeypatch.setattr(Short, "most", most)
    monkeypatch.setattr(io, "FileIO", Short)
    monkeypatch.setattr(temporary_file, "_NamelessFile", Short)
    assert written_by_all_commands(tmp_path / "short") == plain
