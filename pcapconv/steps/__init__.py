"""Steps: what is done to a capture between its reader and a writer. Items go in and come out in file order.

A step owns the batch of packets that it is given, and may change it; `Step`, the base of all steps, says how far. A
plan (`BasePlan`) makes the steps of a conversion.

* Modules that are steps: `select` passes on the selected packets; `secrets` extracts key logs or puts some in; `strip`
  leaves out metadata; `edit_packets` cuts, shifts and comments packets; `relabel` changes what sections and interfaces
  state; `snaplens` raises a snaplen that packets exceed. Sidecars, the normal form and others have steps of their own.
* Modules that help steps: `plan` checks the selecting and editing arguments and puts the steps in order;
  `argument_values` parses the texts of arguments; `time_scales` turns times into nanoseconds; `batch_rows` picks rows
  of a batch and replaces their options.

The way of a selecting argument, for example `before`, to the packets:

1. `cli/options/selecting_and_editing.py` has an option of the same name, whose text the command line gives to a library
   function.
2. `plan.StepArguments` has the argument `before=` of the library functions.
3. `plan.Plan` checks it: `argument_values.parse_moment` parses its text, and `select.Criteria` keeps the moment.
4. `Plan.steps` makes the step `select.Select` for each run, and `conversion` puts it between reader and writer.
5. `Select` turns the moment into a range of ticks for each interface.
6. The kernel `rows_in_ranges` marks the rows of each batch whose ticks are in that range.

`plan` begins with how to add an argument.

Strategy: steps are generators around each other, so that one item at a time goes through all of them. What is done to
every packet of a batch is done by a kernel.
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
    batch that is needed for longer has to be copied (`PacketBatch.copy`). The limits:

    * Bytes in `buffer` never change, since other batches share the buffer; a batch that needs other bytes gets another
      buffer.
    * A column is not exchanged in the batch's own `columns`, which a reader uses again; the batch gets other `columns`
      instead (`Columns.with_copies`).
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
