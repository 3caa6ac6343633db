"""The command line: a thin layer over the library, built by Typer.

Strategy: a plain command line goes to its work directly, anything else by way of Typer (see `options`). Errors become
exit statuses in one place, here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

DAMAGED = 3
INTERRUPTED = 130


def main() -> None:
    """The installed `pcapconv` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit status, prints errors in one sentence."""
    from pcapconv.cli import signals
    from pcapconv.cli.messages import complain, complain_of_stdout, say
    from pcapconv.errors import PcapconvError

    status = None
    try:
        with signals.raised():
            status = _dispatch(list(arguments))
            if sys.stdout is not None:
                sys.stdout.flush()
    except (signals.Terminated, KeyboardInterrupt) as signal:
        if status is not None and isinstance(signal, KeyboardInterrupt):  # behind the last word
            return status
        complain("interrupted before it was done: an unfinished output file was not kept")
        return getattr(signal, "status", INTERRUPTED)
    except (PcapconvError, MemoryError, OSError) as error:
        if "--debug" in arguments:
            import traceback

            for line in traceback.format_exc().splitlines():
                say(line)
        if isinstance(error, OSError):
            complain_of_stdout(error)
        elif "--debug" not in arguments:
            complain(str(error) or "out of memory")
        return getattr(error, "exit_code", 1)
    return status


def _dispatch(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from pcapconv.cli.version import version

        sys.stdout.write(version() + "\n")
        return 0
    from pcapconv.cli.options import CONVERT, NORMALIZE, SPLIT, parse

    command = arguments[0] if arguments else ""
    known = {"convert": CONVERT, "split": SPLIT, "normalize": NORMALIZE}.get(command)
    plain = None if known is None else parse(arguments[1:], known, places=2)
    if plain is None:
        return _with_typer(arguments)
    words, given = plain
    if command == "convert":
        from pcapconv.cli.convert import convert

        return convert(*words, **given)
    if command == "split":
        from pcapconv.cli.split import split

        return split(*words, **given)
    from pcapconv.cli.normalize import normalize

    return normalize(words, **given)


def _with_typer(arguments: list[str]) -> int:
    from pcapconv.cli.app import app

    try:
        app(args=arguments, prog_name="pcapconv")
    except SystemExit as end:
        return int(end.code or 0)
    return 0
