"""The names of manifests, and of the leases and indexes beside them, for a whole batch and for each shard."""

from __future__ import annotations

import re

from pcapconv.batching.shards import Shard

PREFIX = "pcapconv-manifest"
WHOLE = f"{PREFIX}.jsonl"
_NAMES = re.compile(rf"{PREFIX}(\.[0-9]+-of-[0-9]+)?\.(jsonl|lease|index)")


def manifest_name(shard: Shard | None) -> str:
    """Return the name of the manifest of a shard, or of a whole batch."""
    return WHOLE if shard is None else f"{PREFIX}.{shard.number}-of-{shard.total}.jsonl"


def is_manifest(name: str) -> bool:
    """Return whether a name is that of a manifest."""
    return is_batch_file(name) and name.endswith(".jsonl")


def is_lease(name: str) -> bool:
    """Return whether a name is that of a lease."""
    return is_batch_file(name) and name.endswith(".lease")


def is_batch_file(name: str) -> bool:
    """Return whether a name is that of a manifest, a lease or an index."""
    return name.startswith(PREFIX) and _NAMES.fullmatch(name) is not None


def lease_beside(manifest: str) -> str:
    """Return the location of the lease of a manifest."""
    return f"{manifest.removesuffix('.jsonl')}.lease"


def index_beside(manifest: str) -> str:
    """Return the location of the index of a manifest."""
    return f"{manifest.removesuffix('.jsonl')}.index"


def manifest_beside(lease: str) -> str:
    """Return the location of the manifest that a lease belongs to."""
    return f"{lease.removesuffix('.lease')}.jsonl"
