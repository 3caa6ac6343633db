"""Checks whether a worker of a cluster can do jobs: the worker needs the same build of pcapconv and must see the same
files. A worker is checked before it gets work, and again with each piece of work.

Strategy: `unfit_reason`, `ask_progress` and `do_if_fit` are sent as source text with plain values, and answer with
plain values. So even a worker without pcapconv, or with another version, can answer, and never has to unpickle an
object of a package that it lacks.
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
_PROCESS_ID = uuid4().hex  # unique among all processes on all machines
_visible: set[tuple[str, ...]] = set()  # locations that this process has seen; one of each tuple is a token


def unfit_reason(version: str, build: str, locations: list[str]) -> str:
    """Return why this process cannot do jobs, or "" if it can. Only the source of this function is sent to a worker, so
    the function uses no other name of this module."""
    from importlib import import_module

    try:
        package = import_module("pcapconv")
    except Exception as error:
        return "it has no pcapconv" if isinstance(error, ImportError) else f"its pcapconv cannot be imported: {error}"
    try:
        version_here = getattr(package, "__version__", "unknown")
        if version_here != version:
            return f"it has pcapconv {version_here}, and this is {version}"
        try:
            from pcapconv import build as module
        except ImportError:
            return f"it has another build of pcapconv {version}; install the same one"
        if module.build() != build:
            return f"it has another build of pcapconv {version}; install the same one"
        from pcapconv.batching import worker_check

        return worker_check.invisible_reason_once(locations)
    except Exception as error:
        return f"its pcapconv does not work: {error}"


def ask_progress(run: str) -> object:
    """Return `process_progress` of a run; None in a process that was never checked. Only the source of this function is
    sent to a worker."""
    import sys

    process_progress = getattr(sys.modules.get("pcapconv.batching.worker_check"), "process_progress", None)
    return process_progress(run) if process_progress else None


def do_if_fit(check: tuple[str, dict[str, object]], work: bytes) -> tuple[object, object]:
    """Do pickled work and return (result, None). If this process does not fit, return (None, (address of this worker,
    reason)): a new process may have the address of an earlier one that did fit. Only the source of this function is
    sent to a worker."""
    import pickle

    reason = eval(*check)
    if reason:
        from distributed import get_worker

        return None, (get_worker().address, reason)
    function, arguments, named = pickle.loads(work)
    return function(*arguments, **named), None


def invisible_reason(locations: Sequence[str]) -> str:
    """Return the message for the first of these files that this process does not see, or "" if it sees all of them."""
    from pcapconv.batching import jobs  # noqa: F401 - raises here if `jobs` cannot be imported

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


def invisible_reason_once(locations: Sequence[str]) -> str:
    """Return `invisible_reason`; a process that has seen these locations before is not checked again."""
    reason = "" if tuple(locations) in _visible else invisible_reason(locations)
    if not reason:
        _visible.add(tuple(locations))
    return reason


def process_progress(run: str) -> tuple[str, tuple[int, int]]:
    """Return the id of this process, and `jobs.progress_of` for a run."""
    from pcapconv.batching.jobs import progress_of

    return _PROCESS_ID, progress_of(run)


def check_expression(locations: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the arguments of `eval` that call `unfit_reason` in another process."""
    return _call_expression(unfit_reason, version(), build(), list(locations))


def progress_expression(run: str) -> tuple[str, dict[str, Any]]:
    """Return the arguments of `eval` that call `ask_progress` in another process."""
    return _call_expression(ask_progress, run)


def work_expression(check: tuple[Any, ...], work: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
    """Return the arguments of `eval` that call `do_if_fit` in another process. `check` is a `check_expression`."""
    return _call_expression(do_if_fit, check, pickle.dumps(work))


def _call_expression(function: Callable[..., Any], *arguments: Any) -> tuple[str, dict[str, Any]]:
    """Return the arguments of `eval` that call a function in another process, to which only its source is sent."""
    names = {"source": _source(function), "name": function.__name__, "arguments": arguments, "names": {}}
    return _EXPRESSION, names


_source = cache(inspect.getsource)
