"""The layout of pcap's header and records (draft-ietf-opsawg-pcap), and its variants, which the draft leaves out."""

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


class Variant(NamedTuple):
    """A variant of pcap.

    `ticks_per_second` is the resolution of its times. `record_size` is the size of a record's header in bytes. If
    `indexed`, the header has an interface index, a protocol and a packet type after the 16 bytes that all variants
    have. `length_field` is the number of bytes between the file header and the first record, `padding` the number
    between a record's header and its packet. `nanosecond_magic` is the magic number of the same layout with
    nanoseconds, None if no such number exists.
    """

    name: str
    ticks_per_second: int
    record_size: int = RECORD_SIZE
    indexed: bool = False
    length_field: int = 0
    padding: int = 0
    nanosecond_magic: int | None = None

    @property
    def has_extra_fields(self) -> bool:
        """Whether a record has more fields than a record of plain pcap."""
        return self.record_size > RECORD_SIZE or self.padding > 0


MICROSECOND = Variant("microsecond", MICROSECONDS, nanosecond_magic=NANOSECOND_MAGIC)
NANOSECOND = Variant("nanosecond", NANOSECONDS)
MODIFIED = Variant("modified", MICROSECONDS, 24, indexed=True)
RED_HAT = Variant("Red Hat 6.1", MICROSECONDS, 24, indexed=True)
SUSE = Variant("SuSE 6.3", MICROSECONDS, 28, indexed=True)  # also: which processor, and padding
NOKIA = Variant("Nokia", MICROSECONDS, 20)  # also: 4 bytes of unknown meaning
AIX = Variant("AIX", NANOSECONDS)
AIX_FDDI = AIX._replace(padding=3)

# Magic number → its variant.
VARIANTS = {
    MICROSECOND_MAGIC: MICROSECOND,
    NANOSECOND_MAGIC: NANOSECOND,
    0xA1B2CD34: MODIFIED,
    _IXIA_HARDWARE: Variant("Ixia hardware", NANOSECONDS, length_field=4),
    0x1C0001AB: Variant("Ixia software", MICROSECONDS, length_field=4, nanosecond_magic=_IXIA_HARDWARE),
}

# Variant → other variants with the same magic number, which `formats.pcap_variants` recognises by their records.
SAME_MAGIC = {MICROSECOND: (RED_HAT, NOKIA), MODIFIED: (SUSE,)}

# AIX writes version 2.2, and instead of the link type an interface type of RFC 1573.
AIX_VERSION = (2, 2)
AIX_LINK_TYPES = {6: 1, 9: 6, 15: 10, 24: 0}
FDDI = 10

# The first four bytes of a file → its variant and byte order.
_ORDERS: tuple[ByteOrder, ...] = ("little", "big")
MAGICS = {magic.to_bytes(4, order): (VARIANTS[magic], order) for magic in VARIANTS for order in _ORDERS}
