"""Runs pcapconv without the names that Windows or macOS lack: python -P tests/elsewhere.py windows COMMAND ...

It removes them from Python's modules, as Python's documentation lists them, and then runs the command line. As Windows
does, it also refuses to rename, replace or remove a file that this process has open. So it finds a name without which
something fails, and not what else these systems do differently.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

# On macOS.
NO_LINUX = {
    os: """O_TMPFILE O_PATH copy_file_range eventfd getxattr listxattr memfd_create pidfd_open posix_fadvise
        posix_fallocate POSIX_FADV_SEQUENTIAL removexattr sched_getaffinity setxattr splice""",
    select: "epoll",
    signal: "pidfd_send_signal sigtimedwait",
}
# On Windows, in addition.
NO_POSIX = {
    os: """O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC chown chroot fchmod fchown fork forkpty
        getegid geteuid getgid getgroups getpgid getpgrp getsid getuid initgroups killpg lchown lockf major mkfifo mknod
        nice openpty pathconf pipe2 pread preadv pwrite pwritev register_at_fork sendfile setgid setsid setuid statvfs
        sync sysconf tcgetpgrp wait wait3 wait4""",
    select: "poll POLLIN POLLOUT POLLERR POLLHUP",
    signal: """ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP
        SIGUSR1 SIGUSR2 SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm getitimer pause pthread_kill pthread_sigmask setitimer
        siginterrupt sigpending sigwait sigwaitinfo""",
}
NO_MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty")


def remove(system: str) -> None:
    """Remove the names that this system, `windows` or `macos`, has not."""
    for names in (NO_LINUX, NO_POSIX) if system == "windows" else (NO_LINUX,):
        for module, text in names.items():
            for name in text.split():
                if hasattr(module, name):
                    delattr(module, name)
    if system == "windows":
        sys.modules.update(dict.fromkeys(NO_MODULES))  # type: ignore[arg-type]


def refuse_open_files() -> None:
    """Let no file be renamed, replaced or removed that this process has open."""
    import tempfile

    from pcapconv.io import final_names

    final_names.closed_if_renamed = True
    tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # type: ignore[assignment]
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, _refusing(getattr(os, name)))


def _refusing(function: Callable[..., None]) -> Callable[..., None]:
    def refusing(*paths: Any, **arguments: Any) -> None:
        for path in paths:
            if os.path.realpath(path) in _open_files():
                raise PermissionError(errno.EACCES, "the file is open", path)
        function(*paths, **arguments)

    return refusing


def _open_files() -> set[str]:
    files = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one with which the folder was listed
            files.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return files


def main(system: str, arguments: list[str]) -> None:
    """Run the command line with these arguments, as if on this system. Exits with its status."""
    import subprocess  # noqa: F401 - what it needs, it has on every system

    remove(system)
    from pcapconv.__main__ import main as run

    if system == "windows":
        refuse_open_files()
    sys.argv[1:] = arguments
    run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
