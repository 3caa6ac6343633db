"""Leaving out metadata: kinds of blocks and options that somebody names, or those that forbid to be copied.

Strategy: a block goes whole, or loses some of its options; a header that loses any is made anew from its fields. Of
packets a kernel counts the options, and only batches that hold one to leave out are walked, row by row. What cannot be
read of an option list stays as it is.
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
from pcapconv.steps.batch_rows import options_of, with_options
from pcapconv.wording import argument

KINDS = ("comments", "names", "statistics", "secrets", "custom", "unknown", "host", "addresses")

_UNKNOWN = "unknown"

_DROPS_NOT_KNOWN = 0xFFFF


class _Rules(NamedTuple):
    """What of a block type's options is left out: `kinds` by code, and, unless None, all that are not in `known`."""

    kinds: Mapping[int, str]
    known: Collection[int] | None = None

    def kind(self, code: int) -> str | None:
        """The kind under which an option is left out; None for one that stays."""
        if self.known is not None and code not in self.known:
            return _UNKNOWN
        return self.kinds.get(code)

    def __bool__(self) -> bool:
        return bool(self.kinds) or self.known is not None


class _LeaveOut(Step):
    """The step that both kinds of leaving out are.

    `kind_of` gives the kind under which a block or an option is left out, None for what stays. `unknown` tells that
    those go which the specification does not name.
    """

    def __init__(
        self,
        left_out: Counter[str],
        kind_of: Callable[[pcapng.BlockType | option_lists.OptionType], str | None],
        *,
        unknown: bool = False,
    ) -> None:
        super().__init__()
        self._left_out = left_out
        self._kind_of = kind_of
        self._unknown = unknown
        self._kernels = choose()
        self._rules: dict[int, _Rules] = {}
        self._counts = array("Q")  # made when there are packets with options
        self._zeros = array("Q")

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        batch.interfaces = self._interfaces
        if batch.has_options and self._holds_some(batch):
            self._edit_packets(batch)
        return (batch,)

    def _rules_of(self, block_type: int) -> _Rules:
        rules = self._rules.get(block_type)
        if rules is None:
            rows = pcapng.option_types(block_type).values()
            kinds = {row.code: kind for row in rows if (kind := self._kind_of(row)) is not None}
            known = {row.code for row in rows if row.specified} if self._unknown else None
            rules = _Rules(kinds, known)
            self._rules[block_type] = rules
        return rules

    def _section(self, section: Section) -> Iterable[Item]:
        stays = self._edited(section.options, section.byte_order, pcapng.SECTION_HEADER)
        raw = section.raw if stays == section.options else None
        return (section._replace(raw=raw, options=stays, changed=True),)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        stays = self._edited(interface.options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION)
        return (interface if stays == interface.options else interface._replace(raw=None, options=stays),)

    def _block(self, block: Block) -> Iterable[Item]:
        kind = self._kind_of(pcapng.block_type(block.type))
        if kind is not None:
            self._left_out[kind] += block.entries
            return ()
        at = block.options_at
        stated = block.body[at:]
        if not stated:
            return (block,)
        stays = self._edited(stated, block.byte_order, block.type)
        return (block if stays == stated else block._replace(body=block.body[:at] + stays),)

    def _holds_some(self, batch: PacketBatch) -> bool:
        """Whether an option of the packets may have to be left out."""
        rules, columns = self._rules_of(pcapng.ENHANCED_PACKET), batch.columns
        if not rules:
            return False
        if rules.known is not None and pcapng.OBSOLETE_PACKET in columns.record_type[: batch.rows].tobytes():
            return True  # of whose options fewer are known
        if not self._counts:
            self._zeros = array("Q", bytes(8 * OPTION_COUNTS))
            self._counts = self._zeros[:]
        counts = self._counts
        big = batch.section.byte_order == "big"
        self._kernels.count_options(batch.buffer, columns, batch.rows, big, counts)
        if rules.known is None:
            found = any(counts[code] for code in rules.kinds)
            for code in rules.kinds:
                counts[code] = 0
            return found
        for code in rules.known:
            if code not in rules.kinds:
                counts[code] = 0
        counts[UNREADABLE] = 0
        if counts == self._zeros:
            return False
        counts[:] = self._zeros
        return True

    def _edit_packets(self, batch: PacketBatch) -> None:
        columns, order = batch.columns, batch.section.byte_order
        changed = {}
        for row, length in enumerate(columns.options_length[: batch.rows]):
            if not length:
                continue
            obsolete = columns.record_type[row] == pcapng.OBSOLETE_PACKET
            stated = options_of(batch, row)
            stays = self._edited(stated, order, pcapng.OBSOLETE_PACKET if obsolete else pcapng.ENHANCED_PACKET)
            if stays != stated:
                added = as_enhanced(batch, row)
                changed[row] = option_lists.edit(stays, order, add=added) if added else stays
        with_options(batch, changed)

    def _edited(self, stated: bytes, order: ByteOrder, block_type: int) -> bytes:
        """An option list without what is left out, which is counted."""
        rules = self._rules_of(block_type)
        if not rules:
            return stated

        def keep(option: option_lists.Option) -> bool:
            kind = rules.kind(option.code)
            if kind is not None:
                self._left_out[kind] += 1
            return kind is None

        return option_lists.edit(stated, order, keep=keep)


class Strip(_LeaveOut):
    """Leaves out the `kinds`, which are among `KINDS`; without any, nothing. Counts into `left_out`, under the same
    words, how many blocks and options went, and of name blocks how many records. What a block takes with it is not
    counted apart.

    | kind | what goes |
    |---|---|
    | `comments` | opt_comment, wherever it stands |
    | `names`, `statistics`, `secrets` | Name Resolution, Interface Statistics, Decryption Secrets Blocks |
    | `custom` | Custom Blocks, and custom options wherever they stand |
    | `unknown` | blocks of a type, and options of a code, that the specification does not name |
    | `host` | hardware, operating system and application of a section; hardware and operating system of an interface |
    | `addresses` | IPv4, IPv6, MAC and EUI addresses of an interface |

    Raises UsageError for another kind.
    """

    def __init__(self, kinds: Collection[str], left_out: Counter[str]) -> None:
        for kind in sorted(kinds):
            if kind not in KINDS:
                raise UsageError(f"{argument('strip', kind)}: the kinds are {', '.join(KINDS)}")

        def kind_of(row: pcapng.BlockType | option_lists.OptionType) -> str | None:
            kind = row.kind if row.specified else _UNKNOWN
            stays = kind == _UNKNOWN and row.specified  # nobody can read it, but it is no stranger
            return kind if kind in kinds and not stays else None

        super().__init__(left_out, kind_of, unknown=_UNKNOWN in kinds)


class DoNotCopy(_LeaveOut):
    """Leaves out what the specification wants left out of a capture whose packets change: custom blocks and options
    that are not to be copied (pcapng, sections "Custom Block" and "Custom Options"). Counts them into `left_out` as
    `do-not-copy`."""

    def __init__(self, left_out: Counter[str]) -> None:
        super().__init__(left_out, lambda row: None if row.copied else "do-not-copy")


def as_enhanced(batch: PacketBatch, row: int) -> list[tuple[int, bytes]]:
    """The options to add to a packet whose record is about to go, so that nothing goes with it.

    An obsolete Packet Block becomes an Enhanced one, in the batch's columns too, which states the drop count as an
    option, unless it is not known. Call it while the record is still in the buffer. Nothing for other packets.
    """
    columns, order = batch.columns, batch.section.byte_order
    if columns.record_type[row] != pcapng.OBSOLETE_PACKET:
        return []
    columns.record_type[row] = pcapng.ENHANCED_PACKET
    at = columns.record_at[row] + pcapng.DROPS_AT
    return dropcount(int.from_bytes(batch.buffer[at : at + 2], order), order)


def dropcount(drops: int, order: ByteOrder) -> list[tuple[int, bytes]]:
    """The drop count of an obsolete Packet Block as options of an Enhanced one; none where it is not known."""
    return [] if drops == _DROPS_NOT_KNOWN else [(pcapng.EPB_DROPCOUNT, drops.to_bytes(8, order))]
