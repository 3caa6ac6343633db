"""The command `pcapconv info IN...`: prints what captures hold, as a page, as JSON or as text."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from pcapconv import wording
from pcapconv.cli.argument_names import on_command_line
from pcapconv.cli.kernel_warning import warn_if_interpreted
from pcapconv.cli.messages import MOST_PRINTED, check_stdin_once, place_count, print_message
from pcapconv.cli.statuses import DAMAGED, FAILED, worst_status
from pcapconv.cli.terminal import Painter, align_columns, painter_for, terminal_width, wrap_text
from pcapconv.conversion import make_plan
from pcapconv.describing import describe
from pcapconv.describing.blocks import BLOCK_LISTS, option_texts
from pcapconv.describing.capture_info import CaptureInfo, Contents, SidecarInfo, UnusableSidecar
from pcapconv.describing.entries import Duration, InterfaceEntry, PacketOrder, Rates, WiresharkNumbers, rounded
from pcapconv.describing.traffic import TrafficTables
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.report import counts_in_words
from pcapconv.steps import BasePlan
from pcapconv.steps.argument_values import parse_timezone
from pcapconv.text import counted, shown
from pcapconv.timestamps import LONG, duration_in_words, resolution_in_words

_MOST_INTERFACES = 50
_LABEL_WIDTH = len("packet options")  # the longest label
_LIST_WORDS = {  # what the entries of the lists of `info` are called: singular and plural
    "sections": ("section", "sections"),
    "interfaces": ("interface", "interfaces"),
    "comments": ("comment", "comments"),
    "names": ("name", "names"),
    "secrets": ("secrets block", "secrets blocks"),
    "statistics": ("statistics block", "statistics blocks"),
    "warnings": ("warning", "warnings"),
    "damage": ("damaged place", "damaged places"),
}
_LINE_STYLES = {"warning": "warning", "damage": "damage"}  # of lines, by their labels


def info(
    sources: list[str],
    *,
    as_json: bool = False,
    as_text: bool = False,
    fractions: str | None = None,
    filter: str | None = None,  # noqa: A002
    timezone: str | None = None,
    salvage: bool = False,
    conversations: bool = False,
    protocols: bool = False,
    talkers: bool = False,
    hash: bool = False,  # noqa: A002
) -> int:
    """Print what each capture holds, and return the exit status.

    For a capture that cannot be read, an error message is printed, and the other captures follow. `fractions` and
    `filter` and `salvage` are as for `convert`; `timezone` is the zone in which times are shown.
    """
    zone = parse_timezone("timezone", timezone)  # an unknown zone is no fault of each capture
    if as_json and as_text:
        raise UsageError("--json and --text are two forms; give one of them")
    tables = TrafficTables(conversations, protocols, talkers)
    if as_text and (any(tables) or hash):
        flags = {"--conversations": conversations, "--protocols": protocols, "--talkers": talkers, "--hash": hash}
        given = " and ".join(flag for flag, is_given in flags.items() if is_given)
        raise UsageError(f"--text lists packets, and has no place for {given}; run info twice")
    check_stdin_once(sources)
    warn_if_interpreted()
    plan = make_plan({"filter": filter})
    with wording.named_by(_in_info):
        if as_text:
            return _print_text(sources, fractions, timezone, plan, salvage=salvage)
        describing = partial(
            describe, plan=plan, zone=zone, fractions=fractions, salvage=salvage, tables=tables, hashed=hash
        )
        return _print_all(sources, describing, as_json=as_json)


def _in_info(function: str, values: Mapping[str, object]) -> str:
    """Return arguments as options: those that `info` does not have as options of `convert`."""
    text = on_command_line(function, values)
    return f"convert {text}" if "interface" in values else text


def _print_all(sources: list[str], describing: Callable[[str], CaptureInfo], *, as_json: bool) -> int:
    """Print what each capture holds, by a function that returns it, and return the exit status."""
    found: list[CaptureInfo] = []
    failed = False
    _set_up_stdout()
    page = _Page(painter_for(sys.stdout), terminal_width(sys.stdout))
    for source in sources:
        try:
            capture = describing(source)
        except PcapconvError as error:
            print_message(str(error))
            failed = True
            continue
        if not as_json:
            lines = ([""] if found else []) + [*page.lines(capture)]
            sys.stdout.write("\n".join(lines) + "\n")
        found.append(capture)
    if as_json and (found or len(sources) > 1):
        from pcapconv.json_form import text_of  # not needed for the page

        documents = [capture.as_dict() for capture in found]
        print(text_of(documents[0] if len(sources) == 1 else documents))
    if failed:
        return FAILED
    return DAMAGED if any(capture.damage for capture in found) else 0


def _set_up_stdout() -> None:
    """Let stdout escape characters that its encoding does not have. Raises FileError if it is closed."""
    if sys.stdout is None:
        raise FileError("stdout is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the terminal may not know all characters


def _print_text(
    sources: list[str], fractions: str | None, timezone: str | None, plan: BasePlan | None, *, salvage: bool
) -> int:
    """Print the text form of each capture, and return the exit status."""
    _set_up_stdout()
    if isinstance(sys.stdout, io.TextIOWrapper):  # the text is the same on every machine
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    from pcapconv.describing.text_form import write_text  # not needed for the page

    statuses = []
    for source in sources:
        if len(sources) > 1:
            sys.stdout.write(f"capture {shown(source)}\n")
        try:
            damaged = write_text(
                source, sys.stdout.write, fractions=fractions, timezone=timezone, salvage=salvage, plan=plan
            )
            statuses.append(DAMAGED if damaged else 0)
        except PcapconvError as error:
            print_message(str(error))
            statuses.append(FAILED)
    return worst_status(statuses)


class _Page:
    """Renders what captures hold as lines for people: painted, and not longer than `width`."""

    def __init__(self, painter: Painter, width: int | None) -> None:
        self._painter = painter
        self._width = width

    def lines(self, capture: CaptureInfo) -> Iterator[str]:
        """Yield the lines about one capture, and about the sidecar beside it."""
        variants = {section.variant for section in capture.sections} - {""}
        orders = sorted({section.byte_order + "-endian" for section in capture.sections})
        compression = [f"compressed with {capture.compression}"] if capture.compression else []
        size = counted(capture.bytes, "byte")
        title = ", ".join([capture.format, *variants, *orders, *compression, size])
        yield from self._title(f"{capture.file}: {title}")
        yield from self._labelled_lines(_facts(capture))
        yield from self._interface_table(capture)
        yield from self._labelled_lines(chain(_details(capture), [("to pcap", _conversion_text(capture))]))
        if capture.sidecar is not None:
            yield from self._sidecar(capture.sidecar)
        if any(found is not None for found in (capture.conversations, capture.protocols, capture.talkers)):
            from pcapconv.cli.info_tables import TrafficPage  # rarely needed

            yield from TrafficPage(capture, self._painter, self._width).lines()

    def _sidecar(self, sidecar: SidecarInfo | UnusableSidecar) -> Iterator[str]:
        """Yield the lines about the sidecar beside a pcap file, or why it cannot be used."""
        if not sidecar.matches:
            yield from self._labelled_lines(iter([("sidecar", sidecar.reason)]))
            return
        kept = counts_in_words(sidecar.kept) or "nothing that pcap could not hold"
        yield ""
        yield from self._title(f"sidecar {sidecar.file}: keeps {kept}")
        yield from self._labelled_lines(_sidecar_facts(sidecar))
        yield from self._interface_table(sidecar)
        yield from self._labelled_lines(_details(sidecar))

    def _title(self, text: str) -> Iterator[str]:
        for line in wrap_text(shown(text), self._width):
            yield self._painter(line, "title")

    def _labelled_lines(self, labels_and_texts: Iterator[tuple[str, str]]) -> Iterator[str]:
        """Yield a line for each label and text; a long text takes several."""
        cells = [(label, shown(text)) for label, text in labels_and_texts]
        styles = [(_LINE_STYLES.get(label, "label"), _LINE_STYLES.get(label, "")) for label, _ in cells]
        yield from align_columns(cells, self._painter, styles, width=self._width, least=_LABEL_WIDTH)

    def _interface_table(self, contents: Contents) -> Iterator[str]:
        lines = [("interface", "link type", "snaplen", "resolution", "packets", "name")]
        lines += [*map(_interface_cells, _first_entries(contents.interfaces, _MOST_INTERFACES))]
        styles = [("title",) * len(lines[0]), *([("label", "", "", "", "", "")] * (len(lines) - 1))]
        yield from align_columns(lines, self._painter, styles, width=self._width, right=(2, 4))


# Each function below yields the labels and texts of lines, or returns a part of such a text.


def _interface_cells(interface: InterfaceEntry) -> tuple[str, str, str, str, str, str]:
    """Return the cells of an interface in the table, with control characters escaped."""
    base, _, exponent = interface.resolution.partition("^-")
    step = resolution_in_words(int(base) ** int(exponent))
    offset = f" {interface.time_offset_s:+,} s" if interface.time_offset_s else ""
    return (
        f"{interface.section}:{interface.id}",
        shown(interface.link_type_name),
        f"{interface.snaplen:,}" if interface.snaplen else "no limit",
        interface.resolution + (f" ({step})" if step else "") + offset,
        f"{interface.packets:,}",
        shown(_option_value(interface, "if_name")),
    )


def _sidecar_facts(sidecar: SidecarInfo) -> Iterator[tuple[str, str]]:
    if sidecar.missing:
        yield "without", counts_in_words(sidecar.missing)
    if sidecar.damage_before:
        yield "damage", f"in {place_count(sidecar.damage_before)} of the capture that it was made from"
    yield from _sections(sidecar)


def _facts(capture: CaptureInfo) -> Iterator[tuple[str, str]]:
    captured, original = capture.captured_bytes, capture.original_bytes
    order = capture.order
    ordered = ", in order" if order.in_order and capture.packets > 1 else ""
    yield "packets", f"{capture.packets:,} ({counted(captured, 'byte')} captured of {original:,}){ordered}"
    if capture.duration is not None:
        yield "time", f"{capture.first_time} to {capture.last_time} ({_duration_text(capture.duration)})"
    if capture.rates.average_length is not None:
        yield "rates", _rates_text(capture.rates)
    if not order.in_order:
        yield "order", _order_text(order)
    if without := capture.packets_without_time:
        yield "", f"{counted(without, 'packet')} {'has' if without == 1 else 'have'} no time"
    if capture.wireshark_numbers is not None:
        yield "numbers", _frame_number_text(capture.wireshark_numbers)
    if capture.sha256 is not None:
        yield "SHA-256", capture.sha256
    if capture.format == "pcapng":
        yield from _sections(capture)


def _rates_text(rates: Rates) -> str:
    """Return rates, rounded: from 100 on to whole numbers; below to three decimal places, unless they are whole."""
    texts = []
    for rate, unit in zip(rates, ("packets/s", "bit/s", "bytes a packet")):
        if rate is not None:
            decimals = 0 if rate >= 100 or rate.denominator == 1 else 3
            whole, rest = divmod(rounded(rate, decimals), 10**decimals)
            texts.append(f"{whole:,}{f'.{rest:03}' if decimals else ''} {unit}")
    return ", ".join(texts)


def _order_text(order: PacketOrder) -> str:
    """Return where, and by how much, packets are not in the order of their times."""
    places = "1 place" if order.places == 1 else f"{order.places:,} places"
    return f"times go back in {places}, first at packet {order.first_packet}, by up to {order.goes_back}"


def _duration_text(duration: Duration) -> str:
    """Return a duration with all digits; a long one also in words."""
    return f"{duration}, {duration_in_words(duration.seconds)}" if duration.seconds >= LONG else str(duration)


def _frame_number_text(numbers: WiresharkNumbers) -> str:
    """Return a sentence: from which packet on Wireshark's frame numbers differ, and which blocks it counts."""
    from_packet, blocks = numbers
    total = sum(blocks.values())
    kinds = " and ".join(blocks)
    counted_blocks = f"{kinds} block" if total == 1 else counted(total, f"{kinds} block")
    return f"from packet {from_packet} on, Wireshark's frame numbers are larger: it counts the {counted_blocks}"


def _sections(contents: Contents) -> Iterator[tuple[str, str]]:
    for section in _first_entries(contents.sections):
        options = option_texts(section.options)
        if options or len(contents.sections) > 1:
            version = [] if section.version == "1.0" and options else [f"version {section.version}"]
            yield f"section {section.number}", ", ".join([*version, *options])
    yield from _not_shown(contents, "sections")


def _details(contents: Contents) -> Iterator[tuple[str, str]]:
    yield from _not_shown(contents, "interfaces", _MOST_INTERFACES)
    for interface in _first_entries(contents.interfaces):
        if options := option_texts(interface.options, leave_out=("if_name", "if_tsresol", "if_tsoffset")):
            yield f"interface {interface.section}:{interface.id}", ", ".join(options)
    if contents.blocks:
        yield "blocks", ", ".join(f"{name} {count:,}" for name, count in contents.blocks.items())
    if contents.packet_options:
        yield "packet options", ", ".join(f"{name} {count:,}" for name, count in contents.packet_options.items())
    for comment in _first_entries(contents.comments):
        yield "comment", f"{comment.where}: {comment.text}"
    yield from _not_shown(contents, "comments")
    for block_list in BLOCK_LISTS:
        if block_list.label:
            for entry in _first_entries(getattr(contents, block_list.name)):
                yield block_list.label, block_list.text(entry)
            yield from _not_shown(contents, block_list.name)
    for notice in _first_entries(contents.warnings):
        yield "warning", f"offset {notice.offset}: {notice.reason}"
    yield from _not_shown(contents, "warnings")
    for damage in _first_entries(contents.damage):
        yield "damage", str(damage)
    yield from _not_shown(contents, "damage")


def _conversion_text(capture: CaptureInfo) -> str:
    """Return, as text, what a conversion to pcap would lose, or why it would be refused."""
    to_pcap = capture.to_pcap
    if not to_pcap.possible:
        return f"refused: {to_pcap.reason}"
    return f"would lose {counts_in_words(to_pcap.losses)}" if to_pcap.losses else "would lose nothing"


def _option_value(interface: InterfaceEntry, name: str) -> str:
    """Return the value of an interface's option as text; an empty text without the option."""
    return next((option.text for option in interface.options if option.name == name), "")


def _first_entries(entries: list[Any], most: int = MOST_PRINTED) -> list[Any]:
    return entries[:most]


def _not_shown(contents: Contents, name: str, most: int = MOST_PRINTED) -> Iterator[tuple[str, str]]:
    """Yield how many more entries the list `name` has than the page shows; nothing if it shows all."""
    total: int = getattr(contents.totals, name)
    if total > most:
        them = "it" if total - most == 1 else "them"
        yield "", f"and {total - most:,} more {_LIST_WORDS[name][total - most > 1]}; --json lists {them}"
