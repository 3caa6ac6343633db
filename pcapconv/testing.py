"""For tests that compare captures: `assert_same_capture`.

`PCAPCONV_UPDATE=1` in the environment writes what was expected anew, in its normal form, instead of comparing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pcapconv.cli.diff import page
from pcapconv.comparing import diff
from pcapconv.files import Readable
from pcapconv.normalizing import normalize
from pcapconv.text import shown


def assert_same_capture(
    actual: Readable, expected: str | os.PathLike[str], *, ignore: Sequence[str] = (), **options: Any
) -> None:
    """Fail, with a text that shows what differs, unless both captures say the same.

    `ignore` and the other `options` are those of `pcapconv.diff`. With `PCAPCONV_UPDATE` set to anything but nothing or
    0, `actual` is written to `expected` in its normal form instead, unless it is damaged. Raises AssertionError, and a
    `PcapconvError` for what cannot be read.
    """
    __tracebackhide__ = True
    if os.environ.get("PCAPCONV_UPDATE", "0") not in ("", "0"):
        normalize(actual, expected, force=True, strict=True)
        return
    found = diff(actual, expected, ignore=ignore, **options)
    damage = [f"{name}: {place}" for name, places in zip(found.names, found.damage) for place in places]
    if damage or not found.same:
        lines = map(shown, [*damage, *page(found)])
        raise AssertionError(
            "\n".join(["the captures differ (A is the actual one, B the expected one):", *lines])
            + "\nPCAPCONV_UPDATE=1 in the environment takes the actual one as expected from now on"
        )
