"""What two captures say differently, as lines of text for people."""

from __future__ import annotations

from collections.abc import Iterator

from pcapconv.comparing.comparison import Comparison, Shown, only, time_said
from pcapconv.model import Packet

_WIDTH = 16  # bytes of a line
_MOST_LINES = 8  # of a packet's bytes


def page(found: Comparison) -> Iterator[str]:
    """What differs, line by line; nothing where nothing does."""
    if found.same:
        return
    yield f"A {found.names[0]}: {found.packets[0]:,} packets"
    yield f"B {found.names[1]}: {found.packets[1]:,} packets"
    yield from found.headers
    if not found.counts:
        return
    words = {"removed": "only in A", "inserted": "only in B", "changed": "changed"}
    parts = [f"{found.counts[kind]:,} {word}" for kind, word in words.items() if found.counts[kind]]
    fields = ", ".join(f"{field} {count:,}" for field, count in found.fields.most_common())
    yield f"packets: {', '.join(parts)}{f' ({fields})' if fields else ''}"
    for each in found.shown:
        yield from _difference(each)
    left = sum(found.counts.values()) - len(found.shown)
    if left:
        yield f"and {left:,} more packets that differ"


def _difference(each: Shown) -> Iterator[str]:
    number = each.difference
    if each.b is None and each.a is not None:
        yield f"packet {number.a} only in A: {_summary(each.a)}"
    elif each.a is None and each.b is not None:
        yield f"packet {number.b} only in B: {_summary(each.b)}"
    elif each.a is not None and each.b is not None:
        same = number.a == number.b
        yield f"packet {number.a}{'' if same else f' (in B {number.b})'}: {', '.join(number.fields)}"
        yield from _fields(each, each.a, each.b)


def _fields(each: Shown, a: Packet, b: Packet) -> Iterator[str]:
    fields = each.difference.fields
    if "time" in fields:
        yield f"  A {_time(a)}"
        yield f"  B {_time(b)}"
    if "lengths" in fields or a.captured_length != b.captured_length:
        yield f"  A {a.captured_length} bytes of {a.original_length}"
        yield f"  B {b.captured_length} bytes of {b.original_length}"
    if "interface" in fields:
        yield f"  A interface {a.interface.id} of section {a.interface.section}"
        yield f"  B interface {b.interface.id} of section {b.interface.section}"
    if "options" in fields:
        for where, said, other in (("A", each.a_options, each.b_options), ("B", each.b_options, each.a_options)):
            yield from (f"  only in {where}: {option.text}" for option in only(said, other))
    if "bytes" in fields:
        yield from _bytes(a.data, b.data)


def _bytes(a: bytes, b: bytes) -> Iterator[str]:
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
        for where, line in (("A", one), ("B", other)):
            if line:
                yield f"  {where} {at:04x}  {line.hex(' '):{3 * _WIDTH}} {_text(line)}"


def _text(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def _summary(packet: Packet) -> str:
    return f"{_time(packet)}, {packet.captured_length} bytes"


def _time(packet: Packet) -> str:
    return time_said(packet) or "no time"
