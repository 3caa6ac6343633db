"""Which store has a place: this machine, or what is behind a URL."""

from __future__ import annotations

from pcapconv.batching.local import LOCAL
from pcapconv.batching.places import Store, scheme_of


def store_of(place: str) -> Store:
    """Raises UsageError for a URL when fsspec, or what it needs for this one, is not installed."""
    if scheme_of(place) is None:
        return LOCAL
    from pcapconv.batching.remote import Remote  # which needs fsspec

    return Remote(place)
