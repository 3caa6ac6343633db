"""The pages of `--help`: what there is, a line each, on 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import Command, Option
from pcapconv.cli.options import options_of

_COLUMN = 32  # where the words begin


def overview() -> str:
    """The page of pcapconv itself."""
    example = COMMANDS["convert"].examples[0]
    lines = [SUMMARY, "", f"Example: {example}", "", "Usage: pcapconv COMMAND [OPTIONS] ...", "", "Commands:"]
    lines += _listed([(command.name, command.summary) for command in COMMANDS.values()], column=14)
    lines += ["", "Options:", *_listed(map(_row, (VERSION, HELP, *COMPLETION))), ""]
    lines += ["pcapconv COMMAND --help has the options of a command; more is in man pcapconv."]
    return "\n".join(lines) + "\n"


def page(command: Command) -> str:
    """The page of one command."""
    lines = [command.summary, "", f"Example: {command.examples[0]}", "", f"Usage: {command.usage}", ""]
    lines += _listed((operand.usage, operand.help) for operand in command.operands)
    group = ""
    for option in options_of(command.name):
        if option.group != group:
            group = option.group
            lines += ["", f"{group}:"]
        lines += _listed([_row(option)])
    lines += ["", f"The whole manual: man pcapconv-{command.name}"]
    return "\n".join(lines) + "\n"


def _row(option: Option) -> tuple[str, str]:
    """How an option is written, `-f, --force` or `    --report FILE`, and its help."""
    return ", ".join(option.forms) if option.short else f"    {option.forms[-1]}", option.help


def _listed(rows: Iterable[tuple[str, str]], column: int = _COLUMN) -> Iterator[str]:
    """Two columns; what does not fit into the first stands on a line of its own."""
    for left, right in rows:
        if len(left) > column - 4:
            yield f"  {left}"
            left = ""
        yield f"  {left:{column - 2}}{right}"
