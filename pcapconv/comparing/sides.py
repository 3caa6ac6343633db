"""What a comparison keeps of a capture: a few numbers for each packet, and what is said besides.

Strategy: both captures are seen in their normal form (`normalizing`), so that byte order, blocks and resolutions make
no difference. A packet's bytes and options become keyed hashes: nobody can prepare two packets that have the same.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

from pcapconv import formats, options
from pcapconv.convert import about
from pcapconv.errors import FormatError
from pcapconv.files import Source
from pcapconv.formats import pcapng_layout as layout
from pcapconv.formats.interpret import option_names, read_options, read_secrets
from pcapconv.model import SIMPLE_PACKET, Block, Damage, Interface, Item, Packet, PacketBatch, Section
from pcapconv.normalizing.form import Form
from pcapconv.normalizing.survey import Survey
from pcapconv.normalizing.times import scale_of
from pcapconv.steps.rows import options_of

_KEY = os.urandom(16)
_NO_TIME = -(2**63)


class Side:
    """A capture, as far as it is compared.

    Columns have an entry for each packet: `contents` and `details` are hashes (of its bytes; of its options), `times`
    are in whole nanoseconds, with what is finer in `finer`, by row; `lengths` are original lengths, `interfaces` places
    in `header.interfaces`. `said_besides` counts sentences about all that is no packet and no interface. `kinds` of
    metadata are looked at, and the packets' `direction`.
    """

    def __init__(self, source: Source, kinds: Collection[str], *, direction: bool) -> None:
        self.source = source
        self._direction = direction
        self.contents, self.details = array("Q"), array("Q")
        self.times, self.lengths, self.interfaces = array("q"), array("I"), array("I")
        self.finer: dict[int, Fraction] = {}
        self.damage: list[Damage] = []
        self.said_besides: Counter[str] = Counter()
        self._form = Form(kinds, Counter())
        with about(source):
            self.header = Survey(self._form, self._items(), sort=False)
            self._add_header()
            interfaces: list[Interface] = []
            for item in self._items():
                match item:
                    case PacketBatch():
                        self._add(item)
                    case Damage():
                        self.damage.append(item)
                    case Section():
                        interfaces = []
                    case Interface():
                        interfaces.append(item)
                    case Block() if item.type not in (layout.NAME_RESOLUTION, layout.DECRYPTION_SECRETS):
                        self._add_other(item, interfaces)

    def _add_header(self) -> None:
        """Lists in full: what is only shown of a capture may end after a thousand, what is compared may not."""
        labels = {**option_names(layout.SECTION_HEADER), options.COMMENT: "comment"}
        for code, value in options.Options(self.header.section.options, "little"):
            label = labels.get(code, f"option {code}")
            self.said_besides[f"{label} {options.text(value) if code < 5 else value.hex()}"] += 1
        for kind, address, name in self.header.names:
            shown = str(ipaddress.ip_address(address)) if kind in (1, 2) and name else address.hex(":")
            self.said_besides[f"name {shown} {options.text(name)}"] += 1
        for body in self.header.secrets:
            secrets = read_secrets(Block(layout.DECRYPTION_SECRETS, body, "little", 0, 0))
            self.said_besides[f"{secrets['type']} of {secrets['bytes']} bytes, hash {_hash(body):016x}"] += 1

    def _items(self) -> Iterator[Item]:
        self.source.rewind()
        return formats.open_reader(self.source).items()

    def _add(self, batch: PacketBatch) -> None:
        columns, rows, first = batch.columns, batch.rows, len(self.contents)
        buffer, order = memoryview(batch.buffer), batch.section.byte_order
        with buffer:
            for at, length in zip(columns.data_at[:rows], columns.captured_length):
                self.contents.append(_hash(buffer[at : at + length]))
        self.lengths.extend(columns.original_length[:rows])
        places = self.header.places
        ids = {number: places[batch.section.number, number] for number in set(columns.interface[:rows])}
        self.interfaces.extend(array("I", map(ids.__getitem__, columns.interface[:rows])))
        self._add_times(batch, first)
        if not batch.has_options:
            self.details.extend(array("Q", bytes(8 * rows)))
            return
        for row in range(rows):
            obsolete = columns.record_type[row] == layout.OBSOLETE_PACKET
            raw = self._form.packet(options_of(batch, row), order, obsolete=obsolete, direction=self._direction)
            self.details.append(_hash(raw) if raw else 0)

    def _add_times(self, batch: PacketBatch, first: int) -> None:
        columns, rows = batch.columns, batch.rows
        scales = {number: scale_of(batch.interfaces[number], 0) for number in set(columns.interface[:rows])}
        for row, (tick, number, kind) in enumerate(zip(columns.ticks[:rows], columns.interface, columns.record_type)):
            if kind == SIMPLE_PACKET:
                self.times.append(_NO_TIME)
                continue
            scale = scales[number]
            if scale.error:
                raise FormatError(f"packet {batch.number(row)}: {scale.error}")
            whole, rest = divmod(tick * scale.multiply, scale.divide)
            time = whole + scale.add
            if rest or not _NO_TIME < time < 2**63:
                self.finer[first + row] = Fraction(rest, scale.divide) + time
                time = max(_NO_TIME + 1, min(time, 2**63 - 1))
            self.times.append(time)

    def time(self, row: int) -> int | Fraction | None:
        """A packet's time in nanoseconds since 1970, exactly; None without one."""
        time = self.times[row]
        return None if time == _NO_TIME else self.finer.get(row, time)

    def _add_other(self, block: Block, interfaces: list[Interface]) -> None:
        """Statistics, custom and unknown blocks, where they are looked at."""
        if block.type != layout.INTERFACE_STATISTICS:
            other = self._form.other(block)
            if other is not None:
                name = layout.BLOCK_NAMES.get(block.type, f"block 0x{block.type:08x}")
                self.said_besides.update((f"{name}: {other.body.hex()}",))
        elif self._form.keeps("statistics"):
            number = int.from_bytes(block.body[:4], block.byte_order)
            interface = interfaces[number] if number < len(interfaces) else None
            said = read_options(block.body[12:], block.byte_order, block.type, interface)
            self.said_besides.update((f"statistics of interface {number}: {', '.join(map(_one, said))}",))

    def packets(self, rows: Collection[int]) -> dict[int, Packet]:
        """Some packets, read again, by row."""
        found: dict[int, Packet] = {}
        wanted, first = sorted(rows), 0
        for item in self._items() if wanted else ():
            if not isinstance(item, PacketBatch):
                continue
            while wanted and wanted[0] < first + item.rows:
                found[wanted[0]] = item.packet(wanted[0] - first)
                del wanted[0]
            first += item.rows
            if not wanted:
                break
        return found

    def said(self, packet: Packet) -> list[str]:
        """What a packet's options say, in words."""
        order = packet.section.byte_order
        raw = self._form.packet(packet.options, order, obsolete=False, direction=self._direction)
        return [_one(each) for each in read_options(raw, "little", layout.ENHANCED_PACKET)]

    def interface(self, place: int) -> Interface:
        """An interface in use."""
        return self.header.interfaces[place]


def interface_said(interface: Interface) -> dict[str, str]:
    """What an interface says, by name."""
    said = {"link type": str(interface.link_type), "snaplen": str(interface.snaplen)}
    for each in read_options(interface.options, "little", layout.INTERFACE_DESCRIPTION):
        if each["name"] != "if_tsresol":
            value = str(each.get("value", each.get("raw")))
            said[each["name"]] = f"{said[each['name']]}; {value}" if each["name"] in said else value
    return said


def _one(said: dict[str, Any]) -> str:
    return f"{said['name']} {said.get('value', said.get('raw'))}"


def _hash(data: bytes | memoryview) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=_KEY).digest(), "little")
