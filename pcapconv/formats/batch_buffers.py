"""Buffers for batches that own their memory: they keep the buffer into which the reader read them.

Strategy: a reader that has read its buffer to the end goes on in one that nobody else refers to, the one that it used
last if possible. No batch is copied then, and memory that nobody needs any more is used again: new memory takes as long
as reading into it. CPython counts references, so it is known who refers to a buffer, be it through a view of NumPy; on
any other Python, batches are copied. A batch that fills less than half of its buffer is copied, too, so that whoever
keeps batches keeps at most twice their bytes.
"""

from __future__ import annotations

import sys

from pcapconv.model import PacketBatch

_MOST = 4  # buffers that are held to be used again


def _references(buffers: list[bytearray], at: int) -> int:
    """The number of references to one of these buffers, as `sys.getrefcount` counts."""
    return sys.getrefcount(buffers[at])


_ONLY_OURS = _references([bytearray()], 0) if hasattr(sys, "getrefcount") else 0


class BatchBuffers:
    """The buffers of one reader. If `lent`, batches keep them."""

    def __init__(self) -> None:
        self.lent = False
        self._buffers: list[bytearray] = []  # the one that was used last is the first one

    def owned(self, batch: PacketBatch) -> PacketBatch:
        """Return a batch of the reader as one that stays valid."""
        begin, end = batch.span()
        if self.lent and batch.contiguous and 2 * (end - begin) >= len(batch.buffer):
            return batch.slice(0, batch.rows)
        self.lent = _ONLY_OURS != 0  # from the reader's next buffer on
        return batch.copy()

    def take_back(self, buffer: bytearray) -> None:
        """Take a buffer that the reader no longer uses."""
        self._buffers.insert(0, buffer)
        del self._buffers[_MOST:]

    def unused(self, size: int) -> bytearray:
        """Return a buffer of this size to which nobody refers."""
        for at in range(len(self._buffers)):
            if len(self._buffers[at]) == size and _references(self._buffers, at) == _ONLY_OURS:
                return self._buffers.pop(at)
        return bytearray(size)
