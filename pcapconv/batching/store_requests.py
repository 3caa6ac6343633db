"""What stores and their clients say when they are asked for something, in one sentence, and how long they say nothing.

Strategy: a client for the web says that a file is missing whenever a server could not be asked. What really happened is
the cause of that.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pcapconv.errors import FileError, PcapconvError
from pcapconv.io.read_write import reason_of

_NOT_THERE = (404, 410)  # what a web server says of what is not there
_NUMBERS = {errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EPIPE}


class Silence:
    """For how long the stores that are asked in a context say nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[str] = []  # for what, by all threads
        self._since = 0.0

    def begin(self, name: str) -> None:
        """A store is asked for something."""
        with self._lock:
            self._asked.append(name)
            self._since = time.monotonic()

    def end(self, name: str) -> None:
        """It has answered that."""
        with self._lock:
            self._asked.remove(name)
            self._since = time.monotonic()

    def hear(self) -> None:
        """It has answered something, and more is to come."""
        self._since = time.monotonic()

    def now(self) -> tuple[float, str]:
        """For how many seconds there was no answer, and what was asked for first; 0 where nothing is."""
        with self._lock:
            return (time.monotonic() - self._since, self._asked[0]) if self._asked else (0.0, "")


heard: ContextVar[Silence] = ContextVar("heard")  # who looks at the silence of what is asked in this context


def answered(*_: object, **__: object) -> None:
    """Tell that a store has answered something, and more is to come."""
    if (silence := heard.get(None)) is not None:
        silence.hear()


@contextmanager
def asking(name: str, what: str) -> Iterator[None]:
    """Turns whatever a store answers into a FileError: `name` is what cannot be done `what` to. A file that is missing
    raises FileNotFoundError still."""
    silence = heard.get(None)
    if silence is not None:
        silence.begin(name)
    try:
        yield
    except (PcapconvError, MemoryError):
        raise
    except FileNotFoundError as error:
        if is_missing(error):
            raise
        raise FileError(f"{name}: cannot {what}: {said_of(error)}") from error.__cause__
    except Exception as error:
        raise FileError(f"{name}: cannot {what}: {said_of(error)}") from error
    finally:
        if silence is not None:
            silence.end(name)


def is_missing(error: FileNotFoundError) -> bool:
    """Whether a store has no such file, rather than no answer."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status in _NOT_THERE
    return not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError)


def said_of(error: BaseException) -> str:
    """The reason why a store could not be asked, or what it answered."""
    if isinstance(error, FileNotFoundError) and not is_missing(error) and error.__cause__ is not None:
        error = error.__cause__
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return f"the server answered {status} {getattr(error, 'message', '')}".rstrip()
    if type(error).__name__ == "EndpointConnectionError":  # of S3's client
        url = str(getattr(error, "kwargs", {}).get("endpoint_url", "")).partition("?")[0]
        return f"cannot connect to {url}; see whether the server runs, and AWS_ENDPOINT_URL names it"
    for each in (error, getattr(error, "os_error", None)):
        if isinstance(each, socket.gaierror):
            return "nobody knows the address of its host; see whether it is spelled so, and the network is there"
        if isinstance(each, OSError) and each.errno in _NUMBERS:
            return os.strerror(each.errno).lower()
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "no answer in time"
    return reason_of(error) if isinstance(error, Exception) else str(error)
