"""The base of splits whose parts have keys: the part of each key is opened when its first packet comes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from pcapconv.kernels import choose
from pcapconv.model import Interface
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import Splitter


class KeyedSplitter(Splitter):
    """A splitter whose parts have keys, and for which packets of several parts may be mixed in a batch."""

    def __init__(self, parts: OpenParts, key_of: Callable[[Interface], Hashable] = lambda _: None) -> None:
        super().__init__(parts, key_of)
        self._kernels = choose()
        self._part_by_key: dict[Hashable, OpenPart] = {}

    def _part_of(self, key: Hashable) -> OpenPart:
        """The part with this key, which is opened if necessary. If a part was opened before any key was known, the
        first key gets that part."""
        part = self._part_by_key.get(key)
        if part is None:
            first = self._current is not None and self._current.key is None
            part = self._current if first and self._current is not None else self._parts.new_part()
            part.key = key
            self._part_by_key[key] = part
        return part

    def _has_part(self, key: Hashable) -> bool:
        return key in self._part_by_key
