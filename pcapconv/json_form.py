"""The JSON documents that pcapconv writes: their names and versions, and how values become JSON.

Strategy: a document is an object that begins with `schema`, its name and version; `pcapconv/schemas` has a JSON Schema
for each. A version goes up when a field is removed or changes its meaning, not for a new field. JSON readers may hold
numbers as floats, which are exact below 2^53, so an integer of 2^53 or more becomes text with all its digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

VERSIONS = {"info": 1, "report": 1, "diff": 1, "batch": 1, "manifest": 1, "packet": 1, "check": 1, "progress": 1}

_FIRST_INEXACT = 2**53
_NANOSECONDS = 10**9


def document(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The document with this name in `VERSIONS`, as plain values: `schema`, and then the fields."""
    return {"schema": {"name": f"pcapconv-{name}", "version": VERSIONS[name]}, **plain(fields)}


def plain(value: Any) -> Any:
    """The value in JSON's types. Mappings and named tuples become objects, other iterables become lists; an object with
    a method `as_json` becomes what that returns. Raises TypeError for bytes and anything else."""
    match value:
        case None | bool() | float() | str():
            return value
        case int():
            return value if -_FIRST_INEXACT < value < _FIRST_INEXACT else str(value)
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case _ if hasattr(value, "as_json"):
            return plain(value.as_json())
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case Iterable() if not isinstance(value, bytes):
            return [plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def nanoseconds(seconds: Fraction) -> int:
    """A duration in seconds as whole nanoseconds, cut."""
    return int(seconds * _NANOSECONDS)


def text_of(documents: Any) -> str:
    """A document, or a list of documents, as indented JSON."""
    import json  # slow to import, as much as a small conversion

    return json.dumps(documents, indent=2)
