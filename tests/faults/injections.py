"""Which faults there are, and where in a run each can come."""

import signal
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from faults.commands import Command
from faults.running import Line, Point

Expected = Literal["success", "failure", "either"]

# File systems as they are: without nameless files (NFS, FUSE, vfat), and also without hard links (vfat, many FUSE).
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
)  # also from a call on
# After these nothing can be complete: what was written, or its name, did not arrive.
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
RETRIED = ("open-read", "open-write", "open-nameless", "read", "write", "fsync")  # by Python, where a signal interrupts
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


class Injection(NamedTuple):
    """Faults as `shim.c` reads them, or a signal at a line, and how the command may end."""

    faults: str
    line: Line | None = None
    expected: Expected = "either"
    point: Point | None = None

    @property
    def kills(self) -> bool:
        """Whether the command had no chance to clear away."""
        return "SIGKILL" in self.faults

    @property
    def signal(self) -> int | None:
        """The exit status of a command that a signal ended; None where none is sent."""
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
    """What the system refuses, once or from then on. A write, close or sync that fails can only end in failure."""
    for point in points:
        decisive = point.kind in DECISIVE and not _is_scratch(point)
        for error in ERRORS.get(point.kind, ()):
            expected: Expected = "failure" if decisive else "either"
            yield _at(system, point, error, expected)
        if point.kind in LASTING:
            yield _at(system, point, ERRORS[point.kind][0], "failure" if decisive else "either", "+")


def harmless(system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """What a program has to live with."""
    for point in points:
        for error in HARMLESS.get(point.kind, ()):
            yield _at(system, point, error, "success")
    for kind, what in LASTING_HARMLESS.items():
        yield Injection(f"{system} {kind}:1+:{what}".strip(), None, "success")
    yield Injection(system, None, "success")


def kills(command: Command, system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """An end without warning, before each call that changes something."""
    for point in points:
        if point.kind in CHANGES:
            yield _at(system, point, "SIGKILL")
            if command.processes:
                yield _at(system, point, "SIGKILL-one")


def signals(system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """An end that can be handled, right behind each call, or instead of one that is then tried again."""
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
    """Room for so many bytes and no more, of those that a clean run writes."""
    for room in sorted({*range(0, min(size, 2000), 97), *range(0, size, max(1, size // 20)), size - 1}):
        yield Injection(f"{system} write:1+:full={room}".strip())


def changes(command: Command, system: str, points: Sequence[Point]) -> Iterator[Injection]:
    """Somebody else appends to an input that is edited in place, or moves the folder of the outputs away."""
    for point in points:
        reads = point.kind == "read" and point.path == command.edited
        if reads or (point.kind == "write" and command.edited and not (command.each or command.later)):
            yield _at(system, point, f"append={command.edited}", "failure")
        if command.folder:
            yield _at(system, point, f"vanish={command.folder}")
