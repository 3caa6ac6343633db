"""The heartbeat of a batch: a file that its jobs touch while they move bytes, when the batch cannot watch their
processes. `stall_detector` reads it."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from pcapconv.batching.settings import Settings

_INTERVAL = 1.0  # seconds between two touches by one process

_last_touch: dict[str, float] = {}  # path → time, by time.monotonic()


def heartbeat_path(settings: Settings) -> str | None:
    """The path of the heartbeat file, which a later run removes if this one is killed. None if the jobs end with the
    batch and report their progress, or if the target is behind a URL."""
    if settings.lease is None or settings.home is None:
        return None
    return os.path.join(settings.home, f".pcapconv-{settings.run}.tmp")


def touch_heartbeat(settings: Settings) -> None:
    """Touch the heartbeat file, once a second at most, if the batch has made one."""
    path, now = heartbeat_path(settings), time.monotonic()
    if path is None or now < _last_touch.get(path, 0.0) + _INTERVAL:
        return
    _last_touch.clear()  # other batches have ended, or theirs are touched once more
    _last_touch[path] = now
    with suppress(OSError):  # the batch has made none
        os.utime(path)
