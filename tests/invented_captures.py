"""Captures that Hypothesis invents, and what to select and edit of them.

Strategy: all times lie on a grid of quarters of a second around one instant, a few ticks beside it at most, so that
limits fall on packets and next to them. Interfaces count in all kinds of units, and few letters make the comments.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import protocols
import wire
from expected_captures import NO_LIMIT, Packet, packets
from expected_request import Request, decimal, names_of
from hypothesis import strategies as st
from wire import BIG, LITTLE, ByteOrder, In

START = 1_714_564_800
RESOLUTIONS = [None, 0, 1, 3, 6, 6, 9, 12, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 33]
FINEST = [19, 127, 0x80 | 127]
NAMES = ["eth0", "1", "wlan0", "café", "1:0"]


def is_tunnel(name: str) -> bool:
    """Whether a packet of `protocols.packets` is in a tunnel, or nearly."""
    return any(
        kind in name for kind in ("vxlan", "geneve", "gre", "erspan", "gtp", "ip in ip", "6in4", "pptp", "tunnel")
    )


TUNNELLED = [
    *(data for name, (link, data) in protocols.packets().items() if link == protocols.ETHERNET and is_tunnel(name)),
    protocols.sll(protocols.IP, protocols.ipv4(protocols.UDP, protocols.vxlan(protocols.ethernet(0x1234, b"inside")))),
]
DATA = st.one_of(
    st.one_of(st.integers(0, 90), st.sampled_from([5, 20])).map(lambda size: bytes(range(7, 7 + size))),
    st.builds(lambda data, cut: data[: len(data) - cut], st.sampled_from(TUNNELLED), st.sampled_from([0, 0, 0, 1, 30])),
)
KINDS = ["vxlan", "geneve", "gre", "erspan", "gtp", "ipip", "all", "all"]
WINDOWS = [Fraction(0), Fraction(1, 10**6), Fraction(1, 4), Fraction(10**10)]  # of time
CUTS = st.tuples(
    st.sampled_from([1, 4, 12, 64, 80]),  # 0 would be added to what is cut off the front
    st.booleans(),
    st.sampled_from([1, 4, 200, -1, -4, -200]),
)
EXPRESSIONS = [
    "greater 20",
    "len % 4 = 1",
    "link[0] = 7",
    "link[4:4] != 0x0b0c0d0e",
    "ip",
    "inbound",
    "tcp or link[1] = 8",
]
FUNCTIONS: list[Callable[[Any], object]] = [
    lambda packet: len(packet.data) > 20,
    lambda packet: packet.number % 2,
    lambda packet: packet.original_length != len(packet.data) or None,
]
ZONES = ["UTC", "local", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]
LENGTHS = st.one_of(st.none(), st.integers(0, 120))
MOMENTS = st.builds(
    lambda quarter, beside, unit: Fraction(quarter, 4) + Fraction(beside, unit),
    st.integers(0, 16),
    st.sampled_from([0, 0, 0, -1, 1]),
    st.sampled_from([10**6, 10**9, 10**12, 2**20]),
)


def invented_options(order: ByteOrder) -> st.SearchStrategy[bytes]:
    """A packet's options."""
    write = In(order)
    flags = st.sampled_from([0b01, 0b10, 0b0101, 0, 3, 0x81]).map(
        lambda value: (wire.EPB_FLAGS, write.number(value, 4))
    )
    each = st.one_of(
        st.sampled_from([b"retry", b"drop", b"retry drop", b"", b"caf\xe9"]).map(lambda text: (wire.OPT_COMMENT, text)),
        flags,
        st.sampled_from(
            [
                (wire.EPB_FLAGS, b"\1"),
                (wire.EPB_HASH, b"\2" + bytes(4)),
                (wire.OPT_CUSTOM_BYTES, write.custom_value(32473, b"copy")),
                (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, write.custom_value(32473, b"do not")),
                (0x8001, b"local"),
            ]
        ),
    )
    some = st.builds(lambda pairs, end: write.options(*pairs, end=end), st.lists(each, max_size=3), st.booleans())
    return st.one_of(st.just(b""), st.just(b""), some, some)


@st.composite
def invented_interfaces(draw: st.DrawFn, write: In, link_types: Sequence[int], *, finest: bool) -> bytes:
    resolution = draw(st.sampled_from(RESOLUTIONS + (FINEST if finest else [])))
    offset = draw(st.sampled_from([None, None, 0, START, -5, 2**33]))
    name = draw(st.sampled_from([None, *NAMES]))
    stated = [] if name is None else [(wire.IF_NAME, name.encode())]
    stated += [] if resolution is None else [(wire.IF_TSRESOL, bytes([resolution]))]
    stated += [] if offset is None else [(wire.IF_TSOFFSET, _signed(write, offset))]
    stated += draw(st.sampled_from([[], [], [], [(wire.IF_FCSLEN, b"\x20")]]))
    return write.interface(
        draw(st.sampled_from(link_types)), draw(st.sampled_from([0, 64, 70, NO_LIMIT])), options=write.options(*stated)
    )


def _signed(write: In, value: int) -> bytes:
    return value.to_bytes(8, "little" if write.byte_order == LITTLE else "big", signed=True)


def ticks_at(interface: wire.Interface, order: ByteOrder, time: Fraction) -> int:
    """The interface's tick nearest below a time, or the nearest that it can state."""
    stated = dict(wire.read_options(interface.options, order))
    resolution = stated.get(wire.IF_TSRESOL, b"\6")[0]
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    offset = int.from_bytes(stated.get(wire.IF_TSOFFSET, b""), "little" if order == LITTLE else "big", signed=True)
    return min(max(0, int((time - offset) * per_second // 1)), 2**64 - 1)


def invented_blocks(write: In) -> st.SearchStrategy[bytes]:
    """Metadata of every kind."""
    do_not_copy = write.options((wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, write.custom_value(32473, b"do not")))
    return st.sampled_from(
        [
            write.names(wire.ipv4_name("192.0.2.1", "client.example")),
            write.names(wire.ipv4_name("192.0.2.1", "client.example"), options=do_not_copy),
            write.statistics(0, START * 10**6, options=do_not_copy),
            write.secrets(wire.TLS_KEY_LOG, b"key log"),
            write.custom(wire.CUSTOM_COPY, 32473, b"copy"),
            write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"do not"),
            write.block(0x80000123, b"none knows"[:8]),
        ]
    )


@st.composite
def invented_pcapng(draw: st.DrawFn, *, link_types: Sequence[int] = (1, 113), finest: bool = True) -> bytes:
    """A capture of one to three sections, each in its own byte order."""
    return b"".join(draw(invented_sections(link_types, finest=finest)) for _ in range(draw(st.integers(1, 3))))


@st.composite
def invented_sections(draw: st.DrawFn, link_types: Sequence[int], *, finest: bool) -> bytes:
    order = draw(st.sampled_from([LITTLE, BIG]))
    write = In(order)
    blocks = [draw(invented_interfaces(write, link_types, finest=finest)) for _ in range(draw(st.integers(1, 2)))]
    for kind in draw(st.lists(st.sampled_from("eeeeeeoosbi"), max_size=9)):
        if kind == "b":
            blocks.append(draw(invented_blocks(write)))
        elif kind == "i":
            blocks.append(draw(invented_interfaces(write, link_types, finest=finest)))
        elif kind == "s":
            snaplen = wire.read_interfaces(write.section_header() + b"".join(blocks))[0].snaplen
            data, original = draw(DATA), draw(LENGTHS)
            if original is not None and min(original, snaplen or original) > len(data):
                original = None  # else it would claim more than it has
            blocks.append(write.simple_packet(data, original_length=original))
        else:
            there = wire.read_interfaces(write.section_header() + b"".join(blocks))
            interface = draw(st.sampled_from(there))
            ticks = ticks_at(interface, order, START + draw(MOMENTS))
            stated = (interface.interface, ticks, draw(DATA))
            original, options = draw(LENGTHS), draw(invented_options(order))
            if kind == "e":
                blocks.append(write.enhanced_packet(*stated, original_length=original, options=options))
            else:
                drops = draw(st.sampled_from([0, 3, 0xFFFF]))
                blocks.append(
                    write.obsolete_packet(*stated, original_length=original, options=options, drops_count=drops)
                )
    body = b"".join(blocks)
    length = draw(st.sampled_from([-1, len(body), len(body) + 4, 0]))
    return write.section_header(section_length=length) + body


@st.composite
def invented_pcap(draw: st.DrawFn) -> bytes:
    """A capture in any flavour of pcap."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    magics = [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED, wire.IXIA_HARDWARE, wire.IXIA_SOFTWARE]
    magic = draw(st.sampled_from(magics))
    version = draw(st.sampled_from([(2, 4), (2, 4), (2, 3), (2, 2), (543, 0)]))
    units = 10**9 if magic in (wire.NANOSECONDS, wire.IXIA_HARDWARE) else 10**6
    records = []
    for _ in range(draw(st.integers(0, 8))):
        seconds, rest = divmod(int((START + draw(MOMENTS)) * units // 1), units)
        beyond = draw(st.sampled_from([0, 0, 0, 1, 2]))
        data, original = draw(DATA), draw(LENGTHS)
        original = len(data) if original is None else original
        if version == (2, 3):
            original = max(len(data), original)  # else both would be read as swapped
        extra = b""
        if magic == wire.MODIFIED:
            extra = write.modified_extra(draw(st.sampled_from([7, 2])), packet_type=draw(st.integers(0, 5)))
        swapped = version in ((2, 2), (543, 0))
        fraction = rest + beyond * units
        records.append(
            write.pcap_record(
                seconds - beyond if fraction < 2**32 else seconds,
                fraction if fraction < 2**32 else rest,
                data,
                original_length=original,
                lengths_swapped=swapped,
                extra=extra,
            )
        )
    body = b"".join(records)
    header = write.pcap_header(
        magic,
        version=version,
        thiszone=draw(st.sampled_from([0, 3600])),
        snaplen=draw(st.sampled_from([0, 64, 65535])),
        link_type_word=draw(st.sampled_from([1, 0x24000001, 0x02340001, 113])),
        records_length=len(body) if magic in (wire.IXIA_HARDWARE, wire.IXIA_SOFTWARE) else None,
    )
    return header + body


def _ranges(highest: int) -> st.SearchStrategy[list[tuple[int, int | None]]]:
    pair = st.tuples(st.integers(1, highest + 2), st.integers(0, 5))
    each = pair.map(lambda two: (two[0], two[0] + two[1]))
    rest = st.integers(1, highest + 2).map(lambda low: (low, None))
    return st.lists(st.one_of(each, each, rest), min_size=1, max_size=3)


def _moments(found: Sequence[Packet]) -> st.SearchStrategy[tuple[Fraction, bool]]:
    """Instants on the packets, beside them, and from the first one on."""
    exact = [packet.time for packet in found if packet.time is not None and _is_short(packet.time)]
    near = st.sampled_from(exact or [Fraction(START)])
    beside = st.sampled_from([Fraction(0), Fraction(1, 10**12), Fraction(-1, 10**12), Fraction(1, 4)])
    absolute = st.builds(lambda time, more: (time + more, False), near, beside)
    grid = MOMENTS.map(lambda time: (START + time, False))
    return st.one_of(absolute, absolute, grid, st.builds(lambda time: (max(time, Fraction(0)), True), MOMENTS))


def _moments_alone(found: Sequence[Packet]) -> st.SearchStrategy[Fraction]:
    return _moments(found).map(lambda moment: Fraction(START) if moment[1] else moment[0])


def _is_short(time: Fraction) -> bool:
    try:
        decimal(time)
    except ValueError:
        return False
    return True


Strategies = dict[str, st.SearchStrategy[Any] | None]  # by field of a request; None if the capture has nothing for it


def selecting_fields(found: Sequence[Packet]) -> Strategies:
    """Values for each field of a request that selects, but for `invert`, `sort` and `timezone`."""
    names = st.sampled_from(sorted(names_of(found))) if found else st.nothing()
    return {
        "after": _moments(found),
        "before": _moments(found),
        "packets": _ranges(len(found)),
        "drop_packets": _ranges(len(found)),
        "first": st.integers(1, len(found) + 2),
        "last": st.integers(1, len(found) + 2),
        "interface": st.lists(names, min_size=1, max_size=2) if found else None,
        "comment_matches": st.sampled_from(["retry", "^drop$", "", "r.*p", r"\\xe9"]),
        "direction": st.sampled_from(["in", "out"]),
        "expression": st.sampled_from(EXPRESSIONS),
        "where": st.sampled_from(FUNCTIONS),
        "dedup": st.one_of(st.integers(1, len(found) + 1), st.sampled_from(WINDOWS)),
        "dedup_ignore": st.sampled_from([["interface"], ["length"], ["interface", "length"]]),
        "dedup_skip": st.sampled_from([1, 4, 14, 200, "link-layer", "link-layer"]),
    }


def editing_fields(kept: Sequence[Packet]) -> Strategies:
    """Values for each field of a request that edits, for packets that are all in the output."""
    shifts = st.one_of(
        st.sampled_from([-3, -1, 1, 2]).map(Fraction),
        st.sampled_from([Fraction(1, 4), Fraction(-5, 2), Fraction(1, 10**6), Fraction(-1, 1024), Fraction(START)]),
    )
    numbers = st.sampled_from([packet.number for packet in kept]) if kept else st.nothing()
    comment = st.tuples(numbers, st.sampled_from(["seen", "", "twice: once", "café"]))
    return {
        "cuts": st.lists(CUTS, min_size=1, max_size=3, unique_by=lambda cut: (cut[0], cut[1], cut[2] > 0)),
        "tunnels": st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
        "only_tunnels": st.just(True),
        "adjust": st.just(True),
        "start": _moments_alone(kept),
        "moments": st.lists(
            st.tuples(numbers, _moments_alone(kept)), min_size=1, max_size=2, unique_by=lambda pair: pair[0]
        )
        if kept
        else None,
        "snaplen": st.sampled_from([1, 16, 63, 64, 65, 300]),
        "front": st.sampled_from([1, 4, 14, 200]),
        "end": st.sampled_from([1, 4, 7, 200]),
        "shift": shifts,
        "comments": st.lists(comment, min_size=1, max_size=2) if kept else None,
    }


def _request(draw: st.DrawFn, fields: Strategies) -> Request:
    """A request with one to three of these fields."""
    possible = [name for name, values in fields.items() if values is not None]
    names = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3))
    return Request(**{name: draw(values) for name in names if (values := fields[name]) is not None})


@st.composite
def selections(draw: st.DrawFn, capture: bytes) -> Request:
    """Requests with one to three selecting arguments, perhaps inverted."""
    request = _request(draw, selecting_fields(packets(capture)))
    if request.after and request.before and request.after[1] == request.before[1]:
        low, high = sorted((request.after, request.before))
        request = request._replace(after=low, before=high if high > low else None)
    if request.dedup is None and (request.dedup_ignore or request.dedup_skip):
        request = request._replace(dedup=draw(st.one_of(st.just(4), st.sampled_from(WINDOWS))))
    rarely = st.sampled_from([False, False, True])
    zone = draw(st.sampled_from([None, None, *ZONES]))
    return request._replace(invert=draw(rarely), sort=draw(rarely), timezone=zone)


@st.composite
def edits(draw: st.DrawFn, kept: Sequence[Packet]) -> Request:
    """Requests with one to three editing arguments, for packets that are all in the output."""
    request = _request(draw, editing_fields(kept))._replace(sort=draw(st.sampled_from([False, False, True])))
    if request.only_tunnels and not request.tunnels:
        request = request._replace(tunnels=["all"])
    if request.adjust and not (request.front or request.end or request.cuts):
        request = request._replace(cuts=[draw(CUTS)])
    return request if request.start is None else request._replace(shift=None)
