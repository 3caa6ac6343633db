"""How messages name the library's arguments on the command line: as options."""

from __future__ import annotations

from collections.abc import Mapping

_JOINED = {"in_order"}  # options that take a value only behind `=`
_OPTION_NAMES = {"template": "target"}  # where they differ from arguments
_WITH_TEXT = {"sidecar": "sidecar-file"}  # options for arguments that are a flag or text


def on_command_line(function: str, values: Mapping[str, object]) -> str:
    """Return arguments as options: `--before`, `--first 0`, `--after +1h --before +2h`, `split --by interface`.

    This function is meant to be passed to `pcapconv.wording.named_by`.
    """
    words = function.split(".") if function else []
    for name, value in values.items():
        names = _WITH_TEXT if isinstance(value, str) and name in _WITH_TEXT else _OPTION_NAMES
        words.append("--" + names.get(name, name.replace("_", "-")))
        if value is not None and value is not True and value != "":
            if name in _JOINED:
                words[-1] += f"={value}"
            else:
                words.append(str(value))
    return " ".join(words)
