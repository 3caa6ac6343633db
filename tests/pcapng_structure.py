"""For tests of pcapng's structure: numbers, and beginnings of captures."""

from wire import BIG, LITTLE, In

T = 1_714_564_800_000_000  # in microseconds
SECONDS = T // 10**6
MOST = 2**32 - 1
ENTERPRISE = 32473
LARGEST = 129 * 2**20


def swapped(write: In) -> In:
    return In(BIG if write.byte_order == LITTLE else LITTLE)


def start(write: In, snaplen: int = 262144) -> bytes:
    return write.section_header() + write.interface(snaplen=snaplen)
