"""The library's front door to reading: `pcapconv.open`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pcapconv import formats
from pcapconv.errors import DamageError
from pcapconv.files import Readable, open_source
from pcapconv.model import Damage, Item, Packet, PacketBatch


class Capture:
    """An open capture: read it once, as items, as batches, or packet by packet. Use it as a context manager.

    `damage` lists what could not be read so far.
    """

    def __init__(self, source: Readable, *, strict: bool = False) -> None:
        self._source = open_source(source)
        self._strict = strict
        self.name = self._source.name
        self.damage: list[Damage] = []
        try:
            self._reader = formats.open_reader(self._source)
        except BaseException:
            self.close()
            raise
        self._items = self._read()

    @property
    def format(self) -> str:
        """`pcap` or `pcapng`."""
        return self._reader.format

    def items(self) -> Iterator[Item]:
        """Everything in file order: sections, interfaces, batches, other blocks, damage. A batch is valid until the
        next item is asked for. Raises FormatError, FileError, and with `strict` DamageError."""
        return self._items

    def batches(self) -> Iterator[PacketBatch]:
        """The packets in batches, each valid until the next one is asked for. Raises as `items`."""
        return (item for item in self._items if isinstance(item, PacketBatch))

    def __iter__(self) -> Iterator[Packet]:
        for batch in self.batches():
            yield from batch

    def close(self) -> None:
        """Close what `open` opened; a file object that was handed in stays open."""
        self._source.__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> Iterator[Item]:
        for item in self._reader.items():
            if isinstance(item, Damage):
                if self._strict:
                    raise DamageError(f"{self.name}: {item}")
                self.damage.append(item)
            yield item


def open(source: Readable, *, strict: bool = False) -> Capture:  # noqa: A001 - the front door's name
    """Open a capture for reading: a path, `-` for stdin, or a binary file object, which stays open.

    With `strict`, damage raises a DamageError when it is reached; else it is listed in `Capture.damage`.
    Raises FormatError when it is not a capture, FileError when it cannot be opened.
    """
    return Capture(source, strict=strict)
