"""What a batch has done, a line of JSON for each file: so that the next one can go on where this one stopped.

Strategy: on a file system, whoever converts a file adds its line just before the target appears under its name. The
line says how large the target is and when it was written, so that a later run can tell: a line with its target is done,
a line without is not. Object stores cannot be added to: there the batch itself writes the manifest anew, every few
seconds.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pcapconv.batching.actions import Job
from pcapconv.batching.local import LOCAL
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.places import State, scheme_of
from pcapconv.batching.settings import Settings
from pcapconv.io.calls import writing

if TYPE_CHECKING:
    from pcapconv.batching.remote import Remote

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

NAME = "pcapconv-manifest.jsonl"

_one_thread = threading.Lock()
_PATIENCE = 5.0  # seconds until a manifest that cannot be added to is written anew, and ten times what that took


class Done(NamedTuple):
    """What a line says of a file that was converted: the states of source and target, with which options, out of which
    tree, whether there is a key log beside the target, and the states of the sidecars beside target and source (None:
    there are none)."""

    source: str
    source_state: State
    target_state: State
    options: str
    root: str | None
    status: str
    key_log: bool
    target_sidecar: State | None
    source_sidecar: State | None

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """What a line says of it."""
        beside = outcome.sidecars
        return cls(
            outcome.source,
            outcome.source_state,
            outcome.target_state,
            outcome.options,
            outcome.root,
            outcome.status,
            outcome.key_log,
            None if beside is None else beside.target,
            None if beside is None else beside.source,
        )


def add(place: str, lines: Iterable[dict[str, Any]]) -> None:
    """Add lines to a manifest in a file. Raises FileError."""
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    with writing(place), _one_thread:  # of a process, whose threads a file's lock does not keep apart
        file = os.open(place, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # a line that a full disk or a crash has cut
                data = b"\n" + data
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)


def read(place: str) -> dict[str, list[Done]]:
    """Target → what was done for it, the last one last; without the lines that say something else. Raises
    FileError."""
    known: dict[str, list[Done]] = {}
    for line in _lines(place):
        try:
            outcome = Outcome.from_json(json.loads(line))
            if outcome.done:
                known.setdefault(outcome.target, []).append(Done.of(outcome))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return known


def _lines(place: str) -> Iterator[bytes]:
    if scheme_of(place) is not None:
        yield from _remote(place).read(place).splitlines()
        return
    if LOCAL.state(place) is None:
        return
    with LOCAL.open_source(place) as source, io.BufferedReader(source.file) as file:
        yield from file


def find(place: str, job: Job, state: State, settings: Settings) -> Outcome | None:
    """The line of a job whose target is there now, with that state, from a manifest in a file; None where it has none.
    The line is one of this run, or of an earlier one with the same source, root and options. Raises FileError."""
    found = None
    for line in _lines(place):
        try:
            outcome = Outcome.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if (outcome.source, outcome.target, outcome.target_state) != (job.name, job.target_name, state):
            continue
        same = (outcome.source_state, outcome.root, outcome.options) == (job.state, settings.root, settings.options)
        if outcome.run == settings.run or (outcome.done and same):
            found = outcome
    return found


class Kept:
    """A manifest that is written anew as it grows: that of a store that nothing can be added to."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._store = _remote(place)
        self._lines = [line + b"\n" for line in _lines(place)]
        self._due = time.monotonic() + _PATIENCE
        self._new = False

    def add(self, lines: Iterable[dict[str, Any]]) -> None:
        """Raises FileError."""
        self._lines += [json.dumps(line).encode() + b"\n" for line in lines]
        self._new = True
        if time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write what is not yet written. Raises FileError."""
        if self._new:
            begun = time.monotonic()
            self._store.write(self._place, b"".join(self._lines))
            self._new = False
            self._due = time.monotonic() + max(_PATIENCE, 10 * (time.monotonic() - begun))


def _remote(place: str) -> Remote:
    from pcapconv.batching.remote import Remote  # which needs fsspec

    return Remote(place)
