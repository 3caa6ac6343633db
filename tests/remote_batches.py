"""What the tests of batches behind URLs share: a tree of captures, what becomes of it, and what a batch says."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from s3_server import MANIFEST

import pcapconv
from pcapconv.batching.report import BatchReport

COMMAND = str(Path(sys.executable).with_name("pcapconv"))
PATIENCE = 60  # seconds until a test fails that would hang


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number, 5, bytes(range(number, number + 50)))


def pcapng(number: int) -> bytes:
    packet = wire.enhanced_packet(0, number * 10**6 + 5, bytes(range(number, number + 50)))
    return wire.section_header() + wire.interface(snaplen=65535) + packet


NAMES = {"1.pcap": 1, "deep/er/2.pcap": 2, "ü and %20#?.pcap": 3}
TREE = {name: pcap(number) for name, number in NAMES.items()} | {"notes.txt": b"no capture"}
DONE = {f"{name}ng": pcapng(number) for name, number in NAMES.items()}


def run_batch(source: Any, target: Any = None, **options: Any) -> BatchReport:
    """A batch in threads of this process, which start at once."""
    with ThreadPoolExecutor(2) as executor:
        return pcapconv.batch(source, target, executor=executor, **options)


def nonzero_counts(done: BatchReport) -> dict[str, int]:
    """What became of files, as far as it happened."""
    kinds = ("converted", "damaged", "failed", "up_to_date", "skipped", "left_alone")
    return {kind: getattr(done, kind) for kind in kinds if getattr(done, kind)}


def error_texts(done: BatchReport) -> list[str]:
    return sorted(line["error"] for line in done.trouble)


def write_tree(root: Path, files: dict[str, bytes] = TREE) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def files_below(root: Path) -> dict[str, bytes]:
    """All files but the manifest, temporary ones included."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def last_lines(manifest: bytes) -> dict[str, Any]:
    """By target, what the manifest says last."""
    return {line["target"]: line for line in map(json.loads, manifest.splitlines())}


def check_manifest(manifest: bytes, sources: dict[str, bytes], targets: dict[str, bytes]) -> None:
    """The manifest's last lines of what was converted are true."""
    last = {name: line for name, line in last_lines(manifest).items() if line["status"] == "converted"}
    assert last.keys() == targets.keys()
    for name, data in targets.items():
        source = sources[last[name]["source"]]
        assert (last[name]["target_size"], last[name]["target_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert (last[name]["source_size"], last[name]["source_sha256"]) == (
            len(source),
            hashlib.sha256(source).hexdigest(),
        )


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's files in memory, which are the process's."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def run_command(*arguments: Any, **environment: str) -> tuple[int, str]:
    """The status of the command, and what it says."""
    done = subprocess.run(
        [COMMAND, "batch", *arguments, "-q"],
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr.decode()
