"""The options for golden captures: the normal form, comparing and showing."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import COMPARED, DIFF, FORM, INFO, NORMALIZE, SHOWN

_FORM = (
    Option("sort", "switch", "Order packets by time", FORM, NORMALIZE),
    Option(
        "rebase_time",
        "text",
        "The first packet at TIME, the others with it",
        FORM,
        NORMALIZE,
        "TIME",
        example="2024-01-01",
        more="the first packet at TIME, all others moved with it",
    ),
    Option(
        "mask_time",
        "switch",
        "Times are packets' numbers, in milliseconds",
        FORM,
        NORMALIZE,
        more="every packet at TIME of `--rebase-time` (or 1970) plus its number in milliseconds, from 1",
    ),
    Option(
        "keep",
        "texts",
        "Keep statistics, custom, unknown, ... too",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="statistics,host",
        more="kinds of metadata to keep beside `comments`, `names` and `secrets`, which are kept by default: "
        "`statistics`, `custom`, `unknown`, `host`, `addresses` (see `convert --strip`)",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names, secrets too",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="secrets",
        more="kinds of metadata to leave out, of those that are kept by default",
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
        more="do not compare `time`, `lengths`, `interfaces` (link types among them), `comments`, `direction`, "
        "`names`, `secrets`",
    ),
    Option("time_tolerance", "text", "Times may differ by so much", COMPARED, DIFF, "DURATION", example="1ms"),
    Option(
        "everything",
        "flag",
        "Compare hosts, statistics, packet ids, ... too",
        COMPARED,
        DIFF,
        word="all",
        more="compare hosts, applications, statistics, packet ids, processes and the like, too",
    ),
)

_SHOWN = (
    Option(
        "most",
        "number",
        "The first N packets that differ; else 10",
        SHOWN,
        DIFF,
        "N",
        example="100",
        word="show",
        more="show the first N packets that differ; else 10",
    ),
    Option(
        "as_json",
        "flag",
        "JSON instead of lines",
        SHOWN,
        DIFF,
        word="json",
        more="JSON: each difference with the packet's number in A and in B, and [both values of what "
        "differs](docs/json.md#diff---json); as many as `--show`, 1000 at most",
    ),
    Option(
        "as_json",
        "flag",
        "With --check: say it as JSON",
        SHOWN,
        NORMALIZE,
        word="json",
        more="with `--check`: [say it as JSON](docs/json.md#normalize---check---json)",
    ),
    Option(
        "as_json",
        "flag",
        "JSON: an object, or a list for several IN",
        SHOWN,
        INFO,
        word="json",
        more="JSON: an object for one capture, a list for several",
    ),
    Option(
        "as_text",
        "flag",
        "All that a capture says, a line for each packet",
        SHOWN,
        INFO,
        word="text",
        more="all that a capture says, a line for each packet: for `git diff`",
    ),
)

GOLDEN = _FORM + _COMPARED + _SHOWN
