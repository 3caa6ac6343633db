"""Completion by the shell, which Typer does: its commands are made from the tables, for this alone.

Strategy: Typer takes 100 to 200 ms to import, longer than most conversions, and asks pydantic about every value; so no
other command line needs it. See `parse`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from pcapconv.cli.commands import COMMANDS, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import FLAGS, REPEATABLE, Command, Operand, Option
from pcapconv.cli.options import options_of
from pcapconv.errors import UsageError

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def complete(arguments: Sequence[str]) -> int:
    """Answer a shell that completes a line, or show or install what has it ask; the status. Raises UsageError."""
    if len(arguments) > 1:
        raise UsageError(f"{arguments[0]} takes no names: it is for the shell in which it runs")
    try:
        app()(args=list(arguments), prog_name="pcapconv")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def app() -> typer.Typer:
    """Typer's commands. They do nothing."""
    made = typer.Typer(
        name="pcapconv",
        help=SUMMARY,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP.forms)},
    )
    made.callback()(_function([_option(VERSION)]))  # options for completion are Typer's own
    for command in COMMANDS.values():
        made.command(command.name, short_help=command.summary, add_help_option=False)(_function(_parameters(command)))
    return made


def _parameters(command: Command) -> list[inspect.Parameter]:
    operands = [_operand(f"operand_{number}", operand) for number, operand in enumerate(command.operands)]
    return [*operands, *map(_option, options_of(command.name))]


def _function(parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """A function with these parameters, which Typer looks at."""

    def does_nothing(**_: object) -> None:
        pass

    does_nothing.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return does_nothing


def _operand(name: str, operand: Operand) -> inspect.Parameter:
    kind: Any = list[str] if operand.many else str
    declared = typer.Argument(metavar=operand.metavar, help=operand.help)
    default = None if operand.optional else inspect.Parameter.empty
    return inspect.Parameter(name, _KEYWORD, default=default, annotation=Annotated[kind, declared])


def _option(option: Option) -> inspect.Parameter:
    kind: Any = bool if option.kind in FLAGS else list[str] if option.kind in REPEATABLE else str
    flag = f"{option.flag}/{option.off}" if option.kind == "switch" else option.flag
    flags = [flag, *([f"-{option.short}"] if option.short else [])]
    declared = typer.Option(*flags, help=option.help, autocompletion=_among(option.choices) if option.choices else None)
    return inspect.Parameter(option.name, _KEYWORD, default=None, annotation=Annotated[kind | None, declared])


def _among(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def those_that_begin_so(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return those_that_begin_so
