"""What pcapconv writes when it selects and edits, put together by a second implementation that knows nothing of it.

`written` selects, takes packets out of tunnels, edits, and puts the bytes of the output together with wire.py's
builders, so that tests compare whole files.

Only for captures without damage: a ValueError, or struct.error, for those, and for what cannot be done.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, cast

import wire
from expected_captures import (
    Entry,
    Packet,
    entries,
    fcs_bits,
    interface_of,
    is_pcapng,
    options_at,
    packet_block,
    without,
)
from expected_decapsulation import OUT_OF_TUNNEL, out_of_tunnels
from expected_edits import edited, limited_snaplen, moving
from expected_request import Request
from expected_selection import chosen, in_order
from wire import ByteOrder, In

DO_NOT_COPY = (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, wire.OPT_CUSTOM_BYTES_DO_NOT_COPY)
UNKNOWN_LENGTH = -1


class Written(NamedTuple):
    """An output, the packets that are in it, and what was left out."""

    capture: bytes
    packets: list[Packet]
    left_out: Mapping[str, int]


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
            snaplen = limited_snaplen(entry.packet.interface.snaplen, request)
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
                snaplens.append(limited_snaplen(stated, request))
                body = body[:4] + struct.pack(order + "I", snaplens[-1]) + body[8:]
                raw = wire.block(entry.block_type, body, byte_order=order)
        if entry.block_type == wire.SECTION_HEADER:
            sections.append([])
        sections[-1].append(raw)
    orders = [entry.byte_order for entry in found if entry.block_type == wire.SECTION_HEADER]
    pieces = [_with_length(blocks, order, pipe) for blocks, order in zip(sections, orders)]
    return Written(b"".join(pieces), out, +lost)


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
    snaplen = limited_snaplen(header.snaplen, request)
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
