"""Once for each version, on a terminal: that pcapconv runs without its compiled kernels, and how to have them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from pcapconv import __version__
from pcapconv.cli.messages import complain
from pcapconv.errors import FileError, UsageError
from pcapconv.kernels import load

_MEND = "python -m pip install --force-reinstall --no-deps --no-cache-dir --no-binary pcapconv pcapconv"


def say_once_if_slow() -> None:
    """Say it where stderr is a terminal, and nobody chose the interpreted kernels."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("PCAPCONV_KERNELS"):
        return
    try:
        load("compiled")
        return
    except UsageError:
        reason, mend = "the compiled kernels were not built here", f"install a C compiler, then: {_MEND}"
    except FileError as error:
        reason, mend = str(error), f"install it anew: {_MEND}"
    said = _mark()
    if os.path.exists(said):
        return
    complain(f"{reason}, and pcapconv is several times slower without them; {mend} (this is said once)")
    with suppress(OSError):  # then it is said again
        os.makedirs(os.path.dirname(said), exist_ok=True)
        with open(said, "x"):
            pass


def _mark() -> str:
    """The file that tells that it was said."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folder = cache if os.path.isabs(cache) else os.path.expanduser(os.path.join("~", ".cache"))
    return os.path.join(folder, "pcapconv", f"interpreted-{__version__}")
