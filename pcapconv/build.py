"""Which pcapconv this is: its version, and which build of it, since two builds may share a version."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def version() -> str:
    """What the package says, which is there when this module is."""
    return str(sys.modules["pcapconv"].__version__)


@cache
def build() -> str:
    """A digest of the package's source files, in hex, as they were when it was asked for first."""
    sha256 = hashlib.sha256()
    for path in sorted(_sources()):
        with open(os.path.join(_PACKAGE, path), "rb") as file:
            data = file.read()
        sha256.update(f"{path} {len(data)}\n".encode() + data)
    return sha256.hexdigest()[:16]


def _sources() -> list[str]:
    found = []
    for folder, _, names in os.walk(_PACKAGE):
        relative = os.path.relpath(folder, _PACKAGE)
        found += [os.path.join(relative, name) for name in names if name.endswith((".py", ".pyx"))]
    return found
