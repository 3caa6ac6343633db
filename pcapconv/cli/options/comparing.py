"""The options of `diff`: what is compared, and what is shown."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import COMPARED, DIFF, SHOWN

OPTIONS = (
    Option(
        "ignore",
        "texts",
        "Do not compare time, comments, names, ...",
        COMPARED,
        DIFF,
        "KIND,...",
        example="time,comments",
        manual="Do not compare `time`, `lengths`, `interfaces` (including link types), `comments`, `direction`, "
        "`names` or `secrets`.",
    ),
    Option(
        "time_tolerance",
        "text",
        "Allow times to differ by DURATION; default: 0",
        COMPARED,
        DIFF,
        "DURATION",
        example="1ms",
        manual="Allow times to differ by up to DURATION. Default: 0.",
    ),
    Option(
        "all",
        "flag",
        "Also compare hosts, statistics, packet ids, ...",
        COMPARED,
        DIFF,
        manual="Also compare hosts, applications, addresses and speeds of interfaces, interfaces without packets, "
        "statistics, packet ids, processes, custom and unknown blocks.",
    ),
    Option(
        "show",
        "number",
        "Show the first N different packets; default 10",
        SHOWN,
        DIFF,
        "N",
        example="100",
        manual="Show the first N packets that differ, each with its line of `show`: time, addresses, protocol, "
        "essence, length. Default: 10.",
    ),
    Option(
        "as_json",
        "flag",
        "Print JSON instead of text",
        SHOWN,
        DIFF,
        flag_name="json",
        manual="Print JSON instead of text: each difference with the packet's number in A and in B, what the packet is "
        "about, and both values of what differs. There are as many as `--show` allows, at most 1000.",
        page="reference/json#diff---json",
    ),
)
