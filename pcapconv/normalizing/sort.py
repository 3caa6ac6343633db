"""Packets in the order of their times, however many there are.

Strategy: runs of packets are sorted in memory and put into an unnamed temporary file, then merged. Packets with the
same time stay in their order. Custom and unknown blocks and statistics come behind all packets.
"""

from __future__ import annotations

import heapq
import os
import struct
from array import array
from collections.abc import Iterable, Iterator
from operator import itemgetter
from tempfile import TemporaryFile
from typing import NamedTuple

from pcapconv.files import reading, write_all, writing
from pcapconv.formats.pcapng_layout import DECRYPTION_SECRETS, ENHANCED_PACKET, NAME_RESOLUTION
from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section

_RUN = 16 * 2**20  # bytes of packets that are sorted in memory
_COST = 200  # bytes that a packet takes besides
_READ = 64 * 1024
_ROWS = 1024
_HEADERS = (NAME_RESOLUTION, DECRYPTION_SECRETS)
_HEAD = struct.Struct("<QIIII")
_NAME = "a temporary file"


class _Row(NamedTuple):
    ticks: int
    interface: int
    original: int
    data: bytes
    options: bytes


class Sort:
    """The step. Used for one run, on packets of one section whose interfaces count alike. Packets that are `rising`
    are in order already."""

    def __init__(self, *, rising: bool) -> None:
        self._rising = rising
        self._rows: list[_Row] = []
        self._size = 0
        self._runs: list[tuple[int, int]] = []  # where each begins and ends in the file

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items, packets in order. Raises FileError."""
        section: Section | None = None
        interfaces: list[Interface] = []
        behind: list[Item] = []
        with writing(_NAME):
            file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
        with file:
            for item in items:
                if isinstance(item, PacketBatch) and self._rising:
                    yield item
                elif isinstance(item, PacketBatch):
                    section, interfaces = item.section, item.interfaces
                    self._take(item, file)
                elif isinstance(item, Section | Interface) or (isinstance(item, Block) and item.type in _HEADERS):
                    yield item
                else:
                    behind.append(item)
            if section is not None:
                runs: list[Iterable[_Row]] = [_read(file.fileno(), *run) for run in self._runs]
                runs.append(sorted(self._rows, key=itemgetter(0)))
                yield from _batches(heapq.merge(*runs, key=itemgetter(0)), section, interfaces)
        yield from behind

    def _take(self, batch: PacketBatch, file: object) -> None:
        columns = batch.columns
        for row in range(batch.rows):
            at, captured = columns.data_at[row], columns.captured_length[row]
            options_at, options = columns.options_at[row], columns.options_length[row]
            self._rows.append(
                _Row(
                    columns.ticks[row],
                    columns.interface[row],
                    columns.original_length[row],
                    bytes(batch.buffer[at : at + captured]),
                    bytes(batch.buffer[options_at : options_at + options]),
                )
            )
            self._size += captured + options + _COST
        if self._size > _RUN:
            self._put_away(file)

    def _put_away(self, file: object) -> None:
        begin = self._runs[-1][1] if self._runs else 0
        end = begin
        self._rows.sort(key=itemgetter(0))
        with writing(_NAME):
            for first in range(0, len(self._rows), _ROWS):
                data = b"".join(
                    _HEAD.pack(row.ticks, row.interface, row.original, len(row.data), len(row.options))
                    + row.data
                    + row.options
                    for row in self._rows[first : first + _ROWS]
                )
                write_all(file, memoryview(data))
                end += len(data)
        self._runs.append((begin, end))
        self._rows, self._size = [], 0


def _read(file: int, at: int, end: int) -> Iterator[_Row]:
    """A run's packets."""
    data, place = b"", 0
    while place < len(data) or at < end:
        wanted = _HEAD.size
        if len(data) - place >= wanted:
            ticks, interface, original, captured, options = _HEAD.unpack_from(data, place)
            wanted += captured + options
        if len(data) - place < wanted:
            with reading(_NAME):
                more = os.pread(file, min(max(wanted, _READ), end - at), at)
            data, place, at = data[place:] + more, 0, at + len(more)
            continue
        begin = place + _HEAD.size
        place = begin + captured + options
        yield _Row(ticks, interface, original, data[begin : begin + captured], data[begin + captured : place])


def _batches(rows: Iterable[_Row], section: Section, interfaces: list[Interface]) -> Iterator[PacketBatch]:
    number, some, size = 1, list[_Row](), 0
    for row in rows:
        some.append(row)
        size += len(row.data) + len(row.options)
        if len(some) == _ROWS or size > _RUN:
            yield _batch(some, number, section, interfaces)
            number, some, size = number + len(some), [], 0
    if some:
        yield _batch(some, number, section, interfaces)


def _batch(rows: list[_Row], number: int, section: Section, interfaces: list[Interface]) -> PacketBatch:
    columns, parts, at = Columns(len(rows)), list[bytes](), 0
    for place, row in enumerate(rows):
        columns.data_at[place], columns.options_at[place] = at, at + len(row.data)
        columns.captured_length[place], columns.options_length[place] = len(row.data), len(row.options)
        parts += row.data, row.options
        at += len(row.data) + len(row.options)
    columns.ticks = array("Q", [row.ticks for row in rows])
    columns.interface = array("I", [row.interface for row in rows])
    columns.original_length = array("I", [row.original for row in rows])
    columns.record_type = array("B", bytes([ENHANCED_PACKET]) * len(rows))
    batch = PacketBatch(
        b"".join(parts), columns, len(rows), first_number=number, section=section, interfaces=interfaces
    )
    batch.contiguous = False
    return batch
