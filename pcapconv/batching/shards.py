"""A batch that several processes share, each of which does some of its files: `shard`, as in `3/16`.

Strategy: a file's name alone decides whose it is, by a hash that is the same on every machine. So processes that list a
tree at different moments, while files come and go, still neither do a file twice nor leave one to each other, which its
place in a sorted list would not give. Each has a manifest of its own, since file systems that machines share rarely let
several of them add to one file.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple, Self

from pcapconv.errors import UsageError
from pcapconv.wording import argument

_MOST = 10**6


class Shard(NamedTuple):
    """The `number`-th of `total` parts of a batch, from 1."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`3/16`, understood. Raises UsageError."""
        match = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text) if isinstance(text, str) else None
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.total <= _MOST:
            raise UsageError(f"{argument('shard', text)}: write I/N, the I-th of N parts from 1 on, as in 3/16")
        return shard

    def contains(self, name: str) -> bool:
        """Whether a file, whose name in the tree is given, belongs to it."""
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.number - 1
