"""A small capture: as bytes, in a file, and in a file object. And a folder for outputs."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import wire

HEADER = wire.pcap_header()
RECORD = wire.pcap_record(1, 2, b"four")
CAPTURE = HEADER + RECORD
AS_PCAPNG = wire.section_header() + wire.interface(snaplen=65535) + wire.enhanced_packet(0, 1_000_002, b"four")
MANY = wire.pcap_record(1, 2, bytes(984)) * 3000  # more than all buffers of an output hold
OLD = b"what was there before"
COMMENTED = (
    wire.section_header(options=wire.options((wire.OPT_COMMENT, b"lost")))
    + wire.interface()
    + wire.enhanced_packet(0, 1, b"four")
)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture in a folder of its own, so that a test's folder lists what was written only."""
    folder = tmp_path / "source"
    folder.mkdir()
    path = folder / "in.pcap"
    path.write_bytes(CAPTURE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the outputs."""
    path = tmp_path / "target"
    path.mkdir()
    return path


class Stream:
    """A file object with a read method and nothing else; `then` runs when the first bytes are asked for."""

    def __init__(self, capture: bytes, then: Callable[[], object] = lambda: None) -> None:
        self._file = io.BytesIO(capture)
        self._then = then

    def read(self, size: int) -> bytes:
        self._then()
        self._then = lambda: None
        return self._file.read(size)


def stream(capture: bytes, then: Callable[[], object] = lambda: None) -> BinaryIO:
    return cast(BinaryIO, Stream(capture, then))
