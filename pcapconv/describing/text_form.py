"""Writes the text form of a capture: everything in the capture as lines of text, for people and for `git diff`.

Strategy: each packet is a line, and so is each option of other blocks. No line holds a number that changes when packets
are added or removed before it, so that a difference does not spread. Long data is written in pieces.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from pcapconv import formats
from pcapconv.conversion import apply_steps
from pcapconv.io.paths import Readable
from pcapconv.io.source import open_source
from pcapconv.model import Block, Damage, Interface, Notice, Packet, PacketBatch, Section
from pcapconv.spec import ByteOrder, bodies, pcapng, readable_options
from pcapconv.spec.link_types import link_type_name
from pcapconv.steps import BasePlan
from pcapconv.steps.argument_values import parse_timezone
from pcapconv.text import shown
from pcapconv.time_zones import TimeZone
from pcapconv.timestamps import format_resolution, format_time

_PIECE = 32 * 1024  # bytes of data that are written at once
_GROUP = 4  # bytes between two blanks
_LONGEST_CACHED = 256  # bytes of options whose text is cached


def write_text(
    source: Readable,
    write: Callable[[str], object],
    *,
    fractions: str | None = None,
    timezone: str | None = None,
    salvage: bool = False,
    plan: BasePlan | None = None,
) -> bool:
    """Write the text form of a capture and return whether the capture is damaged.

    `write` is called with the text, piece by piece. `fractions` and `salvage` are as for `convert`; `timezone` is the
    zone in which times are shown. The steps of `plan` select the packets that are written. Raises FormatError,
    FileError, UsageError for an unknown zone, and what `write` raises.
    """
    zone = parse_timezone("timezone", timezone)
    steps = [] if plan is None else plan.steps(Counter())
    with open_source(source, fractions=fractions, salvage=salvage) as opened:
        reader = formats.open_reader(opened)
        interfaces: list[Interface] = []
        damaged = False
        for item in apply_steps(steps, reader.items()):
            match item:
                case PacketBatch():
                    for packet in item:
                        write(f"packet {_packet_facts(packet, zone)}")
                        if packet.raw_options:
                            _write_packet_options(packet.raw_options, packet.section.byte_order, write)
                        write(":")
                        _write_data(packet.data, write)
                        del packet  # it may be large: two at once would take twice the memory
                case Section():
                    interfaces = []
                    _write_lines(_section_lines(item), write)
                case Interface():
                    interfaces.append(item)
                    _write_lines(_interface_lines(item), write)
                case Block():
                    _write_block(item, interfaces, zone, write)
                case Damage():
                    damaged = True
                    _write_lines([f"damage: {item}"], write)
                case Notice():
                    _write_lines([f"warning: {item}"], write)
        return damaged


def _write_lines(lines: Iterable[str], write: Callable[[str], object]) -> None:
    for line in lines:
        write(f"{shown(line)}\n")


def _section_lines(section: Section) -> Iterator[str]:
    variant = f" {section.variant}" if section.variant else ""
    version = ".".join(map(str, section.version))
    yield f"{section.layout}{variant}, version {version}, {section.byte_order}-endian"
    yield from _option_lines(
        readable_options.decode_options(section.raw_options, section.byte_order, pcapng.SECTION_HEADER)
    )


def _interface_lines(interface: Interface) -> Iterator[str]:
    facts = [f"snaplen {interface.snaplen}", f"times in {format_resolution(interface.ticks_per_second)} s"]
    if interface.fcs_length is not None:
        facts.append(f"FCS of {interface.fcs_length} bits")
    yield f"interface {interface.id}: {link_type_name(interface.link_type)}, {', '.join(facts)}"
    order = interface.byte_order
    yield from _option_lines(
        readable_options.decode_options(interface.raw_options, order, pcapng.INTERFACE_DESCRIPTION)
    )


def _option_lines(options: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (f"  {_with_quoted_comment(option)}" for option in options)


def _with_quoted_comment(option: dict[str, Any]) -> str:
    """Return the name and value of an option; the value of a comment in quotes, which show where the comment ends."""
    text = readable_options.value_text(option)
    return f"{option['name']} {json.dumps(text, ensure_ascii=False) if option['name'] == 'opt_comment' else text}"


def _packet_facts(packet: Packet, zone: TimeZone) -> str:
    """Return the text of a packet's line before its options and data."""
    interface = packet.interface
    if packet.ticks is None:
        time = "no time"
    elif interface.time_error:
        time = f"{packet.ticks} ticks"
    else:
        time = format_time(packet.ticks, interface.ticks_per_second, interface.time_offset, zone)
    facts = [time, f"interface {interface.id}", f"{packet.captured_length} of {packet.original_length} bytes"]
    return ", ".join(facts)


def _write_packet_options(raw: bytes, order: ByteOrder, write: Callable[[str], object]) -> None:
    if len(raw) <= _LONGEST_CACHED:
        write(_cached_options(raw, order))
        return
    for option in readable_options.decode_options(raw, order, pcapng.ENHANCED_PACKET):
        write(shown(f", {_with_quoted_comment(option)}"))


@lru_cache  # most packets of a capture have one of a few option lists
def _cached_options(raw: bytes, order: ByteOrder) -> str:
    options = readable_options.decode_options(raw, order, pcapng.ENHANCED_PACKET)
    return "".join(shown(f", {_with_quoted_comment(option)}") for option in options)


def _write_data(data: bytes, write: Callable[[str], object]) -> None:
    for at in range(0, len(data), _PIECE):
        write(f" {data[at : at + _PIECE].hex(' ', -_GROUP)}")
    write("\n")


def _write_block(block: Block, interfaces: list[Interface], zone: TimeZone, write: Callable[[str], object]) -> None:
    """Write a block that holds no packets: names, secrets and statistics decoded, other blocks as bytes."""
    order, options = block.byte_order, block.body[block.options_at :]
    if block.kind == "names":
        _write_lines(
            [
                block.name,
                *_name_lines(block),
                *_option_lines(readable_options.decode_options(options, order, block.type)),
            ],
            write,
        )
    elif block.kind == "secrets":
        secrets = bodies.secrets(block.body, order)
        digest = readable_options.secrets_digest(block.body, order)
        text = f"{secrets.type_name}, {len(secrets.data)} bytes, SHA-256 {digest}"
        option_lines = _option_lines(readable_options.decode_options(options, order, block.type))
        _write_lines([f"{block.name}: {text}", *option_lines], write)
    elif block.kind == "statistics" and (statistics := bodies.statistics(block.body, order)).has_ticks:
        number, ticks = statistics.interface, statistics.ticks
        time_unit = interfaces[number].time_unit if number < len(interfaces) else None
        time = f"{ticks} ticks" if time_unit is None else format_time(ticks, *time_unit, zone)
        option_lines = _option_lines(readable_options.decode_options(options, order, block.type, time_unit, zone))
        _write_lines([f"{block.name}: interface {number} at {time}", *option_lines], write)
    else:
        write(f"{block.name}:")
        _write_data(block.body, write)


def _name_lines(block: Block) -> Iterator[str]:
    for record in readable_options.decode_names(block.body, block.byte_order):
        if "address" in record:
            yield f"  {record['address']} {' '.join(record['names'])}"
        else:
            yield f"  record of type {record['type']}: {record['raw']}"
