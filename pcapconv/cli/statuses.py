"""The exit statuses of the command line, the same in all commands, and which error has which."""

from collections.abc import Iterable

from pcapconv.errors import UsageError
from pcapconv.report import LossError

SAME = 0  # or done
DIFFERENT = FAILED = 1
WRONG_USAGE = 2
TROUBLE = 2  # of diff, whose 1 means "different": also what cannot be read
DAMAGED = 3  # done, or the same, but the input was damaged
REFUSED = 4  # because of what would be lost
INTERRUPTED = 130

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
