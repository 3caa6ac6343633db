"""Reading a capture from Python: `pcapconv.open` and the `Capture` that it returns."""

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
from pcapconv.io.source import open_source
from pcapconv.model import Damage, Item, Notice, Packet, PacketBatch


class Capture:
    """An open capture, to be read once: as items, as batches, or packet by packet. Use it as a context manager.

    A capture has one position: `items`, `batches` and iteration all go on after the last packet or item that any of
    them gave. `damage` lists what could not be read up to that position, `warnings` what is odd but lost nothing.
    `name` is the source's name in messages.
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
                from pcapconv.formats.compressed_captures import plain_content
                from pcapconv.sidecar import open_read_sidecar, parse_sidecar_arguments

                opened = plain_content(opened, stack)
                file = None if sidecar is True else sidecar
                settings = parse_sidecar_arguments(sidecar is True, file, named="sidecar")
                read_sidecar = open_read_sidecar(source, opened, settings, stack)
                self._reader = formats.open_reader(opened)
                items = self._reader.items()
                items = items if read_sidecar is None else read_sidecar.restore_items(items)
            self._items = self._read(items)
            self._packets = self._each_packet()
            self._batch: PacketBatch | None = None  # the batch from which iteration gives packets
            self._rows = iter(range(0))  # the rows of that batch whose packets were not given yet
            self._stack = stack.pop_all()

    @property
    def format(self) -> str:
        """The format that the file is in: `pcap` or `pcapng`."""
        return self._reader.format

    def items(self, *, reuse: bool = False) -> Iterator[Item]:
        """Yield everything in file order: sections, interfaces, batches, other blocks, damage, notices.

        Batches own their bytes; with `reuse`, which is faster, a batch is valid only until the next item is read.
        Raises FormatError, FileError, and with `strict` DamageError.
        """
        while (item := self._next_item()) is not None:
            yield item.copy() if isinstance(item, PacketBatch) and not reuse else item

    def batches(self, *, reuse: bool = False) -> Iterator[PacketBatch]:
        """Yield the packets in batches. `reuse` and what is raised are as for `items`."""
        return (item for item in self.items(reuse=reuse) if isinstance(item, PacketBatch))

    def __iter__(self) -> Iterator[Packet]:
        return self._packets

    def _each_packet(self) -> Iterator[Packet]:
        for item in self._items:
            if isinstance(item, PacketBatch):
                self._batch, self._rows = item, iter(range(item.rows))
                yield from map(item.packet, self._rows)

    def _next_item(self) -> Item | None:
        """Return a batch of the rows that iteration has not given yet, or else the next item; None at the end."""
        remaining = length_hint(self._rows)
        if self._batch is not None and remaining:
            deque(self._rows, maxlen=0)  # exhausts the iterator, so that iteration goes on after this batch
            return self._batch.slice(self._batch.rows - remaining, self._batch.rows)
        return next(self._items, None)

    def close(self) -> None:
        """Close the files that `open` opened; a file object that was handed in stays open."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items, and collect the damage and the warnings among them."""
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

    With `strict`, damage raises a DamageError when reading gets there; otherwise it is listed in `Capture.damage`.
    `fractions="nanoseconds"` reads a pcap file's fractions of a second as nanoseconds, whatever its magic number says.
    With `sidecar`, a pcap file is read as the pcapng capture from which it was made: with the sidecar beside it if
    True, else with the sidecar at this path (see `docs/reference/sidecar.md`). A pcapng capture needs no sidecar.

    Raises FormatError if the source is not a capture, FileError if it cannot be opened, and SidecarError if the sidecar
    does not fit.
    """
    return Capture(source, strict=strict, fractions=fractions, sidecar=sidecar)
