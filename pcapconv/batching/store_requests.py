"""Requests to stores behind URLs: turns each error into a FileError of one sentence, and measures how long requests
have been unanswered.

Strategy: every call of a store's client runs inside `store_request`. The client for web servers raises
FileNotFoundError whenever a request fails; the actual error is the `__cause__` of that one.
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

_MISSING_STATUSES = (404, 410)  # of HTTP
_CONNECTION_ERRORS = {
    *(errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EPIPE)
}


class Silence:
    """Measures how long stores have left the requests of a context unanswered. All threads of the context share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[str] = []  # the locations of requests under way, oldest first
        self._last_activity = 0.0  # when a request began, ended or was answered in part, by time.monotonic()

    def begin_request(self, location: str) -> None:
        """Note that a request for a location begins."""
        with self._lock:
            self._pending.append(location)
            self._last_activity = time.monotonic()

    def end_request(self, location: str) -> None:
        """Note that a request for a location has ended."""
        with self._lock:
            self._pending.remove(location)
            self._last_activity = time.monotonic()

    def note_answer(self) -> None:
        """Note that a store has sent part of an answer."""
        self._last_activity = time.monotonic()

    def measure(self) -> tuple[float, str]:
        """Return the seconds since the last activity, and the location of the oldest request; 0 and "" if no request is
        under way."""
        with self._lock:
            return (time.monotonic() - self._last_activity, self._pending[0]) if self._pending else (0.0, "")


current_silence: ContextVar[Silence] = ContextVar("current_silence")  # measures the requests of this context


def note_answer(*_: object, **__: object) -> None:
    """Note that a store has sent part of an answer. Takes any arguments, since clients call it as a hook."""
    if (silence := current_silence.get(None)) is not None:
        silence.note_answer()


@contextmanager
def store_request(location: str, action: str) -> Iterator[None]:
    """Turn any error of a store's client into a FileError, "LOCATION: cannot ACTION: reason". A missing file still
    raises FileNotFoundError."""
    silence = current_silence.get(None)
    if silence is not None:
        silence.begin_request(location)
    try:
        yield
    except (PcapconvError, MemoryError):
        raise
    except FileNotFoundError as error:
        if is_missing(error):
            raise
        raise FileError(
            f"{location}: cannot {action}: {_reason_for(error)}", path=location, cause=error.__cause__
        ) from error.__cause__
    except Exception as error:
        raise FileError(f"{location}: cannot {action}: {_reason_for(error)}", path=location, cause=error) from error
    finally:
        if silence is not None:
            silence.end_request(location)


def is_missing(error: FileNotFoundError) -> bool:
    """Return whether the store reported that it has no such file; False if the request failed for another reason."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status in _MISSING_STATUSES
    return not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError)


def _reason_for(error: BaseException) -> str:
    """Return the reason why a request failed, for a message."""
    if isinstance(error, FileNotFoundError) and not is_missing(error) and error.__cause__ is not None:
        error = error.__cause__
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return f"the server answered {status} {getattr(error, 'message', '')}".rstrip()
    if type(error).__name__ == "EndpointConnectionError":  # of S3's client
        url = str(getattr(error, "kwargs", {}).get("endpoint_url", "")).partition("?")[0]
        return f"cannot connect to {url}; check that the server runs, and that AWS_ENDPOINT_URL names it"
    for candidate in (error, getattr(error, "os_error", None)):
        if isinstance(candidate, socket.gaierror):
            return "the name of its host cannot be resolved; check its spelling and the network"
        if isinstance(candidate, OSError) and candidate.errno in _CONNECTION_ERRORS:
            return os.strerror(candidate.errno).lower()
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "no answer in time"
    return reason_of(error) if isinstance(error, Exception) else str(error)
