"""The second pass over a capture: yields what the survey collected, and then the packets, in the normal form."""

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
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.steps.time_scales import Scale, TimeScales, scale_to_nanoseconds
from pcapconv.steps.trailing_blocks import TrailingBlocks
from pcapconv.timestamps import NANOSECONDS
from pcapconv.wording import argument

_MILLISECOND = NANOSECONDS // 1000


class Normalize(Step):
    """Turns the items of a capture into those of its normal form. `shift` nanoseconds are added to each time, unless
    times do not matter (`timeless`). With `cut`, digits finer than nanoseconds are cut off. `inexact` counts the times
    that had such digits, `without_time` the packets without a time."""

    def __init__(self, survey: Survey, form: NormalForm, *, shift: int, cut: bool, timeless: bool) -> None:
        super().__init__()
        self._survey = survey
        self._form = form
        self._shift = shift
        self._cut = cut
        self._time_scales = TimeScales(shift, timeless=timeless)
        self._identity = NormalForm(form.kinds, Counter())  # for interfaces and processes, which the survey has counted
        self._one_section = survey.section
        self.inexact = 0
        self.without_time = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items of the normal form. Raises TargetError for a time that nanoseconds in 64 bits cannot hold."""
        yield from self._survey.items()
        with TrailingBlocks() as self._statistics:
            yield from super().__call__(items)

    def _section(self, _section: Section) -> Iterable[Item]:
        self._time_scales.begin_section()
        self._form.begin_section()
        return ()

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._time_scales.add_interface(interface, self._normal_id(interface))
        return ()

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        return (self._normal_batch(with_headers_in("little", batch)),)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.INTERFACE_STATISTICS:
            kept = self._normal_statistics(block) if self._form.keep_or_count("statistics") else None
            if kept is not None:
                self._statistics.add_block(kept)
        elif block.type == pcapng.PROCESS and self._survey.processes:
            process = self._identity.process(block)
            assert process is not None  # processes are kept, since the survey has some
            self._form.add_process(self._survey.processes[process])
        elif not block.explains_packets:
            normal = self._form.other_block(block)
            if normal is not None:
                return (normal,)
        return ()

    def _notice(self, _notice: Damage | Notice) -> Iterable[Item]:
        return ()

    def _end(self) -> Iterable[Item]:
        return self._statistics.blocks()

    def _normal_id(self, interface: Interface) -> int:
        """The id that an interface has in the normal form; any id for an interface without packets."""
        return self._survey.ids.get(self._identity.interface(interface), 0)

    def _normal_batch(self, batch: PacketBatch) -> PacketBatch:
        rows = batch.rows
        columns = batch.columns.with_copies(rows, "ticks", "interface")
        block_types = columns.record_type[:rows].tobytes()
        stopped, inexact, status = self._time_scales.to_nanoseconds(columns, 0, rows, cut=self._cut)
        if status != MORE:
            raise self._time_scales.refusal(batch, stopped, status)
        self.inexact += inexact
        self.without_time += block_types.count(SIMPLE_PACKET)
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
            self._set_options(batch, normal, block_types)
        return normal

    def _set_options(self, batch: PacketBatch, normal: PacketBatch, block_types: bytes) -> None:
        order = batch.section.byte_order
        changed = {}
        for row, length in enumerate(batch.columns.options_length[: batch.rows]):
            if length:
                raw = options_of_row(batch, row)
                new = self._form.packet(raw, order, obsolete=block_types[row] == pcapng.OBSOLETE_PACKET)
                if new != raw:
                    changed[row] = new
        replace_options(normal, changed)

    def _normal_statistics(self, block: Block) -> Block | None:
        """Return the block in its normal form, or None for statistics of an interface without packets."""
        order = block.byte_order
        statistics = bodies.statistics(block.body, order)
        interface = self._survey.used_interfaces.get((block.section, statistics.interface))
        if interface is None or not statistics.has_ticks:
            return None
        scale = scale_to_nanoseconds(interface, self._shift)
        entries = []
        for code, value in block.option_list:
            value_type = pcapng.option_type(block.type, code).value_type
            if value_type == option_lists.TIME and len(value) == 8:
                ticks = self._nanoseconds(bodies.ticks_of(value, order), scale, block)
                entries.append((code, bodies.ticks_bytes(ticks, "little")))
            elif value_type == "u64" and len(value) == 8:  # a count
                entries.append((code, int.from_bytes(value, order).to_bytes(8, "little")))
            elif code == option_lists.COMMENT and self._form.keep_or_count("comments"):
                entries.append((code, option_lists.text_bytes(value)))
        ticks = self._nanoseconds(statistics.ticks, scale, block)
        body = bodies.statistics_body(self._normal_id(interface), ticks, "little", pack(entries))
        return Block(block.type, body, "little", 0, block.offset)

    def _nanoseconds(self, ticks: int, scale: Scale, block: Block) -> int:
        """A time of a statistics block in nanoseconds. Raises TargetError if 64 bits cannot hold it."""
        time, remainder = divmod(ticks * scale.factor, scale.divisor)
        time += scale.addend
        if scale.error or not 0 <= time < 2**64 or (remainder and not self._cut):
            raise TargetError(
                f"offset {block.offset}: nanoseconds cannot hold the times of this statistics block, moved as the "
                f"packets are; do not {argument('keep', 'statistics')}",
                offset=block.offset,
            )
        return time


class MaskTimes(Step):
    """Replaces the time of each packet: packet N gets the time N milliseconds after `start`, which is in nanoseconds
    since 1970. Raises TargetError for a packet whose time 64 bits cannot hold."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._next = start + _MILLISECOND

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        stop = self._next + batch.rows * _MILLISECOND
        if stop - _MILLISECOND >= 2**64:
            raise TargetError(
                f"packet {batch.first_number}: {argument('mask_time', True)} leads beyond what nanoseconds can hold",
                packet_number=batch.first_number,
            )
        batch.columns = batch.columns.with_copies(0)
        batch.columns.ticks = array("Q", range(self._next, stop, _MILLISECOND))
        self._next = stop
        return (batch,)
