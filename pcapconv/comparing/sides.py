"""A capture that is compared: what it says apart from its packets, and its packets again when they are to be shown.

Strategy: both captures are seen in their normal form (`normalizing`), so that byte order, blocks and resolutions make
no difference.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from pcapconv import formats, options
from pcapconv.convert import about
from pcapconv.files import Source
from pcapconv.formats import pcapng_layout as layout
from pcapconv.formats.interpret import each_option, option_names, read_secrets, secrets_digest, value_text
from pcapconv.model import Block, Damage, Interface, Item, Packet, PacketBatch, Section
from pcapconv.normalizing.form import Form
from pcapconv.normalizing.survey import Survey
from pcapconv.steps.rows import options_of


class Side:
    """A capture, as far as it is compared. `survey` has to be run first, to its end.

    `header` is what it says apart from its packets, `said_besides` counts sentences about all that is no packet and no
    interface. `kinds` of metadata are looked at, and the packets' `direction`; times only if it is `timed`.
    """

    def __init__(self, source: Source, kinds: Collection[str], *, direction: bool, timed: bool) -> None:
        self.source = source
        self.timed = timed
        self.form = Form(kinds, Counter())
        self.header = Survey(self.form, timeless=not timed)
        self.damage: list[Damage] = []
        self.said_besides: Counter[str] = Counter()
        self._blocks: Counter[str] = Counter()  # sentences about blocks
        self._direction = direction

    def survey(self) -> Iterator[Item]:
        """The capture's items, noted as they go by. Raises FormatError, FileError, TargetError."""
        with about(self.source):
            yield from self.header.look(self._noted(self.items()))
        self._add_header()
        self.said_besides += self._blocks

    def items(self) -> Iterator[Item]:
        """The capture's items, from its beginning."""
        self.source.rewind()
        return formats.open_reader(self.source).items()

    def options(self, batch: PacketBatch, row: int) -> bytes:
        """A packet's options in the normal form, as far as they are compared."""
        if not batch.columns.options_length[row]:
            return b""
        obsolete = batch.columns.record_type[row] == layout.OBSOLETE_PACKET
        raw = options_of(batch, row)
        return self.form.packet(raw, batch.section.byte_order, obsolete=obsolete, direction=self._direction)

    def _noted(self, items: Iterator[Item]) -> Iterator[Item]:
        interfaces: list[Interface] = []
        for item in items:
            match item:
                case Damage():
                    self.damage.append(item)
                case Section():
                    interfaces = []
                case Interface():
                    interfaces.append(item)
                case Block() if item.type not in (layout.NAME_RESOLUTION, layout.DECRYPTION_SECRETS):
                    self._add_other(item, interfaces)
            yield item

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
            block = Block(layout.DECRYPTION_SECRETS, body, "little", 0, 0)
            secrets = read_secrets(block)
            self.said_besides[f"{secrets['type']} of {secrets['bytes']} bytes, SHA-256 {secrets_digest(block)}"] += 1

    def _add_other(self, block: Block, interfaces: list[Interface]) -> None:
        """Statistics, custom and unknown blocks, where they are looked at."""
        if block.type != layout.INTERFACE_STATISTICS:
            other = self.form.other(block)
            if other is not None:
                name = layout.BLOCK_NAMES.get(block.type, f"block 0x{block.type:08x}")
                self._blocks[f"{name}: {other.body.hex()}"] += 1
        elif self.form.keeps("statistics"):
            number = int.from_bytes(block.body[:4], block.byte_order)
            interface = interfaces[number] if number < len(interfaces) else None
            said = each_option(block.body[12:], block.byte_order, block.type, interface)
            self._blocks[f"statistics of interface {number}: {', '.join(map(_one, said))}"] += 1

    def packets(self, rows: Collection[int]) -> dict[int, Packet]:
        """Some packets, read again, by row."""
        found: dict[int, Packet] = {}
        wanted, first = sorted(rows), 0
        for item in self.items() if wanted else ():
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
        raw = self.form.packet(packet.options, order, obsolete=False, direction=self._direction)
        return [_one(each) for each in each_option(raw, "little", layout.ENHANCED_PACKET)]


def interface_said(interface: Interface) -> dict[str, str]:
    """What an interface says, by name."""
    said = {"link type": str(interface.link_type), "snaplen": str(interface.snaplen)}
    for each in each_option(interface.options, "little", layout.INTERFACE_DESCRIPTION):
        if each["name"] != "if_tsresol":
            value = value_text(each)
            said[each["name"]] = f"{said[each['name']]}; {value}" if each["name"] in said else value
    return said


def _one(option: dict[str, Any]) -> str:
    return f"{option['name']} {value_text(option)}"
