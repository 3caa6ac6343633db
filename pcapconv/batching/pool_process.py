"""The program of a process of the pool: receives work from the process that started it, and sends back the result.

Strategy: stdin is a socket whose other end the starting process holds. When that end closes, for whatever reason, the
work is no longer needed: jobs stop at their next check, and after a second the process ends itself. A message is the
length of its bytes, then the bytes.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, BinaryIO

from pcapconv.batching import jobs

PATIENCE = 1.0  # seconds that a process has to end by itself
BEGUN = b"begun"  # the answer to work that has arrived
PROGRESS, DONE, FAILED = "progress", "done", "failed"  # other messages: (bytes, transfers), a result, an error's text

_INTERVAL = 0.1  # seconds between two messages about progress
_LENGTH_SIZE = 8  # bytes


def send(connection: socket.socket, message: bytes) -> None:
    """Send a message. Raises OSError if the receiver has ended."""
    connection.sendall(len(message).to_bytes(_LENGTH_SIZE, "little") + message)


def receive(file: BinaryIO) -> bytes:
    """Wait for the next message. Raises EOFError or OSError if the sender has ended, also in the middle of a
    message."""
    length = int.from_bytes(_read_exactly(file, _LENGTH_SIZE), "little")
    return _read_exactly(file, length)


def _read_exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """Run the process: do work until the other end of the socket closes. The process ends without a message, since the
    process that started it notices, or is gone."""
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # so that no imported module reads a message from stdin
    os.close(null)
    monitor = _SocketMonitor(connection)
    jobs.monitor = monitor
    work: SimpleQueue[bytes | None] = SimpleQueue()
    with suppress(OSError, RuntimeError, jobs.Stopped):  # socket closed; no thread can be started; jobs stopped
        threading.Thread(target=_receive_work, args=(connection, work, monitor), daemon=True).start()
        while (message := work.get()) is not None:
            send(connection, BEGUN)
            answer = _do_work(message)
            monitor.send_progress()
            send(connection, answer)
    os._exit(0)


def _receive_work(connection: socket.socket, work: SimpleQueue[bytes | None], monitor: _SocketMonitor) -> None:
    """Put work into the queue until the socket closes; then end the process, by force if it takes too long."""
    with suppress(EOFError, OSError), connection.makefile("rb") as file:
        while True:
            work.put(receive(file))
    monitor.stop = True
    work.put(None)
    time.sleep(PATIENCE)
    os._exit(1)


def _do_work(message: bytes) -> bytes:
    """Do the pickled work of a message; return the message with its result or error. Raises Stopped."""
    answer: tuple[str, Any]
    try:
        function, arguments, named = pickle.loads(message)
        answer = DONE, function(*arguments, **named)
        return pickle.dumps(answer)
    except Exception as error:  # raised by the work, or by pickling the result
        answer = FAILED, str(error) or type(error).__name__
        return pickle.dumps(answer)


class _SocketMonitor(jobs.Monitor):
    """Reports progress through the socket. `stop` is set when the socket has closed."""

    def __init__(self, connection: socket.socket) -> None:
        self.stop = False
        self._connection = connection
        self._new_bytes = self._new_transfers = 0  # since the last message
        self._due = 0.0

    def must_stop(self) -> bool:
        return self.stop

    def note_transfer(self, byte_count: int) -> None:
        self._new_bytes += byte_count
        self._new_transfers += 1
        if time.monotonic() >= self._due:
            self.send_progress()
            self._due = time.monotonic() + _INTERVAL

    def send_progress(self) -> None:
        """Send the numbers of bytes and transfers since the last message, if they are not 0. Raises OSError."""
        if self._new_transfers:
            send(self._connection, pickle.dumps((PROGRESS, (self._new_bytes, self._new_transfers))))
            self._new_bytes = self._new_transfers = 0
