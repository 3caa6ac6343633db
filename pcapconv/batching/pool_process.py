"""A process of a pool: takes work from the process that started it, does it, and sends back what came of it.

Strategy: the other process holds the far end of the socket that is this one's stdin. When that end closes, for whatever
reason, there is nobody to work for: what runs stops at its next look, or is ended after a second. A message is the
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
READ, DONE, FAILED = "read", "done", "failed"  # what else is answered: bytes and moves, a result, an error as text

_INTERVAL = 0.1  # seconds between two messages that tell how much was read
_LENGTH = 8  # bytes


def send(connection: socket.socket, message: bytes) -> None:
    """Raises OSError when nobody is there to receive it."""
    connection.sendall(len(message).to_bytes(_LENGTH, "little") + message)


def receive(file: BinaryIO) -> bytes:
    """The next message. Raises EOFError or OSError when the sender has ended, also in the middle of a message."""
    length = int.from_bytes(_exactly(file, _LENGTH), "little")
    return _exactly(file, length)


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """The whole life of the process. It ends without a word, since whoever started it knows or is gone."""
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # nothing that is imported can take a message for its input
    os.close(null)
    watch = _Watch(connection)
    jobs.watch = watch
    work: SimpleQueue[bytes | None] = SimpleQueue()
    with suppress(OSError, RuntimeError, jobs.Stopped):  # nobody is there; no thread can be started; told to stop
        threading.Thread(target=_listen, args=(connection, work, watch), daemon=True).start()
        while (message := work.get()) is not None:
            send(connection, BEGUN)
            answer = _run_jobs(message)
            watch.tell()
            send(connection, answer)
    os._exit(0)


def _listen(connection: socket.socket, work: SimpleQueue[bytes | None], watch: _Watch) -> None:
    """Pass work on until there will be no more; then end the process."""
    with suppress(EOFError, OSError), connection.makefile("rb") as file:
        while True:
            work.put(receive(file))
    watch.stop = True
    work.put(None)
    time.sleep(PATIENCE)
    os._exit(1)


def _run_jobs(message: bytes) -> bytes:
    """A result or an error, ready to be sent. Raises Stopped."""
    answer: tuple[str, Any]
    try:
        function, arguments, named = pickle.loads(message)
        answer = DONE, function(*arguments, **named)
        return pickle.dumps(answer)
    except Exception as error:  # whatever it may be: it is the work's, or the result cannot be pickled
        answer = FAILED, str(error) or type(error).__name__
        return pickle.dumps(answer)


class _Watch(jobs.Watch):
    def __init__(self, connection: socket.socket) -> None:
        self.stop = False
        self._connection = connection
        self._untold = self._moves = 0
        self._due = 0.0

    def stopped(self) -> bool:
        return self.stop

    def read(self, count: int) -> None:
        self._untold += count
        self._moves += 1
        if time.monotonic() >= self._due:
            self.tell()
            self._due = time.monotonic() + _INTERVAL

    def tell(self) -> None:
        """Say how many bytes were read since the last time, and how often any have moved. Raises OSError."""
        if self._moves:
            send(self._connection, pickle.dumps((READ, (self._untold, self._moves))))
            self._untold = self._moves = 0
