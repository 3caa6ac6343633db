"""A window that moves over a source: the only way by which readers take bytes.

Strategy: one reused buffer, or, where the source has an observer, one that is exchanged with it before each reading;
what is left of it moves to the front before more is read. It grows only for a single record, as far as its bytes really
arrive, and shrinks back afterwards; no number from a file allocates anything alone.
"""

from __future__ import annotations

from pcapconv.io.source import WINDOW_SIZE, Source
from pcapconv.text import quoted

LARGEST_RECORD = 129 * 2**20  # libpcap's largest snaplen, 128 MiB (D-Bus, USB), and room for options
FIRST = 65536  # bytes of a capture's beginning that are looked at again where it turns out to be damaged
_SMALLEST = 4096
_STEP = 2**20
_PATIENCE = 1.0  # seconds to wait for more of what is no capture anyway
_SHOWN = 80  # bytes in which text is looked for


class Window:
    """`buffer[start:stop]` is what was read and not yet taken; `offset` is where `start` stands in the capture."""

    def __init__(self, source: Source, size: int = WINDOW_SIZE) -> None:
        if source.size is not None:
            size = min(size, max(_SMALLEST, source.size + 1))  # a small capture needs a small window only
        self._source = source
        self._observer = source.observer
        self._size = size
        self.name = source.name
        self.buffer = bytearray(size)
        self._fresh = 0  # where in the buffer begins what the observer has not seen
        self.start = 0
        self.stop = 0
        self.offset = 0
        self.first = bytearray()  # of a pipe, the bytes that it began with, since nobody can look at them again
        self._over = False

    @property
    def available(self) -> int:
        """Bytes in the window."""
        return self.stop - self.start

    @property
    def left(self) -> int | None:
        """Bytes from here to the end of the capture; None for a pipe, where nobody knows."""
        return None if self._source.size is None else max(0, self._source.size - self.offset)

    def take(self, count: int) -> None:
        """Move on by so many bytes of those that are available. Invalidates what a batch saw in the buffer."""
        self.start += count
        self.offset += count
        if len(self.buffer) > self._size and self.available < self._size // 2:
            self._make_room(shrink=True)

    def fill(self, need: int) -> bool:
        """Have at least `need` bytes available, or as many as there are; True if that is enough.

        Invalidates what a batch saw in the buffer.
        """
        if self.available >= need:
            return True
        if self._over or need > LARGEST_RECORD or (need > self._size and self.left is not None and need > self.left):
            return False
        self._make_room()
        while self.available < need:
            if self.stop == len(self.buffer):
                self._grow()
            at = self._source.position
            with memoryview(self.buffer) as view, view[self.stop :] as room:
                count = self._source.readinto(room)
            if not count:
                return False
            if self._source.size is None and at < FIRST:
                self.first += self.buffer[self.stop : self.stop + min(count, FIRST - at)]
            self.stop += count
        return True

    def head(self, most: int) -> bytes:
        """The first bytes of those available, at most so many."""
        return bytes(self.buffer[self.start : min(self.stop, self.start + most)])

    def gather(self, most: int) -> bytes:
        """The next bytes, at most so many: all that are there, and of a pipe those that come without a long wait."""
        while self.available < most and self._source.ready(_PATIENCE) and self.fill(self.available + 1):
            pass
        return self.head(most)

    def text_here(self) -> str:
        """For messages: `; the text '…' stands there`, nothing where there is none. Reads on for it: what is said must
        not depend on the pieces in which a pipe delivers."""
        self.fill(_SHOWN)
        text = quoted(self.head(_SHOWN))
        return f"; the text {text} stands there" if text else ""

    def peek(self, distance: int, count: int) -> bytes | None:
        """The `count` bytes that begin `distance` ahead, or as many as there are; None where a pipe cannot tell.

        May move the window's bytes, so batches are invalid afterwards.
        """
        if self.available < distance + count:
            if self.left is not None:
                return self._source.peek(self.offset + distance, count)
            if not self.fill(distance + count) and distance + count > LARGEST_RECORD:
                return None
        at = self.start + distance
        return bytes(self.buffer[at : min(at + count, self.stop)])

    def zeros(self) -> int:
        """How many of the available bytes, from here on, are zero."""
        at, step = self.start, _SMALLEST // 64
        while at < self.stop:
            piece = self.buffer[at : min(at + step, self.stop)]
            left = len(piece.lstrip(b"\0"))
            at += len(piece) - left
            if left:
                break
            step = min(2 * step, _SMALLEST * 16)
        return at - self.start

    def skip(self, count: int) -> int:
        """Pass over so many bytes, or all that are left; returns how many that were."""
        passed = 0
        while passed < count and (self.available or self.fill(1)):
            step = min(self.available, count - passed)
            self.take(step)
            passed += step
        return passed

    def leave_rest(self) -> int:
        """Be at the end, without reading what is left where its size is known; returns how many bytes that were."""
        left = self.left
        if left is None:
            return self.skip(2**63)
        self.offset += left
        self.start = self.stop
        self._make_room()
        self._over = True
        return left

    def _grow(self) -> None:
        try:
            self.buffer.extend(bytes(_STEP))
        except BufferError:  # somebody holds a view of it
            self.buffer = self.buffer + bytes(_STEP)

    def _make_room(self, *, shrink: bool = False) -> None:
        """Have what is left at the buffer's front; with `shrink`, in a buffer of the usual size."""
        kept = self.buffer[self.start : self.stop]
        if self._observer is not None:
            at = self._source.position - (self.stop - self._fresh)
            self.buffer = self._observer.exchange(self.buffer, self._fresh, self.stop, at)
        if shrink and len(self.buffer) > self._size:
            self.buffer = bytearray(self._size)
        self.buffer[: len(kept)] = kept
        self.start, self.stop = 0, len(kept)
        self._fresh = self.stop
