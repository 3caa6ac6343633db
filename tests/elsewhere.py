"""Runs pcapconv without the names that Windows or macOS lack: python -P tests/elsewhere.py windows COMMAND ...

It removes them from Python's modules, as Python's documentation lists them, and then runs the command line. As Windows
does, it refuses to rename and to remove files that are open. So it finds a name without which something fails, and a
file that is closed too late, but nothing else that these systems do differently.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
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
    """Let a file that this process has open be neither renamed nor removed, nor replaced by another."""
    import tempfile  # which asks, when it is imported, for the names that are there

    setattr(tempfile, "TemporaryFile", tempfile.NamedTemporaryFile)  # noqa: B010 - as on Windows
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, _refusing(getattr(os, name)))


def _refusing(function: Callable[..., None]) -> Callable[..., None]:
    def refusing(*paths: Any, **named: Any) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                status = os.lstat(path, dir_fd=named.get("dir_fd"))
                if any(os.path.samestat(status, each) for each in _open_files()):
                    raise PermissionError(errno.EACCES, "another handle of the file is open", path)
        function(*paths, **named)

    return refusing


def _open_files() -> list[os.stat_result]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the list itself
            found.append(os.fstat(int(descriptor)))
    return found


def main(system: str, arguments: list[str]) -> None:
    """Run the command line with these arguments, as if on this system. Exits with its status."""
    import subprocess  # noqa: F401 - what it needs, it has on every system

    remove(system)
    if system == "windows":
        from pcapconv.io import read_write

        read_write.RENAMES_OPEN_FILES = False
        refuse_open_files()
    from pcapconv.__main__ import main as run

    sys.argv[1:] = arguments
    run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
