"""Makes the JSON form of `info` from the values that the page shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from pcapconv.json_form import document, nanoseconds
from pcapconv.timestamps import format_duration


class Duration(NamedTuple):
    """A length of time, and the number of decimal places that show it exactly."""

    seconds: Fraction
    decimal_places: int

    def __str__(self) -> str:
        return format_duration(self.seconds, self.decimal_places)


def as_document(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that `info` returns as a JSON document."""
    return document("info", _json_fields(fields))


def _json_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a capture, or of its sidecar (which has nearly the same fields), in JSON's types."""
    json_fields: dict[str, Any] = {}
    for name, value in fields.items():
        match value:
            case Duration():
                json_fields[f"{name}_ns"] = nanoseconds(value.seconds)
            case None if name == "duration":
                json_fields["duration_ns"] = None
            case dict() if name in ("order", "sidecar"):
                json_fields[name] = _json_fields(value)
            case _:
                json_fields[name] = value
    return json_fields
