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
from contextlib import suppress
from typing import Any, NamedTuple, Self

from pcapconv.batching.local import LOCAL
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.places import State, scheme_of
from pcapconv.batching.stores import remote
from pcapconv.io.calls import writing

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

NAME = "pcapconv-manifest.jsonl"

_one_thread = threading.Lock()
_PATIENCE = 5.0  # seconds until a manifest that cannot be added to is written anew, and ten times what that took
_MAY_REPEAT = ("skipped", "failed", "left_alone")  # what becomes again of a file that stays as it is


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
        yield from remote(place).read(place).splitlines()
        return
    if LOCAL.state(place) is None:
        return
    with LOCAL.open_source(place) as source, io.BufferedReader(source.file) as file:
        yield from file


def find(place: str, source: str, target: str, state: State, run: str) -> Outcome | None:
    """A run's line of a source whose target is there now, from a manifest in a file; None where it has none. Raises
    FileError."""
    found = None
    for line in _lines(place):
        try:
            outcome = Outcome.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if (outcome.run, outcome.source, outcome.target, outcome.target_state) == (run, source, target, state):
            found = outcome
    return found


def _fact(line: dict[str, Any]) -> int:
    """A hash of what a line says, whichever run and process wrote it."""
    return hash(json.dumps({name: value for name, value in line.items() if name not in ("seconds", "run", "worker")}))


class Kept:
    """A manifest that is written anew as it grows: that of a store that nothing can be added to."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._store = remote(place)
        self._lines = [line + b"\n" for line in _lines(place)]
        self._were_there = len(self._lines)
        self._said: dict[str, int] | None = None
        self._due = time.monotonic() + _PATIENCE
        self._new = False

    def add(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add lines, but for those of files that were not converted and of which the last line says the same already.
        Raises FileError."""
        for line in lines:
            if line["status"] in _MAY_REPEAT and self._said_before().get(line["target"]) == _fact(line):
                continue
            self._lines.append(json.dumps(line).encode() + b"\n")
            self._new = True
        if time.monotonic() >= self._due:
            self.write()

    def _said_before(self) -> dict[str, int]:
        """Target → what the last line of an earlier run says of it. Read when it is first asked for."""
        if self._said is None:
            self._said = {}
            for data in self._lines[: self._were_there]:
                with suppress(ValueError, KeyError, TypeError, RecursionError):
                    line = json.loads(data)
                    self._said[line["target"]] = _fact(line)
        return self._said

    def prove(self) -> None:
        """Write a manifest where there is none, so that a store that cannot be written says so. Raises FileError."""
        if not self._were_there:
            self._new = True
            self.write()

    def write(self) -> None:
        """Write what is not yet written. Raises FileError."""
        if self._new:
            begun = time.monotonic()
            self._store.write(self._place, b"".join(self._lines))
            self._new = False
            self._due = time.monotonic() + max(_PATIENCE, 10 * (time.monotonic() - begun))
