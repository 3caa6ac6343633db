"""The command line's form of the names of the library's arguments, as messages show them."""

from __future__ import annotations

from collections.abc import Mapping

_OPTION_NAMES = {"everything": "all", "most": "show", "template": "target"}  # where they differ from the library's


def on_command_line(function: str, values: Mapping[str, object]) -> str:
    """Return arguments as options: `--before`, `--first 0`, `--after +1h --before +2h`, `split --by interface`.

    This is a form for `pcapconv.wording.named_by`.
    """
    words = function.split(".") if function else []
    for name, value in values.items():
        words.append("--" + _OPTION_NAMES.get(name, name.replace("_", "-")))
        if value is not None and value is not True and value != "":
            words.append(str(value))
    return " ".join(words)
