"""The exit statuses of the command line, the same in all commands, and which error has which."""

from collections.abc import Iterable
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.report import LossError

SAME = 0  # or done
DIFFERENT = FAILED = 1
WRONG_USAGE = 2
TROUBLE = 2  # of diff, whose 1 means "different": also what cannot be read
DAMAGED = 3  # done, or the same, but the input was damaged
REFUSED = 4  # because of what would be lost
INTERRUPTED = 130


class Meaning(NamedTuple):
    """What the manual says of a status; `diff` says something else of it, and `check` is what it is of
    `normalize --check`. `commands` are those that end with it; without any, all do."""

    status: str
    text: str
    diff: str = ""
    check: str = ""
    commands: tuple[str, ...] = ()


MEANINGS = (
    Meaning(f"{SAME}", "done", "the same", "in the normal form"),
    Meaning(f"{FAILED}", "failed", "different", "not in the normal form"),
    Meaning(f"{WRONG_USAGE}", "wrong usage", "wrong usage, or no answer: a missing file, no capture and the like"),
    Meaning(
        f"{DAMAGED}",
        "done, but the input was damaged",
        "the same as far as could be read, but a capture was damaged",
        "in the normal form as far as could be read",
    ),
    Meaning(
        f"{REFUSED}",
        "refused because of `--on-loss fail`; of a batch: some files were, and no other one failed",
        commands=("convert", "split", "batch", "normalize"),
    ),
    Meaning(f"{INTERRUPTED}, 143, 129", "ended by SIGINT, SIGTERM or SIGHUP"),
)
_WORST_FIRST = (FAILED, REFUSED, DAMAGED)


def status_of(error: Exception, command: str = "") -> int:
    """The status of a command that ends with this error."""
    if command == "diff":
        return TROUBLE
    match error:
        case UsageError():
            return WRONG_USAGE
        case LossError():
            return REFUSED
        case _:
            return FAILED


def worst(statuses: Iterable[int]) -> int:
    """The status of a command over several captures, each of which asks for one."""
    asked = set(statuses)
    return next((status for status in _WORST_FIRST if status in asked), SAME)
