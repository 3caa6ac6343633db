"""The decompression of a stream of members, in pieces, with every byte that can be had of a damaged one.

Strategy: a decompressor loses what it has in hand when it meets corrupt data. So after such an error the member is read
again, up to the slice of input in which the error came, and this slice is given to a new decompressor byte by byte;
then once more, and the output of the call that fails is asked for byte by byte, too. This takes an input that can
be read again. From a pipe, a decompressor returns less at once, and no more than that is lost.

A member gets its input in slices that grow, and what it does not need goes back, so that a file of very many small
members takes no longer than its size suggests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from pcapconv.errors import FormatError, PcapconvError
from pcapconv.io.compression import (
    HEAD_SIZE,
    Compression,
    Decompressor,
    SkippableFrame,
    TrailerError,
    asks_for_memory,
    begins_skippable_frame,
    recognise_compression,
)

_PIECE = 2**16  # bytes that are read at once
_FIRST_SLICE = 2**10  # bytes that a member is given first; then twice as many each time, up to a limit
_MOST = 2**19  # bytes that a decompressor returns at once, whatever it could return
_LESS = 2**13  # bytes that it gets, and returns, at once from a pipe
_ENOUGH = 2**18  # bytes that are delivered together


class StreamDamage(NamedTuple):
    """Where and why decompression ended before the end of the input: `offset` counts compressed bytes, and
    `bytes_left_out` those that were not decompressed. `cut_off` is true if the input ended within a member, and nothing
    in it is wrong."""

    offset: int
    reason: str
    bytes_left_out: int
    cut_off: bool = False


class Decompressed(NamedTuple):
    """What is known of an input that was decompressed whole: the name of its compression, its damage, the number of its
    decompressed bytes, and its size."""

    compression: str
    damage: StreamDamage | None
    position: int
    compressed_size: int


class Decompression:
    """The decompression of an input.

    `read` returns the next bytes of the input, at most as many as it is asked for, and no bytes at its end. `read_at`
    returns bytes at an offset; None if the input cannot be read again. `compression` is the one of the first member
    with data. `damage` is set behind the last piece if the stream is damaged. `consumed` counts the bytes that were
    read.
    """

    def __init__(
        self,
        compression: Compression,
        read: Callable[[int], bytes],
        read_at: Callable[[int, int], bytes] | None,
    ) -> None:
        self.compression = compression
        self._read = read
        self._read_at = read_at
        self._largest_slice, self._most = (_LESS, _LESS) if read_at is None else (_PIECE, _MOST)
        self.damage: StreamDamage | None = None
        self.consumed = 0
        self._data = b""  # the bytes that were read last; a member was given those before `_at`
        self._at = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, in pieces of less than a MiB. Raises what `read` raises, and FormatError for
        data whose decompression would take too much memory."""
        ready: list[bytes] = []
        size = 0
        for piece in self._members():
            if piece:
                ready.append(piece)
                size += len(piece)
            if size >= _ENOUGH or (size and not piece and self._read_at is None):
                yield ready[0] if len(ready) == 1 else b"".join(ready)
                ready.clear()
                size = 0
        if size:
            yield b"".join(ready)

    def _members(self) -> Iterator[bytes]:
        """Yield the bytes of all members; an empty piece before input is read, for which a pipe may let wait."""
        begun = False  # whether a member came that is no skippable frame
        while head := self._head():
            compression = self.compression
            if begun and compression.zeros_may_follow and not head[0]:
                self._skip_zeros()
            elif compression.has_skippable_frames and begins_skippable_frame(head):
                yield from self._member(SkippableFrame)
            elif compression.begins(head):
                begun = True
                yield from self._member(compression.decompressor)
            elif not begun and (other := recognise_compression(head)) is not None and other.has_skippable_frames:
                self.compression = other
            else:
                yield b""
                self._set_damage(self._offset, f"the bytes from here on are no {compression.name} data")
            if self.damage is not None:
                return
            if len(self._data) - self._at < HEAD_SIZE:
                yield b""

    def _member(self, make: Callable[[], Decompressor]) -> Iterator[bytes]:
        """Yield the bytes of the member that begins here, and go on behind it."""
        decompressor, begin, size, delivered = make(), self._offset, _FIRST_SLICE, 0
        slice_at, data = begin, self._take(size)
        while True:
            try:
                piece = decompressor.decompress(data, self._most)
            except (PcapconvError, MemoryError):
                raise
            except TrailerError as error:
                yield b""
                offset = self._offset - error.unused
                self._set_damage(offset, f"the {self.compression.name} data is corrupt ({error})", error.length)
                return
            except Exception as error:  # each library has its own
                self._refuse_memory(error)
                offset = yield from self._salvage(make, begin, slice_at, delivered)
                yield b""
                self._set_damage(offset, f"the {self.compression.name} data is corrupt ({error})")
                return
            if piece:
                delivered += len(piece)
                yield piece
            if decompressor.eof:
                self._at -= len(decompressor.unused_data or b"")  # the next member gets it; LZ4's may be None
                return
            data = b""
            if decompressor.needs_input and len(piece) < self._most:  # LZ4's asks for input while it still has output
                if self._at == len(self._data):
                    yield b""
                size = min(2 * size, self._largest_slice)
                slice_at, data = self._offset, self._take(size)
                if not data:
                    self.damage = StreamDamage(
                        slice_at, f"the {self.compression.name} data is cut off", self.consumed - slice_at, cut_off=True
                    )
                    return

    def _salvage(
        self, make: Callable[[], Decompressor], begin: int, slice_at: int, delivered: int
    ) -> Generator[bytes, None, int]:
        """Yield what a member's decompressor had in hand when it met an error in the input from `slice_at` on, after
        `delivered` bytes. Return the offset of the byte with which the error comes."""
        if self._read_at is None:
            return slice_at
        data = self._read_at(slice_at, self._offset - slice_at)
        failing = len(data)  # the index of the byte with which the error comes
        for _ in range(2):
            passed = 0
            replay = _Replay(make(), data, failing, delivered)
            try:
                for piece in replay.pieces(self._read_at, begin, slice_at):
                    passed += len(piece)
                    if passed > delivered:
                        yield piece[delivered - passed :]
                        delivered = passed
            except (PcapconvError, MemoryError):
                raise
            except Exception:  # the same error again
                pass
            failing = replay.index
        return slice_at + failing

    def _set_damage(self, offset: int, reason: str, used: int = 0) -> None:
        """Note the damage at an offset, of which `used` bytes are not left out, and read what is left, so that its size
        is known and whoever fills a pipe can go on."""
        while data := self._read(_PIECE):
            self.consumed += len(data)
        self.damage = StreamDamage(offset, reason, self.consumed - offset - used)

    def _refuse_memory(self, error: Exception) -> None:
        if asks_for_memory(error):
            raise FormatError(
                f"its {self.compression.name} data takes more than 128 MiB of memory to decompress; decompress it "
                f"first: {self.compression.program}"
            ) from None

    @property
    def _offset(self) -> int:
        """The offset of the next byte of input that no member was given."""
        return self.consumed - len(self._data) + self._at

    def _head(self) -> bytes:
        """Return the next bytes of input, enough to recognise a member; no bytes at the end."""
        while len(self._data) - self._at < HEAD_SIZE and (more := self._read(_PIECE)):
            self.consumed += len(more)
            self._data, self._at = self._data[self._at :] + more, 0
        return self._data[self._at : self._at + HEAD_SIZE]

    def _take(self, size: int) -> bytes:
        """Return the next bytes of input, at most `size`; no bytes at the end."""
        if self._at == len(self._data):
            self._data, self._at = self._read(_PIECE), 0
            self.consumed += len(self._data)
        data = self._data[self._at : self._at + size]
        self._at += len(data)
        return data

    def _skip_zeros(self) -> None:
        while not (remaining := self._data[self._at :].lstrip(b"\0")):
            self._data, self._at = self._read(_PIECE), 0
            self.consumed += len(self._data)
            if not self._data:
                return
        self._at = len(self._data) - len(remaining)


class _Replay:
    """A decompression of the same input again: the bytes in `data` are given one by one, up to `index`. If the byte at
    `failing` is the one with which an error comes, its output behind the first `known` bytes of the member is asked for
    byte by byte."""

    def __init__(self, decompressor: Decompressor, data: bytes, failing: int, known: int) -> None:
        self._decompressor = decompressor
        self._data = data
        self._failing = failing
        self._known = known
        self._count = 0
        self.index = 0

    def pieces(self, read_at: Callable[[int, int], bytes], begin: int, stop: int) -> Iterator[bytes]:
        """Yield what the bytes of the input from `begin` to `stop` give, and then those in `data`. Raises an exception
        of the library."""
        at = begin
        while at < stop and (piece := read_at(at, min(_PIECE, stop - at))):
            at += len(piece)
            yield from self._all_of(piece)
        while self.index < len(self._data):
            yield from self._all_of(self._data[self.index : self.index + 1])
            self.index += 1

    def _all_of(self, data: bytes) -> Iterator[bytes]:
        while not self._decompressor.eof:
            most = 1 if self.index == self._failing and self._count >= self._known else _MOST
            piece = self._decompressor.decompress(data, most)
            self._count += len(piece)
            yield piece
            if self._decompressor.needs_input and len(piece) < most:
                return
            data = b""
