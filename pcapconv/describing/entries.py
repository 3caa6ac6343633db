"""What the lists of `info` contain, and the small values beside them; `as_json` gives the form in JSON of those whose
JSON has other fields.

Strategy: bytes stand for what cannot be decoded, as in `Options`; JSON has them in hex, as `raw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pcapconv.json_form import nanoseconds
from pcapconv.spec import ByteOrder
from pcapconv.timestamps import MICROSECONDS, format_duration, utc_datetime

if TYPE_CHECKING:
    from datetime import datetime as DateTime  # noqa: N812 - `datetime` is a property
    from fractions import Fraction

    OptionValue = str | int | dict[str, str | int] | bytes


class Instant(NamedTuple):
    """A time of a packet: exact, and as text with all digits of its resolution, which `str()` gives, too.

    * `seconds`: the exact time in seconds since 1970.
    * `text`: the time as ISO 8601, in UTC or in the zone that `timezone` names; outside the years 1 to 9999, seconds
      since 1970.
    """

    seconds: Fraction
    text: str

    @property
    def time_ns(self) -> int:
        """The time in nanoseconds since 1970, rounded down."""
        return self.seconds.numerator * 10**9 // self.seconds.denominator

    @property
    def datetime(self) -> DateTime | None:
        """The time in UTC, cut to microseconds; None outside the years 1 to 9999."""
        return utc_datetime(self.seconds.numerator * MICROSECONDS // self.seconds.denominator)

    def as_json(self) -> str:
        """The time as text."""
        return self.text

    def __str__(self) -> str:
        return self.text


class Duration(NamedTuple):
    """A length of time in `seconds`, exact, and the number of `decimal_places` that show it. `str()` shows it."""

    seconds: Fraction
    decimal_places: int

    @property
    def ns(self) -> int:
        """The length in nanoseconds, cut."""
        return nanoseconds(self.seconds)

    def __str__(self) -> str:
        return format_duration(self.seconds, self.decimal_places)


class Rates(NamedTuple):
    """How much came in how much time, exact; JSON has numbers that are rounded to three decimal places, halves up.

    * `packets_per_second`, `bits_per_second`: over the time from the first to the last packet; None if that is 0 or not
      known.
    * `average_length`: the mean original length of a packet in bytes; None without packets.
    """

    packets_per_second: Fraction | None
    bits_per_second: Fraction | None
    average_length: Fraction | None

    @classmethod
    def of(cls, packets: int, original_bytes: int, duration: Duration | None) -> Rates:
        """The rates of so many packets and bytes in this time."""
        from fractions import Fraction  # slow to import, and rarely needed

        average_length = Fraction(original_bytes, packets) if packets else None
        if duration is None or not duration.seconds:
            return cls(None, None, average_length)
        return cls(packets / duration.seconds, 8 * original_bytes / duration.seconds, average_length)

    def as_json(self) -> dict[str, Any]:
        """The rates, rounded."""
        return {name: None if rate is None else _json_number(rate) for name, rate in self._asdict().items()}


def rounded(value: Fraction, decimal_places: int) -> int:
    """The value as a whole number of units of its last decimal place, rounded halves up."""
    scaled: int = 10**decimal_places * value.numerator
    return (2 * scaled + value.denominator) // (2 * value.denominator)


def _json_number(value: Fraction) -> int | float:
    thousandths = rounded(value, 3)
    return thousandths // 1000 if thousandths % 1000 == 0 or thousandths >= 2**53 else thousandths / 1000


class PacketOrder(NamedTuple):
    """Whether packets are in the order of their times, across sections. Packets without a time are passed over.

    * `in_order`: whether no packet is earlier than the packet before it.
    * `places`: the number of packets that are earlier than the packet before them.
    * `first_packet`: the number of the first such packet, or None.
    * `goes_back`: by how much a packet is earlier than any packet before it, at most.
    """

    in_order: bool
    places: int
    first_packet: int | None
    goes_back: Duration

    def as_json(self) -> dict[str, Any]:
        """The fields, with the duration in nanoseconds."""
        fields = self._asdict()
        del fields["goes_back"]
        return {**fields, "goes_back_ns": self.goes_back.ns}


class WiresharkNumbers(NamedTuple):
    """Where numbers of packets differ in Wireshark, which numbers other blocks, too: `from_packet` is the first packet
    with a different number, and `blocks` are the numbers of these blocks by kind."""

    from_packet: int
    blocks: dict[str, int]


class OptionEntry(NamedTuple):
    """An option: its `name`, and its `value`, which is bytes if it cannot be decoded."""

    name: str
    value: OptionValue

    @property
    def text(self) -> str:
        """The value as text."""
        match self.value:
            case dict():
                return " ".join(f"{key} {part}" for key, part in self.value.items())
            case bytes():
                return self.value.hex()
        return str(self.value)

    def as_json(self) -> dict[str, Any]:
        """The name, and the value or the raw bytes."""
        value = {"raw": self.value.hex()} if isinstance(self.value, bytes) else {"value": self.value}
        return {"name": self.name, **value}


class SectionEntry(NamedTuple):
    """A section.

    * `number`: counts from 0.
    * `byte_order`: `"little"` or `"big"`.
    * `version`: such as `"1.0"`.
    * `variant`: the variant of pcap, such as `"nanosecond"`; empty for pcapng.
    * `options`: its options, a thousand at most.
    """

    number: int
    byte_order: ByteOrder
    version: str
    variant: str
    options: list[OptionEntry]


class InterfaceEntry(NamedTuple):
    """An interface, and what its packets come to.

    * `section`, `id`: the number of its section, and its number there, both from 0.
    * `link_type`, `link_type_name`: the number, and the name for people.
    * `snaplen`: in bytes; 0 means no limit.
    * `resolution`: the length of a tick in seconds: `"10^-6"`, `"2^-20"`.
    * `time_offset_s`: what is added to times, in seconds.
    * `time_error`: why its times cannot be determined; None if they can.
    * `fcs_length_bits`: the length of a frame check sequence; None if it is not stated.
    * `options`: its options, a thousand at most.
    * `packets`, `captured_bytes`, `original_bytes`: the number of its packets, and the sums of their lengths.
    * `first_time`, `last_time`: the earliest and the latest time of its packets, or None.
    """

    section: int
    id: int
    link_type: int
    link_type_name: str
    snaplen: int
    resolution: str
    time_offset_s: int
    time_error: str | None
    fcs_length_bits: int | None
    options: list[OptionEntry]
    packets: int = 0
    captured_bytes: int = 0
    original_bytes: int = 0
    first_time: Instant | None = None
    last_time: Instant | None = None

    @property
    def name(self) -> str | None:
        """The interface's name; None if it states none, as in pcap."""
        return next((option.text for option in self.options if option.name == "if_name"), None)


class CommentEntry(NamedTuple):
    """A comment: `where` it is, in words, and its `text`."""

    where: str
    text: str


class NameEntry(NamedTuple):
    """The `names` of an `address`. If the record cannot be decoded, `address` is None, and `raw` has its bytes; `type`
    is the type of such a record."""

    address: str | None
    names: list[str]
    type: int | None = None
    raw: bytes = b""

    def as_json(self) -> dict[str, Any]:
        """The address and its names, or the type and the raw bytes."""
        if self.address is None:
            return {"type": self.type, "raw": self.raw.hex()}
        return {"address": self.address, "names": self.names}


class SecretsEntry(NamedTuple):
    """A secrets block: its `section`, the `type` of the secrets in words, and their size in `bytes`."""

    section: int
    type: str
    bytes: int


class StatisticsEntry(NamedTuple):
    """A statistics block: its `section`, the id of its `interface` (None if the block is too short for it), and its
    `options`."""

    section: int
    interface: int | None
    options: list[OptionEntry]


class CustomEntry(NamedTuple):
    """A custom block: its `section`, the private enterprise number `pen`, and the size of its data in `bytes`."""

    section: int
    pen: int
    bytes: int


class Totals(NamedTuple):
    """The full lengths of the lists `sections`, `interfaces`, `comments`, `names`, `secrets`, `statistics`, `custom`,
    `damage` and `warnings`, which have a thousand entries at most."""

    sections: int
    interfaces: int
    comments: int
    names: int
    secrets: int
    statistics: int
    custom: int
    damage: int
    warnings: int


class ToPcap(NamedTuple):
    """What a conversion to pcap would do: whether it is `possible`, its `losses` by kind, and the `reason` why it would
    be refused (None if it is possible)."""

    possible: bool
    losses: dict[str, int]
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The losses, or the reason."""
        if self.possible:
            return {"possible": True, "losses": self.losses}
        return {"possible": False, "reason": self.reason}
