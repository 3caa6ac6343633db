"""The buffer that a writer encodes into, in front of a target. A thread writes full buffers to the target while the
writer goes on in another buffer.

Strategy: kernels and system calls release the GIL, so a second thread hides nearly all the time that writing takes. The
thread starts when the first buffer is full; data that fits into one buffer is written without a thread. If a digest is
needed, another thread hashes the buffers that were written (for which thread owns a buffer when, see `buffer_threads`).
If the output is compressed, the writing thread compresses, so that kernels and compression run side by side.
A buffer is handed over, never copied, and there are few buffers, so memory stays constant. If there are many outputs,
each begins with a small buffer; after `release`, an output has no buffer, no thread and no open file. Such outputs
share spare buffers, since allocating new memory takes as long as writing it. Before the reader waits for a pipe,
`flush_to_pipe` hands over a buffer that is not full.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pcapconv.errors import FileError
from pcapconv.io.buffer_threads import BufferThread, Piece
from pcapconv.io.read_write import read_all, reading, write_all, writing
from pcapconv.io.target import Target

if TYPE_CHECKING:
    from pcapconv.io.compressed_output import OutputCompression, Patch

BUFFER_SIZE = 512 * 1024
_BUFFERS = 3
_SMALLEST = 4096
_PATIENCE = 0.5  # seconds that `close` waits for a thread
_MOMENT = 0.001  # seconds between two looks at a pipe


class BufferedOutput:
    """A buffer to encode into, and the target behind it.

    Encode into `buffer` from offset `at` on, and advance `at`; call `make_room` when the buffer is full. `write` takes
    any number of bytes instead. `finish` writes the bytes that are still in the buffer. Positions and `sha256` are
    those of the content, before it is compressed. `name` is for messages. All methods raise FileError for an error of
    the system.
    """

    def __init__(
        self,
        target: Target,
        *,
        spares: list[bytearray] | None = None,
        hashed: bool = False,
        compression: OutputCompression | None = None,
    ) -> None:
        """`spares` are unused buffers that several outputs share. `hashed` makes the two digests available."""
        self._target = target
        self.name = target.interim_name
        self.seekable = target.seekable
        self._spares = spares
        self.buffer = bytearray(BUFFER_SIZE if spares is None else 0)
        self.at = 0
        self._written = 0
        self._empty: SimpleQueue[Piece] = SimpleQueue()
        self._threads: list[BufferThread] = []  # each passes its buffers on to the next thread
        self._circulating = _BUFFERS - 1 + 2 * hashed  # buffers besides the one that is filled
        self._hash = _sha256() if hashed else None
        self._overwritten = False
        self._write: Callable[[memoryview], object] = target.write
        self._compressed = None
        if compression is not None:
            from pcapconv.io.compressed_output import CompressedOutput  # a plain conversion starts faster without it

            self._compressed = CompressedOutput(target, compression, _sha256 if hashed else None)
            self._write = self._compressed.write
        self._sent = 0  # bytes that the thread has written
        self._flush_at = 0  # once so many bytes were written, the file object must not hold them back

    @property
    def position(self) -> int:
        """The number of bytes written so far, including those still in buffers."""
        return self._written + self.at

    @property
    def memory(self) -> int:
        """The memory of the buffers and of a compressor, in bytes."""
        compressor = 0 if self._compressed is None else self._compressed.memory
        return len(self.buffer) + (self._circulating * BUFFER_SIZE if self._threads else 0) + compressor

    def make_room(self, least: int = 0) -> bool:
        """Make room for at least `least` bytes: enlarge a small buffer, or hand the full buffer to the thread and go on
        in an empty one. Return False, and do nothing, if `least` is larger than any buffer: then call `write`."""
        if least > BUFFER_SIZE:
            return False
        if len(self.buffer) < BUFFER_SIZE:
            self._grow(max(_SMALLEST, 2 * len(self.buffer), self.at + least))
            if self.at + least <= len(self.buffer):
                return True
        if self.at:
            self._hand_over()
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append these bytes; the caller may reuse `data` afterwards."""
        size = len(data)
        if size <= min(_SMALLEST, len(self.buffer) - self.at):
            self.buffer[self.at : self.at + size] = data
            self.at += size
            return
        with memoryview(data) as view:
            done = 0
            while done < size:
                if self.at >= len(self.buffer):
                    self.make_room(min(size - done, BUFFER_SIZE))
                part = min(size - done, len(self.buffer) - self.at)
                with memoryview(self.buffer) as room:  # assigned to the bytearray itself, bytes would be copied twice
                    room[self.at : self.at + part] = view[done : done + part]
                self.at += part
                done += part

    def exchange(self, buffer: bytearray, end: int) -> bytearray | None:
        """Append the first `end` bytes of a buffer without copying them: take the buffer over, and return another one
        of the same size. Return None, and do nothing, for few bytes, or a buffer of another size."""
        if end < BUFFER_SIZE // 2 or not len(buffer) == len(self.buffer) == BUFFER_SIZE:
            return None
        if self.at:
            self._hand_over()
        unused, self.buffer, self.at = self.buffer, buffer, end
        self._hand_over()
        return unused

    def finish(self, patches: Iterable[Patch] = ()) -> None:
        """Write the bytes that are still in the buffer. Then, only if `seekable`, replace bytes that were written:
        `patches` are offsets, in their order, and the bytes that replace those there."""
        if not self._written:  # all bytes are in the buffer still
            for position, data in patches:
                self.buffer[position : position + len(data)] = data
            patches = ()
        self._drain()
        if self._compressed is None:
            for position, data in patches:
                self._overwrite(position, data)
            return
        with writing(self.name):
            changes = self._compressed.finish(patches)
            if changes is not None:
                self._hash = None if self._hash is None else _sha256()
                self._compressed.rewrite(changes, None if self._hash is None else self._hash.update)

    def _overwrite(self, position: int, data: bytes) -> None:
        if self._hash is not None and not self._overwritten:
            self._overwritten = self._read_back(position, len(data)) != data
        with writing(self.name):
            self._target.file.seek(self._target.start + position)
            write_all(self._target.file, memoryview(data))
            self._target.file.seek(0, os.SEEK_END)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hex, after `finish`. Raises FileError."""
        assert self._hash is not None
        if self._overwritten:  # `finish` changed bytes that had been hashed
            self._hash, self._overwritten = _sha256(), False
            for at in range(0, self._written, BUFFER_SIZE):
                self._hash.update(self._read_back(at, min(BUFFER_SIZE, self._written - at)))
        digest: str = self._hash.hexdigest()
        return digest

    @property
    def file_sha256(self) -> str:
        """The SHA-256 of the bytes in the target, in hex, after `finish`: of the compressed ones if the output is
        compressed. Raises FileError."""
        return self.sha256 if self._compressed is None else str(self._compressed.digest.hexdigest())

    def _read_back(self, position: int, count: int) -> bytes:
        with reading(self.name):
            self._target.file.seek(self._target.start + position)
            data = read_all(self._target.file, count)
            self._target.file.seek(0, os.SEEK_END)
        return data

    def start_writing(self) -> None:
        """Hand the buffer to the writing thread, if that has started; wait only if no other buffer is free."""
        if self._threads and self.at:
            self._hand_over()

    def flush_to_pipe(self) -> bool:
        """Send the bytes in the buffer on their way, if others see them there: the reader is going to wait for more.
        Return False, and do nothing, if all other buffers are still to be written: then ask again."""
        if not self.at or not self._target.shown_at_once:
            return True
        if self._threads and self._empty.empty():
            self._raise_error()
            return False
        self._flush_at = self.position
        self._hand_over()
        return True

    def send_to_pipe(self) -> None:
        """Do `flush_to_pipe`, and wait until all bytes are written."""
        while not self.flush_to_pipe() or self._sent < self._flush_at:
            self._raise_error()
            time.sleep(_MOMENT)

    def release(self) -> None:
        """Write the bytes in the buffer, then release buffers, threads, a compressor and the open file until more is
        written."""
        self._drain()
        if self._compressed is not None:
            with writing(self.name):
                self._compressed.end_member()
        if self._spares is not None:
            self._give_away(self.buffer)
            self.buffer = bytearray()
        self._target.release()

    def close(self) -> None:
        """End the threads, and drop buffers that they have not written. For a pipe, wait only briefly: a pipe that
        nobody reads can hold a thread for ever."""
        for thread in self._threads:
            thread.error = thread.error or FileError(f"{self.name}: writing was given up", path=self.name)
        for thread in self._threads:
            thread.end(None if self.seekable else _PATIENCE)

    def _new_buffer(self) -> bytearray:
        return self._spares.pop() if self._spares else bytearray(BUFFER_SIZE)

    def _give_away(self, buffer: bytearray) -> None:
        if self._spares is not None and len(buffer) == BUFFER_SIZE and len(self._spares) < _BUFFERS:
            self._spares.append(buffer)

    def _grow(self, size: int) -> None:
        """Replace the buffer by a larger one with the same bytes."""
        larger = self._new_buffer() if self._spares or size >= BUFFER_SIZE else bytearray(size)
        larger[: self.at] = self.buffer[: self.at]
        self.buffer = larger

    def _hand_over(self) -> None:
        if not self._threads:
            self._start_threads()
        self._threads[0].put((self.buffer, 0, self.at))
        self._written += self.at
        (self.buffer, _, _), self.at = self._empty.get(), 0
        self._raise_error()

    def _start_threads(self) -> None:
        if self._hash is not None:
            self._threads.append(BufferThread(self._hash.update, self._empty.put))
        write_on = self._threads[0].put if self._threads else self._empty.put
        self._threads.insert(0, BufferThread(self._write_to_target, write_on))
        for _ in range(self._circulating):
            self._empty.put((self._new_buffer(), 0, 0))

    def _drain(self) -> None:
        """Write all bytes in buffers to the target, and end the threads."""
        for thread in self._threads:
            thread.end()
        self._raise_error()
        self._threads = []
        while not self._empty.empty():
            self._give_away(self._empty.get()[0])
        self._write_to_target(memoryview(self.buffer)[: self.at])
        if self._hash is not None:
            self._hash.update(memoryview(self.buffer)[: self.at])
        self._written += self.at
        self.at = 0

    def _write_to_target(self, view: memoryview) -> None:
        with writing(self.name):
            self._write(view)
            self._sent += len(view)
            if self._sent == self._flush_at:
                self._flush_file()

    def _flush_file(self) -> None:
        """Let a compressor, and a file object of Python with a buffer of its own, give away all that was written."""
        if self._compressed is not None:
            self._compressed.sync()
        flush = getattr(self._target.file, "flush", None)
        if flush is not None:
            flush()

    def _raise_error(self) -> None:
        """Raise the error of a thread, if one has failed."""
        for thread in self._threads:
            thread.check()


def _sha256() -> Any:
    import hashlib  # a plain conversion starts faster without this import

    return hashlib.sha256()
