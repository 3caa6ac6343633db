"""The kinds of faults, and where in a run each can be injected."""

import signal
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from faults.commands import Command
from faults.running import Line, Point

Expected = Literal["success", "failure", "either"]

# Kinds of file systems: with all calls, without nameless files (NFS, FUSE, vfat), and in two ways also without hard
# links (vfat, many FUSE file systems).
SYSTEMS = (
    "",
    "open-nameless:1+:EOPNOTSUPP",
    "open-nameless:1+:EISDIR link:1+:EPERM",
    "open-nameless:1+:EINVAL link:1+:EOPNOTSUPP",
)

ERRORS: dict[str, tuple[str, ...]] = {
    "open-read": ("EMFILE", "EACCES", "EIO", "ESTALE"),
    "open-write": ("EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "EACCES", "EROFS", "EIO"),
    "open-nameless": ("EMFILE", "ENOSPC", "EDQUOT", "EACCES", "EROFS"),
    "open-folder": ("EMFILE", "EACCES", "EIO"),
    "read": ("EIO", "ESTALE"),
    "write": ("ENOSPC", "EDQUOT", "EIO", "EFBIG"),
    "close": ("EIO", "ENOSPC", "EDQUOT"),
    "close-clean": ("EIO",),
    "fsync": ("EIO", "ENOSPC", "EDQUOT"),
    "fsync-folder": ("EIO",),
    "link": ("ENOSPC", "EDQUOT", "EACCES", "EIO", "EROFS", "EMLINK", "EXDEV"),
    "rename": ("ENOSPC", "EDQUOT", "EACCES", "EIO", "EROFS", "EXDEV"),
    "unlink": ("EACCES", "EIO", "EROFS"),
    "mkdir": ("ENOSPC", "EDQUOT", "EACCES", "EROFS", "EMLINK"),
    "rmdir": ("EIO", "EACCES"),
    "truncate": ("EIO", "ENOSPC"),
    "chmod": ("EPERM", "EIO", "EROFS"),
    "setxattr": ("ENOSPC", "EPERM", "EIO"),
    "getxattr": ("EIO",),
    "stat": ("EACCES", "EIO", "ESTALE"),
    "lock": ("ENOLCK", "EIO"),
    "listdir": ("EMFILE", "EACCES", "EIO"),
}
LASTING = (
    "write",
    "open-write",
    "link",
    "rename",
    "mkdir",
    "read",
    "stat",
    "close",
    "fsync",
    "listdir",
)  # calls that may also fail from some call on
# After an error of these calls, no output can be complete.
DECISIVE = ("write", "close", "fsync")

HARMLESS: dict[str, tuple[str, ...]] = {
    "open-read": ("EINTR",),
    "open-write": ("EINTR",),
    "open-nameless": ("EINTR", "EOPNOTSUPP", "EISDIR", "EINVAL", "ENOENT"),
    "read": ("EINTR", "short"),
    "write": ("EINTR", "short"),
    "fsync": ("EINTR",),
    "fsync-folder": ("EINVAL",),
    "truncate": ("EINTR",),
    "chown": ("EPERM",),
    "setxattr": ("EOPNOTSUPP",),
    "getxattr": ("EOPNOTSUPP",),
}
LASTING_HARMLESS = {
    "read": "short",
    "write": "short",
    "chown": "EPERM",
    "setxattr": "EOPNOTSUPP",
    "getxattr": "EOPNOTSUPP",
}
CHANGES = (
    *("open-write", "open-nameless", "write", "truncate", "close", "fsync", "fsync-folder", "link", "rename", "unlink"),
    *("mkdir", "rmdir", "chmod", "chown", "setxattr", "lock"),
)
RETRIED = ("open-read", "open-write", "open-nameless", "read", "write", "fsync")  # by Python, after a signal
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


class Injection(NamedTuple):
    """Faults in the syntax of `shim.c`, or a signal at a line, and how the command is expected to end."""

    faults: str
    line: Line | None = None
    expected: Expected = "either"
    point: Point | None = None

    @property
    def kills(self) -> bool:
        """Return whether the command is killed, and cannot clear away its temporary files."""
        return "SIGKILL" in self.faults

    @property
    def signal(self) -> int | None:
        """The exit status of a command that the signal ends, or None if no signal is sent."""
        if self.line is not None:
            return 128 + self.line.signal
        return next((status for name, status in SIGNALS.items() if f":{name}" in self.faults), None)

    def __str__(self) -> str:
        line = f" --line {self.line.at}:{signal.Signals(self.line.signal).name}" if self.line else ""
        return f'--fault "{self.faults}"{line}'


def _at(system: str, point: Point, what: str, expected: Expected = "either", sign: str = "") -> Injection:
    return Injection(f"{system} {point.kind}:{point.number}{sign}:{what}".strip(), None, expected, point)


def _is_scratch(point: Point) -> bool:
    return point.path.startswith("tmp/") or point.path.endswith(".jsonl")


def errors(system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """Calls that fail, once or from then on. After an error of write, close or fsync, the command must fail."""
    for point in points:
        decisive = point.kind in DECISIVE and not _is_scratch(point)
        for error in ERRORS.get(point.kind, ()):
            expected: Expected = "failure" if decisive else "either"
            yield _at(system, point, error, expected)
        if point.kind in LASTING:
            yield _at(system, point, ERRORS[point.kind][0], "failure" if decisive else "either", "+")


def harmless(system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """Faults despite which the command must succeed."""
    for point in points:
        for error in HARMLESS.get(point.kind, ()):
            yield _at(system, point, error, "success")
    for kind, what in LASTING_HARMLESS.items():
        yield Injection(f"{system} {kind}:1+:{what}".strip(), None, "success")
    yield Injection(system, None, "success")


def kills(command: Command, system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """SIGKILL before each call that changes something."""
    for point in points:
        if point.kind in CHANGES:
            yield _at(system, point, "SIGKILL")
            if command.processes:
                yield _at(system, point, "SIGKILL-one")


def signals(system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """A signal that can be handled, right after each call, or instead of a call that Python then repeats."""
    for point in points:
        if point.kind in CHANGES or point.kind in RETRIED:
            for name in SIGNALS:
                yield _at(system, point, name)
        if point.kind in RETRIED:
            yield _at(system, point, "SIGTERM-first")


def lines(count: int, system: str) -> Iterator[Injection]:
    """A signal at each line of pcapconv that runs."""
    for at in range(1, count + 1):
        for number in (signal.SIGINT, signal.SIGTERM):
            yield Injection(system, Line(at, number))


def full_disks(system: str, size: int) -> Iterator[Injection]:
    """A disk that is full after some of the `size` bytes that a run without faults writes."""
    for room in sorted({*range(0, min(size, 2000), 97), *range(0, size, max(1, size // 20)), size - 1}):
        yield Injection(f"{system} write:1+:full={room}".strip())


def changes(command: Command, system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """Another process appends to an input that is edited in place, or moves the folder of the outputs away."""
    for point in points:
        reads = point.kind == "read" and point.path == command.edited
        if reads or (point.kind == "write" and command.edited and not (command.each or command.later)):
            yield _at(system, point, f"append={command.edited}", "failure")
        if command.folder:
            yield _at(system, point, f"vanish={command.folder}")
