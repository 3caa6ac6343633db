"""The rows of a listing for programs: JSON, an object in each line, and CSV with a heading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapconv import json_form
from pcapconv.listing.columns import COLUMNS, IN_RECORDS
from pcapconv.listing.rows import Rows

_PIECE = 2**16  # characters of CSV from which on they are written


class JsonLines:
    """The form of JSON: an object in each line, as the schema `packet.json` describes it."""

    dated = True

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns: Sequence[str] = IN_RECORDS if columns is None else columns

    def begin(self) -> str:
        """What stands before the first line: nothing."""
        return ""

    def render(self, rows: Rows) -> Iterator[str]:
        """Yield the lines of a batch."""
        import json  # slow to import

        encode = json.JSONEncoder().encode  # which escapes everything but ASCII
        for values in zip(*(COLUMNS[name].values(rows) for name in self.columns)):
            yield encode(json_form.document("packet", dict(zip(self.columns, values)))) + "\n"


class CsvLines:
    """The form of CSV (RFC 4180, but lines end with a line feed). Control characters are escaped."""

    dated = True

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns: Sequence[str] = IN_RECORDS if columns is None else columns

    def begin(self) -> str:
        """The heading, with the names of the columns."""
        return ",".join(self.columns) + "\n"

    def render(self, rows: Rows) -> Iterator[str]:
        """Yield the lines of a batch."""
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [COLUMNS[name] for name in self.columns]
        cells = [map(column.text, column.values(rows)) for column in columns]
        for row in zip(*cells):
            writer.writerow(row)
            if text.tell() >= _PIECE:
                yield text.getvalue()
                text.seek(0)
                text.truncate()
        yield text.getvalue()
