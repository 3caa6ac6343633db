"""The options that say how captures are read."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, CONVERTING, INFO, NORMALIZE, READ, READING, SHOW, TABLE

_SALVAGE = (
    "Read on behind damage, at the next packets that are certain. Each stretch that is left out is named with its "
    "offset and length, and the status is 3."
)

OPTIONS = (
    Option(
        "fractions",
        "text",
        "Read a pcap file's fractions as nanoseconds",
        READ,
        READING,
        choices=("nanoseconds",),
        manual="From pcap: read the fractions of a second as nanoseconds, whatever the magic number states.",
    ),
    Option(
        "salvage",
        "flag",
        "Read on behind damage",
        READ,
        (*CONVERTING, "table"),
        manual=f"{_SALVAGE} Not together with `--strict`.",
        page="how-to/repair#packets-behind-damage",
    ),
    Option(
        "salvage",
        "flag",
        "Read on behind damage",
        READ,
        (*INFO, *SHOW),
        manual=_SALVAGE,
        page="how-to/repair#packets-behind-damage",
    ),
    Option(
        "strict",
        "flag",
        "Refuse damaged input, with status 1",
        READ,
        ("convert", "split", "merge", "table"),
        manual="Refuse damaged input, with status 1 and no output. Default: keep what can be read, with status 3.",
    ),
    Option(
        "strict",
        "switch",
        "Refuse damaged input, with status 1",
        READ,
        NORMALIZE,
        manual="Refuse damaged input, with status 1 and no output. Default: keep what can be read, with status 3.",
    ),
    Option(
        "strict",
        "flag",
        "Fail on damaged files and on non-captures",
        READ,
        BATCH,
        manual="Let damaged captures fail, and files that are not captures. Default: convert what can be read, and "
        "skip files that are not captures.",
    ),
    Option(
        "stop_early",
        "flag",
        "Of pcapng, read nothing after the last packet",
        READ,
        ("convert", "split"),
        manual="Read nothing after the last selected packet: with `--first`, with `--packets` whose last range has an "
        "end, or with `--before` and `--in-order`. A pcap capture is read no further even without this option. In "
        "pcapng, names, secrets and statistics may follow, which this option leaves out. `--strict`, a sidecar, "
        "`--last`, `--invert`, `--interface`, `--set-interface` and an output that replaces IN need the whole capture, "
        "which is then read to its end.",
    ),
    Option(
        "stop_early",
        "flag",
        "Of pcapng, read nothing after the last packet",
        READ,
        TABLE,
        manual="Read nothing after the last selected packet: with `--first`, with `--packets` whose last range has an "
        "end, or with `--before` and `--in-order`. A pcap capture is read no further even without this option. "
        "`--strict`, a sidecar, `--last`, `--invert` and `--interface` need the whole capture, which is then read to "
        "its end.",
    ),
    Option(
        "in_order",
        "optional",
        "Times go back by at most SLACK; default: 1s",
        READ,
        ("convert", "split", "table", "show"),
        "SLACK",
        example="5s",
        manual="With `--before`: promise that the times of packets go back by no more than SLACK (`--in-order=5s`; "
        "default: 1 s), so that a packet that is late enough ends the selection, as the last one of `--first` does. "
        "The value follows an `=`. A packet that breaks the promise counts as damage (status 3), and the capture is "
        "then read on.",
    ),
)
