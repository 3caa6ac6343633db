"""A manifest on a disk that is full: it holds whole lines, and what they say is all that the batch claims."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire

from pcapconv import batch
from pcapconv.batching import manifest
from pcapconv.batching.report import UnfinishedError
from pcapconv.errors import FileError

MANIFEST = "pcapconv-manifest.jsonl"
PCAP = wire.pcap_header() + wire.pcap_record(1_000, 5, b"one")


class Disk:
    """A disk with room for so many more bytes of the manifest."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if not os.readlink(f"/proc/self/fd/{file}").endswith(MANIFEST):
            return self._write(file, data)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


def test_a_line_that_finds_no_room_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / MANIFEST
    manifest.add(str(place), [{"a": 1}])
    disk = Disk(5, monkeypatch)
    with pytest.raises(FileError) as caught:
        manifest.add(str(place), [{"b": 2}])
    assert str(caught.value) == f"{place}: cannot write: no space left on device"
    assert place.read_bytes() == b'{"a": 1}\n'
    disk.room = 100
    manifest.add(str(place), [{"c": 3}])
    assert place.read_bytes() == b'{"a": 1}\n{"c": 3}\n'


def test_a_batch_that_can_note_nothing_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(20):
        (source / f"{number:02}.pcap").write_bytes(PCAP)
    options: dict[str, Any] = {"to": "pcapng", "executor": ThreadPoolExecutor(1)}
    disk = Disk(5_000, monkeypatch)
    with pytest.raises(UnfinishedError) as caught:
        batch(source, out, **options)
    lines = [json.loads(line) for line in (out / MANIFEST).read_bytes().splitlines()]
    assert (out / MANIFEST).read_bytes().endswith(b"}\n")
    assert 3 < len(lines) < 10
    assert sorted(line["target"] for line in lines) == sorted(path.name for path in out.glob("*.pcapng"))
    assert str(caught.value).startswith(f"{out / MANIFEST}: cannot write: no space left on device; ")
    assert str(caught.value).endswith(" of 20 files were done, resume=True goes on with the others")
    disk.room = 10**6
    report = batch(source, out, resume=True, **options)
    assert (report.failed, report.converted, report.up_to_date) == (0, 20 - len(lines), len(lines))
