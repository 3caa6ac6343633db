"""The arguments of `normalize`, and how they are read from a project's `pyproject.toml`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, get_args, get_origin, get_type_hints

from pcapconv.conversion import OnLoss
from pcapconv.errors import FileError, UsageError
from pcapconv.formats import FORMATS, is_suffix
from pcapconv.io.read_write import reason_of

if TYPE_CHECKING:
    from pcapconv.steps.typed_values import Time

_CHOICES = {"to": FORMATS, "on_loss": get_args(OnLoss)}
_TABLE = ("tool", "pcapconv", "normalize")


class NormalizeArguments(TypedDict, total=False):
    """The arguments that decide how `normalize` changes a capture; `docs/reference/python.md` describes each. `keep`
    and `strip` are lists of kinds of metadata; a text in them may also be several kinds, separated by commas."""

    sort: bool
    rebase_time: Time | None
    timezone: str | None
    mask_time: bool
    keep: Sequence[str]
    strip: Sequence[str]
    to: str | None
    strict: bool
    on_loss: OnLoss
    keep_snaplen: bool


class _ValueType(NamedTuple):
    """What the value of an argument has to be: its `type`, the type in `words` for messages, and all `choices` of a
    text, empty if any text will do."""

    type: type
    words: str
    choices: tuple[str, ...] = ()


def read_project_arguments() -> dict[str, Any]:
    """Read the arguments in `[tool.pcapconv.normalize]` of the nearest `pyproject.toml`, in the working directory or
    above it. Return no arguments without such a file or table. Raises UsageError for invalid arguments, FileError for a
    file that cannot be read."""
    import tomllib  # seldom needed

    path = next((path for folder in _folders() if (path := folder / "pyproject.toml").is_file()), None)
    if path is None:
        return {}
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot read: {reason_of(error)}", path=str(path), cause=error) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}", path=str(path)) from None
    for name in _TABLE:
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} is not a table, as [{'.'.join(_TABLE)}] is", path=str(path))
    known = {name.replace("_", "-"): name for name in NormalizeArguments.__annotations__}
    where = f"{path}: [{'.'.join(_TABLE)}]"
    arguments = {}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{where} {key}: not allowed here; allowed are {', '.join(sorted(known))}")
        value_type = _value_type(known[key])
        texts = not isinstance(value, list) or all(isinstance(one, str) for one in value)
        if not isinstance(value, value_type.type) or not texts:
            raise UsageError(f"{where} {key} = {value!r:.80}: must be {value_type.words}")
        if value_type.choices and value not in value_type.choices:
            raise UsageError(f"{where} {key}: must be one of {', '.join(value_type.choices)}")
        arguments[known[key]] = value
    return arguments


def arguments_for_output(name: str, project_arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a project for an output of this name: without `to` if the name has the suffix of a
    format, since the name is given for this one output."""
    arguments = dict(project_arguments)
    if is_suffix(os.path.splitext(name)[1]):
        arguments.pop("to", None)
    return arguments


def _value_type(name: str) -> _ValueType:
    hint = get_type_hints(NormalizeArguments, localns={"Time": str})[name]  # in the file, a time is text
    if hint is bool:
        return _ValueType(bool, "true or false")
    if get_origin(hint) is Sequence:
        return _ValueType(list, "a list of strings")
    return _ValueType(str, "a string", _CHOICES.get(name, ()))


def _folders() -> list[Path]:
    try:
        here = Path.cwd()
    except OSError:  # the working directory was removed
        return []
    return [here, *here.parents]
