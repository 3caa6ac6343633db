"""Makes the line of `pcapconv --version`."""

from __future__ import annotations

import platform

from pcapconv import __version__, kernels


def version() -> str:
    """Return the version, the kernels in use and Python's version, in one line."""
    return f"pcapconv {__version__} ({kernels.choose().NAME} kernels, Python {platform.python_version()})"
