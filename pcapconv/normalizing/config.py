"""The options of `normalize`, and those that stand in a project's `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, get_args, get_origin, get_type_hints

from pcapconv.conversion import OnLoss
from pcapconv.errors import FileError, UsageError
from pcapconv.formats import FORMATS
from pcapconv.io.read_write import reason_of

_CHOICES = {"to": FORMATS, "on_loss": get_args(OnLoss)}
_TABLE = ("tool", "pcapconv", "normalize")


class NormalizeOptions(TypedDict, total=False):
    """What `normalize` makes of a capture; the README describes each option. `keep` and `strip` name kinds of metadata,
    separated by commas or one by one."""

    sort: bool
    rebase_time: str | None
    mask_time: bool
    keep: Sequence[str]
    strip: Sequence[str]
    to: str | None
    strict: bool
    on_loss: OnLoss
    keep_snaplen: bool


class _Wanted(NamedTuple):
    """What an option's value has to be; `choices` are all that a text may be."""

    type: type
    words: str
    choices: tuple[str, ...] = ()


def configured() -> dict[str, Any]:
    """What `[tool.pcapconv.normalize]` says in the nearest `pyproject.toml`, at the working directory or above. Raises
    UsageError for what is no option, FileError for a file that cannot be read."""
    import tomllib  # seldom needed

    path = next((path for folder in _folders() if (path := folder / "pyproject.toml").is_file()), None)
    if path is None:
        return {}
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot read: {reason_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    for name in _TABLE:
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} is not a table, as [{'.'.join(_TABLE)}] is")
    known = {name.replace("_", "-"): name for name in NormalizeOptions.__annotations__}
    where = f"{path}: [{'.'.join(_TABLE)}]"
    found = {}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{where} {key}: that is no option; there are {', '.join(sorted(known))}")
        wanted = _wanted(known[key])
        texts = not isinstance(value, list) or all(isinstance(one, str) for one in value)
        if not isinstance(value, wanted.type) or not texts:
            raise UsageError(f"{where} {key} = {value!r:.80}: {wanted.words} is wanted")
        if wanted.choices and value not in wanted.choices:
            raise UsageError(f"{where} {key}: must be one of {', '.join(wanted.choices)}")
        found[known[key]] = value
    return found


def _wanted(name: str) -> _Wanted:
    hint = get_type_hints(NormalizeOptions)[name]
    if hint is bool:
        return _Wanted(bool, "true or false")
    if get_origin(hint) is Sequence:
        return _Wanted(list, "a list of texts")
    return _Wanted(str, "text", _CHOICES.get(name, ()))


def _folders() -> list[Path]:
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return []
    return [here, *here.parents]
