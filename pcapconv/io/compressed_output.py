"""The compressed bytes of an output: compresses the content that `buffered_output` writes, into its target.

Strategy: the compressor gets the content in pieces of one size, whatever the sizes of the buffers in which it comes, so
that the same content gives the same bytes, also from a pipe. An output that is released ends its member, and begins
another one when more is written, so that thousands of parts take no memory. Bytes that are compressed cannot be
replaced. So if the content changes at the end (`patches`), or has several members, the finished output is compressed
once more, into one member: the new bytes are written behind the old ones in the target, and then moved to its
beginning. That takes neither memory nor room in another file system.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, dropwhile
from typing import Any, NamedTuple

from pcapconv.io.compression import Compression
from pcapconv.io.compressors import Compressor
from pcapconv.io.decompression import Decompression
from pcapconv.io.read_write import read_all, truncate, write_all
from pcapconv.io.target import Target

_PIECE = 2**17  # bytes of content that are compressed at once
_MOVED = 2**18  # bytes that are moved at once
_HEAD = 64  # bytes of the content that are kept, for patches of a capture's header

Patch = tuple[int, bytes]  # an offset in the content, and the bytes that have to be there


class OutputCompression(NamedTuple):
    """How an output is compressed: by which `compression`, and with which of its levels."""

    compression: Compression
    level: int


class CompressedOutput:
    """The compressed bytes in a target.

    `digest` is that of all compressed bytes, None if it is not needed. All methods raise what the target's file raises.
    """

    def __init__(self, target: Target, settings: OutputCompression, new_digest: Callable[[], Any] | None) -> None:
        """`new_digest` makes a digest of the compressed bytes, None if none is needed."""
        self._target = target
        self._settings = settings
        self._new_digest = new_digest
        self.digest: Any = None if new_digest is None else new_digest()
        self._compressor: Compressor | None = None
        self._members = 0
        self._held = bytearray()  # content that does not fill a piece yet
        self._head = b""

    @property
    def memory(self) -> int:
        """The memory that the compressor takes, in bytes."""
        if self._compressor is None:
            return 0
        return self._settings.compression.compressor_memory(self._settings.level)

    def write(self, view: memoryview) -> None:
        """Compress the next bytes of the content."""
        if len(self._head) < _HEAD:
            self._head += view[: _HEAD - len(self._head)]
        if self._held:
            missing = _PIECE - len(self._held)
            self._held += view[:missing]
            if len(self._held) < _PIECE:
                return
            view = view[missing:]
            self._compress_held()
        whole = len(view) - len(view) % _PIECE
        for at in range(0, whole, _PIECE):
            self._compress(view[at : at + _PIECE])
        self._held += view[whole:]

    def sync(self) -> None:
        """Write all bytes that a reader needs to decompress the content so far, see `Compressor.sync`."""
        self._compress_held()
        if self._compressor is not None:
            self._put(self._compressor.sync())

    def end_member(self) -> None:
        """End the member; what is written next begins another one."""
        self._compress_held()
        if self._compressor is not None:
            self._put(self._compressor.flush())
            self._compressor = None

    def finish(self, patches: Iterable[Patch]) -> Iterable[Patch] | None:
        """End the last member; an output without content has one, too. Return the patches with which `rewrite` has to
        compress the output once more, None if it stays as it is. A patch behind the capture's header is taken for a
        change, whatever the content has there."""
        if not self._members and not self._held:
            self._compress(b"")
        self.end_member()
        changes = dropwhile(lambda patch: self._head[patch[0] : patch[0] + len(patch[1])] == patch[1], patches)
        first = next(changes, None)
        if first is not None:
            return chain([first], changes)
        return () if self._members > 1 and self._target.seekable else None

    def rewrite(self, patches: Iterable[Patch], update_digest: Callable[[bytes], object] | None) -> None:
        """Compress the finished output once more into one member, with `patches`, which are in the order of their
        offsets. `update_digest` is called with all bytes of the content. Only if the target is seekable."""
        file, start = self._target.file, self._target.start
        end = file.seek(0, os.SEEK_END)
        at = start

        def read(count: int) -> bytes:
            nonlocal at
            file.seek(at)
            data = read_all(file, min(count, end - at))
            at += len(data)
            file.seek(0, os.SEEK_END)
            return data

        self.digest = None if self._new_digest is None else self._new_digest()
        self._members, self._head = 0, b""
        decompression = Decompression(self._settings.compression, read, None)
        for piece in patched(decompression.pieces(), patches):
            if update_digest is not None:
                update_digest(piece)
            self.write(memoryview(piece))
        if decompression.damage is not None:
            raise OSError("what was written cannot be read again")
        self.finish(())
        self._move(end, start)

    def _move(self, begin: int, to: int) -> None:
        """Move the bytes from the offset `begin` of the target's file up to its end to the offset `to`."""
        file = self._target.file
        while True:
            file.seek(begin)
            data = read_all(file, _MOVED)
            if not data:
                break
            file.seek(to)
            write_all(file, memoryview(data))
            begin += len(data)
            to += len(data)
        file.seek(to)
        truncate(file)

    def _compress_held(self) -> None:
        if self._held:
            self._compress(self._held)
            self._held = bytearray()

    def _compress(self, data: bytes | bytearray | memoryview) -> None:
        if self._compressor is None:
            self._compressor = self._settings.compression.compressor(self._settings.level)
            self._members += 1
        self._put(self._compressor.compress(data))

    def _put(self, data: bytes) -> None:
        if data:
            if self.digest is not None:
                self.digest.update(data)
            self._target.write(memoryview(data))


def patched(pieces: Iterable[bytes], patches: Iterable[Patch]) -> Iterator[bytes]:
    """Yield pieces of a content in which the bytes of `patches`, which are in the order of their offsets, replace those
    that were there."""
    waiting = iter(patches)
    patch = next(waiting, None)
    position = 0
    for piece in pieces:
        end = position + len(piece)
        if patch is None or patch[0] >= end:
            yield piece
        else:
            changed = bytearray(piece)
            while patch is not None and patch[0] < end:
                offset, data = patch
                begin, stop = max(offset, position), min(offset + len(data), end)
                changed[begin - position : stop - position] = data[begin - offset : stop - offset]
                if offset + len(data) > end:  # the rest is in the next piece
                    break
                patch = next(waiting, None)
            yield bytes(changed)
        position = end
