"""The options of the commands that write captures: one table, for Typer and for the quick way around it.

Strategy: Typer, and what it needs, take 100 to 200 ms to import, as long as converting hundreds of megabytes. A command
line that is whole and plain is parsed here, in no time; whatever is not (a typing error, `--help`) goes to Typer, which
knows the same options from the same table and has the words for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["flag", "switch", "text", "number", "texts", "numbers"]


class Option(NamedTuple):
    """`name` is that of the library's argument. A `switch` is a flag that `--no-…` turns off again, since a file may
    have turned it on. `texts` and `numbers` can be given several times. `choices` are all that a text may be. `short`
    is a letter, `word` what stands on the command line for a name that is taken there."""

    name: str
    kind: Kind
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    default: str | None = None
    short: str = ""
    word: str = ""

    @property
    def flag(self) -> str:
        """As on the command line: `--drop-packets`."""
        return "--" + (self.word or self.name.replace("_", "-"))

    @property
    def off(self) -> str:
        """What turns a switch off: `--no-sort`."""
        return "--no-" + self.flag[2:]


FORMATS = ("pcap", "pcapng")
KEEP_SNAPLEN = Option(
    "keep_snaplen",
    "flag",
    "To pcapng: state the snaplen as it is, also where packets are longer, which libpcap refuses; else 262144.",
)
FSYNC = Option(
    "fsync",
    "switch",
    "Have what replaces a file on the disk before it does: safe if the power fails, but slower.",
    default="fsync",
)
WRITER = (
    Option("nanoseconds", "flag", "From pcapng to pcap: write nanoseconds, whatever the interfaces say."),
    KEEP_SNAPLEN,
)
INPUT = (
    Option(
        "fractions",
        "text",
        "From pcap: read the fractions of a second as nanoseconds, whatever the magic number says.",
        choices=("nanoseconds",),
    ),
)
OUTPUT = (
    Option("to", "text", "The format to write; else the output's suffix tells.", choices=FORMATS),
    Option("force", "flag", "Replace what exists; the output may be the input."),
    Option("strict", "flag", "Refuse damaged input, with status 1."),
    Option(
        "on_loss",
        "text",
        "When the format cannot hold everything; fail writes nothing, with status 4.",
        choices=("warn", "ignore", "fail"),
        default="warn",
    ),
    Option("report", "text", "Write what happened as JSON; - for stdout.", "FILE"),
    *WRITER,
    FSYNC,
    Option("quiet", "flag", "No progress bar and no closing line; only warnings and errors.", short="q"),
    Option("debug", "flag", "Show a traceback with an error."),
)

SIDECAR = (
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in a file beside it, OUT.meta.json; from pcap, bring it back from IN.meta.json, "
        "which to pcap need not be there.",
    ),
    Option(
        "sidecar_file", "text", "Instead of --sidecar: another file, to read from pcap, to write from pcapng.", "FILE"
    ),
    Option("sidecar_secrets", "flag", "Let secrets into the sidecar, which then only its owner may read."),
    Option(
        "sidecar_fingerprints",
        "flag",
        "Let the sidecar know packets again in a capture that was edited since; takes up to 16 bytes for each.",
    ),
)

STEPS = (
    Option(
        "after",
        "text",
        "Packets from TIME on: 2024-05-01T12:00+02:00 (no zone is UTC), 1714564800.5, +1h30m from the first packet.",
        "TIME",
    ),
    Option("before", "text", "Packets before TIME, which itself is left out.", "TIME"),
    Option(
        "packets",
        "text",
        "Packets by number, from 1: 1-100,250,900-. Packets alone are counted; Wireshark also numbers journal and "
        "custom blocks.",
        "LIST",
    ),
    Option("drop_packets", "text", "All packets but these, by the same numbers.", "LIST"),
    Option("first", "number", "The first N of the packets selected otherwise.", "N"),
    Option("last", "number", "The last N of the packets selected otherwise.", "N"),
    Option("interface", "texts", "Packets of an interface: its name, its id, or SECTION:ID from 0. Repeatable.", "X"),
    Option("comment_matches", "text", "Packets with a comment in which REGEX is found.", "REGEX"),
    Option("direction", "text", "Packets whose flags say that they came in, or went out.", choices=("in", "out")),
    Option("invert", "flag", "Keep what the selection would drop."),
    Option("chop", "numbers", "Remove N bytes at the front of each packet; -N at its end. Repeatable.", "N"),
    Option("snaplen", "number", "Then cut packets to N bytes.", "N"),
    Option("shift_time", "text", "Move all packets in time: +1h30m, -0.25s.", "DURATION"),
    Option("capture_comment", "texts", "Add a comment to the capture. Repeatable.", "TEXT"),
    Option(
        "packet_comment",
        "texts",
        "Add a comment to packet N of the input, counted as for --packets. Repeatable.",
        "N:TEXT",
    ),
    Option(
        "set_interface",
        "texts",
        "Say something of an interface: name, description, filter, os, hardware, speed, snaplen, fcs-length, comment; "
        "as in 0.name=eth0. Repeatable.",
        "ID.KEY=VALUE",
    ),
    Option(
        "link_type",
        "text",
        "Relabel the link type, by name (ETHERNET, ether) or number; bytes stay as they are.",
        "TYPE",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names, statistics, secrets, custom, unknown, host, addresses (of interfaces). Repeatable.",
        "KIND,...",
    ),
    Option("inject_secrets", "texts", "Add a key log: tls, ssh, wireguard, or a number. Repeatable.", "TYPE,FILE"),
    Option("extract_secrets", "text", "Write the capture's key logs to FILE, for its owner only.", "FILE"),
)

PARTS = (
    Option("max_packets", "number", "A new part after N packets.", "N"),
    Option("max_bytes", "text", "A new part before a file would be larger than SIZE: 100MB, 64MiB.", "SIZE"),
    Option("interval", "text", "A new part every DURATION from the first packet's time: 90s, 1h.", "DURATION"),
    Option("align", "flag", "With --interval: at multiples of it on the UTC clock."),
    Option("by", "text", "One part for each.", choices=("interface", "link-type", "section")),
    Option("max_parts", "number", "Allow N parts; else 10,000 are the most.", "N"),
)

ALLOW_EMPTY = Option("allow_empty", "flag", "Let a directory pass that holds no capture at all.")

TREE = (
    Option("in_place", "flag", "Rewrite each file where it is, and leave DST out."),
    Option("resume", "flag", "Go on where an earlier run stopped: leave out what is up to date."),
    Option("include", "texts", "Only these files: '*.pcap', 'lab/**', as in .gitignore. Repeatable.", "GLOB"),
    Option("exclude", "texts", "Not these files. Repeatable.", "GLOB"),
    Option("follow_links", "flag", "Write where a symbolic link in DST leads out of it, too; else such files fail."),
    ALLOW_EMPTY,
    Option("jobs", "number", "How many processes; else as many as there are cores.", "N"),
    Option("scheduler", "text", "Run on a Dask cluster: tcp://host:8786.", "ADDRESS"),
    Option(
        "template",
        "text",
        "What targets are called in DST: '{start:%Y/%m/%d}/{stem}.pcapng'; else as their sources.",
        "TEMPLATE",
        word="target",
    ),
    Option("shard", "text", "Do the I-th of N parts of the files, the same for everybody: 3/16.", "I/N"),
    Option("retries", "number", "Try files again at the end, up to N times, whose failure may pass.", "N"),
    Option(
        "progress",
        "text",
        "Say on stderr, every second, how far the batch is, as a line of JSON.",
        choices=("json",),
    ),
    Option("stall", "text", "End, with status 1, when nothing has moved for so long: 10m.", "DURATION"),
    Option("junit", "text", "Write a JUnit report, for CI systems; - for stdout.", "FILE"),
)

CONVERT = OUTPUT + INPUT + SIDECAR + STEPS
SPLIT = (
    *PARTS,
    *OUTPUT,
    *INPUT,
    Option("sidecar", "flag", "By link type: keep what pcap cannot hold in STEM.meta.json, for pcapconv join."),
    *(option for option in SIDECAR if option.name == "sidecar_secrets"),
    *STEPS,
)
BATCH = (
    *TREE,
    Option("to", "text", "The format to write; else each file keeps its own.", choices=FORMATS),
    Option("force", "flag", "Replace targets that exist."),
    Option("strict", "flag", "Damaged captures fail, and what is not a capture."),
    Option(
        "on_loss",
        "text",
        "When the format cannot hold everything; with fail, such files fail.",
        choices=("warn", "ignore", "fail"),
        default="warn",
    ),
    *(option for option in OUTPUT if option in WRITER or option.name in ("report", "fsync", "quiet", "debug")),
    *INPUT,
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold beside each pcap file that comes from pcapng; bring it back where there is one.",
    ),
    *(option for option in SIDECAR if option.name in ("sidecar_secrets", "sidecar_fingerprints")),
    *(option for option in STEPS if option.name != "extract_secrets"),
    Option("extract_secrets", "text", "Write key logs beside each target, under its name with SUFFIX added.", "SUFFIX"),
)

_NORMAL_FORM = (
    Option("sort", "switch", "Order packets by time; those of the same time stay in their order."),
    Option("rebase_time", "text", "Move the first packet to TIME, and all others with it.", "TIME"),
    Option("mask_time", "switch", "Put each packet at its number in milliseconds after --rebase-time, or 1970."),
    Option("keep", "texts", "Keep statistics, custom, unknown, host, addresses too. Repeatable.", "KIND,..."),
    Option("strip", "texts", "Leave out comments, names, secrets too. Repeatable.", "KIND,..."),
    *(
        option._replace(kind="switch" if option.kind == "flag" else option.kind)
        for option in OUTPUT
        if option.name in ("to", "strict", "on_loss", "keep_snaplen")
    ),
)
NORMALIZE = (
    Option("check", "flag", "Write nothing; status 1 and the reasons if a capture is not in its normal form."),
    Option("in_place", "flag", "Rewrite files that are not in their normal form, also those in directories."),
    Option("as_json", "flag", "With --check: say it as JSON.", word="json"),
    ALLOW_EMPTY,
    *_NORMAL_FORM,
    *INPUT,
    *(option for option in OUTPUT if option.name in ("force", "report", "fsync", "quiet", "debug")),
)


def parse(arguments: Sequence[str], options: Sequence[Option], places: int) -> tuple[list[str], dict[str, Any]] | None:
    """The `places` words that are no options, and the options that are given; None for anything but a plain line."""
    known = {option.flag: option for option in options} | {
        f"-{option.short}": option for option in options if option.short
    }
    off = {option.off: option for option in options if option.kind == "switch"}
    words: list[str] = []
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "-" or not argument.startswith("-"):
            words.append(argument)
            continue
        name, joined, value = argument.partition("=")
        if argument in off:
            given[off[argument].name] = False
            continue
        option = known.get(name)
        if option is None or (joined and option.kind in ("flag", "switch")):
            return None
        if option.kind in ("flag", "switch"):
            given[option.name] = True
            continue
        text = value if joined else next(rest, None)
        if text is None or (option.choices and text not in option.choices):
            return None
        if option.kind in ("number", "numbers"):
            digits = text.removeprefix("-")
            if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
                return None
        parsed = int(text) if option.kind in ("number", "numbers") else text
        if option.kind in ("texts", "numbers"):
            given.setdefault(option.name, []).append(parsed)
        else:
            given[option.name] = parsed
    return (words, given) if len(words) == places else None
