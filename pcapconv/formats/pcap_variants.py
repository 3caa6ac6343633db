"""Recognises variants of pcap that share a magic number, by their first records.

Strategy: the variant that the magic number stands for is tried first, then the other variants with this magic number.
Another variant is chosen only if the first records make no sense in the first variant, and make sense in the other one
in every way: lengths, fractions, further fields. The first 16 bytes of a record are the same in all variants, so a
variant cannot be recognised without a second record. The result depends on the bytes alone, not on the pieces in which
a pipe delivers them.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from pcapconv.formats.pcap_header import FileHeader
from pcapconv.spec import ByteOrder, pcap
from pcapconv.timestamps import MICROSECONDS

Peek = Callable[[int, int], bytes]  # distance from the end of the file header, count → bytes; fewer at the file's end

_RECORDS = 3  # the largest number of records that are tried
_LONG_AGO = 10**6  # seconds since 1970; an earlier time could be a length, too, so that a third record is tried
_LONGEST = pcap.NO_LIMIT_SNAPLEN  # captured bytes
_LONGEST_ORIGINAL = 128 * 2**20
_NEAR = 30 * 86400  # the longest time between the first packets, in seconds
_MOST_INTERFACES = 10_000
_MOST_PACKET_TYPE = 4
_LOWEST_ETHERTYPE = 0x600
_OTHER_PROTOCOLS = {*range(0x18), 0x60, 0x200, 0x400}  # what Linux writes instead of an EtherType
_ORDERS: tuple[ByteOrder, ...] = ("little", "big")
_FIELDS = {"little": Struct("<IIII"), "big": Struct(">IIII")}
_INDEXED = {"little": Struct("<IHB"), "big": Struct(">IHB")}


def recognise_variant(header: FileHeader, peek: Peek) -> pcap.Variant:
    """The variant of the first records after this header. `peek` looks at them without taking them from the window."""
    own = header.variant
    same_magic = pcap.SAME_MAGIC.get(own, ()) if header.version == pcap.VERSION else ()
    # Most first records alone rule out the other variants, so that the first packet of a pipe comes out at once.
    alternatives = [variant for variant in same_magic if _first_record_fits(header.byte_order, variant, peek)]
    if not alternatives or _makes_sense(header, own, peek):
        return own
    return next((variant for variant in alternatives if _makes_sense(header, variant, peek, near=True)), own)


def _makes_sense(header: FileHeader, variant: pcap.Variant, peek: Peek, *, near: bool = False) -> bool:
    """Whether the first records make sense in this variant. With `near`, they must also be close to each other in time,
    and must not be zeros."""
    at, first = 0, 0
    for record in range(_RECORDS):
        head = peek(at, variant.record_size)
        if not head:
            return True
        seconds = int.from_bytes(head[:4], header.byte_order)
        first = first if record else seconds
        is_near = abs(seconds - first) <= _NEAR
        if len(head) < variant.record_size:  # a record that is cut off, or none
            return record > 0 and len(head) >= 4 and is_near and not (near and first < _LONG_AGO)
        captured = int.from_bytes(head[8:12], header.byte_order)
        if (near and not (is_near and any(head))) or not _header_makes_sense(header.byte_order, variant, head):
            return False
        if record and first >= _LONG_AGO:
            return True
        at += variant.record_size + captured
        if captured and not peek(at - 1, 1):
            return False
    return True


def _first_record_fits(byte_order: ByteOrder, variant: pcap.Variant, peek: Peek) -> bool:
    """Whether the first record can be one of this variant, which its magic number does not stand for."""
    head = peek(0, variant.record_size)
    return len(head) == variant.record_size and any(head) and _header_makes_sense(byte_order, variant, head)


def _header_makes_sense(byte_order: ByteOrder, variant: pcap.Variant, head: bytes) -> bool:
    """Whether a record's header makes sense in this variant."""
    _, fraction, captured, original = _FIELDS[byte_order].unpack_from(head)
    if fraction >= MICROSECONDS or captured > min(original, _LONGEST) or original > _LONGEST_ORIGINAL:
        return False
    if variant.indexed:
        interface, protocol, packet_type = _INDEXED[byte_order].unpack_from(head, pcap.RECORD_SIZE)
        known = protocol >= _LOWEST_ETHERTYPE or protocol in _OTHER_PROTOCOLS
        return known and interface <= _MOST_INTERFACES and packet_type <= _MOST_PACKET_TYPE
    if variant is pcap.NOKIA:
        field = head[pcap.RECORD_SIZE :]
        return not any(field) or any(_is_nokia(int.from_bytes(field, order)) for order in _ORDERS)
    return True


def _is_nokia(field: int) -> bool:
    """Whether the field of a Nokia record has one of the values that were seen in captures: 0xXfbfYZ0W with X 9 or b,
    Y b or d, Z 6 or 9, W 1 or 2."""
    nibbles = f"{field:08x}"
    return (
        nibbles[1:4] == "fbf"
        and nibbles[6] == "0"
        and nibbles[0] in "9b"
        and nibbles[4] in "bd"
        and nibbles[5] in "69"
        and nibbles[7] in "12"
    )
