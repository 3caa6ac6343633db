"""Reads packets of a file a second time, for steps that would otherwise have to keep a copy of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pcapconv.errors import FileError
from pcapconv.formats.window import Window
from pcapconv.model import Columns, Interface, PacketBatch, Section


class SectionPackets:
    """The packets of one section, which can be read again; see `model.StoredPackets`.

    `index` is the index kernel with the section's arguments: for a buffer, the end of the bytes in it, and the columns
    to fill, it returns the number of rows and the offset at which it stopped.
    """

    def __init__(
        self,
        window: Window,
        section: Section,
        interfaces: list[Interface],
        index: Callable[[bytearray, int, Columns], tuple[int, int]],
        count_format_only: Callable[[PacketBatch], Mapping[str, int]] | None = None,
    ) -> None:
        self._window = window
        self.section = section
        self.interfaces = interfaces
        self._index = index
        self._count_format_only = count_format_only

    def read(self, offset: int, length: int, rows: int, first_number: int, buffer: bytearray) -> PacketBatch:
        """See `StoredPackets.read`."""
        columns = Columns(rows)
        if len(buffer) < length:
            buffer = bytearray(length)
        with memoryview(buffer) as view, view[:length] as room:
            length_now = self._window.read_again(offset, room)
        if length_now < length or self._index(buffer, length, columns) != (rows, length):
            raise self.changed()
        return PacketBatch(
            buffer,
            columns,
            rows,
            first_number=first_number,
            section=self.section,
            interfaces=self.interfaces,
            count_format_only=self._count_format_only,
        )

    def changed(self) -> FileError:
        """See `StoredPackets.changed`."""
        return FileError(f"{self._window.name}: was changed while it was read", path=self._window.name)
