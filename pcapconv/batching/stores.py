"""Which store has a place: this machine, or what is behind a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapconv.batching.local import LOCAL
from pcapconv.batching.places import Store, scheme_of

if TYPE_CHECKING:
    from pcapconv.batching.remote import Remote


def store_of(place: str) -> Store:
    """Raises UsageError for a URL when fsspec, or what it needs for this one, is not installed."""
    if scheme_of(place) is None:
        return LOCAL
    return remote(place)


def remote(url: str) -> Remote:
    """What is behind a URL. Raises UsageError as `store_of` does."""
    from pcapconv.batching.remote import Remote  # which needs fsspec

    return Remote(url)
