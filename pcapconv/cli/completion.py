"""Completion in the shell, by Typer, whose commands are made from the tables `commands` and `options`.

Strategy: Typer is imported only for completion, since importing it takes 100 to 200 ms, longer than most conversions;
see `parse`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from pcapconv.cli.commands import COMMANDS, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import FLAGS, REPEATABLE, Command, Operand, Option
from pcapconv.cli.options import options_of_command
from pcapconv.errors import UsageError

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def complete(arguments: Sequence[str]) -> int:
    """Answer a shell that completes a line, or show or install the shell's completion script.

    Returns the exit status. Raises UsageError if more than the option is given.
    """
    if len(arguments) > 1:
        raise UsageError(f"{arguments[0]} takes no names: it is for the shell in which it runs")
    try:
        app()(args=list(arguments), prog_name="pcapconv")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def app() -> typer.Typer:
    """Return an application with Typer's form of the commands, which do nothing when called."""
    application = typer.Typer(
        name="pcapconv",
        help=SUMMARY,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP.forms)},
    )
    application.callback()(_function([_option(VERSION)]))  # Typer adds the options for completion itself
    for command in COMMANDS.values():
        application.command(command.name, short_help=command.summary, add_help_option=False)(
            _function(_parameters(command))
        )
    return application


def _parameters(command: Command) -> list[inspect.Parameter]:
    operands = [_operand(f"operand_{number}", operand) for number, operand in enumerate(command.operands)]
    return [*operands, *map(_option, options_of_command(command.name))]


def _function(parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """Return a function with the given signature, from which Typer makes a command."""

    def does_nothing(**_: object) -> None:
        pass

    does_nothing.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return does_nothing


def _operand(name: str, operand: Operand) -> inspect.Parameter:
    value_type: Any = list[str] if operand.many else str
    declared = typer.Argument(metavar=operand.metavar, help=operand.help)
    default = None if operand.optional else inspect.Parameter.empty
    return inspect.Parameter(name, _KEYWORD, default=default, annotation=Annotated[value_type, declared])


def _option(option: Option) -> inspect.Parameter:
    is_flag = option.value_type in (*FLAGS, "optional")
    value_type: Any = bool if is_flag else list[str] if option.value_type in REPEATABLE else str
    flag = f"{option.flag}/{option.negated_flag}" if option.value_type == "switch" else option.flag
    flags = [flag, *([f"-{option.short}"] if option.short else [])]
    declared = typer.Option(
        *flags, help=option.help, autocompletion=_completer(option.choices) if option.choices else None
    )
    return inspect.Parameter(option.name, _KEYWORD, default=None, annotation=Annotated[value_type | None, declared])


def _completer(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a function that returns the choices that begin with a text."""

    def matching_choices(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return matching_choices
