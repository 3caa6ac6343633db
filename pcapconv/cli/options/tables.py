"""The options that decide what is in a table."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import TABLE, TABULATED

TABLES = (
    Option(
        "columns",
        "text",
        "The columns, in their order: number,time,data",
        TABULATED,
        TABLE,
        "NAME,...",
        example="number,time,data",
        manual="The columns of the table, in their order: `number`, `time`, `captured_length`, `original_length`, "
        "`interface_id`, `interface`, `direction`, `comments`, `data`, `link_type`, `section`. Default: the first "
        "eight.",
        page="how-to/tables#columns",
    ),
)
