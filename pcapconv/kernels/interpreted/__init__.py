"""The kernels, interpreted: the readable reference for the compiled form, and what runs where that was not built.

indexing              finds packets in the bytes of a capture
encoding              makes records of rows
selecting             chooses, copies and renumbers rows
editing               shortens packets
times, ordering       moves times; looks at the order of packets, and sorts keys
comparing             compares packets
counting              counts packets and their options
headers               reads the headers of packets into columns
traffic               `TrafficTable`, `count_traffic`: conversations, hosts and protocols
flow_table            `FlowTable`, `group_rows`: flows and hosts, and rows by them
link_layers           rows without their link layers
decapsulating         takes packets out of tunnels
host_order            headers in packets that follow the file's byte order
chains                searches damaged bytes for chains of sound records
packet_rows           `PacketRows`, `PacketLoop`, `exact_times`: packets as Python objects
packet_appender       `PacketAppender`: new packets, one at a time
packet_merger         `PacketMerger`: packets of several streams
packet_filter         `Filter`: programs of the classic BSD packet filter
repeat_window         `RepeatWindow`: packets that repeat one before them
tables                fills columns of tables
checks, columns_as_integers   what they share

Common parameters: `buffer` holds the packets, `columns` describe them (`pcapconv.columns.Columns`), one row for each
packet. A kernel works on the first `rows` of them, or on those from `first` up to but without `stop`; it writes into
`out` from `offset` on. Every kernel raises ValueError for arguments with which it would leave a buffer, a column or a
table.

The compiled form of `selecting.py` is `compiled_selecting.pxi` in the folder above, of `headers/network.py`
`compiled_headers_network.pxi`, and so on. It must do the same, to the last bit and on any input, with one exception: it
checks only the columns that a kernel uses, these modules check all of them.

Formats: draft-ietf-opsawg-pcap, "Packet Record"; draft-ietf-opsawg-pcapng, "Enhanced Packet Block", "Simple Packet
Block", and "Packet Block (obsolete)".
"""

from __future__ import annotations

from pcapconv.kernels.interpreted.chains import (
    find_blocks,
    find_container,
    find_records,
    first_unsound,
    follow_records,
)
from pcapconv.kernels.interpreted.comparing import fingerprints, match_keys, same_data
from pcapconv.kernels.interpreted.counting import count_options, count_packets, sum_options
from pcapconv.kernels.interpreted.decapsulating import decapsulate
from pcapconv.kernels.interpreted.editing import cut_packets, remove_bytes
from pcapconv.kernels.interpreted.encoding import copy_records, encode_pcap, encode_pcapng
from pcapconv.kernels.interpreted.flow_table import FlowTable, group_rows
from pcapconv.kernels.interpreted.headers import read_headers
from pcapconv.kernels.interpreted.host_order import swap_headers
from pcapconv.kernels.interpreted.indexing import index_pcap, index_pcapng
from pcapconv.kernels.interpreted.link_layers import skip_link_layers
from pcapconv.kernels.interpreted.ordering import argsort, count_falls, extremes, first_out_of_order, first_too_early
from pcapconv.kernels.interpreted.packet_appender import PacketAppender
from pcapconv.kernels.interpreted.packet_filter import Filter
from pcapconv.kernels.interpreted.packet_merger import PacketMerger
from pcapconv.kernels.interpreted.packet_rows import PacketLoop, PacketRows, exact_times, list_of_item, tuple_fields
from pcapconv.kernels.interpreted.repeat_window import RepeatWindow
from pcapconv.kernels.interpreted.selecting import (
    clear_numbers,
    copy_rows,
    first_over_limit,
    gather_rows,
    move_offsets,
    only_records,
    renumber,
    rows_in_ranges,
    rows_with_metadata,
)
from pcapconv.kernels.interpreted.tables import (
    copy_addresses,
    copy_comments,
    copy_data,
    copy_directions,
    look_up,
    rows_within,
    write_numbers,
)
from pcapconv.kernels.interpreted.times import shift_times, to_nanoseconds
from pcapconv.kernels.interpreted.traffic import TrafficTable, count_traffic

NAME = "interpreted"

__all__ = [
    "Filter",
    "FlowTable",
    "PacketAppender",
    "PacketLoop",
    "PacketMerger",
    "PacketRows",
    "RepeatWindow",
    "TrafficTable",
    "argsort",
    "clear_numbers",
    "copy_addresses",
    "copy_comments",
    "copy_data",
    "copy_directions",
    "copy_records",
    "copy_rows",
    "count_falls",
    "count_options",
    "count_packets",
    "count_traffic",
    "cut_packets",
    "decapsulate",
    "encode_pcap",
    "encode_pcapng",
    "exact_times",
    "extremes",
    "find_blocks",
    "find_container",
    "find_records",
    "fingerprints",
    "first_out_of_order",
    "first_over_limit",
    "first_too_early",
    "first_unsound",
    "follow_records",
    "gather_rows",
    "group_rows",
    "index_pcap",
    "index_pcapng",
    "list_of_item",
    "look_up",
    "match_keys",
    "move_offsets",
    "only_records",
    "read_headers",
    "remove_bytes",
    "renumber",
    "rows_in_ranges",
    "rows_with_metadata",
    "rows_within",
    "same_data",
    "shift_times",
    "skip_link_layers",
    "sum_options",
    "swap_headers",
    "to_nanoseconds",
    "tuple_fields",
    "write_numbers",
]
