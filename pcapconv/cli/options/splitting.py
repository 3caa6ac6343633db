"""The options that divide a capture."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import PARTS, SPLIT

PARTS_OF_A_SPLIT = (
    Option(
        "max_packets",
        "number",
        "After N packets",
        PARTS,
        SPLIT,
        "N",
        example="1000000",
        more="a new part after N packets",
    ),
    Option(
        "max_bytes",
        "text",
        "Before a file would be larger: 100MB, 64MiB",
        PARTS,
        SPLIT,
        "SIZE",
        example="100MB",
        more="a new part before a packet that would make the file larger than SIZE (`100MB`, `64MiB`, `5000B`); only "
        "a single packet, or other block, may be larger, with the headers that it needs; a warning has the number of "
        "parts that headers alone make larger",
    ),
    Option(
        "interval",
        "text",
        "Every DURATION from the first packet: 90s, 1h",
        PARTS,
        SPLIT,
        "DURATION",
        example="1h",
        more="a new part every DURATION from the first packet's time, or with `--align` at multiples of it on the UTC "
        "clock. A packet goes to the part of its own interval, also when times go backwards; there are no empty "
        "parts, unless the capture has no packet at all",
    ),
    Option(
        "align",
        "flag",
        "With --interval: at multiples on the UTC clock",
        PARTS,
        SPLIT,
        more="with `--interval`: parts begin at multiples of it on the UTC clock",
    ),
    Option(
        "by",
        "text",
        "One part for each",
        PARTS,
        SPLIT,
        choices=("interface", "link-type", "section"),
        example="link-type",
    ),
    Option(
        "max_parts",
        "number",
        "Allow N parts; else 10,000 are the most",
        PARTS,
        SPLIT,
        "N",
        example="50000",
        more="allow N parts; without it, more than 10,000 are refused",
    ),
)
