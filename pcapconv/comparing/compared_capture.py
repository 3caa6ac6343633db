"""One of the two captures of a comparison: its metadata that are compared, and its packets that are shown.

Strategy: both captures are compared in their normal form (`normalizing`), so that byte order, block types and time
resolutions make no difference.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
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
from pcapconv.spec.readable_options import decode_options, secrets_digest, value_text
from pcapconv.steps.batch_rows import options_of_row
from pcapconv.steps.relabel import interface_label
from pcapconv.text import ip_text
from pcapconv.timestamps import format_time
from pcapconv.wording import argument

_MOST_TEXT = 32 * 2**20  # bytes of memory for statements made from blocks
_STATEMENT_SIZE = 300  # bytes of memory that a statement takes in addition to its text
_LONGEST_HEX = 64  # bytes that are shown in hex; of longer data, the SHA-256 is shown
_LONGEST_PROCESS = 4096
_TIME_OPTIONS = [
    each.name
    for each in pcapng.option_types(pcapng.INTERFACE_STATISTICS).values()
    if each.value_type == option_lists.TIME
]
_PROCESS_REFERENCES = dict(zip((f"option {code}" for code in pcapng.PROCESS_REFERENCES), ("", "effective ")))


Option = dict[str, Any]  # as `spec.readable_options` reads it


class Statement(NamedTuple):
    """A piece of metadata outside packets and interfaces, in words: the kind of metadata, and the text; of statistics
    also the index in `ComparedCapture.interfaces`."""

    kind: str
    text: str
    interface: int | None = None


class OptionText(NamedTuple):
    """An option of a packet, and the same option as text."""

    option: Option
    text: str


class ComparedCapture:
    """A capture that is compared. `survey` has to be iterated first, to its end.

    `kinds` are the kinds of metadata that are compared, `interfaces` those without packets; `direction` and `timed`
    tell whether the directions and the times of packets are compared. The attributes:

    header                the survey of section, interfaces, names and secrets
    interfaces            the interfaces that are compared: those with packets, in the survey's order, then those
                          without; each in the normal form, with the section and id that it has in the file
    statements            counts the capture's statements
    ordered_statements    the statements whose order matters
    not_compared          counts, by kind, the statistics, custom and unknown blocks that are not compared
    processes             the texts of the section's processes so far, if processes are compared
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
        self.ordered_statements: list[Statement] = []
        self.statements: Counter[Statement] = Counter()
        self.not_compared: Counter[str] = Counter()
        self.interfaces: list[Interface] = []
        # The different interfaces in the normal form, with their indexes; only if statistics are compared.
        self._declared: dict[Interface, int] = {}
        self._places: list[tuple[int, int]] = []  # by the same indexes: the first one's section and id in the file
        # Statements made from blocks; those of statistics have indexes of `_declared`.
        self._block_statements: Counter[Statement] = Counter()
        self._process_form = NormalForm(kinds, Counter())  # for processes, which `form` must not count
        self.processes: list[str] = []
        self._memory_left = _MOST_TEXT
        self._direction = direction

    def survey(self) -> Iterator[Item]:
        """Yield the capture's items, and collect its statements, damage and warnings.

        Raises FormatError and FileError; and TargetError if the statements would take too much memory.
        """
        with name_in_errors(self.source.name):
            yield from self.header(self._collect(self.items()))
        indexes = self._add_interfaces()
        self._add_header()
        for statement, count in self._block_statements.items():
            if statement.interface is None:
                self.statements[statement] += count
            elif statement.interface in indexes:
                self.statements[statement._replace(interface=indexes[statement.interface])] += count

    def items(self) -> Iterator[Item]:
        """Yield the capture's items from its beginning, with little-endian pseudo-headers in packets.

        `options` works only for the section of the last item that was yielded.
        """
        self.source.rewind()
        for item in formats.open_reader(self.source).items():
            if isinstance(item, Section):
                self.processes = []
                self.form.begin_section()
            elif isinstance(item, Block) and item.type == pcapng.PROCESS:
                process = self._process_form.process(item)
                if process is not None:
                    self.processes.append(_process_text(process))
                    self.form.add_process(self.processes[-1].encode())
            yield with_headers_in("little", item) if isinstance(item, PacketBatch) else item

    def text(self, statement: Statement) -> str:
        """Return the text of a statement; of statistics, with their interface."""
        if statement.interface is None:
            return statement.text
        return f"statistics of interface {interface_label(self.interfaces[statement.interface])} {statement.text}"

    def options(self, batch: PacketBatch, row: int) -> bytes:
        """Return those of a packet's options that are compared, in the normal form."""
        if not batch.columns.options_length[row]:
            return b""
        obsolete = batch.columns.record_type[row] == pcapng.OBSOLETE_PACKET
        raw = options_of_row(batch, row)
        return self.form.packet(raw, batch.section.byte_order, obsolete=obsolete, direction=self._direction)

    def _collect(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items, and collect damage, warnings and statements made from blocks."""
        interfaces: list[tuple[Interface, int]] = []  # the section's, each with its index in `_declared`
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
                case Interface() if "statistics" in self.form.kinds:
                    interfaces.append((item, self._declare(item)))
                case Block() if item.is_process or not item.explains_packets:
                    self._add_block(item, interfaces)
            yield item

    def _declare(self, interface: Interface) -> int:
        """Return the index in `_declared` of an interface, which is added if it is new."""
        normal = self.form.interface(interface)
        index = self._declared.setdefault(normal, len(self._declared))
        if index == len(self._places):
            self._places.append((interface.section, interface.id))
            self._take_memory(len(normal.raw_options))
        return index

    def _add_interfaces(self) -> dict[int, int]:
        """Complete `interfaces`, and return their indexes by those of `_declared`."""
        if self.header.packets:  # otherwise the survey has an interface without packets
            self.interfaces = [_at(each, place) for each, place in zip(self.header.interfaces, self.header.places)]
        indexes: dict[int, int] = {}
        for normal, declared in self._declared.items():
            if normal in self.header.ids:
                indexes[declared] = self.header.ids[normal]
            elif "interfaces" in self.form.kinds:
                indexes[declared] = len(self.interfaces)
                self.interfaces.append(_at(normal, self._places[declared]))
        return indexes

    def _add_header(self) -> None:
        """Add statements for all comments, names and secrets of the survey, also beyond a thousand."""
        for code, value in option_lists.OptionList(self.header.section.raw_options, "little"):
            option_type = pcapng.option_type(pcapng.SECTION_HEADER, code)
            kind, label = "section-options", pcapng.option_name(pcapng.SECTION_HEADER, code)
            if code == option_lists.COMMENT:
                kind, label = "comments", "comment"
            text = option_lists.text(value) if option_type.value_type == option_lists.TEXT else value.hex()
            self.ordered_statements.append(Statement(kind, f"{label} {text}"))
        for record_type, address, name in sorted(self.header.names):
            is_ip_address = record_type in (1, 2) and len(address) in (4, 16)
            shown = ip_text(ipaddress.ip_address(address)) if is_ip_address else address.hex(":")
            text = f"name {shown} {option_lists.text(name)}" if name else f"name record {record_type} {shown}"
            self.statements[Statement("names", text)] += 1
        self.ordered_statements += [
            Statement("comments", f"names: comment {option_lists.text(raw)}") for _, raw in self.header.name_options
        ]
        for body in self.header.secrets:
            block = Block(pcapng.DECRYPTION_SECRETS, body, "little", 0, 0)
            secrets = bodies.secrets(body, "little")
            options = decode_options(body[block.options_at :], "little", block.type)
            texts = [
                f"{secrets.type_name} of {len(secrets.data)} bytes",
                f"SHA-256 {secrets_digest(body, 'little')}",
                *map(_name_and_value, options),
            ]
            self.ordered_statements.append(Statement("secrets", ", ".join(texts)))
        self.statements.update(self.ordered_statements)

    def _add_block(self, block: Block, interfaces: Sequence[tuple[Interface, int]]) -> None:
        """Add the statement made from a process, statistics, custom or unknown block, if its kind is compared."""
        kind = block.kind
        if not self.form.keep_or_count(kind):
            self.not_compared[kind] += 1
        elif block.is_process:
            process = self._process_form.process(block)
            if process is not None:
                text = _process_text(process) if block.type == pcapng.PROCESS else _bytes_text(process)
                statement = Statement("processes", text)
                if not self._block_statements[statement]:  # a process that sections repeat counts once
                    self._add_statement(statement)
        elif kind != "statistics":
            other = self.form.other_block(block)
            if other is not None:
                self._add_statement(Statement(kind, _bytes_text(other)))
        else:
            statistics = bodies.statistics(block.body, block.byte_order)
            if statistics.has_ticks and statistics.interface < len(interfaces):
                interface, declared = interfaces[statistics.interface]
                if interface.time_unit is not None:
                    text = _statistics_text(block, statistics.ticks, interface.time_unit)
                    self._add_statement(Statement(kind, text, declared))

    def _add_statement(self, statement: Statement) -> None:
        """Add a statement made from a block."""
        self._take_memory(len(statement.text))
        self._block_statements[statement] += 1

    def _take_memory(self, size: int) -> None:
        """Note a statement or an interface of this size. Raises TargetError if all of them take too much memory."""
        self._memory_left -= size + _STATEMENT_SIZE
        if self._memory_left < 0:
            raise TargetError(
                f"more interfaces, statistics and other blocks than pcapconv compares, {_MOST_TEXT >> 20} MiB; "
                f"leave out {argument('all', True)}"
            )

    def packets(self, indexes: Collection[int]) -> dict[int, tuple[Packet, list[OptionText]]]:
        """Read the capture again and return the packets with these indexes (from 0), each with its options, by
        index."""
        packets: dict[int, tuple[Packet, list[OptionText]]] = {}
        remaining, first = sorted(indexes), 0
        for item in self.items() if remaining else ():
            if not isinstance(item, PacketBatch):
                continue
            while remaining and remaining[0] < first + item.rows:
                packet = item.packet(remaining[0] - first)
                packets[remaining[0]] = packet, self._option_texts(packet)
                del remaining[0]
            first += item.rows
            if not remaining:
                break
        return packets

    def _option_texts(self, packet: Packet) -> list[OptionText]:
        order = packet.section.byte_order
        raw = self.form.packet(packet.raw_options, order, obsolete=False, direction=self._direction)
        return [self._with_text(each) for each in decode_options(raw, "little", pcapng.ENHANCED_PACKET)]

    def _with_text(self, option: Option) -> OptionText:
        """Return an option with its text; if the option refers to a process, with the text of that process."""
        words = _PROCESS_REFERENCES.get(option["name"])
        process = "" if words is None else option_lists.text(bytes.fromhex(option["raw"]))
        if process not in self.processes:
            return OptionText(option, _name_and_value(option))
        return OptionText({"name": option["name"], "value": process}, f"{words}{process}")


def interface_options(interface: Interface) -> dict[str, list[Option]]:
    """Return the options of an interface by name, and its link type and snaplen as if they were options."""
    options = {name: [{"name": name, "value": getattr(interface, name)}] for name in ("link_type", "snaplen")}
    for each in decode_options(interface.raw_options, "little", pcapng.INTERFACE_DESCRIPTION):
        if each["name"] != "if_tsresol":
            options.setdefault(each["name"], []).append(each)
    return options


def _at(interface: Interface, place: tuple[int, int]) -> Interface:
    """Return the interface with this section and id."""
    return interface._replace(section=place[0], id=place[1])


def _name_and_value(option: Option) -> str:
    return f"{option['name']} {value_text(option)}"


def _process_text(process: Block) -> str:
    """Return the text of a process block in the normal form.

    The text replaces references to the process in options. It is longer than such a reference, so that text and
    reference are never confused.
    """
    at = process.process_options_at
    options = option_lists.OptionList(process.body[at:], "little")
    if at < 4 or options.overrun or len(process.body) > _LONGEST_PROCESS:
        return _bytes_text(process)
    texts = [f"process {int.from_bytes(process.body[:4], 'little')}"]
    return ", ".join([*texts, *map(_name_and_value, decode_options(process.body[at:], "little", process.type))])


def _statistics_text(block: Block, ticks: int, time_unit: tuple[int, int]) -> str:
    """Return the text of a statistics block, without its interface."""
    options = decode_options(block.body[block.options_at :], block.byte_order, block.type, time_unit)
    text = ", ".join(map(_name_and_value, map(_with_short_time, options)))
    return f"at {short_time(format_time(ticks, *time_unit))}: {text}"


def _bytes_text(block: Block) -> str:
    return f"{block.name}: {_hex_or_digest(block.body)}"


def _with_short_time(option: Option) -> Option:
    """Return an option; if its value is a time, without zeros at the end of the fraction, which depend on the
    resolution."""
    if option["name"] in _TIME_OPTIONS and "value" in option:
        return {**option, "value": short_time(option["value"])}
    return option


def short_time(time: str) -> str:
    """Return a time without zeros at the end of its fraction."""
    whole, point, remainder = time.partition(".")
    digits = remainder[: next((at for at, mark in enumerate(remainder) if not mark.isdigit()), len(remainder))]
    return f"{whole}{point}{digits.rstrip('0')}".removesuffix(".") + remainder[len(digits) :]


def _hex_or_digest(data: bytes) -> str:
    """Return bytes in hex; if they are many, their number and SHA-256."""
    if len(data) <= _LONGEST_HEX:
        return data.hex()
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"
