"""The tables of fields in docs/reference/json.md, from the JSON Schemas of the package.

The page's prose and examples are written by hand. A comment before a table states which table that is:

    <!-- fields: info.json -->                    the fields of the document
    <!-- fields: info.json interfaces -->         the fields of an entry of its list `interfaces`
    <!-- fields: info.json sidecar: file, kept -->       only these fields
    <!-- kinds: diff.json headers -->             the forms that an entry of `headers` can have, by their `kind`

Each field has a row in a table, or the description of what holds the field names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import pcapconv
from generating.command_pages import table
from generating.texts import ROOT

_SCHEMAS = resources.files(pcapconv) / "schemas"
_TABLE = re.compile(r"^<!-- (fields|kinds): (\w+)\.json(?: ([\w.]+))?(?:: ([\w, ]+))? -->\n\n(?:\|.*\n)*", re.MULTILINE)
_HEAD = ("field", "value", "meaning")
# Definitions of schemas → what a table calls such a value.
_VALUES = {
    "size": "integer",
    "integer": "integer",
    "counts": "counts",
    "time": "time",
    "file_time": "time",
    "hex": "hex",
    "option": "option",
    "option_value": "value",
    "stated": "value",
}
_TYPES = {"string": "text", "array": "list"}

Node = dict[str, Any]


def page() -> str:
    """Return the text of the page, with its tables made anew. Raises ValueError if the page leaves out a field."""
    described: set[tuple[str, str]] = set()

    def made_anew(match: re.Match[str]) -> str:
        kind, name, path, only = match.groups()
        found = _at(name, path or "")
        if kind == "kinds":
            described.update((field, "") for field in ("kind", "a", "b"))
            rows = [_kind_row(each) for each in found]
            head: tuple[str, ...] = ("`kind`", "`a` and `b`")
        else:
            fields = _fields(found, only.split(", ") if only else [])
            described.update((field, each["description"]) for field, (each, _) in fields.items())
            rows = [_field_row(name, field, *each) for field, each in fields.items()]
            head = _HEAD
        return f"{match[0].partition('-->')[0]}-->\n\n{table(head, rows)}"

    text = _TABLE.sub(made_anew, (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8"))
    missing = [
        f"{field} of {name}.json"
        for name in sorted(file.name.removesuffix(".json") for file in _SCHEMAS.iterdir())
        for field, description, context in _all_fields(name, _schema(name))
        if (field, description) not in described and f"`{field}`" not in context
    ]
    if missing:
        raise ValueError(f"docs/reference/json.md leaves out {', '.join(missing)}")
    return text


@cache
def _schema(name: str) -> Node:
    """Return a published schema."""
    found: Node = json.loads((_SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _at(name: str, path: str) -> list[Node]:
    """Return the objects of a schema that stand at a path of fields: several, if an object has several forms."""
    found = list(_objects(name, _schema(name)))
    for field in path.split(".") if path else ():
        found = [
            each for node in found if field in node["properties"] for each in _objects(name, node["properties"][field])
        ]
    return found


def _objects(name: str, node: Node) -> Iterator[Node]:
    """Yield the objects that a value can be; of a list, those that its entries can be."""
    if "$ref" in node:
        yield from _objects(name, _schema(name)["$defs"][node["$ref"].removeprefix("#/$defs/")])
    elif "oneOf" in node:
        for each in node["oneOf"]:
            yield from _objects(name, each)
    elif "items" in node:
        yield from _objects(name, node["items"])
    elif "properties" in node:
        yield node


def _fields(objects: list[Node], only: list[str]) -> dict[str, tuple[Node, bool]]:
    """Return the fields of objects by name, and whether each object has the field."""
    fields: dict[str, tuple[Node, bool]] = {}
    for each in objects:
        for field, node in each["properties"].items():
            if field != "schema" and (not only or field in only):
                fields.setdefault(field, (node, all(field in other["required"] for other in objects)))
    return fields


def _field_row(name: str, field: str, node: Node, always: bool) -> tuple[str, ...]:
    value = " or ".join(dict.fromkeys(_values(name, node)))
    return f"`{field}`", value if always else f"{value}; may be absent", node["description"]


def _values(name: str, node: Node) -> Iterator[str]:
    """Yield the words for the values that a field can have."""
    if "$ref" in node:
        definition = node["$ref"].removeprefix("#/$defs/")
        if definition in _VALUES:
            yield _VALUES[definition]
        else:
            yield from _values(name, _schema(name)["$defs"][definition])
    elif "oneOf" in node:
        for each in sorted(node["oneOf"], key=lambda each: each.get("type") == "null"):
            yield from _values(name, each)
    elif "enum" in node:
        yield " or ".join(f"`{each}`" for each in node["enum"] if each) if len(node["enum"]) < 4 else "text"
        if None in node["enum"]:
            yield "null"
    elif "const" in node:
        yield "boolean" if isinstance(node["const"], bool) else "text"
    else:
        types = node["type"] if isinstance(node["type"], list) else [node["type"]]
        for each in types:
            yield _TYPES.get(each, each)


def _kind_row(node: Node) -> tuple[str, ...]:
    kind = node["properties"]["kind"]
    return ", ".join(f"`{each}`" for each in kind.get("enum", [kind.get("const")])), node["description"]


def _all_fields(name: str, node: Node, context: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each field of a schema with its description, and the descriptions of what holds it."""
    context += node.get("description", "")
    if "$ref" in node:
        yield from _all_fields(name, _schema(name)["$defs"][node["$ref"].removeprefix("#/$defs/")], context)
    for each in (*node.get("oneOf", ()), *((node["items"],) if "items" in node else ())):
        yield from _all_fields(name, each, context)
    for field, each in node.get("properties", {}).items():
        if field != "schema":
            yield field, each.get("description", ""), context
            yield from _all_fields(name, each, context)
