"""The command line: a thin layer over the library, built by Typer.

Strategy: a plain command line goes to its work directly, anything else by way of Typer (see `options`). Errors become
exit statuses in one place, here. What that place needs is imported before anything can go wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from pcapconv import wording
from pcapconv.cli import messages, signals
from pcapconv.cli.naming import on_command_line
from pcapconv.cli.statuses import INTERRUPTED, status_of
from pcapconv.cli.streams import Streams
from pcapconv.errors import PcapconvError
from pcapconv.io.calls import reason_of


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
            if "--debug" in arguments:
                import traceback

                for line in traceback.format_exc().splitlines():
                    messages.say(line)
            else:
                messages.complain(_sentence(error))
            return status_of(error, *arguments[:1])
    return status


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
    """What there is to do. What it needs is imported here, where a signal still ends the program at once."""
    if arguments == ["--version"]:
        return _show_version
    from pcapconv.cli.options import CONVERT, NORMALIZE, SPLIT, parse

    command = arguments[0] if arguments else ""
    known = {"convert": CONVERT, "split": SPLIT, "normalize": NORMALIZE}.get(command)
    plain = None if known is None else parse(arguments[1:], known, places=2)
    if plain is None:
        import pcapconv.cli.app  # noqa: F401 - `_with_typer` needs it

        return partial(_with_typer, arguments)
    words, given = plain
    if command == "convert":
        from pcapconv.cli.convert import convert

        return partial(convert, *words, **given)
    if command == "split":
        from pcapconv.cli.split import split

        return partial(split, *words, **given)
    from pcapconv.cli.normalize import normalize

    return partial(normalize, words, **given)


def _show_version() -> int:
    from pcapconv.cli.version import version

    sys.stdout.write(version() + "\n")
    return 0


def _with_typer(arguments: list[str]) -> int:
    from pcapconv.cli.app import app

    try:
        app(args=arguments, prog_name="pcapconv")
    except SystemExit as end:
        return int(end.code or 0)
    return 0
