"""Formats the differences between two captures as lines of text, for people.

Strategy: a packet has the columns of `pcapconv show`, which are made only for packets that are shown. If they are the
same in A and in B, a changed packet has one such line, else a line for each side; so they hold nothing that differs but
is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from pcapconv.comparing.compared_capture import short_time
from pcapconv.comparing.comparison import Comparison, HeaderDifference, ShownDifference, options_only_in, time_text
from pcapconv.model import Packet
from pcapconv.steps.relabel import interface_label
from pcapconv.text import counted, from_to, shown

Painter = Callable[[str, str], str]  # takes a text without control characters, and a style: `title`, `b changed`, …

_GAP = "  "  # between columns
_LINE_BYTES = 16
_MOST_LINES = 8  # of a packet's bytes


def diff_lines(comparison: Comparison, painter: Painter | None = None) -> Iterator[str]:
    """Yield the differences as lines with control characters escaped; nothing for captures that are the same.

    Bytes that differ are painted; without a painter, they are marked in a line below.
    """
    if comparison.same:
        return
    paint = partial(_painted, painter)
    counts = comparison.counts
    yield paint(f"A {comparison.names[0]}: {counted(comparison.packets[0], 'packet')}", "a")
    yield paint(f"B {comparison.names[1]}: {counted(comparison.packets[1], 'packet')}", "b")
    for header_difference in comparison.header_differences:
        yield paint(str(header_difference), _header_style(header_difference))
    if not counts:
        return
    words = {"removed": "only in A", "inserted": "only in B", "changed": "changed"}
    count_texts = [f"{counts[kind]:,} {word}" for kind, word in words.items() if counts[kind]]
    fields = ", ".join(f"{field} {count:,}" for field, count in comparison.fields.most_common())
    yield paint(f"packets: {', '.join(count_texts)}{f' ({fields})' if fields else ''}", "title")
    for difference in comparison.shown:
        yield from _difference_lines(difference, painter)
    not_shown = sum(counts.values()) - len(comparison.shown)
    if not_shown:
        yield f"and {counted(not_shown, 'more packet')} that differ{'s' * (not_shown == 1)}"


def _painted(painter: Painter | None, text: str, style: str) -> str:
    return shown(text) if painter is None else painter(shown(text), style)


def _header_style(difference: HeaderDifference) -> str:
    """Return the style of a difference: `a` or `b` if only A or only B has something, else an empty text."""
    return "b" if difference.a is None else "a" if difference.b is None else ""


def _difference_lines(shown_difference: ShownDifference, painter: Painter | None) -> Iterator[str]:
    """Yield the lines about one packet."""
    paint = partial(_painted, painter)
    difference, a, b = shown_difference.difference, shown_difference.a, shown_difference.b
    if b is None and a is not None:
        yield paint(f"packet {difference.a} only in A: {_GAP.join(filter(None, _columns(a)))}", "a")
    elif a is None and b is not None:
        yield paint(f"packet {difference.b} only in B: {_GAP.join(filter(None, _columns(b)))}", "b")
    elif a is not None and b is not None:
        number_in_b = "" if difference.a == difference.b else f" (in B {difference.b})"
        yield paint(f"packet {difference.a}{number_in_b}: {', '.join(difference.fields)}", "title")
        for style, text in (*_packet_lines(difference.fields, a, b), *_field_lines(shown_difference, a, b)):
            yield paint(text, style)
        if "bytes" in difference.fields:
            yield from _byte_lines(a.data, b.data, painter)


def _columns(packet: Packet) -> list[str]:
    """Return the columns that `pcapconv show` has of a packet, but for its number: time, addresses, protocol, essence,
    length."""
    summary = packet.summary
    ends = from_to(summary.source, summary.destination)
    length = counted(packet.captured_length, "byte")
    if packet.original_length != packet.captured_length:
        length = f"{packet.captured_length:,} of {counted(packet.original_length, 'byte')}"
    return [time_text(packet) or "no time", ends, summary.protocol, summary.essence, length]


def _packet_lines(fields: Collection[str], a: Packet, b: Packet) -> Iterator[tuple[str, str]]:
    """Yield the style and text of the line about a packet that is the same in A and in B, or of both lines, with
    aligned columns. Times and lengths that differ but are not compared are left out."""
    a_columns, b_columns = _columns(a), _columns(b)
    if short_time(a_columns[0]) == short_time(b_columns[0]):  # the same in another resolution
        b_columns[0] = a_columns[0]
    compared = ("time" in fields, True, True, True, "lengths" in fields or a.captured_length != b.captured_length)
    pairs = [
        (of_a, of_b)
        for of_a, of_b, is_compared in zip(a_columns, b_columns, compared)
        if (of_a or of_b) and (of_a == of_b or is_compared)
    ]
    if all(of_a == of_b for of_a, of_b in pairs):
        yield "", "  " + _GAP.join(of_a for of_a, _ in pairs)
        return
    widths = [max(map(len, pair)) for pair in pairs]
    for side, columns in zip("AB", zip(*pairs)):
        cells = [shown(text).ljust(width) for text, width in zip(columns, widths)]
        yield side.lower(), f"  {side} {_GAP.join(cells)}".rstrip()


def _field_lines(difference: ShownDifference, a: Packet, b: Packet) -> Iterator[tuple[str, str]]:
    """Yield the style and text of the lines about interfaces and options that differ."""
    fields = difference.difference.fields
    if "interface" in fields:
        yield "a", f"  A interface {interface_label(a.interface)}"
        yield "b", f"  B interface {interface_label(b.interface)}"
    if "options" in fields:
        for side, options, other_options in (
            ("A", difference.a_options, difference.b_options),
            ("B", difference.b_options, difference.a_options),
        ):
            for option in options_only_in(options, other_options):
                yield side.lower(), f"  only in {side}: {option.text}"


def _byte_lines(a: bytes, b: bytes, painter: Painter | None) -> Iterator[str]:
    """Yield lines of 16 bytes of A and of B, for those lines that differ."""
    lines = 0
    for offset in range(0, max(len(a), len(b)), _LINE_BYTES):
        a_line, b_line = a[offset : offset + _LINE_BYTES], b[offset : offset + _LINE_BYTES]
        if a_line == b_line:
            continue
        if lines == _MOST_LINES:
            yield "  …"
            return
        lines += 1
        changed = [a_line[index : index + 1] != b_line[index : index + 1] for index in range(_LINE_BYTES)]
        for side, line in (("a", a_line), ("b", b_line)):
            if line:
                yield _byte_line(side, offset, line, changed, painter)
        if painter is None:
            yield " " * len(_line_label("a", offset)) + " ".join("^^" if each else "  " for each in changed).rstrip()


def _byte_line(side: str, offset: int, line: bytes, changed: list[bool], painter: Painter | None) -> str:
    """Return up to 16 bytes in hex and as text."""

    def paint(text: str, index: int) -> str:
        return _painted(painter, text, f"{side} changed" if changed[index] else side)

    digits = " ".join(paint(f"{byte:02x}", index) for index, byte in enumerate(line))
    text = "".join(paint(chr(byte) if 32 <= byte < 127 else ".", index) for index, byte in enumerate(line))
    padding = " " * (3 * (_LINE_BYTES - len(line)) + 2)
    return f"{_painted(painter, _line_label(side, offset), side)}{digits}{padding}{text}"


def _line_label(side: str, offset: int) -> str:
    return f"  {side.upper()} {offset:04x}  "
