"""For tests that compare captures: `assert_same_capture`.

`PCAPCONV_UPDATE=1` in the environment writes what was expected anew where it differs, in its normal form, with the
options that `[tool.pcapconv.normalize]` of the nearest `pyproject.toml` has.
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
from pcapconv.normalizing.config import configured
from pcapconv.text import shown

_ADVICE = "PCAPCONV_UPDATE=1 in the environment takes the actual one as expected from now on"


def assert_same_capture(
    actual: Readable, expected: str | os.PathLike[str], *, ignore: Sequence[str] = (), **options: Any
) -> None:
    """Fail, with a text that shows what differs and what is damaged, unless both captures say the same and are whole.

    `ignore` and the other `options` are those of `pcapconv.diff`. With `PCAPCONV_UPDATE` set to anything but nothing or
    0, `actual` is written to `expected` in its normal form instead where they differ, and that is said on stderr;
    `actual` must not be damaged, and `expected` has to hold all of it. Raises AssertionError, and a `PcapconvError` for
    what cannot be read or taken as expected. Warns where captures hold mostly blocks that were not compared.
    """
    __tracebackhide__ = True
    update = os.environ.get("PCAPCONV_UPDATE", "0") not in ("", "0")
    missing = not os.path.lexists(expected)
    if missing and not update:
        raise AssertionError(f"{os.fspath(expected)} is not there; {_ADVICE}")
    found = None if missing else diff(actual, expected, ignore=ignore, **options)
    damaged = found is not None and any(found.damage)
    if found is not None and found.same and not damaged:
        for said in found.passed_over():
            warnings.warn(f"{said}; everything=True compares them", stacklevel=2)
        return
    if update:
        os.makedirs(os.path.dirname(os.path.abspath(expected)), exist_ok=True)
        chosen = configured()
        _rewound(actual)
        normalize(actual, expected, force=True, **{**chosen, "strict": True, "on_loss": "fail"})
        with suppress(OSError):  # nobody reads it
            if sys.stderr is not None:
                sys.stderr.write(f"pcapconv: {shown(os.fspath(expected))}: written anew\n")
        return
    assert found is not None
    damage = [shown(f"{name}: {place}") for name, places in zip(found.names, found.damage) for place in places]
    lines = ["captures are damaged:", *damage] if damaged else []
    if not found.same:
        lines += ["the captures differ (A is the actual one, B the expected one):", *diff_lines(found), _ADVICE]
    raise AssertionError("\n".join(lines))


def _rewound(capture: Readable) -> None:
    """A file object that was compared is read again."""
    if not isinstance(capture, str | os.PathLike):
        capture.seek(0)
