"""For tests of sidecars: the way to pcap and back."""

import io
from pathlib import Path
from typing import Any

import pytest

import pcapconv


class Trip:
    """A folder in which captures go to pcap and come back."""

    def __init__(self, folder: Path) -> None:
        self.pcap, self.back = folder / "a.pcap", folder / "b.pcapng"
        self.sidecar = folder / "a.pcap.meta.json"

    def there(self, capture: bytes | Path, **options: Any) -> pcapconv.Report:
        source = io.BytesIO(capture) if isinstance(capture, bytes) else capture
        options = {"sidecar": True, "sidecar_secrets": True, **options}
        return pcapconv.convert(source, self.pcap, force=True, **options)

    def returned(self, **options: Any) -> bytes:
        pcapconv.convert(self.pcap, self.back, force=True, **{"sidecar": True, **options})
        return self.back.read_bytes()


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)
