"""What became of each file of a batch, written as JSON or for CI systems as JUnit's XML, whatever their number."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from typing import Any, Self
from xml.etree import ElementTree

from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchReport
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.source import temporary_file
from pcapconv.io.target import Target
from pcapconv.json_form import document, plain, text_of
from pcapconv.text import shown

_JSON = text_of(document("batch", {})).removesuffix("\n  }\n}")  # what reports begin with
_JUNIT = "<?xml version='1.0' encoding='utf-8'?>\n<testsuite name=\"pcapconv batch\""


def is_report(path: str) -> bool:
    """Whether a file is the report of a batch."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            beginning = file.read(max(len(_JSON), len(_JUNIT)))
    except OSError:
        return False
    return beginning.startswith((_JSON.encode(), _JUNIT.encode()))


class Results:
    """The lines of a batch, kept in an unnamed temporary file until all are there."""

    def __init__(self) -> None:
        self._file = io.BufferedRandom(temporary_file())

    def add(self, line: dict[str, Any]) -> None:
        """One file's. Raises FileError."""
        with writing("a temporary file"):
            self._file.write(json.dumps(plain(line)).encode() + b"\n")

    def write_json(self, place: Target, report: BatchReport) -> None:
        """An object with the report's numbers and a list `files`. Raises FileError."""
        summary = text_of(document("batch", report.as_dict())).removesuffix("\n}")
        _put(place, f'{summary},\n  "files": [')
        separator = "\n    "
        for line in self._lines():
            _put(place, separator + line.decode().rstrip())
            separator = ",\n    "
        _put(place, "\n  ]\n}\n")

    def write_junit(self, place: Target, report: BatchReport) -> None:
        """A test suite with a case for each file: those that failed are errors, damaged ones failures, and what is
        no capture is skipped. Raises FileError."""
        tests = sum(1 for _ in self._lines())
        skipped = report.skipped + report.left_alone
        _put(
            place,
            f'{_JUNIT} tests="{tests}" errors="{report.failed}" '
            f'failures="{report.damaged + report.damaged_before}" skipped="{skipped}" time="{report.seconds:.3f}">\n',
        )
        for line in self._lines():
            _put(place, ElementTree.tostring(_case(Outcome.from_json(json.loads(line))), encoding="unicode") + "\n")
        _put(place, "</testsuite>\n")

    def _lines(self) -> Iterator[bytes]:
        with writing("a temporary file"):
            self._file.seek(0)
        yield from self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # nobody needs it any more
            self._file.close()


def _case(outcome: Outcome) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname="pcapconv.batch", name=shown(outcome.source), time=f"{outcome.seconds:.6f}"
    )
    status, error = outcome.status, shown(outcome.error or "")
    if status == "failed":
        ElementTree.SubElement(case, "error", message=error)
    elif status in ("skipped", "left_alone"):
        ElementTree.SubElement(case, "skipped", message=error)
    elif status == "damaged" or outcome.damaged_before:
        said = "; ".join(map(str, outcome.listed_damage)) or "damaged, as an earlier run found"
        ElementTree.SubElement(case, "failure", message=shown(said))
    return case


def _put(place: Target, text: str) -> None:
    with writing(place.name):
        write_all(place.file, memoryview(text.encode(errors="backslashreplace")))
