"""Blocks that come behind all packets: kept in memory while they are few, else in an unnamed temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from pcapconv.files import reading, writing
from pcapconv.model import Block

_IN_MEMORY = 2**20  # bytes
_HEAD = Struct("<IQI")
_NAME = "a temporary file"


class Later:
    """Little-endian blocks of section 0, in the order in which they came."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed on exit

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def add(self, block: Block) -> None:
        """Keep a block. Raises FileError."""
        with writing(_NAME):
            self._file.write(_HEAD.pack(block.type, block.offset, len(block.body)) + block.body)

    def blocks(self) -> Iterator[Block]:
        """All of them. Raises FileError."""
        with reading(_NAME):
            self._file.seek(0)
        while True:
            with reading(_NAME):
                head = self._file.read(_HEAD.size)
                if not head:
                    return
                kind, offset, size = _HEAD.unpack(head)
                body = self._file.read(size)
            yield Block(kind, body, "little", 0, offset)
