"""Splitting captures: their parts and reports, which are checked against each other."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from wire import In

from pcapconv.report import Report
from pcapconv.splitting import split

both_forms = pytest.mark.usefixtures("kernels")


def parts_of(capture: bytes, template: str = "x.pcapng", **options: Any) -> list[bytes]:
    """The bytes of each part, in the report's order."""
    return parts_and_report(capture, template, **options)[0]


def parts_and_report(capture: bytes, template: str = "x.pcapng", **options: Any) -> tuple[list[bytes], Report]:
    """The bytes of each part, in the report's order, and the report. Checks that the report agrees with the files."""
    with tempfile.TemporaryDirectory() as folder:
        source = capture if isinstance(capture, io.RawIOBase) else io.BytesIO(capture)
        report = split(source, os.path.join(folder, template), **options)
        written = [Path(name).read_bytes() for name in report.outputs]
        listed = report.parts
        assert listed is not None
        assert [part["name"] for part in listed] == report.outputs
        assert [part["bytes"] for part in listed] == [len(part) for part in written]
        assert sum(part["packets"] for part in listed) == report.packets_written
        assert sorted(os.path.basename(name) for name in report.outputs) == sorted(os.listdir(folder))
    return written, report


def packet_at(write: In, second: float, data: bytes = b"four", interface: int = 0) -> bytes:
    return write.enhanced_packet(interface, 1_000_000_000_500_000 + round(second * 10**6), data)
