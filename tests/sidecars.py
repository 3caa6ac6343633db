"""For tests of sidecars: the way to pcap and back."""

import io
from pathlib import Path
from typing import Any

import pytest

import pcapconv


def convert_with_sidecar(capture: bytes | Path, pcap: Path, **options: Any) -> pcapconv.Report:
    """Convert a capture to pcap with a sidecar that keeps everything."""
    source = io.BytesIO(capture) if isinstance(capture, bytes) else capture
    return pcapconv.convert(source, pcap, force=True, **{"sidecar": True, "sidecar_secrets": True, **options})


def restored_pcapng(pcap: Path, **options: Any) -> bytes:
    """The pcapng capture that a pcap file and its sidecar give."""
    target = io.BytesIO()
    pcapconv.convert(pcap, target, to="pcapng", **{"sidecar": True, **options})
    return target.getvalue()


def sidecar_beside(pcap: Path) -> Path:
    return pcap.with_name(pcap.name + ".meta.json")


class Trip:
    """A folder in which captures go to pcap and come back."""

    def __init__(self, folder: Path) -> None:
        self.pcap, self.back = folder / "a.pcap", folder / "b.pcapng"
        self.sidecar = folder / "a.pcap.meta.json"

    def there(self, capture: bytes | Path, **options: Any) -> pcapconv.Report:
        return convert_with_sidecar(capture, self.pcap, **options)

    def returned(self, **options: Any) -> bytes:
        pcapconv.convert(self.pcap, self.back, force=True, **{"sidecar": True, **options})
        return self.back.read_bytes()


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    """Where a pcap file goes, with its sidecar beside it."""
    return tmp_path / "a.pcap"


@pytest.fixture(scope="module")
def shared_pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of a module."""
    return tmp_path_factory.mktemp("shared") / "a.pcap"
