"""The command `pcapconv diff A B`: prints the differences between two captures, for people or as JSON."""

from __future__ import annotations

import sys
from typing import Any

from pcapconv.cli.kernel_warning import warn_if_interpreted
from pcapconv.cli.messages import print_findings, print_message
from pcapconv.cli.statuses import DAMAGED, DIFFERENT, SAME
from pcapconv.cli.terminal import painter_for, unpainted
from pcapconv.comparing import Comparison, diff
from pcapconv.comparing.diff_lines import diff_lines
from pcapconv.errors import FileError
from pcapconv.json_form import text_of

_WHERE_ALL = "--json lists them"


def compare(a: str, b: str, *, as_json: bool = False, **options: Any) -> int:
    """Compare two captures, print the differences on stdout, and return the exit status."""
    warn_if_interpreted()
    comparison = diff(a, b, **options)
    damage, warnings = comparison.damage, comparison.warnings
    for side, name in enumerate((a, b)):
        print_findings(f"warning: {name}", damage[side], comparison.damage_total[side], where_all=_WHERE_ALL)
    for side, name in enumerate((a, b)):
        print_findings(f"warning: {name}", warnings[side], comparison.warnings_total[side], where_all=_WHERE_ALL)
    for sentence in comparison.passed_over():
        print_message(f"warning: {sentence}; --all compares them")
    _write(comparison, as_json=as_json)
    if not comparison.same:
        return DIFFERENT
    return DAMAGED if any(comparison.damage) else SAME


def _write(comparison: Comparison, *, as_json: bool) -> None:
    """Write the comparison to stdout. Raises FileError if stdout is closed."""
    if sys.stdout is None:
        raise FileError("stdout: cannot write: it is closed")
    if as_json:
        lines = iter([text_of(comparison.as_dict())])
    else:
        painter = painter_for(sys.stdout)
        lines = diff_lines(comparison, None if painter is unpainted else painter)
    for line in lines:
        sys.stdout.write(line.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()
