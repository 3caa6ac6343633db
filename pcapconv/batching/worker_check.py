"""Whether a process of a cluster can do jobs: the question that each worker is asked before it gets work, and once more
with each piece of work.

Strategy: questions and work travel as source text and plain values, and so do answers. A worker without pcapconv, or
with another version of it, can answer like any other, and never has to load what is not its own.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

from pcapconv.batching.stores import store_of
from pcapconv.build import build, version
from pcapconv.errors import PcapconvError

_EXPRESSION = "exec(source, names) or names[name](*arguments)"
_PROCESS = uuid4().hex  # which one this is
_seen: set[tuple[str, ...]] = set()  # places, of which one is a token


def answer(version: str, build: str, locations: list[str]) -> str:
    """Why this process can do no jobs; nothing when it can. Runs alone: nothing else of this module is there."""
    from importlib import import_module

    try:
        package = import_module("pcapconv")
    except Exception as error:
        return "it has no pcapconv" if isinstance(error, ImportError) else f"its pcapconv cannot be imported: {error}"
    try:
        there = getattr(package, "__version__", "unknown")
        if there != version:
            return f"it has pcapconv {there}, and this is {version}"
        try:
            from pcapconv import build as module
        except ImportError:
            return f"it has another build of pcapconv {version}; install the same one"
        if module.build() != build:
            return f"it has another build of pcapconv {version}; install the same one"
        from pcapconv.batching import worker_check

        return worker_check.unseen_once(locations)
    except Exception as error:
        return f"its pcapconv does not work: {error}"


def progress(run: str) -> object:
    """Which process this is, and how many bytes it has read for a run; None where it was not asked if it fits. Only
    the source of this function is sent there."""
    import sys

    tell = getattr(sys.modules.get("pcapconv.batching.worker_check"), "tell", None)
    return tell(run) if tell else None


def perform(question: tuple[str, dict[str, object]], work: bytes) -> tuple[object, object]:
    """The result of work, and nothing; or nothing, and the address of this worker with why it does not fit: it may be
    at an address at which another one was. Only the source of this function is sent there."""
    import pickle

    reason = eval(*question)
    if reason:
        from distributed import get_worker

        return None, (get_worker().address, reason)
    function, arguments, named = pickle.loads(work)
    return function(*arguments, **named), None


def unseen(locations: Sequence[str]) -> str:
    """What is said of the first file that this process does not see; nothing when it sees all of them."""
    from pcapconv.batching import jobs  # noqa: F401 - that it can be imported

    for location in locations:
        try:
            if store_of(location).state(location) is None:
                return (
                    f"it does not see {location}; source and target have to be the same everywhere, "
                    "under the same paths"
                )
        except PcapconvError as error:
            return f"it does not see {error}"
    return ""


def unseen_once(locations: Sequence[str]) -> str:
    """As `unseen`, for places of which one is a token: once it saw them, this process looks no more."""
    reason = "" if tuple(locations) in _seen else unseen(locations)
    if not reason:
        _seen.add(tuple(locations))
    return reason


def tell(run: str) -> tuple[str, tuple[int, int]]:
    """Which process this is, and how many bytes it has read for a run, and how often any have moved."""
    from pcapconv.batching.jobs import told_so_far

    return _PROCESS, told_so_far(run)


def question(locations: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The arguments of `eval` by which another process says whether it fits, see `answer`."""
    return _alone(answer, version(), build(), list(locations))


def question_of_progress(run: str) -> tuple[str, dict[str, Any]]:
    """The arguments of `eval` by which another process says how far it is, see `progress`."""
    return _alone(progress, run)


def order(asked: tuple[Any, ...], work: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
    """The arguments of `eval` that have another process do work if it fits, see `perform`."""
    return _alone(perform, asked, pickle.dumps(work))


def _alone(function: Callable[..., Any], *arguments: Any) -> tuple[str, dict[str, Any]]:
    """The arguments of `eval` that have another process call a function, of which only the source goes there."""
    names = {"source": _source(function), "name": function.__name__, "arguments": arguments, "names": {}}
    return _EXPRESSION, names


_source = cache(inspect.getsource)
