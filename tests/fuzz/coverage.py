"""What a case reaches: lines of pcapconv, and what is said of it, each a feature. An input with a new one is kept."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import pcapconv
from fuzz.case import Case
from fuzz.targets import Outcome

_PACKAGE = os.path.dirname(pcapconv.__file__) + os.sep
_NOT_THE_SAME = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")

Feature = tuple[Any, ...]


class Lines:
    """Lines of pcapconv that ran, in all and new since `new` was emptied. Code whose lines are all known runs at its
    own speed."""

    def __init__(self) -> None:
        self._missing: dict[CodeType, set[int]] = {}
        self.new: set[Feature] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what this thread runs."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            return None
        missing = self._missing.get(code)
        if missing is None:
            missing = self._missing[code] = {line for _, _, line in code.co_lines() if line is not None}
        if not missing:
            return None

        def ran(frame: FrameType, event: str, argument: object) -> Any:
            if event == "line" and frame.f_lineno in missing:
                missing.discard(frame.f_lineno)
                self.new.add((code.co_filename, frame.f_lineno))
            return ran

        return ran


def said(case: Case, outcome: Outcome) -> set[Feature]:
    """What kinds of sentences and counts there are in an outcome, by target."""
    found: set[Feature] = {(case.target, "error", _kind(outcome.error))}
    _collect(case.target, "", outcome.report, found)
    return found


def _collect(target: str, name: str, value: Any, found: set[Feature]) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in ("options", "content"):
                _collect(target, str(key), each, found)
    elif isinstance(value, list):
        for each in value[:50]:
            _collect(target, name, each, found)
    elif isinstance(value, str) and name in ("reason", "damage", "warnings", "notices", "error", "headers", "what"):
        found.add((target, name, _kind(value)))
    elif isinstance(value, int) and value:
        found.add((target, name))


def _kind(text: str) -> str:
    return _NOT_THE_SAME.sub("#", text)[:80]
