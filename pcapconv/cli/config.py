"""Options that stand in a project's `pyproject.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcapconv.cli.options import Option
from pcapconv.errors import FileError, UsageError
from pcapconv.io.files import reason_of

_TYPES: dict[str, tuple[type, str]] = {
    "switch": (bool, "true or false"),
    "text": (str, "text"),
    "texts": (list, "a list of texts"),
}


def configured(command: str, options: Sequence[Option]) -> dict[str, Any]:
    """What `[tool.pcapconv.COMMAND]` says in the nearest `pyproject.toml`, at the working directory or above. Raises
    UsageError for what is no option, FileError for a file that cannot be read."""
    path = next((path for folder in _folders() if (path := folder / "pyproject.toml").is_file()), None)
    if path is None:
        return {}
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot read: {reason_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    for name in ("tool", "pcapconv", command):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} is not a table, as [tool.pcapconv.{command}] is")
    known = {option.flag[2:]: option for option in options}
    found = {}
    for key, value in table.items():
        option = known.get(key)
        if option is None:
            raise UsageError(
                f"{path}: [tool.pcapconv.{command}] {key}: that is no option; there are {', '.join(sorted(known))}"
            )
        kind, words = _TYPES[option.kind]
        if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(one, str) for one in value)):
            raise UsageError(f"{path}: [tool.pcapconv.{command}] {key} = {value!r:.80}: {words} is wanted")
        if option.choices and value not in option.choices:
            raise UsageError(f"{path}: [tool.pcapconv.{command}] {key}: it is one of {', '.join(option.choices)}")
        found[option.name] = value
    return found


def _folders() -> list[Path]:
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return []
    return [here, *here.parents]
