"""Steps: what is done to a capture between its reader and a writer. Items go in and come out in file order.

A step owns the batch of packets that it receives, and may change its attributes and the values in its columns; `Step`,
the base of all steps, has the rules. A plan (`BasePlan`) makes the steps of a conversion.

* Modules that are steps: `sort` orders packets by time; `select` passes on the selected packets; `secrets` extracts key
  logs or adds secrets; `strip` leaves out metadata; `decapsulate` takes packets out of tunnels; `edit_packets` cuts and
  comments packets; `edit_times` moves and sets times; `relabel` adds comments to a capture and changes what its
  interfaces declare; `snaplens` raises a snaplen that packets exceed; `simple_packets` encodes Simple Packets that
  belong to another interface than 0. Sidecars, the normal form and others have steps of their own.
* Modules that help steps: `plan` makes the steps of the selecting and editing arguments in their order;
  `step_arguments` has the names and types of these; `argument_values` parses the texts of arguments, `typed_values`
  their values in Python's types; `select_arguments` turns those that select packets into criteria, `edit_arguments`
  those that edit packets into edits; `packet_sorter` orders any number of packets by time, with keys from
  `time_keys`: where they are in the input (`input_order`), or in a `packet_buffer` and a temporary file;
  `trailing_blocks` keeps the blocks that come after them; `packet_order` checks by how much times go back;
  `packet_filter` drops packets by their content, with an expression that `filter_expression` lets libpcap compile;
  `duplicates` finds packets that repeat others; `time_scales` turns times into nanoseconds; `batch_rows` selects rows
  of a batch, finds them by number and replaces their options; `moved_batches` moves batches to a section with other
  ids, or in the other byte order.

How the value of a selecting argument, for example `before`, flows from the command line to the packets:

1. `cli/options/selecting.py` has an option of the same name. The command passes its text to a library function
   (`convert`, `split`, `batch`) as the argument `before`.
2. `conversion.separate_arguments` separates the arguments of steps (`step_arguments.StepArguments`) from the writer's
   arguments, and `conversion.make_plan` makes the `plan.Plan` (`split` makes its own).
3. `Plan.__init__` calls `select_arguments.criteria_of`, which parses and checks the text with
   `argument_values.parse_moment`; `select.Criteria` keeps the moment.
4. `Plan.steps` makes the step `select.Select` for each run. The loop in `Conversion._run_once` passes each batch from
   the reader through this step to the writer.
5. `Select` turns the moment into a range of ticks for each interface, and calls the kernel `rows_in_ranges`.
6. `rows_in_ranges` loops over the packets of the batch. It sets to 0 the mask of each row whose ticks are outside the
   range; `Select` passes on the rows whose mask is still 1.

`plan` begins with the steps to take for a new argument.

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
    from pcapconv.steps.select import OrderBreach, SelectionEnd


class Step:
    """The base of all steps: keeps track of the section's interfaces, and passes on each item that a step does not
    handle.

    A step overrides the method of each class of items that it handles. The method returns the items that replace the
    item: none, one or several. `_interfaces` are the section's interfaces by id, as the step passed them on; while
    `_section` runs, they are still those of the previous section. A step is used for one run.

    A step owns the batch that it receives, until the step asks for the next item; the reader or step that passed the
    batch on does not use it again. The owner may change the batch's attributes and the values in its columns, and may
    pass the batch on: then the next step owns it. A batch that is needed for longer must be copied
    (`PacketBatch.copy`). The limits:

    * A step never changes bytes in `buffer`, since other batches share the buffer; a batch that needs other bytes gets
      another buffer.
    * No array in `columns` is replaced by another array, since a reader uses the same `Columns` again. Change the
      values in the array, or give the batch another `Columns` (`Columns.with_copies`).
    * A row that is changed gets `record_length` 0, so that it is encoded from its fields instead of being copied, and
      its batch is no longer `contiguous`.
    * A step that changes interfaces gives its batches its own `_interfaces`.
    """

    def __init__(self) -> None:
        self._interfaces: list[Interface] = []

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Return the items that come out of the step for the items that go in. Raises PcapconvError."""
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
    """The base of all plans, which make the steps of a conversion. This one makes no steps. A plan is used for one
    capture after another.

    `needs_survey` is true if `survey` must read the whole capture before the first run; `selects_or_edits_packets` if
    packets may be left out or changed; `changes_interfaces` if packets may get other interfaces, which only Enhanced
    Packets can name; `adds_packet_comments` if packets get comments. `extract_to` is the path for
    extracted secrets, or None. `losses` counts, by kind, what the steps of the last run lost, without the writer's
    losses.

    `can_end` is true if the steps may know before the capture's end that they pass on no further packet. If `stops` is
    set, they pass on none behind the packet that `end` then names, and reading stops there; `breach` is the first
    packet whose time is not in the order that the caller has promised. Both are those of the current run.
    """

    extract_to: str | None = None
    stops = False

    @property
    def can_end(self) -> bool:  # noqa: D102
        return False

    @property
    def end(self) -> SelectionEnd | None:  # noqa: D102
        return None

    @property
    def breach(self) -> OrderBreach | None:  # noqa: D102
        return None

    @property
    def needs_survey(self) -> bool:  # noqa: D102
        return False

    @property
    def selects_or_edits_packets(self) -> bool:  # noqa: D102
        return False

    @property
    def changes_interfaces(self) -> bool:  # noqa: D102
        return False

    @property
    def adds_packet_comments(self) -> bool:  # noqa: D102
        return False

    @property
    def losses(self) -> Mapping[str, int]:  # noqa: D102
        return {}

    def warnings(self, packets: int) -> Iterator[str]:  # noqa: ARG002
        """Return a sentence for each argument that names something that a capture of so many packets does not have."""
        yield from ()

    def survey(self, items: Iterator[Item]) -> None:
        """Read the whole capture before the first run. Raises PcapconvError."""

    def steps(self, left_out: Counter[str]) -> list[Step]:  # noqa: ARG002
        """Return new steps for one run. They count by kind, in `left_out`, what they leave out."""
        return []

    def fill_report(self, report: Report) -> None:
        """Note in the report what the steps of the last run found."""

    def write_secrets(self, target: Target | None, report: Report) -> bool:  # noqa: ARG002
        """Write the secrets that the last run extracted, and return whether it extracted any. Raises FileError."""
        return False
