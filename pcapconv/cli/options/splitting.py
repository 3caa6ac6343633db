"""The options that decide where `split` cuts a capture. (`splitting/splitter.py` decides what a part begins with.)"""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import PARTS, SPLIT

OPTIONS = (
    Option(
        "max_packets",
        "number",
        "Begin a new part after N packets",
        PARTS,
        SPLIT,
        "N",
        example="1000000",
        manual="Begin a new part after N packets.",
    ),
    Option(
        "max_bytes",
        "text",
        "Limit the size of a part: 100MB, 64MiB",
        PARTS,
        SPLIT,
        "SIZE",
        example="100MB",
        manual="Begin a new part before a packet that would make the file larger than SIZE: `100MB` (10^8 bytes), "
        "`64MiB`, `5000B`. A number below 4096 needs a unit. A part is larger than SIZE only if it holds a single "
        "packet or other block and the headers that this needs. If headers alone make parts larger, a warning has "
        "their number.",
    ),
    Option(
        "interval",
        "text",
        "Begin a new part every DURATION: 90s, 1h",
        PARTS,
        SPLIT,
        "DURATION",
        example="1h",
        manual="Begin a new part every DURATION, counted from the first packet. Each packet goes to the part of its "
        "own interval, also if times go backwards. Intervals without packets get no part; a capture without any packet "
        "gives one part.",
    ),
    Option(
        "align",
        "flag",
        "With --interval: at multiples of it by the clock",
        PARTS,
        SPLIT,
        manual="With `--interval`: begin parts at multiples of DURATION on the clock of `--timezone` (UTC by default), "
        "not at the first packet. When the zone's clocks change, a day has 23 or 25 hours; parts of less than a day "
        "end there, too.",
        page="how-to/time-zones",
    ),
    Option(
        "by",
        "text",
        "Make one part for each",
        PARTS,
        SPLIT,
        choices=("interface", "link-type", "section", "flow", "host"),
        example="link-type",
        manual="Make one part for each interface, link type, section, flow or host. A flow is a protocol of IP and two "
        "addresses with their ports, in both directions; a fragment goes to the flow of its first fragment. With "
        "`host`, a packet is in two parts: that of its source and that of its destination. Packets without IP are in a "
        "part of their own. Of packets in tunnels, the outermost addresses count.",
        page="how-to/split-by-flow",
    ),
    Option(
        "max_parts",
        "number",
        "Refuse more than N parts; default: 10,000",
        PARTS,
        SPLIT,
        "N",
        example="50000",
        manual="Refuse to make more than N parts. Default: 10,000.",
    ),
)
