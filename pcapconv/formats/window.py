"""The window that moves over a source: readers take a capture's bytes only from a window.

Strategy: the window is one buffer that is used again; if the source has an observer (a digest), the buffer is exchanged
for the observer's before each reading. Bytes that were not taken move to the front before more are read. The buffer
grows only for a single large record, as its bytes arrive, and shrinks afterwards, so that a length in a file alone
never allocates memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapconv.io.source import WINDOW_SIZE, Source
from pcapconv.text import quoted

if TYPE_CHECKING:
    from pcapconv.formats.batch_buffers import BatchBuffers
    from pcapconv.io.decompressed_stream import DecompressedStream

LARGEST_RECORD = 129 * 2**20  # libpcap's largest snaplen, 128 MiB (D-Bus, USB), and room for options
LARGEST_PCAP_RECORD = LARGEST_RECORD - 48  # so that it fits a pcapng block with a flags option
FIRST_SIZE = 65536  # bytes at the beginning of a capture that are checked again if the capture is damaged
_SMALLEST = 4096
_NONE = bytearray()
_STEP = 2**20
_PATIENCE = 1.0  # seconds to wait for more bytes of a file that is no capture
_TEXT_SIZE = 80  # bytes in which text is looked for


class Window:
    """The bytes that were read and not yet taken: `buffer[start:stop]`.

    `offset` is the offset of `start` in the capture, `name` the source's name. `first` has the first bytes of a pipe,
    which cannot be read again; it is empty for a file. `buffers` are for batches that keep the buffer.
    """

    def __init__(
        self, source: Source | DecompressedStream, size: int = WINDOW_SIZE, buffers: BatchBuffers | None = None
    ) -> None:
        if source.size is not None:
            size = min(size, max(_SMALLEST, source.size + 1))  # a small window is enough for a small capture
        self._source = source
        self._observer = source.observer
        self._buffers = buffers
        self._size = size
        self.name = source.name
        self.buffer = bytearray(size)
        self._unseen_at = 0  # the observer has not seen the bytes in the buffer from here on
        self.start = 0
        self.stop = 0
        self.offset = 0
        self.first = bytearray()
        self._at_end = False

    @property
    def available(self) -> int:
        """The number of bytes in the window."""
        return self.stop - self.start

    @property
    def remaining(self) -> int | None:
        """The number of bytes from `offset` to the end of the capture; None for a pipe, whose size is unknown."""
        return None if self._source.size is None else max(0, self._source.size - self.offset)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the reading: then the capture may end within a packet, which is no damage."""
        return self._source.interrupted

    def take(self, count: int) -> None:
        """Move on by `count` of the available bytes. Batches in the buffer become invalid."""
        self.start += count
        self.offset += count
        if len(self.buffer) > self._size and self.available < self._size // 2:
            self._make_room(shrink=True)

    def fill(self, need: int) -> bool:
        """Read until at least `need` bytes are available, or the source ends. Return whether enough are available.

        Batches in the buffer become invalid.
        """
        if self.available >= need:
            return True
        if self._at_end or need > LARGEST_RECORD:
            return False
        if need > self._size and self.remaining is not None and need > self.remaining:
            return False
        self._make_room()
        while self.available < need:
            if self.stop == len(self.buffer):
                self._grow()
            reading = self._source.pipe_reading
            at = self._source.position
            with memoryview(self.buffer) as view, view[self.stop :] as room:
                count = self._source.readinto(room) if reading is None else reading.readinto(self._source, room)
            if not count:
                return False
            if self._source.size is None and at < FIRST_SIZE:
                self.first += self.buffer[self.stop : self.stop + min(count, FIRST_SIZE - at)]
            self.stop += count
        return True

    def look_ahead(self, count: int) -> bool:
        """Read until `count` bytes are available, or all that remain. Return whether the capture ends within them.

        Batches in the buffer become invalid.
        """
        remaining = self.remaining
        if remaining is None:
            return not self.fill(count + 1)
        self.fill(min(count, remaining))
        return count >= remaining

    def head(self, size: int) -> bytes:
        """The first of the available bytes, at most `size`."""
        return bytes(self.buffer[self.start : min(self.stop, self.start + size)])

    def load_head(self, size: int) -> bytes:
        """Return the next bytes, at most `size`, without taking them; from a pipe, the bytes that arrive without a long
        wait."""
        reading = self._source.pipe_reading
        while self.available < size and not (reading is not None and reading.over):
            if not self._source.ready(_PATIENCE) or not self.fill(self.available + 1):
                break
        return self.head(size)

    def text_remark(self) -> str:
        """The end of a message about damage, `; the text there is '…'`; empty if the next bytes are no text. Reads
        as many bytes as it needs, so that the message does not depend on the pieces in which a pipe delivers them."""
        self.fill(_TEXT_SIZE)
        text = quoted(self.head(_TEXT_SIZE))
        return f"; the text there is {text}" if text else ""

    def peek(self, distance: int, count: int) -> bytes | None:
        """Return the `count` bytes that begin `distance` bytes ahead, without taking them: fewer at the end of the
        capture, None if they are too far ahead in a pipe. Batches in the buffer become invalid."""
        if self.available < distance + count:
            if isinstance(self._source, Source) and self.remaining is not None:
                return self._source.peek(self.offset + distance, count)
            if not self.fill(distance + count) and distance + count > LARGEST_RECORD:
                return None
        at = self.start + distance
        return bytes(self.buffer[at : min(at + count, self.stop)])

    @property
    def can_read_again(self) -> bool:
        """Whether `read_again` works: in a file that is not compressed."""
        return isinstance(self._source, Source) and self._source.size is not None

    def read_again(self, offset: int, room: memoryview) -> int:
        """Read into `room` the bytes at an offset of the capture, which were taken before, and return how many there
        are: too few only if the file became shorter. The window stays where it is. Raises FileError."""
        source, count = self._source, 0
        assert isinstance(source, Source)
        if not source.plain:
            data = source.peek(offset, len(room))
            room[: len(data)] = data
            return len(data)
        while count < len(room) and (more := source.read_at(offset + count, room[count:])):
            count += more
        return count

    def leading_zeros(self) -> int:
        """The number of zeros with which the available bytes begin."""
        at, step = self.start, _SMALLEST // 64
        while at < self.stop:
            piece = self.buffer[at : min(at + step, self.stop)]
            after_zeros = len(piece.lstrip(b"\0"))
            at += len(piece) - after_zeros
            if after_zeros:
                break
            step = min(2 * step, _SMALLEST * 16)
        return at - self.start

    def skip(self, count: int) -> int:
        """Pass over `count` bytes, or all that remain. Return how many were passed over."""
        passed = 0
        while passed < count and (self.available or self.fill(1)):
            step = min(self.available, count - passed)
            self.take(step)
            passed += step
        return passed

    def skip_to_end(self) -> int:
        """Pass over all remaining bytes, without reading them if their number is known. Return how many they were."""
        remaining = self.remaining
        if remaining is None:
            return self.skip(2**63)
        self.offset += remaining
        self.start = self.stop
        self._make_room()
        self._at_end = True
        return remaining

    def _grow(self) -> None:
        try:
            self.buffer.extend(bytes(_STEP))
        except BufferError:  # the buffer cannot grow, since a view of it exists
            self.buffer = self.buffer + bytes(_STEP)

    def _make_room(self, *, shrink: bool = False) -> None:
        """Move the available bytes to the front of the buffer; with `shrink`, to a new buffer of the usual size."""
        kept = self.buffer[self.start : self.stop]
        if self._observer is not None:
            at = self._source.position - (self.stop - self._unseen_at)
            self.buffer = self._observer.exchange(self.buffer, self._unseen_at, self.stop, at)
        size = self._size if shrink else len(self.buffer)
        if self._buffers is not None and self._buffers.lent:
            self._buffers.take_back(self.buffer)
            self.buffer = _NONE
            self.buffer = self._buffers.unused(size)
        elif size < len(self.buffer):
            self.buffer = bytearray(size)
        self.buffer[: len(kept)] = kept
        self.start, self.stop = 0, len(kept)
        self._unseen_at = self.stop
