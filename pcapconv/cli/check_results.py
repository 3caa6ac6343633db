"""The results of `normalize --check`: the exit status of each capture, and the JSON of all."""

from __future__ import annotations

import sys

from pcapconv.cli.statuses import DAMAGED, DIFFERENT, FAILED, REFUSED, SAME, worst_status
from pcapconv.errors import FileError
from pcapconv.json_form import document, text_of
from pcapconv.normalizing.check_result import CheckResult

_STATUSES = {"normal": SAME, "different": DIFFERENT, "damaged": DAMAGED, "failed": FAILED, "refused": REFUSED}


class CheckResults:
    """The result of each capture that was checked, in order."""

    def __init__(self) -> None:
        self._files: list[CheckResult] = []

    def add_result(self, result: CheckResult) -> int:
        """Add the result of a capture and return the exit status."""
        self._files.append(result)
        return _STATUSES[result.status]

    def write_json(self) -> None:
        """Write all results to stdout as JSON. Raises FileError if stdout is closed."""
        if sys.stdout is None:
            raise FileError("stdout: cannot write: it is closed")
        normal = worst_status(_STATUSES[each.status] for each in self._files) == SAME
        sys.stdout.write(text_of(document("check", {"normal": normal, "files": self._files})) + "\n")
