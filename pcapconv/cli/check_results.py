"""What `normalize --check` finds, capture by capture: its exit statuses, and its JSON."""

from __future__ import annotations

import sys
from typing import Any, Literal

from pcapconv.cli.statuses import DAMAGED, DIFFERENT, FAILED, REFUSED, SAME, worst
from pcapconv.errors import FileError
from pcapconv.json_form import document, text_of
from pcapconv.report import Report

Status = Literal["normal", "different", "damaged", "failed", "refused"]

_EXIT = {"normal": SAME, "different": DIFFERENT, "damaged": DAMAGED, "failed": FAILED, "refused": REFUSED}


class Checks:
    """The captures that were looked at, in order."""

    def __init__(self) -> None:
        self._files: list[dict[str, Any]] = []

    def add(
        self, path: str, status: Status, report: Report | None, *, reasons: list[str], error: str | None = None
    ) -> int:
        """Note a capture; returns the exit status that it asks for. `report` is None where nobody came so far."""
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
        return _EXIT[status]

    def write(self) -> None:
        """The JSON, to stdout. Raises FileError where nobody takes it."""
        if sys.stdout is None:
            raise FileError("stdout: cannot write: it is closed")
        normal = worst(_EXIT[each["status"]] for each in self._files) == SAME
        sys.stdout.write(text_of(document("check", {"normal": normal, "files": self._files})) + "\n")
