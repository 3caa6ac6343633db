"""Constants and types of both forms of the kernels: why a kernel stops, and how many values its tables have.

`interpreted` says what each kernel takes and gives. A table is an array of unsigned 64-bit values with one entry for
each interface, or for each value that is counted.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`, which takes long to import

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as BytesLike  # bytes, or any object that has bytes

    __all__ = ["BytesLike"]

# Why a kernel stopped.
MORE = 0  # an index kernel reached the end of the buffer, and needs more of it; any other kernel has done all rows
FULL = 1  # the columns have no more rows, or the output has no room for the next row
NOT_A_RECORD = 2  # index_pcap: zeros, or the beginning of a pcap file; index_pcapng: no packet block, or an unsound one
BEFORE_1970 = 3  # encode_pcap: the row's time is before 1970
AFTER_2106 = 4  # encode_pcap: the row's time is 2^32 seconds or more after 1970 (since 2106-02-07 06:28:16 UTC)
UNKNOWN = 5  # to_nanoseconds: the row's time cannot be determined
FINER = 6  # to_nanoseconds: the row's time has digits finer than a nanosecond
BEYOND = 7  # to_nanoseconds: 64 bits cannot hold the row's time in nanoseconds since 1970
LIMIT = 8  # PacketMerger: the next row has the limit as its key, or a higher one

OBSOLETE, SIMPLE, ENHANCED = 2, 3, 6  # types of packet blocks, in the column `record_type`

# Sizes of entries, in values of 64 bits but for FINGERPRINT.
SCALE = 6  # `scales` of encode_pcap: values for each interface
NANOSECOND_SCALE = 6  # `scales` of to_nanoseconds: values for each interface
RANGE = 3  # `ranges` of rows_in_ranges: values for each interface
CUT = 4  # `cuts` of remove_bytes: values for each place
SHIFT = 2  # `shifts` of shift_times: values for each interface
TOTALS = 5  # `totals` of count_packets: values for each interface
EXACT_SCALE = 5  # `scales` of RepeatWindow.find: values for each interface
FINGERPRINT = 10  # `out` of fingerprints: bytes for each row

TRAFFIC_KEY = 37  # bytes of a key of a TrafficTable

# Entries of `limits` of the kernels that search for sound records of pcap: the longest captured length; the value below
# which fractions of a second are; the seconds in which the first record of a chain lies; the largest step in seconds
# from one record to the next; whether a captured length may exceed the original one.
LONGEST, FRACTIONS, EARLIEST, LATEST, TIME_STEP, ANY_LENGTHS = range(6)
RECORD_LIMITS = 6  # how many entries there are
MOST_ORIGINAL = 2**27  # bytes; a sound record states no larger original length
TIME_BOUNDS = 2  # `bounds` of find_blocks: values for each interface, the lowest and the highest time in ticks

# Entries of `counts` of count_options. Those before them count options by code, from 0 to 65535.
UNREADABLE = 65536  # option lists that cannot be read to their end
DROPS = 65537  # obsolete Packet Blocks that state a drop count
OPTION_COUNTS = 65538  # how many entries there are

# Entries of `sums` of sum_options: options that are comments, other options, option lists that cannot be read to their
# end, and obsolete Packet Blocks that state a drop count.
COMMENTS, OTHER_OPTIONS, OVERRUNS, DROP_COUNTS = range(4)
OPTION_SUMS = 4  # how many entries there are

# FlowTable
WAITING = 2**63  # the lowest number of fragments whose first one has not come
NO_GROUP = 2**64 - 1  # group_rows: a number that is left out
MOST_DATAGRAMS = 2**16  # fragmented datagrams whose flows are known
PACKET_COST = 64  # bytes that a packet counts besides its own in distances
FRAGMENT_DISTANCE = 2**22  # bytes; how far behind another fragment the first one may come

# decapsulate: `new_ids` has TARGETS values for each interface: the id of its packets that are in no tunnel, and the
# ids of packets that come out of tunnels, by their link type in the order of INNER_LINK_TYPES; UNDECLARED where an
# interface is still to be declared. `tunnels` has a count for each kind, by its code.
INNER_LINK_TYPES = (1, 9, 101, 219)  # Ethernet, PPP, RAW, MPLS
TARGETS = 1 + len(INNER_LINK_TYPES)
UNDECLARED = 2**64 - 1
TUNNEL_COUNTS = 32  # how many entries `tunnels` has
DECAPSULATED, OPTIONS_CHANGE = 1, 2  # `marks` of decapsulate: out of a tunnel; and its options no longer hold

FILTER_MEMORY = 16  # how many words of memory a program of a Filter has
MOST_TICKS = 2**64 - 1  # the highest time that a packet can have
ALWAYS, NEVER = (0, MOST_TICKS, 1), (1, 0, 0)  # entries of `ranges` that select every packet, and no packet

# Link types whose packets begin with a header in the byte order of the machine that captured: see `swap_headers`.
NULL, ENC, LINUX_SLL, PFLOG = 0, 109, 113, 117
USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2 = 189, 220, 239, 276
HEADERS_IN_HOST_ORDER = frozenset((NULL, ENC, LINUX_SLL, PFLOG, USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2))
