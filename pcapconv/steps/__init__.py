"""Steps between a reader and a writer: each takes items in file order and gives items in file order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from pcapconv.model import Item

if TYPE_CHECKING:
    from pcapconv.io.files import Target
    from pcapconv.report import Report


class Step(Protocol):
    """Selects or edits. A batch that it gives is valid until the next item is asked for. It is used for one run."""

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that come out, for those that go in. Raises PcapconvError."""
        ...


class Planned:
    """What is to be done between reader and writer, for one capture after the other: here, nothing.

    `needs_survey` tells that `survey` has to see the whole capture first, `wants_packets` that packets are selected or
    edited. `extract_to` names the file for extracted secrets. `losses` are those of the last run's steps, apart from
    the writer's.
    """

    extract_to: str | None = None

    @property
    def needs_survey(self) -> bool:  # noqa: D102
        return False

    @property
    def wants_packets(self) -> bool:  # noqa: D102
        return False

    @property
    def losses(self) -> Mapping[str, int]:  # noqa: D102
        return {}

    def survey(self, items: Iterator[Item]) -> None:
        """Look at the whole capture. Raises PcapconvError."""

    def steps(self, left_out: Counter[str]) -> list[Step]:  # noqa: ARG002
        """New steps for one run. `left_out` counts by kind what they leave out."""
        return []

    def write_secrets(self, target: Target | None, report: Report) -> bool:  # noqa: ARG002
        """Write what the last run extracted; whether there is any. Raises FileError."""
        return False
