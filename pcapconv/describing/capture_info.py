"""What `pcapconv.info` returns: `CaptureInfo`, from which the JSON of `info` is made.

Strategy: a capture and a sidecar have the same contents, so both classes derive from `Contents`. They are no named
tuples, which cannot be derived from, and no dataclasses, whose import is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pcapconv.describing.entries import (
    CommentEntry,
    CustomEntry,
    Duration,
    Instant,
    InterfaceEntry,
    NameEntry,
    PacketOrder,
    Rates,
    SecretsEntry,
    SectionEntry,
    StatisticsEntry,
    ToPcap,
    Totals,
    WiresharkNumbers,
)
from pcapconv.describing.traffic_entries import Conversations, ProtocolEntry, Talker, TrafficList
from pcapconv.json_form import document
from pcapconv.model import Damage, Layout, Notice

if TYPE_CHECKING:
    from typing import NoReturn


class Contents:
    """What a capture, or a sidecar, holds. Lists have a thousand entries at most; `totals` has their full lengths.

    * `packets`, `captured_bytes`, `original_bytes`: the number of packets, and the sums of their lengths.
    * `packets_without_time`: how many of them have no time.
    * `wireshark_numbers`: where numbers of packets differ in Wireshark; None if they do not.
    * `first_time`, `last_time`: the earliest and the latest time of a packet; None if no packet has a time.
    * `duration`: the time between them.
    * `order`: whether packets are in the order of their times.
    * `sections`, `interfaces`: a pcap file has one of each.
    * `comments`, `names`, `secrets`, `statistics`, `custom`: of the whole capture. Secrets themselves are not shown.
    * `damage`: what could not be read. `warnings`: what is odd, although nothing is lost.
    * `totals`: the full lengths of these lists.
    * `packet_options`: the numbers of packets' options by name; `blocks`: those of blocks by name. Empty for pcap.
    """

    packets: int
    captured_bytes: int
    original_bytes: int
    packets_without_time: int
    wireshark_numbers: WiresharkNumbers | None
    first_time: Instant | None
    last_time: Instant | None
    duration: Duration | None
    order: PacketOrder
    sections: list[SectionEntry]
    interfaces: list[InterfaceEntry]
    comments: list[CommentEntry]
    names: list[NameEntry]
    secrets: list[SecretsEntry]
    statistics: list[StatisticsEntry]
    custom: list[CustomEntry]
    damage: list[Damage]
    warnings: list[Notice]
    totals: Totals
    packet_options: dict[str, int]
    blocks: dict[str, int]

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment] # it holds lists

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r:.80}' for name, value in vars(self).items())})"

    def as_json(self) -> dict[str, Any]:
        """The fields, with the duration in nanoseconds."""
        return {
            "duration_ns" if name == "duration" else name: value.ns if isinstance(value, Duration) else value
            for name, value in vars(self).items()
        }


class SidecarInfo(Contents):
    """A sidecar that belongs to the pcap file. It has also what a capture has: packets, interfaces, comments and so on,
    as the sidecar restores them.

    * `file`: the name of the sidecar.
    * `matches`: True.
    * `kept`: what the sidecar keeps, by kind. `missing`: what it was written without.
    * `damage_before`: in how many places the original capture was damaged.
    * `fingerprints`: whether the sidecar has fingerprints of packets.
    """

    file: str
    matches: Literal[True]
    kept: dict[str, int]
    missing: dict[str, int]
    damage_before: int
    fingerprints: bool


class UnusableSidecar:
    """A sidecar beside the pcap file that cannot be used: the name of its `file`, `matches`, which is False, and the
    `reason`."""

    matches: Literal[False] = False

    def __init__(self, file: str, reason: str) -> None:
        self.file = file
        self.reason = reason

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return {"file": self.file, "matches": False, "reason": self.reason}


class CaptureInfo(Contents):
    """What `info` finds in a capture.

    * `file`: the name of the capture. `bytes`: the size of the file.
    * `format`: `"pcap"` or `"pcapng"`.
    * `compression`: such as `"gzip"`; None if the file is not compressed.
    * `sha256`: the SHA-256 of the whole file as it is, in hex; None without `hash`.
    * `rates`: packets and bits a second, and the average length.
    * `conversations`, `talkers`, `protocols`: who talks to whom, how much each address sends and receives, and by which
      protocols; None unless they are asked for.
    * `to_pcap`: what a conversion to pcap would lose, or why it would be refused.
    * `sidecar`: the sidecar beside a pcap file; None if there is none.
    """

    file: str
    format: Layout
    compression: str | None
    bytes: int
    sha256: str | None
    rates: Rates
    conversations: Conversations | None
    talkers: TrafficList[Talker] | None
    protocols: TrafficList[ProtocolEntry] | None
    to_pcap: ToPcap
    sidecar: SidecarInfo | UnusableSidecar | None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, ready for JSON: the object that the command `info` prints, which
        `docs/reference/json.md` describes."""
        return document("info", self.as_json())
