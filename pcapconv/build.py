"""Which pcapconv is running: its version, and a digest of its source, since two builds may share a version."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def version() -> str:
    """The package's version."""
    return str(sys.modules["pcapconv"].__version__)


@cache
def build() -> str:
    """A digest of the package's source files, as 16 hex digits. Computed once for each process."""
    sha256 = hashlib.sha256()
    for path in sorted(_sources()):
        with open(os.path.join(_PACKAGE, path), "rb") as file:
            data = file.read()
        sha256.update(f"{path} {len(data)}\n".encode() + data)
    return sha256.hexdigest()[:16]


def _sources() -> list[str]:
    paths = []
    for folder, _, names in os.walk(_PACKAGE):
        relative = os.path.relpath(folder, _PACKAGE)
        paths += [os.path.join(relative, name) for name in names if name.endswith((".py", ".pyx", ".pxi"))]
    return paths
