"""The wire layout of pcap: draft-ietf-opsawg-pcap, and the flavours that the draft leaves out."""

from __future__ import annotations

from typing import NamedTuple

from pcapconv.spec import ByteOrder
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS

HEADER_SIZE = 24
RECORD_SIZE = 16
SNAPLEN_AT = 16
CAPTURED_LENGTH_AT = 8  # in a record

MICROSECOND_MAGIC = 0xA1B2C3D4
NANOSECOND_MAGIC = 0xA1B23C4D
_IXIA_HARDWARE = 0x1C0001AC

VERSION = (2, 4)
NO_LIMIT_SNAPLEN = 262144
LATEST = (NANOSECONDS << 32) - 1  # the last nanosecond since 1970 that a record can state

# The word of the link type: FCS length in 16-bit words, a reserved bit, whether there is an FCS, reserved bits.
FCS_PRESENT = 0x0400_0000
FCS_SHIFT = 28
RESERVED_BITS = 0x0BFF_0000


class Flavour(NamedTuple):
    """A flavour of pcap.

    `units` are the fractions in a second. `record_size` is that of a record's header; `indexed` tells that it holds an
    interface index, a protocol and a packet type behind the 16 bytes that all have. `length_field` counts the bytes
    between the file header and the first record, `padding` those between a record's header and its packet.
    `nanosecond_magic` is the magic number of the same layout with nanoseconds, None where there is none.
    """

    name: str
    units: int
    record_size: int = RECORD_SIZE
    indexed: bool = False
    length_field: int = 0
    padding: int = 0
    nanosecond_magic: int | None = None

    @property
    def extra(self) -> bool:
        """Whether records say more than those of plain pcap."""
        return self.record_size > RECORD_SIZE or self.padding > 0


MICROSECOND = Flavour("microsecond", MICROSECONDS, nanosecond_magic=NANOSECOND_MAGIC)
NANOSECOND = Flavour("nanosecond", NANOSECONDS)
MODIFIED = Flavour("modified", MICROSECONDS, 24, indexed=True)
RED_HAT = Flavour("Red Hat 6.1", MICROSECONDS, 24, indexed=True)
SUSE = Flavour("SuSE 6.3", MICROSECONDS, 28, indexed=True)  # also: which processor, and padding
NOKIA = Flavour("Nokia", MICROSECONDS, 20)  # also: 4 bytes that nobody knows
AIX = Flavour("AIX", NANOSECONDS)
AIX_FDDI = AIX._replace(padding=3)

FLAVOURS = {
    MICROSECOND_MAGIC: MICROSECOND,
    NANOSECOND_MAGIC: NANOSECOND,
    0xA1B2CD34: MODIFIED,
    _IXIA_HARDWARE: Flavour("Ixia hardware", NANOSECONDS, length_field=4),
    0x1C0001AB: Flavour("Ixia software", MICROSECONDS, length_field=4, nanosecond_magic=_IXIA_HARDWARE),
}

# Those that a magic number does not tell from its own: `pcap_variants` looks at the records.
VARIANTS = {MICROSECOND: (RED_HAT, NOKIA), MODIFIED: (SUSE,)}

# AIX has another number in the link type's place (RFC 1573's interface type), and version 2.2.
AIX_VERSION = (2, 2)
AIX_LINK_TYPES = {6: 1, 9: 6, 15: 10, 24: 0}
FDDI = 10

_ORDERS: tuple[ByteOrder, ...] = ("little", "big")
MAGICS = {magic.to_bytes(4, order): (FLAVOURS[magic], order) for magic in FLAVOURS for order in _ORDERS}
