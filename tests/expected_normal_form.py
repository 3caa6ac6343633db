"""A second implementation of the normal form: slow, obvious; written from docs/reference/normal-form.md, not pcapconv.

Strategy
--------
`normal_form` takes a capture apart into what it states: comments of sections, names, secrets, statistics, and packets
with the interface of each. Every option becomes a (code, value) pair in little endian at once. Then the normal form is
put together in its order with wire.py's builders.

Only for captures without damage: a ValueError, or struct.error, for those, and for times that the form refuses.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import expected_captures
import wire
from expected_captures import PACKET_BLOCKS, Entry, entries, fcs_bits, is_pcapng
from expected_request import decimal
from host_order import little
from wire import BIG, LITTLE, ByteOrder

KINDS = ("comments", "names", "statistics", "secrets", "custom", "unknown", "host", "addresses")
KEPT = frozenset({"comments", "names", "secrets"})
CUSTOM_OPTIONS = (2988, 2989, 19372, 19373)
CUSTOM_BLOCKS = (wire.CUSTOM_COPY, wire.CUSTOM_DO_NOT_COPY)
PROCESS = 0x80000001
SECOND = 10**9
MILLISECOND = 10**6
ADDRESS_SIZES = {1: 4, 2: 16, 3: 6, 4: 8}

ALWAYS = "always"
NEVER = "never"
OF_SECTIONS = dict.fromkeys((2, 3, 4), "host")
OF_INTERFACES = {
    **dict.fromkeys((2, 3, 11), ALWAYS),
    **dict.fromkeys((4, 5, 6, 7), "addresses"),
    **dict.fromkeys((12, 15), "host"),
    **dict.fromkeys((8, 10, 16, 17, 18), NEVER),  # speeds and time zones
    **dict.fromkeys((9, 13, 14), NEVER),  # what they say is said otherwise
}
TEXTS = {"sections": (2, 3, 4), "interfaces": (2, 3, 12, 15)}
FILTER = 11
OF_PACKETS = dict.fromkeys(range(2, 9), NEVER)  # flags are said otherwise

Pairs = list[tuple[int, bytes]]


class Request(NamedTuple):
    """What to make of a capture; `rebase` is in nanoseconds since 1970, `cut` is --on-loss ignore."""

    keep: frozenset[str] = frozenset()
    strip: frozenset[str] = frozenset()
    sort: bool = False
    rebase: int | None = None
    mask: bool = False
    cut: bool = False

    def as_arguments(self) -> dict[str, Any]:
        """The request as arguments of `pcapconv.normalize`."""
        said: dict[str, Any] = {
            "keep": sorted(self.keep),
            "strip": [",".join(sorted(self.strip))] if self.strip else [],
            "sort": self.sort,
            "rebase_time": None if self.rebase is None else decimal(Fraction(self.rebase, SECOND)),
            "mask_time": self.mask,
            "on_loss": "ignore" if self.cut else "warn",
        }
        return {name: value for name, value in said.items() if value not in (None, [], False)}

    @property
    def kinds(self) -> frozenset[str]:
        return (KEPT | self.keep) - self.strip


class Interface(NamedTuple):
    """What an interface says in the normal form; those that say the same are equal."""

    link_type: int
    snaplen: int
    options: bytes


class Packet(NamedTuple):
    """A packet in the normal form, with its time in nanoseconds."""

    interface: Interface
    time: int
    original_length: int
    options: bytes
    data: bytes


class Normal(NamedTuple):
    """A normal form, the packets in it, and what was lost."""

    capture: bytes
    packets: list[Packet]
    losses: Mapping[str, int]


class _Time(NamedTuple):
    """The time unit and the offset of an interface, None if its times cannot be determined."""

    unit: Fraction | None
    offset: int


# ---------------------------------------------------------------- options


def listed(raw: bytes, order: ByteOrder) -> Pairs:
    """Options as far as they can be read; the enterprise numbers of custom ones are little-endian already."""
    pairs = []
    for code, value, _ in expected_captures.listed(raw, order):
        little = order == LITTLE or code not in CUSTOM_OPTIONS
        value = value if little else value[:4][::-1] + value[4:]
        pairs.append((code, value.split(b"\0")[0] if code == wire.OPT_COMMENT else value))
    return pairs


def kept(pairs: Pairs, own: Mapping[int, str], kinds: frozenset[str]) -> Pairs:
    """The options of these kinds; `own` has the kind of each option of the block itself."""

    def kind(code: int) -> str:
        if code == wire.OPT_COMMENT:
            return "comments"
        return "custom" if code in CUSTOM_OPTIONS else own.get(code, "unknown")

    return [(code, value) for code, value in pairs if kind(code) in {ALWAYS, *kinds}]


def ended(pairs: Pairs, block: str) -> Pairs:
    """The options of a block with its texts up to their first zero byte; of a filter, that behind its first one."""
    return [
        (code, value.split(b"\0")[0])
        if code in TEXTS[block]
        else (code, b"\0" + value.split(b"\0")[1])
        if (block, code) == ("interfaces", FILTER) and value.startswith(b"\0")
        else (code, value)
        for code, value in pairs
    ]


def comments(pairs: Pairs, kinds: frozenset[str]) -> Pairs:
    """The comments of an option list, and nothing else."""
    return [pair for pair in pairs if pair[0] == wire.OPT_COMMENT and "comments" in kinds]


def in_order(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """The options sorted by code; of one that does not repeat only the first."""
    found: Pairs = []
    for code, value in sorted(pairs, key=lambda pair: pair[0]):
        repeats = code == wire.OPT_COMMENT or code in CUSTOM_OPTIONS
        if repeats or code not in dict(found):
            found.append((code, value))
    return wire.options(*found)


def first(pairs: Pairs, code: int, size: int) -> bytes | None:
    """The value of the first option of a code, None if it has another size."""
    value = next((value for other, value in pairs if other == code), b"")
    return value if len(value) == size else None


# ---------------------------------------------------------------- the normal form


def normal_form(capture: bytes, request: Request | None = None) -> Normal:
    """The normal form as pcapng. ValueError for times that it does not hold."""
    request = request or Request()
    found = entries(capture)
    lost: Counter[str] = Counter()
    interfaces = _interfaces(capture, found, request.kinds)
    packets = _packets(found, {key: each for key, (each, _) in interfaces.items()}, request, lost)
    lost = Counter() if request.mask else lost
    instead = _snaplens(packets)
    lost["header-fields"] = len(instead)
    interfaces = {key: (_with_snaplen(each, instead), time) for key, (each, time) in interfaces.items()}
    packets = [packet._replace(interface=_with_snaplen(packet.interface, instead)) for packet in packets]
    shift = 0
    if request.rebase is not None and packets and not request.mask:
        earliest = min(packet.time for packet in packets) if request.sort else packets[0].time
        shift = request.rebase - earliest
    packets = [packet._replace(time=packet.time + shift) for packet in packets]
    if any(not 0 <= packet.time < 2**64 for packet in packets):
        raise ValueError("a time that nanoseconds do not hold")
    others, processes = _others(found, request.kinds), b"".join(_processes(found, request.kinds))
    if request.sort:
        packets.sort(key=lambda packet: packet.time)
        others = [(len(packets), block) for _, block in others]
    if request.mask:
        start = request.rebase or 0
        packets = [packet._replace(time=start + n * MILLISECOND) for n, packet in enumerate(packets, 1)]
    in_use = dict.fromkeys([packet.interface for packet in packets] or [each for each, _ in interfaces.values()][:1])
    ids = {each: key for key, each in enumerate(in_use)}
    body = [
        wire.enhanced_packet(
            ids[packet.interface],
            packet.time,
            packet.data,
            original_length=packet.original_length,
            options=packet.options,
        )
        for packet in packets
    ]
    for key, block in reversed(others):
        body.insert(key, block)
    out = (
        wire.section_header(options=_section_options(found, request.kinds))
        + b"".join(wire.interface(each.link_type, each.snaplen, options=each.options) for each in ids)
        + _names(found, request.kinds)
        + b"".join(_secrets(found, request.kinds))
        + processes
        + b"".join(body)
        + b"".join(_statistics(found, interfaces, ids, request, shift))
    )
    return Normal(out, packets, +lost)


def _snaplens(packets: Sequence[Packet]) -> Mapping[int, int]:
    """The snaplens to state instead of those that packets exceed."""
    longest: dict[int, int] = {}
    for packet in packets:
        stated, length = packet.interface.snaplen, len(packet.data)
        if 0 < stated < length:
            longest[stated] = max(length, longest.get(stated, 262144))
    return longest


def _with_snaplen(interface: Interface, instead: Mapping[int, int]) -> Interface:
    return interface._replace(snaplen=instead.get(interface.snaplen, interface.snaplen))


def _section_options(found: Sequence[Entry], kinds: frozenset[str]) -> bytes:
    pairs: Pairs = []
    for entry in found:
        if entry.block_type == wire.SECTION_HEADER:
            pairs += ended(kept(listed(entry.raw[24:-4], entry.byte_order), OF_SECTIONS, kinds), "sections")
    return in_order(pairs)


def _interfaces(
    capture: bytes, found: Sequence[Entry], kinds: frozenset[str]
) -> dict[tuple[int, int], tuple[Interface, _Time]]:
    """By section and id."""
    every = {}
    if not is_pcapng(capture):
        header = wire.read_pcap_header(capture)
        fcs = fcs_bits(header)
        pairs = [(wire.IF_TSRESOL, b"\x09")] + ([] if fcs is None else [(wire.IF_FCSLEN, bytes([fcs]))])
        only = Interface(header.link_type_word & 0xFFFF, header.snaplen, in_order(pairs))
        numbers = {entry.packet.interface.interface for entry in found if entry.packet is not None} or {0}
        return {(0, number): (only, _Time(Fraction(1, header.units), 0)) for number in numbers}
    ids: Counter[int] = Counter()
    for entry in found:
        if entry.block_type == wire.INTERFACE_DESCRIPTION:
            link_type, snaplen = struct.unpack_from(entry.byte_order + "HxxI", entry.raw, 8)
            stated = listed(entry.raw[16:-4], entry.byte_order)
            pairs = [*ended(kept(stated, OF_INTERFACES, kinds), "interfaces"), (wire.IF_TSRESOL, b"\x09")]
            fcs_length = first(stated, wire.IF_FCSLEN, 1)
            pairs += [] if fcs_length is None else [(wire.IF_FCSLEN, fcs_length)]
            each = Interface(link_type, snaplen, in_order(pairs))
            every[entry.section, ids[entry.section]] = each, _time(stated, entry.byte_order)
            ids[entry.section] += 1
    return every


def _time(stated: Pairs, order: ByteOrder) -> _Time:
    told = dict(reversed(stated))  # of two, the first counts
    resolution, offset = told.get(wire.IF_TSRESOL, b"\x06"), told.get(wire.IF_TSOFFSET, bytes(8))
    if len(resolution) != 1 or len(offset) != 8:
        return _Time(None, 0)
    unit = Fraction(1, 2 ** (resolution[0] & 0x7F) if resolution[0] & 0x80 else 10 ** resolution[0])
    return _Time(unit, struct.unpack(order + "q", offset)[0])


def _nanoseconds(seconds: Fraction | None, request: Request, lost: Counter[str]) -> int:
    if seconds is None:
        raise ValueError("a time that nobody can tell")
    time = seconds * SECOND
    if time.denominator != 1:
        lost["time-digits"] += 1
        if not request.cut:
            raise ValueError("a time with digits finer than a nanosecond")
    return int(time // 1)


def _packets(
    found: Sequence[Entry], interfaces: Mapping[tuple[int, int], Interface], request: Request, lost: Counter[str]
) -> list[Packet]:
    """In the order of the input; times are not moved yet."""
    packets = []
    known = [block for block in _processes(found, request.kinds) if block[:4] == wire.number(PROCESS, 4)]
    here: list[int] = []  # the section's processes so far, as numbers among those known
    for entry in found:
        if entry.block_type == wire.SECTION_HEADER:
            here = []
        if entry.block_type == PROCESS and known:
            here.append(known.index(_process(entry, request.kinds)))
        if entry.packet is None:
            continue
        stated, time = entry.packet, 0
        if stated.ticks is None:
            lost["packets-without-time"] += 1
        elif request.sort or not request.mask:
            time = _nanoseconds(stated.time, request, lost)
        pairs = listed(stated.options, entry.byte_order)
        flags = first(pairs, wire.EPB_FLAGS, 4)
        pairs = kept(pairs, OF_PACKETS, request.kinds)
        if known:
            pairs = _renumbered(pairs, here, entry.byte_order)
        if flags is not None:
            direction = struct.unpack(entry.byte_order + "I", flags)[0] & 3
            pairs += [(wire.EPB_FLAGS, wire.number(direction, 4))] if direction else []
        interface = interfaces[stated.interface.section, stated.interface.interface]
        data = little(interface.link_type, stated.data, stated.original_length, entry.byte_order)
        packets.append(Packet(interface, time, stated.original_length, in_order(pairs), data))
    return packets


def _renumbered(pairs: Pairs, here: Sequence[int], order: ByteOrder) -> Pairs:
    """Options in which references to processes are those of the normal form; those to none are gone."""
    new: Pairs = []
    for code, value in pairs:
        if code not in (32769, 32771) or len(value) != 4:
            new.append((code, value))
            continue
        (number,) = struct.unpack(order + "I", value)
        if number < len(here):
            new.append((code, wire.number(here[number], 4)))
    return new


def _is_wireshark(entry: Entry) -> bool:
    body = entry.raw[8:-4]
    number = struct.pack(entry.byte_order + "I", 32622)
    return entry.block_type in CUSTOM_BLOCKS and body[:8] == number + b"\3\0\0\0"


def _process(entry: Entry, kinds: frozenset[str]) -> bytes:
    """A process block in the normal form."""
    body, order = entry.raw[8:-4], entry.byte_order
    own = {2: ALWAYS, 3: ALWAYS, 4: ALWAYS} if entry.block_type == PROCESS else {}
    at = 4
    if entry.block_type != PROCESS:
        entry_size = int.from_bytes(body[8:12], "little")
        at = 12 + entry_size + -entry_size % 4
    number, head, stated = struct.unpack(order + "I", body[:4])[0] if body else None, body[4:at], body[at:]
    whole = sum(len(raw) for _, _, raw in expected_captures.listed(stated, order))
    if whole == len(stated) or stated[whole : whole + 2] == bytes(2):
        pairs = kept(listed(stated, order), own, kinds)
        text = (2, 3) if own else ()
        stated = in_order((code, value.split(b"\0")[0] if code in text else value) for code, value in pairs)
    return wire.block(entry.block_type, (b"" if number is None else wire.number(number, 4)) + head + stated)


def _processes(found: Sequence[Entry], kinds: frozenset[str]) -> list[bytes]:
    """macOS's, each where it stands first, then Wireshark's, each where it stands last."""
    macos = [_process(entry, kinds) for entry in found if entry.block_type == PROCESS and "unknown" in kinds]
    noted = [_process(entry, kinds) for entry in found if _is_wireshark(entry) and "custom" in kinds]
    return [*dict.fromkeys(macos), *reversed(dict.fromkeys(reversed(noted)))]


def _names(found: Sequence[Entry], kinds: frozenset[str]) -> bytes:
    records: set[tuple[int, bytes, bytes]] = set()
    said: Pairs = []
    for entry in found:
        if entry.block_type != wire.NAME_RESOLUTION or "names" not in kinds:
            continue
        body, order = entry.raw[8:-4], entry.byte_order
        there = expected_captures.listed(body, order)
        for kind, value, _ in there:
            size = ADDRESS_SIZES.get(kind)
            if size is None or len(value) < size:
                records.add((kind, value, b""))  # nobody can read it
            else:
                records |= {(kind, value[:size], name) for name in value[size:].split(b"\0") if name}
        end = sum(len(whole) for _, _, whole in there) + 4
        said += comments(listed(body[end:], order), kinds)
    if not records and not said:
        return b""
    values = [(kind, address + name + b"\0" if name else address) for kind, address, name in sorted(records)]
    return wire.names(*values, options=in_order(said))


def _secrets(found: Sequence[Entry], kinds: frozenset[str]) -> list[bytes]:
    blocks = []
    for entry in found:
        if entry.block_type != wire.DECRYPTION_SECRETS or "secrets" not in kinds:
            continue
        body = entry.raw[8:-4]
        kind, size = struct.unpack_from(entry.byte_order + "II", body)
        if len(body) < 8 + size:
            continue  # nobody can read it
        pairs = kept(listed(body[8 + size + -size % 4 :], entry.byte_order), {}, kinds)
        blocks.append(wire.secrets(kind, body[8 : 8 + size], options=in_order(pairs)))
    return list(dict.fromkeys(blocks))


def _others(found: Sequence[Entry], kinds: frozenset[str]) -> list[tuple[int, bytes]]:
    """Custom and unknown blocks, each with how many packets stand before it."""
    known = {
        wire.SECTION_HEADER,
        wire.INTERFACE_DESCRIPTION,
        *PACKET_BLOCKS,
        wire.NAME_RESOLUTION,
        wire.INTERFACE_STATISTICS,
        wire.DECRYPTION_SECRETS,
        PROCESS,
    }
    blocks, packets = [], 0
    for entry in found:
        packets += entry.packet is not None
        if entry.packet is not None or entry.block_type in known or _is_wireshark(entry):
            continue
        body, custom = entry.raw[8:-4], entry.block_type in CUSTOM_BLOCKS
        if custom and entry.byte_order == BIG:
            body = body[:4][::-1] + body[4:]
        if ("custom" if custom else "unknown") in kinds:
            blocks.append((packets, wire.block(entry.block_type, body)))
    return blocks


def _statistics(
    found: Sequence[Entry],
    interfaces: Mapping[tuple[int, int], tuple[Interface, _Time]],
    ids: Mapping[Interface, int],
    request: Request,
    shift: int,
) -> list[bytes]:
    used = {
        (entry.section, entry.packet.interface.interface) for entry in found if entry.packet is not None
    }  # two that say the same may differ in this
    blocks = []
    for entry in found:
        if entry.block_type != wire.INTERFACE_STATISTICS or "statistics" not in request.kinds:
            continue
        body, order = entry.raw[8:-4], entry.byte_order
        key = entry.section, struct.unpack_from(order + "I", body)[0]
        if key not in used:
            continue
        each, time = interfaces[key]

        def moved(raw: bytes, order: ByteOrder = order, time: _Time = time) -> int:
            high, low = struct.unpack(order + "II", raw)
            seconds = None if time.unit is None else (high << 32 | low) * time.unit + time.offset
            nanoseconds = _nanoseconds(seconds, request, Counter()) + shift
            if not 0 <= nanoseconds < 2**64:
                raise ValueError("a time that nanoseconds do not hold")
            return nanoseconds

        pairs = []
        for code, value in listed(body[12:], order):
            if code in (wire.ISB_STARTTIME, wire.ISB_ENDTIME) and len(value) == 8:
                pairs.append((code, wire.halves(moved(value))))
            elif wire.ISB_IFRECV <= code <= wire.ISB_USRDELIV and len(value) == 8:
                pairs.append((code, value if order == LITTLE else value[::-1]))
            else:
                pairs += comments([(code, value)], request.kinds)
        blocks.append(wire.statistics(ids[each], moved(body[4:12]), options=in_order(pairs)))
    return blocks
