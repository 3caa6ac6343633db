"""For tests of `diff`: small captures, and what is found in two of them."""

import io
from pathlib import Path
from typing import Any

import pytest
import wire

from pcapconv import diff
from pcapconv.comparing import Comparison


def capture(*packets: bytes, head: bytes = b"", big: bool = False) -> bytes:
    order = wire.BIG if big else wire.LITTLE
    return wire.section_header(byte_order=order) + (head or wire.interface(byte_order=order)) + b"".join(packets)


def packet(number: int, time: int = 0, interface: int = 0, **named: Any) -> bytes:
    return wire.enhanced_packet(interface, time or number * 1000, b"packet %5d" % number, **named)


def comparison_of(a: bytes, b: bytes, **options: Any) -> Comparison:
    return diff(io.BytesIO(a), io.BytesIO(b), **options)


def differences_of(a: bytes, b: bytes, **options: Any) -> list[tuple[int | None, int | None, tuple[str, ...]]]:
    return [
        (each.difference.a, each.difference.b, each.difference.fields)
        for each in comparison_of(a, b, show=1000, **options).shown
    ]


TEN = [packet(number) for number in range(1, 11)]


def comment_options(*texts: bytes) -> bytes:
    return wire.options(*((1, text) for text in texts))


@pytest.fixture
def two_captures(tmp_path: Path) -> tuple[Path, Path]:
    """Two captures: the second lacks packet 3, and packet 8 has another byte."""
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(*TEN))
    b.write_bytes(capture(*TEN[:2], *TEN[3:7], wire.enhanced_packet(0, 8000, b"packet \x1b[1m8"), *TEN[8:]))
    return a, b
