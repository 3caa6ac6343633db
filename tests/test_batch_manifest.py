"""A manifest: on a disk that is full it holds whole lines, and what they say is all that the batch claims; where
something else has its name, nothing begins. And who else is in a batch's way."""

import errno
import json
import os
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import MANIFEST

from pcapconv import batch
from pcapconv.batching import manifest
from pcapconv.batching.report import UnfinishedError
from pcapconv.errors import FileError, UsageError

SCHEMA = b'{"schema": {"name": "pcapconv-manifest", "version": 1}, '
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
    path = tmp_path / MANIFEST
    manifest.append_lines(str(path), [{"a": 1}])
    disk = Disk(5, monkeypatch)
    with pytest.raises(FileError) as caught:
        manifest.append_lines(str(path), [{"b": 2}])
    assert str(caught.value) == f"{path}: cannot write: no space left on device"
    assert path.read_bytes() == SCHEMA + b'"a": 1}\n'
    disk.room = 100
    manifest.append_lines(str(path), [{"c": 3}])
    assert path.read_bytes() == SCHEMA + b'"a": 1}\n' + SCHEMA + b'"c": 3}\n'


def test_a_batch_that_can_note_nothing_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(20):
        (source / f"{number:02}.pcap").write_bytes(PCAP)
    options: dict[str, Any] = {"to": "pcapng", "executor": ThreadPoolExecutor(1)}
    disk = Disk(6_000, monkeypatch)
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


# ---------------------------------------------------------------- what is in the way


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pcap").write_bytes(PCAP)
    return folder


def test_a_pipe_is_no_manifest(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / MANIFEST)
    with pytest.raises(FileError, match=f"^{out / MANIFEST}: is not a plain file, and so no manifest; remove it$"):
        batch(source, out, to="pcapng")
    assert os.listdir(out) == [MANIFEST]


def test_a_link_to_a_capture_is_no_manifest(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.pcap").write_bytes(PCAP)
    (out / MANIFEST).symlink_to("mine.pcap")
    said = f"{out / MANIFEST}: is a symbolic link to {out / 'mine.pcap'}, which is not named like a manifest; remove it"
    with pytest.raises(FileError) as caught:
        batch(source, out, to="pcapng")
    assert str(caught.value) == said
    assert (out / "mine.pcap").read_bytes() == PCAP


def test_a_link_to_itself_is_named(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / MANIFEST).symlink_to(MANIFEST)
    with pytest.raises(FileError, match="too many levels of symbolic links"):
        batch(source, out, to="pcapng")


@pytest.mark.parametrize("form", ["file", "list", "url"])
def test_a_file_does_not_become_itself_unless_in_place(source: Path, form: str) -> None:
    """Where its directory is DST, by whatever name."""
    path = source / "a.pcap"
    forms: dict[str, tuple[Any, str]] = {
        "file": (path, str(source)),
        "list": ([path], "/"),
        "url": (source, f"local://{source}"),
    }
    with pytest.raises(UsageError):
        batch(*forms[form], first=1, force=True)
    assert path.read_bytes() == PCAP
    assert os.listdir(source) == ["a.pcap"]


def test_a_new_tree_within_the_old_one_is_not_converted_again(source: Path) -> None:
    """Whatever DST is called."""
    for _ in range(2):
        report = batch(source, f"local://{source}/new", to="pcapng", resume=True)
    assert report.captures == 1


UNFINISHED = ".pcapconv-0000000000000001.tmp"


def test_what_is_called_like_an_unfinished_file_is_no_source_of_a_list(tmp_path: Path) -> None:
    """A resumed batch would remove it."""
    path = tmp_path / UNFINISHED
    path.write_bytes(PCAP)
    report = batch([path], tmp_path / "out", to="pcapng")
    assert [line["error"] for line in report.trouble] == [f"{path}: unfinished files have such names; rename it"]
    assert path.read_bytes() == PCAP


def test_no_target_is_called_like_an_unfinished_file(source: Path, tmp_path: Path) -> None:
    (source / "a.pcap").rename(source / "1.pcap")
    with pytest.raises(UsageError, match="unfinished files have such names; give targets other names"):
        batch(source, tmp_path / "out", template=".pcapconv-000000000000000{stem}.tmp", to="pcapng")


def test_a_line_that_is_too_long_is_none(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of zeros takes no memory by its size."""
    out = tmp_path / "out"
    batch(source, out, to="pcapng")
    monkeypatch.setattr(manifest, "_LONGEST", 4096)
    lengths = []
    with (out / MANIFEST).open("ab") as file:
        file.truncate(10**6)
    for line in manifest.read_lines(str(out / MANIFEST)):
        lengths.append(len(line))
    assert max(lengths) == 4096
    assert sum(lengths) == 10**6
    assert batch(source, out, to="pcapng", resume=True).up_to_date == 1


# ---------------------------------------------------------------- executors that are none


class Broken(Executor):
    def __init__(self, answer: object) -> None:
        self._answer = answer

    def submit(self, *_: Any, **__: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_an_executor_that_raises_fails_its_files(source: Path, tmp_path: Path) -> None:
    report = batch(source, tmp_path / "out", to="pcapng", executor=Broken(ValueError("not today")))
    assert [line["error"] for line in report.trouble] == [f"{source / 'a.pcap'}: not today"]
    assert report.trouble[0]["retryable"] is False


def test_an_executor_without_futures_is_none(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^7 is no future of concurrent\.futures, as an executor gives$"):
        batch(source, tmp_path / "out", to="pcapng", executor=Broken(7))


def test_memory_is_for_threads(source: Path) -> None:
    """What another process writes to its own is nowhere."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        report = batch(source, "memory://batch-manifest", to="pcapng", executor=executor)
    assert (report.converted, report.failed) == (0, 1)


def test_an_interrupt_within_a_wait_stays_one(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it comes while `concurrent.futures.wait` takes or gives its locks."""

    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")

    monkeypatch.setattr("pcapconv.batching.chunks.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batch(source, tmp_path / "out", to="pcapng", jobs=1)
