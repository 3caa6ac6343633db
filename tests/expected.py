"""A second implementation of selecting and editing, slow and obvious, that knows nothing of pcapconv.

Strategy
--------
A capture is a list of `Entry`, one for each block or record; an entry that holds a packet has it, with its time as a
Fraction. `Request` is what to select and to edit; `as_arguments` gives it as arguments of pcapconv. `chosen` goes
through the packets as the README describes the options, one rule after the other. `written` puts the bytes of the
output together with wire.py's builders, so that tests compare whole files.

Only for captures without damage: a ValueError, or struct.error, for those, and for what cannot be done.
"""

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import bpf
import cypcap
import tunnels
import wire
from expected_headers import without_link_layer
from wire import ByteOrder, In

PACKET_BLOCKS = (wire.ENHANCED_PACKET, wire.SIMPLE_PACKET, wire.OBSOLETE_PACKET)
EXPLAINING = (wire.SECTION_HEADER, wire.INTERFACE_DESCRIPTION, 4, 10, 0x80000001)  # names, secrets, processes
CUSTOM_BLOCKS = (0xBAD, wire.CUSTOM_DO_NOT_COPY)
DO_NOT_COPY = (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, wire.OPT_CUSTOM_BYTES_DO_NOT_COPY)
NO_LIMIT = 262144
DIRECTIONS = {"in": 1, "out": 2}
FLAGS_OF_PACKET_TYPE = {0: 0b000_01, 1: 0b011_01, 2: 0b010_01, 3: 0b100_01, 4: 0b000_10}  # of the modified pcap
UNKNOWN_LENGTH = -1

Ranges = Sequence[tuple[int, int | None]]


class Interface(NamedTuple):
    """An interface; `unit` is a tick in seconds, None if it cannot be determined."""

    section: int
    interface: int
    link_type: int
    snaplen: int
    name: bytes | None
    unit: Fraction | None
    offset: int


class Packet(NamedTuple):
    """A packet with its number in the capture; `time` is None where the file states none."""

    number: int
    interface: Interface
    ticks: int | None
    time: Fraction | None
    original_length: int
    options: bytes
    data: bytes
    drops_count: int | None = None


class Entry(NamedTuple):
    """A block, or a pcap record; `packet` is None for a block that holds none."""

    section: int
    byte_order: ByteOrder
    block_type: int
    raw: bytes
    packet: Packet | None


EDITING_FIELDS = (
    *("tunnels", "only_tunnels", "snaplen", "front", "end", "cuts", "adjust", "shift", "start", "moments", "comments"),
)


class Request(NamedTuple):
    """What to select and to edit. Times are (seconds, relative to the first packet), and given by the clocks of
    `timezone`, if there is one; a window is a number of packets, or a Fraction of seconds. `cuts` are (offset, from the
    end, number, negative for bytes before the offset)."""

    sort: bool = False
    timezone: str | None = None
    after: tuple[Fraction, bool] | None = None
    before: tuple[Fraction, bool] | None = None
    packets: Ranges | None = None
    drop_packets: Ranges | None = None
    first: int | None = None
    last: int | None = None
    interface: Sequence[str] = ()
    comment_matches: str | None = None
    direction: str | None = None
    expression: str | None = None
    where: Callable[[Any], object] | None = None
    dedup: int | Fraction | None = None
    dedup_ignore: Sequence[str] = ()
    dedup_skip: int | str | None = None
    invert: bool = False
    tunnels: Sequence[str] = ()
    only_tunnels: bool = False
    snaplen: int | None = None
    front: int = 0
    end: int = 0
    cuts: Sequence[tuple[int, bool, int]] = ()
    adjust: bool = False
    shift: Fraction | None = None
    start: Fraction | None = None
    moments: Sequence[tuple[int, Fraction]] = ()
    comments: Sequence[tuple[int, str]] = ()

    def as_arguments(self) -> dict[str, Any]:
        """The request as arguments of `pcapconv.convert`."""
        said: dict[str, Any] = {
            "sort": self.sort,
            "timezone": self.timezone,
            "after": self.after and _moment(*self.after, self.timezone),
            "before": self.before and _moment(*self.before, self.timezone),
            "packets": self.packets and _ranges(self.packets),
            "drop_packets": self.drop_packets and _ranges(self.drop_packets),
            "first": self.first,
            "last": self.last,
            "interface": list(self.interface),
            "comment_matches": self.comment_matches,
            "direction": self.direction,
            "filter": self.expression,
            "where": self.where,
            "dedup": f"{decimal(self.dedup)}s" if isinstance(self.dedup, Fraction) else self.dedup,
            "dedup_ignore": list(self.dedup_ignore),
            "dedup_skip": self.dedup_skip,
            "invert": self.invert,
            "decapsulate": list(self.tunnels),
            "only_decapsulated": self.only_tunnels,
            "snaplen": self.snaplen,
            "chop": [
                *(each for each in (self.front, -self.end) if each),
                *(f"{'-' if from_end else ''}{offset}:{number}" for offset, from_end, number in self.cuts),
            ],
            "adjust_length": self.adjust,
            "shift_time": None if self.shift is None else decimal(self.shift),
            "rebase_time": None if self.start is None else _moment(self.start, False, self.timezone),
            "set_time": [f"{number}:{_moment(time, False, self.timezone)}" for number, time in self.moments],
            "packet_comment": [f"{number}:{text}" for number, text in self.comments],
        }
        return {name: value for name, value in said.items() if value not in (None, [], False)}

    @property
    def selects(self) -> bool:
        no_choice = ("sort", "timezone", *EDITING_FIELDS)
        return self._replace(**{name: Request._field_defaults[name] for name in no_choice}) != Request()

    @property
    def edits(self) -> bool:
        unedited = {name: Request._field_defaults[name] for name in EDITING_FIELDS}
        return bool(self.shift) or self._replace(shift=None) != self._replace(**unedited)


class Written(NamedTuple):
    """An output, the packets that are in it, and what was left out."""

    capture: bytes
    packets: list[Packet]
    left_out: Mapping[str, int]


def decimal(value: Fraction) -> str:
    """A number with all its digits. Raises ValueError if they do not end, or are more than pcapconv takes."""
    digits = next((count for count in range(61) if value.denominator and 10**count % value.denominator == 0), None)
    if digits is None:
        raise ValueError(f"{value} has no end, or more than 60 digits")
    if not digits:
        return str(value.numerator)
    whole, rest = divmod(abs(value.numerator) * (10**digits // value.denominator), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}}"


def _moment(seconds: Fraction, relative: bool, timezone: str | None) -> str:
    text = decimal(seconds)
    if relative:
        return f"+{text}"
    if timezone is not None and 0 <= seconds < 2**32:
        return _on_a_clock(seconds, timezone)
    return text if "." in text else f"{text}.0"  # eight digits may be a date


def _on_a_clock(seconds: Fraction, timezone: str) -> str:
    """What the clocks of a zone show, with the offset if they show it twice."""
    whole, rest = divmod(seconds, 1)
    zone = UTC if timezone == "local" else ZoneInfo(timezone)  # tests run where the local zone is UTC
    time = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)).astimezone(zone)
    shown = f"{time:%Y-%m-%dT%H:%M:%S}{decimal(rest).removeprefix('0')}"
    twice = time.replace(fold=0).utcoffset() != time.replace(fold=1).utcoffset()
    return f"{shown}{time:%z}" if twice else shown


def _ranges(ranges: Ranges) -> str:
    return ",".join(
        str(first) if first == last else f"{first}-{'' if last is None else last}" for first, last in ranges
    )


# ---------------------------------------------------------------- reading


def is_pcapng(capture: bytes) -> bool:
    return capture[:4] == b"\n\r\r\n"


@lru_cache(maxsize=4)
def entries(capture: bytes) -> tuple[Entry, ...]:
    """Every block or record of a capture. Raises ValueError or struct.error for damage."""
    return tuple(_blocks(capture) if is_pcapng(capture) else _records(capture))


def packets(capture: bytes) -> list[Packet]:
    return [entry.packet for entry in entries(capture) if entry.packet is not None]


def _blocks(capture: bytes) -> list[Entry]:
    found: list[Entry] = []
    section, number, header = -1, 0, b""
    interfaces: list[Interface] = []
    raw_interfaces: list[bytes] = []
    for block in wire.read_blocks(capture):
        packet = None
        if block.block_type == wire.SECTION_HEADER:
            section, header = section + 1, block.raw
            interfaces, raw_interfaces = [], []
            if struct.unpack_from(block.byte_order + "HH", block.body, 4) not in ((1, 0), (1, 2)):
                raise ValueError("a section of another version")
        elif block.block_type == wire.INTERFACE_DESCRIPTION:
            interfaces.append(interface_of(section, len(interfaces), block))
            raw_interfaces.append(block.raw)
        elif block.block_type in PACKET_BLOCKS:
            alone = header + (raw_interfaces[0] if raw_interfaces else b"")
            if block.block_type != wire.SIMPLE_PACKET:
                alone = header + b"".join(raw_interfaces)
            (read,) = wire.read_pcapng(alone + block.raw)  # none, if its interface was not declared
            number += 1
            packet = _packet(number, interfaces[read.interface], read, block)
        found.append(Entry(section, block.byte_order, block.block_type, block.raw, packet))
    return found


def interface_of(section: int, number: int, block: wire.Block) -> Interface:
    link_type, snaplen = struct.unpack_from(block.byte_order + "HxxI", block.body)
    stated = {code: value for code, value, _ in reversed(listed(block.body[8:], block.byte_order))}
    resolution, offset = stated.get(wire.IF_TSRESOL, b"\6"), stated.get(wire.IF_TSOFFSET, bytes(8))
    name = stated.get(wire.IF_NAME)
    if len(resolution) != 1 or len(offset) != 8:
        return Interface(section, number, link_type, snaplen, name, None, 0)
    exponent = resolution[0] & 0x7F
    unit = Fraction(1, 2**exponent if resolution[0] & 0x80 else 10**exponent)
    return Interface(section, number, link_type, snaplen, name, unit, struct.unpack(block.byte_order + "q", offset)[0])


def _packet(number: int, interface: Interface, read: wire.Packet, block: wire.Block) -> Packet:
    time = None
    if read.ticks is not None and interface.unit is not None:
        time = read.ticks * interface.unit + interface.offset
    drops = None
    if block.block_type == wire.OBSOLETE_PACKET:
        (drops,) = struct.unpack_from(block.byte_order + "H", block.body, 2)
    return Packet(number, interface, read.ticks, time, read.original_length, read.options, read.data, drops)


def _records(capture: bytes) -> list[Entry]:
    header = wire.read_pcap_header(capture)
    position, order = header.size, header.byte_order
    ids: dict[int, int] = {}
    found = []
    for number, read in enumerate(wire.read_pcap(capture), 1):
        head, options = 16, b""
        if header.magic == wire.MODIFIED:
            head = 24
            kind = FLAGS_OF_PACKET_TYPE.get(capture[position + 22])
            if kind is not None:
                options = wire.options((wire.EPB_FLAGS, struct.pack(order + "I", kind)), byte_order=order)
        raw = capture[position : position + head + read.captured_length]
        position += len(raw)
        unit = Fraction(1, header.units)
        interface_id = ids.setdefault(read.interface, len(ids))
        interface = Interface(0, interface_id, header.link_type_word & 0xFFFF, header.snaplen, None, unit, 0)
        assert read.ticks is not None
        packet = Packet(number, interface, read.ticks, read.ticks * unit, read.original_length, options, read.data)
        found.append(Entry(0, order, 0, raw, packet))
    return found


def listed(raw: bytes, order: ByteOrder) -> list[tuple[int, bytes, bytes]]:
    """Options as far as they can be read: code, value, and all their bytes."""
    found, at = [], 0
    while at + 4 <= len(raw):
        code, length = struct.unpack_from(order + "HH", raw, at)
        end = at + 4 + length + -length % 4
        if code == wire.OPT_ENDOFOPT or end > len(raw):
            break
        found.append((code, raw[at + 4 : at + 4 + length], raw[at:end]))
        at = end
    return found


def without(raw: bytes, order: ByteOrder, codes: Iterable[int], add: bytes = b"") -> tuple[bytes, int]:
    """The options without those of some codes, with others after them, and how many went."""
    gone = tuple(codes)
    return without_some(raw, order, lambda code, _: code in gone, add)


def without_some(
    raw: bytes, order: ByteOrder, goes: Callable[[int, bytes], bool], add: bytes = b""
) -> tuple[bytes, int]:
    """The options without those that go, by code and value, with others after them, and how many went."""
    stated = listed(raw, order)
    kept = [whole for code, value, whole in stated if not goes(code, value)]
    gone = len(stated) - len(kept)
    if not gone and not add:
        return raw, 0
    rest = raw[sum(len(whole) for _, _, whole in stated) :]
    if not kept and not add and rest == bytes(4):
        return b"", gone  # nothing but the end is left
    return b"".join(kept) + add + (rest or bytes(4)), gone


# ---------------------------------------------------------------- sorting


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


# ---------------------------------------------------------------- selecting


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


# ---------------------------------------------------------------- editing


def moving(stay: Sequence[Packet], request: Request) -> Request:
    """The request with the `shift` by which the first of these packets that has a time gets the time `start`.

    ValueError where this packet's time cannot be determined.
    """
    first = next((packet for packet in stay if packet.ticks is not None), None)
    if request.start is None or first is None:
        return request
    if first.time is None:
        raise ValueError("a time that nobody can tell")
    return request._replace(shift=request.start - first.time)


def _chopped(data: bytes, request: Request) -> bytes:
    """The bytes that stay."""
    size = len(data)
    gone = [(0, request.front), (size - request.end, size)]
    for offset, from_end, number in request.cuts:
        place = size - offset if from_end else offset
        if 0 <= place <= size:
            gone.append((place, place + number) if number > 0 else (place + number, place))
    places = {at for start, stop in gone for at in range(max(start, 0), min(stop, size))}
    return bytes(value for at, value in enumerate(data) if at not in places) if places else data


def edited(packet: Packet, order: ByteOrder, request: Request, *, snaplen: int) -> tuple[Packet, Mapping[str, int]]:
    """The packet with what was asked for, and what it lost. `snaplen` is what its interface states afterwards.

    ValueError where it cannot get its new time, or has no place for it or for a comment.
    """
    lost: Counter[str] = Counter()
    data = _chopped(packet.data, request)
    original = packet.original_length
    if request.adjust:
        original = max(0, original - (len(packet.data) - len(data)))
    data = data[: request.snaplen]
    new = packet._replace(data=data, original_length=original)
    if data != packet.data:
        options, lost["packet-hashes"] = without(packet.options, order, [wire.EPB_HASH])
        new = new._replace(options=options)
        read = min(original, snaplen or 2**32)
        if packet.ticks is None and not packet.interface.interface and read != len(data):
            new, lost["original-lengths"] = new._replace(original_length=len(data)), 1
    texts = [text.encode() for number, text in request.comments if number == packet.number]
    if texts:
        if packet.ticks is None:
            raise ValueError("a Simple Packet has no place for a comment")
        add = b"".join(wire.option(wire.OPT_COMMENT, text, byte_order=order) for text in texts)
        new = new._replace(options=without(new.options, order, [], add)[0])
    set_to = dict(request.moments).get(packet.number)
    if set_to is not None and packet.ticks is None:
        raise ValueError("a Simple Packet has no place for a time")
    if packet.ticks is not None and (set_to is not None or request.shift):
        if packet.interface.unit is None:
            raise ValueError("a time that nobody can tell")
        time = cast(Fraction, packet.time) + (request.shift or 0) if set_to is None else set_to
        ticks = (time - packet.interface.offset) / packet.interface.unit
        if ticks.denominator != 1 or not 0 <= ticks < 2**64:
            raise ValueError("its interface cannot state that time")
        new = new._replace(ticks=int(ticks), time=time)
    return new, +lost


def _snaplen(stated: int, request: Request) -> int:
    return stated if request.snaplen is None else min(stated or request.snaplen, request.snaplen)


# ---------------------------------------------------------------- tunnels

OUT_OF_TUNNEL = -1  # for the drop count of packets of pcap files, which have none


def out_of_tunnels(
    found: Sequence[Entry],
    stay: Sequence[Packet],
    request: Request,
    lost: Counter[str],
    *,
    file_states_fcs: bool = False,
) -> tuple[list[Entry], list[Packet]]:
    """The entries and the packets that stay, as they are behind tunnels. Each packet has the interface that it gets; in
    pcapng, there is a block for it in front of the first packet that needs it.

    ValueError where a packet that is to be edited is left out.
    """
    numbers = {packet.number for packet in stay}
    new: list[Entry] = []
    ids: dict[tuple[int, int | None], int] = {}  # by old id and link type, None for the own
    described: list[bytes] = []  # the bodies of the section's interfaces, as they were
    count = old = 0
    kept = []
    for entry in found:
        order, packet = entry.byte_order, entry.packet
        if entry.block_type == wire.SECTION_HEADER:
            ids, described, count = {}, [], 0
        if packet is None:
            body = entry.raw[8:-4]
            if entry.block_type == wire.INTERFACE_DESCRIPTION:
                ids[len(described), None] = count
                described.append(body)
                count += 1
            elif entry.block_type == wire.INTERFACE_STATISTICS:
                new += _statistics_behind(entry, ids, len(described), count, lost)
                continue
            new.append(entry)
            continue
        if packet.number not in numbers:
            continue
        came = _out_of_tunnel(packet, order, request, lost)
        if came is None and request.only_tunnels:
            continue
        old = packet.interface.interface
        options = listed(described[old][8:], order) if entry.block_type else []
        states_fcs = file_states_fcs or any(code == wire.IF_FCSLEN for code, _, _ in options)
        key: tuple[int, int | None] = (old, None)
        if came is not None and (came.interface.link_type != packet.interface.link_type or states_fcs):
            key = (old, came.interface.link_type)
        if key not in ids:
            ids[key], count = count, count + 1
            if key[1] is not None and entry.block_type:
                left, _ = without(described[old][8:], order, [wire.IF_FCSLEN])
                body = struct.pack(order + "H", key[1]) + described[old][2:8] + left
                raw = wire.block(wire.INTERFACE_DESCRIPTION, body, byte_order=order)
                new.append(Entry(entry.section, order, wire.INTERFACE_DESCRIPTION, raw, None))
        interface = (packet if came is None else came).interface._replace(interface=ids[key])
        after = (packet if came is None else came)._replace(interface=interface)
        new.append(_entry_behind(entry, after, came is not None, lost, described))
        assert new[-1].packet is not None
        kept.append(new[-1].packet)
    gone = numbers - {packet.number for packet in kept}
    if gone & {number for number, _ in (*request.comments, *request.moments)}:
        raise ValueError("a packet that is left out cannot be edited")
    return new, kept


def _statistics_behind(
    entry: Entry, ids: Mapping[tuple[int, int | None], int], before: int, count: int, lost: Counter[str]
) -> list[Entry]:
    """The statistics of one of the interfaces that were there `before`; none if they would be of another one."""
    (old,) = struct.unpack_from(entry.byte_order + "I", entry.raw, 8)
    if old >= before:
        lost["statistics"] += old < count
        return [] if old < count else [entry]
    there = struct.pack(entry.byte_order + "I", ids[old, None])
    return [entry._replace(raw=entry.raw[:8] + there + entry.raw[12:])]


def _out_of_tunnel(packet: Packet, order: ByteOrder, request: Request, lost: Counter[str]) -> Packet | None:
    """The packet in the tunnels, None if it is in none of those that were named."""
    kinds = ("vxlan", "geneve", "gre", "erspan", "gtp", "ipip") if "all" in request.tunnels else request.tunnels
    found = tunnels.taken_off(packet.interface.link_type, packet.data, packet.original_length, kinds)
    if not found:
        return None
    options, hashes = without(packet.options, order, [wire.EPB_HASH])
    lost["packet-hashes"] += hashes

    def states_fcs(code: int, value: bytes) -> bool:
        return code == wire.EPB_FLAGS and len(value) == 4 and bool(struct.unpack(order + "I", value)[0] & 0x1E0)

    flags = [
        wire.number(struct.unpack(order + "I", value)[0] & ~0x1E0, 4, byte_order=order)
        for code, value, _ in listed(options, order)
        if states_fcs(code, value)
    ]
    add = b"".join(wire.option(wire.EPB_FLAGS, value, byte_order=order) for value in flags)
    if packet.drops_count not in (None, 0xFFFF):
        add += wire.option(wire.EPB_DROPCOUNT, struct.pack(order + "Q", packet.drops_count), byte_order=order)
    options, _ = without_some(options, order, states_fcs, add)
    interface = packet.interface._replace(link_type=found[-1].link_type)
    return packet._replace(
        data=found[-1].data, original_length=found[-1].length, options=options, interface=interface, drops_count=None
    )


def _entry_behind(entry: Entry, packet: Packet, came: bool, lost: Counter[str], described: list[bytes]) -> Entry:
    """The entry of a packet with its new interface."""
    order, number = entry.byte_order, packet.interface.interface
    if not entry.block_type:
        return entry._replace(packet=packet._replace(drops_count=OUT_OF_TUNNEL if came else None))
    if came:
        if packet.ticks is None and not number:
            (snaplen,) = struct.unpack_from(order + "I", described[0], 4)
            if min(packet.original_length, snaplen or 2**32) != len(packet.data):
                packet = packet._replace(original_length=len(packet.data))
                lost["original-lengths"] += 1
        simple = packet.ticks is None and not number
        block_type = wire.SIMPLE_PACKET if simple else wire.ENHANCED_PACKET
        return entry._replace(block_type=block_type, raw=packet_block(packet, order), packet=packet)
    if entry.block_type == wire.SIMPLE_PACKET:
        return entry
    size = "I" if entry.block_type == wire.ENHANCED_PACKET else "H"
    there = struct.pack(order + size, number)
    raw = entry.raw[:8] + there + entry.raw[8 + len(there) :]
    return entry._replace(raw=raw, packet=packet)


# ---------------------------------------------------------------- writing


class InPcap(NamedTuple):
    """A packet as a pcap file states it: time in units since 1970, 0 where it has none."""

    ticks: int
    original_length: int
    data: bytes


def in_pcap(capture: bytes, request: Request) -> tuple[list[InPcap], Mapping[str, int]]:
    """The packets of a pcap file made of a pcapng capture, and the counts of what their times lost.

    ValueError where pcap cannot hold it.
    """
    return held_by_pcap(written(capture, "pcapng", request).packets, pcap_units(capture))


def held_by_pcap(kept: Sequence[Packet], units: int) -> tuple[list[InPcap], Mapping[str, int]]:
    """Packets as a pcap file with so many units in a second has them, and what their times lost. ValueError where pcap
    cannot hold them."""
    if len({packet.interface.link_type for packet in kept}) > 1:
        raise ValueError("packets of several link types")
    held, lost = [], Counter[str]()
    for packet in kept:
        if packet.ticks is not None and packet.time is None:
            raise ValueError("a time that nobody can tell")
        exact = (packet.time or Fraction(0)) * units
        ticks = exact.numerator // exact.denominator
        if not 0 <= ticks < units << 32:
            raise ValueError("a time that pcap cannot hold")
        lost["packets-without-time"] += packet.ticks is None
        lost["time-digits"] += ticks != exact
        held.append(InPcap(ticks, packet.original_length, packet.data))
    return held, +lost


def pcap_units(capture: bytes) -> int:
    """Nanoseconds, when any interface counts in anything finer than microseconds."""
    units = [
        interface_of(0, 0, block).unit
        for block in wire.read_blocks(capture)
        if block.block_type == wire.INTERFACE_DESCRIPTION
    ]
    return 10**9 if any(unit is not None and (unit * 10**6).denominator != 1 for unit in units) else 10**6


def written(capture: bytes, to: str, request: Request, *, pipe: bool = False) -> Written:
    """The output in the input's own format, or pcapng from pcap."""
    found = in_order(entries(capture), request)
    stay, timeless = chosen(found, request)
    lost = Counter({"packets-without-time": timeless})
    if request.tunnels:
        file_states_fcs = not is_pcapng(capture) and fcs_bits(wire.read_pcap_header(capture)) is not None
        found, stay = out_of_tunnels(found, stay, request, lost, file_states_fcs=file_states_fcs)
    request = moving(stay, request)
    if is_pcapng(capture):
        return written_pcapng(found, stay, lost, request, pipe)
    return _written_from_pcap(capture, found, stay, lost, request, to, pipe)


def written_pcapng(
    found: Sequence[Entry], stay: list[Packet], lost: Counter[str], request: Request, pipe: bool
) -> Written:
    numbers = {packet.number for packet in stay}
    out: list[Packet] = []
    sections: list[list[bytes]] = []
    snaplens: list[int] = []
    for entry in found:
        raw, order = entry.raw, entry.byte_order
        body = raw[8:-4]
        if entry.packet is not None:
            if entry.packet.number not in numbers:
                continue
            snaplen = _snaplen(entry.packet.interface.snaplen, request)
            packet, lacks = edited(entry.packet, order, request, snaplen=snaplen)
            lost.update(lacks)
            if entry.block_type != wire.SIMPLE_PACKET:
                options, gone = without(packet.options, order, DO_NOT_COPY)
                lost["do-not-copy"] += gone
                packet = packet._replace(options=options)
            out.append(packet)
            if packet != entry.packet:
                raw = packet_block(packet, order)
        elif entry.block_type == wire.CUSTOM_DO_NOT_COPY:
            lost["do-not-copy"] += 1
            continue
        else:
            at = options_at(entry)
            options, gone = without(body[at:], order, DO_NOT_COPY) if at is not None else (b"", 0)
            lost["do-not-copy"] += gone
            if gone:
                body = body[:at] + options
                raw = wire.block(entry.block_type, body, byte_order=order)
            if entry.block_type == wire.INTERFACE_DESCRIPTION and entry.packet is None:
                (stated,) = struct.unpack_from(order + "I", body, 4)
                snaplens.append(_snaplen(stated, request))
                body = body[:4] + struct.pack(order + "I", snaplens[-1]) + body[8:]
                raw = wire.block(entry.block_type, body, byte_order=order)
        if entry.block_type == wire.SECTION_HEADER:
            sections.append([])
        sections[-1].append(raw)
    orders = [entry.byte_order for entry in found if entry.block_type == wire.SECTION_HEADER]
    pieces = [_with_length(blocks, order, pipe) for blocks, order in zip(sections, orders)]
    return Written(b"".join(pieces), out, +lost)


def stated(packet: Packet) -> Packet:
    """The packet as its block states it: without a time, but of another interface than 0, it has time 0."""
    if packet.ticks is not None or not packet.interface.interface:
        return packet
    interface = packet.interface
    return packet._replace(ticks=0, time=None if interface.unit is None else Fraction(interface.offset))


def packet_block(packet: Packet, order: ByteOrder) -> bytes:
    """The block of a packet. A packet without a time that belongs to another interface than 0 has time 0."""
    if packet.ticks is None and not packet.interface.interface:
        return wire.simple_packet(packet.data, original_length=packet.original_length, byte_order=order)
    options = packet.options
    if packet.drops_count not in (None, 0xFFFF):
        drops = struct.pack(order + "Q", packet.drops_count)
        options, _ = without(options, order, [], wire.option(wire.EPB_DROPCOUNT, drops, byte_order=order))
    return wire.enhanced_packet(
        packet.interface.interface,
        packet.ticks or 0,
        packet.data,
        original_length=packet.original_length,
        options=options,
        byte_order=order,
    )


def options_at(entry: Entry) -> int | None:
    """The offset of a block's options in its body, None if it has none."""
    body, order = entry.raw[8:-4], entry.byte_order
    if entry.block_type == wire.NAME_RESOLUTION:
        records = sum(len(whole) for _, _, whole in listed(body, order))
        return records + 4  # the end record
    if entry.block_type == wire.DECRYPTION_SECRETS:
        (length,) = struct.unpack_from(order + "I", body, 4)
        return int(8 + length + -length % 4)
    return {wire.SECTION_HEADER: 16, wire.INTERFACE_DESCRIPTION: 8, wire.INTERFACE_STATISTICS: 12}.get(entry.block_type)


def _with_length(blocks: list[bytes], order: ByteOrder, pipe: bool) -> bytes:
    """A section that states the length it has, or none."""
    header, rest = blocks[0], b"".join(blocks[1:])
    (stated,) = struct.unpack_from(order + "q", header, 16)
    if pipe or stated != len(rest):
        header = header[:16] + struct.pack(order + "q", UNKNOWN_LENGTH) + header[24:]
    return header + rest


def _written_from_pcap(
    capture: bytes,
    found: Sequence[Entry],
    stay: list[Packet],
    lost: Counter[str],
    request: Request,
    to: str,
    pipe: bool,
) -> Written:
    header = wire.read_pcap_header(capture)
    numbers = {packet.number for packet in stay}
    snaplen = _snaplen(header.snaplen, request)
    out = []
    for packet in stay:
        new, lacks = edited(packet, header.byte_order, request, snaplen=snaplen)
        out.append(new)
        lost.update(lacks)
    if request.tunnels:
        unread = {each.packet.interface.interface for each in entries(capture) if each.packet} or {0}
        return Written(_tunnelled_from_pcap(header, out, snaplen, to, len(unread), pipe=pipe), out, +lost)
    if to == "pcapng":
        longest = max((len(packet.data) for packet in out), default=0)
        if 0 < snaplen < longest and not pipe:
            snaplen = max(262144, longest)
        made = _pcapng_of(header, entries(capture), out, snaplen, in_order=not request.sort)
        return Written(made, out, +lost)
    if not request.edits:
        records = b"".join(entry.raw for entry in found if entry.packet and entry.packet.number in numbers)
        head = capture[: header.size]
        if header.size > 24 and not pipe:  # Ixia's length of the records, where one can go back to it
            head = head[:24] + struct.pack(header.byte_order + "I", len(records))
        return Written(head + records, out, +lost)
    return Written(_pcap_of(header, out, snaplen), out, +lost)


def _pcapng_of(
    header: wire.PcapHeader, found: Sequence[Entry], out: list[Packet], snaplen: int, *, in_order: bool
) -> bytes:
    write = In(header.byte_order)
    fcs = fcs_bits(header)
    stated = [(wire.IF_TSRESOL, b"\t")] if header.units == 10**9 else []
    stated += [] if fcs is None else [(wire.IF_FCSLEN, bytes([fcs]))]
    described = write.interface(header.link_type_word & 0xFFFF, snaplen, options=write.options(*stated))
    written, interfaces = {packet.number: packet for packet in out}, set[int]()
    blocks = [] if any(entry.packet for entry in found) else [described]
    for packet in (entry.packet for entry in found if entry.packet is not None):
        if packet.interface.interface not in interfaces:  # right before its first packet, which need not stay
            interfaces.add(packet.interface.interface)
            blocks.append(described)
        if packet.number in written and in_order:
            blocks.append(packet_block(written[packet.number], header.byte_order))
    if not in_order:
        blocks += [packet_block(packet, header.byte_order) for packet in out]
    return write.section_header() + b"".join(blocks)


def _pcap_of(header: wire.PcapHeader, out: list[Packet], snaplen: int) -> bytes:
    """A new header, without what only the old one could say, over new records."""
    write, nanoseconds = In(header.byte_order), header.units == 10**9
    magic = wire.NANOSECONDS if nanoseconds else wire.MICROSECONDS
    if any(cast(int, packet.ticks) >= header.units << 32 for packet in out):
        raise ValueError("a time that pcap cannot hold")
    fcs = fcs_bits(header)
    word = header.link_type_word & 0xFFFF | (0 if fcs is None else 0x04000000 | fcs // 16 << 28)
    records = b"".join(
        write.pcap_record(
            *divmod(cast(int, packet.ticks), header.units), packet.data, original_length=packet.original_length
        )
        for packet in out
    )
    return write.pcap_header(magic, snaplen=snaplen, link_type_word=word) + records


def _tunnelled_from_pcap(
    header: wire.PcapHeader, out: list[Packet], snaplen: int, to: str, interfaces: int, *, pipe: bool
) -> bytes:
    """The output of a pcap file whose packets came out of tunnels: an interface is declared where a packet needs it; if
    no packet needs one, all are."""
    write, nanoseconds, fcs = In(header.byte_order), header.units == 10**9, fcs_bits(header)
    own = header.link_type_word & 0xFFFF
    described: list[tuple[int, int | None]] = []  # link type and FCS
    blocks: list[bytes] = []

    def declare(link_type: int, bits: int | None) -> None:
        described.append((link_type, bits))
        stated = [(wire.IF_TSRESOL, b"\t")] if nanoseconds else []
        stated += [] if bits is None else [(wire.IF_FCSLEN, bytes([bits]))]
        blocks.append(write.interface(link_type, limit, options=write.options(*stated)))

    longest = max((len(packet.data) for packet in out), default=0)
    limit = max(262144, longest) if 0 < snaplen < longest and not pipe else snaplen
    for packet in out:
        if packet.interface.interface == len(described):
            declare(packet.interface.link_type, None if packet.drops_count == OUT_OF_TUNNEL else fcs)
        blocks.append(packet_block(packet._replace(drops_count=None), header.byte_order))
    for _ in range(0 if described else interfaces):
        declare(own, fcs)
    if to == "pcapng":
        return write.section_header() + b"".join(blocks)
    if len({packet.interface.link_type for packet in out}) > 1:
        raise ValueError("packets of several link types")
    lengths = {bits for _, bits in described}
    word = described[0][0] if not out else out[0].interface.link_type
    if len(lengths) == 1 and fcs in lengths and fcs is not None:
        word |= 0x04000000 | fcs // 16 << 28
    return _pcap_of(header._replace(link_type_word=word), [each._replace(drops_count=None) for each in out], snaplen)


def fcs_bits(header: wire.PcapHeader) -> int | None:
    """The length of the FCS that the link-type word states, in bits."""
    return (header.link_type_word >> 28) * 16 if header.link_type_word & 0x04000000 else None


def alone(found: Sequence[Packet]) -> list[Request]:
    """Each selecting option alone, in several ways, and inverted; with limits on the packets and between them."""
    times = sorted({packet.time for packet in found if packet.time is not None})
    middle = times[len(times) // 2 :][:1]
    limits = [(_short(time + beside), False) for time in middle for beside in (0, Fraction(1, 10**9))]
    limits += [(Fraction(0), True), (Fraction(1, 4), True), (Fraction(3, 2), True)]
    count = len(found)
    ways = [
        *(Request(after=each) for each in limits),
        *(Request(before=each) for each in limits),
        *(Request(after=(_short(times[0]), False), before=(_short(time), False)) for time in times[-1:] if times[1:]),
        *(Request(packets=each) for each in ([(1, 1)], [(2, None)], [(3, 4), (1, 3)], [(count + 1, count + 9)])),
        *(Request(drop_packets=each) for each in ([(1, 1)], [(2, None)], [(max(1, count), count + 1), (2, 2)])),
        *(Request(first=each) for each in (1, 2, count + 1)),
        *(Request(last=each) for each in (1, 2, count + 1)),
        Request(first=3, last=2),
        *(Request(interface=[each]) for each in sorted(names_of(found))),
        *(Request(comment_matches=each) for each in ("comment", "^[a-m]", "")),
        *(Request(direction=each) for each in ("in", "out")),
    ]
    return [each for way in ways for each in (way, way._replace(invert=True))]


def names_of(found: Sequence[Packet]) -> set[str]:
    """All names and ids by which an interface with packets can be selected."""
    names = {packet.interface.name for packet in found}
    called = {name.decode() for name in names if name is not None and _is_text(name)}
    places = {f"{packet.interface.section}:{packet.interface.interface}" for packet in found}
    return called | places | {str(packet.interface.interface) for packet in found}


def _is_text(name: bytes) -> bool:
    try:
        return "\0" not in name.decode()
    except UnicodeDecodeError:
        return False


def _short(time: Fraction) -> Fraction:
    """The time, cut after so many digits as pcapconv takes."""
    return Fraction(time.numerator * 10**60 // time.denominator, 10**60)


def losses_of_pcap(capture: bytes, kept: Iterable[int]) -> Mapping[str, int]:
    """What only a pcap file of this flavour says, in its header and in the records with these numbers."""
    header, lost = wire.read_pcap_header(capture), Counter[str]()
    word = header.link_type_word
    reserved = word & (0x0BFF0000 if word & 0x04000000 else 0xFBFF0000)
    ixia = header.size > 24
    lost["header-fields"] = sum(map(bool, (header.thiszone, header.sigfigs, reserved, ixia, header.version != (2, 4))))
    records = [entry.raw for entry in entries(capture)]
    for number in kept:
        (fraction,) = struct.unpack_from(header.byte_order + "I", records[number - 1], 4)
        lost["time-notation"] += fraction >= header.units
        lost["record-fields"] += header.magic == wire.MODIFIED
    return +lost
