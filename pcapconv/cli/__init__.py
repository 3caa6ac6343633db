"""The command line: a thin layer over the library.

Strategy: what there is to type stands in two tables, `commands` and `options`; `parse` understands a line by them, and
Typer completes by them. Errors become exit statuses in one place, here. What that place needs is imported before
anything can go wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from pcapconv import wording
from pcapconv.cli import messages, signals
from pcapconv.cli.argument_names import on_command_line
from pcapconv.cli.standard_streams import Streams
from pcapconv.cli.statuses import INTERRUPTED, WRONG_USAGE, status_of
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.io.read_write import reason_of

_COMPLETES = "_PCAPCONV_COMPLETE"  # set by a shell that asks how a line can go on


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit status, prints errors in one sentence."""
    status: int | None = None
    with Streams() as streams, wording.named_by(on_command_line):
        try:
            work = _work(arguments)
            with signals.raised():
                status = work()
                if sys.stdout is not None:
                    sys.stdout.flush()
        except (signals.Terminated, KeyboardInterrupt) as signal:
            if status is not None and isinstance(signal, KeyboardInterrupt):  # behind the last word
                return status
            messages.complain("interrupted before it was done: an unfinished output file was not kept")
            streams.drop()
            return getattr(signal, "status", INTERRUPTED)
        except Exception as error:
            if _is_debugged(arguments):
                import traceback

                for line in traceback.format_exc().splitlines():
                    messages.say(line)
            else:
                messages.complain(_sentence(error))
            return status_of(error, *arguments[:1])
    return status


def _is_debugged(arguments: list[str]) -> bool:
    """Whether a traceback is wanted, as far as an option may stand there: not behind `--`."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--debug" in options


def _sentence(error: Exception) -> str:
    """pcapconv's own errors say it all; what the system refused has a place where it says so."""
    match error:
        case PcapconvError() | ImportError():
            return str(error)
        case MemoryError():
            return "out of memory"
        case OSError():
            return f"{error.filename}: {reason_of(error)}" if error.filename else reason_of(error)
        case _:
            return f"unexpected {type(error).__name__}: {error}; --debug shows where it comes from"


def _work(arguments: list[str]) -> Callable[[], int]:
    """What there is to do. What it needs is imported here, where a signal still ends the program at once. Raises
    UsageError."""
    from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, VERSION

    if not arguments and _COMPLETES not in os.environ:
        return _show_what_there_is
    if not arguments or any(arguments[0] in option.forms for option in COMPLETION):
        from pcapconv.cli.completion import complete

        return partial(complete, arguments)
    first, *rest = arguments
    if first in VERSION.forms:
        return _show_version
    if first in HELP.forms:
        from pcapconv.cli.help_pages import overview, page

        return partial(_show, page(COMMANDS[rest[0]]) if rest and rest[0] in COMMANDS else overview())
    from pcapconv.cli.parse import parse

    command = COMMANDS.get(first)
    if command is None:
        from pcapconv.cli.suggestions import unknown_command

        raise UsageError(unknown_command(arguments))
    words, given = parse(rest, command)
    if given.pop("help", False):
        from pcapconv.cli.help_pages import page

        return partial(_show, page(command))
    given.pop("debug", None)  # it is read where errors are shown
    module, name = command.work
    work = getattr(import_module(module), name)
    return partial(work, *(words if command.most is not None else [words]), **given)


def _show_what_there_is() -> int:
    from pcapconv.cli.help_pages import overview

    for line in overview().splitlines():
        messages.say(line)
    return WRONG_USAGE


def _show(text: str) -> int:
    if sys.stdout is None:
        raise FileError("stdout: cannot write: it is closed")
    sys.stdout.write(text)
    return 0


def _show_version() -> int:
    from pcapconv.cli.version import version

    return _show(version() + "\n")
