"""Rows of a listing: a batch with what columns are made of, each read when a column first needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pcapconv.essence import SummaryReader
from pcapconv.essence.summaries import NO_NAMES, Summaries
from pcapconv.header_columns import HeaderColumns, LinkTypes
from pcapconv.headers import read_headers
from pcapconv.listing.names import CaptureNames
from pcapconv.listing.times import TimeReader, Times
from pcapconv.model import Interface, PacketBatch
from pcapconv.spec import option_lists
from pcapconv.text import shortened, shown

if TYPE_CHECKING:
    from array import array

_MOST_KEPT = 4096
_LONGEST_LABEL = 80  # characters of an interface's name in lines
_NEEDED = ("network_protocol",)  # to tell what the addresses are that header columns hold


class RowReader:
    """Makes rows of batches. `header_names` are the header columns that are listed; `inner` shows the innermost packets
    of tunnels. `several_interfaces` tells whether the capture has declared more than one interface so far."""

    def __init__(
        self, times: TimeReader, header_names: Sequence[str] = (), *, inner: bool, names: CaptureNames | None = None
    ) -> None:
        self.times = times
        self.header_names = (*header_names, *_NEEDED)
        self.inner = inner
        self.names = names
        self.several_interfaces = False
        self.summaries = SummaryReader(inner=inner, names=NO_NAMES if names is None else names)
        self.headers: HeaderColumns | None = None
        self._labels: dict[tuple[int, int], tuple[str | None, str]] = {}
        self._link_types = LinkTypes()

    def rows(self, batch: PacketBatch) -> Rows:
        """The rows of a batch."""
        return Rows(batch, self)

    def interface_types(self, batch: PacketBatch) -> array[int]:
        """The link types of the batch's interfaces."""
        return self._link_types.of(batch.interfaces)

    def interface_names(self, interface: Interface) -> tuple[str | None, str]:
        """The interface's name, None if it has none; and how lines name it: by its name or its number, with that of the
        section if it is not the first."""
        key = interface.section, interface.id
        found = self._labels.get(key)
        if found is None:
            if len(self._labels) >= _MOST_KEPT:
                self._labels.clear()
            name = interface.name
            number = f"{interface.section}:{interface.id}" if interface.section else f"{interface.id}"
            label = name if name is None else shortened(name, _LONGEST_LABEL)
            found = self._labels[key] = name, shown(label) if label else number
        return found


class Rows:
    """A batch, and what its columns are made of."""

    def __init__(self, batch: PacketBatch, reader: RowReader) -> None:
        self.batch = batch
        self.reader = reader

    @cached_property
    def numbers(self) -> Sequence[int]:
        """The packets' numbers in the capture."""
        first = self.batch.first_number
        return self.batch.numbers or range(first, first + self.batch.rows)

    @cached_property
    def times(self) -> Times:
        """The times as texts."""
        return self.reader.times.read(self.batch)

    @cached_property
    def summaries(self) -> Summaries:
        """Who sends to whom, protocol and essence."""
        batch = self.batch
        types = self.reader.interface_types(batch)
        return self.reader.summaries.read(batch.buffer, batch.columns, batch.rows, types)

    @cached_property
    def headers(self) -> HeaderColumns:
        """The header columns that are listed."""
        batch, reader = self.batch, self.reader
        types = reader.interface_types(batch)
        reader.headers = read_headers(
            *(batch.buffer, batch.columns, batch.rows, types, reader.header_names),
            inner=reader.inner,
            into=reader.headers,
        )
        return reader.headers

    @cached_property
    def interface_names(self) -> list[tuple[str | None, str]]:
        """The name of each packet's interface, and how lines name it."""
        batch = self.batch
        found = {
            number: self.reader.interface_names(batch.interfaces[number])
            for number in set(batch.columns.interface[: batch.rows])
        }
        return [found[number] for number in batch.columns.interface[: batch.rows]]

    @cached_property
    def comments(self) -> list[list[str]]:
        """The comments of each packet."""
        if not self.batch.has_options:
            return [[]] * self.batch.rows
        order = self.batch.section.byte_order
        return [list(option_lists.OptionList(self.options(row), order).comments) for row in range(self.batch.rows)]

    def options(self, row: int) -> bytes:
        """The options of the packet in this row."""
        columns = self.batch.columns
        at = columns.options_at[row]
        return bytes(self.batch.buffer[at : at + columns.options_length[row]])
