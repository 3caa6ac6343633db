"""A second implementation of sorting and selecting, slow and obvious, that knows nothing of pcapconv.

`chosen` goes through the packets as the README describes the options, one rule after the other.
"""

import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import bpf
import cypcap
import wire
from expected_captures import CUSTOM_BLOCKS, Entry, Packet, listed
from expected_headers import without_link_layer
from expected_request import Ranges, Request
from wire import ByteOrder

EXPLAINING = (wire.SECTION_HEADER, wire.INTERFACE_DESCRIPTION, 4, 10, 0x80000001)  # names, secrets, processes
DIRECTIONS = {"in": 1, "out": 2}


def in_order(found: Sequence[Entry], request: Request) -> Sequence[Entry]:
    """The entries as `sort` orders them: in each section what explains packets, the packets, everything else.

    Raises ValueError for a packet whose time cannot be determined.
    """
    if not request.sort:
        return found
    ordered: list[Entry] = []
    for number in dict.fromkeys(entry.section for entry in found):
        before: list[Entry] = []
        after: list[Entry] = []
        timed: list[tuple[Fraction, Entry]] = []
        latest: Fraction | None = None
        for entry in (entry for entry in found if entry.section == number):
            if entry.packet is None:
                (after if timed and not _explains_packets(entry) else before).append(entry)
                continue
            if entry.packet.ticks is not None:
                if entry.packet.time is None:
                    raise ValueError("a time that nobody can tell")
                latest = entry.packet.time
            timed.append((Fraction(-(2**70)) if latest is None else latest, entry))
        ordered += [*before, *(entry for _, entry in sorted(timed, key=lambda each: each[0])), *after]
    return ordered


def _explains_packets(entry: Entry) -> bool:
    wireshark = entry.block_type in CUSTOM_BLOCKS and entry.raw[8:12] == struct.pack(entry.byte_order + "I", 32622)
    return wireshark or entry.block_type in EXPLAINING


def chosen(found: Sequence[Entry], request: Request) -> tuple[list[Packet], int]:
    """The packets that are selected, and how many are left out only because they have no time.

    Raises ValueError if a time is needed that cannot be determined.
    """
    found = in_order(found, request)
    every = [entry.packet for entry in found if entry.packet is not None]
    order = {entry.packet.number: entry.byte_order for entry in found if entry.packet is not None}
    stay = [packet for packet in every if _is_listed(packet, request) and _is_named(packet, request)]
    stay = [packet for packet in stay if _says(packet, order[packet.number], request)]
    timeless = 0
    if request.after or request.before:
        timeless = sum(packet.ticks is None for packet in stay)
        start = _first_time(every) if any(each and each[1] for each in (request.after, request.before)) else None
        stay = [packet for packet in stay if packet.ticks is not None]
        if any(packet.time is None for packet in stay):
            raise ValueError("a time that nobody can tell")
        low, high = (_instant(each, start) for each in (request.after, request.before))
        stay = [
            packet
            for packet in stay
            if (low is None or low <= cast(Fraction, packet.time))
            and (high is None or cast(Fraction, packet.time) < high)
        ]
    if request.expression is not None:
        stay = [packet for packet in stay if _matches(packet, order[packet.number], request.expression)]
    if request.where is not None:
        stay = [packet for packet in stay if request.where(packet)]
    stay = without_repeats(stay, request)
    begin = 0 if request.last is None else max(0, len(stay) - request.last)
    stay = stay[begin : request.first]
    if request.invert:
        numbers = {packet.number for packet in stay}
        return [packet for packet in every if packet.number not in numbers], 0
    return stay, timeless


def _matches(packet: Packet, order: ByteOrder, expression: str) -> bool:
    """Whether libpcap's own interpreter says that a packet matches. Raises ValueError if the packet's link type cannot
    be filtered."""
    try:
        program = bpf.compiled(expression, packet.interface.link_type, order)
    except cypcap.Error as error:
        if error.msg == "expression rejects all packets":
            return False
        raise ValueError(error.msg) from None
    return bpf.matches(program, packet.data, packet.original_length)


def without_repeats(found: Sequence[Packet], request: Request) -> list[Packet]:
    """The packets that do not repeat one before them. Raises ValueError if a time is needed that nobody can tell."""
    window = request.dedup
    if window is None:
        return list(found)
    if isinstance(window, Fraction) and any(packet.ticks is not None and packet.time is None for packet in found):
        raise ValueError("a time that nobody can tell")
    return [packet for index, packet in enumerate(found) if not _repeated(found[:index], packet, request)]


def _repeated(before: Sequence[Packet], packet: Packet, request: Request) -> list[Packet]:
    """The packets in the window, among those before it, that the packet repeats."""
    window = request.dedup
    if isinstance(window, int):
        before = before[-window:]
    elif window is not None:
        units = 2**32 * 5**12  # finer times are cut
        before = [
            other
            for other in before
            if packet.time is not None
            and other.time is not None
            and abs(packet.time * units // 1 - other.time * units // 1) <= window * units
        ]
    return [other for other in before if _compared(other, request) == _compared(packet, request)]


def _compared(packet: Packet, request: Request) -> tuple[object, ...]:
    """What is the same in packets that repeat each other."""
    interface = packet.interface
    skip = request.dedup_skip or 0
    is_network, data, length = False, packet.data, packet.original_length
    if isinstance(skip, str):
        is_network, data, length = without_link_layer(interface.link_type, data, length)
    elif len(data) > skip:
        data = data[skip:]
    return (
        is_network,
        len(packet.data) if isinstance(skip, int) else None,
        data,
        None if "length" in request.dedup_ignore else length,
        interface.link_type,
        None if "interface" in request.dedup_ignore else (interface.section, interface.interface),
    )


def last_needed(found: Sequence[Entry], request: Request) -> int | None:
    """The number of the packet after which no further one can be selected, whatever follows; None if one could be, or
    if the whole capture is needed."""
    if request.sort or request.invert or request.last is not None or request.interface:
        return None
    ends = []
    if request.first is not None:
        ends += [packet.number for packet in chosen(found, request._replace(first=None))[0][request.first - 1 :][:1]]
    count = sum(entry.packet is not None for entry in found)
    if request.packets and None not in (bounds := [last for _, last in request.packets]):
        ends += [last for last in (max(filter(None, bounds)),) if last <= count]
    return min(ends, default=None)


def _is_listed(packet: Packet, request: Request) -> bool:
    def among(ranges: Ranges) -> bool:
        return any(first <= packet.number and (last is None or packet.number <= last) for first, last in ranges)

    return (request.packets is None or among(request.packets)) and not among(request.drop_packets or ())


def _is_named(packet: Packet, request: Request) -> bool:
    section, number, name = packet.interface.section, packet.interface.interface, packet.interface.name
    called = {str(number), f"{section}:{number}"}
    if name is not None:
        called.add(name.split(b"\0")[0].decode(errors="backslashreplace"))
    return not request.interface or any(each in called for each in request.interface)


def _says(packet: Packet, order: ByteOrder, request: Request) -> bool:
    stated = listed(packet.options, order)
    if request.direction is not None:
        flags = [value for code, value, _ in stated if code == wire.EPB_FLAGS][:1]
        if [len(value) for value in flags] != [4]:
            return False
        if struct.unpack(order + "I", flags[0])[0] % 4 != DIRECTIONS[request.direction]:
            return False
    if request.comment_matches is None:
        return True
    said = [value.split(b"\0")[0] for code, value, _ in stated if code == wire.OPT_COMMENT]
    comments = [value.decode(errors="backslashreplace") for value in said]
    return any(re.search(request.comment_matches, comment) for comment in comments)


def _first_time(every: Sequence[Packet]) -> Fraction | None:
    for packet in every:
        if packet.ticks is not None:
            if packet.time is None:
                raise ValueError("a time that nobody can tell")
            return packet.time
    return None


def _instant(moment: tuple[Fraction, bool] | None, start: Fraction | None) -> Fraction | None:
    if moment is None:
        return None
    seconds, relative = moment
    return seconds + (start or 0) if relative else seconds
