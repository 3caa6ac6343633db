"""The options that decide where `split` cuts a capture. (`splitting/splitter.py` decides what a part begins with.)"""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import PARTS, SPLIT

SPLITTING = (
    Option(
        "max_packets",
        "number",
        "Begin a new part after N packets",
        PARTS,
        SPLIT,
        "N",
        example="1000000",
        manual="begin a new part after N packets",
    ),
    Option(
        "max_bytes",
        "text",
        "Limit the size of a part: 100MB, 64MiB",
        PARTS,
        SPLIT,
        "SIZE",
        example="100MB",
        manual="begin a new part before a packet that would make the file larger than SIZE (`100MB`, `64MiB`, "
        "`5000B`). A part is larger only if it holds a single packet, or other block, with the headers that it needs; "
        "a warning has the number of parts that are larger because of their headers alone",
    ),
    Option(
        "interval",
        "text",
        "Begin a new part every DURATION: 90s, 1h",
        PARTS,
        SPLIT,
        "DURATION",
        example="1h",
        manual="begin a new part every DURATION from the first packet's time, or with `--align` at multiples of it on "
        "the UTC clock. A packet goes to the part of its own interval, also when times go backwards; there are no "
        "empty parts, unless the capture has no packet at all",
    ),
    Option(
        "align",
        "flag",
        "With --interval: at multiples of it in UTC",
        PARTS,
        SPLIT,
        manual="with `--interval`: begin parts at multiples of it on the UTC clock",
    ),
    Option(
        "by",
        "text",
        "Make one part for each",
        PARTS,
        SPLIT,
        choices=("interface", "link-type", "section"),
        example="link-type",
    ),
    Option(
        "max_parts",
        "number",
        "Refuse more than N parts; default: 10,000",
        PARTS,
        SPLIT,
        "N",
        example="50000",
        manual="refuse more than N parts; default: 10,000",
    ),
)
