"""`pcapconv diff A B`: what two captures say differently, for people or as JSON."""

from __future__ import annotations

import sys
from typing import Any

from pcapconv.cli.kernel_warning import say_once_if_slow
from pcapconv.cli.messages import complain, list_places
from pcapconv.cli.statuses import DAMAGED, DIFFERENT, SAME
from pcapconv.cli.terminal import paint_for, plain
from pcapconv.comparing import Comparison, diff
from pcapconv.comparing.diff_lines import page
from pcapconv.errors import FileError
from pcapconv.json_form import text_of


def compare(a: str, b: str, *, as_json: bool = False, **options: Any) -> int:
    """Compare, print what differs on stdout, and return the exit status."""
    say_once_if_slow()
    found = diff(a, b, **options)
    for side, name in enumerate((a, b)):
        list_places(f"warning: {name}", found.damage[side], found.damage_total[side], rest="--json lists them")
    for side, name in enumerate((a, b)):
        list_places(f"warning: {name}", found.warnings[side], found.warnings_total[side], rest="--json lists them")
    for said in found.passed_over():
        complain(f"warning: {said}; --all compares them")
    _write(found, as_json=as_json)
    if not found.same:
        return DIFFERENT
    return DAMAGED if any(found.damage) else SAME


def _write(found: Comparison, *, as_json: bool) -> None:
    """Raises FileError where nobody takes it."""
    if sys.stdout is None:
        raise FileError("stdout: cannot write: it is closed")
    paint = paint_for(sys.stdout)
    lines = [text_of(found.as_dict())] if as_json else page(found, None if paint is plain else paint)
    for line in lines:
        sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()
