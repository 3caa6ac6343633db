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
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pcapconv.batching.actions import Job
from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import State, join_location, scheme_of
from pcapconv.batching.manifest_names import is_manifest
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.settings import Settings
from pcapconv.batching.stores import remote_store
from pcapconv.errors import FileError
from pcapconv.io.read_write import reading, reason_of, writing
from pcapconv.json_form import document

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_one_thread = threading.Lock()
_decoder = json.JSONDecoder()
_PATIENCE = 5.0  # seconds until a manifest that cannot be added to is written anew, and ten times what that took
_LONGEST = 16 * 2**20  # bytes of a line
_PASSING = ("schema", "seconds", "run", "worker")  # fields that say nothing of a file
_MAY_REPEAT = ("skipped", "failed", "left_alone")  # what becomes again of a file that stays as it is


def manifests_in(home: str) -> list[str]:
    """The manifests in a directory, those of all shards, the one that was changed last at the end. Raises
    FileError."""
    if scheme_of(home) is not None:
        return [join_location(home, name) for name in remote_store(home).names(home) if is_manifest(name)]
    try:
        with os.scandir(home) as entries:
            there = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if is_manifest(entry.name))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FileError(f"{home}: cannot open: {reason_of(error)}") from error
    return [path for _, path in there]


def check_location(location: str) -> None:
    """Raises FileError where a manifest cannot lie in a place: something else has its name."""
    with reading(location):
        try:
            there = os.stat(location)
        except FileNotFoundError:
            return
    real = os.path.realpath(location)
    if not stat.S_ISREG(there.st_mode):
        raise FileError(f"{location}: is not a plain file, and so no manifest; remove it")
    if not is_manifest(os.path.basename(real)):
        raise FileError(f"{location}: is a symbolic link to {real}, which is not called like a manifest; remove it")


def append_lines(location: str, lines: Iterable[dict[str, Any]]) -> None:
    """Add lines to a manifest in a file. Raises FileError."""
    data = b"".join(map(_written, lines))
    with writing(location), _one_thread:  # of a process, whose threads a file's lock does not keep apart
        file = os.open(location, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # a line that a crash has cut
                data = b"\n" + data
            try:
                while data:
                    data = data[os.write(file, data) :]
            except OSError:  # the disk is full, say: no line is better than half a line
                with suppress(OSError):
                    os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


def _written(line: dict[str, Any]) -> bytes:
    return json.dumps(document("manifest", line)).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """What a line says, as it does in half the time that `json.loads` takes. Raises ValueError, RecursionError."""
    text = line.decode()
    told: dict[str, Any]
    told, end = _decoder.raw_decode(text)
    if text[end:].strip():
        raise ValueError("two lines in one")
    return told


def read_lines(location: str, begin: int = 0) -> Iterator[bytes]:
    """A manifest's lines, in a file from an offset on."""
    if scheme_of(location) is not None:
        yield from remote_store(location).read(location).splitlines()
        return
    if LOCAL.state(location) is None:
        return
    with LOCAL.open_stream(location) as source, io.BufferedReader(source.file) as file:
        file.seek(begin)
        while line := file.readline(_LONGEST):  # what is longer is no line, and comes in pieces
            yield line


def size_of(location: str) -> int:
    """How large a manifest in a file is; 0 where there is none."""
    state = LOCAL.state(location)
    return (state and state.size) or 0


def find_outcome(location: str, begin: int, job: Job, state: State, settings: Settings) -> Outcome | None:
    """The line of a job whose target is there now, with that state, from a manifest in a file, behind the offset at
    which the run began; None where it has none. The line is one of this run, or of an earlier one with the same source,
    root and options, whose jobs were still at work. Raises FileError."""
    found = None
    name = json.dumps(job.target_name).encode()
    for line in read_lines(location, begin):
        if name not in line:
            continue
        try:
            outcome = Outcome.from_json(parse_line(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if (outcome.source, outcome.target, outcome.target_state) != (job.source_name, job.target_name, state):
            continue
        same = (outcome.source_state, outcome.root, outcome.options) == (
            job.source_state,
            settings.root,
            settings.options,
        )
        if outcome.run == settings.run or (outcome.done and same):
            found = outcome
    return found


def _fact(line: dict[str, Any]) -> int:
    """A hash of what a line says, whichever run and process wrote it."""
    return hash(json.dumps({name: value for name, value in line.items() if name not in _PASSING}))


class RewrittenManifest:
    """A manifest that is written anew as it grows: that of a store that nothing can be added to. What is there is read
    when there is something to add."""

    def __init__(self, location: str) -> None:
        self._place = location
        self._store = remote_store(location)
        self._lines: list[bytes] | None = None
        self._were_there = 0
        self._said: dict[str, int] | None = None
        self._due = time.monotonic() + _PATIENCE
        self._new = False

    def append_lines(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add lines, but for those of files that were not converted and of which the last line says the same already.
        Raises FileError."""
        for line in lines:
            if line["status"] in _MAY_REPEAT and self._said_before().get(line["target"]) == _fact(line):
                continue
            self._all().append(_written(line))
            self._new = True
        if time.monotonic() >= self._due:
            self.write()

    def _all(self) -> list[bytes]:
        """All lines, those of earlier runs first. Raises FileError."""
        if self._lines is None:
            self._lines = [line + b"\n" for line in read_lines(self._place)]
            self._were_there = len(self._lines)
        return self._lines

    def _said_before(self) -> dict[str, int]:
        """Target → what the last line of an earlier run says of it. Read when it is first asked for."""
        if self._said is None:
            self._said = {}
            for data in self._all()[: self._were_there]:
                with suppress(ValueError, KeyError, TypeError, RecursionError):
                    line = json.loads(data)
                    self._said[line["target"]] = _fact(line)
        return self._said

    def check_writable(self) -> None:
        """Write a manifest where there is none, so that a store that cannot be written says so. Raises FileError."""
        self._all()
        if not self._were_there:
            self._new = True
            self.write()

    def write(self) -> None:
        """Write what is not yet written. Raises FileError."""
        if self._new:
            begun = time.monotonic()
            self._store.write(self._place, b"".join(self._all()))
            self._new = False
            self._due = time.monotonic() + max(_PATIENCE, 10 * (time.monotonic() - begun))
