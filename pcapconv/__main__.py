"""The installed `pcapconv` command: from the first line of `main` on, a signal or a want of files and memory ends it
well.

Strategy: the library, whose import takes the longest part of a short run, is imported with signals handled. Until the
work begins there is nothing to clear away, and a signal ends the program at once; then `pcapconv.cli.signals` takes
over.
"""

import os
import sys


def main() -> None:
    """Run the command line in `sys.argv`, and exit with its status."""
    try:
        import signal

        ending = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        ending = [number for number in ending if signal.getsignal(number) is not signal.SIG_IGN]
        for number in ending:
            signal.signal(number, _end)
        from pcapconv.cli import run
    except KeyboardInterrupt:
        _end(2)
    except (ImportError, MemoryError, OSError) as error:
        trouble = 2 if sys.argv[1:2] == ["diff"] else 1
        _end_with(trouble, f"cannot start: {str(error) or 'out of memory'}")
    status = run(sys.argv[1:])
    for number in ending:  # too late for them
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def _end(number: int, _frame: object = None) -> None:
    # While it is imported, this module has not all its names.
    all_is_done = getattr(sys.modules.get("pcapconv.cli.signals"), "all_is_done", None)
    if all_is_done is None or not all_is_done():  # else it came between the work and the end of `main`
        _end_with(128 + number, "interrupted")


def _end_with(status: int, reason: str) -> None:
    try:
        os.write(2, f"pcapconv: {reason}\n".encode(errors="backslashreplace"))
    finally:  # also where nobody wants to know
        os._exit(status)


if __name__ == "__main__":
    main()
