"""The options of `normalize`, `diff` and `info`: the normal form, what is compared and what is shown."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import COMPARED, DIFF, FORM, INFO, NORMALIZE, SHOWN

_FORM = (
    Option("sort", "switch", "Order packets by time", FORM, NORMALIZE),
    Option(
        "rebase_time",
        "text",
        "Move all packets so that the first is at TIME",
        FORM,
        NORMALIZE,
        "TIME",
        example="2024-01-01",
        manual="move all packets in time, so that the first one is at TIME",
    ),
    Option(
        "mask_time",
        "switch",
        "Replace times by packet numbers in ms",
        FORM,
        NORMALIZE,
        manual="replace the time of each packet by the TIME of `--rebase-time` (default: 1970) plus its number, from "
        "1, in milliseconds",
    ),
    Option(
        "keep",
        "texts",
        "Keep statistics, custom, unknown, ..., too",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="statistics,host",
        manual="keep these kinds of metadata, beside `comments`, `names` and `secrets`, which are kept by default: "
        "`statistics`, `custom`, `unknown`, `host`, `addresses` (see `convert --strip`)",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names or secrets",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="secrets",
        manual="leave out these kinds of metadata, of those that are kept by default",
    ),
)

_COMPARED = (
    Option(
        "ignore",
        "texts",
        "Do not compare time, comments, names, ...",
        COMPARED,
        DIFF,
        "KIND,...",
        example="time,comments",
        manual="do not compare `time`, `lengths`, `interfaces` (link types among them), `comments`, `direction`, "
        "`names`, `secrets`",
    ),
    Option(
        "time_tolerance",
        "text",
        "Allow times to differ by DURATION; default: 0",
        COMPARED,
        DIFF,
        "DURATION",
        example="1ms",
    ),
    Option(
        "everything",
        "flag",
        "Also compare hosts, statistics, packet ids, ...",
        COMPARED,
        DIFF,
        flag_name="all",
        manual="also compare hosts, applications, statistics, packet ids, processes and the like",
    ),
)

_SHOWN = (
    Option(
        "most",
        "number",
        "Show the first N different packets; default 10",
        SHOWN,
        DIFF,
        "N",
        example="100",
        flag_name="show",
        manual="show the first N packets that differ; default: 10",
    ),
    Option(
        "as_json",
        "flag",
        "Print JSON instead of text",
        SHOWN,
        DIFF,
        flag_name="json",
        manual="print JSON: each difference with the packet's number in A and in B, and [both values of what "
        "differs](docs/json.md#diff---json); as many as `--show`, 1000 at most",
    ),
    Option(
        "as_json",
        "flag",
        "With --check: print the results as JSON",
        SHOWN,
        NORMALIZE,
        flag_name="json",
        manual="with `--check`: [print the results as JSON](docs/json.md#normalize---check---json)",
    ),
    Option(
        "as_json",
        "flag",
        "Print JSON; a list if there are several IN",
        SHOWN,
        INFO,
        flag_name="json",
        manual="print JSON: an object for one capture, a list for several",
    ),
    Option(
        "as_text",
        "flag",
        "Print everything, a line for each packet",
        SHOWN,
        INFO,
        flag_name="text",
        manual="print everything that a capture says, a line for each packet: for `git diff`",
    ),
)

NORMALIZING_AND_COMPARING = _FORM + _COMPARED + _SHOWN
