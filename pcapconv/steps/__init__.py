"""Steps between a reader and a writer: each takes items in file order and gives items in file order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pcapconv.model import Item


class Step(Protocol):
    """Selects or edits. A batch that it gives is valid until the next item is asked for. It is used for one run."""

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that come out, for those that go in. Raises PcapconvError."""
        ...
