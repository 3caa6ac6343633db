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
from pcapconv.io.source import check_salvage, open_source
from pcapconv.model import Damage, Item, Notice, Packet, PacketBatch


class Capture:
    """An open capture, which `open` returns. It can be read once: packet by packet, in batches, or as items.

    A loop over the capture yields each `Packet`. The capture has one position: a loop, `batches` and `items` all
    continue after the last packet or item that any of them yielded.

    * `name`: the source's name in messages.
    * `damage`: what could not be read up to the position.
    * `warnings`: what is odd up to the position, although nothing is lost.
    """

    def __init__(
        self,
        source: Readable,
        *,
        strict: bool = False,
        fractions: str | None = None,
        salvage: bool = False,
        sidecar: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        check_salvage(salvage=salvage, strict=strict)
        self._strict = strict
        self.damage: list[Damage] = []
        self.warnings: list[Notice] = []
        with ExitStack() as stack:
            opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
            self.name: str = opened.name
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
        """Yield everything in file order: `Section`, `Interface`, `PacketBatch`, `Block`, `Damage` and `Notice`.

        Each batch has its own copy of the bytes. With `reuse`, which is faster, a batch is valid only until the next
        item is asked for. Raises FormatError and FileError, and DamageError if the capture is `strict`.
        """
        while (item := self._next_item()) is not None:
            yield item.copy() if isinstance(item, PacketBatch) and not reuse else item

    def batches(self, *, reuse: bool = False) -> Iterator[PacketBatch]:
        """Yield each `PacketBatch`, and pass over all other items. `reuse` and the errors are those of `items`."""
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
        """Close the files that `open` opened. A file object that the caller passed stays open."""
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
    salvage: bool = False,
    sidecar: bool | str | os.PathLike[str] | None = None,
) -> Capture:
    """Open a capture for reading.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `strict`: raise a DamageError when reading gets to damage. Otherwise `Capture.damage` lists damage.
    * `fractions`: `"nanoseconds"` reads the fractions of a second in a pcap file as nanoseconds, whatever its magic
      number states.
    * `salvage`: read on behind damage, at the next packets that are certain, see `docs/explanation/damage.md`. Not
      together with `strict`.
    * `sidecar`: read a pcap file as the pcapng capture from which it was made. True uses the sidecar beside the file, a
      path names another sidecar, see `docs/reference/sidecar.md`. A pcapng capture needs no sidecar.

    Returns a `Capture`, which is also a context manager that closes the file. Raises FormatError if the source is not a
    capture, FileError if it cannot be opened, SidecarError if the sidecar does not fit, and UsageError for invalid
    arguments.
    """
    return Capture(source, strict=strict, fractions=fractions, salvage=salvage, sidecar=sidecar)
