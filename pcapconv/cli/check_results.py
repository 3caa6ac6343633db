"""The results of `normalize --check`: the exit status of each capture, and JSON and JUnit XML of all.

Strategy: what only JSON, JUnit XML or `--diff` needs is imported only for them, since it takes as long as a check.
"""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from pcapconv.cli.statuses import DAMAGED, DIFFERENT, FAILED, REFUSED, SAME, worst_status
from pcapconv.errors import FileError, UsageError
from pcapconv.io.commit import commit
from pcapconv.io.paths import STDIO
from pcapconv.io.target import Target, open_target
from pcapconv.json_form import document, text_of
from pcapconv.normalizing.check_result import CheckResult

if TYPE_CHECKING:
    from pcapconv.cli.check_changes import Changes
    from pcapconv.cli.junit import JUnitFile, Kind
    from pcapconv.cli.result_lines import ResultLines
    from pcapconv.normalizing import Checked

_STATUSES = {"normal": SAME, "different": DIFFERENT, "damaged": DAMAGED, "failed": FAILED, "refused": REFUSED}
_KINDS: dict[str, Kind] = {"normal": "passed", "different": "failure", "damaged": "failure"}  # others are errors
_MOST_DAMAGE = 10  # places that a test case names


class CheckResults:
    """The result of each capture that was checked, kept until all are, whatever their number. Use it as a context
    manager.

    `as_json` tells whether JSON goes to stdout. `diff` tells whether to show what would change: in JSON, in JUnit XML,
    and as text on stdout unless one of these goes there. `junit` is the name of the file for JUnit XML, None if it is
    not wanted; with `force`, it replaces an existing file.
    """

    def __init__(self, *, as_json: bool, diff: bool, junit: str | None, force: bool) -> None:
        if as_json and junit == STDIO:
            raise UsageError("--json and --junit - cannot both be written to stdout; name a file")
        self._as_json, self._diff, self._junit_name, self._force = as_json, diff, junit, force
        self._statuses: set[int] = set()
        self._numbers = itertools.count()
        self._lines: ResultLines | None = None  # for JSON
        self._junit: JUnitFile | None = None
        self._junit_target: Target | None = None

    def changes_of(self, checked: Checked, path: str, fractions: str | None) -> Changes | None:
        """Return what would change in a capture; None if that is not wanted."""
        if not self._diff:
            return None
        from pcapconv.cli.check_changes import Changes

        return Changes(checked, path, fractions)

    def print_changes(self, changes: Changes | None) -> None:
        """Print what would change in a capture on stdout, if nothing else is printed there. Raises FileError."""
        if changes is not None and not self._as_json and self._junit_name != STDIO:
            changes.print_all()

    def add(self, result: CheckResult, seconds: float, changes: Changes | None) -> int:
        """Add the result of a capture, how long the check took, and what would change. Return the exit status. Raises
        UsageError if the file for JUnit XML is this capture, and FileError if a temporary file cannot be written."""
        self._check_name(result.file)
        lines = [] if changes is None else changes.kept_lines()
        if self._lines is not None:
            self._lines.add([next(self._numbers)], result._asdict() | ({"diff": lines} if self._diff else {}))
        if self._junit is not None:
            from pcapconv.cli.junit import Case

            reasons = [*result.reasons, *map(str, result.damage[:_MOST_DAMAGE])]
            kind = _KINDS.get(result.status, "error")
            self._junit.add(Case(result.file, seconds, kind, result.error or "; ".join(reasons), tuple(lines)))
        status = _STATUSES[result.status]
        self._statuses.add(status)
        return status

    def _check_name(self, path: str) -> None:
        """Raise UsageError if the file for JUnit XML is the one at this path, damaged or not."""
        name = self._junit_name
        if name is not None and STDIO not in (name, path) and os.path.realpath(name) == os.path.realpath(path):
            raise UsageError(f"--junit {name}: that is a file that is checked; give it a name of its own")

    def write(self) -> None:
        """Write JSON and JUnit XML as far as they are wanted. Raises FileError."""
        if self._lines is not None:
            self._write_json(self._lines)
        if self._junit is not None and self._junit_target is not None:
            self._junit.write(self._junit_target)
            commit([self._junit_target])

    def _write_json(self, lines: ResultLines) -> None:
        import json

        from pcapconv.cli.result_lines import with_files

        if sys.stdout is None:
            raise FileError("stdout: cannot write: it is closed")
        normal = worst_status(self._statuses) == SAME
        files = (text_of(json.loads(line)).replace("\n", "\n    ") for line in lines.lines())
        sys.stdout.writelines(with_files(text_of(document("check", {"normal": normal})), files))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._as_json:
                from pcapconv.cli.result_lines import ResultLines

                self._lines = stack.enter_context(ResultLines())
            if self._junit_name is not None:
                from pcapconv.cli.junit import JUnitFile

                self._junit_target = stack.enter_context(open_target(self._junit_name, force=self._force, text=True))
                self._junit = stack.enter_context(JUnitFile("pcapconv normalize --check", "pcapconv.check"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
