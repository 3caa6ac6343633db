"""What a capture holds, and what pcap would lose of it: one pass, as values for a page and for JSON.

Strategy: packets are counted by a kernel; what they and the other blocks say is decoded as it comes by. What a
conversion to pcap would lose, a pcap writer tells that writes to nowhere, so that this can never differ from what
`convert` does.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, Self

from pcapconv import formats, timestamps
from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.describing.blocks import BY_TYPE, SHOWN, listed_options
from pcapconv.describing.document import Duration
from pcapconv.errors import NeedsNanosecondsError, PcapconvError, TargetError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.paths import SIDECAR_SUFFIX, Readable
from pcapconv.io.source import Source, open_source
from pcapconv.io.target import Target
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS, TOTALS, UNREADABLE
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.report import MOST_LISTED, Report
from pcapconv.sinks import Sink
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.link_types import link_type_name
from pcapconv.steps.snaplens import SnaplenLimits, longer_packet_notice

_NEVER = 2**64 - 1  # the lowest ticks of no packet at all


def info(source: Readable, *, fractions: str | None = None) -> dict[str, Any]:
    """What the capture holds, and what a sidecar beside it keeps: the fields of `docs/json.md`, but with a `Duration`
    as `duration`. `fractions` as for `convert`. Raises FormatError when it is not a capture, FileError."""
    with open_source(source, fractions=fractions) as opened:
        found = {**_pass(opened), "sidecar": None}
        if found["format"] == "pcap" and opened.seekable and isinstance(source, str | os.PathLike):
            found["sidecar"] = _sidecar(opened, os.fspath(source))
    return found


def _sidecar(source: Source, name: str) -> dict[str, Any] | None:
    """What the sidecar beside a pcap file says, None without one; why it cannot be used where it does not fit."""
    if not os.path.isfile(name + SIDECAR_SUFFIX):  # nobody asked for it: a pipe there would hold us up
        return None
    from pcapconv.sidecar.read_sidecar import open_restored  # which most captures do without

    census = _Census(places=False)
    try:
        source.rewind()
        with open_restored(source, name) as (document, items):
            for item in items:
                census.add(item)
    except PcapconvError as error:
        return {"file": name + SIDECAR_SUFFIX, "matches": False, "reason": str(error)}
    says = census.result()
    header = document.header
    kept = {
        "kept": header.kept,
        "missing": header.missing,
        "damage_before": header.damage,
        "fingerprints": header.fingerprints,
    }
    return {"file": document.name, "matches": True, **kept, **says}


def _pass(source: Source) -> dict[str, Any]:
    rehearsal = _Rehearsal(again=source.seekable)
    with Conversion(source, ConversionSettings(WriterSettings("pcap"))) as conversion:
        conversion.write_to(rehearsal)
        report = conversion.run()
    head = {
        "file": source.name,
        "format": report.source_format,
        "bytes": source.position if source.size is None else source.size,
    }
    return {**head, **rehearsal.census.result(), "to_pcap": rehearsal.result(report)}


class _Rehearsal(Sink):
    """The sink of a conversion to pcap that writes to nowhere, and takes a `census` of what it is given. Why pcap
    cannot hold it is part of the `result`; only what a conversion would start `again` for is raised."""

    name = "nowhere"

    def __init__(self, *, again: bool) -> None:
        self._again = again

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> Self:  # noqa: ARG002
        self.census = _Census()
        self._refusal = ""
        self._output = BufferedOutput(Target(_Nowhere(), self.name, seekable=False))
        self._writer = formats.open_writer(settings, self._output)
        return self

    def write(self, item: Item) -> None:
        self.census.add(item)
        if not self._refusal:
            self._try(lambda: self._writer.write(item))

    def finish(self) -> None:
        if not self._refusal:
            self._try(self._writer.finish)

    def end_run(self) -> None:
        self._output.close()

    def restart(self) -> None:
        """Nothing was written."""

    def fill_report(self, report: Report) -> None:
        report.losses = dict(self._writer.losses)

    def result(self, report: Report) -> dict[str, Any]:
        """What would be lost, by kind; or why the conversion would be refused."""
        if self._refusal:
            return {"possible": False, "reason": self._refusal}
        return {"possible": True, "losses": report.losses}

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except TargetError as error:
            if isinstance(error, NeedsNanosecondsError) and self._again:
                raise
            self._refusal = str(error)


class _Nowhere:
    """A file that forgets."""

    def write(self, data: memoryview) -> int:
        return len(data)


class _Listed(list[Any]):
    """The first of many, and how many there are."""

    total = 0

    def add(self, entry: Any) -> None:
        self.add_all(iter((entry,)), 1)

    def add_all(self, entries: Iterator[Any], total: int) -> None:
        self.total += total
        self.extend(islice(entries, MOST_LISTED - len(self)))


class _Frames:
    """What Wireshark numbers besides packets, which shifts its numbers of the packets behind."""

    def __init__(self) -> None:
        self._blocks: Counter[str] = Counter()
        self._from_packet: int | None = None

    def add_block(self, block: Block) -> None:
        kind = pcapng.block_type(block.type).frame
        if kind and not block.is_process:  # Wireshark's own notes about processes are no frames to it
            self._blocks[kind] += 1

    def add_batch(self, batch: PacketBatch) -> None:
        if self._blocks and self._from_packet is None:
            self._from_packet = batch.number(0)

    def result(self) -> dict[str, Any] | None:
        """The first packet with another number there, and the blocks that it counts; None where none has."""
        if self._from_packet is None:
            return None
        return {"from_packet": self._from_packet, "blocks": dict(self._blocks)}


class _Census:
    """Takes the items of a capture; `result` says what they were. Blocks without `places` are in no file."""

    def __init__(self, *, places: bool = True) -> None:
        self._with_offsets = places
        self._kernels = choose()
        self._sections = _Listed()
        self._interfaces = _Listed()
        self._here: list[tuple[Interface, dict[str, Any]]] = []  # the section's, with what is shown of each
        self._totals = array("Q")  # of the section's interfaces, as `count_packets` has them
        self._types = array("Q", bytes(8 * 256))
        self._options = array("Q", bytes(8 * OPTION_COUNTS))
        self._blocks: Counter[int] = Counter()
        self._comments = _Listed()
        self._shown = {row.name: _Listed() for row in SHOWN}
        self._damage, self._warnings = _Listed(), _Listed()
        self._span: tuple[Fraction, Fraction] | None = None
        self._frames = _Frames()
        self._limits = SnaplenLimits()
        self._places = 0
        self._captured = self._original = 0
        self._layout = ""

    def add(self, item: Item) -> None:
        match item:
            case PacketBatch():
                self._add_batch(item)
            case Section():
                self._add_section(item)
            case Interface():
                self._add_interface(item)
            case Block():
                self._add_block(item)
            case Damage():
                self._damage.add(item._asdict())
            case Notice():
                self._warnings.add(item._asdict())

    def result(self) -> dict[str, Any]:
        self._close_section()
        first, last = self._span or (None, None)
        times: dict[str, Any] = {"first_time": None, "last_time": None, "duration": None}
        if first is not None and last is not None:
            times["first_time"] = timestamps.format_instant(first, self._places)
            times["last_time"] = timestamps.format_instant(last, self._places)
            times["duration"] = Duration(last - first, self._places)
        lists = {
            "sections": self._sections,
            "interfaces": self._interfaces,
            "comments": self._comments,
            **self._shown,
            "damage": self._damage,
            "warnings": self._warnings,
        }
        return {
            "packets": sum(self._types),
            "captured_bytes": self._captured,
            "original_bytes": self._original,
            "packets_without_time": self._types[pcapng.SIMPLE_PACKET],
            "wireshark_numbers": self._frames.result(),
            **times,
            **{name: list(found) for name, found in lists.items()},
            "totals": {name: found.total for name, found in lists.items()},
            "packet_options": self._packet_options(),
            "blocks": self._block_census(),
        }

    def _add_section(self, section: Section) -> None:
        self._close_section()
        self._layout = section.layout
        self._blocks[pcapng.SECTION_HEADER] += section.layout == "pcapng"
        order = section.byte_order
        self._sections.add(
            {
                "number": section.number,
                "byte_order": order,
                "version": ".".join(map(str, section.version)),
                "variant": section.variant,
                "options": listed_options(section.options, order, pcapng.SECTION_HEADER),
            }
        )
        self._add_comments(option_lists.OptionList(section.options, order), f"section {section.number}")

    def _add_interface(self, interface: Interface) -> None:
        self._blocks[pcapng.INTERFACE_DESCRIPTION] += interface.layout == "pcapng"
        order = interface.byte_order
        shown = {
            "section": interface.section,
            "id": interface.id,
            "link_type": interface.link_type,
            "link_type_name": link_type_name(interface.link_type),
            "snaplen": interface.snaplen,
            "resolution": timestamps.format_resolution(interface.ticks_per_second),
            "time_offset_s": interface.time_offset,
            "time_error": interface.time_error or None,
            "fcs_length_bits": interface.fcs_length,
            "options": listed_options(interface.options, order, pcapng.INTERFACE_DESCRIPTION),
        }
        self._interfaces.add(shown)
        self._here.append((interface, shown))
        self._limits.add(interface.snaplen)
        self._totals.extend([0, 0, 0, _NEVER, 0])
        self._add_comments(
            option_lists.OptionList(interface.options, order), f"interface {interface.section}:{interface.id}"
        )

    def _add_batch(self, batch: PacketBatch) -> None:
        self._frames.add_batch(batch)
        for row in self._limits.rows_above(batch) if self._with_offsets else ():
            number = batch.columns.interface[row]
            self._warnings.add(longer_packet_notice(batch, row, self._here[number][0], batch.layout)._asdict())
            self._limits.raise_limit(number)
        self._kernels.count_packets(batch.columns, batch.rows, self._totals, self._types)
        known = self._options[option_lists.COMMENT]
        order = batch.section.byte_order
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, order == "big", self._options)
        new = self._options[option_lists.COMMENT] - known
        if not new:
            return
        if len(self._comments) == MOST_LISTED:
            self._comments.total += new
            return
        for row, length in enumerate(batch.columns.options_length[: batch.rows]):
            if length:
                place = batch.columns.options_at[row]
                raw = bytes(batch.buffer[place : place + length])
                self._add_comments(option_lists.OptionList(raw, order), f"packet {batch.number(row)}")

    def _add_block(self, block: Block) -> None:
        self._blocks[block.type] += 1
        self._frames.add_block(block)
        where = f" at offset {block.offset}" if self._with_offsets else ""
        self._add_comments(block.option_list, f"{pcapng.block_name(block.type)} Block{where}")
        row = BY_TYPE.get(block.type)
        if row is not None:
            self._shown[row.name].add_all(row.entries(block, self._unit_of), row.total(block))

    def _unit_of(self, interface: int) -> tuple[int, int] | None:
        return self._here[interface][0].time_unit if interface < len(self._here) else None

    def _add_comments(self, stated: option_lists.OptionList, where: str) -> None:
        for text in stated.comments:
            self._comments.add({"where": where, "text": text})

    def _close_section(self) -> None:
        """Put the packets' numbers beside their interfaces."""
        for number, (interface, shown) in enumerate(self._here):
            at = number * TOTALS
            packets, captured, original, lowest, highest = self._totals[at : at + TOTALS]
            shown |= {"packets": packets, "captured_bytes": captured, "original_bytes": original}
            shown |= {"first_time": None, "last_time": None}
            self._captured += captured
            self._original += original
            if lowest > highest or interface.time_error:
                continue
            unit = interface.ticks_per_second, interface.time_offset
            shown["first_time"] = timestamps.format_time(lowest, *unit)
            shown["last_time"] = timestamps.format_time(highest, *unit)
            first, last = timestamps.instant(lowest, *unit), timestamps.instant(highest, *unit)
            earliest, latest = self._span or (first, last)
            self._span = min(earliest, first), max(latest, last)
            self._places = max(self._places, timestamps.digits(unit[0]))
        self._here = []
        self._limits.begin()
        self._totals = array("Q")

    def _packet_options(self) -> dict[str, int]:
        if self._layout != "pcapng":
            return {}
        return {
            pcapng.option_name(pcapng.ENHANCED_PACKET, code): count
            for code, count in enumerate(self._options[:UNREADABLE])
            if count
        }

    def _block_census(self) -> dict[str, int]:
        if self._layout != "pcapng":
            return {}
        for block_type in pcapng.PACKET_BLOCKS:
            self._blocks[block_type] += self._types[block_type]
        return {
            pcapng.block_name(block_type): count
            for block_type, count in sorted((+self._blocks).items(), key=lambda pair: -pair[1])
        }
