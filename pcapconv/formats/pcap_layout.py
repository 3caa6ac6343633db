"""The wire layout of pcap: draft-ietf-opsawg-pcap, and the flavours that the draft leaves out."""

from __future__ import annotations

from typing import NamedTuple

from pcapconv.model import ByteOrder
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS

HEADER_SIZE = 24
RECORD_SIZE = 16
MODIFIED_RECORD_SIZE = 24  # also: interface index, protocol, packet type
SNAPLEN_AT = 16
CAPTURED_LENGTH_AT = 8  # in a record

MICROSECOND_MAGIC = 0xA1B2C3D4
NANOSECOND_MAGIC = 0xA1B23C4D

VERSION = (2, 4)
NO_LIMIT_SNAPLEN = 262144

# The word of the link type: FCS length in 16-bit words, a reserved bit, whether there is an FCS, reserved bits.
FCS_PRESENT = 0x0400_0000
FCS_SHIFT = 28
RESERVED_BITS = 0x0BFF_0000


class Flavour(NamedTuple):
    """What a magic number tells. `length_field` counts the bytes between the header and the first record."""

    name: str
    units: int
    record_size: int = RECORD_SIZE
    length_field: int = 0


FLAVOURS = {
    MICROSECOND_MAGIC: Flavour("microsecond", MICROSECONDS),
    NANOSECOND_MAGIC: Flavour("nanosecond", NANOSECONDS),
    0xA1B2CD34: Flavour("modified", MICROSECONDS, MODIFIED_RECORD_SIZE),
    0x1C0001AC: Flavour("Ixia hardware", NANOSECONDS, length_field=4),
    0x1C0001AB: Flavour("Ixia software", NANOSECONDS, length_field=4),
}

_ORDERS: tuple[ByteOrder, ...] = ("little", "big")
MAGICS = {magic.to_bytes(4, order): (FLAVOURS[magic], order) for magic in FLAVOURS for order in _ORDERS}
