"""Steps between a reader and a writer: each takes items in file order and gives items in file order.

Strategy: steps are generators around each other, so that one item at a time goes through all of them. Nothing here is
done for each packet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section

if TYPE_CHECKING:
    from pcapconv.io.target import Target
    from pcapconv.report import Report


class Step:
    """The base of all steps: follows the section and its interfaces, and passes on what a step does not handle.

    A step overrides the methods for the kinds of items that it handles. Each method gives the items that come out:
    none, one or several. `_interfaces` are the section's by id, as they came out; within `_section`, they are still
    those of the section before. A step is used for one run.

    A step owns the batch that it is given, up to the moment at which it asks for the next item; whoever gave the batch
    does not look at it again. Until then the step may change what the batch says and the values in its columns, and
    pass it on. What it keeps longer is a copy (`PacketBatch.copy`).

    * Bytes in `buffer` never change, since other batches have the same buffer: the batch gets another one.
    * A column as a whole is replaced in other `columns` (`Columns.with_copies`), since a reader uses its own again.
    * A row that changed has `record_length` 0, and its batch is not `contiguous`.
    * A step that changes interfaces gives its batches `_interfaces`.
    """

    def __init__(self) -> None:
        self._interfaces: list[Interface] = []

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items that come out, for those that go in. Raises PcapconvError."""
        for item in items:
            match item:
                case PacketBatch():
                    yield from self._batch(item)
                case Section():
                    yield from self._section(item)
                    self._interfaces = []
                case Interface():
                    for interface in self._interface(item):
                        self._interfaces.append(interface)
                        yield interface
                case Block():
                    yield from self._block(item)
                case _:
                    yield from self._notice(item)
        yield from self._end()

    def _section(self, section: Section) -> Iterable[Item]:
        """What comes out for a section's header."""
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        """What comes out for an interface."""
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        """What comes out for packets."""
        return (batch,)

    def _block(self, block: Block) -> Iterable[Item]:
        """What comes out for any other block."""
        return (block,)

    def _notice(self, notice: Damage | Notice) -> Iterable[Item]:
        """What comes out for damage, or something odd."""
        return (notice,)

    def _end(self) -> Iterable[Item]:
        """What comes behind all items."""
        return ()


class BasePlan:
    """What is to be done between reader and writer, for one capture after the other: here, nothing.

    `needs_survey` tells that `survey` has to see the whole capture first, `wants_packets` that packets are selected or
    edited, `adds_packet_comments` that they get comments. `extract_to` names the file for extracted secrets. `losses`
    are those of the last run's steps, apart from the writer's.
    """

    extract_to: str | None = None

    @property
    def needs_survey(self) -> bool:  # noqa: D102
        return False

    @property
    def wants_packets(self) -> bool:  # noqa: D102
        return False

    @property
    def adds_packet_comments(self) -> bool:  # noqa: D102
        return False

    @property
    def losses(self) -> Mapping[str, int]:  # noqa: D102
        return {}

    def remarks(self, packets: int) -> Iterator[str]:  # noqa: ARG002
        """What was asked for and is not in a capture with so many packets, in words."""
        yield from ()

    def survey(self, items: Iterator[Item]) -> None:
        """Look at the whole capture. Raises PcapconvError."""

    def steps(self, left_out: Counter[str]) -> list[Step]:  # noqa: ARG002
        """New steps for one run. `left_out` counts by kind what they leave out."""
        return []

    def write_secrets(self, target: Target | None, report: Report) -> bool:  # noqa: ARG002
        """Write what the last run extracted; whether there is any. Raises FileError."""
        return False
