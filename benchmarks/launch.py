"""Run one command; print its wall time in seconds, peak memory in bytes, and exit status.

This script is a process of its own with few imports, since Linux counts the memory of the process that starts a program
into the program's peak. A peak below the script's own size (about 9 MiB) cannot be measured.
"""

import os
import sys
import time


def main() -> None:
    """Run the command in the arguments, and discard its standard output."""
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
