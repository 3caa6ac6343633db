"""Columns of Arrow: turns batches of packets into record batches of pyarrow, of which tables are made.

column_names    the names of the columns that a table can have, and which of them it has by default
builders        a builder for each kind of column, which collects values and makes arrays of pyarrow
arrays          memory as arrays of pyarrow, without a copy
interfaces      the builder of what interfaces state, and the names that are a dictionary of Arrow
headers         the builder of what packets' headers say
record_batches  collects the packets of many batches into one record batch; `open_record_batches` reads them lazily

Strategy: batches of a capture are small, and pyarrow takes long for each object, so the packets of many batches go into
one record batch. Kernels and copies of memory move the values; pyarrow gets the arrays without a copy. A record batch
is limited in packets and in bytes, so that memory is.

How to add a column: its name in `column_names`, its type and builder in `builders.BUILDERS`, and its line in
`docs/how-to/tables.md`. A builder may fill several columns in one pass over the packets, as that of headers does. A
column of headers (`HeaderColumns`) needs only its line.

pyarrow is imported only here, by `builders` and by what is above; `pyarrow_for` gives the message without it.
"""

from __future__ import annotations

from typing import Any

from pcapconv.errors import UsageError
from pcapconv.text import extra_and_how_to_install


def pyarrow_for(what: str) -> Any:
    """Return the module pyarrow, which `what` needs. Raises UsageError if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise UsageError(f"{what} needs pyarrow; install {extra_and_how_to_install('table')}") from None
    return pyarrow
