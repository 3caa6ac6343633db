"""Swaps headers inside packets that have the file's byte order: NULL, ENC, PFLOG, NFLOG, Linux USB, cooked CAN.

Strategy: readers (libpcap, Wireshark) expect such headers in the byte order of the file's header. So they must be
swapped when packets are written to a file of the other byte order. The kernel `swap_headers` does this, and knows the
fields.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from pcapconv.kernels import choose
from pcapconv.kernels.contract import ENC, HEADERS_IN_HOST_ORDER, LINUX_SLL, LINUX_SLL2, NULL, PFLOG, USB_LINUX
from pcapconv.model import PacketBatch
from pcapconv.spec import ByteOrder

# Bytes from the front of a packet up to the end of its last field in the file's byte order. Other headers of
# HEADERS_IN_HOST_ORDER have such fields up to their ends, which are not known here.
_SIZES = {NULL: 4, ENC: 12, PFLOG: 60, LINUX_SLL: 28, LINUX_SLL2: 32, USB_LINUX: 48}
_UNKNOWN_SIZE = 2**32
_CROWDED = 4096  # bytes of the buffer for each packet, up to which copying all of it is fast


def with_headers_in(order: ByteOrder, batch: PacketBatch) -> PacketBatch:
    """The batch with the headers inside its packets in this byte order: the same batch if nothing changes, else a new
    one with its own buffer. Rows keep their records, in which the headers are swapped too."""
    if batch.header_order in (order, None):
        return batch
    link_types = array("Q", [interface.link_type for interface in batch.interfaces])
    if HEADERS_IN_HOST_ORDER.isdisjoint(link_types):
        return batch
    # Copying a whole crowded buffer costs less than finding out which part of it the packets need.
    crowded = len(batch.buffer) < _CROWDED * batch.rows
    swapped = batch.slice(0, batch.rows) if crowded else batch.copy()
    swapped.buffer = buffer = bytearray(swapped.buffer)
    choose().swap_headers(buffer, swapped.columns, swapped.rows, link_types, batch.header_order == "big")
    swapped.header_order = order
    return swapped


def longest_header(link_types: Iterable[int]) -> int:
    """How many bytes at the front of packets of these link types may follow the file's byte order: 0 if there are none,
    more than any packet has if nobody knows."""
    in_host_order = HEADERS_IN_HOST_ORDER.intersection(link_types)
    return max((_SIZES.get(link_type, _UNKNOWN_SIZE) for link_type in in_host_order), default=0)
