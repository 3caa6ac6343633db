"""The options that decide how `merge` puts captures together."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import MERGE, MERGED

OPTIONS = (
    Option(
        "append",
        "flag",
        "One input behind the other, not by time",
        MERGED,
        MERGE,
        manual="Put one input behind the other, in the order in which they are given, whatever the times. Sections "
        "stay whole: a pcapng section that no other option changes is copied byte for byte.",
        page="how-to/merge",
    ),
    Option(
        "separate_interfaces",
        "flag",
        "Keep equal interfaces of inputs apart",
        MERGED,
        MERGE,
        manual="Keep interfaces of different inputs apart. Default: interfaces of different inputs that state exactly "
        "the same (link type, snaplen and all options, such as name, resolution and comments) are one. Interfaces of "
        "the same input are never one. Not with `--append`.",
        page="how-to/merge",
    ),
)
