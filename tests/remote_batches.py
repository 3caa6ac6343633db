"""For tests of batches behind URLs: a tree of captures, its targets, and checks of the manifest."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import wire
from command_line import COMMAND

PATIENCE = 60  # seconds until a test fails that would hang


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number, 5, bytes(range(number, number + 50)))


def pcapng(number: int) -> bytes:
    packet = wire.enhanced_packet(0, number * 10**6 + 5, bytes(range(number, number + 50)))
    return wire.section_header() + wire.interface(snaplen=65535) + packet


NAMES = {"1.pcap": 1, "deep/er/2.pcap": 2, "ü and %20#?.pcap": 3}
TREE = {name: pcap(number) for name, number in NAMES.items()} | {"notes.txt": b"no capture"}
DONE = {f"{name}ng": pcapng(number) for name, number in NAMES.items()}


def last_lines(manifest: bytes) -> dict[str, Any]:
    """The last line of a manifest for each target."""
    return {line["target"]: line for line in map(json.loads, manifest.splitlines())}


def check_manifest(manifest: bytes, sources: dict[str, bytes], targets: dict[str, bytes]) -> None:
    """Check that the manifest's last lines of converted files give their true sizes and hashes."""
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
    """fsspec's files in memory, which all of this process shares; empty before and after."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def run_command(*arguments: Any, **environment: str) -> tuple[int, str]:
    """Run `pcapconv batch`; return its exit status and its stderr."""
    done = subprocess.run(
        [COMMAND, "batch", *arguments, "-q"],
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr.decode()
