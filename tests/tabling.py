"""Tables of captures in memory, and the same rows from a loop over packets."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow
import wire
from creating import opened

import pcapconv

ALL = (
    *("number", "time", "captured_length", "original_length", "interface_id", "interface", "direction", "comments"),
    *("data", "link_type", "section"),
)


def row_of(packet: pcapconv.Packet, columns: Sequence[str]) -> dict[str, Any]:
    """What a row has to say about a packet; times are numbers of nanoseconds."""
    interface = packet.interface
    row = {
        "number": packet.number,
        "time": packet.time_ns if "time" in columns else None,
        "captured_length": len(packet.data),
        "original_length": packet.original_length,
        "interface_id": interface.id,
        "interface": interface.name,
        "direction": packet.direction,
        "comments": packet.comments or None,
        "data": packet.data,
        "link_type": interface.link_type,
        "section": packet.section.number,
    }
    return {name: row[name] for name in columns}


def looped(capture: bytes, columns: Sequence[str] = ALL) -> list[dict[str, Any]]:
    """The rows by a loop over the packets."""
    with opened(capture) as reading:
        return [row_of(packet, columns) for packet in reading]


def rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of pyarrow, which has to be sound."""
    table.validate(full=True)
    if "time" in table.column_names:
        at = table.column_names.index("time")
        assert table.schema.field(at).type == pyarrow.timestamp("ns", tz="UTC")
        table = table.set_column(at, "time", table["time"].cast(pyarrow.int64()))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def streamed(capture: bytes, columns: Sequence[str] | None = ALL) -> Any:
    """The table that `to_arrow` reads."""
    with opened(capture) as reading:
        return reading.to_arrow(columns).read_all()


def read(capture: bytes, columns: Sequence[str] | None = ALL, **arguments: Any) -> Any:
    return pcapconv.read_table(io.BytesIO(capture), columns, **arguments)


def written(capture: bytes, to: str, columns: Sequence[str] | None = ALL, **arguments: Any) -> bytes:
    target = io.BytesIO()
    pcapconv.write_table(io.BytesIO(capture), target, columns=columns, to=to, **arguments)
    return target.getvalue()


def named(name: str | bytes, *more: tuple[int, bytes], link_type: int = 1) -> bytes:
    """An interface with a name."""
    value = name.encode() if isinstance(name, str) else name
    return wire.interface(link_type=link_type, options=wire.options((2, value), *more))
