"""Whether a process of a cluster can do jobs: the question that each worker is asked before it gets work.

Strategy: the question travels as source text and plain values, and so does the answer. A worker without pcapconv, or
with another version of it, can answer like any other.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from pcapconv.batching.stores import store_of
from pcapconv.build import build, version
from pcapconv.errors import PcapconvError

_EXPRESSION = "exec(source, names) or names['answer'](*arguments)"


def answer(version: str, build: str, places: list[str]) -> str:
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
        from pcapconv.batching import fitness

        return fitness.unseen(places)
    except Exception as error:
        return f"its pcapconv does not work: {error}"


def unseen(places: Sequence[str]) -> str:
    """What is said of the first file that this process does not see; nothing when it sees all of them."""
    from pcapconv.batching import jobs  # noqa: F401 - that it can be imported

    for place in places:
        try:
            if store_of(place).state(place) is None:
                return f"it does not see {place}; SRC and DST have to be the same everywhere, under the same paths"
        except PcapconvError as error:
            return f"it does not see {error}"
    return ""


def question(places: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The arguments of `eval` that have another process answer."""
    source = inspect.getsource(answer)
    return _EXPRESSION, {
        "source": source,
        "names": {},
        "arguments": [version(), build(), list(places)],
    }
