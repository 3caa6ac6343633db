"""The decompression of a stream of members, in pieces, with every byte that can be had of a damaged one.

Strategy: a decompressor loses what it has in hand when it meets corrupt data. So after such an error the member is read
a second time, up to the piece in which the error came, and that piece is given to the decompressor byte by byte. This
takes an input that can be read again; of a pipe, what one piece gave is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from pcapconv.errors import PcapconvError
from pcapconv.io.compression import Compression, Decompressor

_PIECE = 2**16  # bytes that are read at once
_MOST = 2**19  # bytes that a decompressor returns at once, whatever it could return


class StreamDamage(NamedTuple):
    """Where and why decompression ended before the end of the input: `offset` counts compressed bytes, `bytes_left_out`
    those that follow it, None if their number is unknown."""

    offset: int
    reason: str


class Decompression:
    """The decompression of an input.

    `read` returns the next bytes of the input, at most as many as it is asked for, and no bytes at its end. `read_at`
    returns bytes at an offset; None if the input cannot be read again. `damage` is set behind the last piece if the
    stream is damaged. `consumed` counts the bytes that were read.
    """

    def __init__(
        self,
        compression: Compression,
        read: Callable[[int], bytes],
        read_at: Callable[[int, int], bytes] | None,
    ) -> None:
        self._compression = compression
        self._read = read
        self._read_at = read_at
        self.damage: StreamDamage | None = None
        self.consumed = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, in pieces of at most 512 KiB. Raises what `read` raises."""
        data = self._next()
        while data:
            begin = self.consumed - len(data)  # the offset at which a member begins
            while len(data) < 4 and (more := self._next()):
                data += more
            if self._compression.zeros_may_follow and begin and not data.strip(b"\0"):
                data = self._next()
                continue
            if not self._compression.begins(data[:8]):
                self.damage = StreamDamage(begin, f"the bytes from here on are no {self._compression.name} data")
                return
            data = yield from self._member(data, begin)
            if self.damage is not None:
                return
            data = data or self._next()

    def _member(self, data: bytes, begin: int) -> Generator[bytes, None, bytes]:
        """Yield the bytes of the member whose beginning is `data`, and return the bytes behind it."""
        decompressor = self._compression.decompressor()
        given = delivered = 0
        while True:
            try:
                piece = decompressor.decompress(data, _MOST)
            except (PcapconvError, MemoryError):
                raise
            except Exception as error:  # each library has its own
                yield from self._salvage(begin, given, data, delivered)
                self.damage = StreamDamage(begin + given, f"the {self._compression.name} data is corrupt ({error})")
                return b""
            given += len(data)
            if piece:
                delivered += len(piece)
                yield piece
            if decompressor.eof:
                return decompressor.unused_data
            data = b""
            if decompressor.needs_input and not (data := self._next()):
                self.damage = StreamDamage(self.consumed, f"the {self._compression.name} data is cut off")
                return b""

    def _salvage(self, begin: int, given: int, data: bytes, delivered: int) -> Iterator[bytes]:
        """Yield what a member's decompressor had in hand when it met an error in `data`: the member is decompressed
        again up to its offset `given`, of which `delivered` bytes are passed over, then `data` byte by byte."""
        if self._read_at is None:
            return
        decompressor = self._compression.decompressor()
        try:
            for piece in self._again(decompressor, begin, given, data):
                if delivered >= len(piece):
                    delivered -= len(piece)
                else:
                    yield piece[delivered:]
                    delivered = 0
        except (PcapconvError, MemoryError):
            raise
        except Exception:  # the same error again
            return

    def _again(self, decompressor: Decompressor, begin: int, given: int, data: bytes) -> Iterator[bytes]:
        assert self._read_at is not None
        at = begin
        while at < begin + given:
            piece = self._read_at(at, min(_PIECE, begin + given - at))
            if not piece:
                return  # the file became shorter
            at += len(piece)
            yield from _all_of(decompressor, piece)
        for index in range(len(data)):
            yield from _all_of(decompressor, data[index : index + 1])

    def _next(self) -> bytes:
        data = self._read(_PIECE)
        self.consumed += len(data)
        return data


def _all_of(decompressor: Decompressor, data: bytes) -> Iterator[bytes]:
    """Yield all that a decompressor makes of `data`."""
    if decompressor.eof:
        return
    yield decompressor.decompress(data, _MOST)
    while not decompressor.eof and not decompressor.needs_input:
        yield decompressor.decompress(b"", _MOST)
