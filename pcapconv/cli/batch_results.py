"""Writes the report of a batch: the outcome of each file as JSON, or as JUnit XML for CI systems."""

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
from pcapconv.cli.standard_streams import writing_text
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.source import temporary_file
from pcapconv.io.target import Target
from pcapconv.json_form import document, plain, text_of
from pcapconv.text import shown

_JSON = text_of(document("batch", {})).removesuffix("\n  }\n}")  # the beginning of JSON reports
_JUNIT = "<?xml version='1.0' encoding='utf-8'?>\n<testsuite name=\"pcapconv batch\""


def is_report(path: str) -> bool:
    """Return whether a file is the report of a batch."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            beginning = file.read(max(len(_JSON), len(_JUNIT)))
    except OSError:
        return False
    return beginning.startswith((_JSON.encode(), _JUNIT.encode()))


class BatchResults:
    """The lines of a batch's report, kept in an unnamed temporary file until the batch ends, whatever their number."""

    def __init__(self) -> None:
        self._file = io.BufferedRandom(temporary_file())

    def add_line(self, line: dict[str, Any]) -> None:
        """Add the line about one file. Raises FileError if the temporary file cannot be written."""
        with writing("a temporary file"):
            self._file.write(json.dumps(plain(line)).encode() + b"\n")

    def write_json(self, target: Target, report: BatchReport) -> None:
        """Write an object with the report's numbers and a list `files`. Raises FileError."""
        summary = text_of(document("batch", report.as_dict())).removesuffix("\n}")
        _write_text(target, f'{summary},\n  "files": [')
        separator = "\n    "
        for line in self._lines():
            _write_text(target, separator + line.decode().rstrip())
            separator = ",\n    "
        _write_text(target, "\n  ]\n}\n")

    def write_junit(self, target: Target, report: BatchReport) -> None:
        """Write a test suite with a case for each file: failed files are errors, damaged ones failures, and files that
        are no captures are skipped. Raises FileError."""
        tests = sum(1 for _ in self._lines())
        skipped = report.skipped + report.left_alone
        _write_text(
            target,
            f'{_JUNIT} tests="{tests}" errors="{report.failed}" '
            f'failures="{report.damaged + report.damaged_before}" skipped="{skipped}" time="{report.seconds:.3f}">\n',
        )
        for line in self._lines():
            _write_text(
                target, ElementTree.tostring(_case(Outcome.from_json(json.loads(line))), encoding="unicode") + "\n"
            )
        _write_text(target, "</testsuite>\n")

    def _lines(self) -> Iterator[bytes]:
        with writing("a temporary file"):
            self._file.seek(0)
        yield from self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the file is not needed any more
            self._file.close()


def _case(outcome: Outcome) -> ElementTree.Element:
    """Return the test case of one file."""
    case = ElementTree.Element(
        "testcase", classname="pcapconv.batch", name=shown(outcome.source), time=f"{outcome.seconds:.6f}"
    )
    status, error = outcome.status, shown(outcome.error or "")
    if status == "failed":
        _add_result(case, "error", error)
    elif status in ("skipped", "left_alone"):
        _add_result(case, "skipped", error)
    elif status == "damaged" or outcome.damaged_before:
        message = "; ".join(map(str, outcome.listed_damage)) or "damaged, as an earlier run found"
        _add_result(case, "failure", shown(message))
    return case


def _add_result(case: ElementTree.Element, kind: str, reason: str) -> None:
    """Add the result of a test case. The reason is the attribute `message` and the element's text: some CI systems show
    one, some (GitLab) the other."""
    ElementTree.SubElement(case, kind, message=reason).text = reason


def _write_text(target: Target, text: str) -> None:
    with writing_text(target.name):
        write_all(target.file, memoryview(text.encode(errors="backslashreplace")))
