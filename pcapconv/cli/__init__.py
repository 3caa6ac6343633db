"""The command line: a thin layer over the library.

The way of a line: `run` finds the command in the table of `commands`, `parse` turns the remaining words into operands
and values by the tables of `options`, and the command's module calls the library. Errors become exit statuses here and
nowhere else. Typer only completes what is typed.

The files:
  what can be typed      commands, options/ (tables), grammar (the types of their entries)
  parsing a line         parse; suggestions (what to type instead of a faulty line); help_pages; completion; version
  the commands           convert, split, join, batch, normalize, diff, info: a module for each
  shared by them         writing_commands (those that write captures: progress, warnings, report), batch_problems and
                         batch_results (files of a batch, on stderr and as JSON or JUnit XML), check_results
                         (`normalize --check`)
  what users see         messages (stderr), progress, terminal (colours, columns), kernel_warning, argument_names (how
                         messages name the library's arguments), statuses (exit statuses)
  the process            signals, standard_streams; `pcapconv/__main__.py` starts it

How to add a command:
  1. `commands.py`: its entry, with the module and name of the function that runs it.
  2. `options/`: its name in the `commands` of the options that it takes; see there.
  3. A module of its own: a function that takes the operands and options, calls the library and returns the exit status.
     One that writes captures uses `writing_commands.run_writing_command`.
  4. `statuses.py`: a status that it alone has, or that means something else for it.
  5. `python docs/generate.py`: its manual page.
  6. Tests: a module for it; `tests/test_manual.py` checks help, manual and README of all commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

# All that handling an error needs is imported here, before anything can go wrong.
from pcapconv import wording
from pcapconv.cli import messages, signals
from pcapconv.cli.argument_names import on_command_line
from pcapconv.cli.standard_streams import StandardStreams
from pcapconv.cli.statuses import INTERRUPTED, WRONG_USAGE, status_of
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.io.read_write import reason_of

_COMPLETION_REQUEST = "_PCAPCONV_COMPLETE"  # the variable that a shell sets when it asks how a line can go on


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; an error is printed in one sentence."""
    status: int | None = None
    with StandardStreams() as streams, wording.named_by(on_command_line):
        try:
            command = _find_command(arguments)
            with signals.raise_on_signals():
                status = command()
                if sys.stdout is not None:
                    sys.stdout.flush()
        except (signals.Terminated, KeyboardInterrupt) as signal:
            if status is not None and isinstance(signal, KeyboardInterrupt):  # the command had ended
                return status
            messages.print_message("interrupted before it was done: an unfinished output file was not kept")
            streams.discard_stdout()
            return getattr(signal, "status", INTERRUPTED)
        except Exception as error:
            if _has_debug_option(arguments):
                import traceback

                for line in traceback.format_exc().splitlines():
                    messages.print_line(line)
            else:
                messages.print_message(_error_text(error))
            return status_of(error, *arguments[:1])
    return status


def _has_debug_option(arguments: list[str]) -> bool:
    """Return whether `--debug` is among the options: words after `--` are operands."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--debug" in options


def _error_text(error: Exception) -> str:
    """Return an error as one sentence: pcapconv's own message, or the system's reason with the name of the file."""
    match error:
        case PcapconvError() | ImportError():
            return str(error)
        case MemoryError():
            return "out of memory"
        case OSError():
            return f"{error.filename}: {reason_of(error)}" if error.filename else reason_of(error)
        case _:
            return f"unexpected {type(error).__name__}: {error}; --debug shows where it comes from"


def _find_command(arguments: list[str]) -> Callable[[], int]:
    """Return what a command line runs, as a function that returns the exit status.

    What the function needs is imported here, while a signal still ends the program at once. Raises UsageError for an
    unknown command and for a line that its command cannot parse.
    """
    from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, VERSION

    if not arguments and _COMPLETION_REQUEST not in os.environ:
        return _print_usage
    if not arguments or any(arguments[0] in option.forms for option in COMPLETION):
        from pcapconv.cli.completion import complete

        return partial(complete, arguments)
    first, *remaining = arguments
    if first in VERSION.forms:
        return _print_version
    if first in HELP.forms:
        from pcapconv.cli.help_pages import command_page, overview_page

        is_command = bool(remaining) and remaining[0] in COMMANDS
        return partial(_print, command_page(COMMANDS[remaining[0]]) if is_command else overview_page())
    from pcapconv.cli.parse import parse

    command = COMMANDS.get(first)
    if command is None:
        from pcapconv.cli.suggestions import unknown_command

        raise UsageError(unknown_command(arguments))
    operands, values = parse(remaining, command)
    if values.pop("help", False):
        from pcapconv.cli.help_pages import command_page

        return partial(_print, command_page(command))
    values.pop("debug", None)  # `run` reads it when an error comes
    module, name = command.function
    function = getattr(import_module(module), name)
    return partial(function, *(operands if command.most_operands is not None else [operands]), **values)


def _print_usage() -> int:
    """Print the overview on stderr, for a line without a command."""
    from pcapconv.cli.help_pages import overview_page

    for line in overview_page().splitlines():
        messages.print_line(line)
    return WRONG_USAGE


def _print(text: str) -> int:
    """Write a text to stdout. Raises FileError if stdout is closed."""
    if sys.stdout is None:
        raise FileError("stdout: cannot write: it is closed")
    sys.stdout.write(text)
    return 0


def _print_version() -> int:
    from pcapconv.cli.version import version

    return _print(version() + "\n")
