"""The first pass over a capture: collects everything that comes before the packets in its normal form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pcapconv.errors import TargetError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MORE
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.normalizing.normal_form import Entries, NormalForm, names_body, pack
from pcapconv.spec import pcapng
from pcapconv.spec.pcap import NO_LIMIT_SNAPLEN
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import distinct
from pcapconv.steps.snaplens import SnaplenLimits, SnaplenReplacements
from pcapconv.steps.time_scales import TimeScales
from pcapconv.wording import argument

_MOST = 32 * 2**20  # bytes of names, secrets, processes and comments together
_NEVER = 2**200  # later than any time
_OVERHEAD = 300  # bytes of memory that an entry takes in addition to its data

_Entries = TypeVar("_Entries", bound=Iterable[tuple[Any, ...]])


class Survey(Step):
    """Collects a capture's metadata in the normal form, as a step that passes all items on. Raises FormatError for a
    time that cannot be determined, TargetError for more metadata than memory should hold.

    These attributes are complete after the last item:

    interfaces          the interfaces with packets, ordered by their first packet: the first one in the file, or the
                        earliest with `sort`; if there are no packets, the capture's first interface
    places              the section and id of each of these interfaces in the file: of the first one that has packets
    ids                 the ids of these interfaces, by the interface that `NormalForm.interface` returns
    used_interfaces     the original interfaces with packets, by section and id; only if statistics are kept
    replaced_snaplens   for each snaplen that is lower than a packet's length, the snaplen that replaces it; empty with
                        `keep_snaplen`
    replaced            the ids of interfaces whose snaplens were replaced
    packets             the number of packets
    longest             the largest captured length; only with `lengths`
    first               the time of the first packet in nanoseconds, None without packets; 0 if `timeless`: then times
                        do not matter
    rising              whether packets are in the order of their times already; only with `sort`
    names               the names, as (record type, address, name)
    name_options        the options of all names blocks
    processes           the process blocks of macOS, with the bytes by which packets refer to them
    """

    def __init__(
        self,
        form: NormalForm,
        *,
        sort: bool = False,
        timeless: bool = False,
        lengths: bool = False,
        keep_snaplen: bool = False,
    ) -> None:
        super().__init__()
        self._form = form
        self._sort = sort
        self._lengths = lengths
        self._comments: Entries = []
        self.names: set[tuple[int, bytes, bytes]] = set()
        self.name_options: Entries = []
        self._secrets: dict[bytes, None] = {}
        self._wireshark_processes: dict[Block, None] = {}
        self.processes: dict[Block, bytes] = {}
        self._room = _MOST
        self._first_interface: Interface | None = None  # of the capture
        self._unused = 0  # interfaces without packets
        self._indexes: dict[int, int] = {}  # the indexes in `_distinct` of the section's interfaces with packets, by id
        self._time_scales = TimeScales(timeless=timeless)
        self._limits = SnaplenLimits()
        self._keep_snaplen = keep_snaplen
        self.replaced_snaplens = SnaplenReplacements()
        self.replaced: set[int] = set()
        self._distinct: dict[Interface, int] = {}  # the different interfaces with packets, with their indexes
        self._firsts: list[tuple[int, int]] = []  # by the same indexes: the time and the number of the first packet
        self._places: list[tuple[int, int]] = []  # by the same indexes: the section and id in the file
        self._last = 0  # time of the last packet, with `sort`
        self.ids: dict[Interface, int] = {}
        self.used_interfaces: dict[tuple[int, int], Interface] = {}
        self.interfaces: list[Interface] = []
        self.places: list[tuple[int, int]] = []
        self.packets = 0
        self.longest = 0
        self.first: int | None = None
        self.rising = sort

    def _section(self, section: Section) -> Iterable[Item]:
        self._end_section()
        self._comments += self._keep("", self._form.section(section))
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._first_interface = self._first_interface or interface
        self._time_scales.add_interface(interface, interface.id)
        self._limits.add_interface(interface.snaplen, self.replaced_snaplens.get(interface.snaplen))
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self._add_packets(batch)
        return (batch,)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.NAME_RESOLUTION:
            if self._form.keep_or_count("names"):
                self._add_names(block)
        elif block.type == pcapng.DECRYPTION_SECRETS:
            if self._form.keep_or_count("secrets"):
                self._add_secrets(block)
        elif block.is_process:
            self._add_process(block)
        return (block,)

    def _end(self) -> Iterable[Item]:
        self._end_section()
        self._order_interfaces()
        return ()

    def items(self) -> Iterator[Item]:
        """The items before the packets in the normal form."""
        yield self.section
        yield from self.interfaces
        if self.names or self.name_options:
            body = names_body(self.names, self.name_options)
            yield Block(pcapng.NAME_RESOLUTION, body, "little", 0, 0)
        for body in self._secrets:
            yield Block(pcapng.DECRYPTION_SECRETS, body, "little", 0, 0)
        yield from self.processes
        yield from self._wireshark_processes

    def unify_snaplens(self) -> None:
        """Give all interfaces the same snaplen: the snaplen of a pcap file with all packets."""
        snaplens = [interface.snaplen for interface in self.interfaces]
        snaplen = max(max(snaplens, default=0) if all(snaplens) else NO_LIMIT_SNAPLEN, self.longest)
        self.interfaces = [interface._replace(snaplen=snaplen) for interface in self.interfaces]

    @property
    def secrets(self) -> list[bytes]:
        """The bodies of the secrets blocks."""
        return list(self._secrets)

    @property
    def section(self) -> Section:
        """The section of the normal form, which has only one."""
        return Section(0, "little", (1, 0), "pcapng", raw_options=pack(self._comments))

    def _add_packets(self, batch: PacketBatch) -> None:
        self.packets += batch.rows
        if self._lengths:
            self.longest = max(self.longest, max(batch.columns.captured_length[: batch.rows]))
        for row in () if self._keep_snaplen else self._limits.rows_above(batch):
            self.replaced_snaplens.note_longer_packet(self._limits, batch, row)
        ids = batch.columns.interface[: batch.rows]
        times, rising = self._times(batch) if self._sort else (None, True)
        earliest = None if times is None or rising else _earliest_rows(times, ids)
        for interface_id in distinct(ids):
            if interface_id not in self._indexes:
                self._indexes[interface_id] = self._index_of(interface_id, batch.interfaces[interface_id])
            index = self._indexes[interface_id]
            if times is not None:
                row = ids.index(interface_id) if earliest is None else earliest[interface_id]
                self._firsts[index] = min(self._firsts[index], (times[row], batch.number(row)))
            elif not self._firsts[index][1]:
                row = ids.index(interface_id)
                self._firsts[index] = self._time_scales.time(batch, row) // 1, batch.number(row)

    def _index_of(self, interface_id: int, interface: Interface) -> int:
        """Return the index in `_distinct` of an interface with packets, which is added if it is new."""
        if "statistics" in self._form.kinds:
            self._keep("", [(0, b"")])
            self.used_interfaces[interface.section, interface_id] = interface
        normal = self._form.interface(interface)
        index = self._distinct.setdefault(normal, len(self._distinct))
        if index == len(self._firsts):
            self._firsts.append((_NEVER, 0))
            self._places.append((interface.section, interface_id))
            self._keep("", [(0, normal.raw_options)])
        return index

    def _times(self, batch: PacketBatch) -> tuple[Sequence[int], bool]:
        """Return the batch's times in whole nanoseconds, and whether they are known to be in order."""
        columns = batch.columns.with_copies(batch.rows, "ticks", "interface")
        _, _, status = self._time_scales.to_nanoseconds(columns, 0, batch.rows, cut=True)
        if status != MORE:
            self.rising = False
            return [self._time_scales.time(batch, row) // 1 for row in range(batch.rows)], False
        rising = choose().first_out_of_order(columns, 0, batch.rows) == batch.rows
        self.rising = self.rising and rising and columns.ticks[0] >= self._last
        self._last = columns.ticks[-1]
        return columns.ticks, rising

    def _order_interfaces(self) -> None:
        """Number the interfaces in the order of their first packets. Interfaces that differ only in snaplens that are
        replaced become one interface."""
        by_first = (lambda index: self._firsts[index]) if self._sort else None
        order = sorted(range(len(self._firsts)), key=by_first)
        interfaces = list(self._distinct)
        ids: dict[Interface, int] = {}
        for index in order:
            snaplen = interfaces[index].snaplen
            normal = interfaces[index]._replace(snaplen=self.replaced_snaplens.get(snaplen, snaplen))
            new_id = self.ids[interfaces[index]] = ids.setdefault(normal, len(ids))
            if new_id == len(self.places):
                self.places.append(self._places[index])
            if snaplen in self.replaced_snaplens:
                self.replaced.add(new_id)
        self.interfaces = [interface._replace(id=new_id) for interface, new_id in ids.items()]
        if order:
            self.first = self._firsts[order[0]][0]
        elif self._first_interface is not None:  # libpcap reads no capture without an interface
            self.interfaces = [self._form.interface(self._first_interface)]
            self._unused -= 1
        if self._unused:
            self._form.left_out["interfaces"] += self._unused

    def _end_section(self) -> None:
        self._unused += len(self._interfaces) - len(self._indexes)
        self._indexes = {}
        self._time_scales.begin_section()
        self._limits.begin_section()

    def _add_names(self, block: Block) -> None:
        prefix = f"offset {block.offset}: "
        names, kept = self._form.names(block)
        for name in names:
            if name not in self.names:
                self._keep(prefix, [name[1:]])
                self.names.add(name)
        self.name_options += self._keep(prefix, kept)

    def _add_secrets(self, block: Block) -> None:
        body = self._form.secrets(block)
        if body is not None and body not in self._secrets:
            self._keep(f"offset {block.offset}: ", [(0, body)])
            self._secrets[body] = None

    def _add_process(self, block: Block) -> None:
        process = self._form.process(block)
        if process is None:
            return
        advice = f"do not {argument('keep', process.kind)}"
        self._keep(f"offset {block.offset}: ", [(0, process.body)], advice)
        if process.type == pcapng.PROCESS:
            self.processes.setdefault(process, len(self.processes).to_bytes(4, "little"))
        else:
            self._wireshark_processes.pop(process, None)  # of two with the same id, the last one counts
            self._wireshark_processes[process] = None

    def _keep(self, prefix: str, entries: _Entries, advice: str = "") -> _Entries:
        """Return the entries, which are kept in memory. Raises TargetError if memory has no room for them. The message
        begins with the `prefix` and ends with the `advice`, or with other advice if that is empty."""
        self._room -= sum(_OVERHEAD + sum(len(each) for each in entry if isinstance(each, bytes)) for entry in entries)
        if self._room < 0:
            raise TargetError(
                f"{prefix}more names, secrets, processes and comments than pcapconv normalises, {_MOST >> 20} MiB; "
                f"{advice or argument('strip', 'names,secrets,comments') + ' leaves them out'}"
            )
        return entries


def _earliest_rows(times: Sequence[int], ids: Sequence[int]) -> dict[int, int]:
    """The row of each interface's earliest packet, by the interface's id."""
    rows: dict[int, int] = {}
    for row, (time, interface_id) in enumerate(zip(times, ids)):
        if interface_id not in rows or time < times[rows[interface_id]]:
            rows[interface_id] = row
    return rows
