"""Explains in words why a capture is not in its normal form, so that people see what to change."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from pcapconv import formats
from pcapconv.io.source import Source
from pcapconv.model import Block, Damage, Interface, Item, PacketBatch, Section
from pcapconv.report import counts_in_words
from pcapconv.spec import pcapng
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
_PIECE = 2**18  # bytes that are compared at once


def find_reasons(
    items: Iterator[Item], left_out: Mapping[str, int], survey_reasons: Sequence[str], difference: int | None
) -> list[str]:
    """Return all reasons why a capture is not normal, `survey_reasons` first. `left_out` counts by kind the metadata
    that its normal form leaves out; `difference` is the offset of the first byte that differs from the normal form,
    None if the capture is only shorter or longer."""
    reasons: dict[str, None] = dict.fromkeys(survey_reasons)
    sections = 0
    for item in items:
        match item:
            case Section():
                sections += 1
                reasons |= dict.fromkeys(_reasons_of_section(item))
            case Interface() if item.ticks_per_second != NANOSECONDS or item.time_offset:
                reasons[f"times count in {format_resolution(item.ticks_per_second)} s, not in nanoseconds"] = None
            case PacketBatch():
                block_types = set(item.columns.record_type[: item.rows])
                if block_types & {pcapng.SIMPLE_PACKET, pcapng.OBSOLETE_PACKET}:
                    reasons["it has Simple or obsolete Packet Blocks"] = None
            case Block():
                pass
    if sections > 1:
        reasons[f"it has {sections} sections"] = None
    if any(left_out.values()):
        reasons[f"it has {counts_in_words(left_out, NOT_NORMAL)}"] = None
    if not reasons:
        where = "at its end" if difference is None else f"from offset {difference} on"
        reasons[f"its bytes differ {where}: other times, another order, padding or repetition"] = None
    return list(reasons)


def _reasons_of_section(section: Section) -> Iterator[str]:
    if section.byte_order == "big":
        yield "it is big-endian"
    if section.layout == "pcapng" and section.version != (1, 0):
        yield f"its version is {section.version[0]}.{section.version[1]}"
    if section.layout == "pcapng" and section.raw and section.raw[8:16] != pcapng.UNKNOWN_LENGTH:
        yield "it states a section length"


class Gaps:
    """The gaps of a damaged capture: the offsets at which bytes that could not be read begin and end."""

    def __init__(self, source: Source) -> None:
        self._begins, self._ends = array("Q"), array("Q")
        source.rewind()
        for item in formats.open_reader(source).items():
            if isinstance(item, Damage) and item.compressed_offset is None:
                self._begins.append(item.offset)
                self._ends.append(item.offset + item.bytes_left_out)

    def next_gap(self, offset: int) -> tuple[int, int] | None:
        """The offsets of the begin and the end of the first gap that ends after `offset`; None if there is no such
        gap."""
        index = bisect_right(self._ends, offset)
        return None if index == len(self._ends) else (self._begins[index], self._ends[index])


def first_difference(source: Source, other: Source, gaps: Gaps | None = None) -> tuple[bool, int | None]:
    """Return whether `source`, without its `gaps`, has the same bytes as `other`; and the offset of the first byte in
    `source` that differs, None if one of the two is only longer."""
    end = 0  # the offset up to which `source` was read
    while True:
        offset, one = _next_intact(source, end, gaps)
        end, two = offset + len(one), _read(other, len(one) or 1)
        if one != two:
            common = next((at for at, pair in enumerate(zip(one, two)) if pair[0] != pair[1]), None)
            return False, None if common is None else offset + common
        if not one:
            return True, None


def _next_intact(source: Source, offset: int, gaps: Gaps | None) -> tuple[int, bytes]:
    """Read the next bytes that are in no gap, from an offset on, and return their offset and the bytes."""
    while gaps is not None and (gap := gaps.next_gap(offset)) is not None:
        begin, end = gap
        if offset < begin:
            return offset, _read(source, min(begin - offset, _PIECE))
        skipped = len(_read(source, min(end - offset, _PIECE)))
        if not skipped:
            break
        offset += skipped
    return offset, _read(source, _PIECE)


def _read(source: Source, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end of the file."""
    room, read = bytearray(size), 0
    with memoryview(room) as view:
        while read < len(room) and (count := source.readinto(view[read:])):
            read += count
    return bytes(room[:read])
