"""Results of many files, kept until the last one is known, and given back in the order of their keys: `ResultLines`.

Strategy: a result is a line of JSON. Lines are sorted in memory as long as they are few. Then each sorted run goes to
the end of an unnamed temporary file, and reading merges the runs, so that memory does not grow with the results.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, Self

from pcapconv.io.scratch_file import ScratchFile
from pcapconv.json_form import plain

_RUN_SIZE = 2**22  # characters of the lines of a run

_Key = list[str] | list[int]


class ResultLines:
    """Lines of JSON with their keys. Lines with the same key keep their order. Use it as a context manager. All methods
    raise FileError if the temporary file cannot be written or read."""

    def __init__(self) -> None:
        self._file = ScratchFile()
        self._runs: list[tuple[int, int]] = []  # the offsets at which each run in the file begins and ends
        self._newest: list[tuple[_Key, str]] = []
        self._newest_size = 0

    def add(self, key: _Key, result: Any) -> None:
        """Add a result, which `json_form.plain` makes plain. All keys have the same types."""
        line = json.dumps(plain(result))
        self._newest.append((key, line))
        self._newest_size += len(line)
        if self._newest_size >= _RUN_SIZE:
            self._write_run()

    def lines(self) -> Iterator[str]:
        """Yield all lines, in the order of their keys."""
        self._newest.sort(key=itemgetter(0))
        runs = [self._read_run(begin, end) for begin, end in self._runs]
        for _, line in heapq.merge(*runs, iter(self._newest), key=itemgetter(0)):
            yield line

    def _write_run(self) -> None:
        self._newest.sort(key=itemgetter(0))
        begin = end = -1
        for key, line in self._newest:
            data = f"{json.dumps(key)}\t{line}\n".encode()
            offset = self._file.write(data)
            begin, end = (offset if begin < 0 else begin), offset + len(data)
        self._runs.append((begin, end))
        self._newest, self._newest_size = [], 0

    def _read_run(self, begin: int, end: int) -> Iterator[tuple[_Key, str]]:
        while begin < end:
            data = self._file.line(begin)
            begin += len(data)
            key, _, line = data.decode().rstrip("\n").partition("\t")
            yield json.loads(key), line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()


def with_files(text: str, files: Iterable[str]) -> Iterator[str]:
    """Yield the text of a JSON object, as `json_form.text_of` makes it, with a further member: the list `files`, of
    these texts."""
    yield text.removesuffix("\n}") + ',\n  "files": ['
    separator = "\n    "
    for file in files:
        yield separator + file
        separator = ",\n    "
    yield "\n  ]\n}\n"
