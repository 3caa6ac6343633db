"""The exit statuses of the command line, their meanings for the manual, and the status of each error."""

from collections.abc import Iterable
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.report import LossError

SAME = 0  # also: done
DIFFERENT = FAILED = 1
WRONG_USAGE = 2
DIFF_FAILED = 2  # of diff, whose 1 means "different": as in diff(1), also a file that cannot be read
DAMAGED = 3  # done, or the same, but an input was damaged
REFUSED = 4  # by `--on-loss fail`
INTERRUPTED = 130
READER_GONE = 141  # 128 + SIGPIPE, as of programs that this signal ends


class Meaning(NamedTuple):
    """What the manual says about an exit status.

    `text` is the meaning in most commands. `diff` is the meaning in `diff`, `check` the meaning in `normalize --check`,
    and `batch` the meaning in `batch`, if they differ. `commands` are the commands that can end with the status; empty
    if all can.
    """

    status: str
    text: str
    diff: str = ""
    check: str = ""
    batch: str = ""
    commands: tuple[str, ...] = ()


MEANINGS = (
    Meaning(f"{SAME}", "done", "the same", "in the normal form"),
    Meaning(f"{FAILED}", "failed", "different", "not in the normal form"),
    Meaning(
        f"{WRONG_USAGE}",
        "wrong usage, or an option that does not fit the capture",
        "wrong usage, or failed: a missing file, a file that is not a capture and the like",
    ),
    Meaning(
        f"{DAMAGED}",
        "done, but the input was damaged",
        "the same as far as they can be read, but a capture is damaged",
        "in the normal form as far as it can be read",
    ),
    Meaning(
        f"{REFUSED}",
        "refused because of `--on-loss fail`",
        batch="refused because of `--on-loss fail`: some files were refused, and no other file failed",
        commands=("convert", "split", "merge", "batch", "normalize"),
    ),
    Meaning(
        f"{INTERRUPTED}, 143, 129",
        "ended by SIGINT, SIGTERM or SIGHUP; 130 also if Ctrl-C ended a pipe, and the output is finished",
    ),
    Meaning(f"{READER_GONE}", "ended early, because the program that read its text on stdout ended, as `head` does"),
)
_WORST_FIRST = (FAILED, REFUSED, DAMAGED)


def status_of(error: Exception, command: str = "") -> int:
    """Return the exit status of a command that an error ended."""
    if command == "diff":
        return DIFF_FAILED
    match error:
        case UsageError():
            return WRONG_USAGE
        case LossError():
            return REFUSED
        case _:
            return FAILED


def worst_status(statuses: Iterable[int]) -> int:
    """Return the exit status of a command over several captures, given the status of each."""
    present = set(statuses)
    return next((status for status in _WORST_FIRST if status in present), SAME)
