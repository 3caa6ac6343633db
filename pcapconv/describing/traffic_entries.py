"""What `info` finds in the packets themselves: conversations, talkers and protocols, in lists of bounded length.

Strategy: a list holds the entries with the most packets; what it does not hold is counted together, so that nothing is
missing from the sums. Bytes are the packets' original lengths, as in tshark. Times are cut to whole nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from pcapconv.describing.entries import Instant

Entry = TypeVar("Entry")


class Others(NamedTuple):
    """What a list does not hold, counted together: `packets`, `bytes`, and the earliest and the latest time,
    `first_time` and `last_time`; None without a time."""

    packets: int
    bytes: int
    first_time: Instant | None
    last_time: Instant | None


class TrafficList(NamedTuple, Generic[Entry]):
    """Conversations, talkers or protocols.

    * `entries`: those with the most packets first, 10,000 at most.
    * `total`: how many were counted, each by itself: 100,000 at most, 1,000 paths of protocols.
    * `complete`: whether there are no more than `total`. Otherwise packets of later ones are only in `others`.
    * `others`: what the packets that are not in `entries` come to.
    """

    entries: Sequence[Entry]
    total: int
    complete: bool
    others: Others


class Conversation(NamedTuple):
    """The packets between two ends, in both directions.

    * `address_a`, `port_a`: the end that sent the first packet. `address_b`, `port_b`: the other end. Ports are None in
      conversations between addresses alone.
    * `packets`, `bytes`: of both directions.
    * `packets_from_a`, `bytes_from_a`, `packets_from_b`, `bytes_from_b`: of each direction.
    * `first_time`, `last_time`: the earliest and the latest time; None without a time.
    """

    address_a: str
    port_a: int | None
    address_b: str
    port_b: int | None
    packets: int
    bytes: int
    packets_from_a: int
    bytes_from_a: int
    packets_from_b: int
    bytes_from_b: int
    first_time: Instant | None
    last_time: Instant | None


class Conversations(NamedTuple):
    """The conversations of a capture: between addresses, `ip`; between addresses and ports, `tcp` and `udp`."""

    ip: TrafficList[Conversation]
    tcp: TrafficList[Conversation]
    udp: TrafficList[Conversation]


class Talker(NamedTuple):
    """An IP `address`, and what it sent and received.

    * `packets`, `bytes`: both. A packet that it sent to itself counts twice.
    * `packets_sent`, `bytes_sent`, `packets_received`, `bytes_received`: each.
    * `first_time`, `last_time`: the earliest and the latest time; None without a time.
    """

    address: str
    packets: int
    bytes: int
    packets_sent: int
    bytes_sent: int
    packets_received: int
    bytes_received: int
    first_time: Instant | None
    last_time: Instant | None


class ProtocolEntry(NamedTuple):
    """A protocol at its place in packets.

    * `path`: the protocols around it and itself, outermost first: `eth:ip:tcp`. Names are those of Wireshark's filters.
      Empty for packets of which no header can be read.
    * `packets`, `bytes`: of all packets that have these protocols, whatever follows; bytes are those of whole packets.
    * `first_time`, `last_time`: the earliest and the latest time; None without a time.
    """

    path: str
    packets: int
    bytes: int
    first_time: Instant | None
    last_time: Instant | None
