"""The pulse of a batch: a file by which its jobs, in whatever process, show that they move."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from pcapconv.batching.settings import Settings

_INTERVAL = 1.0  # seconds between two touches by one process

_touched: dict[str, float] = {}  # place → when


def place_of(settings: Settings) -> str | None:
    """Where the pulse lies, under a name that a later run clears away. None where jobs end with the batch and tell it
    how far they are, or where the target is no directory."""
    if settings.lease is None or settings.home is None:
        return None
    return os.path.join(settings.home, f".pcapconv-{settings.run}.tmp")


def beat(settings: Settings) -> None:
    """Touch the pulse now and then, where the batch wants one."""
    location, now = place_of(settings), time.monotonic()
    if location is None or now < _touched.get(location, 0.0) + _INTERVAL:
        return
    _touched.clear()  # other batches' have ended, or are touched once more
    _touched[location] = now
    with suppress(OSError):  # the batch wants none
        os.utime(location)
