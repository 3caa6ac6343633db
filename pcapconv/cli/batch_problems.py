"""Messages about files of a batch that failed, are damaged or were skipped; equal messages become a line with a count.

Strategy: messages are equal if they differ only in names, numbers and the quoted first bytes of files. The number of
different messages is limited, and with it the memory that they take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcapconv.batching.outcome import Outcome
from pcapconv.cli.messages import print_message
from pcapconv.text import counted

MOST_MESSAGES = 20  # different messages; files with further messages are only counted
MOST_EACH = 3  # files with the same message that are named one by one

_VARIABLE_TEXT = re.compile(r"'[^']*'|\b[0-9a-f]{2}( [0-9a-f]{2})+\b|[0-9][0-9,.]*")
_WORDS = {
    "failed": ("failed", "failed"),
    "damaged": ("is damaged", "are damaged"),
    "skipped": ("was skipped", "were skipped"),
}


class BatchProblems:
    """Collects the messages of a batch; `print_all` prints them on stderr."""

    def __init__(self) -> None:
        # Keys are the status, and the message with `#` in place of names, numbers and quoted bytes.
        self._first_messages: dict[tuple[str, str], list[str]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._other_files = 0  # with messages beyond `MOST_MESSAGES`

    def add_outcome(self, outcome: Outcome) -> None:
        """Add the message about a file that failed, is damaged, or was skipped although its name is that of a
        capture."""
        message = _message(outcome)
        names = "|".join(re.escape(name) for name in (outcome.source, outcome.target) if name)
        masked = re.sub(rf"(?<![^/ ])({names})(?![^:;. ])", "#", message)
        key = outcome.status, _VARIABLE_TEXT.sub("#", masked)
        if key not in self._first_messages and len(self._first_messages) == MOST_MESSAGES:
            self._other_files += 1
            return
        first_messages = self._first_messages.setdefault(key, [])
        if len(first_messages) < MOST_EACH:
            first_messages.append(message)
        self._counts[key] = self._counts.get(key, 0) + 1

    def print_all(self, manifest: str) -> None:
        """Print the messages, which refer to the `manifest` for the names of further files."""
        for line in self._lines(manifest):
            print_message(line)

    def _lines(self, manifest: str) -> Iterator[str]:
        for key, messages in self._first_messages.items():
            count = self._counts[key]
            if count <= MOST_EACH:
                yield from messages
            else:
                words = _WORDS[key[0]][count != 1]
                yield f"{messages[0]} ({counted(count, 'file')} {words} like this; {manifest} names them)"
        if self._other_files:
            more = counted(self._other_files, "more file")
            be = "was" if self._other_files == 1 else "were"
            yield f"{more} failed, {be} damaged or suspicious; {manifest} has them all"


def _message(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return f"warning: skipped: {outcome.error}"
    if outcome.error is not None:  # an error about an option may name no file
        return outcome.error if outcome.source in outcome.error else f"{outcome.source}: {outcome.error}"
    more = f", and {outcome.damage_total - 1:,} more" if outcome.damage_total > 1 else ""
    return f"warning: {outcome.source}: {outcome.listed_damage[0]}{more}"
