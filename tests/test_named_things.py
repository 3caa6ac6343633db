"""What docstrings, comments and pages name exists: modules, classes, functions, arguments and files of pcapconv."""

import ast
import builtins
import importlib
import io
import keyword
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import pcapconv

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pcapconv"
MODULES = sorted(PACKAGE.rglob("*.py"))
HELPERS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?`")
FILE = re.compile(r"`([\w/-]+\.(?:py|pyx|pxi|pyi|md))`")
OTHER_FILE = re.compile(r"\.(c|json|toml)$")
NOT_OURS = {"cat", "DLT_", "LINKTYPE_", "opt_endofopt", "sitecustomize", "swap_pseudo_headers"}  # of other projects


def sentences(path: Path) -> Iterator[str]:
    """The docstrings and comments of a module."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def names_in(path: Path) -> Iterator[str]:
    """The names of a module: of its definitions, arguments, attributes, fields and imports."""
    yield from path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.Attribute(attr=name):
                yield name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Constant(value=str(name)) if name.isidentifier():  # a field of JSON, a kind, an option's name
                yield name
            case ast.alias(name=name):
                yield from name.split(".")


@lru_cache(maxsize=2)
def known_names(*, of_tests: bool = False) -> frozenset[str]:
    """The names of the package and of Python, for the tests those of the tests too."""
    ours = {name for path in (*MODULES, *(HELPERS if of_tests else ())) for name in names_in(path)}
    return frozenset(ours).union(dir(builtins), keyword.kwlist, sys.stdlib_module_names, NOT_OURS)


def is_there(name: str, known: frozenset[str]) -> bool:
    parts = name.split(".")
    if parts[0] in sys.stdlib_module_names:
        return True
    return all(part in known for part in parts) if parts[0] != "pcapconv" else resolves(parts)


def resolves(parts: list[str]) -> bool:
    """Return whether a full name, from `pcapconv` on, leads to something."""
    found: object = pcapconv
    for at, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:at]))
            except ImportError:
                return False
        found = getattr(found, part)
    return True


def missing_files(text: str) -> list[str]:
    """The files that a text names and that are nowhere in the repository."""
    return [name for name in FILE.findall(text) if not any(ROOT.glob(name)) and not any(ROOT.glob(f"*/**/{name}"))]


def missing_names(text: str, known: frozenset[str], beginning: str = "") -> list[str]:
    """The names in backquotes that nothing has; file names are looked at by `missing_files`."""
    names = [name for name in NAME.findall(text) if name.startswith(beginning) and not FILE.match(f"`{name}`")]
    return [name for name in names if not OTHER_FILE.search(name) and not is_there(name, known)]


@pytest.mark.parametrize("path", [*MODULES, *HELPERS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_module_names_exists(path: Path) -> None:
    text = "\n".join(sentences(path))
    assert missing_names(text, known_names(of_tests=path in HELPERS)) == []
    assert missing_files(text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_a_page_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert missing_names(text, known_names(), "pcapconv.") == []
    assert missing_files(text) == []
