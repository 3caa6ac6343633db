"""docs/reference/python.md describes all that is public: names, arguments, attributes, properties, methods."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import pcapconv
from pcapconv import testing
from pcapconv.formats.settings import WriterArguments
from pcapconv.normalizing.arguments import NormalizeArguments
from pcapconv.steps.step_arguments import StepArguments

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PYTHON_PAGE, SIGNATURES = GENERATE["python_page"], GENERATE["python_page"].signatures
CLASSES: dict[str, type] = {
    **{name: each for name in pcapconv.__all__ if isinstance(each := getattr(pcapconv, name), type)},
    **{each.__name__: each for classes in PYTHON_PAGE.OTHERS.values() for each in classes},
}
FUNCTIONS: dict[str, Any] = {
    **{name: getattr(pcapconv, name) for name in pcapconv.__all__ if name not in CLASSES},
    "assert_same_capture": testing.assert_same_capture,
}


def section(heading: str) -> str:
    """The text of a section of the third level, with its subsections."""
    found = re.search(rf"^### {heading}\n(.*?)(?=^##(?:#)? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def code_in(text: str) -> set[str]:
    """The words in backquotes, outside of blocks."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```text\n.*?```", "", text, flags=re.DOTALL)))


def test_each_public_name_has_one_section() -> None:
    headings = re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)
    assert sorted(headings) == sorted([*CLASSES, *FUNCTIONS])
    assert {name for names in PYTHON_PAGE.SECTIONS.values() for name in names} == set(pcapconv.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_argument_of_a_function(name: str) -> None:
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    assert set(parameters) - code_in(section(name)) == set()


@pytest.mark.parametrize(
    "arguments", [StepArguments, WriterArguments, NormalizeArguments], ids=lambda each: each.__name__
)
def test_each_keyword_argument_that_functions_share(arguments: Any) -> None:
    described = set(re.findall(r"^\* `(\w+)` \(`", PAGE, re.MULTILINE)) | code_in(section("normalize"))
    assert set(arguments.__annotations__) - described == set()


@pytest.mark.parametrize("name", CLASSES)
def test_each_attribute_and_member_of_a_class(name: str) -> None:
    internal = PYTHON_PAGE.INTERNAL.get(name, set())
    text = section(name)
    attributes = set(SIGNATURES.attributes(CLASSES[name])) - internal
    assert attributes - code_in(text) == set()
    members = dict(SIGNATURES.members(CLASSES[name]))
    properties = {member for member, each in members.items() if isinstance(each, property)}
    assert internal <= {*members, *SIGNATURES.attributes(CLASSES[name])}
    assert set(re.findall(r"^\* `(\w+)` \(`", text, re.MULTILINE)) == properties - internal
    assert set(re.findall(rf"^#### {name}\.(\w+)$", text, re.MULTILINE)) == set(members) - properties - internal
    assert [member for member, each in members.items() if not inspect.getdoc(each)] == []
    assert len(inspect.getdoc(CLASSES[name]) or "") > 30


def test_links_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", each).replace(" ", "-").lower() for each in re.findall(r"^##+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"]\(#([^)]+)\)", PAGE)) - headings == set()
