"""The files that a process converts if several processes share a batch: `shard`, as in `3/16`.

Strategy: only a hash of a file's name decides which shard converts the file, and the hash is the same on every machine.
So processes that list a tree at different moments, while files come and go, neither convert a file twice nor leave one
out, as they might if the position of the file in a sorted list decided. Each shard has a manifest of its own, since
file systems that machines share rarely let several of them append to one file.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple, Self

from pcapconv.errors import UsageError
from pcapconv.wording import argument

_MAX_SHARDS = 10**6


class Shard(NamedTuple):
    """The `number`-th of `total` parts of a batch, counted from 1."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a shard such as `3/16`. Raises UsageError."""
        match = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text) if isinstance(text, str) else None
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.total <= _MAX_SHARDS:
            raise UsageError(
                f"{argument('shard', text)}: write I/N, the I-th of N parts from 1 on, as in 3/16", option="shard"
            )
        return shard

    def contains(self, name: str) -> bool:
        """Return whether this shard converts the file with this name in the source tree."""
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.number - 1
