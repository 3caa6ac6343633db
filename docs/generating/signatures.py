"""Signatures, attributes and docstrings of Python objects, as Markdown.

Annotations are shown as the source has them, so nothing is resolved.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_WIDTH = 88


def signature(name: str, function: Callable[..., object]) -> str:
    """Return a signature under this name: on one line, or with a line for each parameter if it is too long."""
    found = inspect.signature(function)
    parameters = [each for each in found.parameters.values() if each.name not in ("self", "cls")]
    shown = [str(each).replace("'", "") if each.default is each.empty else _with_default(each) for each in parameters]
    first_named = next((at for at, each in enumerate(parameters) if each.kind is each.KEYWORD_ONLY), None)
    if first_named is not None:
        shown.insert(first_named, "*")
    result = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in shown) + f"){result}"


def _with_default(parameter: inspect.Parameter) -> str:
    return f"{parameter.name}: {parameter.annotation} = {parameter.default!r}"


def class_head(name: str, class_: type) -> str:
    """Return the first line of a class, and a line for each of its public attributes."""
    bases = [each.__name__ for each in class_.__bases__ if each is not object]
    if is_named_tuple(class_):
        bases = ["NamedTuple"]
    head = f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    return "\n".join([head, *(f"    {attribute}: {shown}" for attribute, shown in attributes(class_).items())])


def is_named_tuple(class_: type) -> bool:
    """Return whether a class is a NamedTuple."""
    return issubclass(class_, tuple) and hasattr(class_, "_fields")


def attributes(class_: type) -> dict[str, str]:
    """Return the public attributes that a class states, and their types: the fields of a named tuple, annotations of
    the class, and what `__init__` assigns."""
    stated = [each for each in reversed(class_.__mro__) if each is class_ or each.__name__.startswith("_")]
    annotations = {name: each for base in stated for name, each in vars(base).get("__annotations__", {}).items()}
    found = {name: annotation_text(each) for name, each in annotations.items()}
    if is_named_tuple(class_):
        defaults: dict[str, Any] = getattr(class_, "_field_defaults", {})
        return {name: f"{shown}{_default(defaults, name)}" for name, shown in found.items()}
    if "__init__" in vars(class_):
        found |= dict(_assigned(class_))
    return {name: shown for name, shown in found.items() if not name.startswith("_")}


def annotation_text(annotation: Any) -> str:
    """Return an annotation as the source has it."""
    return str(getattr(annotation, "__forward_arg__", annotation))


def _default(defaults: dict[str, Any], name: str) -> str:
    if name not in defaults:
        return ""
    default = defaults[name]
    return f" = {dict(default) if isinstance(default, Mapping) else default!r}"


def _assigned(class_: type) -> Iterator[tuple[str, str]]:
    """Yield the attributes that `__init__` assigns, and their types."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(vars(class_)["__init__"])))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args.args + function.args.kwonlyargs
    types = {each.arg: ast.unparse(each.annotation) for each in arguments if each.annotation is not None}
    for node in ast.walk(function):
        match node:
            case ast.AnnAssign(target=ast.Attribute(attr=name), annotation=annotation):
                yield name, ast.unparse(annotation)
            case ast.Assign(targets=targets, value=value):
                names = [each.attr for each in targets if isinstance(each, ast.Attribute)]
                yield from ((name, _type_of(value, types)) for name in names if not name.startswith("_"))


def _type_of(value: ast.expr, types: dict[str, str]) -> str:
    """Return the type of an assigned value: of an argument, a constant, or a list or tuple of such values."""
    match value:
        case ast.Name(id=name):
            return types[name]
        case ast.Constant(value=constant):
            return type(constant).__name__
        case ast.List(elts=[first, *_]):
            return f"list[{_type_of(first, types)}]"
        case ast.Tuple(elts=elements):
            return f"tuple[{', '.join(_type_of(each, types) for each in elements)}]"
    raise ValueError(f"{ast.unparse(value)} shows no type: annotate the attribute in __init__")


def members(class_: type) -> Iterator[tuple[str, Any]]:
    """Yield the public properties and methods that a class defines, in the order of its source."""
    for name, member in vars(class_).items():
        if not name.startswith("_") and (isinstance(member, property | classmethod) or inspect.isfunction(member)):
            yield name, member


def docstring(object_: Any) -> str:
    """Return a docstring, which is Markdown, without what only pcapconv's own modules need to know."""
    text = inspect.getdoc(object_)
    assert text, object_
    return text.partition("\n\nFor pcapconv's own modules")[0]
