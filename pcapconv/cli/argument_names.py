"""How the command line names arguments of the library."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS = {"everything": "all", "most": "show", "template": "target"}  # where the library's names are other ones


def on_command_line(function: str, values: Mapping[str, object]) -> str:
    """`--before`, `--first 0`, `--after +1h --before +2h`, `split --by interface`: a form of `pcapconv.wording`."""
    words = function.split(".") if function else []
    for name, value in values.items():
        words.append("--" + _WORDS.get(name, name.replace("_", "-")))
        if value is not None and value is not True and value != "":
            words.append(str(value))
    return " ".join(words)
