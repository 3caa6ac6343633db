"""The exit statuses of the command line, the same in all commands."""

from collections.abc import Iterable

SAME = 0  # or done
DIFFERENT = FAILED = 1
TROUBLE = 2  # wrong usage; of diff, whose 1 means "different", also what cannot be read
DAMAGED = 3  # done, or the same, but the input was damaged
REFUSED = 4  # because of what would be lost
INTERRUPTED = 130

_WORST_FIRST = (FAILED, REFUSED, DAMAGED)


def worst(statuses: Iterable[int]) -> int:
    """The status of a command over several captures, each of which asks for one."""
    asked = set(statuses)
    return next((status for status in _WORST_FIRST if status in asked), SAME)
