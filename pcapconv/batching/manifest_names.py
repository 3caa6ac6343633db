"""What a manifest and the files beside it are called: those of a whole batch, and of each shard."""

from __future__ import annotations

import re

from pcapconv.batching.shards import Shard

PREFIX = "pcapconv-manifest"
WHOLE = f"{PREFIX}.jsonl"
_NAMES = re.compile(rf"{PREFIX}(\.[0-9]+-of-[0-9]+)?\.(jsonl|lease|index)")


def manifest_of(shard: Shard | None) -> str:
    """The name of the manifest of a whole batch, or of one shard."""
    return WHOLE if shard is None else f"{PREFIX}.{shard.number}-of-{shard.total}.jsonl"


def is_manifest(name: str) -> bool:
    """Whether that is the name of a manifest."""
    return is_of_batches(name) and name.endswith(".jsonl")


def is_lease(name: str) -> bool:
    """Whether that is the name of a lease."""
    return is_of_batches(name) and name.endswith(".lease")


def is_of_batches(name: str) -> bool:
    """Whether that is the name of a manifest, a lease or an index."""
    return name.startswith(PREFIX) and _NAMES.fullmatch(name) is not None


def lease_beside(manifest: str) -> str:
    """Where the lease of a manifest lies."""
    return f"{manifest.removesuffix('.jsonl')}.lease"


def index_beside(manifest: str) -> str:
    """Where the index of a manifest lies."""
    return f"{manifest.removesuffix('.jsonl')}.index"


def manifest_beside(lease: str) -> str:
    """Of which manifest a lease is."""
    return f"{lease.removesuffix('.lease')}.jsonl"
