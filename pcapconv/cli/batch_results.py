"""The results of a batch for programs: the outcome of each file as JSON, or as JUnit XML for CI systems.

Strategy: files are in the order of their names, whichever of them was done first.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Self

from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchReport
from pcapconv.cli.junit import Case, JUnitFile, beginning
from pcapconv.cli.result_lines import ResultLines, with_files
from pcapconv.cli.standard_streams import write_text
from pcapconv.io.target import Target
from pcapconv.json_form import document, text_of

_SUITE = "pcapconv batch"
_JSON = text_of(document("batch", {})).removesuffix("\n  }\n}")  # the beginning of JSON reports


def is_report(path: str) -> bool:
    """Return whether a file is the report of a batch."""
    if not os.path.isfile(path):
        return False
    beginnings = _JSON.encode(), beginning(_SUITE).encode()
    try:
        with open(path, "rb") as file:
            read = file.read(max(map(len, beginnings)))
    except OSError:
        return False
    return read.startswith(beginnings)


class BatchResults:
    """The outcomes for the reports of a batch, kept until the batch ends, whatever their number. `json_target` and
    `junit_target` are the targets of the two reports, None for a report that is not wanted."""

    def __init__(self, json_target: Target | None, junit_target: Target | None) -> None:
        self._json_target, self._junit_target = json_target, junit_target
        self._lines = ResultLines()
        self._junit = JUnitFile(_SUITE, "pcapconv.batch")

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of one file. Raises FileError if a temporary file cannot be written."""
        if self._json_target is not None:
            self._lines.add([outcome.source, outcome.target], outcome.to_json())
        if self._junit_target is not None:
            self._junit.add(_case(outcome))

    def write(self, report: BatchReport) -> None:
        """Write the reports. Raises FileError."""
        if self._json_target is not None:
            self._write_json(self._json_target, report)
        if self._junit_target is not None:
            self._junit.write(self._junit_target)

    def _write_json(self, target: Target, report: BatchReport) -> None:
        """Write an object with the report's numbers and a list `files`."""
        summary = text_of(document("batch", report.as_dict()))
        for text in with_files(summary, self._lines.lines()):
            write_text(target, text)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._lines)
            stack.enter_context(self._junit)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _case(outcome: Outcome) -> Case:
    """Return the test case of one file: an error if it failed, a failure if it is damaged; skipped if it is no
    capture."""
    case = Case(outcome.source, outcome.seconds)
    status, error = outcome.status, outcome.error or ""
    if status == "failed":
        return case._replace(kind="error", message=error)
    if status in ("skipped", "left_alone"):
        return case._replace(kind="skipped", message=error)
    if status == "damaged" or outcome.damaged_before:
        message = "; ".join(map(str, outcome.listed_damage)) or "damaged, as an earlier run found"
        return case._replace(kind="failure", message=message)
    return case
