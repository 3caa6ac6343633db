"""A capture that is compared: what it says apart from its packets, and its packets again when they are to be shown.

Strategy: both captures are seen in their normal form (`normalizing`), so that byte order, blocks and resolutions make
no difference.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pcapconv import formats
from pcapconv.errors import TargetError, name_in_errors
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.io.source import Source
from pcapconv.model import Block, Damage, Interface, Item, Notice, Packet, PacketBatch, Section
from pcapconv.normalizing.normal_form import NormalForm
from pcapconv.normalizing.survey import Survey
from pcapconv.report import MOST_LISTED
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.spec.readable_options import each_option, secrets_digest, value_text
from pcapconv.steps.batch_rows import options_of
from pcapconv.timestamps import format_time
from pcapconv.wording import argument

_MOST = 32 * 2**20  # bytes of sentences about blocks
_COST = 300  # of memory that each takes besides
_SHORTEST_HASHED = 64
_LONGEST_PROCESS = 4096
_TIMES = [
    row.name for row in pcapng.option_types(pcapng.INTERFACE_STATISTICS).values() if row.holds == option_lists.TIME
]
_REFERENCES = dict(zip((f"option {code}" for code in pcapng.PROCESS_REFERENCES), ("", "effective ")))


Option = dict[str, Any]  # as `spec.interpret` reads it


class Said(NamedTuple):
    """A sentence about something of a `kind` that is neither packet nor interface."""

    kind: str
    text: str


class Stated(NamedTuple):
    """An option of a packet, and what it says in words."""

    option: Option
    text: str


class Side:
    """A capture, as far as it is compared. `survey` has to be run first, to its end.

    `header` is what it says apart from its packets, `said_besides` counts sentences about all that is no packet and no
    interface. `kinds` of metadata are looked at, and the packets' `direction`; times only if it is `timed`.
    `not_compared` counts by kind the statistics, custom and unknown blocks that are not looked at.
    """

    def __init__(self, source: Source, kinds: Collection[str], *, direction: bool, timed: bool) -> None:
        self.source = source
        self.timed = timed
        self.form = NormalForm(kinds, Counter())
        self.header = Survey(self.form, timeless=not timed)
        self.damage: list[Damage] = []
        self.damage_total = 0
        self.warnings: list[Notice] = []
        self.warnings_total = 0
        self.ordered: list[Said] = []  # sentences whose order counts
        self.said_besides: Counter[Said] = Counter()
        self.not_compared: Counter[str] = Counter()
        self._blocks: Counter[tuple[Interface | None, Said]] = Counter()  # sentences, with the interface in question
        self._identity = NormalForm(kinds, Counter())  # for processes, which are counted otherwise
        self.processes: list[str] = []  # what is said of those of the section so far, if they are looked at
        self._room = _MOST
        self._direction = direction

    def survey(self) -> Iterator[Item]:
        """The capture's items, noted as they go by. Raises FormatError, FileError, TargetError."""
        with name_in_errors(self.source.name):
            yield from self.header(self._noted(self.items()))
        self._add_header()
        for said, times in self._said_of_blocks():
            self.said_besides[said] += times

    def items(self) -> Iterator[Item]:
        """The capture's items, from its beginning; packets' own headers in little endian, whatever the file's order.
        Packets' options are those of the last item that was given."""
        self.source.rewind()
        for item in formats.open_reader(self.source).items():
            if isinstance(item, Section):
                self.processes = []
                self.form.begin_section()
            elif isinstance(item, Block) and item.type == pcapng.PROCESS:
                process = self._identity.process(item)
                if process is not None:
                    self.processes.append(_process_said(process))
                    self.form.refer_to(self.processes[-1].encode())
            yield with_headers_in("little", item) if isinstance(item, PacketBatch) else item

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces in use: none without packets, where a normal form has one all the same."""
        return self.header.interfaces if self.header.packets else []

    def options(self, batch: PacketBatch, row: int) -> bytes:
        """A packet's options in the normal form, as far as they are compared."""
        if not batch.columns.options_length[row]:
            return b""
        obsolete = batch.columns.record_type[row] == pcapng.OBSOLETE_PACKET
        raw = options_of(batch, row)
        return self.form.packet(raw, batch.section.byte_order, obsolete=obsolete, direction=self._direction)

    def _noted(self, items: Iterator[Item]) -> Iterator[Item]:
        interfaces: list[Interface] = []
        for item in items:
            match item:
                case Damage():
                    self.damage_total += 1
                    if len(self.damage) < MOST_LISTED:
                        self.damage.append(item)
                case Notice():
                    self.warnings_total += 1
                    if len(self.warnings) < MOST_LISTED:
                        self.warnings.append(item)
                case Section():
                    interfaces = []
                case Interface():
                    interfaces.append(item)
                case Block() if item.is_process or not item.explains_packets:
                    self._add_other(item, interfaces)
            yield item

    def _add_header(self) -> None:
        """Lists in full: what is only shown of a capture may end after a thousand, what is compared may not."""
        for code, value in option_lists.OptionList(self.header.section.options, "little"):
            row = pcapng.option_type(pcapng.SECTION_HEADER, code)
            kind, label = "section-options", pcapng.option_name(pcapng.SECTION_HEADER, code)
            if code == option_lists.COMMENT:
                kind, label = "comments", "comment"
            text = option_lists.text(value) if row.holds == option_lists.TEXT else value.hex()
            self.ordered.append(Said(kind, f"{label} {text}"))
        for record, address, name in sorted(self.header.names):
            known = record in (1, 2) and len(address) in (4, 16)
            shown = str(ipaddress.ip_address(address)) if known else address.hex(":")
            text = f"name {shown} {option_lists.text(name)}" if name else f"name record {record} {shown}"
            self.said_besides[Said("names", text)] += 1
        self.ordered += [
            Said("comments", f"names: comment {option_lists.text(raw)}") for _, raw in self.header.name_options
        ]
        for body in self.header.secrets:
            block = Block(pcapng.DECRYPTION_SECRETS, body, "little", 0, 0)
            secrets = bodies.secrets(body, "little")
            stated = each_option(body[block.options_at :], "little", block.type)
            says = [
                f"{secrets.type_name} of {len(secrets.data)} bytes",
                f"SHA-256 {secrets_digest(body, 'little')}",
                *map(_one, stated),
            ]
            self.ordered.append(Said("secrets", ", ".join(says)))
        self.said_besides.update(self.ordered)

    def _add_other(self, block: Block, interfaces: list[Interface]) -> None:
        """Statistics, custom and unknown blocks, where they are looked at."""
        kind = block.kind
        if not self.form.keeps(kind):
            self.not_compared[kind] += 1
        elif block.is_process:
            process = self._identity.process(block)
            if process is not None:
                text = _process_said(process) if block.type == pcapng.PROCESS else _bytes_said(process)
                said = Said("processes", text)
                if not self._blocks[None, said]:  # however often it is said, in several sections perhaps
                    self._note(None, said)
        elif kind != "statistics":
            other = self.form.other(block)
            if other is not None:
                self._note(None, Said(kind, _bytes_said(other)))
        elif (statistics := bodies.statistics(block.body, block.byte_order)).has_ticks:
            number = statistics.interface
            interface = interfaces[number] if number < len(interfaces) else None
            unit = None if interface is None else interface.unit
            read = each_option(block.body[block.options_at :], block.byte_order, block.type, unit)
            stated = ", ".join(map(_one, map(_plainly, read)))
            if interface is not None and unit is not None:
                time = format_time(statistics.ticks, *unit)
                self._note(self.form.interface(interface), Said(kind, f"at {_short_time(time)}: {stated}"))

    def _note(self, interface: Interface | None, said: Said) -> None:
        """A sentence about a block, of an interface or of none. Raises TargetError for more than memory holds."""
        self._room -= len(said.text) + _COST
        if self._room < 0:
            raise TargetError(
                f"more statistics and other blocks than pcapconv compares, {_MOST >> 20} MiB; "
                f"leave out {argument('everything', True)}"
            )
        self._blocks[interface, said] += 1

    def _said_of_blocks(self) -> Iterator[tuple[Said, int]]:
        """The sentences about blocks, without those about interfaces that have no packets."""
        for (interface, said), count in self._blocks.items():
            if interface is None:
                yield said, count
            elif interface in self.header.ids:
                text = f"statistics of interface {self.header.ids[interface]} {said.text}"
                yield said._replace(text=text), count

    def packets(self, rows: Collection[int]) -> dict[int, tuple[Packet, list[Stated]]]:
        """Some packets, read again, by row; with each, what its options say."""
        found: dict[int, tuple[Packet, list[Stated]]] = {}
        wanted, first = sorted(rows), 0
        for item in self.items() if wanted else ():
            if not isinstance(item, PacketBatch):
                continue
            while wanted and wanted[0] < first + item.rows:
                packet = item.packet(wanted[0] - first)
                found[wanted[0]] = packet, self._said(packet)
                del wanted[0]
            first += item.rows
            if not wanted:
                break
        return found

    def _said(self, packet: Packet) -> list[Stated]:
        order = packet.section.byte_order
        raw = self.form.packet(packet.options, order, obsolete=False, direction=self._direction)
        return [self._option_said(each) for each in each_option(raw, "little", pcapng.ENHANCED_PACKET)]

    def _option_said(self, option: Option) -> Stated:
        """An option in words; where it refers to a process, what is said of that."""
        words = _REFERENCES.get(option["name"])
        process = "" if words is None else option_lists.text(bytes.fromhex(option["raw"]))
        if process not in self.processes:
            return Stated(option, _one(option))
        return Stated({"name": option["name"], "value": process}, f"{words}{process}")


def interface_said(interface: Interface) -> dict[str, list[Option]]:
    """What an interface says: by name, the options of that name, and the fields as if they were options."""
    said = {name: [{"name": name, "value": getattr(interface, name)}] for name in ("link_type", "snaplen")}
    for each in each_option(interface.options, "little", pcapng.INTERFACE_DESCRIPTION):
        if each["name"] != "if_tsresol":
            said.setdefault(each["name"], []).append(each)
    return said


def _one(option: Option) -> str:
    return f"{option['name']} {value_text(option)}"


def _process_said(process: Block) -> str:
    """What a process block in the normal form says; as an option's value, it is longer than a number."""
    at = process.process_options_at
    stated = option_lists.OptionList(process.body[at:], "little")
    if at < 4 or stated.overrun or len(process.body) > _LONGEST_PROCESS:
        return _bytes_said(process)
    said = [f"process {int.from_bytes(process.body[:4], 'little')}"]
    return ", ".join([*said, *map(_one, each_option(process.body[at:], "little", process.type))])


def _bytes_said(block: Block) -> str:
    return f"{block.name}: {_short(block.body)}"


def _plainly(option: Option) -> Option:
    """A time without the digits that only its resolution gives it."""
    if option["name"] in _TIMES and "value" in option:
        return {**option, "value": _short_time(option["value"])}
    return option


def _short_time(time: str) -> str:
    whole, point, rest = time.partition(".")
    digits = rest[: next((at for at, mark in enumerate(rest) if not mark.isdigit()), len(rest))]
    return f"{whole}{point}{digits.rstrip('0')}".removesuffix(".") + rest[len(digits) :]


def _short(data: bytes) -> str:
    """Bytes in hex, many as their SHA-256."""
    if len(data) <= _SHORTEST_HASHED:
        return data.hex()
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"
