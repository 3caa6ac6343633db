"""The facts of a manifest that `resume` needs, and an index beside it from which they are had quickly.

Strategy: a manifest of many files takes long to parse, so an index lies beside it: the same facts in columns. It says
of which manifest it is: how large that was, when it was changed, and what its end was. Lines that were added since are
parsed; an index that does not fit is not used, and made anew at the end of a run.
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
_LINES_AT_ONCE = 10_000  # in one line of an index
_TAIL = 4096  # bytes at a manifest's end by which it is known again
_MOST = 1024  # bytes of an index's last line
_LONGEST = 64 * 2**20  # bytes of any other line
_MIN_NEW_BYTES = 2**20  # bytes of new lines from which on an index is made
_WRONG = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)  # raised by a line that is none


class Terms(NamedTuple):
    """What many lines have in common: with which options, out of which tree, with what status, and whether there is a
    key log beside the target."""

    options: str
    root: str | None
    status: str
    key_log: bool


class DoneLine(NamedTuple):
    """What a line says of a target that was written: the states of source and target field by field, and the states of
    the sidecars beside target and source (None: there are none)."""

    source: str
    source_size: int | None
    source_time: int | str | None
    target_size: int | None
    target_time: int | str | None
    terms: Terms
    target_sidecar: State | None
    source_sidecar: State | None


_FIELDS = ("target", *DoneLine._fields)
_Row = tuple[Any, ...]  # the values of these


def read_done_lines(location: str, end: int | None = None) -> Iterator[_Row]:
    """The fields of the facts of a manifest, as far as an offset, in its order; some may come twice. Raises
    FileError."""
    begin = 0
    if scheme_of(location) is None:
        with suppress(OSError, *_WRONG):  # then all of it is parsed
            begin = yield from _indexed(location)
    lines = manifest.read_lines(location, begin)
    yield from _parsed(lines if end is None else _first(lines, end - begin))


def _first(lines: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The lines that end within so many bytes."""
    for line in lines:
        count -= len(line)
        if count < 0:
            return
        yield line


def _parsed(lines: Iterable[bytes]) -> Iterator[_Row]:
    terms: dict[Any, Terms] = {}  # each once
    for line in lines:
        try:
            told = manifest.parse_line(line)
            if told["status"] not in DONE:
                continue
            beside = SidecarOutcome.from_json(told)
            said = told["options"], told.get("root"), told["status"], told.get("key_log", False)
            yield (
                told["target"],
                told["source"],
                told["source_size"],
                time_from_json(told["source_time"]),
                told["target_size"],
                time_from_json(told["target_time"]),
                terms.get(said) or terms.setdefault(said, Terms(*said)),
                beside and beside.target,
                beside and beside.source,
            )
        except _WRONG:
            continue


# ---------------------------------------------------------------- the file


def update(location: str) -> None:
    """Make the index of a manifest in a file anew where enough was added. What goes wrong is not said: without an index
    all works, and takes longer."""
    with suppress(OSError, PcapconvError, *_WRONG):
        size = manifest.size_of(location)
        if size - _end(location) < _MIN_NEW_BYTES:
            return
        temporary = temporary_name(os.path.dirname(location))
        try:
            with open(temporary, "xb") as file:
                _write(location, size, file)
            os.replace(temporary, index_beside(location))
        except BaseException:
            unlink(temporary)
            raise


def _write(location: str, size: int, file: BinaryIO) -> None:
    """Write the index of a manifest's first bytes: lines of columns, and a last one that says what the index is."""
    with open(location, "rb") as lines:
        about = {"schema": _SCHEMA, "size": size, "time": os.fstat(lines.fileno()).st_mtime_ns}
        about["tail"] = _tail(lines, size)
    sha256 = hashlib.sha256()
    found = read_done_lines(location, size)
    while rows := list(islice(found, _LINES_AT_ONCE)):
        data = _line(_columns(rows))
        sha256.update(data)
        file.write(data)
    file.write(_line(about | {"sha256": sha256.hexdigest()}))


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _indexed(location: str) -> Generator[_Row, None, int]:
    """What the index of a manifest says; returns the offset from which on it knows nothing. Raises OSError, or what a
    wrong line raises."""
    with _opened(location) as file:
        end, length = _end_of(file, location)
        file.seek(0)
        while file.tell() < length:
            yield from _rows(json.loads(file.readline(_LONGEST)))
    return end


def _opened(location: str) -> BinaryIO:
    """The index of a manifest. Raises OSError, also where that is no plain file."""
    if LOCAL.state(index_beside(location)) is None:
        raise FileNotFoundError
    return open(index_beside(location), "rb")


def _columns(rows: Iterable[_Row]) -> dict[str, Any]:
    """The fields of facts as columns; without those that are empty, or 0, in all of them."""
    columns = dict(zip(_FIELDS, map(list, zip(*rows))))
    numbers = {each: number for number, each in enumerate(dict.fromkeys(columns["terms"]))}
    columns["terms"] = [numbers[each] for each in columns["terms"]]
    return {"said": list(numbers)} | {name: column for name, column in columns.items() if any(column)}


def _rows(columns: dict[str, Any]) -> Iterator[_Row]:
    """What a line of an index says. Raises what a wrong line raises."""
    count = len(columns["target"])
    said = [Terms(*each) for each in columns["said"]]
    columns["terms"] = [said[number] for number in columns.get("terms", [0] * count)]
    for name in ("target_sidecar", "source_sidecar"):
        if name in columns:
            columns[name] = [None if each is None else State(*each) for each in columns[name]]
    return zip(*(columns.get(name) or repeat(None, count) for name in _FIELDS), strict=True)


def _end(location: str) -> int:
    """As far as which offset the index of a manifest fits; 0 where it does not."""
    try:
        with _opened(location) as file:
            return _end_of(file, location)[0]
    except (OSError, *_WRONG):
        return 0


def _end_of(index: BinaryIO, location: str) -> tuple[int, int]:
    """How much of a manifest an index knows, and how many bytes its columns have. Raises ValueError where it does not
    fit, OSError, or what a wrong line raises."""
    size = index.seek(0, os.SEEK_END)
    index.seek(max(0, size - _MOST))
    last = index.read(_MOST).splitlines(keepends=True)[-1]
    told = json.loads(last)
    known = told["size"]
    if not isinstance(known, int) or known <= 0:
        raise ValueError("no size")
    length = size - len(last)
    with open(location, "rb") as file:
        there = os.fstat(file.fileno())
        same = there.st_mtime_ns == told["time"] if there.st_size == known else there.st_size > known
        if not (same and told["schema"] == _SCHEMA and told["tail"] == _tail(file, known)):
            raise ValueError("another manifest")
    if told["sha256"] != _digest(index, length):
        raise ValueError("it was changed")
    return known, length


def _digest(index: BinaryIO, length: int) -> str:
    index.seek(0)
    sha256 = hashlib.sha256()
    while length and (data := index.read(min(length, 2**20))):
        sha256.update(data)
        length -= len(data)
    return sha256.hexdigest()


def _tail(file: BinaryIO, size: int) -> str:
    """The SHA-256, in hex, of the last bytes of a manifest that had this size."""
    file.seek(max(0, size - _TAIL))
    return hashlib.sha256(file.read(min(size, _TAIL))).hexdigest()
