"""The interpreted kernel `skip_link_layers`: rows without the headers in front of their network packet."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.spec.protocols import TYPE_ARP, TYPE_IPV4, TYPE_IPV6, TYPE_RARP

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_BITS = HeaderColumns.BITS
_NETWORK = 1 << _BITS["network_at"]
_IP, _ARP = (TYPE_IPV4, TYPE_IPV6), (TYPE_ARP, TYPE_RARP)
_ETHERNET = 1  # a link type
_ETHER_TYPE_AT, _TAG = 12, 4  # bytes of MAC addresses, and of a VLAN tag


def skip_link_layers(columns: Columns, rows: int, headers: HeaderColumns, link_types: array[int]) -> None:
    """Let each row begin behind its link layer, and end where its network packet ends.

    A row with IP or ARP begins with the header of that, and ends where it says; ARP is nothing but its header. Any
    other row of Ethernet begins with its last EtherType, behind MAC addresses and VLAN tags. Other rows stay as they
    are. The columns `data_at`, `captured_length` and `original_length` change. The column `interface` becomes twice the
    interface, and one more for a row with IP or ARP, so that those can be told from others.

    `headers` are those of the rows; needed are the columns `network_protocol`, `network_at`, `vlan_count`,
    `payload_at`, `payload_captured`, `payload_length`. `link_types` has the link type of each interface.
    """
    check_columns(columns, rows)
    check_table(link_types, 0)
    if not 0 <= rows <= headers.capacity:
        raise ValueError(f"headers of fewer than {rows} rows")
    for row in range(rows):
        number, captured = columns.interface[row], columns.captured_length[row]
        if number >= len(link_types):
            raise ValueError(f"row {row} names an interface that is not there")
        payload_at = headers.payload_at[row]
        end, stated = payload_at + headers.payload_captured[row], payload_at + headers.payload_length[row]
        protocol = headers.network_protocol[row] if headers.present[row] & _NETWORK else 0
        is_network = protocol in _IP or protocol in _ARP
        columns.interface[row] = (2 * number + is_network) & 0xFFFFFFFF
        if is_network:
            begin = headers.network_at[row]
            if protocol in _ARP and payload_at > begin:
                end = stated = payload_at
        elif link_types[number] == _ETHERNET:
            begin = _ETHER_TYPE_AT + _TAG * headers.vlan_count[row]
        else:
            continue
        if begin <= end <= min(captured, stated):
            columns.data_at[row] += begin
            columns.captured_length[row], columns.original_length[row] = end - begin, stated - begin
