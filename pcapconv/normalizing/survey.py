"""The first pass over a capture: what stands before the packets in its normal form."""

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

_MOST = 32 * 2**20  # bytes of names, secrets and comments together
_NEVER = 2**200  # later than any time
_COST = 300  # of memory that each takes besides

_Some = TypeVar("_Some", bound=Iterable[tuple[Any, ...]])


class Survey(Step):
    """What a capture says apart from its packets, in the normal form. A step that passes everything on, and is complete
    behind the last item. Raises FormatError for a time that nobody can tell, TargetError for more metadata than can be
    kept in memory.

    `interfaces` are those with packets, in the order of their first one, in the file or, to `sort`, by time; `ids`
    tells which of them one that says the same is. Without packets, the first one is there. `instead` has the snaplens
    that they state instead of those that are too low for packets, none to `keep_snaplen`; `raised` are the places of
    interfaces that state such a one. `packets` counts packets; `longest` is the most bytes that one has, if `lengths`
    are asked for; `first` is the time in nanoseconds of the first packet in that order, None without any; all are 0
    where times do not matter (`timeless`). `rising` tells, to `sort`, that packets are in the order of their times
    already. `names` are as (type, address, name), `name_options` those of all names blocks. `processes` are macOS's
    process blocks, each with its number, by which packets refer to it.
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
        self._noted: dict[Block, None] = {}  # what Wireshark says of processes
        self.processes: dict[Block, bytes] = {}
        self._room = _MOST
        self._first_there: Interface | None = None  # of the capture
        self._unused = 0  # interfaces without packets
        self._here: dict[int, int] = {}  # which of those that are known each of the section with packets is, by its id
        self._units = TimeScales(timeless=timeless)
        self._limits = SnaplenLimits()
        self._keep_snaplen = keep_snaplen
        self.instead = SnaplenReplacements()
        self.raised: set[int] = set()
        self._known: dict[Interface, int] = {}
        self._firsts: list[tuple[int, int]] = []  # of each that is known: the time and number of its first packet
        self._last = 0  # time of the last packet, to `sort`
        self.ids: dict[Interface, int] = {}
        self.used: dict[tuple[int, int], Interface] = {}  # by section and id, where statistics are kept of them
        self.interfaces: list[Interface] = []
        self.packets = 0
        self.longest = 0
        self.first: int | None = None
        self.rising = sort

    def _section(self, section: Section) -> Iterable[Item]:
        self._end_section()
        self._comments += self._take("", self._form.section(section))
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._first_there = self._first_there or interface
        self._units.add(interface, interface.id)
        self._limits.add(interface.snaplen, self.instead.get(interface.snaplen))
        return (interface,)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self._look(batch)
        return (batch,)

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.NAME_RESOLUTION:
            if self._form.keeps("names"):
                self._add_names(block)
        elif block.type == pcapng.DECRYPTION_SECRETS:
            if self._form.keeps("secrets"):
                self._add_secrets(block)
        elif block.is_process:
            self._add_process(block)
        return (block,)

    def _end(self) -> Iterable[Item]:
        self._end_section()
        self._put_in_order()
        return ()

    def items(self) -> Iterator[Item]:
        """What stands before the packets."""
        yield self.section
        yield from self.interfaces
        if self.names or self.name_options:
            body = names_body(self.names, self.name_options)
            yield Block(pcapng.NAME_RESOLUTION, body, "little", 0, 0)
        for body in self._secrets:
            yield Block(pcapng.DECRYPTION_SECRETS, body, "little", 0, 0)
        yield from self.processes
        yield from self._noted

    def state_limits(self) -> None:
        """Have all interfaces state the snaplen of a pcap file that holds their packets."""
        stated = [interface.snaplen for interface in self.interfaces]
        snaplen = max(max(stated, default=0) if all(stated) else NO_LIMIT_SNAPLEN, self.longest)
        self.interfaces = [interface._replace(snaplen=snaplen) for interface in self.interfaces]

    @property
    def secrets(self) -> list[bytes]:
        """The bodies of the blocks of secrets."""
        return list(self._secrets)

    @property
    def section(self) -> Section:
        """The one section."""
        return Section(0, "little", (1, 0), "pcapng", options=pack(self._comments))

    def _look(self, batch: PacketBatch) -> None:
        self.packets += batch.rows
        if self._lengths:
            self.longest = max(self.longest, max(batch.columns.captured_length[: batch.rows]))
        for row in () if self._keep_snaplen else self._limits.rows_above(batch):
            self.instead.note_longer_packet(self._limits, batch, row)
        numbers = batch.columns.interface[: batch.rows]
        used = distinct(numbers)
        times, rising = self._times(batch) if self._sort else (None, True)
        earliest = None if times is None or rising else _earliest(times, numbers)
        for number in used:
            if number not in self._here:
                self._here[number] = self._use(number, batch.interfaces[number])
            known = self._here[number]
            if times is not None:
                row = numbers.index(number) if earliest is None else earliest[number]
                self._firsts[known] = min(self._firsts[known], (times[row], batch.number(row)))
            elif not self._firsts[known][1]:
                row = numbers.index(number)
                self._firsts[known] = self._units.time(batch, row) // 1, batch.number(row)

    def _use(self, number: int, interface: Interface) -> int:
        """Which of those that are known an interface is."""
        if "statistics" in self._form.kinds:
            self._take("", [(0, b"")])
            self.used[interface.section, number] = interface
        normal = self._form.interface(interface)
        known = self._known.setdefault(normal, len(self._known))
        if known == len(self._firsts):
            self._firsts.append((_NEVER, 0))
            self._take("", [(0, normal.options)])
        return known

    def _times(self, batch: PacketBatch) -> tuple[Sequence[int], bool]:
        """The batch's times in whole nanoseconds, and whether they are known to rise."""
        columns = batch.columns.twin(batch.rows, "ticks", "interface")
        _, _, status = self._units.to_nanoseconds(columns, 0, batch.rows, cut=True)
        if status != MORE:
            self.rising = False
            return [self._units.time(batch, row) // 1 for row in range(batch.rows)], False
        rising = choose().first_out_of_order(columns, 0, batch.rows) == batch.rows
        self.rising = self.rising and rising and columns.ticks[0] >= self._last
        self._last = columns.ticks[-1]
        return columns.ticks, rising

    def _put_in_order(self) -> None:
        """Interfaces became known in the order of the file; give them their ids, those that say the same now one."""
        by_first = (lambda known: self._firsts[known]) if self._sort else None
        order = sorted(range(len(self._firsts)), key=by_first)
        there = list(self._known)
        places: dict[Interface, int] = {}
        for known in order:
            stated = there[known].snaplen
            normal = there[known]._replace(snaplen=self.instead.get(stated, stated))
            place = self.ids[there[known]] = places.setdefault(normal, len(places))
            if stated in self.instead:
                self.raised.add(place)
        self.interfaces = [interface._replace(id=place) for interface, place in places.items()]
        if order:
            self.first = self._firsts[order[0]][0]
        elif self._first_there is not None:  # libpcap reads no capture without an interface
            self.interfaces = [self._form.interface(self._first_there)]
            self._unused -= 1
        if self._unused:
            self._form.left_out["interfaces"] += self._unused

    def _end_section(self) -> None:
        self._unused += len(self._interfaces) - len(self._here)
        self._here = {}
        self._units.begin()
        self._limits.begin()

    def _add_names(self, block: Block) -> None:
        where = f"offset {block.offset}: "
        names, kept = self._form.names(block)
        for name in names:
            if name not in self.names:
                self._take(where, [name[1:]])
                self.names.add(name)
        self.name_options += self._take(where, kept)

    def _add_secrets(self, block: Block) -> None:
        body = self._form.secrets(block)
        if body is not None and body not in self._secrets:
            self._take(f"offset {block.offset}: ", [(0, body)])
            self._secrets[body] = None

    def _add_process(self, block: Block) -> None:
        process = self._form.process(block)
        if process is None:
            return
        advice = f"do not {argument('keep', process.kind)}"
        self._take(f"offset {block.offset}: ", [(0, process.body)], advice)  # each takes memory while it is referred to
        if process.type == pcapng.PROCESS:
            self.processes.setdefault(process, len(self.processes).to_bytes(4, "little"))
        else:
            self._noted.pop(process, None)  # of two with the same id, the last one counts
            self._noted[process] = None

    def _take(self, where: str, entries: _Some, advice: str = "") -> _Some:
        """The entries, for which there is room in memory; else `advice` says what to type."""
        self._room -= sum(_COST + sum(len(each) for each in entry if isinstance(each, bytes)) for entry in entries)
        if self._room < 0:
            raise TargetError(
                f"{where}more names, secrets, processes and comments than pcapconv normalises, {_MOST >> 20} MiB; "
                f"{advice or argument('strip', 'names,secrets,comments') + ' leaves them out'}"
            )
        return entries


def _earliest(times: Sequence[int], numbers: Sequence[int]) -> dict[int, int]:
    """The row of each interface's earliest packet."""
    found: dict[int, int] = {}
    for row, (time, number) in enumerate(zip(times, numbers)):
        if number not in found or time < times[found[number]]:
            found[number] = row
    return found
