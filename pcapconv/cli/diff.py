"""`pcapconv diff A B`: what two captures say differently, for people or as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from pcapconv.cli.messages import MOST, complain
from pcapconv.cli.statuses import DIFFERENT, SAME, TROUBLE
from pcapconv.comparing import Comparison, diff
from pcapconv.comparing.page import page
from pcapconv.errors import FileError
from pcapconv.text import shown


def compare(a: str, b: str, *, as_json: bool = False, **options: Any) -> int:
    """Compare, print what differs on stdout, and return the exit status."""
    found = diff(a, b, **options)
    for listed, totals in ((found.damage, found.damage_total), (found.warnings, found.warnings_total)):
        for name, places, total in zip((a, b), listed, totals):
            for place in places[:MOST]:
                complain(f"warning: {name}: {place}")
            if total > MOST:
                complain(f"warning: {name}: and {total - MOST} more like these")
    for said in found.passed_over():
        complain(f"warning: {said}; --all compares them")
    _write(found, as_json=as_json)
    if any(found.damage):
        return TROUBLE
    return SAME if found.same else DIFFERENT


def _write(found: Comparison, *, as_json: bool) -> None:
    """Raises FileError where nobody takes it."""
    if sys.stdout is None:
        raise FileError("stdout: cannot write: it is closed")
    lines = [json.dumps(found.as_dict(), indent=2)] if as_json else map(shown, page(found))
    for line in lines:
        sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()
