"""The results of `normalize --check`: the exit status of each capture, and the JSON of all."""

from __future__ import annotations

import sys
from typing import Any, Literal

from pcapconv.cli.statuses import DAMAGED, DIFFERENT, FAILED, REFUSED, SAME, worst_status
from pcapconv.errors import FileError
from pcapconv.json_form import document, text_of
from pcapconv.report import Report

Status = Literal["normal", "different", "damaged", "failed", "refused"]

_STATUSES = {"normal": SAME, "different": DIFFERENT, "damaged": DAMAGED, "failed": FAILED, "refused": REFUSED}


class CheckResults:
    """The result of each capture that was checked, in order."""

    def __init__(self) -> None:
        self._files: list[dict[str, Any]] = []

    def add_result(
        self, path: str, status: Status, report: Report | None, *, reasons: list[str], error: str | None = None
    ) -> int:
        """Add the result of a capture and return the exit status. `report` is None if the capture could not be read."""
        self._files.append(
            {
                "file": path,
                "status": status,
                "reasons": reasons,
                "damage": [] if report is None else report.damage,
                "damage_total": 0 if report is None else report.damage_total,
                "warnings": [] if report is None else report.warnings,
                "warnings_total": 0 if report is None else report.warnings_total,
                "error": error,
            }
        )
        return _STATUSES[status]

    def write_json(self) -> None:
        """Write all results to stdout as JSON. Raises FileError if stdout is closed."""
        if sys.stdout is None:
            raise FileError("stdout: cannot write: it is closed")
        normal = worst_status(_STATUSES[each["status"]] for each in self._files) == SAME
        sys.stdout.write(text_of(document("check", {"normal": normal, "files": self._files})) + "\n")
