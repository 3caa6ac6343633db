"""How a batch gets to the scheduler of a Dask cluster."""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from queue import Empty, SimpleQueue
from typing import Any

from pcapconv.errors import FileError, UsageError
from pcapconv.wording import argument

_CONNECTING = 2.5  # seconds
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio", "bokeh")


def connect(address: str) -> Any:
    """A client of the scheduler at an address. Raises UsageError when that is no address or Dask is not installed,
    FileError when no scheduler answers there."""
    if not re.fullmatch(r"([a-z]+://)?(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}", address):
        raise UsageError(f"{argument('scheduler', address)}: not an address; write one like tcp://host:8786")
    dask, answers = _import_dask(address), SimpleQueue[Any]()
    threading.Thread(target=_connect, args=(dask, address, answers), name="pcapconv-connect", daemon=True).start()
    try:
        answer = answers.get(timeout=_CONNECTING + 0.5)
    except Empty:
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, MemoryError):  # the first bytes, taken for a length
        answer = FileError("what answers there is no Dask scheduler")
    if isinstance(answer, BaseException):
        said = " ".join(str(answer).split()) or type(answer).__name__
        raise FileError(f"{argument('scheduler', address)}: cannot connect: {said}") from answer
    return answer


def _import_dask(address: str) -> Any:
    """The module, which has no types. What it logs reaches the terminal only where its own configuration, or a program
    that imported it before, wants that. Raises UsageError."""
    ours = "distributed" not in sys.modules
    try:
        import dask
        import distributed
    except ImportError:
        said = argument("scheduler", address)
        raise UsageError(f"{said}: needs Dask; install it: pip install 'pcapconv[cluster]'") from None
    config: Any = dask.config
    if ours and not config.get("logging", None):
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers[:] = [logging.NullHandler()]
            logger.propagate = False
    return distributed


def _connect(dask: Any, address: str, answers: SimpleQueue[Any]) -> None:
    """Put a client, or why there is none, into a queue; in a thread of its own, since what answers at the address may
    never say anything."""

    class Client(dask.Client):  # type: ignore[misc]
        def __del__(self) -> None:
            """One that could not connect has nothing to close, and would wait for its end."""
            self.status = "closed"

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions of Dask, and of what it needs
            answers.put(Client(address, timeout=_CONNECTING, set_as_default=False))
    except BaseException as error:  # whatever it may be: assertions, too
        answers.put(error)
