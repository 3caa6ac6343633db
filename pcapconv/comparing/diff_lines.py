"""What two captures say differently, as lines of text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pcapconv.comparing.comparison import Comparison, Header, Shown, only, time_said
from pcapconv.model import Packet
from pcapconv.text import counted, shown

Paint = Callable[[str, str], str]  # takes a text that is safe to show, and what it is: `title`, `a`, `b changed` …

_WIDTH = 16  # bytes of a line
_MOST_LINES = 8  # of a packet's bytes


def diff_lines(found: Comparison, paint: Paint | None = None) -> Iterator[str]:
    """What differs, line by line, safe to show; nothing where nothing does. Bytes that changed are painted so, or have
    a mark below where nothing is painted."""
    if found.same:
        return
    look = partial(_painted, paint)
    yield look(f"A {found.names[0]}: {counted(found.packets[0], 'packet')}", "a")
    yield look(f"B {found.names[1]}: {counted(found.packets[1], 'packet')}", "b")
    for header in found.header_differences:
        yield look(str(header), _side(header))
    if not found.counts:
        return
    words = {"removed": "only in A", "inserted": "only in B", "changed": "changed"}
    parts = [f"{found.counts[kind]:,} {word}" for kind, word in words.items() if found.counts[kind]]
    fields = ", ".join(f"{field} {count:,}" for field, count in found.fields.most_common())
    yield look(f"packets: {', '.join(parts)}{f' ({fields})' if fields else ''}", "title")
    for each in found.shown:
        yield from _difference(each, paint)
    left = sum(found.counts.values()) - len(found.shown)
    if left:
        yield f"and {counted(left, 'more packet')} that differ{'s' * (left == 1)}"


def _painted(paint: Paint | None, text: str, look: str) -> str:
    return shown(text) if paint is None else paint(shown(text), look)


def _side(header: Header) -> str:
    """The side that says it alone."""
    return "b" if header.a is None else "a" if header.b is None else ""


def _difference(each: Shown, paint: Paint | None) -> Iterator[str]:
    look, number = partial(_painted, paint), each.difference
    if each.b is None and each.a is not None:
        yield look(f"packet {number.a} only in A: {_summary(each.a)}", "a")
    elif each.a is None and each.b is not None:
        yield look(f"packet {number.b} only in B: {_summary(each.b)}", "b")
    elif each.a is not None and each.b is not None:
        same = number.a == number.b
        yield look(f"packet {number.a}{'' if same else f' (in B {number.b})'}: {', '.join(number.fields)}", "title")
        for side, text in _fields(each, each.a, each.b):
            yield look(text, side)
        if "bytes" in number.fields:
            yield from _bytes(each.a.data, each.b.data, paint)


def _fields(each: Shown, a: Packet, b: Packet) -> Iterator[tuple[str, str]]:
    """What differs of packets but for their bytes: whose it is, and a line."""
    fields = each.difference.fields
    if "time" in fields:
        yield "a", f"  A {_time(a)}"
        yield "b", f"  B {_time(b)}"
    if "lengths" in fields or a.captured_length != b.captured_length:
        yield "a", f"  A {_lengths(a)}"
        yield "b", f"  B {_lengths(b)}"
    if "interface" in fields:
        yield "a", f"  A interface {a.interface.id} of section {a.interface.section}"
        yield "b", f"  B interface {b.interface.id} of section {b.interface.section}"
    if "options" in fields:
        for where, said, other in (("A", each.a_options, each.b_options), ("B", each.b_options, each.a_options)):
            yield from ((where.lower(), f"  only in {where}: {option.text}") for option in only(said, other))


def _bytes(a: bytes, b: bytes, paint: Paint | None) -> Iterator[str]:
    """The lines of both in which bytes differ."""
    lines = 0
    for at in range(0, max(len(a), len(b)), _WIDTH):
        one, other = a[at : at + _WIDTH], b[at : at + _WIDTH]
        if one == other:
            continue
        if lines == _MOST_LINES:
            yield "  …"
            return
        lines += 1
        changed = [one[place : place + 1] != other[place : place + 1] for place in range(_WIDTH)]
        for side, line in (("a", one), ("b", other)):
            if line:
                yield _line(side, at, line, changed, paint)
        if paint is None:
            yield " " * len(_place("a", at)) + " ".join("^^" if each else "  " for each in changed).rstrip()


def _line(side: str, at: int, line: bytes, changed: list[bool], paint: Paint | None) -> str:
    """Up to 16 bytes in hex and as text."""

    def look(text: str, place: int) -> str:
        return _painted(paint, text, f"{side} changed" if changed[place] else side)

    digits = " ".join(look(f"{byte:02x}", place) for place, byte in enumerate(line))
    text = "".join(look(chr(byte) if 32 <= byte < 127 else ".", place) for place, byte in enumerate(line))
    padding = " " * (3 * (_WIDTH - len(line)) + 2)
    return f"{_painted(paint, _place(side, at), side)}{digits}{padding}{text}"


def _place(side: str, at: int) -> str:
    return f"  {side.upper()} {at:04x}  "


def _summary(packet: Packet) -> str:
    return f"{_time(packet)}, {counted(packet.captured_length, 'byte')}"


def _lengths(packet: Packet) -> str:
    return f"{counted(packet.captured_length, 'byte')} of {packet.original_length:,}"


def _time(packet: Packet) -> str:
    return time_said(packet) or "no time"
