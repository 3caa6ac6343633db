"""A case: what is done to which captures. As a file it is a line of JSON and the captures' bytes behind it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

CORPUS = Path(__file__).parent / "corpus"


class Case(NamedTuple):
    """The name of a target, the options that it is called with, and the captures that it gets."""

    target: str
    options: dict[str, Any]
    captures: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """The bytes of all captures."""
        return sum(map(len, self.captures))

    def as_bytes(self) -> bytes:
        """The case as a file's content."""
        head = {"target": self.target, "options": self.options, "sizes": [len(each) for each in self.captures]}
        return json.dumps(head, sort_keys=True).encode() + b"\n" + b"".join(self.captures)

    @property
    def name(self) -> str:
        """A file name: the target, and a digest of all."""
        return f"{self.target}-{hashlib.sha256(self.as_bytes()).hexdigest()[:10]}.case"


def read_case(content: bytes) -> Case:
    """The case that a file's content says."""
    line, _, rest = content.partition(b"\n")
    head = json.loads(line)
    captures = []
    for size in head["sizes"]:
        captures.append(rest[:size])
        rest = rest[size:]
    return Case(head["target"], head["options"], tuple(captures))


def read_folder(folder: Path) -> list[Case]:
    """All cases of a folder, by name."""
    return [read_case(path.read_bytes()) for path in sorted(folder.glob("*.case"))]
