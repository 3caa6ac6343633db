"""The step that gives the packets of an edited pcap file back what a sidecar keeps of those that are still known.

Strategy: packets are known by two numbers (see the kernel `fingerprints`). First all whose time, length and bytes are
the same find each other; then those that were cut or changed, by time and length. Where several could be meant, they
are taken in order if there are as many on both sides or if all say the same; else nobody can tell. The sidecar's other
entries come where their packets were.
"""

from __future__ import annotations

import json
import sys
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import compress, count
from typing import Any, NamedTuple

from pcapconv.errors import SidecarError
from pcapconv.io.scratch import Scratch
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FINGERPRINT, MORE
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.report import MOST_LISTED
from pcapconv.sidecar import values
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.record import LATEST
from pcapconv.sidecar.restore import Entry, Metadata, about, as_pcapng, simple_length, type_of
from pcapconv.spec import ByteOrder, bodies, options
from pcapconv.spec import pcapng as layout
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.rows import with_options
from pcapconv.steps.scales import Scale, Units, scale_of
from pcapconv.steps.strip import dropcount
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS

NEW, EXACT, CUT, CHANGED, AMBIGUOUS = range(5)

_NONE = -1


class Prints:
    """The fingerprints of packets, as columns of keys: `when`, of time and length; `exact`, of both and all bytes.
    `cut` tells of an edited capture's which have fewer bytes than they had on the wire; `digits` are the nanoseconds of
    their times beyond microseconds, if its file has such."""

    def __init__(self) -> None:
        self.when, self.exact = array("Q"), array("Q")
        self.cut = bytearray()
        self.digits = array("H")

    def __len__(self) -> int:
        return len(self.when)

    def add(self, data: bytes | bytearray) -> None:
        """Fingerprints, one behind the other."""
        self.when.extend(_big_numbers(data, range(6)))
        self.exact.extend(_big_numbers(data, range(2, FINGERPRINT)))


def _big_numbers(data: bytes | bytearray, places: range) -> array[int]:
    """These bytes of each fingerprint as a number in big endian."""
    room = bytearray(len(data) // FINGERPRINT * 8)
    for at, place in enumerate(places, 8 - len(places)):
        room[at::8] = data[place::FINGERPRINT]
    numbers = array("Q", bytes(room))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


class _Said:
    """What is said of some packets, by their number from 0, kept in a temporary file. All raise FileError."""

    def __init__(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(Scratch())
        self._places = array("Q")  # of each packet, 0 for none

    def add(self, value: Any, packets: Iterable[int]) -> None:
        """Of these packets, which come in order, all this."""
        place = 1 + self._file.write(json.dumps(value).encode() + b"\n")
        for packet in packets:
            if packet >= len(self._places):
                self._places.extend(array("Q", bytes(8 * (packet + 1 - len(self._places)))))
            self._places[packet] = place

    def __bool__(self) -> bool:
        return bool(self._places)

    def text(self, packet: int) -> bytes:
        """As JSON; nothing where nothing is said."""
        place = self._places[packet] if packet < len(self._places) else 0
        return self._file.line(place - 1) if place else b""

    def get(self, packet: int) -> Any:
        """What is said, None for nothing."""
        text = self.text(packet)
        return json.loads(text) if text else None


class Known:
    """What a sidecar says of its packets, which count from 0. Raises SidecarError."""

    def __init__(self, document: Document, stack: ExitStack) -> None:
        self.prints = Prints()
        self.interfaces, self.digits = array("I"), array("H")
        self.options, self.blocks = _Said(stack), _Said(stack)
        self.sections = array("Q")  # the first packet of each
        self._ticks: list[tuple[int, array[int]]] = []  # where some are kept: of the first packet, and those behind it
        interfaces = 0
        for kind, value in document.entries():
            if kind == "section":
                self.sections.append(len(self.prints))
                interfaces = 0
            elif kind == "interface":
                interfaces += 1
            elif kind == "packets":
                self._add(value, interfaces)

    def _add(self, value: Any, interfaces: int) -> None:
        before = len(self.prints)
        entry = Entry(value, before, interfaces)
        prints = values.decoded(values.member(value, "fingerprints", "packets"), "packets: fingerprints")
        if len(prints) != FINGERPRINT * entry.count:
            raise SidecarError(f"{len(prints)} bytes of fingerprints for {entry.count} packets")
        self.prints.add(prints)
        self.interfaces.extend(entry.interfaces(0, entry.count))
        ticks = entry.ticks(0, entry.count)
        if ticks is not None:
            self._ticks.append((before, ticks))
        if "digits" in value:
            self.digits.extend(array("H", bytes(2 * (before - len(self.digits)))))
            self.digits.extend(values.unpacked(value["digits"], "H", entry.count, "packets: digits"))
        rows: dict[int, list[int]] = {}
        for row, place in enumerate(entry.which(0, entry.count)):
            if place:
                rows.setdefault(place, []).append(before + row)
        for place, packets in rows.items():
            self.options.add(entry.lists[place - 1], packets)
        for number, said in entry.options.items():
            self.options.add(said, [number - 1])
        for number, said in entry.blocks.items():
            self.blocks.add(said, [number - 1])

    @property
    def has_ticks(self) -> bool:
        """Whether times are kept."""
        return bool(self._ticks)

    def ticks(self, packet: int) -> int | None:
        """The packet's ticks, None where its time gives them."""
        place = bisect_right(self._ticks, packet, key=lambda each: each[0]) - 1
        if place < 0 or packet - self._ticks[place][0] >= len(self._ticks[place][1]):
            return None
        return self._ticks[place][1][packet - self._ticks[place][0]]

    def digit(self, packet: int) -> int:
        """The nanoseconds of its time beyond microseconds."""
        return self.digits[packet] if packet < len(self.digits) else 0

    def is_simple(self, packet: int) -> bool:
        """Whether it was in a Simple Packet Block, which has no time."""
        return bool(self.blocks) and type_of(self.blocks.get(packet) or {}) == SIMPLE_PACKET

    def may_have(self, digits: int, packet: int) -> bool:
        """Whether its time may have these nanoseconds beyond microseconds, as far as is known here."""
        return digits == self.digit(packet) or self.ticks(packet) is not None or self.is_simple(packet)

    def says(self, packet: int) -> tuple[Any, ...]:
        """All that comes back with it."""
        stated = self.options.text(packet), self.blocks.text(packet)
        return self.section(packet), self.interfaces[packet], self.ticks(packet), self.digit(packet), *stated

    def section(self, packet: int) -> int:
        """The section that it was in."""
        return bisect_right(self.sections, packet) - 1


class Matches(NamedTuple):
    """For each packet of an edited capture, its `partner` in the sidecar or -1, and how it is `known`."""

    partner: array[int]
    known: bytearray


def fingerprints_of(items: Iterator[Item]) -> Prints:
    """Those of a pcap file's packets."""
    prints, units, kernels, finer = Prints(), Units(), choose(), False
    for item in items:
        if isinstance(item, Interface):
            units.add(item, item.id)
            finer = finer or MICROSECONDS % item.ticks_per_second != 0
        elif isinstance(item, PacketBatch):
            columns = item.columns.twin(item.rows, "ticks", "interface")
            row, _, status = units.unify(columns, 0, item.rows, cut=True)
            if status != MORE:
                raise units.refusal(item, row, status)
            out = bytearray(FINGERPRINT * item.rows)
            kernels.fingerprints(item.buffer, columns, 0, item.rows, out, 0)
            prints.add(out)
            if finer:
                prints.digits.extend(tick % 1000 for tick in columns.ticks)
            lengths = zip(columns.captured_length[: item.rows], columns.original_length)
            prints.cut += bytes(captured < original for captured, original in lengths)
    return prints


def matches(known: Known, edited: Prints) -> Matches:
    """Which packets are which."""
    partner = array("i", [_NONE]) * len(edited)
    ambiguous = _pair(known, known.prints.exact, edited.exact, partner, exact=True)
    how = bytearray(NEW if packet < 0 else EXACT for packet in partner)
    used = bytearray(len(known.prints))
    for packet in partner:
        if packet >= 0:
            used[packet] = 1
    for row in ambiguous:
        how[row] = AMBIGUOUS
    ones = array("I", compress(count(), (not taken for taken in used)))
    others = array("I", (row for row, taken in enumerate(how) if not taken))
    again = array("i", [_NONE]) * len(others)
    keys = array("Q", map(known.prints.when.__getitem__, ones)), array("Q", map(edited.when.__getitem__, others))
    for place in _pair(known, *keys, again, exact=False, ones=ones):
        how[others[place]] = AMBIGUOUS
    for row, place in zip(others, again):
        if place >= 0:
            partner[row], how[row] = ones[place], CUT if edited.cut[row] else CHANGED
    for row, digits in enumerate(edited.digits):
        packet = partner[row]
        if digits and packet >= 0 and not known.may_have(digits, packet):
            partner[row], how[row] = _NONE, NEW
    return Matches(partner, how)


def _pair(
    known: Known,
    one_keys: array[int],
    other_keys: array[int],
    partner: array[int],
    *,
    exact: bool,
    ones: array[int] | None = None,
) -> Iterator[int]:
    """Put into `partner` which of the keys of the sidecar's packets, all or `ones`, belong to those of an edited
    capture. Gives the places of those of which nobody can tell."""
    one_order, other_order, uneven = choose().pair(one_keys, other_keys, partner)
    ambiguous = array("q")
    for at in range(0, len(uneven), 4):
        one, one_end, other, other_end = uneven[at : at + 4]
        mine, theirs = one_order[one:one_end], other_order[other:other_end]
        packets = mine if ones is None else array("q", map(ones.__getitem__, mine))
        if not _certain(known, packets, len(theirs), exact=exact):
            ambiguous.extend(theirs)
            continue
        for place, row in zip(mine, theirs):
            partner[row] = place
    return iter(ambiguous)


def _certain(known: Known, packets: Sequence[int], theirs: int, *, exact: bool) -> bool:
    """Whether packets of the sidecar are those of an edited capture, another number, as far as it matters which is
    which."""
    if len(packets) < theirs and not exact:  # not all of them can be what was cut or changed
        return False
    return len({known.says(packet) for packet in packets}) == 1


def summary(found: Matches, known: int) -> dict[str, Any]:
    """The numbers for a report, and the numbers of packets that are new or ambiguous, a thousand at most."""
    counts = Counter(found.known)

    def numbers(level: int) -> list[int]:
        listed: list[int] = []
        at = -1
        while len(listed) < MOST_LISTED and (at := found.known.find(level, at + 1)) >= 0:
            listed.append(at + 1)
        return listed

    return {
        "in_sidecar": known,
        "same": counts[EXACT],
        "cut": counts[CUT],
        "changed": counts[CHANGED],
        "new": counts[NEW],
        "ambiguous": counts[AMBIGUOUS],
        "new_packets": numbers(NEW),
        "ambiguous_packets": numbers(AMBIGUOUS),
    }


class Match:
    """The step. Used for one run. `left_out` counts hashes that no longer hold, `lost` what only pcap can say."""

    def __init__(
        self, document: Document, known: Known, found: Matches, left_out: Counter[str], lost: Counter[str]
    ) -> None:
        self._document = document
        self._known = known
        self._found = found
        self._left_out = left_out
        self._lost = lost
        self._metadata = Metadata(document)
        self._entries = document.entries()
        self._next: tuple[str, Any] | None = None  # the entry that is not about packets
        self._before = 0  # packets of the sidecar before it
        self._ids: list[int] = []  # of the section's interfaces, by those in the sidecar
        self._scales: dict[int, Scale] = {}  # of the same
        self._plain = _NONE  # the interface of packets that nobody knows
        self._of_file: Interface | None = None
        self._packets = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The packets, with what the sidecar says of them and of the rest. Raises SidecarError."""
        with about(self._document):
            self._look()
            yield from self._up_to(0)
            for item in items:
                if isinstance(item, Interface):
                    self._of_file = item
                elif isinstance(item, Section):
                    self._lost.update(item.format_only)
                elif isinstance(item, PacketBatch):
                    self._lost.update(item.format_only)
                    yield from self._split(item)
                else:  # what speaks of places in the file
                    yield item
            while self._next is not None:
                yield from self._up_to(self._before)

    def _look(self) -> None:
        """Find the next entry that is not about packets."""
        self._next = None
        for kind, value in self._entries:
            if kind != "packets":
                self._next = kind, value
                return
            self._before += values.number(values.member(value, "count", "packets"), "packets: count")

    def _up_to(self, packet: int) -> Iterator[Item]:
        """The entries that come before a packet."""
        while self._next is not None and self._before <= packet:
            for item in self._metadata.items(*self._next):
                if isinstance(item, Section):
                    self._plain, self._ids, self._scales = _NONE, [], {}
                    yield item._replace(changed=True)
                    continue
                if isinstance(item, Interface):
                    self._ids.append(item.id)
                yield self._renumbered(item) if isinstance(item, Block) else item
            self._look()

    def _renumbered(self, block: Block) -> Block:
        """Statistics of an interface that has another id now, since one was declared before it."""
        if block.kind != "statistics":
            return block
        number = bodies.statistics(block.body, block.byte_order).interface
        place = self._ids[number] if number < len(self._ids) else number
        return block._replace(body=bodies.statistics_of(place, block.body, block.byte_order))

    def _split(self, batch: PacketBatch) -> Iterator[Item]:
        """A batch, with the entries that come between its packets."""
        partners, begin = self._found.partner[self._packets : self._packets + batch.rows], 0
        if self._next is not None and max(partners) >= self._before:
            for row, packet in enumerate(partners):
                if self._next is not None and packet >= self._before:
                    yield from self._some(batch, begin, row)
                    yield from self._up_to(packet)
                    begin = row
        yield from self._some(batch, begin, batch.rows)
        self._packets += batch.rows

    def _some(self, batch: PacketBatch, begin: int, end: int) -> Iterator[Item]:
        """Some packets, all of one section; before the first that nobody knows, the interface of such."""
        if begin == end:
            return
        known, first = self._known, self._packets + begin
        packets = self._found.partner[first : self._packets + end]
        assert self._of_file is not None
        scale = NANOSECONDS // self._of_file.ticks_per_second
        ticks = batch.columns.ticks[begin:end]
        times = ticks if scale == 1 else array("Q", (tick * scale for tick in ticks))
        if len(known.sections) > 1 or known.has_ticks:
            self._doubt(packets, times, first)
        if _NONE in packets and self._plain < 0:
            unknown = begin + packets.index(_NONE)
            if unknown > begin:
                yield from self._some(batch, begin, unknown)
                yield from self._some(batch, unknown, end)
                return
            yield self._declare_plain()
        ids, interfaces = self._ids, known.interfaces
        now = array("I", (self._plain if packet < 0 else ids[interfaces[packet]] for packet in packets))
        yield self._restored(self._metadata.in_own_order(batch.part(begin, end)), packets, times, now, first)

    def _doubt(self, packets: array[int], times: array[int], first: int) -> None:
        """Let packets go that cannot be what they are taken for."""
        here, known = self._metadata.open_section().number, self._known
        for row, packet in enumerate(packets):
            if packet < 0:
                continue
            if known.section(packet) != here:  # it has moved to where its interface is not
                self._found.known[first + row], packets[row] = AMBIGUOUS, _NONE
            elif not self._has_time(packet, times[row]):
                self._found.known[first + row], packets[row] = NEW, _NONE

    def _has_time(self, packet: int, time: int) -> bool:
        """Whether this can be the packet's time in nanoseconds, of which less than a microsecond may have been cut:
        fingerprints do not tell for certain."""
        ticks = self._known.ticks(packet)
        if ticks is None or self._known.is_simple(packet):
            return True
        number = self._ids[self._known.interfaces[packet]]
        scale = self._scales.get(number)
        if scale is None:
            scale = self._scales[number] = scale_of(self._metadata.interfaces[number])
        stated = 0 if scale.error else max(0, min(int(scale.time(ticks) // 1), LATEST))
        return time in (stated, stated - stated % 1000)

    def _declare_plain(self) -> Interface:
        assert self._of_file is not None
        section = self._metadata.open_section()
        self._plain = len(self._metadata.interfaces)
        interface = self._of_file._replace(
            id=self._plain, section=section.number, byte_order=section.byte_order, options=b"", raw=None
        )
        self._metadata.interfaces.append(interface)
        return interface

    def _restored(
        self, batch: PacketBatch, packets: array[int], times: array[int], interfaces: array[int], first: int
    ) -> PacketBatch:
        known, columns = self._known, batch.columns
        told = known.has_ticks or known.digits or known.options or known.blocks
        partners = [(row, packet) for row, packet in enumerate(packets) if packet >= 0] if told else []
        if known.digits:
            for row, packet in partners:
                times[row] += known.digit(packet) - times[row] % 1000
        columns.ticks = times
        normal = as_pcapng(batch, self._metadata, interfaces, first + 1)
        exact = {row: ticks for row, packet in partners if (ticks := known.ticks(packet)) is not None}
        was_simple = [row for row, packet in partners if known.is_simple(packet)] if known.blocks else []
        simple = [
            row
            for row in was_simple
            if self._found.known[first + row] == EXACT and columns.captured_length[row] == simple_length(normal, row)
        ]
        for row in (*exact, *was_simple):
            columns.record_type[row] = SIMPLE_PACKET  # whose time is not worked out
        self._metadata.count_times(normal, NANOSECONDS)
        for row in set(was_simple).difference(simple):  # Enhanced ones have a time
            columns.record_type[row], columns.ticks[row] = layout.ENHANCED_PACKET, 0
            self._lost["packets-without-time"] += 1
        for row, ticks in exact.items():
            columns.record_type[row], columns.ticks[row] = layout.ENHANCED_PACKET, ticks
        for row in simple:
            columns.record_type[row] = SIMPLE_PACKET
        if known.options or known.blocks:
            stated = {row: self._options(normal, packet, first + row) for row, packet in partners}
            with_options(normal, {row: raw for row, raw in stated.items() if raw})
        return normal

    def _options(self, batch: PacketBatch, packet: int, place: int) -> bytes:
        known, order = self._known, batch.section.byte_order
        what = f"packet {packet + 1}"
        text, block = known.options.text(packet), known.blocks.get(packet) or {}
        if not text and not block:
            return b""
        raw = _raw(text, order) if text else b""
        add = []
        if type_of(block) == layout.OBSOLETE_PACKET:
            drops = values.number(values.member(block, "drops", what), f"{what}: drops", 0xFFFF)
            add = dropcount(drops, order)
        if self._found.known[place] == EXACT:
            return options.edited(raw, order, add=add) if add else raw
        if hashes := sum(option.code == layout.PACKET_HASH for option in options.Options(raw, order)):
            self._left_out["packet-hashes"] += hashes
        return options.edited(raw, order, keep=_no_hash, add=add)


@lru_cache(maxsize=64)
def _raw(text: bytes, order: ByteOrder) -> bytes:
    """An option list, of which many packets may have the same."""
    return values.options_raw(json.loads(text), order, layout.ENHANCED_PACKET, "a packet")


def _no_hash(option: options.Option) -> bool:
    return option.code != layout.PACKET_HASH
