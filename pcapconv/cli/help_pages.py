"""Makes the pages of `--help`: a line for each command or option, at most 80 characters wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import Command, Option
from pcapconv.cli.options import options_of_command

_HELP_COLUMN = 32  # where the help of an option begins


def overview_page() -> str:
    """Return the page of `pcapconv --help`."""
    example = COMMANDS["convert"].examples[0]
    lines = [SUMMARY, "", f"Example: {example}", "", "Usage: pcapconv COMMAND [OPTIONS] ...", "", "Commands:"]
    lines += _in_two_columns([(command.name, command.summary) for command in COMMANDS.values()], column=14)
    lines += ["", "Options:", *_in_two_columns(map(_option_line, (VERSION, HELP, *COMPLETION))), ""]
    lines += ["pcapconv COMMAND --help has the options of a command; more is in man pcapconv."]
    return "\n".join(lines) + "\n"


def command_page(command: Command) -> str:
    """Return the page of one command."""
    lines = [command.summary, "", f"Example: {command.examples[0]}", "", f"Usage: {command.usage}", ""]
    lines += _in_two_columns((operand.usage, operand.help) for operand in command.operands)
    group = ""
    for option in options_of_command(command.name):
        if option.group != group:
            group = option.group
            lines += ["", f"{group}:"]
        lines += _in_two_columns([_option_line(option)])
    lines += ["", f"The whole manual: man pcapconv-{command.name}"]
    return "\n".join(lines) + "\n"


def _option_line(option: Option) -> tuple[str, str]:
    """Return the forms of an option, `-f, --force` or `    --report FILE`, and its help."""
    return ", ".join(option.forms) if option.short else f"    {option.forms[-1]}", option.help


def _in_two_columns(lines: Iterable[tuple[str, str]], column: int = _HELP_COLUMN) -> Iterator[str]:
    """Yield lines of two columns; a text that is too long for the first column gets a line of its own."""
    for left, right in lines:
        if len(left) > column - 4:
            yield f"  {left}"
            left = ""
        yield f"  {left:{column - 2}}{right}"
