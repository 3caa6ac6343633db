"""The JSON form of what a capture holds, which is made of the values that the page shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from pcapconv.json_form import document, nanoseconds
from pcapconv.timestamps import format_duration


class Duration(NamedTuple):
    """A length of time, and how many decimal places show it exactly."""

    seconds: Fraction
    places: int

    def __str__(self) -> str:
        return format_duration(self.seconds, self.places)


def as_document(found: dict[str, Any]) -> dict[str, Any]:
    """What `info` found, in JSON's types."""
    return document("info", _fields(found))


def _fields(found: dict[str, Any]) -> dict[str, Any]:
    """Those of JSON; of a capture, or of its sidecar, which has nearly the same."""
    fields: dict[str, Any] = {}
    for name, value in found.items():
        match value:
            case Duration():
                fields["duration_ns"] = nanoseconds(value.seconds)
            case None if name == "duration":
                fields["duration_ns"] = None
            case dict() if name == "sidecar":
                fields[name] = _fields(value)
            case _:
                fields[name] = value
    return fields
