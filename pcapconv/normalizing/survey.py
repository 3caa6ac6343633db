"""The first pass over a capture: what stands before the packets in its normal form."""

from __future__ import annotations

from collections.abc import Iterator

from pcapconv.errors import FormatError, TargetError
from pcapconv.formats import pcapng_layout as layout
from pcapconv.model import SIMPLE_PACKET, Block, Interface, Item, PacketBatch, Section
from pcapconv.normalizing.form import Entries, Form, names_body, pack
from pcapconv.normalizing.times import scale_of

_MOST = 64 * 2**20  # bytes of names, secrets and comments together
_NEVER = 2**200  # later than any time
_COST = 100  # of memory that each takes besides


class Survey:
    """What a capture says apart from its packets, in the normal form.

    `interfaces` are those with packets, in the order of their first one, in the file or, to `sort`, by time; `places`
    tells, by section and id, which of them an interface is. `first` is the time in nanoseconds of the first packet in
    that order, None without any; all are 0 where times do not matter (`timeless`). `names` are as (type, address,
    name).
    """

    def __init__(self, form: Form, items: Iterator[Item], *, sort: bool, timeless: bool = False) -> None:
        self._form = form
        self._sort = sort
        self._timeless = timeless
        self._comments: Entries = []
        self.names: set[tuple[int, bytes, bytes]] = set()
        self._name_options: Entries = []
        self._secrets: dict[bytes, None] = {}
        self._room = _MOST
        self._there: list[Interface] = []  # of the section that is read
        self._known: dict[Interface, int] = {}
        self._firsts: list[tuple[int, int]] = []  # of each that is known: the time and number of its first packet
        self.places: dict[tuple[int, int], int] = {}
        self.used: dict[tuple[int, int], Interface] = {}  # as they stand in the capture, by section and id
        self.interfaces: list[Interface] = []
        self.first: int | None = None
        for item in items:
            match item:
                case PacketBatch():
                    self._look(item)
                case Section():
                    self._end_section()
                    self._comments += form.section(item)
                case Interface():
                    self._there.append(item)
                case Block(type=layout.NAME_RESOLUTION) if form.keeps("names"):
                    self._add_names(item)
                case Block(type=layout.DECRYPTION_SECRETS) if form.keeps("secrets"):
                    self._add_secrets(item)
        self._end_section()
        self._put_in_order()

    def items(self) -> Iterator[Item]:
        """What stands before the packets."""
        yield self.section
        yield from self.interfaces
        if self.names or self._name_options:
            body = names_body(self.names, self._name_options)
            yield Block(layout.NAME_RESOLUTION, body, "little", 0, 0)
        for body in self._secrets:
            yield Block(layout.DECRYPTION_SECRETS, body, "little", 0, 0)

    @property
    def secrets(self) -> set[bytes]:
        """The bodies of the blocks of secrets."""
        return set(self._secrets)

    @property
    def section(self) -> Section:
        """The one section."""
        return Section(0, "little", (1, 0), "pcapng", options=pack(self._comments))

    def _look(self, batch: PacketBatch) -> None:
        numbers = batch.columns.interface[: batch.rows]
        used = dict.fromkeys(numbers)
        for number in used:
            place = batch.interfaces[number].section, number
            if place not in self.places:
                normal = self._form.interface(batch.interfaces[number])
                self.used[place] = batch.interfaces[number]
                self.places[place] = self._known.setdefault(normal, len(self._known))
                if self.places[place] == len(self._firsts):
                    self._firsts.append((_NEVER, 0))
            known = self.places[place]
            if self._sort:
                self._firsts[known] = min(self._firsts[known], self._earliest(batch, number, alone=len(used) == 1))
            elif not self._firsts[known][1]:
                row = numbers.index(number)
                self._firsts[known] = self._time(batch, row), batch.number(row)

    def _earliest(self, batch: PacketBatch, number: int, *, alone: bool) -> tuple[int, int]:
        """The time of an interface's earliest packet in the batch, and the packet's number."""
        columns, rows = batch.columns, batch.rows
        if SIMPLE_PACKET in columns.record_type[:rows].tobytes():
            times = ((self._time(batch, row), row) for row in range(rows) if columns.interface[row] == number)
            time, row = min(times)
            return time, batch.number(row)
        ticks = columns.ticks[:rows]
        row = ticks.index(min(tick for tick, other in zip(ticks, columns.interface) if alone or other == number))
        while columns.interface[row] != number:
            row = ticks.index(ticks[row], row + 1)
        return self._time(batch, row), batch.number(row)

    def _time(self, batch: PacketBatch, row: int) -> int:
        """In whole nanoseconds; 0 for a packet without. Raises FormatError where nobody can tell."""
        columns = batch.columns
        if columns.record_type[row] == SIMPLE_PACKET or self._timeless:
            return 0
        scale = scale_of(batch.interfaces[columns.interface[row]], 0)
        if scale.error:
            raise FormatError(f"packet {batch.number(row)}: {scale.error}")
        return columns.ticks[row] * scale.multiply // scale.divide + scale.add

    def _put_in_order(self) -> None:
        """Interfaces became known in the order of the file; give them their ids."""
        by_first = (lambda known: self._firsts[known]) if self._sort else None
        order = sorted(range(len(self._firsts)), key=by_first)
        ids = {known: place for place, known in enumerate(order)}
        self.places = {place: ids[known] for place, known in self.places.items()}
        there = list(self._known)
        self.interfaces = [there[known]._replace(id=place) for place, known in enumerate(order)]
        if order:
            self.first = self._firsts[order[0]][0]

    def _end_section(self) -> None:
        for interface in self._there:
            if (interface.section, interface.id) not in self.places:
                self._form.left_out["interfaces"] += 1
        self._there = []

    def _add_names(self, block: Block) -> None:
        names, kept = self._form.names(block)
        for name in names:
            if name not in self.names:
                self._take(block, len(name[1]) + len(name[2]))
                self.names.add(name)
        self._name_options += kept

    def _add_secrets(self, block: Block) -> None:
        body = self._form.secrets(block)
        if body is not None and body not in self._secrets:
            self._take(block, len(body))
            self._secrets[body] = None

    def _take(self, block: Block, size: int) -> None:
        self._room -= size + _COST
        if self._room < 0:
            raise TargetError(
                f"offset {block.offset}: more names and secrets than pcapconv normalises, {_MOST >> 20} MiB; "
                "--strip names,secrets leaves them out"
            )
