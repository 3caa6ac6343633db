"""The tables of `info`: conversations, talkers and protocols as aligned lines.

Strategy: times are seconds since the earliest packet of the capture, which are short. A table has a line for each of
the first entries, and one for all that follow; `--json` lists them, with whole times. A terminal that is too narrow for
all columns shows none of those for each direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pcapconv.cli.terminal import COLUMN_GAP, Painter, align_columns
from pcapconv.describing.capture_info import CaptureInfo
from pcapconv.describing.entries import Duration, Instant
from pcapconv.describing.traffic_entries import Conversation, ProtocolEntry, Talker, TrafficList
from pcapconv.text import display_width, with_port

_MOST_LINES = 50  # of a table of conversations or talkers
_MOST_PROTOCOLS = 200
_TOTALS = 2  # columns: packets and bytes
_TIMES = ("first s", "last s")
_CONVERSATIONS = ("A", "B", "packets", "bytes", "from A", "bytes", "from B", "bytes", *_TIMES)
_TALKERS = ("address", "packets", "bytes", "sent", "bytes", "received", "bytes", *_TIMES)
_PROTOCOLS = ("protocol", "packets", "bytes", *_TIMES)


class TrafficPage:
    """Renders the tables of a capture as lines, painted by `painter`, for a terminal of this `width`; None without."""

    def __init__(self, capture: CaptureInfo, painter: Painter, width: int | None) -> None:
        self._capture = capture
        self._painter = painter
        self._width = width

    def lines(self) -> Iterator[str]:
        """Yield the lines of the tables that the capture has."""
        capture = self._capture
        if capture.protocols is not None:
            yield from self._title("protocols", capture.protocols)
            yield from self._protocols(capture.protocols)
        if capture.conversations is not None:
            for name, found in capture.conversations._asdict().items():
                yield from self._title(f"{name.upper()} conversations", found)
                yield from self._table(_CONVERSATIONS, 2, found, self._conversation)
        if capture.talkers is not None:
            yield from self._title("talkers", capture.talkers)
            yield from self._table(_TALKERS, 1, capture.talkers, self._talker)

    def _title(self, name: str, found: TrafficList[Any]) -> Iterator[str]:
        number = f"{found.total:,}" if found.total else "none"
        yield ""
        yield self._painter(f"{name}: {number}{'' if found.complete else ' and more'}", "title")

    def _protocols(self, found: TrafficList[ProtocolEntry]) -> Iterator[str]:
        lines = []
        for entry in found.entries[:_MOST_PROTOCOLS]:
            *around, name = entry.path.split(":")
            cells = [f"{entry.packets:,}", f"{entry.bytes:,}", *self._times(entry)]
            lines.append(("  " * len(around) + (name or "unread"), *cells))
        yield from self._aligned(_PROTOCOLS, 1, lines)
        if len(found.entries) > _MOST_PROTOCOLS:
            yield f"and {len(found.entries) - _MOST_PROTOCOLS:,} more; --json lists them"
        if not found.complete:
            yield f"{found.others.packets:,} packets have protocols in other orders"

    def _table(
        self, heads: tuple[str, ...], names: int, found: TrafficList[Any], cells: Callable[[Any], tuple[str, ...]]
    ) -> Iterator[str]:
        """Yield a line for each of the first entries, and one for the others. The first `names` columns are text."""
        shown = found.entries[:_MOST_LINES]
        lines = [cells(entry) for entry in shown]
        packets = found.others.packets + sum(entry.packets for entry in found.entries[_MOST_LINES:])
        size = found.others.bytes + sum(entry.bytes for entry in found.entries[_MOST_LINES:])
        if packets:
            number = f"{found.total - len(shown):,}" if found.complete else f"more than {found.total - len(shown):,}"
            line = (f"{number} others", *[""] * (names - 1), f"{packets:,}", f"{size:,}")
            lines.append(line + ("",) * (len(heads) - len(line)))
        yield from self._aligned(heads, names, lines)

    def _aligned(self, heads: tuple[str, ...], names: int, lines: list[tuple[str, ...]]) -> Iterator[str]:
        if not lines:
            return
        cells = [heads, *lines]
        widths = [max(map(display_width, column)) for column in zip(*cells)]
        if self._width is not None and sum(widths) + COLUMN_GAP * (len(widths) - 1) > self._width:
            cells = [line[: names + _TOTALS] + line[-len(_TIMES) :] for line in cells]
        cells = [(*line[:-1], line[-1].rjust(widths[-1])) for line in cells]
        count = len(cells[0])
        styles = [("title",) * count, *[("label",) * names + ("",) * (count - names)] * len(lines)]
        yield from align_columns(cells, self._painter, styles, width=None, right=range(names, count))

    def _conversation(self, entry: Conversation) -> tuple[str, ...]:
        ends = with_port(entry.address_a, entry.port_a), with_port(entry.address_b, entry.port_b)
        counts = entry[4:10]
        return *ends, *(f"{count:,}" for count in counts), *self._times(entry)

    def _talker(self, entry: Talker) -> tuple[str, ...]:
        counts = entry[1:7]
        return entry.address, *(f"{count:,}" for count in counts), *self._times(entry)

    def _times(self, entry: Conversation | Talker | ProtocolEntry) -> tuple[str, str]:
        """The first and the last time in seconds since the capture's earliest packet; empty without times."""
        return self._seconds(entry.first_time), self._seconds(entry.last_time)

    def _seconds(self, time: Instant | None) -> str:
        begin, duration = self._capture.first_time, self._capture.duration
        if time is None or begin is None or duration is None:
            return ""
        return str(Duration(time.seconds - begin.seconds, min(9, duration.decimal_places))).removesuffix(" s")
