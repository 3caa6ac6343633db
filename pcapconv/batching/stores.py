"""Finds the store of a location: the file system of this machine, or the store behind a URL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import Store, scheme_of

if TYPE_CHECKING:
    from pcapconv.batching.remote import RemoteStore

_MAX_SECONDS = 5.0


def store_of(location: str) -> Store:
    """Return the store of a location. Raises UsageError for a URL if fsspec, or a package that fsspec needs for this
    scheme, is not installed."""
    if scheme_of(location) is None:
        return LOCAL
    return remote_store(location)


def remote_store(url: str) -> RemoteStore:
    """Return the store behind a URL. Raises UsageError as `store_of` does."""
    from pcapconv.batching.remote import RemoteStore  # imports fsspec

    return RemoteStore(url)


def run_briefly(work: Callable[[], object]) -> None:
    """Run work that cleans up in a store. Wait for it at most five seconds, since the store may never answer, and
    ignore its errors."""

    def run() -> None:
        with suppress(Exception):  # any error that matters was reported before
            work()

    thread = threading.Thread(target=run, name="pcapconv-tidy", daemon=True)
    with suppress(RuntimeError):  # the system has no thread to spare
        thread.start()
        thread.join(_MAX_SECONDS)
