"""An assertion for tests that compare captures: `assert_same_capture`.

With `PCAPCONV_UPDATE=1` in the environment, captures that differ do not fail a test. Instead, the normal form of the
actual capture replaces the expected capture. The normal form follows the arguments in `[tool.pcapconv.normalize]` of
the nearest `pyproject.toml`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pcapconv.comparing import diff
from pcapconv.comparing.diff_lines import diff_lines
from pcapconv.io.paths import Readable
from pcapconv.normalizing import normalize
from pcapconv.normalizing.arguments import arguments_for_output, read_project_arguments
from pcapconv.text import shown

_ADVICE = "PCAPCONV_UPDATE=1 in the environment writes the actual one as the expected one"


def assert_same_capture(
    actual: Readable, expected: str | os.PathLike[str], *, ignore: Sequence[str] = (), **options: Any
) -> None:
    """Check that two captures are the same, as `pcapconv.diff` compares them, and that neither is damaged.

    * `actual`: the capture that the test made: a path, `-` for stdin, or a binary file object.
    * `expected`: the path of the expected capture.
    * `ignore` and `options`: arguments of `pcapconv.diff`.

    Raises AssertionError, with the differences and the damage, if the captures differ or one is damaged. Raises a
    `PcapconvError` for a capture that cannot be read. Warns if a capture has more blocks that were not compared than
    packets.

    If PCAPCONV_UPDATE is set, and not to 0, a difference is no error: `actual` is written to `expected` in its normal
    form, and a line on stderr reports that. Then `actual` must not be damaged, and the format of `expected` must be
    able to hold all of it; otherwise a `PcapconvError` is raised.
    """
    __tracebackhide__ = True
    update = os.environ.get("PCAPCONV_UPDATE", "0") not in ("", "0")
    missing = not os.path.lexists(expected)
    if missing and not update:
        raise AssertionError(f"{os.fspath(expected)} does not exist; {_ADVICE}")
    comparison = None if missing else diff(actual, expected, ignore=ignore, **options)
    damaged = comparison is not None and any(comparison.damage)
    if comparison is not None and comparison.same and not damaged:
        for sentence in comparison.passed_over():
            warnings.warn(f"{sentence}; all=True compares them", stacklevel=2)
        return
    if update:
        os.makedirs(os.path.dirname(os.path.abspath(expected)), exist_ok=True)
        project_arguments = arguments_for_output(os.fspath(expected), read_project_arguments())
        _rewind(actual)
        normalize(actual, expected, force=True, **{**project_arguments, "strict": True, "on_loss": "fail"})
        with suppress(OSError):  # stderr cannot be written
            if sys.stderr is not None:
                sys.stderr.write(f"pcapconv: {shown(os.fspath(expected))}: written\n")
        return
    assert comparison is not None
    damage = [shown(f"{name}: {each}") for name, listed in zip(comparison.names, comparison.damage) for each in listed]
    lines = ["captures are damaged:", *damage] if damaged else []
    if not comparison.same:
        lines += ["the captures differ (A is the actual one, B the expected one):", *diff_lines(comparison), _ADVICE]
    raise AssertionError("\n".join(lines))


def _rewind(capture: Readable) -> None:
    """Seek a file object to its beginning, since the comparison has read it."""
    if not isinstance(capture, str | os.PathLike):
        capture.seek(0)
