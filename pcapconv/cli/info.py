"""`pcapconv info IN...`: what captures hold, as a page to read or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

from pcapconv.cli.kernel_warning import say_once_if_slow
from pcapconv.cli.messages import MOST, check_stdin_once, complain, places_of
from pcapconv.cli.statuses import DAMAGED, FAILED, worst
from pcapconv.cli.terminal import Paint, folded, in_columns, paint_for, width_of
from pcapconv.describing import info as take_census
from pcapconv.describing.blocks import SHOWN, option_texts
from pcapconv.describing.document import Duration, as_document
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.model import Damage
from pcapconv.report import describe
from pcapconv.spec.readable_options import value_text
from pcapconv.text import counted, shown
from pcapconv.timestamps import LONG, duration_said, resolution_said

_MOST_INTERFACES = 50
_LABEL = len("packet options")  # the longest
_LOOKS = {"warning": "warning", "damage": "damage"}  # of lines, by their labels


def info(sources: list[str], *, as_json: bool = False, as_text: bool = False, fractions: str | None = None) -> int:
    """Show each capture; one that cannot be read is named, and the others go on. `fractions` as for `convert`. Returns
    the exit status."""
    if as_json and as_text:
        raise UsageError("--json and --text are two forms; give one of them")
    check_stdin_once(sources)
    say_once_if_slow()
    found: list[dict[str, Any]] = []
    failed = False
    if sys.stdout is None:
        raise FileError("stdout is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names in any script, terminals of every age
        if as_text:  # the same on every machine
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    if as_text:
        return _print_text(sources, fractions)
    page = _Page(paint_for(sys.stdout), width_of(sys.stdout))
    for source in sources:
        try:
            census = take_census(source, fractions=fractions)
        except PcapconvError as error:
            complain(str(error))
            failed = True
            continue
        if not as_json:
            lines = ([""] if found else []) + [*page.lines(census)]
            sys.stdout.write("\n".join(lines) + "\n")
        found.append(census)
    if as_json and (found or len(sources) > 1):
        from pcapconv.json_form import text_of  # which the page does without

        documents = [as_document(census) for census in found]
        print(text_of(documents[0] if len(sources) == 1 else documents))
    if failed:
        return FAILED
    return DAMAGED if any(census["damage"] for census in found) else 0


def _print_text(sources: list[str], fractions: str | None) -> int:
    """Each capture's text form."""
    from pcapconv.describing.text_form import write_text  # which the page does without

    statuses = []
    for source in sources:
        if len(sources) > 1:
            sys.stdout.write(f"capture {shown(source)}\n")
        try:
            statuses.append(DAMAGED if write_text(source, sys.stdout.write, fractions=fractions) else 0)
        except PcapconvError as error:
            complain(str(error))
            statuses.append(FAILED)
    return worst(statuses)


class _Page:
    """What captures hold, as lines for people: painted, and none longer than `width`."""

    def __init__(self, paint: Paint, width: int | None) -> None:
        self._paint = paint
        self._width = width

    def lines(self, census: dict[str, Any]) -> Iterator[str]:
        """Those of one capture, and of the sidecar beside it."""
        variants = {section["variant"] for section in census["sections"]} - {""}
        orders = sorted({section["byte_order"] + "-endian" for section in census["sections"]})
        title = ", ".join([census["format"], *variants, *orders, counted(census["bytes"], "byte")])
        yield from self._title(f"{census['file']}: {title}")
        yield from self._named(_facts(census))
        yield from self._interfaces(census)
        yield from self._named(_details(census))
        if census["sidecar"] is not None:
            yield from self._sidecar(census["sidecar"])

    def _sidecar(self, sidecar: dict[str, Any]) -> Iterator[str]:
        """What lies beside a pcap file."""
        if not sidecar["matches"]:
            yield from self._named(iter([("sidecar", sidecar["reason"])]))
            return
        kept = describe(sidecar["kept"]) or "nothing that pcap could not hold"
        yield ""
        yield from self._title(f"sidecar {sidecar['file']}: keeps {kept}")
        yield from self._named(_sidecar_facts(sidecar))
        yield from self._interfaces(sidecar)
        yield from self._named(_details({**sidecar, "to_pcap": None}))

    def _title(self, text: str) -> Iterator[str]:
        for line in folded(shown(text), self._width):
            yield self._paint(line, "title")

    def _named(self, rows: Iterator[tuple[str, str]]) -> Iterator[str]:
        """A line for each name and value."""
        listed = [(label, shown(text)) for label, text in rows]
        looks = [(_LOOKS.get(label, "label"), _LOOKS.get(label, "")) for label, _ in listed]
        yield from in_columns(listed, self._paint, looks, width=self._width, least=_LABEL)

    def _interfaces(self, census: dict[str, Any]) -> Iterator[str]:
        rows = [("interface", "link type", "snaplen", "resolution", "packets", "name")]
        rows += [*map(_interface, _first(census["interfaces"], _MOST_INTERFACES))]
        looks = [("title",) * len(rows[0]), *([("label", "", "", "", "", "")] * (len(rows) - 1))]
        yield from in_columns(rows, self._paint, looks, width=self._width, right=(2, 4))


def _interface(interface: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    """The cells of an interface, safe to show."""
    base, _, exponent = interface["resolution"].partition("^-")
    length = resolution_said(int(base) ** int(exponent))
    offset = f" {interface['time_offset_s']:+,} s" if interface["time_offset_s"] else ""
    return (
        f"{interface['section']}:{interface['id']}",
        shown(interface["link_type_name"]),
        f"{interface['snaplen']:,}" if interface["snaplen"] else "no limit",
        interface["resolution"] + (f" ({length})" if length else "") + offset,
        f"{interface['packets']:,}",
        shown(_option(interface, "if_name")),
    )


def _sidecar_facts(sidecar: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if sidecar["missing"]:
        yield "without", describe(sidecar["missing"])
    if sidecar["damage_before"]:
        yield "damage", f"in {places_of(sidecar['damage_before'])} of the capture that it was made from"
    yield from _sections(sidecar)


def _facts(census: dict[str, Any]) -> Iterator[tuple[str, str]]:
    captured, original = census["captured_bytes"], census["original_bytes"]
    yield "packets", f"{census['packets']:,} ({counted(captured, 'byte')} captured of {original:,})"
    if census["first_time"] is not None:
        yield "time", f"{census['first_time']} to {census['last_time']} ({_duration(census['duration'])})"
    if without := census["packets_without_time"]:
        yield "", f"{counted(without, 'packet')} {'has' if without == 1 else 'have'} no time"
    if census["wireshark_numbers"] is not None:
        yield "numbers", _numbers(**census["wireshark_numbers"])
    if census["format"] == "pcapng":
        yield from _sections(census)


def _duration(duration: Duration) -> str:
    """With all digits, and in words where those are many seconds."""
    return f"{duration}, {duration_said(duration.seconds)}" if duration.seconds >= LONG else str(duration)


def _numbers(from_packet: int, blocks: dict[str, int]) -> str:
    """How Wireshark's numbers differ."""
    total = sum(blocks.values())
    which = counted(total, f"{' and '.join(blocks)} block")
    return f"from packet {from_packet} on, Wireshark's frame numbers are larger: it counts the {which}"


def _sections(census: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section in _first(census["sections"]):
        options = option_texts(section["options"])
        if options or len(census["sections"]) > 1:
            version = [] if section["version"] == "1.0" and options else [f"version {section['version']}"]
            yield f"section {section['number']}", ", ".join([*version, *options])
    yield from _more(census, "sections")


def _details(census: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _more(census, "interfaces", _MOST_INTERFACES)
    for interface in _first(census["interfaces"]):
        if options := option_texts(interface["options"], leave_out=("if_name", "if_tsresol", "if_tsoffset")):
            yield f"interface {interface['section']}:{interface['id']}", ", ".join(options)
    if census["blocks"]:
        yield "blocks", ", ".join(f"{name} {count:,}" for name, count in census["blocks"].items())
    if census["packet_options"]:
        yield "packet options", ", ".join(f"{name} {count:,}" for name, count in census["packet_options"].items())
    for comment in _first(census["comments"]):
        yield "comment", f"{comment['where']}: {comment['text']}"
    yield from _more(census, "comments")
    for row in SHOWN:
        if row.label:
            for entry in _first(census[row.name]):
                yield row.label, row.text(entry)
            yield from _more(census, row.name)
    for notice in _first(census["warnings"]):
        yield "warning", f"offset {notice['offset']}: {notice['reason']}"
    yield from _more(census, "warnings")
    for damage in _first(census["damage"]):
        yield "damage", str(Damage(**damage))
    yield from _more(census, "damage")
    if census["to_pcap"] is not None:
        yield "to pcap", _to_pcap(census)


def _to_pcap(census: dict[str, Any]) -> str:
    to_pcap = census["to_pcap"]
    if not to_pcap["possible"]:
        return f"refused: {to_pcap['reason']}"
    return f"would lose {describe(to_pcap['losses'])}" if to_pcap["losses"] else "would lose nothing"


def _option(interface: dict[str, Any], name: str) -> str:
    return next((value_text(option) for option in interface["options"] if option["name"] == name), "")


def _first(found: list[Any], most: int = MOST) -> list[Any]:
    return found[:most]


def _more(census: dict[str, Any], name: str, most: int = MOST) -> Iterator[tuple[str, str]]:
    total = census["totals"][name]
    if total > most:
        yield "", f"and {total - most:,} more {name}; --json lists them"
