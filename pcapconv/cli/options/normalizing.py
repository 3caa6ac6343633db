"""The options of `normalize`: the normal form, and what is shown."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import FORM, NORMALIZE, SHOWN

OPTIONS = (
    Option(
        "sort",
        "switch",
        "Order packets by time",
        FORM,
        NORMALIZE,
        manual="Order packets by time. What does not fit in 16 MiB waits in a temporary file.",
    ),
    Option(
        "rebase_time",
        "text",
        "Move all packets so that the first is at TIME",
        FORM,
        NORMALIZE,
        "TIME",
        example="2024-01-01",
        manual="Move all packets in time by the same length, so that the first packet is at TIME: ISO 8601, or seconds "
        "since 1970.",
    ),
    Option(
        "timezone",
        "text",
        "The zone of TIME: UTC, local, Europe/Berlin",
        FORM,
        NORMALIZE,
        "ZONE",
        example="Europe/Berlin",
        manual="The zone of a TIME that states none: `UTC` (the default), `local` or a name such as `Europe/Berlin`.",
        page="how-to/time-zones",
    ),
    Option(
        "mask_time",
        "switch",
        "Replace times by packet numbers in ms",
        FORM,
        NORMALIZE,
        manual="Replace the time of each packet: packet N gets the TIME of `--rebase-time` plus N milliseconds. "
        "Without `--rebase-time`, TIME is 1970-01-01.",
    ),
    Option(
        "keep",
        "texts",
        "Keep statistics, custom, unknown, ..., too",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="statistics,host",
        manual="Keep more kinds of metadata than `comments`, `names` and `secrets`, which are kept by default: "
        "`statistics`, `custom`, `unknown`, `host`, `addresses`. `convert --strip` describes them.",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names or secrets",
        FORM,
        NORMALIZE,
        "KIND,...",
        example="secrets",
        manual="Leave out kinds of metadata that are kept by default: `comments`, `names`, `secrets`.",
    ),
    Option(
        "as_json",
        "flag",
        "With --check: print the results as JSON",
        SHOWN,
        NORMALIZE,
        flag_name="json",
        manual="With `--check`: print the results as JSON.",
        page="reference/json#normalize---check---json",
    ),
    Option(
        "diff",
        "flag",
        "With --check: show what would change",
        SHOWN,
        NORMALIZE,
        manual="With `--check`: show what would change in each capture that is not in its normal form, as `diff --all` "
        "shows it: the first 10 packets, and at most 200 lines. Nothing is written. With `--json`, the lines are in "
        "the JSON instead; with `--junit`, they are also in the test results.",
        page="how-to/golden-captures#see-what-would-change",
    ),
)
