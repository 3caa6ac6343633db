"""The options that decide what is in a table."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import TABLE, TABULATED

OPTIONS = (
    Option(
        "columns",
        "text",
        "The columns, in their order: number,time,ttl",
        TABULATED,
        TABLE,
        "NAME,...",
        example="number,time,source_address,destination_port",
        manual="The columns of the table, in their order: `number`, `time`, `captured_length`, `original_length`, "
        "`interface_id`, `interface`, `direction`, `comments`, `data`, `link_type`, `section`, and the columns of "
        "headers, such as `last_protocol`, `source_address` and `tcp_flags`. Default: the first eight.",
        page="how-to/tables#columns",
    ),
    Option(
        "inner",
        "flag",
        "Read the headers of the innermost packets",
        TABULATED,
        TABLE,
        manual="The columns of headers are about the innermost packet of VXLAN, Geneve, GTP, GRE, ERSPAN and IP in IP. "
        "Default: about the outermost packet.",
        page="how-to/tables#tunnels",
    ),
)
