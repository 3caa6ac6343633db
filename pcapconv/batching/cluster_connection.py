"""Connects to the scheduler of a Dask cluster."""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from queue import Empty, SimpleQueue
from typing import Any

from pcapconv.errors import FileError, UsageError
from pcapconv.text import extra_and_how_to_install
from pcapconv.wording import argument

_TIMEOUT = 2.5  # seconds
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio", "bokeh")


def connect(address: str) -> Any:
    """Return a client of the scheduler at an address. Raises UsageError if the address is malformed or Dask is not
    installed, FileError if no scheduler answers at the address."""
    if not re.fullmatch(r"([a-z]+://)?(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}", address):
        raise UsageError(
            f"{argument('scheduler', address)}: not an address; write one like tcp://host:8786", option="scheduler"
        )
    dask, answers = _import_dask(address), SimpleQueue[Any]()
    threading.Thread(target=_connect, args=(dask, address, answers), name="pcapconv-connect", daemon=True).start()
    try:
        answer = answers.get(timeout=_TIMEOUT + 0.5)
    except Empty:
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, MemoryError):  # Dask read the first bytes of another protocol as a length
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, BaseException):
        reason = " ".join(str(answer).split()) or type(answer).__name__
        raise FileError(
            f"{argument('scheduler', address)}: cannot connect: {reason}", option="scheduler", cause=answer
        ) from answer
    return answer


def _import_dask(address: str) -> Any:
    """Import and return `distributed`, which has no type hints. Its log messages reach the terminal only if Dask's
    configuration asks for them, or if the program had imported `distributed` before. Raises UsageError if it is not
    installed."""
    imported_before = "distributed" in sys.modules
    try:
        import dask
        import distributed
    except ImportError:
        scheduler = argument("scheduler", address)
        raise UsageError(f"{scheduler}: needs Dask; install {extra_and_how_to_install('cluster')}") from None
    config: Any = dask.config
    if not (imported_before or config.get("logging", None)):
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers[:] = [logging.NullHandler()]
            logger.propagate = False
    return distributed


def _connect(dask: Any, address: str, answers: SimpleQueue[Any]) -> None:
    """Put a client, or the error, into a queue. Runs in a thread of its own, since a server at the address may accept
    the connection and never answer."""

    class Client(dask.Client):  # type: ignore[misc]
        def __del__(self) -> None:
            """Do not close the client: a client that could not connect has nothing to close, but would wait."""
            self.status = "closed"

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions of Dask and its dependencies on the cluster
            answers.put(Client(address, timeout=_TIMEOUT, set_as_default=False))
    except BaseException as error:  # Dask raises all kinds of errors here, assertions included
        answers.put(error)
