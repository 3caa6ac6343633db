"""Creating a capture in memory, and reading one from memory."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pcapconv

TIME = 1_700_000_000_123_456_789
TSRESOL_NS = (9, b"\x09")


def created(write: Callable[[pcapconv.CaptureWriter], object], to: str = "pcapng", **arguments: Any) -> bytes:
    """The bytes of a capture to which `write` has written."""
    target = io.BytesIO()
    with pcapconv.create(target, to=to, **arguments) as capture:
        write(capture)
    return target.getvalue()


@contextmanager
def opened(capture: bytes) -> Iterator[pcapconv.Capture]:
    with pcapconv.open(io.BytesIO(capture)) as reading:
        yield reading
