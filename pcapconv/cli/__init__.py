"""The command line: a thin layer over the library.

How a command line runs: `run` looks up the command in the table `commands.COMMANDS`; `parse` turns the remaining words
into operands and option values, by the tables in `options/`; the command's module calls the library. `run` turns the
error that ends a command into an exit status. `info`, `normalize --check` and `normalize --in-place` go on after a file
that fails, and so determine a status for each file. Typer is used only for completion in the shell.

The files:
  tables of the grammar  commands, options/; grammar (the types of their entries)
  parsing a line         parse; suggestions (what to type instead of a faulty line); help_pages; completion; version
  the commands           convert, split, merge, join, batch, normalize, table, diff, info, show: a module for each
  parts of commands      writing_commands (commands that write captures: progress, warnings, report), batch_problems and
                         batch_results (files of a batch, on stderr and as JSON or JUnit XML), check_results and
                         check_changes (`normalize --check`), junit (JUnit XML), result_lines (results of many files),
                         info_tables (`info --conversations` and the like)
  output for users       messages (stderr), progress, terminal (colours, columns), painted_lines (packets on a
                         terminal), kernel_warning, zone_note (times without a zone), argument_names (how messages name
                         the library's arguments), statuses (exit statuses)
  the process            signals, standard_streams; the program starts in `pcapconv/__main__.py`

How to add a command (`docs/` and `tests/` are in the repository's root):
  1. `commands.py`: add its entry, with the module and the name of the function that runs the command.
  2. `options/`: add the command's name to the field `commands` of each `Option` that the command takes;
     `options/__init__.py` describes how to add new options.
  3. A module for the command: a function that takes the operands and options, calls the library and returns the exit
     status. A command that writes captures uses `writing_commands.run_writing_command`.
  4. `statuses.py`: in `MEANINGS`, add an exit status that only this command has, or another meaning of a status in this
     command.
  5. Run `python docs/generate.py`, which writes its pages; name its how-to pages in `docs/generating/command_pages.py`.
  6. Tests: add a module for the command; `tests/test_manual.py` checks help and manual of all commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

# All that handling an error needs is imported here, before anything can go wrong.
from pcapconv import kernels, wording
from pcapconv.cli import messages, signals
from pcapconv.cli.argument_names import on_command_line
from pcapconv.cli.standard_streams import ReaderGone, StandardStreams
from pcapconv.cli.statuses import INTERRUPTED, READER_GONE, WRONG_USAGE, status_of
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.io.read_write import reason_of

_QUIET = (["show"],)  # commands that signals end without a message
_COMPLETION_REQUEST = "_PCAPCONV_COMPLETE"  # the variable that a shell sets when it asks how a line can go on


def run(arguments: list[str]) -> int:
    """Run one command line and return the exit status. An error is printed in one sentence."""
    status: int | None = None
    with StandardStreams() as streams, wording.named_by(on_command_line):
        try:
            command = _find_command(arguments)
            with signals.raise_on_signals():
                status = command()
                if sys.stdout is not None:
                    sys.stdout.flush()
        except (signals.Terminated, KeyboardInterrupt) as signal:
            if status is not None and isinstance(signal, KeyboardInterrupt):  # the command is done
                return status
            if arguments[:1] not in _QUIET:
                file = ": an unfinished output file was not kept" if signals.is_file_unfinished() else ""
                messages.print_message(f"interrupted before it was done{file}")
            streams.discard_stdout()
            return getattr(signal, "status", INTERRUPTED)
        except ReaderGone:
            return READER_GONE
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
    """Return whether `--debug` is among the options; words after `--` are operands."""
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
    """Return the function that runs a command line and returns the exit status.

    The modules that the function needs are imported here, while a signal still ends the program at once. Raises
    UsageError for an unknown command, and for operands or options that the command does not take.
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
    values.pop("debug", None)  # `run` looks for it when an error is raised
    module, name = command.function
    function = getattr(import_module(module), name)
    kernels.choose()  # while the compiled ones are imported, an exception that a signal raises is lost
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
