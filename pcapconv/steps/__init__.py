"""Steps: what can be done to a capture between a reader and a writer. Each takes items in file order and gives items in
file order.

`Step` is the base of all steps; it says who owns a batch and what a step may change in it. `BasePlan` is what a
conversion asks for the steps of a run.

Modules that are steps: `select` passes on the packets that are selected; `secrets` extracts key logs and puts them in;
`strip` leaves out metadata; `packets` cuts, shifts and comments packets; `relabel` changes what sections and interfaces
state; `snaplens` raises a snaplen that packets exceed. Other capabilities, such as sidecars and the normal form, have
steps of their own in their folders.

Modules that help them: `plan` checks the selecting and editing arguments and orders the steps, `argument_values` parses
the texts of arguments, `time_scales` turns packets' times into nanoseconds, `batch_rows` picks rows of a batch and
replaces their options.

How a selecting argument travels, with `before` as the example: the command line reads `--before` by its entry in
`cli/options/steps.py` and gives the text as `before=` to a library function, whose keyword arguments for steps are
`plan.StepArguments`; `plan.Plan` has `argument_values.parse_moment` parse the text, and keeps the moment in its
`select.Criteria`; for each run it makes a `select.Select` from these, which the loop in `conversion` puts between
reader and writer; there the moment becomes a range of ticks for each interface, by which the kernel `rows_in_ranges`
marks the rows of each batch.

Strategy: steps are generators around each other, so that one item at a time goes through all of them. Steps handle
batches; what is done to every packet is done by a kernel.
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
    """The base of all steps: follows the section and its interfaces, and passes on each item that a step does not
    handle.

    A step overrides the method of each class of items that it handles. The method returns the items to give instead:
    none, one or several. `_interfaces` are the section's interfaces by id, as the step gave them; while `_section`
    runs, they are still those of the section before. A step is used for one run.

    A step owns the batch that it is given until it asks for the next item; the giver does not look at it again. The
    step may change the batch's attributes and the values in its columns, and pass it on, and with it the ownership. A
    batch that is needed for longer has to be copied (`PacketBatch.keep`). The limits:

    * Bytes in `buffer` never change, since other batches share the buffer; a batch that needs other bytes gets another
      buffer.
    * A column is not exchanged in the batch's own `columns`, which a reader uses again; the batch gets other `columns`
      instead (`Columns.twin`).
    * A row that is changed gets `record_length` 0, so that it is encoded from its fields instead of being copied, and
      its batch is no longer `contiguous`.
    * A step that changes interfaces gives its batches its own `_interfaces`.
    """

    def __init__(self) -> None:
        self._interfaces: list[Interface] = []

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return the items that come out of the step for those that go in. Raises PcapconvError."""
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
        """Return what comes out for the beginning of a section."""
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        """Return what comes out for an interface."""
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        """Return what comes out for a batch of packets."""
        return (batch,)

    def _block(self, block: Block) -> Iterable[Item]:
        """Return what comes out for any other block."""
        return (block,)

    def _notice(self, notice: Damage | Notice) -> Iterable[Item]:
        """Return what comes out for damage or a notice."""
        return (notice,)

    def _end(self) -> Iterable[Item]:
        """Return what comes out after the last item."""
        return ()


class BasePlan:
    """The steps of one conversion, and what it needs to know about them: here, none. Used for one capture after the
    other.

    `needs_survey` is true if `survey` has to read the whole capture before the first run;
    `selects_or_edits_packets` if packets may be left out or changed; `adds_packet_comments` if packets get comments.
    `extract_to` is the path for extracted secrets, or None. `losses` counts, by kind, what the last run's steps lost;
    what the writer lost is not among it.
    """

    extract_to: str | None = None

    @property
    def needs_survey(self) -> bool:  # noqa: D102
        return False

    @property
    def selects_or_edits_packets(self) -> bool:  # noqa: D102
        return False

    @property
    def adds_packet_comments(self) -> bool:  # noqa: D102
        return False

    @property
    def losses(self) -> Mapping[str, int]:  # noqa: D102
        return {}

    def warnings(self, packets: int) -> Iterator[str]:  # noqa: ARG002
        """Return a sentence for each argument that names something a capture of so many packets does not have."""
        yield from ()

    def survey(self, items: Iterator[Item]) -> None:
        """Read the whole capture before the first run. Raises PcapconvError."""

    def steps(self, left_out: Counter[str]) -> list[Step]:  # noqa: ARG002
        """Return new steps for one run, which count by kind in `left_out` what they leave out."""
        return []

    def write_secrets(self, target: Target | None, report: Report) -> bool:  # noqa: ARG002
        """Write the secrets that the last run extracted, and return whether there are any. Raises FileError."""
        return False
