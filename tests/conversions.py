"""Converting, copying, reading and refusing a capture; streams that cannot go back."""

import io
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import pcapconv
from pcapconv import FormatError, Packet, Report, formats
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.source import WINDOW_SIZE, open_source
from pcapconv.io.target import open_target
from pcapconv.model import Item

DAMAGED = {"undeclared-interface", "version-unknown"}  # samples, by stem
SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").iterdir() if path.suffix in (".pcap", ".pcapng"))
every_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)


class Pipe(io.RawIOBase):
    """A stream that cannot go back, and gives one piece at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, room: bytearray) -> int:  # type: ignore[override]
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        count = min(len(room), len(self._piece))
        room[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count


class Sink(io.RawIOBase):
    """A stream that cannot go back, and keeps what is written to it."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += data
        return len(data)


def stem(path: Path) -> str:
    """A sample's name without its byte order."""
    return path.stem.removesuffix("-le").removesuffix("-be")


def converted(capture: bytes | BinaryIO, to: str, **options: Any) -> tuple[bytes, Report]:
    """The converted capture, and the report."""
    source, target = io.BytesIO(capture) if isinstance(capture, bytes) else capture, io.BytesIO()
    report = pcapconv.convert(source, target, to=to, **options)
    return target.getvalue(), report


def identical(capture: bytes) -> Report:
    """Check that a capture that is copied to its own format stays the same, with no loss and no damage."""
    out, report = converted(capture, "pcapng" if capture[:4] == b"\n\r\r\n" else "pcap")
    assert out == capture
    assert (report.losses, report.damage) == ({}, [])
    assert report.packets_read == report.packets_written
    return report


def packets(capture: bytes) -> list[Packet]:
    with pcapconv.open(io.BytesIO(capture)) as opened:
        return list(opened)


def damage_of(report: Report) -> list[tuple[int, int, int]]:
    """The offset and the packet number of each damage, and the bytes that it left out."""
    return [(each.offset, each.packet_number, each.bytes_left_out) for each in report.damage]


def refused(capture: bytes, match: str) -> None:
    """Check that bytes are refused as no capture: by `convert` to each format, and by `open`."""
    for to in ("pcap", "pcapng"):
        target = io.BytesIO()
        with pytest.raises(FormatError, match=match):
            pcapconv.convert(io.BytesIO(capture), target, to=to)
        assert target.getvalue() == b""
    with pytest.raises(FormatError, match=match), pcapconv.open(io.BytesIO(capture)) as opened:
        list(opened)


def read(capture: bytes, window_size: int = WINDOW_SIZE) -> Iterator[Item]:
    """The items of a capture."""
    return formats.open_reader(open_source(io.BytesIO(capture)), window_size).items()


def written(items: Iterator[Item], target: BinaryIO, to: str) -> dict[str, int]:
    """Write items; return what the format lost of them, by kind."""
    with open_target(target) as opened:
        output = BufferedOutput(opened)
        writer = formats.open_writer(WriterSettings(to), output)
        try:
            for item in items:
                writer.write(item)
            writer.finish()
        finally:
            output.close()
    return dict(writer.losses)


def after_step(
    step: Callable[[Iterator[Item]], Iterator[Item]], capture: bytes, to: str = "pcapng", window_size: int = WINDOW_SIZE
) -> tuple[bytes, dict[str, int]]:
    """A capture as it is written after a step, and what the format lost of it, by kind."""
    target = io.BytesIO()
    losses = written(step(read(capture, window_size)), target, to)
    return target.getvalue(), losses


def peak_memory(work: Callable[[], object]) -> int:
    """The most memory that some work takes at once, in bytes, as tracemalloc counts."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
