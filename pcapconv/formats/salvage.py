"""What the search for packets behind damage (`salvage`) has in common in pcap and pcapng, and how it works.

Strategy: behind damage, the reader passes over bytes up to the next place from which a **chain** of sound records or
blocks begins, each where the one before it ends. What is passed over is one stretch, and one `Damage`.

* **When a chain counts.** The data of one packet can be a capture itself, and holds hundreds of sound records. So a
  chain proves itself only when it has run over more bytes than the longest packet has (`longest_packet`), or exactly to
  the capture's end; of pcap, behind damage, also to a last record that the end cuts off. Where no chain proves itself,
  nothing is taken.
* **Times.** The first packet of a chain has a time from a second before the earliest of the last 64 packets before the
  stretch to a week after the latest of them (`RecentTimes`). A step in time within a chain of pcap is at most a week.
* **Chains that run into one another.** In pcapng they cannot: a block ends with its length, so that only one block can
  end where another begins. In pcap, false records in a packet's data run into the sound record behind the packet.
  `pcap_salvage` begins with how it decides.
* **Bounds.** The search sees a window of six times the longest packet, and moves on by one longest packet. Kernels
  search it in time in proportion to its size: the records of a chain that has failed are not followed again. As a chain
  that was found is read for at least a longest packet, no capture can make the search take more than a few passes over
  its bytes. `longest_packet` is at most 4 MiB, whatever a file states.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

LONGEST_PACKET = 262144  # bytes, unless a snaplen or a packet says otherwise: the largest snaplen of most programs
_MOST = 2**22
WINDOW = 6  # times the longest packet: the bytes that a search sees
_RECENT = 64  # packets before a stretch
EARLIER = 1  # seconds by which a chain may begin before the earliest of them
LATER = 7 * 24 * 3600  # seconds by which a chain may begin after the latest of them


def longest_packet(snaplens: Iterable[int], longest_seen: int) -> int:
    """Return how many bytes the longest packet can have: 262,144, or more if a snaplen or a packet that was read is
    longer. A snaplen above 4 MiB is no length that packets have, but says that there is no limit."""
    return max(LONGEST_PACKET, min(longest_seen, _MOST), *(each for each in snaplens if each <= _MOST))


class RecentTimes:
    """The times, in whole seconds since 1970, of the last packets that were read."""

    def __init__(self) -> None:
        self._seconds: deque[int] = deque(maxlen=_RECENT)

    @staticmethod
    def rows(rows: int) -> range:
        """The rows of a batch whose times are worth adding."""
        return range(max(0, rows - _RECENT), rows)

    def add(self, seconds: int) -> None:
        """Add the time of the next packet."""
        self._seconds.append(seconds)

    def bounds(self) -> tuple[int, int] | None:
        """The seconds in which a chain may begin; None if no packet with a time was read."""
        if not self._seconds:
            return None
        return min(self._seconds) - EARLIER, max(self._seconds) + LATER
