"""Headers of packets that follow the file's byte order: NULL, ENC, PFLOG, NFLOG, Linux USB, CAN in Linux cooked.

Strategy: readers (libpcap, Wireshark) take such headers to be in the byte order that the file's header states. So
whoever writes packets in the other byte order swaps them; a kernel does it, and knows which fields they are.
"""

from __future__ import annotations

from array import array

from pcapconv.kernels import choose
from pcapconv.kernels.contract import HEADERS_IN_HOST_ORDER
from pcapconv.model import PacketBatch
from pcapconv.spec import ByteOrder

_CROWDED = 4096  # bytes of a buffer for each packet


def with_headers_in(order: ByteOrder, batch: PacketBatch) -> PacketBatch:
    """The batch with its packets' own headers in this byte order: itself, where nothing has to change, else one with a
    buffer of its own. Rows keep their records, in which the packets' bytes are swapped too."""
    if batch.header_order in (order, None):
        return batch
    link_types = array("Q", [interface.link_type for interface in batch.interfaces])
    if HEADERS_IN_HOST_ORDER.isdisjoint(link_types):
        return batch
    crowded = (
        len(batch.buffer) < _CROWDED * batch.rows
    )  # then to copy all of the buffer costs less than to look for ends
    own = batch.part(0, batch.rows) if crowded else batch.keep()
    own.buffer = buffer = bytearray(own.buffer)
    choose().swap_headers(buffer, own.columns, own.rows, link_types, batch.header_order == "big")
    own.header_order = order
    return own
