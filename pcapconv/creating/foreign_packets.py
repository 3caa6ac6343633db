"""Interfaces and packets of other captures, brought into the section of a new capture.

Strategy: an interface is declared at its first packet. Which one it is, its value and the object of its section tell:
readers make one `Section` object for each section of each capture, and unpickled copies of one are one object again
(`model.sections`). So interfaces of different captures stay apart, and those that a caller makes anew for each packet,
with the same values, are one. An interface keeps its resolution, and its packets their ticks, unless it is finer than
the new capture may be: then it is declared with microseconds, and times that need more are refused.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from itertools import chain

from pcapconv.creating.packed_values import ORDER
from pcapconv.errors import TargetError
from pcapconv.formats.pcapng_writer import interface_body, interface_in
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FINER, HEADERS_IN_HOST_ORDER, MORE
from pcapconv.model import Columns, Interface, Packet, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.steps.batch_rows import distinct
from pcapconv.steps.moved_batches import MovedBatches
from pcapconv.steps.simple_packets import EncodeSimplePackets
from pcapconv.steps.time_scales import Scale
from pcapconv.timestamps import MICROSECONDS, ratio
from pcapconv.wording import argument

_RECENT = 1024  # objects of interfaces, which are found faster than by their values
_CROWDED = 4096  # bytes of the buffer for each packet, up to which copying all of it is fast
_SAME = Scale(1, 1, 0)

AddInterface = Callable[[bytes, str], Interface]


class ForeignPackets:
    """What other captures bring into the section with these `interfaces`.

    `add` adds an interface: it takes the body of its block, and why its times cannot be determined. `keep` says that
    the interfaces added so far are declared, `forget` that the last ones are not. `losses`
    counts by kind what has no place. `microseconds` is whether finer times are refused. `to_pcap` is whether the
    capture becomes pcap, whose writer takes Simple Packets of any interface.
    """

    def __init__(
        self,
        section: Section,
        interfaces: list[Interface],
        add: AddInterface,
        losses: Counter[str],
        *,
        microseconds: bool,
        to_pcap: bool,
    ) -> None:
        self._section = section
        self._interfaces = interfaces
        self._add = add
        self._losses = losses
        self._microseconds = microseconds
        self._simple_packets = None if to_pcap else EncodeSimplePackets(losses)
        # (id of the section's object, interface) → the interface that stands for it
        self._known: dict[tuple[int, Interface], Interface] = {}
        self._new: list[tuple[tuple[int, Interface], int]] = []  # keys in `_known`, and options that were lost
        self._sections: dict[int, Section] = {}  # those of `_known`, so that no other object gets their ids
        self._ids: dict[int, array[int]] = {}  # by id of the section's object: ids there → ids here, of those in use
        self._recent: dict[tuple[int, int], tuple[Interface, Interface]] = {}  # by the ids of both objects
        self._moved: dict[ByteOrder, MovedBatches] = {}

    def interface(self, interface: Interface, section: Section) -> Interface:
        """Return the interface of the new capture that stands for an interface of another one; add it at its first
        use."""
        recent = self._recent.get((id(section), id(interface)))
        if recent is not None:
            return recent[1]
        declared = self._known.get((id(section), interface))
        if declared is None:
            left_out: Counter[str] = Counter()
            new = interface_in(ORDER, interface, left_out)
            if self._is_too_fine(interface):
                options = option_lists.edit(new.raw_options, ORDER, keep=_says_no_time)
                new = new._replace(raw_options=options, layout="pcapng", ticks_per_second=MICROSECONDS, time_offset=0)
            declared = self._add(interface_body(new), interface.time_error)
            self._known[id(section), interface] = declared
            self._new.append(((id(section), interface), left_out.total()))
            self._sections[id(section)] = section
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[id(section), id(interface)] = interface, declared
        return declared

    def keep(self) -> None:
        """Keep the interfaces that were added, now that they are declared."""
        self._losses["interface-options"] += sum(lost for _, lost in self._new)
        self._new = []

    def forget(self) -> None:
        """Forget the interfaces that were added since the last `keep`."""
        for key, _ in self._new:
            del self._known[key]
        self._new = []
        self._recent.clear()

    def declared(self, interface: Interface) -> Interface | None:
        """Return the interface of the new capture that stands for an interface of another one; None if no packet of it
        was written. Of equal ones in several captures, the same object counts, or else the first one."""
        recent = (declared for (_, number), (_, declared) in self._recent.items() if number == id(interface))
        equal = (declared for (_, known), declared in self._known.items() if known == interface)
        return next(chain(recent, equal), None)

    def options(self, packet: Packet) -> tuple[bytes, int]:
        """Return a packet's options as they are in the new capture, and how many have no place there. The caller counts
        these as losses once nothing can refuse the packet."""
        order = packet.section.byte_order
        return self._moves(order).options(packet.raw_options, order) if packet.raw_options else (b"", 0)

    def data(self, packet: Packet, data: bytes) -> bytes:
        """Return a packet's bytes with the headers that follow the file's byte order in the new one."""
        order, interface = packet.section.byte_order, packet.interface
        if order == ORDER or interface.link_type not in HEADERS_IN_HOST_ORDER:
            return data
        columns = Columns(1)
        columns.captured_length[0] = columns.original_length[0] = len(data)
        columns.record_type[0] = pcapng.ENHANCED_PACKET
        section = packet.section._replace(layout="pcapng")
        batch = PacketBatch(
            bytearray(data), columns, 1, first_number=1, section=section, interfaces=[interface._replace(id=0)]
        )
        batch.contiguous = False  # there is no record
        return bytes(with_headers_in(ORDER, batch).buffer)

    def batch(self, batch: PacketBatch, first_number: int) -> PacketBatch:
        """Return a batch of another capture as one of this capture, whose packets have numbers from `first_number`. The
        old batch stays as it is. Raises TargetError for a time that is too fine."""
        used = distinct(batch.columns.interface[: batch.rows])
        new_ids = [self.interface(batch.interfaces[number], batch.section).id for number in used]
        ids = self._ids.setdefault(id(batch.section), array("Q"))
        ids.extend(range(len(ids), max(used) + 1))
        for number, new_id in zip(used, new_ids):
            ids[number] = new_id
        section = batch.section
        keeps_records = section.layout == "pcapng" and section.byte_order == ORDER
        changes_ids = any(ids[number] != number for number in used)
        crowded = len(batch.buffer) < _CROWDED * batch.rows
        moved = batch.copy() if keeps_records and changes_ids and not crowded else batch.slice(0, batch.rows)
        if keeps_records and changes_ids and crowded:
            moved.buffer = bytearray(batch.buffer)
        moved.numbers, moved.first_number = None, first_number
        if any(self._is_too_fine(batch.interfaces[number]) for number in used):
            self._to_microseconds(moved)
        moves = self._moves(section.byte_order)
        moves.set_ids(ids, changes=changes_ids)
        moved = moves.move(moved)
        return moved if self._simple_packets is None else self._simple_packets.encode(moved)

    def _moves(self, order: ByteOrder) -> MovedBatches:
        if order not in self._moved:
            self._moved[order] = MovedBatches(self._section, self._interfaces, self._losses, processes=())
        return self._moved[order]

    def _is_too_fine(self, interface: Interface) -> bool:
        whole = ratio(interface.ticks_per_second, MICROSECONDS)[1] == 1
        return self._microseconds and not interface.time_error and not whole

    def _to_microseconds(self, batch: PacketBatch) -> None:
        """Change the ticks of a batch where its interfaces are finer than microseconds."""
        table = array("Q")
        for number, interface in enumerate(batch.interfaces):
            scale = _scale_to_microseconds(interface) if self._is_too_fine(interface) else _SAME
            table.extend(scale.entry(number))
        table.extend(_SAME.entry(0))  # of packets without a time
        rows = batch.rows
        old_ids = batch.columns.interface[:rows]
        row, _, status = choose().to_nanoseconds(batch.columns, 0, rows, table, False)
        if status != MORE:
            raise _too_fine(batch.number(row)) if status == FINER else _out_of_range(batch.number(row))
        batch.columns.interface[:rows] = old_ids  # those of packets without a time
        batch.columns.record_length[:rows] = array("I", bytes(4 * rows))
        batch.contiguous = False


def _scale_to_microseconds(interface: Interface) -> Scale:
    """Return the scale from an interface's ticks to microseconds since 1970."""
    factor, divisor = ratio(interface.ticks_per_second, MICROSECONDS)
    return Scale(factor, divisor, interface.time_offset * MICROSECONDS)


def _too_fine(number: int) -> TargetError:
    """The error for a packet whose time needs nanoseconds."""
    return TargetError(
        f"packet {number}: its time has digits finer than a microsecond; {argument('resolution', 'ns')} holds "
        "nanoseconds",
        packet_number=number,
    )


def _out_of_range(number: int) -> TargetError:
    """The error for a packet whose time 64 bits cannot hold."""
    return TargetError(
        f"packet {number}: its time is before 1970, or more than 64 bits of microseconds", packet_number=number
    )


def _says_no_time(option: option_lists.Option) -> bool:
    return option.code not in (pcapng.IF_TSRESOL, pcapng.IF_TSOFFSET)
