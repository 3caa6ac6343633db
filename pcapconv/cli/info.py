"""`pcapconv info IN...`: what captures hold, as a page to read or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcapconv.cli.messages import MOST, complain, places_of
from pcapconv.cli.statuses import DAMAGED, FAILED, worst
from pcapconv.describing import info as take_census
from pcapconv.describing.blocks import SHOWN, option_texts
from pcapconv.describing.document import as_document
from pcapconv.describing.text_form import write_text
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.json_form import text_of
from pcapconv.model import Damage
from pcapconv.report import describe
from pcapconv.spec.interpret import value_text
from pcapconv.text import shown

_MOST_INTERFACES = 50
_PIPE_WIDTH = 10_000  # no line breaks where a program reads


def info(sources: list[str], *, as_json: bool = False, as_text: bool = False, fractions: str | None = None) -> int:
    """Show each capture; one that cannot be read is named, and the others go on. `fractions` as for `convert`. Returns
    the exit status."""
    if as_json and as_text:
        raise UsageError("--json and --text are two forms; give one of them")
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
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    for source in sources:
        try:
            census = take_census(source, fractions=fractions)
        except PcapconvError as error:
            complain(str(error))
            failed = True
            continue
        if not as_json:
            with console.capture() as page:
                _show(census, console)
            lines = ([""] if found else []) + [line.rstrip() for line in page.get().splitlines()]
            sys.stdout.write("\n".join(lines) + "\n")
        found.append(census)
    if as_json and (found or len(sources) > 1):
        documents = [as_document(census) for census in found]
        print(text_of(documents[0] if len(sources) == 1 else documents))
    if failed:
        return FAILED
    return DAMAGED if any(census["damage"] for census in found) else 0


def _print_text(sources: list[str], fractions: str | None) -> int:
    """Each capture's text form."""
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


def _show(census: dict[str, Any], console: Console) -> None:
    """One page."""
    variants = {section["variant"] for section in census["sections"]} - {""}
    orders = sorted({section["byte_order"] + "-endian" for section in census["sections"]})
    title = ", ".join([census["format"], *variants, *orders, f"{census['bytes']:,} bytes"])
    console.print(_line(f"{census['file']}: {title}"), style="bold")
    console.print(_grid(_facts(census)))
    console.print(_interfaces(census))
    console.print(_grid(_details(census)))
    if census["sidecar"] is not None:
        _show_sidecar(census["sidecar"], console)


def _show_sidecar(sidecar: dict[str, Any], console: Console) -> None:
    """What lies beside a pcap file."""
    if not sidecar["matches"]:
        console.print(_grid(iter([("sidecar", sidecar["reason"])])))
        return
    kept = describe(sidecar["kept"]) or "nothing that pcap could not hold"
    console.print()
    console.print(_line(f"sidecar {sidecar['file']}: keeps {kept}"), style="bold")
    console.print(_grid(_sidecar_facts(sidecar)))
    console.print(_interfaces(sidecar))
    console.print(_grid(_details({**sidecar, "to_pcap": None})))


def _sidecar_facts(sidecar: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if sidecar["missing"]:
        yield "without", describe(sidecar["missing"])
    if sidecar["damage_before"]:
        yield "damage", f"in {places_of(sidecar['damage_before'])} of the capture that it was made from"
    yield from _sections(sidecar)


def _grid(rows: Iterator[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, min_width=len("packet options"))
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, _line(text))
    return grid


def _facts(census: dict[str, Any]) -> Iterator[tuple[str, str]]:
    captured, original = census["captured_bytes"], census["original_bytes"]
    yield "packets", f"{census['packets']:,} ({captured:,} bytes captured of {original:,})"
    if census["first_time"] is not None:
        yield "time", f"{census['first_time']} to {census['last_time']} ({census['duration']})"
    if census["packets_without_time"]:
        yield "", f"{census['packets_without_time']:,} packets have no time"
    if census["wireshark_numbers"] is not None:
        yield "numbers", _numbers(**census["wireshark_numbers"])
    if census["format"] == "pcapng":
        yield from _sections(census)


def _numbers(from_packet: int, blocks: dict[str, int]) -> str:
    """How Wireshark's numbers differ."""
    total = sum(blocks.values())
    which = f"{total:,} {' and '.join(blocks)} block{'s' * (total != 1)}"
    return f"from packet {from_packet:,} on, Wireshark's frame numbers are larger: it counts the {which}"


def _sections(census: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section in _first(census["sections"]):
        options = option_texts(section["options"])
        if options or len(census["sections"]) > 1:
            version = [] if section["version"] == "1.0" and options else [f"version {section['version']}"]
            yield f"section {section['number']}", ", ".join([*version, *options])
    yield from _more(census, "sections")


def _interfaces(census: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("interface", "link type", "snaplen", "resolution", "packets", "name"):
        table.add_column(name, justify="right" if name in ("snaplen", "packets") else "left", overflow="fold")
    for interface in _first(census["interfaces"], _MOST_INTERFACES):
        offset = f" {interface['time_offset_s']:+} s" if interface["time_offset_s"] else ""
        table.add_row(
            f"{interface['section']}:{interface['id']}",
            _line(interface["link_type_name"]),
            str(interface["snaplen"]) if interface["snaplen"] else "no limit",
            interface["resolution"] + offset,
            f"{interface['packets']:,}",
            _line(_option(interface, "if_name")),
        )
    return table


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


def _line(text: str) -> Text:
    """Text from a capture or a path: no markup in it, nothing that a terminal would obey."""
    return Text(shown(text))
