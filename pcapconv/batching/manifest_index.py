"""The index of a manifest: a file beside the manifest with the fields that `resume` needs, which is quick to read.

Strategy: a manifest of many files takes long to parse, so an index has the fields that `resume` needs, in columns. Its
last line identifies the manifest that it was made from: the size, the time of the last change, and the SHA-256 of the
last bytes. Manifest lines that were appended since are parsed. An index that does not match its manifest is not used,
and is made again at the end of a run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import islice, repeat
from typing import Any, BinaryIO, NamedTuple

from pcapconv.batching import manifest
from pcapconv.batching.local import LOCAL
from pcapconv.batching.locations import State, scheme_of, time_from_json
from pcapconv.batching.manifest_names import index_beside
from pcapconv.batching.outcome import DONE, SidecarOutcome
from pcapconv.errors import PcapconvError
from pcapconv.io.final_names import temporary_name, unlink

_SCHEMA = {"name": "pcapconv-index", "version": 1}
_LINES_AT_ONCE = 10_000  # manifest lines in one line of an index
_TAIL_SIZE = 4096  # bytes at the end of a manifest whose digest an index has
_MAX_LAST_LINE = 1024  # bytes of an index's last line
_LONGEST = 64 * 2**20  # bytes of any other line
_MIN_NEW_BYTES = 2**20  # bytes of new lines after which the index is made again
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)  # raised by a malformed line


class Terms(NamedTuple):
    """The fields that have equal values in many lines: the digest of the options, the source tree, the status, and
    whether there is a key log beside the target. See `Outcome`."""

    options_digest: str
    root: str | None
    status: str
    key_log: bool


class DoneLine(NamedTuple):
    """The fields of a manifest line about a target that was written. Sizes and times are those of `State`.
    `target_sidecar` and `source_sidecar` are the states of the sidecars beside target and source, None without a
    sidecar."""

    source: str
    source_size: int | None
    source_time: int | str | None
    target_size: int | None
    target_time: int | str | None
    terms: Terms
    target_sidecar: State | None
    source_sidecar: State | None


_FIELDS = ("target", *DoneLine._fields)  # the columns of an index, by these names
_Values = tuple[Any, ...]  # one for each of these fields


def read_done_lines(location: str, end: int | None = None) -> Iterator[_Values]:
    """Yield the values of `_FIELDS` for each line of a manifest about a target that was written, in the order of the
    manifest, up to the offset `end`. Values of the index may be yielded twice if the index turns out to be malformed.
    Raises FileError."""
    begin = 0
    if scheme_of(location) is None:
        with suppress(OSError, *_MALFORMED):  # then the whole manifest is parsed
            begin = yield from _read_index(location)
    lines = manifest.read_lines(location, begin)
    yield from _parse_lines(lines if end is None else _first_lines(lines, end - begin))


def _first_lines(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the lines that end within the first `size` bytes."""
    for line in lines:
        size -= len(line)
        if size < 0:
            return
        yield line


def _parse_lines(lines: Iterable[bytes]) -> Iterator[_Values]:
    """Yield the values of `_FIELDS` for each line about a target that was written. Malformed lines are left out."""
    terms: dict[Any, Terms] = {}  # equal terms are stored once
    for line in lines:
        try:
            fields = manifest.parse_line(line)
            if fields["status"] not in DONE:
                continue
            sidecars = SidecarOutcome.from_json(fields)
            shared = fields["options"], fields.get("root"), fields["status"], fields.get("key_log", False)
            yield (
                fields["target"],
                fields["source"],
                fields["source_size"],
                time_from_json(fields["source_time"]),
                fields["target_size"],
                time_from_json(fields["target_time"]),
                terms.get(shared) or terms.setdefault(shared, Terms(*shared)),
                sidecars and sidecars.target,
                sidecars and sidecars.source,
            )
        except _MALFORMED:
            continue


# ---------------------------------------------------------------- the file


def update_index(location: str) -> None:
    """Make the index of a manifest on this machine again if enough lines were appended since the last time. Errors are
    ignored: without an index, a later run only takes longer."""
    with suppress(OSError, PcapconvError, *_MALFORMED):
        size = manifest.size_of(location)
        if size - _indexed_size(location) < _MIN_NEW_BYTES:
            return
        temporary = temporary_name(os.path.dirname(location))
        try:
            with open(temporary, "xb") as file:
                _write_index(location, size, file)
            os.replace(temporary, index_beside(location))
        except BaseException:
            unlink(temporary)
            raise


def _write_index(location: str, size: int, file: BinaryIO) -> None:
    """Write the index of the first `size` bytes of a manifest: lines of columns, and a last line about the manifest."""
    with open(location, "rb") as lines:
        last_line = {"schema": _SCHEMA, "size": size, "time": os.fstat(lines.fileno()).st_mtime_ns}
        last_line["tail"] = _tail_digest(lines, size)
    sha256 = hashlib.sha256()
    done_lines = read_done_lines(location, size)
    while some_lines := list(islice(done_lines, _LINES_AT_ONCE)):
        data = _line_bytes(_columns(some_lines))
        sha256.update(data)
        file.write(data)
    file.write(_line_bytes(last_line | {"sha256": sha256.hexdigest()}))


def _line_bytes(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _read_index(location: str) -> Generator[_Values, None, int]:
    """Yield the values in the index of a manifest. Return the offset in the manifest after the lines that the index
    covers. Raises OSError, or `_MALFORMED` if the index is malformed or does not match the manifest."""
    with _open_index(location) as file:
        end, length = _check_index(file, location)
        file.seek(0)
        while file.tell() < length:
            yield from _values_of(json.loads(file.readline(_LONGEST)))
    return end


def _open_index(location: str) -> BinaryIO:
    """Open the index of a manifest. Raises OSError, also if the index is no plain file."""
    if LOCAL.state(index_beside(location)) is None:
        raise FileNotFoundError
    return open(index_beside(location), "rb")


def _columns(lines: Iterable[_Values]) -> dict[str, Any]:
    """Return the columns of some lines. A column is left out if all its values are None or 0. The column `terms` has
    indexes into the list of terms, whose key in the file is `said`."""
    columns = dict(zip(_FIELDS, map(list, zip(*lines))))
    numbers = {each: number for number, each in enumerate(dict.fromkeys(columns["terms"]))}
    columns["terms"] = [numbers[each] for each in columns["terms"]]
    return {"said": list(numbers)} | {name: column for name, column in columns.items() if any(column)}


def _values_of(columns: dict[str, Any]) -> Iterator[_Values]:
    """Yield the values from which `_columns` made columns. Raises `_MALFORMED`."""
    count = len(columns["target"])
    terms = [Terms(*each) for each in columns["said"]]
    columns["terms"] = [terms[number] for number in columns.get("terms", [0] * count)]
    for name in ("target_sidecar", "source_sidecar"):
        if name in columns:
            columns[name] = [None if each is None else State(*each) for each in columns[name]]
    return zip(*(columns.get(name) or repeat(None, count) for name in _FIELDS), strict=True)


def _indexed_size(location: str) -> int:
    """Return how many bytes of a manifest its index covers, 0 if no index matches."""
    try:
        with _open_index(location) as file:
            return _check_index(file, location)[0]
    except (OSError, *_MALFORMED):
        return 0


def _check_index(index: BinaryIO, location: str) -> tuple[int, int]:
    """Check that an index matches its manifest. Return how many bytes of the manifest it covers, and how many bytes the
    lines of columns in the index have. Raises ValueError if the index does not match, OSError, or `_MALFORMED`."""
    size = index.seek(0, os.SEEK_END)
    index.seek(max(0, size - _MAX_LAST_LINE))
    last = index.read(_MAX_LAST_LINE).splitlines(keepends=True)[-1]
    fields = json.loads(last)
    covered = fields["size"]
    if not isinstance(covered, int) or covered <= 0:
        raise ValueError("no size")
    length = size - len(last)
    with open(location, "rb") as file:
        status = os.fstat(file.fileno())
        fits = status.st_mtime_ns == fields["time"] if status.st_size == covered else status.st_size > covered
        if not (fits and fields["schema"] == _SCHEMA and fields["tail"] == _tail_digest(file, covered)):
            raise ValueError("another manifest")
    if fields["sha256"] != _digest(index, length):
        raise ValueError("it was changed")
    return covered, length


def _digest(index: BinaryIO, length: int) -> str:
    """Return the SHA-256 of the first `length` bytes of an index, in hex."""
    index.seek(0)
    sha256 = hashlib.sha256()
    while length and (data := index.read(min(length, 2**20))):
        sha256.update(data)
        length -= len(data)
    return sha256.hexdigest()


def _tail_digest(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the last `_TAIL_SIZE` of the first `size` bytes of a manifest, in hex."""
    file.seek(max(0, size - _TAIL_SIZE))
    return hashlib.sha256(file.read(min(size, _TAIL_SIZE))).hexdigest()
