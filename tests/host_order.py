"""Packets whose own headers follow the byte order of their file: built in either order, and swapped a second time.

Strategy: builders pack each header field by field, as the registry of link types at tcpdump.org and the headers of the
kernels have them. `swapped` lists where the fields of any bytes stand, and turns them around; it is written from
docs/reference/normal-form.md, not from pcapconv.
"""

import struct
from collections.abc import Iterator

import wire
from wire import BIG, LITTLE, ByteOrder

NULL, ENC, LINUX_SLL, PFLOG, USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2 = 0, 109, 113, 117, 189, 220, 239, 276
LOOP, CAN_SOCKETCAN = 108, 227  # whose headers are big-endian always
HOST_ORDER = (NULL, ENC, LINUX_SLL, PFLOG, USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2)
CAN, CAN_FD, CAN_XL = 0x000C, 0x000D, 0x000E
BULK, ISOCHRONOUS = 3, 0

# UDP 192.0.2.10:5353 > 198.51.100.20:6000, five bytes.
IPV4 = bytes.fromhex("45000021000100004011 8e79 c000020a c6336414 14e9 1770 000d 0000") + b"hello"


def null(order: ByteOrder) -> bytes:
    """BSD loopback: the address family, then IP."""
    return struct.pack(order + "I", 2) + IPV4


def enc(order: ByteOrder) -> bytes:
    """OpenBSD's IPsec: address family, SPI (big-endian), flags (authentic), then IP."""
    return struct.pack(order + "I", 2) + struct.pack(">I", 0x11223344) + struct.pack(order + "I", 0x0800) + IPV4


def pflog(order: ByteOrder, length: int = 61) -> bytes:
    """OpenBSD's packet filter log: rule numbers are big-endian, users and processes are not; then IP."""
    head = bytes([length, 2, 1, 0]) + b"em0".ljust(16, b"\0") + bytes(16) + struct.pack(">II", 3, 0xFFFFFFFF)
    return head + struct.pack(order + "IIII", 1001, 2002, 3003, 4004) + b"\1\0\0\0" + IPV4


def can(protocol: int, order: ByteOrder) -> bytes:
    """A CAN frame as SocketCAN has it."""
    if protocol == CAN_XL:
        return struct.pack(order + "IBBHI", 0x00050123, 0x80, 3, 4, 0x0A0B0C0D) + b"\xde\xad\xbe\xef"
    return struct.pack(order + "I", 0x123) + bytes([2, 0, 0, 0]) + b"\xca\xfe" + bytes(6)


def cooked(protocol: int, order: ByteOrder) -> bytes:
    """Linux cooked, with CAN or anything else in it."""
    return struct.pack(">HHH8sH", 0, 280, 0, bytes(8), protocol) + can(protocol, order)


def cooked_2(protocol: int, order: ByteOrder) -> bytes:
    """Linux cooked, version 2."""
    return struct.pack(">HHIHBB8s", protocol, 0, 7, 280, 0, 0, bytes(8)) + can(protocol, order)


def usb(
    order: ByteOrder, transfer: int = BULK, *, mapped: bool = False, captured_descriptors: int | None = None
) -> bytes:
    """A Linux USB header: bus 2, device 4; isochronous with two descriptors, of which the header may state another
    number."""
    head = struct.pack(order + "QcBBBHcc", 0x0102030405060708, b"C", transfer, 0x81, 4, 2, b"-", b"\0")
    head += struct.pack(order + "qiiII", 7, 8, -9, 32, 32)
    head += struct.pack(order + "ii", 1, 2) if transfer == ISOCHRONOUS else bytes(range(0x50, 0x58))
    if not mapped:
        return head + b"data"
    described = transfer == ISOCHRONOUS
    count = 2 * described if captured_descriptors is None else captured_descriptors
    head += struct.pack(order + "iiII", 5, 6, 0x200, count)
    descriptors = [struct.pack(order + "iIII", -n, 16 * n, 16, 0x01020304) for n in range(2 * described)]
    return head + b"".join(each[:12] + b"\1\2\3\4" for each in descriptors) + b"data"


def nflog(order: ByteOrder, version: int = 0) -> bytes:
    """Netfilter's log: entries of length, type and value; the prefix, then the packet."""
    entries = [(10, b"in: \0"), (9, IPV4)]
    listed = [struct.pack(order + "HH", 4 + len(value), kind) + wire.padded(value) for kind, value in entries]
    return bytes([2, version]) + struct.pack(">H", 7) + b"".join(listed)


BUILDERS = {
    "null": (NULL, null),
    "enc": (ENC, enc),
    "pflog": (PFLOG, pflog),
    "sll-can": (LINUX_SLL, lambda order: cooked(CAN, order)),
    "sll-canfd": (LINUX_SLL, lambda order: cooked(CAN_FD, order)),
    "sll-canxl": (LINUX_SLL, lambda order: cooked(CAN_XL, order)),
    "sll2-can": (LINUX_SLL2, lambda order: cooked_2(CAN, order)),
    "sll2-canfd": (LINUX_SLL2, lambda order: cooked_2(CAN_FD, order)),
    "sll2-canxl": (LINUX_SLL2, lambda order: cooked_2(CAN_XL, order)),
    "usb": (USB_LINUX, usb),
    "usb-isochronous": (USB_LINUX, lambda order: usb(order, ISOCHRONOUS)),
    "usb-mapped": (USB_LINUX_MMAPPED, lambda order: usb(order, mapped=True)),
    "usb-mapped-isochronous": (USB_LINUX_MMAPPED, lambda order: usb(order, ISOCHRONOUS, mapped=True)),
    "nflog": (NFLOG, nflog),
}


# ---------------------------------------------------------------- swapped, a second time


def swapped(link_type: int, data: bytes, original_length: int, order: ByteOrder) -> bytes:
    """A packet's bytes, whose header is in this order, with it in the other one."""
    out = bytearray(data)
    for at, size in _fields(link_type, data, original_length, order):
        out[at : at + size] = data[at : at + size][::-1]
    return bytes(out)


def little(link_type: int, data: bytes, original_length: int, order: ByteOrder) -> bytes:
    """The bytes with the header in little endian."""
    return swapped(link_type, data, original_length, BIG) if order == BIG else data


def _fields(link_type: int, data: bytes, original: int, order: ByteOrder) -> Iterator[tuple[int, int]]:
    """Place and size of each field that is there."""
    both = min(len(data), original)
    if link_type == NULL:
        yield from _whole(len(data), (0, 4))
    elif link_type == ENC:
        yield from _whole(len(data), (0, 4), (8, 4))
    elif link_type == PFLOG and both:
        yield from _whole(min(both, data[0]), (44, 4), (48, 4), (52, 4), (56, 4))
    elif link_type == LINUX_SLL and both >= 16:
        yield from _can(16, struct.unpack_from(">H", data, 14)[0], both)
    elif link_type == LINUX_SLL2 and both >= 20:
        yield from _can(20, struct.unpack_from(">H", data)[0], both)
    elif link_type in (USB_LINUX, USB_LINUX_MMAPPED):
        yield from _usb(data, order, mapped=link_type == USB_LINUX_MMAPPED)
    elif link_type == NFLOG and both >= 4 and data[1] == 0:
        yield from _nflog(data, original, order)


def _whole(length: int, *fields: tuple[int, int]) -> Iterator[tuple[int, int]]:
    return ((at, size) for at, size in fields if at + size <= length)


def _can(begin: int, protocol: int, length: int) -> Iterator[tuple[int, int]]:
    if protocol in (CAN, CAN_FD, CAN_XL):
        yield from _whole(length, (begin, 4))
    if protocol == CAN_XL:
        yield from _whole(length, (begin + 6, 2), (begin + 8, 4))


def _usb(data: bytes, order: ByteOrder, *, mapped: bool) -> Iterator[tuple[int, int]]:
    fields = [(0, 8), (12, 2), (16, 8), *((at, 4) for at in (24, 28, 32, 36))]
    isochronous = len(data) > 9 and data[9] == ISOCHRONOUS
    fields += [(40, 4), (44, 4)] if isochronous else []
    fields += [(48, 4), (52, 4), (56, 4), (60, 4)] if mapped else []
    if mapped and isochronous and len(data) >= 64:
        (count,) = struct.unpack_from(order + "I", data, 60)
        most = min(count, len(data) // 16)
        fields += [(64 + 16 * n + at, 4) for n in range(most) for at in (0, 4, 8)]
    return _whole(len(data), *fields)


def _nflog(data: bytes, original: int, order: ByteOrder) -> Iterator[tuple[int, int]]:
    at = 4
    while at + 4 <= len(data):
        yield at, 2
        yield at + 2, 2
        (length,) = struct.unpack_from(order + "H", data, at)
        at += length + -length % 4
        if length == 0 or at > len(data) or at > original:
            return


def capture(link_type: int, *data: bytes, order: ByteOrder = LITTLE, original_length: int | None = None) -> bytes:
    """A pcap file of these packets, a second apart."""
    write = wire.In(order)
    records = [write.pcap_record(n, 0, each, original_length=original_length) for n, each in enumerate(data, 1)]
    return write.pcap_header(link_type_word=link_type) + b"".join(records)


def section(link_type: int, *data: bytes, order: ByteOrder = LITTLE, first: int = 1) -> bytes:
    """A pcapng section of these packets, of one interface, a microsecond apart."""
    write = wire.In(order)
    packets = [write.enhanced_packet(0, n, each) for n, each in enumerate(data, first)]
    return write.section_header() + write.interface(link_type) + b"".join(packets)
