"""The options that decide what a list of packets shows."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import SHOW, SHOWN

_TIMES = ("utc", "local", "relative", "delta", "epoch")  # as in `pcapconv.listing.times`, which takes long to import

OPTIONS = (
    Option(
        "time",
        "text",
        "How times are shown; default: a clock in UTC",
        SHOWN,
        SHOW,
        choices=_TIMES,
        example="relative",
        manual="How times are shown: `utc` and `local` are clocks; `relative` is seconds since the capture's first "
        "packet, `delta` since the packet shown before, `epoch` since 1970. Default: a clock in the zone of "
        "`--timezone`, UTC by default.",
        page="how-to/show#times",
    ),
    Option(
        "columns",
        "text",
        "The columns, in their order: number,time,ttl",
        SHOWN,
        SHOW,
        "NAME,...",
        example="number,time,source,vlan_id",
        manual="The columns, in their order: `number`, `time`, `interface`, `addresses`, `source`, `destination`, "
        "`protocol`, `essence`, `original_length`, `comments`, `captured_length`, `interface_id`, `section`, "
        "`link_type`, `direction`, `data` (the bytes in hex), and the columns of headers, such as `vlan_id`, `ttl`, "
        "`source_port` and `tcp_sequence`.",
        page="how-to/show#columns",
    ),
    Option(
        "inner",
        "flag",
        "Show the innermost packets of tunnels",
        SHOWN,
        SHOW,
        manual="Show addresses, protocol, essence and columns of headers of the innermost packet of VXLAN, Geneve, "
        "GTP, GRE, ERSPAN and IP in IP. Default: those of the outermost packet, whose essence is the innermost one in "
        "short.",
        page="how-to/show#tunnels",
    ),
    Option(
        "names",
        "flag",
        "Show names that the capture gives to addresses",
        SHOWN,
        SHOW,
        manual="Show the names that name blocks of the capture give to addresses. Nobody is asked on the network. A "
        "file is read twice, so that names behind the packets count, too; of a pipe, names count from where they stand "
        "on.",
    ),
    Option(
        "hex",
        "flag",
        "Show the bytes of each packet below its line",
        SHOWN,
        SHOW,
        short="x",
        manual="Show the bytes of each packet below its line, in hex and as ASCII.",
    ),
    Option(
        "as_json",
        "flag",
        "Print JSON, an object in each line",
        SHOWN,
        SHOW,
        flag_name="json",
        manual="Print JSON: an object in each line for each packet. Times have their date and all digits.",
        page="reference/json#show---json",
    ),
    Option(
        "as_csv",
        "flag",
        "Print CSV, with a heading",
        SHOWN,
        SHOW,
        flag_name="csv",
        manual="Print CSV: a heading, then a line for each packet. Times have their date and all digits. Control "
        "characters are escaped.",
    ),
)
