"""Tells flavours of pcap from each other that have one magic number, by their first records.

Strategy: a flavour's own layout is tried first, then the others. A file is in another layout only where its own makes
no sense of the first records, and the other one all of it: lengths, fractions, the fields behind them. Records begin in
the same way in all of them, so that it takes the second one to tell. Whatever is looked at is looked at in any case,
however a pipe delivers it.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from pcapconv.formats.pcap_header import FileHeader
from pcapconv.spec import ByteOrder, pcap
from pcapconv.timestamps import MICROSECONDS

Peek = Callable[[int, int], bytes]

_RECORDS = 3  # that are tried at most
_LONG_AGO = 10**6  # seconds; times below could be lengths, too, and a third record is tried
_LONGEST = pcap.NO_LIMIT_SNAPLEN  # captured bytes
_LONGEST_ORIGINAL = 128 * 2**20
_NEAR = 30 * 86400  # seconds between packets that follow each other
_MOST_INTERFACES = 10_000
_MOST_PACKET_TYPE = 4
_LOWEST_ETHERTYPE = 0x600
_OTHER_PROTOCOLS = {*range(0x18), 0x60, 0x200, 0x400}  # what Linux writes instead of an EtherType
_ORDERS: tuple[ByteOrder, ...] = ("little", "big")
_FIELDS = {"little": Struct("<IIII"), "big": Struct(">IIII")}
_INDEXED = {"little": Struct("<IHB"), "big": Struct(">IHB")}


def variant_of(header: FileHeader, peek: Peek) -> pcap.Flavour:
    """The flavour that a file's first records are in. `peek` gives bytes behind the header: at a distance, so many, or
    as many as there are."""
    own = header.flavour
    others = pcap.VARIANTS.get(own, ()) if header.version == pcap.VERSION else ()
    if not others or _makes_sense(header, own, peek):
        return own
    return next((flavour for flavour in others if _makes_sense(header, flavour, peek, near=True)), own)


def _makes_sense(header: FileHeader, flavour: pcap.Flavour, peek: Peek, *, near: bool = False) -> bool:
    """Whether the first records do in this flavour; where they have to be `near`, they follow each other in time, and
    zeros make no sense."""
    at, first = 0, 0
    for record in range(_RECORDS):
        head = peek(at, flavour.record_size)
        if not head:
            return True
        seconds = int.from_bytes(head[:4], header.byte_order)
        first = first if record else seconds
        is_near = abs(seconds - first) <= _NEAR
        if len(head) < flavour.record_size:  # cut off, if it is one
            return record > 0 and len(head) >= 4 and is_near and not (near and first < _LONG_AGO)
        captured = int.from_bytes(head[8:12], header.byte_order)
        if (near and not (is_near and any(head))) or not _header_makes_sense(header.byte_order, flavour, head):
            return False
        if record and first >= _LONG_AGO:
            return True
        at += flavour.record_size + captured
        if captured and not peek(at - 1, 1):
            return False
    return True


def _header_makes_sense(byte_order: ByteOrder, flavour: pcap.Flavour, head: bytes) -> bool:
    """Whether a record's header does in this flavour."""
    _, fraction, captured, original = _FIELDS[byte_order].unpack_from(head)
    if fraction >= MICROSECONDS or captured > min(original, _LONGEST) or original > _LONGEST_ORIGINAL:
        return False
    if flavour.indexed:
        interface, protocol, packet_type = _INDEXED[byte_order].unpack_from(head, pcap.RECORD_SIZE)
        known = protocol >= _LOWEST_ETHERTYPE or protocol in _OTHER_PROTOCOLS
        return known and interface <= _MOST_INTERFACES and packet_type <= _MOST_PACKET_TYPE
    if flavour is pcap.NOKIA:
        field = head[pcap.RECORD_SIZE :]
        return not any(field) or any(_is_nokia(int.from_bytes(field, order)) for order in _ORDERS)
    return True


def _is_nokia(field: int) -> bool:
    """Whether it is one of the values that have been seen: 0xXfbfYZ0W with X 9 or b, Y b or d, Z 6 or 9, W 1 or 2."""
    nibbles = f"{field:08x}"
    return (
        nibbles[1:4] == "fbf"
        and nibbles[6] == "0"
        and nibbles[0] in "9b"
        and nibbles[4] in "bd"
        and nibbles[5] in "69"
        and nibbles[7] in "12"
    )
