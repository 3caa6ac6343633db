"""The reader of a merge that puts one input behind the other: sections stay whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pcapconv.io.source import WINDOW_SIZE
from pcapconv.merging.inputs import Inputs, Part
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section


class AppendedReader:
    """Reads one input behind the other; see `formats.Reader`."""

    buffer_offset = 0  # of no meaning: all inputs are read to their ends

    def __init__(self, inputs: Inputs) -> None:
        self.format = inputs.format
        self.compression = inputs.compression
        self.losses: Counter[str] = Counter()
        self._inputs = inputs
        self._sections = 0
        self._packets = 0

    def items(self) -> Iterator[Item]:
        """See `formats.Reader.items`."""
        yield from self._inputs.notices
        for part in self._inputs.parts:
            with self._inputs.open_part(part, WINDOW_SIZE) as reader:
                yield from self._items(part, reader.items())
                self.losses.update(reader.losses)

    def _items(self, part: Part, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items of a part, with the numbers that sections and packets have in the whole."""
        alone = len(self._inputs.parts) == 1
        sections, packets = self._sections, self._packets
        section: Section | None = None
        interfaces: list[Interface] = []
        for item in items:
            match item:
                case Section():
                    # the header of a pcap file can only be copied to the beginning of a file
                    raw = item.raw if alone or item.layout == "pcapng" else None
                    section, interfaces = item._replace(number=item.number + sections, raw=raw), []
                    self._sections = section.number + 1
                    yield section
                case Interface():
                    interfaces.append(item._replace(section=item.section + sections))
                    yield interfaces[-1]
                case PacketBatch():
                    assert section is not None
                    item.section, item.interfaces = section, interfaces
                    item.first_number += packets
                    self._packets += item.rows
                    yield item
                case Block():
                    yield item._replace(section=item.section + sections)
                case Damage() | Notice():
                    if isinstance(item, Damage) and item.section is not None:
                        item = item._replace(section=item.section + sections)
                    yield part.place(item)
