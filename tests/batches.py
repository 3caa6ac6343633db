"""For tests of batches: small captures, trees of files, a batch in threads, and what its manifest says."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import converted
from folders import MANIFEST, write_tree

from pcapconv import batch
from pcapconv.batching import executors
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchReport, Watcher

HEADER = wire.pcap_header()
PCAP = HEADER + wire.pcap_record(1_000, 5, b"one") + wire.pcap_record(2_000, 6, b"two")
OTHER_PCAP = HEADER + wire.pcap_record(3_000, 7, b"three")
PCAPNG = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1_000_000_005, b"four")
COMMENTED = PCAPNG + wire.enhanced_packet(
    0, 1_000_000_006, b"five", options=wire.options((wire.OPT_COMMENT, b"a"), (wire.OPT_COMMENT, b"b"))
)
CUT = PCAP + b"cut"
TEXT = b"Dear reader, this is text\n"
KEY_LOG = b"CLIENT_RANDOM 00 01\n"
SECRET = wire.section_header() + wire.secrets(wire.TLS_KEY_LOG, KEY_LOG) + wire.interface()
EXISTS = "exists already; resume=True replaces only what an earlier run wrote, force=True whatever is there"
NO_CAPTURE = "not a pcap or pcapng capture, it begins with 'Dear reader"
STRANGE = "\udcff\n\x1b[31m\uffff]]>&<.pcap"  # as a name: no UTF-8, nothing for a terminal, nothing for XML
SHOWN = "\\xff\\x0a\\x1b[31m\\uffff]]>&<.pcap"
Files = Mapping[str, bytes]
in_threads = pytest.mark.usefixtures("threads")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is done by threads of this process, which start at once."""
    monkeypatch.setattr(executors, "process_workers", executors.thread_workers)


def run_batch(source: Any, target: Any = None, *, executor: Executor | None = None, **options: Any) -> BatchReport:
    """Run a batch in one thread of this process, which starts at once."""
    with ThreadPoolExecutor(1) as own:
        return batch(source, target, executor=executor or own, **options)


def files_below(folder: Path) -> dict[str, bytes]:
    """The contents of all plain files below a folder, temporary ones included, but for manifests."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.name != MANIFEST]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def as_pcapng(capture: bytes, **options: Any) -> bytes:
    """The capture as `convert` writes it as pcapng."""
    return converted(capture, "pcapng", **options)[0]


def manifest_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of the manifest in a folder."""
    return [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]


@contextmanager
def manifest_held(folder: Path) -> Iterator[None]:
    """Make a folder and lock its manifest: whoever has converted a file waits until it may add its line."""
    folder.mkdir()
    with (folder / MANIFEST).open("ab") as manifest:
        fcntl.lockf(manifest, fcntl.LOCK_EX)
        yield


def error_texts(report: BatchReport) -> list[str]:
    """The errors of a batch, sorted."""
    return sorted(line["error"] for line in report.trouble)


def statuses(folder: Path) -> dict[str, tuple[str, str | None]]:
    """The status and the error of each source, as the manifest has them."""
    found = manifest_lines(folder)
    assert len({line["source"] for line in found}) == len(found)
    return {line["source"]: (line["status"], line["error"]) for line in found}


def nonzero_counts(report: BatchReport) -> dict[str, int]:
    """The counts of a report that are not zero."""
    names = ("converted", "damaged", "failed", "up_to_date", "skipped", "left_alone")
    return {name: number for name in names if (number := getattr(report, name))}


def file_identity(path: Path) -> tuple[int, int]:
    """What changes when a file is written again: its inode and the time of its last change."""
    there = path.stat()
    return there.st_ino, there.st_mtime_ns


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two captures and a text, in two folders."""
    return write_tree(tmp_path / "in", {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP, "lab/notes.txt": TEXT})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a batch's targets, which does not exist yet."""
    return tmp_path / "out"


class RecordingWatcher(Watcher):
    """Keeps what a batch tells its watcher."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.lines: list[dict[str, Any]] = []

    def begin(self, files: int, size: int) -> None:
        self.begun.append((files, size))

    def line(self, outcome: Outcome) -> None:
        self.lines.append(outcome.to_json())


BROKEN = {
    "empty": (b"", "skipped", "the file is empty, not a pcap or pcapng capture"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "skipped", "nothing could be decompressed: the gzip data is corrupt"),
    "text": (TEXT, "skipped", NO_CAPTURE),
    "time": (wire.section_header() + wire.interface() + wire.enhanced_packet(0, 2**63, b""), "failed", "packet 1"),
    "types": (
        wire.section_header()
        + wire.interface()
        + wire.interface(wire.RAW_IP)
        + wire.enhanced_packet(0, 1, b"")
        + wire.enhanced_packet(1, 1, b""),
        "failed",
        "2 link types",
    ),
    "cut": (CUT, "damaged", None),
    "version": (wire.pcap_header(version=(9, 1)), "failed", "9.1"),
}


def _same_size(path: Path) -> None:
    data = path.read_bytes()
    there = path.stat()
    path.write_bytes(data[:-1] + b"!")
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns + 10**9))


def _same_time(path: Path) -> None:
    there = path.stat()
    path.write_bytes(path.read_bytes() + wire.pcap_record(9, 9, b"new"))
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))


def _older(path: Path) -> None:
    os.utime(path, ns=(0, 0))


each_change = pytest.mark.parametrize(
    "change", [_same_size, _same_time, _older], ids=lambda change: change.__name__[1:]
)
