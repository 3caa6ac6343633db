"""Why a capture is not in its normal form: for people who have to see what to change, or in whom to believe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pcapconv.io.sources import Source
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.report import describe
from pcapconv.spec import pcapng as layout
from pcapconv.timestamps import NANOSECONDS, format_resolution

NOT_NORMAL = {
    "comments": ("comment", "comments"),
    "names": ("block of names", "blocks of names"),
    "statistics": ("statistics block", "statistics blocks"),
    "secrets": ("secrets block", "secrets blocks"),
    "custom": ("custom block or option", "custom blocks and options"),
    "unknown": ("unknown block or option", "unknown blocks and options"),
    "host": ("option about the host", "options about the host"),
    "addresses": ("interface address", "interface addresses"),
    "details": ("option that differs by run", "options that differ by run"),
    "interfaces": ("interface without packets", "interfaces without packets"),
}
_BLOCK = 2**18


def reasons(
    items: Iterator[Item], left_out: Mapping[str, int], of_times: Sequence[str], position: int | None
) -> list[str]:
    """What of a capture is not normal, in words, `of_times` among them; `position` is the first byte that differs, None
    for a file that only is too long or too short."""
    found: dict[str, None] = dict.fromkeys(of_times)
    sections = 0
    for item in items:
        match item:
            case Section():
                sections += 1
                found |= dict.fromkeys(_of_section(item))
            case Interface() if item.ticks_per_second != NANOSECONDS or item.time_offset:
                found[f"times count in {format_resolution(item.ticks_per_second)} s, not in nanoseconds"] = None
            case PacketBatch():
                kinds = set(item.columns.record_type[: item.rows])
                if kinds & {layout.SIMPLE_PACKET, layout.OBSOLETE_PACKET}:
                    found["it has Simple or obsolete Packet Blocks"] = None
            case Block():
                pass
    if sections > 1:
        found[f"it has {sections} sections"] = None
    if any(left_out.values()):
        found[f"it has {describe(left_out, NOT_NORMAL)}"] = None
    if not found:
        where = "at its end" if position is None else f"from offset {position} on"
        found[f"its bytes differ {where}: other times, another order, padding or repetition"] = None
    return list(found)


def _of_section(section: Section) -> Iterator[str]:
    if section.byte_order == "big":
        yield "it is big-endian"
    if section.layout == "pcapng" and section.version != (1, 0):
        yield f"its version is {section.version[0]}.{section.version[1]}"
    if section.layout == "pcapng" and section.raw and section.raw[8:16] != layout.UNKNOWN_LENGTH:
        yield "it states a section length"


def first_difference(source: Source, other: Source) -> tuple[bool, int | None]:
    """Whether two captures are the same bytes, and else where they begin to differ."""
    position = 0
    while True:
        one, two = _block(source), _block(other)
        if one != two:
            common = next((at for at, pair in enumerate(zip(one, two)) if pair[0] != pair[1]), None)
            return False, None if common is None else position + common
        if not one:
            return True, None
        position += len(one)


def _block(source: Source) -> bytes:
    room, read = bytearray(_BLOCK), 0
    with memoryview(room) as view:
        while read < len(room) and (count := source.readinto(view[read:])):
            read += count
    return bytes(room[:read])
