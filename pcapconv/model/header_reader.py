"""The headers of many batches, one after the other: `HeaderReader`. `PacketBatch.headers` reads those of one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pcapconv.headers import read_headers

if TYPE_CHECKING:
    from pcapconv.header_columns import HeaderColumns
    from pcapconv.model import Interface, PacketBatch


class HeaderReader:
    """Reads header columns with these `names` of one batch after the other; with `inner`, of the innermost packets of
    tunnels. The work for a batch depends on its packets, and on the interfaces that are new.

    `link_types` has the link type of each interface of the last batch, as 64-bit values.
    """

    def __init__(self, names: Iterable[str], *, inner: bool = False) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._inner = inner
        self._headers: HeaderColumns | None = None
        self._interfaces: list[Interface] | None = None  # of the section of the last batch
        self.link_types = array("Q")

    def read(self, batch: PacketBatch) -> HeaderColumns:
        """The columns of a batch, valid until the next one is read."""
        if self._interfaces is not batch.interfaces:
            self._interfaces, self.link_types = batch.interfaces, array("Q")
        self.link_types.extend(interface.link_type for interface in batch.interfaces[len(self.link_types) :])
        self._headers = read_headers(
            *(batch.buffer, batch.columns, batch.rows, self.link_types, self.names),
            inner=self._inner,
            into=self._headers,
        )
        return self._headers
