"""The library has an example for each name in it: on a page, in a Python block that `test_pages.py` runs.

Attributes are looked for by their names alone, so that one example of `offset` is enough for sections and blocks.
"""

from __future__ import annotations

import ast
import inspect
import runpy
from collections import defaultdict
from functools import lru_cache
from typing import Any, NamedTuple

import pytest
from pages import PAGES, ROOT, blocks_of_page

import pcapconv
from pcapconv.capture_metadata import Secrets
from pcapconv.spec.decoded_options import Options

GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PYTHON_PAGE, SIGNATURES = GENERATE["python_page"], GENERATE["python_page"].signatures
CLASSES: tuple[Any, ...] = (
    *(pcapconv.Capture, pcapconv.Packet, pcapconv.PacketBatch, pcapconv.Section, pcapconv.Interface),
    *(pcapconv.Block, pcapconv.Damage, pcapconv.Notice, pcapconv.CaptureWriter, Options, Secrets),
)
CALLS: dict[str, Any] = {
    "open": pcapconv.open,
    "create": pcapconv.create,
    **{name: getattr(pcapconv.CaptureWriter, name) for name in ("add_interface", "write", "add_statistics")},
    "replace": pcapconv.Packet.replace,
    "batches": pcapconv.Capture.batches,
}


class Examples(NamedTuple):
    """The names in the Python blocks of all pages that are run: attributes, and arguments by the function's name."""

    attributes: set[str]
    arguments: dict[str, set[str]]


@lru_cache(maxsize=1)
def examples() -> Examples:
    found = Examples(set(), defaultdict(set))
    for page in PAGES:
        for block in blocks_of_page(page.read_text(encoding="utf-8")):
            if block.language == "python" and block.action in ("run", "write"):
                _add(found, ast.parse(block.text))
    return found


def _add(found: Examples, tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.attributes.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.arguments[node.func.attr] |= {each.arg for each in node.keywords if each.arg is not None}


@pytest.mark.parametrize("class_", CLASSES, ids=lambda each: each.__name__)
def test_each_attribute_and_method_has_an_example(class_: Any) -> None:
    names = {*SIGNATURES.attributes(class_), *dict(SIGNATURES.members(class_))}
    names -= PYTHON_PAGE.INTERNAL.get(class_.__name__, set())
    assert sorted(names - examples().attributes) == []


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_has_an_example(name: str) -> None:
    parameters = inspect.signature(CALLS[name]).parameters.values()
    named = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert sorted(named - examples().arguments[name]) == []
