"""What packets' own bytes say: protocols, addresses, ports, flags, tunnels, as columns and as objects.

| file | what is in it |
|---|---|
| `__init__.py` | `read_headers`: the headers of a batch as columns |
| `packet_headers.py` | `Headers`: those of one packet as an object; names for people |

Strategy: one kernel, `read_headers` in `pcapconv/kernels/interpreted/headers/` and `compiled_headers.pxi`, reads
everything, and everything that asks what is in packets asks for its columns (`pcapconv/header_columns.py`) or for a
`Headers`, which is a row of them. Protocols and their codes are in `pcapconv/spec/protocols.py`.

To read another protocol: give it a code there, write its reader in both forms of the kernel, a builder in
`tests/protocols.py`, and compare it with tshark in `tests/test_headers_oracle.py`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.header_columns import HeaderColumns
from pcapconv.headers.packet_headers import Headers as Headers
from pcapconv.headers.packet_headers import ip_address as ip_address
from pcapconv.headers.packet_headers import path_text as path_text
from pcapconv.headers.packet_headers import protocol_name as protocol_name
from pcapconv.headers.packet_headers import tcp_flag_names as tcp_flag_names
from pcapconv.kernels import choose
from pcapconv.wording import object_text

if TYPE_CHECKING:
    from pcapconv.columns import Columns


def read_headers(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    link_types: array[int],
    names: Iterable[str] = (),
    *,
    inner: bool = False,
    into: HeaderColumns | None = None,
) -> HeaderColumns:
    """The headers of the first `rows` packets as columns with these `names`; without names, all columns.

    `link_types` has the link type of each interface, as 64-bit values. With `inner`, the columns describe the innermost
    packet of tunnels. `into` are columns of an earlier call with the same names, which are filled again if they are
    long enough. Raises UsageError for a name that is not a column.
    """
    given = tuple(names)
    unknown = next((name for name in given if not isinstance(name, str) or name not in HeaderColumns.FIELDS), None)
    if unknown is not None:
        there_are = ", ".join(HeaderColumns.FIELDS)
        raise UsageError(f"{object_text(unknown)} is not a header column; those are {there_are}")
    wanted = tuple(dict.fromkeys(given)) or tuple(HeaderColumns.FIELDS)
    if into is None or into.capacity < rows or into.names != wanted:
        into = HeaderColumns(wanted, rows)
    choose().read_headers(buffer, columns, rows, link_types, into, inner)
    return into
