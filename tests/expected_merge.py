"""A second implementation of merging, slow and obvious, that knows nothing of pcapconv.

Strategy
--------
A `_Part` is one section of an input: what it states, as `expected_captures` reads it. `merged` sorts the packets of all
parts by exact time in one go. Each block has its place behind the packet before it, or, where there is none, before the
first packet of its part. Then it goes through all of that once, and gives interfaces and processes their new numbers.
`written` selects and edits as `expected_output` does.

Only for captures without damage: a ValueError, or struct.error, for those, and for what cannot be done.
"""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import expected_captures
import expected_decapsulation
import expected_edits
import expected_output
import expected_selection
import wire
from expected_captures import (
    CUSTOM_BLOCKS,
    NO_LIMIT,
    PACKET_BLOCKS,
    Entry,
    Interface,
    Packet,
    fcs_bits,
    interface_of,
    is_pcapng,
    options_at,
    packet_block,
    without,
)
from expected_request import Request
from host_order import HOST_ORDER, swapped
from wire import ByteOrder, In

PROCESS = 0x80000001
PROCESS_REFERENCES = (32769, 32771)
WIRESHARK = 32622
LOSSES = {4: "names", 5: "statistics", 9: "journal-entries", 10: "secrets", 0xBAD: "custom-blocks"}
LOSSES |= {wire.CUSTOM_DO_NOT_COPY: "custom-blocks"}
HOST = {wire.SHB_HARDWARE: wire.IF_HARDWARE, wire.SHB_OS: wire.IF_OS}
CUSTOM = (2988, 2989, 19372, 19373)
EARLIEST = Fraction(-(2**90))

# Options whose values have numbers in the byte order of their section: the sizes of these numbers, by type of block.
_OF_PACKETS = {2: (4,), 3: (), 4: (8,), 5: (8,), 6: (4,), 7: (), 8: (4, 4), 32769: (4,), 32771: (4,)}
NUMBERS: Mapping[int, Mapping[int, tuple[int, ...]]] = {
    wire.SECTION_HEADER: {2: (), 3: (), 4: ()},
    wire.INTERFACE_DESCRIPTION: {
        **dict.fromkeys((2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 15, 18), ()),
        **dict.fromkeys((8, 14, 16, 17), (8,)),
        10: (4,),
    },
    wire.NAME_RESOLUTION: {2: (), 3: (), 4: ()},
    wire.INTERFACE_STATISTICS: {2: (4, 4), 3: (4, 4), **dict.fromkeys(range(4, 9), (8,))},
    wire.ENHANCED_PACKET: _OF_PACKETS,
    wire.OBSOLETE_PACKET: _OF_PACKETS,
    PROCESS: {2: (), 3: (), 4: ()},
}


class _Part(NamedTuple):
    """A section of an input; `header` is that of a pcap file."""

    order: ByteOrder
    options: bytes
    entries: list[Entry]
    header: wire.PcapHeader | None


class Output(NamedTuple):
    """What `merge` writes: the capture, its packets, what was left out as asked for, and what was lost."""

    capture: bytes
    packets: list[Packet]
    left_out: Mapping[str, int]
    losses: Mapping[str, int]


class _Merged(NamedTuple):
    """A merged capture as entries, and what had no place in it."""

    entries: list[Entry]
    losses: Counter[str]


def merged(captures: Sequence[bytes], *, separate: bool = False) -> bytes:
    """What `merge` writes, but for packets that are longer than the snaplen of their interface."""
    return b"".join(entry.raw for entry in merged_entries(captures, separate=separate).entries)


def written(captures: Sequence[bytes], request: Request, *, separate: bool = False, pipe: bool = False) -> Output:
    """The pcapng output of `merge` with a request."""
    entries, losses = merged_entries(captures, separate=separate, sort=request.sort)
    found = expected_selection.in_order(entries, request)
    stay, timeless = expected_selection.chosen(found, request)
    lost = Counter({"packets-without-time": timeless})
    if request.tunnels:
        found, stay = expected_decapsulation.out_of_tunnels(found, stay, request, lost)
    request = expected_edits.moving(stay, request)
    out = expected_output.written_pcapng(found, stay, lost, request, pipe)
    raised, count = (out.capture, 0) if pipe else _with_snaplens(out.capture)
    losses["header-fields"] += count
    losses["packets-without-time"] += sum(each.ticks is None and each.interface.interface > 0 for each in out.packets)
    return Output(raised, out.packets, out.left_out, +losses)


def _with_snaplens(capture: bytes) -> tuple[bytes, int]:
    """The capture with snaplens that no packet exceeds, and how many have changed. One that cuts a Simple Packet
    stays."""
    longest = Counter[int]()
    snaplens = [each.snaplen for each in wire.read_interfaces(capture)]
    for block, packet in zip(_packet_blocks(capture), wire.read_pcapng(capture), strict=True):
        snaplen = snaplens[packet.interface]
        if block.block_type == wire.SIMPLE_PACKET and packet.captured_length < packet.original_length:
            longest[snaplen] = -1
        elif 0 < snaplen < packet.captured_length and longest[snaplen] >= 0:
            longest[snaplen] = max(NO_LIMIT, packet.captured_length, longest[snaplen])
    longest = +longest
    out = []
    for block in wire.read_blocks(capture):
        body = block.body
        if block.block_type == wire.INTERFACE_DESCRIPTION:
            (stated,) = struct.unpack_from(block.byte_order + "I", body, 4)
            body = body[:4] + struct.pack(block.byte_order + "I", longest.get(stated, stated)) + body[8:]
        out.append(wire.block(block.block_type, body, byte_order=block.byte_order) if body != block.body else block.raw)
    return b"".join(out), len(longest)


def _packet_blocks(capture: bytes) -> list[wire.Block]:
    return [block for block in wire.read_blocks(capture) if block.block_type in PACKET_BLOCKS]


# ---------------------------------------------------------------- parts


def _parts(captures: Sequence[bytes]) -> list[_Part]:
    parts = []
    for capture in captures:
        found = expected_captures.entries(capture)
        if not is_pcapng(capture):
            header = wire.read_pcap_header(capture)
            parts.append(_Part(header.byte_order, b"", list(found), header))
            continue
        for number in dict.fromkeys(entry.section for entry in found):
            head, *entries = (entry for entry in found if entry.section == number)
            parts.append(_Part(head.byte_order, head.raw[24:-4], entries, None))
    return parts


def _with_interfaces(part: _Part) -> list[Entry]:
    """The entries of a part, with a block for each interface of a pcap file, before its first packet."""
    if part.header is None:
        return part.entries
    header, write = part.header, In(part.order)
    stated = [(wire.IF_TSRESOL, b"\t")] if header.units == 10**9 else []
    bits = fcs_bits(header)
    stated += [] if bits is None else [(wire.IF_FCSLEN, bytes([bits]))]
    raw = write.interface(header.link_type_word & 0xFFFF, header.snaplen, options=write.options(*stated))
    described = Entry(0, part.order, wire.INTERFACE_DESCRIPTION, raw, None)
    entries, known = [], set[int]()
    for entry in part.entries:
        assert entry.packet is not None
        number = entry.packet.interface.interface
        entries += [] if number in known else [described]
        known.add(number)
        entries.append(entry)
    return entries or [described]


# ---------------------------------------------------------------- byte order


def _options_in(
    order: ByteOrder, raw: bytes, old: ByteOrder, block_type: int, left_out: Counter[str], kind: str
) -> bytes:
    """Options in another byte order; what nobody knows is left out and counted."""
    if order == old or not raw:
        return raw
    pairs, at = [], 0
    known = NUMBERS.get(block_type, {})
    while at + 4 <= len(raw):
        code, length = struct.unpack_from(old + "HH", raw, at)
        if code == wire.OPT_ENDOFOPT or at + 4 + length > len(raw):
            break
        value = raw[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
        sizes = (4,) if code in CUSTOM else () if code == wire.OPT_COMMENT else known.get(code)
        if sizes is None or (code in PROCESS_REFERENCES and length != 4):
            left_out[kind] += 1
            continue
        turned, begin = b"", 0
        for size in sizes:
            turned += value[begin : begin + size][::-1]
            begin += size
        pairs.append((code, turned + value[begin:]))
    else:
        left_out[kind] += at < len(raw)
        return In(order).options(*pairs)
    left_out[kind] += code != wire.OPT_ENDOFOPT
    return In(order).options(*pairs)


def _body_in(order: ByteOrder, entry: Entry, losses: Counter[str]) -> bytes | None:
    """The body of a block in another byte order; None, and counted, if nobody can know it."""
    body, old = entry.raw[8:-4], entry.byte_order
    if order == old:
        return body
    at = _options_at(entry)
    options = _options_in(order, body[at:], old, entry.block_type, losses, "unreadable-options")
    write = In(order)
    if _is_process(entry):
        return body[:4][::-1] + body[4:at] + options
    if entry.block_type == wire.INTERFACE_STATISTICS:
        return b"".join(body[each : each + 4][::-1] for each in (0, 4, 8)) + options
    if entry.block_type == wire.DECRYPTION_SECRETS:
        return body[:4][::-1] + body[4:8][::-1] + body[8:at] + options
    if entry.block_type == wire.NAME_RESOLUTION:
        records = [(kind, value) for kind, value, _ in expected_captures.listed(body, old)]
        return (write.options(*records) or bytes(4)) + options
    if entry.block_type == wire.SYSTEMD_JOURNAL:
        return body
    losses[LOSSES.get(entry.block_type, "unknown-blocks")] += 1
    return None


def _options_at(entry: Entry) -> int:
    body = entry.raw[8:-4]
    if entry.block_type == PROCESS:
        return 4
    if _is_process(entry):
        (length,) = struct.unpack_from("<I", body, 8)
        return int(12 + length + -length % 4)
    at = options_at(entry)
    return len(body) if at is None else at


def _is_process(entry: Entry) -> bool:
    body = entry.raw[8:-4]
    wireshark = struct.pack(entry.byte_order + "I", WIRESHARK) + b"\3\0\0\0"
    return entry.block_type == PROCESS or (entry.block_type in CUSTOM_BLOCKS and body[:8] == wireshark)


# ---------------------------------------------------------------- merging


class _Place(NamedTuple):
    """Where an entry belongs: in the order of these values."""

    time: Fraction
    is_packet_or_behind_one: bool
    rank: int
    place: int


def _places(rank: int, entries: Sequence[Entry]) -> list[tuple[_Place, Entry]]:
    """The entries of a part behind the interfaces and blocks that come before its first packet."""
    places: list[tuple[_Place, Entry]] = []
    latest = EARLIEST
    first = next((entry.packet for entry in entries if entry.packet is not None), None)
    opening = EARLIEST if first is None or first.ticks is None else first.time
    behind = False
    for index, entry in enumerate(entries):
        if entry.packet is not None:
            behind = True
            if entry.packet.ticks is not None:
                if entry.packet.time is None:
                    raise ValueError("a time that nobody can tell")
                latest = max(latest, entry.packet.time)
        assert opening is not None
        places.append((_Place(latest if behind else opening, behind, rank, index), entry))
    return places


def _header(parts: Sequence[_Part], losses: Counter[str]) -> tuple[bytes, list[list[tuple[int, bytes]]]]:
    """The options of the one section, and what else each part says of its host."""
    order = parts[0].order
    known = {(code, value) for code, value, _ in expected_captures.listed(parts[0].options, order)}
    added, hosts = b"", [list[tuple[int, bytes]]()]
    for part in parts[1:]:
        hosts.append([])
        options = _options_in(order, part.options, part.order, wire.SECTION_HEADER, losses, "section-options")
        for code, value, _ in expected_captures.listed(options, order):
            if (code, value) in known:
                continue
            if code in (wire.OPT_COMMENT, *CUSTOM):
                known.add((code, value))
                added += wire.option(code, value, byte_order=order)
            elif code in HOST:
                hosts[-1].append((HOST[code], value))
            else:
                losses["section-options"] += 1
    return without(parts[0].options, order, [], added)[0], hosts


def merged_entries(captures: Sequence[bytes], *, separate: bool = False, sort: bool = False) -> _Merged:
    """The merged capture as entries, whose packets count from 1. With `sort`, one part comes behind the other, to be
    sorted."""
    parts, losses = _parts(captures), Counter[str]()
    order = parts[0].order
    options, hosts = _header(parts, losses)
    listed = [_with_interfaces(part) for part in parts]
    state = _State(order, hosts, losses, separate=separate)
    state.add(Entry(0, order, wire.SECTION_HEADER, In(order).section_header(options=options), None))
    places = []
    for rank, entries in enumerate(listed):
        first = next((index for index, entry in enumerate(entries) if entry.packet is not None), len(entries))
        for entry in entries[:first]:
            if entry.block_type == wire.INTERFACE_DESCRIPTION:
                state.interface(rank, entry)
        places += _places(
            rank,
            [
                entry
                for index, entry in enumerate(entries)
                if index > first or entry.block_type != wire.INTERFACE_DESCRIPTION
            ],
        )
    for place, entry in sorted(places, key=lambda each: (each[0].rank, each[0].place) if sort else each[0]):
        state.take(place.rank, entry)
    losses["section-options"] += sum(map(len, state.without_place))
    for part in parts:
        if part.header is not None:
            losses += Counter(_losses_of_pcap(part))
    return _Merged(state.out, losses)


def _losses_of_pcap(part: _Part) -> Mapping[str, int]:
    assert part.header is not None
    write = In(part.order)
    header = part.header
    raw = write.pcap_header(
        header.magic,
        version=header.version,
        thiszone=header.thiszone,
        sigfigs=header.sigfigs,
        snaplen=header.snaplen,
        link_type_word=header.link_type_word,
        records_length=0 if header.size > 24 else None,
    )
    capture = raw + b"".join(entry.raw for entry in part.entries)
    return expected_output.losses_of_pcap(capture, range(1, len(part.entries) + 1))


class _State:
    """What has been written so far."""

    def __init__(
        self, order: ByteOrder, hosts: list[list[tuple[int, bytes]]], losses: Counter[str], *, separate: bool
    ) -> None:
        self.order, self.hosts, self.losses, self.separate = order, hosts, losses, separate
        self.out: list[Entry] = []
        self.without_place = [set(host) for host in hosts]
        self.packets = 0
        self.interfaces: list[Interface] = []
        self.known: dict[tuple[bytes, int], int] = {}
        self.alike = Counter[tuple[int, bytes]]()
        self.ids: dict[int, list[int]] = {rank: [] for rank in range(len(hosts))}
        self.explaining = Counter[tuple[int, bytes]]()
        self.explaining_of = Counter[tuple[int, int, bytes]]()
        self.processes: list[tuple[int, bytes]] = []
        self.numbers: dict[int, list[int]] = {rank: [] for rank in range(len(hosts))}

    def add(self, entry: Entry) -> None:
        self.out.append(entry)

    def take(self, rank: int, entry: Entry) -> None:
        if entry.packet is not None:
            self.packet(rank, entry, entry.packet)
        elif entry.block_type == wire.INTERFACE_DESCRIPTION:
            self.interface(rank, entry)
        else:
            self.block(rank, entry)

    def interface(self, rank: int, entry: Entry) -> None:
        old, body = entry.byte_order, entry.raw[8:-4]
        options = _options_in(self.order, body[8:], old, wire.INTERFACE_DESCRIPTION, self.losses, "interface-options")
        stated = {code for code, _, _ in expected_captures.listed(options, self.order)}
        added = [(code, value) for code, value in self.hosts[rank] if code not in stated]
        new = b"".join(wire.option(code, value, byte_order=self.order) for code, value in added)
        options = without(options, self.order, [], new)[0]
        self.without_place[rank] -= {(code, value) for code, value, _ in expected_captures.listed(options, self.order)}
        fixed = body[:8] if old == self.order else body[:2][::-1] + body[2:4][::-1] + body[4:8][::-1]
        key = fixed + options, self.alike[rank, fixed + options]
        self.alike[rank, fixed + options] += 1
        if self.separate or key not in self.known:
            self.known[key] = len(self.interfaces)
            raw = wire.block(wire.INTERFACE_DESCRIPTION, fixed + options, byte_order=self.order)
            (block,) = wire.read_blocks(In(self.order).section_header() + raw)[1:]
            self.interfaces.append(interface_of(0, len(self.interfaces), block))
            self.add(Entry(0, self.order, wire.INTERFACE_DESCRIPTION, raw, None))
        self.ids[rank].append(self.known[key])

    def block(self, rank: int, entry: Entry) -> None:
        body = _body_in(self.order, entry, self.losses)
        if body is None:
            return
        block_type = entry.block_type
        if block_type == wire.INTERFACE_STATISTICS:
            (number,) = struct.unpack_from(self.order + "I", body)
            if number >= len(self.ids[rank]):
                self.losses["statistics"] += 1
                return
            body = struct.pack(self.order + "I", self.ids[rank][number]) + body[4:]
        elif block_type == PROCESS:
            is_new = (block_type, body) not in self.processes
            if is_new:
                self.processes.append((block_type, body))
            self.numbers[rank].append(self.processes.index((block_type, body)))
            if not is_new:
                return
        elif block_type in (wire.NAME_RESOLUTION, wire.DECRYPTION_SECRETS) or _is_process(entry):
            self.explaining_of[rank, block_type, body] += 1
            if self.explaining_of[rank, block_type, body] <= self.explaining[block_type, body]:
                return
            self.explaining[block_type, body] += 1
        self.add(Entry(0, self.order, block_type, wire.block(block_type, body, byte_order=self.order), None))

    def packet(self, rank: int, entry: Entry, packet: Packet) -> None:
        new_id = self.ids[rank][packet.interface.interface]
        interface, data, order = self.interfaces[new_id], packet.data, self.order
        if entry.byte_order != order and interface.link_type in HOST_ORDER:
            data = swapped(interface.link_type, data, packet.original_length, entry.byte_order)
        block_type = entry.block_type or wire.ENHANCED_PACKET
        options = _options_in(order, packet.options, entry.byte_order, block_type, self.losses, "packet-options")
        options = self.with_processes(rank, options)
        changed = entry.block_type == 0 or entry.byte_order != order or options != packet.options
        self.packets += 1
        new = packet._replace(number=self.packets, interface=interface, data=data, options=options)
        if changed or (block_type == wire.SIMPLE_PACKET and new_id):
            raw = packet_block(new, order)
            new = new._replace(options=_options_of(raw, order), drops_count=None)
            block_type = wire.SIMPLE_PACKET if packet.ticks is None else wire.ENHANCED_PACKET
        else:
            raw = entry.raw
            if block_type == wire.ENHANCED_PACKET:
                raw = raw[:8] + struct.pack(order + "I", new_id) + raw[12:]
            elif block_type == wire.OBSOLETE_PACKET:
                raw = raw[:8] + struct.pack(order + "H", new_id) + raw[10:]
        self.add(Entry(0, order, block_type, raw, new))

    def with_processes(self, rank: int, raw: bytes) -> bytes:
        """The options with the new numbers of processes; a reference that leads nowhere is left out."""
        if len(self.ids) == 1:
            return raw
        pairs, old = [], [(code, value) for code, value, _ in expected_captures.listed(raw, self.order)]
        for code, value in old:
            if code in PROCESS_REFERENCES and len(value) == 4:
                (number,) = struct.unpack(self.order + "I", value)
                if number >= len(self.numbers[rank]):
                    self.losses["packet-options"] += 1
                    continue
                value = struct.pack(self.order + "I", self.numbers[rank][number])
            pairs.append((code, value))
        return raw if pairs == old else In(self.order).options(*pairs)


def _options_of(raw: bytes, order: ByteOrder) -> bytes:
    """The options of an Enhanced Packet; none of a Simple Packet."""
    if struct.unpack_from(order + "I", raw) != (wire.ENHANCED_PACKET,):
        return b""
    (captured,) = struct.unpack_from(order + "I", raw, 20)
    return raw[28 + captured + -captured % 4 : -4]
