"""What two captures say differently, as values: for the page, for JSON, and for Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pcapconv.comparing.compared_capture import Option, Stated
from pcapconv.json_form import document
from pcapconv.model import Damage, Notice, Packet
from pcapconv.report import blocks_said
from pcapconv.spec.readable_options import value_text
from pcapconv.timestamps import format_time

_LONGEST = 200  # characters of what is said in a sentence
_MOST_BYTES = 262144  # of a packet in JSON: as many as libpcap captures
_OF_PACKETS = ("bytes", "lengths", "time", "interface", "options")


class Difference(NamedTuple):
    """Packets that differ, by their numbers from 1: only in A, only in B, or in both but with other `fields`."""

    a: int | None
    b: int | None
    fields: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Whether the packet was `removed`, `inserted` or `changed`."""
        return "removed" if self.b is None else "inserted" if self.a is None else "changed"


class Shown(NamedTuple):
    """A difference, and the packets that it is about."""

    difference: Difference
    a: Packet | None
    b: Packet | None
    a_options: Sequence[Stated] = ()
    b_options: Sequence[Stated] = ()

    @property
    def a_said(self) -> list[str]:
        """What the options of A's packet say, in words."""
        return [each.text for each in self.a_options]

    @property
    def b_said(self) -> list[str]:
        """What the options of B's packet say, in words."""
        return [each.text for each in self.b_options]

    def as_dict(self) -> dict[str, Any]:
        """The difference with the values of both, as far as they differ."""
        number = self.difference
        kinds = number.fields if number.kind == "changed" else _OF_PACKETS
        return {"kind": number.kind, "a": number.a, "b": number.b, "fields": [self._field(kind) for kind in kinds]}

    def _field(self, kind: str) -> dict[str, Any]:
        if kind == "options":
            return {
                "kind": kind,
                "a": None if self.a is None else _only(self.a_options, self.b_options),
                "b": None if self.b is None else _only(self.b_options, self.a_options),
            }
        a, b = (None if packet is None else _value(kind, packet) for packet in (self.a, self.b))
        if kind != "bytes":
            return {"kind": kind, "a": a, "b": b}
        offset = None if self.a is None or self.b is None else _first_difference(self.a.data, self.b.data)
        return {"kind": kind, "offset": offset, "a": a, "b": b}


class Header(NamedTuple):
    """A difference apart from packets.

    `kind` is `interface` where A and B state something else of one, which `a` and `b` are, by `name`; `interfaces`
    where only one has it; `order` where they say the same in another order; else a kind of metadata, of which only one
    says `a` or `b`. `interface` counts from 0 among those in use in A.
    """

    kind: str
    a: Any
    b: Any
    interface: int | None = None
    name: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "interface":
                a, b = (_values_said(values) for values in (self.a, self.b))
                return f"interface {self.interface}: {_name_said(self.name)} is {a} in A, {b} in B"
            case "interfaces":
                where, options = ("B", self.b) if self.a is None else ("A", self.a)
                said = ", ".join(f"{_name_said(name)} {_values_said(values)}" for name, values in options.items())
                return f"interface only in {where}: {said}"
            case "order":
                return "comments and secrets are the same, but in another order"
        where, said = ("B", self.b) if self.a is None else ("A", self.a)
        return f"only in {where}: {said:.{_LONGEST}}"

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain values."""
        match self.kind:
            case "interface":
                where = {"interface": self.interface, "name": self.name}
                return {"kind": self.kind, **where, "a": _stated(self.a), "b": _stated(self.b)}
            case "interfaces":
                a, b = (
                    None if options is None else {name: _stated(values) for name, values in options.items()}
                    for options in (self.a, self.b)
                )
                return {"kind": self.kind, "a": a, "b": b}
        return {"kind": self.kind, "a": self.a, "b": self.b}


class Comparison:
    """What differs.

    `header_differences` are those in interfaces, names, secrets and comments, `headers` the same as sentences; `counts`
    are of packets: only in A (`removed`), only in B (`inserted`), in both but `changed`; `fields` says in what. `shown`
    are the first differences, `packets` how many each has, `damage` what of each could not be read: a thousand places
    at most, `damage_total` in all; `warnings` and `warnings_total` are oddities that cost nothing. `not_compared`
    counts by kind the statistics, custom and unknown blocks of each that were not looked at.
    """

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self.packets = (0, 0)
        self.header_differences: list[Header] = []
        self.counts: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.shown: list[Shown] = []
        self.damage: tuple[list[Damage], list[Damage]] = ([], [])
        self.damage_total = (0, 0)
        self.warnings: tuple[list[Notice], list[Notice]] = ([], [])
        self.warnings_total = (0, 0)
        self.not_compared: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {})

    @property
    def same(self) -> bool:
        """Whether nothing differs of what could be read."""
        return not (self.header_differences or self.counts)

    @property
    def headers(self) -> list[str]:
        """What differs in interfaces, names, secrets and comments, in words."""
        return [str(each) for each in self.header_differences]

    def passed_over(self) -> Iterator[str]:
        """A sentence for each capture of which more custom and unknown blocks were not compared than it has packets."""
        for name, counts, packets in zip(self.names, self.not_compared, self.packets):
            blocks = {kind: counts[kind] for kind in ("custom", "unknown") if counts.get(kind)}
            total = sum(blocks.values())
            if total > packets:
                yield f"{name}: none of its {blocks_said(blocks)} {'was' if total == 1 else 'were'} compared"

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain values, ready for JSON."""
        return document(
            "diff",
            {
                "same": self.same,
                "a": self._side(0),
                "b": self._side(1),
                "headers": [each.as_dict() for each in self.header_differences],
                **{kind: self.counts[kind] for kind in ("removed", "inserted", "changed")},
                "fields": self.fields,
                "differences": [each.as_dict() for each in self.shown],
            },
        )

    def _side(self, side: int) -> dict[str, Any]:
        """A capture."""
        return {
            "file": self.names[side],
            "packets": self.packets[side],
            "damage": self.damage[side],
            "damage_total": self.damage_total[side],
            "warnings": self.warnings[side],
            "warnings_total": self.warnings_total[side],
            "not_compared": self.not_compared[side],
        }


def time_said(packet: Packet) -> str | None:
    """A packet's time with all its digits; None without one, and where nobody can tell."""
    interface = packet.interface
    if packet.ticks is None or interface.time_error:
        return None
    return format_time(packet.ticks, interface.ticks_per_second, interface.time_offset)


def _value(kind: str, packet: Packet) -> Any:
    match kind:
        case "bytes":
            return {"length": packet.captured_length, "hex": packet.data[:_MOST_BYTES].hex()}
        case "lengths":
            return {"captured": packet.captured_length, "original": packet.original_length}
        case "time":
            return time_said(packet)
    return {"section": packet.interface.section, "id": packet.interface.id}


def only(said: Sequence[Stated], other: Sequence[Stated]) -> Iterator[Stated]:
    """The options that are here and not there; how often counts."""
    there = Counter(each.text for each in other)
    for each in said:
        there[each.text] -= 1
        if there[each.text] < 0:
            yield each


def _only(said: Sequence[Stated], other: Sequence[Stated]) -> list[Any]:
    return [each.option for each in only(said, other)]


def _first_difference(a: bytes, b: bytes) -> int:
    shorter = min(len(a), len(b))
    return next((at for at in range(shorter) if a[at] != b[at]), shorter)


def _name_said(name: str) -> str:
    return "link type" if name == "link_type" else name


def _values_said(values: Sequence[Option] | None) -> str:
    """The values of one name in words; several in quotes."""
    if values is None:
        return "not stated"
    texts = [value_text(each) for each in values]
    return texts[0] if len(texts) == 1 else ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)


def _stated(values: Sequence[Option] | None) -> Any:
    """The values of one name in JSON: None where there is none, a list of several."""
    if values is None:
        return None
    found = [each["value"] if "value" in each else {"raw": each["raw"]} for each in values]
    return found[0] if len(found) == 1 else found
