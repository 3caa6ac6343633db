"""The manifest of a batch: a line of JSON for each file that was done. A later run uses it to
continue where an earlier one stopped.

Strategy: on a file system, the process that converts a file appends its line just before the target gets its final
name. The line contains the size and the time of the target: a later run counts a file as done if its target exists and
matches the line. Objects cannot be appended to: behind a URL the batch itself rewrites the whole manifest every few
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
from pcapconv.io.read_write import BINARY, read_at, reading, reason_of, writing
from pcapconv.json_form import document

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_append_lock = threading.Lock()
_decoder = json.JSONDecoder()
_REWRITE_INTERVAL = 5.0  # seconds between two writings of a manifest; at least ten times as long as one took
_LONGEST = 16 * 2**20  # bytes of a line that are read
_FIELDS_OF_RUNS = ("schema", "seconds", "run", "worker")  # fields that differ between runs over the same file
_MAY_REPEAT = ("skipped", "failed", "left_alone")  # statuses that a file has in each run until it changes


def manifests_in(home: str) -> list[str]:
    """Return the locations of all manifests in a directory, including those of shards, in the order of their last
    change. Raises FileError."""
    if scheme_of(home) is not None:
        return [join_location(home, name) for name in remote_store(home).names(home) if is_manifest(name)]
    try:
        with os.scandir(home) as entries:
            by_time = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries if is_manifest(entry.name))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FileError(f"{home}: cannot open: {reason_of(error)}", path=home, cause=error) from error
    return [path for _, path in by_time]


def check_location(location: str) -> None:
    """Check that a manifest can lie at a path. Raises FileError if anything that is no manifest has the name."""
    with reading(location):
        try:
            status = os.stat(location)
        except FileNotFoundError:
            return
    real = os.path.realpath(location)
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{location}: is not a plain file, and so no manifest; remove it", path=location)
    if not is_manifest(os.path.basename(real)):
        raise FileError(
            f"{location}: is a symbolic link to {real}, which is not named like a manifest; remove it", path=location
        )


def append_lines(location: str, lines: Iterable[dict[str, Any]]) -> None:
    """Append lines to a manifest on this machine, under a lock of the file (not on Windows). Raises FileError."""
    data = b"".join(map(_line_bytes, lines))
    with writing(location), _append_lock:  # the file lock does not keep the threads of one process apart
        file = os.open(location, os.O_RDWR | os.O_APPEND | os.O_CREAT | BINARY, 0o666)
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and read_at(file, 1, size - 1) != b"\n":  # a crash cut the last line
                data = b"\n" + data
            try:
                while data:
                    data = data[os.write(file, data) :]
            except OSError:  # such as a full disk: no line is better than half a line
                with suppress(OSError):
                    os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


def _line_bytes(line: dict[str, Any]) -> bytes:
    return json.dumps(document("manifest", line)).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """Parse a manifest line, in half the time of `json.loads`. Raises ValueError, RecursionError."""
    text = line.decode()
    fields: dict[str, Any]
    fields, end = _decoder.raw_decode(text)
    if text[end:].strip():
        raise ValueError("two lines in one")
    return fields


def read_lines(location: str, begin: int = 0) -> Iterator[bytes]:
    """Yield the lines of a manifest; no lines if there is no manifest. On this machine, begin at the offset `begin`.
    Raises FileError."""
    if scheme_of(location) is not None:
        yield from remote_store(location).read_file(location).splitlines()
        return
    if LOCAL.state(location) is None:
        return
    with LOCAL.open_stream(location) as source, io.BufferedReader(source.file) as file:
        file.seek(begin)
        while line := file.readline(_LONGEST):  # a longer line is malformed, and comes in pieces
            yield line


def size_of(location: str) -> int:
    """Return the size of a manifest on this machine in bytes, 0 if there is no manifest."""
    state = LOCAL.state(location)
    return (state and state.size) or 0


def find_outcome(location: str, begin: int, job: Job, state: State, settings: Settings) -> Outcome | None:
    """Find the outcome of a job whose target exists with this state, in the lines of a manifest on this machine from
    the offset `begin` on; None if no line describes that target. The line may be this run's, or that of an earlier run
    whose jobs were still at work, if its source, root and options are the same. Raises FileError."""
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
        conversion = outcome.source_state, outcome.root, outcome.options_digest
        is_same = conversion == (job.source_state, settings.root, settings.options_digest)
        if outcome.run == settings.run or (outcome.done and is_same):
            found = outcome
    return found


def _content_hash(line: dict[str, Any]) -> int:
    """Return a hash of the fields of a line about its file, without those about the run and process that wrote the
    line."""
    return hash(json.dumps({name: value for name, value in line.items() if name not in _FIELDS_OF_RUNS}))


class RewrittenManifest:
    """A manifest behind a URL, which is rewritten as it grows, since objects cannot be appended to. The existing lines
    are read when the first new line is appended."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._store = remote_store(location)
        self._lines: list[bytes] | None = None
        self._earlier_count = 0  # the number of lines of earlier runs
        self._earlier_hashes: dict[str, int] | None = None
        self._due = time.monotonic() + _REWRITE_INTERVAL
        self._changed = False

    def append_lines(self, lines: Iterable[dict[str, Any]]) -> None:
        """Append lines, and write the manifest if that is due. A line about a file that was not converted is left out
        if the last line of earlier runs about this file is equal. Raises FileError."""
        for line in lines:
            if line["status"] in _MAY_REPEAT and self._hashes_of_earlier_lines().get(line["target"]) == _content_hash(
                line
            ):
                continue
            self._all_lines().append(_line_bytes(line))
            self._changed = True
        if time.monotonic() >= self._due:
            self.write_if_changed()

    def _all_lines(self) -> list[bytes]:
        """Return all lines, those of earlier runs first. Raises FileError."""
        if self._lines is None:
            self._lines = [line + b"\n" for line in read_lines(self._location)]
            self._earlier_count = len(self._lines)
        return self._lines

    def _hashes_of_earlier_lines(self) -> dict[str, int]:
        """Return, for each target, the hash of the last line that earlier runs wrote about it. Raises FileError."""
        if self._earlier_hashes is None:
            self._earlier_hashes = {}
            for data in self._all_lines()[: self._earlier_count]:
                with suppress(ValueError, KeyError, TypeError, RecursionError):
                    line = json.loads(data)
                    self._earlier_hashes[line["target"]] = _content_hash(line)
        return self._earlier_hashes

    def check_writable(self) -> None:
        """Write the manifest now if it does not exist. Raises FileError if the store refuses."""
        self._all_lines()
        if not self._earlier_count:
            self._changed = True
            self.write_if_changed()

    def write_if_changed(self) -> None:
        """Write the whole manifest if lines were added since the last time. Raises FileError."""
        if self._changed:
            begun = time.monotonic()
            self._store.write_file(self._location, b"".join(self._all_lines()))
            self._changed = False
            self._due = time.monotonic() + max(_REWRITE_INTERVAL, 10 * (time.monotonic() - begun))
