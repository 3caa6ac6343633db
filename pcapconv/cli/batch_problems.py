"""Files of a batch that failed, were damaged or skipped: a sentence each, and one for many of a kind.

Strategy: sentences are alike when they differ in names, numbers and quoted beginnings of files alone. How many kinds
are told apart is limited, so that the memory that this takes is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcapconv.batching.outcome import Outcome
from pcapconv.cli.messages import complain
from pcapconv.text import counted

MOST_KINDS = 20
MOST_EACH = 3  # files of a kind that are named one by one

_DIFFERS = re.compile(r"'[^']*'|\b[0-9a-f]{2}( [0-9a-f]{2})+\b|[0-9][0-9,.]*")
_WORDS = {
    "failed": ("failed", "failed"),
    "damaged": ("is damaged", "are damaged"),
    "skipped": ("was skipped", "were skipped"),
}


class Troubles:
    """Collects sentences; `say` says them on stderr."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], list[str]] = {}  # the first sentences of each
        self._counts: dict[tuple[str, str], int] = {}
        self._others = 0  # of more kinds

    def add(self, outcome: Outcome) -> None:
        """A file that is failed, damaged, or skipped although it is named like a capture."""
        sentence = _sentence(outcome)
        names = "|".join(re.escape(name) for name in (outcome.source, outcome.target) if name)
        masked = re.sub(rf"(?<![^/ ])({names})(?![^:;. ])", "#", sentence)
        kind = outcome.status, _DIFFERS.sub("#", masked)
        if kind not in self._kinds and len(self._kinds) == MOST_KINDS:
            self._others += 1
            return
        first = self._kinds.setdefault(kind, [])
        if len(first) < MOST_EACH:
            first.append(sentence)
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def say(self, manifest: str) -> None:
        """Say what was collected; the manifest has all of it."""
        for line in self._lines(manifest):
            complain(line)

    def _lines(self, manifest: str) -> Iterator[str]:
        for kind, sentences in self._kinds.items():
            count = self._counts[kind]
            if count <= MOST_EACH:
                yield from sentences
            else:
                words = _WORDS[kind[0]][count != 1]
                yield f"{sentences[0]} ({counted(count, 'file')} {words} like this; {manifest} names them)"
        if self._others:
            more = counted(self._others, "more file")
            be = "was" if self._others == 1 else "were"
            yield f"{more} failed, {be} damaged or suspicious; {manifest} has them all"


def _sentence(outcome: Outcome) -> str:
    if outcome.status == "skipped":
        return f"warning: skipped: {outcome.error}"
    if outcome.error is not None:  # of an option, say, which other files would be refused for, too
        return outcome.error if outcome.source in outcome.error else f"{outcome.source}: {outcome.error}"
    more = f", and {outcome.damage_total - 1:,} more" if outcome.damage_total > 1 else ""
    return f"warning: {outcome.source}: {outcome.listed_damage[0]}{more}"
