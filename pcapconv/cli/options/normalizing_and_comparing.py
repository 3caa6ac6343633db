"""The options of `normalize`, `diff` and `info`: the normal form, what is compared and what is shown."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import COMPARED, DIFF, FORM, INFO, NORMALIZE, SHOWN

_FORM = (
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
        manual="Also compare hosts, applications, interface addresses, statistics, packet ids, processes, custom and "
        "unknown blocks.",
    ),
)

_SHOWN = (
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
    Option(
        "as_json",
        "flag",
        "Print JSON; a list if there are several IN",
        SHOWN,
        INFO,
        flag_name="json",
        manual="Print JSON: an object for one capture, a list for several.",
        page="reference/json#info---json",
    ),
    Option(
        "timezone",
        "text",
        "Show times in ZONE: UTC, local, Europe/Berlin",
        SHOWN,
        INFO,
        "ZONE",
        example="Europe/Berlin",
        manual="Show times in ZONE, with their offset from UTC, also with `--json` and `--text`: `UTC` (the default), "
        "`local` or a name such as `Europe/Berlin`.",
        page="how-to/time-zones",
    ),
    Option(
        "as_text",
        "flag",
        "Print everything, packets in hex, a line each",
        SHOWN,
        INFO,
        flag_name="text",
        manual="Print everything that a capture contains: a line for each packet, with its time, interface, lengths, "
        "options and bytes, and a line for each option of anything else. Secrets appear as type, size and SHA-256. "
        "Padding, reserved fields, drop counts of obsolete blocks and whatever follows a zero byte in a text are left "
        "out.",
        page="how-to/git-diff",
    ),
)

_TRAFFIC = (
    Option(
        "conversations",
        "flag",
        "Also show who talks to whom: IP, TCP and UDP",
        SHOWN,
        INFO,
        manual="Also show the conversations of IP, TCP and UDP: both ends, packets and bytes of each direction, and "
        "the times of the first and the last packet in seconds since the capture's first. Packets inside tunnels "
        "count, too. The page shows the 50 with the most packets, `--json` 10,000, and both the sums of the others.",
        page="how-to/traffic",
    ),
    Option(
        "protocols",
        "flag",
        "Also show packets and bytes by protocol",
        SHOWN,
        INFO,
        manual="Also show packets and bytes by protocol, as a tree: each protocol below the one around it, as far as "
        "pcapconv reads headers.",
        page="how-to/traffic#protocols",
    ),
    Option(
        "talkers",
        "flag",
        "Also show what each address sends and receives",
        SHOWN,
        INFO,
        manual="Also show the packets and bytes that each IP address sends and receives. The page shows the 50 "
        "addresses with the most packets, `--json` 10,000, and both the sums of the others.",
        page="how-to/traffic#talkers",
    ),
    Option(
        "hash",
        "flag",
        "Also show the SHA-256 of the file",
        SHOWN,
        INFO,
        manual="Also show the SHA-256 of the file as it is: of a compressed capture that of the compressed file. "
        "`--filter` makes no difference.",
        page="how-to/look#the-digest-of-a-file",
    ),
)

NORMALIZING_AND_COMPARING = _FORM + _COMPARED + _SHOWN + _TRAFFIC
