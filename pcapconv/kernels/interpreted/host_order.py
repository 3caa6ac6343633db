"""Headers in packets that follow the file's byte order: the interpreted kernel `swap_headers`."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import ENC, LINUX_SLL, LINUX_SLL2, NFLOG, NULL, PFLOG, USB_LINUX, USB_LINUX_MMAPPED
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.counting import _ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pcapconv.columns import Columns

_WORD = {True: Struct(">I"), False: Struct("<I")}
_BIG_ENDIAN_UINT16 = Struct(">H")
# Fields of headers in host order: (offset, size) in bytes.
_ENC_FIELDS = (0, 4), (8, 4)  # address family, flags; between them the SPI, which is big-endian
_PFLOG_FIELDS = (44, 4), (48, 4), (52, 4), (56, 4)  # uid, pid, rule_uid, rule_pid
_CAN_FIELDS = {
    0x000C: ((0, 4),),  # CAN: the id
    0x000D: ((0, 4),),  # CAN FD: the id
    0x000E: ((0, 4), (6, 2), (8, 4)),  # CAN XL: priority and VCID, payload length, acceptance field
}
_USB_FIELDS = (0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)  # URB id, bus, time, status, lengths
_USB_ISOCHRONOUS_FIELDS = (40, 4), (44, 4)  # of isochronous transfers: errors, descriptors
_USB_MAPPED_FIELDS = (48, 4), (52, 4), (56, 4), (60, 4)  # interval, start frame, flags, captured descriptors
_USB_TRANSFER_TYPE_AT, _ISOCHRONOUS = 9, 0
_USB_DESCRIPTORS_AT, _USB_DESCRIPTOR_SIZE = 64, 16
_USB_DESCRIPTOR = (0, 4), (4, 4), (8, 4)  # status, offset, length


def swap_headers(buffer: bytearray, columns: Columns, rows: int, link_types: array[int], big: bool) -> None:
    """Swap the byte order of headers inside packets. Changes `buffer`, which must be the caller's own copy.

    Packets of HEADERS_IN_HOST_ORDER have headers, or fields in them, in the byte order of the machine that captured:
    big endian before the swap if `big`. `link_types` has one entry for each interface. Only fields that a packet holds
    whole are swapped, so that a second swap gives the first bytes again. The fields, and how lengths are checked, are
    those of libpcap when it reads a file of the other byte order (`swap_pseudo_headers`); libpcap leaves NULL and ENC
    as they are, but its filters expect them in the byte order of the file.
    """
    check_columns(columns, rows)
    check_table(link_types, 0)
    for row, (number, data_at, captured, original) in enumerate(
        zip(columns.interface[:rows], columns.data_at, columns.captured_length, columns.original_length)
    ):
        if number >= len(link_types) or not 0 <= data_at <= len(buffer) - captured:
            raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
        link_type, whole = link_types[number], min(captured, original)
        if link_type == NULL:
            _swap_fields(buffer, data_at, captured, ((0, 4),))
        elif link_type == ENC:
            _swap_fields(buffer, data_at, captured, _ENC_FIELDS)
        elif link_type == PFLOG and whole >= 48:
            _swap_fields(
                buffer, data_at, min(whole, buffer[data_at]), _PFLOG_FIELDS
            )  # the header states its own length
        elif link_type == LINUX_SLL and whole >= 16:
            _swap_can(buffer, data_at + 16, whole - 16, data_at + 14)
        elif link_type == LINUX_SLL2 and whole >= 20:
            _swap_can(buffer, data_at + 20, whole - 20, data_at)
        elif link_type in (USB_LINUX, USB_LINUX_MMAPPED):
            _swap_usb(buffer, data_at, captured, big, mapped=link_type == USB_LINUX_MMAPPED)
        elif link_type == NFLOG and whole >= 4 and not buffer[data_at + 1]:  # version 0
            _swap_nflog(buffer, data_at + 4, captured - 4, original - 4, big)


def _swap_fields(buffer: bytearray, start: int, length: int, fields: Iterable[tuple[int, int]]) -> None:
    """Swap the (offset, size) `fields` of a header at `start`, up to the first that leaves its `length` bytes."""
    for offset, size in fields:
        if offset + size > length:
            return
        begin = start + offset
        buffer[begin : begin + size] = buffer[begin : begin + size][::-1]


def _swap_can(buffer: bytearray, start: int, length: int, protocol_at: int) -> None:
    """Swap the CAN header after a Linux cooked one, whose protocol is always big-endian."""
    (protocol,) = _BIG_ENDIAN_UINT16.unpack_from(buffer, protocol_at)
    _swap_fields(buffer, start, length, _CAN_FIELDS.get(protocol, ()))


def _swap_usb(buffer: bytearray, start: int, captured: int, big: bool, *, mapped: bool) -> None:
    """Swap a Linux USB header: of 48 bytes, or, if it is `mapped` into memory, of 64 and isochronous descriptors."""
    isochronous = captured > _USB_TRANSFER_TYPE_AT and buffer[start + _USB_TRANSFER_TYPE_AT] == _ISOCHRONOUS
    described = mapped and isochronous and captured >= _USB_DESCRIPTORS_AT
    count = _WORD[big].unpack_from(buffer, start + _USB_DESCRIPTORS_AT - 4)[0] if described else 0
    _swap_fields(buffer, start, captured, _USB_FIELDS)
    if isochronous:  # else it is the setup packet, which is as it was on the bus
        _swap_fields(buffer, start, captured, _USB_ISOCHRONOUS_FIELDS)
    if mapped:
        _swap_fields(buffer, start, captured, _USB_MAPPED_FIELDS)
    remaining = captured - _USB_DESCRIPTORS_AT
    for offset in range(0, min(remaining, count * _USB_DESCRIPTOR_SIZE), _USB_DESCRIPTOR_SIZE):
        _swap_fields(buffer, start + _USB_DESCRIPTORS_AT + offset, remaining - offset, _USB_DESCRIPTOR)


def _swap_nflog(buffer: bytearray, start: int, captured: int, original: int, big: bool) -> None:
    """Swap the length and the type of each NFLOG entry; its value is big-endian, or plain bytes, and stays."""
    while captured >= 4:
        size = _ENTRY[big].unpack_from(buffer, start)[0] + 3 & ~3
        _swap_fields(buffer, start, captured, ((0, 2), (2, 2)))
        if size < 4 or size > captured or size > original:
            return
        start, captured, original = start + size, captured - size, original - size
