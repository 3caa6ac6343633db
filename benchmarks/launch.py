"""Run one command; print its wall time in seconds, peak memory in bytes, and exit status.

A process of its own, with few imports: Linux counts the memory of the process that starts a program into that program's
peak, so a peak below this script's own size (about 9 MiB) cannot be told apart from it.
"""

import os
import sys
import time


def main() -> None:
    """Run the command that the arguments give; its standard output is thrown away."""
    command = sys.argv[1:]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    print(seconds, usage.ru_maxrss * unit, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
