"""Tables of captures in memory, and the same rows from a loop over packets."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow
import wire
from creating import opened
from pyarrow import ipc, parquet

import pcapconv
from pcapconv.header_columns import HeaderColumns

ALL = (
    *("number", "time", "captured_length", "original_length", "interface_id", "interface", "direction", "comments"),
    *("data", "link_type", "section"),
)
HEADERS = tuple(HeaderColumns.FIELDS)  # names of the columns about headers


def address_text(address: Any) -> str:
    """The text of an address; that of IPv6 in which one of IPv4 is differs in versions of Python."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(address) if mapped is None else f"::ffff:{mapped}"


def header_value(headers: Any, name: str) -> Any:
    """What a column has to say about the headers of a packet."""
    value = getattr(headers, name)
    if name.endswith("_address") and value is not None:
        return address_text(value)
    if name == "path":
        return ":".join(value)
    return None if (name, value) == ("last_protocol", "unknown") else value


def row_of(packet: pcapconv.Packet, columns: Sequence[str], *, inner: bool = False) -> dict[str, Any]:
    """What a row has to say about a packet; times are numbers of nanoseconds."""
    headers = packet.inner_headers if inner else packet.headers
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
    return {name: row[name] if name in row else header_value(headers, name) for name in columns}


def looped(capture: bytes, columns: Sequence[str] = ALL, *, inner: bool = False) -> list[dict[str, Any]]:
    """The rows by a loop over the packets."""
    with opened(capture) as reading:
        return [row_of(packet, columns, inner=inner) for packet in reading]


def rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of pyarrow, which has to be sound."""
    table.validate(full=True)
    if "time" in table.column_names:
        at = table.column_names.index("time")
        assert table.schema.field(at).type == pyarrow.timestamp("ns", tz="UTC")
        table = table.set_column(at, "time", table["time"].cast(pyarrow.int64()))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def streamed(capture: bytes, columns: Sequence[str] | None = ALL, *, inner: bool = False) -> Any:
    """The table that `to_arrow` reads."""
    with opened(capture) as reading:
        return reading.to_arrow(columns, inner=inner).read_all()


def read(capture: bytes, columns: Sequence[str] | None = ALL, **arguments: Any) -> Any:
    return pcapconv.read_table(io.BytesIO(capture), columns, **arguments)


def read_file(data: bytes, to: str) -> Any:
    """The table that is in a file of this kind."""
    if to == "parquet":
        return parquet.read_table(io.BytesIO(data))
    return (ipc.open_file if to == "arrow" else ipc.open_stream)(io.BytesIO(data)).read_all()


def written(capture: bytes, to: str, columns: Sequence[str] | None = ALL, **arguments: Any) -> bytes:
    target = io.BytesIO()
    pcapconv.write_table(io.BytesIO(capture), target, columns=columns, to=to, **arguments)
    return target.getvalue()


def named(name: str | bytes, *more: tuple[int, bytes], link_type: int = 1) -> bytes:
    """An interface with a name."""
    value = name.encode() if isinstance(name, str) else name
    return wire.interface(link_type=link_type, options=wire.options((2, value), *more))
