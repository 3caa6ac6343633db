"""The exit statuses of the command line."""

from pcapconv.errors import UsageError
from pcapconv.report import LossError

SAME = 0  # of diff
DIFFERENT = 1  # of diff, normalize --check and --in-place
FAILED = 1
WRONG_USAGE = 2
TROUBLE = 2  # of diff, whose 1 means "different"
DAMAGED = 3  # done, but the input was damaged
REFUSED = 4  # since something would be lost
INTERRUPTED = 130


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
