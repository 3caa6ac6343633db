"""The library's front door to reading: `pcapconv.open`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from operator import length_hint
from typing import Self

from pcapconv import formats
from pcapconv.errors import DamageError
from pcapconv.io.paths import Readable
from pcapconv.io.source import open_source, spool
from pcapconv.model import Damage, Item, Notice, Packet, PacketBatch


class Capture:
    """An open capture: read it once, as items, as batches, or packet by packet. Use it as a context manager.

    There is one place at which it is read on: whoever iterates, in whatever way, goes on behind what was given out
    before. `damage` lists what could not be read so far, `warnings` oddities that cost nothing.
    """

    def __init__(
        self,
        source: Readable,
        *,
        strict: bool = False,
        fractions: str | None = None,
        sidecar: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._strict = strict
        self.damage: list[Damage] = []
        self.warnings: list[Notice] = []
        with ExitStack() as stack:
            opened = stack.enter_context(open_source(source, fractions=fractions))
            self.name = opened.name
            if sidecar is None or sidecar is False:
                self._reader = formats.open_reader(opened)
                items = self._reader.items()
            else:
                from pcapconv.sidecar import open_read_sidecar, parse_sidecar_arguments

                opened = opened if opened.plain else stack.enter_context(spool(opened))
                file = None if sidecar is True else sidecar
                options = parse_sidecar_arguments(sidecar is True, file, named="sidecar")
                found = open_read_sidecar(source, opened, options, stack)
                self._reader = formats.open_reader(opened)
                items = self._reader.items() if found is None else found.restore_items(self._reader.items())
            self._items = self._read(items)
            self._packets = self._each_packet()
            self._batch: PacketBatch | None = None  # of which packets are given out
            self._rows = iter(range(0))  # those of its rows that are still to come
            self._stack = stack.pop_all()

    @property
    def format(self) -> str:
        """`pcap` or `pcapng`."""
        return self._reader.format

    def items(self, *, reuse: bool = False) -> Iterator[Item]:
        """Everything in file order: sections, interfaces, batches, other blocks, damage. Batches own their bytes; with
        `reuse`, which is faster, each is valid until the capture is read on. Raises FormatError, FileError, and with
        `strict` DamageError."""
        while (item := self._next()) is not None:
            yield item.keep() if isinstance(item, PacketBatch) and not reuse else item

    def batches(self, *, reuse: bool = False) -> Iterator[PacketBatch]:
        """The packets in batches. `reuse` and errors are as for `items`."""
        return (item for item in self.items(reuse=reuse) if isinstance(item, PacketBatch))

    def __iter__(self) -> Iterator[Packet]:
        return self._packets

    def _each_packet(self) -> Iterator[Packet]:
        for item in self._items:
            if isinstance(item, PacketBatch):
                self._batch, self._rows = item, iter(range(item.rows))
                yield from map(item.packet, self._rows)

    def _next(self) -> Item | None:
        """What is left of a batch of which packets were given out, or else the next item."""
        left = length_hint(self._rows)
        if self._batch is not None and left:
            deque(self._rows, maxlen=0)  # these are given out now
            return self._batch.part(self._batch.rows - left, self._batch.rows)
        return next(self._items, None)

    def close(self) -> None:
        """Close what `open` opened; a file object that was handed in stays open."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if isinstance(item, Damage):
                if self._strict:
                    raise DamageError(f"{self.name}: {item}")
                self.damage.append(item)
            elif isinstance(item, Notice):
                self.warnings.append(item)
            yield item


def open(  # noqa: A001 - the front door's name
    source: Readable,
    *,
    strict: bool = False,
    fractions: str | None = None,
    sidecar: bool | str | os.PathLike[str] | None = None,
) -> Capture:
    """Open a capture for reading: a path, `-` for stdin, or a binary file object, which stays open.

    With `strict`, damage raises a DamageError when it is reached; else it is listed in `Capture.damage`.
    `fractions="nanoseconds"` reads a pcap file's fractions of a second as such, whatever its magic number says. With
    `sidecar`, a pcap file is read as the pcapng capture that it was made from, by the sidecar beside it or the one that
    is named, see `SIDECAR.md`; a pcapng capture needs none. Raises FormatError when it is not a capture, FileError when
    it cannot be opened, SidecarError where the sidecar does not fit.
    """
    return Capture(source, strict=strict, fractions=fractions, sidecar=sidecar)
