"""The heartbeat of a batch: a file that jobs touch while they read or send bytes, used if the batch cannot watch their
processes. `stall_detector` reads the time of the file."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from pcapconv.batching.settings import Settings

_INTERVAL = 1.0  # seconds between two touches by one process

_last_touch: dict[str, float] = {}  # path → time, by time.monotonic()


def heartbeat_path(settings: Settings) -> str | None:
    """Return the path of the heartbeat file; None if the jobs end with the batch and report their progress, or if the
    target is behind a URL. If this run is killed, a later run removes the file by its temporary name."""
    if settings.lease is None or settings.home is None:
        return None
    return os.path.join(settings.home, f".pcapconv-{settings.run}.tmp")


def touch_heartbeat(settings: Settings) -> None:
    """Touch the heartbeat file, once a second at most, if it exists."""
    path, now = heartbeat_path(settings), time.monotonic()
    if path is None or now < _last_touch.get(path, 0.0) + _INTERVAL:
        return
    _last_touch.clear()  # another batch that is still at work only touches its file once more
    _last_touch[path] = now
    with suppress(OSError):  # there is no heartbeat file
        os.utime(path)
