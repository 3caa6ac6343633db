"""Warns that the compiled kernels are missing, which makes pcapconv slow: on a terminal, once for each version."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from pcapconv import __version__
from pcapconv.cli.messages import print_message
from pcapconv.errors import FileError, UsageError
from pcapconv.kernels import load

# pcapconv may have come from anywhere, so only the command for a clone can be given.
_REINSTALL = (
    "install pcapconv again from where you got it (in a clone: python -m pip install --force-reinstall --no-deps "
    "--no-cache-dir .)"
)


def warn_if_interpreted() -> None:
    """Print the warning if the compiled kernels cannot be loaded, stderr is a terminal, PCAPCONV_KERNELS is not set,
    and this version has not printed the warning yet."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("PCAPCONV_KERNELS"):
        return
    try:
        load("compiled")
        return
    except UsageError:
        reason, advice = "the compiled kernels were not built here", f"install a C compiler, then {_REINSTALL}"
    except FileError as error:
        reason, advice = str(error), _REINSTALL
    marker = _marker_path()
    if os.path.exists(marker):
        return
    print_message(
        f"{reason}, and pcapconv is several times slower without them; {advice}; this warning appears only once"
    )
    with suppress(OSError):  # without a marker, the next run warns again
        os.makedirs(os.path.dirname(marker), exist_ok=True)
        with open(marker, "x"):
            pass


def _marker_path() -> str:
    """The path of an empty file that exists once this version has printed the warning."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folder = cache if os.path.isabs(cache) else os.path.expanduser(os.path.join("~", ".cache"))
    return os.path.join(folder, "pcapconv", f"interpreted-{__version__}")
