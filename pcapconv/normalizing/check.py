"""Why a capture is not in its normal form: for people who have to see what to change, or in whom to believe."""

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
                if kinds & {pcapng.SIMPLE_PACKET, pcapng.OBSOLETE_PACKET}:
                    found["it has Simple or obsolete Packet Blocks"] = None
            case Block():
                pass
    if sections > 1:
        found[f"it has {sections} sections"] = None
    if any(left_out.values()):
        found[f"it has {counts_in_words(left_out, NOT_NORMAL)}"] = None
    if not found:
        where = "at its end" if position is None else f"from offset {position} on"
        found[f"its bytes differ {where}: other times, another order, padding or repetition"] = None
    return list(found)


def _of_section(section: Section) -> Iterator[str]:
    if section.byte_order == "big":
        yield "it is big-endian"
    if section.layout == "pcapng" and section.version != (1, 0):
        yield f"its version is {section.version[0]}.{section.version[1]}"
    if section.layout == "pcapng" and section.raw and section.raw[8:16] != pcapng.UNKNOWN_LENGTH:
        yield "it states a section length"


class Gaps:
    """The places of a damaged capture that could not be read, each as where it begins and ends."""

    def __init__(self, source: Source) -> None:
        self._begins, self._ends = array("Q"), array("Q")
        source.rewind()
        for item in formats.open_reader(source).items():
            if isinstance(item, Damage):
                self._begins.append(item.offset)
                self._ends.append(item.offset + item.bytes_left_out)

    def after(self, position: int) -> tuple[int, int] | None:
        """The first that ends behind a position; None where there is none."""
        at = bisect_right(self._ends, position)
        return None if at == len(self._ends) else (self._begins[at], self._ends[at])


def first_difference(source: Source, other: Source, gaps: Gaps | None = None) -> tuple[bool, int | None]:
    """Whether two captures are the same bytes, and else where in the first one they begin to differ. The `gaps` of the
    first one are passed over."""
    end = 0  # of what was read of the first one
    while True:
        position, one = _intact(source, end, gaps)
        end, two = position + len(one), _block(other, len(one) or 1)
        if one != two:
            common = next((at for at, pair in enumerate(zip(one, two)) if pair[0] != pair[1]), None)
            return False, None if common is None else position + common
        if not one:
            return True, None


def _intact(source: Source, position: int, gaps: Gaps | None) -> tuple[int, bytes]:
    """Where the next bytes begin that could be read, and these."""
    while gaps is not None and (gap := gaps.after(position)) is not None:
        begin, end = gap
        if position < begin:
            return position, _block(source, min(begin - position, _BLOCK))
        skipped = len(_block(source, min(end - position, _BLOCK)))
        if not skipped:
            break
        position += skipped
    return position, _block(source, _BLOCK)


def _block(source: Source, size: int) -> bytes:
    room, read = bytearray(size), 0
    with memoryview(room) as view:
        while read < len(room) and (count := source.readinto(view[read:])):
            read += count
    return bytes(room[:read])
