"""The result of a comparison: `Comparison` with its differences, and their JSON form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from pcapconv.comparing.compared_capture import Option, OptionText
from pcapconv.errors import UsageError
from pcapconv.json_form import document
from pcapconv.model import Damage, Interface, Notice, Packet
from pcapconv.report import blocks_in_words
from pcapconv.spec.readable_options import value_text
from pcapconv.steps.relabel import interface_label
from pcapconv.text import counted, shortened
from pcapconv.timestamps import format_time

_LONGEST_STATEMENT = 200  # characters of a statement in a sentence
_MOST_BYTES = 262144  # of a packet in JSON: as many as libpcap captures
_PACKET_FIELDS = ("bytes", "lengths", "time", "interface", "options")


class Difference(NamedTuple):
    """A packet that differs. `a` and `b` are its numbers in A and B, from 1; None if it is not there. `fields` are what
    differs if it is in both: `bytes`, `lengths`, `time`, `interface`, `options`."""

    a: int | None
    b: int | None
    fields: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`removed`, `inserted` or `changed`, seen from A."""
        return "removed" if self.b is None else "inserted" if self.a is None else "changed"


class ShownDifference(NamedTuple):
    """A difference with its packets.

    * `difference`: the `Difference`.
    * `a`, `b`: the `Packet` in A and the one in B; None if it is not there.
    * `a_options`, `b_options`: the options of these packets, each with `text`, a sentence.
    """

    difference: Difference
    a: Packet | None
    b: Packet | None
    a_options: Sequence[OptionText] = ()
    b_options: Sequence[OptionText] = ()

    @property
    def a_said(self) -> list[str]:
        """The options of A's packet, in words."""
        return [each.text for each in self.a_options]

    @property
    def b_said(self) -> list[str]:
        """The options of B's packet, in words."""
        return [each.text for each in self.b_options]

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain values: what the packets are about, and the fields that differ, each with the values
        of A and B."""
        difference = self.difference
        fields = difference.fields if difference.kind == "changed" else _PACKET_FIELDS
        return {
            "kind": difference.kind,
            "a": difference.a,
            "b": difference.b,
            "summary": {"a": _summary_as_dict(self.a), "b": _summary_as_dict(self.b)},
            "fields": [self._field_as_dict(field) for field in fields],
        }

    def _field_as_dict(self, field: str) -> dict[str, Any]:
        if field == "options":
            return {
                "kind": field,
                "a": None if self.a is None else _own_options(self.a_options, self.b_options),
                "b": None if self.b is None else _own_options(self.b_options, self.a_options),
            }
        a, b = (None if packet is None else _field_value(field, packet) for packet in (self.a, self.b))
        if field != "bytes":
            return {"kind": field, "a": a, "b": b}
        offset = None if self.a is None or self.b is None else _first_difference(self.a.data, self.b.data)
        return {"kind": field, "offset": offset, "a": a, "b": b}


class HeaderDifference(NamedTuple):
    """A difference outside packets. `str()` gives a sentence.

    * `kind`: `interface` if the option `name` of an interface has different values; `interfaces` if only A or only B
      has an interface; `order` if A and B have the same comments and secrets in another order; otherwise a kind of
      metadata, of which only A or only B has a statement.
    * `a`, `b`: the values, the interface's options, the orders, or the statement; None for a capture that has none.
    * `name`: the name of the option; empty for other kinds.
    * `a_interface`, `b_interface`: of the kinds `interface` and `interfaces`, the `Interface` in A and the one in B, in
      the normal form, but with the section and id that it has in the capture; None for a capture without it.
    """

    kind: str
    a: Any
    b: Any
    name: str = ""
    a_interface: Interface | None = None
    b_interface: Interface | None = None

    def __str__(self) -> str:
        match self.kind:
            case "interface":
                a, b = (_values_text(values) for values in (self.a, self.b))
                return f"{self._interface_text()}: {_option_label(self.name)} is {a} in A, {b} in B"
            case "interfaces":
                where, options = ("B", self.b) if self.a is None else ("A", self.a)
                texts = [
                    f"{_option_label(name)} {_values_text(values)}"
                    for name, values in options.items()
                    if name != "if_name"  # it is in the label of the interface
                ]
                return f"{self._interface_text()} only in {where}: {', '.join(texts)}"
            case "order":
                return "comments and secrets are the same, but in another order"
        where, statement = ("B", self.b) if self.a is None else ("A", self.a)
        return f"only in {where}: {shortened(statement, _LONGEST_STATEMENT)}"

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain values."""
        match self.kind:
            case "interface":
                numbers = {"a": _interface_numbers(self.a_interface), "b": _interface_numbers(self.b_interface)}
                where = {"interface": numbers, "name": self.name}
                return {"kind": self.kind, **where, "a": _values_as_json(self.a), "b": _values_as_json(self.b)}
            case "interfaces":
                a, b = (
                    None
                    if options is None
                    else _interface_numbers(interface) | {name: _values_as_json(each) for name, each in options.items()}
                    for options, interface in ((self.a, self.a_interface), (self.b, self.b_interface))
                )
                return {"kind": self.kind, "a": a, "b": b}
        return {"kind": self.kind, "a": self.a, "b": self.b}

    def _interface_text(self) -> str:
        """The interface as `info` numbers it in A, and also in B if it has another number there."""
        a, b = self.a_interface, self.b_interface
        labels = [interface_label(each) for each in (a, b) if each is not None]
        other = _interface_numbers(a) != _interface_numbers(b)
        return f"interface {labels[0]}" + (f" (in B {labels[1]})" if len(labels) == 2 and other else "")


class Comparison:
    """The differences between two captures, A and B; `diff` returns them. An attribute that is a pair has A's value
    first, then B's. In a condition, ask for `same`: a `Comparison` itself is refused there, with a UsageError.

    * `names`: the names of the captures. `packets`: their numbers of packets.
    * `header_differences`: the differences outside packets: in interfaces, names, secrets, comments and other blocks.
    * `counts`: the numbers of packets only in A (`removed`), only in B (`inserted`), and in both but `changed`.
    * `fields`: the numbers of changed packets by what differs: `bytes`, `lengths`, `time`, `interface`, `options`.
    * `shown`: the first packets that differ, see `ShownDifference`.
    * `damage`, `damage_total`: what could not be read, and in how many places. At most 1,000 are listed.
    * `warnings`, `warnings_total`: what is odd, although nothing is lost; at most 1,000 are listed.
    * `not_compared`: the statistics, custom and unknown blocks that were not compared, by kind.
    """

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self.packets = (0, 0)
        self.header_differences: list[HeaderDifference] = []
        self.counts: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.shown: list[ShownDifference] = []
        self.damage: tuple[list[Damage], list[Damage]] = ([], [])
        self.damage_total = (0, 0)
        self.warnings: tuple[list[Notice], list[Notice]] = ([], [])
        self.warnings_total = (0, 0)
        self.not_compared: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {})

    @property
    def same(self) -> bool:
        """Whether all that could be read of both captures is the same."""
        return not (self.header_differences or self.counts)

    def __repr__(self) -> str:
        found = [f"{counted(count, 'packet')} {kind}" for kind, count in self.counts.items()]
        if outside := len(self.header_differences):
            found.append(f"{counted(outside, 'difference')} outside packets")
        return f"<Comparison of {self.names[0]!r} and {self.names[1]!r}: {', '.join(found) or 'the same'}>"

    def __bool__(self) -> NoReturn:
        raise UsageError("a Comparison is neither true nor false, as both could mean the same; ask for its .same")

    @property
    def headers(self) -> list[str]:
        """The differences outside packets, as sentences."""
        return [str(each) for each in self.header_differences]

    def passed_over(self) -> Iterator[str]:
        """Yield a sentence for each capture in which more custom and unknown blocks were not compared than it has
        packets."""
        for name, counts, packets in zip(self.names, self.not_compared, self.packets):
            blocks = {kind: counts[kind] for kind in ("custom", "unknown") if counts.get(kind)}
            total = sum(blocks.values())
            if total > packets:
                yield f"{name}: none of its {blocks_in_words(blocks)} {'was' if total == 1 else 'were'} compared"

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain values, ready for JSON; `docs/reference/json.md` describes them."""
        return document(
            "diff",
            {
                "same": self.same,
                "a": self._capture_as_dict(0),
                "b": self._capture_as_dict(1),
                "headers": [each.as_dict() for each in self.header_differences],
                **{kind: self.counts[kind] for kind in ("removed", "inserted", "changed")},
                "fields": self.fields,
                "differences": [each.as_dict() for each in self.shown],
            },
        )

    def _capture_as_dict(self, side: int) -> dict[str, Any]:
        return {
            "file": self.names[side],
            "packets": self.packets[side],
            "damage": self.damage[side],
            "damage_total": self.damage_total[side],
            "warnings": self.warnings[side],
            "warnings_total": self.warnings_total[side],
            "not_compared": self.not_compared[side],
        }


def time_text(packet: Packet) -> str | None:
    """Return a packet's time with all digits; None if the packet has no time, or its time cannot be determined."""
    interface = packet.interface
    if packet.ticks is None or interface.time_error:
        return None
    return format_time(packet.ticks, interface.ticks_per_second, interface.time_offset)


def _summary_as_dict(packet: Packet | None) -> dict[str, Any] | None:
    if packet is None:
        return None
    summary = packet.summary
    ends = {"source": summary.source or None, "destination": summary.destination or None}
    return {**ends, "protocol": summary.protocol, "essence": summary.essence}


def _field_value(field: str, packet: Packet) -> Any:
    match field:
        case "bytes":
            return {"length": packet.captured_length, "hex": packet.data[:_MOST_BYTES].hex()}
        case "lengths":
            return {"captured": packet.captured_length, "original": packet.original_length}
        case "time":
            return time_text(packet)
    return _interface_numbers(packet.interface)


def _interface_numbers(interface: Interface | None) -> dict[str, Any]:
    return {} if interface is None else {"section": interface.section, "id": interface.id}


def options_only_in(options: Sequence[OptionText], other_options: Sequence[OptionText]) -> Iterator[OptionText]:
    """Yield the options that `other_options` does not contain as often."""
    unmatched = Counter(option.text for option in other_options)
    for option in options:
        unmatched[option.text] -= 1
        if unmatched[option.text] < 0:
            yield option


def _own_options(options: Sequence[OptionText], other_options: Sequence[OptionText]) -> list[Any]:
    return [each.option for each in options_only_in(options, other_options)]


def _first_difference(a: bytes, b: bytes) -> int:
    shorter = min(len(a), len(b))
    return next((offset for offset in range(shorter) if a[offset] != b[offset]), shorter)


def _option_label(name: str) -> str:
    return "link type" if name == "link_type" else name


def _values_text(values: Sequence[Option] | None) -> str:
    """Return the values of an option as text; each in quotes if there are several."""
    if values is None:
        return "not stated"
    texts = [value_text(each) for each in values]
    return texts[0] if len(texts) == 1 else ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)


def _values_as_json(values: Sequence[Option] | None) -> Any:
    """Return the values of an option for JSON: the only value, a list of several, or None without the option."""
    if values is None:
        return None
    plain_values = [each["value"] if "value" in each else {"raw": each["raw"]} for each in values]
    return plain_values[0] if len(plain_values) == 1 else plain_values
