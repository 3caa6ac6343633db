"""The second pass over a capture: packets in the normal form, behind what the survey found."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from pcapconv.errors import TargetError
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels.contract import MORE
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.normalizing.normal_form import NormalForm, pack
from pcapconv.normalizing.survey import Survey
from pcapconv.normalizing.trailing_blocks import TrailingBlocks
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of, replace_options
from pcapconv.steps.time_scales import Scale, TimeScales, scale_to_nanoseconds
from pcapconv.timestamps import NANOSECONDS
from pcapconv.wording import argument

_MILLISECOND = NANOSECONDS // 1000


class Normalize(Step):
    """The step. `shift` nanoseconds are added to each time, unless `timeless`; `cut` allows to lose digits, which are
    counted in `inexact`, as packets without a time are in `without_time`."""

    def __init__(self, survey: Survey, form: NormalForm, *, shift: int, cut: bool, timeless: bool) -> None:
        super().__init__()
        self._survey = survey
        self._form = form
        self._shift = shift
        self._cut = cut
        self._units = TimeScales(shift, timeless=timeless)
        self._identity = NormalForm(form.kinds, Counter())  # for interfaces, which are counted already
        self._one_section = survey.section
        self.inexact = 0
        self.without_time = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The normal form's items. Raises TargetError for a time that it cannot hold."""
        yield from self._survey.items()
        with TrailingBlocks() as self._statistics:
            yield from super().__call__(items)

    def _section(self, _section: Section) -> Iterable[Item]:
        self._units.begin()
        self._form.begin_section()
        return ()

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._units.add(interface, self._place(interface))
        return ()

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        return (self._packets(with_headers_in("little", batch)),)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.INTERFACE_STATISTICS:
            kept = self._normal_statistics(block) if self._form.keeps("statistics") else None
            if kept is not None:
                self._statistics.add(kept)
        elif block.type == pcapng.PROCESS and self._survey.processes:
            process = self._identity.process(block)
            assert process is not None  # they are kept
            self._form.refer_to(self._survey.processes[process])
        elif not block.explains_packets:
            other = self._form.other(block)
            if other is not None:
                return (other,)
        return ()

    def _notice(self, _notice: Damage | Notice) -> Iterable[Item]:
        return ()

    def _end(self) -> Iterable[Item]:
        return self._statistics.blocks()

    def _place(self, interface: Interface) -> int:
        """Which of those in the normal form an interface is; any where it has no packets."""
        return self._survey.ids.get(self._identity.interface(interface), 0)

    def _packets(self, batch: PacketBatch) -> PacketBatch:
        rows = batch.rows
        columns = batch.columns.twin(rows, "ticks", "interface")
        kinds = columns.record_type[:rows].tobytes()
        stopped, inexact, status = self._units.to_nanoseconds(columns, 0, rows, cut=self._cut)
        if status != MORE:
            raise self._units.refusal(batch, stopped, status)
        self.inexact += inexact
        self.without_time += kinds.count(SIMPLE_PACKET)
        columns.record_type = array("B", bytes([pcapng.ENHANCED_PACKET]) * rows)
        columns.record_length = array("I", bytes(4 * rows))
        normal = PacketBatch(
            batch.buffer,
            columns,
            rows,
            first_number=batch.first_number,
            section=self._one_section,
            interfaces=self._survey.interfaces,
        )
        normal.contiguous = False
        if batch.has_options:
            self._write_options(batch, normal, kinds)
        return normal

    def _write_options(self, batch: PacketBatch, normal: PacketBatch, kinds: bytes) -> None:
        order = batch.section.byte_order
        changed = {}
        for row, length in enumerate(batch.columns.options_length[: batch.rows]):
            if length:
                raw = options_of(batch, row)
                new = self._form.packet(raw, order, obsolete=kinds[row] == pcapng.OBSOLETE_PACKET)
                if new != raw:
                    changed[row] = new
        replace_options(normal, changed)

    def _normal_statistics(self, block: Block) -> Block | None:
        order = block.byte_order
        stated = bodies.statistics(block.body, order)
        interface = self._survey.used.get((block.section, stated.interface))
        if interface is None or not stated.has_ticks:  # of an interface without packets
            return None
        place, scale = self._place(interface), scale_to_nanoseconds(interface, self._shift)
        entries = []
        for code, value in block.option_list:
            holds = pcapng.option_type(block.type, code).holds
            if holds == option_lists.TIME and len(value) == 8:
                ticks = self._moved(bodies.ticks_of(value, order), scale, block)
                entries.append((code, bodies.ticks_bytes(ticks, "little")))
            elif holds == "u64" and len(value) == 8:  # a count
                entries.append((code, int.from_bytes(value, order).to_bytes(8, "little")))
            elif code == option_lists.COMMENT and self._form.keeps("comments"):
                entries.append((code, option_lists.text_bytes(value)))
        ticks = self._moved(stated.ticks, scale, block)
        return Block(
            block.type, bodies.statistics_body(place, ticks, "little", pack(entries)), "little", 0, block.offset
        )

    def _moved(self, ticks: int, scale: Scale, block: Block) -> int:
        time, rest = divmod(ticks * scale.factor, scale.divisor)
        time += scale.addend
        if scale.error or not 0 <= time < 2**64 or (rest and not self._cut):
            raise TargetError(
                f"offset {block.offset}: nanoseconds cannot hold the times of this statistics block, moved as the "
                f"packets are; do not {argument('keep', 'statistics')}"
            )
        return time


class MaskTimes(Step):
    """The step that puts every packet at its number in milliseconds after `start`, in nanoseconds since 1970. Raises
    TargetError where there are more packets than times."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._next = start + _MILLISECOND

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        stop = self._next + batch.rows * _MILLISECOND
        if stop - _MILLISECOND >= 2**64:
            raise TargetError(
                f"packet {batch.first_number}: {argument('mask_time', True)} leads beyond what nanoseconds can hold"
            )
        batch.columns = batch.columns.twin(0)
        batch.columns.ticks = array("Q", range(self._next, stop, _MILLISECOND))
        self._next = stop
        return (batch,)
