"""The columns of listings: their names, their values, and how wide lines have them.

A column has a value for each row: a number, a text, a list of texts, or None. Lines and CSV show its text. To add a
column, add its entry here, its field in `pcapconv/schemas/packet.json`, and its line in `docs/how-to/show.md`; a column
of headers (`HeaderColumns`) needs only the latter two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pcapconv.header_columns import HeaderColumns
from pcapconv.headers import ip_address, path_text, protocol_name
from pcapconv.listing.rows import Rows
from pcapconv.listing.times import NO_TIME
from pcapconv.spec import pcapng, protocols
from pcapconv.text import ip_text, shown

_DIRECTIONS = {number: name for name, number in pcapng.DIRECTIONS.items()}


class Column(NamedTuple):
    """A column. `values` gives the value of each row. `text` makes a text of a value, for lines and CSV; its control
    characters are escaped. Lines have the column at least `least` wide; it grows for longer texts of up to `most`
    cells of a terminal, and is aligned to the `right` or to the left."""

    values: Callable[[Rows], Sequence[Any]]
    text: Callable[[Any], str] = str
    least: int = 0
    most: int = 40
    right: bool = False


def _number_text(value: int | None) -> str:
    return "" if value is None else str(value)


def _text(value: str | None) -> str:
    return "" if value is None else shown(value)


def _time_text(value: str | None) -> str:
    return NO_TIME if value is None else value


def _comments_text(value: Iterable[str]) -> str:
    return "; ".join(map(shown, value))


def _lines_comments(value: Iterable[str]) -> str:
    return "".join(f" # {shown(each)} " for each in value)[:-1]


def _numbers_of(name: str) -> Column:
    return Column(lambda rows: getattr(rows.batch.columns, name)[: rows.batch.rows], right=True)


def _directions(rows: Rows) -> list[str | None]:
    if not rows.batch.has_options:
        return [None] * rows.batch.rows
    order = rows.batch.section.byte_order
    return [_DIRECTIONS.get(pcapng.direction(rows.options(row), order)) for row in range(rows.batch.rows)]


def _link_types(rows: Rows) -> list[int]:
    types = rows.reader.interface_types(rows.batch)
    return [types[number] for number in rows.batch.columns.interface[: rows.batch.rows]]


_COLUMNS = {
    "number": Column(lambda rows: rows.numbers, least=4, right=True),
    "time": Column(lambda rows: rows.times.texts, _time_text),
    "interface": Column(lambda rows: [name for name, _ in rows.interface_names], _text),
    "addresses": Column(lambda rows: [ends.text for ends in rows.summaries.ends], least=31, most=97),
    "source": Column(lambda rows: [ends.source or None for ends in rows.summaries.ends], _text, most=47),
    "destination": Column(lambda rows: [ends.destination or None for ends in rows.summaries.ends], _text, most=47),
    "protocol": Column(lambda rows: [protocol for protocol, _ in rows.summaries.words], least=4, most=16),
    "essence": Column(lambda rows: [essence for _, essence in rows.summaries.words], least=20),
    "original_length": _numbers_of("original_length")._replace(least=5),
    "comments": Column(lambda rows: rows.comments, _comments_text),
    "captured_length": _numbers_of("captured_length")._replace(least=5),
    "interface_id": _numbers_of("interface"),
    "section": Column(lambda rows: [rows.batch.section.number] * rows.batch.rows, right=True),
    "link_type": Column(_link_types, right=True),
    "direction": Column(_directions, _text),
    "data": Column(lambda rows: [rows.batch.data(row).hex() for row in range(rows.batch.rows)]),
}
# In lines, an interface without a name is its number, and comments come behind a mark.
_IN_LINES = {
    "interface": Column(lambda rows: [label for _, label in rows.interface_names], least=4),
    "comments": Column(lambda rows: rows.comments, _lines_comments),
}


def _header_column(name: str) -> Column:
    """A column of headers, with readable values."""
    return Column(lambda rows: [_header_value(rows.headers, row, name) for row in range(rows.batch.rows)], *_kind(name))


def _kind(name: str) -> tuple[Callable[[Any], str], int, int, bool]:
    is_text = HeaderColumns.FIELDS[name][1] > 1 or name in ("last_protocol", "tunnel", "ended")
    return (_text, 0, 40, False) if is_text else (_number_text, 0, 40, True)


def _header_value(headers: HeaderColumns, row: int, name: str) -> Any:
    value = headers.value(row, name)
    if value is None:
        return None
    if isinstance(value, bytes):
        if name == "path":
            return path_text(value)
        if name.endswith("_mac"):
            return value.hex(":")
        return ip_text(ip_address(value, headers.network_protocol[row]))
    if name == "last_protocol":
        return protocol_name(value, headers.network_protocol[row] if headers.has(row, "network_protocol") else None)
    if name == "tunnel":
        return protocols.TUNNEL_NAMES[value]
    return protocols.ENDED_NAMES[value] if name == "ended" else value


HEADER_NAMES = tuple(HeaderColumns.FIELDS)
COLUMNS = _COLUMNS | {name: _header_column(name) for name in HEADER_NAMES}
LINE_COLUMNS = COLUMNS | _IN_LINES

IN_LINES = ("number", "time", "interface", "addresses", "protocol", "essence", "original_length", "comments")
IN_RECORDS = (
    *("number", "time", "interface", "source", "destination", "protocol", "essence", "original_length"),
    "comments",
)
