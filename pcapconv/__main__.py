"""The installed `pcapconv` command. If it cannot start (for a signal, a missing file or a lack of memory), it ends with
a one-line message.

Strategy: `main` sets handlers of signals before it imports the library, which takes most of the time of a short run.
Until a command begins there is nothing to remove, so a signal ends the program at once; then `pcapconv.cli.signals`
takes over.
"""

import os
import sys


def main() -> None:
    """Run the command line in `sys.argv` and exit with its status."""
    try:
        import signal

        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        for number in numbers:
            signal.signal(number, _end)
        from pcapconv.cli import run
    except KeyboardInterrupt:
        _end(2)
    except (ImportError, MemoryError, OSError) as error:
        status = 2 if sys.argv[1:2] == ["diff"] else 1
        _end_with(status, f"cannot start: {str(error) or 'out of memory'}")
    status = run(sys.argv[1:])
    for number in numbers:  # the command is done: nothing is left to interrupt
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def _end(number: int, _frame: object = None) -> None:
    """Handle a signal: end the program at once, unless it came after the outputs were committed."""
    # A module that is still being imported may lack the name.
    is_committed = getattr(sys.modules.get("pcapconv.cli.signals"), "outputs_are_committed", None)
    if is_committed is None or not is_committed():
        _end_with(128 + number, "interrupted")


def _end_with(status: int, reason: str) -> None:
    """Print the reason and end the process without any clean-up."""
    try:
        os.write(2, f"pcapconv: {reason}\n".encode(errors="backslashreplace"))
    finally:  # also if stderr is closed
        os._exit(status)


if __name__ == "__main__":
    main()
