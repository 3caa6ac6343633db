"""Which store has a place: this machine, or what is behind a URL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import Store, scheme_of

if TYPE_CHECKING:
    from pcapconv.batching.remote import RemoteStore

_BRIEFLY = 5.0  # seconds


def store_of(location: str) -> Store:
    """Raises UsageError for a URL when fsspec, or what it needs for this one, is not installed."""
    if scheme_of(location) is None:
        return LOCAL
    return remote(location)


def remote(url: str) -> RemoteStore:
    """What is behind a URL. Raises UsageError as `store_of` does."""
    from pcapconv.batching.remote import RemoteStore  # which needs fsspec

    return RemoteStore(url)


def briefly(work: Callable[[], object]) -> None:
    """Do what tidies up in a store, which may answer late or never: for five seconds at most, and without a word."""

    def run() -> None:
        with suppress(Exception):  # what matters was said before
            work()

    thread = threading.Thread(target=run, name="pcapconv-tidy", daemon=True)
    with suppress(RuntimeError):  # the system has no thread to spare
        thread.start()
        thread.join(_BRIEFLY)
