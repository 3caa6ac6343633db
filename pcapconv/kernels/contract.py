"""What both forms of the kernels have in common: why they stop, and the tables that they are given.

What each kernel takes and gives is described where it is written out to be read, in `interpreted`.
"""

from __future__ import annotations

# Why a kernel stopped.
MORE = 0  # index: the buffer ends before the next packet does; encode: all rows are done
FULL = 1  # no room in the columns, or in the output
OTHER = 2  # index_pcap: zeros, or the header of a pcap file; index_pcapng: the next block is not a sound packet block
BEFORE_1970 = 3  # encode_pcap: the row's time is before 1970
TOO_LATE = 4  # encode_pcap: the row's time is 2^32 seconds or more
UNKNOWN = 5  # to_nanoseconds: nobody can tell what the row's ticks mean
FINER = 6  # to_nanoseconds: the row's time has digits finer than a nanosecond
BEYOND = 7  # to_nanoseconds: the row's time is not one that 64 bits of nanoseconds since 1970 can hold

SCALE = 6  # values for each interface in a scale table: see `encode_pcap`
UNREADABLE = 65536  # in `count_options`: option lists that cannot be read to their end
DROPS = 65537  # in `count_options`: obsolete Packet Blocks that state a drop count
OPTION_COUNTS = 65538  # values in `count_options`
COMMENTS, OTHER_OPTIONS, OVERRUNS, DROP_COUNTS = range(4)  # the values in `sum_options`
OPTION_SUMS = 4  # how many there are
RANGE = 3  # values for each interface in a table for `rows_in_ranges`
SHIFT = 2  # values for each interface in a table for `shift_times`
TOTALS = 5  # values for each interface in `count_packets`
NANOSECOND_SCALE = 6  # values for each interface in a table for `to_nanoseconds`
FINGERPRINT = 10  # bytes for each row in `fingerprints`

MOST_TICKS = 2**64 - 1
ALWAYS, NEVER = (0, MOST_TICKS, 1), (1, 0, 0)  # rows of a table for `rows_in_ranges`

# Link types whose packets begin with a header in the byte order of the machine that captured: see `swap_headers`.
NULL, ENC, LINUX_SLL, PFLOG = 0, 109, 113, 117
USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2 = 189, 220, 239, 276
HEADERS_IN_HOST_ORDER = frozenset((NULL, ENC, LINUX_SLL, PFLOG, USB_LINUX, USB_LINUX_MMAPPED, NFLOG, LINUX_SLL2))
