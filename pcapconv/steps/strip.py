"""The steps that leave out metadata: blocks and options of the kinds that a user names, or that forbid copying.

Strategy: a block is left out whole, or loses some of its options; a section or an interface that loses an option is
encoded from its fields. A kernel counts the options of packets by code, and only batches with an option to leave out
are processed row by row. The part of an option list that cannot be read stays as it is.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from pcapconv.errors import UsageError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS, UNREADABLE
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.wording import argument

STRIP_KINDS = ("comments", "names", "statistics", "secrets", "custom", "unknown", "host", "addresses")
NARROW_KINDS = ("packet-comments", "capture-comments", "processes")  # which only `Strip` knows

_COMMENTS, _PROCESSES, _UNKNOWN = "comments", "processes", "unknown"
_COMMENTS_OF = {
    pcapng.SECTION_HEADER: "capture-comments",
    pcapng.ENHANCED_PACKET: "packet-comments",
    pcapng.OBSOLETE_PACKET: "packet-comments",
}
_UNKNOWN_DROP_COUNT = 0xFFFF


class _Rules(NamedTuple):
    """Which options of a block type are left out: options whose code is in `kinds` (code → kind of metadata), and, if
    `known` is not None, options whose code is not in `known`."""

    kinds: Mapping[int, str]
    known: Collection[int] | None = None

    def kind(self, code: int) -> str | None:
        """Return the kind under which an option of this code is left out; None if it stays."""
        kind = self.kinds.get(code)
        return _UNKNOWN if kind is None and self.known is not None and code not in self.known else kind

    def __bool__(self) -> bool:
        return bool(self.kinds) or self.known is not None


class _LeaveOutStep(Step):
    """The base of the two steps here.

    `kind_of` returns the kind under which a type of blocks, or a type of options of the block type that is given, is
    left out, or None if it stays. If `processes`, all blocks that describe processes, and the options of packets that
    name them, are left out. If `unknown`, options of codes that the specification does not name are left out, too.
    `left_out` counts them by kind.
    """

    def __init__(
        self,
        left_out: Counter[str],
        kind_of: Callable[[pcapng.BlockType | option_lists.OptionType, int], str | None],
        *,
        processes: bool = False,
        unknown: bool = False,
    ) -> None:
        super().__init__()
        self._left_out = left_out
        self._kind_of = kind_of
        self._processes = processes
        self._unknown = unknown
        self._kernels = choose()
        self._rules: dict[int, _Rules] = {}
        self._counts = array("Q")  # filled at the first packets with options
        self._zeros = array("Q")

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        batch.interfaces = self._interfaces
        if batch.has_options and self._may_hold_some(batch):
            self._strip_packets(batch)
        return (batch,)

    def _rules_of(self, block_type: int) -> _Rules:
        rules = self._rules.get(block_type)
        if rules is None:
            types = pcapng.option_types(block_type).values()
            kinds = {each.code: kind for each in types if (kind := self._kind_of(each, block_type)) is not None}
            if self._processes and block_type in (pcapng.ENHANCED_PACKET, pcapng.OBSOLETE_PACKET):
                kinds |= dict.fromkeys(pcapng.PROCESS_REFERENCES, _PROCESSES)
            if self._processes and block_type == pcapng.ENHANCED_PACKET:
                kinds[pcapng.EPB_PROCESSID_THREADID] = _PROCESSES
            known = {each.code for each in types if each.specified} if self._unknown else None
            rules = _Rules(kinds, known)
            self._rules[block_type] = rules
        return rules

    def _section(self, section: Section) -> Iterable[Item]:
        remaining = self._remaining_options(section.raw_options, section.byte_order, pcapng.SECTION_HEADER)
        raw = section.raw if remaining == section.raw_options else None
        return (section._replace(raw=raw, raw_options=remaining, changed=True),)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        remaining = self._remaining_options(interface.raw_options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION)
        return (
            interface if remaining == interface.raw_options else interface._replace(raw=None, raw_options=remaining),
        )

    def _block(self, block: Block) -> Iterable[Item]:
        if self._processes and block.is_process:
            kind: str | None = _PROCESSES
        else:
            kind = self._kind_of(pcapng.block_type(block.type), block.type)
        if kind is not None:
            self._left_out[kind] += block.entries
            return ()
        at = block.options_at
        options = block.body[at:]
        if not options:
            return (block,)
        remaining = self._remaining_options(options, block.byte_order, block.type)
        return (block if remaining == options else block._replace(body=block.body[:at] + remaining),)

    def _may_hold_some(self, batch: PacketBatch) -> bool:
        """Return whether packets of the batch may have an option to leave out."""
        rules, columns = self._rules_of(pcapng.ENHANCED_PACKET), batch.columns
        if not rules:
            return False
        if rules.known is not None and pcapng.OBSOLETE_PACKET in columns.record_type[: batch.rows].tobytes():
            return True  # an obsolete block has fewer known options than an Enhanced one
        if not self._counts:
            self._zeros = array("Q", bytes(8 * OPTION_COUNTS))
            self._counts = self._zeros[:]
        counts = self._counts
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, columns, batch.rows, big, counts)
        if rules.known is None:
            holds_some = any(counts[code] for code in rules.kinds)
            for code in rules.kinds:
                counts[code] = 0
            return holds_some
        for code in rules.known:
            if code not in rules.kinds:
                counts[code] = 0
        counts[UNREADABLE] = 0
        if counts == self._zeros:
            return False
        counts[:] = self._zeros
        return True

    def _strip_packets(self, batch: PacketBatch) -> None:
        columns, order = batch.columns, batch.section.byte_order
        new_options = {}
        for row, length in enumerate(columns.options_length[: batch.rows]):
            if not length:
                continue
            obsolete = columns.record_type[row] == pcapng.OBSOLETE_PACKET
            block_type = pcapng.OBSOLETE_PACKET if obsolete else pcapng.ENHANCED_PACKET
            options = options_of_row(batch, row)
            remaining = self._remaining_options(options, order, block_type)
            if remaining != options:
                added = make_enhanced(batch, row)
                new_options[row] = option_lists.edit(remaining, order, add=added) if added else remaining
        replace_options(batch, new_options)

    def _remaining_options(self, options: bytes, order: ByteOrder, block_type: int) -> bytes:
        """Return an option list without the options to leave out, and count the options that are left out."""
        rules = self._rules_of(block_type)
        if not rules:
            return options

        def keep(option: option_lists.Option) -> bool:
            kind = rules.kind(option.code)
            if kind is not None:
                self._left_out[kind] += 1
            return kind is None

        return option_lists.edit(options, order, keep=keep)


class Strip(_LeaveOutStep):
    """Leaves out metadata of the `kinds`, which are among `STRIP_KINDS` and `NARROW_KINDS`. Counts, by kind in
    `left_out`, the blocks and options that are left out; a name block counts by its records, and comments of any kind
    count as comments. Options of a block that is left out do not count.

    | kind | what is left out |
    |---|---|
    | `comments` | opt_comment, in any block |
    | `packet-comments`, `capture-comments` | opt_comment of packets; of sections |
    | `processes` | blocks that describe processes, and the options of packets that name processes |
    | `names`, `statistics`, `secrets` | Name Resolution, Interface Statistics, Decryption Secrets Blocks |
    | `custom` | Custom Blocks, and custom options in any block |
    | `unknown` | blocks of a type, and options of a code, that the specification does not name; journal entries |
    | `host` | hardware, operating system and application of a section; hardware and operating system of an interface |
    | `addresses` | IPv4, IPv6, MAC and EUI addresses of an interface |

    Raises UsageError for another kind.
    """

    def __init__(self, kinds: Collection[str], left_out: Counter[str]) -> None:
        for kind in sorted(kinds):
            if kind not in STRIP_KINDS + NARROW_KINDS:
                raise UsageError(
                    f"{argument('strip', kind)}: the kinds are {', '.join(STRIP_KINDS + NARROW_KINDS)}", option="strip"
                )

        def kind_of(which: pcapng.BlockType | option_lists.OptionType, block_type: int) -> str | None:
            kind = which.kind if which.specified else _UNKNOWN
            if kind == _COMMENTS and _COMMENTS_OF.get(block_type) in kinds:
                return _COMMENTS
            return kind if kind in kinds else None

        super().__init__(left_out, kind_of, processes=_PROCESSES in kinds, unknown=_UNKNOWN in kinds)


class StripDoNotCopy(_LeaveOutStep):
    """Leaves out custom blocks and options that must not be copied if packets are selected, edited or split (pcapng,
    sections "Custom Block" and "Custom Options"). They count in `left_out` as `do-not-copy`."""

    def __init__(self, left_out: Counter[str]) -> None:
        super().__init__(left_out, lambda which, _: None if which.copied else "do-not-copy")


def make_enhanced(batch: PacketBatch, row: int) -> list[tuple[int, bytes]]:
    """Turn an obsolete Packet Block into an Enhanced one in the batch's columns, and return the options to add to it.

    Call this for a row that is about to lose its record, while the record is still in the buffer. The drop count, which
    an obsolete block has in a field, becomes an option, unless the count is unknown. Other packets stay as they are,
    and get no options.
    """
    columns, order = batch.columns, batch.section.byte_order
    if columns.record_type[row] != pcapng.OBSOLETE_PACKET:
        return []
    columns.record_type[row] = pcapng.ENHANCED_PACKET
    at = columns.record_at[row] + pcapng.DROPS_AT
    return drop_count_options(int.from_bytes(batch.buffer[at : at + 2], order), order)


def drop_count_options(drops: int, order: ByteOrder) -> list[tuple[int, bytes]]:
    """Return the drop count of an obsolete Packet Block as options of an Enhanced one; no option if the count is
    unknown."""
    return [] if drops == _UNKNOWN_DROP_COUNT else [(pcapng.EPB_DROPCOUNT, drops.to_bytes(8, order))]
